"""Panels: no Python for each series, and a backtest that evaluates all cutoffs at once says what one at a time says."""

import pickle
import tracemalloc

import numpy as np
import pandas as pd
import pytest
from recorder import Recorder
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.impute import SimpleImputer
from sklearn.linear_model import Ridge
from sklearn.pipeline import make_pipeline

import skrnn.forecasting._backtest as module
from skrnn import (
    RNNRegressor,
    SlidingWindow,
    WindowForecaster,
    backtest,
    load,
    make_forecast_scorer,
    make_windows,
    save,
)
from skrnn.forecasting._table import Table


def panel(n_series=40, n_days=60, **columns):
    index = pd.MultiIndex.from_product(
        [[f"s{i}" for i in range(n_series)], pd.date_range("2024-01-01", periods=n_days)], names=["id", "day"]
    )
    rng = np.random.default_rng(0)
    data = pd.DataFrame({"y": rng.normal(size=(n_series, n_days)).cumsum(axis=1).ravel() + 50}, index)
    return data.assign(**{name: rng.normal(size=len(index)) for name in columns.get("names", ())})


SET_UPS = {
    "plain": {},
    "recursive": {"strategy": "recursive"},
    "differences": {"target_transform": ["log", "difference"]},
    "covariates": {"target": "y", "future": ["f"], "past": ["p"], "calendar": ["day_of_week"]},
    "channels": {"channel_independent": True},
    "chosen window": {"window": None},
}


@pytest.mark.parametrize("name", SET_UPS)
def test_no_series_of_a_panel_is_looked_at_by_itself(name, monkeypatch):
    columns = ("f", "p") if name == "covariates" else ("z",) if name == "channels" else ()
    data = panel(names=columns)
    whole, tail = (
        data[data.index.get_level_values(1) < "2024-02-25"],
        data[data.index.get_level_values(1) >= "2024-02-25"],
    )
    future = data[["f"]] if name == "covariates" else None
    monkeypatch.setattr(Table, "__getitem__", lambda *_: pytest.fail("a series is looked at by itself"))
    model = WindowForecaster(Recorder(), **{"window": 8, "horizon": 3, "calibration": 0.3, **SET_UPS[name]}).fit(whole)
    assert len(model.forecast(3, future=future)) == 3 * 40
    intervals = model.forecast_interval(3 if name == "covariates" else 7, future=future)
    assert np.isfinite([model.score(tail), *intervals.to_numpy().ravel()]).all()
    for metric in ("MASE", "Winkler"):
        assert np.isfinite(make_forecast_scorer(metric)(model, tail))
    assert len(model.fitted_values()) == len(whole)
    assert len(model.predict(data)) == len(data)
    assert len(model.update(tail).ready()) == 40
    result = backtest(model, data, initial=50, step=3)
    assert len(result.frame) == 40 * 3 * 3 * (1 + (name == "channels"))
    SlidingWindow(5).fit(whole).transform(tail)
    make_windows(data, 8, 3)
    with pytest.raises(pytest.fail.Exception):
        Table.of(model._panel.histories)[0]


def one_at_a_time(monkeypatch):
    monkeypatch.setattr(module, "forecasts_from", lambda *_: None)


class Counting(Ridge):
    """Counts its calls."""

    calls = 0

    def predict(self, X):
        type(self).calls += 1
        return super().predict(X)


CASES = {
    "a series": (lambda: panel(1, 90).droplevel(0)["y"], {"window": 9, "horizon": 3}, {}),
    "a panel": (panel, {"window": 9, "horizon": 3}, {"season": 7}),
    "beyond the horizon": (panel, {"window": 9, "horizon": 3}, {"horizon": 8, "step": 2}),
    "recursive": (panel, {"window": 9, "horizon": 3, "strategy": "recursive"}, {"refit": 3}),
    "differences": (
        panel,
        {"window": 9, "horizon": 3, "target_transform": ["log", "seasonal_difference"], "season": 7},
        {},
    ),
    "covariates": (
        lambda: panel(names=("f", "p")),
        {"target": "y", "future": ["f"], "past": ["p"], "calendar": ["day_of_week"], "window": 9, "horizon": 3},
        {},
    ),
    "channels": (lambda: panel(names=("z",)), {"window": 9, "horizon": 3, "channel_independent": True}, {"season": 7}),
    "gaps": (
        lambda: panel().drop(
            [(f"s{i}", pd.Timestamp("2024-01-20") + pd.Timedelta(i, unit="D")) for i in range(0, 40, 3)]
        ),
        {"window": 5, "horizon": 2},
        {"season": 7, "initial": 30},
    ),
    "gaps that are filled": (
        lambda: panel().drop([(f"s{i}", pd.Timestamp(2024, 1 + i // 20, 5 + i % 20)) for i in range(0, 40, 3)]),
        {"estimator": make_pipeline(SimpleImputer(), Counting()), "window": 5, "horizon": 2},
        {"season": 7, "initial": 15},
    ),
    "missing values": (
        lambda: panel().mask(np.random.default_rng(1).uniform(size=(2400, 1)) < 0.05),
        {"estimator": RNNRegressor(max_iter=2, hidden_size=4, random_state=0), "window": 5, "horizon": 2},
        {"season": 7},
    ),
    "other ends": (
        lambda: panel().drop([("s3", day) for day in pd.date_range("2024-02-20", "2024-02-29")]),
        {"window": 5, "horizon": 2},
        {},
    ),
    "rows": (lambda: panel(3), {"window": 5, "horizon": 2, "freq": "rows"}, {"season": 2}),
}


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize("name", CASES)
def test_all_cutoffs_at_once_are_one_after_the_other(name, monkeypatch):
    data, parameters, options = CASES[name][0](), *CASES[name][1:]
    model = WindowForecaster(**{"estimator": Counting(), **parameters})
    options = {"initial": 40, **options}
    Counting.calls = 0
    at_once = backtest(model, data, **options)
    calls, Counting.calls = Counting.calls, 0
    one_at_a_time(monkeypatch)
    expected = backtest(model, data, **options)
    pd.testing.assert_frame_equal(at_once.frame, expected.frame, rtol=1e-9)
    if name != "missing values":
        horizon = 1 if parameters.get("strategy") == "recursive" else parameters["horizon"]
        blocks = -(-options.get("horizon", parameters["horizon"]) // horizon)
        n_cutoffs = expected.frame["cutoff"].nunique()
        n_fits = -(-n_cutoffs // options["refit"]) if "refit" in options else 1
        assert calls == blocks * n_fits < Counting.calls


def test_a_series_that_begins_after_the_fit_is_centred_by_what_is_known_of_it():
    data, secret = panel(4), panel(4)
    begins = data.index.get_level_values(1) >= "2024-02-10"
    late = (data.index.get_level_values(0) == "s2") & ~begins
    data, secret = data[~late], secret[~late]
    secret.loc[secret.index.get_level_values(1) >= "2024-02-25", "y"] += 1e5
    frames = [backtest(WindowForecaster(Ridge(), window=5), rows, initial=35).frame for rows in (data, secret)]
    frames = [frame[frame["cutoff"] < "2024-02-25"].drop(columns="truth") for frame in frames]
    assert (frames[0]["series"] == "s2").sum() > 5
    pd.testing.assert_frame_equal(*frames)


@pytest.mark.parametrize("refit", [1, 4])
def test_fits_of_a_backtest_run_at_the_same_time(refit):
    data, model = panel(5)[["y"]], WindowForecaster(Ridge(), window=5, horizon=2)
    options = {"initial": 40, "refit": refit, "season": 7}
    pd.testing.assert_frame_equal(
        backtest(model, data, n_jobs=2, **options).frame, backtest(model, data, **options).frame
    )


def test_a_word_for_each_series_that_stops_short_is_cut_short():
    data = panel(names=("f",))
    model = WindowForecaster(Ridge(), window=5, horizon=2, target="y", future=["f"]).fit(data)
    with pytest.raises(ValueError, match=r"series 's4': 2024-03-01 00:00:00 to 2024-03-02 00:00:00; and 35 more\.$"):
        model.forecast(2, future=data[["f"]])


def test_pickles_hold_no_more_than_the_rows():
    data = panel(200)
    model = WindowForecaster(Ridge(), window=5).fit(data)
    size = len(pickle.dumps(model))
    model.forecast(3)
    assert len(pickle.dumps(model)) == size < 60 * 200 * 8 * 4  # times, values, positions, and the rest
    again = pickle.loads(pickle.dumps(model))
    pd.testing.assert_frame_equal(again.forecast(3), model.forecast(3))


def test_updates_of_a_panel_are_those_of_its_series():
    data = panel(6)
    data = data.drop([("s1", pd.Timestamp("2024-02-05")), ("s4", pd.Timestamp("2024-02-21"))])
    moments = data.index.get_level_values(1)
    model = WindowForecaster(Ridge(), window=5).fit(data[moments < "2024-02-10"])
    order = ["s5", "s0", "s3"]
    model.update(data[(moments >= "2024-02-10") & (moments < "2024-02-20")].loc[order])
    model.update(data[moments >= "2024-02-20"].loc[order[::-1]])
    for history in model._panel.histories:
        mine = data.loc[history.key]
        mine = mine if history.key in order else mine[mine.index < "2024-02-10"]
        assert history.times.equals(mine.index)
        np.testing.assert_array_equal(history.values[:, 0], mine["y"])
        gaps = np.flatnonzero(np.diff(mine.index) != np.timedelta64(1, "D")) + 1
        np.testing.assert_array_equal(history.starts, [0, *gaps])
    with pytest.raises(ValueError, match="rows of series 's3' begin at 2024-02-29"):
        model.update(data.loc[["s3"]][-1:])


def test_the_windows_of_a_panel_are_copied_once():
    """Put in the order in which they are learnt from as they are taken, not afterwards."""
    data, peaks = panel(300), []

    class Weighing(Recorder):
        def fit(self, X, y):
            peaks.append(tracemalloc.get_traced_memory()[1] - before)
            self.bytes_ = X.nbytes + y.nbytes
            return super().fit(X, y)

    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    model = WindowForecaster(Weighing(), window=24, horizon=12).fit(data)
    tracemalloc.stop()
    assert peaks[0] < 2 * model.estimator_.bytes_  # with another copy in that order: 3


def one_series_at_a_time(data, first, **parameters):
    """Blocks of errors, scores and fitted values of each series, as the forecaster of all of them sees it."""
    moments = data.index.get_level_values(1)
    model = WindowForecaster(Ridge(), window=5, horizon=2, calibration=0.3, **parameters).fit(data[moments < first])
    found = {}
    for key in data.index.get_level_values(0).unique():
        some = model.among([key])
        rows = data.loc[[key]][data.loc[[key]].index.get_level_values(1) >= first]
        if len(rows):
            found[key] = some._at_rows(rows, None, 7, None, ()), some.fitted_values(3), some.predict(data.loc[[key]])
    return model, data[moments >= first], found


@pytest.mark.filterwarnings("ignore:.* windows are lost")  # of series with gaps
@pytest.mark.parametrize("parameters", [{}, {"target_transform": ["log", "difference"]}, {"freq": "rows"}], ids=str)
def test_scores_and_values_of_a_panel_are_those_of_its_series(parameters):
    data = panel(6)
    data = data.drop([("s1", pd.Timestamp("2024-02-03")), ("s4", pd.Timestamp("2024-02-21"))])
    data = data.drop([("s2", day) for day in pd.date_range("2024-02-08", "2024-02-29")])
    model, later, found = one_series_at_a_time(data, pd.Timestamp("2024-02-10"), **parameters)
    whole = model._at_rows(later, None, 7, None, ())
    values, backwards = model.fitted_values(3), data.loc[[f"s{i}" for i in range(5, -1, -1)]]
    at_rows = pd.Series(model.predict(backwards), backwards.index)
    assert len(found) == 5
    for key, (frame, fitted, predicted) in found.items():
        mine = whole[whole["series"] == key].reset_index(drop=True)
        pd.testing.assert_frame_equal(mine, frame, check_dtype=False)
        pd.testing.assert_frame_equal(values.loc[[key]], fitted)
        np.testing.assert_allclose(at_rows[key], predicted)


def test_errors_of_a_panel_are_those_of_its_series_in_time():
    """One regressor for all, so that the series can be measured one by one: the newest value again."""
    data = panel(5).drop([("s1", pd.Timestamp("2024-02-20"))])
    moments, found = data.index.get_level_values(1), []
    model = WindowForecaster(Newest(), window=5, horizon=2, calibration=0.4).fit(data[moments < "2024-02-25"])
    for number in range(3):
        for key in model._panel.table.keys:
            mine = data.loc[key, "y"][:"2024-02-24"].asfreq("D")
            ends = [i for i in range(4, len(mine) - 2) if mine[i - 4 : i + 3].notna().all()]
            share = int(np.ceil(0.4 * len(ends)))
            first, last = (len(ends) - share + share * part // 3 for part in (number, number + 1))
            older = mine[: ends[first] + 1].dropna()
            scale = np.abs(older - older.mean()).mean()
            found += [
                (mine.index[i], abs(mine[i + 1 : i + 3] - mine.iloc[i]).to_numpy() / scale) for i in ends[first:last]
            ]
    found.sort(key=lambda pair: pair[0])
    np.testing.assert_allclose(model.calibration_errors_[..., 0], [errors for _, errors in found])


class Newest(RegressorMixin, BaseEstimator):
    """Repeats the newest value."""

    def fit(self, X, y):
        self.width_ = y.shape[1]
        return self

    def predict(self, X):
        return np.repeat(X[:, -1:], self.width_, axis=1)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags


@pytest.mark.parametrize("name", ["sold", None])
def test_a_panel_that_is_a_series_is_forecast_as_a_series(name, tmp_path):
    times = pd.date_range("2024", periods=40)
    sold = pd.concat({key: pd.Series(np.sin(np.arange(40.0) + place), times) for place, key in enumerate("ab")})
    sold = sold.rename_axis(["shop", "day"]).rename(name)
    first = sold[sold.index.get_level_values("day") < times[30]]
    model = WindowForecaster(Ridge(), window=4, horizon=2, calibration=0.3).fit(first)
    frame = WindowForecaster(Ridge(), window=4, horizon=2).fit(first.to_frame("sold"))
    save(model, tmp_path / "model.skrnn")
    for one in (model, pickle.loads(pickle.dumps(model)), load(tmp_path / "model.skrnn")):
        forecast = one.forecast()
        pd.testing.assert_series_equal(forecast, frame.forecast()["sold"].rename(name))
        pd.testing.assert_series_equal(one.fitted_values(), frame.fitted_values()["sold"].rename(name))
        assert list(one.forecast_interval().columns) == ["forecast", "lower", "upper"]
        assert one.future_times().equals(frame.future_times())
        assert one.forecast(history=first.rename("other")).name == "other"
    error = sold.drop(first.index) - model.update(sold.drop(first.index)[:1]).forecast(history=first)
    assert error.notna().sum() == 4  # by their index, not each with each

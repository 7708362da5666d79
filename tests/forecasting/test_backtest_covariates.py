"""Backtests of data that lack some of the future of their covariates, or of what differences are undone from."""

import warnings

import numpy as np
import pandas as pd
import pytest
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.linear_model import Ridge

from skrnn import RNNRegressor, WindowForecaster, backtest
from skrnn.forecasting import _future

DAYS = pd.date_range("2024-01-01", periods=60)
UNKNOWN = -99.0


class Repeat(RegressorMixin, BaseEstimator):
    """Says the newest feature of the newest step: the covariate of the step that is forecast."""

    def fit(self, X, y):
        self.n_features_in_ = X.shape[1]
        return self

    def predict(self, X):
        return np.nan_to_num(X[:, -1], nan=UNKNOWN)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        return tags


def zeros(rows, first=0):
    """A target whose forecasts are what the regressor says, beside a covariate that tells its row."""
    return pd.DataFrame({"sold": 0.0, "price": np.arange(first, first + rows, dtype=float)}, DAYS[first : first + rows])


def told(frame):
    """The covariate that each forecast was made with."""
    return dict(zip(zip(frame["series"], frame["time"], strict=True), frame["forecast"], strict=True))


@pytest.mark.parametrize("coverage", [None, 0.8])
def test_covariates_that_are_missing_are_missing_to_a_regressor_that_takes_them(coverage):
    data = zeros(60)
    data.loc[DAYS[45], "price"] = np.nan
    data = data.drop(DAYS[50])
    model = WindowForecaster(Repeat(), window=4, target="sold", future=["price"], calibration=0.3)
    found = told(backtest(model, data, initial=40, coverage=coverage).frame)
    wanted = {(None, DAYS[row]): float(row) for row in range(40, 60)}
    wanted[None, DAYS[45]] = wanted[None, DAYS[50]] = UNKNOWN
    del wanted[None, DAYS[51]]  # there is no row at the cutoff before it
    assert found == wanted


def test_series_of_a_panel_that_end_before_the_horizon_does():
    panel = pd.concat({"long": zeros(60), "short": zeros(44, 3)})
    trees = HistGradientBoostingRegressor(max_iter=2)
    model = WindowForecaster(trees, window=6, horizon=3, target="sold", future=["price"])
    frame = backtest(model, panel, initial=41, horizon=3).frame
    short = frame[frame["series"] == "short"]
    assert short["cutoff"].max() == DAYS[45]
    assert short["time"].max() == DAYS[48]
    assert short["truth"].isna().sum() == 3  # of two cutoffs: 47 and 48 behind the first, 48 behind the second
    assert short["forecast"].notna().all()


@pytest.mark.parametrize("coverage", [None, 0.8])
def test_cutoffs_without_the_future_of_covariates_are_left_out_for_other_regressors(coverage):
    rng = np.random.default_rng(0)
    data = pd.DataFrame({"sold": rng.normal(size=60), "price": rng.normal(size=60)}, DAYS)
    model = WindowForecaster(Ridge(), window=4, horizon=2, target="sold", future=["price"], calibration=0.3)
    whole = backtest(model, data, initial=40, coverage=coverage).frame
    data.loc[DAYS[45], "price"] = np.nan
    with pytest.warns(UserWarning, match="of 19 cutoffs have no full window before them, or not all of future after"):
        found = backtest(model, data, initial=40, coverage=coverage).frame
    without = set(DAYS[43:47])  # two that have it ahead, and two that have it in the newest steps of their window
    assert set(whole["cutoff"]) - set(found["cutoff"]) == without
    same = whole[~whole["cutoff"].isin(without)].reset_index(drop=True)
    edges = ["lower", "upper"] if coverage else []  # follow errors that are other ones without these rows
    pd.testing.assert_frame_equal(found.drop(columns=edges), same.drop(columns=edges))


@pytest.mark.parametrize("coverage", [None, 0.8])
@pytest.mark.parametrize("refit", [False, 7])
@pytest.mark.parametrize("names", ["ab", [("a", 1), ("b", 1)]], ids=["names", "tuples"])
def test_a_warning_counts_the_cutoffs_of_a_series_that_are_left_out(coverage, refit, names):
    rng = np.random.default_rng(0)
    panel = pd.concat({key: pd.DataFrame(rng.normal(size=(60, 2)), DAYS, columns=["sold", "price"]) for key in names})
    late = pd.DataFrame(rng.normal(size=(13, 2)), DAYS[47:], columns=["sold", "price"])
    panel = pd.concat([panel, pd.concat({"c" if names == "ab" else ("c", 1): late})])
    model = WindowForecaster(Ridge(), window=4, horizon=2, target="sold", future=["price"], calibration=0.3)
    with warnings.catch_warnings():  # a series whose first window is not full yet is as it should be
        warnings.simplefilter("error")
        whole = backtest(model, panel, initial=40, coverage=coverage, refit=refit).frame
    panel.loc[(*names[0], DAYS[45]), "price"] = np.nan
    with pytest.warns(UserWarning, match="no full window before them, or not all of future after them") as caught:
        found = backtest(model, panel, initial=40, coverage=coverage, refit=refit).frame
    (word,) = [one for one in caught if "are left out" in str(one.message)]
    assert f"left out: 4 of 19 of series {names[0]!r}. Fill the rows" in str(word.message)
    assert word.filename == __file__
    columns = ["series", "target", "cutoff", "step"]
    lost = set(map(tuple, whole[columns].to_numpy())) - set(map(tuple, found[columns].to_numpy()))
    assert lost == {(names[0], "sold", cutoff, step) for cutoff in DAYS[43:47] for step in (1, 2)}


def test_a_cutoff_reads_the_future_and_the_series_once(monkeypatch):
    asked = []
    for place, name in ((_future, "_values_after"), (WindowForecaster, "among")):
        true = getattr(place, name)
        monkeypatch.setattr(place, name, lambda *given, n=name, true=true: asked.append(n) or true(*given))
    rng = np.random.default_rng(0)
    panel = pd.concat({key: pd.DataFrame(rng.normal(size=(60, 2)), DAYS, columns=["sold", "price"]) for key in "ab"})
    model = WindowForecaster(Ridge(), window=4, horizon=2, target="sold", future=["price"], calibration=0.3)
    found = backtest(model, panel, initial=50, coverage=0.8).frame
    assert found["cutoff"].nunique() == 9
    assert asked == ["among", "_values_after"] * 9


def test_a_panel_is_forecast_without_the_series_whose_covariate_is_not_known():
    rng = np.random.default_rng(0)
    panel = pd.concat({key: pd.DataFrame(rng.normal(size=(60, 2)), DAYS, columns=["sold", "price"]) for key in "ab"})
    panel.loc[("a", DAYS[58]), "price"] = np.nan
    model = WindowForecaster(Ridge(), window=4, target="sold", future=["price"]).fit(panel)
    with pytest.warns(UserWarning, match="1 series are left out.*'a'"):
        times = model.future_times(1)
    assert times.tolist() == [("b", DAYS[-1] + pd.Timedelta(days=1))]


def test_a_panel_is_forecast_without_the_series_whose_differences_cannot_be_undone():
    panel = pd.concat({key: pd.Series(np.sin(np.arange(60.0) + number), DAYS) for number, key in enumerate("ab")})
    panel["a", DAYS[58]] = panel["a", DAYS[51]] = panel["a", DAYS[44]] = np.nan
    model = WindowForecaster(
        RNNRegressor(hidden_size=2, max_iter=1, random_state=0),
        window=8,
        season=7,
        target_transform="seasonal_difference",
    ).fit(panel)
    with pytest.warns(UserWarning, match="1 series are left out.*'a'"):
        forecast = model.forecast(2)
    assert forecast.index.get_level_values(0).tolist() == ["b", "b"]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        pd.testing.assert_series_equal(model.among(["b"]).forecast(2), forecast)
    with pytest.raises(ValueError, match=r"'a' needs 7 rows without a gap at its end.*no older one in the window"):
        model.among(["a"]).forecast(2)


@pytest.mark.parametrize("freq", [None, "rows"])
def test_rows_to_predict_need_the_future_of_their_own_series_alone(freq):
    rng = np.random.default_rng(0)
    panel = pd.concat({key: pd.DataFrame(rng.normal(size=(60, 2)), DAYS, columns=["sold", "price"]) for key in "ab"})
    days = panel.index.get_level_values(1)
    later = panel[(days >= DAYS[40]) & ((days < DAYS[45]) | (panel.index.get_level_values(0) == "b"))]
    if freq == "rows":  # of no common step, so that rows are numbered
        days = pd.DatetimeIndex(np.sort(rng.choice(pd.date_range("2020", periods=1000), 60, replace=False)))
        stamps = dict(zip(DAYS, days, strict=True))
        later, panel = (part.rename(index=stamps, level=1) for part in (later, panel))
    first = later.index.get_level_values(1).min()
    model = WindowForecaster(Ridge(), window=4, horizon=2, freq=freq, target="sold", future=["price"])
    model.fit(panel[panel.index.get_level_values(1) < first])
    alone = [model.among([key]).predict(later.loc[[key]]) for key in "ab"]
    assert [len(part) for part in alone] == [5, 20]
    np.testing.assert_allclose(model.predict(later), np.concatenate(alone))
    absent = [later.index[7]]
    with pytest.raises(ValueError, match=r"future lacks values .* at series 'b': "):
        model.predict(later.assign(price=later["price"].drop(absent)))
    if freq is None:
        with pytest.raises(ValueError, match=r"future lacks values .* at series 'b': 2024-02-12"):
            model.predict(later.drop(absent))


def test_numbered_rows_to_predict_are_those_after_the_history():
    """Where the forecast starts at the newest known target, rows that come after it are stepped over."""
    rng = np.random.default_rng(0)
    data = pd.DataFrame({"sold": 0.0, "price": np.arange(60.0)}, np.sort(rng.choice(900, 60, replace=False)))
    data.iloc[44:50, 0] = np.nan
    model = WindowForecaster(Repeat(), window=4, freq="rows", target="sold", future=["price"], level=None)
    with pytest.warns(UserWarning, match="windows are lost"):
        model.fit(data[:50])
    with pytest.warns(UserWarning, match="no known target after"):
        found = model.predict(data[50:])
    np.testing.assert_array_equal(found, np.arange(50.0, 60))
    walk = data["sold"] + rng.normal(size=60).cumsum()
    net = RNNRegressor(hidden_size=2, max_iter=2, random_state=0)
    with warnings.catch_warnings():  # those of above
        warnings.simplefilter("ignore")
        model = WindowForecaster(net, window=4, freq="rows").fit(walk[:50])
        np.testing.assert_array_equal(model.predict(walk[50:]), model.forecast(16)[6:])


def test_absent_rows_to_predict_are_missing_to_a_regressor_that_takes_them():
    data = zeros(60)
    model = WindowForecaster(Repeat(), window=4, target="sold", future=["price"], level=None).fit(data[:40])
    np.testing.assert_array_equal(model.predict(data[40:].drop(DAYS[41])), np.delete(np.arange(40.0, 60), 1))
    full = model.predict(data[40:].assign(price=data["price"].where(data["price"] != 41)))
    np.testing.assert_array_equal(full, np.where(np.arange(40, 60) == 41, UNKNOWN, np.arange(40.0, 60)))


def test_rows_of_a_series_that_cannot_be_forecast_are_nan():
    rng = np.random.default_rng(0)
    panel = pd.concat({key: pd.Series(rng.normal(size=60), DAYS, name="sold") for key in "ab"})
    panel["a", DAYS[49]] = np.nan
    later = panel.index.get_level_values(1) >= DAYS[50]
    model = WindowForecaster(Ridge(), window=4).fit(panel[~later])
    with pytest.warns(UserWarning, match=r"1 series are left out.*'a'"):
        found = model.predict(panel[later])
    np.testing.assert_array_equal(np.isnan(found), panel[later].index.get_level_values(0) == "a")

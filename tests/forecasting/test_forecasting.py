"""Forecasts of series, frames and panels: samples, times, transformations, covariates, searches."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from recorder import Recorder
from sklearn.base import clone
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LinearRegression, Ridge
from sklearn.metrics import r2_score
from sklearn.model_selection import GridSearchCV, TimeSeriesSplit
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from skrnn import RNNRegressor, WindowForecaster
from skrnn.forecasting._transform import TRANSFORMS, apply, invert

NET = RNNRegressor(hidden_size=4, max_iter=3, random_state=0)


def series(n=60, freq="MS", name="v", seed=0):
    rng = np.random.default_rng(seed)
    index = pd.date_range("2020-01-01", periods=n, freq=freq)
    season = np.sin(np.arange(n) * 2 * np.pi / 12)
    return pd.Series(10 + 0.1 * np.arange(n) + season + 0.05 * rng.normal(size=n), index=index, name=name)


def panel(n=40, freq="D"):
    times = pd.date_range("2024-01-01", periods=n, freq=freq)
    index = pd.MultiIndex.from_product([["a", "b"], times], names=["id", "time"])
    rng = np.random.default_rng(1)
    frame = pd.DataFrame({"y": rng.normal(size=2 * n).cumsum() + 50, "x": rng.normal(size=2 * n)}, index=index)
    return frame.assign(size=np.repeat([1.0, 2.0], n), z=rng.normal(size=2 * n))


@pytest.mark.parametrize("level", ["last", "mean", None])
def test_samples_are_windows_with_their_level_taken_off(level):
    v = series()
    model = WindowForecaster(Recorder(three_d=True), window=5, horizon=3, level=level).fit(v)
    scale = np.abs(v - v.mean()).mean()
    values = (v.to_numpy() - v.mean()) / scale
    for i in range(len(v) - 7):
        window, after = values[i : i + 5], values[i + 5 : i + 8]
        base = {"last": window[-1], "mean": window.mean(), None: 0.0}[level]
        np.testing.assert_allclose(model.estimator_.X_[i, :, 0], window - base, atol=1e-12)
        np.testing.assert_allclose(model.estimator_.y_[i], after - base, atol=1e-12)
    assert model.n_samples_ == len(v) - 7
    expected = {"last": v.iloc[-1], "mean": v[-5:].mean(), None: v.mean()}[level]  # the recorder adds nothing to it
    np.testing.assert_allclose(model.forecast(), expected)


@pytest.mark.filterwarnings("ignore:.* windows are lost")
@pytest.mark.parametrize("complete", [True, False])
def test_windows_cross_neither_gaps_nor_series(complete):
    frame = panel(20)[["y"]].drop(pd.IndexSlice[("a", pd.Timestamp("2024-01-10"))])
    recorder = (
        make_pipeline(FunctionTransformer(), Recorder(three_d=True)) if complete else Recorder(three_d=True)
    )  # the first takes no NaN
    model = WindowForecaster(recorder, window=4, horizon=2, level=None).fit(frame)
    assert model.n_samples_ == ((9 - 5) + (10 - 5) if complete else 20 - 5 - 2) + (20 - 5)
    middle = frame["y"] - frame["y"].groupby("id").transform("mean")
    values = middle / middle.abs().groupby("id").transform("mean")
    if not complete:  # a missing value in place of the row that is absent
        values = values.unstack("id").stack("id", future_stack=True).swaplevel().sort_index()
    runs = [run for key in "ab" for run in runs_of(values.loc[key], 6)]
    allowed = {str(np.round(run, 6) + 0.0) for run in runs if np.isfinite(run if complete else run[4:]).all()}
    estimator = model.estimator_[-1] if complete else model.estimator_
    found = np.c_[np.reshape(estimator.X_, (-1, 4)), estimator.y_]
    assert {str(np.round(row, 6) + 0.0) for row in found} == allowed


def runs_of(values, width):
    for i in range(len(values) - width + 1):
        part = values.iloc[i : i + width]
        if part.index[-1] - part.index[0] == pd.Timedelta(width - 1, unit="D"):
            yield part.to_numpy()


def test_covariates_and_calendar_come_a_horizon_ahead():
    frame = panel(30)
    train = frame[frame.index.get_level_values(1) < "2024-01-25"]
    roles = {"target": "y", "past": ["z"], "future": ["x"], "static": ["size"], "calendar": ["day_of_week"]}
    model = WindowForecaster(Recorder(three_d=True), window=6, horizon=4, **roles).fit(train)
    a = frame.loc["a"]
    X = model.estimator_.X_[0]  # the window of days 1 to 6
    np.testing.assert_allclose(X[:, 1], a["z"][:6])
    np.testing.assert_allclose(X[:, 2], 1.0)
    days = a.index[4:10].day_of_week * 2 * np.pi / 7
    np.testing.assert_allclose(X[:, 3:5], np.c_[np.sin(days), np.cos(days)], atol=1e-12)
    np.testing.assert_allclose(X[:, 5], a["x"][4:10])
    model.forecast(4, future=frame[["x"]])
    for number, key in enumerate("ab"):
        np.testing.assert_allclose(model.estimator_.seen_[number, :, 5], frame.loc[key]["x"][22:28])
    assert not np.isnan(model.estimator_.seen_).any()


INDEXES = {
    "hours over a clock change": pd.date_range("2024-10-25", periods=60, freq="h", tz="Europe/Berlin"),
    "days over a clock change": pd.date_range("2024-09-10", periods=60, freq="D", tz="Europe/Berlin"),
    "month ends": pd.date_range("2020-01-31", periods=60, freq="ME"),
    "month starts": pd.date_range("2020-01-01", periods=60, freq="MS"),
    "quarters": pd.date_range("2004-01-01", periods=60, freq="QS"),
    "business days": pd.date_range("2024-01-01", periods=60, freq="B"),
    "business month ends": pd.date_range("2020-01-31", periods=60, freq="BME"),
    "business month starts": pd.date_range("2020-01-01", periods=60, freq="BMS"),
    "the 15th of each month": pd.date_range("2020-01-01", periods=60, freq="MS") + pd.Timedelta(14, unit="D"),
    "noon of month starts": pd.date_range("2020-01-01 12:00", periods=60, freq="MS"),
    "years": pd.date_range("1990-12-31", periods=60, freq="YE"),
    "wall times that are skipped": pd.DatetimeIndex(
        [pd.Timestamp("2024-02-10 02:30") + pd.Timedelta(i, unit="D") for i in range(60)]
    ).tz_localize("Europe/Berlin", nonexistent="shift_forward"),
    "years before nanoseconds": pd.date_range("1500-01-01", periods=60, freq="D", unit="s"),
    "years after nanoseconds": pd.date_range("2700-01-01", periods=60, freq="h", unit="ms"),
    "nanoseconds": pd.date_range("2024-01-01", periods=60, freq="5ns", unit="ns"),
    "weeks": pd.date_range("2024-01-01", periods=60, freq="W-MON"),
    "periods": pd.period_range("2020-01", periods=60, freq="M"),
    "pairs of months": pd.period_range("2020-01", periods=60, freq="2M"),
    "quarters of an hour": pd.period_range("2024-01-01", periods=60, freq="15min"),
    "numbers": pd.RangeIndex(0, 300, 5),
}


@pytest.mark.parametrize("index", INDEXES.values(), ids=INDEXES)
def test_forecasts_stand_on_the_times_that_follow(index):
    values = pd.Series(np.arange(60.0), index=index, name="v")
    forecast = WindowForecaster(LinearRegression(), window=3, horizon=4).fit(values[:50]).forecast(10)
    assert forecast.index.equals(index[50:])
    assert forecast.index.dtype == index.dtype
    assert getattr(forecast.index, "freq", None) == getattr(index, "freq", None)
    assert forecast.name == "v"
    np.testing.assert_allclose(forecast, np.arange(50.0, 60.0), atol=1e-6)


@given(
    names=st.lists(st.sampled_from(TRANSFORMS), max_size=3),
    season=st.integers(1, 6),
    steps=st.integers(1, 9),
    seed=st.integers(0, 99),
)
@settings(max_examples=200, deadline=None)
def test_transformations_are_inverted_exactly(names, season, steps, seed):
    values = np.random.default_rng(seed).uniform(1, 100, size=(40 + steps, 2))
    try:
        whole = apply(values, names, season, "it")
    except ValueError:  # logarithms and roots of differences
        assert {"log", "log1p", "sqrt"} & set(names)
        return
    if "sqrt" in names and any("difference" in name for name in names[: names.index("sqrt")]):
        return
    back = invert(whole[40:], values[:40], names, season)
    np.testing.assert_allclose(back, values[40:], rtol=1e-9)


@pytest.mark.parametrize(
    "transform", [None, "log", "difference", ["log", "seasonal_difference"], ["log", "difference"]]
)
def test_a_pure_trend_and_season_is_continued(transform):
    t = np.arange(96)
    index = pd.period_range("2000-01", periods=96, freq="M")
    values = pd.Series(np.exp(0.01 * t + 0.2 * np.sin(t * np.pi / 6)), index=index)
    model = WindowForecaster(Ridge(1e-8), window=24, horizon=6, target_transform=transform, season=12).fit(values[:72])
    assert abs(model.forecast(24) / values[72:] - 1).max() < (0.05 if transform is None else 1e-3)


def test_recursive_is_one_step_fed_back():
    v = series()
    model = WindowForecaster(Ridge(0.1), window=6, horizon=4, strategy="recursive").fit(v)
    one = WindowForecaster(Ridge(0.1), window=6, horizon=1).fit(v)
    expected = []
    for _ in range(4):
        expected.append(one.forecast().iloc[0])
        one.update(one.forecast())
    np.testing.assert_allclose(model.forecast(4), expected, rtol=1e-12)


@pytest.mark.parametrize(
    "estimator", [None, Ridge(), HistGradientBoostingRegressor(max_iter=20, min_samples_leaf=2)], ids=str
)
def test_every_step_sees_the_newest_value(estimator):
    v = series()
    if estimator is None:
        estimator = RNNRegressor(max_iter=20, random_state=0)
    model = WindowForecaster(estimator, window=6, horizon=5).fit(v[:-1])
    moved = clone(model).fit(v[:-1])
    newest = v[-1:]
    before, after = model.update(newest).forecast(), moved.update(newest + 0.5).forecast()
    assert (np.abs(after - before) > 1e-3).all()


def test_update_moves_the_history_without_learning():
    v = series()
    model = WindowForecaster(Ridge(), window=6, horizon=2).fit(v[:40])
    coefficients = model.estimator_.coef_.copy()
    forecast = model.update(v[40:50]).forecast()
    np.testing.assert_array_equal(model.estimator_.coef_, coefficients)
    assert forecast.index[0] == v.index[50]
    with pytest.raises(ValueError, match=r"begin at 2023-01.*, not after the end of the history at 2024-02"):
        model.update(v[36:45])
    np.testing.assert_array_equal(model.forecast(), forecast)


def test_new_series_may_come_after_fit():
    frame = panel(30)[["y"]]
    model = WindowForecaster(Ridge(), window=5, horizon=2).fit(frame.loc[["a"]])
    forecast = model.update(frame.loc[["b"]]).forecast()
    assert list(forecast.index.get_level_values("id").unique()) == ["a", "b"]
    assert forecast.index.names == ["id", "time"]


def test_missing_future_rows_are_named_by_series_and_time():
    frame = panel(30)
    train = frame[frame.index.get_level_values(1) < "2024-01-25"]
    model = WindowForecaster(Ridge(), window=6, horizon=3, target="y", future=["x"], past=["z"], static=["size"]).fit(
        train
    )
    with pytest.raises(ValueError, match=r"forecast needs the future of \['x'\]"):
        model.forecast()
    with pytest.raises(TypeError, match=r"future must be a DataFrame with the columns \['x'\].* got a ndarray"):
        model.forecast(future=np.zeros((3, 1)))
    assert model.forecast(future=frame["x"]).equals(model.forecast(future=frame[["x"]]))
    partial = frame[["x"]].drop([("a", pd.Timestamp("2024-01-26")), ("b", pd.Timestamp("2024-01-27"))])
    with pytest.raises(ValueError, match=r"series 'a': 2024-01-26 00:00:00; series 'b': 2024-01-27 00:00:00"):
        model.forecast(future=partial)
    holes = frame[["x"]].drop([("a", pd.Timestamp(f"2024-01-{day}")) for day in (25, 26, 27, 29, 30)])
    with pytest.raises(ValueError, match=r"series .a.: 2024-01-25 \S+ to 2024-01-27 \S+, 2024-01-29 \S+ to 2024-01-30"):
        model.forecast(6, future=holes)
    assert len(model.forecast(future=frame[["x"]])) == 6
    shorter = frame[["x"]][frame.index.get_level_values(1) < "2024-01-27"]
    with pytest.raises(ValueError, match="series 'a': 2024-01-27 00:00:00"):
        model.forecast(2, future=shorter)  # Ridge takes no missing values
    net = clone(model).set_params(estimator=NET).fit(train)
    assert np.isfinite(net.forecast(2, future=shorter)).all(axis=None)


BAD = {
    "column without a role": ({"target": "y"}, r"Columns \['x', 'size', 'z'\] have no role"),
    "unknown column": ({"target": "y", "past": ["q"]}, r"Columns \['q'\] are not in the data"),
    "two roles": ({"past": ["x"], "future": ["x"]}, "Columns x have more than one role"),
    "nothing to forecast": ({"past": ["y", "x", "size", "z"]}, "No column is left"),
    "window": (
        {"window": 0},
        r"'window' parameter of WindowForecaster must be an int in the range \[1, inf\) or None\. Got 0 inst",
    ),
    "window that is a bool": ({"window": True}, "'window' parameter of WindowForecaster .* Got True instead"),
    "horizon": ({"horizon": 1.0}, r"'horizon' parameter of WindowForecaster must be an int.* Got 1\.0 instead"),
    "strategy": ({"strategy": "multi"}, "'strategy' parameter"),
    "level": ({"level": "first"}, "'level' parameter of WindowForecaster must be a str among .* Got 'first' instead"),
    "calendar": ({"calendar": ["moon"]}, "calendar='moon' is not known; choose from minute"),
    "target_transform": ({"target_transform": "boxcox"}, "target_transform='boxcox' is not known"),
    "length of a season": ({"season": 0}, "'season' parameter of WindowForecaster must be an int"),
    "calibration": (
        {"calibration": 1.5},
        r"'calibration' parameter of WindowForecaster must be a float in the range \(0\.0, 1\.0\) or None",
    ),
    "regressor": ({"estimator": "ridge"}, "'estimator' parameter of WindowForecaster must be an object"),
    "short window": ({"window": 2, "horizon": 4, "calendar": ["month"]}, "window=2 is shorter than horizon=4"),
    "short series": ({"window": 50}, "Series 'a' has 40 rows; window=50 and horizon=1 need at least 51"),
    "negative": ({"target_transform": "log"}, "target_transform='log' needs values above 0"),
}


def test_a_seasonal_difference_needs_a_season():
    walk = pd.Series(np.random.default_rng(0).normal(size=90).cumsum())
    with pytest.raises(ValueError, match="needs season, the number of steps in a cycle: neither the index nor the val"):
        WindowForecaster(Ridge(), target_transform="seasonal_difference").fit(walk)
    assert WindowForecaster(Ridge(), target_transform="seasonal_difference").fit(series()).season_ == 12


@pytest.mark.parametrize("case", BAD)
def test_bad_parameters_say_what_to_do(case):
    parameters, message = BAD[case]
    model = WindowForecaster(**{"estimator": Ridge(), "window": 4, **parameters})
    with pytest.raises(ValueError, match=message):
        model.fit(panel())
    with pytest.raises(NotFittedError):
        model.forecast()


def test_bad_data_say_what_to_do():
    with pytest.raises(TypeError, match="pandas Series or DataFrame"):
        WindowForecaster().fit(np.arange(50.0))
    with pytest.raises(ValueError, match="Column 'name' holds texts or categories, and forecasts are numbers"):
        WindowForecaster().fit(series().to_frame().assign(name="a"))
    with pytest.raises(ValueError, match="Column 'v' contains infinity, first at 2020-03-01"):
        WindowForecaster().fit(series().replace(series().iloc[2], np.inf))
    with pytest.raises(ValueError, match="not sorted"):
        WindowForecaster().fit(series()[::-1])


def test_score_is_r2_of_all_forecasts_in_the_rows():
    v = series(80)
    model = WindowForecaster(Ridge(0.1), window=6, horizon=3, target_transform="log").fit(v[:50])
    truths, forecasts = [], []
    moving = clone(model).fit(v[:50])
    for cutoff in range(50, 78):
        forecasts.append(moving.forecast())
        truths.append(v[cutoff : cutoff + 3])
        moving.update(v[cutoff : cutoff + 1])
    assert model.score(v[50:]) == pytest.approx(r2_score(np.array(truths), np.array(forecasts)))


def test_searches_see_frames():
    v = series(80).to_frame()
    grid = {"window": [6, 12], "estimator__alpha": [0.1, 1e3], "target_transform": [None, "log"]}
    search = GridSearchCV(WindowForecaster(Ridge(), horizon=3), grid, cv=TimeSeriesSplit(3)).fit(v)
    assert search.best_params_["estimator__alpha"] == 0.1
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()
    assert search.best_estimator_.forecast().shape == (3, 1)
    again = clone(search.best_estimator_)
    assert again.get_params()["window"] == search.best_params_["window"]


@pytest.mark.parametrize("estimator", [Ridge(), NET], ids=["ridge", "net"])
def test_a_secret_of_the_test_rows_changes_nothing(estimator):
    v = series(80).to_frame()
    secret = v.copy()
    secret.iloc[60:] = 1e6
    split = [(np.arange(60), np.arange(60, 80))]
    fits = [
        GridSearchCV(WindowForecaster(estimator, window=6), {"horizon": [2]}, cv=split, refit=False) for _ in range(2)
    ]
    forecasts = [WindowForecaster(estimator, window=6, horizon=3).fit(data[:60]).forecast() for data in (v, secret)]
    pd.testing.assert_frame_equal(*forecasts)
    scores = [
        search.fit(data).cv_results_["mean_test_score"][0] for search, data in zip(fits, (v, secret), strict=True)
    ]
    assert scores[0] != scores[1]  # the control: the secret is seen where it may be


def test_frames_with_several_targets():
    frame = pd.concat([series(name="u"), 3 * series(name="w", seed=1)], axis=1)
    forecast = WindowForecaster(Ridge(0.1), window=12, horizon=4).fit(frame[:-4]).forecast()
    assert list(forecast) == ["u", "w"]
    assert abs(forecast / frame[-4:] - 1).max().max() < 0.05

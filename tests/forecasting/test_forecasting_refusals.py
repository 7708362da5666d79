"""Data and covariates in forms that are not those of a forecaster: taken where they say the same, else named."""

import numpy as np
import pandas as pd
import polars as pl
import pytest
from sklearn.cluster import KMeans
from sklearn.ensemble import HistGradientBoostingRegressor, IsolationForest, RandomForestClassifier
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.mixture import GaussianMixture
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skrnn import RNNClassifier, RNNRegressor, WindowForecaster, backtest

DAYS = pd.date_range("2024-01-01", periods=60, freq="D", name="time")
RNG = np.random.default_rng(0)
ROLES = {"target": "y", "future": ["x"], "static": ["size"]}


def panel():
    parts = {key: pd.DataFrame({"y": RNG.normal(size=60), "x": WEATHER}, DAYS) for key in ("a", "b")}
    frame = pd.concat(parts, names=["id"])
    return frame.assign(size=np.repeat([1.0, 2.0], 60))


WEATHER = RNG.normal(size=60)
PANEL = panel()
EARLY = PANEL[PANEL.index.get_level_values("time") < DAYS[50]]
TREES = HistGradientBoostingRegressor(max_iter=2)


def fitted(estimator=None, **parameters):
    return WindowForecaster(estimator or Ridge(), window=7, horizon=4, **{**ROLES, **parameters}).fit(EARLY)


@pytest.mark.parametrize("estimator", [Ridge(), TREES], ids=["ridge", "trees"])
def test_one_future_is_that_of_all_series(estimator):
    model = fitted(estimator)
    shared = pd.DataFrame({"x": WEATHER}, DAYS)
    pd.testing.assert_frame_equal(model.forecast(future=shared), model.forecast(future=PANEL[["x"]]))
    pd.testing.assert_frame_equal(model.forecast(future=shared["x"]), model.forecast(future=PANEL[["x"]]))
    with pytest.raises(ValueError, match=r"series 'a': 2024-02-21 .* to 2024-02-23 .*; series 'b': 2024-02-21"):
        model.forecast(future=shared.drop(DAYS[51:54]))


def test_one_future_for_rows_without_dates():
    numbered = EARLY.reset_index().assign(time=np.tile(np.arange(50), 2)).set_index(["id", "time"])
    model = WindowForecaster(Ridge(), window=7, horizon=4, freq="rows", **ROLES).fit(numbered)
    shared = pd.DataFrame({"x": WEATHER[50:]}, pd.RangeIndex(50, 60))
    whole = pd.concat({"a": shared, "b": shared}, names=["id", "time"])
    pd.testing.assert_frame_equal(model.forecast(future=shared), model.forecast(future=whole))


def with_times(frame, change):
    """The rows of one series with other times, for all of them."""
    own = frame.loc["a"]
    return own.set_axis(pd.Index(change(own.index)))


FUTURES = {
    "duplicated rows": (lambda f: pd.concat([f, f[:3]]), ValueError, "future has 3 duplicated rows, first"),
    "levels in another order": (
        lambda f: f.reorder_levels(["time", "id"]),
        ValueError,
        r"future has the levels \['time', 'id'\]; that of the data has \['id', 'time'\]: use future.reorder_levels",
    ),
    "other levels": (
        lambda f: pd.concat({1: f}, names=["run"]),
        ValueError,
        r"future has the levels \['run', 'id', 'time'\]; that of the data has \['id', 'time'\]\.",
    ),
    "polars": (
        lambda f: pl.from_pandas(f.reset_index()),
        TypeError,
        "future is a polars DataFrame, which has no index",
    ),
    "without a value": (lambda f: f.assign(x=np.nan), ValueError, "Column 'x' of future has no value"),
    "text": (lambda f: f.assign(x="warm"), ValueError, "Column 'x' of future has dtype"),
    "two columns of one name": (
        lambda f: pd.concat([f, f], axis=1),
        ValueError,
        "future has several columns named 'x'. Rename or drop them",
    ),
    "times in a zone": (
        lambda f: f.tz_localize("UTC", level="time"),
        TypeError,
        "The rows of future have datetimes in UTC in their index; those of fit had datetimes without a time zone",
    ),
    "periods": (lambda f: with_times(f, lambda times: times.to_period("D")), TypeError, "future have periods of D in"),
    "numbers": (lambda f: with_times(f, lambda times: range(len(times))), TypeError, "future have whole numbers in"),
    "dates": (lambda f: with_times(f, lambda times: times.date), TypeError, "The index has dtype object"),
    "another column": (lambda f: f.rename(columns={"x": "z"}), ValueError, r"future lacks the columns \['x'\]"),
}


@pytest.mark.parametrize("case", FUTURES)
@pytest.mark.parametrize("estimator", [Ridge(), TREES], ids=["ridge", "trees"])
def test_futures_that_are_refused(case, estimator):
    change, error, message = FUTURES[case]
    with pytest.raises(error, match=message):
        fitted(estimator).forecast(future=change(PANEL[["x"]]))


def without(column):
    return EARLY.assign(**{column: np.nan})


DATA = {
    "polars": (
        lambda: pl.from_pandas(EARLY.reset_index()),
        TypeError,
        "The data are a polars DataFrame, which has no in",
    ),
    "time first": (
        lambda: EARLY.swaplevel().sort_index(),
        ValueError,
        r"The last level of the index must be the time, and the levels are \['time', 'id'\], with times in level 0",
    ),
    "time first, numbered series": (
        lambda: EARLY.rename(index={"a": 1, "b": 2}).swaplevel().sort_index(),
        ValueError,
        r"The last level of the index must be the time.* Put it last: data.swaplevel\(\).sort_index\(\)",
    ),
    "target without a value": (lambda: without("y"), ValueError, "Column 'y' has no value: every row is missing"),
    "covariate without a value": (lambda: without("x"), ValueError, "Column 'x' has no value"),
    "static without a value": (lambda: without("size"), ValueError, "Column 'size' has no value"),
    "text to forecast": (lambda: EARLY.assign(y="warm"), ValueError, "Column 'y' holds texts or categories, and"),
    "dates": (lambda: EARLY.assign(x=DAYS[0]), ValueError, "Column 'x' has dtype datetime64"),
    "numbers as objects": (
        lambda: EARLY.assign(x=np.arange(100).astype(object)),
        ValueError,
        r"Column 'x' has dtype object\. .* it holds 0, a int: .*astype\(float\), categories with astype\('category'\)",
    ),
    "lists": (
        lambda: EARLY.assign(x=pd.Series([[1, 2]] * 100, EARLY.index)),
        ValueError,
        r"Column 'x' has dtype object\. .* it holds \[1, 2\], a list",
    ),
    "static text that varies": (
        lambda: EARLY.assign(size=np.r_[["s"] * 70, ["m"], ["s"] * 29]),
        ValueError,
        "The static column 'size' varies: Series 'b' has 's', and 'm' at 2024-01-21 .* Name it in past or future",
    ),
    "two columns of one name": (
        lambda: pd.concat([EARLY, EARLY[["x"]]], axis=1),
        ValueError,
        "The data have several columns named 'x'. Rename or drop them",
    ),
    "static that varies": (
        lambda: EARLY.assign(size=np.r_[np.ones(70), 5.0, np.ones(29)]),
        ValueError,
        "The static column 'size' varies: Series 'b' has 1, and 5 at 2024-01-21 .* Name it in past or future",
    ),
    "duplicates": (lambda: pd.concat([EARLY, EARLY[:2]]), ValueError, "duplicated"),
}


@pytest.mark.parametrize("case", DATA)
@pytest.mark.parametrize("estimator", [Ridge(), TREES], ids=["ridge", "trees"])
def test_data_that_are_refused(case, estimator):
    make, error, message = DATA[case]
    with pytest.raises(error, match=message):
        WindowForecaster(estimator, window=7, horizon=4, **ROLES).fit(make())


def test_one_target_of_several_without_a_value():
    frame = pd.DataFrame({"u": RNG.normal(size=60), "w": np.nan}, DAYS)
    with pytest.raises(ValueError, match="Column 'w' has no value"):
        WindowForecaster(TREES).fit(frame)


def test_a_static_column_must_not_vary_later():
    model = fitted()
    later = PANEL[PANEL.index.get_level_values("time") >= DAYS[50]].assign(size=9.0)
    with pytest.raises(ValueError, match="The static column 'size' varies: Series 'a' has 1, and 9 at 2024-02-20"):
        model.update(later)
    assert model.forecast(future=PANEL[["x"]]).index.equals(fitted().forecast(future=PANEL[["x"]]).index)


CLASSIFIERS = {
    "RandomForestClassifier": RandomForestClassifier(),
    "RNNClassifier": RNNClassifier(),
    "LogisticRegression": make_pipeline(StandardScaler(), LogisticRegression()),
    "RandomForestClassifier in a search": GridSearchCV(RandomForestClassifier(), {}),
}


@pytest.mark.parametrize("name", CLASSIFIERS)
def test_a_classifier_is_refused_in_a_sentence(name):
    with pytest.raises(ValueError, match=f"WindowForecaster needs a regressor, got {name.split()[0]}, a classifier"):
        WindowForecaster(CLASSIFIERS[name]).fit(EARLY[["y"]])


OTHERS = {
    "a clusterer": KMeans(2),
    "an outlier detector": make_pipeline(StandardScaler(), IsolationForest()),
    "a density estimator": GridSearchCV(GaussianMixture(), {}),
}


@pytest.mark.parametrize("name", OTHERS)
def test_what_learns_from_no_targets_is_refused_in_a_sentence(name):
    """Its numbers, those of clusters, would pass for forecasts."""
    with pytest.raises(ValueError, match=rf"got \w+, by its tags {name}, which learns from no targets"):
        WindowForecaster(OTHERS[name]).fit(EARLY[["y"]])


@pytest.mark.parametrize("inside", [Ridge(), RNNRegressor()], ids=["Ridge", "RNNRegressor"])
@pytest.mark.parametrize("around", [lambda one: one, lambda one: make_pipeline(StandardScaler(), one)])
def test_a_frozen_regressor_is_refused_in_a_sentence(inside, around):
    """It would learn nothing from the windows."""
    with pytest.raises(ValueError, match="WindowForecaster fits its regressor, and a FrozenEstimator learns nothing"):
        WindowForecaster(around(FrozenEstimator(inside))).fit(EARLY[["y"]])


def test_a_forecaster_inside_a_forecaster_is_refused_in_a_sentence():
    with pytest.raises(ValueError, match="got WindowForecaster, which by its tags reads neither tables nor windows"):
        WindowForecaster(WindowForecaster(Ridge())).fit(EARLY[["y"]])


@pytest.mark.parametrize("strategy", ["direct", "recursive"])
def test_past_covariates_that_no_one_knows(strategy):
    data = EARLY[["y", "x"]]
    model = WindowForecaster(Ridge(), window=7, horizon=4, strategy=strategy, target="y", past=["x"]).fit(data)
    reach = 4 if strategy == "direct" else 1
    assert len(model.forecast(reach)) == 2 * reach
    message = rf"The past columns \['x'\] are not known after the end.*reach {reach} step\(s\), and 5 are wanted"
    with pytest.raises(ValueError, match=message):
        model.forecast(5)
    trees = WindowForecaster(TREES, window=7, horizon=4, strategy=strategy, target="y", past=["x"]).fit(data)
    assert len(trees.forecast(9)) == 18


def test_what_is_almost_usable_is_told_what_to_do():
    model = WindowForecaster(Ridge(), window=7)
    numbers = EARLY.loc["a", "y"].reset_index(drop=True)
    with pytest.raises(ValueError, match=r"has dtype object\. .* convert numbers with astype\(float\)"):
        model.fit(numbers.astype(object))
    with pytest.raises(TypeError, match=r"set_output\(transform='pandas'\)"):
        make_pipeline(StandardScaler(), model).fit(numbers.to_frame())
    panel = pd.concat({"a": numbers.set_axis(numbers.index.astype(str))}, names=["id", "day"])
    with pytest.raises(TypeError, match="The last level of the index, 'day', has dtype"):
        model.fit(panel)


def test_a_backtest_whose_windows_all_have_a_gap_says_so():
    numbers = pd.Series(np.sin(np.arange(60.0))).drop(range(35, 60, 4))
    message = "None of the 5 cutoffs has a full window before it"
    with pytest.raises(ValueError, match=message):
        backtest(WindowForecaster(Ridge(), window=6), numbers, initial=40, step=3)


def test_a_calibration_that_leaves_too_little_says_so():
    """A model of its folds has fewer windows than the one that forecasts."""
    numbers = EARLY.loc["a", "y"].iloc[:8].asfreq("D")
    assert WindowForecaster(horizon=2, window=4).fit(numbers).n_samples_ == 3
    with pytest.raises(ValueError, match=r"calibration=0\.3 leaves no windows to validate on .* early_stopping=True"):
        WindowForecaster(horizon=2, window=4, calibration=0.3).fit(numbers)
    assert WindowForecaster(Ridge(), horizon=2, window=4, calibration=0.3).fit(numbers).n_samples_ == 3
    weights = np.r_[np.zeros(6), np.ones(2)]
    with pytest.raises(ValueError, match="leaves no windows to train or to measure on"):
        WindowForecaster(Ridge(), horizon=2, window=4, calibration=0.3).fit(numbers, sample_weight=weights)

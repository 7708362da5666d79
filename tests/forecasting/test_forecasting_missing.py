"""Horizons with missing values: what is known of them is learnt from."""

import pickle
import tracemalloc
import warnings
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.ensemble import HistGradientBoostingRegressor, RandomForestRegressor
from sklearn.impute import SimpleImputer
from sklearn.linear_model import Ridge
from sklearn.model_selection import GridSearchCV, TimeSeriesSplit
from sklearn.multioutput import MultiOutputRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVR
from sklearn.utils._param_validation import InvalidParameterError

from skrnn import DivergenceError, RNNRegressor, WindowForecaster, load, make_forecast_scorer, save
from skrnn.forecasting import model_windows
from skrnn.forecasting._gaps import interpolated

RNG = np.random.default_rng(0)
T = np.arange(734)
TWO = pd.DataFrame(
    {"u": np.sin(T * 2 * np.pi / 24), "w": 5 * np.cos(T * 2 * np.pi / 24)}, pd.date_range("2024", periods=734, freq="h")
)
HOLES = TWO.mask(RNG.uniform(size=TWO.shape) < 0.05)


def net(**parameters):
    return RNNRegressor(hidden_size=16, max_iter=10, random_state=0, **parameters)


def trees():
    return HistGradientBoostingRegressor(max_iter=10, min_samples_leaf=5)


def few_trees():
    return HistGradientBoostingRegressor(max_iter=2, min_samples_leaf=5)


def words_of(model, data):
    with warnings.catch_warnings(record=True) as found:
        warnings.simplefilter("always")
        model.fit(data)
    return [str(w.message) for w in found if "windows" in str(w.message)]


TAKERS = {
    "net": lambda: net(init="linear"),
    "trees": trees,
    "pipeline": lambda: make_pipeline(StandardScaler(), net()),
}


@pytest.mark.parametrize("estimator", TAKERS)
def test_horizons_that_are_partly_known(estimator):
    columns = ["u", "w"] if estimator == "net" else ["u"]
    model = WindowForecaster(TAKERS[estimator](), window=48, horizon=24 if estimator != "trees" else 4)
    assert words_of(model, HOLES[columns]) == []
    assert model.n_samples_ == 734 - 48 - model.horizon + 1
    assert np.isfinite(model.forecast()).all(axis=None)


def test_partly_known_horizons_make_good_forecasts():
    # Ridge on complete windows has none at all; the network's start is a linear model of each step.
    model = WindowForecaster(net(init="linear", loss="absolute_error"), window=24, horizon=12).fit(HOLES[:722])
    scale = TWO.std()
    assert (abs(model.forecast() - TWO[722:]).mean() < 0.15 * scale).all()


def test_other_regressors_learn_from_complete_rows_and_say_so():
    model = WindowForecaster(Ridge(), window=6, horizon=3)
    (word,) = words_of(model, HOLES)
    rows = np.isnan(HOLES.to_numpy()).any(axis=1)
    complete = sum(not rows[i : i + 9].any() for i in range(734 - 8))
    assert model.n_samples_ == complete
    assert (
        f"{726 - complete} of 726 windows are lost. The series has missing values in {rows.sum()} rows, first at"
        in word
    )


def test_sundays_are_missing():
    days = pd.date_range("2023-01-01", periods=300)
    sales = pd.Series(np.arange(300) % 7 + 0.01 * np.arange(300), days)
    sales[days.day_of_week == 6] = np.nan
    absent = sales.dropna()
    assert set(absent.index.day_of_week) == set(range(6))
    for data in (sales, absent):
        for estimator in (net(init="linear", learning_rate=1e-3), MultiOutputRegressor(Ridge())):
            model = WindowForecaster(estimator, window=14, horizon=7)
            if isinstance(estimator, MultiOutputRegressor):
                with pytest.raises(ValueError, match="need at least 21 without a gap or a missing value"):
                    model.fit(data)
                continue
            words = words_of(model, data)
            assert words == []
            assert model.n_samples_ == len(pd.date_range(data.index[0], data.index[-1])) - 20
            forecast = model.forecast()
            assert list(forecast.index) == list(pd.date_range(data.index[-1] + pd.Timedelta(1, "D"), periods=7))
            weekdays = forecast[forecast.index.day_of_week < 6]
            following = pd.Series(
                np.arange(280, 320) % 7 + 0.01 * np.arange(280, 320), pd.date_range("2023-10-08", periods=40)
            )
            assert abs(weekdays - following[weekdays.index]).mean() < 0.1


def test_windows_are_interpolated_as_pandas_does_it():
    X = RNG.normal(size=(40, 9, 3))
    X[RNG.random(X.shape) < 0.4] = np.nan
    X[0, :, 0], X[1, :-1, 0], X[2, 1:, 0] = np.nan, np.nan, np.nan
    given = X.copy()
    found = interpolated(X, 2)
    for window, expected in zip(found, X, strict=True):
        lines = pd.DataFrame(expected[:, :2]).interpolate(limit_direction="both")
        np.testing.assert_allclose(window[:, :2], lines, rtol=1e-12)
    np.testing.assert_array_equal(found[..., 2], X[..., 2])
    np.testing.assert_array_equal(X, given)
    assert np.isnan(found[0, :, 0]).all()


def test_many_windows_are_interpolated_in_little_memory():
    X = RNG.normal(size=(20_000, 50, 1))
    X[RNG.random(X.shape) < 0.1] = np.nan
    tracemalloc.start()
    try:
        found = interpolated(X, 1)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 3 * X.nbytes  # a copy of them, and what a part of them takes
    parts = [interpolated(part, 1) for part in np.array_split(X, 7)]
    np.testing.assert_array_equal(found, np.concatenate(parts))


@pytest.mark.parametrize(
    ("estimator", "same"),
    [
        (RNNRegressor(hidden_size=4, max_iter=2, random_state=0), True),
        (GridSearchCV(RNNRegressor(hidden_size=4, random_state=0), {"max_iter": [2]}, cv=2), True),
        (make_pipeline(StandardScaler(), RNNRegressor(hidden_size=4, max_iter=2, random_state=0)), False),
        (RNNRegressor(hidden_size=4, max_iter=2, random_state=0, init=None), False),
    ],
    ids=["start", "search", "pipeline", "alone"],
)
def test_a_value_on_the_line_between_its_neighbours_is_as_good_as_known(estimator, same):
    hours = pd.Series(np.sin(np.arange(150) / 4) + np.arange(150) / 50, pd.date_range("2024", periods=150, freq="h"))
    hours.iloc[-4] = (hours.iloc[-5] + hours.iloc[-3]) / 2
    model = WindowForecaster(estimator, window=12, horizon=4, level="last").fit(hours[:-10])
    holes = hours.copy()
    holes.iloc[-4] = np.nan
    assert np.allclose(model.forecast(history=holes), model.forecast(history=hours), rtol=1e-6) == same


def test_forecasters_of_versions_that_left_missing_values_go_on_as_they_were():
    series = pd.Series(np.sin(np.arange(90) / 4), pd.date_range("2024", periods=90, freq="h"))
    holes, lines = series.copy(), series.copy()
    holes.iloc[-4], lines.iloc[-4] = np.nan, (series.iloc[-5] + series.iloc[-3]) / 2
    model = WindowForecaster(net(init="linear"), window=12, horizon=4).fit(series[:-10])
    older = pickle.loads(pickle.dumps(model))
    older._setup = replace(model._setup, fills=False)
    state = model.__getstate__()
    setup = state["_fitted"]["learnt"]["setup"]
    del setup["fills"]  # which they did not know
    again = clone(model)
    again.__setstate__(state)
    np.testing.assert_array_equal(again.forecast(history=holes), older.forecast(history=holes))
    np.testing.assert_allclose(model.forecast(history=holes), model.forecast(history=lines), rtol=1e-6)
    assert np.abs(again.forecast(history=holes) - model.forecast(history=holes)).max() > 1e-3
    setup["fills"] = 1
    with pytest.raises(ValueError, match="fills of the setup is 1"):
        clone(model).__setstate__(state)


def test_a_hundredth_of_the_hours_absent_leaves_nearly_all_windows():
    hours = pd.Series(np.sin(np.arange(2000) * 2 * np.pi / 24), pd.date_range("2024", periods=2000, freq="h"))
    rows = np.sort(RNG.permutation(2000)[20:])
    model = WindowForecaster(net(), window=48, horizon=24)
    model.estimator.max_iter = 1
    assert words_of(model, hours.iloc[rows]) == []
    assert model.n_samples_ == rows[-1] - rows[0] + 1 - 71
    assert model.n_filled_ == rows[-1] - rows[0] + 1 - len(rows)


SHOP = pd.Series(10 + np.sin(np.arange(200) * 2 * np.pi / 7), pd.date_range("2024", periods=200))
SHOP = (SHOP + 0.1 * RNG.normal(size=200)).mask(SHOP.index.day_of_week == 6)  # no seven days are all known


@pytest.mark.parametrize("steps", [7, 9])
def test_intervals_are_measured_on_all_known_targets(steps):
    model = WindowForecaster(few_trees(), window=7, horizon=7, calibration=0.3).fit(SHOP)
    errors = model.calibration_errors_[:, :, 0]
    assert len(errors) == np.ceil(0.3 * (200 - 13))
    missing = SHOP.isna().to_numpy()[-len(errors) - 6 :]
    np.testing.assert_array_equal(np.isnan(errors), np.lib.stride_tricks.sliding_window_view(missing, 7))
    intervals = model.forecast_interval(steps, coverage=0.8)
    assert np.isfinite(intervals).all(axis=None)
    scale = (SHOP - SHOP.mean()).abs().mean()
    for step in range(7):
        known = np.sort(errors[:, step][~np.isnan(errors[:, step])])
        half = known[int(np.ceil((len(known) + 1) * 0.8)) - 1] * scale
        np.testing.assert_allclose((intervals["upper"] - intervals["forecast"]).iloc[step], half)
    moved = WindowForecaster(few_trees(), window=7, horizon=7, calibration=0.3).fit(SHOP[:190]).update(SHOP[190:])
    assert np.isnan(moved.calibration_errors_[-4:]).sum() == 4  # a Sunday in each horizon that the rows settle
    assert np.isfinite(moved.forecast_interval(steps, coverage=0.8)).all(axis=None)


def test_few_known_targets_leave_an_interval_without_end():
    data = SHOP.where((SHOP.index.day_of_week != 2) | (SHOP.index < "2024-05-01"))
    model = WindowForecaster(few_trees(), window=7, horizon=1, calibration=0.1).fit(data)
    known = int(np.isfinite(model.calibration_errors_).sum())
    with pytest.warns(UserWarning, match=f"needs at least 19 measured errors, and there are {known}:"):
        assert np.isinf(model.forecast_interval(coverage=0.95)["upper"]).all()


def test_quantiles_are_measured_on_all_known_targets():
    quantiles = RNNRegressor(hidden_size=4, max_iter=5, loss="quantile", quantile=[0.1, 0.5, 0.9], random_state=0)
    model = WindowForecaster(quantiles, window=7, horizon=7, calibration=0.3).fit(SHOP)
    for steps in (7, 10):
        intervals = model.forecast_interval(steps, coverage=0.8, method="cqr")
        assert (intervals["lower"] < intervals["upper"]).all()
        assert np.isfinite(intervals).all(axis=None)


def test_scores_are_of_all_known_targets():
    model = WindowForecaster(few_trees(), window=7, horizon=7).fit(SHOP[:150])
    forecasts = np.array([model.forecast(history=SHOP[:row]) for row in range(150, 194)])
    truths = np.array([SHOP[row : row + 7] for row in range(150, 194)])
    errors = np.abs(forecasts - truths)
    scorer = make_forecast_scorer("MAE")
    np.testing.assert_allclose(scorer(model, SHOP[150:]), -np.nanmean(errors))
    by_step = 1 - np.nansum(errors**2, axis=0) / np.nansum((truths - np.nanmean(truths, axis=0)) ** 2, axis=0)
    np.testing.assert_allclose(model.score(SHOP[150:]), by_step.mean())
    search = GridSearchCV(model, {"window": [7, 14]}, cv=TimeSeriesSplit(2), scoring=scorer).fit(SHOP.to_frame("sold"))
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()


def test_a_regressor_of_complete_windows_is_scored_on_all_known_targets():
    data = SHOP.ffill().mask(np.arange(200) == 170)
    model = WindowForecaster(Ridge(), window=7, horizon=3).fit(data[:150])
    rows = [row for row in range(150, 198) if not data[row - 7 : row].isna().any()]
    errors = np.abs([model.forecast(history=data[:row]) - data[row : row + 3].to_numpy() for row in rows])
    np.testing.assert_allclose(make_forecast_scorer("MAE")(model, data[150:]), -np.nanmean(errors))


def test_a_clone_for_each_output_learns_from_what_is_known():
    forest = RandomForestRegressor(2, max_depth=2, random_state=0)
    for data in (SHOP, SHOP.dropna()):
        with pytest.raises(ValueError, match=r"complete horizons alone\. RNNRegressor, or MultiOutputRegressor around"):
            WindowForecaster(forest, window=7, horizon=7).fit(data)
    word = words_of(WindowForecaster(forest, window=12, horizon=3), HOLES[["u"]])[0]
    assert "This regressor learns from complete horizons alone" in word
    for estimator in (forest, make_pipeline(SimpleImputer(), Ridge())):
        steps = getattr(estimator, "steps", None)
        each = MultiOutputRegressor(estimator) if steps is None else make_pipeline(*(step for _, step in steps[:-1]))
        if steps is not None:
            each.steps.append(("outputs", MultiOutputRegressor(steps[-1][1])))
        model = WindowForecaster(each, window=7, horizon=7)
        assert words_of(model, SHOP) == []
        assert model.n_samples_ == 200 - 13
        inside = model.estimator_.steps[-1][1] if steps else model.estimator_
        assert type(inside) is MultiOutputRegressor
        X, Y = model_windows(model)[:2]
        known = ~np.isnan(Y[:, 2])
        if steps is None:
            alone = clone(forest).fit(X[known], Y[known, 2])
            np.testing.assert_array_equal(inside.estimators_[2].predict(X), alone.predict(X))


def test_what_is_fitted_for_each_output_can_be_kept(tmp_path):
    data = SHOP.ffill()
    model = WindowForecaster(SVR(), window=7, horizon=3, calibration=0.3).fit(data)
    assert type(model.estimator_) is MultiOutputRegressor
    save(model, tmp_path / "model.skrnn")
    pd.testing.assert_frame_equal(load(tmp_path / "model.skrnn").forecast_interval(), model.forecast_interval())


def test_gaps_that_cost_no_window_are_no_reason():
    data = SHOP.where((T[:200] < 40) | (T[:200] > 60))
    holes = data.drop(data.index[[100, 150]])
    (word,) = words_of(WindowForecaster(few_trees(), window=7, horizon=7), holes)
    assert "The series has missing targets in" in word
    assert "gap" not in word
    for data, horizon in ((SHOP.ffill().drop(SHOP.index[[100, 120, 150]]), 1), (holes.dropna(), 7)):
        (word,) = words_of(WindowForecaster(few_trees(), window=7, horizon=horizon), data)
        assert "gaps: its step is 1 day" in word


@pytest.mark.parametrize(
    ("known", "stopping", "message"),
    [
        (slice(57, 60), True, "^Column 'late' has no value in the windows to learn from"),
        (slice(0, 4), False, "^Column 'late' has no value in step 1 of the horizons to learn from"),
    ],
)
def test_a_column_that_a_network_cannot_learn_from_is_named(known, stopping, message):
    data = pd.DataFrame({"all": np.sin(np.arange(60.0)), "late": np.nan})
    data.loc[data.index[known], "late"] = [1.0, 3.0, 2.0, 4.0][: known.stop - known.start]
    net = RNNRegressor(hidden_size=2, max_iter=1, early_stopping=stopping, random_state=0)
    with pytest.raises(ValueError, match=message):
        WindowForecaster(net, window=5, horizon=2).fit(data)


class Blank(Ridge):
    """Takes missing values, and no column without any other."""

    def fit(self, X, y):
        if np.isnan(X).all(axis=0).any():
            raise ValueError("window shape cannot be larger than input array shape")
        return super().fit(np.nan_to_num(X), y)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        return tags


def test_a_column_for_which_a_regressor_fails_is_named():
    data = pd.DataFrame({"sold": np.sin(np.arange(60.0)), "price": np.nan})
    data.loc[57:, "price"] = 1.0
    model = WindowForecaster(Blank(), window=5, target="sold", past=["price"])
    with pytest.raises(
        ValueError, match=r"^Column 'price' has no value in step 1 of any window, and that fails: window"
    ):
        model.fit(data)
    model.fit(data.assign(price=np.where(np.arange(60) % 9 < 4, 1.0, np.nan)))


@pytest.mark.parametrize(
    ("estimator", "error"),
    [
        (RNNRegressor(hidden_size=-1), InvalidParameterError),
        (RNNRegressor(optimizer="sgd", learning_rate=1e25, max_grad_norm=None, scaling=None), DivergenceError),
        (RNNRegressor(freeze=["nothing"]), ValueError),
        (HistGradientBoostingRegressor(max_iter=-1), InvalidParameterError),
    ],
    ids=["parameter of a network", "divergence", "error of a network", "parameter of trees"],
)
def test_no_column_is_blamed_for_other_errors(estimator, error):
    data = pd.DataFrame({"sold": np.sin(np.arange(60.0)), "price": np.nan})
    data.loc[57:, "price"] = 1.0  # blank in the first step of all windows
    if isinstance(estimator, RNNRegressor):
        estimator.set_params(random_state=0, early_stopping=False)
    with pytest.raises(error) as raised:
        WindowForecaster(estimator, window=5, target="sold", past=["price"]).fit(data)
    assert raised.type is error
    assert "price" not in str(raised.value)


@pytest.mark.parametrize(
    ("columns", "parameters", "start"),
    [
        (["only"], {}, "Column 'only' has no value in the windows to learn from"),
        (["one", "other"], {"channel_independent": True}, "Every column has no value in the windows to learn from"),
    ],
)
@pytest.mark.filterwarnings("ignore:All rows that RNNRegressor validates on")
def test_the_only_target_is_not_to_be_left_out(columns, parameters, start):
    data = pd.DataFrame(np.nan, np.arange(60), columns)
    data.loc[57:] = np.array([[1.0], [3.0], [2.0]])
    net = RNNRegressor(hidden_size=2, max_iter=1, early_stopping=True, random_state=0)
    with pytest.raises(ValueError, match=f"^{start}") as raised:
        WindowForecaster(net, window=5, horizon=2, **parameters).fit(data)
    assert str(raised.value).endswith("Give it more values, or choose a smaller window or horizon.")

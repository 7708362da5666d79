"""Horizons with missing values: what is known of them is learnt from."""

import warnings

import numpy as np
import pandas as pd
import pytest
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.linear_model import Ridge
from sklearn.multioutput import MultiOutputRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skrnn import RNNRegressor, WindowForecaster

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
        for estimator in (net(init="linear"), MultiOutputRegressor(Ridge())):
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
            assert abs(weekdays - following[weekdays.index]).mean() < 0.5


def test_a_hundredth_of_the_hours_absent_leaves_nearly_all_windows():
    hours = pd.Series(np.sin(np.arange(2000) * 2 * np.pi / 24), pd.date_range("2024", periods=2000, freq="h"))
    rows = np.sort(RNG.permutation(2000)[20:])
    model = WindowForecaster(net(), window=48, horizon=24)
    model.estimator.max_iter = 1
    assert words_of(model, hours.iloc[rows]) == []
    assert model.n_samples_ == rows[-1] - rows[0] + 1 - 71
    assert model.n_filled_ == rows[-1] - rows[0] + 1 - len(rows)


def test_intervals_are_measured_on_complete_horizons():
    model = WindowForecaster(net(), window=12, horizon=3, calibration=0.3).fit(HOLES[["u"]])
    assert np.isfinite(model.calibration_errors_).all()
    assert np.isfinite(model.forecast_interval(coverage=0.8)).all(axis=None)
    assert np.isfinite(model.score(HOLES[["u"]]))

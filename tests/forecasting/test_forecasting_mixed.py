"""Forecasts of data that are far from zero, incomplete, of uneven length, or new; and what a score may see."""

import tracemalloc

import numpy as np
import pandas as pd
import pytest
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.dummy import DummyRegressor
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LinearRegression, Ridge
from sklearn.model_selection import TimeSeriesSplit, cross_validate
from sklearn.pipeline import make_pipeline

from skrnn import RNNRegressor, WindowForecaster, backtest

SINE = pd.Series(np.sin(np.arange(120) * 2 * np.pi / 12), index=pd.date_range("2020-01-01", periods=120), name="v")


class Recorder(RegressorMixin, BaseEstimator):
    """Keeps every table that it is given, and predicts zeros."""

    def __init__(self, fits=None, seen=None):
        self.fits, self.seen = fits, seen

    def fit(self, X, y):
        self.fits.append(np.array(X))
        self.shape_ = y.shape[1:]
        return self

    def predict(self, X):
        self.seen.append(np.array(X))
        return np.zeros((len(X), *self.shape_))

    def __sklearn_clone__(self):
        return Recorder(self.fits, self.seen)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        tags.input_tags.allow_nan = True
        return tags


def recorder():
    return Recorder([], [])


@pytest.mark.parametrize("level", ["last", "mean", None])
@pytest.mark.parametrize("offset", [0.0, 1e6])
def test_a_large_constant_changes_nothing(level, offset):
    model = WindowForecaster(Ridge(1e-3), window=24, horizon=6, level=level).fit(SINE[:100] + offset)
    np.testing.assert_allclose(model.forecast() - offset, SINE[100:106], atol=1e-3)


def test_targets_of_other_sizes_have_scales_of_their_own():
    frame = pd.DataFrame({"small": SINE, "large": 1e4 * SINE})
    model = WindowForecaster(recorder(), window=4, horizon=1, level=None).fit(frame)
    table = model.estimator_.fits[-1].reshape(-1, 4, 2)
    np.testing.assert_allclose(table[..., 0], table[..., 1], atol=1e-9)


def test_a_constant_series_is_continued():
    flat = pd.Series(7.1, index=SINE.index)
    for transform in (None, "difference", ["log", "difference"]):
        forecast = WindowForecaster(Ridge(), window=5, horizon=3, target_transform=transform).fit(flat).forecast()
        np.testing.assert_allclose(forecast, 7.1)


@pytest.mark.parametrize("slope", [0.0, 1.0])
def test_the_default_forecaster_takes_a_straight_line(slope):
    line = pd.Series(5 + slope * np.arange(60.0))
    forecast = WindowForecaster(window=6, horizon=2).fit(line).forecast(4)
    np.testing.assert_allclose(forecast, 5 + slope * np.arange(60.0, 64.0), rtol=5e-3)


def test_logarithms_share_a_scale_and_other_series_have_their_own():
    index = pd.MultiIndex.from_product([["a", "b"], range(60)])
    values = np.exp(np.r_[SINE[:60], 3 * SINE[:60]])
    frame = pd.DataFrame({"v": values}, index=index)
    for transform, ratio in (("log", 3.0), (None, None)):
        model = WindowForecaster(recorder(), window=4, level=None, target_transform=transform).fit(frame)
        table = model.estimator_.fits[-1]
        first, second = np.abs(table[0::2]).mean(), np.abs(table[1::2]).mean()  # the series take turns
        assert second / first == pytest.approx(ratio or 1.0, rel=0.1)


def test_rows_after_the_first_window_do_not_scale_a_new_series():
    model = WindowForecaster(recorder(), window=6, horizon=2)
    model.fit(pd.concat({"old": SINE.to_frame()}))
    new = pd.concat({"new": SINE.to_frame() + np.arange(120.0)[:, None]})
    changed = new.copy()
    changed.iloc[20:] *= 100
    for data in (new, changed):
        model.score(data)
    before, after = model.estimator_.seen
    np.testing.assert_array_equal(before[:10], after[:10])
    assert not np.array_equal(before[20:], after[20:])


def test_calibration_rows_do_not_reach_the_model_that_is_measured():
    secret = SINE.copy()
    secret.iloc[108:] = 1e3
    older = []
    for data in (SINE, secret):
        model = WindowForecaster(recorder(), window=6, horizon=2, calibration=0.1).fit(data)
        older.append(model.estimator_.fits[0])
        assert len(model.estimator_.fits) == 4  # three models that are measured, and the one of all rows
    np.testing.assert_array_equal(*older)


def test_training_rows_have_a_score_too():
    model = WindowForecaster(Ridge(), window=13, horizon=2)
    found = cross_validate(model, SINE.to_frame(), cv=TimeSeriesSplit(3), return_train_score=True)
    assert (found["train_score"] > 0.99).all()
    assert (found["test_score"] > 0.99).all()


def test_rows_of_the_history_see_what_precedes_them_and_nothing_else():
    model = WindowForecaster(recorder(), window=6, horizon=2).fit(SINE)
    model.score(SINE[50:70])
    whole = model.estimator_.fits[-1]
    np.testing.assert_allclose(model.estimator_.seen[-1], whole[44:63])


@pytest.mark.parametrize("strategy", ["direct", "recursive"])
def test_regressors_of_one_output_are_fitted_for_each_target(strategy):
    frame = pd.DataFrame({"u": SINE, "w": SINE.shift(3).fillna(0.0)})
    trees = HistGradientBoostingRegressor(max_iter=30, min_samples_leaf=2)
    model = WindowForecaster(trees, window=12, horizon=1, strategy=strategy).fit(frame[:-4])
    forecast = model.forecast(4)
    assert abs(forecast - frame[-4:]).max().max() < 0.3


def test_a_regressor_without_missing_values_learns_from_complete_windows():
    holes = SINE.copy()
    holes.iloc[[30, 31, 80]] = np.nan
    model = WindowForecaster(LinearRegression(), window=12, horizon=2).fit(holes)
    complete = [i for i in range(120 - 13) if not holes[i : i + 14].isna().any()]
    assert model.n_samples_ == len(complete)
    np.testing.assert_allclose(model.forecast(), np.sin(np.arange(120, 122) * 2 * np.pi / 12), atol=1e-6)
    tolerant = WindowForecaster(make_pipeline(SimpleImputer(), Ridge()), window=12, horizon=2).fit(holes)
    assert tolerant.n_samples_ > model.n_samples_
    model.update(pd.Series([np.nan], index=[holes.index[-1] + pd.Timedelta(1, unit="D")], name="v"))
    with pytest.raises(ValueError, match=r"The series has missing values, .* up to 2020-04-30 .*takes missing values"):
        model.forecast()


def test_short_series_of_a_panel_are_named():
    frame = pd.concat({"long": SINE.to_frame(), "short": SINE[:5].to_frame()})
    model = WindowForecaster(Ridge(), window=12, horizon=2).fit(frame)
    with pytest.warns(
        UserWarning, match=r"1 series are left out, as they have .* window of 12 rows at their end: 'short'"
    ):
        forecast = model.forecast()
    pd.testing.assert_frame_equal(forecast, model.among(["long"]).forecast())
    assert list(model.ready()) == ["long"]
    with pytest.raises(ValueError, match="Series 'short' has missing values, a gap or too few rows in the window"):
        model.among(["short"]).forecast()
    assert len(model.among(["long"]).forecast()) == 2
    with pytest.raises(ValueError, match="Series 'other' is not in the history"):
        model.among(["other"])
    net = WindowForecaster(RNNRegressor(max_iter=1, random_state=0), window=12, horizon=2).fit(frame)
    assert np.isfinite(net.forecast()).all(axis=None)


def test_forecasts_below_zero_may_be_fed_back_through_log1p():
    counts = pd.Series(np.linspace(3, 0, 40), index=pd.RangeIndex(40), name="v")
    model = WindowForecaster(LinearRegression(), window=3, horizon=2, target_transform="log1p").fit(counts)
    assert (model.forecast(8) < 0).any()


def test_windows_of_a_forecaster_are_copied_once():
    long = pd.Series(np.random.default_rng(0).normal(size=20_000), name="v")
    model = WindowForecaster(DummyRegressor(), window=300, level="last")
    tracemalloc.start()
    model.fit(long)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert 1.0 < peak / (20_000 * 300 * 8) < 1.4


def test_channels_share_weights():
    frame = pd.DataFrame({"u": SINE, "w": 5 * SINE.shift(4).bfill() + 3, "x": np.arange(120.0)})
    settings = {"window": 12, "horizon": 3, "future": ["x"]}
    model = WindowForecaster(Ridge(0.1), **settings, channel_independent=True, calibration=0.2).fit(frame)
    panel = pd.concat({name: frame[[name, "x"]].set_axis(["v", "x"], axis=1) for name in ("u", "w")})
    other = WindowForecaster(Ridge(0.1), **settings, calibration=0.2).fit(panel)
    np.testing.assert_array_equal(model.estimator_.coef_, other.estimator_.coef_)
    times = pd.date_range("2020-04-30", periods=9)  # whole horizons
    future = pd.DataFrame({"x": np.arange(120.0, 129.0)}, index=times)
    forecast = model.forecast(7, future=future)
    assert list(forecast) == ["u", "w"]
    assert model.roles_.target == ("u", "w")
    expected = other.forecast(7, future=pd.concat({"u": future, "w": future}))["v"]
    np.testing.assert_allclose(forecast.to_numpy().T.ravel(), expected, rtol=1e-12)
    interval = model.forecast_interval(future=future)
    assert list(interval.columns)[:4] == [("u", "forecast"), ("u", "lower"), ("u", "upper"), ("w", "forecast")]
    np.testing.assert_allclose(interval.xs("forecast", axis=1, level=1), forecast[:3])
    assert model.score(frame) == pytest.approx(other.score(panel))


def test_zones_and_frequencies_stay_the_same():
    months = pd.Series(np.arange(40.0), index=pd.period_range("2020-01", periods=40, freq="M"))
    model = WindowForecaster(Ridge(), window=3).fit(months)
    with pytest.raises(TypeError, match="periods of Y-DEC in their index; they had periods of M in fit"):
        model.update(pd.Series([1.0], index=pd.period_range("2030", periods=1, freq="Y")))
    hours = pd.Series(np.arange(40.0), index=pd.date_range("2024", periods=40, freq="h", tz="Europe/Berlin"))
    model = WindowForecaster(Ridge(), window=3).fit(hours)
    with pytest.raises(TypeError, match="datetimes in UTC in their index; they had datetimes in Europe/Berlin"):
        model.update(pd.Series([1.0], index=pd.date_range("2025", periods=1, tz="UTC")))


def test_backtest_of_series_that_end_at_different_times():
    long, short = SINE.to_frame(), (SINE[:80] * 2).to_frame()
    frame = pd.concat({"long": long, "short": short, "late": SINE[60:].to_frame()})
    result = backtest(WindowForecaster(Ridge(1e-3), window=13, horizon=4), frame, initial=70, step=10)
    cutoffs = result.frame.groupby("series")["cutoff"].unique()
    assert list(cutoffs["long"]) == list(SINE.index[[69, 79, 89, 99, 109]])
    assert list(cutoffs["short"]) == [SINE.index[69]]
    assert list(cutoffs["late"]) == list(SINE.index[[79, 89, 99, 109]])
    assert result.scores().loc["forecast", "MAE"] < 0.05


def test_seasons_are_counted_in_time():
    gap = SINE.drop(SINE.index[90:95])
    result = backtest(WindowForecaster(Ridge(1e-3), window=13, horizon=4), gap, initial=100, step=5, season=12)
    np.testing.assert_allclose(result.frame["seasonal_naive"], result.frame["truth"], atol=1e-12)
    assert result.frame["naive_error"].max() < 1e-12
    missing = backtest(WindowForecaster(Ridge(1e-3), window=13, horizon=4), gap, initial=80, season=12).frame
    hole = missing["time"].isin(SINE.index[102:107])
    assert missing["seasonal_naive"][hole].isna().all()
    assert not missing["seasonal_naive"][~hole].isna().any()


class RowKeeper(Ridge):
    """A ridge regression that keeps the rows of its fit in their order."""

    def fit(self, X, y):
        self.rows_ = np.asarray(y)[:, 0] if np.ndim(y) > 1 else np.asarray(y)
        return super().fit(X, y)


def test_the_last_rows_are_the_newest_of_every_series():
    """A regressor that validates on its last tenth does so on the newest tenth of each series, long or short."""
    long, short = np.arange(100.0), 1000.0 + np.arange(30.0)
    panel = pd.concat([pd.DataFrame({"y": long}), pd.DataFrame({"y": short})], keys=["a", "b"], names=["id", "t"])
    model = WindowForecaster(RowKeeper(), window=4, horizon=1, level=None).fit(panel)
    rows = np.sort(model.estimator_.rows_.ravel()[-12:])
    assert len(model.estimator_.rows_) == 96 + 26
    newest = [(values - values.mean()) / np.abs(values - values.mean()).mean() for values in (long, short)]
    expected = np.sort(np.concatenate([newest[0][-9:], newest[1][-3:]]))
    np.testing.assert_allclose(rows, expected, atol=1e-6)

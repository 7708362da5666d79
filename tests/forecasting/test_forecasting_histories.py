"""Forecasts from other histories, in the history, and from a fitted forecaster in a backtest."""

import warnings

import numpy as np
import pandas as pd
import pytest
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.impute import SimpleImputer
from sklearn.linear_model import Ridge
from sklearn.pipeline import make_pipeline

from skrnn import RNNRegressor, WindowForecaster, backtest

DAYS = pd.date_range("2023-01-01", periods=240, freq="D")
IMPUTED = make_pipeline(SimpleImputer(keep_empty_features=True), Ridge())
TREES = HistGradientBoostingRegressor(max_iter=5, min_samples_leaf=3)


def series(scale=1.0, seed=0, name="v"):
    rng, t = np.random.default_rng(seed), np.arange(240)
    return pd.Series(scale * (20 + 3 * np.sin(t * 2 * np.pi / 7) + rng.normal(size=240)), DAYS, name=name)


def model(estimator=None, **parameters):
    return WindowForecaster(estimator or Ridge(), **{"window": 14, "horizon": 7, **parameters})


@pytest.mark.parametrize("transform", [None, "difference", "log"])
def test_rolling_origins_are_updates_without_learning(transform):
    v = series()
    fitted = model(target_transform=transform, calibration=0.3).fit(v[:150])
    moving = model(target_transform=transform, calibration=0.3).fit(v[:150])
    before = fitted.forecast()
    for end in (100, 150, 170, 171, 233):
        if end > 150:
            moving.update(v[len(moving._panel.histories[0].times) : end])
            pd.testing.assert_series_equal(fitted.forecast(9, history=v[:end]), moving.forecast(9))
            short = fitted.forecast(history=v[end - 15 : end])  # as much as the window and a difference need
            pd.testing.assert_series_equal(short, moving.forecast())
        assert fitted.forecast(history=v[:end]).index[0] == DAYS[end]
        assert fitted.future_times(1)[0] == DAYS[150]
    pd.testing.assert_series_equal(fitted.forecast(), before)  # nothing is kept


def test_another_series_is_seen_in_its_own_units():
    v, large = series(), series(1000.0)
    fitted = model(calibration=0.3).fit(v[:200])
    same = fitted.forecast(history=v[:200])
    np.testing.assert_allclose(fitted.forecast(history=large[:200]), 1000 * same)  # other values at the same times
    renamed = fitted.forecast(history=large[:200].rename("w"))
    np.testing.assert_allclose(renamed, 1000 * same)
    assert renamed.name == "w"
    one, other = fitted.forecast_interval(history=v[:200]), fitted.forecast_interval(history=large[:200])
    np.testing.assert_allclose(other, 1000 * one)
    pd.testing.assert_frame_equal(one, fitted.forecast_interval())


def test_histories_of_panels():
    panel = pd.concat({"a": series().to_frame(), "b": series(100.0, 1).to_frame()}, names=["id", "t"])
    early = panel[panel.index.get_level_values("t") < DAYS[180]]
    fitted = model().fit(early)
    np.testing.assert_allclose(fitted.forecast(history=early.loc[["b"]]), fitted.forecast().loc[["b"]], rtol=1e-12)
    updated = model().fit(early).update(panel[panel.index.get_level_values("t") >= DAYS[180]])
    pd.testing.assert_frame_equal(fitted.forecast(history=panel), updated.forecast())
    c = pd.concat({"c": series(1e5, 2).to_frame()}, names=["id", "t"])
    both = fitted.forecast(history=pd.concat([early.loc[["a"]], c]))
    assert list(both.index.get_level_values("id").unique()) == ["a", "c"]
    assert abs(both.loc["c", "v"].mean() / 20e5 - 1) < 0.1


def test_histories_that_do_not_fit_are_refused():
    fitted = model().fit(series())
    with pytest.raises(TypeError, match=r"The rows have series, datetimes|Convert one of the two|numbers"):
        fitted.forecast(history=series().reset_index(drop=True))
    several = model().fit(pd.concat([series(), series(1.0, 1, "w")], axis=1))
    with pytest.raises(ValueError, match=r"The history has the columns \['v'\]; those of fit were \['v', 'w'\]"):
        several.forecast(history=series().to_frame())
    with pytest.raises(ValueError, match="has missing values, a gap or too few rows in the window of 14"):
        fitted.forecast(history=series()[:5])


@pytest.mark.parametrize("estimator", [Ridge(), TREES], ids=["ridge", "trees"])
@pytest.mark.parametrize("step", [1, 3, 9])
def test_fitted_values_are_forecasts_from_the_rows_before(estimator, step):
    v = series()[:80]
    fitted = model(estimator).fit(v)
    values = fitted.fitted_values(step)
    assert values.index.equals(v.index)
    assert values.isna().sum() == 14 + step - 1
    for row in (14 + step - 1, 50, 79):
        assert values.iloc[row] == pytest.approx(fitted.forecast(step, history=v[: row - step + 1]).iloc[-1])


def test_fitted_values_with_covariates_gaps_panels_and_channels():
    rng = np.random.default_rng(3)
    data = pd.DataFrame({"v": series(), "w": series(10.0, 1), "x": rng.normal(size=240), "z": rng.normal(size=240)})
    data = data.drop(DAYS[100])
    panel = pd.concat({"a": data[:200], "b": data[:90]}, names=["id", "t"])
    roles = {"target": ["v", "w"], "future": ["x"], "past": ["z"], "calendar": ["day_of_week"]}
    for channels in (False, True):
        fitted = model(TREES, channel_independent=channels, **roles).fit(panel)
        values = fitted.fitted_values(2)
        assert list(values.columns) == ["v", "w"]
        assert values.index.equals(panel.index)
        row = ("a", DAYS[150])
        history = panel[panel.index.get_level_values("t") < DAYS[149]]
        found = fitted.forecast(2, history=history.loc[["a"]], future=panel[["x"]])
        np.testing.assert_allclose(values.loc[row], found.loc[row])


def test_a_fitted_forecaster_is_tested_as_it_is():
    v = series()
    fitted = model(calibration=0.3).fit(v[:150])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        kept = backtest(fitted, v, initial=160, step=10, season=7, coverage=0.8)
        cutoffs = list(kept.frame["cutoff"].unique())
        assert cutoffs == list(DAYS[159::10][: len(cutoffs)])
        other = backtest(fitted, series(1000.0, 5), initial=100, step=30)
    moving = model(calibration=0.3).fit(v[:150]).update(v[150:160])
    np.testing.assert_allclose(kept.frame["forecast"][:7], moving.forecast())
    moving.update(v[160:230])
    np.testing.assert_allclose(kept.frame["forecast"][-7:], moving.forecast())
    assert other.scores().loc["forecast", "MASE"] < 1.5
    assert fitted.future_times(1)[0] == DAYS[150]
    again = backtest(fitted, v, initial=160, step=10, season=7, refit=True)
    first = model(calibration=0.3).fit(v[:160]).forecast()
    np.testing.assert_allclose(again.frame["forecast"][:7], first)
    with pytest.warns(UserWarning, match="has learnt from rows up to 2023-05-30 .*, after the first cutoff 2023-04-10"):
        backtest(fitted, v, initial=100, step=30)


def test_a_backtest_of_another_series_does_not_look_ahead():
    fitted = model().fit(series()[:150])
    other = series(50.0, 7).rename("w")
    late = other.copy()
    late.iloc[130:] += 1e5
    frames = [backtest(fitted, data, initial=100, step=10).frame for data in (other, late)]
    early = [frame[frame["cutoff"] <= DAYS[129]].drop(columns="truth") for frame in frames]
    pd.testing.assert_frame_equal(*early)
    assert not frames[0]["forecast"].equals(frames[1]["forecast"])  # the control


def test_an_absent_row_in_the_last_season_is_carried_from_the_season_before():
    v = series()
    gap = v[:200].drop(DAYS[196])
    net = RNNRegressor(hidden_size=4, max_iter=3, random_state=0)
    for estimator in (TREES, net):
        fitted = model(estimator, target_transform="seasonal_difference", season=7).fit(gap)
        forecast = fitted.forecast(14)
        assert np.isfinite(forecast).all()
        known = fitted.forecast(14, history=gap.reindex(DAYS[:200]).fillna({DAYS[196]: v.iloc[189]}).to_frame()["v"])
        assert abs(forecast.iloc[3] - v.iloc[189]) < 4  # from the same day a week before
        assert abs(forecast - known).max() < 4
    walk = v.cumsum()
    last = model(TREES, target_transform="difference").fit(walk[:200].drop(DAYS[150]))
    assert np.isfinite(last.forecast()).all()


OTHER_STEPS = ["W", "h", "ME", "B", "QE", "2D", "YE-FEB", "15min"]


@pytest.mark.filterwarnings("ignore:The forecaster has learnt from rows up to")
@pytest.mark.parametrize(
    "freq", [*OTHER_STEPS, "SME", "WOM-3FRI", pd.offsets.CustomBusinessDay(holidays=["2024-03-05"])]
)
@pytest.mark.parametrize("estimator", [Ridge(), IMPUTED], ids=["ridge", "imputed"])
def test_another_series_may_have_another_step(estimator, freq):
    fitted = model(estimator, calibration=0.3).fit(series())
    times = pd.date_range("2024-01-31", periods=63, freq=freq)
    history, plain = series()[:60].set_axis(times[:60]), series()[:60].set_axis(pd.DatetimeIndex(times[:60], freq=None))
    same = fitted.forecast(history=series()[:60])
    for data in (history, plain) if freq in OTHER_STEPS else (history,):
        forecast = fitted.forecast(3, history=data)
        assert list(forecast.index) == list(times[60:])
        np.testing.assert_allclose(forecast, same[:3])
        assert list(fitted.forecast_interval(3, history=data).index) == list(times[60:])
    errors = backtest(fitted, history, initial=40, step=5)
    as_days = backtest(fitted, series()[:60], initial=40, step=5, season=errors.season)
    np.testing.assert_allclose(errors.frame["forecast"], as_days.frame["forecast"])
    if isinstance(freq, str) and freq not in OTHER_STEPS:
        with pytest.raises(ValueError, match=r"The step of fit is 1 day .*Say it with freq of their index"):
            fitted.forecast(history=plain)


def test_a_history_with_gaps_keeps_the_step_of_fit():
    fitted = model(IMPUTED).fit(series())
    history = series()[:60].drop(DAYS[[*range(3, 57, 4)]])
    assert fitted.forecast(2, history=history).index[0] == DAYS[60]

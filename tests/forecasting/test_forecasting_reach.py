"""How far forecasts go, which times they ask for, within which bounds, and series that cannot be forecast."""

import itertools
import warnings

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.linear_model import Ridge

from skrnn import RNNRegressor, WindowForecaster, backtest

HOURS = pd.Series(np.sin(np.arange(400) * 2 * np.pi / 24), pd.date_range("2025-02-14", periods=400, freq="h"), name="v")
NET = RNNRegressor(hidden_size=4, max_iter=2, random_state=0)


def frame(n=200):
    return HOURS[:n].to_frame().assign(x=np.arange(float(n)))


def test_until_is_read_as_in_a_slice():
    model = WindowForecaster(Ridge(), window=24, horizon=5).fit(HOURS[:300])  # up to the 26th of February, 11:00
    for until, n in (("2025-02-26 14:00", 3), ("2025-02-26", 12), ("2025-02", 60), (pd.Timestamp("2025-02-27"), 13)):
        forecast = model.forecast(until=until)
        pd.testing.assert_series_equal(forecast, model.forecast(n))
        assert forecast.index.equals(HOURS.index[300:][: HOURS[300:][:until].size])
    with pytest.raises(ValueError, match="until='2025-02-20' is not after the end of the history at 2025-02-26 11:00"):
        model.forecast(until="2025-02-20")
    with pytest.raises(ValueError, match="steps=3 and until='2025-03' both say how far"):
        model.forecast(3, until="2025-03")


def test_until_of_other_indexes():
    months = pd.Series(np.arange(40.0), pd.period_range("2020-01", periods=40, freq="M"))
    assert len(WindowForecaster(Ridge(), window=3).fit(months).forecast(until="2023-12")) == 8
    numbers = pd.Series(np.arange(40.0))
    assert list(WindowForecaster(Ridge(), window=3).fit(numbers).forecast(until=42).index) == [40, 41, 42]
    zone = HOURS.tz_localize("Europe/Berlin")[:300]
    assert len(WindowForecaster(Ridge(), window=3).fit(zone).forecast(until="2025-02-26 14:00")) == 3


def test_until_of_series_that_end_at_different_times():
    panel = pd.concat({"a": HOURS[:100].to_frame(), "b": HOURS[:90].to_frame(), "c": HOURS[:120].to_frame()})
    model = WindowForecaster(Ridge(), window=24, horizon=4).fit(panel)
    forecast = model.forecast(until=HOURS.index[109])
    assert forecast.groupby(level=0)["v"].size().to_dict() == {"a": 10, "b": 20}
    whole = model.forecast(20)
    pd.testing.assert_frame_equal(forecast, whole.loc[forecast.index])


def test_intervals_until():
    model = WindowForecaster(Ridge(), window=24, horizon=5, calibration=0.3).fit(HOURS[:300])
    pd.testing.assert_frame_equal(model.forecast_interval(until="2025-02-26 14:00"), model.forecast_interval(3))
    assert len(model.forecast_interval(until="2025-02-26")) == 12


@pytest.mark.parametrize("estimator", [Ridge(), NET], ids=["ridge", "net"])
@pytest.mark.parametrize("steps", [None, 1, 5, 8])
def test_future_times_are_those_that_are_wanted(estimator, steps):
    data = frame()
    panel = pd.concat({"a": data, "b": data[:150]}, names=["id", "time"])
    for history in (data, panel):
        model = WindowForecaster(estimator, window=24, horizon=4, target="v", future=["x"]).fit(history)
        times = model.future_times(steps)
        future = pd.DataFrame({"x": np.arange(float(len(times)))}, times)
        forecast = model.forecast(steps, future=future)
        assert np.isfinite(forecast).all(axis=None)
        assert forecast.index.isin(times).all()
        whole_horizons = -(-(steps or 4) // 4) * 4 * (1 + (history is panel))
        assert len(times) == (len(forecast) if estimator is NET else whole_horizons)
        with pytest.raises(ValueError, match="future lacks values"):
            model.forecast(steps, future=future[:-1])


def test_forecasts_stay_within_bounds():
    falling = pd.Series(np.linspace(10, 0.5, 60), pd.date_range("2025", periods=60))
    free = WindowForecaster(Ridge(1e-6), window=5, horizon=3, calibration=0.3).fit(falling)
    bound = WindowForecaster(Ridge(1e-6), window=5, horizon=3, calibration=0.3, bounds=(0, None)).fit(falling)
    assert (free.forecast(12) < 0).any()
    forecast = bound.forecast(12)
    assert (forecast >= 0).all()
    assert (forecast == 0).any()
    intervals = bound.forecast_interval(coverage=0.5)
    np.testing.assert_array_equal(intervals, free.forecast_interval(coverage=0.5).clip(lower=0))
    both = WindowForecaster(Ridge(1e-6), window=5, horizon=3, bounds=(0.3, 0.4)).fit(falling).forecast(12)
    assert both.between(0.3, 0.4).all()


@pytest.mark.parametrize(
    ("bounds", "message"),
    [
        (0, r"bounds=0 must be two numbers"),
        ((0,), r"must be two numbers, each of which may be None"),
        (("0", None), "must be two numbers"),
        ((np.nan, None), "must be two numbers"),
        ((1, 1), "the lowest must be below the highest"),
    ],
)
def test_bounds_are_checked(bounds, message):
    with pytest.raises(ValueError, match=message):
        WindowForecaster(Ridge(), window=3, bounds=bounds).fit(HOURS[:50])


GAPS = {
    "a row": lambda at: [at],
    "several": lambda at: [at, at + 3, min(at + 40, 196)],
    "many": lambda at: list(range(10, 190, 11)),
    "a long one": lambda at: list(range(at, min(at + 30, 198))),
}


def check_errors(model):
    """Each horizon has an error; a regressor of complete windows forecasts no absent row."""
    known = ~np.isnan(model.calibration_errors_)
    assert known.any(axis=(1, 2)).all() if model.estimator is NET else known.all()
    assert not np.isinf(model.calibration_errors_).any()


@pytest.mark.filterwarnings("ignore:.* windows are lost", "ignore:coverage=", "ignore:.* series are left out")
@pytest.mark.parametrize(("gaps", "horizon"), list(itertools.product(GAPS, [1, 3])))
@pytest.mark.parametrize("estimator", [Ridge(), NET], ids=["ridge", "net"])
def test_series_that_leave_no_window(estimator, gaps, horizon):
    """A calibrated forecaster goes on where a gap leaves a part without a window: in fit, update and backtest."""
    for at in (20, 60, 100, 155, 170, 185, 193) if estimator is not NET else (100, 185):
        data = HOURS[:200].drop(HOURS.index[GAPS[gaps](at)])
        for transform in (None, "difference"):
            model = WindowForecaster(estimator, window=12, horizon=horizon, calibration=0.2, target_transform=transform)
            whole = model.fit(data) if gaps != "many" or estimator is NET else None
            if whole is None:
                with pytest.raises(ValueError, match=r"need at least|leaves no windows"):
                    model.fit(data)
                continue
            check_errors(whole)
            moving = model.fit(data[:99])
            for end in (100, 102, 103, 140, 141):
                moving.update(data[len(moving._panel.histories[0].times) : end])
            check_errors(moving)
            panel = pd.concat({"a": data.to_frame(), "b": HOURS[:200].to_frame(), "c": HOURS[:14].to_frame()})
            check_errors(model.fit(panel))
            result = backtest(clone(model), data, initial=80, step=29, coverage=0.8, horizon=horizon)
            assert np.isfinite(result.frame["forecast"]).all()


def test_series_that_are_too_short_are_left_out():
    names = [f"s{i}" for i in range(8)]
    parts = {"long": HOURS[:100].to_frame(), **{name: HOURS[: i + 1].to_frame() for i, name in enumerate(names)}}
    model = WindowForecaster(Ridge(), window=12, horizon=2).fit(pd.concat(parts))
    with warnings.catch_warnings(record=True) as found:
        warnings.simplefilter("always")
        forecast = model.forecast()
    (word,) = [str(w.message) for w in found]
    assert word.startswith("8 series are left out")
    assert word.endswith("'s0', 's1', 's2', 's3', 's4', and 3 more.")
    assert list(forecast.index.get_level_values(0).unique()) == ["long"]
    assert np.isfinite(WindowForecaster(NET, window=12, horizon=2).fit(pd.concat(parts)).forecast()).all(axis=None)

"""Rows that follow each other within a microsecond are worth what they are a thousand times as far apart."""

import pickle

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import Ridge

import skrnn
from skrnn import SlidingWindow, WindowForecaster

VALUES = np.random.default_rng(0).normal(size=60).cumsum()
START = pd.Timestamp("2024-01-01")


def series(values, unit, begin=0):
    times = START + pd.to_timedelta(5 * np.arange(begin, begin + len(values)), unit=unit)
    return pd.Series(values, index=pd.DatetimeIndex(times).as_unit("ns"), name="y")


def both(make):
    """What becomes of nanoseconds and of microseconds, without their times."""
    fine, coarse = make("ns"), make("us")
    np.testing.assert_array_equal(np.asarray(fine), np.asarray(coarse))
    return fine


def fitted(unit, **options):
    return WindowForecaster(Ridge(), window=4, horizon=3, **options).fit(series(VALUES[:40], unit))


def test_forecasts_and_updates():
    found = both(lambda unit: fitted(unit).forecast())
    assert found.index[0] == START + pd.Timedelta(200, unit="ns")
    both(lambda unit: fitted(unit).update(series(VALUES[40:50], unit, 40)).forecast())
    both(lambda unit: fitted(unit, calibration=0.3).update(series(VALUES[40:50], unit, 40)).forecast_interval())
    both(lambda unit: fitted(unit).score(series(VALUES, unit)))


@pytest.mark.parametrize("begin", [0, 10])
def test_a_history_with_other_values_is_another_series(begin):
    """Its level and scale are measured anew."""

    def ahead(unit, factor):
        return fitted(unit, level="mean").forecast(history=series(factor * VALUES[begin:50], unit, begin))

    for factor in (1.0, 10.0):
        both(lambda unit, factor=factor: ahead(unit, factor))


@pytest.mark.parametrize("unit", ["ns", "us"])
def test_what_is_fitted_can_be_kept(unit, tmp_path):
    model = fitted(unit, calibration=0.3)
    skrnn.save(model, tmp_path / "model")
    for again in (pickle.loads(pickle.dumps(model)), skrnn.load(tmp_path / "model")):
        pd.testing.assert_frame_equal(again.forecast_interval(), model.forecast_interval(), check_freq=False)
        again.update(series(VALUES[40:45], unit, 40))
        assert again.forecast().index[0] == START + pd.Timedelta(225, unit=unit)


def test_windows_go_on_from_those_of_fit():
    def windows(unit):
        fit = SlidingWindow(4).fit(series(VALUES[:40], unit).to_frame())
        return fit.transform(series(VALUES[40:], unit, 40).to_frame())

    found = both(windows)
    np.testing.assert_array_equal(found[0, :, 0], VALUES[37:41])
    fit = SlidingWindow(4).fit(series(VALUES[:40], "ns").to_frame())
    assert np.isnan(fit.transform(series(VALUES[41:], "ns", 41).to_frame())[0, :3]).all()  # a row is absent

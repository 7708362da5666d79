"""Intervals and backtests: coverage is measured, scores follow their formulas."""

import re
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import Ridge
from sklearn.utils._param_validation import InvalidParameterError

from skrnn import WindowForecaster, backtest
from skrnn.datasets import load_airline_passengers


def noise(n=1200, seed=0):
    rng = np.random.default_rng(seed)
    values = np.zeros(n)
    for t in range(1, n):
        values[t] = 0.8 * values[t - 1] + rng.normal()
    return pd.Series(values, index=pd.date_range("2024", periods=n, freq="h"), name="v")


@pytest.mark.parametrize("coverage", [0.5, 0.9])
def test_intervals_cover_what_they_say(coverage):
    model = WindowForecaster(Ridge(), window=5, horizon=4, calibration=0.3)
    result = backtest(model, noise(), initial=700, step=1, coverage=coverage)
    found = result.scores()["coverage"].loc["forecast"]
    assert abs(found - coverage) < 0.05
    by_step = result.scores("step")["coverage"].xs("forecast", level="model")
    assert (abs(by_step - coverage) < 0.08).all()
    width = (result.frame["upper"] - result.frame["lower"]).groupby(result.frame["step"]).mean()
    assert width[4] > width[1]  # what is further away is less certain


def test_interval_is_the_conformal_quantile_of_absolute_errors():
    v = noise(200)
    model = WindowForecaster(Ridge(), window=5, horizon=2, calibration=0.25).fit(v)
    intervals = model.forecast_interval(coverage=0.8)
    pd.testing.assert_series_equal(intervals["forecast"], model.forecast(), check_names=False)
    errors = model.calibration_errors_[:, :, 0]
    rank = int(np.ceil((len(errors) + 1) * 0.8))
    scale = np.abs(v - v.mean()).mean()
    half = np.sort(errors, axis=0)[rank - 1] * scale
    np.testing.assert_allclose(intervals["upper"] - intervals["forecast"], half)
    np.testing.assert_allclose(intervals["forecast"] - intervals["lower"], half)


def test_calibration_errors_are_out_of_sample():
    """Three models: each measures a third of the newest quarter of the windows, and has learnt from all before it."""
    v = noise(200)
    model = WindowForecaster(Ridge(), window=5, horizon=2, calibration=0.25).fit(v)
    n = 200 - 6
    cuts = [n - 49, n - 49 + 16, n - 49 + 32, n]
    assert len(model.calibration_errors_) == 49 == np.ceil(0.25 * n)
    errors, scales = [], []
    for cut, end in pairwise(cuts):
        rows = v[: cut + 5]  # no horizon reaches the part that is measured
        older = WindowForecaster(Ridge(), window=5, horizon=2).fit(rows)
        assert older.n_samples_ == cut - 1
        scales.append(np.abs(rows - rows.mean()).mean())
        for first in range(cut, end):
            forecast = older.forecast(history=v[: first + 5])
            errors.append(np.abs(v[first + 5 : first + 7] - forecast).to_numpy() / scales[-1])
    np.testing.assert_allclose(model.calibration_errors_[..., 0], errors)
    late = v.copy()
    late[cuts[1] + 5 :] += 1000  # what only later folds have learnt from
    other = WindowForecaster(Ridge(), window=5, horizon=2, calibration=0.25).fit(late).calibration_errors_
    np.testing.assert_array_equal(other[:14], model.calibration_errors_[:14])
    assert not np.allclose(other[20:], model.calibration_errors_[20:])


def test_few_windows_have_fewer_models():
    model = WindowForecaster(Ridge(), window=5, calibration=0.1).fit(noise(24))
    assert len(model._calibration.folds) == 2 == len(model.calibration_errors_)


def test_intervals_need_calibration():
    v = noise(100)
    with pytest.raises(ValueError, match="set calibration"):
        WindowForecaster(Ridge(), window=5).fit(v).forecast_interval()
    model = WindowForecaster(Ridge(), window=5, horizon=2, calibration=0.2).fit(v)
    with pytest.raises(ValueError, match=r"coverage must be in \(0, 1\)"):
        model.forecast_interval(coverage=90)
    with pytest.warns(UserWarning, match=r"coverage=0.999 needs at least 999 measured errors, and there are 19"):
        assert np.isinf(model.forecast_interval(coverage=0.999)["upper"]).all()


@pytest.mark.parametrize("steps", [0, 1.5, True, "2"])
def test_the_number_of_steps_is_checked(steps):
    model = WindowForecaster(Ridge(), window=5, horizon=2, calibration=0.2).fit(noise(100))
    for method in ("forecast", "forecast_interval"):
        message = (
            f"The 'steps' parameter of WindowForecaster.{method} must be an int in the range [1, inf). Got {steps!r}"
        )
        with pytest.raises(InvalidParameterError, match=f"^{re.escape(message)} instead"):
            getattr(model, method)(steps)


def test_intervals_are_transformed_back_with_the_forecast():
    passengers = load_airline_passengers(as_frame=True).series
    model = WindowForecaster(Ridge(0.1), window=24, horizon=6, target_transform="log", calibration=0.3).fit(passengers)
    intervals = model.forecast_interval()
    up, down = intervals["upper"] / intervals["forecast"], intervals["forecast"] / intervals["lower"]
    np.testing.assert_allclose(up, down)
    assert (up > 1).all()


def test_backtest_is_fit_forecast_move_on():
    v = noise(60)
    model = WindowForecaster(Ridge(), window=4, horizon=3)
    frame = backtest(model, v, initial=40, step=5, refit=True, season=2).frame
    cutoffs = [v.index[i] for i in (39, 44, 49, 54)]
    assert list(frame["cutoff"].unique()) == cutoffs
    for cutoff in cutoffs:
        part = frame[frame["cutoff"] == cutoff]
        seen = v[:cutoff]
        np.testing.assert_allclose(
            part["forecast"], WindowForecaster(Ridge(), window=4, horizon=3).fit(seen).forecast()
        )
        np.testing.assert_array_equal(part["truth"], v[len(seen) : len(seen) + 3])
        np.testing.assert_array_equal(part["seasonal_naive"], seen.iloc[[-2, -1, -2]])
        assert part["naive_error"].iloc[0] == pytest.approx(np.abs(seen.to_numpy()[2:] - seen.to_numpy()[:-2]).mean())
    kept = backtest(model, v, initial=40, step=5, season=2).frame
    first = model.fit(v[:40]).estimator_
    moved = WindowForecaster(Ridge(), window=4, horizon=3).fit(v[:40]).update(v[40:45])
    np.testing.assert_array_equal(moved.estimator_.coef_, first.coef_)
    np.testing.assert_allclose(kept["forecast"][3:6], moved.forecast())


def test_scores_follow_their_formulas():
    v = noise(60)
    result = backtest(WindowForecaster(Ridge(), window=4, horizon=3), v, initial=40, season=1)
    frame, scores = result.frame, result.scores().loc["forecast"]
    error = frame["truth"] - frame["forecast"]
    assert scores["MAE"] == pytest.approx(error.abs().mean())
    assert scores["RMSE"] == pytest.approx(np.sqrt((error**2).mean()))
    assert scores["MASE"] == pytest.approx((error.abs() / frame["naive_error"]).mean())
    smape = 200 * (error.abs() / (frame["truth"].abs() + frame["forecast"].abs())).mean()
    assert scores["sMAPE"] == pytest.approx(smape)
    assert set(result.scores("step").index.get_level_values("step")) == {1, 2, 3}


def test_backtest_of_a_panel_with_covariates():
    times = pd.date_range("2024-01-01", periods=50, freq="D")
    index = pd.MultiIndex.from_product([["a", "b"], times], names=["id", "time"])
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"x": rng.normal(size=100)}, index=index)
    frame["y"] = 5 * frame["x"] + 0.1 * rng.normal(size=100)
    with_x = WindowForecaster(Ridge(0.1), window=4, horizon=2, target="y", future=["x"], level=None)
    without = WindowForecaster(Ridge(0.1), window=4, horizon=2, level=None)
    good = backtest(with_x, frame, initial=30, step=2).scores("series")
    bad = backtest(without, frame[["y"]], initial=30, step=2).scores("series")
    assert list(good.index.get_level_values("series").unique()) == ["a", "b"]
    assert (good["MAE"].xs("forecast", level="model") < 0.2 * bad["MAE"].xs("forecast", level="model")).all()


def test_backtest_needs_enough_times():
    with pytest.raises(ValueError, match="60 times; initial=59 and horizon=3 need at least 62"):
        backtest(WindowForecaster(Ridge(), window=4, horizon=3), noise(60), initial=59)


@pytest.mark.parametrize(
    "bad", [{"step": 0}, {"initial": 0}, {"initial": 0.5}, {"horizon": -1}, {"season": 0}, {"step": True}], ids=str
)
def test_backtest_names_the_number_that_is_wrong(bad):
    ((name, value),) = bad.items()
    none = " or None" if name == "season" else ""
    message = f"The '{name}' parameter of backtest must be an int in the range [1, inf){none}. Got {value} instead."
    with pytest.raises(InvalidParameterError, match=f"^{re.escape(message)}$"):
        backtest(WindowForecaster(Ridge(), window=4), noise(60), **{"initial": 40, **bad})


def test_scores_of_a_single_series_have_its_row():
    result = backtest(WindowForecaster(Ridge(), window=4), noise(60), initial=40)
    assert result.scores("series")["MAE"].tolist() == result.scores()["MAE"].tolist()
    with pytest.raises(ValueError, match="by='bogus' is not a column of the frame, which has"):
        result.scores("bogus")


def test_backtest_of_series_with_two_names():
    index = pd.MultiIndex.from_product([["a", "b"], [1, 2], pd.date_range("2024", periods=30)])
    data = pd.DataFrame({"v": np.arange(120.0)}, index=index)
    frame = backtest(WindowForecaster(Ridge(1e-9), window=4, horizon=2), data, initial=20, step=4).frame
    assert set(frame["series"]) == {("a", 1), ("a", 2), ("b", 1), ("b", 2)}
    np.testing.assert_allclose(frame["forecast"], frame["truth"], rtol=1e-6)


@pytest.mark.parametrize("transform", ["difference", "seasonal_difference", ["difference", "seasonal_difference"]])
def test_intervals_of_differenced_series_cover_what_they_say(transform):
    walk = noise(900).cumsum()
    model = WindowForecaster(Ridge(), window=6, horizon=6, target_transform=transform, season=4, calibration=0.3)
    result = backtest(model, walk, initial=600, step=1, coverage=0.8)
    by_step = result.scores("step")["coverage"].xs("forecast", level="model")
    assert (abs(by_step - 0.8) < 0.08).all()


def test_settled_forecasts_replace_the_oldest_errors():
    v = noise(300)
    model = WindowForecaster(Ridge(), window=5, horizon=3, calibration=0.3).fit(v[:250])
    before, scale = model.calibration_errors_, np.abs(v[:250] - v[:250].mean()).mean()
    moving = WindowForecaster(Ridge(), window=5, horizon=3).fit(v[:250])
    errors = []
    for end in range(250, 290):
        errors.append(np.abs(moving.forecast().to_numpy() - v[end : end + 3].to_numpy())[:, None] / scale)
        moving.update(v[end : end + 1])
    model.update(v[250:270]).update(v[270:292])
    after = model.calibration_errors_
    assert after.shape == before.shape
    np.testing.assert_allclose(after[-40:], errors)
    np.testing.assert_array_equal(after[:-42], before[42:])  # two windows before the end of fit were settled, too


def test_intervals_follow_a_drift():
    rng = np.random.default_rng(0)
    values = rng.normal(size=1500) * np.r_[np.ones(1000), np.full(500, 3.0)]
    v = pd.Series(values, index=pd.RangeIndex(1500), name="v")
    model = WindowForecaster(Ridge(), window=5, horizon=1, calibration=0.2)
    frame = backtest(model, v, initial=1000, coverage=0.9).frame
    inside = frame["truth"].between(frame["lower"], frame["upper"])
    assert inside[:40].mean() < 0.75
    assert inside[250:].mean() > 0.85

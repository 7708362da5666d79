"""The spread of each window: a series ten times as large has a forecast ten times as large, to rounding."""

import numpy as np
import pandas as pd
import pytest
from recorder import Recorder
from sklearn.base import clone
from sklearn.impute import SimpleImputer
from sklearn.linear_model import Ridge
from sklearn.pipeline import make_pipeline
from sklearn.tree import DecisionTreeRegressor

from skrnn import RNNRegressor, WindowForecaster, backtest

FACTOR, CONSTANT = 8.0, 300.0
REGRESSORS = {
    "ridge": Ridge(0.1),
    "trees": DecisionTreeRegressor(max_depth=4),
    "net": RNNRegressor(hidden_size=4, max_iter=3, random_state=0),
}


def series(n=160, seed=0):
    rng = np.random.default_rng(seed)
    t = np.arange(n)
    return pd.Series(20 + 0.05 * t + 3 * np.sin(t * np.pi / 6) + rng.normal(size=n), name="v")


def later(values):
    """The same values a gap later, moved and stretched: what was learnt before must fit them."""
    return pd.Series(FACTOR * values.to_numpy() + CONSTANT, index=values.index + 1000, name=values.name)


def stretched(model, values):
    """Forecast of the values, in what they are made of by `later`, and of the values themselves."""
    fitted = clone(model).fit(values)
    plain = fitted.forecast(6).to_numpy()
    return fitted.update(later(values[-60:])).forecast(6).to_numpy(), FACTOR * plain + CONSTANT


@pytest.mark.parametrize("level", ["last", "mean"])
@pytest.mark.parametrize("strategy", ["direct", "recursive"])
@pytest.mark.parametrize("name", REGRESSORS)
def test_a_series_times_a_factor_plus_a_constant(name, strategy, level):
    model = WindowForecaster(REGRESSORS[name], window=18, horizon=4, strategy=strategy, level=level)
    tolerance = {"rtol": 1e-5 if name == "net" else 1e-9}  # nets read in single precision
    found, expected = stretched(clone(model).set_params(spread="std"), series())
    np.testing.assert_allclose(found, expected, **tolerance)
    found, expected = stretched(model, series())
    assert abs(found / expected - 1).max() > 1e-4  # the control: without a spread


@pytest.mark.parametrize("transform", ["difference", "seasonal_difference", ["difference", "seasonal_difference"]])
def test_differences_are_stretched_too(transform):
    settings = {"window": 18, "horizon": 4, "target_transform": transform, "season": 12}
    found, expected = stretched(WindowForecaster(Ridge(0.1), spread="std", **settings), series())
    np.testing.assert_allclose(found, expected, rtol=1e-9)
    found, expected = stretched(WindowForecaster(Ridge(0.1), **settings), series())
    assert abs(found / expected - 1).max() > 1e-6


def test_powers_are_stretched_after_a_logarithm():
    values = np.exp(series() / 20)
    model = WindowForecaster(Ridge(0.1), window=18, horizon=4, target_transform="log", spread="std").fit(values)
    plain = model.forecast(6)
    squares = pd.Series(5 * values.to_numpy() ** 2, index=values.index + 1000, name="v")
    np.testing.assert_allclose(model.update(squares).forecast(6), 5 * plain**2, rtol=1e-9)


@pytest.mark.parametrize("level", ["last", "mean", None])
def test_windows_are_divided_by_their_distance_from_the_level(level):
    v = series(60)
    holes = v.copy()
    holes.iloc[[20, 21, 40]] = np.nan
    model = WindowForecaster(Recorder(value=1.0), window=8, horizon=3, level=level, spread="std").fit(holes)
    values = (holes - holes.mean()) / (holes - holes.mean()).abs().mean()
    rows = 0
    for i in range(60 - 10):
        window, after = values[i : i + 8].to_numpy(), values[i + 8 : i + 11].to_numpy()
        if np.isnan(after).any():
            continue
        known = window[~np.isnan(window)]
        base = {"last": known[-1], "mean": known.mean(), None: 0.0}[level]
        width = np.sqrt(np.mean((known - base) ** 2))
        np.testing.assert_allclose(model.estimator_.X_[rows], (window - base) / width, atol=1e-9)
        np.testing.assert_allclose(model.estimator_.y_[rows], (after - base) / width, atol=1e-9)
        rows += 1
    assert rows == model.n_samples_
    newest = v[-8:]
    base = {"last": newest.iloc[-1], "mean": newest.mean(), None: holes.mean()}[level]
    np.testing.assert_allclose(model.forecast(), base + np.sqrt(np.mean((newest - base) ** 2)))


def test_flat_windows_keep_a_part_of_the_spread_of_the_series():
    v = series(120)
    v.iloc[40:70] = 25.0
    model = WindowForecaster(Recorder(value=1.0), window=8, horizon=1, spread="std").fit(v)
    scale = (v - v.mean()).abs().mean()
    assert model.estimator_.y_[70 - 8] == pytest.approx((v[70] - 25.0) / (0.1 * scale))
    flat = pd.Series(7.1, index=range(40))
    np.testing.assert_allclose(WindowForecaster(Ridge(), window=5, horizon=3, spread="std").fit(flat).forecast(), 7.1)


def test_rows_that_are_all_missing_have_no_spread():
    v = series(80)
    v.iloc[60:] = np.nan
    model = WindowForecaster(make_pipeline(SimpleImputer(), Ridge()), window=8, horizon=2, spread="std").fit(v)
    assert np.isfinite(model.forecast()).all()


def growing(n=300):
    """Two series whose swings and noise grow a hundredfold."""
    parts = {}
    for seed in range(2):
        rng, t = np.random.default_rng(seed), np.arange(n)
        size = np.exp(np.log(100) * t / n)
        parts["ab"[seed]] = pd.DataFrame(
            {"y": size * (5 + 2 * np.sin(t * np.pi / 6 + seed) + 0.3 * rng.normal(size=n))}
        )
    return pd.concat(parts, names=["id", "t"])


def test_panels_that_grow_are_forecast_better_and_their_intervals_grow():
    model = WindowForecaster(Ridge(), window=24, horizon=6, calibration=0.3, spread="std")
    results = [
        backtest(clone(model).set_params(spread=spread), growing(), initial=200, step=6, season=12, coverage=0.8)
        for spread in ("std", None)
    ]
    with_spread, without = (result.scores().loc["forecast", "MAE"] for result in results)
    assert with_spread < 0.95 * without
    assert abs(results[0].scores().loc["forecast", "coverage"] - 0.8) < 0.1
    width = (results[0].frame["upper"] - results[0].frame["lower"]).groupby(results[0].frame["cutoff"]).mean()
    assert width.iloc[-1] > 2 * width.iloc[0]


def test_intervals_are_stretched_with_the_forecast():
    v = series()
    model = WindowForecaster(Ridge(), window=18, horizon=4, calibration=0.3, spread="std").fit(v)
    plain, before, measured = model.forecast_interval(coverage=0.8), model.calibration_errors_, model._calibration
    model.update(later(v[-60:]))
    assert model.calibration_errors_.shape == before.shape
    assert not np.array_equal(model.calibration_errors_, before)
    model._calibration = measured
    np.testing.assert_allclose(model.forecast_interval(coverage=0.8), FACTOR * plain + CONSTANT, rtol=1e-9)


def test_settled_errors_are_in_units_of_their_window():
    v = series()
    model = WindowForecaster(Ridge(), window=18, horizon=2, calibration=0.3, spread="std").fit(v[:150])
    forecast, window = model.forecast().to_numpy(), v[132:150].to_numpy()
    unit = np.sqrt(np.mean((window - window[-1]) ** 2))
    settled = model.update(v[150:152]).calibration_errors_[-1, :, 0]
    np.testing.assert_allclose(settled, np.abs(v[150:152].to_numpy() - forecast) / unit)


def test_channels_have_spreads_of_their_own():
    v = series()
    frame = pd.DataFrame({"u": v, "w": 1e-3 * v - 5})
    model = WindowForecaster(Ridge(0.1), window=18, horizon=4, channel_independent=True, spread="std").fit(frame)
    forecast = model.forecast()
    np.testing.assert_allclose(forecast["w"], 1e-3 * forecast["u"] - 5, rtol=1e-9)
    both = WindowForecaster(Ridge(0.1), window=18, horizon=4, spread="std").fit(frame).forecast()
    np.testing.assert_allclose(both["w"], 1e-3 * both["u"] - 5, rtol=1e-9)


def test_score_and_covariates_go_with_a_spread():
    v = series()
    frame = pd.DataFrame({"v": v, "x": np.cos(np.arange(160.0)), "z": 1.0})
    settings = {"target": "v", "future": ["x"], "static": ["z"], "spread": "std"}
    model = WindowForecaster(Ridge(0.1), window=18, horizon=4, **settings).fit(frame[:120])
    assert model.score(frame[120:]) > 0.5
    assert len(model.forecast(6, future=frame[["x"]])) == 6

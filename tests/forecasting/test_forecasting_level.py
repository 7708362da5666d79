"""What is taken off the targets of a window, and how the forecaster chooses it where windows are few."""

import numpy as np
import pandas as pd
import pytest
from sklearn.dummy import DummyRegressor
from sklearn.linear_model import Ridge

from skrnn import RNNRegressor, WindowForecaster
from skrnn.forecasting._features import Units, take_units


def monthly(values):
    return pd.Series(values, index=pd.date_range("2015-01-31", periods=len(values), freq="ME"))


def yearly_pattern(n, noise, seed=0):
    months = np.arange(n)
    pattern = np.random.default_rng(99).normal(size=12)
    return monthly(10.0 * pattern[months % 12] + noise * np.random.default_rng(seed).normal(size=n))


def nothing(horizon):
    """A regressor that has learnt nothing: its forecast is the level."""
    return DummyRegressor(strategy="constant", constant=np.zeros(horizon))


@pytest.mark.parametrize("horizon", [5, 12, 30])
def test_the_level_of_a_season_is_the_seasonal_naive_forecast(horizon):
    series = yearly_pattern(90, 1.0)
    model = WindowForecaster(nothing(horizon), window=15, horizon=horizon, level="season").fit(series)
    repeated = series.to_numpy()[-12:][np.arange(40) % 12]
    np.testing.assert_allclose(model.forecast(horizon), repeated[:horizon])
    np.testing.assert_allclose(model.forecast(40), repeated)  # beyond the horizon it goes on from itself
    earlier = series[:70]
    np.testing.assert_allclose(model.forecast(3, history=earlier), earlier.to_numpy()[-12:-9])


def test_a_value_that_is_missing_a_season_before_is_the_newest_one():
    window = np.arange(15.0)[None, :, None].copy()
    window[0, 4] = np.nan  # a season of 12 before the second step
    units = take_units(window, 1, Units("season", None, 12, 3))
    np.testing.assert_array_equal(units.level[0, :, 0], [3.0, 14.0, 5.0])
    np.testing.assert_array_equal(window[0, -2:, 0], [-1.0, 0.0])
    np.testing.assert_array_equal(units.undo(np.ones((1, 3, 1)))[0, :, 0], [4.0, 15.0, 6.0])


def test_a_window_that_is_shorter_than_the_season_is_refused():
    with pytest.raises(ValueError, match=r"level='season'.*window=6 is shorter than the season of 12 steps. Widen"):
        WindowForecaster(Ridge(), window=6, level="season").fit(yearly_pattern(60, 1.0))


def test_the_window_that_is_chosen_holds_the_season_that_is_asked_for():
    short = yearly_pattern(21, 1.0)
    assert WindowForecaster(Ridge(), horizon=3).fit(short).window_ < 12
    assert WindowForecaster(Ridge(), horizon=3, level="season", season=12).fit(short).window_ == 12
    with pytest.raises(ValueError, match=r"window=12 and horizon=14 need at least 26"):
        WindowForecaster(Ridge(), horizon=14, level="season", season=12).fit(short)


RNG = np.random.default_rng(3)
FEW = {
    "last": monthly(np.cumsum(RNG.normal(size=60))),
    "mean": monthly(RNG.normal(size=60)),
    "season": yearly_pattern(60, 3.0),
}


@pytest.mark.parametrize("level", FEW)
def test_few_windows_are_measured_against_forecasts_that_learn_nothing(level):
    model = WindowForecaster(horizon=12).fit(FEW[level])
    assert model.level_ == level
    assert WindowForecaster(Ridge(), horizon=12).fit(FEW[level]).level_ == "last"
    assert WindowForecaster(horizon=12, level="last").fit(FEW[level]).level_ == "last"


def test_many_windows_and_what_a_linear_model_says_better_keep_the_newest_value():
    assert WindowForecaster(horizon=1).fit(yearly_pattern(200, 3.0)).level_ == "last"
    trend = monthly(np.arange(60) * 1.0 + np.random.default_rng(0).normal(size=60) * 0.1)
    net = RNNRegressor(hidden_size=2, early_stopping=True, random_state=0)
    assert WindowForecaster(net, horizon=12).fit(trend).level_ == "last"


def start(**options):
    return RNNRegressor(hidden_size=2, init="linear", max_iter=1, learning_rate=1e-30, random_state=0, **options)


def test_the_level_does_not_depend_on_the_units_of_covariates():
    rng, months = np.random.default_rng(9), np.arange(60)
    walk = np.cumsum(rng.normal(size=60))
    values = 6 * rng.normal(size=12)[months % 12] + 2 * walk + 2 * rng.normal(size=60)
    frame = pd.DataFrame({"value": values, "walk": walk}, index=monthly(values).index)
    found = [
        WindowForecaster(start(), horizon=12, past=["walk"]).fit(frame.assign(walk=frame.walk * unit)).level_
        for unit in (1, 1e-4, 1e6)
    ]
    assert found == ["last"] * 3


def test_series_without_a_weight_have_no_say():
    panel = pd.concat({"seasonal": FEW["season"], "walk": FEW["last"]})
    for weights, level in (((1, 0), "season"), ((0, 1), "last")):
        model = WindowForecaster(start(), horizon=12, season=12, window=24, spread=None)
        assert model.fit(panel, sample_weight=dict(zip(["seasonal", "walk"], weights, strict=True))).level_ == level


def test_series_that_are_too_short_leave_the_gap_in_front_of_the_validation_as_it_is():
    alone = pd.concat({"long": FEW["season"]})
    beside = pd.concat({"long": FEW["season"], **{f"short {n}": FEW["last"][:5] for n in range(5)}})
    fits = [WindowForecaster(start(), horizon=12, season=12, window=24).fit(data) for data in (alone, beside)]
    assert [fit.estimator_.validation_gap for fit in fits] == [11, 11]
    assert fits[0].level_ == fits[1].level_ == "season"


def test_a_short_seasonal_series_is_forecast_no_worse_than_by_repeating_it():
    """Means over 20 series of 48 months, of what a network starts from."""
    ratios = {"auto": [], "last": []}
    for seed in range(20):
        series = yearly_pattern(60, 3.0, seed)
        past, future = series[:48], series[48:].to_numpy()
        naive = np.abs(past.to_numpy()[-12:] - future).mean()
        for level, found in ratios.items():
            net = RNNRegressor(hidden_size=8, init="linear", max_iter=1, learning_rate=1e-30, random_state=0)
            forecast = WindowForecaster(net, horizon=12, level=level).fit(past).forecast(12).to_numpy()
            found.append(np.abs(forecast - future).mean() / naive)
    assert np.mean(ratios["auto"]) < 1.05
    assert np.mean(ratios["last"]) > np.mean(ratios["auto"]) + 0.05


@pytest.mark.parametrize("role", ["past", "future", "static"])
@pytest.mark.parametrize("absent", [[], [40, 41], [75]])
def test_few_windows_with_a_column_of_texts_and_absent_rows(role, absent):
    """A row that is absent has no category; ridge regression ended in an error of its arithmetic."""
    rng, t = np.random.default_rng(0), np.arange(80)
    texts = np.repeat("north", 80) if role == "static" else rng.choice(["wet", "dry"], 80)
    frame = pd.DataFrame({"y": np.sin(t) + rng.normal(size=80), "c": texts}, pd.date_range("2024", periods=80))
    fitted = WindowForecaster(window=7, horizon=3, target="y", **{role: ["c"]}).fit(frame.drop(frame.index[absent]))
    assert fitted.level_ in ("last", "mean", "season")
    assert fitted.n_filled_ == len(absent)


def test_an_absent_row_changes_the_choice_no_more_than_a_missing_text():
    rng = np.random.default_rng(0)
    index = pd.date_range("2024", periods=80)
    frame = pd.DataFrame({"y": rng.normal(size=80), "c": rng.choice(["wet", "dry"], 80)}, index)
    frame.iloc[40] = [np.nan, None]
    model = WindowForecaster(window=7, horizon=3, target="y", past=["c"])
    missing, absent = model.fit(frame).forecast(), model.fit(frame.drop(index[40])).forecast()
    pd.testing.assert_frame_equal(missing, absent, check_freq=False)

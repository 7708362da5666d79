"""The units in which a network learns a panel, where nothing is said: chosen by ridge regression, so without chance."""

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import Ridge
from sklearn.preprocessing import KBinsDiscretizer

from skrnn import RNNRegressor, WindowForecaster

NET = RNNRegressor(loss="absolute_error", hidden_size=4, max_iter=2, early_stopping=False, random_state=0)


def walk(swells, n=240, seed=0, base=0.0):
    """A season that swells twenty-fold and goes down again, with its noise; or a slow rise behind even noise."""
    rng, t = np.random.default_rng(seed), np.arange(n)
    size = np.exp(3 * np.sin(t * np.pi / 60 + seed))
    season = 2 * np.sin(t * np.pi / 6) + 0.5 * rng.normal(size=n)
    return size * (base + season) if swells else 500 + 0.5 * t + 5 * rng.normal(size=n)


def panel(**parts):
    parts = {key: pd.DataFrame({"y": values}) for key, values in parts.items()}
    return pd.concat(parts, names=["id", "t"])


def chosen(data, regressor=NET, sample_weight=None, **parameters):
    fitted = WindowForecaster(regressor, window=24, horizon=6, **parameters).fit(data, sample_weight=sample_weight)
    return fitted.spread_, fitted.target_transform_


SWELLING = panel(a=walk(True), b=walk(True, seed=1))
EVEN = panel(a=walk(False), b=walk(False, seed=1))


def test_panels_that_swell_are_divided_by_their_spread_and_others_are_not():
    assert chosen(SWELLING) == ("std", ())
    assert chosen(EVEN) == (None, ())


@pytest.mark.parametrize("seed", range(3))
def test_chance_has_no_part_in_it(seed):
    untrained = RNNRegressor(loss="absolute_error", hidden_size=1, max_iter=1, learning_rate=0.5, random_state=seed)
    assert chosen(SWELLING, untrained) == ("std", ())
    assert chosen(EVEN, untrained) == (None, ())


def test_no_network_is_fitted_for_it(monkeypatch):
    fits, fit = [], RNNRegressor.fit

    def counted(self, *args, **kwargs):
        fits.append(self)
        return fit(self, *args, **kwargs)

    monkeypatch.setattr(RNNRegressor, "fit", counted)
    assert chosen(SWELLING) == ("std", ())
    assert len(fits) == 1


def test_weights_count():
    both = panel(a=walk(True), b=walk(False), c=walk(True, seed=1), d=walk(False, seed=1))
    for little in (0.0, 1e-6):
        assert chosen(both, sample_weight={"a": 1.0, "b": little, "c": 1.0, "d": little}) == ("std", ())
        assert chosen(both, sample_weight={"a": little, "b": 1.0, "c": little, "d": 1.0}) == (None, ())
    one = {"a": 1.0, "b": 0.0, "c": 0.0, "d": 0.0}
    assert chosen(both, sample_weight=one) == chosen(panel(a=walk(True)))


def test_weights_count_for_roots():
    rng, t = np.random.default_rng(0), np.arange(480)
    level = 12 + 5 * np.sin(t * np.pi / 150) + 3 * np.sin(t * np.pi / 6)
    both = panel(a=(level + 0.2 * rng.normal(size=480)) ** 2, b=50 + level + 0.2 * rng.normal(size=480))
    assert chosen(both, spread=None, sample_weight={"a": 1.0, "b": 0.0}) == (None, ("signed_sqrt",))
    assert chosen(both, spread=None, sample_weight={"a": 0.0, "b": 1.0}) == (None, ())
    a = both.loc["a", "y"]
    steady = pd.Series(np.where(t < 240, 50 + level + 0.2 * rng.normal(size=480), a))  # roots from the middle on
    assert chosen(steady, half_life=None) != chosen(steady, sample_weight=np.where(t < 240, 1.0, 0.0))


@pytest.mark.parametrize("factor", [1e-3, 1e3])
def test_the_size_of_a_series_does_not_matter(factor):
    others = panel(a=walk(True), b=walk(True, seed=1), c=factor * walk(False))
    assert chosen(others)[0] == chosen(panel(a=walk(True), b=walk(True, seed=1), c=walk(False)))[0] == "std"


def test_a_series_that_is_hard_to_forecast_does_not_decide_for_all():
    """Its errors are larger than those of the two others together, and smaller without a spread."""
    rng, t = np.random.default_rng(3), np.arange(240)
    hard = np.sign(np.sin(t * np.pi / 5.3)) * 3 + 1.5 * rng.standard_t(2, size=240)
    assert chosen(panel(a=walk(True), b=walk(True, seed=1), c=hard)) == ("std", ())
    assert chosen(panel(c=hard, d=hard)) == (None, ())


@pytest.mark.parametrize("base", [4.0, 6.0, 12.0])
def test_one_of_both_is_enough(base):
    """Of values that are never negative, so that roots may be taken."""
    above = panel(a=walk(True, base=base), b=walk(True, seed=1, base=base))
    assert above["y"].min() > 0
    spread, roots = chosen(above)
    assert (spread is None) == (roots == ("signed_sqrt",))
    assert chosen(above, spread=None) == (None, ("signed_sqrt",))


def test_few_windows_stay_as_they_are():
    assert chosen(panel(a=walk(True, 45), b=walk(True, 45, 1))) == (None, ())


def test_missing_values_everywhere_hide_nothing():
    holes, steady = SWELLING.copy(), panel(a=walk(False), b=walk(False, seed=1))
    holes.iloc[::6] = steady.iloc[::6] = np.nan  # no window without a missing value
    assert chosen(holes) == chosen(SWELLING) == ("std", ())
    assert chosen(steady) == (None, ())


def test_given_transformations_stay():
    difference = {"target_transform": "seasonal_difference", "season": 12}
    assert chosen(SWELLING, **difference) == ("std", ("seasonal_difference",))
    assert chosen(EVEN, spread=None, **difference) == (None, ("seasonal_difference",))


@pytest.mark.parametrize("better", [(None, ()), ("std", ()), (None, ("signed_sqrt",))])
def test_the_smallest_error_decides(monkeypatch, better):
    from skrnn.forecasting import _units

    def errors(views, older, newest, *rest):
        return np.full(len(newest.ends), 1.0 + ((views.setup.spread, views.setup.transforms) != better))

    monkeypatch.setattr(_units, "_errors", errors)
    assert chosen(panel(a=walk(True, base=6.0), b=walk(True, seed=1, base=6.0))) == better


def test_a_transformer_that_makes_sparse_matrices_is_refused():
    series = pd.Series(np.arange(40.0))
    with pytest.raises(ValueError, match="makes a sparse matrix, and targets are numbers in columns"):
        WindowForecaster(Ridge(), window=4, target_transform=KBinsDiscretizer(4)).fit(series)
    dense = KBinsDiscretizer(20, encode="ordinal")
    assert WindowForecaster(Ridge(), window=4, target_transform=dense).fit(series).forecast(1).notna().all()

"""Rows with some of several targets missing: what is known of them counts, and what is not does nothing."""

import numpy as np
import pandas as pd
import pytest
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.linear_model import Ridge
from sklearn.metrics import r2_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skrnn import RNNRegressor
from skrnn.objectives import (
    AbsoluteError,
    HuberLoss,
    MiniBatch,
    Objective,
    PoissonDeviance,
    QuantileLoss,
    SquaredError,
)

RNG = np.random.default_rng(0)
X = RNG.normal(size=(90, 6, 2))
Y = np.stack([X[:, -1, 0] + 1, 50 * X[:, -2, 1] - 700, X.sum(axis=(1, 2)) + 3], axis=1)
HOLES = np.where(RNG.uniform(size=Y.shape) < 0.2, np.nan, Y)
HOLES[[3, 40, 41]] = np.nan
SOME = ~np.isnan(HOLES).all(axis=1)

KINDS = {
    "plain": {},
    "linear start": {"init": "linear"},
    "early stopping": {"early_stopping": True, "init": "linear"},
    "quantiles": {"loss": "quantile", "quantile": [0.2, 0.5]},
    "absolute error": {"loss": "absolute_error"},
    "no scaling": {"scaling": None},
    "torch": {"engine": "torch"},
    "level of the window": {"scaling": "window", "target_feature": [0, 1, 0]},
}


def net(**parameters):
    return RNNRegressor(hidden_size=5, max_iter=4, random_state=0, **parameters)


@pytest.mark.parametrize("kind", KINDS)
def test_a_row_without_targets_is_no_row(kind):
    whole = net(**KINDS[kind]).fit(X, HOLES)
    without = net(**KINDS[kind]).fit(X[SOME], HOLES[SOME])
    for name, weights in whole.weights_.items():
        np.testing.assert_array_equal(weights, without.weights_[name])
    np.testing.assert_array_equal(whole.predict(X), without.predict(X))
    assert np.isfinite(whole.predict(X)).all()


LOSSES = [SquaredError(), AbsoluteError(), HuberLoss(), PoissonDeviance(), QuantileLoss((0.3, 0.8))]


@pytest.mark.parametrize("gain", [False, True])
@pytest.mark.parametrize("loss", LOSSES, ids=lambda loss: type(loss).__name__)
def test_a_missing_target_has_no_loss_and_no_gradient(loss, gain):
    targets = np.where(RNG.uniform(size=(20, 3)) < 0.3, np.nan, RNG.uniform(0.5, 2, size=(20, 3)))
    outputs = RNG.normal(size=(20, loss.n_outputs(3)))
    factors = RNG.uniform(1, 2, size=(20, 3)) if gain else None
    lengths = np.ones(20, int)

    def of(values):
        return loss.loss(outputs, MiniBatch(np.zeros((20, 1, 1)), lengths, values, factors))

    value, gradient = of(targets)
    parts = [of(np.where(np.arange(3) == k, targets, np.nan)) for k in range(3)]
    np.testing.assert_allclose(value, sum(part[0] for part in parts), rtol=1e-12)
    np.testing.assert_allclose(gradient, sum(part[1] for part in parts), rtol=1e-12)
    by_target, missing = gradient.reshape(20, 3, -1), np.isnan(targets)
    assert (by_target[missing] == 0).all()
    expected = of(np.where(missing, 1.0, targets))[1].reshape(20, 3, -1)
    np.testing.assert_array_equal(by_target[~missing], expected[~missing])


@pytest.mark.parametrize("kind", ["plain", "linear start"])
def test_statistics_are_those_of_known_values(kind):
    scaling = net(**{**KINDS[kind], "early_stopping": False}).fit(X, HOLES)._fitted.scalings.targets
    np.testing.assert_allclose(scaling.mean, np.nanmean(HOLES, axis=0), rtol=1e-4)
    np.testing.assert_allclose(scaling.scale, np.nanstd(HOLES, axis=0), rtol=1e-4)


def test_a_linear_start_is_a_ridge_regression_on_the_rows_of_each_target():
    exact = RNNRegressor(hidden_size=2, max_iter=1, learning_rate=1e-9, init="linear", random_state=0).fit(X, HOLES)
    np.testing.assert_allclose(exact.predict(X), Y, atol=1e-3 * np.ptp(Y, axis=0).max())
    for k in range(3):
        known = ~np.isnan(HOLES[:, k])
        single = RNNRegressor(hidden_size=2, max_iter=1, learning_rate=1e-9, init="linear", random_state=0)
        expected = single.fit(X[known], HOLES[known, k]).predict(X)
        np.testing.assert_allclose(exact.predict(X)[:, k], expected, rtol=1e-2, atol=1e-2 * np.ptp(Y[:, k]))


def test_what_is_known_is_learnt():
    fitted = RNNRegressor(hidden_size=16, max_iter=150, learning_rate=1e-2, random_state=0).fit(X, HOLES)
    complete = ~np.isnan(HOLES).any(axis=1)
    assert fitted.score(X, HOLES) > 0.9
    assert fitted.score(X, HOLES[:]) == pytest.approx(
        np.mean([r2_score(Y[k, j], fitted.predict(X)[k, j]) for j in range(3) for k in [~np.isnan(HOLES[:, j])]])
    )
    assert fitted.score(X[complete], HOLES[complete]) == pytest.approx(
        r2_score(Y[complete], fitted.predict(X[complete]))
    )


def test_partial_fit_and_warm_start_go_on():
    model = net().partial_fit(X, Y).partial_fit(X, HOLES)
    assert np.isfinite(model.predict(X)).all()
    assert np.isfinite(net(warm_start=True).fit(X, HOLES).fit(X, HOLES).predict(X)).all()


class Own(Objective):
    def n_outputs(self, n_targets):
        return n_targets

    def loss(self, outputs, batch):
        error = outputs - batch.targets
        return (error**2).mean(axis=1), 2 * error / error.shape[1]

    def decode(self, outputs):
        return outputs


NOWHERE = np.column_stack([Y[:, 0], np.full(90, np.nan)])


def test_a_target_that_is_known_from_an_earlier_fit_may_be_missing_later():
    both = Y[:, :2]
    fitted = net().fit(X, both)
    assert fitted.score(X, NOWHERE) == pytest.approx(r2_score(both[:, 0], fitted.predict(X)[:, 0]))
    watched = net().fit(X, both, X_val=X, y_val=NOWHERE)
    assert np.isfinite(watched.best_loss_)
    again = net(warm_start=True).fit(X, both).fit(X, NOWHERE)
    assert np.isfinite(again.predict(X)).all()
    before = fitted.predict(X)
    fitted.partial_fit(X, NOWHERE)
    assert (fitted.predict(X)[:, 0] != before[:, 0]).any()
    for refused in (
        lambda: fitted.score(X, NOWHERE * np.nan),
        lambda: fitted.partial_fit(X, NOWHERE * np.nan),
        lambda: net().fit(X, both, X_val=X, y_val=NOWHERE * np.nan),
    ):
        with pytest.raises(ValueError, match=r"Input y contains NaN: no row has a target. Give it some values"):
            refused()


@pytest.mark.parametrize("known", [0, 89])
def test_a_target_needs_a_value_where_it_is_learnt_from(known):
    """A weight of 0 and the part that validates hide what is there."""
    once = np.where(np.arange(90) == known, Y[:, 1], np.nan)
    weights = np.where(np.arange(90) == known, 0.0, 1.0)
    with pytest.raises(ValueError, match="target 1 has no value in any row to train on"):
        net(early_stopping=False).fit(X, np.column_stack([Y[:, 0], once]), sample_weight=weights)
    if known == 89:
        with pytest.raises(ValueError, match="held out for early stopping"):
            net(early_stopping=True).fit(X, np.column_stack([Y[:, 0], once]))


def test_what_cannot_be_is_named():
    with pytest.raises(ValueError, match=r"target 1 has no value in any row to train on .*Drop it, or give it some"):
        net().fit(X, NOWHERE)
    with pytest.raises(ValueError, match="target 'rain' has no value in any row to train on"):
        net().fit(X, pd.DataFrame(NOWHERE, columns=["heat", "rain"]))
    with pytest.raises(ValueError, match=r"Input y contains NaN"):
        net().fit(X, HOLES[:, 0])
    with pytest.raises(ValueError, match="a loss of your own does not take"):
        net(loss=Own()).fit(X, HOLES)
    with pytest.raises(ValueError, match="infinity"):
        net().fit(X, np.where(np.isnan(HOLES), np.inf, HOLES))


def test_regressors_of_the_forecaster():
    from skrnn.forecasting._outputs import PerOutput, for_outputs
    from skrnn.forecasting._regressors import takes_missing_targets

    trees = HistGradientBoostingRegressor(max_iter=5)
    model = for_outputs(trees, 3)
    assert takes_missing_targets(model)
    assert isinstance(model, PerOutput)
    assert takes_missing_targets(make_pipeline(StandardScaler(), net()))
    assert not takes_missing_targets(Ridge())
    flat = X.reshape(90, -1)
    for k, estimator in enumerate(model.fit(flat, HOLES).estimators_):
        known = ~np.isnan(HOLES[:, k])
        np.testing.assert_array_equal(
            estimator.predict(flat),
            HistGradientBoostingRegressor(max_iter=5).fit(flat[known], Y[known, k]).predict(flat),
        )
    with pytest.raises(ValueError, match="Step 2 of the forecasts has no known target"):
        model.fit(flat, np.column_stack([Y[:, 0], np.full(90, np.nan)]))

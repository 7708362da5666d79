"""What a start adds, through which no gradient passes: complete, near Shapley values, first at what was planted."""

from math import factorial

import numpy as np
import pytest
from sklearn.ensemble import ExtraTreesClassifier, ExtraTreesRegressor
from sklearn.linear_model import Ridge

from skrnn import RNNClassifier, RNNRegressor
from skrnn.inspection import AttributionDisplay, integrated_gradients
from skrnn.sequences import InputScaling, read_X
from skrnn.training import Shares

rng = np.random.default_rng(0)
SHORT = {"hidden_size": 6, "max_iter": 3, "random_state": 0}


def exact_shapley(values, inputs):
    """Shapley values of the inputs, of whom any may be zero, from the ``values`` of all their coalitions."""
    n = inputs.size
    present = np.arange(2**n)[:, None] >> np.arange(n) & 1
    worth = values(np.where(present, inputs.ravel(), 0.0).reshape(-1, *inputs.shape))
    sizes = present.sum(axis=1)
    shares = np.array([factorial(k) * factorial(n - k - 1) / factorial(n) for k in range(n)])
    found = np.zeros(n)
    for player in range(n):
        without = np.flatnonzero(present[:, player] == 0)
        found[player] = shares[sizes[without]] @ (worth[without + 2**player] - worth[without])
    return found.reshape(inputs.shape)


@pytest.mark.parametrize("n_features", [1, 2])
def test_the_shares_of_steps_come_near_shapley_values_with_many_orders(n_features, monkeypatch):
    X = rng.normal(size=(30, 12 // n_features, n_features))
    batch, _ = read_X(X, name="E")
    weights = np.ones(30)
    scaling = InputScaling.fit("standard", batch, weights)
    shares = Shares.fit(batch.take(np.arange(4, 30)), scaling, weights[4:])  # a threshold is a value that a row has
    coef = rng.normal(size=shares.n_features)
    inputs, lengths = scaling.gather(batch.take(np.arange(4)), np.float64)
    few = shares.attributed(inputs, lengths, np.tile(coef, (4, 1)))
    monkeypatch.setattr("skrnn.training._shares._ORDERS", 128)
    found = shares.attributed(inputs, lengths, np.tile(coef, (4, 1)))

    def values(rows):
        return shares.features(rows, np.full(len(rows), rows.shape[1])) @ coef

    expected = np.array([exact_shapley(values, row) for row in inputs])
    for parts in (few, found):
        np.testing.assert_allclose(parts.sum(axis=(1, 2)), expected.sum(axis=(1, 2)), rtol=1e-6)
    assert np.corrcoef(found.ravel(), expected.ravel())[0, 1] > 0.98
    assert np.corrcoef(few.ravel(), expected.ravel())[0, 1] > 0.8
    assert np.corrcoef(found[::-1].ravel(), expected.ravel())[0, 1] < 0.8  # those of other sequences


def test_an_estimator_of_the_users_own_has_near_shapley_values():
    X = rng.normal(size=(100, 3, 2))
    y = np.where(X[:, 0, 1] > 0, 2.0 * X[:, 2, 0], 0.0)
    model = RNNRegressor(init=ExtraTreesRegressor(20, random_state=0), early_stopping=True, **SHORT).fit(X, y)
    start, inputs = model._fitted.linear, X[:8]
    found = start.attributed(inputs, np.full(8, 3), np.zeros(8, np.intp))
    expected = np.array(
        [exact_shapley(lambda rows: start.of(rows.reshape(len(rows), -1))[:, 0], row) for row in inputs]
    )
    np.testing.assert_allclose(found.sum(axis=(1, 2)), expected.sum(axis=(1, 2)))
    assert np.corrcoef(found.ravel(), expected.ravel())[0, 1] > 0.95
    assert np.corrcoef(found[::-1].ravel(), expected.ravel())[0, 1] < 0.8


def test_of_an_additive_estimator_they_are_what_it_adds():
    X = rng.normal(size=(60, 4, 2))
    y = X[:, 1, 0] - 2 * X[:, 3, 1] + 0.1 * rng.normal(size=60)
    own, linear = (RNNRegressor(init=init, **SHORT).fit(X, y) for init in (Ridge(1e-3), "linear"))
    values = [np.array(integrated_gradients(model, X).values) for model in (own, linear)]
    np.testing.assert_allclose(values[0], values[1], atol=0.05)


def bump(n, seed, n_steps=90, n_features=2):
    """The class is the form of a bump in one feature, at one place, which are returned too."""
    rng = np.random.default_rng(seed)
    feature, place = int(rng.integers(n_features)), int(rng.integers(10, n_steps - 25))
    X, y = rng.normal(scale=0.3, size=(n, n_steps, n_features)), rng.integers(0, 2, n)
    X[:, place : place + 12, feature] += np.sin(np.linspace(0, 2 * np.pi, 12)) * np.where(y, 2, -2)[:, None]
    return X, y, feature, place


@pytest.mark.parametrize("seed", [*range(2), *(pytest.param(n, marks=pytest.mark.matrix) for n in range(2, 20))])
def test_a_planted_feature_and_lag_is_found_first_with_the_default_classifier(seed):
    X, y, feature, place = bump(86, seed)
    model = RNNClassifier(max_iter=3, random_state=seed).fit(X[:80], y[:80])
    assert model._fitted.init == "minirocket"
    found = integrated_gradients(model, X[80:], n_steps=8)
    assert found.largest_gap < 0.01
    added = np.mean(found.values, axis=0)  # to the class that is predicted
    twelve = np.stack([np.convolve(column, np.ones(12), "valid") for column in added.T])
    at = np.unravel_index(twelve.argmax(), twelve.shape)
    assert at[0] == feature
    assert abs(at[1] - place) <= 4


CASES = {
    "minirocket": ("minirocket", RNNClassifier),
    "a classifier": (ExtraTreesClassifier(10, random_state=0), RNNClassifier),
    "a regressor": (ExtraTreesRegressor(10, random_state=0), RNNRegressor),
    "minirocket of numbers": ("minirocket", RNNRegressor),
}


@pytest.mark.parametrize("ragged", [False, True])
@pytest.mark.parametrize("name", CASES)
def test_they_are_complete_with_every_start(name, ragged):
    init, Estimator = CASES[name]
    X = [rng.normal(size=(n, 2)) for n in (rng.integers(12, 30, 40) if ragged else np.full(40, 20))]
    level = np.array([row[-3:, 0].sum() for row in X])
    y = level if Estimator is RNNRegressor else np.digitize(level, [-1, 1])
    model = Estimator(init=init, **SHORT).fit(X if ragged else np.array(X), y)
    found = integrated_gradients(model, X, n_steps=16)
    assert found.largest_gap < 0.01
    assert [one.shape for one in found.values] == [row.shape for row in X]
    said = model.predict(X) if Estimator is RNNRegressor else model.decision_function(X).max(axis=1)
    np.testing.assert_allclose(found.predictions, said, rtol=1e-6, atol=1e-6)
    assert found.start == ("estimator" if not isinstance(init, str) else init)
    assert "comes from the start" in str(found)
    AttributionDisplay(found).plot(sample=0)


def test_the_parts_of_the_start_and_of_the_network_add_up():
    X = rng.normal(size=(60, 20, 1))
    y = np.tanh(X[:, -1, 0] * X[:, -2, 0])
    model = RNNRegressor(init="linear", early_stopping=False, max_iter=20, random_state=0).fit(X, y)
    found = integrated_gradients(model, X)
    steady = model.predict(X) - found.predictions
    np.testing.assert_allclose(steady, 0, atol=1e-6)
    alone = integrated_gradients(RNNRegressor(init=None, max_iter=3, random_state=0).fit(X, y), X)
    assert alone.start is None
    assert not alone.of_start.any()
    silent = RNNRegressor(init="linear", early_stopping=False, max_iter=1, learning_rate=1e-30, random_state=0)
    found = integrated_gradients(silent.fit(X, y), X)
    np.testing.assert_allclose(found.of_start, found.predictions - found.baselines, rtol=1e-6)
    assert "100% comes from the start, init='linear'" in str(found)

"""What was planted is found first, in every form of X; dependence is that of the function."""

import numpy as np
import pandas as pd
import pytest
from network_alone import REGRESSOR
from sklearn.inspection import permutation_importance as of_tables
from sklearn.linear_model import LinearRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skrnn import RNNClassifier, RNNRegressor
from skrnn.inspection import integrated_gradients, partial_dependence, permutation_importance

rng = np.random.default_rng(0)


class Planted:
    """Predicts a function of one feature at one lag, and shows what it is given."""

    def __init__(self, feature, lag, function=lambda x: x):
        self.feature, self.lag, self.function = feature, lag, function

    def fit(self, X, y):
        return self

    def predict(self, X):
        return np.array(
            [self.function(np.asarray(row).reshape(len(row), -1)[-1 - self.lag, self.feature]) for row in X]
        )

    def score(self, X, y):
        return -float(np.mean((self.predict(X) - y) ** 2))


def planted(seed, n_samples=300, n_steps=8, n_features=3):
    """Noise, and a target that depends on one feature at one lag."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n_samples, n_steps, n_features))
    feature, lag = int(rng.integers(n_features)), int(rng.integers(n_steps))
    return X, 2 * X[:, -1 - lag, feature] + 0.3 * rng.normal(size=n_samples), feature, lag


@pytest.mark.parametrize("seed", range(20))
def test_a_planted_feature_and_lag_is_found_first(seed):
    X, y, feature, lag = planted(seed)
    model = RNNRegressor(max_iter=15, hidden_size=8, random_state=seed).fit(X, y)
    both = permutation_importance(model, X, y, n_repeats=1, random_state=0).importances_mean
    assert np.unravel_index(both.argmax(), both.shape) == (feature, lag)
    mean = np.abs(integrated_gradients(model, X[:50], n_steps=16).values).mean(axis=0)[::-1].T
    assert np.unravel_index(mean.argmax(), mean.shape) == (feature, lag)


@pytest.mark.parametrize("seed", range(3))
def test_a_network_without_a_linear_start_finds_it_too(seed):
    X, y, feature, lag = planted(seed, n_samples=600, n_steps=5)
    model = RNNRegressor(**REGRESSOR, max_iter=30, random_state=seed).fit(X, y)
    for over, place in (("features", feature), ("lags", lag)):
        found = permutation_importance(model, X, y, over=over, n_repeats=2, random_state=0)
        assert found.importances_mean.argmax() == place
    labels = np.where(y > 0, "up", "down")
    classifier = RNNClassifier(max_iter=15, random_state=seed).fit(X, labels)
    found = permutation_importance(classifier, X, labels, random_state=0, scoring="neg_log_loss").importances_mean
    assert np.unravel_index(found.argmax(), found.shape) == (feature, lag)


def test_only_what_counts_has_an_importance():
    X = rng.normal(size=(50, 6, 2))
    model = Planted(1, 2)
    y = model.predict(X)
    found = permutation_importance(model, X, y, n_repeats=3, random_state=0)
    expected = np.zeros((2, 6), bool)
    expected[1, 2] = True
    np.testing.assert_array_equal(found.importances_mean > 0, expected)
    assert found.importances.shape == (2, 6, 3)
    np.testing.assert_allclose(found.importances_std, found.importances.std(axis=-1))
    assert found.score == 0.0


def test_ragged_sequences_are_shuffled_among_those_that_have_the_lag():
    lengths = rng.integers(2, 7, 60)
    X = [rng.normal(size=(n, 2)) for n in lengths]
    y = np.array([row[-4, 0] if len(row) > 3 else 0.0 for row in X])

    class Late(Planted):
        def predict(self, X):
            return np.array([row[-4, 0] if len(row) > 3 else 0.0 for row in X])

    found = permutation_importance(Late(0, 3), X, y, n_repeats=2, random_state=0)
    assert found.importances_mean.shape == (2, 6)
    assert list(zip(*np.nonzero(found.importances_mean), strict=True)) == [(0, 3)]
    # a shuffle among n values of variance s raises the squared error by about 2 s
    count = (lengths > 3).sum()
    assert found.importances_mean[0, 3] == pytest.approx(2 * count / 60 * y[lengths > 3].var(), rel=0.5)


@pytest.mark.parametrize("form", ["array", "frame"])
def test_a_flat_table_is_that_of_scikit_learn(form):
    table = rng.normal(size=(80, 6))
    y = table @ np.array([0.0, 1.0, 0.0, 3.0, 0.5, 0.0])
    X = table if form == "array" else pd.DataFrame(table, columns=list("abcdef"))
    model = LinearRegression().fit(X, y)
    own = permutation_importance(model, X, y, n_repeats=20, random_state=0).importances_mean
    other = of_tables(model, X, y, n_repeats=20, random_state=1).importances_mean
    assert own.shape == (1, 6)
    np.testing.assert_allclose(own[0, ::-1], other, atol=0.1)


def test_columns_fold_into_steps():
    table = rng.normal(size=(100, 12))
    y = table[:, 12 - 2 * 3 + 1]  # feature 1 at lag 1, of steps of three features
    model = RNNRegressor(features_per_step=3, max_iter=10, random_state=0).fit(table, y)
    found = permutation_importance(model, table, y, random_state=0).importances_mean
    assert found.shape == (3, 4)
    assert np.unravel_index(found.argmax(), found.shape) == (1, 1)
    pipeline = make_pipeline(StandardScaler(), LinearRegression()).fit(table, y)
    assert permutation_importance(pipeline, table, y, random_state=0).importances_mean.argmax() == 4


def test_partial_dependence_is_the_function_that_was_planted():
    X = rng.normal(size=(30, 5, 2))
    found = partial_dependence(Planted(1, 2, np.square), X, feature=1, lag=2, grid=[-2.0, 0.5, 3.0])
    np.testing.assert_allclose(found.average, [4.0, 0.25, 9.0])
    other = partial_dependence(Planted(1, 2, np.square), X, feature=0, lag=2, grid_resolution=4)
    np.testing.assert_allclose(other.average, np.full(4, (X[:, 2, 1] ** 2).mean()))
    np.testing.assert_allclose(other.grid_values[[0, -1]], np.quantile(X[:, 2, 0], [0.05, 0.95]))
    before = X.copy()
    assert np.array_equal(X, before)
    with pytest.raises(ValueError, match=r"2 feature\(s\) per step and 5 step\(s\)"):
        partial_dependence(Planted(1, 2), X, feature=2)


def test_dependence_of_probabilities():
    X = rng.normal(size=(60, 4, 1))
    model = RNNClassifier(max_iter=5, random_state=0).fit(X, X[:, -1, 0] > 0)
    found = partial_dependence(model, X, grid=[-2.0, 2.0]).average
    assert found.shape == (2, 2)
    np.testing.assert_allclose(found.sum(axis=1), 1.0)
    assert found[1, 1] > found[0, 1]


def test_the_data_stay_as_they_are():
    X, lists = rng.normal(size=(20, 4, 2)), [rng.normal(size=(3, 2)) for _ in range(20)]
    frame = pd.DataFrame(rng.normal(size=(20, 4)))
    for data in (X, lists, frame):
        before = [np.array(row) for row in (data.to_numpy() if hasattr(data, "columns") else data)]
        model = Planted(0, 0) if data is not frame else LinearRegression().fit(frame, np.zeros(20))
        permutation_importance(model, data, np.zeros(20), n_repeats=1)
        after = data.to_numpy() if hasattr(data, "columns") else data
        assert all(np.array_equal(one, other) for one, other in zip(before, after, strict=True))


def test_what_cannot_be_shuffled():
    with pytest.raises(ValueError, match="no whole number of steps of 5 features"):
        permutation_importance(RNNRegressor(features_per_step=5), np.zeros((3, 12)), np.zeros(3))
    with pytest.raises(ValueError, match="different numbers of features"):
        permutation_importance(Planted(0, 0), [np.zeros((3, 2)), np.zeros((3, 1))], np.zeros(2))
    with pytest.raises(ValueError, match="'over' parameter"):
        permutation_importance(Planted(0, 0), np.zeros((3, 2, 1)), np.zeros(3), over="steps")

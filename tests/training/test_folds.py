"""Ridge regression that is tested on rows apart in time from those that it learns from."""

from itertools import pairwise

import numpy as np
import pytest
from sklearn.linear_model import Ridge

from skrnn import RNNRegressor
from skrnn._ridge import STRENGTHS, InTime, said_by_folds


def overlapping(n, window, horizon, seed=0):
    """Windows of a random walk, and the changes that follow them."""
    walk = np.cumsum(np.random.default_rng(seed).normal(size=n))
    last = np.lib.stride_tricks.sliding_window_view(walk[: n - horizon], window)
    after = np.lib.stride_tricks.sliding_window_view(walk[window:], horizon)[: len(last)]
    return last - last[:, -1:], after - last[:, -1:]


@pytest.mark.parametrize("gap", [0, 3])
def test_each_fold_is_told_by_ridges_of_the_rows_that_are_far_from_it(gap):
    X, y = overlapping(60, 6, 4)
    rng = np.random.default_rng(1)
    shuffled, weights = rng.permutation(len(X)), rng.uniform(0.5, 2.0, len(X))
    when = InTime(shuffled, gap)
    said = said_by_folds(X[shuffled], y[shuffled], weights[shuffled], when)
    assert said.shape == (len(STRENGTHS), *y.shape)
    edges = np.linspace(0, len(X), 6).astype(int)
    for first, last in pairwise(edges):
        learnt = np.r_[: max(first - gap, 0), min(last + gap, len(X)) : len(X)]
        share = weights[learnt] / weights[learnt].sum()
        unit = ((X[learnt] - share @ X[learnt]) ** 2 * share[:, None]).sum() / X.shape[1]
        for number in (0, 10, 20):
            ridge = Ridge(STRENGTHS[number] * unit, solver="svd").fit(X[learnt], y[learnt], share)
            rows = np.flatnonzero((shuffled >= first) & (shuffled < last))
            np.testing.assert_allclose(said[number, rows], ridge.predict(X[shuffled[rows]]), rtol=1e-6, atol=1e-9)


def test_where_no_row_is_far_enough_zero_is_said():
    X, y = overlapping(20, 6, 4)
    zero = np.array([1.0, 2.0, 3.0, 4.0])
    said = said_by_folds(X, y, np.ones(len(X)), InTime(np.arange(len(X)), 50, zero))
    np.testing.assert_array_equal(said, np.broadcast_to(zero, said.shape))


def drift_of(gap):
    """How far what a network starts from moves on a random walk, whose best forecast is no change."""
    X, y = overlapping(70, 8, 12)
    net = RNNRegressor(
        hidden_size=2, init="linear", max_iter=1, learning_rate=1e-30, validation_gap=gap, random_state=0
    )
    return np.abs(net.fit(X, y).predict(X)).mean()


def test_a_network_starts_from_zero_where_overlapping_rows_teach_nothing():
    assert drift_of(gap=11) < 1e-6
    assert drift_of(gap=0) > 0.5  # left out one by one, rows are told by their neighbours


@pytest.mark.parametrize("copied", [slice(54, None), slice(None, 46)], ids=["validation", "training"])
def test_a_part_most_of_whose_rows_are_copies_of_each_other_is_joined_to_the_others(copied):
    """A series that stands still at its end, or at its beginning: one row is kept of the equal ones."""
    X, y = overlapping(69, 6, 4)
    X[copied], y[copied] = X[copied][:1], y[copied][:1]
    options = {"hidden_size": 2, "init": "linear", "max_iter": 1, "learning_rate": 1e-30, "validation_gap": 3}
    nets = [RNNRegressor(**options, early_stopping=True, refit=refit, random_state=0) for refit in (False, True)]
    once, twice = (net.fit(X, y).predict(X) for net in nets)
    np.testing.assert_allclose(once, twice, atol=1e-6)  # both start from a linear model of all rows


def returns_in_turns(n_series, rows=20, window=4, horizon=8):
    """Windows of series that return to 0, and the changes that follow: the first of each, then the second."""
    noise = np.random.default_rng(0).normal(size=(rows, n_series))
    values = np.zeros((rows, n_series))
    for row in range(1, rows):
        values[row] = 0.5 * values[row - 1] + noise[row]
    ends = range(window, rows - horizon + 1)
    X = np.concatenate([values[end - window : end].T for end in ends])
    y = np.concatenate([values[end : end + horizon].T for end in ends])
    return X - X[:, -1:], y - X[:, -1:]


def start_of(X, y, gap):
    net = RNNRegressor(
        hidden_size=2, init="linear", max_iter=1, learning_rate=1e-30, early_stopping=False, validation_gap=gap
    )
    return net.fit(X, y).predict(X)


def test_windows_of_other_series_do_not_tell_on_each_other():
    """Nine windows of a series, each of which overlaps with seven others, teach nothing; those of many series do."""
    X, y = returns_in_turns(48)
    start = start_of(X, y, (7, 48))
    np.testing.assert_array_equal(start, start_of(X, y, 0))  # left out one by one
    assert np.abs(y - start).mean() < 0.9 * np.abs(y).mean()
    assert np.abs(start_of(X, y, 7 * 48) - start).max() > 0.1  # as if all windows in between overlapped
    X, y = returns_in_turns(40)  # of which less than 50 overlap with no other
    np.testing.assert_array_equal(start_of(X, y, (7, 40)), start_of(X, y, 7 * 40))


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_the_training_part_starts_as_all_rows_do(seed):
    """Of all rows more than 50 overlap with no other, of the training part less: of the start of another kind the
    network would learn what the start that it ends with knows.
    """
    X, y = overlapping(435, 8, 8, seed)
    options = {"hidden_size": 2, "init": "linear", "max_iter": 1, "learning_rate": 1e-30, "random_state": 0}
    net = RNNRegressor(**options, early_stopping=True, validation_gap=7)
    _, (validated, rows) = net._fit_validated(X, y)
    n = len(X) - len(rows) - 7
    assert n < 50 * 8 < len(X)
    alone = RNNRegressor(**options, early_stopping=False).fit(X[:n], y[:n])
    np.testing.assert_array_equal(validated.predict(X), alone.predict(X))
    fewer = RNNRegressor(**options, early_stopping=False, validation_gap=7).fit(X[:n], y[:n])
    assert np.abs(fewer.predict(X) - alone.predict(X)).max() > 0.1


def test_rows_without_weight_take_no_place_between_others():
    X, y = returns_in_turns(40)
    start, at = start_of(X, y, (7, 40)), np.repeat(np.arange(len(X)), 3)  # each behind two without weight
    weights = np.tile([0.0, 0.0, 1.0], len(X))
    net = RNNRegressor(
        hidden_size=2, init="linear", max_iter=1, learning_rate=1e-30, early_stopping=False, validation_gap=(7, 40)
    )
    np.testing.assert_array_equal(net.fit(X[at], y[at], weights).predict(X), start)

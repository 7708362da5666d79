"""The ridge that networks start from, beside one that is solved anew for every strength and every row left out."""

import numpy as np
import pytest

from skrnn._ridge import STRENGTHS
from skrnn.training._dense_ridge import fit_dense

RNG = np.random.default_rng(0)


def passes_of(X, size=7):
    chunks = [np.arange(begin, min(begin + size, len(X))) for begin in range(0, len(X), size)]
    return lambda: ((rows, X[rows]) for rows in chunks)


def solved(X, y, weights, strength):
    """Coefficients and intercept of a ridge, from its normal equations."""
    weights = weights / weights.sum()
    mean, y_mean = weights @ X, weights @ y
    A, b = X - mean, y - y_mean
    coef = np.linalg.solve((A.T * weights) @ A + strength * np.eye(X.shape[1]), (A.T * weights) @ b)
    return coef, y_mean - mean @ coef


def left_out(X, y, weights, strength):
    """What the model says of each row without it: the others' weights and the strength stay what they are."""
    weights = weights / weights.sum()
    said = np.empty_like(y)
    for i in range(len(X)):
        others = np.arange(len(X)) != i
        A, w = np.column_stack([X[others], np.ones(len(X) - 1)]), weights[others]
        ridge = np.diag([strength] * X.shape[1] + [0.0])
        said[i] = np.append(X[i], 1.0) @ np.linalg.solve((A.T * w) @ A + ridge, (A.T * w) @ y[others])
    return said


@pytest.mark.parametrize(("n", "d", "k"), [(40, 5, 1), (40, 5, 3), (40, 5, 90), (12, 30, 1), (12, 30, 4), (12, 30, 50)])
def test_the_strength_is_the_best_of_all_and_rows_are_left_out(n, d, k):
    X, weights = RNG.normal(size=(n, d)) + 3.0, RNG.uniform(0.5, 2.0, n)
    y = X[:, :2] @ RNG.normal(size=(2, k)) + RNG.normal(size=(n, k))
    coef, intercept, unseen = fit_dense(passes_of(X), y, weights, d, None)
    mean = weights / weights.sum() @ X
    strengths = STRENGTHS * ((X - mean) ** 2 * (weights / weights.sum())[:, None]).sum() / d
    said = [left_out(X, y, weights, strength) for strength in strengths]
    errors = [weights @ ((each - y) ** 2).sum(axis=1) for each in said]
    best = int(np.argmin(errors))
    expected = solved(X, y, weights, strengths[best])
    np.testing.assert_allclose(coef, expected[0], rtol=1e-8, atol=1e-10)
    np.testing.assert_allclose(intercept, expected[1], rtol=1e-8, atol=1e-10)
    np.testing.assert_allclose(unseen, said[best], rtol=1e-6, atol=1e-8)
    other = 0 if best > 10 else -1
    assert np.abs(unseen - said[other]).max() > 1e-2, "the control: another strength says something else"


@pytest.mark.parametrize("n", [1, 2, 6])
@pytest.mark.parametrize("d", [1, 4])
def test_features_that_say_nothing_leave_the_mean(n, d):
    y = RNG.normal(size=(n, 2))
    coef, intercept, unseen = fit_dense(passes_of(np.zeros((n, d))), y, np.ones(n), d, None)
    np.testing.assert_array_equal(coef, 0.0)
    np.testing.assert_allclose(intercept, y.mean(axis=0), rtol=1e-12)
    assert np.isfinite(unseen).all()


def test_rows_without_weight_say_nothing():
    X, weights = RNG.normal(size=(9, 20)), np.ones(9)
    X[:, 0] *= 30.0
    y = X[:, :1] / 30.0  # of which the smallest strength knows most
    weights[3:] = [0, 1, 1, 0, 1, 1]
    coef, intercept, _ = fit_dense(passes_of(X), y, weights, 20, None)
    used = weights > 0
    other = fit_dense(passes_of(X[used]), y[used], weights[used], 20, None)
    np.testing.assert_allclose(coef, other[0], rtol=1e-6, atol=1e-9)
    np.testing.assert_allclose(intercept, other[1], rtol=1e-6, atol=1e-9)

"""Ridge regression of sparse features, of the strength that is best on rows that were left out."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from scipy.sparse import csr_array
from scipy.sparse.linalg import LinearOperator, lsqr

from skrnn._types import Doubles, Flags, Integers
from skrnn.training._ngrams import of_unit_length

__all__ = ["fit_sparse"]

_STRENGTHS = 30.0, 10.0, 3.0, 1.0, 0.3, 0.1, 0.03  # in rows
_FOLDS = 5
_MANY = 2_000  # rows, of which one fold tells the strength
_TOLERANCE = 1e-2  # of the solution


def fit_sparse(features: Any, y: Doubles, weights: Doubles) -> tuple[Doubles, Doubles, Doubles]:
    """Coefficients (d, k), intercept (k,), and what it says of each row without having seen it (n, k).

    ``features`` (n, d) are brought to the length one row by row; to a row that was left out what no other row has is
    unknown, as it would be later. Strengths are tried from the largest on, as long as the squared errors on rows that
    were left out fall.
    """
    n, weights = len(y), weights / weights.mean()
    mean = weights @ y / weights.sum()
    if n < 2 or features.shape[1] == 0:
        return np.zeros((features.shape[1], y.shape[1])), mean, np.broadcast_to(mean, y.shape).copy()
    folds = []
    for others, left_out in _folds(n):
        seen = np.zeros(features.shape[1], bool)
        seen[features[others].indices] = True
        folds.append(
            (others, left_out, of_unit_length(features[others]), of_unit_length(_known(features[left_out], seen)))
        )
    least, best = np.inf, _STRENGTHS[0]
    for strength in _STRENGTHS:
        error = 0.0
        for others, left_out, known, asked in folds if n < _MANY else folds[:1]:
            coef, intercept = _ridge(known, y[others], weights[others], strength)
            error += float(weights[left_out] @ ((asked @ coef + intercept - y[left_out]) ** 2).sum(axis=1))
        if error >= least:
            break
        least, best = error, strength
    unseen = np.empty_like(y)
    for others, left_out, known, asked in folds:
        coef, intercept = _ridge(known, y[others], weights[others], best)
        unseen[left_out] = asked @ coef + intercept
    return *_ridge(of_unit_length(features), y, weights, best), unseen


def _ridge(features: Any, y: Doubles, weights: Doubles, strength: float) -> tuple[Doubles, Doubles]:
    """Coefficients (d, k) and intercept (k,), by LSQR (Paige & Saunders, ACM Trans. Math. Software 8(1), 1982)."""
    root, total = np.sqrt(weights), weights.sum()
    mean, y_mean = features.T @ weights / total, weights @ y / total
    rooted = csr_array(features.multiply(root[:, None]))
    turned = csr_array(rooted.T)
    centred = LinearOperator(
        features.shape,
        matvec=lambda v: rooted @ v - root * (mean @ v),
        rmatvec=lambda u: turned @ u - mean * (root @ u),
        dtype=np.float64,
    )
    solved = {"damp": np.sqrt(strength), "atol": _TOLERANCE, "btol": _TOLERANCE}
    coef = np.column_stack([lsqr(centred, root * column, **solved)[0] for column in (y - y_mean).T])
    return coef, y_mean - mean @ coef


def _folds(n: int) -> Iterator[tuple[Integers, Integers]]:
    """The rows that each fold learns from, and those that it leaves out, by chance that is always the same."""
    order = np.random.default_rng(0).permutation(n)
    for part in np.array_split(order, min(_FOLDS, n)):
        left_out = np.zeros(n, bool)
        left_out[part] = True
        yield np.flatnonzero(~left_out), np.flatnonzero(left_out)


def _known(features: Any, seen: Flags) -> Any:
    """The features without those columns that were not seen."""
    found = features.copy()
    found.data *= seen[found.indices]
    found.eliminate_zeros()
    return found

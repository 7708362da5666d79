"""Ridge regression of sparse features, of the strength that is best on rows that were left out."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from scipy.sparse import csr_array
from scipy.sparse.linalg import LinearOperator, lsqr

from skrnn._types import Doubles, Integers
from skrnn.training._ngrams import of_unit_length

__all__ = ["fit_sparse"]

_STRENGTHS = 30.0, 10.0, 3.0, 1.0, 0.3, 0.1, 0.03  # in rows
_FOLDS = 5
_MANY = 2_000  # rows, of which one fold tells the strength
_TOLERANCE = 3e-2  # of the solution


def fit_sparse(
    features: Any, y: Doubles, weights: Doubles, strength: float | None = None
) -> tuple[Doubles, Doubles, Doubles, float]:
    """Coefficients (d, k), intercept (k,), what it says of each row without having seen it (n, k), and its strength.

    ``features`` (n, d) are brought to the length one row by row; to a row that was left out what no other row has is
    unknown, as it would be later. ``strength``: None for the best one: they are tried from the largest on, as long as
    the squared errors on rows that were left out fall.
    """
    n, weights = len(y), weights / weights.mean()
    mean = weights @ y / weights.sum()
    if n < 2 or features.shape[1] == 0:
        coef = np.zeros((features.shape[1], y.shape[1]))
        return coef, mean, np.broadcast_to(mean, y.shape).copy(), strength or _STRENGTHS[0]
    folds = [_Fold.of(rows, n) for rows in np.array_split(np.random.default_rng(0).permutation(n), min(_FOLDS, n))]
    if strength is None:
        strength = _best_strength(features, y, weights, folds if n < _MANY else folds[:1])
    unseen = np.empty_like(y)
    for fold in folds:
        known, asked = fold.parts(features)
        coef, intercept = _ridge(known, y[fold.others], weights[fold.others], strength)
        unseen[fold.left_out] = asked @ coef + intercept
    return *_ridge(of_unit_length(features), y, weights, strength), unseen, strength


class _Fold(NamedTuple):
    """The numbers of the rows that are left out, and of the others."""

    left_out: Integers
    others: Integers

    @classmethod
    def of(cls, rows: Integers, n: int) -> _Fold:
        return cls(np.sort(rows), np.setdiff1d(np.arange(n), rows))

    def parts(self, features: Any) -> tuple[Any, Any]:
        """The features of the others, and those of the rows left out that others have, too."""
        known, asked = features[self.others], features[self.left_out]
        seen = np.zeros(features.shape[1], bool)
        seen[known.indices] = True
        asked.data = asked.data * seen[asked.indices]
        asked.eliminate_zeros()
        return of_unit_length(known), of_unit_length(asked)


def _best_strength(features: Any, y: Doubles, weights: Doubles, folds: list[_Fold]) -> float:
    parts = [(fold, *fold.parts(features)) for fold in folds]
    least, best = np.inf, _STRENGTHS[0]
    for strength in _STRENGTHS:
        error = 0.0
        for fold, known, asked in parts:
            coef, intercept = _ridge(known, y[fold.others], weights[fold.others], strength)
            errors = ((asked @ coef + intercept - y[fold.left_out]) ** 2).sum(axis=1)
            error += float(weights[fold.left_out] @ errors)
        if error >= least:
            break
        least, best = error, strength
    return best


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

"""Ridge regression of sparse features, of the strength that is best on rows that were left out."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from scipy.sparse import csr_array
from scipy.sparse.linalg import LinearOperator, cg

from skrnn._types import Doubles, Integers
from skrnn.training._ngrams import of_unit_length

__all__ = ["fit_sparse"]

_STRENGTHS = 30.0, 10.0, 3.0, 1.0, 0.3, 0.1, 0.03  # in rows
_FOLDS = 5
_MANY = 2_000  # rows, of which one fold tells the strength
_TOLERANCE = 1e-2  # of what is left, relative to the targets


def fit_sparse(
    features: Any, y: Doubles, weights: Doubles, strength: float | None = None
) -> tuple[Doubles, Doubles, Doubles, float]:
    """Coefficients (d, k), intercept (k,), what it says of each row without having seen it (n, k), and its strength.

    ``features`` (n, d) are brought to the length one row by row; to a row that was left out what no other row has is
    unknown, as it would be later. Strengths are tried from the largest on, as long as the squared errors on rows that
    were left out fall. With a ``strength`` that is known nothing is left out, and of each row it says what it has seen.
    """
    n, weights = len(y), weights / weights.mean()
    if n < 2 or features.shape[1] == 0:
        coef, mean = np.zeros((features.shape[1], y.shape[1])), weights @ y / weights.sum()
        return coef, mean, np.broadcast_to(mean, y.shape).copy(), strength or _STRENGTHS[0]
    if strength is not None:
        known = of_unit_length(features)
        coef, intercept = _ridge(known, y, weights, strength)
        return coef, intercept, known @ coef + intercept, strength
    folds = [_Fold.of(rows, n) for rows in np.array_split(np.random.default_rng(0).permutation(n), min(_FOLDS, n))]
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
    """Coefficients (d, k) and intercept (k,), all targets together, with an unknown for each row and target.

    In these the centred features stand as their products with each other alone, and stay sparse (Saunders, Gammerman &
    Vovk, "Ridge regression learning algorithm in dual variables", ICML 1998). By conjugate gradients (Hestenes &
    Stiefel, J. Research Nat. Bureau of Standards 49(6), 1952).
    """
    root, total = np.sqrt(weights)[:, None], weights.sum()
    rooted = csr_array(features.multiply(root))
    turned = csr_array(rooted.T)
    mean, y_mean = (turned @ root)[:, 0] / total, weights @ y / total
    along_mean, square, wanted = (rooted @ mean)[:, None], mean @ mean, root * (y - y_mean)

    def product(flat: Doubles) -> Doubles:
        u = flat.reshape(wanted.shape)
        sums = root.T @ u
        found = rooted @ (turned @ u) - along_mean * sums - root * (along_mean.T @ u - square * sums)
        return np.asarray(found + strength * u).ravel()

    operator = LinearOperator((wanted.size, wanted.size), matvec=product, dtype=np.float64)
    u = cg(operator, wanted.ravel(), rtol=_TOLERANCE)[0].reshape(wanted.shape)
    coef = turned @ u - mean[:, None] * (root.T @ u)
    return coef, y_mean - mean @ coef

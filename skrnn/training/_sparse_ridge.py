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
_PRECISION = np.float32  # of what conjugate gradients compute with
_STEPS = 500  # of these at most; 30 are usual
_ROUNDING = 1e-12  # of targets, relative to the largest: what differs by less is the same


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
    whole = _Ridge(of_unit_length(features), y, weights)
    if strength is not None:
        coef, intercept = whole.line(whole.solved(strength))
        return coef, intercept, whole.features @ coef + intercept, strength
    parts = np.array_split(np.random.default_rng(0).permutation(n), min(_FOLDS, n))
    folds = [_Fold.of(rows, features, y, weights) for rows in (parts if n < _MANY else parts[:1])]
    strength, unknowns = _best_strength(y, weights, folds)
    u, unseen = whole.solved(strength), np.empty_like(y)
    for fold, found in zip(folds, unknowns, strict=True):
        unseen[fold.left_out] = fold.says(found)
    for rows in parts[len(folds) :]:
        fold = _Fold.of(rows, features, y, weights)
        unseen[fold.left_out] = fold.says(fold.ridge.solved(strength, u[fold.others]))
    return *whole.line(u), unseen, strength


class _Ridge:
    """Of all targets together, with an unknown for each row and target.

    In these the features stand as their products with each other alone, and stay sparse (Saunders, Gammerman & Vovk,
    "Ridge regression learning algorithm in dual variables", ICML 1998). Features and targets are centred: over the
    rows, weighted, the unknowns add up to zero. By conjugate gradients (Hestenes & Stiefel, J. Research Nat. Bureau of
    Standards 49(6), 1952), in single precision: far below the tolerance, and in half the time.
    """

    def __init__(self, features: Any, y: Doubles, weights: Doubles):
        self.features, roots = features, np.sqrt(weights)[:, None]
        self.mean, self.y_mean = weights @ features / weights.sum(), weights @ y / weights.sum()
        left = y - self.y_mean
        left[:, np.abs(left).max(axis=0) <= _ROUNDING * np.abs(y).max(axis=0)] = 0.0
        self.wanted = (roots * left).astype(_PRECISION)
        self.rooted = csr_array(features.multiply(roots), dtype=_PRECISION)
        self.turned = csr_array(self.rooted.T)
        self.direction = (roots / np.linalg.norm(roots)).astype(_PRECISION)  # (n, 1), in which unknowns have no part

    def centred(self, u: Any) -> Any:
        """Unknowns (n, k) without their part in that direction."""
        return u - self.direction * (self.direction.T @ u)

    def solved(self, strength: float, start: Any = None) -> Any:
        """The unknowns (n, k), looked for from some that are near."""
        shape, much = self.wanted.shape, _PRECISION(strength)

        def product(flat: Any) -> Any:
            u = flat.reshape(shape)
            return (self.centred(self.rooted @ (self.turned @ u)) + much * u).ravel()

        operator = LinearOperator((self.wanted.size, self.wanted.size), matvec=product, dtype=_PRECISION)
        near = None if start is None else self.centred(start).ravel()
        return cg(operator, self.wanted.ravel(), near, rtol=_TOLERANCE, maxiter=_STEPS)[0].reshape(shape)

    def line(self, u: Any) -> tuple[Doubles, Doubles]:
        """Coefficients (d, k) and intercept (k,)."""
        coef = np.asarray(self.turned @ u, np.float64)
        return coef, self.y_mean - self.mean @ coef


class _Fold(NamedTuple):
    """Rows that are left out, the others and their ridge, and the features of the former that the latter have, too."""

    left_out: Integers
    others: Integers
    ridge: _Ridge
    asked: Any

    @classmethod
    def of(cls, rows: Integers, features: Any, y: Doubles, weights: Doubles) -> _Fold:
        rows, others = np.sort(rows), np.setdiff1d(np.arange(len(y)), rows)
        known, asked = features[others], features[rows]
        seen = np.zeros(features.shape[1], bool)
        seen[known.indices] = True
        asked.data = asked.data * seen[asked.indices]
        asked.eliminate_zeros()
        return cls(rows, others, _Ridge(of_unit_length(known), y[others], weights[others]), of_unit_length(asked))

    def says(self, u: Any) -> Doubles:
        """What the ridge with these unknowns says of the rows that are left out."""
        coef, intercept = self.ridge.line(u)
        return np.asarray(self.asked @ coef + intercept)


def _best_strength(y: Doubles, weights: Doubles, folds: list[_Fold]) -> tuple[float, list[Any]]:
    """The strength with the least squared errors on the rows left out, and the unknowns of each fold with it."""
    least, best = np.inf, (_STRENGTHS[0], [np.zeros_like(fold.ridge.wanted) for fold in folds])
    for strength in _STRENGTHS:
        found = [fold.ridge.solved(strength, u) for fold, u in zip(folds, best[1], strict=True)]
        error = 0.0
        for fold, u in zip(folds, found, strict=True):
            error += float((weights[fold.left_out] @ (fold.says(u) - y[fold.left_out]) ** 2).sum())
        if error >= least:
            break
        least, best = error, (strength, found)
    return best

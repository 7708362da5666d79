"""Ridge regression of rows that lie in time, tested on rows that are apart from those that are learnt from.

Windows overlap, and so do the targets that follow them: a row that is left out alone is still known from its
neighbours, and any strength looks good. Rows next to those that are tested are therefore left out, too: Burman, Chow &
Nolan, "A cross-validatory method for dependent data", Biometrika 81(2), 1994; in folds, as in Racine, "Consistent
cross-validatory model-selection for dependent data", J. Econometrics 99(1), 2000.
"""

from __future__ import annotations

from itertools import pairwise
from typing import NamedTuple

import numpy as np

from skrnn._types import Doubles, Floats, Integers

__all__ = ["STRENGTHS", "InTime", "said_by_folds"]

STRENGTHS = np.logspace(-6, 4, 21)  # of the ridge, in units of the mean variance of a feature
_FOLDS = 5
_FEW = 50  # rows that share nothing with each other; of more, leaving out each by itself says the same


class InTime(NamedTuple):
    """Where rows lie in time (n,), and within how many rows of their series they share targets.

    ``zero``: what their targets (k,) are if the user's are 0, where that is the same for all rows. ``repeat``: whether
    most rows were copies of others, far away, of which one is kept. ``in_turns``: how many series take turns, so that
    a row of one is so many places from the next. ``n_rows``: how many rows there are with those of other parts, which
    decide whether there are few; None: these are all.
    """

    places: Integers
    gap: int
    zero: Doubles | None = None
    repeat: bool = False
    in_turns: int = 1
    n_rows: int | None = None

    def take(self, rows: Integers, columns: Integers) -> InTime:
        """Some of the rows and targets."""
        zero = None if self.zero is None else self.zero[columns]
        return self._replace(places=self.places[rows], zero=zero)

    @property
    def are_few(self) -> bool:
        """Whether hardly any row is without a neighbour that tells on it. A row of another series does not tell."""
        n_rows = len(self.places) if self.n_rows is None else self.n_rows
        return self.gap > 0 and not self.repeat and n_rows < _FEW * (self.gap + 1)


def said_by_folds(X: Doubles, y: Floats, weights: Doubles, when: InTime) -> Doubles:
    """What ridges of all `STRENGTHS` say of each row, having learnt from rows that share no target with its fold.

    X is (n, d), y (n, k) without a missing value, weights (n,); the answer (n_strengths, n, k). Zero in the user's
    units, where no row is left to learn from.
    """
    said = np.zeros((len(STRENGTHS), *y.shape)) + (0.0 if when.zero is None else when.zero)
    order, reach = np.argsort(when.places, kind="stable"), when.gap * when.in_turns
    for first, last in pairwise(np.linspace(0, len(order), _FOLDS + 1).astype(np.intp)):
        tested = order[first:last]
        if not len(tested):
            continue
        low, high = when.places[tested[0]] - reach, when.places[tested[-1]] + reach
        learnt = np.flatnonzero(((when.places < low) | (when.places > high)) & (weights > 0))
        if len(learnt):
            said[:, tested] = _said(X[learnt], y[learnt], weights[learnt] / weights[learnt].sum(), X[tested])
    return said


def _said(X: Doubles, y: Floats, weights: Doubles, others: Doubles) -> Doubles:
    """Of other rows, by ridges of all strengths that learn from these; the weights add up to one."""
    mean, y_mean = weights @ X, weights @ y
    root = np.sqrt(weights)[:, None]
    left, singular, right = np.linalg.svd((X - mean) * root, full_matrices=False)
    moment = singular[:, None] * (left.T @ ((y - y_mean) * root))
    spectrum, turned = singular**2, (others - mean) @ right.T
    unit = max(float(spectrum.sum()) / X.shape[1], np.finfo(float).tiny)
    return np.stack([y_mean + turned @ (moment / (spectrum + each * unit)[:, None]) for each in STRENGTHS])

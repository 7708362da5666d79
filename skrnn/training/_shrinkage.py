"""How much of what a network adds to a simple model is kept.

Training starts from a simple model and ends with the epoch that is best for the validation rows, which have chosen it:
on other rows it gains less. So its part is shrunk, as every mean that was looked for among others is: Copas,
"Regression, prediction and shrinkage", J. Royal Statistical Society B 45(3), 1983.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from skrnn._types import Doubles
from skrnn.training._config import TrainingResult

__all__ = ["between", "shrunk_part"]

_PARTS = np.linspace(0.1, 1.0, 10)
_BETWEEN_PERIODS = 0.2  # of the loss: the standard deviation of a gain from one period to the next
_LEAST = 0.05  # a smaller part is none


def between(start: TrainingResult, best: TrainingResult, part: float) -> TrainingResult:
    """The state of ``best`` with a head that is so much of the way from that of ``start``: so are the outputs, if these
    are what a linear head makes of the states.
    """
    if part == 1.0:
        return best
    names, share = ("head.weight", "head.bias"), np.float32(part)
    head = {name: start.weights[name] + share * (best.weights[name] - start.weights[name]) for name in names}
    return replace(best, weights={**best.weights, **head})


def shrunk_part(
    losses_of: Callable[[float], Doubles],
    losses_of_start: Doubles,
    weights: Doubles,
    n_periods: float,
    least_loss: float,
) -> float:
    """The part, in [0, 1], of what training has added that is to be kept.

    Parameters
    ----------
    losses_of : callable
        The losses (n,) of the validation rows with a part of it.
    losses_of_start : array of shape (n,)
        Those without it.
    weights : array of shape (n,)
        Of the rows; their sum is one.
    n_periods : float
        Rows that share nothing with each other; 1 at least.
    least_loss : float
        No loss is smaller.

    Returns
    -------
    part : float
        The one with the smallest loss, times gain**2 / (gain**2 + variance of the gain). The variance is that of a mean
        over rows (as of a ratio to the mean loss: Cochran, Sampling Techniques, 1977, section 2.11; that some rows have
        larger losses than others is no doubt), and over periods: what was gained in one is not gained in the next, and
        rows of one period do not tell.
    """
    found = [losses_of(float(part)) for part in _PARTS]
    best = min(range(len(found)), key=lambda number: float(weights @ found[number]))
    gains = losses_of_start - found[best]
    gain = float(weights @ gains)
    if gain <= 0:
        return 0.0
    sizes = losses_of_start - least_loss
    size = float(weights @ sizes)
    unlike = gains - gain * sizes / size if size > 0 else gains - gain  # what gains are not in proportion to
    variance = float(weights**2 @ unlike**2) + (_BETWEEN_PERIODS * size) ** 2 / n_periods
    part = float(_PARTS[best]) * gain**2 / (gain**2 + variance)
    return part if part >= _LEAST else 0.0

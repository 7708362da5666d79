"""Means and scales that do not depend, in any bit, on the order in which they are summed."""

from __future__ import annotations

import numpy as np

from skrnn._types import Doubles, Floats
from skrnn.sequences._batch import SequenceBatch

__all__ = ["mean_and_scale", "weighted_mean_and_scale"]


_CHUNK = 1 << 16  # steps in double precision at a time
_GRID_BITS = 16  # a mean is kept to 2**-16 of its scale, a scale to 16 significant bits


def _on_grid(values: Doubles, unit: Doubles) -> Doubles:
    """Round to multiples of 2**-16 of the power of two at `unit`, so that rounding errors of the sums vanish."""
    grid = np.ldexp(1.0, np.frexp(unit)[1] - _GRID_BITS)
    return np.asarray(np.rint(values / grid) * grid, dtype=np.float64)


def weighted_mean_and_scale(values: Floats, weights: Doubles) -> tuple[Doubles, Doubles]:
    """Mean and standard deviation of each column of ``values`` (n, k), NaN ignored; two arrays of shape (k,).

    Both are rounded to a coarse binary grid (relative precision 2**-16). Standardising needs no more, and the
    result is then the same for rows in another order or for windows that share memory, where the last bits of
    a sum are not. The scale of a constant column is 1. A column without any value has mean NaN.
    """
    n_columns = values.shape[1]
    low, high = np.full(n_columns, np.inf), np.full(n_columns, -np.inf)
    count, total = np.zeros(n_columns), np.zeros(n_columns)
    for rows in _chunks(len(values)):
        part, weight = _known(values[rows], weights[rows])
        used = weight > 0
        low = np.minimum(low, np.where(used, part, np.inf).min(axis=0))
        high = np.maximum(high, np.where(used, part, -np.inf).max(axis=0))
        count += weight.sum(axis=0)
        total += (weight * part).sum(axis=0)
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = total / count
    squares = np.zeros(n_columns)
    for rows in _chunks(len(values)):
        part, weight = _known(values[rows], weights[rows])
        squares += (weight * (part - mean) ** 2).sum(axis=0)
    with np.errstate(invalid="ignore", divide="ignore"):
        deviation = np.sqrt(squares / count)
    constant = ~(high > low) | ~(deviation > 0)
    scale = _on_grid(deviation, np.where(constant, 1.0, deviation))
    scale = np.where(constant, 1.0, scale)
    mean = np.where(constant, np.where(count > 0, low, np.nan), _on_grid(mean, scale))
    return mean, scale


def mean_and_scale(batch: SequenceBatch, weights: Doubles) -> tuple[Doubles, Doubles]:
    """Mean and standard deviation of each feature over all steps of all sequences; two (n_features,) arrays.

    Weights count in units of 2**-26 of their mean, at least one: sums of them are then exact, so that what a step
    weighs is the same for windows that share it and for windows that each have a copy.
    """
    units = None  # all alike: any number of units gives the same, to the bit
    if (weights != weights[0]).any():
        units = np.maximum(np.rint(weights * (2.0**26 / weights.mean())), 1.0)
    return weighted_mean_and_scale(batch.steps, np.asarray(batch.coverage(units), np.float64))


def _chunks(n: int) -> list[slice]:
    return [slice(start, start + _CHUNK) for start in range(0, n, _CHUNK)]


def _known(part: Floats, weight: Doubles) -> tuple[Doubles, Doubles]:
    """Values in double precision with NaN as 0, and weights (rows, columns) that are 0 there."""
    missing = np.isnan(part)
    return np.where(missing, 0.0, part).astype(np.float64), np.where(missing, 0.0, weight[:, None])

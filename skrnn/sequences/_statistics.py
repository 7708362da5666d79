"""Means and scales that do not depend, in any bit, on the order in which they are summed."""

from __future__ import annotations

from typing import Any

import numpy as np

from skrnn._types import Doubles, Flags, Floats
from skrnn.sequences._batch import Moments, SequenceBatch
from skrnn.sequences._chunks import compiled_passes, frozen, row_chunks

__all__ = ["StepSums", "mean_and_scale", "weighted_mean_and_scale"]

_LEAST = 1e-150  # a deviation, whose square is still a normal number
_NOTHING = 1e-130  # values that can differ by less than that, and do not count
_FAR = 100.0  # variances between a pivot and the mean, up to which no digit that counts is lost
_COLUMNS = 8  # from which on compiled sums go along the rows
_GRID_BITS = 16  # a mean is kept to 2**-16 of its scale, a scale to 16 significant bits


def _on_grid(values: Doubles, unit: Doubles) -> Doubles:
    """Round to multiples of 2**-16 of the power of two at `unit`, so that rounding errors of the sums vanish."""
    grid = np.ldexp(1.0, np.frexp(unit)[1] - _GRID_BITS)
    return np.asarray(np.rint(values / grid) * grid, dtype=np.float64)


def weighted_mean_and_scale(
    values: Floats, weights: Doubles | Flags, known: Moments | None = None
) -> tuple[Doubles, Doubles]:
    """Mean and standard deviation of each column of ``values`` (n, k), NaN ignored; two arrays of shape (k,).

    Both are rounded to a coarse binary grid (relative precision 2**-16). Standardising needs no more, and the
    result is then the same for rows in another order or for windows that share memory, where the last bits of
    a sum are not. The scale of a constant column is 1. A column without any value has mean NaN.

    ``known``: what `StepSums` has found for these values, if each of them counts once.
    """
    weight, pivot, shift, variance = known or _moments(values, weights, None)
    if (shift * shift > _FAR * variance).any():  # the first values are far from the mean: go on from there
        weight, pivot, shift, variance = _moments(values, weights, np.where(weight > 0, pivot + shift, 0.0))
    with np.errstate(invalid="ignore"):
        deviation = np.sqrt(np.maximum(variance, 0.0))
    constant = ~(deviation > _LEAST)  # then the pivot is its value
    scale = _on_grid(deviation, np.where(constant, 1.0, deviation))
    scale = np.where(constant, 1.0, scale)
    level = np.where(np.abs(pivot) < _NOTHING, 0.0, pivot)
    mean = np.where(constant, np.where(weight > 0, level, np.nan), _on_grid(pivot + shift, scale))
    return mean, scale


def mean_and_scale(batch: SequenceBatch, weights: Doubles) -> tuple[Doubles, Doubles]:
    """Mean and standard deviation of each feature over all steps of all sequences; two (n_features,) arrays.

    Weights count in units of 2**-26 of their mean, at least one: sums of them are then exact, so that what a step
    weighs is the same for windows that share it and for windows that each have a copy.
    """
    units = None  # all alike: any number of units gives the same, to the bit
    if (weights != weights[0]).any():
        units = np.maximum(np.rint(weights * (2.0**26 / weights.mean())), 1.0)
    coverage: Any = batch.coverage(units)
    return weighted_mean_and_scale(batch.steps, coverage, batch.moments if coverage.strides == (0,) else None)


class StepSums:
    """The sums behind the moments of a table whose steps all count once, added up while it is read for something else.

    Chunk by chunk, as in `_moments`: the results have the same bits.
    """

    def __init__(self, steps: Floats):
        n_columns = steps.shape[1]
        self.steps, self.passes, self.number = steps, compiled_passes(steps), 0
        self.chunks = row_chunks(*steps.shape) if n_columns >= _COLUMNS and self.passes is not None else []
        self.pivot = steps[0] + np.float64(0.0) if len(steps) else np.zeros(n_columns)
        self.total, self.squares, self.one = np.zeros(n_columns), np.zeros(n_columns), np.ones(1)

    def read(self, n_steps: int) -> None:
        """Add the chunks that lie within so many steps; with the first missing value there are no moments any more."""
        while self.number < len(self.chunks) and self.chunks[self.number].stop <= n_steps:
            end, size = self.chunks[self.number].stop, self.chunks[0].stop
            values, sums = frozen(self.steps[:end]), (self.total, self.squares)
            if self.passes.add_moments(values, self.one, size, self.number, self.pivot, *sums) <= self.number:
                self.chunks = []
            self.number += 1

    @property
    def moments(self) -> Moments | None:
        """Those of all steps; None where there are too few columns, or a value is missing."""
        if not self.chunks or self.number < len(self.chunks):
            return None
        count = np.full(len(self.total), float(len(self.steps)))
        shift = self.total / count
        return count, self.pivot, shift, self.squares / count - shift * shift


def _moments(values: Floats, weights: Doubles | Flags, pivot: Doubles | None) -> Moments:
    """Those of each column.

    One pass. Sums of what lies beyond the pivot lose no digits to a large offset; None: the first value of the column.
    """
    n_columns = values.shape[1]
    first = pivot is None
    pivot = np.zeros(n_columns) if pivot is None else pivot
    count, total, squares = np.zeros(n_columns), np.zeros(n_columns), np.zeros(n_columns)
    passes = compiled_passes(values) if n_columns >= _COLUMNS else None
    alike = weights.strides == (0,) and bool((weights[:1] == 1).all())
    own = np.ones(1) if alike else np.ascontiguousarray(weights, None if passes is None else np.float64)
    chunks = row_chunks(*values.shape)
    room = np.empty((chunks[0].stop if chunks else 0, n_columns))  # fresh memory costs more than arithmetic
    ones = np.ones(len(room) if alike else 0)
    number = 0
    while number < len(chunks):
        rows = chunks[number]
        part = values[rows]
        weight = ones[: len(part)] if alike else np.asarray(own[rows], np.float64)
        if not (alike or weight.all()):
            part, weight = part[weight > 0], weight[weight > 0]
        if first and len(part) and not count.all():
            pivot = np.where(count > 0, pivot, _first_known(part))
        known, sums, more = _sums(part, weight, len(part) if alike else weight.sum(), pivot, room[: len(part)])
        count += known
        total += sums
        squares += more
        number += 1
        if passes is not None and count.all():
            done = passes.add_moments(frozen(values), own, chunks[0].stop, number, pivot, total, squares)
            for rows in chunks[number:done]:
                count += weights[rows].sum()
            number = done
    with np.errstate(invalid="ignore", divide="ignore"):
        shift = total / count
        return count, pivot, shift, squares / count - shift * shift


def _sums(values: Floats, weight: Doubles, known: Any, pivot: Doubles, part: Doubles) -> tuple[Any, Doubles, Doubles]:
    """Of each column, NaN ignored: what its values weigh, and the sums of what lies beyond the pivot and its squares.

    ``known`` is what all rows weigh, ``part`` memory for what lies beyond the pivot.
    """
    np.copyto(part, values)
    part -= pivot
    sums = np.einsum("i,ij->j", weight, part)
    if np.isnan(sums).any():
        missing = np.isnan(part)
        part[missing] = 0.0
        sums, known = np.einsum("i,ij->j", weight, part), np.einsum("i,ij->j", weight, ~missing)
    return known, sums, np.einsum("i,ij->j", weight, np.multiply(part, part, out=part))


def _first_known(part: Floats) -> Doubles:
    """The first value of each column, 0 where there is none."""
    known = ~np.isnan(part)
    return np.where(known.any(axis=0), part[known.argmax(axis=0), np.arange(part.shape[1])], 0.0) + np.float64(0.0)

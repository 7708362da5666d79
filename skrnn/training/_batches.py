"""Which rows a mini-batch takes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache
from itertools import pairwise
from math import isfinite

import numpy as np

from skrnn._types import Integers
from skrnn.training._config import TrainingConfig

__all__ = ["draw_batches", "together"]

_WASTE = 1.3  # steps computed for each real one, up to which mini-batches of any lengths are taken
_NOISE = 0.1  # of a length, and
_AT_ONCE = 2e7  # multiplications, some milliseconds: an interrupt waits for them
_PADDING = 4  # steps gathered for each that is computed
_STEPS = 2  # besides: what else two sequences of a mini-batch may differ by, so that short ones meet others, too


def draw_batches(lengths: Integers, config: TrainingConfig, rng: np.random.Generator) -> list[Integers]:
    """All rows, by chance, in mini-batches of ``batch_size``; one of them is smaller, if the rows do not fill it.

    Sequences of different lengths come with others of nearly the same, since a mini-batch computes as many steps for
    all of its rows as the longest has: rows are sorted by length and some noise, and the mini-batches shuffled
    (`BucketBatchSampler` of AllenNLP, Gardner et al., NLP-OSS 2018), unless mini-batches of any lengths cost little
    more. The smaller one lies anywhere among the lengths, so that long rows count no more than short ones. Trainings
    that carry states take rows as they come: there a row that has ended costs nothing.
    """
    n, size = len(lengths), config.batch_size
    order = rng.permutation(n) if config.shuffle else np.arange(n)
    starts = np.arange(0, n, size)
    any_lengths = not config.shuffle or config.chunk_steps is not None
    if any_lengths or lengths.strides == (0,) or _steps(lengths[order], starts) <= _WASTE * lengths.sum():
        return _cut(order, starts)
    places = lengths[order] + (_NOISE * lengths[order] + _STEPS) * rng.uniform(-1.0, 1.0, n)
    order = order[np.argsort(places, kind="stable")]
    smaller = int(rng.integers(len(starts)))  # so many whole ones stand in front of it
    starts[smaller + 1 :] -= len(starts) * size - n
    batches = _cut(order, starts)
    return [batches[number] for number in rng.permutation(len(batches))]


def together(
    batches: list[Integers], lengths: Integers, cost: Callable[[int, int], float]
) -> Iterator[tuple[slice, bool]]:
    """Mini-batches, one after the other, that are little enough work to be taken in one go, and whether they can be.

    ``cost(n_rows, n_steps)`` says how much one is; infinity: it cannot. Their rows are gathered with padding, of which
    there must not be much.
    """
    longest = int(lengths.max()) if lengths.strides == (0,) or len(batches) == 1 else None
    if longest is not None and cost(max(map(len, batches)), longest) * len(batches) <= _AT_ONCE:
        yield slice(0, len(batches)), True
        return
    begin, total, cost = 0, 0.0, cache(cost)
    n_rows, most_steps, n_real = 0, 0, 0
    for number, rows in enumerate(batches):
        n_steps = int(lengths[rows].max()) if longest is None else longest
        own = cost(len(rows), n_steps)
        padded = (n_rows + len(rows)) * max(most_steps, n_steps)
        if number > begin and (total + own > _AT_ONCE or padded > _PADDING * (n_real + len(rows) * n_steps)):
            yield slice(begin, number), isfinite(total)
            begin, total, n_rows, most_steps, n_real = number, 0.0, 0, 0, 0
        n_rows, most_steps, n_real = n_rows + len(rows), max(most_steps, n_steps), n_real + len(rows) * n_steps
        total += own
    yield slice(begin, len(batches)), isfinite(total)


def _cut(order: Integers, starts: Integers) -> list[Integers]:
    """The rows from each start to the next."""
    edges = [*starts.tolist(), len(order)]
    return [order[a:b] for a, b in pairwise(edges)]


def _steps(lengths: Integers, starts: Integers) -> int:
    """How many steps are computed for mini-batches of rows that have these lengths in their order."""
    sizes = np.diff(starts, append=len(lengths))
    return int(sizes @ np.maximum.reduceat(lengths, starts))

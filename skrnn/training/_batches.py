"""Which rows a mini-batch takes."""

from __future__ import annotations

import numpy as np

from skrnn._types import Integers
from skrnn.training._config import TrainingConfig

__all__ = ["draw_batches"]

_WASTE = 1.3  # steps computed for each real one, up to which mini-batches of any lengths are taken
_NOISE = 0.1  # of a length, and
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
    drawn = np.split(order, starts[1:])
    if not config.shuffle or config.chunk_steps is not None or _steps(lengths, drawn) <= _WASTE * lengths.sum():
        return drawn
    places = lengths[order] + (_NOISE * lengths[order] + _STEPS) * rng.uniform(-1.0, 1.0, n)
    order = order[np.argsort(places, kind="stable")]
    smaller = int(rng.integers(len(starts)))  # so many whole ones stand in front of it
    starts[smaller + 1 :] -= len(starts) * size - n
    batches = np.split(order, starts[1:])
    return [batches[number] for number in rng.permutation(len(batches))]


def _steps(lengths: Integers, batches: list[Integers]) -> int:
    """How many steps are computed for these mini-batches."""
    return sum(len(rows) * int(lengths[rows].max()) for rows in batches)

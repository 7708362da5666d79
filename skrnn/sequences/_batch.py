"""The one form in which sequences travel through the package."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.lib.stride_tricks import as_strided
from numpy.typing import NDArray

from skrnn._types import Doubles, Flags, Floats, Integers
from skrnn.sequences._chunks import compiled_passes, frozen, row_chunks
from skrnn.sequences._hashes import Hashes, sequence_hashes

__all__ = ["Moments", "SequenceBatch", "steps_under"]

# Of each column: the weight of its values, a number near them, how far their mean lies from it, their variance.
Moments = tuple[Doubles, Doubles, Doubles, Doubles]


@dataclass(frozen=True, eq=False)
class SequenceBatch:
    """Validated sequences: one flat table of time steps, and where in it each sequence lies.

    Sequence ``i`` is ``steps[starts[i] : starts[i] + lengths[i]]``. Equal-length arrays, lists of different
    lengths and overlapping windows of one series are all of this form, the last one without a copy: windows
    that overlap share their steps.

    Attributes
    ----------
    steps : float array of shape (n_steps, n_features)
        In the precision of X, float32 or float64, and in the memory of X where its layout allows it: nobody writes into
        it. NaN is a missing value; steps that belong to no sequence may hold anything.
    starts, lengths : integer arrays of shape (n_samples,)
        First step of each sequence and how many steps it has (at least 1). What is the same for all is one number
        in memory (a broadcast array), so that millions of windows stay small.
    leading, spans : integer arrays of shape (n_samples,)
        How many steps of padding stood before the sequence in X, and how many steps its row of X had with all
        padding. They tell outputs with one value per step where to go.
    complete : bool
        Whether it is known that no value is missing.
    """

    steps: Floats
    starts: Integers
    lengths: Integers
    leading: Integers
    spans: Integers
    complete: bool = False

    @property
    def n_samples(self) -> int:
        return len(self.starts)

    @property
    def n_features(self) -> int:
        return int(self.steps.shape[1])

    @cached_property
    def hashes(self) -> Hashes:
        """A hash of the steps of each sequence; (n_samples,)."""
        return sequence_hashes(self.steps, self.starts, self.lengths)

    @cached_property
    def moments(self) -> Moments | None:
        """What `StepSums` has found for the steps, each counted once; None: nobody has asked it."""
        return None

    def taken_hashes(self) -> Hashes:
        """The hashes, for the caller to write into: the batch forgets them."""
        hashes = self.hashes
        del vars(self)["hashes"]
        return hashes

    def with_hashes(self, hashes: Hashes, moments: Moments | None = None) -> SequenceBatch:
        """The same sequences, whose `hashes` are known, and perhaps the moments of the steps."""
        batch = replace(self)
        vars(batch).update(hashes=hashes, moments=moments)  # where `cached_property` looks for them
        return batch

    @property
    def max_length(self) -> int:
        return int(self.lengths.max())

    def take(self, rows: Integers) -> SequenceBatch:
        """The sequences at ``rows``, in that order; the steps are shared, not copied."""
        return replace(
            self,
            starts=_take(self.starts, rows),
            lengths=_take(self.lengths, rows),
            leading=_take(self.leading, rows),
            spans=_take(self.spans, rows),
        )

    def cut(self, begin: int, size: int) -> SequenceBatch:
        """The steps from ``begin`` on, ``size`` at most, of sequences that are all longer than ``begin``."""
        lengths = np.minimum(self.lengths - begin, size)
        return replace(self, starts=self.starts + begin, lengths=lengths, spans=lengths)

    def newest(self, size: int) -> SequenceBatch:
        """The last ``size`` steps of each sequence, of a shorter one all."""
        lengths = np.minimum(self.lengths, size)
        return replace(self, starts=self.starts + self.lengths - lengths, lengths=lengths, spans=lengths)

    def positions(self) -> tuple[Integers, Flags | None]:
        """Step numbers (n_samples, max_length), left-aligned, and which of them are padding (None: none)."""
        width = self.max_length
        offsets = np.arange(width)
        if (self.lengths == width).all():
            return self.starts[:, None] + offsets, None
        padding = offsets >= self.lengths[:, None]
        last = self.lengths[:, None] - 1
        return self.starts[:, None] + np.minimum(offsets, last), padding

    def flat_steps(self) -> Floats:
        """The steps of all sequences, one after the other, (sum of the lengths, n_features); a copy only if need be."""
        lengths = np.asarray(self.lengths)
        before = np.cumsum(lengths) - lengths
        if (self.starts == before).all():
            return self.steps[: int(lengths.sum())]
        numbers = np.arange(int(lengths.sum())) + np.repeat(self.starts - before, lengths)
        return np.asarray(self.steps[numbers])

    def places(self) -> Integers:
        """The numbers that the steps of `flat_steps` had in X, where padding counts too; (sum of the lengths,)."""
        lengths, spans = np.asarray(self.lengths), np.asarray(self.spans)
        firsts = np.cumsum(spans) - spans + self.leading
        before = np.cumsum(lengths) - lengths
        return np.asarray(np.arange(int(lengths.sum())) + np.repeat(firsts - before, lengths))

    def coverage(self, weights: Floats | None = None) -> Floats | Flags:
        """How often each step is used by a sequence, each use counting the sequence's weight; (n_steps,).

        Where each is used once, that is one number in memory; where none is used twice, they are flags.
        """
        if weights is None and (flags := self._flags_of_used) is not None:
            return np.broadcast_to(np.float64(1.0), len(flags)) if flags.strides == (0,) else flags
        change, passes = np.zeros(len(self.steps) + 1), compiled_passes(self.steps)
        for rows in row_chunks(self.n_samples):
            begin, end = self.starts[rows], self.starts[rows] + self.lengths[rows]
            weight = np.ones(len(begin)) if weights is None else np.asarray(weights[rows], np.float64)
            if passes is not None:
                passes.add_at(np.ascontiguousarray(begin, np.int64), end, frozen(np.ascontiguousarray(weight)), change)
                continue
            np.add.at(change, begin, weight)
            np.subtract.at(change, end, weight)
        return np.cumsum(change, out=change)[:-1]

    @cached_property
    def _flags_of_used(self) -> Flags | None:
        """Which steps some sequence uses (n_steps,), one number in memory if all are; None: sequences share steps."""
        n_used = int(self.lengths.sum())
        if n_used > len(self.steps) or not (self._follow(slice(None)) or self._follow(np.argsort(self.starts))):
            return None
        if n_used == len(self.steps):
            return np.broadcast_to(np.True_, n_used)
        change = np.zeros(len(self.steps) + 1, np.int8)
        change[self.starts] += 1
        change[self.starts + self.lengths] -= 1
        return np.cumsum(change, dtype=np.int8, out=change)[:-1].view(bool)

    def _follow(self, rows: Integers | slice) -> bool:
        """Whether the sequences, in this order, follow each other and share no step."""
        starts, lengths = self.starts[rows], self.lengths[rows]
        return bool((starts[1:] >= starts[:-1] + lengths[:-1]).all())

    def missing(self) -> Flags:
        """Which values are missing; (n_samples, max_length, n_features), left-aligned."""
        return np.isnan(self.steps[self.positions()[0]])

    def missing_features(self) -> Flags:
        """Which features have a missing value inside some sequence; (n_features,)."""
        return self._missing_counts[0] > 0

    def blank_features(self) -> Flags:
        """Which features have no value in any sequence; (n_features,)."""
        missing, n_used = self._missing_counts
        return np.asarray(missing == n_used)

    @cached_property
    def _missing_counts(self) -> tuple[Integers, int]:
        """In how many of the steps of all sequences each feature is missing (n_features,), and how many steps it is."""
        counts = np.zeros(self.n_features, np.intp)
        if self.complete:
            return counts, len(self.steps)
        used = self.coverage()
        every = used.strides == (0,)
        for rows in row_chunks(*self.steps.shape):
            missing = np.isnan(self.steps[rows])
            if not every:
                missing &= (used[rows] > 0)[:, None]
            counts += np.count_nonzero(missing, axis=0)
        return counts, len(used) if every else int(np.count_nonzero(used))

    @classmethod
    def one_after_another(cls, steps: Floats, lengths: Integers) -> SequenceBatch:
        """Sequences of these lengths that follow each other in a table, without padding."""
        lengths = np.asarray(lengths)
        return cls(steps, np.cumsum(lengths) - lengths, lengths, np.zeros_like(lengths), lengths)

    @classmethod
    def from_spans(cls, steps: Floats, starts: Integers, spans: Integers, *, complete: bool = False) -> SequenceBatch:
        """Trim padding (steps that are NaN in every feature) off both ends of each span of steps.

        A span without any real step is kept as a single step whose every value is missing: a table row that is
        missing altogether is a row to predict for, not an error. ``complete``: no value is missing.
        """
        nothing = np.broadcast_to(np.intp(0), starts.shape)
        if complete:
            return cls(steps, starts, spans, nothing, spans, complete)
        firsts, lengths = _trimmed(steps, starts, spans)
        leading = firsts - starts
        if not leading.any():
            firsts, leading = starts, nothing
            lengths = spans if (lengths == spans).all() else lengths
        return cls(steps, firsts, lengths, leading, spans)


def _trimmed(steps: Floats, starts: Integers, spans: Integers) -> tuple[Integers, Integers]:
    """Where each sequence starts and how long it is without its padding, as `from_spans` says."""
    passes = compiled_passes(steps)
    if passes is not None:
        firsts, lengths = np.empty(len(starts), np.int64), np.empty(len(starts), np.int64)
        passes.trim(frozen(steps), *(np.ascontiguousarray(part, np.int64) for part in (starts, spans)), firsts, lengths)
        return firsts, lengths
    empty = np.zeros(len(steps), bool)
    for rows in row_chunks(*steps.shape):
        empty[rows] = np.isnan(steps[rows]).all(axis=1)
    numbers = np.arange(len(steps))
    next_real = np.minimum.accumulate(np.where(empty, len(steps), numbers)[::-1])[::-1]
    last_real = np.maximum.accumulate(np.where(empty, -1, numbers))
    ends = starts + spans - 1
    first, last = next_real[starts], last_real[ends]
    nothing = first > last
    first, last = np.where(nothing, ends, first), np.where(nothing, ends, last)
    return first, last - first + 1


def _take(values: Integers, rows: Integers) -> Integers:
    """``values[rows]``; one number in memory stays one."""
    return np.broadcast_to(values[0], rows.shape) if values.strides == (0,) and len(values) else np.take(values, rows)


def steps_under(X: NDArray[np.generic]) -> tuple[NDArray[np.generic], int] | None:
    """The series under an array (n_samples, n_timesteps, n_features) and the stride of its rows, as a view.

    Row i of X is ``series[i * stride : i * stride + n_timesteps]``. A contiguous array has a stride of
    n_timesteps; rows of overlapping windows have a smaller one. None where X has no such layout.
    """
    n_samples, n_timesteps, n_features = X.shape
    by_row, by_step, by_feature = X.strides
    if n_samples < 2 or n_timesteps < 2 or by_step <= 0 or by_row < 0 or by_row % by_step:
        return None
    stride = by_row // by_step
    if stride > n_timesteps:
        return None  # between two rows lies memory that X does not own
    n_steps = (n_samples - 1) * stride + n_timesteps
    series = as_strided(X, (n_steps, n_features), (by_step, by_feature), writeable=False)
    return series, stride

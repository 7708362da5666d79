"""From raw steps to what a network reads: standardised values, indicators of missing ones, zeros as padding."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import DTypeLike

from skrnn._plain import is_finite_array, is_size, require, require_fields
from skrnn._types import Doubles, Flags, Floats, Integers, Singles
from skrnn.exceptions import without_value
from skrnn.sequences._batch import SequenceBatch
from skrnn.sequences._chunks import compiled_passes, frozen, row_chunks
from skrnn.sequences._statistics import mean_and_scale

__all__ = ["InputScaling", "batch_chunks", "check_scaling", "chunk_size"]

_CHUNK_VALUES, _MOST_VALUES = 1 << 20, 1 << 23


@dataclass(frozen=True, eq=False)
class InputScaling:
    """How the values of each feature are centred, scaled and completed.

    Attributes
    ----------
    kind : {"standard", "last", "window"} or None
        What is taken off: the training mean; the sequence's own last value; its own mean, in units of its own
        standard deviation; nothing.
    mean, scale : float64 arrays of shape (n_features,)
        Of the training steps. A missing value becomes the mean.
    indicators : bool array of shape (n_features,)
        Features that had missing values in training: each adds an input that is 1 where the value is missing.
    vocabulary : tuple of n_features int
        Of categories beside numbers: the rows of the embedding of each feature, 0 for a feature of numbers. Category
        numbers stay as they are; a missing one becomes 0, that of the unknown. Empty: there is one kind alone.
    """

    kind: str | None
    mean: Doubles
    scale: Doubles
    indicators: Flags
    vocabulary: tuple[int, ...] = ()

    # Of a window, in units of the feature's variance (Kim et al., RevIN, ICLR 2022, eq. 2).
    variance_floor: ClassVar[float] = 1e-5

    @property
    def input_size(self) -> int:
        """Inputs per time step of the network: the features and the indicators."""
        return len(self.mean) + int(self.indicators.sum())

    @property
    def are_numbers(self) -> Flags:
        """Which features are numbers (n_features,), where some are categories."""
        return np.array([size == 0 for size in self.vocabulary] or [True] * len(self.mean))

    @classmethod
    def fit(
        cls, kind: str | None, batch: SequenceBatch, weights: Doubles, vocabulary: tuple[int, ...] = ()
    ) -> InputScaling:
        """Statistics of all steps, each counted with its sequence's weight."""
        mean, scale = mean_and_scale(batch, weights)
        if vocabulary:
            numbers = np.array(vocabulary) == 0
            mean, scale = np.where(numbers, mean, 0.0), np.where(numbers, scale, 1.0)
            _refuse_nothing(mean)
            return cls(kind, mean, scale, batch.missing_features() & numbers, vocabulary)
        _refuse_nothing(mean)
        return cls(kind, mean, scale, batch.missing_features())

    @classmethod
    def of_categories(cls, n_features: int) -> InputScaling:
        """Category numbers stay as they are; a missing one becomes 0, the number of the unknown."""
        return cls(None, np.zeros(n_features), np.ones(n_features), np.zeros(n_features, bool))

    def plain(self) -> dict[str, Any]:
        """As builtins and arrays; without a vocabulary where there is none, as before there were any."""
        return {name: value for name, value in vars(self).items() if name != "vocabulary" or value}

    @classmethod
    def from_plain(cls, values: Any) -> InputScaling:
        """The checked scaling of a stored state."""
        require(isinstance(values, dict), f"input_scaling is a {type(values).__name__}, not a dict")
        values = {"vocabulary": (), **values}
        check_scaling(cls, values, "input_scaling", (None, "standard", "last", "window"))
        vocabulary, size = values["vocabulary"], len(values["mean"])
        good = isinstance(vocabulary, tuple) and all(is_size(n, 0) for n in vocabulary)
        require(good and len(vocabulary) in (0, size), "input_scaling has a vocabulary that is not one of its features")
        if vocabulary:  # numbers of categories have to stay what they are: they are looked up
            codes = np.array(vocabulary) > 0
            as_they_are = (values["mean"][codes] == 0).all() and (values["scale"][codes] == 1).all()
            require(bool(as_they_are) and not values["indicators"][codes].any(), "input_scaling scales categories")
        return cls(**values)

    def gather(
        self, batch: SequenceBatch, dtype: DTypeLike = np.float32, room: Singles | None = None
    ) -> tuple[Floats, Integers]:
        """The network's inputs (n_samples, max_length, input_size), zero in the padding, and the lengths.

        ``room`` (max_length, n_samples, input_size or more): where to write them, in the order of time; what has a
        place behind them stays as it is. None: into memory of their own.
        """
        by_row = room is None
        whole = np.empty((batch.n_samples, batch.max_length, self.input_size), dtype) if room is None else room
        inputs = whole if by_row else whole[:, :, : self.input_size].transpose(1, 0, 2)
        passes = compiled_passes(batch.steps)
        if passes is not None and self.kind in (None, "standard"):
            self._standardise(passes, batch, by_row, whole)
            return inputs, batch.lengths
        positions, padding = batch.positions()
        chunks = row_chunks(len(positions), positions.shape[1] * batch.n_features)
        shape = (chunks[0].stop, positions.shape[1], batch.n_features)
        found, values = np.empty(shape, batch.steps.dtype), np.empty(shape)  # fresh memory costs more than arithmetic
        for rows in chunks:
            n, part = rows.stop - rows.start, None if padding is None else padding[rows]
            np.take(batch.steps, positions[rows], axis=0, out=found[:n], mode="clip")
            self._scale(found[:n], values[:n], part, batch.complete, inputs[rows])
        return inputs, batch.lengths

    def _standardise(self, passes: Any, batch: SequenceBatch, by_row: bool, inputs: Floats) -> None:
        """Write the inputs in one compiled pass, where nothing is taken off that a sequence has of its own."""
        starts, lengths = (np.ascontiguousarray(part, np.int64) for part in (batch.starts, batch.lengths))
        nothing = np.zeros(len(self.mean))
        parts = (nothing, nothing + 1.0, self.mean) if self.kind is None else (self.mean, self.scale, nothing)
        places = np.flatnonzero(self.indicators)
        passes.standardise(frozen(batch.steps), starts, lengths, *parts, places, by_row, inputs)

    def _scale(self, found: Floats, values: Doubles, padding: Flags | None, complete: bool, inputs: Floats) -> None:
        """Inputs of the values found (B, T, F), computed in double precision, in ``values``, and rounded."""
        n_features = found.shape[2]
        missing = None if complete else np.isnan(found)
        if self.kind is None:
            np.copyto(values, found)
        else:
            level, spread = self._level_and_spread(found, missing, padding)
            np.copyto(values, found)  # a subtraction that also converts takes longer
            values -= level
            values /= spread
        if missing is not None:
            instead = 0.0 if self.kind is not None else np.broadcast_to(self.mean, values.shape)[missing]
            values[missing] = instead
        with np.errstate(over="ignore"):  # beyond single precision: infinity, which the kernels take for 1e18
            inputs[:, :, :n_features] = values
        inputs[:, :, n_features:] = 0.0 if missing is None else missing[:, :, self.indicators]
        if padding is not None:
            inputs[padding] = 0.0

    def level_and_spread(self, batch: SequenceBatch) -> tuple[Doubles, Doubles]:
        """What `gather` takes off each sequence and divides it by; two (n_samples, n_features) arrays."""
        shape = (batch.n_samples, batch.n_features)
        if self.kind in (None, "standard"):
            level, spread = (self.mean, self.scale) if self.kind else (np.zeros(1), np.ones(1))
            return np.broadcast_to(level, shape), np.broadcast_to(spread, shape)
        level, spread = np.empty(shape), np.empty(shape)
        for rows in batch_chunks(batch):
            positions, padding = batch.take(rows).positions()
            values = batch.steps[positions].astype(np.float64)
            part = self._level_and_spread(values, None if batch.complete else np.isnan(values), padding)
            level[rows], spread[rows] = part[0][:, 0], part[1][:, 0]
        return level, spread

    def _level_and_spread(
        self,
        values: Floats,
        missing: Flags | None,
        padding: Flags | None,
    ) -> tuple[Doubles, Doubles]:
        """Level and spread, (B or 1, 1, F), of values (B, T, F)."""
        if self.kind == "standard":
            return self.mean[None, None], self.scale[None, None]
        if missing is None and padding is None:
            level, spread = self._of_complete(values)
            none_known = np.zeros(level.shape, bool)
        else:
            level, spread, none_known = self._of_known(values, missing, padding)
        if self.vocabulary:
            numbers = self.are_numbers
            level, spread = np.where(numbers, level, 0.0), np.where(numbers, spread, 1.0)
        return np.where(none_known, self.mean, level), spread

    def _of_complete(self, values: Floats) -> tuple[Doubles, Doubles]:
        """`_level_and_spread` where every value is there: the same sums without a look at each."""
        if self.kind == "last":
            level = values[:, -1:].astype(np.float64)
            return level, np.broadcast_to(self.scale[None, None], level.shape)
        count = values.shape[1]
        level = values.sum(axis=1, keepdims=True, dtype=np.float64) / count
        squares = values - level
        squares *= squares
        variance = squares.sum(axis=1, keepdims=True, dtype=np.float64) / count
        return level, np.sqrt(variance + self.variance_floor * self.scale**2)

    def _of_known(self, values: Floats, missing: Flags | None, padding: Flags | None) -> tuple[Doubles, Doubles, Flags]:
        """`_level_and_spread` of the values that are there, and where (B, 1, F) there is none."""
        there = np.ones(values.shape, bool) if missing is None else ~missing
        known = there if padding is None else there & ~padding[:, :, None]
        none_known = np.asarray(~known.any(axis=1, keepdims=True))
        if self.kind == "last":
            last = known.shape[1] - 1 - known[:, ::-1].argmax(axis=1)[:, None]  # (B, 1, F)
            level = np.take_along_axis(values, last, axis=1).astype(np.float64)
            spread = np.broadcast_to(self.scale[None, None], level.shape)
        else:
            count = np.maximum(known.sum(axis=1, keepdims=True), 1)
            level = np.where(known, values, 0.0).sum(axis=1, keepdims=True, dtype=np.float64) / count
            squares = np.where(known, values - level, 0.0) ** 2
            variance = squares.sum(axis=1, keepdims=True, dtype=np.float64) / count
            spread = np.sqrt(variance + self.variance_floor * self.scale**2)
        return level, spread, none_known


def _refuse_nothing(mean: Doubles) -> None:
    """A feature without a value has no mean."""
    if np.isnan(mean).any():
        raise without_value("feature", int(np.isnan(mean).argmax()))


def check_scaling(form: type, values: Any, label: str, kinds: tuple[str | None, ...]) -> None:
    """The fields of a stored scaling: a kind, and finite arrays of one length with scales above 0."""
    require_fields(values, form, label)
    require(values["kind"] in kinds, f"{label} has an unknown kind")
    dtypes = {"indicators": "b1", "feature": "i8"}
    for name in set(values) - {"kind", "vocabulary"}:
        good = is_finite_array(values[name], dtypes.get(name, "f8")) and len(values[name]) == np.size(values["mean"])
        require(good, f"{label}[{name!r}] is not a finite array")
    require(bool((values["scale"] > 0).all()), f"{label} has a scale that is not above 0")


def batch_chunks(batch: SequenceBatch, values_per_step: int | None = None, at_least: int = 1) -> Iterator[Integers]:
    """Row numbers in consecutive chunks of about a million values, and of ``at_least`` so many rows."""
    size = max(at_least, chunk_size(batch.max_length * (values_per_step or batch.n_features)))
    for start in range(0, batch.n_samples, size):
        yield np.arange(start, min(start + size, batch.n_samples))


def chunk_size(values_per_row: int, rows: int = 1) -> int:
    """How many rows are about a million values, or so many ``rows`` (a power of 2) that are worth up to eight million;
    half as many, and so on, where these are still too large.
    """
    while rows > 1 and rows * values_per_row > _MOST_VALUES:
        rows //= 2
    return max(rows, _CHUNK_VALUES // values_per_row)

"""The values that go into a training and come out of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import NamedTuple, Protocol

import numpy as np

from skrnn._ridge import InTime
from skrnn._types import Array, Doubles, Integers, Singles
from skrnn.objectives import MiniBatch
from skrnn.sequences import InputScaling, SequenceBatch

__all__ = ["Observer", "Progress", "TrainingConfig", "TrainingResult", "TrainingSet"]

_KEPT_VALUES = 1 << 22


def _none(n_rows: int, n_steps: int) -> None:
    """There is no place where inputs are wanted."""


@dataclass(frozen=True)
class TrainingConfig:
    """How to train; the parameters of the estimators under the same names, checked there.

    ``chunk_steps``: an update for each chunk of this number of time steps; the state is carried from one to the next.
    ``held``: names of the weights that stay as they are.
    ``sparse``: an update moves only those rows of the embeddings that its mini-batch reads.
    ``stop_after``: epochs after which training ends, and before which no loss ends it; schedules plan for ``max_iter``.
    """

    optimizer: str = "adam"
    learning_rate: float = 1e-2
    learning_rate_schedule: str | None = None
    weight_decay: float = 0.0
    max_grad_norm: float | None = 1.0
    bptt_steps: int | None = None
    chunk_steps: int | None = None
    scheduled_sampling: float = 0.0
    batch_size: int = 32
    max_iter: int = 100
    shuffle: bool = True
    n_iter_no_change: int = 10
    tol: float = 1e-4
    stop_after: int | None = None
    device: str = "cpu"
    engine: str = "torch"
    n_threads: int = 1
    held: tuple[str, ...] = ()
    sparse: bool = False


@dataclass(frozen=True, eq=False)
class TrainingSet:
    """Rows to learn from (or to validate on), their targets in the units of the loss and their weights.

    Sequences of targets have a last column of step weights. ``unknown`` holds, where inputs are category numbers, how
    likely each of them is read as unknown in training; an array for each feature, empty for one of numbers. ``offset``
    (n_samples, n_outputs) is what a simple model says, which is added to the outputs. ``when``: where the rows lie in
    time, if they overlap. ``unit``: of the weights, in those that the rows were given.
    """

    batch: SequenceBatch
    scaling: InputScaling
    targets: Singles | SequenceBatch | None
    gain: Singles | None
    weights: Doubles
    unknown: tuple[Singles, ...] = ()
    offset: Singles | None = None
    when: InTime | None = None
    unit: float = 1.0

    @cached_property
    def inputs(self) -> Singles | None:
        """All inputs (n, T, F), if they are few and all sequences have one length: then they are gathered once."""
        if self.size(self.batch.starts) > _KEPT_VALUES or (self.batch.lengths != self.batch.max_length).any():
            return None
        return np.asarray(self.scaling.gather(self.batch)[0], np.float32)

    def size(self, rows: Integers) -> int:
        """Numbers that the network reads of so many rows, if all have the longest one's steps."""
        return len(rows) * self.batch.max_length * self.scaling.input_size

    @property
    def n_targets(self) -> int:
        """Targets of a sequence, or of a time step."""
        if isinstance(self.targets, SequenceBatch):
            return self.targets.n_features - 1
        return 0 if self.targets is None else int(self.targets.shape[1])

    @property
    def n_periods(self) -> float:
        """As how many rows that share nothing with each other these count in time: of several series those of one.

        Rows of unlike weights count as fewer rows of the same one (Kish, Survey Sampling, 1965, section 11.7).
        """
        n_rows = len(self.weights)
        n_even = float(self.weights.sum() ** 2 / (self.weights**2).sum())
        if self.when is None or n_rows == 1:
            return n_even
        span = float(np.ptp(self.when.places)) * (n_even - 1.0) / (n_rows - 1)
        return 1.0 + span / (self.when.in_turns * (self.when.gap + 1))

    def mini_batch(
        self, rows: Integers, rng: np.random.Generator | None = None, room: Callable[[int, int], Singles | None] = _none
    ) -> MiniBatch:
        """Gather some rows; with ``rng``, to train on: some categories are read as unknown.

        ``room(n_rows, n_steps)``: where inputs are wanted that have to be gathered, as in `InputScaling.gather`.
        """
        targets, step_weights = self._targets(rows)
        gain = None if self.gain is None else self.gain.take(rows, axis=0)
        missing = self.batch.take(rows).missing() if targets is None and self.scaling.indicators.any() else None
        if self.inputs is not None:
            inputs, lengths = self.inputs.take(rows, axis=0), self._even_lengths[: len(rows)]
        else:
            batch = self.batch.take(rows)
            inputs, lengths = self.scaling.gather(batch, room=room(len(rows), batch.max_length))
        if rng is not None and self.unknown:
            inputs = self._with_unknown(inputs, rng)
        offset = None if self.offset is None else self.offset.take(rows, axis=0)
        return MiniBatch(inputs, lengths, targets, gain, missing, step_weights, offset)

    def stretch(self, rows: Integers, begin: int, size: int) -> MiniBatch:
        """The steps from ``begin`` on, ``size`` at most, of rows of categories that are longer than ``begin``."""
        assert isinstance(self.targets, SequenceBatch)
        assert self.gain is None
        assert self.offset is None
        inputs, lengths = self.scaling.gather(self.batch.take(rows).cut(begin, size))
        targets, step_weights = _values_and_weights(self.targets.take(rows).cut(begin, size))
        return MiniBatch(np.asarray(inputs, np.float32), lengths, targets, step_weights=step_weights)

    def chunk(
        self, stretch: MiniBatch, rows: Integers, begin: int, size: int, rng: np.random.Generator | None = None
    ) -> MiniBatch:
        """The same of some rows of a `stretch`; with ``rng``, to train on: some categories are read as unknown."""
        assert stretch.targets is not None
        assert stretch.step_weights is not None
        lengths = np.minimum(stretch.lengths[rows] - begin, size)
        steps, whole = slice(begin, begin + int(lengths.max())), len(rows) == len(stretch.lengths)
        parts = [part[:, steps] for part in (stretch.inputs, stretch.targets, stretch.step_weights)]
        inputs, targets, step_weights = parts if whole else [part[rows] for part in parts]
        if rng is not None and self.unknown:
            inputs = self._with_unknown(inputs, rng)
        return MiniBatch(inputs, lengths, targets, step_weights=step_weights)

    def without_unseen(self) -> TrainingSet:
        """The same rows, where a category that the training part does not hold is unknown."""
        steps = self.batch.steps.copy()
        for f, rate in enumerate(self.unknown):
            if not len(rate):
                continue
            known = ~np.isnan(steps[:, f])
            numbers = steps[known, f].astype(np.intp)
            steps[known, f] = np.where(rate[numbers] < 1, numbers, 0)
        return replace(self, batch=replace(self.batch, steps=steps))

    def _targets(self, rows: Integers) -> tuple[Singles | None, Singles | None]:
        """Targets (B, k), or targets (B, L, k) and their weights (B, L)."""
        if not isinstance(self.targets, SequenceBatch):
            return (None if self.targets is None else self.targets.take(rows, axis=0)), None
        return _values_and_weights(self.targets.take(rows))

    def _with_unknown(self, inputs: Array, rng: np.random.Generator) -> Array:
        """Inputs (B, T, F), some of whose category numbers are replaced by 0."""
        features = [f for f, rate in enumerate(self.unknown) if len(rate)]
        codes, found = inputs[:, :, features], inputs.copy()
        draws = rng.random(codes.shape, dtype=np.float32)
        rates = [self.unknown[f][codes[:, :, i].astype(np.intp)] for i, f in enumerate(features)]
        found[:, :, features] = np.where(draws < np.stack(rates, axis=2), np.float32(0.0), codes)
        return found

    @cached_property
    def _even_lengths(self) -> Integers:
        """The length of every row, where all have the same."""
        return np.broadcast_to(np.intp(self.batch.max_length), self.batch.n_samples)

    def shares(self, rows: Integers, sizes: list[int]) -> Singles:
        """What each row counts in the loss of its mini-batch of B rows: w_i / B.

        ``sizes``: of the mini-batches, which follow each other in ``rows``.
        """
        if self.weights.strides == (0,):  # all the same
            return np.repeat((self.weights[0] / np.array(sizes, float)).astype(np.float32), sizes)
        of = float(sizes[0]) if len(sizes) == 1 else np.repeat(np.array(sizes, float), sizes)
        return (self.weights[rows] / of).astype(np.float32)


def _values_and_weights(targets: SequenceBatch) -> tuple[Singles, Singles]:
    """Targets (B, L, k) and their weights (B, L), zero in the padding."""
    positions, padding = targets.positions()
    values = targets.steps[positions].astype(np.float32)
    if padding is not None:
        values[padding] = 0.0
    return values[:, :, :-1], values[:, :, -1]


@dataclass(frozen=True, eq=False)
class TrainingResult:
    """What training leaves behind: NumPy arrays and builtins.

    ``weights`` are those of the best epoch, ``best_epoch`` (0: the start), with ``part`` of what it adds to its start;
    ``still_falling``: there were too few epochs; ``norm_curve`` and ``clipped_curve``: of each epoch, the mean norm of
    a mini-batch's gradient before it was clipped, and the part of the mini-batches whose gradient was. ``validated``:
    the weights of the first training, if a second one has followed.
    """

    weights: Mapping[str, Singles]
    optimizer_state: Mapping[str, Array]
    loss_curve: list[float] = field(default_factory=list)
    validation_loss_curve: list[float] | None = None
    best_loss: float = np.inf
    best_epoch: int = 0
    part: float = 1.0
    still_falling: bool = False
    norm_curve: list[float] = field(default_factory=list)
    clipped_curve: list[float] = field(default_factory=list)
    validated: Mapping[str, Singles] | None = None

    @property
    def weights_validated(self) -> Mapping[str, Singles]:
        """Those that the validation part decided on, which have learnt nothing from it."""
        return self.weights if self.validated is None else self.validated


class Progress(NamedTuple):
    """The state of a training after an epoch; ``weights`` is a function, called only if somebody looks."""

    loss_curve: list[float]
    validation_loss_curve: list[float] | None
    weights: Callable[[], dict[str, Singles]]


class Observer(Protocol):
    """Whoever wants to follow a training."""

    def epoch_begins(self) -> None: ...

    def epoch_ends(self, progress: Progress) -> bool:
        """True stops the training."""

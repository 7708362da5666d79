"""A linear model of sequences, whose predictions a network starts from and corrects.

Ridge regression, of dense features (`_dense_ridge.py`) or of sparse ones (`_sparse_ridge.py`).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, ClassVar, TypeAlias

import numpy as np

from skrnn._plain import is_finite_array, is_size, require, require_fields
from skrnn._ridge import InTime
from skrnn._types import Doubles, Floats, Integers
from skrnn.sequences import InputScaling, SequenceBatch, batch_chunks
from skrnn.training._dense_ridge import Chunks, fit_dense
from skrnn.training._ngrams import NGrams
from skrnn.training._shares import Shares
from skrnn.training._sparse_ridge import fit_sparse

__all__ = ["Linear", "NewestSteps", "fit_by_absolute_errors", "fit_linear"]

_MOST_FEATURES = 1024  # inputs of the model: of long sequences the newest steps
_COPIES = 16  # of a chunk of features, that a fit makes at most
_ROWS = 64  # of a chunk at least, where so many have
_CHUNK_VALUES = 1 << 20  # numbers at most
_KEPT_VALUES = 1 << 23  # of features that are costly: kept from pass to pass up to so many
_REWEIGHTED = 2  # fits after the first, of a model by absolute errors
_SMALLEST = 0.1  # of the median error: rows that fit better count no more


@dataclass(frozen=True, eq=False)
class NewestSteps:
    """The newest ``n_steps`` side by side; a shorter sequence has zeros in front, the mean of every input.

    Where a ``vocabulary`` says that some inputs are category numbers (0: it is a number), the numbers are read so, and
    behind them stands, for each category but the unknown one, whether the newest step has it: one-hot.
    """

    n_steps: int
    n_inputs: int
    vocabulary: tuple[int, ...] = ()

    name: ClassVar[str] = "linear"
    costly: ClassVar[bool] = False  # not to be made again for every pass

    @property
    def n_features(self) -> int:
        return self.n_steps * len(self.numbers) + sum(size for _, size in self.one_hot)

    @cached_property
    def numbers(self) -> list[int]:
        """The inputs that are numbers."""
        return [i for i in range(self.n_inputs) if not (self.vocabulary and self.vocabulary[i])]

    @cached_property
    def one_hot(self) -> list[tuple[int, int]]:
        """Inputs that are category numbers and how many categories each has, the smallest first, as far as all of them
        are few enough.
        """
        found, total = [], 0
        for size, i in sorted((size - 1, i) for i, size in enumerate(self.vocabulary) if size > 1):
            total += size
            if total <= _MOST_FEATURES:
                found.append((i, size))
        return found

    @classmethod
    def fit(cls, batch: SequenceBatch, scaling: InputScaling) -> NewestSteps:
        """As many as the shortest sequence has."""
        size, known = scaling.input_size, scaling.vocabulary
        vocabulary = known + (0,) * (size - len(known) if known else 0)
        n_numbers = vocabulary.count(0) if known else size
        return cls(max(1, min(int(batch.lengths.min()), _MOST_FEATURES // n_numbers)), size, vocabulary)

    def chunks(self, batch: SequenceBatch, scaling: InputScaling) -> Iterator[tuple[Integers, Doubles]]:
        """Row numbers and their features (B, n_features), chunk by chunk."""
        width = max(self.n_inputs, self.n_features // self.n_steps)
        # Of sequences that are scaled by what they hold all steps are wanted.
        newest = batch.newest(self.n_steps) if scaling.kind in (None, "standard") else batch
        at_least = min(_ROWS, max(1, _CHUNK_VALUES // (newest.max_length * width)))
        for rows in batch_chunks(batch, _COPIES * width, at_least):
            part = newest if len(rows) == newest.n_samples else newest.take(rows)
            values, lengths = scaling.gather(part, np.float64)  # (B, T, F)
            yield rows, self.features(values, lengths)

    def features(self, values: Floats, lengths: Integers) -> Doubles:
        """Those of scaled inputs (B, T, F), zero behind the last step."""
        steps = lengths[:, None] - self.n_steps + np.arange(self.n_steps)
        newest = np.take_along_axis(values, np.maximum(steps, 0)[:, :, None], axis=1).astype(np.float64, copy=False)
        newest[steps < 0] = 0.0
        if not self.vocabulary:
            return newest.reshape(len(values), -1)
        codes = [newest[:, -1, [i]] == np.arange(1, size + 1) for i, size in self.one_hot]
        parts = [newest[:, :, self.numbers].reshape(len(values), -1), *codes]
        return np.concatenate(parts, axis=1, dtype=np.float64)

    def attributed(self, values: Floats, lengths: Integers, coef: Doubles) -> Doubles:
        """What each of the scaled inputs (B, T, F) adds to a linear model, whose ``coef`` (B, n_features) are those of
        each row; (B, T, F).
        """
        return self.placed(self.features(values, lengths) * coef, values, lengths)

    def placed(self, features: Doubles, values: Floats, lengths: Integers) -> Doubles:
        """Features (B, n_features) at the steps of the inputs (B, T, F) that they belong to."""
        found = np.zeros(values.shape)
        steps = lengths[:, None] - self.n_steps + np.arange(self.n_steps)
        row, place = np.nonzero(steps >= 0)
        if not self.vocabulary:
            found[row, steps[row, place]] = features.reshape(len(values), self.n_steps, -1)[row, place]
            return found
        begin, rows = self.n_steps * len(self.numbers), np.arange(len(values))
        numbers = features[:, :begin].reshape(len(values), self.n_steps, -1)
        found[row[:, None], steps[row, place][:, None], self.numbers] = numbers[row, place]
        for i, size in self.one_hot:
            found[rows, lengths - 1, i] = features[:, begin : begin + size].sum(axis=1)
            begin += size
        return found


Reads: TypeAlias = "NewestSteps | Shares | NGrams"


@dataclass(frozen=True, eq=False)
class Linear:
    """``coef`` (n_features, k) and ``intercept`` (k,), on the features that ``reads`` makes of the scaled inputs."""

    reads: Reads
    coef: Doubles
    intercept: Doubles

    @property
    def shape(self) -> tuple[int, int]:
        """How many features it reads, and how many outputs it has."""
        return self.coef.shape[0], self.coef.shape[1]

    @property
    def init(self) -> str:
        """What the parameter calls a model of these features."""
        return self.reads.name

    def outputs(self, batch: SequenceBatch, scaling: InputScaling) -> Doubles:
        """Predictions (n_samples, k) in the units of the loss."""
        out = np.empty((batch.n_samples, len(self.intercept)))
        for rows, features in self.reads.chunks(batch, scaling):
            out[rows] = self.of(features)
        return out

    def of(self, features: Any) -> Doubles:
        """Predictions (n, k) from features (n, n_features), those of n-grams sparse, each row by itself."""
        if isinstance(self.reads, NGrams):
            return np.asarray(features @ self.coef + self.intercept)
        return np.asarray(np.einsum("nd,dk->nk", features, self.coef) + self.intercept)

    def attributed(self, values: Floats, lengths: Integers, chosen: Integers) -> Doubles:
        """What each of the scaled inputs (B, T, F) adds to the ``chosen`` prediction (B,) of its row; (B, T, F)."""
        return self.reads.attributed(values, lengths, self.coef[:, chosen].T)

    def times(self, factor: float) -> Linear:
        """The model whose predictions are ``factor`` times as large."""
        return replace(self, coef=self.coef * factor, intercept=self.intercept * factor)

    def plain(self) -> dict[str, Any]:
        """As builtins and arrays."""
        return {
            **vars(self),
            "reads": self.reads.n_steps if isinstance(self.reads, NewestSteps) else self.reads.plain(),
        }

    @classmethod
    def from_plain(cls, values: Any, n_inputs: int, vocabulary: tuple[int, ...] = ()) -> Linear:
        """The checked model of a stored state, of so many inputs per step; ``vocabulary``: as `NewestSteps` has it."""
        require_fields(values, cls, "linear")
        good = is_finite_array(values["coef"], "f8", 2) and is_finite_array(values["intercept"], "f8")
        require(good and values["coef"].shape[1] == len(values["intercept"]), "linear is no linear model")
        reads: Reads
        if isinstance(values["reads"], dict) and "idf" in values["reads"]:
            reads = NGrams.from_plain(values["reads"], vocabulary)
        elif isinstance(values["reads"], dict):
            reads = Shares.from_plain(values["reads"], n_inputs)
        else:
            require(is_size(values["reads"]), "linear reads no number of steps")
            reads = NewestSteps(values["reads"], n_inputs, vocabulary)
        return cls(reads, values["coef"], values["intercept"])


def fit_linear(
    batch: SequenceBatch,
    scaling: InputScaling,
    targets: Floats,
    gain: Floats | None,
    sample_weights: Doubles,
    reads: Reads | None = None,
    when: InTime | None = None,
) -> tuple[Linear, Doubles]:
    """The model of targets (n_samples, k), and what it says of each row without having seen it (n_samples, k).

    With a ``gain`` (n_samples, k) outputs count that many times in the units of the loss. Missing targets are NaN.
    ``reads``: the features; None: the newest steps. ``when``: which rows overlap; None: none do.
    """
    reads = NewestSteps.fit(batch, scaling) if reads is None else reads
    if gain is not None:
        parts = [
            _fit_known(batch, scaling, targets[:, [k]] / gain[:, [k]], sample_weights * gain[:, k] ** 2, reads)
            for k in range(targets.shape[1])
        ]
        coef = np.concatenate([part.coef for part, _ in parts], axis=1)
        intercept = np.concatenate([part.intercept for part, _ in parts])
        return Linear(reads, coef, intercept), np.concatenate([unseen for _, unseen in parts], axis=1)
    return _fit_known(batch, scaling, targets, sample_weights, reads, when)


def fit_by_absolute_errors(
    batch: SequenceBatch, scaling: InputScaling, targets: Floats, sample_weights: Doubles, when: InTime | None = None
) -> tuple[Linear, Doubles]:
    """As `fit_linear`, where a row counts by its mean absolute error instead of its squares.

    Iteratively reweighted least squares: a row's weight is divided by its error under the model before (Schlossmacher,
    "An iterative technique for absolute deviations curve fitting", JASA 68, 1973), one weight for all of its targets.
    """
    weights, known = sample_weights, ~np.isnan(targets)
    model, unseen = fit_linear(batch, scaling, targets, None, weights, when=when)
    for _ in range(_REWEIGHTED):
        errors = np.where(known, np.abs(targets - model.outputs(batch, scaling)), 0.0)
        sizes = errors.sum(axis=1) / np.maximum(known.sum(axis=1), 1)
        least = _SMALLEST * float(np.median(sizes[sample_weights > 0]))
        if least == 0.0:
            break
        weights = sample_weights / np.maximum(sizes, least)
        model, unseen = fit_linear(batch, scaling, targets, None, weights, model.reads, when)
    return model, unseen


def _fit_known(
    batch: SequenceBatch,
    scaling: InputScaling,
    targets: Floats,
    sample_weights: Doubles,
    reads: Reads,
    when: InTime | None = None,
) -> tuple[Linear, Doubles]:
    """Targets that are missing in the same rows share a model of the others; in those rows it has seen nothing.

    If most rows have all targets, these rows make one model.
    """
    missing = np.isnan(targets)
    if not missing.any():
        return _fit(batch, scaling, targets, sample_weights, reads, when)

    def of(rows: Integers, columns: Integers) -> tuple[Linear, Doubles]:
        there = None if when is None else when.take(rows, columns)
        return _fit(batch.take(rows), scaling, targets[np.ix_(rows, columns)], sample_weights[rows], reads, there)

    complete = np.flatnonzero(~missing.any(axis=1))
    if 2 * len(complete) > len(missing):  # one model of them, where most rows have all targets
        model, unseen = of(complete, np.arange(targets.shape[1]))
        left_out = model.outputs(batch, scaling)
        left_out[complete] = unseen
        return model, left_out
    whole = Linear(reads, np.zeros((reads.n_features, targets.shape[1])), np.zeros(targets.shape[1]))
    left_out = np.zeros(targets.shape)
    patterns, which = np.unique(missing, axis=1, return_inverse=True)
    for number, pattern in enumerate(patterns.T):
        columns, rows = np.flatnonzero(which == number), np.flatnonzero(~pattern)
        if not len(rows):
            continue
        part, unseen = of(rows, columns)
        whole.coef[:, columns], whole.intercept[columns] = part.coef, part.intercept
        left_out[:, columns] = part.outputs(batch, scaling)
        left_out[np.ix_(rows, columns)] = unseen
    return whole, left_out


def _fit(
    batch: SequenceBatch,
    scaling: InputScaling,
    targets: Floats,
    sample_weights: Doubles,
    reads: Reads,
    when: InTime | None,
) -> tuple[Linear, Doubles]:
    """The model of targets of which none is missing."""
    if isinstance(reads, NGrams):
        features, y = reads.weighed(batch), targets.astype(np.float64)
        coef, intercept, unseen, strength = fit_sparse(features, y, sample_weights, reads.strength)
        return Linear(replace(reads, strength=strength), coef, intercept), unseen
    passes, y = _passes(batch, scaling, reads), targets.astype(np.float64)
    coef, intercept, unseen = fit_dense(passes, y, sample_weights, reads.n_features, when)
    return Linear(reads, coef, intercept), unseen


def _passes(batch: SequenceBatch, scaling: InputScaling, reads: NewestSteps | Shares) -> Chunks:
    """What gives all chunks of features, as often as it is called; anew, where they are many."""
    if batch.n_samples * reads.n_features <= (_KEPT_VALUES if reads.costly else _KEPT_VALUES >> 3):
        kept = list(reads.chunks(batch, scaling))
        return lambda: iter(kept)
    return lambda: reads.chunks(batch, scaling)

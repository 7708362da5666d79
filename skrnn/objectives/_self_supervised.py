"""Objectives without labels: the targets are in the sequence itself."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from skrnn._types import Flags, Floats, Integers
from skrnn.objectives._base import MiniBatch, Objective, Readout
from skrnn.sequences import segment_positions

__all__ = ["Forecast", "Reconstruction"]


@dataclass(frozen=True)
class _FromInputs(Objective):
    """Squared error against the inputs' first ``n_features`` columns, a mean over each sequence's known values."""

    n_features: int

    def n_outputs(self, n_targets: int) -> int:
        return self.n_features

    def decode(self, outputs: Floats) -> Floats:
        return outputs

    def masked_squared_error(
        self, outputs: Floats, batch: MiniBatch, steps: Integers, n_steps: Integers
    ) -> tuple[Floats, Floats]:
        """Loss and gradient of outputs (B, T', F) against the inputs at the first ``n_steps`` of ``steps`` (B, T').

        Missing values are not scored.
        """
        target = np.take_along_axis(batch.inputs[:, :, : self.n_features], steps[:, :, None], axis=1)
        scored = np.broadcast_to((np.arange(outputs.shape[1]) < n_steps[:, None])[:, :, None], outputs.shape)
        if batch.missing is not None:
            scored = scored & ~np.take_along_axis(batch.missing, steps[:, :, None], axis=1)
        return _mean_square(outputs, target, scored)


def _mean_square(outputs: Floats, target: Floats, scored: Flags) -> tuple[Floats, Floats]:
    """The mean squared error of each sequence (B,) over what is scored of its outputs (B, T', K), and its gradient."""
    count = np.maximum(scored.sum(axis=(1, 2), keepdims=True), 1).astype(outputs.dtype)
    difference = np.where(scored, outputs - target, 0)
    return (difference**2 / count).sum(axis=(1, 2)), 2 * difference / count


@dataclass(frozen=True)
class Forecast(_FromInputs):
    """The values one time step later, predicted at every step (or segment) but the last; with a ``horizon`` those of
    the so many next steps, one step's features after the other's, as far as there are any.
    """

    readout: ClassVar[Readout] = "steps"
    segment: int = 1
    segment_stride: int | None = None
    horizon: int = 1

    def n_outputs(self, n_targets: int) -> int:
        return self.n_features * self.horizon

    def loss(self, outputs: Floats, batch: MiniBatch) -> tuple[Floats, Floats]:
        if self.horizon > 1:
            return self._loss_of_several(outputs, batch)
        positions, counts = segment_positions(batch.lengths, self.segment, self.segment_stride)
        following = np.minimum(positions[:, :, -1] + 1, batch.inputs.shape[1] - 1)  # the last one is not scored
        return self.masked_squared_error(outputs, batch, following, counts - 1)

    def _loss_of_several(self, outputs: Floats, batch: MiniBatch) -> tuple[Floats, Floats]:
        """The mean over the values of all forecasts of a sequence, however far ahead."""
        positions, _ = segment_positions(batch.lengths, self.segment, self.segment_stride)
        ends = positions[:, :, -1, None]  # -1 in the padding
        steps = ends + 1 + np.arange(self.horizon)  # (B, T', H)
        there = (ends >= 0) & (steps < np.asarray(batch.lengths)[:, None, None])
        scored = np.repeat(there[..., None], self.n_features, axis=3)
        places = np.minimum(steps, batch.inputs.shape[1] - 1)
        rows = np.arange(len(outputs))[:, None, None]
        target = batch.inputs[rows, places, : self.n_features]
        if batch.missing is not None:
            scored &= ~batch.missing[rows, places]
        return _mean_square(outputs, target.reshape(outputs.shape), scored.reshape(outputs.shape))


@dataclass(frozen=True)
class Reconstruction(_FromInputs):
    """The whole sequence, newest step first, from the encoder's last state alone.

    Srivastava, Mansimov & Salakhutdinov, "Unsupervised learning of video representations using LSTMs", ICML 2015,
    section 2.2 (the unconditioned decoder; the reversed target).
    """

    readout: ClassVar[Readout] = "decoder"

    def loss(self, outputs: Floats, batch: MiniBatch) -> tuple[Floats, Floats]:
        steps = np.arange(outputs.shape[1])
        newest_first = np.maximum(batch.lengths[:, None] - 1 - steps, 0)
        return self.masked_squared_error(outputs, batch, newest_first, batch.lengths)

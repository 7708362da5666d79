"""Objectives without labels: the targets are in the sequence itself."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from skrnn.objectives._base import Floats, MiniBatch, Objective, Readout
from skrnn.sequences import segment_positions

__all__ = ["Forecast", "Reconstruction"]


@dataclass(frozen=True)
class _FromInputs(Objective):
    """Squared error against the inputs' first ``n_features`` columns, a mean over each sequence's real steps."""

    n_features: int

    def n_outputs(self, n_targets: int) -> int:
        return self.n_features

    def decode(self, outputs: Floats) -> Floats:
        return outputs

    def masked_squared_error(
        self, outputs: Floats, target: Floats, n_steps: np.ndarray[tuple[int], np.dtype[np.intp]]
    ) -> tuple[Floats, Floats]:
        """Loss and gradient over the first ``n_steps`` steps of each sequence; arrays (B, T, F)."""
        scored = np.arange(outputs.shape[1]) < n_steps[:, None]
        count = np.maximum(n_steps, 1).astype(outputs.dtype)[:, None, None] * outputs.shape[2]
        error = np.where(scored[:, :, None], outputs - target, 0) / count
        return (error * (outputs - target)).sum(axis=(1, 2)), 2 * error


@dataclass(frozen=True)
class Forecast(_FromInputs):
    """The values one time step later, predicted at every step (or segment) but the last."""

    readout: ClassVar[Readout] = "steps"
    segment: int = 1
    segment_stride: int | None = None

    def loss(self, outputs: Floats, batch: MiniBatch) -> tuple[Floats, Floats]:
        positions, counts = segment_positions(batch.lengths, self.segment, self.segment_stride)
        following = np.minimum(positions[:, :, -1:] + 1, batch.inputs.shape[1] - 1)  # the last one is not scored
        values = batch.inputs[:, :, : self.n_features]
        return self.masked_squared_error(outputs, np.take_along_axis(values, following, axis=1), counts - 1)


@dataclass(frozen=True)
class Reconstruction(_FromInputs):
    """The whole sequence, newest step first, from the encoder's last state alone.

    Srivastava, Mansimov & Salakhutdinov, "Unsupervised learning of video representations using LSTMs", ICML 2015,
    section 2.2 (the unconditioned decoder; the reversed target).
    """

    readout: ClassVar[Readout] = "decoder"

    def loss(self, outputs: Floats, batch: MiniBatch) -> tuple[Floats, Floats]:
        steps = np.arange(outputs.shape[1])
        newest_first = np.maximum(batch.lengths[:, None] - 1 - steps, 0)[:, :, None]
        values = batch.inputs[:, :, : self.n_features]
        target = np.take_along_axis(values, newest_first, axis=1)
        return self.masked_squared_error(outputs, target, batch.lengths)

"""A loss at every time step, from a loss of single predictions."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np

from skrnn._types import Floats
from skrnn.objectives._base import MiniBatch, Objective, Readout

__all__ = ["EveryStep", "EveryToken"]


@dataclass(frozen=True)
class EveryStep(Objective):
    """The weighted sum, over the time steps of a sequence, of a loss of each step's outputs.

    Weights are those of the mini-batch; a step of weight 0 is not looked at. They are scaled beforehand so that they
    sum to 1 in the average sequence: then every step that counts counts alike, however long its sequence is.
    """

    readout: ClassVar[Readout] = "steps"
    base: Objective

    @property
    def least_loss(self) -> float:  # type: ignore[override]
        return self.base.least_loss

    @property
    def shrinks(self) -> bool:  # type: ignore[override]
        return self.base.shrinks

    def n_outputs(self, n_targets: int) -> int:
        return self.base.n_outputs(n_targets)

    def loss(self, outputs: Floats, batch: MiniBatch) -> tuple[Floats, Floats]:
        assert batch.targets is not None
        assert batch.step_weights is not None
        scored = batch.step_weights > 0  # (B, T)
        weights = batch.step_weights[scored].astype(outputs.dtype)
        rows, gain = np.nonzero(scored)[0], batch.gain
        steps = replace(batch, targets=batch.targets[scored], gain=None if gain is None else gain[rows])
        value, slope = self.base.loss(outputs[scored], steps)
        gradient = np.zeros_like(outputs)
        gradient[scored] = slope * weights[:, None]
        losses = np.bincount(rows, weights=value * weights, minlength=len(outputs))
        return losses.astype(outputs.dtype), gradient

    def decode(self, outputs: Floats) -> Floats:
        return self.base.decode(outputs)


@dataclass(frozen=True)
class EveryToken(EveryStep):
    """The same over the tokens that a decoder writes, and over the end of the sequence."""

    readout: ClassVar[Readout] = "tokens"

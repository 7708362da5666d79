"""The objective of labels that are not aligned with the time steps."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from skrnn.objectives import MiniBatch, Objective, Readout, softmax

__all__ = ["UnalignedLabels"]

Floats = NDArray[np.floating[Any]]


@dataclass(frozen=True)
class UnalignedLabels(Objective):
    """Connectionist temporal classification. Targets are label numbers from 1 on, closed by a 0.

    The loss is per label of the average sequence. (It is torch's, so this objective is not among those of NumPy.)
    """

    readout: ClassVar[Readout] = "steps"
    n_classes: int

    def n_outputs(self, n_targets: int) -> int:
        return self.n_classes + 1

    def loss(self, outputs: Floats, batch: MiniBatch) -> tuple[Floats, Floats]:
        from skrnn.networks import ctc_loss  # needs torch

        assert batch.targets is not None
        assert batch.step_weights is not None
        labels, weight = batch.targets[:, :, 0], batch.step_weights[:, 0]
        losses, gradient = ctc_loss(outputs, batch.lengths, labels, (labels > 0).sum(axis=1))
        return losses * weight, gradient * weight[:, None, None]

    def decode(self, outputs: Floats) -> Floats:
        return softmax(outputs)

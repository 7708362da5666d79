"""Quantiles: one level or several that do not cross."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from skrnn._types import Floats
from skrnn.objectives._base import MiniBatch, Objective

__all__ = ["QuantileLoss"]


@dataclass(frozen=True)
class QuantileLoss(Objective):
    """The pinball loss (Koenker & Bassett, Econometrica 46(1), 1978), a mean over targets and levels.

    The outputs of several levels are sorted into predictions, which never raises the loss (Chernozhukov,
    Fernandez-Val & Galichon, "Quantile and probability curves without crossing", Econometrica 78(3), 2010).
    """

    levels: tuple[float, ...]

    def __post_init__(self) -> None:
        """Take levels from any sequence; they lie in (0, 1)."""
        object.__setattr__(self, "levels", tuple(float(level) for level in self.levels))
        if not self.levels or not all(0 < level < 1 for level in self.levels):
            raise ValueError(f"Levels of quantiles lie in (0, 1). Got {self.levels} instead.")

    def n_outputs(self, n_targets: int) -> int:
        return n_targets * len(self.levels)

    def loss(self, outputs: Floats, batch: MiniBatch) -> tuple[Floats, Floats]:
        assert batch.targets is not None
        n, k = batch.targets.shape
        prediction = outputs.reshape(n, k, len(self.levels))
        if batch.gain is not None:
            prediction = prediction * batch.gain[:, :, None]
        levels = np.array(self.levels, dtype=outputs.dtype)
        error = batch.targets[:, :, None] - prediction
        slope = np.where(error > 0, -levels, np.where(error < 0, 1 - levels, 0))
        value = -(slope * error)
        missing = np.isnan(batch.targets)
        if missing.any():
            value = np.where(missing[:, :, None], 0, value)  # the slope is 0 there
        if batch.gain is not None:
            slope = slope * batch.gain[:, :, None]
        gradient = (slope / (k * len(self.levels))).reshape(outputs.shape)
        return value.mean(axis=(1, 2)), gradient.astype(outputs.dtype, copy=False)

    def decode(self, outputs: Floats) -> Floats:
        """(n, n_targets * n_levels) to (n, n_targets, n_levels), in the order in which the levels were given."""
        prediction = np.sort(outputs.reshape(len(outputs), -1, len(self.levels)), axis=2)
        rank = np.argsort(np.argsort(self.levels, kind="stable"), kind="stable")
        return np.asarray(prediction[:, :, rank])

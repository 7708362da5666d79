"""Losses of a regression with one output per target. All are means over the targets."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np

from skrnn._types import Floats
from skrnn.objectives._base import MiniBatch, Objective

__all__ = ["AbsoluteError", "HuberLoss", "PoissonDeviance", "SquaredError"]


class _Pointwise(Objective):
    """A loss that is a function of one prediction and one target."""

    def n_outputs(self, n_targets: int) -> int:
        return n_targets

    @abstractmethod
    def pointwise(self, prediction: Floats, target: Floats) -> tuple[Floats, Floats]:
        """Loss and derivative with respect to the prediction, each of the shape of the arguments."""

    def loss(self, outputs: Floats, batch: MiniBatch) -> tuple[Floats, Floats]:
        assert batch.targets is not None
        prediction = outputs if batch.gain is None else outputs * batch.gain
        value, slope = self.pointwise(prediction, batch.targets)
        missing = np.isnan(batch.targets)
        if missing.any():
            value, slope = np.where(missing, 0, value), np.where(missing, 0, slope)
        slope = slope if batch.gain is None else slope * batch.gain
        if outputs.shape[1] == 1:
            return value[:, 0], slope
        return value.mean(axis=1), slope / outputs.dtype.type(outputs.shape[1])

    def decode(self, outputs: Floats) -> Floats:
        return outputs


@dataclass(frozen=True)
class SquaredError(_Pointwise):
    """(prediction - target)**2"""

    def pointwise(self, prediction: Floats, target: Floats) -> tuple[Floats, Floats]:
        error = prediction - target
        return error**2, 2 * error


@dataclass(frozen=True)
class AbsoluteError(_Pointwise):
    """abs(prediction - target)"""

    def pointwise(self, prediction: Floats, target: Floats) -> tuple[Floats, Floats]:
        error = prediction - target
        return np.abs(error), np.sign(error)


@dataclass(frozen=True)
class HuberLoss(_Pointwise):
    """error**2 / 2 up to ``delta``, then linear (Huber, Ann. Math. Statist. 35(1), 1964).

    ``delta`` is in units of the loss: the default of 1.35 standard deviations keeps 95 % of the efficiency of the
    squared error on normal errors.
    """

    delta: float = 1.35

    def pointwise(self, prediction: Floats, target: Floats) -> tuple[Floats, Floats]:
        error = prediction - target
        slope = np.clip(error, -self.delta, self.delta)
        return slope * (error - slope / 2), slope


@dataclass(frozen=True)
class PoissonDeviance(_Pointwise):
    """exp(o) - target * o, half the Poisson deviance up to a constant: the output is the log of the mean."""

    link: ClassVar[Literal["identity", "log"]] = "log"
    least_target: ClassVar[float] = 0.0
    least_loss: ClassVar[float] = -np.inf  # without the part that depends on targets alone
    shrinks: ClassVar[bool] = False

    def pointwise(self, prediction: Floats, target: Floats) -> tuple[Floats, Floats]:
        mean = self.decode(prediction)
        return mean - target * prediction, mean - target

    def decode(self, outputs: Floats) -> Floats:
        limit = 0.9 * np.log(np.finfo(outputs.dtype).max)
        return np.exp(np.clip(outputs, -limit, limit))

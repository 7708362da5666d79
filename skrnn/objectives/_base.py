"""The objective: a loss written once, as value and gradient, for every engine."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np

from skrnn._types import Flags, Floats, Integers, Readout

__all__ = ["MiniBatch", "Objective", "Readout", "whole_loss"]


@dataclass(frozen=True, eq=False)
class MiniBatch:
    """What a loss may look at.

    Attributes
    ----------
    inputs : array of shape (batch_size, n_timesteps, input_size)
        What the network reads, zero in the padding.
    lengths : integer array of shape (batch_size,)
    targets : array of shape (batch_size, n_targets), or (batch_size, n_steps, n_targets), or None
        In the units of the loss. NaN where one of several targets is missing; a loss of the user's own sees none.
    gain : array of shape (batch_size, n_targets) or None
        Factor from the network's outputs to the units of the loss, where it differs by sequence.
    missing : bool array of shape (batch_size, n_timesteps, n_features) or None
        Which features of the inputs were missing values; None: none, or the objective does not look at them.
    step_weights : array of shape (batch_size, n_steps) or None
        What each target of a sequence of targets counts, 0 where there is none.
    offset : array of shape (batch_size, n_outputs) or None
        What is added to the network's outputs before the loss sees them.
    """

    inputs: Floats
    lengths: Integers
    targets: Floats | None = None
    gain: Floats | None = None
    missing: Flags | None = None
    step_weights: Floats | None = None
    offset: Floats | None = None


class Objective(ABC):
    """A loss of the network's outputs, and what those outputs mean.

    Losses are NumPy code: the outputs are a few numbers per sequence, and an engine hands the gradient on to its
    own backward pass.

    Attributes
    ----------
    readout : {"last", "steps", "decoder", "tokens"}
        Of which states of the network the outputs are made.
    link : {"identity", "log"}
        What the outputs are to the mean of the targets. Targets behind a logarithm are scaled, but not centred.
    least_target : float
        No target may be smaller.
    least_loss : float
        No loss is smaller; a training that comes near it may end. A class of the user's own does not inherit it.
    scales_targets : bool
        Whether targets are in scaled units. Else they are in the user's, and the scale is the gain.
    shrinks : bool
        Whether a part of what a network adds to a simple model may be kept, as of errors; else, and with a class of the
        user's own, all of it or nothing.
    starts_from_roots : bool
        Whether a simple model that a network starts from learns the roots of the targets, in units of that of the gain.
    """

    readout: ClassVar[Readout] = "last"
    link: ClassVar[Literal["identity", "log"]] = "identity"
    least_target: ClassVar[float] = -np.inf
    least_loss: ClassVar[float] = 0.0
    scales_targets: ClassVar[bool] = True
    shrinks: ClassVar[bool] = True
    starts_from_roots: ClassVar[bool] = False

    @abstractmethod
    def n_outputs(self, n_targets: int) -> int:
        """Outputs of the network for a number of targets."""

    @abstractmethod
    def loss(self, outputs: Floats, batch: MiniBatch) -> tuple[Floats, Floats]:
        """The loss of each sequence (batch_size,), and its gradient with respect to ``outputs``."""

    @abstractmethod
    def decode(self, outputs: Floats) -> Floats:
        """Predictions, in the units of the loss, from outputs (n_samples, n_outputs)."""

    def strata(self, targets: Floats | None) -> Integers | None:
        """Group of each row; a validation part is taken from each group alike. None: no groups."""
        return None


def whole_loss(objective: Objective, outputs: Floats, batch: MiniBatch) -> tuple[Floats, Floats]:
    """The loss of each sequence and its gradient with respect to the network's outputs, to which an offset is added."""
    return objective.loss(outputs if batch.offset is None else outputs + batch.offset, batch)


Objective.__module__ = "skrnn.objectives"  # the name that users import

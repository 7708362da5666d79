"""What the loop needs of a learner, and what the learners of both engines have in common."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Protocol

import numpy as np

from skrnn._plain import require
from skrnn._types import Array, Floats, Longs, Singles
from skrnn.networks import NetworkSpec
from skrnn.objectives import MiniBatch, Objective, whole_loss
from skrnn.training._adaptive_loss import AdaptiveLoss
from skrnn.training._config import TrainingConfig, TrainingResult
from skrnn.training._tokens import drawn_tokens, tokens_to_read, with_own_tokens

__all__ = ["BaseLearner", "Learner"]


class Learner(Protocol):
    """Whoever owns the weights and the optimizer of a training while it lasts.

    `step` and `losses` of trainings that carry states or draw tokens take more by name: see `TorchLearner`.
    """

    largest_norm: float

    def room(self, n_rows: int, n_steps: int) -> Singles | None:
        """Where inputs of the next mini-batch are read, (T, B, F or more) in the order of time; None: from anywhere."""

    def step(self, batch: MiniBatch, share: Singles, rate: float) -> tuple[float, float]:
        """One update; the mini-batch's loss, which is share @ losses, and the norm of its gradient before clipping."""

    def cost(self, n_rows: int, n_steps: int) -> float:
        """Multiplications of a mini-batch for `steps`, about; infinity: `step` has to take it."""

    def steps(
        self, batch: MiniBatch, shares: Singles, sizes: list[int], rates: list[float]
    ) -> tuple[list[float], list[float]]:
        """An update for each mini-batch, of so many rows each, which follow each other: their losses and norms.

        Ends with the first loss or norm that is not finite.
        """

    def losses(self, batch: MiniBatch) -> Floats:
        """The loss of each row (B,), without dropout."""

    def weights(self) -> dict[str, Singles]:
        """A copy of the weights."""

    def weights_are_finite(self) -> bool:
        """Whether training can go on from them."""

    def optimizer_state(self) -> dict[str, Array]:
        """A copy of what the optimizer remembers, as `OPTIMIZERS` names it."""

    def restart(self, start: TrainingResult) -> None:
        """Go on from other weights and another optimizer state."""

    def close(self) -> None:
        """End what the learner has started."""


class BaseLearner(ABC):
    """A learner that starts from some weights and optimizer state."""

    def __init__(
        self,
        spec: NetworkSpec,
        objective: Objective,
        start: TrainingResult,
        config: TrainingConfig,
        rng: np.random.Generator,
    ):
        self.spec, self.objective, self.config, self.rng = spec, objective, config, rng
        self.largest_norm = 0.0  # of a gradient so far
        self.adaptive: AdaptiveLoss | None = None
        self._start(start)

    def _held(self, sizes: Mapping[str, int]) -> list[slice]:
        """Where the weights that stay as they are lie in a flat vector of weights of these sizes."""
        ends = dict(zip(sizes, np.cumsum(list(sizes.values())).tolist(), strict=True))
        return [slice(ends[name] - sizes[name], ends[name]) for name in self.config.held if name in sizes]

    @abstractmethod
    def _start(self, start: TrainingResult) -> None:
        """Take over the weights and the optimizer's state."""

    def room(self, n_rows: int, n_steps: int) -> Singles | None:
        """None: inputs are read from anywhere."""
        return None

    def cost(self, n_rows: int, n_steps: int) -> float:
        """Infinity: mini-batches are taken one by one."""
        return np.inf

    def steps(
        self, batch: MiniBatch, shares: Singles, sizes: list[int], rates: list[float]
    ) -> tuple[list[float], list[float]]:
        """What a learner need not know."""
        raise NotImplementedError

    def _check_averages(self, averages: Mapping[str, Array], size: int) -> None:
        """Refuse running averages that are not one number for each trained weight: an optimizer would not look."""
        for name, value in averages.items():
            require(value.shape == (() if name == "step" else (size,)), f"{name} of the optimizer has another size")

    def _score(self, outputs: Floats, batch: MiniBatch, share: Singles) -> tuple[float, Floats]:
        """The mini-batch's loss, and its gradient with respect to the outputs: of states, in front of an adaptive
        softmax, whose own gradients `AdaptiveLoss` keeps.
        """
        if self.adaptive is not None:
            return self.adaptive.score(outputs, batch, share)
        losses, gradient = self._loss(outputs, batch)
        gradient *= share.reshape(-1, *(1,) * (gradient.ndim - 1))
        return float(losses @ share), gradient

    def _loss(self, outputs: Floats, batch: MiniBatch) -> tuple[Floats, Floats]:
        """The loss of each row, and its gradient with respect to the outputs."""
        return whole_loss(self.objective, outputs, batch)

    def _losses(self, outputs: Floats, batch: MiniBatch) -> Floats:
        """The loss of each row, from outputs or from the states in front of an adaptive softmax."""
        return self._loss(outputs, batch)[0] if self.adaptive is None else self.adaptive.losses(outputs, batch)

    def _tokens(self, batch: MiniBatch) -> Longs | None:
        """What a decoder of tokens reads (B, L); None: there is no decoder."""
        return tokens_to_read(batch) if self.spec.readout == "tokens" else None

    def _own_tokens(self, tokens: Longs, outputs: Floats, fraction: float) -> Longs:
        """Scheduled sampling: some tokens (B, L) in the place of others, after a pass that has read these."""
        adaptive, rng = self.adaptive, self.rng
        drawn = drawn_tokens(outputs, rng) if adaptive is None else adaptive.draw(outputs, rng)
        return with_own_tokens(tokens, drawn, fraction, rng)

    def _draw_mask(self, shape: tuple[int, ...]) -> Singles:
        """A dropout mask: zeros and 1 / (1 - dropout)."""
        keep = 1 - self.spec.dropout
        return np.asarray((self.rng.random(shape, dtype=np.float32) < keep) / np.float32(keep), np.float32)

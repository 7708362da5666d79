"""One network in training, on the compiled kernels."""

from __future__ import annotations

from collections.abc import Mapping
from math import isfinite
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skrnn.networks import NetworkSpec, ThreadedNetwork
from skrnn.objectives import MiniBatch, Objective
from skrnn.training._compiled_optimizers import STATES, UPDATES
from skrnn.training._config import TrainingConfig

__all__ = ["CompiledLearner"]


class CompiledLearner:
    """Weights and optimizer state as flat arrays, changed by `step`; the twin of `TorchLearner`."""

    def __init__(
        self,
        spec: NetworkSpec,
        objective: Objective,
        weights: Mapping[str, NDArray[np.float32]],
        optimizer_state: Mapping[str, NDArray[Any]],
        config: TrainingConfig,
        rng: np.random.Generator,
    ):
        self.network = ThreadedNetwork(spec, weights, config.bptt_steps, config.n_threads)
        self.objective, self.config, self.rng, self.dropout = objective, config, rng, spec.dropout
        self.update = UPDATES[config.optimizer]
        names = STATES[config.optimizer]
        flat = self.network.flat
        self.state = tuple(np.array(optimizer_state.get(name, np.zeros_like(flat)), np.float32) for name in names)
        self.n_steps = int(optimizer_state.get("step", 0))
        self.settings = float(config.max_grad_norm or 0.0), float(config.weight_decay)
        self.largest_norm = 0.0
        self.sampling = 0.0  # decoders of tokens train on the other engine

    def step(self, batch: MiniBatch, share: NDArray[np.float32], rate: float) -> tuple[float, float]:
        """One update; the mini-batch's loss, which is share @ losses, and the norm of its gradient before clipping."""
        draw_mask = self._draw_mask if self.dropout > 0 else None
        outputs = self.network.forward(batch.inputs, batch.lengths, draw_mask)
        losses, gradient = self._loss(outputs, batch)
        gradient *= share.reshape(-1, *(1,) * (gradient.ndim - 1))
        self.network.backward(gradient)
        norm = self.update(
            self.network.flat, self.network.gradient, self.state, self.n_steps + 1.0, (rate, *self.settings)
        )
        self.largest_norm = max(self.largest_norm, norm)  # NaN is not larger
        self.n_steps += isfinite(norm)
        return float(losses @ share), norm

    def losses(self, batch: MiniBatch) -> NDArray[np.floating[Any]]:
        """The loss of each row (B,), without dropout."""
        return self._loss(self.network.forward(batch.inputs, batch.lengths), batch)[0]

    def weights(self) -> dict[str, NDArray[np.float32]]:
        """A copy of the weights."""
        return {name: value.copy() for name, value in self.network.weights.items()}

    def weights_are_finite(self) -> bool:
        return bool(np.isfinite(self.network.flat).all())

    def optimizer_state(self) -> dict[str, NDArray[Any]]:
        """A copy of the optimizer's running averages and step count, as torch names them."""
        names = STATES[self.config.optimizer]
        counted = {} if self.config.optimizer == "sgd" else {"step": np.array(self.n_steps, np.float32)}
        return {**counted, **{name: value.copy() for name, value in zip(names, self.state, strict=True)}}

    def carry(self, rows: NDArray[np.intp] | None) -> None:
        """States are carried on the other engine only."""
        raise NotImplementedError

    def close(self) -> None:
        """End the threads."""
        self.network.close()

    def _loss(self, outputs: NDArray[np.float32], batch: MiniBatch) -> tuple[NDArray[Any], NDArray[Any]]:
        return self.objective.loss(outputs, batch)

    def _draw_mask(self, shape: tuple[int, ...]) -> NDArray[np.float32]:
        keep = 1 - self.dropout
        return np.asarray((self.rng.random(shape, dtype=np.float32) < keep) / np.float32(keep), np.float32)

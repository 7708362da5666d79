"""One network in training, on the compiled kernels."""

from __future__ import annotations

from math import isfinite

import numpy as np

from skrnn._types import Array, Floats, Singles
from skrnn.networks import ThreadedNetwork
from skrnn.objectives import MiniBatch
from skrnn.training._compiled_optimizers import UPDATES
from skrnn.training._config import TrainingResult
from skrnn.training._learner import BaseLearner
from skrnn.training._optimizers import OPTIMIZERS

__all__ = ["CompiledLearner"]


class CompiledLearner(BaseLearner):
    """Weights and optimizer state as flat arrays, changed by `step`; the twin of `TorchLearner`."""

    def _start(self, start: TrainingResult) -> None:
        config, found = self.config, start.optimizer_state
        self.network = ThreadedNetwork(self.spec, start.weights, config.bptt_steps, config.n_threads)
        self.draw_mask = self._draw_mask if self.spec.dropout > 0 else None
        self.update, zeros = UPDATES[config.optimizer], np.zeros_like(self.network.flat)
        self.names = tuple(name for name in OPTIMIZERS[config.optimizer] if name != "step")
        self.state = tuple(np.array(found.get(name, zeros), np.float32) for name in self.names)
        self._check_averages(found, zeros.size)
        self.n_steps = int(found.get("step", 0))
        self.held = self._held({name: value.size for name, value in start.weights.items()})
        self.settings = float(config.max_grad_norm or 0.0), float(config.weight_decay)

    def step(self, batch: MiniBatch, share: Singles, rate: float) -> tuple[float, float]:
        """One update; the mini-batch's loss, which is share @ losses, and the norm of its gradient before clipping."""
        outputs = self.network.forward(batch.inputs, batch.lengths, self.draw_mask)
        loss, gradient = self._score(outputs, batch, share)
        self.network.backward(gradient)
        flat, before = self.network.flat, [self.network.flat[part].copy() for part in self.held]
        for part in self.held:
            self.network.gradient[part] = 0.0
        norm = self.update(flat, self.network.gradient, self.state, self.n_steps + 1.0, (rate, *self.settings))
        for part, value in zip(self.held, before, strict=True):  # weight decay and momentum have moved them
            flat[part] = value
        self.largest_norm = max(self.largest_norm, norm)  # NaN is not larger
        self.n_steps += isfinite(norm)
        return loss, norm

    def losses(self, batch: MiniBatch) -> Floats:
        """The loss of each row (B,), without dropout."""
        return self._loss(self.network.forward(batch.inputs, batch.lengths), batch)[0]

    def weights(self) -> dict[str, Singles]:
        """A copy of the weights."""
        return {name: value.copy() for name, value in self.network.weights.items()}

    def weights_are_finite(self) -> bool:
        return bool(np.isfinite(self.network.flat).all())

    def optimizer_state(self) -> dict[str, Array]:
        """A copy of the optimizer's running averages and step count, as torch names them."""
        counted = {"step": np.array(self.n_steps, np.float32)} if "step" in OPTIMIZERS[self.config.optimizer] else {}
        return {**counted, **{name: value.copy() for name, value in zip(self.names, self.state, strict=True)}}

    def restart(self, start: TrainingResult) -> None:
        self.close()
        self._start(start)

    def close(self) -> None:
        """End the threads."""
        self.network.close()

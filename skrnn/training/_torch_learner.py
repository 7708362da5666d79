"""One network in training, on autograd."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

from skrnn._types import Array, Floats, Integers, Singles
from skrnn.networks import encode, forward, frozen_names, take_states
from skrnn.objectives import MiniBatch
from skrnn.training._adaptive_loss import AdaptiveLoss
from skrnn.training._config import TrainingResult
from skrnn.training._learner import BaseLearner
from skrnn.training._optimizers import OPTIMIZERS
from skrnn.training._torch_tokens import tokens_to_read, with_own_tokens

__all__ = ["TorchLearner"]


class TorchLearner(BaseLearner):
    """Weights and optimizer state as torch tensors, changed by `step`.

    All weights are views of one flat tensor and their gradients views of another, so that the optimizer, the norm of
    the gradient and the weight decay are single operations.
    """

    def _start(self, start: TrainingResult) -> None:
        spec, config, weights = self.spec, self.config, start.weights
        self.cell = spec.make_cell()
        device = torch.device(config.device)
        frozen = frozen_names(spec)
        values = [np.ravel(value) for name, value in weights.items() if name not in frozen]
        self.held = self._held({name: value.size for name, value in weights.items() if name not in frozen})
        self.flat = torch.from_numpy(np.concatenate(values, dtype=np.float32)).to(device)
        self.flat.grad = torch.zeros_like(self.flat)
        self.parameters: dict[str, Tensor] = {}
        begin = 0
        for name, value in weights.items():
            if name in frozen:
                self.parameters[name] = torch.tensor(value, device=device)
                continue
            own = slice(begin, begin + value.size)
            parameter = self.flat.detach()[own].view(value.shape).requires_grad_()
            parameter.grad = self.flat.grad[own].view(value.shape)
            self.parameters[name] = parameter
            begin += value.size
        self.carried: Any = None  # the state of each layer after the last mini-batch, where the next may go on with it
        self.norm_dtype = torch.float32 if device.type == "mps" else torch.float64  # squares overflow float32
        self.optimizer = _make_optimizer(config.optimizer, self.flat)
        self._check_averages(start.optimizer_state, self.flat.numel())
        self._load(start.optimizer_state)

    def step(
        self,
        batch: MiniBatch,
        share: Singles,
        rate: float,
        *,
        going_on: Integers | None = None,
        sampling: float = 0.0,
    ) -> tuple[float, float]:
        """One update; the mini-batch's loss, which is share @ losses, and the norm of its gradient before clipping.

        Parameters
        ----------
        going_on : integer array of shape (B,), optional
            Which rows of the last mini-batch the rows go on with, if the training is one of chunks; None: with none.
        sampling : float
            How likely a decoder of tokens reads a token of its own in place of the right one.
        """
        assert self.flat.grad is not None
        self.flat.grad.zero_()
        outputs = self._outputs(batch, True, going_on, sampling)
        self._look_at_head()
        loss, gradient = self._score(outputs.detach().cpu().numpy(), batch, share)
        outputs.backward(torch.from_numpy(gradient).to(outputs.device))  # type: ignore[no-untyped-call]
        if self.adaptive is not None:
            for name, value in self.adaptive.gradients.items():
                self.parameters[name].grad.copy_(torch.from_numpy(value))  # type: ignore[union-attr]
        for part in self.held:
            self.flat.grad[part] = 0.0
        norm = float(torch.linalg.vector_norm(self.flat.grad, dtype=self.norm_dtype))
        self.largest_norm = max(self.largest_norm, norm)  # NaN is not larger
        if np.isfinite(loss) and np.isfinite(norm):
            self._update(norm, rate)
        return loss, norm

    def _update(self, norm: float, rate: float) -> None:
        assert self.flat.grad is not None
        bound = self.config.max_grad_norm
        if bound is not None and norm > bound:
            self.flat.grad.mul_(bound / norm)
        self.optimizer.param_groups[0]["lr"] = rate
        before = [self.flat[part].clone() for part in self.held]
        if self.config.weight_decay:
            self.flat.mul_(1 - rate * self.config.weight_decay)
        self.optimizer.step()
        for part, value in zip(self.held, before, strict=True):  # weight decay and momentum have moved them
            self.flat[part] = value

    def losses(self, batch: MiniBatch, *, going_on: Integers | None = None) -> Floats:
        """The loss of each row (B,), without dropout."""
        with torch.no_grad():
            outputs = self._outputs(batch, False, going_on)
        self._look_at_head()
        return self._losses(outputs.cpu().numpy(), batch)

    def weights(self) -> dict[str, Singles]:
        """A copy of the weights."""
        return {name: value.detach().cpu().numpy().copy() for name, value in self.parameters.items()}

    def weights_are_finite(self) -> bool:
        return bool(self.flat.isfinite().all())

    def optimizer_state(self) -> dict[str, Array]:
        """A copy of the optimizer's running averages and step count."""
        state = self.optimizer.state[self.flat]
        names = [name for name in OPTIMIZERS[self.config.optimizer] if name in state]
        return {
            name: state[name].cpu().numpy().astype(np.float32) for name in names
        }  # torch counts in its default dtype

    def restart(self, start: TrainingResult) -> None:
        self._start(start)

    def close(self) -> None:
        """Nothing is left to end: torch's threads are pinned outside."""

    def _load(self, optimizer_state: Mapping[str, Array]) -> None:
        for name, value in optimizer_state.items():
            device = "cpu" if name == "step" and self.config.device == "cpu" else self.flat.device
            self.optimizer.state[self.flat][name] = torch.tensor(value, device=device)

    def _outputs(self, batch: MiniBatch, training: bool, going_on: Integers | None, sampling: float = 0.0) -> Tensor:
        self.cell.training = training
        x = torch.from_numpy(batch.inputs).to(self.flat.device)
        tokens = self._tokens(batch, x, sampling) if self.spec.readout == "tokens" else None
        carried = None
        if going_on is not None:
            carried = take_states(self.carried, torch.from_numpy(going_on).to(self.flat.device))
        network = self.spec, self.cell, self.parameters, x, batch.lengths
        draw_mask = self._draw_tensor if training and self.spec.dropout > 0 else None
        options: dict[str, Any] = {
            "carried": carried,
            "draw_mask": draw_mask,
            "bptt_steps": self.config.bptt_steps,
        }
        run = encode(*network, **options) if self.spec.cutoffs else forward(*network, tokens=tokens, **options)
        self.carried = None if self.config.chunk_steps is None else run.carried
        return run.states if self.spec.cutoffs else run.outputs  # type: ignore[union-attr]

    def _look_at_head(self) -> None:
        """Show an adaptive softmax its weights as they are now, where NumPy can read them."""
        if self.spec.cutoffs:
            names = [name for name in self.parameters if name.startswith(("head.", "tail."))]
            weights = {name: self.parameters[name].detach().cpu().numpy() for name in names}
            if self.adaptive is None:
                self.adaptive = AdaptiveLoss(self.spec.cutoffs, weights)
            self.adaptive.softmax.weights = weights

    def _tokens(self, batch: MiniBatch, x: Tensor, sampling: float) -> Tensor:
        """What the decoder reads (B, L): the targets, and in their place some tokens of its own."""
        tokens = tokens_to_read(batch).to(x.device)
        if sampling == 0:
            return tokens
        with torch.no_grad():
            run = forward(self.spec, self.cell, self.parameters, x, batch.lengths, tokens=tokens)
        return with_own_tokens(tokens, run.outputs, sampling, self.rng)

    def _draw_tensor(self, shape: tuple[int, ...]) -> Tensor:
        return torch.from_numpy(self._draw_mask(shape)).to(self.flat.device)


def _make_optimizer(name: str, flat: Tensor) -> torch.optim.Optimizer:
    """torch's optimizers, all without weight decay of their own: it is decoupled (Loshchilov & Hutter, ICLR 2019)."""
    if name == "sgd":
        return torch.optim.SGD([flat], momentum=0.9, nesterov=True)
    if name == "rmsprop":
        return torch.optim.RMSprop([flat])
    return torch.optim.Adam([flat], fused=flat.device.type in ("cpu", "cuda"))

"""One network in training, on autograd."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from skrnn.networks import NetworkSpec, forward, frozen_names, take_states
from skrnn.objectives import MiniBatch, Objective
from skrnn.training._config import TrainingConfig
from skrnn.training._torch_tokens import tokens_to_read, with_own_tokens

__all__ = ["TorchLearner"]


class TorchLearner:
    """Weights and optimizer state as torch tensors, changed by `step`.

    All weights are views of one flat tensor and their gradients views of another, so that the optimizer, the norm of
    the gradient and the weight decay are single operations.
    """

    def __init__(
        self,
        spec: NetworkSpec,
        objective: Objective,
        weights: Mapping[str, NDArray[np.float32]],
        optimizer_state: Mapping[str, NDArray[Any]],
        config: TrainingConfig,
        rng: np.random.Generator,
    ):
        self.spec, self.objective, self.config, self.rng = spec, objective, config, rng
        self.cell = spec.make_cell()
        device = torch.device(config.device)
        frozen = frozen_names(spec)
        values = [np.ravel(value) for name, value in weights.items() if name not in frozen]
        self.flat = torch.from_numpy(np.concatenate(values, dtype=np.float32)).to(device)
        self.flat.grad = torch.zeros_like(self.flat)
        self.parameters: dict[str, Tensor] = {}
        start = 0
        for name, value in weights.items():
            if name in frozen:
                self.parameters[name] = torch.tensor(value, device=device)
                continue
            span = slice(start, start + value.size)
            parameter = self.flat.detach()[span].view(value.shape).requires_grad_()
            parameter.grad = self.flat.grad[span].view(value.shape)
            self.parameters[name] = parameter
            start += value.size
        self.largest_norm = 0.0
        self.carried: Any = None  # the state of each layer before the next mini-batch, where it goes on with the last
        self.sampling = 0.0  # how likely a decoder of tokens reads a token of its own in place of the right one
        self.norm_dtype = torch.float32 if device.type == "mps" else torch.float64  # squares overflow float32
        self.optimizer = _make_optimizer(config.optimizer, self.flat)
        self._load(optimizer_state)

    def step(self, batch: MiniBatch, share: NDArray[np.float32], rate: float) -> tuple[float, float]:
        """One update; the mini-batch's loss, which is share @ losses, and the norm of its gradient before clipping."""
        assert self.flat.grad is not None
        self.flat.grad.zero_()
        outputs = self._outputs(batch, training=True)
        losses, gradient = self._loss(outputs.detach(), batch)
        gradient *= share.reshape(-1, *(1,) * (gradient.ndim - 1))
        loss = float(losses @ share)
        outputs.backward(torch.from_numpy(gradient).to(outputs.device))  # type: ignore[no-untyped-call]
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
        if self.config.weight_decay:
            self.flat.mul_(1 - rate * self.config.weight_decay)
        self.optimizer.param_groups[0]["lr"] = rate
        self.optimizer.step()

    def losses(self, batch: MiniBatch) -> NDArray[np.floating[Any]]:
        """The loss of each row (B,), without dropout."""
        with torch.no_grad():
            outputs = self._outputs(batch, training=False)
        return self._loss(outputs, batch)[0]

    def weights(self) -> dict[str, NDArray[np.float32]]:
        """A copy of the weights."""
        return {name: value.detach().cpu().numpy().copy() for name, value in self.parameters.items()}

    def weights_are_finite(self) -> bool:
        return bool(self.flat.isfinite().all())

    def optimizer_state(self) -> dict[str, NDArray[Any]]:
        """A copy of the optimizer's running averages and step count."""
        state = self.optimizer.state[self.flat]
        return {name: value.cpu().numpy().copy() for name, value in state.items() if isinstance(value, Tensor)}

    def close(self) -> None:
        """Nothing is left to end: torch's threads are pinned outside."""

    def _load(self, optimizer_state: Mapping[str, NDArray[Any]]) -> None:
        for name, value in optimizer_state.items():
            device = "cpu" if name == "step" and self.config.device == "cpu" else self.flat.device
            self.optimizer.state[self.flat][name] = torch.tensor(value, device=device)

    def _outputs(self, batch: MiniBatch, training: bool) -> Tensor:
        drop = training and self.spec.dropout > 0
        self.cell.training = training
        x = torch.from_numpy(batch.inputs).to(self.flat.device)
        tokens = tokens_to_read(batch).to(x.device) if self.spec.readout == "tokens" else None
        if tokens is not None and training and self.sampling > 0:
            with torch.no_grad():
                run = forward(self.spec, self.cell, self.parameters, x, batch.lengths, tokens=tokens)
            tokens = with_own_tokens(tokens, run.outputs, self.sampling, self.rng)
        run = forward(
            self.spec,
            self.cell,
            self.parameters,
            x,
            batch.lengths,
            tokens=tokens,
            carried=self.carried,
            draw_mask=self._draw_mask if drop else None,
            bptt_steps=self.config.bptt_steps,
        )
        if self.config.chunk_steps is not None:
            self.carried = run.carried
        return run.outputs

    def _loss(self, outputs: Tensor, batch: MiniBatch) -> tuple[NDArray[Any], NDArray[Any]]:
        return self.objective.loss(outputs.cpu().numpy(), batch)

    def carry(self, rows: NDArray[np.intp] | None) -> None:
        """Go on with these rows of the last mini-batch; None: begin anew."""
        self.carried = None if rows is None else take_states(self.carried, torch.from_numpy(rows).to(self.flat.device))

    def _draw_mask(self, shape: tuple[int, ...]) -> Tensor:
        keep = 1 - self.spec.dropout
        mask = (self.rng.random(shape, dtype=np.float32) < keep) / np.float32(keep)
        return torch.from_numpy(mask).to(self.flat.device)


def _make_optimizer(name: str, flat: Tensor) -> torch.optim.Optimizer:
    """torch's optimizers, all without weight decay of their own: it is decoupled (Loshchilov & Hutter, ICLR 2019)."""
    if name == "sgd":
        return torch.optim.SGD([flat], momentum=0.9, nesterov=True)
    if name == "rmsprop":
        return torch.optim.RMSprop([flat])
    return torch.optim.Adam([flat], fused=flat.device.type in ("cpu", "cuda"))

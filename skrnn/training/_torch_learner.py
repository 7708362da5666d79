"""One network in training, on autograd."""

from __future__ import annotations

from collections.abc import Mapping
from math import hypot
from typing import Any

import numpy as np
import torch
from torch import Tensor

from skrnn._types import Array, Floats, Integers, Longs, Singles
from skrnn.networks import before_head, forward, frozen_names, table_shapes, take_states
from skrnn.objectives import MiniBatch
from skrnn.training._adaptive_loss import AdaptiveLoss
from skrnn.training._config import TrainingResult
from skrnn.training._learner import BaseLearner
from skrnn.training._optimizers import OPTIMIZERS
from skrnn.training._sparse_tables import SparseTables

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
        tables = table_shapes(spec) if config.sparse else {}
        self.order, self.lent = tuple(weights), {name: torch.empty(0) for name in tables}
        flattened = [name for name in weights if name not in frozen and name not in tables]
        values = [np.ravel(weights[name]) for name in flattened]
        self.held = self._held({name: weights[name].size for name in flattened})
        self.flat = torch.from_numpy(np.concatenate(values, dtype=np.float32)).to(device)
        self.flat.grad = torch.zeros_like(self.flat)
        self.parameters: dict[str, Tensor] = {}
        begin = 0
        for name, value in weights.items():
            if name in tables:
                continue
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
        n_outside = sum(weights[name].size for name in tables)
        self._check_averages(start.optimizer_state, n_outside + self.flat.numel())
        self._load(
            {name: value if name == "step" else value[n_outside:] for name, value in start.optimizer_state.items()}
        )
        self.names = tuple(name for name in OPTIMIZERS[config.optimizer] if name != "step")
        blank = np.zeros(n_outside, np.float32)
        averages = [np.asarray(start.optimizer_state.get(name, blank), np.float32) for name in self.names]
        self.sparse = SparseTables({name: weights[name] for name in tables}, averages) if tables else None

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
        tokens = self._tokens(batch)
        if tokens is not None and sampling > 0:
            with torch.no_grad():
                found = self._outputs(batch, False, None, tokens).cpu().numpy()
            self._look_at_head()
            tokens = self._own_tokens(tokens, found, sampling)
        outputs = self._outputs(batch, True, going_on, tokens)
        self._look_at_head()
        loss, gradient = self._score(outputs.detach().cpu().numpy(), batch, share)
        outputs.backward(torch.from_numpy(gradient).to(outputs.device))  # type: ignore[no-untyped-call]
        if self.adaptive is not None:
            for name, value in self.adaptive.gradients.items():
                self.parameters[name].grad.copy_(torch.from_numpy(value))  # type: ignore[union-attr]
        for part in self.held:
            self.flat.grad[part] = 0.0
        norm = self._norm()
        self.largest_norm = max(self.largest_norm, norm)  # NaN is not larger
        if np.isfinite(loss) and np.isfinite(norm):
            self._update(norm, rate)
        return loss, norm

    def _norm(self) -> float:
        """Of the gradient."""
        gradients = [self.flat.grad, *(rows.grad for rows in self.lent.values())]
        norms = [float(torch.linalg.vector_norm(each, dtype=self.norm_dtype)) for each in gradients]
        return hypot(*norms)

    def _update_rows(self, norm: float, rate: float) -> None:
        """Change those rows of the embeddings that were read, before the others: by the same rule, on the CPU."""
        assert self.sparse is not None
        gradients = [rows.grad.cpu().ravel() for rows in self.lent.values() if rows.grad is not None]
        rows, averages = torch.from_numpy(self.sparse.flat), torch.from_numpy(self.sparse.remembered())
        rows.grad, bound = torch.cat(gradients), self.config.max_grad_norm
        if bound is not None and norm > bound:
            rows.grad.mul_(bound / norm)
        if self.config.weight_decay:
            rows.mul_(1 - rate * self.config.weight_decay)
        optimizer, count = _make_optimizer(self.config.optimizer, rows), self.optimizer.state[self.flat].get("step")
        optimizer.param_groups[0]["lr"] = rate
        optimizer.state[rows].update(zip(self.names, averages, strict=True))
        if "step" in OPTIMIZERS[self.config.optimizer]:
            optimizer.state[rows]["step"] = torch.tensor(0.0) if count is None else count.cpu().clone()
        optimizer.step()
        self.sparse.put(averages.numpy())

    def _update(self, norm: float, rate: float) -> None:
        assert self.flat.grad is not None
        bound = self.config.max_grad_norm
        if self.sparse is not None:
            self._update_rows(norm, rate)
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
            outputs = self._outputs(batch, False, going_on, self._tokens(batch))
        self._look_at_head()
        return self._losses(outputs.cpu().numpy(), batch)

    def weights(self) -> dict[str, Singles]:
        """A copy of the weights."""
        found = {name: value.detach().cpu().numpy().copy() for name, value in self.parameters.items()}
        if self.sparse is not None:
            found |= {name: table.copy() for name, table in self.sparse.tables.items()}
        return {name: found[name] for name in self.order}

    def weights_are_finite(self) -> bool:
        return bool(self.flat.isfinite().all()) and (self.sparse is None or self.sparse.are_finite())

    def optimizer_state(self) -> dict[str, Array]:
        """A copy of the optimizer's running averages and step count."""
        state = self.optimizer.state[self.flat]
        names = [name for name in OPTIMIZERS[self.config.optimizer] if name in state]
        found = {name: state[name].cpu().numpy().astype(np.float32) for name in names}  # torch counts in its own dtype
        if self.sparse is not None and len(names) > ("step" in names):
            outside = dict(zip(self.names, self.sparse.whole_averages(), strict=True))
            found |= {name: np.concatenate([value, found[name]]) for name, value in outside.items()}
        return found

    def restart(self, start: TrainingResult) -> None:
        self._start(start)

    def close(self) -> None:
        """Nothing is left to end: torch's threads are pinned outside."""

    def _load(self, optimizer_state: Mapping[str, Array]) -> None:
        for name, value in optimizer_state.items():
            device = "cpu" if name == "step" and self.config.device == "cpu" else self.flat.device
            self.optimizer.state[self.flat][name] = torch.tensor(value, device=device)

    def _outputs(self, batch: MiniBatch, training: bool, going_on: Integers | None, tokens: Longs | None) -> Tensor:
        self.cell.training = training
        inputs, tokens = self._inputs(batch, tokens)
        x, parameters = torch.from_numpy(inputs).to(self.flat.device), {**self.parameters, **self.lent}
        carried = None
        if going_on is not None:
            carried = take_states(self.carried, torch.from_numpy(going_on).to(self.flat.device))
        network = self.spec, self.cell, parameters, x, batch.lengths
        draw_mask = self._draw_tensor if training and self.spec.dropout > 0 else None
        options: dict[str, Any] = {
            "tokens": None if tokens is None else torch.from_numpy(tokens).to(self.flat.device),
            "carried": carried,
            "draw_mask": draw_mask,
            "bptt_steps": self.config.bptt_steps,
        }
        run = (before_head if self.spec.cutoffs else forward)(*network, **options)
        self.carried = None if self.config.chunk_steps is None else run.carried
        return run.outputs

    def _inputs(self, batch: MiniBatch, tokens: Longs | None) -> tuple[Array, Longs | None]:
        """What the network and its decoder read; rows of embeddings that they need for that are taken out of their
        tables.
        """
        if self.sparse is None:
            return batch.inputs, tokens
        inputs, tokens = self.sparse.read(batch.inputs, tokens)
        rows = {name: torch.tensor(view, device=self.flat.device) for name, view in self.sparse.views.items()}
        self.lent = {name: value.requires_grad_() for name, value in rows.items()}
        return inputs, tokens

    def _look_at_head(self) -> None:
        """Show an adaptive softmax its weights as they are now, where NumPy can read them."""
        if self.spec.cutoffs:
            names = [name for name in self.parameters if name.startswith(("head.", "tail."))]
            weights = {name: self.parameters[name].detach().cpu().numpy() for name in names}
            if self.adaptive is None:
                self.adaptive = AdaptiveLoss(self.spec.cutoffs, weights)
            self.adaptive.softmax.weights = weights

    def _draw_tensor(self, shape: tuple[int, ...]) -> Tensor:
        return torch.from_numpy(self._draw_mask(shape)).to(self.flat.device)


def _make_optimizer(name: str, flat: Tensor) -> torch.optim.Optimizer:
    """torch's optimizers, all without weight decay of their own: it is decoupled (Loshchilov & Hutter, ICLR 2019)."""
    if name == "sgd":
        return torch.optim.SGD([flat], momentum=0.9, nesterov=True)
    if name == "rmsprop":
        return torch.optim.RMSprop([flat])
    return torch.optim.Adam([flat], fused=flat.device.type in ("cpu", "cuda"))

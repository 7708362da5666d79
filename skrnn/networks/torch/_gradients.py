"""Gradients with respect to the states of every step, and to the inputs: for looking into a fitted network."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from skrnn._types import Array, Doubles, Floats, Integers, NetworkWeights
from skrnn.networks._spec import NetworkSpec
from skrnn.networks.cells import Cell
from skrnn.networks.torch._forward import embed, encode, forward, in_double
from skrnn.networks.torch._threads import pinned_threads

__all__ = ["input_gradients", "recurrent_runs", "torch_state_gradients", "without_embeddings"]

# What a score makes of outputs: its value for each row (B,), and its gradient with respect to the outputs.
Score = Callable[[Doubles], tuple[Floats, Floats]]


class _WatchedCell(Cell):
    """A cell whose runs leave something behind, layer after layer, in ``runs``."""

    def __init__(self, cell: Cell):
        super().__init__(cell.hidden_size)
        self.cell = cell
        self.runs: list[Any] = []

    @property
    def label(self) -> str:
        return self.cell.label

    def shapes(self, input_size: int) -> dict[str, tuple[int, ...]]:
        return self.cell.shapes(input_size)

    def initial(self, input_size: int, rng: np.random.Generator) -> dict[str, Floats]:
        return self.cell.initial(input_size, rng)

    def first_state(self, h: Tensor) -> Any:
        return self.cell.first_state(h)

    def full_name(self, prefix: str, name: str, suffix: str) -> str:
        return self.cell.full_name(prefix, name, suffix)


class _RecordingCell(_WatchedCell):
    """Keeps its inputs and outputs."""

    def run(self, weights: dict[str, Tensor], x: Tensor, state: Any) -> tuple[Tensor, Any]:
        out, state = self.cell.run(weights, x, state)
        self.runs.append((x, out))
        return out, state


class _SteppingCell(_WatchedCell):
    """Runs step by step and keeps the state after each.

    The outputs are read off the states, so that all that follows from a step leads through its state. What the state
    of a module of the user's own has to do with its output is unknown: there both count, side by side.
    """

    def run(self, weights: dict[str, Tensor], x: Tensor, state: Any) -> tuple[Tensor, Any]:
        own, states, outs = self.cell.kernels is None, [], []
        for part in torch.split(x, 1, dim=1):
            out, state = self.cell.run(weights, part, state)
            if not own:
                h = state[0] if isinstance(state, tuple) else state
                out = h.transpose(0, 1)
            states.append((out, state) if own else state)
            outs.append(out)
        self.runs.append(states)
        return torch.cat(outs, dim=1), state


def torch_state_gradients(
    spec: NetworkSpec,
    weights: NetworkWeights,
    inputs: Array,
    lengths: Integers,
    scores: Sequence[Score],
    *,
    tokens: Integers | None = None,
    n_threads: int = 1,
) -> list[Doubles]:
    """`skrnn.networks.state_gradients` by autograd, in double precision."""
    with pinned_threads(n_threads), torch.inference_mode(False), torch.enable_grad():
        tensors, x = in_double(weights, inputs, "cpu")
        for tensor in tensors.values():
            tensor.requires_grad_()  # or the first states would depend on nothing
        cell = _SteppingCell(spec.make_cell())
        outputs = forward(spec, cell, tensors, x, lengths, tokens=_long(tokens)).outputs
        values = outputs.detach().numpy()
        recurrences = [recurrence for layer in spec.layers() for recurrence in layer]
        norms: list[Any] = [None] * len(recurrences)
        for number, score in enumerate(scores):
            mine = [i for i, one in enumerate(recurrences) if len(scores) == 1 or one.reverse == bool(number)]
            leaves = [[_leaves(state) for state in cell.runs[i]] for i in mine]
            flat = [leaf for states in leaves for state in states for leaf in state]
            gradient = torch.from_numpy(np.asarray(score(values)[1], np.float64))
            more = number + 1 < len(scores)
            found = iter(torch.autograd.grad(outputs, flat, gradient, retain_graph=more, allow_unused=True))
            for i, states in zip(mine, leaves, strict=True):
                squares = [sum(_squares(next(found), len(x)) for _ in state) for state in states]
                norms[i] = torch.stack(squares, dim=1).sqrt().numpy()  # type: ignore[arg-type]
    return norms


def input_gradients(
    spec: NetworkSpec,
    weights: NetworkWeights,
    inputs: Array,
    lengths: Integers,
    score: Score,
    *,
    tokens: Integers | None = None,
    n_threads: int = 1,
) -> tuple[Floats, Doubles]:
    """The score of each row (B,), and its gradient (B, T, F) with respect to the inputs, in double precision."""
    with pinned_threads(n_threads), torch.inference_mode(False), torch.enable_grad():
        tensors, x = in_double(weights, inputs, "cpu")
        x.requires_grad_()
        outputs = forward(spec, spec.make_cell(), tensors, x, lengths, tokens=_long(tokens)).outputs
        value, gradient = score(outputs.detach().numpy())
        outputs.backward(torch.from_numpy(np.asarray(gradient, np.float64)))  # type: ignore[no-untyped-call]
        assert x.grad is not None
        return value, x.grad.numpy()


def recurrent_runs(
    spec: NetworkSpec, weights: NetworkWeights, inputs: Array, lengths: Integers, *, n_threads: int = 1
) -> list[tuple[Doubles, Doubles]]:
    """The inputs (B, T', F) and outputs (B, T', H) of each layer and direction, along the steps as it reads them."""
    with pinned_threads(n_threads), torch.inference_mode():
        tensors, x = in_double(weights, inputs, "cpu")
        cell = _RecordingCell(spec.make_cell())
        encode(spec, cell, tensors, x, lengths)
    return [(source.numpy(), out.numpy()) for source, out in cell.runs]


def without_embeddings(spec: NetworkSpec, weights: NetworkWeights, inputs: Array) -> tuple[NetworkSpec, Doubles]:
    """The same network behind its embeddings, and the numbers (B, T, F * embedding_dim) that it then reads."""
    with torch.inference_mode():
        x = embed(spec, *in_double(weights, inputs, "cpu")).numpy()
    return replace(spec, vocabulary=(), embedding_dim=0, input_size=spec.step_size), x


def _long(tokens: Integers | None) -> Tensor | None:
    return None if tokens is None else torch.from_numpy(np.asarray(tokens, np.int64))


def _leaves(state: Any) -> list[Tensor]:
    if isinstance(state, tuple):
        return [leaf for part in state for leaf in _leaves(part)]
    return [] if state is None else [state]


def _squares(gradient: Tensor | None, n_rows: int) -> Tensor:
    """Sums of squares (B,) of the gradient of a state, whose rows lie where torch has them: (1, B, H), or (B, ...)."""
    if gradient is None:
        return torch.zeros(n_rows, dtype=torch.float64)
    rows = gradient.transpose(0, 1) if gradient.shape[0] != n_rows else gradient
    return rows.reshape(n_rows, -1).square().sum(dim=1)

"""A network that is fed one time step after the other, in torch: the twin of the one on the compiled kernels."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from skrnn._types import Doubles, NetworkWeights
from skrnn.networks._adaptive import adaptive_of
from skrnn.networks._running import RunningPooling
from skrnn.networks._spec import NetworkSpec
from skrnn.networks.torch._forward import encode, in_double
from skrnn.networks.torch._threads import pinned_threads

__all__ = ["TorchStream"]


class TorchStream:
    """The weights of a unidirectional network in double precision, and the state of each layer.

    ``states`` (num_layers, 2, H) are h and the memory c of every layer, where its cell has one; zero before the first
    step. ``running`` is what else the head reads of the last layer's states. A network whose head reads the states of
    a decoder has no outputs (K = 0) before its last step is known.
    """

    def __init__(self, spec: NetworkSpec, weights: NetworkWeights):
        self.spec, self.cell = spec, spec.make_cell()
        self.weights, _ = in_double(weights, np.zeros(0), "cpu")
        kernels = self.cell.kernels
        self.n_states = 1 if kernels is None else kernels.n_states
        self.states = np.zeros((spec.num_layers, max(2, self.n_states), spec.hidden_size))
        n_outputs = 0 if spec.decoder_layers() else spec.output_size
        self.running = RunningPooling(spec)
        self.head, self.bias = self.weights["head.weight"][:n_outputs], self.weights["head.bias"][:n_outputs]
        self.adaptive = adaptive_of(spec, weights)

    def clear(self) -> None:
        """Forget all steps."""
        self.states[:] = 0.0
        self.running.clear()

    def step(self, x: Doubles) -> Doubles:
        """Outputs (1, K) after one more step, x (1, 1, F)."""
        self.running.take(self._advance(x).numpy())
        return self.outputs()

    def read(self, x: Doubles) -> Doubles:
        """Outputs (T, K) after each of more steps, x (1, T, F), of a network that does not pool."""
        with pinned_threads(1), torch.inference_mode():
            return self._outputs(self._advance(x))

    def follow(self, x: Doubles) -> Doubles:
        """The last layer's states (T, H) after each of more steps, x (1, T, F)."""
        return np.asarray(self._advance(x).numpy())

    def _advance(self, x: Doubles) -> Tensor:
        """The last layer's states (T, H) after each of more steps."""
        lengths = np.full(1, x.shape[1])
        with pinned_threads(1), torch.inference_mode():
            carried = [self._carried(states) for states in torch.tensor(self.states)]
            inputs = torch.tensor(x, dtype=torch.float64)
            run = encode(self.spec, self.cell, self.weights, inputs, lengths, carried=carried)
            for layer, state in enumerate(run.carried):
                parts = state if isinstance(state, tuple) else (state,)
                for number, part in enumerate(parts):
                    self.states[layer, number] = part.numpy()[0, 0]
            return run.states[0]

    def outputs(self) -> Doubles:
        """What the head makes of the present state, (1, K)."""
        with pinned_threads(1), torch.inference_mode():
            return self._outputs(torch.tensor(self.running.read(self.states[-1, :1])))

    def _outputs(self, states: Tensor) -> Doubles:
        if self.adaptive is not None:
            return self.adaptive.log_probabilities(np.asarray(states.numpy(), np.float64))
        return np.asarray(torch.nn.functional.linear(states, self.head, self.bias).numpy())

    def _carried(self, states: Tensor) -> Any:
        """The state of a layer as its cell has it, from rows (2 or more, H)."""
        parts = tuple(part[None, None] for part in states[: self.n_states])
        return parts if self.n_states > 1 else parts[0]

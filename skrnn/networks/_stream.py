"""A network that is fed one time step after the other, in constant time and memory, on the compiled kernels."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from skrnn.networks import _kernels_run as kernels
from skrnn.networks._run_compiled import embed, kind_of, layer_weights
from skrnn.networks._spec import NetworkSpec, embedding_shapes

__all__ = ["NetworkStream"]

Doubles = NDArray[np.float64]

_ONE = np.ones(1, np.intp)


class NetworkStream:
    """The weights of a unidirectional network as the kernels take them, and the state of each layer.

    ``states`` (num_layers, 2, H) are h and the memory c of every layer (only the LSTM uses c); zero before the first
    step.
    """

    def __init__(self, spec: NetworkSpec, weights: Mapping[str, NDArray[np.float32]]):
        self.kind, self.spec = kind_of(spec), spec
        self.tables = {name: weights[name] for name in embedding_shapes(spec)}
        self.layers = [layer_weights(weights, prefix, suffix) for prefix, suffix, _ in spec.cell_sizes()]
        self.states = np.zeros((spec.num_layers, 2, spec.hidden_size))
        self.head = np.ascontiguousarray(weights["head.weight"].T, np.float64)
        self.bias = weights["head.bias"].astype(np.float64)
        self._out = np.zeros((1, 1, spec.hidden_size))

    def step(self, x: Doubles) -> Doubles:
        """Outputs (1, K) after one more step, x (1, 1, F)."""
        x = np.ascontiguousarray(embed(self.spec, self.tables, x), np.float64)
        for weights, state in zip(self.layers, self.states, strict=True):
            kernels.run_layer(self.kind, x, _ONE, False, weights, (state[:1], state[1:]), self._out)
            x = self._out
        return self.outputs()

    def read(self, x: Doubles) -> Doubles:
        """Outputs (T, K) after each of more steps, x (1, T, F)."""
        x = np.ascontiguousarray(embed(self.spec, self.tables, x), np.float64)
        for weights, state in zip(self.layers, self.states, strict=True):
            out = np.zeros((1, x.shape[1], self.spec.hidden_size))
            lengths = np.full(1, x.shape[1])
            kernels.run_layer(self.kind, x, lengths, False, weights, (state[:1], state[1:]), out)
            x = out
        outputs = np.repeat(self.bias[None], x.shape[1], axis=0)
        kernels.add_product(x[0], self.head, outputs)
        return outputs

    def outputs(self) -> Doubles:
        """What the head makes of the present state, (1, K)."""
        outputs = self.bias[None].copy()
        kernels.add_product(self.states[-1, :1], self.head, outputs)
        return outputs

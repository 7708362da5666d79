"""A network that is fed one time step after the other, in constant time and memory, on the compiled kernels."""

from __future__ import annotations

import numpy as np

from skrnn._types import Doubles, Integers, NetworkWeights, Singles
from skrnn.networks._adaptive import adaptive_of
from skrnn.networks._running import RunningPooling
from skrnn.networks._spec import NetworkSpec
from skrnn.networks._weights import check_shapes, embedding_shapes
from skrnn.networks.compiled._layer import kernels_of
from skrnn.networks.compiled._run import check_width, embed, layer_weights
from skrnn.networks.kernels import add_product

__all__ = ["NetworkStream"]

_ONE, _FIRST = np.ones(1, np.intp), np.zeros(1, np.intp)


class NetworkStream:
    """The weights of a unidirectional network as the kernels take them, and the state of each layer.

    ``states`` (num_layers, 2, H) are h and the memory c of every layer, where its cell has one; zero before the first
    step. ``running`` is what else the head reads of the last layer's states. A network whose head reads the states of
    a decoder has no outputs (K = 0) before its last step is known.
    """

    def __init__(self, spec: NetworkSpec, weights: NetworkWeights):
        check_shapes(spec, weights)
        self.spec, self.cell = spec, spec.make_cell()
        self.tables = {name: weights[name] for name in embedding_shapes(spec)}
        self.layers = [layer_weights(self.cell, weights, *layer) for layer in spec.layers()]
        self.states = np.zeros((spec.num_layers, max(2, kernels_of(self.cell).n_states), spec.hidden_size))
        n_outputs = 0 if spec.decoder_layers() else spec.output_size
        self.head = np.ascontiguousarray(weights["head.weight"].T[:, :n_outputs], np.float64)
        self.bias = weights["head.bias"][:n_outputs].astype(np.float64)
        self.adaptive = adaptive_of(spec, weights)
        self.width = spec.step_size
        self._out = np.zeros((1, 1, spec.hidden_size), np.float32)
        self.running = RunningPooling(spec)

    def clear(self) -> None:
        """Forget all steps."""
        self.states[:] = 0.0
        self.running.clear()

    def step(self, x: Doubles) -> Doubles:
        """Outputs (1, K) after one more step, x (1, 1, F)."""
        self._advance(x, _ONE, self._out)
        self.running.take(self._out[0])
        return self.outputs()

    def read(self, x: Doubles) -> Doubles:
        """Outputs (T, K) after each of more steps, x (1, T, F), of a network that does not pool."""
        return self._outputs(self.follow(x))

    def follow(self, x: Doubles) -> Doubles:
        """The last layer's states (T, H) after each of more steps, x (1, T, F)."""
        out = np.zeros((1, x.shape[1], self.spec.hidden_size), np.float32)
        self._advance(x, np.full(1, x.shape[1]), out)
        return np.asarray(out[0], np.float64)

    def outputs(self) -> Doubles:
        """What the head makes of the present state, (1, K)."""
        return self._outputs(self.running.read(self.states[-1, :1]))

    def _outputs(self, read: Doubles) -> Doubles:
        """The outputs (N, K) that the head makes of what it reads (N, P)."""
        if self.adaptive is not None:
            return self.adaptive.log_probabilities(read)
        outputs = np.empty((len(read), len(self.bias)))
        outputs[:] = self.bias
        add_product(np.ascontiguousarray(read), self.head, outputs)
        return outputs

    def _advance(self, x: Doubles, lengths: Integers, out: Singles) -> None:
        """Take the steps x (1, T, F), and leave the states of the last layer after each in ``out`` (1, T, H)."""
        kernels = kernels_of(self.cell)
        if self.tables:
            read = np.ascontiguousarray(embed(self.spec, self.tables, x), np.float32)
        else:
            with np.errstate(over="ignore"):  # infinity counts as 1e18
                read = np.ascontiguousarray(x, np.float32)
        check_width(read, self.width)
        for weights, state in zip(self.layers, self.states, strict=True):
            kernels.run(read, lengths, _FIRST, False, weights, state[: kernels.n_states, None], out, *kernels.options)
            read = out  # kernels read a step before they write it

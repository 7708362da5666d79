"""Networks that are fed one time step after the other, on the engine that is there."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Protocol

import numpy as np

from skrnn._types import Doubles, NetworkWeights
from skrnn.networks._adaptive import AdaptiveSoftmax
from skrnn.networks._engine import resolve_engine
from skrnn.networks._running import RunningPooling
from skrnn.networks._spec import NetworkSpec

__all__ = ["SteppedNetwork", "SteppedNetworks", "open_stream"]


class SteppedNetwork(Protocol):
    """``states`` (num_layers, 2 or more, H) are h and the memory c of every layer, zero before the first step;
    ``adaptive`` is the head, where its outputs are log-probabilities of an adaptive softmax.
    """

    states: Doubles
    running: RunningPooling
    adaptive: AdaptiveSoftmax | None

    def clear(self) -> None:
        """Forget all steps."""

    def step(self, x: Doubles) -> Doubles:
        """Outputs (1, K) after one more step, x (1, 1, F)."""

    def read(self, x: Doubles) -> Doubles:
        """Outputs (T, K) after each of more steps, x (1, T, F)."""

    def follow(self, x: Doubles) -> Doubles:
        """The last layer's states (T, H) after each of more steps, x (1, T, F)."""

    def outputs(self) -> Doubles:
        """What the head makes of the present state, (1, K)."""


def open_stream(spec: NetworkSpec, weights: NetworkWeights) -> SteppedNetwork:
    """Follow a unidirectional network on the compiled kernels, or on torch where these cannot be compiled."""
    if resolve_engine("auto", spec, "cpu") == "compiled":
        from skrnn.networks.compiled import NetworkStream

        return NetworkStream(spec, weights)
    from skrnn.networks.torch import TorchStream

    return TorchStream(spec, weights)


class SteppedNetworks:
    """Networks of the same form side by side, whose outputs are averaged: by ``average``, where that is no plain mean.

    ``states`` (n_networks, num_layers, 2 or more, H), and what the networks pool by name, (n_networks, H), are written
    by them at every step, and may be written to.
    """

    def __init__(
        self,
        spec: NetworkSpec,
        networks: Iterable[NetworkWeights],
        average: Callable[[list[Doubles]], Doubles] | None = None,
    ):
        self.average = average
        self.networks = [open_stream(spec, weights) for weights in networks]
        self.states = np.stack([one.states for one in self.networks])
        self.pooled = {
            name: np.stack([one.running.values[name] for one in self.networks])
            for name in self.networks[0].running.values
        }
        for number, one in enumerate(self.networks):
            one.states = self.states[number]
            one.running.values = {name: values[number] for name, values in self.pooled.items()}

    @property
    def n_read(self) -> int:
        """How many states each network has pooled."""
        return self.networks[0].running.n_steps

    @n_read.setter
    def n_read(self, n_steps: int) -> None:
        for one in self.networks:
            one.running.n_steps = n_steps

    def clear(self) -> None:
        """Forget all steps."""
        for one in self.networks:
            one.clear()

    def step(self, x: Doubles) -> Doubles:
        """The mean of the outputs (1, K) after one more step, x (1, 1, F)."""
        return self._together([one.step(x) for one in self.networks])

    def outputs(self) -> Doubles:
        """The mean of what the heads make of the present states, (1, K)."""
        return self._together([one.outputs() for one in self.networks])

    def _together(self, outputs: list[Doubles]) -> Doubles:
        if len(outputs) == 1:
            return outputs[0]
        return np.asarray(np.mean(outputs, axis=0)) if self.average is None else self.average(outputs)

"""A network that is fed one time step after the other, on the engine that is there."""

from __future__ import annotations

from typing import Protocol

from skrnn._types import Doubles, NetworkWeights
from skrnn.networks._engine import resolve_engine
from skrnn.networks._running import RunningPooling
from skrnn.networks._spec import NetworkSpec

__all__ = ["SteppedNetwork", "open_stream"]


class SteppedNetwork(Protocol):
    """``states`` (num_layers, 2 or more, H) are h and the memory c of every layer, zero before the first step."""

    states: Doubles
    running: RunningPooling

    def clear(self) -> None:
        """Forget all steps."""

    def step(self, x: Doubles) -> Doubles:
        """Outputs (1, K) after one more step, x (1, 1, F)."""

    def read(self, x: Doubles) -> Doubles:
        """Outputs (T, K) after each of more steps, x (1, T, F)."""

    def outputs(self) -> Doubles:
        """What the head makes of the present state, (1, K)."""


def open_stream(spec: NetworkSpec, weights: NetworkWeights) -> SteppedNetwork:
    """Follow a unidirectional network on the compiled kernels, or on torch where these cannot be compiled."""
    if resolve_engine("auto", spec, "cpu") == "compiled":
        from skrnn.networks.compiled import NetworkStream

        return NetworkStream(spec, weights)
    from skrnn.networks.torch import TorchStream

    return TorchStream(spec, weights)

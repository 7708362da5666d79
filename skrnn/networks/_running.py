"""The mean and the maximum of the states of a stream so far."""

from __future__ import annotations

import numpy as np

from skrnn._types import Doubles
from skrnn.networks._spec import NetworkSpec

__all__ = ["RunningPooling"]


class RunningPooling:
    """What the head of a unidirectional network reads besides the last state.

    ``values`` holds the "mean" and the "max" (H,) of ``n_steps`` states, those of them that the network pools.
    """

    def __init__(self, spec: NetworkSpec):
        self.pooling = spec.pooling
        self.values = {name: np.zeros(spec.hidden_size) for name in spec.pooling if name != "last"}
        self.n_steps = 0

    def take(self, states: Doubles) -> None:
        """More states (T, H), in the order of time."""
        for state in states if self.values else ():
            self.n_steps += 1
            if "mean" in self.values:
                self.values["mean"] += (state - self.values["mean"]) / self.n_steps
            if "max" in self.values:
                largest = self.values["max"]
                np.copyto(largest, state if self.n_steps == 1 else np.maximum(largest, state))

    def read(self, last: Doubles) -> Doubles:
        """What the head reads (1, P), with the last state (1, H)."""
        if not self.values:
            return last
        return np.concatenate([self.values.get(name, last[0]) for name in self.pooling])[None]

    def clear(self) -> None:
        """Forget all states."""
        for value in self.values.values():
            value[:] = 0.0
        self.n_steps = 0

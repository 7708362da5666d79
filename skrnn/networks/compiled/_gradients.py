"""Gradients with respect to the states of every step, from the kernels of the cells: for looking into a network."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from skrnn._types import Array, Floats, Integers, Singles
from skrnn.networks.compiled._network import CompiledNetwork
from skrnn.networks.kernels import kept_float_control

__all__ = ["compiled_state_gradients"]


def compiled_state_gradients(
    network: CompiledNetwork,
    inputs: Array,
    lengths: Integers,
    scores: Sequence[Callable[[Floats], tuple[Floats, Floats]]],
    tokens: Integers | None = None,
) -> list[Singles]:
    """`skrnn.networks.state_gradients`, in single precision."""
    found: list[Singles] = []
    with kept_float_control():
        outputs = network.forward(np.ascontiguousarray(inputs, np.float32), lengths, tokens=tokens)
        for number, score in enumerate(scores):
            network.backward(np.asarray(score(outputs)[1], np.float32))
            layers = [layer for directions in network.running for layer in directions]
            norms = [layer.state_gradients() for layer in layers]
            if number == 0:
                found = norms
            else:  # the second score is that of the backward direction
                found = [new if layer.reverse else old for new, old, layer in zip(norms, found, layers, strict=True)]
    return found

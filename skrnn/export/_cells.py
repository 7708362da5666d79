"""The operator of each cell, and its weights in the operator's order.

For D directions of G gates (https://onnx.ai/onnx/operators): W (D, G * H, F), R (D, G * H, H), and the biases of both
side by side, B (D, 2 * G * H).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from skrnn._types import Array, NetworkWeights, Singles
from skrnn.export._graph import Graph, ints
from skrnn.networks import NetworkSpec, Recurrence, cell_weights

__all__ = ["OPERATORS", "recurrent"]


@dataclass(frozen=True, eq=False)
class Operator:
    """One direction: what the operator is called, its weights, and its attributes but the sizes."""

    kind: str
    weights: tuple[Array, Array, Array]  # W, R, B
    activations: tuple[str, ...]
    attributes: Mapping[str, Any] = field(default_factory=dict)


Weights = Mapping[str, Singles]


def _in_order(own: Weights, order: tuple[int, ...]) -> tuple[Array, Array, Array]:
    """The gates, which torch stacks, in another order."""

    def sorted_(name: str) -> Array:
        parts = np.split(own[name], len(order))
        return np.concatenate([parts[gate] for gate in order])

    bias = np.concatenate([sorted_("bias_ih"), sorted_("bias_hh")])
    return sorted_("weight_ih"), sorted_("weight_hh"), bias


def _vanilla(own: Weights, nonlinearity: str) -> Operator:
    return Operator("RNN", _in_order(own, (0,)), ("Relu" if nonlinearity == "relu" else "Tanh",))


def _gru(own: Weights, nonlinearity: str) -> Operator:
    """r, z, n to z, r, h; the reset gate acts after the product."""
    return Operator("GRU", _in_order(own, (1, 0, 2)), ("Sigmoid", "Tanh"), {"linear_before_reset": 1})


def _lstm(own: Weights, nonlinearity: str) -> Operator:
    """i, f, g, o to i, o, f, c."""
    return Operator("LSTM", _in_order(own, (0, 3, 1, 2)), ("Sigmoid", "Tanh", "Tanh"))


def _mingru(own: Weights, nonlinearity: str) -> Operator:
    """A GRU without recurrent weights and without a tanh. Its update gate keeps what that of minGRU replaces."""
    update, fresh = np.split(own["weight_ih"], 2)
    update_bias, fresh_bias = np.split(own["bias_ih"], 2)
    none, hidden = np.zeros_like(update), len(update)
    bias = np.zeros(6 * hidden, np.float32)
    bias[:hidden], bias[2 * hidden : 3 * hidden] = -update_bias, fresh_bias
    weights = np.concatenate([-update, none, fresh]), np.zeros((3 * hidden, hidden), np.float32), bias
    return Operator("GRU", weights, ("Sigmoid", "Affine"), {"activation_alpha": [1.0], "activation_beta": [0.0]})


OPERATORS: dict[str, Callable[[Weights, str], Operator]] = {
    "rnn": _vanilla,
    "gru": _gru,
    "lstm": _lstm,
    "mingru": _mingru,
}


def recurrent(
    graph: Graph, spec: NetworkSpec, weights: NetworkWeights, layer: list[Recurrence], x: str, lengths: str
) -> tuple[str, str]:
    """The states (B, T, H') of a layer, zero in the padding, and the last ones of each direction (B, H').

    x (B, T, F), lengths (B,)
    """
    cell, make = spec.make_cell(), OPERATORS[str(spec.cell)]
    directions = [make(cell_weights(cell, weights, recurrence), spec.nonlinearity) for recurrence in layer]
    one, count = directions[0], len(directions)
    own = [np.stack(parts) for parts in zip(*(direction.weights for direction in directions), strict=True)]
    attributes = {name: value * count if isinstance(value, list) else value for name, value in one.attributes.items()}
    states, last = graph.ops(
        2,
        one.kind,
        graph.op("Transpose", x, perm=[1, 0, 2]),
        *own,
        graph.cast(lengths, np.int32),
        hidden_size=spec.hidden_size,
        direction="bidirectional" if count == 2 else "forward",
        activations=list(one.activations) * count,
        **attributes,
    )
    states = graph.op("Reshape", graph.op("Transpose", states, perm=[2, 0, 1, 3]), ints(0, 0, spec.state_size))
    last = graph.op("Reshape", graph.op("Transpose", last, perm=[1, 0, 2]), ints(0, spec.state_size))
    return states, last

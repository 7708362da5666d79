"""The vanilla cell: h_t = f(W_ih x_t + b_ih + W_hh h_{t-1} + b_hh) (Elman, Cognitive Science 14(2), 1990)."""

from __future__ import annotations

from math import tanh as tanh_double
from typing import TYPE_CHECKING, Any

import numpy as np

from skrnn._types import Array, Singles
from skrnn.networks.cells._base import Kernels
from skrnn.networks.cells._gated import GatedCell, through_gates
from skrnn.networks.kernels import (
    SIDE_BY_SIDE,
    Arrays,
    gate_gradients,
    gate_panels,
    input_products,
    input_sums,
    kernel,
    panel_product,
    place,
    recurrent_gradients,
    row_kernel,
    state_gradient,
    state_sums,
    tanh,
)

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["VanillaCell"]


@kernel()
def forward(x: Array, weights: Arrays, tape: Arrays, relu: bool) -> None:
    """h_t = f(W_ih x_t + b_ih + W_hh h_{t-1} + b_hh), f the hyperbolic tangent or the rectifier."""
    w_ih, w_hh, b_ih, b_hh = weights
    gates, h = tape
    input_products(x, w_ih, (b_ih + b_hh).reshape(1, h.shape[2]), gates)
    w = gate_panels(w_hh, True)[0]
    n = h[0].size
    added = np.zeros(h.shape[1:], np.float32)
    h[0] = 0.0
    for t in range(x.shape[0]):
        if t > 0:
            panel_product(h[t], w, added)
        g, s, out = gates[0, t].reshape(n), added.reshape(n), h[t + 1].reshape(n)
        if relu:
            for i in range(n):
                out[i] = max(g[i] + s[i], np.float32(0.0))
        else:
            for i in range(n):
                out[i] = tanh(g[i] + s[i])


@kernel()
def backward(
    x: Array,
    weights: Arrays,
    tape: Arrays,
    d_out: Array,
    d_gates: Array,
    dx: Array,
    dw: Arrays,
    block: int,
    relu: bool,
) -> None:
    """Gradients ``dw`` of the weights and ``dx`` of the input, from those of the outputs, d_out (T, B, H)."""
    w_ih, w = weights[0], gate_panels(weights[1], False)
    dw_ih, dw_hh, db_ih, db_hh = dw
    h = tape[1]
    n_steps, n, one = d_out.shape[0], d_out[0].size, np.float32(1.0)
    carried, part = np.zeros(d_out.shape[1:], np.float32), np.empty(d_out.shape[1:], np.float32)
    for t in range(n_steps - 1, -1, -1):
        out, d, through, into = h[t + 1].reshape(n), d_out[t].reshape(n), carried.reshape(n), d_gates[0, t].reshape(n)
        if relu:
            for i in range(n):
                into[i] = d[i] + through[i] if out[i] > 0 else np.float32(0.0)
        else:
            for i in range(n):
                into[i] = (d[i] + through[i]) * (one - out[i] * out[i])
        if block > 0 and (n_steps - t) % block == 0:
            carried[:] = 0.0
        elif t > 0:
            state_gradient(d_gates, t, w, part, carried)
    recurrent_gradients(d_gates, h, dw_hh)
    gate_gradients(x, w_ih, d_gates, dw_ih, db_ih.reshape(1, db_ih.size), dx)
    db_hh[:] = db_ih


@row_kernel
def step(sums: Array, inner: Array, h: Array, relu: bool) -> None:
    """The next state h (H,) of a row, from the sums of its inputs and of its state."""
    if relu:
        for j in range(h.size):
            h[j] = max(sums[j] + inner[j], 0.0)
    else:
        for j in range(h.size):
            h[j] = tanh_double(sums[j] + inner[j])


@row_kernel
def run(x: Array, lengths: Array, reverse: bool, weights: Arrays, states: Array, out: Array, relu: bool) -> None:
    """Predictions: the states h."""
    w_ih, w_hh, b_ih, b_hh = weights
    for begin in range(0, x.shape[0], SIDE_BY_SIDE):
        rows = slice(begin, min(begin + SIDE_BY_SIDE, x.shape[0]))
        n = rows.stop - begin
        x_t, sums, inner = np.empty((n, x.shape[2])), np.empty((n, b_ih.size)), np.empty((n, b_hh.size))
        for t in range(lengths[rows].max()):
            input_sums(x[rows], t, lengths[rows], reverse, w_ih, b_ih, x_t, sums)
            state_sums(states[0, rows], w_hh, b_hh, inner)
            for i in range(n):
                b = begin + i
                if t < lengths[b]:
                    step(sums[i], inner[i], states[0, b], relu)
                    out[b, place(t, lengths[b], reverse)] = states[0, b]


def carried(weights: Arrays, tape: Arrays, d_out: Singles, d_gates: Singles) -> list[Singles]:
    """The gradient of the state h: what the step itself is read for, and what the next makes of it."""
    return [d_out + through_gates(d_gates, weights[1])]


_TANH = Kernels(forward, backward, run, carried, n_gates=1, n_gate_gradients=1, options=(False,))
_RELU = Kernels(forward, backward, run, carried, n_gates=1, n_gate_gradients=1, options=(True,))


class VanillaCell(GatedCell):
    """Hyperbolic tangent or rectifier of one sum."""

    n_gates = 1
    label = "RNN"

    def __init__(self, hidden_size: int, nonlinearity: str = "tanh"):
        super().__init__(hidden_size)
        self.nonlinearity = nonlinearity

    @classmethod
    def make(cls, hidden_size: int, nonlinearity: str) -> VanillaCell:
        return cls(hidden_size, nonlinearity)

    @property
    def kernels(self) -> Kernels:
        return _RELU if self.nonlinearity == "relu" else _TANH

    def run(self, weights: dict[str, Tensor], x: Tensor, state: Any) -> tuple[Tensor, Any]:
        import torch

        function = torch.rnn_tanh if self.nonlinearity == "tanh" else torch.rnn_relu
        state = self.zero_state(x) if state is None else state
        return function(x, state, list(weights.values()), True, 1, 0.0, False, False, True)

    def _own_options(self) -> dict[str, Any]:
        return {"nonlinearity": self.nonlinearity}

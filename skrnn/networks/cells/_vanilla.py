"""The vanilla cell: h_t = f(W_ih x_t + b_ih + W_hh h_{t-1} + b_hh) (Elman, Cognitive Science 14(2), 1990)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from skrnn._types import Array, Singles
from skrnn.networks.cells._base import Kernels
from skrnn.networks.cells._gated import GatedCell, through_gates
from skrnn.networks.kernels import (
    Arrays,
    add_or_set,
    at,
    block_size,
    gate_gradients,
    gate_panels,
    gated,
    hand_back,
    input_products,
    is_zero,
    kernel,
    lane_kernel,
    lane_panel,
    lane_product,
    lane_relu,
    lane_sums,
    lane_tanh,
    lane_weights,
    lane_work,
    longest,
    packed,
    panel_product,
    put_states,
    recurrent_gradients,
    restore_denormals,
    skip_denormals,
    state_gradient,
    sum_of,
    take_inputs,
    tanh,
)

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["VanillaCell"]


@kernel()
def recur(x: Array, weights: Array, tape: Arrays, relu: bool) -> None:
    """h_t = f(W_ih x_t + b_ih + W_hh h_{t-1} + b_hh), f the hyperbolic tangent or the rectifier."""
    gates, h, _ = tape
    control = skip_denormals()
    w_ih, w_hh, b_ih, b_hh = gated(weights, 1, x.shape[2] - 1, h.shape[2])
    input_products(x, w_ih, sum_of(b_ih, b_hh).reshape(1, h.shape[2]), gates)
    w = gate_panels(w_hh, True)[0]
    n = h[0].size
    added = np.zeros(h.shape[1:], np.float32)
    sums, states, s = gates.reshape(gates.size), h.reshape(h.size), added.reshape(n)
    begins = not is_zero(h[0])
    for t in range(x.shape[0]):
        if t > 0 or begins:
            panel_product(h[t], w, added)
        g, out = at(sums, t, n), at(states, t + 1, n)
        if relu:
            for i in range(n):
                out[i] = max(g[i] + s[i], np.float32(0.0))
        else:
            for i in range(n):
                out[i] = tanh(g[i] + s[i])
    restore_denormals(control)


@kernel()
def recur_back(
    x: Array,
    weights: Array,
    tape: Arrays,
    d_out: Array,
    d_gates: Array,
    dx: Array,
    dw: Array,
    d_first: Array,
    block: int,
    relu: bool,
) -> None:
    """Gradients ``dw`` of the weights and ``dx`` of the input, from those of the outputs, d_out (T, B, H)."""
    h, control = tape[1], skip_denormals()
    w_ih, w_hh, _, _ = gated(weights, 1, x.shape[2] - 1, h.shape[2])
    dw_ih, dw_hh, db_ih, db_hh = gated(dw, 1, x.shape[2] - 1, h.shape[2])
    w = gate_panels(w_hh, False)
    n_steps, n, one = d_out.shape[0], d_out[0].size, np.float32(1.0)
    carried, part = np.zeros(d_out.shape[1:], np.float32), np.empty(d_out.shape[1:], np.float32)
    states, d_states, d_sums = h.reshape(h.size), d_out.reshape(d_out.size), d_gates.reshape(d_gates.size)
    through = carried.reshape(n)
    for t in range(n_steps - 1, -1, -1):
        out, d, into = at(states, t + 1, n), at(d_states, t, n), at(d_sums, t, n)
        if relu:
            for i in range(n):
                into[i] = d[i] + through[i] if out[i] > 0 else np.float32(0.0)
        else:
            for i in range(n):
                into[i] = (d[i] + through[i]) * (one - out[i] * out[i])
        if block > 0 and (n_steps - t) % block == 0:
            carried[:] = 0.0
        elif t > 0 or d_first.shape[0] > 0:
            state_gradient(d_gates, t, w, part, carried)
    hand_back(carried, d_first)
    recurrent_gradients(d_gates, h, dw_hh)
    gate_gradients(x, w_ih, d_gates, dw_ih, db_ih.reshape(1, db_ih.size), dx)
    add_or_set(db_ih, db_hh, False)
    restore_denormals(control)


@kernel()
def forward(x: Array, weights: Array, tape: Arrays) -> None:
    """With the hyperbolic tangent."""
    recur(x, weights, tape, False)


@kernel()
def backward(
    x: Array,
    weights: Array,
    tape: Arrays,
    d_out: Array,
    d_gates: Array,
    dx: Array,
    dw: Array,
    d_first: Array,
    block: int,
) -> None:
    """With the hyperbolic tangent."""
    recur_back(x, weights, tape, d_out, d_gates, dx, dw, d_first, block, False)


@kernel()
def relu_forward(x: Array, weights: Array, tape: Arrays) -> None:
    """With the rectifier."""
    recur(x, weights, tape, True)


@kernel()
def relu_backward(
    x: Array,
    weights: Array,
    tape: Arrays,
    d_out: Array,
    d_gates: Array,
    dx: Array,
    dw: Array,
    d_first: Array,
    block: int,
) -> None:
    """With the rectifier."""
    recur_back(x, weights, tape, d_out, d_gates, dx, dw, d_first, block, True)


@lane_kernel
def advance(weights: Array, panel: Array, hidden: int, work: Array, relu: bool) -> None:
    """A step of rows side by side: the states h in the panel become those after it."""
    w, h = lane_weights(weights, hidden, panel.shape[0]), panel[:hidden].reshape(hidden * panel.shape[1])
    lane_product(w, panel, lane_sums(w, work, panel.shape[1]))
    if relu:
        for i in range(h.size):
            h[i] = lane_relu(work[i])
    else:
        for i in range(h.size):
            h[i] = lane_tanh(work[i])


@lane_kernel
def step(weights: Array, panel: Array, memory: Array, work: Array) -> None:
    """`advance` of hyperbolic tangents."""
    advance(weights, panel, memory.shape[0], work, False)


@lane_kernel
def relu_step(weights: Array, panel: Array, memory: Array, work: Array) -> None:
    """`advance` of rectifiers."""
    advance(weights, panel, memory.shape[0], work, True)


@lane_kernel
def run_block(
    x: Array,
    lengths: Array,
    rows: Array,
    reverse: bool,
    weights: Array,
    states: Array,
    out: Array,
    relu: bool,
) -> None:
    """Rows that go through the layer side by side."""
    hidden = states.shape[2]
    panel = lane_panel(states[0], rows, x.shape[2])
    work = lane_work(hidden, panel.shape[1])
    for t in range(longest(lengths, rows)):
        take_inputs(x, rows, lengths, t, reverse, panel[hidden + 1 :])
        advance(weights, panel, hidden, work, relu)
        put_states(panel[:hidden], rows, lengths, t, reverse, states[0], out)


@lane_kernel
def run(
    x: Array, lengths: Array, order: Array, reverse: bool, weights: Array, states: Array, out: Array, relu: bool
) -> None:
    """Predictions: the states h."""
    begin = 0
    while begin < order.size:
        rows = order[begin : begin + block_size(order, begin, lengths, weights.size)]
        run_block(x, lengths, rows, reverse, weights, states, out, relu)
        begin += rows.size


def pack(weights: Arrays) -> Singles:
    """The weights of a panel: of the states, of ones, of the inputs."""
    w_ih, w_hh, b_ih, b_hh = weights
    return packed(w_hh, (b_ih + b_hh)[:, None], w_ih).ravel()


def carried(weights: Arrays, tape: Arrays, d_out: Singles, d_gates: Singles) -> list[Singles]:
    """The gradient of the state h: what the step itself is read for, and what the next makes of it."""
    return [d_out + through_gates(d_gates, weights[1])]


_TANH = Kernels(forward, backward, run, step, pack, carried, n_gates=1, n_gate_gradients=1, options=(False,))
_RELU = Kernels(
    relu_forward, relu_backward, run, relu_step, pack, carried, n_gates=1, n_gate_gradients=1, options=(True,)
)


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

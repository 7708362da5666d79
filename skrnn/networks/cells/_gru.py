"""The gated recurrent unit (Cho et al., EMNLP 2014) in torch's form: the reset gate acts after the product.

r, z = s(W x + b + U h + c), n = tanh(W_n x + b_n + r (U_n h + c_n)), h_t = (1 - z) n + z h
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.special import expit

from skrnn._types import Array, Doubles, Singles
from skrnn.networks.cells._base import Kernels
from skrnn.networks.cells._gated import GatedCell, gate_sums, through_gates
from skrnn.networks.kernels import (
    Arrays,
    add_or_set,
    at,
    block_size,
    column_sums,
    fused,
    gate_gradients,
    gate_panels,
    gated,
    hand_back,
    input_products,
    is_zero,
    kernel,
    lane_kernel,
    lane_logistic,
    lane_panel,
    lane_product,
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
    sigmoid,
    skip_denormals,
    state_gradient,
    sum_of,
    take_inputs,
    tanh,
)

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["GRUCell"]


@kernel()
def forward(x: Array, weights: Array, tape: Arrays) -> None:
    """r, z = s(…), n = tanh(W_in x + b_in + r (W_hn h + b_hn)), h' = n + z (h - n): torch's form of Cho et al., 2014.

    Leaves r, z and n in ``gates`` (3, T, B, H), and W_hn h + b_hn in ``extra`` (T, B, H).
    """
    gates, h, extra = tape
    sums, states, inner_sums = gates.reshape(gates.size), h.reshape(h.size), extra.reshape(extra.size)
    n_steps, (n_rows, hidden), control = x.shape[0], h.shape[1:], skip_denormals()
    w_ih, w_hh, b_ih, b_hh = gated(weights, 3, x.shape[2] - 1, hidden)
    bias = sum_of(b_ih, b_hh)
    add_or_set(b_ih[2 * hidden :], bias[2 * hidden :], False)
    input_products(x, w_ih, bias.reshape(3, hidden), gates)
    w, n = gate_panels(w_hh, True), n_rows * hidden
    added, inner_bias = np.zeros((3, n_rows, hidden), np.float32), np.empty((n_rows, hidden), np.float32)
    for b in range(n_rows):
        add_or_set(b_hh[2 * hidden :], inner_bias[b], False)
    s_reset, s_update, s_inner = added[0].reshape(n), added[1].reshape(n), added[2].reshape(n)
    b_inner = inner_bias.reshape(n)
    begins = not is_zero(h[0])
    for t in range(n_steps):
        if t > 0 or begins:
            for g in range(3):
                panel_product(h[t], w[g], added[g])
        reset, update, fresh = at(sums, t, n), at(sums, n_steps + t, n), at(sums, 2 * n_steps + t, n)
        inner, old, new = at(inner_sums, t, n), at(states, t, n), at(states, t + 1, n)
        for i in range(n):
            reset[i] = sigmoid(reset[i] + s_reset[i])
        for i in range(n):
            update[i] = sigmoid(update[i] + s_update[i])
        for i in range(n):
            inner[i] = s_inner[i] + b_inner[i]
        for i in range(n):
            fresh[i] = tanh(fresh[i] + reset[i] * inner[i])
        for i in range(n):
            new[i] = fresh[i] + update[i] * (old[i] - fresh[i])
    restore_denormals(control)


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
    """Gradients from those of the outputs, d_out (T, B, H).

    ``d_gates`` (4, T, B, H) are those of r, z, W_hn h + b_hn, and the sum inside n.
    """
    gates, h, extra = tape
    sums, states, inner_sums = gates.reshape(gates.size), h.reshape(h.size), extra.reshape(extra.size)
    control = skip_denormals()
    n_steps, n_rows, hidden = d_out.shape
    d_sums, d_states = d_gates.reshape(d_gates.size), d_out.reshape(d_out.size)
    w_ih, w_hh, _, _ = gated(weights, 3, x.shape[2] - 1, hidden)
    dw_ih, dw_hh, db_ih, db_hh = gated(dw, 3, x.shape[2] - 1, hidden)
    w = gate_panels(w_hh, False)
    n, one = n_rows * hidden, np.float32(1.0)
    carried, part = np.zeros((n_rows, hidden), np.float32), np.empty((n_rows, hidden), np.float32)
    past = np.zeros(n, np.float32)  # what reaches the state before a step past its gates
    through = carried.reshape(n)  # and through them
    for t in range(n_steps - 1, -1, -1):
        reset, update, fresh = at(sums, t, n), at(sums, n_steps + t, n), at(sums, 2 * n_steps + t, n)
        d_reset, d_update, d_inner = at(d_sums, t, n), at(d_sums, n_steps + t, n), at(d_sums, 2 * n_steps + t, n)
        d_fresh, inner = at(d_sums, 3 * n_steps + t, n), at(inner_sums, t, n)
        old, d = at(states, t, n), at(d_states, t, n)
        for i in range(n):
            past[i] += d[i] + through[i]
        for i in range(n):
            d_fresh[i] = past[i] * (one - update[i]) * (one - fresh[i] * fresh[i])
        for i in range(n):
            d_update[i] = past[i] * (old[i] - fresh[i]) * update[i] * (one - update[i])
        for i in range(n):
            d_inner[i] = d_fresh[i] * reset[i]
        for i in range(n):
            d_reset[i] = d_inner[i] * inner[i] * (one - reset[i])
        for i in range(n):
            past[i] *= update[i]
        if block > 0 and (n_steps - t) % block == 0:
            carried[:] = 0.0
            past[:] = 0.0
        elif t > 0 or d_first.shape[0] > 0:
            state_gradient(d_gates[:3], t, w, part, carried)
    add_or_set(past, through, True)
    hand_back(carried, d_first)
    recurrent_gradients(d_gates[:3], h, dw_hh)
    column_sums(d_gates[2].reshape(n_steps * n_rows, hidden), db_hh[2 * hidden :])
    add_or_set(d_gates[3].reshape(n_steps * n), d_gates[2].reshape(n_steps * n), False)
    gate_gradients(x, w_ih, d_gates[:3], dw_ih, db_ih.reshape(3, hidden), dx)
    add_or_set(db_ih[: 2 * hidden], db_hh[: 2 * hidden], False)
    restore_denormals(control)


@lane_kernel
def step(weights: Array, panel: Array, memory: Array, work: Array) -> None:
    """A step of rows side by side: the states h in the panel become those after it."""
    (hidden, lanes), n = memory.shape, memory.size
    w_gates = lane_weights(weights, 2 * hidden, panel.shape[0])
    w_inner = lane_weights(weights[w_gates.size :], hidden, hidden + 1)
    w_fresh = lane_weights(weights[w_gates.size + w_inner.size :], hidden, panel.shape[0] - hidden)
    s_gates = lane_sums(w_gates, work, lanes)
    s_inner = lane_sums(w_inner, work[s_gates.size :], lanes)
    s_fresh = lane_sums(w_fresh, work[s_gates.size + s_inner.size :], lanes)
    lane_product(w_gates, panel, s_gates)
    lane_product(w_inner, panel[: hidden + 1], s_inner)
    lane_product(w_fresh, panel[hidden:], s_fresh)
    reset, update = s_gates[:hidden].reshape(n), s_gates[hidden : 2 * hidden].reshape(n)
    h, inner, fresh = panel[:hidden].reshape(n), s_inner[:hidden].reshape(n), s_fresh[:hidden].reshape(n)
    for i in range(n):
        inner[i] = lane_logistic(reset[i]) * inner[i]
    for i in range(n):
        fresh[i] = lane_tanh(fresh[i] + inner[i])
    for i in range(n):
        h[i] = fused(lane_logistic(update[i]), h[i] - fresh[i], fresh[i])


@lane_kernel
def run_block(x: Array, lengths: Array, rows: Array, reverse: bool, weights: Array, states: Array, out: Array) -> None:
    """Rows that go through the layer side by side."""
    hidden = states.shape[2]
    panel = lane_panel(states[0], rows, x.shape[2])
    memory, work = panel[:hidden], lane_work(hidden, panel.shape[1])
    for t in range(longest(lengths, rows)):
        take_inputs(x, rows, lengths, t, reverse, panel[hidden + 1 :])
        step(weights, panel, memory, work)
        put_states(panel[:hidden], rows, lengths, t, reverse, states[0], out)


@lane_kernel
def run(x: Array, lengths: Array, order: Array, reverse: bool, weights: Array, states: Array, out: Array) -> None:
    """Predictions: the states h."""
    begin = 0
    while begin < order.size:
        rows = order[begin : begin + block_size(order, begin, lengths, weights.size)]
        run_block(x, lengths, rows, reverse, weights, states, out)
        begin += rows.size


def pack(weights: Arrays) -> Singles:
    """The weights of r and z, of what the state adds inside n, and of what the inputs add there: three panels."""
    w_ih, w_hh, b_ih, b_hh = weights
    two = 2 * w_hh.shape[1]
    parts = (
        packed(w_hh[:two], (b_ih + b_hh)[:two, None], w_ih[:two]),
        packed(w_hh[two:], b_hh[two:, None]),
        packed(b_ih[two:, None], w_ih[two:]),
    )
    return np.concatenate([part.ravel() for part in parts])


def carried(weights: Arrays, tape: Arrays, d_out: Singles, d_gates: Singles) -> list[Singles]:
    """The gradient of the state h, part of which passes the gates of the next step by."""
    gates = tape[0]
    d_h = d_out + through_gates(np.stack([d_gates[0], d_gates[1], d_gates[3] * gates[0]]), weights[1])
    for t in range(len(d_h) - 2, -1, -1):
        d_h[t] += gates[1, t + 1] * d_h[t + 1]
    return [d_h]


_KERNELS = Kernels(forward, backward, run, step, pack, carried, n_gates=3, n_gate_gradients=4, n_extra=(1, 0))


class GRUCell(GatedCell):
    """Reset, update and candidate."""

    n_gates = 3
    label = "GRU"

    @property
    def kernels(self) -> Kernels:
        return _KERNELS

    def gates(self, weights: dict[str, Array], x: Doubles, before: Doubles) -> dict[str, Doubles]:
        reset, update, _ = gate_sums(weights, x, before, 3)
        return {"reset": expit(reset), "update": expit(update)}

    def run(self, weights: dict[str, Tensor], x: Tensor, state: Any) -> tuple[Tensor, Any]:
        import torch

        state = self.zero_state(x) if state is None else state
        return torch.gru(x, state, list(weights.values()), True, 1, 0.0, False, False, True)

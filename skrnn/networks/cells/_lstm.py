"""Long short-term memory (Hochreiter & Schmidhuber, Neural Computation 9(8), 1997; Gers et al., 2000).

i, f, o = s(W x + b + U h + c), g = tanh(W_g x + b_g + U_g h + c_g), c_t = f c + i g, h_t = o tanh(c_t)
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.special import expit

from skrnn._types import Array, Doubles, Floats, Singles
from skrnn.networks.cells._base import Kernels
from skrnn.networks.cells._gated import GatedCell, gate_sums, through_gates
from skrnn.networks.kernels import (
    Arrays,
    add_or_set,
    at,
    block_size,
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

__all__ = ["LSTMCell"]


@kernel()
def forward(x: Array, weights: Array, tape: Arrays) -> None:
    """i, f, o = s(…), g = tanh(…), c' = f c + i g, h' = o tanh(c') (Hochreiter & Schmidhuber, 1997; Gers et al., 2000).

    Leaves i, f, g and o in ``gates`` (4, T, B, H); ``extra`` (2T + 1, B, H) holds c from before the first step on, then
    tanh(c) of each step.
    """
    gates, h, extra = tape
    sums, states, memories = gates.reshape(gates.size), h.reshape(h.size), extra.reshape(extra.size)
    n_steps, (n_rows, hidden), control = x.shape[0], h.shape[1:], skip_denormals()
    w_ih, w_hh, b_ih, b_hh = gated(weights, 4, x.shape[2] - 1, hidden)
    input_products(x, w_ih, sum_of(b_ih, b_hh).reshape(4, hidden), gates)
    w, n = gate_panels(w_hh, True), n_rows * hidden
    added = np.zeros((4, n_rows, hidden), np.float32)
    begins = not is_zero(h[0])
    for t in range(n_steps):
        if t > 0 or begins:
            for g in range(4):
                panel_product(h[t], w[g], added[g])
        for g in range(4):
            gate, s = at(sums, g * n_steps + t, n), added[g].reshape(n)
            if g == 2:
                for i in range(n):
                    gate[i] = tanh(gate[i] + s[i])
            else:
                for i in range(n):
                    gate[i] = sigmoid(gate[i] + s[i])
        into, keep = at(sums, t, n), at(sums, n_steps + t, n)
        value, show = at(sums, 2 * n_steps + t, n), at(sums, 3 * n_steps + t, n)
        old_memory, memory = at(memories, t, n), at(memories, t + 1, n)
        squashed, new = at(memories, n_steps + 1 + t, n), at(states, t + 1, n)
        for i in range(n):
            memory[i] = keep[i] * old_memory[i] + into[i] * value[i]
        for i in range(n):
            squashed[i] = tanh(memory[i])
        for i in range(n):
            new[i] = show[i] * squashed[i]
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
    """Gradients from those of the outputs, d_out (T, B, H)."""
    gates, h, extra = tape
    sums, memories = gates.reshape(gates.size), extra.reshape(extra.size)
    control = skip_denormals()
    n_steps, n_rows, hidden = d_out.shape
    d_sums, d_states = d_gates.reshape(d_gates.size), d_out.reshape(d_out.size)
    w_ih, w_hh, _, _ = gated(weights, 4, x.shape[2] - 1, hidden)
    dw_ih, dw_hh, db_ih, db_hh = gated(dw, 4, x.shape[2] - 1, hidden)
    w = gate_panels(w_hh, False)
    n, one = n_rows * hidden, np.float32(1.0)
    carried, part = np.zeros((n_rows, hidden), np.float32), np.empty((n_rows, hidden), np.float32)
    through, d_memory = carried.reshape(n), np.zeros(n, np.float32)
    for t in range(n_steps - 1, -1, -1):
        into, keep = at(sums, t, n), at(sums, n_steps + t, n)
        value, show = at(sums, 2 * n_steps + t, n), at(sums, 3 * n_steps + t, n)
        d_into, d_keep = at(d_sums, t, n), at(d_sums, n_steps + t, n)
        d_value, d_show = at(d_sums, 2 * n_steps + t, n), at(d_sums, 3 * n_steps + t, n)
        old_memory, squashed, d = at(memories, t, n), at(memories, n_steps + 1 + t, n), at(d_states, t, n)
        for i in range(n):
            through[i] += d[i]
        for i in range(n):
            d_show[i] = through[i] * squashed[i] * show[i] * (one - show[i])
        for i in range(n):
            d_memory[i] += through[i] * show[i] * (one - squashed[i] * squashed[i])
        for i in range(n):
            d_into[i] = d_memory[i] * value[i] * into[i] * (one - into[i])
        for i in range(n):
            d_value[i] = d_memory[i] * into[i] * (one - value[i] * value[i])
        for i in range(n):
            d_keep[i] = d_memory[i] * old_memory[i] * keep[i] * (one - keep[i])
        for i in range(n):
            d_memory[i] *= keep[i]
        if block > 0 and (n_steps - t) % block == 0:
            carried[:] = 0.0
            d_memory[:] = 0.0
        elif t > 0 or d_first.shape[0] > 0:
            state_gradient(d_gates, t, w, part, carried)
    hand_back(carried, d_first)
    recurrent_gradients(d_gates, h, dw_hh)
    gate_gradients(x, w_ih, d_gates, dw_ih, db_ih.reshape(4, hidden), dx)
    add_or_set(db_ih, db_hh, False)
    restore_denormals(control)


@lane_kernel
def step(weights: Array, panel: Array, memory: Array, work: Array) -> None:
    """A step of rows side by side: the states h in the panel and the memory c (H, R) become those after it."""
    (hidden, lanes), n = memory.shape, memory.size
    w = lane_weights(weights, 4 * hidden, panel.shape[0])
    lane_product(w, panel, lane_sums(w, work, lanes))
    into, keep, value, show = work[:n], work[n : 2 * n], work[2 * n : 3 * n], work[3 * n : 4 * n]
    h, c = panel[:hidden].reshape(n), memory.reshape(n)
    for i in range(n):
        into[i] = lane_logistic(into[i])
    for i in range(n):
        value[i] = lane_tanh(value[i]) * into[i]
    for i in range(n):
        c[i] = fused(lane_logistic(keep[i]), c[i], value[i])
    for i in range(n):
        h[i] = lane_logistic(show[i]) * lane_tanh(c[i])


@lane_kernel
def run_block(x: Array, lengths: Array, rows: Array, reverse: bool, weights: Array, states: Array, out: Array) -> None:
    """Rows that go through the layer side by side."""
    hidden = states.shape[2]
    panel, memory = lane_panel(states[0], rows, x.shape[2]), lane_panel(states[1], rows, 0)[:hidden]
    work = lane_work(hidden, panel.shape[1])
    for t in range(longest(lengths, rows)):
        take_inputs(x, rows, lengths, t, reverse, panel[hidden + 1 :])
        step(weights, panel, memory, work)
        put_states(panel[:hidden], rows, lengths, t, reverse, states[0], out)
        put_states(memory, rows, lengths, t, reverse, states[1], out[:, :0])


@lane_kernel
def run(x: Array, lengths: Array, order: Array, reverse: bool, weights: Array, states: Array, out: Array) -> None:
    """Predictions: the states h and the memory c."""
    begin = 0
    while begin < order.size:
        rows = order[begin : begin + block_size(order, begin, lengths, weights.size)]
        run_block(x, lengths, rows, reverse, weights, states, out)
        begin += rows.size


def pack(weights: Arrays) -> Singles:
    """The weights of a panel: of the states, of ones, of the inputs."""
    w_ih, w_hh, b_ih, b_hh = weights
    return packed(w_hh, (b_ih + b_hh)[:, None], w_ih).ravel()


def carried(weights: Arrays, tape: Arrays, d_out: Singles, d_gates: Singles) -> list[Singles]:
    """The gradients of the state h and of the memory c, of which the latter leads only on to the next step."""
    gates, _, extra = tape
    n_steps = len(d_out)
    d_h = d_out + through_gates(d_gates, weights[1])
    d_memory, whole = np.zeros_like(d_h), np.zeros_like(d_h[0])
    for t in range(n_steps - 1, -1, -1):
        d_memory[t] = whole
        whole = gates[1, t] * (whole + d_h[t] * gates[3, t] * (1 - extra[n_steps + 1 + t] ** 2))
    return [d_h, d_memory]


_KERNELS = Kernels(
    forward,
    backward,
    run,
    step,
    pack,
    carried,
    n_gates=4,
    n_gate_gradients=4,
    n_extra=(2, 1),
    n_states=2,
)


class LSTMCell(GatedCell):
    """Input, forget, candidate and output."""

    n_gates = 4
    label = "LSTM"

    @property
    def kernels(self) -> Kernels:
        return _KERNELS

    def initial(self, input_size: int, rng: np.random.Generator) -> dict[str, Floats]:
        """As every cell, with a forget bias of 1 (Jozefowicz, Zaremba & Sutskever, ICML 2015)."""
        weights = super().initial(input_size, rng)
        weights["bias_ih"][self.hidden_size : 2 * self.hidden_size] = 1.0
        return weights

    def gates(self, weights: dict[str, Array], x: Doubles, before: Doubles) -> dict[str, Doubles]:
        write, forget, _, show = gate_sums(weights, x, before, 4)
        return {"input": expit(write), "forget": expit(forget), "output": expit(show)}

    def run(self, weights: dict[str, Tensor], x: Tensor, state: Any) -> tuple[Tensor, Any]:
        import torch

        if state is None:
            zero = self.zero_state(x)
            state = (zero, zero)
        out, hidden, memory = torch.lstm(x, state, list(weights.values()), True, 1, 0.0, False, False, True)
        return out, (hidden, memory)

    def first_state(self, h: Tensor) -> Any:
        """The memory begins at zero."""
        import torch

        return h, torch.zeros_like(h)

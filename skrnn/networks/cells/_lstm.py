"""Long short-term memory (Hochreiter & Schmidhuber, Neural Computation 9(8), 1997; Gers et al., 2000).

i, f, o = s(W x + b + U h + c), g = tanh(W_g x + b_g + U_g h + c_g), c_t = f c + i g, h_t = o tanh(c_t)
"""

from __future__ import annotations

from math import tanh as tanh_double
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.special import expit

from skrnn._types import Array, Doubles, Floats, Singles
from skrnn.networks.cells._base import Kernels
from skrnn.networks.cells._gated import GatedCell, gate_sums, through_gates
from skrnn.networks.kernels import (
    SIDE_BY_SIDE,
    Arrays,
    gate_gradients,
    gate_panels,
    input_products,
    input_sums,
    kernel,
    logistic,
    panel_product,
    place,
    recurrent_gradients,
    row_kernel,
    sigmoid,
    state_gradient,
    state_sums,
    tanh,
)

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["LSTMCell"]


@kernel()
def forward(x: Array, weights: Arrays, tape: Arrays) -> None:
    """i, f, o = s(…), g = tanh(…), c' = f c + i g, h' = o tanh(c') (Hochreiter & Schmidhuber, 1997; Gers et al., 2000).

    Leaves i, f, g and o in ``gates`` (4, T, B, H); ``extra`` (2T + 1, B, H) holds c from before the first step on, then
    tanh(c) of each step.
    """
    w_ih, w_hh, b_ih, b_hh = weights
    gates, h, extra = tape
    n_steps, (n_rows, hidden) = x.shape[0], h.shape[1:]
    input_products(x, w_ih, (b_ih + b_hh).reshape(4, hidden), gates)
    w, n = gate_panels(w_hh, True), n_rows * hidden
    added = np.zeros((4, n_rows, hidden), np.float32)
    h[0] = 0.0
    extra[0] = 0.0
    for t in range(n_steps):
        if t > 0:
            for g in range(4):
                panel_product(h[t], w[g], added[g])
        for g in range(4):
            gate, s = gates[g, t].reshape(n), added[g].reshape(n)
            if g == 2:
                for i in range(n):
                    gate[i] = tanh(gate[i] + s[i])
            else:
                for i in range(n):
                    gate[i] = sigmoid(gate[i] + s[i])
        into, keep = gates[0, t].reshape(n), gates[1, t].reshape(n)
        value, show = gates[2, t].reshape(n), gates[3, t].reshape(n)
        old_memory, memory = extra[t].reshape(n), extra[t + 1].reshape(n)
        squashed, new = extra[n_steps + 1 + t].reshape(n), h[t + 1].reshape(n)
        for i in range(n):
            memory[i] = keep[i] * old_memory[i] + into[i] * value[i]
        for i in range(n):
            squashed[i] = tanh(memory[i])
        for i in range(n):
            new[i] = show[i] * squashed[i]


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
) -> None:
    """Gradients from those of the outputs, d_out (T, B, H)."""
    w_ih, w = weights[0], gate_panels(weights[1], False)
    dw_ih, dw_hh, db_ih, db_hh = dw
    gates, h, extra = tape
    n_steps, n_rows, hidden = d_out.shape
    n, one = n_rows * hidden, np.float32(1.0)
    carried, part = np.zeros((n_rows, hidden), np.float32), np.empty((n_rows, hidden), np.float32)
    through, d_memory = carried.reshape(n), np.zeros(n, np.float32)
    for t in range(n_steps - 1, -1, -1):
        into, keep = gates[0, t].reshape(n), gates[1, t].reshape(n)
        value, show = gates[2, t].reshape(n), gates[3, t].reshape(n)
        d_into, d_keep = d_gates[0, t].reshape(n), d_gates[1, t].reshape(n)
        d_value, d_show = d_gates[2, t].reshape(n), d_gates[3, t].reshape(n)
        old_memory, squashed, d = extra[t].reshape(n), extra[n_steps + 1 + t].reshape(n), d_out[t].reshape(n)
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
        elif t > 0:
            state_gradient(d_gates, t, w, part, carried)
    recurrent_gradients(d_gates, h, dw_hh)
    gate_gradients(x, w_ih, d_gates, dw_ih, db_ih.reshape(4, hidden), dx)
    db_hh[:] = db_ih


@row_kernel
def step(sums: Array, inner: Array, h: Array, c: Array) -> None:
    """The next state h and memory c (H,) of a row, from the sums of its inputs and of its state."""
    hidden = h.size
    for j in range(hidden):
        into = logistic(sums[j] + inner[j])
        keep = logistic(sums[hidden + j] + inner[hidden + j])
        value = tanh_double(sums[2 * hidden + j] + inner[2 * hidden + j])
        show = logistic(sums[3 * hidden + j] + inner[3 * hidden + j])
        c[j] = keep * c[j] + into * value
        h[j] = show * tanh_double(c[j])


@row_kernel
def run(x: Array, lengths: Array, reverse: bool, weights: Arrays, states: Array, out: Array) -> None:
    """Predictions: the states h and the memory c."""
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
                    step(sums[i], inner[i], states[0, b], states[1, b])
                    out[b, place(t, lengths[b], reverse)] = states[0, b]


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
    forward, backward, run, carried, n_gates=4, n_gate_gradients=4, n_extra=lambda n_steps: 2 * n_steps + 1, n_states=2
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

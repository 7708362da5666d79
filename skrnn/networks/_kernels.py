"""Compiled recurrences: one layer in one direction, all time steps, forwards and back through time. No autograd.

Arrays are float32 and C-contiguous. Time comes first, and gates before it: inputs (T, B, F + 1) with a last column of
ones for the bias, states (T + 1, B, H) with the zero state in front, gates (G, T, B, H). So what happens at one step to
one gate is a single loop over B * H numbers, which the compiler vectorises; products are BLAS's (`np.dot` with an
output).

Back-propagation through time: Werbos, Proc. IEEE 78(10), 1990. ``block`` truncates it (Williams & Peng, Neural
Computation 2(4), 1990): no gradient crosses from the step t to the one before it where T - t is a multiple of
``block``; 0: never cut.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from skrnn.networks._primitives import (
    OPTIONS,
    add_or_set,
    column_sums,
    gate_panels,
    panel_product,
    product,
    sigmoid,
    tanh,
    transpose,
)

__all__ = [
    "OPTIONS",
    "gru_backward",
    "gru_forward",
    "lstm_backward",
    "lstm_forward",
    "vanilla_backward",
    "vanilla_forward",
]

Array = NDArray[Any]
Arrays = tuple[Array, ...]


@njit(**OPTIONS)
def input_products(x: Array, w_ih: Array, bias: Array, gates: Array) -> None:
    """gates[g] = x W_g^T + b_g for all steps at once; x (T, B, F + 1), W (G * H, F), b (G, H)."""
    n_gates, n_steps, n_rows, hidden = gates.shape
    n_inputs = x.shape[2]
    w = np.empty((n_inputs, hidden), np.float32)
    for g in range(n_gates):
        transpose(w_ih[g * hidden : (g + 1) * hidden], w[: n_inputs - 1])
        w[n_inputs - 1] = bias[g]
        product(x.reshape(n_steps * n_rows, n_inputs), w, gates[g].reshape(n_steps * n_rows, hidden))


@njit(**OPTIONS)
def gate_gradients(x: Array, w_ih: Array, d_gates: Array, dw_ih: Array, db: Array, dx: Array) -> None:
    """Gradients of the input weights, of the bias db (G, H) and of the input, from those of the gates' sums.

    ``dx`` (T, B, F), or without a step: not wanted.
    """
    n_gates, n_steps, n_rows, hidden = d_gates.shape
    n, n_features = n_steps * n_rows, x.shape[2] - 1
    whole = np.empty((hidden, n_features + 1), np.float32)
    part = np.empty((n if dx.shape[0] > 0 else 0, n_features), np.float32)
    for g in range(n_gates):
        d = d_gates[g].reshape(n, hidden)
        np.dot(d.T, x.reshape(n, n_features + 1), whole)
        dw_ih[g * hidden : (g + 1) * hidden] = whole[:, :n_features]
        db[g] = whole[:, n_features]
        if dx.shape[0] > 0:
            product(d, w_ih[g * hidden : (g + 1) * hidden], part)
            add_or_set(part.reshape(part.size), dx.reshape(dx.size), g > 0)


@njit(**OPTIONS)
def state_gradient(d_gates: Array, t: int, panels: Array, part: Array, carried: Array) -> None:
    """carried (B, H) = sum over gates of d_gates[g, t] W_g: the gradient of the state before step t."""
    for g in range(d_gates.shape[0]):
        panel_product(d_gates[g, t], panels[g], part)
        add_or_set(part.reshape(part.size), carried.reshape(carried.size), g > 0)


@njit(**OPTIONS)
def recurrent_gradients(d_gates: Array, h: Array, dw_hh: Array) -> None:
    """Gradients of the recurrent weights; the zero state in front of the first step adds nothing."""
    n_gates, n_steps, n_rows, hidden = d_gates.shape
    n = (n_steps - 1) * n_rows
    for g in range(n_gates):
        out = dw_hh[g * hidden : (g + 1) * hidden]
        if n > 0:
            np.dot(d_gates[g, 1:].reshape(n, hidden).T, h[1:n_steps].reshape(n, hidden), out)
        else:
            out[:] = 0.0


@njit(**OPTIONS)
def vanilla_forward(x: Array, weights: Arrays, gates: Array, h: Array, extra: Array, relu: bool) -> None:
    """h_t = f(W_ih x_t + b_ih + W_hh h_{t-1} + b_hh), f the hyperbolic tangent or the rectifier."""
    w_ih, w_hh, b_ih, b_hh = weights
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


@njit(**OPTIONS)
def vanilla_backward(
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


@njit(**OPTIONS)
def gru_forward(x: Array, weights: Arrays, gates: Array, h: Array, extra: Array, relu: bool) -> None:
    """r, z = s(…), n = tanh(W_in x + b_in + r (W_hn h + b_hn)), h' = n + z (h - n): torch's form of Cho et al., 2014.

    Leaves r, z and n in ``gates`` (3, T, B, H), and W_hn h + b_hn in ``extra`` (T, B, H).
    """
    w_ih, w_hh, b_ih, b_hh = weights
    n_rows, hidden = h.shape[1:]
    bias = (b_ih + b_hh).reshape(3, hidden)
    bias[2] = b_ih[2 * hidden :]
    input_products(x, w_ih, bias, gates)
    w, n = gate_panels(w_hh, True), n_rows * hidden
    added, inner_bias = np.zeros((3, n_rows, hidden), np.float32), np.empty((n_rows, hidden), np.float32)
    inner_bias[:] = b_hh[2 * hidden :]
    s_reset, s_update, s_inner = added[0].reshape(n), added[1].reshape(n), added[2].reshape(n)
    b_inner = inner_bias.reshape(n)
    h[0] = 0.0
    for t in range(x.shape[0]):
        if t > 0:
            for g in range(3):
                panel_product(h[t], w[g], added[g])
        reset, update, fresh = gates[0, t].reshape(n), gates[1, t].reshape(n), gates[2, t].reshape(n)
        inner, old, new = extra[t].reshape(n), h[t].reshape(n), h[t + 1].reshape(n)
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


@njit(**OPTIONS)
def gru_backward(
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
    """Gradients from those of the outputs, d_out (T, B, H).

    ``d_gates`` (4, T, B, H) are those of r, z, W_hn h + b_hn, and the sum inside n.
    """
    w_ih, w = weights[0], gate_panels(weights[1], False)
    dw_ih, dw_hh, db_ih, db_hh = dw
    gates, h, extra = tape
    n_steps, n_rows, hidden = d_out.shape
    n, one = n_rows * hidden, np.float32(1.0)
    carried, part = np.zeros((n_rows, hidden), np.float32), np.empty((n_rows, hidden), np.float32)
    past = np.zeros(n, np.float32)  # what reaches the state before a step past its gates
    through = carried.reshape(n)  # and through them
    for t in range(n_steps - 1, -1, -1):
        reset, update, fresh = gates[0, t].reshape(n), gates[1, t].reshape(n), gates[2, t].reshape(n)
        d_reset, d_update, d_inner = d_gates[0, t].reshape(n), d_gates[1, t].reshape(n), d_gates[2, t].reshape(n)
        d_fresh, inner, old, d = d_gates[3, t].reshape(n), extra[t].reshape(n), h[t].reshape(n), d_out[t].reshape(n)
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
        elif t > 0:
            state_gradient(d_gates[:3], t, w, part, carried)
    recurrent_gradients(d_gates[:3], h, dw_hh)
    column_sums(d_gates[2].reshape(n_steps * n_rows, hidden), db_hh[2 * hidden :])
    d_gates[2] = d_gates[3]
    gate_gradients(x, w_ih, d_gates[:3], dw_ih, db_ih.reshape(3, hidden), dx)
    db_hh[: 2 * hidden] = db_ih[: 2 * hidden]


@njit(**OPTIONS)
def lstm_forward(x: Array, weights: Arrays, gates: Array, h: Array, extra: Array, relu: bool) -> None:
    """i, f, o = s(…), g = tanh(…), c' = f c + i g, h' = o tanh(c') (Hochreiter & Schmidhuber, 1997; Gers et al., 2000).

    Leaves i, f, g and o in ``gates`` (4, T, B, H); ``extra`` (2T + 1, B, H) holds c from before the first step on, then
    tanh(c) of each step.
    """
    w_ih, w_hh, b_ih, b_hh = weights
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


@njit(**OPTIONS)
def lstm_backward(
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

"""Compiled products of the recurrences in training, for all gates of a layer: what is the same in every cell.

Arrays are float32 and C-contiguous. Time comes first, and gates before it: inputs (T, B, F + 1) with a last column of
ones for the bias, states (T + 1, B, H) with the one before the first step in front, gates (G, T, B, H). So what happens
at one step to one gate is a single loop over B * H numbers, which the compiler vectorises. Products of the states are
done in tiles where their columns fill them, and the gradients of the weights of many inputs; all others are BLAS's
(`np.dot` with an output), which is faster there, or as fast.
"""

from __future__ import annotations

import numpy as np

from skrnn._types import Array
from skrnn.networks.kernels._moves import head_backward
from skrnn.networks.kernels._primitives import (
    add_or_set,
    aligned,
    column_sums,
    is_zero,
    kernel,
    put_columns,
    take_columns,
    transpose,
)
from skrnn.networks.kernels._tiles import SPAN, TILE_COLUMNS, tiled_product

__all__ = [
    "gate_gradients",
    "gate_panels",
    "gated",
    "input_products",
    "panel_product",
    "product",
    "recurrent_gradients",
    "state_gradient",
    "steps_head_backward",
]

_SMALL = 1_000_000  # multiplications up to which OpenBLAS takes its kernels for small matrices
_PANEL = 64  # columns of wide matrices that are multiplied at a time
_TALL = 256  # inputs of a layer, or of a head, up to which the gradients of their weights go in tiles gate by gate
_NARROW = 3 * TILE_COLUMNS  # sums of an input up to which tiles read the inputs where they are faster than BLAS does
_WIDE = 64  # inputs from which on all gates share a product: reading the inputs then takes longer than the arithmetic


@kernel()
def product(a: Array, w: Array, out: Array) -> None:
    """out (M, N) = a (M, K) w (K, N), in groups of rows that are small products where such groups exist."""
    n_rows = a.shape[0]
    size = _SMALL // (w.shape[0] * w.shape[1]) // 8 * 8
    if size == 0 or size >= n_rows:
        np.dot(a, w, out)
    else:
        for row in range(0, n_rows, size):
            np.dot(a[row : row + size], w, out[row : row + size])


@kernel()
def gated(flat: Array, n_gates: int, n_inputs: int, hidden: int) -> tuple[Array, Array, Array, Array]:
    """The weights W (G * H, F) and U (G * H, H) and two biases (G * H,) that stand one after the other."""
    rows = n_gates * hidden
    first, second = rows * n_inputs, rows * (n_inputs + hidden)
    w_ih, w_hh = flat[:first].reshape(rows, n_inputs), flat[first:second].reshape(rows, hidden)
    return w_ih, w_hh, flat[second : second + rows], flat[second + rows :]


@kernel()
def gate_panels(w_hh: Array, turned: bool) -> Array:
    """W_g, or W_g^T, of the recurrent weights (G * H, H) as panels (G, P, H, width) of columns, for `panel_product`.

    Turned once, since a product with a transposed matrix is half as fast. Columns that fill tiles make a panel each
    tile; of others, one panel has all columns up to 353 of them.
    """
    hidden = w_hh.shape[1]
    n_gates = w_hh.shape[0] // hidden
    width = hidden if 8 * hidden * hidden <= _SMALL else _PANEL
    if hidden % TILE_COLUMNS == 0:
        width = TILE_COLUMNS
    n_panels = -(-hidden // width)
    if n_panels == 1 and not turned:
        return w_hh.reshape(n_gates, 1, hidden, hidden)
    out = aligned(n_gates * n_panels * hidden * width).reshape(n_gates, n_panels, hidden, width)
    for g in range(n_gates):
        w = w_hh[g * hidden : (g + 1) * hidden]
        for p in range(n_panels):
            end = min((p + 1) * width, hidden)
            if turned:
                transpose(w[p * width : end], out[g, p])
            else:
                take_columns(w, p * width, out[g, p])
            if end < (p + 1) * width:
                out[g, p, :, end - p * width :] = 0.0
    return out


@kernel()
def panel_product(a: Array, panels: Array, out: Array) -> None:
    """out (M, N) = a (M, K) w (K, N), w as panels (P, K, width): every product is a small one."""
    n_panels, n_terms, width = panels.shape
    if width == TILE_COLUMNS and n_panels * width == out.shape[1] and a.shape[0] > 1:
        size = n_terms * width
        tiled_product(a.reshape(a.size), n_terms, 1, panels.reshape(panels.size), size, width, n_terms, n_terms, out)
        return
    if n_panels == 1:
        product(a, panels[0], out)
        return
    part = np.empty((a.shape[0], width), np.float32)
    for p in range(n_panels):
        product(a, panels[p], part)
        put_columns(part, p * width, out)


@kernel()
def add_bias(bias: Array, rows: Array) -> None:
    """rows (N, H) += bias (H,)"""
    for i in range(rows.shape[0]):
        for j in range(rows.shape[1]):
            rows[i, j] += bias[j]


@kernel()
def input_products(x: Array, w_ih: Array, bias: Array, gates: Array) -> None:
    """gates[g] = x W_g^T + b_g for all steps at once; x (T, B, F + 1), W (G * H, F), b (G, H).

    Without inputs (F = 0) the biases are added to what stands there.
    """
    n_gates, n_steps, n_rows, hidden = gates.shape
    n_inputs = x.shape[2]
    if n_inputs == 1:
        for g in range(n_gates):
            add_bias(bias[g], gates[g].reshape(n_steps * n_rows, hidden))
        return
    if n_inputs > _WIDE:
        n, width = n_steps * n_rows, n_gates * hidden
        whole, sums = np.empty((n_inputs, width), np.float32), np.empty((n, width), np.float32)
        transpose(w_ih, whole[: n_inputs - 1])
        add_or_set(bias.reshape(width), whole[n_inputs - 1], False)
        if width % TILE_COLUMNS == 0 and width <= _NARROW and n * n_inputs * width > _SMALL:
            tiled_product(
                x.reshape(x.size), n_inputs, 1, whole.reshape(whole.size), TILE_COLUMNS, width, n_inputs, SPAN, sums
            )
        else:
            np.dot(x.reshape(n, n_inputs), whole, sums)
        for g in range(n_gates):
            take_columns(sums, g * hidden, gates[g].reshape(n, hidden))
        return
    w = np.empty((n_inputs, hidden), np.float32)
    for g in range(n_gates):
        transpose(w_ih[g * hidden : (g + 1) * hidden], w[: n_inputs - 1])
        add_or_set(bias[g], w[n_inputs - 1], False)
        product(x.reshape(n_steps * n_rows, n_inputs), w, gates[g].reshape(n_steps * n_rows, hidden))


@kernel()
def wide_gate_gradients(x: Array, w_ih: Array, d_gates: Array, dw_ih: Array, db: Array, dx: Array) -> None:
    """`gate_gradients` of many inputs, x (N, F + 1) and d_gates (G, N, H): a product for all gates."""
    n_gates, n, hidden = d_gates.shape
    n_inputs, width = x.shape[1], n_gates * hidden
    sums, whole = np.empty((n, width), np.float32), np.empty((width, n_inputs), np.float32)
    for g in range(n_gates):
        put_columns(d_gates[g], g * hidden, sums)
    if n * n_inputs * width > _SMALL:
        tiled_product(sums.reshape(sums.size), 1, width, x.reshape(x.size), TILE_COLUMNS, n_inputs, n, SPAN, whole)
    else:
        np.dot(sums.T, x, whole)
    take_columns(whole, 0, dw_ih)
    for g in range(n_gates):
        for j in range(hidden):
            db[g, j] = whole[g * hidden + j, n_inputs - 1]
    if dx.shape[0] > 0:
        np.dot(sums, w_ih, dx.reshape(n, n_inputs - 1))


@kernel()
def tiled_gate_gradients(x: Array, w_ih: Array, d_gates: Array, dw_ih: Array, db: Array, dx: Array) -> None:
    """`gate_gradients` of inputs that fill tiles, x (N * (F + 1),) and dx (N, F)."""
    n_gates, n_steps, n_rows, hidden = d_gates.shape
    n, n_features = n_steps * n_rows, w_ih.shape[1]
    part = np.empty((n if dx.shape[0] > 0 else 0, n_features), np.float32)
    for g in range(n_gates):
        d, rows = d_gates[g].reshape(n * hidden), slice(g * hidden, (g + 1) * hidden)
        tiled_product(d, 1, hidden, x, TILE_COLUMNS, n_features + 1, n, SPAN, dw_ih[rows])
        column_sums(d.reshape(n, hidden), db[g])
        if dx.shape[0] > 0:
            w = w_ih[rows].reshape(hidden * n_features)
            tiled_product(d, hidden, 1, w, TILE_COLUMNS, n_features, hidden, hidden, part)
            add_or_set(part.reshape(part.size), dx.reshape(dx.size), g > 0)


@kernel()
def gate_gradients(x: Array, w_ih: Array, d_gates: Array, dw_ih: Array, db: Array, dx: Array) -> None:
    """Gradients of the input weights, of the bias db (G, H) and of the input, from those of the gates' sums.

    ``dx`` (T, B, F), or without a step: not wanted.
    """
    n_gates, n_steps, n_rows, hidden = d_gates.shape
    n, n_features = n_steps * n_rows, x.shape[2] - 1
    if n_features > 0 and n_features % TILE_COLUMNS == 0 and n_features <= _TALL:
        tiled_gate_gradients(x.reshape(x.size), w_ih, d_gates, dw_ih, db, dx.reshape(-1, n_features))
        return
    if n_features >= _WIDE:
        wide_gate_gradients(x.reshape(n, n_features + 1), w_ih, d_gates.reshape(n_gates, n, hidden), dw_ih, db, dx)
        return
    whole = np.empty((hidden, n_features + 1), np.float32)
    part = np.empty((n if dx.shape[0] > 0 else 0, n_features), np.float32)
    for g in range(n_gates):
        d = d_gates[g].reshape(n, hidden)
        np.dot(d.T, x.reshape(n, n_features + 1), whole)
        take_columns(whole, 0, dw_ih[g * hidden : (g + 1) * hidden])
        for j in range(hidden):
            db[g, j] = whole[j, n_features]
        if dx.shape[0] > 0:
            product(d, w_ih[g * hidden : (g + 1) * hidden], part)
            add_or_set(part.reshape(part.size), dx.reshape(dx.size), g > 0)


@kernel(nogil=False)
def steps_head_backward(
    read: Array, gradient: Array, weight: Array, d_weight: Array, d_bias: Array, d_read: Array
) -> None:
    """`head_backward` of a head that reads the rows of all steps: in tiles, where its inputs fill them."""
    (n, size), n_outputs = read.shape, gradient.shape[1]
    if size % TILE_COLUMNS == 0 and size <= _TALL:
        d, rows, w = gradient.reshape(n * n_outputs), read.reshape(n * size), weight.reshape(n_outputs * size)
        tiled_product(d, 1, n_outputs, rows, TILE_COLUMNS, size, n, SPAN, d_weight)
        column_sums(gradient, d_bias)
        tiled_product(d, n_outputs, 1, w, TILE_COLUMNS, size, n_outputs, n_outputs, d_read)
    else:
        head_backward(read, gradient, weight, d_weight, d_bias, d_read)


@kernel()
def state_gradient(d_gates: Array, t: int, panels: Array, part: Array, carried: Array) -> None:
    """carried (B, H) = sum over gates of d_gates[g, t] W_g: the gradient of the state before step t."""
    for g in range(d_gates.shape[0]):
        panel_product(d_gates[g, t], panels[g], part)
        add_or_set(part.reshape(part.size), carried.reshape(carried.size), g > 0)


@kernel()
def recurrent_gradients(d_gates: Array, h: Array, dw_hh: Array) -> None:
    """Gradients of the recurrent weights; where the state in front of the first step is zero, it adds nothing."""
    n_gates, n_steps, n_rows, hidden = d_gates.shape
    first = 1 if is_zero(h[0]) else 0
    n = (n_steps - first) * n_rows
    for g in range(n_gates):
        out = dw_hh[g * hidden : (g + 1) * hidden]
        if n > 0 and hidden % TILE_COLUMNS == 0:
            d, states = d_gates[g, first:].reshape(n * hidden), h[first:n_steps].reshape(n * hidden)
            tiled_product(d, 1, hidden, states, TILE_COLUMNS, hidden, n, SPAN, out)
        elif n > 0:
            np.dot(d_gates[g, first:].reshape(n, hidden).T, h[first:n_steps].reshape(n, hidden), out)
        else:
            out[:] = 0.0

"""Compiled predictions, in double precision: every output row is computed by itself, in a fixed order of operations.

Four rows go through a layer side by side, so that a weight is loaded once for them; the operations of each are those of
a row alone, and nothing is fused or reordered. So a row's result has the same bits whatever rows are beside it.
"""

from __future__ import annotations

from math import exp, tanh
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

__all__ = ["GRU", "LSTM", "RELU", "TANH", "add_product", "run_layer", "step_rows"]

Array = NDArray[Any]

TANH, RELU, GRU, LSTM = range(4)
_SIDE_BY_SIDE = 4

_OPTIONS: dict[str, Any] = {"nogil": True, "cache": True, "error_model": "numpy"}


@njit(**_OPTIONS)
def add_product(a: Array, w: Array, out: Array) -> None:
    """out (M, N) += a (M, K) w (K, N)."""
    n_rows, n_inputs = a.shape
    whole = n_inputs - n_inputs % 4
    row = 0
    while row < n_rows:
        if n_rows - row >= _SIDE_BY_SIDE:
            a0, a1, a2, a3 = a[row], a[row + 1], a[row + 2], a[row + 3]
            o0, o1, o2, o3 = out[row], out[row + 1], out[row + 2], out[row + 3]
            for k in range(0, whole, 4):
                p, q, r, s = w[k], w[k + 1], w[k + 2], w[k + 3]
                for j in range(p.size):
                    o0[j] += a0[k] * p[j] + a0[k + 1] * q[j] + (a0[k + 2] * r[j] + a0[k + 3] * s[j])
                    o1[j] += a1[k] * p[j] + a1[k + 1] * q[j] + (a1[k + 2] * r[j] + a1[k + 3] * s[j])
                    o2[j] += a2[k] * p[j] + a2[k + 1] * q[j] + (a2[k + 2] * r[j] + a2[k + 3] * s[j])
                    o3[j] += a3[k] * p[j] + a3[k + 1] * q[j] + (a3[k + 2] * r[j] + a3[k + 3] * s[j])
            last = row + _SIDE_BY_SIDE
        else:
            a0, o0 = a[row], out[row]
            for k in range(0, whole, 4):
                p, q, r, s = w[k], w[k + 1], w[k + 2], w[k + 3]
                for j in range(p.size):
                    o0[j] += a0[k] * p[j] + a0[k + 1] * q[j] + (a0[k + 2] * r[j] + a0[k + 3] * s[j])
            last = row + 1
        for m in range(row, last):
            rest, o = a[m], out[m]
            for k in range(whole, n_inputs):
                p = w[k]
                for j in range(p.size):
                    o[j] += rest[k] * p[j]
        row = last


@njit(**_OPTIONS)
def sigmoid(x: float) -> float:
    return 1.0 / (1.0 + exp(-x))


@njit(**_OPTIONS)
def step_rows(kind: int, sums: Array, inner: Array, h: Array, c: Array) -> None:
    """One step of one row: the state h and the memory c (H,) from the sums of the inputs and of the state (G * H,)."""
    hidden = h.size
    if kind == TANH:
        for j in range(hidden):
            h[j] = tanh(sums[j] + inner[j])
    elif kind == RELU:
        for j in range(hidden):
            h[j] = max(sums[j] + inner[j], 0.0)
    elif kind == GRU:
        for j in range(hidden):
            reset = sigmoid(sums[j] + inner[j])
            update = sigmoid(sums[hidden + j] + inner[hidden + j])
            fresh = tanh(sums[2 * hidden + j] + reset * inner[2 * hidden + j])
            h[j] = (1.0 - update) * fresh + update * h[j]
    else:
        for j in range(hidden):
            into = sigmoid(sums[j] + inner[j])
            keep = sigmoid(sums[hidden + j] + inner[hidden + j])
            value = tanh(sums[2 * hidden + j] + inner[2 * hidden + j])
            show = sigmoid(sums[3 * hidden + j] + inner[3 * hidden + j])
            c[j] = keep * c[j] + into * value
            h[j] = show * tanh(c[j])


@njit(**_OPTIONS)
def run_layer(
    kind: int,
    x: Array,
    lengths: Array,
    reverse: bool,
    weights: tuple[Array, ...],
    states: tuple[Array, Array],
    out: Array,
) -> None:
    """One layer in one direction.

    x (B, T, F); weights W_ih^T (F, G * H), W_hh^T (H, G * H) and two biases (G * H,); states h and c (B, H), changed to
    those after the last step; out (B, T, H), untouched in the padding.
    """
    w_ih, w_hh, b_ih, b_hh = weights
    h, c = states
    for begin in range(0, x.shape[0], _SIDE_BY_SIDE):
        end = min(begin + _SIDE_BY_SIDE, x.shape[0])
        n = end - begin
        sums, inner = np.empty((n, b_ih.size)), np.empty((n, b_ih.size))
        rows = np.empty((n, x.shape[2]))
        for t in range(lengths[begin:end].max()):
            for i in range(n):
                length = lengths[begin + i]
                rows[i] = x[begin + i, length - 1 - t if reverse and t < length else t]
                sums[i] = b_ih
                inner[i] = b_hh
            add_product(rows, w_ih, sums)
            add_product(h[begin:end], w_hh, inner)
            for i in range(n):
                b, length = begin + i, lengths[begin + i]
                if t < length:
                    step_rows(kind, sums[i], inner[i], h[b], c[b])
                    out[b, length - 1 - t if reverse else t] = h[b]

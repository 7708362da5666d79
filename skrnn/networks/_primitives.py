"""What the compiled kernels are made of: how they are compiled, activations that vectorise, products, sums.

Numba's cache looks at the file of the kernel that is called, not at this one: after a change here, delete the ``*.nbi``
files beside it.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

__all__ = [
    "OPTIONS",
    "add_or_set",
    "column_sums",
    "gate_panels",
    "panel_product",
    "product",
    "sigmoid",
    "tanh",
    "transpose",
]

Array = NDArray[Any]

_SMALL = 1_000_000  # multiplications up to which OpenBLAS takes its kernels for small matrices
_PANEL = 64  # columns of wide matrices that are multiplied at a time
_TILE = 16

# Kernels release the interpreter's lock and are kept on disk. Of fast mathematics they take what does not change which
# values are finite: fused multiply-add, and the sign of zero.
OPTIONS: dict[str, Any] = {"nogil": True, "cache": True, "error_model": "numpy", "fastmath": {"contract", "nsz"}}

# tanh(x) / x on [-9, 9] as a ratio of polynomials in x**2, of degrees 6 and 3: a relative minimax fit by Lawson's
# iteration (reweighted least squares), with a largest relative error of 6.7e-9. In float32, 3.5e-7.
_BOUND = np.float32(9.0)
_P0, _P1, _P2, _P3 = map(np.float32, (0.9999999933846, 0.130840101813, 0.003103956328353, 1.115431004541e-05))
_P4, _P5, _P6 = map(np.float32, (-2.022523610134e-08, 5.277954845511e-11, -8.488729965883e-14))
_Q1, _Q2, _Q3 = map(np.float32, (0.4641733728213, 0.02449517878647, 0.0002546145421936))
_ONE, _HALF = np.float32(1.0), np.float32(0.5)


@njit(inline="always", **OPTIONS)
def tanh(x: Any) -> Any:
    """The hyperbolic tangent of a float32, within [-1, 1]; NaN stays NaN."""
    x = min(max(x, -_BOUND), _BOUND) if x == x else x
    u = x * x
    p = ((((((_P6 * u + _P5) * u + _P4) * u + _P3) * u + _P2) * u + _P1) * u + _P0) * x
    q = ((_Q3 * u + _Q2) * u + _Q1) * u + _ONE
    return min(max(p / q, -_ONE), _ONE) if x == x else x


@njit(inline="always", **OPTIONS)
def sigmoid(x: Any) -> Any:
    """1 / (1 + exp(-x)) of a float32."""
    return _HALF * tanh(_HALF * x) + _HALF


@njit(**OPTIONS)
def product(a: Array, w: Array, out: Array) -> None:
    """out (M, N) = a (M, K) w (K, N), in blocks of rows that are small products where such blocks exist."""
    n_rows = a.shape[0]
    block = _SMALL // (w.shape[0] * w.shape[1]) // 8 * 8
    if block == 0 or block >= n_rows:
        np.dot(a, w, out)
    else:
        for row in range(0, n_rows, block):
            np.dot(a[row : row + block], w, out[row : row + block])


@njit(**OPTIONS)
def transpose(w: Array, out: Array) -> None:
    """out (N, M) = w (M, N)^T, in square tiles."""
    for top in range(0, w.shape[0], _TILE):
        for left in range(0, w.shape[1], _TILE):
            for j in range(left, min(left + _TILE, w.shape[1])):
                for i in range(top, min(top + _TILE, w.shape[0])):
                    out[j, i] = w[i, j]


@njit(**OPTIONS)
def gate_panels(w_hh: Array, turned: bool) -> Array:
    """W_g, or W_g^T, of the recurrent weights (G * H, H) as panels (G, P, H, width) of columns, for `panel_product`.

    Turned once, since a product with a transposed matrix is half as fast. One panel has all columns up to 353 of them.
    """
    hidden = w_hh.shape[1]
    n_gates = w_hh.shape[0] // hidden
    width = hidden if 8 * hidden * hidden <= _SMALL else _PANEL
    n_panels = -(-hidden // width)
    if n_panels == 1 and not turned:
        return w_hh.reshape(n_gates, 1, hidden, hidden)
    out = np.zeros((n_gates, n_panels, hidden, width), np.float32)
    for g in range(n_gates):
        w = w_hh[g * hidden : (g + 1) * hidden]
        for p in range(n_panels):
            end = min((p + 1) * width, hidden)
            if turned:
                transpose(w[p * width : end], out[g, p])
            else:
                out[g, p, :, : end - p * width] = w[:, p * width : end]
    return out


@njit(**OPTIONS)
def panel_product(a: Array, panels: Array, out: Array) -> None:
    """out (M, N) = a (M, K) w (K, N), w as panels (P, K, width): every product is a small one."""
    n_panels, _, width = panels.shape
    if n_panels == 1:
        product(a, panels[0], out)
        return
    part = np.empty((a.shape[0], width), np.float32)
    for p in range(n_panels):
        product(a, panels[p], part)
        end = min((p + 1) * width, out.shape[1])
        out[:, p * width : end] = part[:, : end - p * width]


@njit(**OPTIONS)
def add_or_set(part: Array, total: Array, add: bool) -> None:
    """total += part, or total = part."""
    if add:
        for i in range(part.size):
            total[i] += part[i]
    else:
        total[:] = part


@njit(**OPTIONS)
def column_sums(rows: Array, total: Array) -> None:
    """total (N,) = sum of rows (M, N)."""
    total[:] = 0.0
    for i in range(rows.shape[0]):
        row = rows[i]
        for j in range(row.size):
            total[j] += row[j]

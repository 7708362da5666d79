"""Compiled products of predictions in double precision: each row by itself, in a fixed order of operations.

Four rows are multiplied side by side, so that a weight is loaded once for them; the operations of each are those of a
row alone, and nothing is fused or reordered. So a row's result has the same bits whatever rows are beside it.
"""

from __future__ import annotations

from skrnn._types import Array
from skrnn.networks.kernels._primitives import kernel

__all__ = ["add_product"]

_SIDE_BY_SIDE = 4


@kernel(fastmath=False)
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

"""What the compiled kernels are made of: activations that vectorise, sums, the order of time.

Numba's cache looks at the file of the kernel that is called, not at this one: after a change here, delete the ``*.nbi``
files of the package.
"""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np

from skrnn._compiling import kernel
from skrnn._types import Array

__all__ = [
    "RATIONAL_TANH",
    "Arrays",
    "add_or_set",
    "aligned",
    "at",
    "column_sums",
    "hand_back",
    "is_zero",
    "kernel",
    "place",
    "put_columns",
    "sigmoid",
    "sum_of",
    "take_columns",
    "tanh",
    "transpose",
]

Arrays: TypeAlias = tuple[Array, ...]

_TILE = 16
_LINE = 16  # numbers of a line of the cache

# tanh(x) / x on [-9, 9] as a ratio of polynomials in x**2, of degrees 6 and 3: a relative minimax fit by Lawson's
# iteration (reweighted least squares), with a largest relative error of 6.7e-9. In float32, 3.5e-7.
_FIRST = (0.9999999933846, 0.130840101813, 0.003103956328353, 1.115431004541e-05)
_LAST = (-2.022523610134e-08, 5.277954845511e-11, -8.488729965883e-14)
_BELOW = (0.4641733728213, 0.02449517878647, 0.0002546145421936)  # after a 1
RATIONAL_TANH = tuple(map(np.float32, _FIRST + _LAST)), tuple(map(np.float32, _BELOW))
_P0, _P1, _P2, _P3, _P4, _P5, _P6 = RATIONAL_TANH[0]
_Q1, _Q2, _Q3 = RATIONAL_TANH[1]
_BOUND, _ONE, _HALF = np.float32(9.0), np.float32(1.0), np.float32(0.5)


@kernel(inline="always")
def tanh(x: Any) -> Any:
    """The hyperbolic tangent of a float32, within [-1, 1]; NaN stays NaN."""
    x = min(max(x, -_BOUND), _BOUND) if x == x else x
    u = x * x
    p = ((((((_P6 * u + _P5) * u + _P4) * u + _P3) * u + _P2) * u + _P1) * u + _P0) * x
    q = ((_Q3 * u + _Q2) * u + _Q1) * u + _ONE
    return min(max(p / q, -_ONE), _ONE) if x == x else x


@kernel(inline="always")
def sigmoid(x: Any) -> Any:
    """1 / (1 + exp(-x)) of a float32."""
    return _HALF * tanh(_HALF * x) + _HALF


@kernel()
def place(t: int, length: int, reverse: bool) -> int:
    """Where the step stands that is the t-th in a direction; padding stays where it is."""
    return length - 1 - t if reverse and t < length else t


@kernel()
def at(flat: Array, place: int, n: int) -> Array:
    """The n numbers at a place, where n stand at each: cheaper than to take them from an array of more axes."""
    return flat[place * n : (place + 1) * n]


@kernel()
def transpose(w: Array, out: Array) -> None:
    """out (N, M) = w (M, N)^T, in square tiles."""
    for top in range(0, w.shape[0], _TILE):
        for left in range(0, w.shape[1], _TILE):
            for j in range(left, min(left + _TILE, w.shape[1])):
                for i in range(top, min(top + _TILE, w.shape[0])):
                    out[j, i] = w[i, j]


@kernel()
def add_or_set(part: Array, total: Array, add: bool) -> None:
    """total += part, or total = part."""
    if add:
        for i in range(part.size):
            total[i] += part[i]
    else:
        for i in range(part.size):
            total[i] = part[i]


@kernel()
def aligned(n: int) -> Array:
    """An array of n numbers, whatever they are, that begins where a line of the cache does, as vectors best do."""
    room = np.empty(n + _LINE, np.float32)
    begin = -(room.ctypes.data // 4) % _LINE
    return room[begin : begin + n]


# Numba takes a second and more for a slice that another array is assigned to, for the words of its error: hence loops.


@kernel()
def sum_of(a: Array, b: Array) -> Array:
    """a + b (N,)"""
    out = np.empty(a.size, np.float32)
    for i in range(a.size):
        out[i] = a[i] + b[i]
    return out


@kernel()
def put_columns(part: Array, begin: int, whole: Array) -> None:
    """whole[:, begin : begin + N] = part (M, N), as far as there are columns."""
    width = min(part.shape[1], whole.shape[1] - begin)
    for i in range(part.shape[0]):
        for j in range(width):
            whole[i, begin + j] = part[i, j]


@kernel()
def take_columns(whole: Array, begin: int, part: Array) -> None:
    """part (M, N) = whole[:, begin : begin + N], as far as there are columns."""
    width = min(part.shape[1], whole.shape[1] - begin)
    for i in range(part.shape[0]):
        for j in range(width):
            part[i, j] = whole[i, begin + j]


@kernel()
def hand_back(gradient: Array, d_first: Array) -> None:
    """d_first[0] = the gradient (B, H) of the state before the first step, if there is such a place."""
    if d_first.shape[0] > 0:
        for b in range(gradient.shape[0]):
            for j in range(gradient.shape[1]):
                d_first[0, b, j] = gradient[b, j]


@kernel()
def is_zero(rows: Array) -> bool:
    """Whether rows (M, N) are all zero."""
    for i in range(rows.shape[0]):
        for j in range(rows.shape[1]):
            if rows[i, j] != 0:
                return False
    return True


@kernel()
def column_sums(rows: Array, total: Array) -> None:
    """total (N,) = sum of rows (M, N)."""
    total[:] = 0.0
    for i in range(rows.shape[0]):
        row = rows[i]
        for j in range(row.size):
            total[j] += row[j]

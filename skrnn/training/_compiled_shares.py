"""The counts behind `Shares` as compiled code: a kernel's values at all steps are compared where they are made.

It does what the NumPy code does, number by number and in single precision: the results have the same bits.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np

from skrnn._compiling import compiles, kernel
from skrnn._types import Array

__all__ = ["compiled_shares", "count_passed"]

_THREE, _NONE, _ONE = np.float32(3.0), np.int32(0), np.int32(1)


@kernel(fastmath=False)
def put_read(values: Array, b: int, chosen: Array, margin: int, read: Array, total: Array, dilation: int) -> None:
    """The sum (T,) of the chosen inputs of a row of values (B, T, F), in their order, in the middle of ``read``, whose
    ends are zeros; and the sum of the nine places of a kernel.
    """
    n_steps = total.size
    for t in range(n_steps):
        found = values[b, t, chosen[0]]
        for j in range(1, chosen.size):
            found += values[b, t, chosen[j]]
        read[margin + t] = found
    for t in range(n_steps):
        total[t] = read[t]
    for place in range(1, 9):
        part = read[place * dilation : place * dilation + n_steps]
        for t in range(n_steps):
            total[t] += part[t]


@kernel(fastmath=False)
def count_passed(
    values: Array,
    dilation: int,
    places: Array,
    inputs: tuple[Array, Array, Array],
    thresholds: Array,
    begins: Array,
    ends: Array,
    first: int,
    out: Array,
) -> None:
    """At how many steps of the rows of values (B, T, F) kernels pass their thresholds, out (B, K, Q).

    Each kernel's weight is 2 at three of nine places (K, 3), and -1 at the others. ``inputs``: which ones they add up,
    one after the other, where those of each begin (K + 1,), and whether they are others than those of the kernel before
    (K,). Of the steps those count from ``begins`` to ``ends`` (2, B), where the first kernel takes the row ``first`` of
    these, the next the other, and so on.
    """
    chosen, edges, differ = inputs
    (n_rows, n_steps), margin = values.shape[:2], 4 * dilation
    read = np.zeros(n_steps + 2 * margin, np.float32)
    total, seen = np.empty(n_steps, np.float32), np.empty(n_steps, np.float32)
    for b in range(n_rows):
        for k in range(places.shape[0]):
            if k == 0 or differ[k]:
                put_read(values, b, chosen[edges[k] : edges[k + 1]], margin, read, total, dilation)
            begin, end = begins[(first + k) % 2, b], ends[(first + k) % 2, b]
            n = end - begin
            one = read[places[k, 0] * dilation + begin : places[k, 0] * dilation + end]
            two = read[places[k, 1] * dilation + begin : places[k, 1] * dilation + end]
            three = read[places[k, 2] * dilation + begin : places[k, 2] * dilation + end]
            whole = total[begin:end]
            for t in range(n):
                seen[t] = ((one[t] + two[t]) + three[t]) * _THREE - whole[t]
            for q in range(thresholds.shape[1]):
                threshold, passed = thresholds[k, q], _NONE
                for t in range(n):
                    passed = np.int32(passed + (_ONE if seen[t] > threshold else _NONE))
                out[b, k, q] = passed


@cache
def compiled_shares() -> Any:
    """`count_passed`, if there is a compiler that works; else None."""
    if not compiles():
        return None
    try:
        nothing = np.zeros(9, np.float32)
        put_read(np.zeros((1, 1, 1), np.float32), 0, np.zeros(1, np.int64), 4, nothing, nothing[:1], 1)
    except MemoryError:  # which says nothing of the compiler, and may be over soon
        raise
    except Exception:  # whatever a broken one raises: NumPy does the same
        return None
    return count_passed

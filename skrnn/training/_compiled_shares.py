"""The counts behind `Shares` as compiled code: a kernel's values at all steps are compared where they are made.

It does what the NumPy code does, number by number and in single precision: the results have the same bits.
"""

from __future__ import annotations

import sys
from functools import cache
from typing import Any

import numpy as np

from skrnn._compiling import compiles, kernel
from skrnn._types import Array

__all__ = ["add_up", "compiled_shares", "count_passed"]

_THREE, _NONE, _ONE = np.float32(3.0), np.int32(0), np.int32(1)


@kernel(fastmath=False)
def count_passed(
    read: Array, dilation: int, places: Array, thresholds: Array, begins: Array, ends: Array, first: int, out: Array
) -> None:
    """At how many steps kernels pass their thresholds, out (B, K, Q).

    ``read`` (B, T + 8 * dilation) has the inputs; each kernel's weight is 2 at three of nine places (K, 3), and -1 at
    the others. Of the steps those count from ``begins`` to ``ends`` (2, B), where the first kernel takes the row
    ``first`` of these, the next the other, and so on.
    """
    n_rows, n_steps = read.shape[0], read.shape[1] - 8 * dilation
    total, seen = np.empty(n_steps, np.float32), np.empty(n_steps, np.float32)
    for b in range(n_rows):
        row = read[b]
        for t in range(n_steps):
            total[t] = row[t]
        for place in range(1, 9):
            part = row[place * dilation : place * dilation + n_steps]
            for t in range(n_steps):
                total[t] += part[t]
        for k in range(places.shape[0]):
            begin, end = begins[(first + k) % 2, b], ends[(first + k) % 2, b]
            n, at = end - begin, begin
            one = row[places[k, 0] * dilation + at : places[k, 0] * dilation + end]
            two = row[places[k, 1] * dilation + at : places[k, 1] * dilation + end]
            three = row[places[k, 2] * dilation + at : places[k, 2] * dilation + end]
            whole = total[at:end]
            for t in range(n):
                seen[t] = ((one[t] + two[t]) + three[t]) * _THREE - whole[t]
            for q in range(thresholds.shape[1]):
                threshold, passed = thresholds[k, q], _NONE
                for t in range(n):
                    passed = np.int32(passed + (_ONE if seen[t] > threshold else _NONE))
                out[b, k, q] = passed


@kernel(fastmath=False)
def add_up(padded: Array, chosen: Array, read: Array) -> None:
    """The sum (B, P) of the chosen ones of the inputs (B, P, F), in their order."""
    for b in range(padded.shape[0]):
        for t in range(padded.shape[1]):
            total = padded[b, t, chosen[0]]
            for j in range(1, chosen.size):
                total += padded[b, t, chosen[j]]
            read[b, t] = total


@cache
def compiled_shares() -> Any:
    """This module, if there is a compiler that works; else None."""
    if not compiles():
        return None
    try:
        add_up(np.zeros((1, 1, 1), np.float32), np.zeros(1, np.int64), np.zeros((1, 1), np.float32))
    except MemoryError:  # which says nothing of the compiler, and may be over soon
        raise
    except Exception:  # whatever a broken one raises: NumPy does the same
        return None
    return sys.modules[__name__]

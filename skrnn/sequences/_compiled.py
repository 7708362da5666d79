"""Compiled passes over large tables, where NumPy would read each value several times.

They do what the code that calls them does in NumPy, number by number and in the same order of sums: the results have
the same bits, and a fit is the same with and without them. Tables are float32 or float64 and C-contiguous.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from skrnn._compiling import kernel
from skrnn._types import Array, Doubles, Integers

__all__ = ["add_moments", "hash_steps", "standardise"]

Hashes = NDArray[np.uint64]

_NAN = np.array(np.nan).view(np.uint64)[()]
_NO_SIGN = np.uint64((1 << 63) - 1)
_ROWS = 1024  # steps whose hashes are put together
_TWO, _THREE = np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)  # of SplitMix64, as in `_hashes.py`
_S27, _S29, _S30, _S31, _S32 = map(np.uint64, (27, 29, 30, 31, 32))


@kernel(fastmath=False, inline="always")
def bits_of(value: Any) -> Any:
    """Of a number in double precision, without -0.0 and with one NaN."""
    value = np.float64(value) + 0.0
    return np.float64(value).view(np.uint64) if value == value else _NAN


@kernel(fastmath=False, inline="always")
def scrambled(word: Any, base: Any) -> Any:
    """As `_hashes.py` does it."""
    word = (word ^ (word >> _S32)) * base
    return word ^ (word >> _S29)


@kernel(fastmath=False)
def hash_steps(steps: Array, factors: Hashes, base: Any, prefix: Hashes) -> Any:
    """Sums (n_steps + 1,) of the hashes of the steps before each step, times rising powers of the base.

    Returns the bits of the largest value without its sign: those of infinity and NaN are larger than any number's.
    """
    power, sums, largest = np.uint64(1), np.uint64(0), np.uint64(0)
    n, k = steps.shape
    hashes = np.empty(_ROWS, np.uint64)
    prefix[0] = sums
    for begin in range(0, n, _ROWS):
        size = min(_ROWS, n - begin)
        if k == 1:  # then the loop along the rows is the one worth to be taken several values at a time
            column = steps.reshape(n)[begin : begin + size]
            for i in range(size):
                word = bits_of(column[i])
                largest = max(largest, word & _NO_SIGN)
                hashes[i] = scrambled(word, base) * factors[0]
        else:
            for i in range(size):
                row, total = steps[begin + i], np.uint64(0)
                for j in range(k):
                    word = bits_of(row[j])
                    largest = max(largest, word & _NO_SIGN)
                    total += scrambled(word, base) * factors[j]
                hashes[i] = total
        for i in range(size):
            total = (hashes[i] ^ (hashes[i] >> _S30)) * _TWO
            total = (total ^ (total >> _S27)) * _THREE
            hashes[i] = total ^ (total >> _S31)
        for i in range(size):
            power *= base
            sums += hashes[i] * power
            prefix[begin + i + 1] = sums
    return largest


@kernel(fastmath=False)
def add_rows(
    values: Array, weights: Doubles, begin: int, end: int, pivot: Doubles, sums: Doubles, squares: Doubles
) -> None:
    """Add to ``sums`` and ``squares`` (k,) what some rows of values lie beyond the pivot, and its squares, weighed.

    Four rows at a time, each added after the one before it.
    """
    whole = begin + (end - begin) // 4 * 4
    for i in range(begin, whole, 4):
        a, b, c, d = values[i], values[i + 1], values[i + 2], values[i + 3]
        wa, wb, wc, wd = weights[i], weights[i + 1], weights[i + 2], weights[i + 3]
        for j in range(pivot.size):
            p = pivot[j]
            va, vb, vc, vd = np.float64(a[j]) - p, np.float64(b[j]) - p, np.float64(c[j]) - p, np.float64(d[j]) - p
            sums[j] = (((sums[j] + wa * va) + wb * vb) + wc * vc) + wd * vd
            squares[j] = (((squares[j] + wa * (va * va)) + wb * (vb * vb)) + wc * (vc * vc)) + wd * (vd * vd)
    for i in range(whole, end):
        row, w = values[i], weights[i]
        for j in range(pivot.size):
            v = np.float64(row[j]) - pivot[j]
            sums[j] += w * v
            squares[j] += w * (v * v)


@kernel(fastmath=False)
def add_moments(
    values: Array, weights: Doubles, size: int, number: int, pivot: Doubles, total: Doubles, squares: Doubles
) -> int:
    """Add what the values (n, k) lie beyond the pivot to ``total`` (k,), and its squares, weighed.

    Chunk by chunk of so many rows, from one number on. Ends before a chunk with a missing value or a weight of 0, and
    returns its number.
    """
    n, sums, more = len(values), np.empty(pivot.size), np.empty(pivot.size)
    while number * size < n:
        begin, end = number * size, min(number * size + size, n)
        for i in range(begin, end):
            if weights[i] == 0:
                return number
        for j in range(pivot.size):
            sums[j] = more[j] = 0.0
        add_rows(values, weights, begin, end, pivot, sums, more)
        for j in range(pivot.size):
            if np.isnan(sums[j]):
                return number
        for j in range(pivot.size):
            total[j] += sums[j]
            squares[j] += more[j]
        number += 1
    return number


@kernel(fastmath=False)
def standardise(
    steps: Array,
    starts: Integers,
    lengths: Integers,
    level: Doubles,
    spread: Doubles,
    instead: Doubles,
    indicators: Integers,
    inputs: Array,
) -> None:
    """Inputs (B, T, F + I): (steps - level) / spread in double precision, ``instead`` where a value is missing, then 1
    for each missing value of the features in ``indicators``; zero in the padding.
    """
    n_features = steps.shape[1]
    for b in range(inputs.shape[0]):
        for t in range(lengths[b]):
            row, out = steps[starts[b] + t], inputs[b, t]
            for j in range(n_features):
                value = np.float64(row[j])
                out[j] = (value - level[j]) / spread[j] if value == value else instead[j]
            for i in range(indicators.size):
                out[n_features + i] = 1.0 if np.isnan(row[indicators[i]]) else 0.0
        for t in range(lengths[b], inputs.shape[1]):
            out = inputs[b, t]
            for j in range(out.size):
                out[j] = 0.0

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

__all__ = [
    "add_at",
    "add_moments",
    "add_sequences",
    "add_steps",
    "follow",
    "hash_spans",
    "hash_steps",
    "mix_in",
    "mix_values_in",
    "standardise",
    "trim",
]

Hashes = NDArray[np.uint64]

_NAN, _INFINITY = np.array([np.nan, np.inf]).view(np.uint64)
_NO_SIGN = np.uint64((1 << 63) - 1)
_TWO, _THREE = np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)  # of SplitMix64, as in `_hashes.py`
_S27, _S29, _S30, _S31, _S32 = map(np.uint64, (27, 29, 30, 31, 32))


@kernel(fastmath=False)
def hash_steps(steps: Array, factors: Hashes, base: Any, hashes: Hashes) -> Any:
    """The hash of each step; returns the bits of the largest value without its sign.

    Those of infinity and NaN are larger than any number's. There is one NaN: where there are some, it is put in their
    place, in a second look.
    """
    largest: Any = np.uint64(0)
    n = len(steps)
    if steps.shape[1] == 1:  # then the loop along the rows is the one worth to be taken several values at a time
        column = steps.reshape(n)
        for i in range(n):
            word = np.float64(np.float64(column[i]) + 0.0).view(np.uint64)
            size = word & _NO_SIGN
            largest = size if size > largest else largest
            word = (word ^ (word >> _S32)) * base
            hashes[i] = (word ^ (word >> _S29)) * factors[0]
        for i in range(n if largest > _INFINITY else 0):
            if np.isnan(column[i]):
                word = (_NAN ^ (_NAN >> _S32)) * base
                hashes[i] = (word ^ (word >> _S29)) * factors[0]
    else:
        for i in range(n):
            row, total, top = steps[i], np.uint64(0), np.uint64(0)
            for j in range(row.size):
                word = np.float64(np.float64(row[j]) + 0.0).view(np.uint64)
                size = word & _NO_SIGN
                top = size if size > top else top
                word = (word ^ (word >> _S32)) * base
                total += (word ^ (word >> _S29)) * factors[j]
            if top > _INFINITY:
                total = np.uint64(0)
                for j in range(row.size):
                    value = np.float64(row[j]) + 0.0
                    word = np.float64(value).view(np.uint64) if value == value else _NAN
                    word = (word ^ (word >> _S32)) * base
                    total += (word ^ (word >> _S29)) * factors[j]
            largest = top if top > largest else largest
            hashes[i] = total
    for i in range(n):
        word = (hashes[i] ^ (hashes[i] >> _S30)) * _TWO
        word = (word ^ (word >> _S27)) * _THREE
        hashes[i] = word ^ (word >> _S31)
    return largest


@kernel()
def follow(starts: Integers, lengths: Integers) -> bool:
    """Whether the sequences follow each other and share no step; some may lie between them."""
    end = 0
    for i in range(starts.size):
        if starts[i] < end:
            return False
        end = starts[i] + lengths[i]
    return True


@kernel()
def add_sequences(
    hashes: Hashes,
    begin: int,
    starts: Integers,
    lengths: Integers,
    base: Any,
    power: Hashes,
    place: Integers,
    out: Hashes,
) -> None:
    """Add the hashes of the steps from ``begin`` on, times rising powers of the base, to those of sequences that follow
    each other.

    ``power`` (1,) and ``place``, the sequence and how many of its steps are left, go on from call to call.
    """
    row, left, factor = place[0], place[1], power[0]
    total = out[row] if row >= 0 else np.uint64(0)
    i = 0
    while i < hashes.size:
        if left == 0:
            if row + 1 == starts.size or starts[row + 1] >= begin + hashes.size:
                break
            row += 1
            i = starts[row] - begin
            left, factor, total = lengths[row], np.uint64(1), np.uint64(0)
        end = min(i + left, hashes.size)
        for k in range(i, end):
            factor *= base
            total += hashes[k] * factor
        out[row] = total
        left -= end - i
        i = end
    place[0], place[1], power[0] = row, left, factor


@kernel(fastmath=False)
def trim(steps: Array, starts: Integers, spans: Integers, firsts: Integers, lengths: Integers) -> None:
    """Where each sequence starts and how long it is without the steps at both ends whose every value is missing; the
    last one stays where there are no others.

    What is known to be missing is not looked at again: many windows may share a gap.
    """
    n_features = steps.shape[1]
    gap = gap_end = tail = tail_end = 0  # steps from one up to the other, of which all values are missing
    for i in range(starts.size):
        a, b = starts[i], starts[i] + spans[i]
        begin, end = a, b
        while a < b:
            if gap <= a < gap_end:
                a = min(gap_end, b)
                continue
            j = 0
            while j < n_features and steps[a, j] != steps[a, j]:
                j += 1
            if j < n_features:
                break
            a += 1
        if a > begin:
            gap, gap_end = begin, a
        while b > a:
            if tail < b <= tail_end:
                b = max(tail, a)
                continue
            j = 0
            while j < n_features and steps[b - 1, j] != steps[b - 1, j]:
                j += 1
            if j < n_features:
                break
            b -= 1
        if b < end:
            tail, tail_end = b, end
        firsts[i], lengths[i] = (a, b - a) if a < b else (end - 1, 1)


@kernel()
def add_steps(hashes: Hashes, base: Any, power: Hashes, sums: Hashes) -> None:
    """Add the hashes of steps, times rising powers of the base, to those of the steps before, sums[0]."""
    factor, total = power[0], sums[0]
    for i in range(hashes.size):
        factor *= base
        total += hashes[i] * factor
        sums[i + 1] = total
    power[0] = factor


@kernel(fastmath=False)
def hash_spans(prefix: Hashes, starts: Integers, lengths: Integers, low: Hashes, high: Hashes, out: Hashes) -> None:
    """The hashes of sequences, of the sums of `hash_steps`, and of two tables of the base's inverse powers, 2**12 of
    them in the first.
    """
    for i in range(starts.size):
        a = starts[i]
        out[i] = (prefix[a + lengths[i]] - prefix[a]) * (low[a & 4095] * high[a >> 12])


@kernel()
def mix_in(column: Hashes, base: Any, state: Hashes) -> None:
    """Hash one more unsigned integer into the state of each row."""
    for i in range(state.size):
        word = state[i] ^ column[i]
        word = (word ^ (word >> _S30)) * _TWO
        word = (word ^ (word >> _S27)) * _THREE
        state[i] = (word ^ (word >> _S31)) * base


@kernel(fastmath=False)
def mix_values_in(values: Doubles, base: Any, state: Hashes) -> None:
    """Hash the values (n, k) into the state of each row, which is then its hash."""
    for i in range(state.size):
        found = state[i]
        for j in range(values.shape[1] + 1):
            if j > 0:
                found *= base
            if j < values.shape[1]:
                value = values[i, j] + 0.0
                found ^= np.float64(value).view(np.uint64) if value == value else _NAN
            found = (found ^ (found >> _S30)) * _TWO
            found = (found ^ (found >> _S27)) * _THREE
            found ^= found >> _S31
        state[i] = found


@kernel(fastmath=False)
def add_at(begin: Integers, end: Integers, weights: Doubles, change: Doubles) -> None:
    """Add the weights where spans begin, and take them off where they end."""
    for i in range(begin.size):
        change[begin[i]] += weights[i]
    for i in range(end.size):
        change[end[i]] -= weights[i]


@kernel(fastmath=False)
def add_moments(
    values: Array, weights: Doubles, size: int, number: int, pivot: Doubles, total: Doubles, squares: Doubles
) -> int:
    """Add what the values (n, k) lie beyond the pivot to ``total`` (k,), and its squares, weighed.

    Chunk by chunk of so many rows, from one number on; four rows at a time, each added after the one before it. Ends
    before a chunk with a missing value or a weight of 0, and returns its number. ``weights``: of each row, or one.
    """
    n, one, sums, more = len(values), weights.size == 1, np.empty(pivot.size), np.empty(pivot.size)
    while number * size < n:
        i, end = number * size, min(number * size + size, n)
        for row in range(0 if one else i, 1 if one else end):
            if weights[row] == 0:
                return number
        for j in range(pivot.size):
            sums[j] = more[j] = 0.0
        while i + 4 <= end:
            a, b, c, d = values[i], values[i + 1], values[i + 2], values[i + 3]
            wa = wb = wc = wd = weights[0]
            if not one:
                wa, wb, wc, wd = weights[i], weights[i + 1], weights[i + 2], weights[i + 3]
            for j in range(pivot.size):
                p = pivot[j]
                va, vb, vc, vd = np.float64(a[j]) - p, np.float64(b[j]) - p, np.float64(c[j]) - p, np.float64(d[j]) - p
                sums[j] = (((sums[j] + wa * va) + wb * vb) + wc * vc) + wd * vd
                more[j] = (((more[j] + wa * (va * va)) + wb * (vb * vb)) + wc * (vc * vc)) + wd * (vd * vd)
            i += 4
        for row in range(i, end):
            w = weights[0 if one else row]
            for j in range(pivot.size):
                v = np.float64(values[row, j]) - pivot[j]
                sums[j] += w * v
                more[j] += w * (v * v)
        for j in range(pivot.size):
            if np.isnan(sums[j]):
                return number
        for j in range(pivot.size):
            total[j] += sums[j]
            squares[j] += more[j]
        number += 1
    return number


@kernel(fastmath=False)
def standardise_one(
    column: Array, starts: Integers, lengths: Integers, level: float, spread: float, instead: float, inputs: Array
) -> None:
    """`standardise` by row, of one feature: the loop along the steps is the one worth to be taken several at a time."""
    for b in range(starts.size):
        begin, length = starts[b], lengths[b]
        for t in range(length):
            value = np.float64(column[begin + t])
            inputs[b, t, 0] = (value - level) / spread if value == value else instead
        for t in range(length, inputs.shape[1]):
            inputs[b, t, 0] = 0.0


@kernel(fastmath=False)
def standardise(
    steps: Array,
    starts: Integers,
    lengths: Integers,
    level: Doubles,
    spread: Doubles,
    instead: Doubles,
    indicators: Integers,
    by_row: bool,
    inputs: Array,
) -> None:
    """Inputs (B, T, F + I) by row, else (T, B, ...): (steps - level) / spread in double precision, ``instead`` where a
    value is missing, then 1 for each missing value of the features in ``indicators``; zero in the padding. What has a
    place behind these stays as it is.
    """
    n_features = steps.shape[1]
    n_steps = inputs.shape[1 if by_row else 0]
    if by_row and n_features == 1 and indicators.size == 0:
        standardise_one(steps.reshape(steps.size), starts, lengths, level[0], spread[0], instead[0], inputs)
        return
    for b in range(starts.size):
        for t in range(lengths[b]):
            row, out = steps[starts[b] + t], inputs[b, t] if by_row else inputs[t, b]
            for j in range(n_features):
                value = np.float64(row[j])
                out[j] = (value - level[j]) / spread[j] if value == value else instead[j]
            for i in range(indicators.size):
                out[n_features + i] = 1.0 if np.isnan(row[indicators[i]]) else 0.0
        for t in range(lengths[b], n_steps):
            out = inputs[b, t] if by_row else inputs[t, b]
            for j in range(n_features + indicators.size):
                out[j] = 0.0

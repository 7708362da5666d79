"""Compiled parts of a search for tokens: exponentials, and what a decoder reads of its sequence.

Every hypothesis by itself, its operations in a fixed order: it has the same bits whatever rows are beside it.
"""

from __future__ import annotations

from math import factorial

import numpy as np

from skrnn._types import Array
from skrnn.networks.kernels._lanes import FEW_ROWS, lane_kernel, lane_product, lane_sums
from skrnn.networks.kernels._primitives import kernel
from skrnn.networks.kernels._vectors import LANES, PANEL, fused

__all__ = ["attention_keys", "attention_shares", "context_of", "exponentials", "shares_of", "single_exponentials"]


# A view of a part of an array costs as much as a dozen numbers: hence so many indices.

_LOG2E, _HIGH, _LOW = 1.4426950408889634, 0.6931471803691238, 1.9082149292705877e-10  # the logarithm of 2 in two parts
_ROUND = 1.5 * 2.0**52  # what is added to it is rounded to an integer, which stands in the last bits
_EXPONENT = np.int64(52)  # where the exponent begins among the bits
_SERIES = tuple(1 / factorial(n) for n in range(14))

_SINGLE_HIGH, _SINGLE_LOW = np.float32(0.693359375), np.float32(-2.12194440e-4)
_SINGLE_ROUND, _SINGLE_EXPONENT = np.float32(1.5 * 2.0**23), np.int32(23)
_SINGLES = tuple(np.float32(1 / factorial(n)) for n in range(8))


@lane_kernel
def exponentials(n: int, numbers: Array, bits: Array) -> None:
    """exp(x) in the place of the first n numbers x <= 0 of ``numbers`` (2, N); ``bits`` are the same as integers.

    exp(x) = 2**k exp(r) with |r| <= log(2) / 2, by Taylor's series to r**13, whose rest is below 5e-18. What is below
    -700 counts as -700: nobody sees it beside exp(0) = 1.
    """
    for i in range(n):
        x = -700.0 if numbers[0, i] < -700.0 else numbers[0, i]
        shifted = x * _LOG2E + _ROUND
        k = shifted - _ROUND
        r = (x - k * _HIGH) - k * _LOW
        p = ((((_SERIES[13] * r + _SERIES[12]) * r + _SERIES[11]) * r + _SERIES[10]) * r + _SERIES[9]) * r + _SERIES[8]
        p = ((((p * r + _SERIES[7]) * r + _SERIES[6]) * r + _SERIES[5]) * r + _SERIES[4]) * r + _SERIES[3]
        numbers[0, i], numbers[1, i] = ((p * r + 0.5) * r + 1.0) * r + 1.0, shifted
    for i in range(n):
        bits[0, i] += bits[1, i] << _EXPONENT


@lane_kernel
def single_exponentials(numbers: Array, bits: Array) -> None:
    """The same in single precision, in the place of all numbers in the first row: Taylor's series to r**7, whose rest
    is below 6e-9. What is below -80 counts as -80.
    """
    for i in range(numbers.shape[1]):
        x = max(numbers[0, i], np.float32(-80.0))
        shifted = fused(x, np.float32(_LOG2E), _SINGLE_ROUND)
        k = shifted - _SINGLE_ROUND
        r = fused(k, -_SINGLE_LOW, fused(k, -_SINGLE_HIGH, x))
        p = fused(fused(_SINGLES[7], r, _SINGLES[6]), r, _SINGLES[5])
        p = fused(fused(fused(p, r, _SINGLES[4]), r, _SINGLES[3]), r, _SINGLES[2])
        numbers[0, i], numbers[1, i] = fused(fused(p, r, _SINGLES[1]), r, _SINGLES[0]), shifted
    for i in range(numbers.shape[1]):
        bits[0, i] += bits[1, i] << _SINGLE_EXPONENT


@kernel(fastmath={"reassoc", "contract", "nsz"})
def dot(a: Array, b: Array, row: int, t: int) -> float:
    """The sum of a[j] b[row, t, j]: its order depends on how many there are, and on nothing else."""
    total = 0.0
    for j in range(a.size):
        total += a[j] * b[row, t, j]
    return total


@lane_kernel
def attention_keys(states: Array, lengths: Array, weight: Array, keys: Array) -> None:
    """keys (B, T, H) = states (B, T, H') W^T, W packed; those of the padding stay as they are."""
    size, hidden = states.shape[2], keys.shape[2]
    panel = np.zeros((size, LANES), np.float32)
    sums = lane_sums(weight, np.empty(weight.shape[0] * PANEL * LANES, np.float32), LANES)
    for b in range(states.shape[0]):
        begin = 0
        while begin < lengths[b]:
            left = lengths[b] - begin
            count = min(left, LANES) if left > FEW_ROWS else 1
            width = LANES if count > 1 else 1
            own = panel if width > 1 else panel.reshape(panel.size)[:size].reshape(size, 1)
            found = sums if width > 1 else sums.reshape(sums.size)[: sums.shape[0]].reshape(sums.shape[0], 1)
            for r in range(count):
                row = states[b, begin + r]
                for j in range(size):
                    own[j, r] = row[j]
            lane_product(weight, own, found)
            for r in range(count):
                out = keys[b, begin + r]
                for j in range(hidden):
                    out[j] = found[j, r]
            begin += count


@lane_kernel
def shares_of(x: Array, row: int, keys: Array, n_steps: int, shares: Array, bits: Array) -> None:
    """What each step of a sequence counts for a decoder's state x (H,), of keys (B, T, H).

    Leaves the shares in the first row of ``shares`` (2, N), of which ``bits`` are the integers. In double precision.
    """
    highest, total = -np.inf, 0.0
    for t in range(n_steps):
        shares[0, t] = dot(x, keys, row, t)
        highest = shares[0, t] if shares[0, t] > highest else highest
    for t in range(n_steps):
        shares[0, t] -= highest
    exponentials(n_steps, shares, bits)
    for t in range(n_steps):
        total += shares[0, t]
    for t in range(n_steps):
        shares[0, t] /= total


@lane_kernel
def attention_shares(x: Array, source: Array, keys: Array, lengths: Array, shares: Array) -> None:
    """`shares_of` decoder states x (N, H): shares (N, T), zero in the padding.

    ``source`` (N,) says which of the B sequences it is; keys (B, T, H).
    """
    own = np.empty((2, shares.shape[1]))
    for n in range(x.shape[0]):
        n_steps = lengths[source[n]]
        shares_of(x[n], source[n], keys, n_steps, own, own.view(np.int64))
        for t in range(shares.shape[1]):
            shares[n, t] = own[0, t] if t < n_steps else 0.0


@lane_kernel
def context_of(shares: Array, row: int, states: Array, n_steps: int, context: Array) -> None:
    """What is read (H',) of a sequence of states (B, T, H') with shares (2, N), in double precision."""
    for j in range(context.size):
        context[j] = 0.0
    for t in range(n_steps):
        share = shares[0, t]
        for j in range(context.size):
            context[j] += share * states[row, t, j]

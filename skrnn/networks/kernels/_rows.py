"""Compiled products and pooling of predictions in double precision: each row by itself, in a fixed order of operations.

Four rows are multiplied side by side, so that a weight is loaded once for them, and sums stay in registers; the
operations of each are those of a row alone, and nothing is fused or reordered. So a row's result has the same bits
whatever rows are beside it.
"""

from __future__ import annotations

import numpy as np

from skrnn._types import Array
from skrnn.networks.kernels._primitives import kernel
from skrnn.networks.kernels._vectors import LANE_WIDTH, double_row, double_tile

__all__ = ["add_product", "maximum_of_rows", "mean_of_rows", "sum_of_rows"]

_SIDE_BY_SIDE = 4
_COLUMNS = LANE_WIDTH // 2  # whose sums stay in registers


@kernel(fastmath=False)
def add_product(a: Array, w: Array, out: Array) -> None:
    """out (M, N) += a (M, K) w (K, N), arrays in one piece."""
    (n_rows, n_inputs), n_outputs = a.shape, w.shape[1]
    whole, in_tiles = n_inputs - n_inputs % 4, n_outputs - n_outputs % _COLUMNS
    last, few = np.zeros((n_inputs, _COLUMNS)), np.zeros((_SIDE_BY_SIDE, _COLUMNS))  # columns that fill no tile
    for k in range(n_inputs):
        for j in range(in_tiles, n_outputs):
            last[k, j - in_tiles] = w[k, j]
    row = 0
    while row < n_rows:
        count = _SIDE_BY_SIDE if n_rows - row >= _SIDE_BY_SIDE else 1
        for i in range(count):
            for j in range(in_tiles, n_outputs):
                few[i, j - in_tiles] = out[row + i, j]
        if count > 1:
            for j in range(0, in_tiles, _COLUMNS):
                double_tile(a, w, out, row, j, row, whole)
            double_tile(a, last, few, row, 0, 0, whole)
        else:
            for j in range(0, in_tiles, _COLUMNS):
                double_row(a, w, out, row, j, row, whole)
            double_row(a, last, few, row, 0, 0, whole)
        for i in range(count):
            for j in range(in_tiles, n_outputs):
                out[row + i, j] = few[i, j - in_tiles]
            for k in range(whole, n_inputs):
                for j in range(n_outputs):
                    out[row + i, j] += a[row + i, k] * w[k, j]
        row += count


@kernel(fastmath=False)
def mean_of_rows(states: Array, lengths: Array, mean: Array) -> None:
    """The mean (B, H) over the real steps of states (B, T, H), added up in the order of time."""
    for b in range(mean.shape[0]):
        total = mean[b]
        for j in range(total.size):
            total[j] = 0.0
        for t in range(lengths[b]):
            for j in range(total.size):
                total[j] += states[b, t, j]
        for j in range(total.size):
            total[j] /= lengths[b]


@kernel(fastmath=False)
def maximum_of_rows(states: Array, lengths: Array, largest: Array) -> None:
    """The maximum (B, H) over the real steps of states (B, T, H); NaN is the largest, as in torch."""
    for b in range(largest.shape[0]):
        most = largest[b]
        for j in range(most.size):
            most[j] = states[b, 0, j]
        for t in range(1, lengths[b]):
            for j in range(most.size):
                value = np.float64(states[b, t, j])
                most[j] = value if value > most[j] or value != value else most[j]


@kernel(fastmath=False)
def sum_of_rows(shares: Array, states: Array, lengths: Array, total: Array) -> None:
    """total (B, H) += the states (B, T, H) of the real steps times their shares (B, T), in the order of time."""
    for b in range(total.shape[0]):
        own = total[b]
        for t in range(lengths[b]):
            share = shares[b, t]
            for j in range(own.size):
                own[j] += share * states[b, t, j]

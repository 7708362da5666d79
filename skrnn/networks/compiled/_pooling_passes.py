"""What the head reads as compiled code, for calls that take many mini-batches at once.

Poolings (P,) are numbers: 0, the last states; 1, the mean; 2, the maximum.
"""

from __future__ import annotations

import numpy as np

from skrnn._types import Array
from skrnn.networks.kernels import (
    kernel,
    put_columns,
    put_last,
    put_max,
    put_mean,
    take_columns,
    take_last,
    take_max,
    take_mean,
)

__all__ = ["pool", "put_by_row", "unpool"]


@kernel()
def put_by_row(found: Array, n_rows: int, outputs: Array) -> None:
    """The outputs of steps (T * B, K), in the order of time, to those of rows (B * L, K)."""
    width = outputs.shape[0] // n_rows
    for t in range(found.shape[0] // n_rows):
        for b in range(n_rows):
            for k in range(found.shape[1]):
                outputs[b * width + t, k] = found[t * n_rows + b, k]


@kernel()
def pool(poolings: Array, states: Array, lengths: Array, hidden: int, begin: int, read: Array, steps: Array) -> None:
    """What the head reads of states (T, B, H'), poolings side by side, in the columns of (B, P) from there on."""
    size = states.shape[2]
    part = np.empty((states.shape[1], size), np.float32)
    for number in range(poolings.size):
        if poolings[number] == 0:
            take_last(states, lengths, hidden, part)
        elif poolings[number] == 1:
            take_mean(states, lengths, part)
        else:
            take_max(states, lengths, part, steps)
        put_columns(part, begin + number * size, read)


@kernel(fastmath=False)
def unpool(
    poolings: Array, d_read: Array, begin: int, steps: Array, lengths: Array, hidden: int, d_states: Array
) -> None:
    """Add what the poolings hand back to the states."""
    size = d_states.shape[2]
    part = np.empty((d_read.shape[0], size), np.float32)
    for number in range(poolings.size):
        take_columns(d_read, begin + number * size, part)
        if poolings[number] == 0:
            put_last(part, lengths, hidden, d_states)
        elif poolings[number] == 1:
            for b in range(part.shape[0]):
                for j in range(size):
                    part[b, j] = np.float32(part[b, j] / lengths[b])
            put_mean(part, lengths, d_states)
        else:
            put_max(part, steps, d_states)

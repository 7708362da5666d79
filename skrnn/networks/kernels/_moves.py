"""Compiled moves of data around the recurrences: into the order of time and back, pooled states, the linear head.

They are so short that giving the interpreter's lock away would cost more than they do.
"""

from __future__ import annotations

import numpy as np

from skrnn._types import Array
from skrnn.networks.kernels._primitives import column_sums, kernel, place

__all__ = [
    "fill",
    "head",
    "head_backward",
    "look_up",
    "look_up_backward",
    "parted",
    "put_last",
    "put_max",
    "put_mean",
    "put_sums",
    "take_last",
    "take_max",
    "take_mean",
    "take_sums",
    "turn",
    "weight_gradients",
]


@kernel(nogil=False)
def fill(source: Array, by_row: bool, lengths: Array, reverse: bool, x: Array) -> None:
    """x[:, :, :F] (T, B, F + 1) = source, which is (B, T, F) or (T, B, F or more), in a direction."""
    n_steps, n_rows = x.shape[:2]
    n_features = x.shape[2] - 1
    for b in range(n_rows):
        for t in range(n_steps):
            s = place(t, lengths[b], reverse)
            row = source[b, s] if by_row else source[s, b]
            for j in range(n_features):
                x[t, b, j] = row[j]


@kernel(nogil=False)
def look_up(codes: Array, feature: int, table: Array, begin: int, x: Array) -> None:
    """x[:, :, begin : begin + D] = the rows (D,) of a table at the category numbers of a feature (B, T, F)."""
    n_rows, n_steps = codes.shape[:2]
    size = table.shape[1]
    for b in range(n_rows):
        for t in range(n_steps):
            row, out = table[int(codes[b, t, feature])], x[b, t]
            for j in range(size):
                out[begin + j] = row[j]


@kernel(nogil=False)
def look_up_backward(
    codes: Array, feature: int, lengths: Array, by_row: bool, begin: int, dx: Array, d_table: Array
) -> None:
    """The gradient of a table from that of what `look_up` wrote into, (B, T, ...) or (T, B, ...)."""
    d_table[:] = 0.0
    size = d_table.shape[1]
    for b in range(codes.shape[0]):
        for t in range(lengths[b]):
            row, d = d_table[int(codes[b, t, feature])], dx[b, t] if by_row else dx[t, b]
            for j in range(size):
                row[j] += d[begin + j]


@kernel(nogil=False)
def put_sums(tokens: Array, sums: Array, lengths: Array, reverse: bool, gates: Array) -> None:
    """gates[g, t, b] = the g-th part of the row of ``sums`` (V, G * H) at each token (B, T, 1), in a direction."""
    n_gates, n_steps, n_rows, hidden = gates.shape
    for t in range(n_steps):
        for b in range(n_rows):
            row = sums[int(tokens[b, place(t, lengths[b], reverse), 0])]
            for g in range(n_gates):
                out = gates[g, t, b]
                for j in range(hidden):
                    out[j] = row[g * hidden + j]


@kernel(nogil=False)
def take_sums(tokens: Array, d_gates: Array, lengths: Array, reverse: bool, d_sums: Array) -> None:
    """The gradient of the sums (V, G * H) from that of the gates, whose first G have that of their inputs."""
    d_sums[:] = 0.0
    hidden = d_gates.shape[3]
    for b in range(tokens.shape[0]):
        for t in range(lengths[b]):
            row = d_sums[int(tokens[b, place(t, lengths[b], reverse), 0])]
            for g in range(d_sums.shape[1] // hidden):
                d = d_gates[g, t, b]
                for j in range(hidden):
                    row[g * hidden + j] += d[j]


@kernel(nogil=False)
def turn(out: Array, lengths: Array, reverse: bool, offset: int, joined: Array) -> None:
    """joined[:, :, offset : offset + H] = out (T, B, H), in the order of time."""
    n_steps, n_rows, hidden = out.shape
    for t in range(n_steps):
        for b in range(n_rows):
            s = place(t, lengths[b], reverse)
            for j in range(hidden):
                joined[t, b, offset + j] = out[s, b, j]


@kernel(nogil=False)
def parted(joined: Array, lengths: Array, reverse: bool, offset: int, out: Array) -> None:
    """out (T, B, H) = joined[:, :, offset : offset + H], in a direction."""
    n_steps, n_rows, hidden = out.shape
    for t in range(n_steps):
        for b in range(n_rows):
            s = place(t, lengths[b], reverse)
            for j in range(hidden):
                out[t, b, j] = joined[s, b, offset + j]


@kernel(nogil=False)
def take_last(states: Array, lengths: Array, hidden: int, last: Array) -> None:
    """Each direction's own last state: forward at the last real step, backward at the first; (B, H')."""
    for b in range(last.shape[0]):
        for j in range(last.shape[1]):
            last[b, j] = states[lengths[b] - 1 if j < hidden else 0, b, j]


@kernel(nogil=False)
def put_last(d_last: Array, lengths: Array, hidden: int, d_states: Array) -> None:
    """Add the gradient of the last states (B, H') where they were taken."""
    for b in range(d_last.shape[0]):
        for j in range(d_last.shape[1]):
            d_states[lengths[b] - 1 if j < hidden else 0, b, j] += d_last[b, j]


@kernel(nogil=False)
def take_mean(states: Array, lengths: Array, mean: Array) -> None:
    """The mean (B, H') over the real steps of states (T, B, H'), each row added up in the order of time."""
    mean[:] = 0.0
    for t in range(states.shape[0]):
        for b in range(mean.shape[0]):
            if t < lengths[b]:
                for j in range(mean.shape[1]):
                    mean[b, j] += states[t, b, j]
    for b in range(mean.shape[0]):
        for j in range(mean.shape[1]):
            mean[b, j] /= lengths[b]


@kernel(nogil=False)
def put_mean(share: Array, lengths: Array, d_states: Array) -> None:
    """Add every real step's share (B, H') of the gradient of the mean."""
    for t in range(d_states.shape[0]):
        for b in range(share.shape[0]):
            if t < lengths[b]:
                for j in range(share.shape[1]):
                    d_states[t, b, j] += share[b, j]


@kernel(nogil=False)
def take_max(states: Array, lengths: Array, largest: Array, steps: Array) -> None:
    """The maximum (B, H') over the real steps of states (T, B, H'), and the first step that attains it."""
    for b in range(largest.shape[0]):
        for j in range(largest.shape[1]):
            largest[b, j] = states[0, b, j]
            steps[b, j] = 0
    for t in range(1, states.shape[0]):
        for b in range(largest.shape[0]):
            if t < lengths[b]:
                for j in range(largest.shape[1]):
                    value = states[t, b, j]
                    if value > largest[b, j] or value != value:  # NaN is the largest, as in torch
                        largest[b, j] = value
                        steps[b, j] = t


@kernel(nogil=False)
def put_max(d_largest: Array, steps: Array, d_states: Array) -> None:
    """Add the gradient of the maxima (B, H') at the steps that attain them."""
    for b in range(d_largest.shape[0]):
        for j in range(d_largest.shape[1]):
            d_states[steps[b, j], b, j] += d_largest[b, j]


@kernel(nogil=False)
def head(read: Array, weight: Array, bias: Array, outputs: Array) -> None:
    """outputs (N, K) = read (N, H) W^T + b."""
    np.dot(read, weight.T, outputs)
    for i in range(outputs.shape[0]):
        for k in range(outputs.shape[1]):
            outputs[i, k] += bias[k]


@kernel(nogil=False)
def head_backward(read: Array, gradient: Array, weight: Array, d_weight: Array, d_bias: Array, d_read: Array) -> None:
    """Gradients of the weights and of what was read, from that of the outputs (N, K)."""
    weight_gradients(read, gradient, d_weight, d_bias)
    np.dot(gradient, weight, d_read)


@kernel(nogil=False)
def weight_gradients(read: Array, gradient: Array, d_weight: Array, d_bias: Array) -> None:
    """Gradients of the weights of `head` alone, from that of the outputs (N, K)."""
    np.dot(gradient.T, read, d_weight)
    column_sums(gradient, d_bias)

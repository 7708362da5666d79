"""Compiled attention of a decoder in training: each sequence by itself, over its own steps.

Luong's general score: Luong, Pham & Manning, EMNLP 2015, equations 7 and 8. Time comes first, as in the recurrences;
what belongs to one sequence is put together, since products of small matrices want them in one piece.
"""

from __future__ import annotations

import numpy as np

from skrnn._types import Array
from skrnn.networks.kernels._primitives import kernel

__all__ = ["attend", "attend_backward"]


@kernel()
def take_row(source: Array, b: int, begin: int, out: Array) -> None:
    """out (T, H) = source[:T, b, begin : begin + H]"""
    for t in range(out.shape[0]):
        row = source[t, b]
        for j in range(out.shape[1]):
            out[t, j] = row[begin + j]


@kernel()
def attend(x: Array, keys: Array, states: Array, lengths: Array, shares: Array, both: Array) -> None:
    """What decoder states x (L, B, H) read of an encoder's (T, B, H'), and themselves: both (L, B, H' + H).

    Leaves what each step counts in ``shares`` (B, L * T), as (L, n) for a sequence of n steps; keys (T, B, H).
    """
    n_tokens, n_rows, hidden = x.shape
    size = states.shape[2]
    own, read = np.empty((n_tokens, hidden), np.float32), np.empty((n_tokens, size), np.float32)
    all_keys, all_states = np.empty(keys[:, 0].shape, np.float32), np.empty(states[:, 0].shape, np.float32)
    for b in range(n_rows):
        n = lengths[b]
        scores = shares[b, : n_tokens * n].reshape(n_tokens, n)
        take_row(x, b, 0, own)
        take_row(keys, b, 0, all_keys[:n])
        take_row(states, b, 0, all_states[:n])
        np.dot(own, all_keys[:n].T, scores)
        for i in range(n_tokens):
            row = scores[i]
            highest, total = row.max(), np.float32(0.0)
            for t in range(n):
                row[t] = np.exp(row[t] - highest)
            for t in range(n):
                total += row[t]
            for t in range(n):
                row[t] /= total
        np.dot(scores, all_states[:n], read)
        for i in range(n_tokens):
            out = both[i, b]
            for j in range(size):
                out[j] = read[i, j]
            for j in range(hidden):
                out[size + j] = own[i, j]


@kernel()
def attend_backward(
    x: Array,
    keys: Array,
    states: Array,
    lengths: Array,
    shares: Array,
    d_both: Array,
    d_x: Array,
    d_keys: Array,
    d_states: Array,
) -> None:
    """Set the gradients of x and the keys, and add to that of the states, from that of ``both``."""
    n_tokens, n_rows, hidden = x.shape
    size, most = states.shape[2], states.shape[0]
    own, d_own = np.empty((n_tokens, hidden), np.float32), np.empty((n_tokens, hidden), np.float32)
    d_read, d_all = np.empty((n_tokens, size), np.float32), np.empty(n_tokens * most, np.float32)
    all_keys, all_states = np.empty((most, hidden), np.float32), np.empty((most, size), np.float32)
    part, of_states = np.empty((most, hidden), np.float32), np.empty((most, size), np.float32)
    for b in range(n_rows):
        n = lengths[b]
        share, d_scores = shares[b, : n_tokens * n].reshape(n_tokens, n), d_all[: n_tokens * n].reshape(n_tokens, n)
        take_row(x, b, 0, own)
        take_row(keys, b, 0, all_keys[:n])
        take_row(states, b, 0, all_states[:n])
        take_row(d_both, b, 0, d_read)
        np.dot(d_read, all_states[:n].T, d_scores)
        for i in range(n_tokens):
            mean, a, d = np.float32(0.0), share[i], d_scores[i]
            for t in range(n):
                mean += a[t] * d[t]
            for t in range(n):
                d[t] = a[t] * (d[t] - mean)
        np.dot(share.T, d_read, of_states[:n])
        np.dot(d_scores.T, own, part[:n])
        np.dot(d_scores, all_keys[:n], d_own)
        for t in range(n):
            for j in range(size):
                d_states[t, b, j] += of_states[t, j]
            for j in range(hidden):
                d_keys[t, b, j] = part[t, j]
        for t in range(n, most):
            for j in range(hidden):
                d_keys[t, b, j] = np.float32(0.0)
        for i in range(n_tokens):
            for j in range(hidden):
                d_x[i, b, j] = d_own[i, j] + d_both[i, b, size + j]

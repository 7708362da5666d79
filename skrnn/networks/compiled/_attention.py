"""Additive attention of one query over the states of a sequence: Bahdanau, Cho & Bengio, ICLR 2015, section A.1.2.

u_t = tanh(W h_t + b),   a = softmax over t of q . u_t,   what is read: the sum of a_t h_t
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from skrnn._types import Array, Doubles, Flags, Integers, NetworkWeights, Singles
from skrnn.networks import kernels

__all__ = ["Attention", "attention_of", "read_with"]

_VALUES = 1 << 15  # of the states, in double precision at a time


class Attention:
    """Forwards and backwards for a mini-batch in training, with the weights and gradients of a network.

    In double precision: differences of shares that are nearly equal are what is learnt from.
    """

    def __init__(self, weights: Mapping[str, Singles], gradients: Mapping[str, Singles]):
        self.weights, self.gradients = weights, gradients

    def forward(self, states: Singles, lengths: Integers) -> Singles:
        """What is read (B, H') of states (T, B, H')."""
        self.states = states.astype(np.float64)
        projected = self.states.reshape(-1, states.shape[2]) @ self.weights["pooling.weight"].T
        self.keys = np.tanh(projected + self.weights["pooling.bias"])
        scores = (self.keys @ self.weights["query.weight"][0]).reshape(states.shape[:2])
        self.shares = _softmax(scores, np.arange(len(states))[:, None] < lengths)
        return np.asarray(np.einsum("tb,tbh->bh", self.shares, self.states), np.float32)

    def backward(self, d_read: Singles, d_states: Singles) -> None:
        """Add to the gradient of the states, and set those of the weights, from that of what was read."""
        d_shares = np.einsum("bh,tbh->tb", d_read, self.states)
        d_scores = (self.shares * (d_shares - (self.shares * d_shares).sum(axis=0))).reshape(-1, 1)
        d_keys = d_scores * self.weights["query.weight"] * (1 - self.keys**2)
        self.gradients["query.weight"][:] = d_scores.T @ self.keys
        self.gradients["pooling.weight"][:] = d_keys.T @ self.states.reshape(len(d_keys), -1)
        self.gradients["pooling.bias"][:] = d_keys.sum(axis=0)
        by_keys = (d_keys @ self.weights["pooling.weight"]).reshape(d_states.shape)
        d_states += (self.shares[:, :, None] * d_read + by_keys).astype(np.float32)


def attention_of(weights: NetworkWeights, states: Singles, lengths: Integers) -> Doubles:
    """What each step counts (B, T) in a prediction, of states (B, T, H); each row by itself, in double precision."""
    rows, scores = states.reshape(-1, states.shape[2]), np.empty(states.shape[0] * states.shape[1])
    weight, query = (weights[f"{name}.weight"].T.astype(np.float64, order="C") for name in ("pooling", "query"))
    bias, size = weights["pooling.bias"], max(1, _VALUES // states.shape[2])
    for begin in range(0, len(rows), size):
        part = rows[begin : begin + size].astype(np.float64)
        keys, found = np.zeros((len(part), len(bias))), np.zeros((len(part), 1))
        kernels.add_product(part, weight, keys)
        keys += bias
        kernels.add_product(np.tanh(keys, out=keys), query, found)
        scores[begin : begin + size] = found[:, 0]
    by_row = scores.reshape(states.shape[:2])
    return _softmax(by_row.T, np.arange(states.shape[1])[:, None] < lengths).T


def read_with(shares: Doubles, states: Singles, lengths: Integers) -> Doubles:
    """What is read (B, H') in a prediction, of states (B, T, H') with their shares (B, T); each row by itself."""
    read = np.zeros((len(states), states.shape[2]))
    kernels.sum_of_rows(np.ascontiguousarray(shares), states, lengths, read)
    return read


def _softmax(scores: Array, real: Flags) -> Array:
    """Over the first axis, zero where a step is not real."""
    highest = np.where(real, scores, -np.inf).max(axis=0)
    exponentials = np.exp(np.where(real, scores - highest, -np.inf))
    total = np.zeros_like(highest)
    for row in exponentials:  # in the order of time, whatever the padding
        total += row
    return np.asarray(exponentials / total, scores.dtype)

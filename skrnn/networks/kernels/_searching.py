"""Compiled steps of a search for tokens: what a decoder reads of its sequence, its outputs, and the best hypotheses.

Every hypothesis by itself, its operations in a fixed order: it has the same bits whatever rows are beside it.
"""

from __future__ import annotations

import numpy as np

from skrnn._types import Array
from skrnn.networks.kernels._lanes import block_size, lane_kernel, lane_product, lane_sums, lane_tanh
from skrnn.networks.kernels._primitives import kernel
from skrnn.networks.kernels._vectors import LANES

__all__ = ["attention_keys", "attention_shares", "grow_beams", "written_outputs"]


@kernel(fastmath={"reassoc", "contract", "nsz"})
def dot(a: Array, b: Array) -> float:
    """The sum of a[j] b[j]: its order depends on how many there are, and on nothing else."""
    total = 0.0
    for j in range(a.size):
        total += a[j] * b[j]
    return total


@lane_kernel
def attention_keys(states: Array, weight: Array, keys: Array) -> None:
    """keys (N, H) = states (N, H') W^T, W packed; N may be steps of several sequences."""
    begin = 0
    while begin < states.shape[0]:
        count = block_size(states.shape[0] - begin)
        panel = np.zeros((states.shape[1], LANES if count > 1 else 1), np.float32)
        sums = lane_sums(weight, panel)
        for r in range(count):
            for j in range(states.shape[1]):
                panel[j, r] = states[begin + r, j]
        lane_product(weight, panel, sums)
        for r in range(count):
            for j in range(keys.shape[1]):
                keys[begin + r, j] = sums[j, r]
        begin += count


@lane_kernel
def attention_shares(x: Array, source: Array, keys: Array, lengths: Array, shares: Array) -> None:
    """What each step of its sequence counts for decoder states x (N, H): shares (N, T), zero in the padding.

    ``source`` (N,) says which of the B sequences it is. In double precision; keys (B, T, H).
    """
    for n in range(x.shape[0]):
        n_steps, own, total = lengths[source[n]], shares[n], 0.0
        own[n_steps:] = 0.0
        for t in range(n_steps):
            own[t] = dot(x[n], keys[source[n], t])
        highest = own[:n_steps].max()
        for t in range(n_steps):
            own[t] = np.exp(own[t] - highest)
        for t in range(n_steps):
            total += own[t]
        for t in range(n_steps):
            own[t] /= total


@lane_kernel
def written_outputs(
    x: Array, source: Array, shares: Array, states: Array, lengths: Array, combine: Array, head: Array, outputs: Array
) -> None:
    """Outputs (N, K) after decoder states x (N, H) and what they read of the states (B, T, H') of their sequences.

    Weights are packed: (H, H' + 1 + H), or none without attention, and (K, H + 1).
    """
    n_rows, hidden = x.shape
    size, begin = states.shape[2], 0
    context = np.empty(size)
    while begin < n_rows:
        count = block_size(n_rows - begin)
        width = LANES if count > 1 else 1
        panel = np.zeros((hidden + 1, width), np.float32)
        panel[hidden] = np.float32(1.0)
        if combine.shape[0] == 0:
            for r in range(count):
                for j in range(hidden):
                    panel[j, r] = x[begin + r, j]
        else:
            both = np.zeros((size + 1 + hidden, width), np.float32)
            both[size] = np.float32(1.0)
            for r in range(count):
                n = begin + r
                context[:] = 0.0
                for t in range(lengths[source[n]]):
                    share, state = shares[n, t], states[source[n], t]
                    for j in range(size):
                        context[j] += share * state[j]
                for j in range(size):
                    both[j, r] = context[j]
                for j in range(hidden):
                    both[size + 1 + j, r] = x[n, j]
            sums = lane_sums(combine, both)
            lane_product(combine, both, sums)
            flat, out = sums[:hidden].reshape(hidden * width), panel[:hidden].reshape(hidden * width)
            for i in range(flat.size):
                out[i] = lane_tanh(flat[i])
        found = lane_sums(head, panel)
        lane_product(head, panel, found)
        for r in range(count):
            for k in range(outputs.shape[1]):
                outputs[begin + r, k] = found[k, r]
        begin += count


@lane_kernel
def put_in_place(rank: float, total: float, number: int, n: int, ranks: Array, totals: Array, numbers: Array) -> None:
    """Put a candidate among the n best so far, behind its equals; it takes the place of the worst if they are full."""
    place = min(n, ranks.size - 1)
    while place > 0 and rank > ranks[place - 1]:
        ranks[place], totals[place], numbers[place] = ranks[place - 1], totals[place - 1], numbers[place - 1]
        place -= 1
    ranks[place], totals[place], numbers[place] = rank, total, number


@lane_kernel
def log_total(scores: Array) -> float:
    """The logarithm of the sum of exponentials."""
    highest, total = float(scores.max()), 0.0
    for k in range(scores.size):
        total += np.exp(scores[k] - highest)
    return float(highest + np.log(total))


@lane_kernel
def grow_beams(
    outputs: Array,
    place: Array,
    totals: Array,
    sizes: Array,
    ended: Array,
    penalty: float,
    only_end: bool,
    parents: Array,
    tokens: Array,
) -> None:
    """Take the best continuations of the hypotheses (B, W) of each sequence, ranked by total / size ** penalty.

    ``place`` (B, W) says where a hypothesis has its outputs (N, K); -1: it has ended, or is impossible. Sets its total
    log-probability, its size, whether it has ended, which hypothesis it grew from, and by which token; of equally good
    ones the one with the smaller numbers comes first.
    """
    n_tokens, width = outputs.shape[1], place.shape[1]
    ranks, numbers, best = np.empty(width), np.empty(width, np.int64), np.empty(width)
    longer, over = np.empty(width, np.int64), np.empty(width, np.bool_)
    for b in range(place.shape[0]):
        if place[b].max() < 0:
            for w in range(width):
                parents[b, w], tokens[b, w] = w, 0
            continue
        n = 0
        for w in range(width):
            row, own = place[b, w], totals[b, w]
            factor = float(sizes[b, w] + (0 if ended[b, w] else 1)) ** penalty
            normaliser = log_total(outputs[row]) if row >= 0 else 0.0
            for k in range(n_tokens):
                total = -np.inf
                if row < 0 and k == 0 and ended[b, w]:
                    total = own  # what has ended stays as it is
                elif row >= 0 and (k == 0 or not only_end):
                    total = own + (outputs[row, k] - normaliser)
                rank = total / factor
                if n < width or rank > ranks[width - 1]:
                    put_in_place(rank, total, w * n_tokens + k, n, ranks, best, numbers)
                    n = min(n + 1, width)
        for w in range(width):
            parent, token = numbers[w] // n_tokens, numbers[w] % n_tokens
            parents[b, w], tokens[b, w] = parent, token
            longer[w] = sizes[b, parent] + (0 if ended[b, parent] else 1)
            over[w] = ended[b, parent] or token == 0
        for w in range(width):
            totals[b, w], sizes[b, w], ended[b, w] = best[w], longer[w], over[w]

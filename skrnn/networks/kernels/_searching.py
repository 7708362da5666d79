"""Compiled parts of a search for tokens: what a decoder reads of its sequence, and the best of its hypotheses.

Every hypothesis by itself, its operations in a fixed order: it has the same bits whatever rows are beside it.
"""

from __future__ import annotations

import numpy as np

from skrnn._types import Array
from skrnn.networks.kernels._lanes import block_size, lane_kernel, lane_product, lane_sums
from skrnn.networks.kernels._primitives import kernel
from skrnn.networks.kernels._vectors import LANES, PANEL

__all__ = ["attention_keys", "attention_shares", "context_of", "grow", "shares_of"]


@kernel(fastmath={"reassoc", "contract", "nsz"})
def dot(a: Array, b: Array) -> float:
    """The sum of a[j] b[j]: its order depends on how many there are, and on nothing else."""
    total = 0.0
    for j in range(a.size):
        total += a[j] * b[j]
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
            count = block_size(lengths[b] - begin)
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
def shares_of(x: Array, keys: Array, n_steps: int, shares: Array) -> None:
    """What each step of its sequence counts for a decoder's state x (H,): shares (T,), of keys (T, H).

    In double precision.
    """
    total = 0.0
    for t in range(n_steps):
        shares[t] = dot(x, keys[t])
    highest = shares[:n_steps].max()
    for t in range(n_steps):
        shares[t] = np.exp(shares[t] - highest)
    for t in range(n_steps):
        total += shares[t]
    for t in range(n_steps):
        shares[t] /= total


@lane_kernel
def attention_shares(x: Array, source: Array, keys: Array, lengths: Array, shares: Array) -> None:
    """`shares_of` decoder states x (N, H): shares (N, T), zero in the padding.

    ``source`` (N,) says which of the B sequences it is; keys (B, T, H).
    """
    for n in range(x.shape[0]):
        shares[n, lengths[source[n]] :] = 0.0
        shares_of(x[n], keys[source[n]], lengths[source[n]], shares[n])


@lane_kernel
def context_of(shares: Array, states: Array, n_steps: int, context: Array) -> None:
    """What is read (H',) of states (T, H') with these shares (T,), in double precision."""
    for j in range(context.size):
        context[j] = 0.0
    for t in range(n_steps):
        share, state = shares[t], states[t]
        for j in range(context.size):
            context[j] += share * state[j]


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
def grow(
    outputs: Array,
    place: Array,
    totals: Array,
    sizes: Array,
    ended: Array,
    penalty: float,
    only_end: bool,
    parents: Array,
    tokens: Array,
    room: Array,
    chosen: Array,
) -> None:
    """Take the best continuations of the W hypotheses of a sequence, ranked by total / size ** penalty.

    ``place`` (W,) says where a hypothesis has its outputs (N, K); -1: it has ended, or is impossible. Sets its total
    log-probability, its size, whether it has ended, which hypothesis it grew from, and by which token; of equally good
    ones the one with the smaller numbers comes first. ``room`` is for 2 K + 2 W numbers, ``chosen`` (3, W)
    for integers.
    """
    n_tokens, width = outputs.shape[1], place.size
    sums, worth = room[:n_tokens], room[n_tokens : 2 * n_tokens]
    ranks, best = room[2 * n_tokens : 2 * n_tokens + width], room[2 * n_tokens + width :]
    numbers, longer, over = chosen[0], chosen[1], chosen[2]
    n = 0
    for w in range(width):
        row, own = place[w], totals[w]
        factor = float(sizes[w] + (0 if ended[w] else 1)) ** penalty
        if row < 0 or only_end:
            for k in range(n_tokens):
                sums[k] = -np.inf
        if row < 0:
            if ended[w]:
                sums[0] = own  # what has ended stays as it is
        else:
            scores = outputs[row]
            normaliser = log_total(scores)
            for k in range(1 if only_end else n_tokens):
                sums[k] = own + (scores[k] - normaliser)
        for k in range(n_tokens):
            worth[k] = sums[k] / factor
        for k in range(n_tokens):
            if n < width or worth[k] > ranks[width - 1]:
                put_in_place(worth[k], sums[k], w * n_tokens + k, n, ranks, best, numbers)
                n = min(n + 1, width)
    for w in range(width):
        parent, token = numbers[w] // n_tokens, numbers[w] % n_tokens
        parents[w], tokens[w] = parent, token
        longer[w] = sizes[parent] + (0 if ended[parent] else 1)
        over[w] = ended[parent] or token == 0
    for w in range(width):
        totals[w], sizes[w], ended[w] = best[w], longer[w], over[w] != 0

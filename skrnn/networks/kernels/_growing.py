"""A compiled part of a search for tokens: the best continuations of the hypotheses of a sequence.

Every hypothesis by itself, its operations in a fixed order: it has the same bits whatever rows are beside it.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from skrnn._types import Array, Integers, Singles
from skrnn.networks.kernels._lanes import lane_kernel, lane_product, lane_weights
from skrnn.networks.kernels._searching import exponentials
from skrnn.networks.kernels._vectors import PANEL

__all__ = ["Clusters", "grow_beams"]


class Clusters(NamedTuple):
    """The clusters of an adaptive softmax, or none: a token has its score in the head, or its cluster has.

    Attributes
    ----------
    firsts : integer array of shape (n_clusters + 1,)
        The first token of each, and the number of all tokens.
    places : integer array of shape (n_clusters, 3)
        Features of each, and where its packed projection and its packed scores begin.
    weights : array of shape (n_weights,)
        Of all clusters.
    """

    firsts: Integers
    places: Integers
    weights: Singles


@lane_kernel
def put_in_place(rank: float, total: float, number: int, n: int, ranks: Array, totals: Array, numbers: Array) -> None:
    """Put a candidate among the n best so far, behind its equals; it takes the place of the worst if they are full."""
    place = min(n, ranks.size - 1)
    while place > 0 and rank > ranks[place - 1]:
        ranks[place], totals[place], numbers[place] = ranks[place - 1], totals[place - 1], numbers[place - 1]
        place -= 1
    ranks[place], totals[place], numbers[place] = rank, total, number


@lane_kernel
def put_best(
    sums: Array,
    worth: Array,
    count: int,
    factor: float,
    first: int,
    n: int,
    ranks: Array,
    totals: Array,
    numbers: Array,
) -> int:
    """Put those of ``count`` candidates among the n best so far that belong there; how many are best now.

    Their totals are ``sums``, divided by the factor their ranks; their numbers begin with ``first``.
    """
    width = ranks.size
    for k in range(count):
        worth[k] = sums[k] / factor
    for k in range(count):
        if n < width or worth[k] > ranks[width - 1]:
            put_in_place(worth[k], sums[k], first + k, n, ranks, totals, numbers)
            n = min(n + 1, width)
    return n


@lane_kernel
def log_total(outputs: Array, row: int, n: int, powers: Array, bits: Array) -> float:
    """The logarithm of the sum of exponentials of the first n of a row (N, K); ``powers`` (2, K) is room, as for
    `exponentials`.
    """
    total, highest = 0.0, outputs[row, 0]
    for k in range(1, n):
        highest = outputs[row, k] if outputs[row, k] > highest else highest
    for k in range(n):
        powers[0, k] = np.float64(outputs[row, k]) - np.float64(highest)
    exponentials(n, powers, bits)
    for k in range(n):
        total += powers[0, k]
    return float(highest + np.log(total))


@lane_kernel
def score_cluster(clusters: Clusters, c: int, state: Array, low: Array, scores: Array) -> int:
    """Put the scores of a cluster's tokens, by the state (H, 1) that the head reads, first into ``scores`` (1, K).

    How many they are. ``low`` (P, 1) is room for what is read of the state.
    """
    firsts, (size, first, second) = clusters.firsts, clusters.places[c]
    count = firsts[c + 1] - firsts[c]
    projection = lane_weights(clusters.weights[first:], size, state.shape[0])
    weights = lane_weights(clusters.weights[second:], count, size)
    lane_product(projection, state, low[: projection.shape[0] * PANEL])
    n_sums = weights.shape[0] * PANEL
    lane_product(weights, low[:size], scores.reshape(scores.size, 1)[:n_sums])
    return int(count)


@lane_kernel
def grow_beams(
    outputs: Array,
    states: Array,
    clusters: Clusters,
    place: Array,
    counts: Array,
    totals: Array,
    sizes: Array,
    ended: Array,
    parents: Array,
    tokens: Array,
    penalty: float,
    max_length: int,
) -> None:
    """Take the best continuations of the hypotheses (S, W) of each sequence, ranked by total / size ** penalty.

    ``place`` (S, W) says where a hypothesis has its outputs (N, K) and the states (N, H) behind them; -1: it has ended,
    or is impossible. Sets its total log-probability, its size, whether it has ended, and in ``parents`` and ``tokens``
    (S, T, W), behind the ``counts`` (S,) steps so far, which hypothesis it grew from, and by which token; of equally
    good ones the one with the smaller numbers comes first. After ``max_length`` steps only the end may follow.

    Outputs are scores of tokens, and behind them one for each of the clusters. No token in a cluster is more probable
    than the cluster is: where that is not among the best, nothing in it is, and its scores are not computed.
    """
    firsts, places, width, n_shown = clusters.firsts, clusters.places, place.shape[1], outputs.shape[1]
    n_clusters, n_frequent, n_tokens, widest = places.shape[0], firsts[0], firsts[-1], max(n_shown, width)
    for c in range(n_clusters):
        widest = max(widest, firsts[c + 1] - firsts[c])
    sums, worth, powers = np.empty(widest), np.empty(widest), np.empty((2, widest))
    scores, low = np.empty((1, widest + PANEL), np.float32), np.empty((states.shape[1] + PANEL, 1), np.float32)
    bits, ranks, best, numbers = powers.view(np.int64), np.empty(width), np.empty(width), np.empty(width, np.int64)
    longer, over = np.empty(width, np.int64), np.empty(width, np.bool_)
    for s in range(place.shape[0]):
        t, n, grows = counts[s], 0, False
        for w in range(width):
            grows = grows or place[s, w] >= 0
        if not grows:
            continue
        for w in range(width):
            row, own, size = place[s, w], totals[s, w], float(sizes[s, w] + (0 if ended[s, w] else 1))
            factor, normaliser = size if penalty == 1 else size**penalty, 0.0
            free = row >= 0 and t < max_length  # to go on with any token
            n_possible = n_frequent if free else 1
            if row >= 0:
                normaliser = log_total(outputs, row, n_shown, powers, bits)
                for k in range(n_possible):
                    sums[k] = own + (np.float64(outputs[row, k]) - normaliser)
            else:
                sums[0] = own if ended[s, w] else -np.inf  # what has ended stays as it is
            count = n_possible if free else min(n_tokens, width)  # as many as there may be places for
            for k in range(n_possible, count):
                sums[k] = -np.inf
            n = put_best(sums, worth, count, factor, w * n_tokens, n, ranks, best, numbers)
            for c in range(n_clusters if free else 0):
                within = np.float64(outputs[row, n_frequent + c]) - normaliser
                if n == width and not (own + within) / factor > ranks[width - 1]:
                    continue
                count = score_cluster(clusters, c, states[row].reshape(states.shape[1], 1), low, scores)
                normaliser_within = log_total(scores, 0, count, powers, bits)
                for k in range(count):
                    sums[k] = own + (within + (np.float64(scores[0, k]) - normaliser_within))
                n = put_best(sums, worth, count, factor, w * n_tokens + firsts[c], n, ranks, best, numbers)
        for w in range(width):
            parent, token = numbers[w] // n_tokens, numbers[w] % n_tokens
            parents[s, t, w], tokens[s, t, w] = parent, token
            longer[w] = sizes[s, parent] + (0 if ended[s, parent] else 1)
            over[w] = ended[s, parent] or token == 0
        for w in range(width):
            totals[s, w], sizes[s, w], ended[s, w] = best[w], longer[w], over[w]
        counts[s] = t + 1

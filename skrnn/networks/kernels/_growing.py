"""A compiled part of a search for tokens: the best continuations of the hypotheses of a sequence.

Every hypothesis by itself, its operations in a fixed order: it has the same bits whatever rows are beside it.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from skrnn._types import Array, Doubles, Integers, Singles
from skrnn.networks.kernels._lanes import lane_kernel, lane_product, lane_weights
from skrnn.networks.kernels._searching import exponentials, single_exponentials
from skrnn.networks.kernels._vectors import PANEL

__all__ = ["Clusters", "grow_beams"]

_ROUNDING = 1e-12  # of a few operations in double precision, at most
_AT_ONCE = 512  # scores, which stay in the cache
_FEW = 128  # of them, which are added one after the other
_LEAST = np.float32(-1e38)  # a score in the place of none


class Powers(NamedTuple):
    """Room for exponentials: ``doubles`` (2, 128) and ``singles`` (2, 512), and the same as integers."""

    doubles: Doubles
    double_bits: Array
    singles: Singles
    single_bits: Array


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
    scores: Array,
    row: int,
    count: int,
    tops: Array,
    terms: tuple[float, float, float],
    factor: float,
    first: int,
    n: int,
    ranks: Array,
    totals: Array,
    numbers: Array,
) -> int:
    """Put those of ``count`` candidates among the n best so far that belong there; how many are best now.

    The total of a candidate with score x in a row (N, K) is a + (b + (x - c)), of the ``terms`` a, b and c; divided by
    the factor it is its rank. Numbers begin with ``first``. What is too small by more than all rounding is passed over,
    512 at a time where the largest of them, in ``tops``, is.
    """
    (own, within, normaliser), width, least = terms, ranks.size, -np.inf
    error = _ROUNDING * (abs(own) + abs(within) + abs(normaliser))
    for begin in range(0, count, _AT_ONCE):
        if tops[begin // _AT_ONCE] < least:
            continue
        for k in range(begin, min(begin + _AT_ONCE, count)):
            score = np.float64(scores[row, k])
            if score < least:
                continue
            total = own + (within + (score - normaliser))
            rank = total / factor
            if n < width or rank > ranks[width - 1]:
                put_in_place(rank, total, first + k, n, ranks, totals, numbers)
                n = min(n + 1, width)
            if n == width:
                needed = ranks[width - 1] * factor
                least = needed - own - within + normaliser - error - _ROUNDING * abs(needed)
    return n


@lane_kernel
def log_total(scores: Array, row: int, n: int, room: Powers, tops: Array) -> float:
    """The logarithm of the sum of exponentials of the first n of a row (N, K).

    ``tops`` gets the largest of each 512. Of up to 128, exponentials and their sum are in double precision; of more,
    those of each 512 are in single precision.
    """
    if n > _FEW:
        return log_total_of_many(scores, row, n, room, tops)
    powers, bits, total, highest = room.doubles, room.double_bits, 0.0, scores[row, 0]
    for k in range(1, n):
        highest = scores[row, k] if scores[row, k] > highest else highest
    for k in range(n):
        powers[0, k] = np.float64(scores[row, k]) - np.float64(highest)
    exponentials(n, powers, bits)
    for k in range(n):
        total += powers[0, k]
    tops[0] = highest
    return float(highest + np.log(total))


@lane_kernel
def log_total_of_many(scores: Array, row: int, n: int, room: Powers, tops: Array) -> float:
    """`log_total`, 512 at a time: loops over vectors, without a sum or a maximum that waits for the one before."""
    powers, bits = room.singles, room.single_bits
    total, highest = 0.0, -np.inf
    for begin in range(0, n, _AT_ONCE):
        count = min(n - begin, _AT_ONCE)
        for k in range(count):
            powers[0, k] = powers[1, k] = scores[row, begin + k]
        for k in range(count, _AT_ONCE):
            powers[0, k] = powers[1, k] = _LEAST
        half = _AT_ONCE // 2
        while half > 0:
            for k in range(half):
                powers[1, k] = powers[1, k] if powers[1, k] > powers[1, half + k] else powers[1, half + k]
            half //= 2
        top = powers[1, 0]
        for k in range(_AT_ONCE):
            powers[0, k] -= top
        single_exponentials(powers, bits)
        half = _AT_ONCE // 2
        while half > 0:
            for k in range(half):
                powers[0, k] += powers[0, half + k]
            half //= 2
        tops[begin // _AT_ONCE] = top
        own = np.float64(powers[0, 0])
        if top > highest:
            total, highest = total * np.exp(highest - top) + own, np.float64(top)
        else:
            total += own * np.exp(top - highest)
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
    n_clusters, n_frequent, n_tokens, widest = places.shape[0], firsts[0], firsts[-1], 0
    for c in range(n_clusters):
        widest = max(widest, firsts[c + 1] - firsts[c])
    doubles, singles = np.empty((2, _FEW)), np.empty((2, _AT_ONCE), np.float32)
    powers = Powers(doubles, doubles.view(np.int64), singles, singles.view(np.int32))
    still = np.full((1, min(n_tokens, width)), -np.inf, np.float32)
    tops = np.full(max(n_tokens, width) // _AT_ONCE + 1, np.inf, np.float32)
    all_of = tops.copy()  # nothing is known of these
    scores, low = np.empty((1, widest + PANEL), np.float32), np.empty((states.shape[1] + PANEL, 1), np.float32)
    ranks, best, numbers = np.empty(width), np.empty(width), np.empty(width, np.int64)
    longer, over = np.empty(width, np.int64), np.empty(width, np.bool_)
    for s in range(place.shape[0]):
        t, n, grows = counts[s], 0, False
        for w in range(width):
            grows = grows or place[s, w] >= 0
        if not grows:
            continue
        for w in range(width):
            row, own, size = place[s, w], totals[s, w], float(sizes[s, w] + (0 if ended[s, w] else 1))
            factor, base = size if penalty == 1 else size**penalty, w * n_tokens
            if row < 0:
                still[0, 0] = 0.0 if ended[s, w] else -np.inf  # what has ended stays as it is
                n = put_best(still, 0, still.shape[1], all_of, (own, 0.0, 0.0), factor, base, n, ranks, best, numbers)
                continue
            terms = own, 0.0, log_total(outputs, row, n_shown, powers, tops)
            free = t < max_length  # to go on with any token
            n = put_best(outputs, row, n_frequent if free else 1, tops, terms, factor, base, n, ranks, best, numbers)
            if not free:
                still[0, 0] = -np.inf
                n = put_best(still, 0, still.shape[1] - 1, all_of, terms, factor, base + 1, n, ranks, best, numbers)
            for c in range(n_clusters if free else 0):
                within = np.float64(outputs[row, n_frequent + c]) - terms[2]
                if n == width and not (own + within) / factor > ranks[width - 1]:
                    continue
                count = score_cluster(clusters, c, states[row].reshape(states.shape[1], 1), low, scores)
                inside = own, within, log_total(scores, 0, count, powers, tops)
                n = put_best(scores, 0, count, tops, inside, factor, base + firsts[c], n, ranks, best, numbers)
        for w in range(width):
            parent, token = numbers[w] // n_tokens, numbers[w] % n_tokens
            parents[s, t, w], tokens[s, t, w] = parent, token
            longer[w] = sizes[s, parent] + (0 if ended[s, parent] else 1)
            over[w] = ended[s, parent] or token == 0
        for w in range(width):
            totals[s, w], sizes[s, w], ended[s, w] = best[w], longer[w], over[w]
        counts[s] = t + 1

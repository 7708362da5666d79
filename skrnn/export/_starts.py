"""What a network starts from, in the graph: a linear model of newest steps, of what kernels see, or of n-grams."""

from __future__ import annotations

import numpy as np

from skrnn._types import Array
from skrnn.export._graph import Graph, ints
from skrnn.export._scaling import Scaled
from skrnn.export._sequences import Sequences
from skrnn.training import Linear, NewestSteps, NGrams, Shares

__all__ = ["linear_outputs"]


def linear_outputs(graph: Graph, linear: Linear, sequences: Sequences, scaled: Scaled | None) -> str:
    """Predictions (B, m) in the units of the loss, in double precision; ``scaled``: None of token numbers."""
    reads = linear.reads
    if isinstance(reads, NGrams):
        return _of_ngrams(graph, reads, linear, sequences)
    assert scaled is not None
    if isinstance(reads, NewestSteps):
        features = _newest(graph, reads, sequences, scaled.inputs(np.float64))
    else:
        features = _shares(graph, reads, sequences, scaled.inputs(np.float32))
    return graph.affine(features, linear.coef, linear.intercept)


def _of_ngrams(graph: Graph, reads: NGrams, linear: Linear, sequences: Sequences) -> str:
    """A linear model of n-grams, in single precision: each of the operators in between makes n_features numbers for a
    row, which are not sparse. So lengths and weights join behind the product.
    """
    counts = [graph.insert(graph.cast(sequences.leading, np.float32), 1)]  # zeros, for which there is no weight
    for feature, kinds in enumerate(reads.grams):
        if not kinds:
            continue
        tokens = graph.op("Gather", sequences.values, np.int64(feature), axis=2)  # (B, T)
        tokens = graph.op("Where", sequences.real, tokens, np.int64(0))
        ends = np.cumsum([kind.size for kind in kinds]).tolist()
        pool = {
            "pool_int64s": np.concatenate([kind.ravel() for kind in kinds]).tolist(),
            "ngram_counts": [0, *ends[:-1]],
            "ngram_indexes": list(range(sum(map(len, kinds)))),
        }
        orders = {"min_gram_length": 1, "max_gram_length": len(kinds), "max_skip_count": 0}
        counts.append(graph.op("TfIdfVectorizer", tokens, mode="TF", **orders, **pool))
    found = graph.op("Concat", *counts, axis=1)
    logs = graph.op("Log", graph.op("Max", found, np.float32(1)))
    logs = graph.op("Add", logs, graph.op("Min", found, np.float32(1)))  # 1 + log n; 0 where there is none
    weights = np.concatenate([[0.0], reads.idf])[:, None]
    coef = np.concatenate([np.zeros((1, linear.coef.shape[1])), linear.coef])
    product = graph.cast(graph.op("MatMul", logs, (weights * coef).astype(np.float32)), np.float64)
    squares = graph.op("MatMul", graph.op("Mul", logs, logs), (weights**2).astype(np.float32))
    squares = graph.cast(squares, np.float64)
    nothing = graph.op("Equal", squares, np.float64(0))
    length = graph.op("Sqrt", graph.op("Where", nothing, np.float64(1), squares))
    return graph.op("Add", graph.op("Div", product, length), linear.intercept)


def _newest(graph: Graph, reads: NewestSteps, sequences: Sequences, values: str) -> str:
    """The newest steps side by side, zeros in front of a shorter sequence: `NewestSteps.features`."""
    steps = graph.op("Add", graph.insert(sequences.lengths, 1), np.arange(-reads.n_steps, 0))
    newest = graph.take(values, graph.op("Max", steps, np.int64(0)))
    before = graph.insert(graph.op("Less", steps, np.int64(0)), 2)
    newest = graph.op("Where", before, np.float64(0), newest)
    if not reads.vocabulary:
        return graph.op("Reshape", newest, ints(0, reads.n_features))
    numbers = graph.op("Gather", newest, np.array(reads.numbers), axis=2)
    parts = [graph.op("Reshape", numbers, ints(0, reads.n_steps * len(reads.numbers)))]
    last = graph.op("Gather", newest, np.int64(reads.n_steps - 1), axis=1)  # (B, F)
    for feature, size in reads.one_hot:
        code = graph.op("Gather", last, ints(feature), axis=1)
        parts.append(graph.cast(graph.op("Equal", code, np.arange(1.0, size + 1)), np.float64))
    return graph.op("Concat", *parts, axis=1)


def _shares(graph: Graph, reads: Shares, sequences: Sequences, values: str) -> str:
    """How often each kernel passes its thresholds: `Shares.features`, added up in the same order.

    A threshold may be what a kernel gives at many steps, and then the last bit counts: so these are sums and not a
    convolution.
    """
    by_input = graph.op("Transpose", values, perm=[2, 0, 1])  # (F, B, T)
    n_steps = graph.op("Gather", graph.op("Shape", values), ints(1))
    parts = []
    for d, dilation in enumerate(reads.dilations.tolist()):
        margin = (Shares.width // 2) * dilation
        padded = graph.op("Pad", by_input, ints(0, 0, margin, 0, 0, margin))
        read = _channel_sums(graph, padded, reads.channels[d])  # (C, B, T + 2 margin)
        products = _products(graph, read, dilation, n_steps, len(Shares.places) if reads.channels.shape[2] > 1 else 1)
        parts.append(_passed(graph, sequences, products, reads.thresholds[d], margin, d % 2))
    shares = graph.op("Reshape", graph.op("Transpose", graph.op("Concat", *parts, axis=0), perm=[2, 0, 1]), ints(0, -1))
    return graph.op("Div", graph.op("Sub", shares, reads.mean), reads.scale)


def _channel_sums(graph: Graph, padded: str, channels: Array) -> str:
    """What each kernel reads of the inputs (F, B, T'), of several a sum in their order; (K or 1, B, T')."""
    if channels.shape[1] == 1:
        return padded
    with_zeros = graph.op("Pad", padded, ints(0, 0, 0, 1, 0, 0))  # one more input, where a kernel reads fewer
    most = int(channels.sum(axis=1).max())
    chosen = np.full((len(channels), most), channels.shape[1])
    for row, flags in zip(chosen, channels, strict=True):
        row[: flags.sum()] = np.flatnonzero(flags)
    total = graph.op("Gather", with_zeros, chosen[:, 0], axis=0)
    for column in chosen.T[1:]:
        total = graph.op("Add", total, graph.op("Gather", with_zeros, column, axis=0))
    return total


def _products(graph: Graph, read: str, dilation: int, n_steps: str, n_forms: int) -> str:
    """What each kernel gives at every step (K, B, T): three times the three places, less all nine."""
    places = []
    for place in range(Shares.width):
        begin = ints(place * dilation)
        places.append(graph.op("Slice", read, begin, graph.op("Add", n_steps, begin), ints(2)))
    total = places[0]
    for one in places[1:]:
        total = graph.op("Add", total, one)
    every = graph.op("Concat", *places, axis=0)  # (9 * n_forms, B, T)
    kernels = np.arange(len(Shares.places)) % n_forms
    first, second, third = (graph.op("Gather", every, place * n_forms + kernels, axis=0) for place in Shares.places.T)
    three = graph.op("Add", graph.op("Add", first, second), third)
    return graph.op("Sub", graph.op("Mul", np.float32(3), three), total)


def _passed(graph: Graph, sequences: Sequences, products: str, thresholds: Array, margin: int, first: int) -> str:
    """At how large a share of the steps each threshold (K, Q) is passed, in double precision; (K, Q, B).

    Every second kernel, from the number 1 - ``first`` on, counts only where it lies inside the sequence, if it does
    anywhere.
    """
    lengths, numbers = sequences.lengths, sequences.numbers
    inner = graph.op("Less", np.int64(2 * margin), lengths)
    begin = graph.op("Where", inner, np.int64(margin), np.int64(0))
    end = graph.op("Sub", lengths, begin)
    before = graph.op("Less", numbers, graph.insert(begin, 1))
    inside = graph.op("And", graph.op("Not", before), graph.op("Less", numbers, graph.insert(end, 1)))  # (B, T)
    is_inner = (np.arange(len(Shares.places)) + first) % 2 == 1
    counted = graph.op(
        "Or",
        graph.op("And", is_inner[:, None, None], inside),
        graph.op("And", ~is_inner[:, None, None], sequences.real),
    )  # (K, B, T)
    n_steps = graph.op("Where", is_inner[:, None], graph.op("Sub", end, begin), lengths)  # (K, B)
    passed = graph.op("Greater", graph.insert(products, 1), thresholds[:, :, None, None])
    passed = graph.op("And", passed, graph.insert(counted, 1))  # (K, Q, B, T)
    total = graph.op("ReduceSum", graph.cast(passed, np.float32), ints(3), keepdims=0)  # exact up to 2**24 steps
    return graph.op("Div", graph.cast(total, np.float64), graph.cast(graph.insert(n_steps, 1), np.float64))

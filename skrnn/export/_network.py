"""A network in the graph, as `skrnn.networks.torch` has it: embedding, segments, recurrent layers, pooling, head."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from skrnn._types import NetworkWeights
from skrnn.export._cells import recurrent
from skrnn.export._graph import Graph, ints
from skrnn.export._sequences import Sequences
from skrnn.networks import NetworkSpec

__all__ = ["Run", "head", "over_time", "run"]


class Run(NamedTuple):
    """What a network makes of sequences: tensors.

    Attributes
    ----------
    states : float32 (B, T', H')
        Of every step, or segment.
    last : float32 (B, H')
        Of each direction.
    segments : float32 (B, T', H) or None
        Their vectors.
    lengths : int64 (B,)
        Steps, or segments.
    real : bool (B, T')
        Which of them there are.
    """

    states: str
    last: str
    segments: str | None
    lengths: str
    real: str


def run(graph: Graph, spec: NetworkSpec, weights: NetworkWeights, sequences: Sequences, x: str) -> Run:
    """The network without its head, of what the scaling makes of sequences, x (B, T, F): numbers of categories too."""
    lengths, real, segments = sequences.lengths, sequences.real, None
    if spec.vocabulary:
        x = _embedded(graph, spec, weights, x)
    if spec.segment is not None:
        x, lengths, real = _project_segments(graph, spec, weights, sequences, x)
        segments = x
    last = ""
    for layer in spec.layers():
        x, last = recurrent(graph, spec, weights, layer, x, lengths)
    return Run(x, last, segments, lengths, real)


def head(graph: Graph, spec: NetworkSpec, weights: NetworkWeights, found: Run) -> str:
    """The outputs (B, K) or (B, T, K) in double precision."""
    read = found.states if spec.readout == "steps" else _pooled(graph, spec, weights, found)
    weight, bias = weights["head.weight"].T.astype(np.float64), weights["head.bias"].astype(np.float64)
    return graph.affine(graph.cast(read, np.float64), weight, bias)


def over_time(graph: Graph, name: str, values: str, found: Run) -> str:
    """The mean or the maximum (B, H) over the steps of values (B, T', H)."""
    real = graph.insert(found.real, 2)
    if name == "max":
        seen = graph.op("Where", real, values, np.float32(-np.inf))
        return graph.op("ReduceMax", seen, axes=[1], keepdims=0)
    total = graph.op("ReduceSum", graph.op("Where", real, values, np.float32(0)), ints(1), keepdims=0)
    return graph.op("Div", total, graph.insert(graph.cast(found.lengths, np.float32), 1))


def _embedded(graph: Graph, spec: NetworkSpec, weights: NetworkWeights, codes: str) -> str:
    """The numbers among the inputs (B, T, F), and the embeddings of the category numbers; (B, T, step_size)."""
    found = [graph.op("Gather", codes, np.array(spec.numbers), axis=2)] if spec.numbers else []
    for number, feature in enumerate(spec.looked_up):
        column = graph.op("Gather", codes, np.int64(feature), axis=2)
        column = graph.cast(column, np.int64) if spec.numbers else column
        found.append(graph.op("Gather", weights[f"embedding.{number}.weight"], column, axis=0))
    return graph.op("Concat", *found, axis=2)


def _project_segments(
    graph: Graph, spec: NetworkSpec, weights: NetworkWeights, sequences: Sequences, x: str
) -> tuple[str, str, str]:
    """One vector per segment (B, S, H), how many there are (B,), and which (B, S): `NetworkSpec.segment_steps`."""
    width = max(spec.widths)
    stride = min(spec.widths) if spec.segment_stride is None else spec.segment_stride
    one, zero, by = np.int64(1), np.int64(0), np.int64(stride)
    beyond = graph.op("Add", sequences.lengths, np.int64(stride - 1 - width))
    counts = graph.op("Add", graph.op("Max", graph.op("Div", beyond, by), zero), one)
    most = graph.op("Div", graph.op("Add", sequences.lengths, np.int64(stride - 1)), by)
    counts = graph.op("Min", counts, most)  # (B,)
    n_segments = graph.op("ReduceMax", counts, keepdims=0)
    number = graph.op("Range", zero, n_segments, one)  # (S,)
    later = graph.op("Sub", graph.op("Sub", graph.insert(counts, 1), one), number)
    ends = graph.op("Sub", graph.insert(sequences.lengths, 1), graph.op("Mul", later, by))  # (B, S)
    steps = graph.op("Add", graph.insert(ends, 2), np.arange(-width, 0))  # (B, S, W)
    real = graph.op("Less", number, graph.insert(counts, 1))
    padded = graph.op("Pad", x, ints(0, 1, 0, 0, 0, 0))  # a step of zeros stands where there is none
    steps = graph.op("Max", graph.op("Add", steps, one), zero)
    index = graph.op("Reshape", graph.op("Where", graph.insert(real, 2), steps, zero), ints(0, -1))
    read = graph.op("Reshape", graph.take(padded, index), ints(0, -1, width * spec.step_size))
    parts = []
    for name, _, columns in spec.segment_projections():
        part = graph.op("Slice", read, ints(columns.start), ints(columns.stop), ints(2))
        parts.append(graph.affine(part, weights[f"{name}.weight"].T, weights[f"{name}.bias"]))
    return graph.op("Relu", graph.op("Concat", *parts, axis=2)), counts, real


def _pooled(graph: Graph, spec: NetworkSpec, weights: NetworkWeights, found: Run) -> str:
    """The last states, their mean, … side by side, then mean and maximum of the segments' vectors; (B, P)."""
    parts = []
    for name in spec.pooling:
        if name == "attention":
            parts.append(_attended(graph, weights, found))
        else:
            parts.append(found.last if name == "last" else over_time(graph, name, found.states, found))
    if found.segments is not None:
        parts += [over_time(graph, name, found.segments, found) for name in spec.segment_pooling]
    return graph.op("Concat", *parts, axis=1)


def _attended(graph: Graph, weights: NetworkWeights, found: Run) -> str:
    """The states, each by what it counts: additive attention of one query (Bahdanau, Cho & Bengio, ICLR 2015)."""
    keys = graph.op("Tanh", graph.affine(found.states, weights["pooling.weight"].T, weights["pooling.bias"]))
    scores = graph.affine(keys, weights["query.weight"].T, None)  # (B, T, 1)
    scores = graph.op("Where", graph.insert(found.real, 2), scores, np.float32(-np.inf))
    shares = graph.op("Softmax", scores, axis=1)
    return graph.op("ReduceSum", graph.op("Mul", shares, found.states), ints(1), keepdims=0)

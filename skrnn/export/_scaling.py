"""From steps to what a network reads, in the graph: `InputScaling`, line by line."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from skrnn.export._graph import Graph, ints
from skrnn.export._sequences import Sequences
from skrnn.sequences import InputScaling

__all__ = ["Scaled"]


class Scaled(NamedTuple):
    """Sequences, and what their scaling takes off them.

    Attributes
    ----------
    missing : bool tensor of shape (B, T, F)
    level, spread : float64 tensors of shape (B or 1, 1, F)
        What is taken off, and divided by; of no use where the scaling has no kind.
    """

    graph: Graph
    scaling: InputScaling
    sequences: Sequences
    missing: str
    level: str
    spread: str

    @classmethod
    def of(cls, graph: Graph, scaling: InputScaling, sequences: Sequences) -> Scaled:
        """Measure the sequences."""
        missing = graph.op("IsNaN", sequences.values)
        mean, scale = (graph.constant(value[None, None]) for value in (scaling.mean, scaling.scale))
        if scaling.kind not in ("last", "window"):
            return cls(graph, scaling, sequences, missing, mean, scale)
        known = graph.op("And", graph.op("Not", missing), graph.insert(sequences.real, 2))
        measure = _last if scaling.kind == "last" else _window
        level, spread = measure(graph, sequences, known, scale)
        none = graph.op("Equal", _sum(graph, graph.cast(known, np.int64)), np.int64(0))
        level = graph.op("Where", none, mean, level)
        if scaling.vocabulary:
            level = graph.op("Where", scaling.are_numbers, level, np.float64(0))
            spread = graph.op("Where", scaling.are_numbers, spread, np.float64(1))
        return cls(graph, scaling, sequences, missing, level, spread)

    def inputs(self, dtype: type[np.floating]) -> str:
        """The network's inputs (B, T, input_size), zero in the padding: `InputScaling.gather`, rounded as it does."""
        graph, real = self.graph, self.graph.insert(self.sequences.real, 2)
        values, zero = graph.cast(self.sequences.values, np.float64), np.float64(0)
        if self.scaling.kind is None:
            values = graph.op("Where", self.missing, self.scaling.mean, values)
        else:
            values = graph.op("Div", graph.op("Sub", values, self.level), self.spread)
            values = graph.op("Where", self.missing, zero, values)
        indicators = np.flatnonzero(self.scaling.indicators)
        if len(indicators):
            flags = graph.op("Gather", graph.cast(self.missing, np.float64), indicators, axis=2)
            values = graph.op("Concat", values, flags, axis=2)
        return graph.cast(graph.op("Where", real, values, zero), dtype)


def _last(graph: Graph, sequences: Sequences, known: str, scale: str) -> tuple[str, str]:
    """The last known value of each feature, and the spread over the training set."""
    steps = graph.op("Where", known, graph.insert(sequences.numbers, 1), np.int64(0))
    newest = graph.op("ReduceMax", steps, axes=[1], keepdims=1)  # (B, 1, F)
    values = graph.op("GatherElements", sequences.values, newest, axis=1)
    return graph.cast(values, np.float64), scale


def _window(graph: Graph, sequences: Sequences, known: str, scale: str) -> tuple[str, str]:
    """The mean of each sequence, and its standard deviation, which is never quite 0."""
    zero = np.float64(0)
    values = graph.cast(sequences.values, np.float64)
    count = graph.op("Max", _sum(graph, graph.cast(known, np.float64)), np.float64(1))
    level = graph.op("Div", _sum(graph, graph.op("Where", known, values, zero)), count)
    errors = graph.op("Where", known, graph.op("Sub", values, level), zero)
    variance = graph.op("Div", _sum(graph, graph.op("Mul", errors, errors)), count)
    floor = graph.op("Mul", graph.op("Mul", scale, scale), np.float64(InputScaling.variance_floor))
    return level, graph.op("Sqrt", graph.op("Add", variance, floor))


def _sum(graph: Graph, values: str) -> str:
    """Over the steps, which stay as an axis of length 1."""
    return graph.op("ReduceSum", values, ints(1), keepdims=1)

"""The door for X in the graph: which steps are there, and the numbers of categories."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from skrnn.export._graph import Graph, ints
from skrnn.sequences import Columns, kind_of_categories

__all__ = ["Sequences", "read_inputs", "type_of_X"]


class Sequences(NamedTuple):
    """Sequences that all begin at the first step, as `SequenceBatch.positions` lays them out.

    Attributes
    ----------
    values : tensor of shape (B, T, F) of the numbers' type, or int64 where they are numbers of categories
        Behind a sequence the last step is repeated.
    lengths : int64 tensor of shape (B,)
    leading : int64 tensor of shape (B,)
        Steps of padding in front of each.
    numbers : int64 tensor of shape (T,)
        0, 1, 2, ….
    real : bool tensor of shape (B, T)
        Which steps there are.
    """

    values: str
    lengths: str
    leading: str
    numbers: str
    real: str


def type_of_X(columns: Columns, numbers: type[np.floating]) -> type:
    """What a graph reads: this type of numbers, or the type of the categories.

    Raises
    ------
    ValueError
        If it reads categories of several types.
    """
    kinds = {kind_of_categories(known) for known in columns.categories if len(known)}
    if len(kinds) > 1:
        raise ValueError(
            "The features of X are categories of two types, strings and integers, and a tensor of ONNX has one. Fit on "
            "strings alone, such as X.astype(str)."
        )
    if not columns.categories:
        return numbers
    return str if kinds == {"strings"} else np.int64


def read_inputs(graph: Graph, columns: Columns, numbers_type: type[np.floating]) -> Sequences:
    """The inputs "X" and "lengths" of the graph as a prediction reads them."""
    x = "X"
    if columns.form == "flat":
        x = graph.op("Reshape", x, ints(0, -1, columns.n_step_features))
    n_steps = graph.op("Gather", graph.op("Shape", x), np.int64(1))
    numbers = graph.op("Range", np.int64(0), n_steps, np.int64(1))
    # Of a batch without a row this is an error; onnxruntime's recurrences would end the process.
    first = graph.op("Gather", "lengths", np.int64(0))
    one = graph.op("Max", graph.op("Min", first, np.int64(1)), np.int64(1))
    lengths = graph.op("Max", graph.op("Min", "lengths", n_steps), one)
    given = graph.op("Less", numbers, graph.insert(lengths, 1))  # (B, T)
    if columns.categories:
        codes = _numbered(graph, x, columns)
        return Sequences(codes, lengths, graph.op("Sub", lengths, lengths), numbers, given)
    values = graph.op("Where", graph.insert(given, 2), x, numbers_type(np.nan))
    return _without_padding(graph, values, lengths, n_steps, numbers)


def _without_padding(graph: Graph, values: str, lengths: str, n_steps: str, numbers: str) -> Sequences:
    """Steps that are NaN in every feature are cut off at both ends, as in `SequenceBatch.from_spans`."""
    present = graph.op("Not", graph.op("IsNaN", values))
    anything = graph.op("ReduceMax", graph.cast(present, np.int64), axes=[2], keepdims=0)
    real = graph.cast(anything, np.bool_)  # (B, T)
    edges = {
        "ReduceMin": graph.op("Where", real, numbers, n_steps),
        "ReduceMax": graph.op("Where", real, numbers, np.int64(-1)),
    }
    first, last = (graph.op(kind, steps, axes=[1], keepdims=0) for kind, steps in edges.items())
    nothing, end = graph.op("Less", last, np.int64(0)), graph.op("Sub", lengths, np.int64(1))
    first, last = graph.op("Where", nothing, end, first), graph.op("Where", nothing, end, last)
    size = graph.op("Add", graph.op("Sub", last, first), np.int64(1))
    index = graph.op("Add", graph.insert(first, 1), numbers)
    index = graph.op("Min", index, graph.insert(last, 1))
    inside = graph.op("Less", numbers, graph.insert(size, 1))
    return Sequences(graph.take(values, index), size, first, numbers, inside)


def _numbered(graph: Graph, x: str, columns: Columns) -> str:
    """The number of each category (B, T, F), 0 for what `fit` did not see."""
    keys, none = ("keys_strings", "") if type_of_X(columns, np.float32) is str else ("keys_int64s", 0)
    found = []
    for feature, known in enumerate(columns.categories):
        column = graph.op("Gather", x, ints(feature), axis=2)
        table: dict[str, Any] = {keys: known.tolist() or [none], "values_int64s": list(range(1, len(known) + 1)) or [0]}
        found.append(graph.op("LabelEncoder", column, domain="ai.onnx.ml", default_int64=0, **table))
    return graph.op("Concat", *found, axis=2)

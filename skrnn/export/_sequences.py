"""The door for X in the graph: which steps are there, and the numbers of categories."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from skrnn._types import Array
from skrnn.export._graph import Graph, ints
from skrnn.sequences import Columns, kind_of_categories

__all__ = ["Sequences", "read_inputs", "type_of_X"]


class Sequences(NamedTuple):
    """Sequences that all begin at the first step, as `SequenceBatch.positions` lays them out.

    Attributes
    ----------
    values : tensor of shape (B, T, F) of the numbers' type, or int64 where all are numbers of categories
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
        If it reads categories of several types, or beside numbers that have not all of them.
    """
    if columns.mixes:
        _refuse_rounded(columns, numbers)
        return numbers
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
    if columns.embeds_all:
        codes = _numbered(graph, x, columns)
        return Sequences(codes, lengths, graph.op("Sub", lengths, lengths), numbers, given)
    x = _partly_numbered(graph, x, columns, numbers_type) if columns.mixes else x
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
        found.append(_encoded(graph, column, known, keys, none))
    return graph.op("Concat", *found, axis=2)


def _partly_numbered(graph: Graph, x: str, columns: Columns, numbers_type: type[np.floating]) -> str:
    """The numbers (B, T, F), and the number of each category, which are whole numbers; missing ones stay missing."""
    found = []
    for feature, known in enumerate(columns.categories):
        column = graph.op("Gather", x, ints(feature), axis=2)
        if known is not None:
            missing = graph.op("IsNaN", column)
            whole = graph.cast(graph.op("Where", missing, numbers_type(0), column), np.int64)
            codes = graph.cast(_encoded(graph, whole, known, "keys_int64s", 0), numbers_type)
            column = graph.op("Where", missing, numbers_type(np.nan), codes)
        found.append(column)
    return graph.op("Concat", *found, axis=2)


def _encoded(graph: Graph, column: str, known: Array, keys: str, none: Any) -> str:
    """The numbers of categories, 0 for those that are not known."""
    table: dict[str, Any] = {keys: known.tolist() or [none], "values_int64s": list(range(1, len(known) + 1)) or [0]}
    return graph.op("LabelEncoder", column, domain="ai.onnx.ml", default_int64=0, **table)


def _refuse_rounded(columns: Columns, numbers: type[np.floating]) -> None:
    """Categories that a tensor of these numbers does not hold."""
    for feature, known in enumerate(columns.categories):
        if known is not None and len(known) and (known.astype(numbers).astype(object) != known.astype(object)).any():
            raise ValueError(
                f"Feature {feature} of X has categories that {np.dtype(numbers)} rounds, up to {np.abs(known).max()}. "
                "Write the graph with input_dtype='float64', or number them from 0 on (OrdinalEncoder)."
            )

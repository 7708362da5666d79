"""An ONNX graph while it grows. A tensor goes by its name; an array among the inputs of a node becomes a constant."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import DTypeLike
from onnx import helper, numpy_helper

from skrnn._types import Array

__all__ = ["Axes", "Graph", "Port", "ints"]

Operand = str | Array | np.generic
Axes = tuple[str | int, ...]  # by size, or by name


class Port(NamedTuple):
    """An input or an output of a graph: its tensor, the type of its values, and its axes."""

    tensor: str
    dtype: DTypeLike
    axes: Axes

    def named(self, name: str) -> Any:
        """As ONNX describes it."""
        return helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(np.dtype(self.dtype)), self.axes)


class Graph:
    """Nodes in the order of computation, and the constants that they read.

    The words are those of https://onnx.ai/onnx/operators.
    """

    def __init__(self) -> None:
        self.nodes: list[Any] = []
        self.constants: list[Any] = []

    def op(self, kind: str, *inputs: Operand, **attributes: Any) -> str:
        """The (first) output of a new node."""
        return self.ops(1, kind, *inputs, **attributes)[0]

    def ops(self, n_outputs: int, kind: str, *inputs: Operand, **attributes: Any) -> list[str]:
        """The outputs of a new node."""
        name = f"{kind}_{len(self.nodes)}"
        outputs = [name if i == 0 else f"{name}_{i}" for i in range(n_outputs)]
        names = [one if isinstance(one, str) else self.constant(one) for one in inputs]
        self.nodes.append(helper.make_node(kind, names, outputs, name=name, **attributes))
        return outputs

    def constant(self, value: Array | np.generic) -> str:
        """A tensor that is always the same."""
        name = f"constant_{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.asarray(value), name))
        return name

    def needed_for(self, outputs: Collection[str]) -> tuple[list[Any], list[Any]]:
        """The nodes and constants from which these tensors are computed."""
        read, nodes = set(outputs), []
        for node in reversed(self.nodes):
            if read.intersection(node.output):
                read.update(node.input)
                nodes.append(node)
        return nodes[::-1], [constant for constant in self.constants if constant.name in read]

    def cast(self, tensor: str, dtype: DTypeLike) -> str:
        """The same numbers in another type."""
        return self.op("Cast", tensor, to=helper.np_dtype_to_tensor_dtype(np.dtype(dtype)))

    def insert(self, tensor: str, *axes: int) -> str:
        """The tensor with axes of length 1 at these places."""
        return self.op("Unsqueeze", tensor, ints(*axes))

    def affine(self, tensor: str, weight: Array, bias: Array | None) -> str:
        """x W + b on the last axis."""
        product = self.op("MatMul", tensor, weight)
        return product if bias is None else self.op("Add", product, bias)

    def take(self, tensor: str, index: str) -> str:
        """Of each row of a tensor (B, T, …) what stands at the steps (B, S)."""
        return self.op("GatherND", tensor, self.insert(index, 2), batch_dims=1)


def ints(*values: int) -> Array:
    """Axes, shapes and the like, as operators read them."""
    return np.array(values, np.int64)

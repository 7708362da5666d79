"""A fitted estimator as an ONNX model."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
from onnx import helper

from skrnn.estimators import Fitted, RNNSequenceTransformer
from skrnn.export._answers import Answers, average, offsets, placed
from skrnn.export._graph import Axes, Graph, Port
from skrnn.export._network import head, over_time, run
from skrnn.export._scaling import Scaled
from skrnn.export._sequences import Sequences, read_inputs, type_of_X
from skrnn.export._starts import linear_outputs
from skrnn.sequences import Columns
from skrnn.training import Linear
from skrnn.version import __version__

__all__ = ["model_of"]

# Of 2022: every operator is in it, and runtimes of the years since then read it.
_OPSETS = {"": 17, "ai.onnx.ml": 3}
_IR_VERSION = 8


def model_of(estimator: Any, fitted: Fitted, numbers: type[np.floating]) -> Any:
    """The model that reads numbers of this type, checked for its form: types, shapes, attributes."""
    graph = Graph()
    sequences = read_inputs(graph, fitted.columns, numbers)
    scaled = None if fitted.columns.embeds_all else Scaled.of(graph, fitted.scalings.inputs, sequences)
    x = sequences.values if scaled is None else scaled.inputs(np.float32)
    if isinstance(estimator, RNNSequenceTransformer):
        found = {"transform": _features(graph, fitted, estimator.pooling, sequences, x)}
    else:
        outputs = _outputs(graph, fitted, sequences, scaled, x)
        answers = Answers(graph, fitted.task, fitted.n_outputs, fitted.scalings.targets, sequences, scaled)
        found = answers.of(outputs)
    return _closed(graph, fitted.columns, type_of_X(fitted.columns, numbers), found, type(estimator).__name__)


def _features(graph: Graph, fitted: Fitted, pooling: str | None, sequences: Sequences, x: str) -> Port:
    """The states as `RNNSequenceTransformer.transform` pools them."""
    found, size = run(graph, fitted.spec, fitted.weights, sequences, x), fitted.spec.state_size
    if pooling is not None:
        pooled = found.last if pooling == "last" else over_time(graph, pooling, found.states, found)
        return Port(pooled, np.float32, ("batch", size))
    if fitted.spec.segment is None:
        states, there = placed(graph, found.states, sequences)
        steps = "time"
    else:
        states, there, steps = found.states, graph.insert(found.real, 2), "segments"
    return Port(graph.op("Where", there, states, np.float32(np.nan)), np.float32, ("batch", steps, size))


def _outputs(graph: Graph, fitted: Fitted, sequences: Sequences, scaled: Scaled | None, x: str) -> str:
    """The mean of the networks' outputs, with what they start from."""
    spec, parts = fitted.spec, []
    for weights in fitted.networks:
        parts.append(head(graph, spec, weights, run(graph, spec, weights, sequences, x)))
    outputs = average(graph, fitted.task, parts) if len(parts) > 1 else parts[0]
    if isinstance(fitted.linear, Linear):
        linear = linear_outputs(graph, fitted.linear, sequences, scaled)
        n_targets = len(fitted.linear.intercept)
        outputs = graph.op("Add", outputs, offsets(graph, fitted.task, linear, n_targets, spec.output_size))
    return outputs


def _closed(graph: Graph, columns: Columns, kind: type, outputs: dict[str, Port], name: str) -> Any:
    """The graph with its inputs and outputs."""
    axes: Axes = ("batch", columns.n_features) if columns.form == "flat" else ("batch", "time", columns.n_features)
    inputs = {"X": Port("X", kind, axes), "lengths": Port("lengths", np.int64, ("batch",))}
    for method, port in outputs.items():
        graph.nodes.append(helper.make_node("Identity", [port.tensor], [method], name=method))
    nodes, constants = graph.needed_for(outputs)
    named = [[port.named(method) for method, port in part.items()] for part in (inputs, outputs)]
    model = helper.make_model(
        helper.make_graph(nodes, name, named[0], named[1], constants),
        producer_name="skrnn",
        producer_version=__version__,
        ir_version=_IR_VERSION,
        opset_imports=[helper.make_opsetid(domain, version) for domain, version in _OPSETS.items()],
    )
    onnx.checker.check_model(model, full_check=True)
    return model

"""From outputs to answers, in the graph: what `Task.answer` says of them, under the names of the methods."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from skrnn._types import Array
from skrnn.export._graph import Axes, Graph, Port, ints
from skrnn.export._scaling import Scaled
from skrnn.export._sequences import Sequences
from skrnn.objectives import Likelihood, Objective, QuantileLoss, TargetScaling
from skrnn.tasks import Classes, EveryStep, Labels, Numbers, Task

__all__ = ["Answers", "average", "offsets", "placed"]


def offsets(graph: Graph, task: Task, linear: str, n_targets: int, n_outputs: int) -> str:
    """What predictions (B, n_targets) of a linear model are as outputs (B, n_outputs): `Task.offsets`."""
    if not isinstance(task, Numbers):
        return linear
    each = n_outputs // n_targets
    found = graph.op("Gather", linear, np.repeat(np.arange(n_targets), each), axis=1)
    if task.loss.starts_from_roots:
        root = graph.op("Max", found, np.float64(0.0))
        found = graph.op("Mul", root, root)
    if task.loss.link == "log":
        found = graph.op("Log", graph.op("Max", found, np.float64(task.least_mean)))
    if isinstance(task.loss, Likelihood):  # a start says nothing of spreads
        found = graph.op("Mul", found, np.where(np.arange(n_outputs) % each == 0, 1.0, 0.0))
    return found


def average(graph: Graph, task: Task, outputs: list[str]) -> str:
    """The outputs of several networks together: `Task.average`, as far as means come of it."""
    rows = task.base if isinstance(task, EveryStep) else task
    logs = isinstance(rows, Numbers) and isinstance(rows.loss, Likelihood) and rows.loss.link == "log"
    total = graph.op("Exp", outputs[0]) if logs else outputs[0]
    for one in outputs[1:]:
        total = graph.op("Add", total, graph.op("Exp", one) if logs else one)
    if len(outputs) > 1:
        total = graph.op("Div", total, np.float64(len(outputs)))
    return graph.op("Log", total) if logs else total


def placed(graph: Graph, values: str, sequences: Sequences) -> tuple[str, str]:
    """Values of steps (B, T, K) where X had them, and where that is (B, T, 1)."""
    last = graph.op("Sub", graph.op("Shape", sequences.numbers), np.int64(1))
    steps = graph.op("Sub", sequences.numbers, graph.insert(sequences.leading, 1))  # (B, T)
    inside = graph.op("Less", steps, graph.insert(sequences.lengths, 1))
    there = graph.op("And", inside, graph.op("Not", graph.op("Less", steps, np.int64(0))))
    steps = graph.op("Min", graph.op("Max", steps, np.int64(0)), last)
    return graph.take(values, steps), graph.insert(there, 2)


@dataclass(frozen=True, eq=False)
class Answers:
    """Answers to outputs (B, K), or (B, T, K) with an output per step.

    Attributes
    ----------
    n_targets : int
    targets : TargetScaling or None
    scaled : Scaled or None
        The sequences on whose level the targets may lie; None: X holds categories.
    """

    graph: Graph
    task: Task
    n_targets: int
    targets: TargetScaling | None
    sequences: Sequences
    scaled: Scaled | None

    def of(self, outputs: str) -> dict[str, Port]:
        """By the name of a method."""
        task, there = self.task, None
        rows: Axes = ("batch",)
        if isinstance(task, EveryStep):
            outputs, there = placed(self.graph, outputs, self.sequences)
            task, rows = task.base, ("batch", "time")
        if isinstance(task, Numbers):
            if there is not None:
                outputs = self.graph.op("Where", there, outputs, np.float64(np.nan))
            return {"predict": self._numbers(task, outputs, rows)}
        assert isinstance(task, (Classes, Labels))
        return self._labels(task, outputs, there, rows)

    def _labels(self, task: Classes | Labels, outputs: str, there: str | None, rows: Axes) -> dict[str, Port]:
        """Labels and probabilities; the former mean nothing in the padding."""
        graph = self.graph
        columns: Axes = (*rows, task.n_classes)
        if isinstance(task, Classes):
            probabilities = graph.op("Softmax", outputs, axis=-1)
            assert task.classes is not None
            classes, best = _as_tensor(task.classes), graph.op("ArgMax", outputs, axis=-1, keepdims=0)
            labels = Port(graph.op("Gather", classes, best), classes.dtype, rows)
        else:
            probabilities = graph.op("Sigmoid", outputs)
            above = graph.op("Greater", probabilities, np.float64(0.5))
            labels = Port(graph.cast(above, np.int64), np.int64, columns)
        if there is not None:
            probabilities = graph.op("Where", there, probabilities, np.float64(np.nan))
        return {"predict": labels, "predict_proba": Port(probabilities, np.float64, columns)}

    def _numbers(self, task: Numbers, outputs: str, rows: Axes) -> Port:
        """Predictions in the user's units; ``rows``: the axes in front of that of the targets."""
        graph, levels, scaling = self.graph, task.levels, self.targets
        assert scaling is not None
        y = _decoded(graph, task.loss, outputs, self.n_targets, len(rows))
        form = (-1, 1) if levels else (-1,)
        mean, scale = graph.constant(scaling.mean.reshape(form)), graph.constant(scaling.scale.reshape(form))
        if scaling.kind in ("last", "window"):
            assert self.scaled is not None
            level, spread = (self._of_feature(one, form) for one in (self.scaled.level, self.scaled.spread))
            mean, scale = graph.op("Add", level, mean), spread if scaling.kind == "window" else scale
        y = graph.op("Add", mean, graph.op("Mul", scale, y))
        axes: Axes = (*rows, self.n_targets, *([len(levels)] if levels else []))
        gone = [len(rows)] * task.one_dimensional + [len(axes) - 1] * (bool(levels) and task.single)
        if gone:
            y = graph.op("Squeeze", y, ints(*gone))
        return Port(y, np.float64, tuple(size for axis, size in enumerate(axes) if axis not in gone))

    def _of_feature(self, values: str, form: tuple[int, ...]) -> str:
        """Of values (B, 1, F) those of the features whose future the targets are, (B, k) or (B, k, 1)."""
        assert self.targets is not None
        return self.graph.op("Reshape", self.graph.op("Gather", values, self.targets.feature, axis=2), ints(0, *form))


def _decoded(graph: Graph, loss: Objective, outputs: str, n_targets: int, n_leading: int) -> str:
    """Predictions in the units of the loss, with a last axis of levels where there are some: `Objective.decode`."""
    if isinstance(loss, Likelihood):
        outputs = graph.op("Gather", outputs, np.arange(n_targets) * loss.n_parameters, axis=-1)
    if loss.link == "log":
        ends = np.zeros((2, loss.n_outputs(1)))
        ends[:, 0] = -np.inf, np.inf
        low, high = np.log(loss.decode(ends)[:, 0])
        outputs = graph.op("Where", graph.op("Less", outputs, low), low, outputs)
        return graph.op("Exp", graph.op("Where", graph.op("Less", high, outputs), high, outputs))
    if not isinstance(loss, QuantileLoss):
        return outputs
    n_levels = len(loss.levels)
    each = graph.op("Reshape", outputs, ints(*[0] * n_leading, n_targets, n_levels))
    ascending, _ = graph.ops(2, "TopK", each, ints(n_levels), axis=-1, largest=0)
    rank = np.argsort(np.argsort(loss.levels, kind="stable"), kind="stable")
    return graph.op("Gather", ascending, rank, axis=-1)


def _as_tensor(classes: Array) -> Array:
    """Labels of a type that a tensor may have."""
    if classes.dtype.kind in "OU":
        return classes.astype(object)
    dtype = np.dtype(np.float64) if classes.dtype.itemsize > 8 else classes.dtype
    return classes.astype(dtype.newbyteorder("="))

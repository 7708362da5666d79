"""The graph, run with onnxruntime on made-up sequences, beside the estimator."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np
from sklearn import config_context

from skrnn._types import Array, Doubles
from skrnn.estimators import Fitted
from skrnn.export._sequences import type_of_X
from skrnn.objectives import TargetScaling
from skrnn.sequences import Columns
from skrnn.tasks import EveryStep, Numbers
from skrnn.training import Linear, NewestSteps

__all__ = ["compare"]

_TOLERANCE = 1e-5
_CLOSE = 1e-4  # probabilities that rounding may put in another order
_BATCHES = (1, 5)
_SHORT, _LONG = 3, 30  # steps


def compare(estimator: Any, fitted: Fitted, model: bytes, numbers: type[np.floating]) -> None:
    """Refuse a graph, which reads numbers of this type, that does not answer as the estimator does.

    Raises
    ------
    ValueError
        With how far apart they are.
    """
    session, bare = _session(model), _without_frames(estimator, fitted)
    names = [output.name for output in session.get_outputs()]
    for asked, lengths, padded in _samples(fitted, numbers):
        found = dict(zip(names, session.run(names, {"X": asked, "lengths": lengths}), strict=True))
        with config_context(transform_output="default"):
            expected = {name: np.asarray(getattr(bare, name)(padded)) for name in names}
        for name in names:
            apart = _apart(name, found, expected, fitted)
            if not apart <= _TOLERANCE:
                raise ValueError(
                    f"The graph of this {type(estimator).__name__} is not as good: its {name!r} is off by {apart:.2g} "
                    f"of the scale of the answers, more than {_TOLERANCE:g}. The recurrences of ONNX compute in single "
                    "precision, which large weights and unscaled inputs magnify; what a subclass computes is not in "
                    "the graph. Nothing was written."
                )


def _without_frames(estimator: Any, fitted: Fitted) -> Any:
    """The same estimator, which takes columns without names and gives arrays."""
    kind: Any = type(estimator)
    bare = kind.__new__(kind)
    columns = replace(fitted.columns, names=None)
    vars(bare).update(vars(estimator), _fitted=replace(fitted, columns=columns), _sklearn_output_config={})
    return bare


def _session(model: bytes) -> Any:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3  # errors
    return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])


def _samples(fitted: Fitted, numbers: type[np.floating]) -> Iterator[tuple[Array, Array, Array]]:
    """What the graph reads, and the same for the estimator: batches of two sizes and, but for tables, lengths."""
    rng, columns = np.random.default_rng(0), fitted.columns
    sizes = (_SHORT, _longest(fitted))
    if columns.form == "flat":
        sizes = (columns.n_features // columns.n_step_features,) * 2
    for n_rows, n_steps in zip(_BATCHES, sizes, strict=True):
        lengths = rng.integers(1, n_steps + 1, n_rows)
        lengths[-1] = n_steps
        shape = (n_rows, n_steps, columns.n_step_features)
        if columns.embeds_all:
            asked, nothing = _categories(columns, shape, rng), None
        else:
            asked, nothing = _numbers(fitted, shape, rng).astype(numbers), np.nan
        padded = asked.astype(object) if columns.embeds_all else asked.copy()
        padded[np.arange(n_steps) >= lengths[:, None]] = nothing
        form = (n_rows, -1) if columns.form == "flat" else shape
        yield asked.reshape(form), lengths, padded.reshape(form)


def _longest(fitted: Fitted) -> int:
    """Steps that are more than any part looks back, but for kernels without an end."""
    reads = fitted.linear.reads if isinstance(fitted.linear, Linear) else None
    start = reads.n_steps if isinstance(reads, NewestSteps) else 0
    return max(_LONG, start + 2, max(fitted.spec.widths, default=0) + 2)


def _numbers(fitted: Fitted, shape: tuple[int, ...], rng: np.random.Generator) -> Array:
    """Values as those of the training set, some missing, and the first step of the last sequence not there."""
    scaling = fitted.scalings.inputs
    values = scaling.mean + scaling.scale * rng.normal(size=shape)
    missing = rng.random(shape) < 0.1
    missing[-1, 0] = True
    missing[:, min(1, shape[1] - 1), 0] = False
    missing[:-1, 0, 0] = False
    most = float(np.finfo(np.float32).max)
    values = np.clip(values, -most, most)
    for feature, known in enumerate(fitted.columns.categories):
        if known is not None:
            choice = np.array([*known.tolist(), _new(known.tolist(), int)])
            values[:, :, feature] = choice[rng.integers(0, len(choice), shape[:2])]
    return np.where(missing, np.nan, values)


def _categories(columns: Columns, shape: tuple[int, ...], rng: np.random.Generator) -> Array:
    """Those of the training set, and one that was not in it."""
    dtype = type_of_X(columns, np.float32)
    found = np.empty(shape, object)
    for feature, known in enumerate(columns.categories):
        values = known.tolist()
        choice = np.array([*values, _new(values, dtype)], object)
        found[:, :, feature] = choice[rng.integers(0, len(choice), shape[:2])]
    return found if dtype is str else found.astype(dtype)


def _new(values: list[Any], dtype: Callable[[int], Any]) -> Any:
    """A category that is none of these."""
    return next(iter({*map(dtype, range(len(values) + 1))}.difference(values)))


def _apart(name: str, found: dict[str, Array], expected: dict[str, Array], fitted: Fitted) -> float:
    """How far an output is from what the estimator says, in units of its scale; infinite if one of them is NaN."""
    task = fitted.task.base if isinstance(fitted.task, EveryStep) else fitted.task
    one, other = found[name], expected[name]
    if name == "predict" and "predict_proba" in expected:
        sure = _are_sure(expected["predict_proba"], other.ndim)
        return 0.0 if (one[sure] == other[sure]).all() else np.inf
    if one.shape != other.shape or (np.isnan(one) != np.isnan(other)).any():
        return np.inf
    known, targets = ~np.isnan(other), fitted.scalings.targets
    if name == "predict" and isinstance(task, Numbers) and targets is not None:
        span = _span(fitted, targets, task, other)
    else:
        span = 1.0 + np.abs(other) * (name == "transform")
    return float((np.abs(one - other) / span)[known].max(initial=0.0))


def _are_sure(probabilities: Doubles, n_axes: int) -> Array:
    """Where rounding cannot change a label; False in the padding."""
    if n_axes == probabilities.ndim:
        return np.asarray(np.abs(probabilities - 0.5) > _CLOSE)
    highest = np.sort(probabilities, axis=-1)[..., -2:]
    return np.asarray(highest[..., 1] - highest[..., 0] > _CLOSE)


def _span(fitted: Fitted, targets: TargetScaling, task: Numbers, predicted: Doubles) -> Doubles:
    """The scale of each target, and how far a prediction is from its mean."""
    scale, centre = targets.scale, targets.mean
    if targets.kind in ("last", "window"):
        centre = centre + fitted.scalings.inputs.mean[targets.feature]
    if task.one_dimensional:
        scale, centre = scale[0], centre[0]
    elif not task.single:
        scale, centre = scale[:, None], centre[:, None]
    return np.asarray(scale + np.abs(predicted - centre))

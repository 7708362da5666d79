"""Targets, weights and predictions with one value per time step, as one flat table of steps."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.exceptions import DataConversionWarning

from skrnn.estimators._encoding import label_numbers, number_classes
from skrnn.estimators._validation import check_weights, require_y
from skrnn.sequences import SequenceBatch, as_numbers, detached, is_ragged, plain_categories

__all__ = [
    "all_outputs",
    "check_row_weights",
    "encode_step_labels",
    "flat_labels",
    "flat_numbers",
    "flat_weights",
    "require_some_target",
    "steps_as_given",
    "targets_of_steps",
]

Doubles = NDArray[np.float64]
Flags = NDArray[np.bool_]

_LARGEST = float(np.finfo(np.float32).max)


def flat_numbers(estimator: Any, y: Any, batch: SequenceBatch) -> tuple[Doubles, Flags, bool]:
    """Numbers (N, k) of all real steps of the batch, which steps have none, and whether there is no target axis."""
    name = type(estimator).__name__
    require_y(estimator, y)
    rows = _rows(y, batch, lambda item, label: as_numbers(item, name, label), name)
    values, plain = _flat(rows, batch, name)
    numbers = np.asarray(values, np.float64)
    missing = np.isnan(numbers)
    if (np.abs(numbers[~missing]) > _LARGEST).any():
        raise ValueError("Input y contains infinity or a value too large for dtype('float32'). Scale y down.")
    some = missing.any(axis=1) & ~missing.all(axis=1)
    if some.any():
        row, step = _place(batch, int(some.argmax()))
        raise ValueError(f"y has some of its targets missing at sequence {row}, time step {step}: give all, or none.")
    return numbers, missing[:, 0], plain


def flat_labels(estimator: Any, y: Any, batch: SequenceBatch) -> tuple[NDArray[Any], Flags, bool]:
    """Labels (N,) of all real steps and which steps have none; or label indicators (N, n_labels), and True."""
    name = type(estimator).__name__
    require_y(estimator, y)
    rows = _rows(y, batch, lambda item, label: _labels(item, label), name)
    values, plain = _flat(rows, batch, name)
    if values.dtype.kind == "c":
        raise ValueError(f"Complex data not supported: y has dtype {values.dtype}.")
    if not plain:
        numbers = as_numbers(values, name, "y").astype(np.float64)
        missing = np.isnan(numbers).any(axis=1)
        if not np.isin(numbers[~missing], (0.0, 1.0)).all():
            raise ValueError("y with a third axis holds several labels per time step, as indicators that are 0 or 1.")
        return numbers, missing, True
    labels = values[:, 0]
    if labels.dtype.kind in "iubU":
        return labels, np.zeros(len(labels), bool), False
    if labels.dtype.kind == "f":
        missing = np.isnan(labels)
        if np.isinf(labels).any() or (labels[~missing] % 1).any():
            raise ValueError("Unknown label type: continuous. Labels of time steps are integers, booleans or strings.")
        return labels, missing, False
    found, missing = plain_categories(labels, name, "y")
    return found, missing, False


def encode_step_labels(
    estimator: Any, y: Any, batch: SequenceBatch, classes: NDArray[Any] | None
) -> tuple[SequenceBatch, NDArray[Any], bool]:
    """Class numbers (or label indicators) of all steps, the classes, and whether there are several labels per step."""
    values, missing, multilabel = flat_labels(estimator, y, batch)
    if multilabel:
        return targets_of_steps(values, missing, batch), label_numbers(estimator, values.shape[1], classes), True
    codes = np.full((len(values), 1), np.nan)
    codes[~missing, 0], classes = number_classes(estimator, values[~missing], classes)
    return targets_of_steps(codes, missing, batch), classes, False


def targets_of_steps(values: Doubles, missing: Flags, batch: SequenceBatch) -> SequenceBatch:
    """Targets (N, k) as sequences, with a last column of weights: 1, or 0 where there is no target."""
    steps = np.column_stack([values, ~missing]).astype(np.float64)
    steps[missing, :-1] = np.nan
    return SequenceBatch.one_after_another(steps, batch.lengths)


def check_row_weights(sample_weight: Any, batch: SequenceBatch, targets: Any, *, by_step: bool) -> tuple[Any, Doubles]:
    """The targets and a weight for each row; weights of single steps (``by_step``) become part of the targets.

    A row whose steps all weigh 2 is the row twice: the largest weight of its steps is the row's, and the steps keep
    theirs relative to it. A row without a step that counts has weight 0.
    """
    if not by_step:
        return targets, check_weights(sample_weight, batch.n_samples)
    steps = targets.steps.copy()
    steps[:, -1] *= flat_weights(sample_weight, batch)
    steps[steps[:, -1] == 0, :-1] = np.nan  # as if there were no target
    largest = np.maximum.reduceat(steps[:, -1], targets.starts)
    if not largest.any():
        raise ValueError("y has no time step with a target and a weight above 0.")
    steps[:, -1] /= np.repeat(np.where(largest > 0, largest, 1.0), targets.lengths)
    return SequenceBatch(steps, targets.starts, targets.lengths, targets.leading, targets.spans), largest


def require_some_target(missing: Flags) -> None:
    """A score needs at least one time step with a target."""
    if missing.all():
        raise ValueError("y has no time step with a target: there is nothing to score.")


def flat_weights(sample_weight: Any, batch: SequenceBatch) -> Doubles:
    """A weight for each real step (N,), from weights of sequences or of single steps."""
    if (
        sample_weight is None
        or np.isscalar(sample_weight)
        or (not is_ragged(sample_weight) and np.ndim(sample_weight) < 2)
    ):
        return np.repeat(check_weights(sample_weight, batch.n_samples), batch.lengths)
    rows = _rows(sample_weight, batch, lambda item, label: as_numbers(item, "fit", label), "fit", "sample_weight")
    values, plain = _flat(rows, batch, "fit", "sample_weight")
    if not plain:
        raise ValueError("sample_weight has a third axis; a weight per sequence or per time step is expected.")
    return check_weights(np.asarray(values[:, 0], np.float64), len(values))


def all_outputs(estimator: Any, X: Any) -> tuple[SequenceBatch, Doubles]:
    """Validated X, and the network's outputs: (n_samples, K), or (N, K) of all real steps if it has one per step."""
    batch, chunks = estimator._run(X)
    if estimator._spec["readout"] != "steps":
        return batch, np.concatenate([values for values, _ in chunks])
    parts = [values[np.arange(values.shape[1]) < lengths[:, None]] for values, lengths in chunks]
    return batch, np.concatenate(parts)


def steps_as_given(estimator: Any, values: NDArray[Any], X: Any, batch: SequenceBatch) -> Any:
    """Predictions (N, …) of all real steps in the form of X: a list of (T_i, …), or an array (n_samples, T, …).

    Predictions of whole sequences stay as they are. Where X has padding, an array holds NaN, or None where its values
    are no floats.
    """
    if estimator._spec["readout"] != "steps":
        return values
    ends = np.cumsum(batch.lengths)
    if is_ragged(X) or (isinstance(X, (list, tuple)) and estimator._input_kind == "steps"):
        return _restored(np.split(values, ends[:-1]), batch)
    width = int(batch.spans.max())
    shape = (batch.n_samples, width, *values.shape[1:])
    if (batch.lengths == width).all():
        return values.reshape(shape)
    out = _blank(shape, values)
    out[_real(batch, width)] = values
    return out


def _restored(rows: list[NDArray[Any]], batch: SequenceBatch) -> list[NDArray[Any]]:
    """Rows with the padding that their sequence had, so that they fit its targets."""
    out = []
    for row, leading, length, span in zip(rows, batch.leading, batch.lengths, batch.spans, strict=True):
        if length < span:
            whole = _blank((span, *row.shape[1:]), row)
            whole[leading : leading + length] = row
            row = whole
        out.append(row)
    return out


def _real(batch: SequenceBatch, width: int) -> Flags:
    """Which cells of a table (n_samples, width), laid out as X was, are real steps."""
    inside = np.arange(width) - batch.leading[:, None]
    return np.asarray((inside >= 0) & (inside < batch.lengths[:, None]))


def _blank(shape: tuple[int, ...], like: NDArray[Any]) -> NDArray[Any]:
    """NaN, or None where the values are no floats."""
    floats = like.dtype.kind == "f"
    return np.full(shape, np.nan if floats else None, like.dtype if floats else object)


def _rows(y: Any, batch: SequenceBatch, convert: Any, name: str, label: str = "y") -> list[NDArray[Any]] | NDArray[Any]:
    """y as an array (n_samples, T[, k]), or a list of arrays (T_i[, k])."""
    y = detached(list(y) if type(y).__name__ == "Series" else y, name)
    if is_ragged(y) or (isinstance(y, (list, tuple)) and len(y) and all(np.ndim(row) for row in y)):
        rows = [convert(detached(row, name), f"{label} of sequence {i}") for i, row in enumerate(y)]
        if any(row.ndim not in (1, 2) for row in rows):
            raise ValueError(
                f"{label} is a list of arrays of more than two dimensions; (T_i,) or (T_i, k) is expected."
            )
    else:
        rows = convert(y, label)
        if rows.ndim not in (2, 3):
            raise ValueError(
                f"{label} has shape {rows.shape}; return_sequences=True needs one target per time step: (n_samples, "
                "n_timesteps), (n_samples, n_timesteps, n_targets), or a list of such arrays, one per sequence."
            )
    if len(rows) != batch.n_samples:
        raise ValueError(f"Found input variables with inconsistent numbers of samples: {[batch.n_samples, len(rows)]}")
    return rows


def _flat(
    rows: list[NDArray[Any]] | NDArray[Any], batch: SequenceBatch, name: str, label: str = "y"
) -> tuple[NDArray[Any], bool]:
    """Values (N, k) at the real steps, and whether the rows had no axis of targets, or one of length 1."""
    lengths = np.array([len(row) for row in rows])
    wrong = np.flatnonzero(lengths != batch.spans)
    if len(wrong):
        i = int(wrong[0])
        raise ValueError(
            f"Sequence {i} of X has {batch.spans[i]} time steps, its {label} has {lengths[i]}. return_sequences=True "
            f"of {name} needs one per time step; NaN or None where there is none."
        )
    if isinstance(rows, np.ndarray):
        shape = rows.shape[2:]
        values = rows[_real(batch, rows.shape[1])]
    else:
        shapes = {row.shape[1:] for row in rows}
        if len(shapes) > 1:
            raise ValueError(f"{label} has rows of different numbers of targets: {sorted(shapes)}.")
        shape = shapes.pop()
        values = _joined(rows, batch)
    if shape == (1,):
        words = f"A single target per time step was passed as an axis of length 1; {label} of shape (n_samples, "
        warnings.warn(f"{words}n_timesteps) was expected, and predictions will have it.", DataConversionWarning, 2)
    return (values[:, None] if shape == () else values), shape in ((), (1,))


def _joined(rows: list[NDArray[Any]], batch: SequenceBatch) -> NDArray[Any]:
    """The real steps of all rows, one below the other."""
    spans = zip(rows, batch.leading, batch.lengths, strict=True)
    parts = [row[leading : leading + length] for row, leading, length in spans]
    kinds = {part.dtype.kind for part in parts}
    if len(kinds) > 1 and not kinds <= set("iubf"):
        parts = [part.astype(object) for part in parts]
    return np.concatenate(parts)


def _labels(item: Any, label: str) -> NDArray[Any]:
    """Labels as an array that keeps numbers, strings and None apart."""
    if isinstance(item, np.ma.MaskedArray) and np.ma.is_masked(item):
        raise ValueError(
            f"{label} has {np.ma.count_masked(item)} masked labels: write None or NaN where there is none."
        )
    if not hasattr(item, "__array__"):
        array = np.asarray(item, dtype=object)
        kinds = {type(value) for value in array.flat}
        return np.asarray(item) if len(kinds) == 1 and kinds != {type(None)} else array
    array = np.asarray(item)
    return array.astype(object) if array.dtype.kind not in "iubfUOc" else array


def _place(batch: SequenceBatch, step: int) -> tuple[int, int]:
    """Sequence and time step, as in X, of a real step by number."""
    ends = np.cumsum(batch.lengths)
    row = int(np.searchsorted(ends, step, side="right"))
    return row, int(step - (ends[row] - batch.lengths[row]) + batch.leading[row])

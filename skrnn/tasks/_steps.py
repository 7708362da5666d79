"""One value per time step: y and sample weights as a flat table of real steps, and answers back in the form of X."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.exceptions import DataConversionWarning

from skrnn._types import Array, Doubles, Flags
from skrnn._warnings import warn_caller
from skrnn.sequences import SequenceBatch, as_numbers, column_as_list, detached, is_ragged, plain_categories
from skrnn.tasks._reading import check_size, check_weights, require_y

__all__ = ["arrange_steps", "read_labels_of_steps", "read_numbers_of_steps", "read_step_weights"]


def read_numbers_of_steps(y: Any, batch: SequenceBatch, name: str) -> tuple[Doubles, Flags, bool]:
    """Numbers (N, k) of all real steps of the batch, which steps have none, and whether there is no target axis."""
    require_y(y, name)
    rows = _rows(y, batch, lambda item, label: as_numbers(item, name, label), name)
    values, plain = _flat(rows, batch, name)
    numbers = np.asarray(values, np.float64)
    missing = np.isnan(numbers)
    check_size(numbers[~missing])
    some = missing.any(axis=1) & ~missing.all(axis=1)
    if some.any():
        row, step = _place(batch, int(some.argmax()))
        raise ValueError(f"y has some of its targets missing at sequence {row}, time step {step}: give all, or none.")
    return numbers, missing[:, 0], plain


def read_labels_of_steps(y: Any, batch: SequenceBatch, name: str) -> tuple[Array, Flags, bool]:
    """Labels (N,) of all real steps and which steps have none; or label indicators (N, n_labels), and True."""
    require_y(y, name)
    rows = _rows(y, batch, lambda item, label: _labels(item, label), name)
    values, plain = _flat(rows, batch, name)
    if values.dtype.kind == "c":
        raise ValueError(f"Complex data not supported: y has dtype {values.dtype}.")
    if not plain:
        numbers = as_numbers(values, name, "y").astype(np.float64)
        missing = np.asarray(np.isnan(numbers).any(axis=1))
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


def read_step_weights(sample_weight: Any, batch: SequenceBatch) -> Doubles:
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


def arrange_steps(values: Array, batch: SequenceBatch, as_list: bool) -> Any:
    """Predictions (N, …) of all real steps in the form of X: a list of (T_i, …), or an array (n_samples, T, …).

    Where X has padding, an array holds NaN, or None where its values are no floats.
    """
    if as_list:
        return _restored(np.split(values, np.cumsum(batch.lengths)[:-1]), batch)
    width = int(batch.spans.max())
    shape = (batch.n_samples, width, *values.shape[1:])
    if (batch.lengths == width).all():
        return values.reshape(shape)
    out = _blank(shape, values)
    out[_real(batch, width)] = values
    return out


def _restored(rows: list[Array], batch: SequenceBatch) -> list[Array]:
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


def _blank(shape: tuple[int, ...], like: Array) -> Array:
    """NaN, or None where the values are no floats."""
    floats = like.dtype.kind == "f"
    return np.full(shape, np.nan if floats else None, like.dtype if floats else object)


def _rows(y: Any, batch: SequenceBatch, convert: Any, name: str, label: str = "y") -> list[Array] | Array:
    """y as an array (n_samples, T[, k]), or a list of arrays (T_i[, k])."""
    y = column_as_list(y)
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


def _flat(rows: list[Array] | Array, batch: SequenceBatch, name: str, label: str = "y") -> tuple[Array, bool]:
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
        warn_caller(f"{words}n_timesteps) was expected, and predictions will have it.", DataConversionWarning)
    return (values[:, None] if shape == () else values), shape in ((), (1,))


def _joined(rows: list[Array], batch: SequenceBatch) -> Array:
    """The real steps of all rows, one below the other."""
    spans = zip(rows, batch.leading, batch.lengths, strict=True)
    parts = [row[leading : leading + length] for row, leading, length in spans]
    kinds = {part.dtype.kind for part in parts}
    if len(kinds) > 1 and not kinds <= set("iubf"):
        parts = [part.astype(object) for part in parts]
    return np.concatenate(parts)


def _labels(item: Any, label: str) -> Array:
    """Labels as an array that keeps numbers, strings and None apart."""
    if isinstance(item, np.ma.MaskedArray) and np.ma.is_masked(item):
        raise ValueError(
            f"{label} has {np.ma.getmaskarray(item).sum()} masked labels: write None or NaN where there is none."
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

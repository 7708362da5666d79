"""The values of X become a `SequenceBatch` here, or an error that says why not."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np

from skrnn._types import Array
from skrnn.sequences._batch import SequenceBatch, steps_under
from skrnn.sequences._numbers import as_numbers

__all__ = ["check_sequences", "fold_rows", "refuse_empty"]

Dtype = type[np.floating[Any]]


def check_sequences(
    X: Any,
    *,
    features_per_step: int | Literal["all"] = 1,
    name: str,
    feature_names: Any = None,
    dtype: Dtype = np.float32,
) -> SequenceBatch:
    """Validate the values of X.

    Parameters
    ----------
    X : array, data frame or list of arrays, as `open_container` returns it
        (n_samples, n_timesteps, n_features), (n_samples, n_timesteps * features_per_step), or a list of
        (n_timesteps_i, n_features) or (n_timesteps_i,) arrays.
    features_per_step : int or "all", default=1
        How a flat row folds into steps.
    name : str
        The estimator's name, for messages.
    feature_names : sequence of str, default=None
        Names of the columns of X, for messages.
    dtype : float32 or float64, default=float32
        Of the steps.

    Returns
    -------
    SequenceBatch

    Raises
    ------
    ValueError, TypeError
        With what was given, where, what is expected and what to do.
    """
    if isinstance(X, list):
        batch = _from_list(X, name, dtype)
    else:
        array = as_numbers(X, name)
        folded = fold_rows(array, features_per_step, name) if array.ndim == 2 else array
        batch = _from_array(folded, name, dtype)
    _refuse_infinity(batch, feature_names, folded=not isinstance(X, list) and len(X.shape) == 2)
    return SequenceBatch.from_spans(batch.steps, batch.starts, batch.spans)


def _from_list(X: list[Any], name: str, dtype: Dtype) -> SequenceBatch:
    """Sequences of different lengths, one after the other in one table."""
    parts: list[Array] = []
    for i, item in enumerate(X):
        part = _one_sequence(item, name, f"Sequence {i}")
        if parts and part.shape[1] != parts[0].shape[1]:
            raise ValueError(
                f"Sequence {i} has {part.shape[1]} features, but sequence 0 has {parts[0].shape[1]}. Every sequence "
                "needs shape (n_timesteps, n_features) with the same n_features."
            )
        parts.append(part)
    lengths = np.array([len(part) for part in parts], dtype=np.intp)
    with np.errstate(over="ignore"):
        steps = np.concatenate(parts, dtype=dtype, casting="unsafe")
    return SequenceBatch.one_after_another(steps, lengths)


def _one_sequence(item: Any, name: str, label: str) -> Array:
    """One item of a list as an array (n_timesteps, n_features)."""
    form = "every sequence needs shape (n_timesteps, n_features) or (n_timesteps,)"
    try:
        shape = np.shape(item)
    except ValueError:
        raise ValueError(f"{label} has time steps with different numbers of features; {form}.") from None
    if len(shape) not in (1, 2):
        raise ValueError(f"{label} has {len(shape)} dimensions; {form}.")
    if shape[0] == 0:
        raise ValueError(f"{label} has length 0; every sequence needs at least 1 time step.")
    if len(shape) == 2 and shape[1] == 0:
        raise ValueError(f"{label} has 0 feature(s) (shape={shape}) while a minimum of 1 is required by {name}.")
    array = as_numbers(item, name, label)
    return array[:, None] if array.ndim == 1 else array


def _from_array(array: Array, name: str, dtype: Dtype) -> SequenceBatch:
    """Sequences of one length: the steps under the array, without a copy where the layout allows it."""
    refuse_empty(array, name)
    n_samples, n_timesteps, n_features = array.shape
    view = steps_under(array)
    series, stride = view or (np.ascontiguousarray(array).reshape(-1, n_features), n_timesteps)
    with np.errstate(over="ignore"):  # what is too large for float32 becomes infinite and is refused below
        steps = np.ascontiguousarray(series, dtype=dtype)
    starts = np.arange(n_samples, dtype=np.intp) * stride
    spans = np.broadcast_to(np.intp(n_timesteps), starts.shape)
    return SequenceBatch(steps, starts, spans, np.broadcast_to(np.intp(0), starts.shape), spans)


def refuse_empty(array: Array, name: str) -> None:
    """An array (n_samples, n_timesteps, n_features) without anything in it."""
    for size, axis in zip(array.shape, ("sample", "time step", "feature"), strict=True):
        if size == 0:
            raise ValueError(
                f"Found array with 0 {axis}(s) (shape={array.shape}) while a minimum of 1 is required by {name}."
            )


def fold_rows(array: Array, features_per_step: int | Literal["all"], name: str) -> Array:
    """Flat rows (n_samples, T * k) as (n_samples, T, k), as a view of overlapping windows too."""
    n_samples, width = array.shape
    k = width if features_per_step == "all" else features_per_step
    if width % k:
        raise ValueError(
            f"X has {width} columns, which features_per_step={k} does not divide: a row of {name} is whole time "
            "steps, one after the other. (Tools that draw, drop or add single "
            "columns tear steps apart: bagging with max_features < 1, chains, selectors, imputers. With them, set "
            "features_per_step=1 or 'all'.)"
        )
    by_row, by_column = array.strides
    return np.lib.stride_tricks.as_strided(
        array, (n_samples, width // k, k), (by_row, k * by_column, by_column), writeable=False
    )


def _refuse_infinity(batch: SequenceBatch, feature_names: Any, folded: bool) -> None:
    """Infinite values, named by their place."""
    with np.errstate(all="ignore"):
        all_finite = np.isfinite(batch.steps.sum(dtype=np.float64))
    if all_finite or not np.isinf(batch.steps).any():
        return
    step, feature = (int(index[0]) for index in np.nonzero(np.isinf(batch.steps)))
    sequence = int(np.argmax((batch.starts <= step) & (step < batch.starts + batch.spans)))
    time_step = step - int(batch.starts[sequence])
    column = time_step * batch.n_features + feature if folded else feature
    label = repr(str(feature_names[column])) if feature_names is not None else str(feature)
    raise ValueError(
        f"Input X contains infinity or a value too large for dtype('{batch.steps.dtype}'). "
        f"(first at sequence {sequence}, time step {time_step}, feature {label}). Write NaN where a value is missing, "
        "and scale numbers beyond 1e38 down."
    )

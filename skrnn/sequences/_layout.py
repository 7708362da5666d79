"""Where sequences lie in an array or a list: their time steps as one table, where each begins and how long it is.

This is the same for numbers and for categories; the caller says how an item of a list becomes an array.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

import numpy as np

from skrnn._types import Array, Integers
from skrnn.sequences._batch import steps_under

__all__ = ["check_shape", "read_array", "read_list", "spans_of"]


def read_list(
    X: list[Any], read_item: Callable[[Any, str], Array], needed: str
) -> tuple[list[Array], Integers, Integers]:
    """Sequences of different lengths: each as an array (n_timesteps, n_features), their starts and lengths.

    Where all have one feature and no axis for it, they stay (n_timesteps,): a million views would weigh more than they.

    ``read_item`` takes an item and its name in messages, and returns an array with 1 or 2 axes; ``needed`` ends the
    message about numbers of features that differ.
    """
    parts: list[Array] = []
    width: int | None = None
    flat = True
    for i, item in enumerate(X):
        part = read_item(item, f"Sequence {i}")
        own = 1 if part.ndim == 1 else part.shape[1]
        flat, width = flat and part.ndim == 1, own if width is None else width
        if own != width:
            raise ValueError(
                f"Sequence {i} has {own} features, but sequence 0 has {width}. Every sequence needs {needed}."
            )
        parts.append(part)
    if not flat:
        parts = [part[:, None] if part.ndim == 1 else part for part in parts]
    return parts, *spans_of(np.fromiter(map(len, parts), np.intp, len(parts)))


def spans_of(lengths: Integers) -> tuple[Integers, Integers]:
    """Where sequences (one or more) start that follow each other, and their lengths: one number in memory, if all have
    the same.
    """
    if (lengths == lengths[:1]).all():
        return _of_one_length(len(lengths), int(lengths[0]), int(lengths[0]))
    return np.cumsum(lengths) - lengths, lengths


def check_shape(shape: tuple[int, ...], label: str, form: str) -> None:
    """Refuse an item of a list that cannot be a sequence; ``form`` says in messages what is expected."""
    if len(shape) not in (1, 2):
        advice = " Flatten what a time step holds: x.reshape(len(x), -1)." if len(shape) > 2 else ""
        raise ValueError(f"{label} has {len(shape)} dimensions; {form}.{advice}")
    if shape[0] == 0:
        raise ValueError(f"{label} has length 0; every sequence needs at least 1 time step.")


def read_array(array: Array, features_per_step: int | Literal["all"], name: str) -> tuple[Array, Integers, Integers]:
    """Sequences of one length, from an array with 2 or 3 axes: a table of steps, starts and lengths.

    The table is that under the array, without a copy, where the layout allows it.
    """
    array = _fold_rows(array, features_per_step, name) if array.ndim == 2 else array
    for size, axis in zip(array.shape, ("sample", "time step", "feature"), strict=True):
        if size == 0:
            raise ValueError(
                f"Found array with 0 {axis}(s) (shape={array.shape}) while a minimum of 1 is required by {name}."
            )
    n_samples, n_timesteps, n_features = array.shape
    view = steps_under(array)
    steps, stride = view or (np.ascontiguousarray(array).reshape(-1, n_features), n_timesteps)
    return steps, *_of_one_length(n_samples, stride, n_timesteps)


def _of_one_length(n_samples: int, stride: int, length: int) -> tuple[Integers, Integers]:
    """Where sequences start that lie so many steps apart, and their lengths, which are one number in memory."""
    starts = np.arange(n_samples, dtype=np.intp)
    starts *= stride
    return starts, np.broadcast_to(np.intp(length), n_samples)


def _fold_rows(array: Array, features_per_step: int | Literal["all"], name: str) -> Array:
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

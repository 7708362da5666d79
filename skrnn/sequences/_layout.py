"""Where sequences lie in an array or a list: their time steps as one table, where each begins and how long it is.

This is the same for numbers and for categories; the caller says how an item of a list becomes an array.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import chain
from operator import attrgetter
from typing import Any, Literal

import numpy as np

from skrnn._types import Array, Integers
from skrnn.sequences._batch import steps_under

__all__ = ["check_shape", "read_array", "read_list", "spans_of"]

_LISTS = {list, tuple}


def read_list(
    X: list[Any], read_item: Callable[[Any, str], Array], needed: str, as_they_are: str
) -> tuple[list[Array], Integers, Integers]:
    """Sequences of different lengths: each as an array (n_timesteps, n_features), their starts and lengths.

    Where all have one feature and no axis for it, they stay (n_timesteps,): a million views would weigh more than they.

    ``read_item`` takes an item and its name in messages, and returns an array with 1 or 2 axes; ``needed`` ends the
    message about numbers of features that differ. Arrays whose dtype is of one of the kinds ``as_they_are`` are not
    read one by one.
    """
    lengths = _lengths_of_arrays(X, as_they_are)
    if lengths is not None:
        return X, *spans_of(lengths)
    flat_lists = _flat_lists(X, "U" in as_they_are)
    if flat_lists is not None:
        values, lengths = flat_lists
        return [values], *spans_of(lengths)
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


def _lengths_of_arrays(X: list[Any], kinds: str) -> Integers | None:
    """The lengths of arrays, all with one axis or all with as many features; None: there is something else among them.

    A list may have millions of them, of which each function in Python that looks at one takes as long as its values.
    """
    if set(map(type, X)) != {np.ndarray}:
        return None
    n_axes = set(map(attrgetter("ndim"), X))
    if n_axes not in ({1}, {2}) or not all(dtype.kind in kinds for dtype in set(map(attrgetter("dtype"), X))):
        return None
    if n_axes == {2} and (len(widths := {part.shape[1] for part in X}) > 1 or widths == {0}):
        return None
    lengths = np.fromiter(map(len, X), np.intp, len(X))
    return lengths if lengths.all() else None


def _flat_lists(X: list[Any], texts: bool) -> tuple[Array, Integers] | None:
    """The time steps of lists of Python's numbers (or ``texts``), or of lists of them, as one table, and the lengths of
    the sequences; None: they hold something else, or are not alike.
    """
    if not set(map(type, X)) <= _LISTS:
        return None
    lengths = np.fromiter(map(len, X), np.intp, len(X))
    steps = chain.from_iterable
    kinds, width = set(map(type, steps(X))), 1
    if kinds and kinds <= _LISTS:
        widths = set(map(len, steps(X)))
        width, kinds = max(widths), set(map(type, steps(steps(X)))) if len(widths) == 1 else set()
        values = steps(steps(X))
    else:
        values = steps(X)
    if not kinds or not lengths.all():
        return None
    if texts and kinds == {str}:
        return np.asarray([*values]).reshape(-1, width), lengths
    if not kinds <= {float, int, bool}:
        return None
    dtype = np.float64 if float in kinds else np.int64 if int in kinds else np.bool_
    try:
        return np.fromiter(values, dtype, int(lengths.sum()) * width).reshape(-1, width), lengths
    except OverflowError:
        return None


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

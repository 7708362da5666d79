"""The door for the rows of a series: real numbers, each refused by the name of its column where it is none."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.utils import check_array

from skrnn._types import Array
from skrnn.sequences import as_numbers, detached

__all__ = ["first_large", "read_rows"]

_LARGEST = float(np.finfo(np.float32).max)


def read_rows(X: Any, name: str, label: str = "X", *, ensure_2d: bool = True) -> Array:
    """The values of X as float32 or float64, (n_rows, n_features), or (n_rows,) where a table is not asked for.

    Parameters
    ----------
    name : str
        Of the estimator or function, for messages.
    label : str
        Name of X in messages.

    Raises
    ------
    ValueError, TypeError
        If X holds text, dates, complex, masked or infinite values, or numbers beyond float32; or has no such shape. The
        message names the column.
    """
    numbers = as_numbers(detached(X, name), name, label)
    options: dict[str, Any] = {"ensure_2d": ensure_2d, "allow_nd": True, "input_name": label, "estimator": name}
    values = check_array(numbers, dtype=(np.float64, np.float32), ensure_all_finite=False, **options)
    if values.ndim > 2:
        axes = "(n_rows, n_features)" if ensure_2d else "(n_rows,) or (n_rows, n_features)"
        raise ValueError(f"Found array with dim {values.ndim}: {label} has shape {values.shape}; {axes} is expected.")
    _refuse_large(values, getattr(X, "columns", None), label)
    return np.asarray(values)


def first_large(values: Array) -> tuple[int, ...] | None:
    """Where the first value is that is infinite or beyond float32; None if there is none. NaN is a missing one."""
    with np.errstate(invalid="ignore"):
        highest, lowest = np.fmax.reduce(values, axis=None), np.fmin.reduce(values, axis=None)  # without a copy
    if not (highest > _LARGEST or lowest < -_LARGEST):
        return None
    return tuple(int(places[0]) for places in np.nonzero(np.abs(values) > _LARGEST))


def _refuse_large(values: Array, columns: Any, label: str) -> None:
    """An error for the first value of `first_large`, by row and column."""
    place = first_large(values)
    if place is None:
        return
    row, *rest = place
    column = "".join(f", column {place if columns is None else repr(columns[place])}" for place in rest)
    raise ValueError(
        f"Input {label} contains infinity or a value too large for dtype('float32') (first at row {row}{column}). "
        "Write NaN where a value is missing, and scale numbers beyond 1e38 down."
    )

"""Windows of a series and the values that follow them, as views."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import as_strided

from skrnn._constraints import check_arguments, integers
from skrnn._types import Array, Integers
from skrnn.windowing._rows import read_rows

__all__ = ["make_windows", "windows_of"]

_CONSTRAINTS = {"window": [integers(1)], "horizon": [integers(1)], "stride": [integers(1)]}


def make_windows(
    series: Any, window: int, horizon: int = 1, *, target: int | Sequence[int] | None = None, stride: int = 1
) -> tuple[Array, Array]:
    """Cut a series into windows and the values that follow each of them.

    Parameters
    ----------
    series : array-like of shape (n_rows,) or (n_rows, n_features)
        One series, oldest row first. NaN marks missing values.
    window : int
        Rows in a window; at least 1.
    horizon : int, default=1
        Values to predict after each window; at least 1.
    target : int or sequence of int, default=None
        Columns to predict; None: all.
    stride : int, default=1
        Rows from one window to the next; at least 1.

    Returns
    -------
    X : array of shape (n_windows, window) or (n_windows, window, n_features)
        ``X[i]`` holds the rows ``i * stride`` to ``i * stride + window - 1``: a read-only view of the series, not a
        copy. There are ``(n_rows - window - horizon) // stride + 1`` windows.
    y : array of shape (n_windows,), or (n_windows, horizon * n_targets)
        ``y[i]`` holds the ``horizon`` rows that follow ``X[i]``, one after the other, each with its targets; a
        read-only view too.

    Raises
    ------
    ValueError
        If the series is too short for one window and its horizon, a number is below 1, or the series holds anything
        but numbers that fit into float32.
    IndexError
        If a target is not a column.

    Examples
    --------
    >>> import numpy as np
    >>> from skrnn import make_windows
    >>> X, y = make_windows(np.arange(6.0), window=3)
    >>> X.tolist(), y.tolist()
    ([[0.0, 1.0, 2.0], [1.0, 2.0, 3.0], [2.0, 3.0, 4.0]], [3.0, 4.0, 5.0])
    """
    checked = check_arguments("make_windows", _CONSTRAINTS, window=window, horizon=horizon, stride=stride)
    window, horizon, stride = checked.values()
    series = read_rows(series, "make_windows", "series", ensure_2d=False)
    n_windows = (len(series) - window - horizon) // stride + 1
    if len(series) < window + horizon:
        raise ValueError(
            f"The series has {len(series)} rows; window={window} and horizon={horizon} need at least "
            f"{window + horizon}. Use a smaller window, a smaller horizon, or a longer series."
        )
    columns = series.reshape(len(series), -1)
    future = np.ascontiguousarray(columns if target is None else columns[:, _places(target, columns.shape[1])])
    X = windows_of(columns, window, stride, n_windows)
    y = windows_of(future[window:], horizon, stride, n_windows)
    # The rows of y lie one after the other, so each window of them is one flat row.
    y = as_strided(y, (n_windows, horizon * y.shape[2]), (y.strides[0], y.itemsize), writeable=False)
    return (X[:, :, 0] if series.ndim == 1 else X), (y[:, 0] if y.shape[1] == 1 else y)


def _places(target: Any, n_columns: int) -> Integers:
    """The numbers of the columns to predict."""
    try:
        places = np.atleast_1d(np.asarray(target))
    except ValueError:  # a list of lists of different lengths
        places = np.zeros(0)
    known = places.ndim == 1 and places.size > 0 and places.dtype.kind in "iu"
    if not known or places.min() < -n_columns or places.max() >= n_columns:
        raise IndexError(
            f"target must be the number of a column, from 0 to {n_columns - 1}, or a list of such. Got {target!r:.80} "
            "instead."
        )
    return places.astype(np.intp)


def windows_of(columns: Array, window: int, stride: int = 1, n_windows: int | None = None) -> Array:
    """A read-only view (n_windows, window, n_features) of the windows of ``columns`` (n_rows, n_features)."""
    if n_windows is None:
        n_windows = (len(columns) - window) // stride + 1
    by_row, by_column = columns.strides
    shape = (n_windows, window, columns.shape[1])
    return as_strided(columns, shape, (stride * by_row, by_row, by_column), writeable=False)

"""Windows of series and the values that follow them, as views where no gap cuts them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import as_strided

from skrnn._constraints import check_arguments, integers
from skrnn._types import Array, Integers
from skrnn.windowing._index import TimeRows, has_index, read_index
from skrnn.windowing._lost import ADVICE, first_break, warn_of_lost
from skrnn.windowing._rows import read_rows

__all__ = ["make_windows", "windows_of"]

_CONSTRAINTS = {"window": [integers(1)], "horizon": [integers(1)], "stride": [integers(1)]}


def make_windows(
    series: Any,
    window: int,
    horizon: int = 1,
    *,
    target: int | Sequence[int] | None = None,
    stride: int = 1,
    freq: Any = None,
) -> tuple[Array, Array]:
    """Cut a series into windows and the values that follow each of them.

    With a pandas index, no window crosses a gap in time or another series.

    Parameters
    ----------
    series : array-like of shape (n_rows,) or (n_rows, n_features)
        One series, or with a (series, time) MultiIndex several, oldest row first. NaN marks missing values.
    window : int
        Rows in a window; at least 1.
    horizon : int, default=1
        Values to predict after each window; at least 1.
    target : int or sequence of int, default=None
        Columns to predict; None: all.
    stride : int, default=1
        Rows from one window to the next; at least 1.
    freq : pandas offset, alias, DatetimeIndex or "rows", default=None
        From a row to the next one of its series, as in `SlidingWindow`; for arrays it is left out.

    Returns
    -------
    X : array of shape (n_windows, window) or (n_windows, window, n_features)
        ``X[i]`` holds the rows ``i * stride`` to ``i * stride + window - 1``: a read-only view of the series, not a
        copy. There are ``(n_rows - window - horizon) // stride + 1`` windows. Of several series, or with gaps, they are
        those of one run of rows after the other, in an array of their own.
    y : array of shape (n_windows,), or (n_windows, horizon * n_targets)
        ``y[i]`` holds the ``horizon`` rows that follow ``X[i]``, one after the other, each with its targets; a
        read-only view too.

    Raises
    ------
    ValueError
        If the series is too short for one window and its horizon, a number is below 1, the index is not usable, or the
        series holds anything but numbers that fit into float32.
    TypeError
        If there is an index that counts no time.
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
    values = read_rows(series, "make_windows", "series", ensure_2d=False)
    columns = values.reshape(len(values), -1)
    future = np.ascontiguousarray(columns if target is None else columns[:, _places(target, columns.shape[1])])
    rows = read_index(series, freq) if has_index(series) or freq is not None else None
    whole = [slice(0, len(values))] if len(values) >= window + horizon else []
    runs = whole if rows is None else _runs(rows, window + horizon, stride)
    if not runs:
        raise ValueError(_why_none(rows, len(values), window, horizon))
    parts = [_cut(columns[rows], future[rows], window, horizon, stride) for rows in runs]
    X, y = parts[0] if len(parts) == 1 else (np.concatenate(both) for both in zip(*parts, strict=True))
    return (X[:, :, 0] if values.ndim == 1 else X), (y[:, 0] if y.shape[1] == 1 else y)


def _runs(rows: TimeRows, needed: int, stride: int) -> list[slice | Integers]:
    """The rows of each run without a gap that holds a window with its horizon, ``needed`` rows."""
    runs: list[Integers] = []
    for step, mine in zip(rows.steps, rows.members, strict=True):
        runs += np.split(mine, np.flatnonzero(np.diff(rows.positions[mine]) != step.size) + 1)
    runs = [run for run in runs if len(run) >= needed]
    found = sum((len(run) - needed) // stride + 1 for run in runs)
    possible = sum((len(mine) - needed) // stride + 1 for mine in rows.members if len(mine) >= needed)
    if found:
        warn_of_lost(rows, possible - found, possible, "cross a gap", stacklevel=4)
    return [slice(run[0], run[-1] + 1) if (np.diff(run) == 1).all() else run for run in runs]


def _why_none(rows: TimeRows | None, n_rows: int, window: int, horizon: int) -> str:
    """A message for a series without a single window."""
    longest = n_rows if rows is None else max(map(len, rows.members))
    broken = None if rows is None else first_break(rows)
    gap = f" The step of the rows is {broken[1]}, and {broken[0]} breaks it. {ADVICE}." if broken else ""
    return (
        f"The series has {longest} rows; window={window} and horizon={horizon} need at least {window + horizon} "
        f"without a gap.{gap} Use a smaller window, a smaller horizon, or a longer series."
    )


def _cut(columns: Array, future: Array, window: int, horizon: int, stride: int) -> tuple[Array, Array]:
    """The windows of one run of rows, and the targets that follow each, as views."""
    n_windows = (len(columns) - window - horizon) // stride + 1
    X = windows_of(columns, window, stride, n_windows)
    y = windows_of(future[window:], horizon, stride, n_windows)
    # The rows of y lie one after the other, so each window of them is one flat row.
    return X, as_strided(y, (n_windows, horizon * y.shape[2]), (y.strides[0], y.itemsize), writeable=False)


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

"""Windows of series and the values that follow them, as views where no gap cuts them."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.lib.stride_tricks import as_strided
from sklearn.utils import column_or_1d

from skrnn._constraints import check_arguments, sizes
from skrnn._types import Array, Integers
from skrnn.windowing._index import TimeRows, has_index, read_index, rows_before
from skrnn.windowing._lost import ADVICE, first_break, warn_of_lost
from skrnn.windowing._rows import read_rows

__all__ = ["make_windows", "windows_of"]

_CONSTRAINTS = {"window": [sizes()], "horizon": [sizes(0)], "stride": [sizes()], "dilation": [sizes()]}


def make_windows(
    series: Any,
    window: int,
    horizon: int = 1,
    *,
    target: Any = None,
    stride: int = 1,
    dilation: int = 1,
    labels: Any = None,
    freq: Any = None,
) -> tuple[Array, Array]:
    """Cut a series into windows and the values that follow each of them.

    With a pandas index, no window crosses a gap in time or another series.

    Parameters
    ----------
    series : array-like of shape (n_rows,) or (n_rows, n_features)
        One series, or with a (series, time) MultiIndex several, oldest row first. NaN marks missing values.
    window : int
        Steps in a window; at least 1.
    horizon : int, default=1
        Rows to predict after each window; at least 0. 0 (nowcasting): what belongs to the newest row of the window.
        Targets are then no features of X, where their newest value would be the answer.
    target : int, column name, or sequence of either, default=None
        Columns to predict; None: all. Names are for data frames; a whole number is a name where a column has it, else a
        place. A tuple that is the name of a column, as below a MultiIndex, is that column.
    stride : int, default=1
        Rows from one window to the next; at least 1.
    dilation : int, default=1
        Rows from one step of a window to the next; at least 1.
    labels : array-like of shape (n_rows,), default=None
        A label for each row, of any sortable type. They take the place of the targets: y is the most frequent label
        among the ``horizon`` rows after each window, or for ``horizon=0`` among the rows that the window spans; of
        equally frequent ones, the first in sorted order. All columns are features.
    freq : pandas offset, alias, DatetimeIndex or "rows", default=None
        From a row to the next one of its series, as in `SlidingWindow`; for arrays it is left out.

    Returns
    -------
    X : array of shape (n_windows, window) or (n_windows, window, n_features)
        ``X[i]`` holds every ``dilation``-th of the rows from ``i * stride`` on: a read-only view of the series, not a
        copy. There are ``(n_rows - (window - 1) * dilation - 1 - horizon) // stride + 1`` windows. Of several series,
        or with gaps, they are those of one run of rows after the other, in an array of their own.
    y : array of shape (n_windows,), or (n_windows, horizon * n_targets)
        ``y[i]`` holds the ``horizon`` rows that follow ``X[i]``, one after the other, each with its targets; a
        read-only view too. For ``horizon=0`` the targets of the newest row of ``X[i]``. With labels one of them.

    Raises
    ------
    ValueError
        If the series is too short for one window and its horizon, a number is below its least, the index is not usable,
        labels are missing or not as many as rows, horizon=0 has neither labels nor another column, or the series holds
        anything but numbers that fit into float32.
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

    The activity that fills most of each window, two windows in ten rows:

    >>> activity = ["rest"] * 4 + ["walk"] * 6
    >>> make_windows(np.arange(10.0), window=5, horizon=0, labels=activity, stride=5)[1].tolist()
    ['rest', 'walk']
    """
    numbers = {"window": window, "horizon": horizon, "stride": stride, "dilation": dilation}
    window, horizon, stride, dilation = check_arguments("make_windows", _CONSTRAINTS, **numbers).values()
    values = read_rows(series, "make_windows", "series", ensure_2d=False)
    columns = values.reshape(len(values), -1)
    aims = _aims(target, labels, horizon, columns.shape[1], getattr(series, "columns", None))
    labels = None if labels is None else _read_labels(labels, series, len(values))
    rows = read_index(series, freq) if has_index(series) or freq is not None else None
    span = (window - 1) * dilation + 1
    starts = _starts(rows, len(values), span + horizon, stride)
    if not len(starts):
        raise ValueError(_why_none(rows, len(values), window, horizon, span + horizon))
    if rows is not None:
        columns, labels = rows.in_order(columns), None if labels is None else rows.in_order(labels)
    seen = columns if horizon or aims is None else np.delete(columns, aims, axis=1)
    X = _taken(seen, span, starts)[:, ::dilation]
    X = X[:, :, 0] if values.ndim == 1 else X
    if labels is not None:
        return X, _most_frequent(labels, np.asarray(starts) + (span if horizon else 0), horizon or span)
    future = columns[span - (horizon == 0) :]
    future = np.ascontiguousarray(future if aims is None else future[:, aims])
    y = _flat_rows(_taken(future, max(horizon, 1), starts))
    return X, (y[:, 0] if y.shape[1] == 1 else y)


def _aims(target: Any, labels: Any, horizon: int, n_columns: int, names: Any) -> Integers | None:
    """The numbers of the columns to predict; None: all."""
    if labels is not None:
        if target is not None:
            raise ValueError("target and labels both say what to predict. Give one of them.")
        return None
    aims = None if target is None else _places(target, n_columns, names)
    if horizon == 0 and (aims is None or len(set(aims)) == n_columns):
        raise ValueError("horizon=0 needs labels, or a target and other columns to predict it from.")
    return aims


def _starts(rows: TimeRows | None, n_rows: int, needed: int, stride: int) -> range | Integers:
    """The rows, in the order of `TimeRows`, at which a window with its horizon, ``needed`` rows, begins; a range where
    they are equally far apart.
    """
    if rows is None:
        return range(0, n_rows - needed + 1, stride)
    begins = rows.begins
    if len(rows.keys) == 1 and not begins[1:].any():
        return range(0, n_rows - needed + 1, stride)
    before, left = rows_before(begins), 1 + rows_before(np.append(True, begins[:0:-1]))[::-1]
    starts = np.flatnonzero((left >= needed) & (before % stride == 0))
    lengths = np.diff(rows.bounds)
    possible = int(((lengths - needed) // stride + 1)[lengths >= needed].sum())
    if not len(starts):
        return range(0)
    warn_of_lost(rows, possible - len(starts), possible, "cross a gap")
    return range(starts[0], starts[-1] + 1, stride) if (np.diff(starts) == stride).all() else starts


def _why_none(rows: TimeRows | None, n_rows: int, window: int, horizon: int, needed: int) -> str:
    """A message for a series without a single window."""
    longest = n_rows if rows is None else int(np.diff(rows.bounds).max())
    broken = None if rows is None else first_break(rows)
    gap = f" The step of the rows is {broken[1]}, and {broken[0]} breaks it. {ADVICE}." if broken else ""
    return (
        f"The series has {longest} rows; window={window} and horizon={horizon} need at least {needed} "
        f"without a gap.{gap} Use a smaller window, a smaller horizon, or a longer series."
    )


def _taken(columns: Array, width: int, starts: range | Integers) -> Array:
    """Windows (n_windows, width, n_features) that begin at these rows: a view of a range of them."""
    if isinstance(starts, range):
        return windows_of(columns[starts.start :], width, starts.step, len(starts))
    return windows_of(columns, width)[starts]


def _flat_rows(windows: Array) -> Array:
    """Windows of rows that lie one after the other as flat rows (n_windows, width * n_features), a view too."""
    shape = (len(windows), windows.shape[1] * windows.shape[2])
    return as_strided(windows, shape, (windows.strides[0], windows.itemsize), writeable=windows.flags.writeable)


def _read_labels(labels: Any, series: Any, n_rows: int) -> Array:
    """A label per row, none of which is missing."""
    both = has_index(labels) and has_index(series) and type(labels.index) is type(series.index)
    if both and len(labels.index) == n_rows and not labels.index.equals(series.index):
        raise ValueError(
            "labels has another index than the series. Align it, labels.loc[series.index], or pass values."
        )
    kind = getattr(getattr(labels, "dtype", None), "numpy_dtype", None)  # of pandas' integers, which may be missing
    if isinstance(kind, np.dtype) and not labels.isna().any():
        labels = labels.to_numpy(dtype=kind)
    try:
        values = column_or_1d(labels)
    except ValueError as error:
        raise ValueError(f"labels has to hold one label for each row of the series: {error}") from None
    if len(values) != n_rows:
        raise ValueError(f"labels has {len(values)} entries, and the series {n_rows} rows. Give one for each row.")
    missing = np.flatnonzero([label is None or label != label for label in values.tolist()])
    if len(missing):
        raise ValueError(f"labels has {len(missing)} missing entries, first at row {missing[0]}. Drop or name them.")
    return np.asarray(values)


def _most_frequent(labels: Array, starts: Integers, width: int) -> Array:
    """The label that most of the ``width`` rows from each of ``starts`` on have."""
    names, codes = np.unique(labels, return_inverse=True)
    best, most = np.zeros(len(starts), np.intp), np.full(len(starts), -1)
    for code in range(len(names)):
        before = np.concatenate([[0], np.cumsum(codes == code)])
        count = before[starts + width] - before[starts]
        best[count > most] = code
        most = np.maximum(most, count)
    return np.asarray(names[best])


def _places(target: Any, n_columns: int, names: Any) -> Integers:
    """The numbers of the columns to predict."""
    known = [] if names is None else list(names)
    numbers = dict(zip(reversed(known), reversed(range(len(known))), strict=True))  # pd.NA is equal to nothing
    several = (
        isinstance(target, list) or _has_axes(target) or (isinstance(target, tuple) and not _is_in(target, numbers))
    )
    wanted = list(target) if several else [target]
    places = [numbers[one] if _is_in(one, numbers) else one for one in wanted]
    if not places or not all(
        isinstance(place, (int, np.integer)) and not isinstance(place, bool) and -n_columns <= place < n_columns
        for place in places
    ):
        columns = f", or its name, out of {known}" if known else ""
        raise IndexError(
            f"target must be the number of a column, from 0 to {n_columns - 1}{columns}, or a list of such. Got "
            f"{target!r:.80} instead."
        )
    return np.arange(n_columns)[places]


def _has_axes(value: Any) -> bool:
    """Whether it is an array or an index with several items."""
    n_axes = getattr(value, "ndim", 0)
    return isinstance(n_axes, int) and n_axes > 0


def _is_in(one: Any, names: dict[Any, int]) -> bool:
    """Whether this is a name; a bool is none, though it equals a number."""
    try:
        return not isinstance(one, (bool, np.bool_)) and one in names
    except TypeError:  # it, or what it holds, cannot be hashed
        return False


def windows_of(columns: Array, window: int, stride: int = 1, n_windows: int | None = None) -> Array:
    """A read-only view (n_windows, window, n_features) of the windows of ``columns`` (n_rows, n_features)."""
    if n_windows is None:
        n_windows = (len(columns) - window) // stride + 1
    by_row, by_column = columns.strides
    shape = (n_windows, window, columns.shape[1])
    return as_strided(columns, shape, (stride * by_row, by_row, by_column), writeable=False)

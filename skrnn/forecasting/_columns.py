"""The columns of data and of their future hold real numbers, or are refused by name before pandas casts them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from skrnn._types import Flags
from skrnn.forecasting._features import Roles
from skrnn.forecasting._panel import Panel, numbers_of_columns, read_panel
from skrnn.windowing import first_large

__all__ = ["read_future_columns", "read_series", "refuse_polars", "refuse_useless", "with_targets"]


def read_series(data: Any, freq: Any = None, like: Panel | None = None, other: bool = False) -> Panel:
    """`read_panel`, behind checks of every column: pandas drops imaginary parts, squares of huge values overflow."""
    refuse_polars("The data are", data)
    frame = data.to_frame() if isinstance(data, pd.Series) else data
    if isinstance(frame, pd.DataFrame):
        _refuse_same_names(frame.columns, "The data have")
        for place, (column, dtype) in enumerate(frame.dtypes.items()):
            label = f"Column {column!r}"
            _refuse_complex(label, dtype)
            if getattr(dtype, "kind", "O") in "iuf":
                _refuse_large(label, frame.iloc[:, place])
    return read_panel(data, freq, like, other)


def with_targets(X: Any, y: Any, covariates: Sequence[Any], target: Sequence[Any] | None) -> Any:
    """The data with y as columns beside the covariates X; X alone, if it holds the targets already.

    Raises
    ------
    ValueError
        If y has other rows than X, or other values than the targets in X.
    """
    if y is None or not isinstance(X, (pd.Series, pd.DataFrame)):
        return X
    frame = X.to_frame() if isinstance(X, pd.Series) else X
    try:
        values = y.to_numpy() if hasattr(y, "to_numpy") else np.asarray(y)
    except ValueError:
        raise ValueError(
            "y is a list of rows of different lengths; one row of targets for each row of X is needed."
        ) from None
    if values.ndim not in (1, 2) or len(values) != len(frame):
        raise ValueError(
            f"Found input variables with inconsistent numbers of samples: {[len(frame), np.shape(values)[:1] or 1]}: y "
            "needs a row for each row of X."
        )
    if isinstance(y, (pd.Series, pd.DataFrame)) and not y.index.equals(frame.index):
        raise ValueError("y has another index than X. Align it, y.loc[X.index], or pass values.")
    values = values.reshape(len(frame), -1)
    named = [] if target is None else list(target)
    inside = [column for column in frame.columns if column not in covariates] if target is None else named
    if inside and all(column in frame.columns for column in inside):
        held = frame[inside].to_numpy()
        if held.shape != values.shape or not pd.DataFrame(held).equals(pd.DataFrame(values).astype(held.dtype)):
            raise ValueError(
                f"y differs from the columns {inside} of X, which are forecast. Pass X alone, or name them in past, "
                "future or static."
            )
        return X
    names = named or list(getattr(y, "columns", [getattr(y, "name", None)]))
    if len(names) != values.shape[1] or None in names:
        names = ["y"] if values.shape[1] == 1 else [f"y{number}" for number in range(values.shape[1])]
    joined = pd.concat([frame, pd.DataFrame(values, frame.index, names)], axis=1)
    if joined.columns.nlevels == frame.columns.nlevels:
        joined.columns = joined.columns.set_names(frame.columns.names)
    return joined


def read_future_columns(
    future: pd.DataFrame, columns: list[Any], categories: Mapping[Any, tuple[Any, ...]]
) -> pd.DataFrame:
    """These columns of ``future`` as float64; of categories their places among those of the data.

    Raises
    ------
    ValueError
        If one holds anything but finite real numbers, or categories where the data do; or a time is there twice.
    """
    if future.index.has_duplicates:
        twice = future.index[future.index.duplicated()]
        raise ValueError(f"future has {len(twice)} duplicated rows, first {twice[0]}. Drop or aggregate them.")
    table = future.loc[:, future.columns.isin(columns)]
    _refuse_same_names(table.columns, "future has")
    table = table[columns]
    for place, (column, dtype) in enumerate(table.dtypes.items()):
        label = f"Column {column!r} of future"
        _refuse_complex(label, dtype)
        if column in categories:
            continue
        if not (pd.api.types.is_numeric_dtype(dtype) or pd.api.types.is_bool_dtype(dtype)):
            raise ValueError(f"{label} has dtype {dtype}. Forecasts need numbers: drop or encode it.")
        _refuse_large(label, table.iloc[:, place])
        if len(table) and table.iloc[:, place].isna().all():
            raise ValueError(f"{label} has no value: every row is missing.")
    values, _ = numbers_of_columns(table, categories, "Column {!r} of future")
    return pd.DataFrame(values, table.index, columns)


def refuse_useless(panel: Panel, roles: Roles) -> None:
    """Refuse a column without any value, and a static one that varies within a series."""
    for column in (*roles.target, *roles.past, *roles.future, *roles.static):
        if not _known(panel, column).any():
            raise ValueError(f"Column {column!r} has no value: every row is missing. Leave it out, or fill it.")
    table = panel.table
    for column in roles.static:
        values = table.values[:, panel.columns.index(column)]
        rows = np.flatnonzero(_known(panel, column))
        firsts = rows[np.searchsorted(table.series[rows], table.series[rows])]  # the first known row of each series
        odd = np.flatnonzero(values[rows] != values[firsts])
        if len(odd):
            row, first = rows[odd[0]], firsts[odd[0]]
            found, categories = values[[first, row]], panel.categories.get(column)
            words = [f"{value:g}" if categories is None else repr(categories[int(value)]) for value in found]
            raise ValueError(
                f"The static column {column!r} varies: {table[table.series[row]].label} has {words[0]}, and "
                f"{words[1]} at {table.times[row]}. Name it in past or future."
            )


def _known(panel: Panel, column: Any) -> Flags:
    """The rows in which a column has a value."""
    values = panel.table.values[:, panel.columns.index(column)]
    return np.asarray(values >= 0 if column in panel.categories else ~np.isnan(values))


def refuse_polars(words: str, data: Any) -> None:
    """Say what to do with a frame of polars, which has no index."""
    if type(data).__module__.split(".")[0] == "polars":
        raise TypeError(
            f"{words} a polars {type(data).__name__}, which has no index of times. Convert it: "
            ".to_pandas().set_index(...), with the column of the times, or of the series and the times."
        )


def _refuse_same_names(columns: Any, words: str) -> None:
    """Refuse two columns with one name: nothing says which is which."""
    if columns.has_duplicates:
        raise ValueError(f"{words} several columns named {columns[columns.duplicated()][0]!r}. Rename or drop them.")


def _refuse_complex(label: str, dtype: Any) -> None:
    if getattr(dtype, "kind", "O") == "c":
        raise ValueError(
            f"Complex data not supported: {label[0].lower()}{label[1:]} has dtype {dtype}. Forecasts need real "
            "numbers, such as its .real and .imag in columns of their own."
        )


def _refuse_large(label: str, column: Any) -> None:
    values = column.to_numpy(np.float64, na_value=np.nan)
    place = first_large(values) if len(values) else None
    if place is not None:
        what = "infinity" if np.isinf(values[place]) else "a value too large for dtype('float32')"
        raise ValueError(f"{label} contains {what}, first at {column.index[place[0]]}.")

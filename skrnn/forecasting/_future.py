"""The known future of covariates, aligned with the times to come."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from skrnn._types import Doubles, Integers
from skrnn.forecasting._columns import read_future_columns
from skrnn.forecasting._panel import History, Panel

__all__ = ["future_values"]


def future_values(
    panel: Panel, columns: Sequence[Any], future: Any, n_steps: int, n_needed: int, later: Mapping[Any, History]
) -> dict[Any, Doubles]:
    """Values of ``columns`` at the ``n_steps`` times after each series, by its key; empty without such columns.

    The first ``n_needed`` times must have values; after them NaN stands for a value that is not given. ``later`` are
    rows after the end of a series that are known from its history.

    Raises
    ------
    ValueError
        If rows, columns or values of the times needed are missing: with the times, by series.
    """
    if not columns:
        if future is not None:
            raise ValueError("future is given, but no column has that role: name them in the future parameter.")
        return {}
    if future is None:
        raise ValueError(f"forecast needs the future of {list(columns)}: pass future=, a frame on the times to come.")
    if isinstance(future, pd.Series) and len(columns) == 1:
        future = future.to_frame(columns[0])
    if not isinstance(future, pd.DataFrame):
        raise TypeError(
            f"future must be a DataFrame with the columns {list(columns)} on the times to come, got a "
            f"{type(future).__name__}."
        )
    absent = [column for column in columns if column not in future.columns]
    if absent:
        raise ValueError(f"future lacks the columns {absent}.")
    table = read_future_columns(future, list(columns))
    found, gaps = {}, []
    for history in panel.histories:
        times = history.next_times(n_steps)
        index = times if history.key is None else _with_key(history.key, times, table.index)
        values = _without_dates(table, history, n_steps) if _numbered(history) else table.reindex(index).to_numpy()
        if history.key in later:
            values = np.where(np.isnan(values), _at(later[history.key], panel, columns, times), values)
        missing = np.flatnonzero(np.isnan(values[:n_needed]).any(axis=1))
        if len(missing):
            gaps.append(f"{'' if history.key is None else f'series {history.key!r}: '}{_ranges(times, missing)}")
        found[history.key] = values
    if gaps:
        raise ValueError(f"future lacks values of {list(columns)} at {'; '.join(gaps)}.")
    return found


def _numbered(history: History) -> bool:
    """Whether nothing says when its next rows come."""
    return history.step.unit == "row" and history.step.dates is None


def _without_dates(table: pd.DataFrame, history: History, n_steps: int) -> Doubles:
    """The rows of a series that come after its last time, in their order."""
    if history.key is not None:
        keys = history.key if isinstance(history.key, tuple) else (history.key,)
        table = table.xs(keys, level=list(range(len(keys))))
    rows = table[table.index > history.times[-1]].to_numpy()[:n_steps]
    return np.concatenate([rows, np.full((n_steps - len(rows), rows.shape[1]), np.nan)])


def _at(history: History, panel: Panel, columns: Sequence[Any], times: pd.Index) -> Doubles:
    """Values of a series at some times, NaN where it has no row."""
    rows = history.times.get_indexer(times)
    values = history.values[:, [panel.columns.index(column) for column in columns]]
    return np.where((rows < 0)[:, None], np.nan, values[rows])


def _ranges(times: pd.Index, rows: Integers) -> str:
    """The times at these rows in words; neighbours as "first to last"."""
    runs = np.split(rows, np.flatnonzero(np.diff(rows) > 1) + 1)
    return ", ".join(f"{times[run[0]]} to {times[run[-1]]}" if len(run) > 1 else str(times[run[0]]) for run in runs)


def _with_key(key: Any, times: pd.Index, like: pd.Index) -> pd.MultiIndex:
    parts = list(key) if isinstance(key, tuple) else [key]
    return pd.MultiIndex.from_arrays([*([part] * len(times) for part in parts), times], names=like.names)

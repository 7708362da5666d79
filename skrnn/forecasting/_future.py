"""The known future of covariates, aligned with the times to come."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from skrnn._types import Doubles, Integers
from skrnn.forecasting._columns import read_future_columns, refuse_polars
from skrnn.forecasting._panel import History, Panel

__all__ = ["future_values"]


def future_values(
    panel: Panel,
    columns: Sequence[Any],
    future: Any,
    n_steps: int,
    n_needed: Sequence[int],
    later: Mapping[Any, History],
    hold: bool = False,
) -> dict[Any, Doubles]:
    """Values of ``columns`` at the ``n_steps`` times after each series, by its key; empty without such columns.

    The first ``n_needed`` times of each series must have values; after them NaN stands for a value that is not given,
    or (``hold``) the last of those. ``later`` are rows after the end of a series that are known from its history. A
    frame of times alone is the future of all series.

    Raises
    ------
    ValueError, TypeError
        If rows, columns or values of the times needed are missing: with the times, by series; or the index is no other
        than that of the times to come.
    """
    if not columns:
        if future is not None:
            raise ValueError("future is given, but no column has that role: name them in the future parameter.")
        return {}
    if future is None:
        raise ValueError(f"forecast needs the future of {list(columns)}: pass future=, a frame on the times to come.")
    if isinstance(future, pd.Series) and len(columns) == 1:
        future = future.to_frame(columns[0])
    refuse_polars("future is", future)
    if not isinstance(future, pd.DataFrame):
        raise TypeError(
            f"future must be a DataFrame with the columns {list(columns)} on the times to come, got a "
            f"{type(future).__name__}."
        )
    absent = [column for column in columns if column not in future.columns]
    if absent:
        raise ValueError(f"future lacks the columns {absent}.")
    _check_levels(panel, future.index)
    table = read_future_columns(future, list(columns))
    found, gaps = {}, []
    for history, needed in zip(panel.histories, n_needed, strict=True):
        times = history.next_times(n_steps)
        values = _of_series(table, history, times)
        if history.key in later:
            values = np.where(np.isnan(values), _at(later[history.key], panel, columns, times), values)
        missing = np.flatnonzero(np.isnan(values[:needed]).any(axis=1))
        if len(missing):
            gaps.append(f"{'' if history.key is None else f'series {history.key!r}: '}{_ranges(times, missing)}")
        if hold:
            values[needed:] = np.where(np.isnan(values[needed:]), values[needed - 1], values[needed:])
        found[history.key] = values
    if gaps:
        raise ValueError(f"future lacks values of {list(columns)} at {'; '.join(gaps)}.")
    return found


def _check_levels(panel: Panel, index: pd.Index) -> None:
    """Refuse an index with other levels than that of the data; of a panel, times alone will do."""
    names, wanted = list(index.names), list(panel.names)
    if index.nlevels not in (1, len(wanted)):
        raise ValueError(f"The index of future has the levels {names}; that of the data has {wanted}.")
    if index.nlevels > 1 and names != wanted and None not in (*names, *wanted):
        advice = f": use future.reorder_levels({wanted})" if sorted(map(str, names)) == sorted(map(str, wanted)) else ""
        raise ValueError(f"The index of future has the levels {names}; that of the data has {wanted}{advice}.")


def _of_series(table: pd.DataFrame, history: History, times: pd.Index) -> Doubles:
    """The rows (n_steps, n_columns) of a series at the times to come, NaN where there is none."""
    own = history.key is not None and table.index.nlevels > 1
    if not _numbered(history):
        return table.reindex(_with_key(history.key, times, table.index) if own else times).to_numpy(copy=True)
    if own:
        keys = history.key if isinstance(history.key, tuple) else (history.key,)
        table = table.xs(keys, level=list(range(len(keys))))
    rows = table[table.index > history.times[-1]].to_numpy()[: len(times)]
    return np.concatenate([rows, np.full((len(times) - len(rows), rows.shape[1]), np.nan)])


def _numbered(history: History) -> bool:
    """Whether nothing says when its next rows come."""
    return history.step.unit == "row" and history.step.dates is None


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

"""The known future of covariates, aligned with the times to come."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from skrnn._types import Doubles, Flags, Integers
from skrnn.forecasting._columns import read_future_columns, refuse_polars
from skrnn.forecasting._endings import name_some
from skrnn.forecasting._panel import Panel, with_keys
from skrnn.forecasting._table import History
from skrnn.windowing import kind_of_times

__all__ = ["Recorded", "future_values"]


class Recorded(NamedTuple):
    """The future of covariates as the data of a backtest hold it: nobody can be asked for what they lack.

    ``values`` (n_series, n_steps, n_columns) are those that have been read from the frame already, if they have been.
    """

    frame: pd.DataFrame | None
    values: Doubles | None = None


def future_values(
    panel: Panel,
    columns: Sequence[Any],
    future: Any,
    n_steps: int,
    n_needed: Any,
    later: Mapping[Any, History],
    hold: bool = False,
) -> Doubles | None:
    """Values (n_series, n_steps, n_columns) of ``columns`` at the times after each series; None without such columns.

    The first ``n_needed`` times (of all series, or of each) must have values; after them NaN stands for a value that is
    not given, or (``hold``) the last of those. ``later`` are rows after the end of a series that are known from its
    history. A frame of times alone is the future of all series.

    Raises
    ------
    ValueError, TypeError
        If rows, columns or values of the times needed are missing: with the times, by series; or the index is no other
        than that of the times to come.
    """
    if not columns:
        if future is not None:
            raise ValueError("future is given, but no column has that role: name them in the future parameter.")
        return None
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
    table = read_future_columns(future, list(columns), panel.categories)
    numbered = np.array([step.unit == "row" and step.dates is None for step in panel.table.steps])  # nothing says dates
    found = _values_after(panel, table, n_steps, numbered, later)
    for number in [number for number, key in enumerate(panel.table.keys) if key in later and not numbered[number]]:
        history = panel.table[number]
        older = _at(later[history.key], panel, columns, history.next_times(n_steps))
        found[number] = np.where(np.isnan(found[number]), older, found[number])
    needed = np.arange(n_steps) < np.reshape(n_needed, (-1, 1))
    missing = np.asarray(np.isnan(found).any(axis=2) & needed)
    gaps = []
    for lacking in np.flatnonzero(missing.any(axis=1)):
        history = panel.table[lacking]
        name = "" if history.key is None else f"series {history.key!r}: "
        gaps.append(f"{name}{_ranges(history.next_times(n_steps), np.flatnonzero(missing[lacking]))}")
    if gaps:
        raise ValueError(f"future lacks values of {list(columns)} at {name_some(list(dict.fromkeys(gaps)), '; ')}.")
    if hold:
        last = np.broadcast_to(np.maximum(n_needed, 1), len(found)) - 1
        found = np.where(np.isnan(found) & ~needed[:, :, None], found[np.arange(len(found)), last][:, None], found)
    return found


def _check_levels(panel: Panel, index: pd.Index) -> None:
    """Refuse an index with other levels than that of the data; of a panel, times alone will do."""
    names, wanted = list(index.names), list(panel.names)
    if index.nlevels not in (1, len(wanted)):
        raise ValueError(f"The index of future has the levels {names}; that of the data has {wanted}.")
    if index.nlevels > 1 and names != wanted and None not in (*names, *wanted):
        advice = f": use future.reorder_levels({wanted})" if sorted(map(str, names)) == sorted(map(str, wanted)) else ""
        raise ValueError(f"The index of future has the levels {names}; that of the data has {wanted}{advice}.")
    kinds = [kind_of_times(times) for times in (index.get_level_values(-1), panel.table.times)]
    if kinds[0] != kinds[1] and not all(kind.startswith("datetimes in ") for kind in kinds):  # zones are compared
        raise TypeError(f"The rows of future have {kinds[0]} in their index; those of fit had {kinds[1]}. Convert one.")


def _values_after(
    panel: Panel, table: pd.DataFrame, n_steps: int, numbered: Flags, later: Mapping[Any, History]
) -> Doubles:
    """Values at the times after each series, NaN where there are none; of the ``numbered`` ones in the next rows, of
    which those that are ``later`` in its history are the first.
    """
    series = panel.table
    found = np.empty((len(series), n_steps, table.shape[1]))
    places = [panel.columns.index(column) for column in table.columns]
    for number in np.flatnonzero(numbered).tolist():
        known = later.get(series.keys[number])
        rows = None if known is None else pd.DataFrame(known.values[:, places], known.times, table.columns)
        found[number] = _without_dates(table, series[number], n_steps, rows)
    dated = series.among(~numbered)
    if len(dated):
        counts = np.full(len(dated), n_steps)
        times = dated.next_times(counts)
        shared = dated.keys[0] is None or table.index.nlevels == 1
        index = times if shared else with_keys(dated.keys, counts, times, table.index.names)
        found[~numbered] = table.reindex(index).to_numpy().reshape(len(dated), n_steps, -1)
    return found


def _without_dates(table: pd.DataFrame, history: History, n_steps: int, known: pd.DataFrame | None) -> Doubles:
    """The rows of a series that come after its last time, in their order, with those that are ``known`` already."""
    if history.key is not None and table.index.nlevels > 1:
        keys = history.key if isinstance(history.key, tuple) else (history.key,)
        table = table.xs(keys, level=list(range(len(keys))))
    table = table[table.index > history.times[-1]]
    if known is not None:
        table = table.combine_first(known)[list(table.columns)]
    rows = table.to_numpy()[:n_steps]
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

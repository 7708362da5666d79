"""Rows that are absent from a regular index, as rows of missing values, and these as values on a line."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from skrnn._types import Doubles, Flags, Integers, Longs
from skrnn.forecasting._panel import Panel
from skrnn.forecasting._table import Table

__all__ = ["bridged", "fill_gaps", "filled", "interpolated", "n_absent", "regular_up_to", "too_sparse"]

_CHUNK_VALUES = 1 << 16  # that are interpolated at a time, for each of which there are ten others meanwhile


def fill_gaps(panel: Panel, longest: int, constant: Sequence[int]) -> Panel:
    """The panel with the rows that are absent; the columns ``constant`` keep the value that the series had before."""
    return replace(panel, histories=filled(panel.table, longest, constant)) if len(panel.histories) else panel


def filled(table: Table, longest: int, constant: Sequence[int] = ()) -> Table:
    """Series with a row of NaN for each row that is absent from a gap of at most ``longest`` of them.

    A series that would have more absent rows than rows is no regular one, and stays as it is.
    """
    absent = _absent_before(table, longest)
    total = int(absent.sum())
    if not total:
        return table
    gaps = np.flatnonzero(absent)
    before, counts = np.repeat(gaps - 1, absent[gaps]), absent[gaps]
    number = np.arange(1, total + 1) - np.repeat(np.cumsum(counts) - counts, counts)  # of each row within its gap
    values = np.full((total, table.values.shape[1]), np.nan)
    values[:, list(constant)] = table.values[before][:, list(constant)]
    positions = table.positions[before] + table.sizes[table.series[before]] * number
    order = np.argsort(np.concatenate([np.arange(len(table.positions)), before + 0.5]), kind="stable")
    return Table(
        table.keys,
        table.steps,
        table.times.append(table.later(before, number)).take(order),
        np.concatenate([table.values, values])[order],
        np.concatenate([table.positions, positions])[order],
        np.concatenate([[0], np.cumsum(table.counts + np.add.reduceat(absent, table.bounds[:-1]))]),
    )


def regular_up_to(table: Table, rows: Integers, longest: int) -> Integers | None:
    """Where rows are in the table that is `filled`; None if up to one of them its series would stay as it is, or if it
    does so as a whole.
    """
    absent = _absent(table, longest)
    firsts, total = table.bounds[:-1][table.series[rows]], np.cumsum(absent)
    irregular = _irregular(table, absent)[table.series[rows]]
    if irregular.any() or (total[rows] - total[firsts] > rows - firsts + 1).any():
        return None
    absent[_irregular(table, absent)[table.series]] = 0
    return np.asarray(rows + np.cumsum(absent)[rows])


def interpolated(X: Doubles, n_features: int) -> Doubles:
    """Windows (n, window, k) whose first features have no missing values: those between two known steps of a window lie
    on the line between them, others are as the nearest known one. What is never known in a window stays missing.
    """
    missing = np.isnan(X[:, :, :n_features])
    if not missing.any():
        return X
    X, at_once = X.copy(), max(_CHUNK_VALUES // X.shape[1], 1)
    for place in range(n_features):
        gone = missing[:, :, place]
        rows = np.flatnonzero(gone.any(axis=1) & ~gone.all(axis=1))
        for first in range(0, len(rows), at_once):
            some = rows[first : first + at_once]
            X[some, :, place] = _on_lines(X[some, :, place], ~gone[some])
    return X


def _on_lines(values: Doubles, known: Flags) -> Doubles:
    """The same of one feature (n, window), of which each row has a known value."""
    steps = np.arange(values.shape[1])
    before = np.maximum.accumulate(np.where(known, steps, -1), axis=1)
    after = np.minimum.accumulate(np.where(known, steps, len(steps))[:, ::-1], axis=1)[:, ::-1]
    low, high = np.where(before < 0, after, before), np.where(after == len(steps), before, after)
    share = (steps - low) / np.maximum(high - low, 1)
    lower, upper = (np.take_along_axis(values, ends, axis=1) for ends in (low, high))
    return np.asarray(np.where(known, values, lower + share * (upper - lower)))


def bridged(table: Table, columns: Sequence[int], longest: int) -> Table:
    """The table whose missing values in some columns lie on the line between those that are known around them, in runs
    of at most ``longest`` rows; in front of the first known value of a series, and behind the last, they are as that.
    """
    if not np.isnan(table.values[:, list(columns)]).any():
        return table
    values, rows = table.values.copy(), np.arange(len(table.values))
    first, last = table.bounds[:-1][table.series], table.ends[table.series]
    for column in columns:
        known = ~np.isnan(values[:, column])
        before = np.maximum.accumulate(np.where(known, rows, -1))
        after = np.minimum.accumulate(np.where(known, rows, len(rows))[::-1])[::-1]
        low, high = np.where(before < first, after, before), np.where(after > last, before, after)
        run = np.minimum(after, last + 1) - np.maximum(before, first - 1) - 1
        filled_in = np.flatnonzero(~known & (run <= longest) & (first <= low) & (low <= last))
        low, high = low[filled_in], high[filled_in]
        share = (filled_in - low) / np.maximum(high - low, 1)
        lower, upper = values[low, column], values[high, column]
        values[filled_in, column] = lower + share * (upper - lower)
    return replace(table, values=values)


def n_absent(panel: Panel, longest: int) -> int:
    """How many rows `filled` adds."""
    return int(_absent_before(panel.table, longest).sum())


def too_sparse(table: Table, longest: int) -> Flags:
    """Which series `filled` leaves as they are, since more rows are absent than there."""
    return _irregular(table, _absent(table, longest))


def _absent_before(table: Table, longest: int) -> Longs:
    """How many rows are absent right before each row, where they are to be filled in."""
    absent = _absent(table, longest)
    if absent.any():
        absent[_irregular(table, absent)[table.series]] = 0
    return absent


def _absent(table: Table, longest: int) -> Longs:
    """How many rows are absent right before each row, in gaps of at most ``longest``."""
    firsts = table.bounds[:-1]
    if not longest or table.begins.sum() == len(firsts):
        return np.zeros(len(table.positions), np.int64)
    steps, odd = np.divmod(np.diff(table.positions, prepend=0), table.sizes[table.series])
    absent = np.where((odd == 0) & (steps - 1 <= longest), np.maximum(steps - 1, 0), 0)
    absent[firsts] = 0
    return absent


def _irregular(table: Table, absent: Longs) -> Flags:
    """Which series would have more absent rows than rows."""
    return np.asarray(np.add.reduceat(absent, table.bounds[:-1]) > table.counts)

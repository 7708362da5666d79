"""Forecasts at rows that are there: in the history from what came before them, and after it up to where they end."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from skrnn._types import Doubles
from skrnn.forecasting._future import Recorded
from skrnn.forecasting._learnt import Learnt
from skrnn.forecasting._outputs import Heads
from skrnn.forecasting._panel import Panel, as_frame
from skrnn.forecasting._rolling import ends_of_windows, roll
from skrnn.forecasting._series import SeriesViews, to_forecasts

__all__ = ["fitted_values", "values_in_rows"]


def fitted_values(learnt: Learnt, step: int) -> Any:
    """Each row of the history as it was forecast ``step`` steps before, in the layout of the data; else NaN."""
    views, given = learnt.views(), learnt.setup.given(learnt.panel).table
    values = _of_views(learnt, views, step)[views.table.held_by(given)]
    parts = np.split(values, given.bounds[1:-1])
    width = len(learnt.setup.channels) or 1
    rows = [np.concatenate(parts[first : first + width], axis=1) for first in range(0, len(parts), width)]
    return as_frame(learnt.panel, rows, learnt.targets, ahead=False)


def values_in_rows(learnt: Learnt, new: Panel, rows: pd.Index, future: Any) -> Doubles:
    """The forecast at each of some rows (n_rows, k), which ``new`` holds by series.

    Those after the history are forecast from its end, the others from the row before them.

    Raises
    ------
    ValueError
        If a series is not in the history, or a row after it is at none of the times that come.
    """
    old, table = learnt.panel.table, new.table
    place = {key: number for number, key in enumerate(old.keys)}
    unknown = [number for number, key in enumerate(table.keys) if key not in place]
    if unknown:
        raise ValueError(f"{table[unknown[0]].label} is not in the history, so that nothing can be forecast of it.")
    learnt = replace(learnt, panel=learnt.panel.keep(table.keys))
    lasts = old.times.take(old.ends[[place[key] for key in table.keys]])
    after = np.asarray(table.times > lasts.take(table.series))
    tables = [] if after.all() else [_table(fitted_values(learnt, 1), learnt)]
    if after.any():
        counts = np.add.reduceat(after, table.bounds[:-1], dtype=np.intp)
        some = np.flatnonzero(counts)
        later = table.part(some, table.bounds[1:][some] - counts[some], counts[some])
        tables.append(_forecasts(learnt, replace(new, histories=later), future))
    found = pd.concat(tables)
    strange = ~rows.isin(found.index)
    if strange.any():
        raise ValueError(f"The row at {rows[strange][0]} is at none of the times that follow the history.")
    return np.asarray(found.reindex(rows).to_numpy())


def _forecasts(learnt: Learnt, later: Panel, future: Any) -> pd.DataFrame:
    """Forecasts at the rows ``later``, which come after the history."""
    table = later.table
    learnt = replace(learnt, panel=learnt.panel.keep(table.keys))
    numbered = any(step.unit == "row" and step.dates is None for step, _ in table.by_step())
    known = None if future is None else Recorded(future)
    if numbered:
        steps = dict(zip(table.keys, table.counts.tolist(), strict=True))
        ahead = learnt.ahead("predict", steps, None, known, hold=True)
    else:
        lasts = dict(zip(table.keys, table.times.take(table.ends), strict=True))
        ahead = learnt.ahead("predict", None, lasts, known, hold=True)
    values = learnt.columns(ahead, to_forecasts(learnt.setup, learnt.levels(ahead)[0]))
    able = dict(zip(ahead.panel.table.keys, values, strict=True))
    rest = later.keep([key for key in table.keys if key not in able])  # which a warning has named
    unknown = [np.full((count, len(learnt.targets)), np.nan) for count in rest.table.counts]
    tables = [_table(as_frame(rest, unknown, learnt.targets, ahead=False), learnt)] if unknown else []
    if numbered:
        kept = later.keep(list(able))
        values = [able[key][-count:] for key, count in zip(kept.table.keys, kept.table.counts, strict=True)]
        return pd.concat([_table(as_frame(kept, values, learnt.targets, ahead=False), learnt), *tables])
    return pd.concat([_table(as_frame(ahead.panel, values, learnt.targets), learnt), *tables])


def _of_views(learnt: Learnt, views: SeriesViews, step: int) -> Doubles:
    """The forecasts (n_rows, k) of all rows of all views."""
    n_blocks, table = -(-step // learnt.setup.horizon), views.table
    ends = ends_of_windows(views)
    levels, _ = roll(Heads(learnt.regressor, learnt.setup.quantiles), views, ends, n_blocks)
    found = to_forecasts(learnt.setup, levels[0][:, step - 1 : step])[:, 0]
    values, numbers = np.full((len(table.positions), learnt.setup.n_targets), np.nan), table.series[ends]
    inside = ends + step <= table.ends[numbers]
    ends, found, numbers = ends[inside], found[inside], numbers[inside]
    near = table.positions[ends + step] - table.positions[ends] == step * table.sizes[numbers]
    values[ends[near] + step] = found[near]
    return values


def _table(forecast: Any, learnt: Learnt) -> pd.DataFrame:
    """As a frame with the names of the targets."""
    return pd.DataFrame(forecast.to_numpy().reshape(len(forecast), -1), forecast.index, learnt.targets)

"""Forecasts at rows that are there: in the history from what came before them, and after it up to where they end."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from skrnn._types import Doubles
from skrnn.forecasting._learnt import Learnt
from skrnn.forecasting._outputs import Heads
from skrnn.forecasting._panel import Panel, as_frame
from skrnn.forecasting._rolling import ends_of_windows, roll
from skrnn.forecasting._series import SeriesView, to_forecasts

__all__ = ["fitted_values", "values_in_rows"]


def fitted_values(learnt: Learnt, step: int) -> Any:
    """Each row of the history as it was forecast ``step`` steps before, in the layout of the data; else NaN."""
    width, found = len(learnt.setup.channels) or 1, []
    for view in learnt.views():
        found.append((view.history.positions, _of_view(learnt, view, step)))
    rows = []
    for number, history in enumerate(learnt.panel.histories):
        views = found[width * number : width * (number + 1)]
        rows.append(np.concatenate([part[np.searchsorted(at, history.positions)] for at, part in views], axis=1))
    return as_frame(learnt.panel, rows, learnt.targets, ahead=False)


def values_in_rows(learnt: Learnt, new: Panel, rows: pd.Index, future: Any) -> Doubles:
    """The forecast at each of some rows (n_rows, k), which ``new`` holds by series.

    Those after the history are forecast from its end, the others from the row before them.

    Raises
    ------
    ValueError
        If a series is not in the history, or a row after it is at none of the times that come.
    """
    ends = {history.key: history for history in learnt.panel.histories}
    unknown = [history.label for history in new.histories if history.key not in ends]
    if unknown:
        raise ValueError(f"{unknown[0]} is not in the history, so that nothing can be forecast of it.")
    learnt = replace(learnt, panel=learnt.panel.keep([history.key for history in new.histories]))
    tables = []
    if any(history.times[0] <= ends[history.key].times[-1] for history in new.histories):
        tables.append(_table(fitted_values(learnt, 1), learnt))
    after = [int(history.times.searchsorted(ends[history.key].times[-1], side="right")) for history in new.histories]
    later = [history.rows(first) for history, first in zip(new.histories, after, strict=True)]
    later = [history for history in later if len(history.times)]
    if later:
        tables.append(_forecasts(learnt, replace(new, histories=later), future))
    table = pd.concat(tables)
    strange = ~rows.isin(table.index)
    if strange.any():
        raise ValueError(f"The row at {rows[strange][0]} is at none of the times that follow the history.")
    return np.asarray(table.reindex(rows).to_numpy())


def _forecasts(learnt: Learnt, later: Panel, future: Any) -> pd.DataFrame:
    """Forecasts at the rows ``later``, which come after the history."""
    learnt = replace(learnt, panel=learnt.panel.keep([history.key for history in later.histories]))
    numbered = any(history.step.unit == "row" and history.step.dates is None for history in later.histories)
    steps = max(len(history.times) for history in later.histories) if numbered else None
    until = None if numbered else max(history.times[-1] for history in later.histories)
    ahead = learnt.ahead("predict", steps, until, future, stacklevel=4, hold=True)
    values = learnt.columns(ahead, to_forecasts(learnt.setup, learnt.levels(ahead)[0]))
    if not numbered:
        return _table(as_frame(ahead.panel, values, learnt.targets), learnt)
    kept = later.keep([history.key for history in ahead.panel.histories])
    values = [part[: len(history.times)] for part, history in zip(values, kept.histories, strict=True)]
    return _table(as_frame(kept, values, learnt.targets, ahead=False), learnt)


def _of_view(learnt: Learnt, view: SeriesView, step: int) -> Doubles:
    """The forecasts (n_rows, k) of all rows of a view."""
    n_blocks = -(-step // learnt.setup.horizon)
    ends = ends_of_windows(view)
    levels, _ = roll(Heads(learnt.regressor, learnt.setup.quantiles), view, ends, n_blocks)
    found = view.forecasts(levels[0][:, step - 1 : step])[:, 0]
    values, positions = np.full((len(view.history.times), learnt.setup.n_targets), np.nan), view.history.positions
    inside = ends + step < len(positions)
    ends, found = ends[inside], found[inside]
    near = positions[ends + step] - positions[ends] == step * view.history.step.size
    values[ends[near] + step] = found[near]
    return values


def _table(forecast: Any, learnt: Learnt) -> pd.DataFrame:
    """As a frame with the names of the targets."""
    return pd.DataFrame(forecast.to_numpy().reshape(len(forecast), -1), forecast.index, learnt.targets)

"""Scores of a fitted forecaster over all rows of some data, and scorers of them for searches."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
from sklearn.metrics import r2_score

from skrnn._types import Doubles
from skrnn.forecasting._intervals import Correction
from skrnn.forecasting._learnt import Learnt
from skrnn.forecasting._metrics import naive_error
from skrnn.forecasting._outputs import Heads
from skrnn.forecasting._panel import Panel, extend
from skrnn.forecasting._series import SeriesView, evaluate, to_forecasts, to_units

__all__ = ["frame_of_rows", "r2_of"]


def r2_of(learnt: Learnt, new: Panel) -> float:
    """R2 of all forecasts of a horizon made at the rows of ``new``."""
    found = [_at_rows(learnt, view, ()) for view in _views_of_rows(learnt, new)]
    truths, forecasts = (
        np.concatenate(parts) for parts in zip(*((one[0], one[1][:, 0]) for one in found), strict=True)
    )
    _refuse_none(learnt, len(truths))
    return float(r2_score(learnt.setup.flat(truths), learnt.setup.flat(forecasts)))


def frame_of_rows(
    learnt: Learnt, new: Panel, season: int, interval: Correction | None, quantiles: Sequence[float]
) -> pd.DataFrame:
    """A row for each step of each forecast made at the rows of ``new``, as in a backtest: "series", "truth",
    "forecast", "naive_error", with an interval "lower" and "upper", and a column for each quantile, named by its level.
    """
    inside = () if interval is None else interval.quantiles
    frames = []
    for view in _views_of_rows(learnt, new):
        truths, units, levels, scales = _at_rows(learnt, view, (*inside, *quantiles))
        columns: dict[Any, Doubles] = {"truth": truths, "forecast": units[:, 0]}
        if interval is not None:
            edges = to_forecasts(learnt.setup, interval.edges(levels[:, : 1 + len(inside)], scales))
            columns |= {"lower": edges[:, 1], "upper": edges[:, 2]}
        for number, level in enumerate(quantiles):
            columns[level] = units[:, 1 + len(inside) + number]
        naive = np.broadcast_to(_naive_errors(learnt, view, season), truths.shape)
        flat = {name: values.ravel() for name, values in (columns | {"naive_error": naive}).items()}
        frames.append(pd.DataFrame({"series": [learnt.wide(view.history.key)] * truths.size, **flat}))
    frame = pd.concat(frames, ignore_index=True)
    _refuse_none(learnt, len(frame))
    return frame


def _at_rows(learnt: Learnt, view: SeriesView, quantiles: Sequence[float]) -> tuple[Doubles, Doubles, Doubles, Doubles]:
    """Of the windows of a view the truths (n, horizon, k), the forecasts and their quantiles (n, n_heads, horizon, k)
    in the user's units, the levels of these, and the units (n, k) of their errors.
    """
    found = evaluate(Heads(learnt.regressor, learnt.setup.quantiles, quantiles), view)
    levels = np.stack([one.forecasts for one in found], axis=1)
    truths = to_units(learnt.setup, found[0].truths)
    return truths, to_forecasts(learnt.setup, levels), levels, found[0].scales


def _naive_errors(learnt: Learnt, view: SeriesView, season: int) -> Doubles:
    """The error (k,) of the seasonal naive forecast in the history, by which MASE divides; NaN for a new series."""
    for known in learnt.views(learnt.panel.keep([learnt.wide(view.history.key)])):
        if known.history.key == view.history.key:
            history = known.history
            return np.array([naive_error(history.positions, one, history.step.size * season) for one in known.raw().T])
    return np.full(learnt.setup.n_targets, np.nan)


def _refuse_none(learnt: Learnt, n_found: int) -> None:
    if not n_found:
        raise ValueError(
            f"No row of the data has window={learnt.setup.window} rows up to it and "
            f"horizon={learnt.setup.horizon} after it."
        )


def _views_of_rows(learnt: Learnt, new: Panel) -> list[SeriesView]:
    """The rows of ``new``, each series behind as much of its history as lies before its first row."""
    first = dict(zip(new.table.keys, new.table.times.take(new.table.bounds[:-1]), strict=True))
    before = [
        history.rows(0, int(history.times.searchsorted(first[history.key])))
        for history in learnt.panel.histories
        if history.key in first
    ]
    older = replace(learnt.panel, histories=[history for history in before if len(history.times)])
    last = {history.key: history.positions[-1] for history in older.histories}
    views = learnt.views(extend(older, new), n_rows=learnt.setup.window)
    keys = learnt.keys_of(views)
    return [view.rows(view.row_at(last[key]) if key in last else 0) for view, key in zip(views, keys, strict=True)]

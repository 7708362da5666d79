"""Scores of a fitted forecaster over all rows of some data, and scorers of them for searches."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from sklearn.metrics import r2_score

from skrnn.forecasting._learnt import Learnt
from skrnn.forecasting._outputs import heads_of
from skrnn.forecasting._panel import Panel, extend
from skrnn.forecasting._series import SeriesView, evaluate

__all__ = ["r2_of"]


def r2_of(learnt: Learnt, new: Panel) -> float:
    """R2 of all forecasts of a horizon made at the rows of ``new``."""
    head = heads_of(learnt.regressor, learnt.setup.quantiles)[0]
    found = [evaluate(head, view) for view in _views_of_rows(learnt, new)]
    truths = np.concatenate([part.view.units(part.truths) for part in found])
    forecasts = np.concatenate([part.view.forecasts(part.forecasts) for part in found])
    _refuse_none(learnt, len(truths))
    return float(r2_score(learnt.setup.flat(truths), learnt.setup.flat(forecasts)))


def _refuse_none(learnt: Learnt, n_found: int) -> None:
    if not n_found:
        raise ValueError(
            f"No row of the data has window={learnt.setup.window} rows up to it and "
            f"horizon={learnt.setup.horizon} after it."
        )


def _views_of_rows(learnt: Learnt, new: Panel) -> list[SeriesView]:
    """The rows of ``new``, each series behind as much of its history as lies before its first row."""
    first = {history.key: history.times[0] for history in new.histories}
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

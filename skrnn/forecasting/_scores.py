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
from skrnn.forecasting._metrics import naive_errors
from skrnn.forecasting._outputs import Heads
from skrnn.forecasting._panel import Panel, extend
from skrnn.forecasting._series import Evaluation, SeriesViews, evaluate, to_forecasts, to_units
from skrnn.forecasting._table import Table

__all__ = ["frame_of_rows", "r2_of"]


def r2_of(learnt: Learnt, new: Panel) -> float:
    """R2 of all forecasts of a horizon made at the rows of ``new``: the mean over steps and targets that are known."""
    _, found = _at_rows(learnt, new, ())
    truths, forecasts = to_units(learnt.setup, found.truths), to_forecasts(learnt.setup, found.forecasts[0])
    pairs = truths.reshape(len(truths), -1).T, forecasts.reshape(len(truths), -1).T
    known = ~np.isnan(pairs[0])
    if known.all():
        return float(r2_score(learnt.setup.flat(truths), learnt.setup.flat(forecasts)))
    scores = [
        r2_score(*(side[there] for side in both)) for *both, there in zip(*pairs, known, strict=True) if there.any()
    ]
    return float(np.mean(scores))


def frame_of_rows(
    learnt: Learnt, new: Panel, season: int, interval: Correction | None, quantiles: Sequence[float]
) -> pd.DataFrame:
    """A row for each step of each forecast made at the rows of ``new``, as in a backtest: "series", "truth",
    "forecast", "naive_error", with an interval "lower" and "upper", and a column for each quantile, named by its level.
    """
    inside = () if interval is None else interval.quantiles
    table, found = _at_rows(learnt, new, (*inside, *quantiles))
    levels, own = np.moveaxis(found.forecasts, 0, 1), len(inside) + 1
    units, numbers = to_forecasts(learnt.setup, levels), table.series[found.ends]
    columns: dict[Any, Doubles] = {"truth": to_units(learnt.setup, found.truths), "forecast": units[:, 0]}
    if interval is not None:
        edges = to_forecasts(learnt.setup, interval.edges(levels[:, :own], found.scales))
        columns |= {"lower": edges[:, 1], "upper": edges[:, 2]}
    columns |= {level: units[:, own + number] for number, level in enumerate(quantiles)}
    errors = _naive_errors(learnt, table.keys, season)[numbers]
    columns["naive_error"] = np.broadcast_to(errors[:, None], found.truths.shape)
    series = pd.Series([learnt.wide(key) for key in table.keys]).take(numbers.repeat(found.truths[0].size))
    return pd.DataFrame({"series": series.array, **{name: values.ravel() for name, values in columns.items()}})


def _naive_errors(learnt: Learnt, keys: Sequence[Any], season: int) -> Doubles:
    """The errors (n_keys, k) of the seasonal naive forecast in the history, by which MASE divides; NaN for others."""
    views = learnt.views()
    table, raw = views.table, views.raw()
    found = [*np.stack([naive_errors(table, table.ends, one, season) for one in raw.T], axis=1)]
    known = dict(zip(table.keys, found, strict=True))
    return np.array([known.get(key, np.full(raw.shape[1], np.nan)) for key in keys])


def _at_rows(learnt: Learnt, new: Panel, quantiles: Sequence[float]) -> tuple[Table, Evaluation]:
    """The forecasts from the rows of ``new``, and from the end of the history before them."""
    views = _views_of_rows(learnt, new)
    found = evaluate(Heads(learnt.regressor, learnt.setup.quantiles, quantiles), views)
    if not len(found.ends):
        raise ValueError(
            f"No row of the data has window={learnt.setup.window} rows up to it and "
            f"horizon={learnt.setup.horizon} after it."
        )
    return views.table, found


def _views_of_rows(learnt: Learnt, new: Panel) -> SeriesViews:
    """The rows of ``new``, each series behind as much of its history as lies before its first row."""
    table = learnt.panel.table
    first = dict(zip(new.table.keys, new.table.bounds[:-1].tolist(), strict=True))
    numbers = np.flatnonzero([key in first for key in table.keys])
    counts = np.zeros(len(numbers), np.intp)
    if len(numbers):
        table = table.part(numbers, table.bounds[numbers], table.counts[numbers])
        firsts = new.table.times.take([first[key] for key in table.keys])
        earlier = np.asarray(table.times < firsts.take(table.series))
        counts = np.add.reduceat(earlier, table.bounds[:-1], dtype=np.intp)
    some = np.flatnonzero(counts)
    older = table.part(some, table.bounds[some], counts[some])
    last = dict(zip(older.keys, older.positions[older.ends].tolist(), strict=True))
    views = learnt.views(extend(replace(learnt.panel, histories=older), new), n_rows=learnt.setup.window)
    starts = [last.get(key, np.iinfo(np.int64).min) for key in learnt.keys_of(views)]
    return views.since(views.table.rows_at(np.array(starts)))

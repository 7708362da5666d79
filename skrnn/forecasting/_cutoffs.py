"""Forecasts from many cutoffs without learning again, as one evaluation; and the rows of a backtest."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from skrnn._types import Doubles, Flags, Integers
from skrnn.forecasting._ahead import Newest, levels_ahead
from skrnn.forecasting._endings import until_known
from skrnn.forecasting._future import future_values
from skrnn.forecasting._gaps import regular_up_to
from skrnn.forecasting._learnt import Learnt
from skrnn.forecasting._metrics import naive_errors
from skrnn.forecasting._outputs import Heads
from skrnn.forecasting._panel import Panel
from skrnn.forecasting._series import SeriesViews, to_forecasts
from skrnn.forecasting._table import Table

__all__ = ["Cutoffs", "cutoffs_of", "enough_told", "forecasts_from", "recorded", "rows_of"]


_CHUNK_ROWS = 1_000_000  # of the windows that are forecast from at once


class Cutoffs(NamedTuple):
    """Pairs of a cutoff and a series that has rows up to it, cutoff by cutoff.

    ``ends`` (n_pairs,) are the newest rows up to it in the table of all series, ``numbers`` the series, ``places`` the
    cutoffs; ``live`` says where the series has a value at the cutoff itself and goes on.
    """

    table: Table
    ends: Integers
    numbers: Integers
    places: Integers
    live: Flags

    def among(self, some: Flags) -> Cutoffs:
        """Only some of the pairs."""
        return Cutoffs(self.table, self.ends[some], self.numbers[some], self.places[some], self.live[some])

    def pasts(self, width: int) -> Table:
        """The series up to the cutoffs, of each no more than its newest ``width`` rows."""
        counts = np.minimum(self.ends - self.table.bounds[self.numbers] + 1, width)
        return self.table.part(self.numbers, self.ends + 1 - counts, counts)


def cutoffs_of(table: Table, cutoffs: pd.Index, ranks: Integers) -> Cutoffs:
    """All pairs of the series of a table, which come in the order of their ``ranks``, and some cutoffs in order."""
    spots = table.series * (len(cutoffs) + 1) + np.asarray(cutoffs.searchsorted(table.times))
    wanted = np.arange(len(table)) * (len(cutoffs) + 1) + np.arange(len(cutoffs))[:, None]
    ends = np.searchsorted(spots, wanted, side="right") - 1
    places, numbers = np.nonzero(ends >= table.bounds[:-1])
    order = np.lexsort((ranks[numbers], places))
    places, numbers = places[order], numbers[order]
    ends = ends[places, numbers]
    live = (table.times.take(ends) == cutoffs.take(places)) & (ends < table.ends[numbers])
    return Cutoffs(table, ends, numbers, places, np.asarray(live))


def forecasts_from(
    learnt: Learnt, pairs: Cutoffs, panel: Panel, data: Any, horizon: int
) -> tuple[Flags, Doubles] | None:
    """Which pairs the regressor can forecast from, and the forecasts (n_live, horizon, k) from those of them
    that are live.

    ``panel`` holds the series of the pairs; the rows after the cutoffs are there for the future of covariates alone.
    None, if the absent rows cannot be filled in for all cutoffs at once.
    """
    setup, views = learnt.setup, learnt.views(panel)
    learnt.refuse_past(horizon)
    given = setup.given(panel).table
    n_channels = len(given) // len(pairs.table)  # a view for each
    wide = (pairs.numbers[:, None] * n_channels + np.arange(n_channels)).ravel()
    offsets = np.repeat(pairs.ends - pairs.table.bounds[pairs.numbers], n_channels)
    ends = regular_up_to(given, given.bounds[wide] + offsets, setup.longest_gap)
    if ends is None:
        return None
    every = Cutoffs(views.table, ends, wide, np.repeat(pairs.places, n_channels), np.repeat(pairs.live, n_channels))
    width = setup.window + setup.lag
    chunk = max(_CHUNK_ROWS // (width * n_channels), 1)
    ready = np.zeros(len(pairs.ends), dtype=bool)
    found = [np.zeros((0, horizon, len(learnt.targets)))]
    for first in range(0, len(ready), chunk):
        rows = slice(first, first + chunk)
        some = np.zeros_like(ready)
        some[rows] = True
        ready[rows] = setup.enough(Newest.of(_some(views, every.among(np.repeat(some, n_channels)), width)).ready())
        some &= ready & pairs.live
        if some.any():
            pasts = replace(panel, histories=pairs.among(some).pasts(width))
            known = recorded(learnt, pasts, data, horizon)
            told = enough_told(learnt, known, len(pasts.table), horizon)
            if not told.all():
                ready[np.flatnonzero(some)[~told]] = False
                some[some] = told
                if not some.any():
                    continue
                pasts = replace(panel, histories=pairs.among(some).pasts(width))
            until_known(pasts, learnt.targets, setup.window)  # says which targets are not known
            known = None if known is None else np.repeat(known[told], n_channels, axis=0)
            here = _some(views, every.among(np.repeat(some, n_channels)), width)
            levels, _ = levels_ahead(Heads(learnt.regressor, setup.quantiles), here, horizon, known)
            found.append(setup.columns(to_forecasts(setup, levels[:, 0])))
    return ready, np.concatenate(found)


def recorded(learnt: Learnt, pasts: Panel, data: Any, horizon: int) -> Doubles | None:
    """The future of the covariates (n_series, n_steps, n_future) after each series, NaN where the data have none."""
    columns = list(learnt.setup.roles.future)
    n_steps = -(-horizon // learnt.setup.horizon) * learnt.setup.horizon
    return future_values(pasts, columns, data[columns] if columns else None, n_steps, 0, {})


def enough_told(learnt: Learnt, known: Doubles | None, n_series: int, horizon: int) -> Flags:
    """Of which series the data hold as much of the future of the covariates as the regressor needs."""
    if known is None or not learnt.setup.complete:
        return np.ones(n_series, dtype=bool)
    return np.asarray(~np.isnan(known[:, : learnt.n_needed(horizon)]).any(axis=(1, 2)))


def _some(views: SeriesViews, pairs: Cutoffs, width: int) -> SeriesViews:
    return SeriesViews(views.setup, views.panel, pairs.pasts(width), views.statistics[pairs.numbers])


def rows_of(
    pairs: Cutoffs, panel: Panel, targets: list[Any], values: Doubles, names: list[str], season: int
) -> pd.DataFrame:
    """The rows of a backtest: of each pair and target the steps, with the truth and the seasonal naive forecast.

    ``values`` (n_pairs, horizon, k, n_names) are the forecasts, ``names`` what their last axis is called; ``panel`` has
    the rows after the cutoffs.
    """
    horizon, table = values.shape[1], pairs.table
    times, rows = _ahead(pairs, horizon)
    columns = [panel.columns.index(target) for target in targets]
    truth = np.where((rows < 0)[:, :, None], np.nan, table.values[rows][:, :, columns])
    back = season * -(-np.arange(1, horizon + 1) // season) - np.arange(1, horizon + 1)
    naive = _at_steps_back(pairs, season)[:, back]  # whole cycles back, to a known value
    naive = np.where((naive < 0)[:, :, None], np.nan, table.values[naive][:, :, columns])
    errors = np.stack([naive_errors(table, pairs.ends, table.values[:, column], season) for column in columns], axis=1)
    shape = len(rows), len(targets), horizon
    kept = np.ones(shape, dtype=bool)
    if any(table.steps[number].unit == "row" for number in np.unique(pairs.numbers)):
        kept[:] = (rows >= 0)[:, None]  # nothing says the times of rows that are not there
    numbers, target, step = (part.ravel() for part in np.indices(shape))
    series = pd.Series([table.keys[number] for number in pairs.numbers])
    frame = pd.DataFrame(
        {
            "series": series.take(numbers).reset_index(drop=True),
            "target": pd.Index(targets).take(target),
            "cutoff": table.times.take(pairs.ends[numbers]),
            "time": times.take(numbers * horizon + step),
            "step": step + 1,
            "truth": truth.transpose(0, 2, 1).ravel(),
            **{name: values[..., i].transpose(0, 2, 1).ravel() for i, name in enumerate(names)},
            "seasonal_naive": naive.transpose(0, 2, 1).ravel(),
            "naive_error": errors[numbers, target],
        }
    )
    return frame[kept.ravel()]


def _ahead(pairs: Cutoffs, horizon: int) -> tuple[pd.Index, Integers]:
    """The times (n_pairs * horizon,) after the cutoffs, and the rows (n_pairs, horizon) at them; -1: there is none.

    Where nothing but the rows says what comes next, these are the next rows, as far as there are any.
    """
    table, steps = pairs.table, np.arange(1, horizon + 1)
    rows = np.full((len(pairs.ends), horizon), -1)
    for step in steps:
        later = np.minimum(pairs.ends + step, table.ends[pairs.numbers])
        distance, odd = np.divmod(table.positions[later] - table.positions[pairs.ends], table.sizes[pairs.numbers])
        there = np.flatnonzero((odd == 0) & (distance >= 1) & (distance <= horizon))
        rows[there, distance[there] - 1] = later[there]
    times = table.later(np.repeat(pairs.ends, horizon), np.tile(steps, len(pairs.ends)))
    of_rows = np.array([step.unit == "row" for step in table.steps])[pairs.numbers]
    flat = rows.ravel()
    actual = table.times.take(np.maximum(flat, 0))
    if of_rows.any():
        times = actual if of_rows.all() else actual.where(np.repeat(of_rows, horizon), times)
    else:
        flat[np.asarray(actual != times)] = -1
    return times, flat.reshape(rows.shape)


def _at_steps_back(pairs: Cutoffs, n_steps: int) -> Integers:
    """The rows (n_pairs, n_steps) that lie 0, 1, … steps before the cutoffs; -1 where there is none."""
    table = pairs.table
    rows = np.full((len(pairs.ends), n_steps), -1)
    for step in range(n_steps):
        before = np.maximum(pairs.ends - step, table.bounds[pairs.numbers])
        distance, odd = np.divmod(table.positions[pairs.ends] - table.positions[before], table.sizes[pairs.numbers])
        there = np.flatnonzero((odd == 0) & (distance < n_steps))
        rows[there, distance[there]] = before[there]
    return rows

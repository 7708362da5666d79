"""Errors of forecasts that were not learnt from: how wide intervals must be."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from skrnn._types import Doubles, Flags, Integers, Longs
from skrnn.forecasting._learnt import Learnt
from skrnn.forecasting._outputs import Heads
from skrnn.forecasting._rolling import ends_of_windows, roll
from skrnn.forecasting._series import SeriesViews, WeighsWindows, evaluate, learn, series_views
from skrnn.forecasting._table import Table
from skrnn.windowing import moments_of

__all__ = ["Calibration", "calibrate"]


@dataclass(frozen=True, eq=False)
class Calibration:
    """Errors of forecasts that were not learnt from, of a model of older rows and, behind these, as they were settled.

    ``older`` is that model; ``first`` and ``last`` are, by key, the positions in time of the rows from which its
    forecasts were measured, and of the last row of `fit`. ``blocks`` are signed errors (n, horizon, k, n_heads) of the
    forecast and of the learnt quantiles, oldest first, in units of each series: those of the first ``horizon`` steps,
    those of the next, and so on, as far as they were asked for.
    """

    older: Learnt
    first: Mapping[Any, int]
    last: Mapping[Any, int]
    blocks: tuple[Doubles, ...]

    def reaching(self, learnt: Learnt, steps: int) -> Calibration:
        """With the errors of so many steps; those beyond what was asked before are measured now."""
        n_blocks = -(-steps // learnt.setup.horizon)
        if n_blocks <= len(self.blocks):
            return self
        wanted = range(len(self.blocks), n_blocks)
        views = replace(self.older, panel=learnt.panel).views()
        views = views.among(_in(self.first, views.table))
        more = [np.zeros((0, *self.blocks[0].shape[1:]))] * len(wanted)
        if len(views):
            firsts, ends = (_places(views.table, known) for known in (self.first, self.last))
            seen = replace(views, table=views.table.part(np.arange(len(views)), views.table.bounds[:-1], ends + 1))
            found = _errors(self.older, seen, dict.fromkeys(wanted, firsts))
            more = [_in_time(found[block]) for block in wanted]
        settled = _settled(learnt, self.last, wanted)
        more = [_followed(errors, settled, block) for errors, block in zip(more, wanted, strict=True)]
        return replace(self, blocks=(*self.blocks, *more))

    def updated(self, learnt: Learnt, ends: Mapping[Any, int]) -> Calibration:
        """With the errors that rows after the positions ``ends`` settled in the place of the oldest ones."""
        settled = _settled(learnt, ends, range(len(self.blocks)))
        return replace(self, blocks=tuple(_followed(old, settled, block) for block, old in enumerate(self.blocks)))


def calibrate(model: Any, learnt: Learnt, views: SeriesViews, share: float, weigh: WeighsWindows | None) -> Calibration:
    """Errors on the newest ``share`` of each series' windows, of a model that never saw these rows.

    ``views`` are all rows, as `learnt`, whose regressor is not asked, sees them.
    """
    rows = views.samples().ends
    counts = np.bincount(views.table.series[rows], minlength=len(views))
    some = np.flatnonzero(counts)
    newest = rows[(np.cumsum(counts) - np.ceil(share * counts).astype(np.intp))[some]]  # the first that is measured
    whole, firsts = views.table.among(counts > 0), newest - views.table.bounds[some]
    part = replace(views.panel, histories=whole.part(np.arange(len(whole)), whole.bounds[:-1], firsts + 1))
    _refuse_none(len(whole), share)
    setup = learnt.setup.fitted(part)
    older = series_views(setup, part, part.histories)
    model, n_older = learn(model, setup, older, weigh)
    _refuse_none(n_older, share)
    statistics = dict(zip(whole.keys, older.statistics, strict=True))
    before = Learnt(model, setup, replace(learnt.panel, histories=[]), statistics)
    found = _errors(before, replace(older, table=whole), {0: firsts})
    return Calibration(
        before,
        dict(zip(whole.keys, whole.positions[whole.bounds[:-1] + firsts].tolist(), strict=True)),
        dict(zip(whole.keys, whole.positions[whole.ends].tolist(), strict=True)),
        (_in_time(found[0]),),
    )


def _refuse_none(count: int, share: float) -> None:
    if not count:
        raise ValueError(f"calibration={share} leaves no windows to train or to measure on. Give more data.")


_Found = dict[int, tuple[Doubles, Longs]]  # errors (n, horizon, k, n_heads) by block, and the moments (n,) they are of


def _settled(learnt: Learnt, ends: Mapping[Any, int], blocks: range) -> _Found:
    """The errors that the rows after the positions ``ends``, by key, make known."""
    views, horizon = learnt.views(), learnt.setup.horizon
    views = views.among(_in(ends, views.table))
    if not len(views):
        return {}
    rows = _places(views.table, ends)
    return _errors(learnt, views, {block: np.maximum(rows + 1 - (block + 1) * horizon, 0) for block in blocks})


def _in(known: Mapping[Any, int], table: Table) -> Flags:
    return np.array([key in known for key in table.keys], dtype=bool)


def _places(table: Table, known: Mapping[Any, int]) -> Integers:
    """The row of each series, counted from its first, at its known position."""
    return table.rows_at(np.array([known[key] for key in table.keys]))


def _errors(learnt: Learnt, views: SeriesViews, starts: Mapping[int, Integers]) -> _Found:
    """Signed errors of some blocks, in units of the series: in the block-th horizon after the windows that end at the
    rows ``starts[block]`` (n_series,) of each series or later. The moments are the times of these rows.
    """
    heads, found = Heads(learnt.regressor, learnt.setup.quantiles, learnt.setup.quantiles), _Found()
    if 0 in starts:
        newer = views.since(starts[0])
        near = evaluate(heads, newer)
        errors = (near.truths - near.forecasts) / near.scales[:, None]
        found[0] = np.moveaxis(errors, 0, -1), moments_of(newer.table.times.take(near.ends))
    far = {block: start for block, start in starts.items() if block}
    if not far:
        return found
    h, counts = views.setup.horizon, views.table.counts
    views = views.since(np.min(list(far.values()), axis=0))
    table = views.table
    ends = ends_of_windows(views)
    levels, scales = roll(heads, views, ends, max(far) + 1)
    rows = ends - (table.bounds[:-1] - (counts - table.counts))[table.series[ends]]  # of the whole series
    for block, start in far.items():
        span = (block + 1) * h
        some = np.flatnonzero((rows >= start[table.series[ends]]) & (ends + span <= table.ends[table.series[ends]]))
        last = ends[some] + span
        some = some[table.positions[last] - table.positions[ends[some]] == span * table.sizes[table.series[last]]]
        errors = views.true_levels(ends[some] + span - h) - levels[:, some, span - h : span]
        errors = errors / scales[some, None]
        whole = ~np.isnan(errors).any(axis=(0, 2, 3))
        found[block] = np.moveaxis(errors[:, whole], 0, -1), moments_of(table.times.take(ends[some[whole]]))
    return found


def _followed(errors: Doubles, settled: _Found, block: int) -> Doubles:
    """The errors of a block with newer ones in the place of the oldest."""
    if not settled or not len(errors):
        return errors
    return np.concatenate([errors, _in_time(settled[block])])[-len(errors) :]


def _in_time(found: tuple[Doubles, Longs]) -> Doubles:
    """The errors of a block of all series, oldest first."""
    errors, moments = found
    return np.asarray(errors[np.argsort(moments, kind="stable")])

"""Errors of forecasts that were not learnt from: how wide intervals must be."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from sklearn.base import clone

from skrnn._types import Doubles, Flags, Integers, Longs
from skrnn.forecasting._learning import learn, window_weights
from skrnn.forecasting._learnt import Learnt
from skrnn.forecasting._outputs import Heads
from skrnn.forecasting._rolling import ends_of_windows, roll
from skrnn.forecasting._series import SeriesViews, WeighsWindows, evaluate, series_views
from skrnn.forecasting._table import Table
from skrnn.windowing import moments_of

__all__ = ["Calibration", "Fold", "calibrate"]


_FOLDS = 3  # of the windows that are measured on; each is measured by a model of the rows before it
_SURER = 1.25  # more data make quantiles narrower, but not by this


@dataclass(frozen=True, eq=False)
class Fold:
    """A model, and by key the position in time of the first row from which its forecasts are measured."""

    learnt: Learnt
    first: Mapping[Any, int]


@dataclass(frozen=True, eq=False)
class Calibration:
    """Errors of forecasts that were not learnt from, of models of older rows and, behind these, as they were settled.

    ``folds`` are these models, oldest first: each measures the windows from its first row to that of the next one;
    ``last`` is, by key, the position of the last row of `fit`. ``blocks`` are signed errors (n, horizon, k, n_heads) of
    the forecast and of the learnt quantiles, oldest first, in units of each series, NaN where the target is missing:
    those of the first ``horizon`` steps, those of the next, and so on, as far as they were asked for. ``ratios``
    (horizon, k, n_heads - 1) are, of each block, what the distances of the quantiles from the forecast are multiplied
    by where those of the model that forecasts are much smaller than those that were measured.
    """

    folds: tuple[Fold, ...]
    last: Mapping[Any, int]
    blocks: tuple[Doubles, ...] = ()
    ratios: tuple[Doubles, ...] = ()

    def reaching(self, learnt: Learnt, steps: int) -> Calibration:
        """With the errors of so many steps; those beyond what was asked before are measured now."""
        n_blocks = -(-steps // learnt.setup.horizon)
        if n_blocks <= len(self.blocks):
            return self
        wanted = range(len(self.blocks), n_blocks)
        after = {key: end + 1 for key, end in self.last.items()}
        ends = [*(fold.first for fold in self.folds[1:]), after]
        parts = [self._measured(fold, end, learnt, wanted) for fold, end in zip(self.folds, ends, strict=True)]
        found = {block: _joined([part[block] for part in parts]) for block in wanted}
        own = (
            self._measured(Fold(learnt, self.folds[0].first), after, learnt, wanted)
            if learnt.setup.quantiles
            else found
        )
        ratios = {block: _ratio(found[block][0], own[block][0]) for block in wanted}
        settled = _settled(learnt, self.last, wanted)
        blocks = [_followed(_in_time(found[block]), settled, block, ratios[block]) for block in wanted]
        return replace(self, blocks=(*self.blocks, *blocks), ratios=(*self.ratios, *ratios.values()))

    def updated(self, learnt: Learnt, ends: Mapping[Any, int]) -> Calibration:
        """With the errors that rows after the positions ``ends`` settled in the place of the oldest ones."""
        settled = _settled(learnt, ends, range(len(self.blocks)))
        known = enumerate(zip(self.blocks, self.ratios, strict=True))
        return replace(self, blocks=tuple(_followed(old, settled, block, ratio) for block, (old, ratio) in known))

    def _measured(self, fold: Fold, ends: Mapping[Any, int], learnt: Learnt, blocks: range) -> _Found:
        """The errors of the windows of a fold, which end before the positions ``ends``, in the rows of `fit`."""
        views = replace(fold.learnt, panel=learnt.panel).views()
        views = views.among(_in(fold.first, views.table))
        if not len(views):
            shape = (0, learnt.setup.horizon, learnt.setup.n_targets, 1 + len(learnt.setup.quantiles))
            return dict.fromkeys(blocks, (np.zeros(shape), np.zeros(0, np.int64)))
        firsts, stops, lasts = (_places(views.table, known) for known in (fold.first, ends, self.last))
        counts = np.minimum(stops + (blocks[-1] + 1) * learnt.setup.horizon, lasts + 1)
        seen = replace(views, table=views.table.part(np.arange(len(views)), views.table.bounds[:-1], counts))
        return _errors(fold.learnt, seen, dict.fromkeys(blocks, firsts), stops)


def calibrate(model: Any, learnt: Learnt, views: SeriesViews, share: float, weigh: WeighsWindows | None) -> Calibration:
    """Models that never saw the windows on which they are to be measured: the newest ``share`` of each series.

    ``views`` are all rows, as `learnt`, whose regressor is not asked, sees them. Series without a weight are left out.
    """
    rows = views.samples(partial=True).ends
    if weigh is not None:
        counted = np.array([weigh.counts(key) for key in views.table.keys], dtype=bool)
        rows = rows[counted[views.table.series[rows]]]
    counts = np.bincount(views.table.series[rows], minlength=len(views))
    whole = views.table.among(counts > 0)
    _refuse_none(len(whole), share)
    measured = np.ceil(share * counts).astype(np.intp)[counts > 0]
    first = np.cumsum(counts)[counts > 0] - measured
    folds = []
    for number in range(_FOLDS):
        begin, end = (measured * part // _FOLDS for part in (number, number + 1))
        if (end > begin).any():
            last = rows[first + begin] - views.table.bounds[:-1][counts > 0]
            folds.append(_fold(clone(model), learnt, replace(views, table=whole), last, share, weigh))
    return Calibration(tuple(folds), dict(zip(whole.keys, whole.positions[whole.ends].tolist(), strict=True)))


def _fold(
    model: Any, learnt: Learnt, views: SeriesViews, last: Integers, share: float, weigh: WeighsWindows | None
) -> Fold:
    """A model of the rows up to the ``last`` (n_series,) of each series, counted from its first."""
    table = views.table
    part = replace(views.panel, histories=table.part(np.arange(len(table)), table.bounds[:-1], last + 1))
    setup = learnt.setup.fitted(part, again=True)
    older = series_views(setup, part, part.histories, weigh=weigh)
    ends = older.samples(setup.partial).ends
    count = int(np.count_nonzero(window_weights(older, ends, weigh)))
    _refuse_none(count, share)
    if count == 1 and getattr(model, "early_stopping", False) is True:
        raise ValueError(
            f"calibration={share} leaves no windows to validate on beside the one to train on, and early_stopping=True "
            "needs some. Give more data, or set calibration=None."
        )
    model = learn(model, setup, older, weigh)
    statistics = dict(zip(table.keys, older.statistics, strict=True))
    first = dict(zip(table.keys, table.positions[table.bounds[:-1] + last].tolist(), strict=True))
    return Fold(Learnt(model, setup, replace(learnt.panel, histories=[]), statistics), first)


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


def _errors(
    learnt: Learnt, views: SeriesViews, starts: Mapping[int, Integers], stops: Integers | None = None
) -> _Found:
    """Signed errors of some blocks, in units of the series: in the block-th horizon after the windows that end at the
    rows ``starts[block]`` (n_series,) of each series or later, and before ``stops``. The moments are the times of these
    rows.
    """
    stops = views.table.counts if stops is None else stops
    heads, found = Heads(learnt.regressor, learnt.setup.quantiles, learnt.setup.quantiles), _Found()
    if 0 in starts:
        newer = views.since(starts[0])
        near = evaluate(heads, newer)
        errors = np.moveaxis((near.truths - near.forecasts) / near.scales[:, None], 0, -1)
        kept = _rows(views, newer, near.ends) < stops[newer.table.series[near.ends]]
        found[0] = errors[kept], moments_of(newer.table.times.take(near.ends[kept]))
    far = {block: start for block, start in starts.items() if block}
    if not far:
        return found
    h, newer = views.setup.horizon, views.since(np.min(list(far.values()), axis=0))
    table, ends = newer.table, ends_of_windows(newer)
    levels, scales = roll(heads, newer, ends, max(far) + 1)
    rows, series = _rows(views, newer, ends), table.series[ends]
    for block, start in far.items():
        span = (block + 1) * h
        inside = (rows >= start[series]) & (rows < stops[series]) & (ends + span <= table.ends[series])
        some = np.flatnonzero(inside)
        last = ends[some] + span
        some = some[table.positions[last] - table.positions[ends[some]] == span * table.sizes[table.series[last]]]
        errors = newer.true_levels(ends[some] + span - h) - levels[:, some, span - h : span]
        errors = errors / scales[some, None]
        known = ~np.isnan(errors).all(axis=(0, 2, 3))
        found[block] = np.moveaxis(errors[:, known], 0, -1), moments_of(table.times.take(ends[some[known]]))
    return found


def _rows(views: SeriesViews, newer: SeriesViews, ends: Integers) -> Integers:
    """The rows ``ends`` of the newer part of some series, counted from the first of all their rows."""
    dropped = views.table.counts - newer.table.counts
    return np.asarray(ends - (newer.table.bounds[:-1] - dropped)[newer.table.series[ends]])


def _distances(errors: Doubles) -> Doubles:
    """How far above the forecast the quantiles lie (n, horizon, k, n_heads - 1), of the errors of both."""
    return errors[..., :1] - errors[..., 1:]


def _mean_distances(errors: Doubles) -> Doubles:
    """Those (horizon, k, n_heads - 1) where the target is known; 0 where it never is."""
    distances = _distances(errors)
    known = ~np.isnan(distances)
    if known.all():
        return np.asarray(distances.mean(axis=0))
    return np.asarray(np.where(known, distances, 0.0).sum(axis=0) / np.maximum(known.sum(axis=0), 1))


def _ratio(measured: Doubles, own: Doubles) -> Doubles:
    """Mean distances of the quantiles that were measured in units of a model's own on the same windows,
    (horizon, k, n_heads - 1); 1 where they are not larger by more than what more data explain.
    """
    one = np.ones((*measured.shape[1:3], measured.shape[3] - 1))
    if not len(measured) or not one.size:
        return one
    found, other = _mean_distances(measured), _mean_distances(own)
    ratio = np.divide(found, other, out=one.copy(), where=found * other > 0)
    return np.where(ratio > _SURER, ratio, one)


def _followed(errors: Doubles, settled: _Found, block: int, ratio: Doubles) -> Doubles:
    """The errors of a block with newer ones in the place of the oldest, their quantiles moved by the ratio."""
    if not settled or not len(errors):
        return errors
    newer = _in_time(settled[block])
    newer = np.concatenate([newer[..., :1], newer[..., :1] - ratio * _distances(newer)], axis=-1)
    return np.concatenate([errors, newer])[-len(errors) :]


def _joined(parts: Sequence[tuple[Doubles, Longs]]) -> tuple[Doubles, Longs]:
    return np.concatenate([errors for errors, _ in parts]), np.concatenate([moments for _, moments in parts])


def _in_time(found: tuple[Doubles, Longs]) -> Doubles:
    """The errors of a block of all series, oldest first."""
    errors, moments = found
    return np.asarray(errors[np.argsort(moments, kind="stable")])

"""Errors of forecasts that were not learnt from: how wide intervals must be."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from skrnn._types import Doubles, Longs
from skrnn.forecasting._learnt import Learnt
from skrnn.forecasting._outputs import Heads
from skrnn.forecasting._rolling import ends_of_windows, roll
from skrnn.forecasting._series import SeriesView, SeriesViews, WeighsWindows, evaluate, learn, series_views
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
        views = [view for view in replace(self.older, panel=learnt.panel).views() if view.history.key in self.first]
        calibrated = []
        for view in views:
            key = view.history.key
            seen = replace(view, history=view.history.rows(0, view.row_at(self.last[key]) + 1))
            calibrated.append(_errors(self.older, seen, dict.fromkeys(wanted, view.row_at(self.first[key]))))
        settled = _settled(learnt, self.last, wanted)
        none = np.zeros((0, *self.blocks[0].shape[1:]))
        more = [_followed(_in_time(calibrated, block) if views else none, settled, block) for block in wanted]
        return replace(self, blocks=(*self.blocks, *more))

    def updated(self, learnt: Learnt, ends: Mapping[Any, int]) -> Calibration:
        """With the errors that rows after the positions ``ends`` settled in the place of the oldest ones."""
        settled = _settled(learnt, ends, range(len(self.blocks)))
        return replace(self, blocks=tuple(_followed(old, settled, block) for block, old in enumerate(self.blocks)))


def calibrate(model: Any, learnt: Learnt, views: SeriesViews, share: float, weigh: WeighsWindows | None) -> Calibration:
    """Errors on the newest ``share`` of each series' windows, of a model that never saw these rows.

    ``views`` are all rows, as `learnt`, whose regressor is not asked, sees them.
    """
    cuts = {}
    for view in views:
        rows = view.samples().ends
        if len(rows):
            cuts[view.history.key] = int(rows[len(rows) - int(np.ceil(share * len(rows)))]) + 1
    whole = [view.history for view in views if view.history.key in cuts]
    part = replace(views[0].panel, histories=[history.rows(0, cuts[history.key]) for history in whole])
    setup = learnt.setup.fitted(part)
    older = series_views(setup, part, part.histories)
    model, n_older = learn(model, setup, older, weigh)
    if not n_older:
        raise ValueError(f"calibration={share} leaves no windows to train or to measure on. Give more data.")
    statistics = dict(zip(older.table.keys, older.statistics, strict=True))
    before = Learnt(model, setup, learnt.panel, statistics)
    newer = [replace(view, history=history) for view, history in zip(older, whole, strict=True)]
    firsts = [cuts[history.key] - 1 for history in whole]
    errors = _in_time([_errors(before, view, {0: first}) for view, first in zip(newer, firsts, strict=True)], 0)
    return Calibration(
        replace(before, panel=replace(learnt.panel, histories=[])),
        {history.key: int(history.positions[first]) for history, first in zip(whole, firsts, strict=True)},
        {history.key: int(history.positions[-1]) for history in whole},
        (errors,),
    )


_Found = dict[int, tuple[Doubles, Longs]]  # errors (n, horizon, k, n_heads) by block, and the moments (n,) they are of


def _settled(learnt: Learnt, ends: Mapping[Any, int], blocks: range) -> list[_Found]:
    """The errors that the rows after the positions ``ends``, by key, make known."""
    found, horizon = [], learnt.setup.horizon
    for view in learnt.views():
        if view.history.key in ends:
            end = view.row_at(ends[view.history.key])
            found.append(_errors(learnt, view, {block: max(end + 1 - (block + 1) * horizon, 0) for block in blocks}))
    return found


def _errors(learnt: Learnt, view: SeriesView, starts: Mapping[int, int]) -> _Found:
    """Signed errors of some blocks, in units of the series: in the block-th horizon after the windows that end at the
    row ``starts[block]`` or later. The moments are the times of these rows.
    """
    heads, found = Heads(learnt.regressor, learnt.setup.quantiles, learnt.setup.quantiles), _Found()
    if 0 in starts:
        near = evaluate(heads, view.rows(starts[0]))
        found[0] = (
            np.stack([(one.truths - one.forecasts) / one.scales[:, None] for one in near], axis=-1),
            near[0].moments,
        )
    far = {block: start for block, start in starts.items() if block}
    if not far:
        return found
    h, n_rows = view.setup.horizon, len(view.history.times)
    view = view.rows(min(far.values()))
    cut, positions = n_rows - len(view.history.times), view.history.positions
    ends = ends_of_windows(view)
    levels, scales = roll(heads, view, ends, max(far) + 1)
    for block, start in far.items():
        span = (block + 1) * h
        some = np.flatnonzero((ends + cut >= start) & (ends + span < len(positions)))
        some = some[positions[ends[some] + span] - positions[ends[some]] == span * view.history.step.size]
        truths = view.true_levels(ends[some] + span - h)
        errors = (truths - levels[:, some, span - h : span]) / scales[some, None]
        whole = ~np.isnan(errors).any(axis=(0, 2, 3))
        found[block] = np.moveaxis(errors[:, whole], 0, -1), moments_of(view.history.times[ends[some[whole]]])
    return found


def _followed(errors: Doubles, found: Sequence[_Found], block: int) -> Doubles:
    """The errors of a block with newer ones in the place of the oldest."""
    if not found or not len(errors):
        return errors
    return np.concatenate([errors, _in_time(found, block)])[-len(errors) :]


def _in_time(found: Sequence[_Found], block: int) -> Doubles:
    """The errors of a block of all series, oldest first."""
    order = np.argsort(np.concatenate([part[block][1] for part in found]), kind="stable")
    return np.asarray(np.concatenate([part[block][0] for part in found])[order])

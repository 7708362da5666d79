"""Errors of forecasts that were not learnt from: how wide intervals must be."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from skrnn._types import Doubles, Longs
from skrnn.forecasting._learnt import Learnt
from skrnn.forecasting._outputs import heads_of
from skrnn.forecasting._rolling import ends_of_windows, roll
from skrnn.forecasting._series import SeriesView, WeighsWindows, evaluate, learn, series_views
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
        views = [view for view in replace(self.older, panel=learnt.panel).views() if view.history.key in self.first]
        ends = {view.history.key: view.row_at(self.last[view.history.key]) for view in views}
        then = [replace(view, history=view.history.rows(0, ends[view.history.key] + 1)) for view in views]
        starts = [view.row_at(self.first[view.history.key]) for view in views]
        blocks = list(self.blocks)
        for block in range(len(blocks), n_blocks):
            errors = _in_time([_errors(self.older, *pair, block) for pair in zip(then, starts, strict=True)])
            blocks.append(_followed(errors, _settled(learnt, self.last, block)))
        return replace(self, blocks=tuple(blocks))

    def updated(self, learnt: Learnt, ends: Mapping[Any, int]) -> Calibration:
        """With the errors that rows after the positions ``ends`` settled in the place of the oldest ones."""
        blocks = [_followed(old, _settled(learnt, ends, block)) for block, old in enumerate(self.blocks)]
        return replace(self, blocks=tuple(blocks))


def calibrate(
    model: Any, learnt: Learnt, views: list[SeriesView], share: float, weigh: WeighsWindows | None
) -> Calibration:
    """Errors on the newest ``share`` of each series' windows, of a model that never saw these rows.

    ``views`` are all rows, as `learnt`, whose regressor is not asked, sees them.
    """
    cuts = {}
    for view in views:
        ends = [part.ends for part in view.samples()]
        rows = np.concatenate(ends) if ends else np.zeros(0, np.intp)
        if len(rows):
            cuts[view.history.key] = int(rows[len(rows) - int(np.ceil(share * len(rows)))]) + 1
    whole = [view.history for view in views if view.history.key in cuts]
    part = replace(views[0].panel, histories=[history.rows(0, cuts[history.key]) for history in whole])
    setup = learnt.setup.fitted(part)
    older = series_views(setup, part, part.histories)
    model, n_older = learn(model, setup, older, weigh)
    if not n_older:
        raise ValueError(f"calibration={share} leaves no windows to train or to measure on. Give more data.")
    statistics = {view.history.key: view.statistics for view in older}
    before = Learnt(model, setup, learnt.panel, statistics)
    newer = [replace(view, history=history) for view, history in zip(older, whole, strict=True)]
    firsts = [cuts[history.key] - 1 for history in whole]
    errors = _in_time([_errors(before, *pair, 0) for pair in zip(newer, firsts, strict=True)])
    return Calibration(
        replace(before, panel=replace(learnt.panel, histories=[])),
        {history.key: int(history.positions[first]) for history, first in zip(whole, firsts, strict=True)},
        {history.key: int(history.positions[-1]) for history in whole},
        (errors,),
    )


def _settled(learnt: Learnt, ends: Mapping[Any, int], block: int) -> list[tuple[Doubles, Longs]]:
    """The errors of a block that the rows after the positions ``ends``, by key, make known."""
    views = [view for view in learnt.views() if view.history.key in ends]
    back = (block + 1) * learnt.setup.horizon - 1
    return [_errors(learnt, view, max(view.row_at(ends[view.history.key]) - back, 0), block) for view in views]


def _errors(learnt: Learnt, view: SeriesView, first: int, block: int) -> tuple[Doubles, Longs]:
    """Signed errors (n, horizon, k, n_heads) of the block-th horizon after the windows that end at row ``first`` or
    later, in units of the series, and the times of these rows as numbers.
    """
    view, span = view.rows(first), (block + 1) * view.setup.horizon
    heads = heads_of(learnt.regressor, learnt.setup.quantiles, learnt.setup.quantiles)
    if block == 0:
        found = [evaluate(head, view) for head in heads]
        return np.stack([(one.truths - one.forecasts) / one.scales[:, None] for one in found], axis=-1), found[
            0
        ].moments
    ends, positions = ends_of_windows(view), view.history.positions
    ends = ends[ends + span < len(positions)]
    ends = ends[positions[ends + span] - positions[ends] == span * view.history.step.size]
    levels, scales = roll(heads, view, ends, block + 1)
    truths = view.true_levels(ends + span - view.setup.horizon)
    errors = (truths - levels[:, :, span - view.setup.horizon :]) / scales[:, None]
    whole = ~np.isnan(errors).any(axis=(0, 2, 3))
    return np.moveaxis(errors[:, whole], 0, -1), moments_of(view.history.times[ends[whole]])


def _followed(errors: Doubles, found: Sequence[tuple[Doubles, Longs]]) -> Doubles:
    """Errors with newer ones in the place of the oldest."""
    return np.concatenate([errors, _in_time(found)])[-len(errors) or len(errors) :] if found else errors


def _in_time(found: Sequence[tuple[Doubles, Longs]]) -> Doubles:
    """The errors of all series, oldest first."""
    order = np.argsort(np.concatenate([moments for _, moments in found]), kind="stable")
    return np.asarray(np.concatenate([errors for errors, _ in found])[order])

"""Forecasts from many rows of series at once, each from what was known at its row."""

from __future__ import annotations

import numpy as np

from skrnn._types import Doubles, Integers
from skrnn.forecasting._features import take_units
from skrnn.forecasting._outputs import Heads
from skrnn.forecasting._series import SeriesViews

__all__ = ["ends_of_windows", "roll"]


def roll(heads: Heads, views: SeriesViews, ends: Integers, n_blocks: int) -> tuple[Doubles, Doubles]:
    """Levels (n_heads, n, n_blocks * horizon, k) after the rows ``ends``, and the units (n, k) of their errors.

    After the first block, windows hold the forecasts of the first head and no past covariates. A block is NaN where it
    begins beyond the end of its series, or where the regressor takes no missing values and some are in the window.
    """
    setup, k, h = views.setup, views.setup.n_targets, views.setup.horizon
    table, numbers = views.features(), views.table.series[ends]
    outputs = np.full((len(heads), len(ends), n_blocks * h, k), np.nan)
    spread = np.ones((len(ends), k))
    n_past = len(setup.roles.past)
    for block in range(n_blocks):
        newest = ends + block * h
        alive = np.flatnonzero(newest <= views.table.ends[numbers])
        X = table[newest[alive][:, None] + np.arange(1 - setup.window, 1)]
        made = min(block * h, setup.window)  # steps of the window that are forecasts
        if made:
            X[:, -made:, :k] = outputs[0, alive][:, block * h - made : block * h]
            X[:, -made:, k : k + n_past] = np.nan
        if setup.complete:
            whole = ~np.isnan(X).any(axis=(1, 2))
            X, alive = X[whole], alive[whole]
        if not len(X):
            continue
        units = take_units(X, k, setup.units)
        for number, found in enumerate(heads.outputs(setup, X)):
            outputs[number, alive, block * h : (block + 1) * h] = units.undo(found)
        if block == 0:
            spread[alive] = units.spread
    levels = np.stack([views.levels(one, ends) for one in outputs])
    return levels, views.statistics[numbers, 1] * spread


def ends_of_windows(views: SeriesViews) -> Integers:
    """The rows at which a window ends that the regressor can forecast from: within a run, with a known target."""
    setup, missing = views.setup, np.isnan(views.features())
    bad = missing.any(axis=1) if setup.complete else missing[:, : setup.n_targets].all(axis=1)
    ends = np.flatnonzero(views.table.before >= views.lag + setup.window - 1)
    before = np.concatenate([[0], np.cumsum(bad)])
    n_bad = before[ends + 1] - before[ends + 1 - setup.window]
    ends = ends[n_bad == 0] if setup.complete else ends[n_bad < setup.window]
    return np.asarray(ends[views.undoable(ends)])

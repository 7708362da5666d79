"""Whether the windows of a panel are divided by their spread: measured, where nothing is said."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from sklearn.base import clone

from skrnn._types import Flags, Integers
from skrnn.forecasting._features import Samples
from skrnn.forecasting._outputs import Heads
from skrnn.forecasting._regressors import keep_validation_apart, train_once
from skrnn.forecasting._series import SeriesViews, WeighsWindows, learn_windows, stacked_windows
from skrnn.forecasting._setup import Setup

__all__ = ["FEWEST", "choose_spread", "newest_and_older"]

_SHARE = 0.15  # of the windows of each series, its newest
_MOST_WINDOWS = 6_000  # that are looked at; of more, those of every so many-th series
FEWEST = 20  # windows to learn from, and to measure on


def choose_spread(model: Any, setup: Setup, views: SeriesViews, weigh: WeighsWindows | None) -> str | None:
    """ "std" if a model of windows in these units has the smaller error in the newest windows of all series, else None.

    The error is the mean absolute one in units of each series' scale. Windows whose targets overlap with those are not
    learnt from. None, too, where there are few windows, or the older ones alone cannot be learnt from.
    """
    found = views.samples(setup.partial)
    series = views.table.series[found.ends]
    some = np.flatnonzero(series % max(1, -(-len(series) // _MOST_WINDOWS)) == 0)
    found, series = found.among(some), series[some]
    newest, older = newest_and_older(series, setup.horizon)
    if min(newest.sum(), older.sum()) < FEWEST:
        return None
    model = clone(model)
    keep_validation_apart(model, (setup.horizon - 1) * len(np.unique(series)))
    train_once(model)
    parts = found.among(np.flatnonzero(older)), found.among(np.flatnonzero(newest))
    kinds = None, "std"
    try:
        errors = [_error(clone(model), replace(setup, spread=kind), views, weigh, *parts) for kind in kinds]
    except (ValueError, ArithmeticError):  # without the newest rows there is no weight, or no value of a column
        return None
    return kinds[int(np.argmin(errors))]


def newest_and_older(series: Integers, horizon: int) -> tuple[Flags, Flags]:
    """Which windows, given by the number of their series in time, are the newest of it, and which are learnt from."""
    count = np.bincount(series)[series]
    place = np.arange(len(series)) - np.searchsorted(series, series)
    n_newest = np.maximum(np.ceil(_SHARE * count), 1)
    after = count - 1 - place
    return after < n_newest, after >= n_newest + horizon - 1


def _error(
    model: Any, setup: Setup, views: SeriesViews, weigh: WeighsWindows | None, older: Samples, newest: Samples
) -> float:
    model = learn_windows(model, setup, views, older, weigh)
    X, Y, units = stacked_windows(setup, newest)
    (outputs,) = Heads(model, setup.quantiles).outputs(setup, X)
    return float(np.nanmean(np.abs(outputs - Y) * units.spread[:, None]))

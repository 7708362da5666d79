"""In which units a network learns, where nothing is said: windows divided by their spread, roots of the targets."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from sklearn.linear_model import RidgeCV

from skrnn._types import Doubles, Flags, Integers
from skrnn.forecasting._features import Samples
from skrnn.forecasting._learning import window_weights
from skrnn.forecasting._series import SeriesViews, WeighsWindows, series_views, stacked_windows, to_units

__all__ = ["choose_units"]

_ROOTS = ("signed_sqrt",)  # of what was never negative; it has a value, too, should a later row be
_SHARE = 0.15  # of the windows of each series, its newest
_FEWEST = 20  # windows to learn from, and to measure on
_MOST_WINDOWS, _MOST_VALUES = 4_000, 4_000_000  # that are looked at; of more windows, those of every so many-th
_GAIN = 0.99  # of the error, to which roots have to bring it
_SMALLEST = 0.01  # error of a series, in its units, below which none is better
_STRENGTHS = np.logspace(-2, 4, 7)


def choose_units(
    views: SeriesViews, weigh: WeighsWindows | None, spreads: Sequence[str | None], roots: bool
) -> tuple[str | None, tuple[Any, ...]]:
    """The spread and the transformations with which ridge regression forecasts the newest windows best.

    It learns the older windows of all series in each of the units, by the weights that ``weigh`` gives them. Errors are
    absolute, in the user's units, and a series counts by the logarithm of its mean: as much as any other, whatever its
    size, and however hard it is to forecast. To choose from are ``spreads`` and, with ``roots``, the first of them with
    roots of the targets, where none of a series with weight is negative: both mend that swings grow with the level, and
    one is enough. Missing targets are on the line between their neighbours to learn from, in a window between those
    that it has, and have no error. What few windows cannot tell stays as it is: the first spread, and the
    transformations of ``views``.
    """
    setup = replace(views.setup, complete=True)
    plain = replace(views.bridged(), setup=setup)
    candidates = [(spread, setup.transforms) for spread in spreads]
    counted = np.array([weigh is None or weigh.counts(key) for key in plain.table.keys], dtype=bool)
    if roots and not np.fmin.reduce(plain.raw()[counted[plain.table.series]], axis=None, initial=0.0) < 0:
        candidates.append((spreads[0], _ROOTS))
    if len(candidates) == 1:
        return candidates[0]
    found = plain.samples()
    weights = window_weights(views, found.ends, weigh)
    used = np.flatnonzero((weights > 0) & plain.undoable(found.ends))
    known = views.known_after(found.ends[used])
    used, known = used[known.any(axis=(1, 2))], known[known.any(axis=(1, 2))]
    series, weights = plain.table.series[found.ends[used]], weights[used]
    size = found.X[0].size + found.Y[0].size if len(found.X) else 1
    each = max(-(-len(used) // min(_MOST_WINDOWS, max(_MOST_VALUES // size, 1))), 1)
    newest, older = (np.flatnonzero(part)[::each] for part in _newest_and_older(series, setup.horizon))
    if min(len(newest), len(older)) < _FEWEST:
        return candidates[0]
    errors = {}
    for spread, transforms in candidates:
        own = replace(setup, transforms=transforms, spread=spread)
        seen = replace(plain, setup=own)
        if transforms != setup.transforms:
            seen = series_views(own, plain.panel, plain.panel.histories)
        samples = seen.samples()
        alone = replace(views, setup=seen.setup, statistics=seen.statistics)
        learnt, tested = (alone.seen(samples.among(used[part])) for part in (older, newest))
        sizes = _errors(seen, learnt, tested, None if weigh is None else weights[older], plain.statistics[:, 1])
        sizes = np.where(known[newest], sizes, 0.0).sum(axis=(1, 2)) / known[newest].sum(axis=(1, 2))
        errors[spread, transforms] = _over_series(sizes, series[newest], weights[newest])
        errors[spread, transforms] /= 1.0 if transforms == setup.transforms else _GAIN
    return min(errors, key=errors.__getitem__)


def _newest_and_older(series: Integers, horizon: int) -> tuple[Flags, Flags]:
    """Which windows, given by the number of their series in time, are the newest of it, and which are learnt from."""
    count = np.bincount(series)[series]
    place = np.arange(len(series)) - np.searchsorted(series, series)
    n_newest = np.maximum(np.ceil(_SHARE * count), 1)
    after = count - 1 - place
    return after < n_newest, after >= n_newest + horizon - 1


def _errors(views: SeriesViews, older: Samples, newest: Samples, weights: Doubles | None, units: Doubles) -> Doubles:
    """Absolute errors (n, horizon, k) of ridge regression that learns from some windows in others.

    In ``units`` (n_series, k) where the user's values can be had back from those of the model, else in these.
    """
    X, Y, _ = stacked_windows(views.setup, older)
    flat = replace(views.setup, sequences=False, encoding="once")
    weights = None if weights is None else weights / weights.mean()
    model = RidgeCV(_STRENGTHS).fit(flat.arrange(X), Y.reshape(len(Y), -1), weights)
    X, Y, of_windows = stacked_windows(views.setup, newest)
    outputs = model.predict(flat.arrange(X)).reshape(Y.shape)
    if views.setup.transforms not in ((), _ROOTS):
        return np.asarray(np.abs(outputs - Y) * of_windows.spread[:, None])
    forecasts = to_units(views.setup, views.levels(of_windows.undo(outputs), newest.ends))
    truths = to_units(views.setup, views.true_levels(newest.ends))
    return np.asarray(np.abs(forecasts - truths) / units[views.table.series[newest.ends]][:, None])


def _over_series(sizes: Doubles, series: Integers, weights: Doubles) -> float:
    """The geometric mean over series of the mean error of each, which counts by its mean weight."""
    counts = np.bincount(series)
    there, total = counts > 0, np.bincount(series, weights)
    means = np.bincount(series, sizes * weights)[there] / total[there]
    logs = np.log(np.maximum(means, _SMALLEST))
    return float(np.exp(np.average(logs, weights=total[there] / counts[there])))

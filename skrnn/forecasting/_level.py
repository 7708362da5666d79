"""What a network's forecasts start from where windows are few: measured, where nothing is said."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from skrnn._ridge import InTime, said_by_folds
from skrnn._types import Doubles, Flags
from skrnn.forecasting._learning import in_turns, overlapping, window_weights
from skrnn.forecasting._series import SeriesViews, WeighsWindows, stacked_windows

__all__ = ["choose_level"]

_MOST_VALUES = 4_000_000  # that are looked at


def choose_level(views: SeriesViews, weigh: WeighsWindows | None) -> str | None:
    """The level of windows that hardly any do not overlap with: of the forecasts that learn nothing the one with the
    smallest mean absolute error, if no ridge regression is better on windows that it has not seen.

    These are the newest value, the mean of the window, and the value a season before. Else, and with many windows, it
    stays as it is, the newest value. Windows count by the weights that ``weigh`` gives them. Missing targets are on the
    line between their neighbours to learn from, in a window between those that it has, and have no error.
    """
    setup = views.setup
    found = views.bridged().samples()
    found = found.among(in_turns(views.table.series[found.ends]))
    weights = window_weights(views, found.ends, weigh)
    counted = np.flatnonzero(weights)  # one without weight is as if it were not there
    found, weights = found.among(counted), weights[counted]
    overlap, n_series = overlapping(views, found)
    when = InTime(np.arange(len(found.kept)), overlap, in_turns=n_series)
    size = len(found.kept) * (found.X[0].size if len(found.X) else 0)
    if not len(found.kept) or not when.are_few or size > _MOST_VALUES:
        return setup.level
    known, found = views.known_after(found.ends), views.seen(found)
    X, Y, _ = stacked_windows(setup, found)
    y = Y.reshape(len(Y), -1)
    X = _standardized(setup.completed(X), [code.place for code in setup.codes])
    given = replace(setup, sequences=False, encoding="once", fills=False).arrange(X)  # X is filled
    said = said_by_folds(np.nan_to_num(given), y, weights, when)  # a missing category is none of them
    least = min(_mean_size(each - y, weights, known) for each in said)
    kinds = ["last", "mean", *(["season"] if 1 < setup.season <= setup.window else [])]
    errors = {kind: _mean_size(stacked_windows(replace(setup, level=kind), found)[1], weights, known) for kind in kinds}
    best = min(kinds, key=errors.__getitem__)
    return best if errors[best] <= least else setup.level


def _mean_size(errors: Doubles, weights: Doubles, known: Flags) -> float:
    """The mean absolute value of errors (n, …) where they are ``known`` (n, horizon, k), by the weights of the rows."""
    sizes, known = (part.reshape(len(errors), -1) for part in (np.abs(errors), known))
    counts = known.sum(axis=1)
    means = np.where(known, sizes, 0.0).sum(axis=1) / np.maximum(counts, 1)
    return float(np.average(means, weights=weights * (counts > 0)))


def _standardized(X: Doubles, codes: Sequence[int]) -> Doubles:
    """Windows (n, window, n_features) with each feature in its standard units, as a network reads it, and the mean in
    the place of a missing value; but not the numbers of categories.
    """
    numbers = [place for place in range(X.shape[2]) if place not in codes]
    values, scaled = X[:, :, numbers], X.copy()
    known = ~np.isnan(values)
    count = np.maximum(known.sum(axis=(0, 1)), 1)
    centred = np.where(known, values - np.where(known, values, 0.0).sum(axis=(0, 1)) / count, 0.0)
    deviation = np.sqrt((centred**2).sum(axis=(0, 1)) / count)
    scaled[:, :, numbers] = centred / np.where(deviation > 0, deviation, 1.0)
    return scaled

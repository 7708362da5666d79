"""What a network's forecasts start from where windows are few: measured, where nothing is said."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from skrnn._ridge import InTime, said_by_folds
from skrnn.forecasting._series import SeriesViews, in_turns, stacked_windows

__all__ = ["choose_level"]

_MOST_VALUES = 4_000_000  # that are looked at


def choose_level(views: SeriesViews) -> str | None:
    """The level of windows that hardly any do not overlap with: of the forecasts that learn nothing the one with the
    smallest mean absolute error, if no ridge regression is better on windows that it has not seen.

    These are the newest value, the mean of the window, and the value a season before. Else, and with many windows, it
    stays as it is, the newest value.
    """
    setup = views.setup
    found = views.samples()
    found = found.among(in_turns(views.table.series[found.ends]))
    when = InTime(np.arange(len(found.kept)), (setup.horizon - 1) * len(views))
    size = len(found.kept) * (found.X[0].size if len(found.X) else 0)
    if not len(found.kept) or not when.are_few or size > _MOST_VALUES:
        return setup.level
    X, Y, _ = stacked_windows(setup, found)
    n = len(X)
    y = Y.reshape(n, -1)
    said = said_by_folds(
        np.nan_to_num(replace(setup, sequences=False, encoding="once").arrange(X)), y, np.ones(n), when
    )
    least = float(np.abs(said - y).mean(axis=(1, 2)).min())
    kinds = ["last", "mean", *(["season"] if 1 < setup.season <= setup.window else [])]
    errors = {}
    for kind in kinds:
        _, left, _ = stacked_windows(replace(setup, level=kind), found)
        errors[kind] = float(np.abs(left).mean())
    best = min(kinds, key=errors.__getitem__)
    return best if errors[best] <= least else setup.level

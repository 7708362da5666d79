"""Whether a network learns from targets as they are, or from their roots: measured, where nothing is said."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from sklearn.linear_model import RidgeCV

from skrnn._types import Doubles, Integers
from skrnn.forecasting._series import SeriesViews, series_views, stacked_windows, to_units
from skrnn.forecasting._spread import FEWEST, newest_and_older

__all__ = ["choose_roots"]

_ROOTS = ("signed_sqrt",)  # of what was never negative; it has a value, too, should a later row be
_MOST_WINDOWS, _MOST_VALUES = 4_000, 4_000_000  # that are looked at; of more windows, those of every so many-th
_GAIN = 0.99  # of the error, to which roots have to bring it
_STRENGTHS = np.logspace(-2, 4, 7)


def choose_roots(views: SeriesViews) -> tuple[str, ...]:
    """The transformation with which ridge regression forecasts the newest windows better: roots, or none.

    ``views`` are without a transformation. The error is the mean absolute one in the user's units, divided by the scale
    of each series. None where a target is negative, or where few windows are without a missing value.
    """
    setup, panel = replace(views.setup, complete=True), views.panel
    plain = replace(views, setup=setup)
    if np.fmin.reduce(plain.raw(), axis=None, initial=0.0) < 0:
        return ()
    found = plain.samples()
    size = found.X[0].size + found.Y[0].size if len(found.X) else 1
    each = max(-(-len(found.kept) // min(_MOST_WINDOWS, max(_MOST_VALUES // size, 1))), 1)
    parts = newest_and_older(plain.table.series[found.ends], setup.horizon)
    newest, older = (np.flatnonzero(part)[::each] for part in parts)
    if min(len(newest), len(older)) < FEWEST:
        return ()
    roots = series_views(replace(setup, transforms=_ROOTS), panel, panel.histories)
    with_roots, without = (_error(kind, older, newest, plain.statistics[:, 1]) for kind in (roots, plain))
    return _ROOTS if with_roots < _GAIN * without else ()


def _error(views: SeriesViews, older: Integers, newest: Integers, units: Doubles) -> float:
    """That of ridge regression, learnt from some of the samples, for others; ``units`` (n_series, k)."""
    found = views.samples()
    X, Y, _ = stacked_windows(views.setup, found.among(older))
    flat = replace(views.setup, sequences=False, encoding="once")
    model = RidgeCV(_STRENGTHS).fit(flat.arrange(X), Y.reshape(len(Y), -1))
    tested = found.among(newest)
    X, Y, of_windows = stacked_windows(views.setup, tested)
    outputs = model.predict(flat.arrange(X)).reshape(Y.shape)
    forecasts = to_units(views.setup, views.levels(of_windows.undo(outputs), tested.ends))
    truths = to_units(views.setup, views.true_levels(tested.ends))
    return float(np.mean(np.abs(forecasts - truths) / units[views.table.series[tested.ends]][:, None]))

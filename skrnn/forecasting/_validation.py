"""How well a network forecast the newest windows before it learnt from them, beside repeating the last season."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from skrnn._plain import is_packed, require
from skrnn._types import Doubles, Integers
from skrnn._warnings import warn_caller
from skrnn.forecasting._learning import in_turns
from skrnn.forecasting._metrics import naive_errors, scores_of
from skrnn.forecasting._outputs import Heads
from skrnn.forecasting._series import SeriesViews, stacked_windows, to_forecasts, to_units
from skrnn.forecasting._setup import Setup

__all__ = ["plain_scores", "scores_from_plain", "validation_scores", "warn_of_naive"]

_MODELS, _SCORES = ("forecast", "seasonal_naive"), ["MAE", "RMSE", "MASE", "sMAPE"]
_HORIZONS, _FEWEST = 3, 20  # of a series, windows that say more than a toss of a coin: of so many horizons, and so many
_BEHIND = 1.05  # what they have to say
_MOST_WINDOWS = 2_000  # that are looked at; of more, every so many-th


def validation_scores(
    validated: tuple[Any, Integers] | None, views: SeriesViews
) -> tuple[pd.DataFrame | None, Integers]:
    """Scores in the validation windows, in the user's units: a row for "forecast", one for "seasonal_naive"; and how
    many windows of each series these are (n_series,).

    ``validated`` is the network that has not learnt from them, and their numbers. Both are asked for the same values,
    those of which both the truth and the value a season before is known; the latter is the last one where none is
    known. None where there is no such value.
    """
    none = np.zeros(len(views), np.intp)
    if validated is None:
        return None, none
    network, rows = validated
    found = views.samples(views.setup.partial)
    found = found.among(in_turns(views.table.series[found.ends])) if len(views) > 1 else found
    counts = np.bincount(views.table.series[found.ends[rows]], minlength=len(views))
    rows = rows[:: max(-(-len(rows) // _MOST_WINDOWS), 1)]
    rows = rows[views.undoable(found.ends[rows])]
    if not len(rows):
        return None, none
    found = found.among(rows)
    X, _, units = stacked_windows(views.setup, found)
    outputs = Heads(network, views.setup.quantiles).outputs(views.setup, X)[0]
    forecasts = to_forecasts(views.setup, views.levels(units.undo(outputs), found.ends))
    truths = to_units(views.setup, views.true_levels(found.ends))
    for season in dict.fromkeys((views.setup.season, 1)):
        frame = _frame(views, found.ends, forecasts, truths, season)
        if len(frame):
            return _table([scores_of(frame, name) for name in _MODELS]), counts
    return None, none


def warn_of_naive(scores: pd.DataFrame | None, n_windows: Integers, setup: Setup) -> None:
    """Warn where the validation windows, so many of each series, leave no doubt that the seasonal naive forecast is
    ahead. Those of several series at one time may have one cause, and are no more evidence than those of one.
    """
    if scores is None or n_windows.max() < max(_HORIZONS * setup.horizon, _FEWEST):
        return
    name = "MAE" if np.count_nonzero(n_windows) * setup.n_targets == 1 else "MASE"
    own, naive = scores[name]
    if not own > _BEHIND * naive:
        return
    what = "the last season" if setup.season > 1 else "the last value"
    warn_caller(
        f"On the newest {n_windows.sum()} windows, before it learnt from them, the network had a {name} of {own:.3g}, "
        f"and repeating {what} one of {naive:.3g} (validation_scores_). Repeat {what}, give more rows or a window that "
        f"holds a season (window={setup.window}, season={setup.season}), or see with backtest whether Ridge() is "
        "better.",
        UserWarning,
    )


def plain_scores(scores: pd.DataFrame | None) -> Doubles | None:
    """The numbers (2, 4) in such a table."""
    return None if scores is None else np.ascontiguousarray(scores.to_numpy(np.float64))


def scores_from_plain(values: Any) -> pd.DataFrame | None:
    """The table of such numbers, checked."""
    if values is None:
        return None
    good = is_packed(values) and values.dtype == np.float64 and values.shape == (len(_MODELS), len(_SCORES))
    require(good and not (values < 0).any(), "the scores of the validation are no scores")
    return _table(values)


def _table(rows: Any) -> pd.DataFrame:
    return pd.DataFrame(rows, pd.Index(_MODELS, name="model"), _SCORES)


def _frame(views: SeriesViews, ends: Integers, forecasts: Doubles, truths: Doubles, season: int) -> pd.DataFrame:
    """The rows of `scores_of`, in the order of forecasts (n, horizon, k)."""
    table, raw, steps = views.table, views.raw(), np.arange(1, views.setup.horizon + 1)
    back = season * -(-steps // season) - steps  # whole cycles back, to a known value
    there = table.before[ends][:, None] >= back
    naive = np.where(there[:, :, None], raw[np.maximum(ends[:, None] - back, 0)], np.nan)
    numbers = table.series[ends]
    errors = np.stack([naive_errors(table, table.ends, column, season) for column in raw.T], axis=1)[numbers]
    frame = pd.DataFrame(
        {
            "series": np.repeat(numbers, truths[0].size),
            "truth": truths.ravel(),
            "forecast": forecasts.ravel(),
            "seasonal_naive": naive.ravel(),
            "naive_error": np.broadcast_to(errors[:, None], truths.shape).ravel(),
        }
    )
    return frame.dropna(subset=["truth", "forecast", "seasonal_naive"])

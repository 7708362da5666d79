"""What a forecaster says about windows that it cannot use."""

from __future__ import annotations

import warnings

import numpy as np

from skrnn.forecasting._panel import History
from skrnn.forecasting._series import SeriesView
from skrnn.forecasting._setup import Setup
from skrnn.windowing import ADVICE

__all__ = ["has_one_window", "refuse_negative", "refuse_short", "warn_of_windows"]


_NOTICED = 0.01  # share of the windows that may go without a word


def refuse_negative(views: list[SeriesView]) -> None:
    """An error if a target is negative that must not be."""
    for view in views:
        targets = view.targets() if view.setup.positive else np.zeros((0, 1))
        if (targets < 0).any():
            row = int(np.flatnonzero((targets < 0).any(axis=1))[0])
            raise ValueError(
                f"{view.history.label} has a negative target at {view.history.times[row]}, and the loss of the "
                "regressor takes none. Use another loss."
            )


def refuse_short(histories: list[History], views: list[SeriesView], setup: Setup) -> None:
    """An error if no series has a window with its horizon; the longest is named.

    ``histories`` are the series as they were given, without the rows that stand for absent ones.
    """
    if any(len(part.kept) for view in views for part in view.samples(setup.partial)):
        return
    longest = max(views, key=lambda view: len(view.history.times))
    missing = "missing value" if setup.complete else "missing target in their horizon"
    broken = _first_break(histories)
    gap = f" {broken}. {ADVICE}." if broken else ""
    raise ValueError(
        f"{longest.history.label} has {len(longest.history.times)} rows; window={setup.window} and "
        f"horizon={setup.horizon} need at least {_needed(longest)} without a gap or a {missing}.{gap} Use a smaller "
        f"window, a longer series{', or a regressor that takes missing values' if setup.complete else ''}."
    )


def has_one_window(views: list[SeriesView], setup: Setup) -> bool:
    """Whether all series together have a single window with its horizon."""
    found = 0
    for view in views:
        found += sum(len(part.kept) for part in view.samples(setup.partial))
        if found > 1:
            return False
    return True


def warn_of_windows(histories: list[History], views: list[SeriesView], setup: Setup, found: int) -> None:
    """Warn if more than a hundredth of the possible windows is lost: by which step, and where it begins."""
    possible = sum(max(len(view.history.times) - _needed(view) + 1, 0) for view in views)
    if possible - found <= _NOTICED * possible:
        return
    broken = _first_break(histories)
    reasons = [reason for reason in (broken, _first_missing(histories, views, setup)) if reason]
    advice = f" {ADVICE}." if broken else ""
    takes = " Fill them, or use a regressor that takes missing values." if setup.complete else ""
    warnings.warn(
        f"{possible - found} of {possible} windows are lost. {'. '.join(reasons)}.{advice}{takes}", stacklevel=3
    )


def _needed(view: SeriesView) -> int:
    return view.setup.window + view.setup.horizon + view.lag


def _first_break(histories: list[History]) -> str:
    """The first row that does not follow the row before it, and the step, in words; empty if there is none."""
    for history in histories:
        if len(history.starts) > 1:
            row, gaps = history.starts[1], len(history.starts) - 1
            return (
                f"{history.label} has {gaps} gap{'s' if gaps > 1 else ''}: its step is {history.step}, and the row at "
                f"{history.times[row]} comes after that at {history.times[row - 1]}"
            )
    return ""


def _first_missing(histories: list[History], views: list[SeriesView], setup: Setup) -> str:
    """The first missing target, or (if none may be) the first missing value, in words; empty if there is none."""
    places = slice(None) if setup.complete else [views[0].panel.columns.index(name) for name in setup.roles.target]
    for history in histories:
        rows = np.flatnonzero(np.isnan(history.values[:, places]).any(axis=1))
        if len(rows):
            what = "values" if setup.complete else "targets"
            return f"{history.label} has missing {what} in {len(rows)} rows, first at {history.times[rows[0]]}"
    return ""

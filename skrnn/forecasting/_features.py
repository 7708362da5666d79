"""What a model sees of a series: its targets, its covariates, the calendar; and the windows of all that."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from skrnn.forecasting._panel import History, Panel
from skrnn.windowing import windows_of

__all__ = ["CALENDAR", "Roles", "Samples", "feature_table", "newest_window", "samples"]

Doubles = NDArray[np.float64]

# Attributes of pandas' indexes, the first value of each and how many there are.
CALENDAR = {
    "minute": (0, 60),
    "hour": (0, 24),
    "day_of_week": (0, 7),
    "day": (1, 31),
    "day_of_year": (1, 365.25),
    "month": (1, 12),
    "quarter": (1, 4),
}


@dataclass(frozen=True)
class Roles:
    """Which columns are what; names of columns, and names of calendar attributes."""

    target: tuple[Any, ...]
    past: tuple[Any, ...]
    future: tuple[Any, ...]
    static: tuple[Any, ...]
    calendar: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class Samples:
    """Windows X (n, window, n_features), what follows them Y (n, horizon, n_targets), the level taken off both
    (n, n_targets), and the number of the row at which each window ends.
    """

    X: Doubles
    Y: Doubles
    level: Doubles
    rows: NDArray[np.intp]


def feature_table(
    panel: Panel, history: History, targets: Doubles, roles: Roles, lead: int, known: Doubles | None = None
) -> Doubles:
    """A row per time with everything that is known of it, (n_rows, n_features): targets, past and static columns, and
    ``lead`` steps ahead of their time the columns and the calendar that are known in advance.

    ``known`` (at least ``lead`` rows, a column for each of ``roles.future``) are the values after the end of the
    series.
    """
    columns = {column: history.values[:, place] for place, column in enumerate(panel.columns)}
    ahead = [calendar_waves(history.times.append(panel.future_times(history, lead)), roles.calendar)]
    for place, column in enumerate(roles.future):
        after = np.full(lead, np.nan) if known is None else known[:lead, place]
        ahead.append(np.concatenate([columns[column], after])[:, None])
    now = [targets, *(columns[column][:, None] for column in (*roles.past, *roles.static))]
    return np.concatenate([*now, *(values[lead:] for values in ahead)], axis=1)


def calendar_waves(times: pd.Index, attributes: Sequence[str]) -> Doubles:
    """Sine and cosine of each attribute over its cycle; (n_times, 2 * n_attributes)."""
    waves = [np.zeros((len(times), 0))]
    for attribute in attributes:
        if not hasattr(times, attribute):
            raise ValueError(f"calendar={attribute!r} needs an index of dates or periods, got {type(times).__name__}.")
        first, cycle = CALENDAR[attribute]
        angle = 2 * np.pi * (np.asarray(getattr(times, attribute), dtype=float) - first) / cycle
        waves.append(np.stack([np.sin(angle), np.cos(angle)], axis=1))
    return np.concatenate(waves, axis=1)


def samples(
    history: History, table: Doubles, n_targets: int, window: int, horizon: int, level: str | None, skip: int = 0
) -> Samples:
    """All windows of the runs of a series with their horizons; a horizon with a missing value is left out.

    Windows begin after the first ``skip`` rows of a run, which a difference leaves without a value.
    """
    parts = []
    for run in history.runs():
        rows, numbers = table[run][skip:], np.arange(len(table))[run][skip:]
        count = len(rows) - window - horizon + 1
        if count > 0:
            X = windows_of(rows, window, 1, count)
            Y = windows_of(np.ascontiguousarray(rows[window:, :n_targets]), horizon, 1, count)
            known = ~np.isnan(Y).any(axis=(1, 2))
            parts.append((X[known], Y[known], numbers[window - 1 :][:count][known]))
    if not parts:
        empty = np.zeros((0, window, table.shape[1]))
        return Samples(empty, np.zeros((0, horizon, n_targets)), np.zeros((0, n_targets)), np.zeros(0, np.intp))
    X, Y, ends = (np.concatenate(part) for part in zip(*parts, strict=True))
    X, taken = take_level(X, n_targets, level)
    return Samples(X, Y - taken[:, None], taken, ends)


def newest_window(
    history: History, table: Doubles, n_targets: int, window: int, level: str | None
) -> tuple[Doubles, Doubles]:
    """The window that ends at the newest row (1, window, n_features), NaN where it would cross a gap, and its level."""
    run = table[history.runs()[-1]][-window:]
    X = np.full((1, window, table.shape[1]), np.nan)
    X[0, window - len(run) :] = run
    return take_level(X, n_targets, level)


def take_level(X: Doubles, n_targets: int, level: str | None) -> tuple[Doubles, Doubles]:
    """Windows with the level of each target taken off its column, and the levels (n, n_targets).

    The level is the newest known value ("last"), the mean of the window ("mean"), or 0 (None).
    """
    targets = X[:, :, :n_targets]
    known = ~np.isnan(targets)
    if level == "last":
        newest = targets.shape[1] - 1 - known[:, ::-1].argmax(axis=1)
        taken = np.take_along_axis(targets, newest[:, None], axis=1)[:, 0]
    elif level == "mean":
        taken = np.where(known, targets, 0.0).sum(axis=1) / np.maximum(known.sum(axis=1), 1)
    else:
        taken = np.zeros((len(X), n_targets))
    taken = np.where(known.any(axis=1), taken, 0.0)
    X = X.copy()
    X[:, :, :n_targets] -= taken[:, None]
    return X, taken

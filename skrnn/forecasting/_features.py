"""What a model sees of a series: its targets, its covariates, the calendar; and the windows of all that."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from skrnn._types import Doubles, Flags, Integers
from skrnn.forecasting._calendar import calendar_columns
from skrnn.forecasting._panel import History, Panel
from skrnn.windowing import windows_of

__all__ = [
    "Roles",
    "Samples",
    "WindowUnits",
    "feature_table",
    "newest_window",
    "samples",
    "stack",
    "take_units",
]


_CHUNK_WINDOWS = 1024
_SPREAD_FLOOR = 0.1  # of a window, in units of the series' scale: what follows a flat window stays within reach
_DECIMALS = 12  # of targets in standard units: windows of a straight line are then equal, to the bit


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
    """Windows of one run of rows and the rows that follow them, as views; and which of them can be learnt from.

    Attributes
    ----------
    X : view of shape (n, window, n_features)
    Y : view of shape (n, horizon, n_targets)
    kept : integer array of shape (n_kept,)
        Windows that can be learnt from: without a missing value where none is allowed.
    ends : integer array of shape (n_kept,)
        Number of the row at which each of them ends.
    """

    X: Doubles
    Y: Doubles
    kept: Integers
    ends: Integers

    def among(self, some: Flags) -> Samples:
        """Only some of the kept windows."""
        return replace(self, kept=self.kept[some], ends=self.ends[some])


@dataclass(frozen=True, eq=False)
class WindowUnits:
    """What was taken off the targets of each window, and what they were then divided by; (n, n_targets) each."""

    level: Doubles
    spread: Doubles

    def undo(self, outputs: Doubles) -> Doubles:
        """Values (n, horizon, n_targets) in these units, in those of the series."""
        return outputs * self.spread[:, None] + self.level[:, None]


def feature_table(
    panel: Panel, history: History, targets: Doubles, roles: Roles, lead: int, known: Doubles | None = None
) -> Doubles:
    """A row per time with everything that is known at it, (n_rows, n_features): targets, past and static columns, and
    ``lead`` steps ahead of their time the columns and the calendar that are known in advance.

    ``known`` (at least ``lead`` rows, a column for each of ``roles.future``) are the values after the end of the
    series.
    """
    columns = {column: history.values[:, place] for place, column in enumerate(panel.columns)}
    ahead = []
    if roles.calendar:
        ahead.append(calendar_columns(history.times.append(history.next_times(lead)), roles.calendar))
    for place, column in enumerate(roles.future):
        after = np.full(lead, np.nan) if known is None else known[:lead, place]
        ahead.append(np.concatenate([columns[column], after])[:, None])
    now = [targets, *(columns[column][:, None] for column in (*roles.past, *roles.static))]
    return np.concatenate([*now, *(values[lead:] for values in ahead)], axis=1)


def samples(
    table: Doubles,
    runs: Sequence[slice],
    n_targets: int,
    window: int,
    horizon: int,
    skip: int,
    complete: bool,
    partial: bool,
) -> list[Samples]:
    """The windows of each run of a table (n_rows, n_features); a horizon with a missing value is left out.

    Windows begin after the first ``skip`` rows of a run, which a difference leaves without a value. ``complete``: a
    window with a missing value is left out too. ``partial``: only a horizon without any known value is left out.
    """
    found = []
    for run in runs:
        rows = table[run][skip:]
        count = len(rows) - window - horizon + 1
        if count > 0:
            Y = windows_of(np.ascontiguousarray(rows[window:, :n_targets]), horizon, 1, count)
            missing = np.isnan(rows[window:, :n_targets])
            known = _none_in(missing, horizon, count) if not partial else ~_none_in(~missing, horizon, count)
            if complete:
                known &= _none_in(np.isnan(rows), window, count)
            kept = np.flatnonzero(known)
            found.append(Samples(windows_of(rows, window, 1, count), Y, kept, run.start + skip + window - 1 + kept))
    return found


def stack(
    parts: Sequence[Samples],
    shape: tuple[int, int],
    horizon: int,
    n_targets: int,
    kinds: tuple[str | None, str | None],
) -> tuple[Doubles, Doubles, WindowUnits]:
    """All kept windows X (n, *shape) and what follows them Y (n, horizon, n_targets), both in the units of each
    window; ``kinds`` are those of `take_units`. The only copy that is made of them.
    """
    n = sum(len(part.kept) for part in parts)
    X, Y = np.empty((n, *shape)), np.empty((n, horizon, n_targets))
    units = WindowUnits(np.empty((n, n_targets)), np.empty((n, n_targets)))
    begin = 0
    for part in parts:
        for first in range(0, len(part.kept), _CHUNK_WINDOWS):  # taking all at once would copy them twice
            kept = part.kept[first : first + _CHUNK_WINDOWS]
            rows = slice(begin, begin + len(kept))
            X[rows], Y[rows] = part.X[kept], part.Y[kept]
            taken = take_units(X[rows], n_targets, *kinds)
            units.level[rows], units.spread[rows] = taken.level, taken.spread
            begin += len(kept)
    Y -= units.level[:, None]
    Y /= units.spread[:, None]
    np.round(Y, _DECIMALS, out=Y)
    return X, Y, units


def newest_window(table: Doubles, run: slice, window: int) -> Doubles:
    """The window that ends at the newest row (window, n_features), NaN where it would cross a gap."""
    rows = table[run][-window:]
    X = np.full((window, table.shape[1]), np.nan)
    X[window - len(rows) :] = rows
    return X


def take_units(X: Doubles, n_targets: int, level: str | None, spread: str | None) -> WindowUnits:
    """Subtract the level of each target from its column of the windows and divide by its spread, in place.

    The level is the newest known value ("last"), the mean of the window ("mean"), or 0 (None). The spread is the root
    mean square of what is left ("std"), bounded from below, or 1 (None).
    """
    targets = X[:, :, :n_targets]
    known = ~np.isnan(targets)
    count = np.maximum(known.sum(axis=1), 1)
    if level == "last":
        newest = targets.shape[1] - 1 - known[:, ::-1].argmax(axis=1)
        taken = np.take_along_axis(targets, newest[:, None], axis=1)[:, 0]
    elif level == "mean":
        taken = np.where(known, targets, 0.0).sum(axis=1) / count
    else:
        taken = np.zeros((len(X), n_targets))
    some = known.any(axis=1)
    taken = np.where(some, taken, 0.0)
    targets -= taken[:, None]
    width = np.ones_like(taken)
    if spread == "std":
        square = (np.where(known, targets, 0.0) ** 2).sum(axis=1) / count
        width = np.where(some, np.maximum(np.sqrt(square), _SPREAD_FLOOR), 1.0)
        targets /= width[:, None]
    return WindowUnits(taken, width)


def _none_in(rows: Flags, width: int, count: int) -> Flags:
    """Whether each of ``count`` windows of ``width`` rows (n_rows, k) holds none that is set."""
    before = np.concatenate([[0], np.cumsum(rows.any(axis=1))])
    return np.asarray(before[width : width + count] == before[:count])

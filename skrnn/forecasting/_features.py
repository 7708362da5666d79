"""What a model sees of a series: its targets, its covariates, the calendar; and the windows of all that."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from skrnn._types import Doubles, Flags, Integers
from skrnn.forecasting._calendar import calendar_columns, is_holiday
from skrnn.forecasting._table import Table
from skrnn.windowing import windows_of

__all__ = [
    "Roles",
    "Samples",
    "Units",
    "WindowUnits",
    "feature_names",
    "feature_table",
    "samples",
    "stack",
    "take_units",
]


_CHUNK_WINDOWS = 1024
_SPREAD_FLOOR = 0.1  # of a window, in units of the series' scale: what follows a flat window stays within reach
_DECIMALS = 12  # of targets in standard units: windows of a line, or in other units, are then equal, to the bit


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
    """Windows of a table of rows and the rows that follow them, as views; and which of them can be learnt from.

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

    def among(self, some: Integers) -> Samples:
        """Some of the kept windows, in this order."""
        return replace(self, kept=self.kept[some], ends=self.ends[some])


@dataclass(frozen=True, eq=False)
class WindowUnits:
    """What is taken off what follows each window, (n, horizon, n_targets) or for all steps (n, 1, n_targets), and what
    it is then divided by, (n, n_targets).
    """

    level: Doubles
    spread: Doubles

    def undo(self, outputs: Doubles) -> Doubles:
        """Values (n, horizon, n_targets) in these units, in those of the series."""
        return outputs * self.spread[:, None] + self.level


@dataclass(frozen=True)
class Units:
    """How the units of a window come from it: the ``level`` and the ``spread`` by name, the season, the horizon.

    ``roots``: what is in the window, not what follows it, is shown as its roots.
    """

    level: str | None
    spread: str | None
    season: int
    horizon: int
    roots: bool = False


def feature_names(roles: Roles, embeds: bool) -> list[tuple[str, Any]]:
    """The role of each feature of a step, and the column, the wave of the calendar or "series" that it is.

    ``embeds``: the series itself is a feature.
    """
    waves = [(name,) if is_holiday(name) else (f"{name} (sine)", f"{name} (cosine)") for name in roles.calendar]
    return [
        *(("target", column) for column in roles.target),
        *(("past", column) for column in roles.past),
        *(("static", column) for column in roles.static),
        *([("series", "series")] if embeds else []),
        *(("calendar", name) for names in waves for name in names),
        *(("future", column) for column in roles.future),
    ]


def feature_table(
    columns: Sequence[Any], table: Table, targets: Doubles, roles: Roles, lead: int, series: Doubles | None
) -> Doubles:
    """A row per time with everything that is known at it, (n_rows, n_features), in the order of `feature_names`:
    targets, past and static columns, the series, and ``lead`` steps ahead of their time the calendar and the columns
    that are known in advance.

    ``columns`` are the names of those of the table, ``series`` (n_series,) the numbers of its series, if these are a
    feature. After the end of a series only the calendar is known.
    """
    places = {column: place for place, column in enumerate(columns)}
    now = [targets, *(table.values[:, [places[column]]] for column in (*roles.past, *roles.static))]
    if series is not None:
        now.append(series[table.series][:, None])
    return np.concatenate([*now, *_ahead(places, table, roles, lead)], axis=1)


def _ahead(places: dict[Any, int], table: Table, roles: Roles, lead: int) -> list[Doubles]:
    """What is known ``lead`` steps ahead of each row."""
    if not roles.calendar and not roles.future:
        return []
    rows = np.arange(len(table.positions)) + lead
    inside = rows <= table.ends[table.series]
    found = []
    if roles.calendar:
        later = table.next_times(np.full(len(table), lead))
        after = len(table.positions) + table.series * lead + rows - table.ends[table.series] - 1
        waves = calendar_columns(table.times.append(later), roles.calendar)
        found.append(waves[np.where(inside, rows, after)])
    known = table.values[np.where(inside, rows, 0)]
    return [*found, *(np.where(inside, known[:, places[column]], np.nan)[:, None] for column in roles.future)]


def samples(
    table: Doubles,
    before: Integers,
    n_targets: int,
    window: int,
    horizon: int,
    skip: int,
    complete: bool,
    partial: bool,
) -> Samples:
    """The windows of the runs of a table (n_rows, n_features); a horizon with a missing value is left out.

    ``before`` (n_rows,) says how many rows of its run come before each. Windows begin after the first ``skip`` rows of
    a run, which a difference leaves without a value. ``complete``: a window with a missing value is left out too.
    ``partial``: only a horizon without any known value is left out.
    """
    count = max(len(table) - window - horizon + 1, 0)
    ends = np.arange(window - 1, window - 1 + count)
    X = windows_of(table, window, 1, count)
    Y = windows_of(np.ascontiguousarray(table[window:, :n_targets]), horizon, 1, count)
    missing = np.isnan(table[window:, :n_targets])
    known = _none_in(missing, horizon, count) if not partial else ~_none_in(~missing, horizon, count)
    known &= before[window - 1 + horizon :][:count] >= skip + window + horizon - 1
    if complete:
        known &= _none_in(np.isnan(table), window, count)
    kept = np.flatnonzero(known)
    return Samples(X, Y, kept, ends[kept])


def stack(found: Samples, n_targets: int, kinds: Units) -> tuple[Doubles, Doubles, WindowUnits]:
    """The kept windows X (n, window, n_features) and what follows them Y (n, horizon, n_targets), both in the units of
    each window. The only copy that is made of them.
    """
    n = len(found.kept)
    X, Y = np.empty((n, *found.X.shape[1:])), np.empty((n, *found.Y.shape[1:]))
    n_levels = kinds.horizon if kinds.level == "season" else 1
    units = WindowUnits(np.empty((n, n_levels, n_targets)), np.empty((n, n_targets)))
    for first in range(0, n, _CHUNK_WINDOWS):  # taking all at once would copy them twice
        rows = slice(first, first + _CHUNK_WINDOWS)
        X[rows], Y[rows] = found.X[found.kept[rows]], found.Y[found.kept[rows]]
        taken = take_units(X[rows], n_targets, kinds)
        np.round(X[rows, :, :n_targets], _DECIMALS, out=X[rows, :, :n_targets])
        units.level[rows], units.spread[rows] = taken.level, taken.spread
    Y -= units.level
    Y /= units.spread[:, None]
    np.round(Y, _DECIMALS, out=Y)
    return X, Y, units


def take_units(X: Doubles, n_targets: int, kinds: Units) -> WindowUnits:
    """Subtract the level of each target from its column of the windows and divide by its spread, in place.

    The level is the newest known value ("last"), the mean of the window ("mean"), or 0 (None). "season" is "last" in
    the windows, and for what follows them the value a season before, where that is known. The spread is the root mean
    square of what is left ("std"), bounded from below, or 1 (None). Counts, which have neither, become roots.
    """
    targets, level = X[:, :, :n_targets], kinds.level
    if kinds.roots:
        np.sqrt(np.maximum(targets, 0.0), out=targets)
    known = ~np.isnan(targets)
    count = np.maximum(known.sum(axis=1), 1)
    ahead = None
    if level == "season":
        ahead = targets[:, np.arange(kinds.horizon) % kinds.season - kinds.season]
    if level in ("last", "season"):
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
    if kinds.spread == "std":
        square = (np.where(known, targets, 0.0) ** 2).sum(axis=1) / count
        width = np.where(some, np.maximum(np.sqrt(square), _SPREAD_FLOOR), 1.0)
        targets /= width[:, None]
    level_ahead = taken[:, None] if ahead is None else np.where(np.isnan(ahead), taken[:, None], ahead)
    return WindowUnits(level_ahead, width)


def _none_in(rows: Flags, width: int, count: int) -> Flags:
    """Whether each of ``count`` windows of ``width`` rows (n_rows, k) holds none that is set."""
    before = np.concatenate([[0], np.cumsum(rows.any(axis=1))])
    return np.asarray(before[width : width + count] == before[:count])

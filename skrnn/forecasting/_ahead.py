"""The next values of all series: their newest rows, side by side, and what of the rows to come is known."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from skrnn._types import Doubles, Flags
from skrnn.forecasting._calendar import calendar_columns
from skrnn.forecasting._features import take_units
from skrnn.forecasting._outputs import Heads
from skrnn.forecasting._series import SeriesViews, to_forecasts
from skrnn.forecasting._transform import apply, carried, invert, leading_pointwise

__all__ = ["Newest", "levels_ahead", "paths_ahead"]


@dataclass(frozen=True, eq=False)
class Newest:
    """The newest rows of the last run of each series, and behind them those to come.

    Attributes
    ----------
    views : SeriesViews
    values : array of shape (n_series, n_rows, n_columns)
        In the user's units; NaN before the run, and after it for what is not known. The targets to come are written as
        they are forecast.
    waves : array of shape (n_series, n_rows, n_waves)
        The calendar.
    width : int
        Rows that a window needs, with those that the differences leave without a value.
    there : bool array of shape (n_series, width)
        Which of the first rows are in the run.
    """

    views: SeriesViews
    values: Doubles
    waves: Doubles
    width: int
    there: Flags

    @classmethod
    def of(cls, views: SeriesViews, steps: int = 0, known: Doubles | None = None) -> Newest:
        """``known`` (n_series, steps, n_future) are the values to come of the columns whose future is known."""
        setup, table, panel = views.setup, views.table, views.panel
        width = setup.window + setup.lag
        back = np.arange(width - 1, -1, -1)
        there = back <= table.before[table.ends][:, None]
        rows = np.where(there, table.ends[:, None] - back, 0)
        values = np.full((len(table), width + steps, len(panel.columns)), np.nan)
        values[:, :width] = np.where(there[:, :, None], table.values[rows], np.nan)
        for column in setup.roles.static:
            place = panel.columns.index(column)
            values[:, width:, place] = table.values[table.ends, place][:, None]
        if known is not None:
            values[:, width:, [panel.columns.index(column) for column in setup.roles.future]] = known
        waves = np.zeros((len(table), width + steps, 0))
        if setup.roles.calendar and steps:
            times = table.times.take(rows.ravel()).append(table.next_times(np.full(len(table), steps)))
            found = calendar_columns(times, setup.roles.calendar)
            past = found[: rows.size].reshape(len(table), width, -1)
            waves = np.concatenate([past, found[rows.size :].reshape(len(table), steps, -1)], axis=1)
        return cls(views, values, waves, width, there)

    def targets(self, first: int) -> Doubles:
        """The targets (n_series, width, k) of the rows from ``first`` on, in the user's units."""
        return self.values[:, first : first + self.width, self.views.places]

    def windows(self, first: int) -> Doubles:
        """The windows (n_series, window, n_features) of those rows; not in units of their own yet."""
        setup, columns = self.views.setup, self.views.panel.columns
        centre, scale = self.views.statistics[:, None, 0], self.views.statistics[:, None, 1]
        targets = apply(self.targets(first), setup.transforms, setup.season, self._label)
        span = slice(first + self.width - setup.window, first + self.width)
        ahead = slice(span.start + setup.horizon, span.stop + setup.horizon)
        now = [columns.index(column) for column in (*setup.roles.past, *setup.roles.static)]
        later = [columns.index(column) for column in setup.roles.future]
        parts = [(targets[:, -setup.window :] - centre) / scale, self.values[:, span, now]]
        if self.views.codes is not None:
            parts.append(np.broadcast_to(self.views.codes[:, None, None], (len(targets), setup.window, 1)))
        X = np.concatenate([*parts, self.waves[:, ahead], self.values[:, ahead, later]], axis=2)
        before = ~self.there[:, span]
        X[:, : before.shape[1]][before] = np.nan  # a window does not reach over a gap
        self._refuse_missing(X, first)
        return X

    def levels(self, outputs: Doubles, first: int) -> Doubles:
        """Outputs (n_series, horizon, k) that follow those rows, with the differences undone."""
        setup, leading = self.views.setup, leading_pointwise(self.views.setup.transforms)
        outputs = outputs * self.views.statistics[:, None, 1] + self.views.statistics[:, None, 0]
        names = setup.transforms[leading:]
        if not names:
            return outputs
        rows = self._before_differences(first)
        unknown = np.flatnonzero(np.isnan(rows).any(axis=(1, 2)))
        if len(unknown):
            raise ValueError(
                f"{self._label(unknown[0])} needs {rows.shape[1]} rows without a gap at its end to undo "
                f"target_transform={list(setup.transforms)}: a value is missing there, and no older one in the window "
                "can stand in for it. Fill it, or widen window."
            )
        return invert(outputs, apply(rows, setup.transforms[:leading], None, self._label), names, setup.season)

    def ready(self) -> Flags:
        """Which series have all that the regressor needs of the past: at least one known target, and what a difference
        is undone from.
        """
        setup, roles = self.views.setup, self.views.setup.roles
        targets = self.targets(0)
        if not setup.complete:
            known = (~np.isnan(targets[:, -setup.window :])).any(axis=(1, 2))
            return np.asarray(known & ~np.isnan(self._before_differences(0)).any(axis=(1, 2)), dtype=bool)
        places = [self.views.panel.columns.index(column) for column in (*roles.target, *roles.past, *roles.static)]
        later = [self.views.panel.columns.index(column) for column in roles.future]
        seen = slice(self.width - setup.window + setup.horizon, self.width)  # of the covariates that are told ahead
        lacking = np.isnan(self.values[:, : self.width, places]).any(axis=(1, 2))
        lacking |= np.isnan(self.values[:, seen, later]).any(axis=(1, 2))
        return np.asarray(self.there.all(axis=1) & ~lacking)

    def _before_differences(self, first: int) -> Doubles:
        """The targets (n_series, lag, k) in front of what follows those rows, from which differences are undone; older
        ones stand in for missing ones.
        """
        rows, lag = self.targets(first), self.width - self.views.setup.window
        for number in np.flatnonzero(np.isnan(rows[:, self.width - lag :]).any(axis=(1, 2))):
            rows[number] = carried(rows[number], self.views.setup.carry)
        return rows[:, self.width - lag :]

    def _label(self, number: int) -> str:
        label: str = self.views.table[number].label
        return label

    def _refuse_missing(self, X: Doubles, first: int) -> None:
        """An error for a missing value in a window, if the regressor takes none."""
        setup, table = self.views.setup, self.views.table
        bad = np.isnan(X).any(axis=(1, 2))
        if not setup.complete or not bad.any():
            return
        history = table[bad.argmax()]
        newest = history.next_times(first)[-1] if first else history.times[-1]
        raise ValueError(
            f"{history.label} has missing values, a gap or too few rows in the window of {setup.window} rows "
            f"up to {newest}, and the regressor takes none. Its step is {history.step}. Fill them, widen the history, "
            "give another freq, or use a regressor that takes missing values, such as RNNRegressor."
        )


def _next_levels(heads: Heads, newest: Newest, first: int) -> tuple[Doubles, Doubles]:
    """The ``horizon`` levels of every series (n_series, n_heads, horizon, k) after the rows from ``first`` on, and the
    units (n_series, k) in which errors are measured.
    """
    setup = newest.views.setup
    X = newest.windows(first)
    units = take_units(X, setup.n_targets, setup.units)
    levels = [newest.levels(units.undo(outputs), first) for outputs in heads.outputs(setup, X)]
    return np.stack(levels, axis=1), newest.views.statistics[:, 1] * units.spread


def levels_ahead(heads: Heads, views: SeriesViews, steps: int, known: Doubles | None) -> tuple[Doubles, Doubles]:
    """The next ``steps`` levels of every series (n_series, n_heads, steps, k), and the units (n_series, k) in which
    errors are measured; a horizon at a time. All heads go on from the forecasts of the first.
    """
    horizon = views.setup.horizon
    newest = Newest.of(views, -(-steps // horizon) * horizon, known)
    blocks, scales = [], np.zeros((0, 0))
    for first in range(0, steps, horizon):
        levels, units = _next_levels(heads, newest, first)
        blocks.append(levels)
        scales = scales if first else units
        rows = slice(newest.width + first, newest.width + first + horizon)
        newest.values[:, rows, views.places] = to_forecasts(views.setup, levels[:, 0])
    return np.concatenate(blocks, axis=2)[:, :, :steps], scales


def paths_ahead(
    heads: Heads, views: SeriesViews, steps: int, known: Doubles | None, n_paths: int, rng: np.random.RandomState
) -> Doubles:
    """Draws of the next ``steps`` levels of every series, (n_series, n_paths, steps, k); a horizon at a time, each path
    going on from what was drawn for it.
    """
    setup, k = views.setup, views.setup.n_targets
    newest = Newest.of(views, -(-steps // setup.horizon) * setup.horizon, known)
    paths = [replace(newest, values=newest.values.copy()) for _ in range(n_paths)]
    blocks = []
    for first in range(0, steps, setup.horizon):
        apart = paths if first else paths[:1]  # up to now all have seen the same
        X = np.concatenate([path.windows(first) for path in apart])
        units = take_units(X, k, setup.units)
        drawn = heads.draws(setup, X, 1 if first else n_paths, rng)
        outputs = np.stack([units.undo(one) for one in drawn]).reshape(n_paths, len(views), setup.horizon, k)
        levels = np.stack([path.levels(one, first) for path, one in zip(paths, outputs, strict=True)], axis=1)
        rows = slice(newest.width + first, newest.width + first + setup.horizon)
        for number, path in enumerate(paths):
            path.values[:, rows, views.places] = to_forecasts(setup, levels[:, number])
        blocks.append(levels)
    return np.concatenate(blocks, axis=2)[:, :, :steps]

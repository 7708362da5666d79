"""A fitted regressor and the series that it forecasts, as one value."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np

from skrnn._constraints import check_arguments, sizes
from skrnn._types import Doubles
from skrnn._warnings import warn_caller
from skrnn.forecasting._ahead import Newest, levels_ahead, paths_ahead
from skrnn.forecasting._endings import dropped_rows, name_some, steps_to, steps_until, until_known
from skrnn.forecasting._future import Recorded, future_values
from skrnn.forecasting._outputs import Heads
from skrnn.forecasting._panel import Panel
from skrnn.forecasting._series import SeriesViews, series_views
from skrnn.forecasting._setup import Setup
from skrnn.forecasting._table import Table
from skrnn.windowing import ranks_of

__all__ = ["Ahead", "Learnt"]


class Ahead(NamedTuple):
    """What is to be forecast: the series, how far each goes, as the model sees them, and the future of covariates
    (n_views, n_ahead, n_future).
    """

    panel: Panel
    counts: list[int]
    views: SeriesViews
    known: Doubles | None


@dataclass(frozen=True, eq=False)
class Learnt:
    """A fitted regressor, how series become samples for it, the series, and their centres and scales by key."""

    regressor: Any
    setup: Setup
    panel: Panel
    statistics: Mapping[Any, Doubles]

    @property
    def targets(self) -> list[Any]:
        """The columns that are forecast."""
        return list(self.setup.given_roles.target)

    def on(self, panel: Panel) -> Learnt:
        """The same for other histories: a series keeps its centre and scale as long as it is the one of fit.

        It is another one where a value differs at a time that both have, or where a lone Series has another name.
        """
        if list(panel.columns) != list(self.panel.columns) and not (panel.single and self.panel.single):
            raise ValueError(f"The history has the columns {panel.columns}; those of fit were {self.panel.columns}.")
        renamed = panel.columns != self.panel.columns
        others = set(panel.table.keys) if renamed else _differing(self.panel.table, panel.table)
        kept = {key: value for key, value in self.statistics.items() if self.wide(key) not in others}
        return replace(self, panel=replace(panel, columns=self.panel.columns), statistics=kept)

    def views(self, panel: Panel | None = None, n_rows: int | None = None) -> SeriesViews:
        """The series as the model sees them, with the statistics of fit.

        Those of a new series are measured on its first ``n_rows`` (None: on all of it).
        """
        inner = self.setup.panel(self.panel if panel is None else panel)
        return series_views(self.setup, inner, inner.histories, self.statistics, n_rows)

    def keys_of(self, views: SeriesViews) -> list[Any]:
        """The series of the data that each view belongs to."""
        return [self.wide(key) for key in views.table.keys]

    def able(self, panel: Panel) -> list[Any]:
        """The series whose newest window holds a known target, or all values that the regressor needs, in order."""
        ready = self.setup.enough(Newest.of(self.views(panel)).ready())
        return [key for key, found in zip(panel.table.keys, ready, strict=True) if found]

    def endings(self) -> Panel:
        """The series that can be forecast, each up to where its forecast starts."""
        panel = until_known(self.panel, self.targets, self.setup.window)
        able = self.able(panel)
        found = set(able)
        short = [repr(key) for key in panel.table.keys if key not in found]
        if short and able:
            warn_caller(
                f"{len(short)} series are left out, as they have missing values, a gap or too few rows in the window "
                f"of {self.setup.window} rows at their end: {name_some(short)}.",
                UserWarning,
            )
        if not able and not self.setup.complete and np.isnan(self.views(panel).raw()).all():
            raise ValueError(
                f"{panel.histories[0].label} has no known target, so that nothing can be forecast from it."
            )
        return panel.keep(able) if able else panel

    def counts(self, caller: str, panel: Panel, steps: Any, until: Any) -> list[int]:
        """How far to forecast each series; without steps and until as far as the forecaster goes by itself.

        ``until`` is a time, or one for each series, by key; ``steps`` are those after where its forecast starts, or, of
        each series by key, after the end of its history.
        """
        if isinstance(steps, Mapping):
            dropped = dropped_rows(self.panel, panel)
            return [steps[key] + (len(dropped[key].times) if key in dropped else 0) for key in panel.table.keys]
        if isinstance(until, Mapping):
            return steps_to(panel, until, self.setup.reach)
        if until is not None:
            if steps is not None:
                raise ValueError(f"steps={steps!r} and until={until!r} both say how far to forecast. Give one of them.")
            return steps_until(panel, until, self.setup.reach)
        steps = self.setup.reach if steps is None else steps
        check_arguments(f"WindowForecaster.{caller}", {"steps": [sizes()]}, steps=steps)
        return [int(steps)] * len(panel.histories)

    def ahead(self, caller: str, steps: Any, until: Any, future: Any, hold: bool = False) -> Ahead:
        """What `levels` forecasts; ``hold``: after the steps that are wanted, covariates stay as they are there.

        What a `Recorded` future lacks is a missing value to a regressor that takes these.
        """
        panel = self.endings()
        counts = self.counts(caller, panel, steps, until)
        n_steps = -(-max(counts) // self.setup.horizon) * self.setup.horizon
        later = dropped_rows(self.panel, panel)
        needed, known = np.array(counts) if hold else self.n_needed(max(counts)), None
        if isinstance(future, Recorded):
            future, known = future
            needed, hold = (needed, hold) if self.setup.complete else (0, False)
        if known is None:
            known = future_values(panel, self.setup.roles.future, future, n_steps, needed, later, hold)
        self._warn_of_future(known)
        self.refuse_past(max(counts))
        known = None if known is None else np.repeat(known, max(len(self.setup.channels), 1), axis=0)
        return Ahead(panel, counts, self.views(panel), known)

    def levels(self, ahead: Ahead, quantiles: Sequence[float] = ()) -> tuple[Doubles, Doubles]:
        """The levels of the forecasts and of their quantiles, and the units of their errors, as `levels_ahead`."""
        heads = Heads(self.regressor, self.setup.quantiles, quantiles)
        return levels_ahead(heads, ahead.views, max(ahead.counts), ahead.known)

    def paths(self, ahead: Ahead, n_paths: int, rng: np.random.RandomState) -> Doubles:
        """Draws of the levels (n_views, n_paths, steps, k), as `paths_ahead`."""
        heads = Heads(self.regressor, self.setup.quantiles)
        return paths_ahead(heads, ahead.views, max(ahead.counts), ahead.known, n_paths, rng)

    def columns(self, ahead: Ahead, values: Doubles) -> list[Doubles]:
        """Values (n_views, n_values, steps, k) as those (steps, k * n_values) of each series, as far as each goes."""
        wide = np.moveaxis(self.setup.columns(values), 1, -1)
        parts = wide.reshape(*wide.shape[:2], -1)
        return [part[:count] for part, count in zip(parts, ahead.counts, strict=True)]

    def n_needed(self, steps: int) -> int:
        """For how many times the covariates must be known."""
        horizon = self.setup.horizon
        return -(-steps // horizon) * horizon if self.setup.complete else steps

    def refuse_past(self, steps: int) -> None:
        """Refuse forecasts for which past covariates would have to be known after the history."""
        past, horizon = self.setup.roles.past, self.setup.horizon
        if self.setup.complete and past and steps > horizon:
            raise ValueError(
                f"The past columns {list(past)} are not known after the end of the history, and the regressor takes no "
                f"missing values: forecasts reach {horizon} step(s), and {steps} are wanted. Use strategy='direct' "
                "with a horizon of as many steps, name the columns in future, or use a regressor that takes missing "
                "values."
            )

    def _warn_of_future(self, known: Doubles | None) -> None:
        """Warn of categories (n_series, n_steps, n_future) to come that `fit` did not see."""
        counts = dict(self.setup.categories)
        for place, column in enumerate(self.setup.roles.future):
            if known is not None and column in counts and (known[..., place] >= counts[column]).any():
                warn_caller(
                    f"Column {column!r} of future holds categories that fit has not seen: the model is told nothing in "
                    "their place.",
                    UserWarning,
                )

    def wide(self, key: Any) -> Any:
        """The series of the data that the key of a view belongs to."""
        return key.series if self.setup.channels else key


def _differing(old: Table, new: Table) -> set[Any]:
    """The series that have another value in the new table at a time that both tables have."""
    place = {key: number for number, key in enumerate(old.keys)}
    numbers = np.array([place.get(key, -1) for key in new.keys])[new.series]
    known, given = ranks_of(old.times, new.times)
    n_times = len(known) + len(given)
    codes, wanted = old.series * n_times + known, numbers * n_times + given
    rows = np.minimum(np.searchsorted(codes, wanted), len(codes) - 1)
    values, others = old.values[rows], new.values
    same = ((values == others) | (np.isnan(values) & np.isnan(others))).all(axis=1)
    return {new.keys[number] for number in np.unique(new.series[(numbers >= 0) & (codes[rows] == wanted) & ~same])}

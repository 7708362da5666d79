"""The parameters of a forecaster as one value, checked."""

from __future__ import annotations

from collections.abc import Collection, Hashable
from dataclasses import dataclass, replace
from numbers import Real
from typing import Any, Literal

import numpy as np
import pandas as pd
from sklearn.utils._param_validation import InvalidParameterError

from skrnn._types import Doubles, Flags
from skrnn.forecasting._calendar import check_calendar
from skrnn.forecasting._categories import Code, constant_codes, in_order, one_hot
from skrnn.forecasting._choices import choose_window, find_season, stretches
from skrnn.forecasting._features import Roles, Units, feature_names
from skrnn.forecasting._gaps import fill_gaps, interpolated
from skrnn.forecasting._panel import Panel, by_channel
from skrnn.forecasting._regressors import (
    fills_missing,
    needs_counts,
    needs_positive,
    quantile_levels,
    reads_steps,
    takes_missing,
    takes_sequences,
)
from skrnn.forecasting._table import Channel
from skrnn.forecasting._transform import fitted, read_transforms, total_lag

__all__ = ["CHANNEL", "ENCODINGS", "Setup", "chooses_transform", "covariates_and_target", "make_setup", "season_of"]


ENCODINGS = "steps", "once", "codes"
CHANNEL = "channel"  # the one target column of series that are columns of others


@dataclass(frozen=True)
class Setup:
    """How series become samples, and outputs become forecasts.

    ``horizon`` is the model's own: 1 for a recursive strategy; ``reach`` is how far forecasts go if nothing is said.
    ``sequences`` says whether the model takes 3-D windows, ``complete`` whether these must have no missing values.
    ``channels`` are the target columns, if each is a series of its own; ``roles`` are then those of these series.
    ``bounds`` are the least and the largest forecast. ``partial``: the model learns from windows of whose targets some
    are missing. ``positive``: its targets may not be negative, and so are only scaled; "counts": not even that.
    ``quantiles`` are the levels that it predicts, if these are several. ``categories`` are the columns that hold no
    numbers, with how many categories `fit` knew of each; ``series`` the names of those that the model is told apart, if
    it is; ``encoding`` how all these reach it: "steps", one-hot at each step, or "once", one-hot behind the flat row
    of a window, if they do not vary in it, or "codes", by their numbers, which it embeds. ``fills``: missing values of
    the targets in a window are interpolated for it.
    """

    roles: Roles
    window: int
    horizon: int
    level: str | None
    spread: str | None
    transforms: tuple[Any, ...]
    season: int
    sequences: bool
    complete: bool
    channels: tuple[Any, ...]
    bounds: tuple[float | None, float | None]
    reach: int = 1
    partial: bool = False
    positive: bool | Literal["counts"] = False
    quantiles: tuple[float, ...] = ()
    categories: tuple[tuple[Any, int], ...] = ()
    series: tuple[Any, ...] = ()
    encoding: str = "steps"
    fills: bool = False

    @property
    def n_targets(self) -> int:
        return len(self.roles.target)

    @property
    def units(self) -> Units:
        """How the units of a window come from it."""
        return Units(self.level, self.spread, self.season, self.horizon, roots=self.positive == "counts")

    @property
    def lag(self) -> int:
        """Rows in front of the first that has a transformed value."""
        return total_lag(self.transforms, self.season)

    @property
    def carry(self) -> int:
        """Rows back to the value that stands in for a missing one, where a difference is undone."""
        return self.season if "seasonal_difference" in self.transforms else 1

    @property
    def given_roles(self) -> Roles:
        """The columns of the data in their roles."""
        return replace(self.roles, target=self.channels or self.roles.target)

    @property
    def longest_gap(self) -> int:
        """Absent rows in a gap that are filled with missing values; no window reaches over more."""
        return 0 if self.complete else self.window - 1

    @property
    def codes(self) -> list[Code]:
        """The features of a step that are numbers of categories."""
        counts = {(role, column): count for column, count in self.categories for role in ("past", "static", "future")}
        counts["series", "series"] = len(self.series)
        names = feature_names(self.roles, bool(self.series))
        constant = "static", "series"
        return [Code(place, counts[name], name[0] in constant) for place, name in enumerate(names) if name in counts]

    def given(self, panel: Panel) -> Panel:
        """The series that the model learns from, with the rows that they have."""
        return by_channel(panel, self.channels, CHANNEL) if self.channels else panel

    def panel(self, panel: Panel) -> Panel:
        """The same with rows of missing values for those that are absent, if the model takes these."""
        panel = self.given(panel)
        places = {column: panel.columns.index(column) for column in self.roles.static}
        panel = fill_gaps(panel, self.longest_gap, list(places.values()))
        coded = [places[column] for column, _ in self.categories if column in places]
        return replace(panel, histories=constant_codes(panel.table, coded)) if coded else panel

    def fitted(self, panel: Panel, again: bool = False) -> Setup:
        """With the transformers among the transformations fitted on the targets of a panel of its own; ``again``: a
        word about them has been said.
        """
        places = [panel.columns.index(column) for column in self.roles.target]
        table = panel.table
        values = table.values[:, places]
        return replace(self, transforms=fitted(self.transforms, values, self.season, table.before, again))

    def columns(self, parts: Doubles) -> Doubles:
        """Values (n_views, …, k) of each series of `panel`, as values of the series that it came from."""
        wide = parts.reshape(-1, max(len(self.channels), 1), *parts.shape[1:])
        return np.concatenate(list(np.moveaxis(wide, 1, 0)), axis=-1)

    def enough(self, ready: Flags) -> Flags:
        """Of which series the views that are ready are enough: all channels, or one if missing values are taken."""
        channels = ready.reshape(-1, max(len(self.channels), 1))
        return np.asarray(channels.all(axis=1) if self.complete else channels.any(axis=1))

    def arrange(self, X: Doubles) -> Doubles:
        """Windows (n, window, n_features) as the model takes them."""
        codes, X = self.codes, self.completed(X)
        if codes and self.encoding != "codes":
            X = one_hot(X, codes, once=self.encoding == "once")
        return X if self.sequences or X.ndim == 2 else X.reshape(len(X), -1)

    def completed(self, X: Doubles) -> Doubles:
        """Windows without missing values of the targets, if the model takes them so."""
        return interpolated(X, self.n_targets) if self.fills else X

    def flat(self, Y: Doubles) -> Doubles:
        """(n, horizon, k) as (n, horizon * k), one-dimensional for a single output."""
        return Y.reshape(len(Y)) if Y[0].size == 1 else Y.reshape(len(Y), -1)


def make_setup(forecaster: Any, panel: Panel, estimator: Any) -> Setup:
    """Check the parameters of a forecaster against each other and the data, give every column a role, and choose the
    season and the window if they are not given.
    """
    transforms = () if chooses_transform(forecaster) else read_transforms(forecaster.target_transform)
    calendar = names_of("calendar", forecaster.calendar)
    check_calendar(calendar)
    roles = _find_roles(forecaster, panel, calendar)
    places = [panel.columns.index(column) for column in roles.target]
    season = season_of(forecaster, panel, roles)
    if "seasonal_difference" in transforms and forecaster.season is None and season == 1:
        raise ValueError(
            "target_transform='seasonal_difference' needs season, the number of steps in a cycle: neither the index "
            "nor the values show one."
        )
    horizon = 1 if forecaster.strategy == "recursive" else int(forecaster.horizon)
    channels = roles.target if forecaster.channel_independent else ()
    complete, positive = not takes_missing(estimator), _positive(forecaster, estimator, transforms)
    if positive and total_lag(transforms, season):
        raise InvalidParameterError(
            f"target_transform={list(transforms)} leaves negative targets, which the loss of the regressor does not "
            "take. Leave the differences out, or use another loss."
        )
    window = forecaster.window
    if window is None:
        groups = [[place] for place in places] if channels else [places]
        rows = [int(n) for columns in groups for n in stretches(panel.table, columns, complete, season)]
        lag = total_lag(transforms, season)
        window = choose_window([max(n - lag, 0) for n in rows], season, int(forecaster.horizon))
        window = max(window, horizon) if roles.future or roles.calendar else window
        window = max(window, season) if forecaster.level == "season" else window
    elif (roles.future or roles.calendar) and window < horizon:
        raise ValueError(
            f"window={window} is shorter than horizon={horizon}: the covariates and the calendar of the "
            "horizon are read step by step of the window. Widen window."
        )
    if forecaster.level == "season" and window < season:
        raise ValueError(
            f"level='season' takes off the value a season before, and window={window} is shorter than the season of "
            f"{season} steps. Widen window, or give another level."
        )
    if channels:
        roles = _of_channels(roles)
    return Setup(
        roles=roles,
        window=int(window),
        horizon=horizon,
        level=_level(forecaster.level, positive),
        spread=None if forecaster.spread == "auto" else forecaster.spread,
        transforms=transforms,
        season=season,
        sequences=takes_sequences(estimator),
        complete=complete,
        channels=channels,
        bounds=_bounds(forecaster.bounds),
        reach=int(forecaster.horizon),
        positive=positive,
        quantiles=quantile_levels(estimator),
        categories=tuple((column, len(found)) for column, found in panel.categories.items()),
        series=_told_apart(panel, channels) if forecaster.embed_series else (),
        encoding="steps" if reads_steps(estimator) else "once",
        fills=fills_missing(estimator),
    )


def _of_channels(roles: Roles) -> Roles:
    """The roles where each target column is a series of its own."""
    if CHANNEL in (*roles.past, *roles.future, *roles.static):
        raise ValueError(
            f"With channel_independent=True the values of each target stand in a column named {CHANNEL!r}, and a "
            "covariate has that name. Rename it."
        )
    return replace(roles, target=(CHANNEL,))


def _told_apart(panel: Panel, channels: tuple[Any, ...]) -> tuple[Any, ...]:
    """The names of the series of which the model is told which one it sees, sorted: in no order of the data."""
    if not panel.many and not channels:
        raise InvalidParameterError(
            "embed_series=True tells the series of a panel apart, and the data are one series. Give a panel with a "
            "(series, time) MultiIndex, or set channel_independent=True for a series in each column; else leave it out."
        )
    keys = in_order(panel.table.keys)
    return tuple(Channel(key, one) for key in keys for one in channels) if channels else tuple(keys)


def chooses_transform(forecaster: Any) -> bool:
    """Whether the transformation of the targets is left to the data."""
    return isinstance(forecaster.target_transform, str) and forecaster.target_transform == "auto"


def season_of(forecaster: Any, panel: Panel, roles: Roles | None = None) -> int:
    """The season of a forecaster of these series: that of its parameter, else the one that they show."""
    if forecaster.season is not None:
        return int(forecaster.season)
    roles = _find_roles(forecaster, panel, ()) if roles is None else roles
    return find_season(panel, [panel.columns.index(column) for column in roles.target])


def _is_column(name: tuple[Any, ...], columns: Collection[Any]) -> bool:
    try:
        return name in set(columns)
    except TypeError:  # what it holds cannot be hashed
        return False


def _find_roles(forecaster: Any, panel: Panel, calendar: tuple[str, ...]) -> Roles:
    columns = list(panel.columns)
    roles = {role: names_of(role, getattr(forecaster, role), columns) for role in ("past", "future", "static")}
    taken = [column for group in roles.values() for column in group]
    if forecaster.target is None:
        target = tuple(column for column in columns if column not in taken)
    else:
        target = names_of("target", forecaster.target, columns)
    named = [*target, *taken]
    missing = [column for column in named if column not in columns]
    twice = sorted({str(column) for column in named if named.count(column) > 1})
    idle = [column for column in columns if column not in named]
    if missing:
        raise ValueError(f"Columns {missing} are not in the data, which has {columns}.")
    if twice:
        raise ValueError(f"Columns {', '.join(twice)} have more than one role.")
    if idle:
        raise ValueError(f"Columns {idle} have no role. Name them in target, past, future or static, or drop them.")
    if not target:
        raise ValueError("No column is left to forecast: every one is a covariate.")
    texts = [column for column in target if column in panel.categories]
    if texts:
        raise ValueError(
            f"Column {texts[0]!r} holds texts or categories, and forecasts are numbers: name it in static, past or "
            "future, put it into the index in front of the time, or drop it."
        )
    return Roles(target, roles["past"], roles["future"], roles["static"], calendar)


def _bounds(bounds: Any) -> tuple[float | None, float | None]:
    """The least and the largest forecast; None: there is no such bound."""
    if bounds is None:
        return None, None
    pair = isinstance(bounds, (tuple, list)) and len(bounds) == 2
    if not pair or not all(bound is None or (isinstance(bound, Real) and bound == bound) for bound in bounds):
        raise ValueError(f"bounds={bounds!r} must be two numbers, each of which may be None: (lowest, highest).")
    low, high = bounds
    if low is not None and high is not None and not low < high:
        raise ValueError(f"bounds={bounds!r}: the lowest must be below the highest.")
    return low, high


def _positive(forecaster: Any, estimator: Any, transforms: tuple[Any, ...]) -> bool | Literal["counts"]:
    """Whether the regressor's targets may not be negative, or have to stay counts."""
    if not needs_counts(estimator):
        return needs_positive(estimator)
    if transforms or forecaster.spread not in ("auto", None):
        raise InvalidParameterError(
            "The loss of the regressor is a likelihood of counts, which are no counts any more once they are "
            "transformed or divided. Leave out target_transform and spread, or use another loss."
        )
    return "counts"


def _level(level: str | None, positive: bool | str) -> str | None:
    """What is taken off the targets of a window; "auto" settled."""
    if positive and level not in ("auto", None):
        raise InvalidParameterError(
            f"level={level!r} would leave negative targets, which the loss of the regressor does not take. Use 'auto' "
            "or None: the targets are then only scaled."
        )
    if level == "auto":
        return None if positive else "last"
    return level


def covariates_and_target(forecaster: Any, X: Any, y: Any) -> tuple[list[Any], list[Any] | None]:
    """The columns of X and y that parameters name as covariates, and as targets; None: they name none."""
    columns = [column for data in (X, y) for column in getattr(data, "columns", ())]
    target, roles = forecaster.target, ("past", "future", "static")
    if isinstance(target, tuple) and len(target) > 1 and not all(name in columns for name in target):
        columns += [target] if _is_one_column(y) else []  # which has that name
    covariates = [name for role in roles for name in names_of(role, getattr(forecaster, role), columns)]
    return covariates, None if target is None else list(names_of("target", target, columns))


def _is_one_column(y: Any) -> bool:
    try:
        return y is not None and np.shape(y)[1:] in ((), (1,))
    except ValueError:  # rows of different lengths, which are refused later
        return False


def names_of(parameter: str, value: Any, columns: Collection[Any] = ()) -> tuple[Any, ...]:
    """The names in a list, or the only one, which may be a tuple if that is one of these columns."""
    if isinstance(value, tuple) and _is_column(value, columns):
        return (value,)
    names = () if value is None else tuple(value) if isinstance(value, (list, tuple, pd.Index)) else (value,)
    if not all(isinstance(name, Hashable) and getattr(name, "ndim", 0) == 0 and name is not pd.NA for name in names):
        raise ValueError(f"{parameter}={value!r} of WindowForecaster must be a list of names, one name, or None.")
    return names

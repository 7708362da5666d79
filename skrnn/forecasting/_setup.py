"""The parameters of a forecaster as one value, checked."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass, replace
from numbers import Real
from typing import Any

import numpy as np
import pandas as pd
from sklearn.utils import get_tags

from skrnn._types import Doubles
from skrnn.forecasting._choices import choose_window, find_season, stretch
from skrnn.forecasting._features import CALENDAR, Roles
from skrnn.forecasting._gaps import fill_gaps
from skrnn.forecasting._panel import Panel, by_channel
from skrnn.forecasting._transform import TRANSFORMS, total_lag

__all__ = ["CHANNEL", "Setup", "make_setup", "takes_missing", "takes_sequences"]


CHANNEL = "channel"  # the one target column of series that are columns of others


@dataclass(frozen=True)
class Setup:
    """How series become samples, and outputs become forecasts.

    ``horizon`` is the model's own: 1 for a recursive strategy. ``sequences`` says whether the model takes 3-D
    windows, ``complete`` whether these must have no missing values. ``channels`` are the target columns, if each is
    a series of its own; ``roles`` are then those of these series. ``bounds`` are the least and the largest forecast.
    ``partial``: the model learns from windows of whose targets some are missing.
    """

    roles: Roles
    window: int
    horizon: int
    level: str | None
    spread: str | None
    transforms: tuple[str, ...]
    season: int
    sequences: bool
    complete: bool
    channels: tuple[Any, ...]
    bounds: tuple[float | None, float | None]
    partial: bool = False

    @property
    def n_targets(self) -> int:
        return len(self.roles.target)

    @property
    def longest_gap(self) -> int:
        """Absent rows in a gap that are filled with missing values; no window reaches over more."""
        return 0 if self.complete else self.window - 1

    def given(self, panel: Panel) -> Panel:
        """The series that the model learns from, with the rows that they have."""
        return by_channel(panel, self.channels, CHANNEL) if self.channels else panel

    def panel(self, panel: Panel) -> Panel:
        """The same with rows of missing values for those that are absent, if the model takes these."""
        panel = self.given(panel)
        return fill_gaps(panel, self.longest_gap, [panel.columns.index(column) for column in self.roles.static])

    def columns(self, parts: list[Doubles]) -> list[Doubles]:
        """Values (…, k) of each series of `panel`, as values of the series that it came from."""
        width = max(len(self.channels), 1)
        return [np.concatenate(parts[i : i + width], axis=-1) for i in range(0, len(parts), width)]

    def arrange(self, X: Doubles) -> Doubles:
        """Windows (n, window, n_features) as the model takes them."""
        return X if self.sequences else X.reshape(len(X), -1)

    def flat(self, Y: Doubles) -> Doubles:
        """(n, horizon, k) as (n, horizon * k), one-dimensional for a single output."""
        return Y.reshape(len(Y)) if Y[0].size == 1 else Y.reshape(len(Y), -1)


def make_setup(forecaster: Any, panel: Panel, estimator: Any) -> Setup:
    """Check the parameters of a forecaster against each other and the data, give every column a role, and choose the
    season and the window if they are not given.
    """
    transforms = _names("transform", forecaster.transform)
    calendar = _names("calendar", forecaster.calendar)
    for parameter, given, allowed in (("transform", transforms, TRANSFORMS), ("calendar", calendar, tuple(CALENDAR))):
        unknown = [item for item in given if item not in allowed]
        if unknown:
            raise ValueError(f"{parameter}={unknown[0]!r} is not known; choose from {', '.join(allowed)}.")
    roles = _find_roles(forecaster, list(panel.columns), calendar)
    places = [panel.columns.index(column) for column in roles.target]
    season = int(forecaster.season or find_season(panel, places))
    if "seasonal_difference" in transforms and forecaster.season is None and season == 1:
        raise ValueError(
            "transform='seasonal_difference' needs season, the number of steps in a cycle: neither the index nor the "
            "values show one."
        )
    horizon = 1 if forecaster.strategy == "recursive" else int(forecaster.horizon)
    channels = roles.target if forecaster.channel_independent else ()
    complete = not takes_missing(estimator)
    window = forecaster.window
    if window is None:
        groups = [[place] for place in places] if channels else [places]
        rows = [stretch(history, columns, complete, season) for history in panel.histories for columns in groups]
        lag = total_lag(transforms, season)
        window = choose_window([max(n - lag, 0) for n in rows], season, int(forecaster.horizon))
        window = max(window, horizon) if roles.future or roles.calendar else window
    elif (roles.future or roles.calendar) and window < horizon:
        raise ValueError(
            f"window={window} is shorter than horizon={horizon}: the covariates and the calendar of the "
            "horizon are read step by step of the window. Widen window."
        )
    if channels:
        roles = replace(roles, target=(CHANNEL,))
    return Setup(
        roles=roles,
        window=int(window),
        horizon=horizon,
        level=forecaster.level,
        spread=forecaster.spread,
        transforms=transforms,
        season=season,
        sequences=takes_sequences(estimator),
        complete=complete,
        channels=channels,
        bounds=_bounds(forecaster.bounds),
    )


def _find_roles(forecaster: Any, columns: list[Any], calendar: tuple[str, ...]) -> Roles:
    roles = {role: _names(role, getattr(forecaster, role)) for role in ("past", "future", "static")}
    taken = [column for group in roles.values() for column in group]
    if forecaster.target is None:
        target = tuple(column for column in columns if column not in taken)
    else:
        target = _names("target", forecaster.target)
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
    return Roles(target, roles["past"], roles["future"], roles["static"], calendar)


def _bounds(bounds: Any) -> tuple[float | None, float | None]:
    """The least and the largest forecast; None: there is no such bound."""
    if bounds is None:
        return None, None
    pair = isinstance(bounds, (tuple, list)) and len(bounds) == 2
    if not pair or not all(bound is None or isinstance(bound, Real) for bound in bounds):
        raise ValueError(f"bounds={bounds!r} must be two numbers, each of which may be None: (lowest, highest).")
    low, high = bounds
    if low is not None and high is not None and not low < high:
        raise ValueError(f"bounds={bounds!r}: the lowest must be below the highest.")
    return low, high


def _names(parameter: str, value: Any) -> tuple[Any, ...]:
    """The names in a list, or the only one."""
    names = () if value is None else tuple(value) if isinstance(value, (list, tuple, pd.Index)) else (value,)
    if not all(isinstance(name, Hashable) and getattr(name, "ndim", 0) == 0 for name in names):
        raise ValueError(f"{parameter}={value!r} of WindowForecaster must be a list of names, one name, or None.")
    return names


def takes_sequences(estimator: Any) -> bool:
    """Whether a regressor takes 3-D windows: by its tags, or those of the parts of a Pipeline or meta-estimator."""
    if hasattr(estimator, "steps"):
        return all(takes_sequences(step) for step in _steps(estimator))
    inner = _inner(estimator)
    return takes_sequences(inner) if inner is not None else bool(get_tags(estimator).input_tags.three_d_array)


def takes_missing(estimator: Any) -> bool:
    """Whether a regressor takes missing values, found in the same way; steps behind an imputer do not count."""
    if hasattr(estimator, "steps"):
        for step in _steps(estimator):
            if not takes_missing(step):
                return False
            if type(step).__module__.startswith("sklearn.impute"):
                return True
        return True
    inner = _inner(estimator)
    return takes_missing(inner) if inner is not None else bool(get_tags(estimator).input_tags.allow_nan)


def _steps(pipeline: Any) -> list[Any]:
    return [step for _, step in pipeline.steps if step not in (None, "passthrough")]


def _inner(estimator: Any) -> Any:
    """The estimator inside a meta-estimator; None for others."""
    return getattr(estimator, "estimator", None) or getattr(estimator, "regressor", None)

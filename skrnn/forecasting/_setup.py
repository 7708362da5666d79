"""The parameters of a forecaster as one value, and what they make of a series."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skrnn.forecasting._features import CALENDAR, Roles, Samples, feature_table, newest_window, samples
from skrnn.forecasting._panel import History, Panel
from skrnn.forecasting._transform import TRANSFORMS, apply, invert, total_lag

__all__ = ["Setup", "flat", "make_setup"]

Doubles = NDArray[np.float64]


@dataclass(frozen=True)
class Setup:
    """How a series becomes samples, and outputs become forecasts.

    ``horizon`` is the model's own: 1 for a recursive strategy. ``sequences`` says whether the model takes 3-D
    windows.
    """

    roles: Roles
    window: int
    horizon: int
    level: str | None
    transforms: tuple[str, ...]
    season: int | None
    sequences: bool

    def arrange(self, X: Doubles) -> Doubles:
        """Windows (n, window, n_features) as the model takes them."""
        return X if self.sequences else X.reshape(len(X), -1)

    def raw_targets(self, panel: Panel, history: History) -> Doubles:
        """The targets in the user's units, (n_rows, k)."""
        return history.values[:, [panel.columns.index(column) for column in self.roles.target]]

    def scale(self, panel: Panel, history: History) -> float:
        """Mean absolute value of the transformed targets: series of different size learn together."""
        values = self.transformed(panel, history, 1.0)
        known = np.abs(values[~np.isnan(values)])
        size = float(known.mean()) if known.size else 1.0
        return size if size > 0 else 1.0

    def transformed(self, panel: Panel, history: History, scale: float) -> Doubles:
        """The targets as the model learns them, but for the level; (n_rows, k)."""
        label = "the target" if history.key is None else f"the target of series {history.key!r}"
        raw = self.raw_targets(panel, history)
        runs = [apply(raw[run], self.transforms, self.season, label) for run in history.runs()]
        return np.concatenate(runs) / scale

    def samples(self, panel: Panel, history: History, scale: float) -> Samples:
        """All windows of a series, with what follows them."""
        targets = self.transformed(panel, history, scale)
        table = feature_table(panel, history, targets, self.roles, self.horizon)
        skip = total_lag(self.transforms, self.season)
        return samples(history, table, len(self.roles.target), self.window, self.horizon, self.level, skip)

    def outputs(self, model: Any, panel: Panel, history: History, scale: float, known: Doubles | None) -> Doubles:
        """The model's next ``horizon`` values with their level, transformed; (horizon, k)."""
        targets, k = self.transformed(panel, history, scale), len(self.roles.target)
        table = feature_table(panel, history, targets, self.roles, self.horizon, known)
        X, level = newest_window(history, table, k, self.window, self.level)
        return model.predict(self.arrange(X)).reshape(self.horizon, k) + level

    def back(self, panel: Panel, history: History, outputs: Doubles, scale: float) -> Doubles:
        """Transformed values that follow a series, in the user's units."""
        raw = self.raw_targets(panel, history)
        return self._undo(outputs * scale, raw[history.runs()[-1]], history)

    def truths_and_forecasts(
        self, model: Any, panel: Panel, history: History, scale: float, first: int
    ) -> tuple[Doubles, Doubles]:
        """What followed each window that ends at row ``first`` or later, and its forecast; (n, horizon, k) each."""
        part, raw = self.samples(panel, history, scale), self.raw_targets(panel, history)
        late = np.flatnonzero(part.rows >= first)
        if not len(late):
            return (np.zeros((0, self.horizon, raw.shape[1])),) * 2
        outputs = model.predict(self.arrange(part.X[late])).reshape(part.Y[late].shape) + part.level[late][:, None]
        ends = part.rows[late] + 1
        truths = raw[ends[:, None] + np.arange(self.horizon)]
        forecasts = [self._undo(out * scale, raw[:end], history) for out, end in zip(outputs, ends, strict=True)]
        return truths, np.stack(forecasts)

    def _undo(self, transformed: Doubles, raw: Doubles, history: History) -> Doubles:
        """Transformed values that follow the targets ``raw``, in the user's units."""
        needed = total_lag(self.transforms, self.season)
        newest = raw[len(raw) - needed :]
        if len(raw) < needed or np.isnan(newest).any():
            name = "The series" if history.key is None else f"Series {history.key!r}"
            raise ValueError(
                f"{name} needs {needed} rows without a gap at its end to undo transform={list(self.transforms)}; it "
                f"has {len(raw)}, or missing values among them."
            )
        return invert(transformed, newest, self.transforms, self.season)

    def forecast(
        self, model: Any, panel: Panel, history: History, scale: float, steps: int, known: Doubles | None
    ) -> Doubles:
        """The next ``steps`` values in the user's units, a horizon at a time; (steps, k)."""
        blocks: list[Doubles] = []
        while sum(map(len, blocks)) < steps:
            outputs = self.outputs(model, panel, history, scale, known)
            blocks.append(self.back(panel, history, outputs, scale))
            history = self._extended(panel, history, blocks[-1], known)
            known = None if known is None else known[self.horizon :]
        return np.concatenate(blocks)[:steps]

    def _extended(self, panel: Panel, history: History, values: Doubles, known: Doubles | None) -> History:
        """The series with forecasts as if they had been observed; past covariates are missing there."""
        n_new = len(values)
        rows = np.full((n_new, len(panel.columns)), np.nan)
        for place, column in enumerate(panel.columns):
            if column in self.roles.target:
                rows[:, place] = values[:, self.roles.target.index(column)]
            elif column in self.roles.static:
                rows[:, place] = history.values[-1, place]
            elif column in self.roles.future and known is not None:
                rows[:, place] = known[:n_new, self.roles.future.index(column)]
        return replace(
            history,
            times=history.times.append(panel.future_times(history, n_new)),
            values=np.concatenate([history.values, rows]),
            positions=np.concatenate(
                [history.positions, history.positions[-1] + panel.step.size * np.arange(1, n_new + 1)]
            ),
        )


def make_setup(forecaster: Any, columns: Sequence[Any], sequences: bool) -> Setup:
    """Check the parameters of a forecaster, and give every column a role."""
    name = type(forecaster).__name__
    for parameter in ("window", "horizon"):
        value = getattr(forecaster, parameter)
        if not isinstance(value, (int, np.integer)) or isinstance(value, bool) or value < 1:
            raise ValueError(
                f"The {parameter!r} parameter of {name} must be an int of at least 1. Got {value!r} instead."
            )
    choices = {"strategy": ("direct", "recursive"), "level": ("last", "mean", None)}
    for parameter, allowed in choices.items():
        if getattr(forecaster, parameter) not in allowed:
            raise ValueError(
                f"The {parameter!r} parameter of {name} must be one of {allowed}. "
                f"Got {getattr(forecaster, parameter)!r} instead."
            )
    transforms = _names(forecaster.transform)
    calendar = _names(forecaster.calendar)
    for parameter, given, allowed in (("transform", transforms, TRANSFORMS), ("calendar", calendar, tuple(CALENDAR))):
        unknown = [item for item in given if item not in allowed]
        if unknown:
            raise ValueError(f"{parameter}={unknown[0]!r} is not known; choose from {', '.join(allowed)}.")
    if "seasonal_difference" in transforms and forecaster.season is None:
        raise ValueError("transform='seasonal_difference' needs season, the number of steps in a cycle.")
    if forecaster.calibration is not None and not 0 < forecaster.calibration < 1:
        raise ValueError(f"calibration must be None or in (0, 1). Got {forecaster.calibration!r} instead.")
    roles = _find_roles(forecaster, list(columns), calendar)
    horizon = 1 if forecaster.strategy == "recursive" else int(forecaster.horizon)
    if (roles.future or roles.calendar) and forecaster.window < horizon:
        raise ValueError(
            f"window={forecaster.window} is shorter than horizon={horizon}: the covariates and the calendar of the "
            "horizon are read step by step of the window. Widen window."
        )
    return Setup(roles, int(forecaster.window), horizon, forecaster.level, transforms, forecaster.season, sequences)


def _find_roles(forecaster: Any, columns: list[Any], calendar: tuple[str, ...]) -> Roles:
    roles = {role: tuple(getattr(forecaster, role) or ()) for role in ("past", "future", "static")}
    taken = [column for group in roles.values() for column in group]
    if forecaster.target is None:
        target = tuple(column for column in columns if column not in taken)
    else:
        target = tuple(forecaster.target) if isinstance(forecaster.target, (list, tuple)) else (forecaster.target,)
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


def _names(value: Any) -> tuple[str, ...]:
    return () if value is None else (value,) if isinstance(value, str) else tuple(value)


def flat(Y: Doubles) -> Doubles:
    """(n, horizon, k) as (n, horizon * k), one-dimensional for a single output."""
    return Y.reshape(len(Y)) if Y[0].size == 1 else Y.reshape(len(Y), -1)

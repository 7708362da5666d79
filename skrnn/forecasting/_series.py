"""One series as a model sees it: its targets transformed, centred and scaled, and the way back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any

import numpy as np

from skrnn._types import Doubles, Flags, Integers, Longs
from skrnn.forecasting._features import (
    Samples,
    WindowUnits,
    feature_table,
    newest_window,
    samples,
    stack,
    take_units,
)
from skrnn.forecasting._panel import History, Panel
from skrnn.forecasting._setup import Setup
from skrnn.forecasting._transform import apply, invert, leading_pointwise, total_lag
from skrnn.windowing import moments_of

__all__ = ["Evaluation", "SeriesView", "evaluate", "forecast", "learn", "next_outputs", "series_views"]


_NOISE = 1e-10  # what rounding leaves of a constant series, relative to its values


@dataclass(frozen=True, eq=False)
class SeriesView:
    """A series, and the centre and scale (2, k) of its transformed targets.

    Three kinds of values: *raw* ones in the user's units; *levels*, after the transformations up to the first
    difference; *outputs*, after all transformations, centred and scaled.
    """

    setup: Setup
    panel: Panel
    history: History
    statistics: Doubles

    @property
    def lag(self) -> int:
        """Rows in front of the first that has a transformed value."""
        return total_lag(self.setup.transforms, self.setup.season)

    def rows(self, first: int, end: int | None = None) -> SeriesView:
        """The windows that end at row ``first`` or later, of the rows before ``end``."""
        return replace(self, history=self.history.rows(first - self.setup.window + 1 - self.lag, end))

    def tail(self) -> SeriesView:
        """Only as much of the series as the next forecast needs."""
        return self.rows(len(self.history.times) - 1)

    def row_at(self, position: int) -> int:
        """The row at a position of its index."""
        return int(np.searchsorted(self.history.positions, position))

    def raw(self) -> Doubles:
        """The targets in the user's units, (n_rows, k)."""
        places = [self.panel.columns.index(column) for column in self.setup.roles.target]
        return self.history.values[:, places]

    def targets(self) -> Doubles:
        """The targets as outputs, (n_rows, k)."""
        raw, setup, label = self.raw(), self.setup, self.history.label
        runs = [apply(raw[run], setup.transforms, setup.season, label) for run in self.history.runs()]
        centre, scale = self.statistics
        return (np.concatenate(runs) - centre) / scale

    def samples(self, partial: bool = False) -> list[Samples]:
        """All windows with what follows them, which is known, or known in part."""
        setup = self.setup
        table = feature_table(self.panel, self.history, self.targets(), setup.roles, setup.horizon)
        sizes = (setup.n_targets, setup.window, setup.horizon, self.lag, setup.complete, partial)
        return samples(table, self.history.runs(), *sizes)

    def ready(self) -> bool:
        """Whether the newest window has all that the regressor needs of the past: at least one known target."""
        if not self.setup.complete:
            newest = self.history.positions > self.history.positions[-1] - self.setup.window * self.history.step.size
            return bool((~np.isnan(self.raw()[newest])).any())
        roles, width = self.setup.roles, self.setup.window + self.lag
        places = [self.panel.columns.index(column) for column in (*roles.target, *roles.past, *roles.static)]
        rows = self.history.values[self.history.runs()[-1]][-width:, places]
        return len(rows) == width and not np.isnan(rows).any()

    def newest(self, known: Doubles | None) -> Doubles:
        """The window that ends at the newest row, (window, n_features); not in units of its own yet."""
        setup = self.setup
        table = feature_table(self.panel, self.history, self.targets(), setup.roles, setup.horizon, known)
        X = newest_window(table, self.history.runs()[-1], setup.window)
        if setup.complete and np.isnan(X).any():
            raise ValueError(
                f"{self.history.label} has missing values, a gap or too few rows in the window of {setup.window} rows "
                f"up to {self.history.times[-1]}, and the regressor takes none. Its step is {self.history.step}. Fill "
                "them, widen the history, give another freq, or use a regressor that takes missing values, such as "
                "RNNRegressor."
            )
        return X

    def undoable(self, ends: Integers) -> Flags:
        """Whether the rows up to ``ends`` that the differences need are known."""
        before = ends[:, None] - np.arange(self.lag)
        known = ~np.isnan(self.raw()[np.maximum(before, 0)]).any(axis=2)
        return np.asarray((known & (before >= 0)).all(axis=1))

    def levels(self, outputs: Doubles, ends: Integers) -> Doubles:
        """Outputs (n, horizon, k) that follow the rows ``ends``, with the differences undone."""
        setup, first = self.setup, leading_pointwise(self.setup.transforms)
        centre, scale = self.statistics
        outputs = outputs * scale + centre
        names = setup.transforms[first:]
        if not names:
            return outputs
        if not self.undoable(ends).all():
            raise ValueError(
                f"{self.history.label} needs {self.lag} rows without a gap at its end to undo "
                f"transform={list(setup.transforms)}; it has {len(self.history.times)}, or missing values among them."
            )
        rows = self.raw()[ends[:, None] - np.arange(self.lag - 1, -1, -1)]
        return invert(outputs, apply(rows, setup.transforms[:first], None, self.history.label), names, setup.season)

    def true_levels(self, ends: Integers) -> Doubles:
        """The true levels (n, horizon, k) after the rows ``ends``."""
        names = self.setup.transforms[: leading_pointwise(self.setup.transforms)]
        levels = apply(self.raw(), names, None, self.history.label)
        return levels[ends[:, None] + np.arange(1, self.setup.horizon + 1)]

    def units(self, levels: Doubles) -> Doubles:
        """Levels in the user's units."""
        names = self.setup.transforms[: leading_pointwise(self.setup.transforms)]
        return invert(levels, levels, names, None)

    def forecasts(self, levels: Doubles) -> Doubles:
        """Forecast levels in the user's units, within the bounds."""
        low, high = self.setup.bounds
        return np.clip(self.units(levels), -np.inf if low is None else low, np.inf if high is None else high)

    def extended(self, values: Doubles, known: Doubles | None) -> SeriesView:
        """The series with forecasts (n_new, k) as if they had been observed; past covariates are missing there."""
        panel, history, roles, n_new = self.panel, self.history, self.setup.roles, len(values)
        rows = np.full((n_new, len(panel.columns)), np.nan)
        for place, column in enumerate(panel.columns):
            if column in roles.target:
                rows[:, place] = values[:, roles.target.index(column)]
            elif column in roles.static:
                rows[:, place] = history.values[-1, place]
            elif column in roles.future and known is not None:
                rows[:, place] = known[:n_new, roles.future.index(column)]
        return replace(self, history=history.followed_by(history.next_rows(rows)))


def series_views(
    setup: Setup,
    panel: Panel,
    histories: Sequence[History],
    known: Mapping[Any, Doubles] = MappingProxyType({}),
    n_rows: int | None = None,
) -> list[SeriesView]:
    """Views with known statistics, by key; else with those of the first ``n_rows`` rows (None: of all).

    Logarithms put series into relative units: then all have one scale, the mean of those of the known series, or of all
    if none is known.
    """
    plain = np.array([[0.0] * setup.n_targets, [1.0] * setup.n_targets])
    raw = [SeriesView(setup, panel, history, plain) for history in histories]
    views = []
    for view in raw:
        statistics = known.get(view.history.key)
        if statistics is None:
            part = view if n_rows is None else replace(view, history=view.history.rows(0, n_rows + view.lag))
            statistics = _centre_and_scale(part.targets())
        views.append(replace(view, statistics=statistics))
    if any(name in ("log", "log1p") for name in setup.transforms):
        scales = [statistics[1] for statistics in known.values()] or [view.statistics[1] for view in views]
        scale = np.mean(scales, axis=0)
        views = [replace(view, statistics=np.stack([view.statistics[0], scale])) for view in views]
    return views


@dataclass(frozen=True, eq=False)
class Evaluation:
    """Forecasts of a series from all its rows that have a window behind and a horizon ahead, beside the truth.

    ``truths`` and ``forecasts`` are levels (n, horizon, k); ``moments`` (n,) are the times of the rows, as numbers in
    their order; ``scales`` (n, k) the units in which errors are measured: the series' scale, times the spread of the
    window.
    """

    view: SeriesView
    truths: Doubles
    forecasts: Doubles
    moments: Longs
    scales: Doubles

    def errors(self) -> Doubles:
        """Absolute errors in these units, (n, horizon, k)."""
        return np.asarray(np.abs(self.truths - self.forecasts) / self.scales[:, None])


def learn(model: Any, setup: Setup, views: list[SeriesView]) -> tuple[Any, int]:
    """Fit a regressor on all windows of all series; the fitted one and the number of windows.

    The windows of several series are told in turns, the newest of each series last: a regressor that validates on its
    last rows then does so on all series.
    """
    parts = [view.samples(setup.partial) for view in views]
    X, Y, _ = _stacked(setup, [part for samples in parts for part in samples])
    counts = [sum(len(part.kept) for part in samples) for samples in parts]
    if sum(count > 0 for count in counts) > 1:
        place = np.concatenate([np.arange(1, count + 1) / max(count, 1) for count in counts])
        turns = np.argsort(place, kind="stable")
        X, Y = X[turns], Y[turns]
    return (model.fit(setup.arrange(X), setup.flat(Y)) if len(X) else model), len(X)


def evaluate(model: Any, view: SeriesView) -> Evaluation:
    """Forecast from each window of a series behind which the differences can be undone."""
    parts = [part.among(view.undoable(part.ends)) for part in view.samples()]
    X, Y, units = _stacked(view.setup, parts)
    scales = view.statistics[1] * units.spread
    if not len(X):
        nothing = np.zeros((0, *Y.shape[1:]))
        return Evaluation(view, nothing, nothing, np.zeros(0, np.int64), scales)
    outputs = units.undo(_predicted(model, view.setup, X))
    ends = np.concatenate([part.ends for part in parts])
    moments = moments_of(view.history.times[ends])
    return Evaluation(view, view.true_levels(ends), view.levels(outputs, ends), moments, scales)


def next_outputs(
    model: Any, setup: Setup, views: list[SeriesView], known: list[Doubles | None]
) -> list[tuple[Doubles, Doubles]]:
    """The next ``horizon`` levels of every series (horizon, k), and the units (k,) in which errors are measured."""
    X = np.stack([view.newest(values) for view, values in zip(views, known, strict=True)])
    units = take_units(X, setup.n_targets, setup.level, setup.spread)
    outputs = units.undo(_predicted(model, setup, X))
    ends = [np.array([len(view.history.times) - 1]) for view in views]
    levels = [view.levels(out[None], end)[0] for view, out, end in zip(views, outputs, ends, strict=True)]
    return [(mine, view.statistics[1] * width) for mine, view, width in zip(levels, views, units.spread, strict=True)]


def forecast(
    model: Any, setup: Setup, views: list[SeriesView], steps: int, known: list[Doubles | None]
) -> list[Doubles]:
    """The next ``steps`` values of every series in the user's units, (steps, k) each; a horizon at a time."""
    blocks: list[list[Doubles]] = [[] for _ in views]
    for _ in range(-(-steps // setup.horizon)):
        levels = next_outputs(model, setup, views, known)
        for number, (view, (mine, _)) in enumerate(zip(views, levels, strict=True)):
            values, ahead = view.forecasts(mine), known[number]
            blocks[number].append(values)
            views[number] = view.extended(values, ahead).tail()
            known[number] = None if ahead is None else ahead[setup.horizon :]
    return [np.concatenate(parts)[:steps] for parts in blocks]


def _predicted(model: Any, setup: Setup, X: Doubles) -> Doubles:
    """Outputs (n, horizon, k) of windows (n, window, n_features)."""
    outputs, shape = np.asarray(model.predict(setup.arrange(X))), (len(X), setup.horizon, setup.n_targets)
    if outputs.size != np.prod(shape):
        raise ValueError(
            f"{type(model).__name__} predicts an array of shape {outputs.shape} for {len(X)} windows, where "
            f"{setup.horizon} steps of {setup.n_targets} targets are needed for each."
        )
    return outputs.reshape(shape)


def _stacked(setup: Setup, parts: list[Samples]) -> tuple[Doubles, Doubles, WindowUnits]:
    n_features = parts[0].X.shape[2] if parts else 0
    kinds = setup.level, setup.spread
    return stack(parts, (setup.window, n_features), setup.horizon, setup.n_targets, kinds)


def _centre_and_scale(values: Doubles) -> Doubles:
    """Mean and mean absolute deviation of each column, (2, k); series of different size and place learn together."""
    known = ~np.isnan(values)
    count = np.maximum(known.sum(axis=0), 1)
    centre = np.where(known, values, 0.0).sum(axis=0) / count
    scale = np.where(known, np.abs(values - centre), 0.0).sum(axis=0) / count
    noise = _NOISE * np.where(known, np.abs(values), 0.0).max(axis=0, initial=0.0)
    return np.stack([centre, np.where(scale > noise, scale, 1.0)])

"""Series as a model sees them: their targets transformed, centred and scaled, and the way back."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from types import MappingProxyType
from typing import Any, Protocol

import numpy as np

from skrnn._types import Doubles, Flags, Integers
from skrnn.forecasting._categories import series_codes
from skrnn.forecasting._features import Samples, WindowUnits, feature_table, samples, stack
from skrnn.forecasting._gaps import bridged, interpolated
from skrnn.forecasting._outputs import Heads
from skrnn.forecasting._panel import Panel
from skrnn.forecasting._setup import Setup
from skrnn.forecasting._table import History, Table
from skrnn.forecasting._transform import apply, invert, leading_pointwise

__all__ = [
    "Evaluation",
    "SeriesViews",
    "WeighsWindows",
    "evaluate",
    "series_views",
    "stacked_windows",
    "to_forecasts",
    "to_units",
]


_NOISE = 1e-10  # what rounding leaves of a constant series, relative to its values


@dataclass(frozen=True, eq=False)
class SeriesViews:
    """Series that lie in one table, and the centre and scale of their transformed targets (n_series, 2, k).

    Three kinds of values: *raw* ones in the user's units; *levels*, after the transformations up to the first
    difference; *outputs*, after all transformations, centred and scaled. ``ends`` are rows of the table.
    """

    setup: Setup
    panel: Panel
    table: Table
    statistics: Doubles

    def __len__(self) -> int:
        return len(self.table)

    @property
    def lag(self) -> int:
        """Rows in front of the first that has a transformed value."""
        return self.setup.lag

    @property
    def places(self) -> list[int]:
        """The columns of the targets."""
        return [self.panel.columns.index(column) for column in self.setup.roles.target]

    @cached_property
    def codes(self) -> Doubles | None:
        """The number of each series among those of `fit` (n_series,), if the model is told of it."""
        return series_codes(self.table.keys, self.setup.series) if self.setup.series else None

    def among(self, some: Flags) -> SeriesViews:
        """Only some of the series."""
        return replace(self, table=self.table.among(some), statistics=self.statistics[some])

    def since(self, firsts: Integers) -> SeriesViews:
        """With no more rows of each series than the windows see that end at its ``firsts``-th row or later."""
        firsts = np.maximum(firsts - self.setup.window + 1 - self.lag, 0)
        if not firsts.any():
            return self
        table, numbers = self.table, np.arange(len(self))
        return replace(self, table=table.part(numbers, table.bounds[:-1] + firsts, table.counts - firsts))

    def bridged(self) -> SeriesViews:
        """Without missing targets, but for those in gaps that no window spans; statistics stay as they are."""
        table = bridged(self.table, self.places, self.setup.window - 1)
        return self if table is self.table else replace(self, table=table, panel=replace(self.panel, histories=table))

    def seen(self, found: Samples) -> Samples:
        """Samples of `bridged` views with the windows of these ones: what is missing in a window is interpolated in it
        alone, since a line to a later value tells what is to be forecast.
        """
        if not np.isnan(self.targets()).any():
            return found
        X = interpolated(self.samples().X[found.kept], self.setup.n_targets)
        return Samples(X, found.Y[found.kept], np.arange(len(X)), found.ends)

    def known_after(self, ends: Integers) -> Flags:
        """Which of the targets (n, horizon, k) that follow the rows ``ends`` are known."""
        return np.asarray(~np.isnan(self.targets())[ends[:, None] + np.arange(1, self.setup.horizon + 1)])

    def raw(self) -> Doubles:
        """The targets in the user's units, (n_rows, k)."""
        return self.table.values[:, self.places]

    def transformed(self) -> Doubles:
        """The transformed targets (n_rows, k), not centred and scaled."""
        setup, table = self.setup, self.table
        return apply(self.raw(), setup.transforms, setup.season, self.label_of, table.before)

    def targets(self) -> Doubles:
        """The targets as outputs, (n_rows, k)."""
        centre, scale = self.statistics.transpose(1, 0, 2)
        if len(self) > 1:
            centre, scale = centre[self.table.series], scale[self.table.series]
        return (self.transformed() - centre) / scale

    def features(self) -> Doubles:
        """All that a model sees of each row, (n_rows, n_features)."""
        setup = self.setup
        lead = min(setup.horizon, len(self.table.values) + 1)
        return feature_table(self.panel.columns, self.table, self.targets(), setup.roles, lead, self.codes)

    def samples(self, partial: bool = False) -> Samples:
        """All windows of all series with what follows them, which is known, or known in part."""
        setup, too_long = self.setup, len(self.table.values) + 1  # of which there is none, however much longer it is
        window, horizon = min(setup.window, too_long), min(setup.horizon, too_long)
        sizes = (setup.n_targets, window, horizon, setup.lag, setup.complete, partial)
        return samples(self.features(), self.table.before, *sizes)

    def undoable(self, ends: Integers) -> Flags:
        """Whether the rows up to ``ends`` that the differences need are known."""
        before = ends[:, None] - np.arange(self.lag)
        known = ~np.isnan(self.raw()[np.maximum(before, 0)]).any(axis=2)
        return np.asarray((known & (before >= self.table.bounds[self.table.series[ends]][:, None])).all(axis=1))

    def levels(self, outputs: Doubles, ends: Integers) -> Doubles:
        """Outputs (n, horizon, k) that follow the rows ``ends``, all `undoable`, with the differences undone."""
        setup, first = self.setup, leading_pointwise(self.setup.transforms)
        centre, scale = self.statistics[self.table.series[ends]].transpose(1, 0, 2)[:, :, None]
        outputs = outputs * scale + centre
        names = setup.transforms[first:]
        if not names:
            return outputs
        rows = self.raw()[ends[:, None] - np.arange(self.lag - 1, -1, -1)]
        before = apply(rows, setup.transforms[:first], None, lambda number: self.label_of(ends[number]))
        return invert(outputs, before, names, setup.season)

    def true_levels(self, ends: Integers) -> Doubles:
        """The true levels (n, horizon, k) after the rows ``ends``."""
        names = self.setup.transforms[: leading_pointwise(self.setup.transforms)]
        levels = apply(self.raw(), names, None, self.label_of)
        return levels[ends[:, None] + np.arange(1, self.setup.horizon + 1)]

    def label_of(self, row: int) -> str:
        """The name, in a message, of the series that a row belongs to."""
        label: str = self.table[int(self.table.series[row])].label
        return label


def to_units(setup: Setup, levels: Doubles) -> Doubles:
    """Levels (…, n_steps, k) in the user's units."""
    return invert(levels, levels, setup.transforms[: leading_pointwise(setup.transforms)], None)


def to_forecasts(setup: Setup, levels: Doubles) -> Doubles:
    """Forecast levels in the user's units, within the bounds."""
    low, high = setup.bounds
    return np.clip(to_units(setup, levels), -np.inf if low is None else low, np.inf if high is None else high)


def series_views(
    setup: Setup,
    panel: Panel,
    histories: Sequence[History],
    known: Mapping[Any, Doubles] = MappingProxyType({}),
    n_rows: int | None = None,
    weigh: WeighsWindows | None = None,
) -> SeriesViews:
    """Views with known statistics, by key; else with those of the first ``n_rows`` rows (None: of all).

    Targets that may not be negative are divided by their mean, and not centred; counts are left alone. Logarithms put
    series into relative units: then all have one scale, the mean of those of the known series, or of all that count if
    none is known.
    """
    table = Table.of(histories)
    statistics = np.empty((len(table), 2, setup.n_targets))
    there = np.array([key in known for key in table.keys], dtype=bool)
    if there.any():
        statistics[there] = [known[key] for key, found in zip(table.keys, there, strict=True) if found]
    if not there.all():
        new = table.among(~there)
        if n_rows is not None:
            new = new.part(np.arange(len(new)), new.bounds[:-1], np.minimum(new.counts, n_rows + setup.lag))
        plain = np.broadcast_to(np.array([[0.0], [1.0]]), (len(new), 2, setup.n_targets))
        measure = _only_scale if setup.positive else _centre_and_scale
        if setup.positive == "counts":
            statistics[~there] = plain
        else:
            statistics[~there] = _statistics(SeriesViews(setup, panel, new, plain).transformed(), new.bounds, measure)
    if len(table) and any(name in ("log", "log1p") for name in setup.transforms):
        counted = [number for number, key in enumerate(table.keys) if weigh is None or weigh.counts(key)]
        scales = [one[1] for one in known.values()] or list(statistics[counted or slice(None), 1])
        statistics[:, 1] = np.mean(scales, axis=0)
    return SeriesViews(setup, panel, table, statistics)


@dataclass(frozen=True, eq=False)
class Evaluation:
    """Forecasts from all rows that have a window behind and a horizon ahead, beside the truth; series by series.

    ``ends`` (n,) are these rows in the table of the series; ``truths`` (n, horizon, k), NaN where they are missing, and
    ``forecasts`` (n_heads, n, horizon, k) are levels; ``scales`` (n, k) the units in which errors are measured: the
    series' scale, times the spread of the window.
    """

    ends: Integers
    truths: Doubles
    forecasts: Doubles
    scales: Doubles


class WeighsWindows(Protocol):
    """How much windows count in learning."""

    def counts(self, key: Any) -> bool:
        """Whether any row of a series has a weight."""

    def __call__(self, views: SeriesViews, ends: Integers) -> Doubles:
        """A weight for each window, by the row at which it ends."""


def evaluate(heads: Heads, views: SeriesViews) -> Evaluation:
    """Forecast by each head from each window before a known target, behind which the differences can be undone."""
    found = views.samples(partial=True)
    found = found.among(np.flatnonzero(views.undoable(found.ends)))
    X, Y, units = stacked_windows(views.setup, found)
    scales = views.statistics[views.table.series[found.ends], 1] * units.spread
    if not len(X):
        return Evaluation(found.ends, np.zeros(Y.shape), np.zeros((len(heads), *Y.shape)), scales)
    levels = [views.levels(units.undo(outputs), found.ends) for outputs in heads.outputs(views.setup, X)]
    return Evaluation(found.ends, views.true_levels(found.ends), np.stack(levels), scales)


def stacked_windows(setup: Setup, found: Samples) -> tuple[Doubles, Doubles, WindowUnits]:
    """Windows and what follows them, each in its own units, and these."""
    return stack(found, setup.n_targets, setup.units)


def _statistics(values: Doubles, bounds: Integers, measure: Callable[[Doubles], Doubles]) -> Doubles:
    """What ``measure`` finds of the columns (k, n_series, n_rows) of series, (n_series, 2, k); of equally long ones
    together.
    """
    counts = np.diff(bounds)
    found = np.empty((len(counts), 2, values.shape[1]))
    for count in np.unique(counts):
        mine = np.flatnonzero(counts == count)
        if len(mine) == len(counts):
            columns = values.T.reshape(values.shape[1], len(mine), count)
        else:
            columns = values.T[:, bounds[mine][:, None] + np.arange(count)]
        found[mine] = measure(np.ascontiguousarray(columns)).transpose(2, 0, 1)
    return found


def _centre_and_scale(columns: Doubles) -> Doubles:
    """Mean and mean absolute deviation (2, k, n_series) of columns (k, n_series, n_rows); series of different size and
    place learn together.
    """
    known = ~np.isnan(columns)
    count = np.maximum(known.sum(axis=2), 1)
    centre = np.where(known, columns, 0.0).sum(axis=2) / count
    scale = np.where(known, np.abs(columns - centre[:, :, None]), 0.0).sum(axis=2) / count
    noise = _NOISE * np.where(known, np.abs(columns), 0.0).max(axis=2, initial=0.0)
    return np.stack([centre, np.where(scale > noise, scale, 1.0)])


def _only_scale(columns: Doubles) -> Doubles:
    """Zero and the mean (2, k, n_series) of columns (k, n_series, n_rows) that may not be negative."""
    known = ~np.isnan(columns)
    mean = np.where(known, columns, 0.0).sum(axis=2) / np.maximum(known.sum(axis=2), 1)
    return np.stack([np.zeros_like(mean), np.where(mean > 0, mean, 1.0)])

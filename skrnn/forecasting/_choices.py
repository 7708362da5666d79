"""What a forecaster takes from the data where nothing is given: the season of the series, the window of the model."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from skrnn._types import Doubles, Integers
from skrnn.forecasting._gaps import filled
from skrnn.forecasting._panel import Panel
from skrnn.forecasting._table import History, Table

__all__ = ["choose_window", "find_season", "stretches"]


_DAY = pd.Timedelta(1, unit="D")
_SHORTEST_STEP = pd.Timedelta(15, unit="min")  # below it a day has too many steps to be the season without a look
_OF_STEPS = {"day": {1: 7, 7: 52}, "business day": {1: 5}, "month": {1: 12, 2: 6, 3: 4, 6: 2}}
_OF_PERIODS = {"D": ("day", 1), "B": ("business day", 1), "W": ("day", 7), "M": ("month", 1), "Q": ("month", 3)}
_CORRELATED = 0.3  # the least autocorrelation of a season
_ALIKE = 0.9  # of the highest peak
_SEASONS = 2, 7  # in a window; a week of hours
_ROWS_PER_STEP = 20  # of a window of more than two seasons
_LEAST = 8
_NOISE = 1e-10  # what rounding leaves of a straight line, relative to its values


def find_season(panel: Panel, columns: Sequence[int]) -> int:
    """Steps in a cycle: those of the calendar, else the strongest autocorrelation of the series, else 1."""
    return _of_calendar(panel) or _of_values(panel, columns)


def choose_window(lengths: Sequence[int], season: int, horizon: int) -> int:
    """Steps that a model sees, for series of which windows can be cut from so many rows (one number for each).

    Two to seven seasons, a twentieth of all rows; at least two horizons and 8. No more than the shortest series has,
    but for its sake not less than a season, a horizon and 8. Half of the series have as many windows as they have
    steps, if that leaves a season, and the longest has at any rate.
    """
    seasons = min(max(sum(lengths) // (_ROWS_PER_STEP * season), _SEASONS[0]), _SEASONS[1])
    wanted = max(seasons * season, 2 * horizon, _LEAST)
    least = min(wanted, max(season, horizon, _LEAST))
    fits = max(min(wanted, min(lengths)), least)
    half, longest = ((int(length) - horizon + 1) // 2 for length in (np.median(lengths), max(lengths)))
    return max(min(fits, max(half, season), longest), 1)


def stretches(table: Table, columns: Sequence[int], complete: bool, season: int) -> Integers:
    """Rows of the longest part of each series without a gap; ``complete``: nor a missing value in these columns.

    Where missing values may be, a gap of up to a season is no end.
    """
    table = table if complete else filled(table, max(season, _LEAST))
    missing = np.asarray(np.isnan(table.values[:, list(columns)]).any(axis=1) & complete)
    numbers = np.arange(len(missing))
    ends = np.where(missing, numbers, np.where(table.begins, numbers - 1, -1))  # the newest row that is not of its part
    return np.asarray(np.maximum.reduceat(numbers - np.maximum.accumulate(ends), table.bounds[:-1]))


def _of_calendar(panel: Panel) -> int | None:
    """What the step of most series says; None if it says nothing."""
    unit, size = panel.step.unit, panel.step.size
    if unit in ("microsecond", "nanosecond"):
        return _of_day(pd.Timedelta(size, unit="us" if unit == "microsecond" else "ns"))
    if unit == "business day" and size == 1 and isinstance(panel.step.anchor, tuple):
        return panel.step.anchor[0].count("1")  # days of a week on which there is business
    if unit in _OF_STEPS:
        return _OF_STEPS[unit].get(size)
    if unit in ("integer", "row", "date"):
        return None
    times = panel.histories[0].times  # periods; their positions count its unit, which has no multiples
    if isinstance(times.freq, pd.offsets.Tick):
        return _of_day(pd.Timedelta(times.freq.base) * size)
    unit, length = _OF_PERIODS.get(times.freqstr.lstrip("0123456789").split("-")[0], ("", 0))
    return _OF_STEPS.get(unit, {}).get(length * size)


def _of_day(step: pd.Timedelta) -> int | None:
    """Steps in a day, where they fill it; 7 for a day itself."""
    if step == _DAY:
        return 7
    return int(_DAY // step) if step >= _SHORTEST_STEP and _DAY % step == pd.Timedelta(0) else None


def _of_values(panel: Panel, columns: Sequence[int]) -> int:
    """The lag of the highest peak of the autocorrelation of the differenced series, up to a third of their length; of
    peaks that are nearly as high, such as those of its multiples, the first.
    """
    parts = [
        _autocorrelation(column)
        for history in filled(panel.table, _LEAST)
        for column in _longest_run(history)[:, list(columns)].T
        if len(column)
    ]
    total = np.zeros(max(len(part) for part in parts) + 1)
    weight = np.zeros_like(total)
    for part in parts:
        total[: len(part)] += part * len(part)
        weight[: len(part)] += len(part)
    mean = total / np.maximum(weight, 1)
    middle = mean[1:-1]
    peaks = 1 + np.flatnonzero((middle > mean[:-2]) & (middle >= mean[2:]) & (middle > _CORRELATED))
    return int(peaks[mean[peaks] >= _ALIKE * mean[peaks].max()][0]) if len(peaks) else 1


def _longest_run(history: History) -> Doubles:
    run = max(history.runs(), key=lambda rows: rows.stop - rows.start)
    return history.values[run]


def _autocorrelation(values: Doubles) -> Doubles:
    """Of the differences of a series (n,), at the lags 0 to n // 3; missing values count as the mean.

    Divided by n at every lag, so that a cycle is higher than its multiples but for noise.
    """
    steps = np.diff(values)
    known = ~np.isnan(steps)
    centred = np.where(known, steps - (steps[known].mean() if known.any() else 0.0), 0.0)
    spectrum = np.abs(np.fft.rfft(centred, 2 * len(centred) or 1)) ** 2
    products = np.fft.irfft(spectrum)[: len(values) // 3 + 1] if len(centred) else np.zeros(1)
    largest = np.abs(values[~np.isnan(values)]).max(initial=0.0)
    noise = len(values) * (_NOISE * largest) ** 2
    return np.asarray(products / products[0] if products[0] > noise else np.zeros(1))

"""Steps that are not said: the most common distance of neighbours, for all series or for one that keeps another."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from skrnn._types import Doubles, Flags, Integers, Longs
from skrnn.windowing._frequency import clock_of
from skrnn.windowing._step import LAST_DAY, Step, days_of_months, on_clock

__all__ = ["find_step", "odd_step", "seem_odd"]


_DAY = 86_400 * 10**6  # microseconds
_SHORTEST_MONTH = 28  # days
_WEEKEND = 5  # first day of it
_STRAY = 0.01  # of the rows may lie on weekends by mistake
_OWN_STEP = 0.9  # of a series' neighbours are one step apart, if it is the series' step
_LEAST_ROWS = 4  # from which a series can have a step of its own


def find_step(times: Any, follows: Flags) -> Step:
    """The most common distance within a series, in the largest unit of the calendar that fits the times.

    ``follows`` (n - 1,) says whether a time is of the same series as the one before it.
    """
    import pandas as pd

    if isinstance(times, pd.PeriodIndex):
        return _most_common(times, follows, Step(times.freqstr, 1))
    if not isinstance(times, pd.DatetimeIndex):
        return _most_common(times, follows, Step("integer", 1))
    finest = "nanosecond" if times.unit == "ns" and (times.asi8 % 1000).any() else "microsecond"
    step = _most_common(times, follows, Step(finest, 1))
    day = _DAY if finest == "microsecond" else 1000 * _DAY
    if step.size < day or (step.size % day and not (np.diff(step.places(times))[follows] % step.size).any()):
        return step  # less than a day, or days and hours throughout
    clock = clock_of(times)
    days = _most_common(times, follows, Step("day", 1, clock=clock))
    anchor = _month_anchor(on_clock(times, clock)) if days.size >= _SHORTEST_MONTH else 0
    if anchor:
        return _most_common(times, follows, Step("month", 1, anchor, clock))
    on_weekends = (on_clock(times, clock).day_of_week >= _WEEKEND).mean()
    if days.size == 1 and len(times) > _WEEKEND and on_weekends <= _STRAY:
        return Step("business day", 1, clock=clock)
    return days


def seem_odd(times: Any, bounds: Integers, step: Step) -> Flags:
    """Which series, of the rows bounds[i] to bounds[i + 1], can have a step of their own: few neighbours keep this."""
    return np.asarray((_shares(times, bounds, step) < _OWN_STEP) & (np.diff(bounds) >= _LEAST_ROWS))


def odd_step(times: Any, common: Step) -> Step:
    """The step of a series of which few neighbours are one common step apart."""
    own = find_step(times, np.ones(len(times) - 1, dtype=bool))
    return own if _shares(times, np.array([0, len(times)]), own)[0] >= _OWN_STEP else common


def _shares(times: Any, bounds: Integers, step: Step) -> Doubles:
    """How many neighbours of each series are one step apart."""
    near = np.diff(step.places(times), append=0) == step.size
    near[bounds[1:] - 1] = False
    counts = np.add.reduceat(near.astype(np.int64), bounds[:-1])
    return np.asarray(counts / np.maximum(np.diff(bounds) - 1, 1))


def _most_common(times: Any, follows: Flags, unit: Step) -> Step:
    """The most common distance of a time from the one before it in its series; one unit if there is none."""
    gaps: Longs = np.diff(unit.places(times))[follows]
    values, counts = np.unique(gaps, return_counts=True)
    return replace(unit, size=int(values[counts.argmax()]) if len(values) else 1)


def _month_anchor(clock: Any) -> int | str:
    """The day on which every time lies in its month; 0 if there is none."""
    days = clock.to_numpy().astype("datetime64[D]")
    months = days.astype("datetime64[M]")
    day = int((days - months.astype("datetime64[D]")).astype(np.int64).max()) + 1
    for anchor in (LAST_DAY, day, "business start", "business end"):
        if (days_of_months(months, anchor) == days).all():
            return anchor
    return 0

"""The step of a time index: how far apart neighbours are, where a time lies in steps, and which times come next.

An hour is an hour when clocks change; a day, a business day and a month are those of the calendar, in the index's own
time zone.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skrnn._types import Longs

__all__ = ["Step", "find_step", "positions_of", "times_after"]


_DAY = 86_400 * 10**6  # microseconds
_SHORTEST_MONTH = 28  # days
_WEEKEND = 5  # first day of it
_LAST_DAY = 31


@dataclass(frozen=True)
class Step:
    """The distance of two neighbours: ``size`` units of a kind of time.

    Attributes
    ----------
    unit : str
        "row" (no index), "integer", "microsecond" or "nanosecond" (absolute time), "day", "business day" or "month" (of
        the calendar), or the frequency of a PeriodIndex.
    size : int
    anchor : int or str
        The day of the month on which the times of a monthly index lie: a number (31 is the last of each month),
        "business start" or "business end"; 0 for other units.
    """

    unit: str
    size: int
    anchor: int | str = 0


def find_step(times: Any, codes: Longs) -> Step:
    """The most common distance within a series, in the largest unit of the calendar that fits every time."""
    import pandas as pd

    if isinstance(times, pd.PeriodIndex):
        return _most_common(times, codes, Step(times.freqstr, 1))
    if not isinstance(times, pd.DatetimeIndex):
        return _most_common(times, codes, Step("integer", 1))
    finest = "nanosecond" if times.unit == "ns" and (times.asi8 % 1000).any() else "microsecond"
    step = _most_common(times, codes, Step(finest, 1))
    if step.size < (_DAY if finest == "microsecond" else 1000 * _DAY):
        return step
    days = _most_common(times, codes, Step("day", 1))
    anchor = _month_anchor(times) if days.size >= _SHORTEST_MONTH else 0
    if anchor:
        return _most_common(times, codes, Step("month", 1, anchor))
    if days.size == 1 and len(times) > _WEEKEND and (times.day_of_week < _WEEKEND).all():
        return Step("business day", 1)
    return days


def positions_of(times: Any, step: Step) -> Longs:
    """Time in whole units of the step, from an origin that is the same for every index."""
    unit = step.unit
    if unit == "integer":
        return np.asarray(times.to_numpy().astype(np.int64))
    if unit in ("microsecond", "nanosecond"):
        absolute = times if times.tz is None else times.tz_convert("UTC").tz_localize(None)
        return np.asarray(absolute.as_unit("us" if unit == "microsecond" else "ns").asi8)
    if unit not in ("day", "business day", "month"):
        return np.asarray(times.asfreq(unit).asi8)
    wall = _wall(times)
    if unit == "month":
        return np.asarray(wall.year * 12 + wall.month, dtype=np.int64)
    days = wall.to_numpy().astype("datetime64[D]").astype(np.int64)
    if unit == "day":
        return np.asarray(days)
    monday = days + 3  # 1970-01-01 was a Thursday
    return np.asarray(monday // 7 * 5 + np.minimum(monday % 7, _WEEKEND))


def times_after(last: Any, step: Step, n_steps: int) -> Any:
    """The next times after ``last``, an index with one element; an index of its kind.

    A wall time that a change of clocks skips is moved on to the first that exists; of one that comes twice, the first
    is taken.
    """
    import pandas as pd

    distances = step.size * np.arange(1, n_steps + 1)
    if isinstance(last, pd.PeriodIndex):
        return last.repeat(n_steps) + distances // last.freq.n  # periods count whole frequencies
    if step.unit in ("integer", "row"):
        return last.repeat(n_steps) + distances
    if step.unit in ("microsecond", "nanosecond"):
        unit = "us" if step.unit == "microsecond" else "ns"
        return (last.repeat(n_steps) + pd.to_timedelta(distances, unit=unit)).as_unit(last.unit)
    wall = _wall(last)
    first_day = wall.to_numpy().astype("datetime64[D]")
    if step.unit == "day":
        days = first_day + distances
    elif step.unit == "business day":
        days = np.busday_offset(first_day, distances, roll="backward")
    else:
        days = _days_of_months(first_day.astype("datetime64[M]") + distances, step.anchor)
    moments = pd.DatetimeIndex(days.astype("datetime64[s]")).as_unit(last.unit) + (wall - wall.normalize())[0]
    if last.tz is None:
        return moments
    return moments.tz_localize(last.tz, ambiguous=np.ones(n_steps, dtype=bool), nonexistent="shift_forward")


def _most_common(times: Any, codes: Longs, unit: Step) -> Step:
    """The most common distance of a row from the one before it in its series; one unit if there is none."""
    order = np.argsort(codes, kind="stable")
    gaps = np.diff(positions_of(times, unit)[order])[codes[order][1:] == codes[order][:-1]]
    values, counts = np.unique(gaps, return_counts=True)
    return Step(unit.unit, int(values[counts.argmax()]) if len(values) else 1, unit.anchor)


def _month_anchor(times: Any) -> int | str:
    """The day on which every time lies in its month; 0 if there is none."""
    days = _wall(times).to_numpy().astype("datetime64[D]")
    months = days.astype("datetime64[M]")
    day = int((days - months.astype("datetime64[D]")).astype(np.int64).max()) + 1
    for anchor in (day, _LAST_DAY, "business start", "business end"):
        if (_days_of_months(months, anchor) == days).all():
            return anchor
    return 0


def _days_of_months(months: NDArray[np.datetime64], anchor: int | str) -> NDArray[np.datetime64]:
    """The anchor's day in each month."""
    start, following = months.astype("datetime64[D]"), (months + 1).astype("datetime64[D]")
    if anchor == "business start":
        return np.busday_offset(start, 0, roll="forward")
    if anchor == "business end":
        return np.busday_offset(following, -1, roll="forward")
    return np.minimum(start + (int(anchor) - 1), following - 1)


def _wall(times: Any) -> Any:
    """What the clock on the wall shows, without a zone."""
    return times if times.tz is None else times.tz_localize(None)

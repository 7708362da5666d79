"""Steps of pandas' frequencies: what ``index.freq`` or ``freq=`` says about neighbours in time."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from skrnn._types import Integers
from skrnn.windowing._step import LAST_DAY, Step, on_clock

__all__ = ["GIVEN", "clock_of", "is_rows", "step_of"]


GIVEN = "given as freq"
_MONTHS = {"Month": 1, "Quarter": 3, "HalfYear": 6, "Year": 12}
_ANCHORS = {"Begin": (1, "business start"), "End": (LAST_DAY, "business end")}
_NAMES_OF_MONTHS = {
    f"{business}{period}{side}": (size, _ANCHORS[side][bool(business)])
    for period, size in _MONTHS.items()
    for side in _ANCHORS
    for business in (("", "Business") if period == "Month" else ("", "B"))
}


def is_rows(freq: Any) -> bool:
    """Whether rows follow each other as they come."""
    return isinstance(freq, str) and freq == "rows"


def step_of(freq: Any, times: Any, source: str, begins: Integers) -> Step:
    """The step of series whose neighbours are one ``freq`` apart; ``begins`` are the rows at which they begin.

    Raises
    ------
    TypeError, ValueError
        If it is no frequency, does not go forward, is not for this kind of index, or a first time is none of its dates.
    """
    import pandas as pd

    if is_rows(freq):
        dated = isinstance(times, pd.DatetimeIndex) and times.freq is not None
        return Step("row", 1, source=source, dates=step_of(times.freq, times, source, begins) if dated else None)
    if not isinstance(times, pd.DatetimeIndex):
        raise TypeError(
            f"freq={freq!r} is for dates, and the index has dtype {times.dtype}. Leave it out, or use 'rows'."
        )
    if isinstance(freq, pd.DatetimeIndex):
        return _of_list(freq, times, source)
    offset = _offset(freq)
    if isinstance(offset, pd.offsets.Tick) and not isinstance(offset, pd.offsets.Day):
        fine = offset.nanos % 1000 != 0 or (times.unit == "ns" and bool((times.asi8 % 1000).any()))
        return Step("nanosecond" if fine else "microsecond", offset.nanos // (1 if fine else 1000), source=source)
    clock = clock_of(times, offset.is_on_offset)
    firsts = on_clock(times[begins], clock)
    for first in firsts.unique():
        if not offset.is_on_offset(first):
            raise ValueError(
                f"The step of the rows is {offset.freqstr} ({source}), and the row at "
                f"{times[begins[firsts.get_indexer_for([first])[0]]]} "
                f"({first.day_name()}) lies on none. Drop or move it, or give another freq: an offset of pandas, a "
                "DatetimeIndex with all dates, or 'rows' if rows follow each other as they come."
            )
    return _of_calendar(offset, clock, source) or Step(
        "date", offset.n, clock=clock, source=source, dates=offset.base, origin=firsts[0]
    )


def _of_calendar(offset: Any, clock: str, source: str) -> Step | None:
    """The step of an offset that is arithmetic on days or months; None for others."""
    name, n = type(offset).__name__, offset.n
    if offset.normalize:
        return None
    if name == "Day":
        return Step("day", n, clock=clock, source=source)
    if name == "Week":
        return Step("day", 7 * n, clock=clock, source=source)
    if name in _NAMES_OF_MONTHS:
        size, anchor = _NAMES_OF_MONTHS[name]
        return Step("month", size * n, anchor, clock, source)
    if name in ("BusinessDay", "CustomBusinessDay") and not offset.offset:
        custom = name == "CustomBusinessDay"
        return Step("business day", n, _days_off(offset.calendar) if custom else 0, clock, source)
    return None


def _days_off(calendar: np.busdaycalendar) -> tuple[str, tuple[str, ...]]:
    return "".join(str(int(day)) for day in calendar.weekmask), tuple(str(day) for day in calendar.holidays)


def _of_list(dates: Any, times: Any, source: str) -> Step:
    """The step from each date of an index to the next; without a zone they are read on the clock of the rows."""
    if dates.tz is not None and times.tz is None:
        raise TypeError(f"freq= has dates in {dates.tz}, and the rows have no time zone. Give both the same.")
    if dates.hasnans or not (dates.is_monotonic_increasing and dates.is_unique):
        raise ValueError("freq= must hold different dates in ascending order, without NaT.")
    dates = dates if dates.tz is None else dates.tz_convert(times.tz).tz_localize(None)
    return Step("date", 1, source=source, dates=dates)


def _offset(freq: Any) -> Any:
    import pandas as pd

    try:
        offset = pd.tseries.frequencies.to_offset(freq)
    except (TypeError, ValueError) as error:
        raise ValueError(
            f"freq={freq!r:.80} is no frequency: {error!s:.200}. Give an offset or alias of pandas, a DatetimeIndex "
            "with all dates, or 'rows'."
        ) from error
    if offset.n < 1:
        raise ValueError(f"freq={freq!r} does not go forward in time.")
    return offset


def clock_of(times: Any, fits: Callable[[Any], bool] = lambda time: True) -> str:
    """The clock that shows one time of day at all times: that on the wall, or else that of UTC."""
    if times.tz is None:
        return "wall"
    for clock in ("wall", "UTC"):
        shown = on_clock(times, clock)
        hours = shown - shown.normalize()
        if (hours == hours[0]).all() and fits(shown[0]):
            return clock
    return "wall"

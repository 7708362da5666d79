"""The step of a time index: where a time lies in steps, and which time comes so many steps later.

An hour is an hour when clocks change; a day, a business day and a month are those of the calendar, on the clock that
the rows keep: that of their zone, or UTC for rows that were written in UTC and are shown elsewhere.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skrnn._types import Flags, Integers, Longs
from skrnn.windowing._dates import NO_PLACE, dates_after, places_of

__all__ = [
    "CALENDAR_UNITS",
    "INFERRED",
    "LAST_DAY",
    "Step",
    "days_of_months",
    "first_positions",
    "moments_of",
    "numbers_of",
    "on_clock",
    "ranks_of",
    "told_apart",
]


INFERRED = "inferred"
LAST_DAY = 31
CALENDAR_UNITS = ("day", "business day", "month", "date")
_LENGTHS = {"hour": 3_600 * 10**9, "minute": 60 * 10**9, "second": 10**9, "millisecond": 10**6, "microsecond": 1000}
_LENGTHS["nanosecond"] = 1
_NO_DAYS_OFF = ("1111100", ())


@dataclass(frozen=True)
class Step:
    """The distance of two neighbours: ``size`` units of a kind of time.

    Attributes
    ----------
    unit : str
        "row" (rows follow each other as they come), "integer", "microsecond" or "nanosecond" (absolute time), "day",
        "business day" or "month" (of the calendar), "date" (of a list or a rule), or the frequency of a PeriodIndex.
    size : int
    anchor : int, str or tuple
        Of months, the day on which the times lie: a number (31 is the last of each month), "business start" or
        "business end". Of business days, the week as seven digits and the days off. 0 for other units.
    clock : {"wall", "UTC"}
        On which clock days and months are counted.
    source : str
        Where it was taken from, in words; not compared.
    dates : pandas offset of one step, DatetimeIndex, Step or None
        Of unit "date" the rule or the list of all dates. Of unit "row" the step by which the dates go on, or None.
    origin : Timestamp or None
        Of unit "date" the date, on its clock, from which a rule counts.
    """

    unit: str
    size: int
    anchor: int | str | tuple[str, tuple[str, ...]] = 0
    clock: str = "wall"
    source: str = field(default=INFERRED, compare=False)
    dates: Any = field(default=None, compare=False)
    origin: Any = field(default=None, compare=False)

    def plain(self) -> tuple[Any, ...]:
        """The fields, as they are."""
        return tuple(vars(self).values())

    def positions(self, times: Any) -> Longs:
        """Where times lie, in units of the step, from an origin of its own; of rows, their number.

        Raises
        ------
        ValueError
            If a time is none of its dates.
        """
        places = self.places(times)
        strange = self._strange(times, places)
        if strange is not None and strange.any():
            first = times[strange][0]
            raise ValueError(
                f"The step of the rows is {self}, and {int(strange.sum())} of {len(times)} rows lie on none, the first "
                f"at {first} ({first.day_name()}). Drop or move them, or give the step with freq: an offset of pandas, "
                "a DatetimeIndex with all dates, or 'rows' if rows follow each other as they come."
            )
        return places

    def places(self, times: Any) -> Longs:
        """The positions, whether or not a time is one of the dates."""
        unit = self.unit
        if unit == "row":
            return np.arange(len(times))
        if unit == "integer":
            return np.asarray(times.to_numpy().astype(np.int64))
        if unit in ("microsecond", "nanosecond"):
            return np.asarray(on_clock(times, "UTC").as_unit("us" if unit == "microsecond" else "ns").asi8)
        if unit not in CALENDAR_UNITS:
            return np.asarray(times.asfreq(unit).asi8)
        clock = on_clock(times, self.clock)
        if unit == "date":
            return places_of(clock, self.dates, self.origin)
        if unit == "month":
            return np.asarray(clock.year * 12 + clock.month, dtype=np.int64)
        days = clock.to_numpy().astype("datetime64[D]")
        if unit == "day":
            return np.asarray(days.astype(np.int64))
        return np.asarray(np.busday_count("1970-01-01", days, busdaycal=self._business_days()), dtype=np.int64)

    def _strange(self, times: Any, places: Longs) -> Flags | None:
        """Which times are none of the dates; None: every time is one."""
        if self.unit == "date":
            return places == NO_PLACE
        if self.unit not in ("business day", "month") or (self.unit == "month" and self.source == INFERRED):
            return None
        days = on_clock(times, self.clock).to_numpy().astype("datetime64[D]")
        if self.unit == "business day":
            return ~np.is_busday(days, busdaycal=self._business_days())
        assert not isinstance(self.anchor, tuple)
        return np.asarray(days_of_months(days.astype("datetime64[M]"), self.anchor) != days)

    def later(self, times: Any, counts: Integers) -> Any:
        """The time that lies ``counts`` steps after each of ``times``, which are as many, or one.

        Of rows that do not say their dates, nothing is known: then these are whole numbers, and ``times`` the number of
        the row.

        A wall time that a change of clocks skips is moved on to the first that exists; of one that comes twice, the
        first is taken.

        Raises
        ------
        ValueError
            If a list of dates ends before, or a time lies beyond those that the resolution can hold.
        """
        try:
            found = self._later(times, counts)
            beyond = bool(
                (found < (times[0] if len(times) == 1 else times)).any()
            )  # NumPy's whole numbers start again from below
        except (OverflowError, _out_of_bounds()) as error:
            raise ValueError(self._too_far(times, counts)) from error
        if beyond:
            raise ValueError(self._too_far(times, counts))
        return found

    def _too_far(self, times: Any, counts: Integers) -> str:
        far = _several(int(np.max(counts)), "step")
        return (
            f"{far} of {self} after {times[-1]} lead beyond the times that the index can hold. "
            "Forecast fewer steps, or give the index a coarser unit with index.as_unit('s')."
        )

    def _later(self, times: Any, counts: Integers) -> Any:
        """The same, of times that there are."""
        import pandas as pd

        times = times.repeat(len(counts)) if len(times) == 1 else times
        distances = self.size * np.asarray(counts)
        if isinstance(times, pd.PeriodIndex):
            return times + distances // times.freq.n  # periods count whole frequencies
        if self.unit == "row" and self.dates is not None:
            return self.dates.later(times, counts)
        if self.unit in ("integer", "row"):  # of these and signed ones pandas would make floats
            return times + (distances.astype(np.uint64) if times.dtype.name.lower() == "uint64" else distances)
        if self.unit in ("microsecond", "nanosecond"):
            unit = "us" if self.unit == "microsecond" else "ns"
            moved = on_clock(times, "UTC").as_unit(unit).to_numpy() + distances.astype(f"timedelta64[{unit}]")
            absolute = pd.DatetimeIndex(moved).as_unit(times.unit)
            return absolute if times.tz is None else absolute.tz_localize("UTC").tz_convert(times.tz)
        clock = on_clock(times, self.clock)
        if self.unit == "date":
            moments = dates_after(clock, distances, self.dates, self.origin)
        else:
            days = self._days(clock.to_numpy().astype("datetime64[D]"), distances)
            moments = pd.DatetimeIndex(days.astype("datetime64[s]")).as_unit(times.unit) + (clock - clock.normalize())
        if times.tz is None:
            return moments
        if self.clock == "UTC":
            return moments.tz_localize("UTC").tz_convert(times.tz)
        first = np.ones(len(moments), dtype=bool)
        return moments.tz_localize(times.tz, ambiguous=first, nonexistent="shift_forward")

    def _days(self, days: NDArray[np.datetime64], distances: Longs) -> NDArray[np.datetime64]:
        """The days that lie so many units later."""
        if self.unit == "day":
            return days + distances.astype("timedelta64[D]")
        if self.unit == "business day":
            return np.busday_offset(days, distances, roll="backward", busdaycal=self._business_days())
        assert not isinstance(self.anchor, tuple)
        months: NDArray[np.datetime64] = days.astype("datetime64[M]") + distances.astype("timedelta64[M]")
        return days_of_months(months, self.anchor)

    def _business_days(self) -> np.busdaycalendar:
        week, off = self.anchor if isinstance(self.anchor, tuple) else _NO_DAYS_OFF
        return np.busdaycalendar(week, np.array(off, dtype="datetime64[D]"))

    def __str__(self) -> str:
        return f"{self._words()} ({self.source})"

    def _words(self) -> str:
        if self.unit == "row":
            return "from row to row"
        if self.unit == "integer":
            return str(self.size)
        if self.unit == "date":
            return f"one of {len(self.dates)} dates" if self.origin is None else f"{self.size} x {self.dates.freqstr}"
        if self.unit in ("microsecond", "nanosecond"):
            nanoseconds = self.size * (1000 if self.unit == "microsecond" else 1)
            unit, length = next((name, length) for name, length in _LENGTHS.items() if nanoseconds % length == 0)
            return _several(nanoseconds // length, unit)
        if self.unit in CALENDAR_UNITS:
            return _several(self.size, self.unit)
        return f"{self.size} x {self.unit.lstrip('0123456789')}"  # positions count units, not frequencies


def _out_of_bounds() -> type[Exception]:
    import pandas as pd

    return pd.errors.OutOfBoundsDatetime


def _several(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"


def days_of_months(months: NDArray[np.datetime64], anchor: int | str) -> NDArray[np.datetime64]:
    """The anchor's day in each month."""
    start = months.astype("datetime64[D]")
    following = (months + np.timedelta64(1, "M")).astype("datetime64[D]")
    if anchor == "business start":
        return np.busday_offset(start, 0, roll="forward")
    if anchor == "business end":
        return np.busday_offset(following, -1, roll="forward")
    return np.minimum(start + np.timedelta64(int(anchor) - 1, "D"), following - np.timedelta64(1, "D"))


def first_positions(steps: Sequence[Step], firsts: Longs, lasts: Longs, later: Flags) -> Longs:
    """Positions ``firsts`` of the first rows of series, counted on from earlier rows of theirs at ``lasts``.

    Only rows without dates of their own need it: the first that is ``later`` directly follows the earlier ones.
    """
    of_rows = np.array([step.unit == "row" for step in steps], dtype=bool)
    return np.where(of_rows & later, lasts + 1, firsts)


def told_apart(steps: Sequence[Step]) -> tuple[list[Step], list[int]]:
    """The different ones among the steps of series, which mostly share one, and the number of that of each series."""
    different = {id(step): step for step in steps}
    numbers = {name: number for number, name in enumerate(different)}
    return list(different.values()), [numbers[id(step)] for step in steps]


def moments_of(times: Any) -> Longs:
    """Times as whole numbers in their order; of dates the microseconds, so that zones and resolutions do not matter."""
    import pandas as pd

    return np.asarray(times.as_unit("us").asi8) if isinstance(times, pd.DatetimeIndex) else numbers_of(times)


def numbers_of(times: Any) -> Longs:
    """Times of one index as whole numbers in their order, in units of their own."""
    return np.asarray(times.asi8 if hasattr(times, "asi8") else times.to_numpy().astype(np.int64))


def ranks_of(*several: Any) -> list[Longs]:
    """Numbers of the times of several indexes in the order of all of them, equal ones the same."""
    ranks = np.unique(np.concatenate([moments_of(times) for times in several]), return_inverse=True)[1]
    within = np.concatenate([_nanoseconds(times) for times in several])
    if within.any():
        ranks = np.unique(1000 * ranks + within, return_inverse=True)[1]
    return np.split(ranks, np.cumsum([len(times) for times in several])[:-1])


def _nanoseconds(times: Any) -> Longs:
    """What `moments_of` leaves out."""
    return np.asarray(times.asi8) % 1000 if getattr(times, "unit", None) == "ns" else np.zeros(len(times), np.int64)


def on_clock(times: Any, clock: str) -> Any:
    """What a clock shows at these times, without a zone: that on the wall, or that of UTC."""
    if times.tz is None:
        return times
    return (times if clock == "wall" else times.tz_convert("UTC")).tz_localize(None)

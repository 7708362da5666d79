"""What the calendar says of a time: its place in cycles, and whether it is a holiday."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from skrnn._types import Doubles

__all__ = ["CALENDAR", "calendar_columns", "check_calendar", "is_holiday"]


# Attributes of pandas' indexes, the first value of each and how many there are.
CALENDAR = {
    "minute": (0, 60),
    "hour": (0, 24),
    "day_of_week": (0, 7),
    "day": (1, 31),
    "day_of_year": (1, 365.25),
    "week": (1, 365.25 / 7),
    "month": (1, 12),
    "quarter": (1, 4),
}
_HOLIDAY = "holiday:"


def is_holiday(name: str) -> bool:
    """Whether a name has the form of holidays."""
    return name.startswith(_HOLIDAY)


def check_calendar(names: Sequence[str]) -> None:
    """Refuse attributes that are not known; names of holidays are looked up.

    Raises
    ------
    ValueError
        With the names that there are.
    ImportError
        If holidays are asked for and the package ``holidays`` is not there.
    """
    for name in names:
        if isinstance(name, str) and is_holiday(name):
            _holidays(name, [2024])
        elif name not in CALENDAR:
            raise ValueError(
                f"calendar={name!r} is not known; choose from {', '.join(CALENDAR)}, 'holiday:US' and the like."
            )


def calendar_columns(times: pd.Index, names: Sequence[str]) -> Doubles:
    """Sine and cosine of each attribute over its cycle, or whether the day is a holiday; (n_times, n_columns)."""
    columns = [np.zeros((len(times), 0))]
    for name in names:
        if not hasattr(times, "hour"):
            raise ValueError(
                f"calendar={name!r} needs an index of dates or periods, got {type(times).__name__}. Rows that "
                "follow each other as they come (freq='rows') do not say the dates to come: give freq an offset, or a "
                "DatetimeIndex with all dates."
            )
        columns.append(_is_holiday(times, name) if is_holiday(name) else _waves(times, name))
    return np.concatenate(columns, axis=1)


def _waves(times: Any, name: str) -> Doubles:
    first, cycle = CALENDAR[name]
    iso_week = name == "week" and not isinstance(times, pd.PeriodIndex)
    values = times.isocalendar().week if iso_week else getattr(times, name)
    angle = 2 * np.pi * (np.asarray(values, dtype=float) - first) / cycle
    return np.stack([np.sin(angle), np.cos(angle)], axis=1)


def _is_holiday(times: Any, name: str) -> Doubles:
    """1.0 on holidays, of which a period needs to hold one; on the clock that the index shows."""
    ends = [times]
    if isinstance(times, pd.PeriodIndex):
        ends = [times.to_timestamp(how="start"), times.to_timestamp(how="end")]
    first, last = (end.tz_localize(None).normalize() for end in (ends[0], ends[-1]))
    known = (
        _holidays(name, range(int(first.year.min()), int(last.year.max()) + 1)) if len(times) else pd.DatetimeIndex([])
    )
    found = known.searchsorted(last, side="right") > known.searchsorted(first, side="left")
    return np.asarray(found, dtype=float)[:, None]


def _holidays(name: str, years: Sequence[int]) -> pd.DatetimeIndex:
    """The holidays of "holiday:US", "holiday:US-CA" or a market such as "holiday:NYSE", in order."""
    try:
        import holidays
    except ImportError as error:
        raise ImportError(f"calendar={name!r} needs the package holidays: pip install 'skrnn[holidays]'.") from error
    place, _, part = name.removeprefix(_HOLIDAY).partition("-")
    try:
        if place in holidays.list_supported_financial():
            found = holidays.financial_holidays(place, years=years)
        else:
            found = holidays.country_holidays(place, subdiv=part or None, years=years)
    except NotImplementedError as error:
        raise ValueError(f"calendar={name!r} is not known to the package holidays: {error}") from error
    return pd.DatetimeIndex(sorted(found)).as_unit("us")

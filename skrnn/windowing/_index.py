"""The time index of rows, as whole numbers: which rows follow each other, in which series.

Two rows are neighbours if they belong to one series and their positions differ by one step. Positions come from the
index alone, so the rows of a test part know whether they continue the rows of the training part.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["Step", "TimeRows", "read_index"]

Integers = NDArray[np.int64]

_DAY = 86_400 * 10**9  # nanoseconds
_WEEKEND = 5  # first day of it


@dataclass(frozen=True)
class Step:
    """The distance of two neighbours: ``size`` units of a kind of time.

    The unit is "row" (no index), "integer", "nanosecond" (absolute time: an hour is an hour when clocks change), "day",
    "business day" or "month" (of the calendar, in the index's own time zone), or the frequency of a PeriodIndex.
    """

    unit: str
    size: int


@dataclass(frozen=True, eq=False)
class TimeRows:
    """Rows in time.

    Attributes
    ----------
    kind : str
        What is in the index: "no index", "whole numbers", "datetimes", "datetimes with time zone" or "periods", with
        "series, " in front for a panel.
    step : Step
    keys : list
        The series, in the order in which they first appear; [None] if there is one without a name.
    codes, positions : integer arrays of shape (n_rows,)
        Number of each row's series in ``keys``, and its position in units of the step.
    """

    kind: str
    step: Step
    keys: list[Any]
    codes: Integers
    positions: Integers


def read_index(data: Any, like: tuple[str, Step] | None = None) -> TimeRows:
    """Positions of the rows of an array, a series or a frame.

    Parameters
    ----------
    data : array, pandas Series or DataFrame
        With a DatetimeIndex, a PeriodIndex, an index of whole numbers, or a MultiIndex whose last level is one of
        these.
    like : (str, Step), optional
        Kind and step of an earlier call, so that positions can be compared. None: the step is the most common distance.

    Raises
    ------
    TypeError
        If the index is of no kind that has a next element, or of another kind than in the earlier call.
    ValueError
        If it has duplicates or missing times, or is not sorted.
    """
    index = getattr(data, "index", None)
    has_index = index is not None and not callable(index)  # lists and tuples have a method of that name
    kind = _kind(index) if has_index else "no index"
    if like is not None and kind != like[0]:
        raise TypeError(f"The rows have {kind} in their index; they had {like[0]} in fit. Convert one of the two.")
    if not has_index:
        zeros = np.zeros(len(data), np.int64)
        return TimeRows(kind, Step("row", 1), [None], zeros, np.arange(len(data)))
    times = index.get_level_values(-1)
    if times.hasnans:
        raise ValueError(f"The index has {int(times.isna().sum())} missing times (NaT). Drop or fill them.")
    codes, keys = np.zeros(len(index), np.int64), [None]
    if index.nlevels > 1:
        import pandas as pd

        codes, found = pd.factorize(index.droplevel(-1))
        keys = list(found)
        if (codes < 0).any():
            raise ValueError(f"{int((codes < 0).sum())} rows have no series: NaN in the index. Drop or name them.")
    for code, key in enumerate(keys):
        _check_order(times[codes == code], key)
    step = _find_step(times, codes, kind) if like is None else like[1]
    return TimeRows(kind, step, keys, codes, _positions(times, step.unit))


def _kind(index: Any) -> str:
    """In words, what the index counts time in."""
    return ("series, " if index.nlevels > 1 else "") + _kind_of_times(index.get_level_values(-1))


def _kind_of_times(times: Any) -> str:
    import pandas as pd

    if isinstance(times, pd.PeriodIndex):
        return "periods"
    if isinstance(times, pd.DatetimeIndex):
        return "datetimes" if times.tz is None else "datetimes with time zone"
    if pd.api.types.is_integer_dtype(times.dtype):
        return "whole numbers"
    raise TypeError(
        f"The index has dtype {times.dtype}. Time needs a DatetimeIndex, a PeriodIndex or whole numbers: choose it "
        "with set_index, convert text with pd.to_datetime."
    )


def _check_order(times: Any, key: Any) -> None:
    where = "" if key is None else f" of series {key!r}"
    duplicated = times.duplicated()
    if duplicated.any():
        raise ValueError(
            f"The index{where} has {int(duplicated.sum())} duplicated timestamps, first {times[duplicated][0]}. Drop "
            "or aggregate them."
        )
    if not times.is_monotonic_increasing:
        raise ValueError(
            f"The index{where} is not sorted, so its rows do not follow each other. Call sort_index() first."
        )


def _find_step(times: Any, codes: Integers, kind: str) -> Step:
    """The most common distance within a series, in the largest unit of the calendar that fits every time."""
    if kind.endswith("whole numbers"):
        return Step("integer", _most_common(times, codes, "integer"))
    if kind.endswith("periods"):
        return Step(times.freqstr, _most_common(times, codes, times.freqstr))
    nanoseconds = _most_common(times, codes, "nanosecond")
    if nanoseconds < _DAY:
        return Step("nanosecond", nanoseconds)
    if times.is_month_start.all() or times.is_month_end.all():
        return Step("month", _most_common(times, codes, "month"))
    days = _most_common(times, codes, "day")
    if days == 1 and len(times) > _WEEKEND and (times.day_of_week < _WEEKEND).all():
        return Step("business day", 1)
    return Step("day", days)


def _most_common(times: Any, codes: Integers, unit: str) -> int:
    """The most common distance of a row from the one before it in its series; 1 if there is none."""
    order = np.argsort(codes, kind="stable")
    gaps = np.diff(_positions(times, unit)[order])[codes[order][1:] == codes[order][:-1]]
    values, counts = np.unique(gaps, return_counts=True)
    return int(values[counts.argmax()]) if len(values) else 1


def _positions(times: Any, unit: str) -> Integers:
    """Time in whole units, from an origin that is the same for every index."""
    if unit == "integer":
        return times.to_numpy().astype(np.int64)
    if unit == "nanosecond":
        absolute = times if times.tz is None else times.tz_convert("UTC").tz_localize(None)
        return np.asarray(absolute.as_unit("ns").asi8)
    if hasattr(times, "freqstr") and not hasattr(times, "tz"):
        return np.asarray(times.asfreq(unit).asi8)
    wall = times if times.tz is None else times.tz_localize(None)
    if unit == "month":
        return np.asarray(wall.year * 12 + wall.month, dtype=np.int64)
    days = wall.normalize().as_unit("ns").asi8 // _DAY
    if unit == "day":
        return np.asarray(days)
    monday = days + 3  # 1970-01-01 was a Thursday
    return np.asarray(monday // 7 * 5 + np.minimum(monday % 7, _WEEKEND))

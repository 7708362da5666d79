"""The time index of rows, as whole numbers: which rows follow each other, in which series.

Two rows are neighbours if they belong to one series and their positions differ by one step. Positions come from the
index alone, so the rows of a test part know whether they continue the rows of the training part.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from skrnn._types import Longs
from skrnn.windowing._step import Step, find_step, positions_of

__all__ = ["TimeRows", "read_index"]


@dataclass(frozen=True, eq=False)
class TimeRows:
    """Rows in time.

    Attributes
    ----------
    kind : str
        What is in the index: "no index", "whole numbers", "datetimes without a time zone", "datetimes in" a zone or
        "periods of" a frequency, with "series, " in front for a panel.
    step : Step
    keys : list
        The series, in the order in which they first appear; [None] if there is one without a name.
    codes, positions : integer arrays of shape (n_rows,)
        Number of each row's series in ``keys``, and its position in units of the step.
    """

    kind: str
    step: Step
    keys: list[Any]
    codes: Longs
    positions: Longs


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
        If the index counts no time, such as one of text, or is of another kind than in the earlier call.
    ValueError
        If it has duplicates or missing times, or is not sorted.
    """
    index: Any = getattr(data, "index", None)
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
    step = find_step(times, codes) if like is None else like[1]
    return TimeRows(kind, step, keys, codes, positions_of(times, step))


def _kind(index: Any) -> str:
    """In words, what the index counts time in."""
    return ("series, " if index.nlevels > 1 else "") + _kind_of_times(index.get_level_values(-1))


def _kind_of_times(times: Any) -> str:
    import pandas as pd

    if isinstance(times, pd.PeriodIndex):
        return f"periods of {times.freqstr}"
    if isinstance(times, pd.DatetimeIndex):
        return "datetimes without a time zone" if times.tz is None else f"datetimes in {times.tz}"
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

"""A word about windows that are lost to gaps in time."""

from __future__ import annotations

import numpy as np

from skrnn._warnings import warn_caller
from skrnn.windowing._index import TimeRows

__all__ = ["ADVICE", "warn_of_lost"]


ADVICE = (
    "Give the step with freq if it is another (an offset of pandas, a DatetimeIndex with all dates, or 'rows' if rows "
    "follow each other as they come)"
)
_NOTICED = 0.01  # share of the windows that may go without a word


def warn_of_lost(rows: TimeRows, lost: int, possible: int, what: str) -> None:
    """Warn if more than a hundredth of the possible windows is lost, with the step and the first row that broke it."""
    if lost <= _NOTICED * possible:
        return
    broken = first_break(rows)
    if broken is None:
        return
    warn_caller(
        f"{lost} of {possible} windows {what}: the step of the rows is {broken[1]}, and {broken[0]} does not follow "
        f"the row before it. {ADVICE}, or insert the rows that are absent.",
        UserWarning,
    )


def first_break(rows: TimeRows) -> tuple[str, str] | None:
    """The first row that is not one step after the row before it, and the step, in words; None if there is none."""
    broken = rows.begins
    broken[rows.bounds[:-1]] = False
    if not broken.any():
        return None
    row = int(broken.argmax())
    series = int(np.searchsorted(rows.bounds, row, side="right")) - 1
    time = "" if rows.times is None else f" at {rows.times[row]}"
    key = rows.keys[series]
    return f"the row{time}{'' if key is None else f' of series {key!r}'}", str(rows.steps[series])

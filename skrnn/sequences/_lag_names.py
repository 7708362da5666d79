"""Names of columns that say how many steps before the target a value was: ``lag3``, ``lag_3``, ``y_lag3``, ``t-3``."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import NamedTuple

__all__ = ["Lag", "read_lags"]

# mlforecast: lag3; skforecast: lag_3, y_lag_3; darts: y_target_lag-3; tables made by shift: y(t-3), t-3
_IGNORED = re.IGNORECASE | re.DOTALL
_LAG = re.compile(r"(?:(?P<series>.*?)[_ .-]?)?(?<![a-z])lag[_ ]?(?P<lag>-?\d{1,9})", _IGNORED)
_TIME = re.compile(r"(?:(?P<series>.*?)[_ .]?)?(?:\(|(?<![a-z\d]))t(?P<time>[+-]\d{1,9})?\)?", _IGNORED)


class Lag(NamedTuple):
    """The series whose value a column holds, and how many steps before the target that value was."""

    series: str
    age: int


def read_lags(names: Iterable[str] | None) -> list[Lag | None]:
    """What each name says; None for one that names no lag.

    Where a lag is written with a minus (``lag-3``), the numbers are times, and ``lag1`` lies ahead. A name such as
    ``t`` is a lag of 0 only beside one with a number.
    """
    names = [] if names is None else list(names)
    lags = [_LAG.fullmatch(name) for name in names]
    sign = -1 if any(lag is not None and lag["lag"].startswith("-") for lag in lags) else 1
    found = [None if lag is None else Lag(lag["series"] or "", sign * int(lag["lag"])) for lag in lags]
    times = [_TIME.fullmatch(name) for name in names]
    if any(time is not None and time["time"] for time in times):
        for number, time in enumerate(times):
            if time is not None and found[number] is None:
                found[number] = Lag(time["series"] or "", -int(time["time"] or 0))
    return found

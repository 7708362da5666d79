"""Dates that no arithmetic gives: of a rule (any offset of pandas) or of a list."""

from __future__ import annotations

from contextlib import suppress
from functools import lru_cache
from typing import Any

import numpy as np

from skrnn._types import Longs

__all__ = ["NO_PLACE", "dates_after", "places_of"]


NO_PLACE = np.iinfo(np.int64).min
_SPARE = 8  # dates that are made beyond those that are asked for


def places_of(times: Any, dates: Any, origin: Any) -> Longs:
    """Numbers of times among the dates of a rule, counted from ``origin``, or in a list (``origin`` None).

    ``NO_PLACE`` stands for a time that is none of the dates. No time has a zone.
    """
    if origin is None:
        places = np.asarray(dates.get_indexer(times), dtype=np.int64)
        return np.where(places < 0, NO_PLACE, places)
    found = np.full(len(times), NO_PLACE)
    later = np.asarray(times >= origin)
    if later.any():
        places = np.asarray(_of_rule(dates, origin).until(times[later].max()).get_indexer(times[later]))
        found[later] = np.where(places < 0, NO_PLACE, places)
    if not later.all():
        earlier = _range(times.min(), dates, end=origin)
        places = np.asarray(earlier.get_indexer(times[~later]))
        reaches = len(earlier) > 0 and earlier[-1] == origin
        found[~later] = np.where((places < 0) | (not reaches), NO_PLACE, places - len(earlier) + 1)
    return found


def dates_after(times: Any, distances: Longs, dates: Any, origin: Any) -> Any:
    """The date so many places after each of ``times``; the rule counts on from the time itself."""
    import pandas as pd

    if isinstance(dates, pd.DatetimeIndex):
        places = places_of(times, dates, None) + distances
        if len(places) and places.max() >= len(dates):
            raise ValueError(
                f"freq= holds dates up to {dates[-1]}, and {int(places.max()) - len(dates) + 1} more are needed. Give "
                "dates that reach as far as the forecast."
            )
        return dates[places].as_unit(times.unit)
    moments, starts = np.empty(len(times), dtype=f"datetime64[{times.unit}]"), np.asarray(times.asi8)
    for start in np.unique(starts):
        mine = starts == start
        first = times[np.flatnonzero(mine)[0]]
        moments[mine] = _range(first, dates, periods=int(distances[mine].max()) + 1).to_numpy()[distances[mine]]
    return pd.DatetimeIndex(moments)


class _Rule:
    """The dates of an offset from an origin on, made as far as they were asked for."""

    def __init__(self, offset: Any, origin: Any):
        self._offset = offset
        self._made = _range(origin, offset, periods=_SPARE)

    def until(self, last: Any) -> Any:
        made = self._made
        if made[-1] < last:
            made = made.append(_range(made[-1], self._offset, end=last)[1:])
            with suppress(ValueError, OverflowError):  # beyond the last date that its resolution can hold
                made = made.append(_range(made[-1], self._offset, periods=len(made) // 2)[1:])
            self._made = made
        return made


@lru_cache(maxsize=256)
def _of_rule(offset: Any, origin: Any) -> _Rule:
    return _Rule(offset, origin)


def _range(start: Any, offset: Any, **limit: Any) -> Any:
    """`pandas.date_range` in the resolution of its start."""
    import pandas as pd

    return pd.date_range(start, freq=offset, unit=start.unit, **limit)

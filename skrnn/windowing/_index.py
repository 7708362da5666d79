"""The time index of rows, as whole numbers: which rows follow each other, in which series.

Two rows are neighbours if they belong to one series and their positions differ by one step of it. This file alone says
what the step of a series is: what ``freq`` says, else what the index says, else the most common distance.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from skrnn._types import Flags, Integers, Longs
from skrnn.windowing._frequency import GIVEN, is_rows, step_of
from skrnn.windowing._infer import find_step, odd_step, seem_odd
from skrnn.windowing._step import Step, numbers_of, on_clock

__all__ = [
    "Seen",
    "TimeRows",
    "has_index",
    "kind_of_times",
    "read_index",
    "rows_before",
    "run_begins",
    "several_ranges",
]


_OF_INDEX = "freq of the index"
_FARTHEST = 2**62


@dataclass(frozen=True, eq=False)
class Seen:
    """What an earlier call found, so that positions can be compared.

    Attributes
    ----------
    kind : str
    common : Step
        That of most series, and so of a new one that says nothing else.
    steps : mapping
        Of each series.
    """

    kind: str
    common: Step
    steps: Mapping[Any, Step]


@dataclass(frozen=True, eq=False)
class TimeRows:
    """Rows in time.

    Attributes
    ----------
    kind : str
        What is in the index: "no index", "whole numbers", "datetimes without a time zone", "datetimes in" a zone or
        "periods of" a frequency, with "series, " in front for a panel.
    common : Step
        That of most series.
    keys : list
        The series, in the order in which they first appear; [None] if there is one without a name.
    steps : list of Step
        Of each series.
    order : integer array of shape (n_rows,) or None
        The rows, those of one series after the other; None: as they are.
    bounds : integer array of shape (n_series + 1,)
        Where each series begins and ends in that order.
    positions : integer array of shape (n_rows,)
        Of the rows in that order, in units of the step of their series.
    times : index or None
        Of the rows in that order; None without an index.
    """

    kind: str
    common: Step
    keys: list[Any]
    steps: list[Step]
    order: Integers | None
    bounds: Integers
    positions: Longs
    times: Any

    @property
    def begins(self) -> Flags:
        """Of each row in that order, whether a run of neighbours begins at it."""
        return run_begins(self.positions, self.steps, self.bounds)

    def in_order(self, values: Any) -> Any:
        """Values of the rows as they are, in that order."""
        return values if self.order is None else values[self.order]

    @property
    def seen(self) -> Seen:
        """What a later call has to know."""
        return Seen(self.kind, self.common, dict(zip(self.keys, self.steps, strict=True)))


def read_index(data: Any, freq: Any = None, seen: Seen | None = None, other: bool = False) -> TimeRows:
    """Positions of the rows of an array, a series or a frame.

    Parameters
    ----------
    data : array, pandas Series or DataFrame
        With a DatetimeIndex, a PeriodIndex, an index of whole numbers, or a MultiIndex whose last level is one of
        these.
    freq : offset, alias, DatetimeIndex, "rows" or None
        From one row to the next.
    seen : Seen, optional
        What an earlier call found.
    other : bool
        Whether rows without names of series may be those of another one, which has a step of its own.

    Raises
    ------
    TypeError
        If the index counts no time, such as one of text, or is of another kind than in the earlier call.
    ValueError
        If it has duplicates or missing times, is not sorted, or a row is none of the dates of its step.
    """
    index: Any = getattr(data, "index", None)
    if has_index(data):
        _refuse_time_in_front(index)
    kind = _kind(index) if has_index(data) else "no index"
    if seen is not None and kind != seen.kind:
        raise TypeError(f"The rows have {kind} in their index; they had {seen.kind} in fit. Convert one of the two.")
    if kind == "no index":
        if freq is not None and not is_rows(freq):
            raise ValueError(f"freq={freq!r} is for rows with a pandas index, and these have none.")
        step = Step("row", 1)
        return TimeRows(kind, step, [None], [step], None, np.array([0, len(data)]), np.arange(len(data)), None)
    times = index.get_level_values(-1)
    if times.hasnans:
        raise ValueError(f"The index has {int(times.isna().sum())} missing times (NaT). Drop or fill them.")
    keys, order, bounds = _series(index)
    ordered = times if order is None else times.take(order)
    _check_order(ordered, bounds, keys)
    common, steps = _steps(ordered, bounds, keys, freq, index, seen)
    if other and seen is not None and index.nlevels == 1:
        steps = [_own_step(ordered, bounds, freq, index, steps[0])]
    if steps[0].source == _OF_INDEX and index.nlevels == 1 and seen is None:  # pandas has made sure that it is regular
        positions = steps[0].positions(times[:1])[0] + steps[0].size * np.arange(len(times))
    else:
        positions = _positions(ordered, bounds, steps)
        _check_apart(positions, ordered, bounds, steps)
    return TimeRows(kind, common, keys, steps, order, bounds, positions, ordered)


def run_begins(positions: Longs, steps: Sequence[Step], bounds: Integers) -> Flags:
    """Which rows do not follow the row before them; those of series i, a step of ``steps[i]`` apart, are bounds[i] to
    bounds[i + 1].
    """
    alike = all(step is steps[0] for step in steps)
    sizes = steps[0].size if alike and len(steps) else np.repeat([step.size for step in steps], np.diff(bounds))
    begins = np.diff(positions, prepend=0) != sizes
    begins[bounds[:-1][np.diff(bounds) > 0]] = True
    return np.asarray(begins)


def rows_before(begins: Flags) -> Integers:
    """How many rows of its run come before each row."""
    numbers = np.arange(len(begins))
    return np.asarray(numbers - np.maximum.accumulate(np.where(begins, numbers, 0)))


def several_ranges(firsts: Integers, counts: Integers) -> Integers:
    """The numbers from each of ``firsts`` on, so many of each, one range after the other."""
    begins = np.cumsum(counts) - counts
    return np.asarray(np.repeat(firsts - begins, counts) + np.arange(counts.sum()))


def _check_apart(positions: Longs, times: Any, bounds: Integers, steps: list[Step]) -> None:
    """An error for two rows of a series within one step, such as hours where a day was the step in `fit`."""
    apart = np.diff(positions)
    apart[bounds[1:-1] - 1] = 1
    if (apart > 0).all():
        return
    row = int(np.flatnonzero(apart <= 0)[0])
    step = steps[int(np.searchsorted(bounds, row, side="right")) - 1]
    raise ValueError(
        f"The step of the rows is {step}, and the rows at {times[row]} and {times[row + 1]} are less than one apart. "
        "Aggregate them, or give the step with freq."
    )


def _refuse_time_in_front(index: Any) -> None:
    """Refuse (time, id): the last level of an index is the time."""
    import pandas as pd

    kinds = [isinstance(level, (pd.DatetimeIndex, pd.PeriodIndex)) for level in getattr(index, "levels", [])]
    if any(kinds[:-1]) and not kinds[-1]:
        raise ValueError(
            f"The last level of the index must be the time, and the levels are {list(index.names)}, with times in "
            f"level {kinds.index(True)}. Put it last: data.swaplevel().sort_index()."
        )


def has_index(data: Any) -> bool:
    """Whether rows have times: those of pandas."""
    index = getattr(data, "index", None)
    return index is not None and not callable(index)  # lists and tuples have a method of that name


def _series(index: Any) -> tuple[list[Any], Integers | None, Integers]:
    """The series; the rows series by series (None: as they are); where the rows of each begin and end in that order."""
    if index.nlevels == 1:
        return [None], None, np.array([0, len(index)])
    import pandas as pd

    two = index.nlevels == 2  # then the codes are there; those of the order in which they appear are wanted
    known = np.asarray(index.codes[0]) if two else index.droplevel(-1)
    codes, found = pd.factorize(known)
    missing = int(((known if two else codes) < 0).sum())
    if missing:
        raise ValueError(f"{missing} rows have no series: NaN in the index. Drop or name them.")
    found = index.levels[0].take(found) if two else found
    order = None if (np.diff(codes) >= 0).all() else np.argsort(codes, kind="stable")
    return list(found), order, np.concatenate([[0], np.cumsum(np.bincount(codes, minlength=len(found)))])


def _hint(index: Any) -> Any:
    """The frequency that an index of dates names; of a panel, that of the level of all times."""
    level = index if index.nlevels == 1 else index.levels[-1]
    return level.freq if kind_of_times(level).startswith("datetimes") else None


def _steps(
    times: Any, bounds: Integers, keys: list[Any], freq: Any, index: Any, seen: Seen | None
) -> tuple[Step, list[Step]]:
    """The step of most series, and that of each; the times are those of one series after the other."""
    if seen is not None and all(key in seen.steps for key in keys):
        return seen.common, [seen.steps[key] for key in keys]
    if freq is not None:
        steps = _said(freq, times, bounds, GIVEN)
        common = steps[0]
    elif seen is None and index.nlevels == 1 and _hint(index) is not None:
        steps = _said(_hint(index), times, bounds, _OF_INDEX)
        common = steps[0]
    else:
        common = _common(times, bounds, _hint(index)) if seen is None else seen.common
        steps = [common] * len(keys)
        if index.nlevels > 1 or seen is not None:
            for number in np.flatnonzero(seem_odd(times, bounds, common)):
                steps[number] = odd_step(times[bounds[number] : bounds[number + 1]], common)
    if seen is not None:
        steps = [seen.steps.get(key, step) for key, step in zip(keys, steps, strict=True)]
        common = seen.common
    return common, steps


def _own_step(times: Any, bounds: Integers, freq: Any, index: Any, known: Step) -> Step:
    """The step of rows that may go on from others with a known step, or be of another series."""
    if freq is not None:
        said = _said(freq, times, bounds, GIVEN)[0]
        return known if said == known else said
    if known.unit == "row" or not seem_odd(times, bounds, known)[0]:
        return known
    if _hint(index) is not None:
        return _said(_hint(index), times, bounds, _OF_INDEX)[0]
    own = odd_step(times, known)
    if own is known and not (np.diff(known.places(times)) == known.size).any():
        raise ValueError(
            f"The step of fit is {known}, no two of these rows are one apart, and they show no other step. Say it with "
            "freq of their index."
        )
    return own


def _common(times: Any, bounds: Integers, hint: Any) -> Step:
    """The step of most series of a panel: that of the level of all times, if there is one, else the most common."""
    if hint is not None:
        with suppress(ValueError):  # a series does not lie on its dates
            return _said(hint, times, bounds, _OF_INDEX)[0]
    follows = np.ones(len(times) - 1, dtype=bool)
    follows[bounds[1:-1] - 1] = False
    return find_step(times, follows)


def _said(freq: Any, times: Any, bounds: Integers, source: str) -> list[Step]:
    """The step of each series, which has been said; a rule counts from the first time of each."""
    step = step_of(freq, times, source, bounds[:-1])
    if step.origin is None:
        return [step] * (len(bounds) - 1)
    origins = on_clock(times[bounds[:-1]], step.clock)
    counted = {origin: replace(step, origin=origin) for origin in origins.unique()}
    return [counted[origin] for origin in origins]


def _positions(times: Any, bounds: Integers, steps: list[Step]) -> Longs:
    """Positions of the times of one series after the other."""
    sizes = np.diff(bounds)
    positions = np.arange(len(times)) - np.repeat(bounds[:-1], sizes)
    different = {id(step): step for step in steps}  # most series share one, and comparing takes longer
    kinds: dict[Any, list[int]] = {}
    for name, step in different.items():
        kinds.setdefault((step, step.origin), []).append(name)
    names = np.array([id(step) for step in steps])
    for (step, _), mine in kinds.items():
        if step.unit == "row":
            continue
        if len(kinds) == 1:
            return step.positions(times)
        rows = np.repeat(np.isin(names, mine), sizes)
        positions[rows] = step.positions(times[rows])
    return positions


def _kind(index: Any) -> str:
    """In words, what the index counts time in."""
    if index.nlevels == 1:
        return kind_of_times(index)
    return "series, " + kind_of_times(index.get_level_values(-1), f"last level of the index, {index.names[-1]!r},")


def kind_of_times(times: Any, what: str = "index") -> str:
    """In words, what one series counts time in."""
    import pandas as pd

    if isinstance(times, pd.PeriodIndex):
        return f"periods of {times.freqstr}"
    if isinstance(times, pd.DatetimeIndex):
        return "datetimes without a time zone" if times.tz is None else f"datetimes in {times.tz}"
    if pd.api.types.is_integer_dtype(times.dtype):
        return "whole numbers"
    raise TypeError(
        f"The {what} has dtype {times.dtype}. Time needs a DatetimeIndex, a PeriodIndex or whole numbers: choose it "
        "with set_index, convert text with pd.to_datetime."
    )


def _check_order(times: Any, bounds: Integers, keys: list[Any]) -> None:
    """An error for times, those of one series after the other, that do not ascend or are too far apart."""
    numbers = numbers_of(times)
    if len(numbers) and int(numbers.max()) - int(numbers.min()) > _FARTHEST:
        raise ValueError(
            f"The index reaches from {times.min()} to {times.max()}, too far for distances in 64 bits. Drop what is "
            "beyond, or give dates a coarser unit with index.as_unit('s')."
        )
    distances = np.diff(numbers)
    distances[bounds[1:-1] - 1] = 1
    if (distances > 0).all():
        return
    number = int(np.searchsorted(bounds, np.flatnonzero(distances <= 0)[0], side="right")) - 1
    mine = times[bounds[number] : bounds[number + 1]]
    where = "" if keys[number] is None else f" of series {keys[number]!r}"
    duplicated = mine.duplicated()
    if duplicated.any():
        raise ValueError(
            f"The index{where} has {int(duplicated.sum())} duplicated timestamps, first {mine[duplicated][0]}. Drop "
            "or aggregate them."
        )
    raise ValueError(f"The index{where} is not sorted, so its rows do not follow each other. Call sort_index() first.")

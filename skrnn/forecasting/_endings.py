"""Where the forecast of each series begins, and which series cannot be forecast."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import date
from typing import Any

import numpy as np
import pandas as pd

from skrnn._types import Flags, Integers
from skrnn._warnings import warn_caller
from skrnn.forecasting._panel import Panel, as_frame
from skrnn.forecasting._table import History, Table

__all__ = ["dropped_rows", "name_some", "steps_to", "steps_until", "times_ahead", "until_known"]


_NAMED = 5  # series in a message
_MOST_STEPS = 1_000_000  # of a forecast up to a date


def until_known(panel: Panel, targets: Sequence[Any], window: int) -> Panel:
    """Each series up to its newest known target, if none of its newest ``window`` steps has one.

    One warning names these series and times, and targets that are unknown in the window of a series that goes on.
    """
    table, places = panel.table, [panel.columns.index(column) for column in targets]
    counts, words = table.counts, []
    reach = np.minimum(counts, window)
    late = _ages(table.part(np.arange(len(table)), table.bounds[1:] - reach, reach), places) >= window
    for number in np.flatnonzero(late.any(axis=1)):
        history = table[number]
        if not late[number].all():
            names = [str(column) for column, is_late in zip(targets, late[number], strict=True) if is_late]
            words.append(f"{history.label} has no value of {', '.join(names)} in its newest {window} steps")
            continue
        rows = np.flatnonzero((~np.isnan(history.values[:, places])).any(axis=1))
        if len(rows):
            words.append(
                f"{history.label} has no known target after {history.times[rows[-1]]}, where its forecast starts"
            )
            counts[number] = int(rows[-1]) + 1
    if not words:
        return panel
    warn_caller(f"{name_some(words, '; ')}.", UserWarning)
    return replace(panel, histories=table.part(np.arange(len(table)), table.bounds[:-1], counts))


def _ages(table: Table, places: list[int]) -> Integers:
    """Steps from the newest known value of each column (n_series, k) to the end of each series; very many if none."""
    known = ~np.isnan(table.values[:, places])
    newest = np.maximum.reduceat(np.where(known, np.arange(len(known))[:, None], -1), table.bounds[:-1])
    there = newest >= table.bounds[:-1, None]
    ages = (table.positions[table.ends][:, None] - table.positions[newest]) // table.sizes[:, None]
    return np.where(there, ages, np.iinfo(np.int64).max)


def name_some(words: Sequence[str], between: str = ", ") -> str:
    """The first of many words, and how many there are more."""
    more = f"{between}and {len(words) - _NAMED} more" if len(words) > _NAMED else ""
    return between.join(words[:_NAMED]) + more


def dropped_rows(whole: Panel, ended: Panel) -> dict[Any, History]:
    """By series, the rows after the point at which its forecast starts."""
    ends = dict(zip(ended.table.keys, ended.table.counts, strict=True))
    return {
        key: whole.histories[number].rows(ends[key])
        for number, (key, count) in enumerate(zip(whole.table.keys, whole.table.counts, strict=True))
        if ends.get(key, count) < count
    }


def times_ahead(panel: Panel, steps: int) -> pd.Index:
    """The next times after each series, in the layout of the data."""
    return as_frame(panel, [np.zeros((steps, 0))] * len(panel.histories), []).index


def _up_to(times: pd.Index, until: Any) -> Flags:
    """Which of the times come no later than ``until``."""
    ordered = times.unique().sort_values()
    count = _not_later(ordered, until)
    return np.asarray(times <= ordered[count - 1]) if count else np.zeros(len(times), dtype=bool)


def _not_later(times: pd.Index, until: Any) -> int:
    """How many of the times come no later than ``until``."""
    end = pd.Timestamp(until) if type(until) is date else until
    found = None
    if end is not None and pd.api.types.is_scalar(end) and not pd.isna(end):
        with suppress(TypeError, ValueError, KeyError, OverflowError):
            found = int(times.slice_locs(end=end)[1])
    if found is None:
        raise ValueError(
            f"until={until!r} is no time of the index, a {type(times).__name__} that goes on with {times[0]}. Give one "
            "of its kind, with the same time zone."
        )
    return found


def steps_to(panel: Panel, lasts: Mapping[Any, Any], horizon: int) -> list[int]:
    """How many steps it is from the end of each series to a time of its own, given by key."""
    wanted = [lasts[key] for key in panel.table.keys]
    found = dict.fromkeys(panel.table.keys, 0)
    for last in dict.fromkeys(wanted):
        part = panel.keep([key for key, time in zip(panel.table.keys, wanted, strict=True) if time == last])
        found.update(zip(part.table.keys, steps_until(part, last, horizon), strict=True))
    return list(found.values())


def steps_until(panel: Panel, until: Any, horizon: int) -> list[int]:
    """How many of the next times of each series come no later than ``until``, read as in a slice of the index.

    Raises
    ------
    ValueError
        If there is none at all, or ``until`` is no time of the index or too far away.
    """
    table = panel.table
    counts = np.zeros(len(table), np.intp)
    for _, mine in table.by_step():
        some, made, found = table.part(mine, table.bounds[mine], table.counts[mine]), 0, np.array([horizon])
        while found.max() > made // 2:
            made = 2 * max(made, horizon)
            if made > _MOST_STEPS:
                raise ValueError(f"until={until!r} is more than {_MOST_STEPS} steps after the end of the history.")
            times = some.next_times(np.full(len(some), made))
            found = _up_to(times, until).reshape(len(some), made).sum(axis=1)
        counts[mine] = found
    if not counts.any():
        ends = table.times.take(table.ends).max()
        raise ValueError(f"until={until!r} is not after the end of the history at {ends}.")
    return counts.tolist()

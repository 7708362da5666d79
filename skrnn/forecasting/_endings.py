"""Where the forecast of each series begins, and which series cannot be forecast."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import date
from typing import Any

import numpy as np
import pandas as pd

from skrnn._types import Integers
from skrnn.forecasting._panel import History, Panel, as_frame

__all__ = ["dropped_rows", "name_some", "steps_until", "times_ahead", "until_known"]


_NAMED = 5  # series in a message
_MOST_STEPS = 1_000_000  # of a forecast up to a date


def until_known(panel: Panel, targets: Sequence[Any], window: int, stacklevel: int) -> Panel:
    """Each series up to its newest known target, if none of its newest ``window`` steps has one.

    One warning names these series and times, and targets that are unknown in the window of a series that goes on.
    """
    places = [panel.columns.index(column) for column in targets]
    histories, words = [], []
    for history in panel.histories:
        known = ~np.isnan(history.values[:, places])
        ages = _ages(history, known)
        if (ages < window).any():
            late = [str(column) for column, age in zip(targets, ages, strict=True) if age >= window]
            words += [f"{history.label} has no value of {', '.join(late)} in its newest {window} steps"] if late else []
            histories.append(history)
            continue
        rows = np.flatnonzero(known.any(axis=1))
        if len(rows):
            words.append(
                f"{history.label} has no known target after {history.times[rows[-1]]}, where its forecast starts"
            )
            history = history.rows(0, int(rows[-1]) + 1)
        histories.append(history)
    if words:
        warnings.warn(f"{name_some(words, '; ')}.", stacklevel=stacklevel)
    return replace(panel, histories=histories)


def _ages(history: History, known: Any) -> Integers:
    """Steps from the newest known value of each target (n_rows, k) to the end of the series."""
    newest = len(known) - 1 - known[::-1].argmax(axis=0)
    ages = (history.positions[-1] - history.positions[newest]) // history.step.size
    return np.where(known.any(axis=0), ages, np.iinfo(np.int64).max)


def name_some(words: Sequence[str], between: str = ", ") -> str:
    """The first of many words, and how many there are more."""
    more = f"{between}and {len(words) - _NAMED} more" if len(words) > _NAMED else ""
    return between.join(words[:_NAMED]) + more


def dropped_rows(whole: Panel, ended: Panel) -> dict[Any, History]:
    """By series, the rows after the point at which its forecast starts."""
    ends = {history.key: len(history.times) for history in ended.histories}
    return {
        history.key: history.rows(ends[history.key])
        for history in whole.histories
        if ends.get(history.key, len(history.times)) < len(history.times)
    }


def times_ahead(panel: Panel, steps: int) -> pd.Index:
    """The next times after each series, in the layout of the data."""
    return as_frame(panel, [np.zeros((steps, 0))] * len(panel.histories), []).index


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


def steps_until(panel: Panel, until: Any, horizon: int) -> list[int]:
    """How many of the next times of each series come no later than ``until``, read as in a slice of the index.

    Raises
    ------
    ValueError
        If there is none at all, or ``until`` is no time of the index or too far away.
    """
    counts = []
    for history in panel.histories:
        made, count = 0, horizon
        while count > made // 2:
            made = 2 * max(made, horizon)
            if made > _MOST_STEPS:
                raise ValueError(f"until={until!r} is more than {_MOST_STEPS} steps after the end of the history.")
            count = _not_later(history.next_times(made), until)
        counts.append(count)
    if not any(counts):
        ends = max(history.times[-1] for history in panel.histories)
        raise ValueError(f"until={until!r} is not after the end of the history at {ends}.")
    return counts

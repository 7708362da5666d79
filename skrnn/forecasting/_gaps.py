"""Rows that are absent from a regular index, as rows of missing values."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from skrnn._types import Longs
from skrnn.forecasting._panel import History, Panel

__all__ = ["fill_gaps", "filled", "n_absent"]


def fill_gaps(panel: Panel, longest: int, constant: Sequence[int]) -> Panel:
    """The panel with the rows that are absent; the columns ``constant`` keep the value that the series had before."""
    return replace(panel, histories=[filled(history, longest, constant) for history in panel.histories])


def filled(history: History, longest: int, constant: Sequence[int] = ()) -> History:
    """A series with a row of NaN for each row that is absent from a gap of at most ``longest`` of them.

    A series that would have more absent rows than rows is no regular one, and stays as it is.
    """
    absent = _absent_before(history, longest) if len(history.starts) > 1 else np.zeros(1, np.int64)
    total = int(absent.sum())
    if not total:
        return history
    gaps = np.flatnonzero(absent)
    before, counts = np.repeat(gaps - 1, absent[gaps]), absent[gaps]
    number = np.arange(1, total + 1) - np.repeat(np.cumsum(counts) - counts, counts)  # of each row within its gap
    values = np.full((total, history.values.shape[1]), np.nan)
    values[:, list(constant)] = history.values[before][:, list(constant)]
    positions = history.positions[before] + history.step.size * number
    order = np.argsort(np.concatenate([history.positions, positions]), kind="stable")
    times = history.times.append(history.step.later(history.times[before], number))
    still = np.isin(history.starts, gaps, invert=True)
    return replace(
        history,
        times=times.take(order),
        values=np.concatenate([history.values, values])[order],
        positions=np.concatenate([history.positions, positions])[order],
        starts=history.starts[still] + np.cumsum(absent)[history.starts[still]],
    )


def n_absent(history: History, longest: int) -> int:
    """How many rows `filled` adds."""
    return int(_absent_before(history, longest).sum()) if len(history.starts) > 1 else 0


def _absent_before(history: History, longest: int) -> Longs:
    """How many rows are absent right before each row, where they are to be filled in."""
    steps, odd = np.divmod(
        np.diff(history.positions, prepend=history.positions[0] - history.step.size), history.step.size
    )
    absent = np.where((odd == 0) & (steps - 1 <= longest), steps - 1, 0)
    return absent if absent.sum() <= len(absent) else np.zeros_like(absent)

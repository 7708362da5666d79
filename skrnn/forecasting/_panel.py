"""Series, frames and panels as one thing: named series of rows in time, and the times that come after them."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from skrnn._types import Doubles, Integers, Longs
from skrnn.windowing import Seen, Step, is_rows, moments_of, read_index

__all__ = ["Channel", "History", "Panel", "as_frame", "by_channel", "extend", "read_panel"]


class Channel(NamedTuple):
    """The key of a series that is one column of another: the key of that, and the column's name."""

    series: Any
    column: Any


@dataclass(frozen=True, eq=False)
class History:
    """One series: its times, and a table with a row for each of them, oldest first.

    ``step`` leads from a row to the next; ``positions`` are those of `read_index`, in its units; ``starts`` are the
    rows at which a run of neighbouring rows begins.
    """

    key: Any
    step: Step
    times: pd.Index
    values: Doubles
    positions: Longs
    starts: Integers

    def runs(self) -> list[slice]:
        """The rows of each run without a gap."""
        return [slice(a, b) for a, b in zip(self.starts, [*self.starts[1:], len(self.times)], strict=True)]

    def rows(self, first: int, end: int | None = None) -> History:
        """The rows from ``first`` on, up to ``end`` (None: the last); numbers outside are cut off."""
        first, end = max(first, 0), len(self.times) if end is None else max(end, 0)
        starts = np.unique(np.maximum(self.starts[self.starts < end] - first, 0))
        span = slice(first, end)
        return replace(
            self, times=self.times[span], values=self.values[span], positions=self.positions[span], starts=starts
        )

    def followed_by(self, other: History) -> History:
        """With later rows behind its own."""
        last = int(self.positions[-1]), int(moments_of(self.times[-1:])[0])
        positions = self.step.follow(last, other.positions, moments_of(other.times[:1]))
        starts = other.starts[1:] if positions[0] - self.positions[-1] == self.step.size else other.starts
        return replace(
            self,
            times=self.times.append(other.times),
            values=np.concatenate([self.values, other.values]),
            positions=np.concatenate([self.positions, positions]),
            starts=np.concatenate([self.starts, starts + len(self.times)]),
        )

    def next_times(self, n_steps: int) -> pd.Index:
        """The next times after its end; the numbers of the next rows, if nothing says when they come."""
        last = self.times[-1:]
        if self.step.unit == "row" and self.step.dates is None:
            last = pd.Index(self.positions[-1:], name=self.times.name)
        return self.step.later(last, np.arange(1, n_steps + 1)).rename(self.times.name)

    def next_rows(self, values: Doubles) -> History:
        """Rows that follow its end, a step apart."""
        n_new = len(values)
        positions = self.positions[-1] + self.step.size * np.arange(1, n_new + 1)
        return History(self.key, self.step, self.next_times(n_new), values, positions, np.zeros(1, np.intp))

    @property
    def label(self) -> str:
        """Its name in a message."""
        if isinstance(self.key, Channel):
            where = "" if self.key.series is None else f" of series {self.key.series!r}"
            return f"Column {self.key.column!r}{where}"
        return "The series" if self.key is None else f"Series {self.key!r}"


@dataclass(frozen=True, eq=False)
class Panel:
    """Series with the same columns.

    ``layout`` says what the data were: "series", "frame" or "panel"; ``named`` whether a series had a name;
    ``names`` are those of the levels of the index; ``step`` is that of most series; ``freq`` is the frequency of a
    DatetimeIndex that had one.
    """

    layout: str
    named: bool
    names: list[Any]
    columns: list[Any]
    kind: str
    step: Step
    freq: Any
    histories: list[History]

    @property
    def seen(self) -> Seen:
        """What reading later rows has to know."""
        return Seen(self.kind, self.step, {history.key: history.step for history in self.histories})

    def keep(self, keys: Sequence[Any]) -> Panel:
        """Only the series with these keys."""
        kept = set(keys)
        return replace(self, histories=[history for history in self.histories if history.key in kept])


def read_panel(data: Any, freq: Any = None, like: Panel | None = None) -> Panel:
    """Validate a Series, a DataFrame, or a DataFrame with a (series, time) MultiIndex.

    Parameters
    ----------
    data : Series or DataFrame
        Numeric; NaN marks missing values. The index is one of those of `SlidingWindow`.
    freq : offset, alias, DatetimeIndex, "rows" or None
        From one row to the next, as in `read_index`.
    like : Panel, optional
        The panel of an earlier call, whose kind of index and steps are kept.

    Raises
    ------
    TypeError, ValueError
        If the data are not a frame, a column is not numeric, or the index has no order or no step.
    """
    if not isinstance(data, (pd.Series, pd.DataFrame)):
        raise TypeError(
            f"A pandas Series or DataFrame with a time index is needed, got a {type(data).__name__}. For arrays use "
            "make_windows and an estimator."
        )
    layout = "panel" if data.index.nlevels > 1 else "series" if isinstance(data, pd.Series) else "frame"
    if len(data) == 0:
        raise ValueError(f"The data are empty (shape={data.shape}).")
    rows = read_index(data, freq, None if like is None else like.seen)
    frame = data.to_frame() if isinstance(data, pd.Series) else data
    values = _numbers(frame)
    times = frame.index.get_level_values(-1)
    histories = []
    for key, step, mine in zip(rows.keys, rows.steps, rows.members, strict=True):
        positions = rows.positions[mine]
        starts = np.flatnonzero(np.diff(positions, prepend=positions[0] - 2 * step.size) != step.size)
        histories.append(History(key, step, times[mine], values[mine], positions, starts))
    freq = _frequency(data.index, freq) if like is None else like.freq
    named = not isinstance(data, pd.Series) or data.name is not None
    return Panel(layout, named, list(data.index.names), list(frame.columns), rows.kind, rows.common, freq, histories)


def extend(panel: Panel, new: Panel) -> Panel:
    """The panel with the rows of another behind those of its own."""
    if list(new.columns) != list(panel.columns) and not (panel.layout == new.layout == "series"):
        raise ValueError(f"The data have the columns {new.columns}; those of fit were {panel.columns}.")
    histories = {history.key: history for history in panel.histories}
    for added in new.histories:
        old = histories.get(added.key)
        if old is None:
            histories[added.key] = added
            continue
        if added.times[0] <= old.times[-1]:
            where = "" if added.key is None else f" of series {added.key!r}"
            raise ValueError(
                f"The rows{where} begin at {added.times[0]}, not after the end of the history at {old.times[-1]}. Pass "
                "only newer rows."
            )
        histories[added.key] = old.followed_by(added)
    return replace(panel, histories=list(histories.values()))


def as_frame(panel: Panel, parts: list[Doubles], columns: Any) -> Any:
    """Values that follow each series (n_steps, n_columns) on their times, in the layout of the data."""
    pieces = []
    for history, values in zip(panel.histories, parts, strict=True):
        times = history.next_times(len(values))
        if panel.layout == "panel":
            keys = history.key if len(panel.names) > 2 else (history.key,)
            named = [pd.Index([key] * len(times), tupleize_cols=False) for key in keys]
            times = pd.MultiIndex.from_arrays([*named, times], names=panel.names)
        elif isinstance(times, pd.DatetimeIndex):
            with suppress(ValueError):  # the data are not at that frequency
                times = pd.DatetimeIndex(times, freq=panel.freq)
        pieces.append(pd.DataFrame(values, index=times, columns=columns))
    frame = pieces[0] if len(pieces) == 1 else pd.concat(pieces)
    one_series = panel.layout == "series" and len(frame.columns) == 1
    return frame.iloc[:, 0].rename(panel.columns[0] if panel.named else None) if one_series else frame


def by_channel(panel: Panel, targets: Sequence[Any], name: str) -> Panel:
    """Every target column of every series as a series of its own, in a column of that name; covariates stay."""
    others = [column for column in panel.columns if column not in targets]
    places = [panel.columns.index(column) for column in others]
    histories = [
        replace(
            history,
            key=Channel(history.key, target),
            values=history.values[:, [panel.columns.index(target), *places]],
        )
        for history in panel.histories
        for target in targets
    ]
    return replace(panel, columns=[name, *others], histories=histories)


def _frequency(index: pd.Index, freq: Any) -> Any:
    """The frequency of the dates to come, as far as pandas can hold it: what is given, or that of the index."""
    own = getattr(index, "freq", None)
    return freq if own is None and not is_rows(freq) and not isinstance(freq, pd.DatetimeIndex) else own


def _numbers(frame: pd.DataFrame) -> Doubles:
    for column, dtype in frame.dtypes.items():
        if not (pd.api.types.is_numeric_dtype(dtype) or pd.api.types.is_bool_dtype(dtype)):
            raise ValueError(f"Column {column!r} has dtype {dtype}. Forecasts need numbers: drop, encode or index it.")
    values = frame.astype("float64").to_numpy(dtype=np.float64, na_value=np.nan, copy=True)
    if np.isinf(values).any():
        row, place = (int(index[0]) for index in np.nonzero(np.isinf(values)))
        raise ValueError(f"Column {frame.columns[place]!r} contains infinity, first at {frame.index[row]}.")
    return values

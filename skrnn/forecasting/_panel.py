"""Series, frames and panels as one thing: named series of rows in time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pandas as pd

from skrnn._types import Doubles, Integers
from skrnn.forecasting._categories import encoded, holds_categories
from skrnn.forecasting._table import Channel, History, Table
from skrnn.windowing import Seen, Step, is_rows, read_index

__all__ = [
    "LAYOUTS",
    "Panel",
    "as_frame",
    "by_channel",
    "columns_of",
    "extend",
    "numbers_of_columns",
    "read_panel",
    "with_keys",
]


LAYOUTS = ("series", "frame", "panel", "series panel")


@dataclass(frozen=True, eq=False)
class Panel:
    """Series with the same columns.

    ``layout`` says what the data were: a "series", a "frame", a "panel", or the "series panel" of a Series with such an
    index; ``named`` whether a series had a name; ``names`` are those of the levels of the index, ``heads`` of those of
    the columns; ``step`` is that of most series; ``freq`` is the frequency of a DatetimeIndex that had one.
    ``categories`` are those of the columns that hold no numbers, but texts or the like: in the table are their places
    among these, -1 where the value is missing.
    """

    layout: str
    named: bool
    names: list[Any]
    columns: list[Any]
    kind: str
    step: Step
    freq: Any
    histories: Sequence[History]
    categories: Mapping[Any, tuple[Any, ...]] = field(default_factory=dict)
    heads: Sequence[Any] = (None,)

    @property
    def many(self) -> bool:
        """Whether series have names in the index."""
        return self.layout.endswith("panel")

    @property
    def single(self) -> bool:
        """Whether the data were a Series, whose name is no column's."""
        return self.layout.startswith("series")

    @property
    def wide(self) -> Panel:
        """The same, as of a frame with one column."""
        return replace(self, layout="panel" if self.many else "frame")

    @property
    def table(self) -> Table:
        """All series in one table, if there is any."""
        return Table.of(self.histories)

    @property
    def seen(self) -> Seen:
        """What reading later rows has to know."""
        return Seen(self.kind, self.step, dict(zip(self.table.keys, self.table.steps, strict=True)))

    def keep(self, keys: Sequence[Any]) -> Panel:
        """Only the series with these keys."""
        kept = set(keys)
        return replace(self, histories=self.table.among(np.array([key in kept for key in self.table.keys], dtype=bool)))


def read_panel(data: Any, freq: Any = None, like: Panel | None = None, other: bool = False) -> Panel:
    """Validate a Series, a DataFrame, or a DataFrame with a (series, time) MultiIndex.

    Parameters
    ----------
    data : Series or DataFrame
        Numbers, texts or categories; NaN marks missing values. The index is one of those of `SlidingWindow`.
    freq : offset, alias, DatetimeIndex, "rows" or None
        From one row to the next, as in `read_index`.
    like : Panel, optional
        The panel of an earlier call, whose kind of index, steps and categories are kept; new ones follow these.
    other : bool
        Whether a series without a name in the index may be another one than that of the panel.

    Raises
    ------
    TypeError, ValueError
        If the data are not a frame, a column holds neither numbers nor categories, or the index has no order or step.
    """
    if not isinstance(data, (pd.Series, pd.DataFrame)):
        raise TypeError(
            f"A pandas Series or DataFrame with a time index is needed, got a {type(data).__name__}. For arrays use "
            "make_windows and an estimator; a Pipeline hands frames on after set_output(transform='pandas')."
        )
    layout = "series" if isinstance(data, pd.Series) else "frame"
    if data.index.nlevels > 1:
        layout = "series panel" if layout == "series" else "panel"
    if len(data) == 0:
        raise ValueError(f"The data are empty (shape={data.shape}). Give them a row or more.")
    rows = read_index(data, freq, None if like is None else like.seen, other)
    frame = data.to_frame() if isinstance(data, pd.Series) else data
    if any(name is pd.NA for name in frame.columns):
        raise ValueError(f"Columns need names, and one is <NA>: {list(frame.columns)}. Rename it.")
    values, categories = numbers_of_columns(frame, None if like is None else like.categories)
    table = Table(rows.keys, rows.steps, rows.times, rows.in_order(values), rows.positions, rows.bounds)
    freq = _frequency(data.index, freq) if like is None else like.freq
    named = not isinstance(data, pd.Series) or data.name is not None
    names = list(data.index.names), list(frame.columns)
    heads = list(frame.columns.names) if like is None else like.heads
    return Panel(layout, named, *names, rows.kind, rows.common, freq, table, categories, heads)


def extend(panel: Panel, new: Panel) -> Panel:
    """The panel with the rows of another behind those of its own."""
    if list(new.columns) != list(panel.columns) and not (panel.single and new.single):
        raise ValueError(f"The data have the columns {new.columns}; those of fit were {panel.columns}.")
    together = panel.table.followed_by(new.table) if len(panel.histories) else new.histories
    return replace(panel, histories=together, categories=new.categories)


def as_frame(panel: Panel, parts: Sequence[Doubles], columns: Any, ahead: bool = True) -> Any:
    """Values that follow each series (n_steps, n_columns) on their times, in the layout of the data; or, not ``ahead``,
    of its own rows. ``columns`` are some of the data's, or an index.
    """
    counts = np.array([len(part) for part in parts])
    index = times = panel.table.next_times(counts) if ahead else panel.table.times
    if panel.many:
        index = with_keys(panel.table.keys, counts, times, panel.names)
    elif isinstance(times, pd.DatetimeIndex):
        with suppress(ValueError):  # the data are not at that frequency
            index = pd.DatetimeIndex(times, freq=panel.freq)
    columns = columns if isinstance(columns, pd.Index) else columns_of(panel, columns)
    frame = pd.DataFrame(np.concatenate(parts), index=index, columns=columns)
    if not panel.single or len(frame.columns) != 1:
        return frame
    return frame.iloc[:, 0].rename(panel.columns[0] if panel.named else None)


def columns_of(panel: Panel, columns: Sequence[Any], below: Sequence[Any] | None = None) -> pd.Index:
    """Some columns of the data with the levels and names that they have there; with ``below`` these under each."""
    several = len(panel.heads) > 1
    if below is None and not several:
        return pd.Index(columns, name=panel.heads[0], tupleize_cols=False)
    paths = [tuple(column) if several else (column,) for column in columns]
    tails: list[tuple[Any, ...]] = [()] if below is None else [(name,) for name in below]
    names = [*panel.heads, *([] if below is None else [None])]
    return pd.MultiIndex.from_tuples([(*path, *tail) for path in paths for tail in tails], names=names)


def with_keys(keys: Sequence[Any], counts: Integers, times: pd.Index, names: Sequence[Any]) -> pd.MultiIndex:
    """The times of one series after the other, ``counts`` of each, behind their keys."""
    levels = list(zip(*keys, strict=True)) if len(names) > 2 else [keys]
    named = [pd.Index(list(level), tupleize_cols=False).repeat(counts) for level in levels]
    return pd.MultiIndex.from_arrays([*named, times], names=names)


def by_channel(panel: Panel, targets: Sequence[Any], name: str) -> Panel:
    """Every target column of every series as a series of its own, in a column of that name; covariates stay."""
    others = [column for column in panel.columns if column not in targets]
    table, places = panel.table, [panel.columns.index(column) for column in targets]
    numbers = np.repeat(np.arange(len(table)), len(targets))
    wide = table.part(numbers, table.bounds[numbers], table.counts[numbers])
    of_row = np.take(places, wide.series % len(targets))
    own = np.take_along_axis(wide.values, of_row[:, None], axis=1)
    values = np.concatenate([own, wide.values[:, [panel.columns.index(column) for column in others]]], axis=1)
    keys = [Channel(key, target) for key in table.keys for target in targets]
    return replace(panel, columns=[name, *others], histories=replace(wide, keys=keys, values=values))


def _frequency(index: pd.Index, freq: Any) -> Any:
    """The frequency of the dates to come, as far as pandas can hold it: what is given, or that of the index."""
    own = getattr(index, "freq", None)
    return freq if own is None and not is_rows(freq) and not isinstance(freq, pd.DatetimeIndex) else own


def numbers_of_columns(
    frame: pd.DataFrame, known: Mapping[Any, tuple[Any, ...]] | None = None, label: str = "Column {!r}"
) -> tuple[Doubles, Mapping[Any, tuple[Any, ...]]]:
    """The values (n_rows, n_columns) as numbers, and the categories of the columns of which they are the places.

    ``known`` are those of earlier data, in which no other column held categories; None: there are no earlier data.
    ``label`` names a column in a message.
    """
    numeric, categories = frame.copy(deep=False), dict(known or {})
    for place, (column, dtype) in enumerate(frame.dtypes.items()):
        words = label.format(column)
        if column in categories or (known is None and holds_categories(dtype)):
            codes, categories[column] = encoded(frame.iloc[:, place], categories.get(column), words)
            numeric.isetitem(place, codes)
        elif not (pd.api.types.is_numeric_dtype(dtype) or pd.api.types.is_bool_dtype(dtype)):
            advice = "convert numbers with astype(float)" if pd.api.types.is_object_dtype(dtype) else "index it"
            raise ValueError(f"{words} has dtype {dtype}. Forecasts need numbers: drop, encode or {advice}.")
    values = numeric.astype("float64").to_numpy(dtype=np.float64, na_value=np.nan, copy=True)
    if np.isinf(values).any():
        row, place = (int(index[0]) for index in np.nonzero(np.isinf(values)))
        raise ValueError(f"{label.format(frame.columns[place])} contains infinity, first at {frame.index[row]}.")
    return values, categories

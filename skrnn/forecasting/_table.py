"""Many series in one table, one after the other, so that nothing needs Python for each of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields, replace
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from skrnn._types import Doubles, Flags, Integers, Longs
from skrnn.windowing import Step, first_positions, rows_before, run_begins, several_ranges

__all__ = ["Channel", "History", "Table"]


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

    def next_times(self, n_steps: int) -> pd.Index:
        """The next times after its end; the numbers of the next rows, if nothing says when they come."""
        return Table.of([self]).next_times(np.array([n_steps]))

    @property
    def label(self) -> str:
        """Its name in a message."""
        if isinstance(self.key, Channel):
            where = "" if self.key.series is None else f" of series {self.key.series!r}"
            return f"Column {self.key.column!r}{where}"
        return "The series" if self.key is None else f"Series {self.key!r}"


@dataclass(frozen=True, eq=False)
class Table(Sequence[History]):
    """A sequence of series, whose rows lie in one table: those of series i are bounds[i] to bounds[i + 1].

    ``keys`` and ``steps`` have an item for each series, the other arrays a row for each of theirs, as in `History`.
    """

    keys: Sequence[Any]
    steps: Sequence[Step]
    times: pd.Index
    values: Doubles
    positions: Longs
    bounds: Integers

    @classmethod
    def of(cls, histories: Sequence[History]) -> Table:
        """The table of these series."""
        if isinstance(histories, Table):
            return histories
        if not len(histories):
            return cls([], [], pd.RangeIndex(0), np.zeros((0, 0)), np.zeros(0, np.int64), np.zeros(1, np.intp))
        times = [history.times for history in histories]
        return cls(
            [history.key for history in histories],
            [history.step for history in histories],
            times[0].append(times[1:]) if len(times) > 1 else times[0],
            np.concatenate([history.values for history in histories]) if len(times) > 1 else histories[0].values,
            np.concatenate([history.positions for history in histories]),
            np.concatenate([[0], np.cumsum([len(part) for part in times])]),
        )

    def __getstate__(self) -> dict[str, Any]:
        """The fields, without what is worked out from them."""
        return {field.name: getattr(self, field.name) for field in fields(self)}

    def __len__(self) -> int:
        return len(self.keys)

    def __getitem__(self, number: Any) -> Any:
        if isinstance(number, slice):
            return [self[one] for one in range(len(self))[number]]
        number = range(len(self))[number]
        rows = slice(int(self.bounds[number]), int(self.bounds[number + 1]))
        starts = np.flatnonzero(self.begins[rows])
        key, step = self.keys[number], self.steps[number]
        return History(key, step, self.times[rows], self.values[rows], self.positions[rows], starts)

    def __iter__(self) -> Iterator[History]:
        return (self[number] for number in range(len(self)))

    @cached_property
    def begins(self) -> Flags:
        """Which rows do not follow the row before them."""
        return run_begins(self.positions, self.steps, self.bounds)

    @cached_property
    def before(self) -> Integers:
        """How many rows of its run come before each row."""
        return rows_before(self.begins)

    @property
    def ends(self) -> Integers:
        """The newest row of each series."""
        return self.bounds[1:] - 1

    @property
    def counts(self) -> Integers:
        """How many rows each series has."""
        return np.diff(self.bounds)

    @cached_property
    def series(self) -> Integers:
        """Of which series each row is."""
        return np.repeat(np.arange(len(self)), self.counts)

    @cached_property
    def sizes(self) -> Longs:
        """Units of a step of each series."""
        return np.array([step.size for step in self.steps], dtype=np.int64)

    def rows_at(self, positions: Longs) -> Integers:
        """The row of each series, counted from its first, at a position of its own, or the next one after it."""
        older = self.positions < positions[self.series]
        return np.asarray(np.add.reduceat(older, self.bounds[:-1], dtype=np.intp))

    def held_by(self, other: Table) -> Flags:
        """Which rows another table of the same series has, too."""
        if len(self.positions) == len(other.positions):
            return np.ones(len(self.positions), dtype=bool)
        places, ranks = np.unique(np.concatenate([self.positions, other.positions]), return_inverse=True)
        codes = np.concatenate([self.series, other.series]) * len(places) + ranks
        return np.isin(codes[: len(self.positions)], codes[len(self.positions) :])

    def part(self, numbers: Integers, firsts: Integers, counts: Integers) -> Table:
        """Of these series the rows from ``firsts`` on, ``counts`` each; a series may come more than once."""
        rows = several_ranges(firsts, counts)
        return Table(
            [self.keys[number] for number in numbers],
            [self.steps[number] for number in numbers],
            self.times.take(rows),
            self.values[rows],
            self.positions[rows],
            np.concatenate([[0], np.cumsum(counts)]),
        )

    def among(self, some: Flags) -> Table:
        """Only some of the series."""
        numbers = np.flatnonzero(some)
        return self if some.all() else self.part(numbers, self.bounds[numbers], self.counts[numbers])

    def by_step(self) -> list[tuple[Step, Integers]]:
        """The different steps, and the series that keep each."""
        different = {id(step): step for step in self.steps}  # most series share one, and comparing takes longer
        if len(different) == 1:
            return [(self.steps[0], np.arange(len(self)))]
        names = np.array([id(step) for step in self.steps])
        kinds: dict[Any, list[int]] = {}
        for name, step in different.items():
            kinds.setdefault((step, step.origin), []).append(name)
        return [(step, np.flatnonzero(np.isin(names, mine))) for (step, _), mine in kinds.items()]

    def later(self, rows: Integers, counts: Integers) -> pd.Index:
        """The times that lie so many steps after these rows; the numbers of rows, if nothing says when they come."""
        parts, order = [], []
        series = self.series[rows]
        for step, mine in self.by_step():
            some = np.flatnonzero(np.isin(series, mine)) if len(mine) < len(self) else np.arange(len(rows))
            times = self.times.take(rows[some])
            if step.unit == "row" and step.dates is None:
                times = pd.Index(self.positions[rows[some]])
            parts.append(step.later(times, counts[some]))
            order.append(some)
        times = parts[0] if len(parts) == 1 else parts[0].append(parts[1:]).take(np.argsort(np.concatenate(order)))
        return times.rename(self.times.name)

    def next_times(self, counts: Integers) -> pd.Index:
        """The next times after the end of each series, so many of each."""
        return self.later(np.repeat(self.ends, counts), several_ranges(np.ones_like(counts), counts))

    def followed_by(self, other: Table) -> Table:
        """With later rows behind those of its series, and further series behind them."""
        place = {key: number for number, key in enumerate(self.keys)}
        numbers = np.array([place.setdefault(key, len(place)) for key in other.keys])
        positions = other.positions
        old = numbers < len(self)
        if old.any():
            _refuse_older(self, other, numbers, old)
            firsts, lasts = positions[other.bounds[:-1]], self.positions[self.ends[np.where(old, numbers, 0)]]
            moved = first_positions(other.steps, firsts, lasts, old) - firsts
            positions = positions + np.repeat(moved, other.counts)
        new = [number for number in range(len(other)) if not old[number]]
        counts = np.concatenate([self.counts, np.zeros(len(new), np.intp)])
        counts[numbers] += other.counts
        together = Table(
            [*self.keys, *(other.keys[number] for number in new)],
            [*self.steps, *(other.steps[number] for number in new)],
            self.times.append(other.times),
            np.concatenate([self.values, other.values]),
            np.concatenate([self.positions, positions]),
            np.concatenate([[0], np.cumsum(counts)]),
        )
        if len(self) == 1:
            return together
        order = np.argsort(np.concatenate([self.series, numbers[other.series]]), kind="stable")
        times, values = together.times.take(order), together.values[order]
        return replace(together, times=times, values=values, positions=together.positions[order])


def _refuse_older(table: Table, other: Table, numbers: Integers, old: Flags) -> None:
    """An error if rows do not come after those of their series."""
    firsts = other.times.take(other.bounds[:-1][old])
    lasts = table.times.take(table.ends[numbers[old]])
    late = np.flatnonzero(np.asarray(firsts <= lasts))
    if len(late):
        key = other.keys[np.flatnonzero(old)[late[0]]]
        where = "" if key is None else f" of series {key!r}"
        raise ValueError(
            f"The rows{where} begin at {firsts[late[0]]}, not after the end of the history at {lasts[late[0]]}. Pass "
            "only newer rows."
        )

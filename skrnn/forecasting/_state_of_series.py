"""The series that a forecaster follows, as plain data, checked where they come back."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

import numpy as np

from skrnn._plain import require
from skrnn._types import Doubles
from skrnn.forecasting._panel import LAYOUTS, Panel
from skrnn.forecasting._table import Table
from skrnn.windowing import (
    check_rows,
    freq_from_plain,
    index_from_plain,
    is_counts,
    key_from_plain,
    keys_from_plain,
    kind_of_times,
    numbers_of,
    plain_freq,
    plain_index,
    plain_key,
    plain_steps,
    steps_from_plain,
)

__all__ = ["MOST", "panel_from_plain", "plain_panel"]

MOST = 2**62  # of positions in time


def plain_panel(panel: Panel) -> dict[str, Any]:
    """All histories as one table, one after the other."""
    table = panel.table
    return {
        "layout": panel.layout,
        "named": panel.named,
        "names": [plain_key(name) for name in panel.names],
        "columns": [plain_key(column) for column in panel.columns],
        "heads": [plain_key(head) for head in panel.heads],
        "kind": panel.kind,
        "step": plain_steps([panel.step]),
        "freq": plain_freq(panel.freq),
        "keys": [plain_key(key) for key in table.keys],
        "steps": plain_steps(table.steps),
        "sizes": table.counts.astype(np.int64),
        "times": plain_index(table.times),
        "values": np.ascontiguousarray(table.values),
        "positions": np.ascontiguousarray(table.positions),
        "categories": [
            {"column": plain_key(column), "values": [plain_key(value) for value in found]}
            for column, found in panel.categories.items()
        ],
    }


def panel_from_plain(values: Any) -> Panel:
    """The checked panel."""
    names = {*(field.name for field in fields(Panel)), "keys", "steps", "sizes", "times", "values", "positions"}
    names -= {"histories"}
    if isinstance(values, dict):
        values = {"categories": [], "heads": [None], **values}  # of which earlier versions knew none
    require(isinstance(values, dict) and set(values) == names, f"the history needs {', '.join(sorted(names))}")
    layout = values["layout"]
    require(layout in LAYOUTS and type(values["named"]) is bool, f"no data are a {layout!r}")
    levels, columns, heads = (_keys(values[name], name) for name in ("names", "columns", "heads"))
    many = layout.endswith("panel")
    require((len(levels) > 1) == many and bool(levels and columns), f"a {layout} has no such levels")
    deep = len(heads) < 2 or all(isinstance(column, tuple) and len(column) == len(heads) for column in columns)
    require(bool(heads) and deep, "the columns have other levels than their names")
    times, sizes = index_from_plain(values["times"]), values["sizes"]
    kind = ("series, " if many else "") + kind_of_times(times)
    require(values["kind"] == kind, f"the times are {kind}, not {values['kind']!r}")
    keys = keys_from_plain(values["keys"], kind)
    depth = len(levels) <= 2 or all(isinstance(key, tuple) and len(key) == len(levels) - 1 for key in keys)
    require(depth, "the names of the series have other levels than the index")
    require(is_counts(sizes, len(keys), 1) and int(sizes.sum()) == len(times), "the histories have no sizes")
    table = check_rows(values["values"], len(times), len(columns), "the histories")
    positions = values["positions"]
    require(is_counts(positions, len(times), -MOST) and bool((positions <= MOST).all()), "the rows have no positions")
    require(table.dtype == np.float64, "the histories are not float64")
    freq = freq_from_plain(values["freq"])
    require(freq is None or type(freq) is str or hasattr(freq, "kwds"), "freq of the history is no frequency")
    bounds = np.concatenate([[0], np.cumsum(sizes)])
    inside = np.ones(len(times) - 1, dtype=bool)
    inside[bounds[1:-1] - 1] = False
    ascends = (np.diff(positions)[inside] > 0).all() and (np.diff(numbers_of(times))[inside] > 0).all()
    require(bool(ascends), "the rows do not ascend")
    steps = steps_from_plain(values["steps"], len(keys), kind)
    step = steps_from_plain(values["step"], 1, kind)[0]
    histories = Table(keys, steps, times.rename(levels[-1]), table, positions, bounds)
    categories = _categories(values["categories"], columns, table)
    return Panel(layout, values["named"], levels, columns, kind, step, freq, histories, categories, heads)


def _categories(values: Any, columns: list[Any], table: Doubles) -> dict[Any, tuple[Any, ...]]:
    """The checked categories of columns, of which the table (n_rows, n_columns) holds the places."""
    require(isinstance(values, list), "the categories of the history are no list")
    found: dict[Any, tuple[Any, ...]] = {}
    for one in values:
        known = isinstance(one, dict) and set(one) == {"column", "values"}
        require(known and isinstance(one["values"], list), "the categories of a column are not known")
        column, categories = key_from_plain(one["column"]), tuple(_keys(one["values"], "categories"))
        require(column in columns and column not in found, f"no column {column!r} has categories")
        require(len(set(categories)) == len(categories), f"{column!r} has a category twice")
        codes = table[:, columns.index(column)]
        good = bool(np.isin(codes, np.arange(-1, len(categories))).all())
        require(good, f"{column!r} holds other numbers than those of its categories")
        found[column] = categories
    return found


def _keys(values: Any, label: str) -> list[Any]:
    require(isinstance(values, list), f"{label} of the history are a {type(values).__name__}, not a list")
    return [key_from_plain(value) for value in values]

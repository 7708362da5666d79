"""Steps of time and the tails of series as builtins and arrays, and back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import Any

import numpy as np

from skrnn._plain import is_packed, require, require_fields
from skrnn._types import Array
from skrnn.windowing._plain_times import (
    index_from_plain,
    key_from_plain,
    offset_from_plain,
    plain_index,
    plain_key,
    plain_offset,
)
from skrnn.windowing._step import CALENDAR_UNITS, Step

__all__ = [
    "check_kind",
    "freq_from_plain",
    "is_counts",
    "keys_from_plain",
    "plain_freq",
    "plain_steps",
    "steps_from_plain",
]

_ANCHORS = ("business start", "business end")
_ABSOLUTE = ("microsecond", "nanosecond")
_FARTHEST = 2**62


def plain_freq(freq: Any) -> Any:
    """The parameter ``freq``: an alias as it is, an offset or an index of dates as a dict."""
    if hasattr(freq, "kwds"):
        return plain_offset(freq)
    return plain_index(freq) if hasattr(freq, "asi8") else freq


def freq_from_plain(values: Any) -> Any:
    """The checked inverse."""
    if not isinstance(values, dict):
        return values
    return offset_from_plain(values) if "offset" in values else index_from_plain(values)


def plain_steps(steps: Sequence[Step]) -> dict[str, Any]:
    """Different ones once each, and which of them each series has."""
    seen: dict[Any, int] = {}
    numbers = np.empty(len(steps), np.int64)
    different: list[dict[str, Any]] = []
    for place, step in enumerate(steps):
        same = tuple(id(value) if name == "dates" else value for name, value in vars(step).items())
        if same not in seen:
            seen[same] = len(different)
            different.append(_plain_step(step))
        numbers[place] = seen[same]
    return {"different": different, "numbers": numbers}


def steps_from_plain(values: Any, n_series: int, kind: str) -> list[Step]:
    """The checked inverse: the step of each series of an index of this kind."""
    known = isinstance(values, dict) and set(values) == {"different", "numbers"}
    require(known and isinstance(values["different"], list), "the steps of the series are not known")
    different = [_step(one, kind) for one in values["different"]]
    numbers = values["numbers"]
    require(is_counts(numbers, n_series) and bool((numbers < len(different)).all()), "a series has no step")
    return [different[number] for number in numbers]


def keys_from_plain(values: Any, kind: str) -> list[Any]:
    """The checked names of series: different ones, and None for one that has no name."""
    require(isinstance(values, list), "the names of the series are no list")
    keys = [key_from_plain(value) for value in values]
    require(len(set(keys)) == len(keys) > 0, "two series have one name, or there is none")
    require(kind.startswith("series, ") or keys == [None], "one series without a name has no key")
    return keys


def is_counts(value: Any, size: int | None = None, least: int = 0) -> bool:
    """An array of int64, none below ``least``."""
    good = is_packed(value) and value.dtype == np.int64 and value.ndim == 1
    return good and size in (None, len(value)) and bool((value >= least).all())


def check_kind(kind: Any) -> None:
    """The words of an index of times."""
    require(type(kind) is str, "the kind of the index is no text")
    of_times = kind.removeprefix("series, ")
    words = ("whole numbers", "datetimes without a time zone")
    known = kind == "no index" or of_times in words or of_times.startswith(("datetimes in ", "periods of "))
    require(known, f"the kind {kind!r} of the index is not known")


def _plain_step(step: Step) -> dict[str, Any]:
    dates: Any = step.dates
    if isinstance(dates, Step):
        dates = _plain_step(dates)
    elif dates is not None:
        dates = plain_freq(dates)
    origin = None if step.origin is None else plain_key(step.origin)
    anchor = [step.anchor[0], list(step.anchor[1])] if isinstance(step.anchor, tuple) else step.anchor
    return {**vars(step), "anchor": anchor, "dates": dates, "origin": origin}


def _step(values: Any, kind: str) -> Step:
    """The checked step of an index of this kind."""
    require_fields(values, Step, "a step")
    unit, size = values["unit"], values["size"]
    require(type(size) is int and 1 <= size < _FARTHEST, f"a step has the size {size!r}")
    require(type(values["source"]) is str and values["clock"] in ("wall", "UTC"), "a step has no source or clock")
    of_times = kind.removeprefix("series, ")
    units: tuple[str, ...] = ("row",)
    if of_times.startswith("datetimes"):
        units = ("row", *_ABSOLUTE, *CALENDAR_UNITS)
    elif of_times.startswith("periods of "):
        units = ("row", of_times.removeprefix("periods of "))
    elif of_times == "whole numbers":
        units = ("row", "integer")
    require(type(unit) is str and unit in units, f"a step in {unit!r} is not one of {kind}")
    origin = None if values["origin"] is None else key_from_plain(values["origin"])
    built = {"anchor": _anchor(values["anchor"], unit), "origin": origin, "dates": _dates(values, kind, origin)}
    return Step(**{field.name: built.get(field.name, values[field.name]) for field in fields(Step)})


def _anchor(value: Any, unit: str) -> Any:
    if unit == "month":
        require((type(value) is int and 1 <= value <= 31) or value in _ANCHORS, f"no month has the day {value!r}")
        return value
    if unit != "business day" or value == 0:
        require(type(value) is int and value == 0, f"a step in {unit} has the anchor {value!r}")
        return value
    pair = isinstance(value, list) and len(value) == 2 and isinstance(value[1], list)
    require(pair and all(type(day) is str for day in [value[0], *value[1]]), "business days have no week and days off")
    try:
        np.busdaycalendar(value[0], np.array(value[1], dtype="datetime64[D]"))
    except ValueError as error:
        raise ValueError(f"State does not fit: {error}.") from error
    return value[0], tuple(value[1])


def _dates(values: Mapping[str, Any], kind: str, origin: Any) -> Any:
    """The rule or list of a step of unit "date", or the step by which dates of rows go on."""
    dates, unit = values["dates"], values["unit"]
    require((origin is None) or unit == "date", f"a step in {unit} has an origin")
    if unit == "row":
        require(
            dates is None or kind.removeprefix("series, ").startswith("datetimes"), "rows without dates go on by some"
        )
        return None if dates is None else _step(dates, kind)
    if unit != "date":
        require(dates is None, f"a step in {unit} has dates")
        return None
    require(isinstance(dates, dict), "a step has no dates")
    found = freq_from_plain(dates)
    is_rule = "offset" in dates
    naive = hasattr(origin, "tz") and origin.tz is None
    require(naive if is_rule else origin is None, "the dates of a step do not begin where it says")
    ascends = is_rule or (
        hasattr(found, "tz") and found.tz is None and found.is_monotonic_increasing and found.is_unique
    )
    require(ascends, "the dates of a step do not ascend")
    return found


def check_rows(values: Any, n_rows: int, n_columns: int, label: str) -> Array:
    """A table of numbers, float32 or float64; NaN stands for a missing one."""
    real = is_packed(values) and values.dtype in (np.float32, np.float64)
    require(real and values.shape == (n_rows, n_columns), f"{label} are no table of {n_rows} x {n_columns} numbers")
    require(not np.isinf(values).any(), f"{label} are infinite")
    return np.asarray(values)

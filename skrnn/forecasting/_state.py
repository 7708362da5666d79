"""What a forecaster remembers, as plain data: its setup, the history of every series, and its regressor."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields
from numbers import Real
from typing import Any, ClassVar, Self

import numpy as np
import pandas as pd

from skrnn._plain import is_finite_array, is_packed, is_size, require, require_fields
from skrnn._state import PlainState
from skrnn.forecasting._features import CALENDAR, Roles
from skrnn.forecasting._panel import Channel, History, Panel
from skrnn.forecasting._setup import CHANNEL, Setup
from skrnn.forecasting._transform import TRANSFORMS
from skrnn.windowing import (
    check_rows,
    freq_from_plain,
    index_from_plain,
    is_counts,
    key_from_plain,
    keys_from_plain,
    kind_of_times,
    plain_freq,
    plain_index,
    plain_key,
    plain_steps,
    steps_from_plain,
)

__all__ = ["ForecasterState"]

_OF_KEYS = ("target", "past", "future", "static")
_COUNTS = ("n_samples_", "n_filled_")
_MOST = 2**62


class ForecasterState(PlainState):
    """The regressor is stored as it stores itself; all else is checked here."""

    _of_fit: ClassVar[tuple[str, ...]] = (
        "estimator_",
        "calibration_errors_",
        "_setup",
        "_panel",
        "_statistics",
        *_COUNTS,
    )

    def __copy__(self) -> Self:
        """With the same parts, whatever they are."""
        copied = type(self).__new__(type(self))
        vars(copied).update(vars(self))
        return copied

    def _plain_fit(self, fitted: dict[str, Any]) -> Any:
        statistics = fitted["_statistics"]
        return {
            **{name: int(fitted[name]) for name in _COUNTS},
            "estimator": fitted["estimator_"],
            "calibration_errors": fitted["calibration_errors_"],
            "setup": _plain_setup(fitted["_setup"]),
            "panel": _plain_panel(fitted["_panel"]),
            "statistics": {
                "keys": [_plain_channel(key) for key in statistics],
                "values": np.array(list(statistics.values()), dtype=np.float64),
            },
        }

    def _read_fit(self, values: Any, parameters: dict[str, Any]) -> dict[str, Any]:
        names = {"estimator", "calibration_errors", "setup", "panel", "statistics", *_COUNTS}
        require(isinstance(values, dict) and set(values) == names, f"a forecaster has {', '.join(sorted(names))}")
        for name in _COUNTS:
            require(is_size(values[name], 0), f"{name} is no count")
        regressor = values["estimator"]
        predicts = callable(getattr(regressor, "predict", None)) and not isinstance(regressor, type)
        require(predicts, "estimator_ has no method predict")
        setup, panel = _setup(values["setup"]), _panel(values["panel"])
        for column in (
            *(setup.channels or setup.roles.target),
            *setup.roles.past,
            *setup.roles.future,
            *setup.roles.static,
        ):
            require(column in panel.columns, f"the data have no column {column!r}")
        errors = values["calibration_errors"]
        if errors is not None:
            good = is_finite_array(errors, "f8", 3) and errors.shape[1:] == (setup.horizon, setup.n_targets)
            require(good and bool((errors >= 0).all()), "calibration_errors_ are no errors of these forecasts")
        return {
            **{name: values[name] for name in _COUNTS},
            "estimator_": regressor,
            "calibration_errors_": errors,
            "_setup": setup,
            "_panel": panel,
            "_statistics": _statistics(values["statistics"], setup),
        }

    def _plain_parameters(self, parameters: dict[str, Any]) -> dict[str, Any]:
        return {**parameters, "freq": plain_freq(parameters["freq"])}

    def _read_parameters(self, parameters: dict[str, Any]) -> dict[str, Any]:
        return {**parameters, "freq": freq_from_plain(parameters["freq"])}


def _plain_setup(setup: Setup) -> dict[str, Any]:
    roles = {name: [plain_key(column) for column in getattr(setup.roles, name)] for name in _OF_KEYS}
    return {
        **vars(setup),
        "roles": {**roles, "calendar": list(setup.roles.calendar)},
        "transforms": list(setup.transforms),
        "channels": [plain_key(column) for column in setup.channels],
        "bounds": [None if bound is None else float(bound) for bound in setup.bounds],
    }


def _is_keys(value: Any) -> bool:
    return isinstance(value, list)


def _among(choices: Any) -> Callable[[Any], bool]:
    """A list of different ones out of these."""
    return lambda value: (
        isinstance(value, list) and all(type(one) is str and one in choices and value.count(one) == 1 for one in value)
    )


def _is_bounds(value: Any) -> bool:
    pair = isinstance(value, list) and len(value) == 2
    return pair and all(bound is None or (isinstance(bound, Real) and bound == bound) for bound in value)


_SETUP: dict[str, Callable[[Any], bool]] = {
    "roles": lambda value: isinstance(value, dict),
    "window": is_size,
    "horizon": is_size,
    "level": lambda value: value in ("last", "mean", None),
    "spread": lambda value: value in ("std", None),
    "transforms": lambda value: isinstance(value, list) and all(one in TRANSFORMS for one in value),
    "season": is_size,
    "sequences": lambda value: type(value) is bool,
    "complete": lambda value: type(value) is bool,
    "channels": _is_keys,
    "bounds": _is_bounds,
    "partial": lambda value: type(value) is bool,
}


def _setup(values: Any) -> Setup:
    """The checked setup."""
    require_fields(values, Setup, "the setup")
    for name, fits in _SETUP.items():
        require(fits(values[name]), f"{name} of the setup is {values[name]!r}")
    given = values["roles"]
    require_fields(given, Roles, "the roles of columns")
    require(_among(CALENDAR)(given["calendar"]), f"the calendar {given['calendar']!r} is not known")
    require(all(map(_is_keys, (given[name] for name in _OF_KEYS))) and bool(given["target"]), "a role has no columns")
    keys = {name: tuple(key_from_plain(column) for column in given[name]) for name in _OF_KEYS}
    built: dict[str, Any] = {
        "roles": Roles(calendar=tuple(given["calendar"]), **keys),
        "transforms": tuple(values["transforms"]),
        "channels": tuple(key_from_plain(column) for column in values["channels"]),
        "bounds": tuple(values["bounds"]),
    }
    require(not built["channels"] or keys["target"] == (CHANNEL,), "channels have no target of their own")
    return Setup(**{field.name: built.get(field.name, values[field.name]) for field in fields(Setup)})


def _plain_channel(key: Any) -> Any:
    """The key of a series, or of one column of it."""
    return (
        {"of": plain_key(key.series), "column": plain_key(key.column)} if isinstance(key, Channel) else plain_key(key)
    )


def _channel(values: Any) -> Any:
    if isinstance(values, dict) and set(values) == {"of", "column"}:
        return Channel(key_from_plain(values["of"]), key_from_plain(values["column"]))
    return key_from_plain(values)


def _statistics(values: Any, setup: Setup) -> dict[Any, Any]:
    """Centre and scale (2, k) of each series that the regressor learnt from."""
    known = isinstance(values, dict) and set(values) == {"keys", "values"} and isinstance(values["keys"], list)
    require(known, "the statistics of the series are not known")
    keys, numbers = [_channel(key) for key in values["keys"]], values["values"]
    shape = (len(keys), 2, setup.n_targets)
    good = is_finite_array(numbers, "f8", 3) and is_packed(numbers) and numbers.shape == shape
    require(good and bool((numbers[:, 1] > 0).all()), "the statistics of the series are no centres and scales")
    require(len(set(keys)) == len(keys), "a series has its statistics twice")
    return dict(zip(keys, numbers, strict=True))


def _plain_panel(panel: Panel) -> dict[str, Any]:
    """All histories as one table, one after the other."""
    histories = panel.histories
    times = histories[0].times
    times = times.append([history.times for history in histories[1:]]) if len(histories) > 1 else times
    return {
        "layout": panel.layout,
        "named": panel.named,
        "names": [plain_key(name) for name in panel.names],
        "columns": [plain_key(column) for column in panel.columns],
        "kind": panel.kind,
        "step": plain_steps([panel.step]),
        "freq": plain_freq(panel.freq),
        "keys": [plain_key(history.key) for history in histories],
        "steps": plain_steps([history.step for history in histories]),
        "sizes": np.array([len(history.times) for history in histories]),
        "times": plain_index(times),
        "values": np.concatenate([history.values for history in histories]),
        "positions": np.concatenate([history.positions for history in histories]),
    }


def _panel(values: Any) -> Panel:
    """The checked panel."""
    names = {*(field.name for field in fields(Panel)), "keys", "steps", "sizes", "times", "values", "positions"}
    names -= {"histories"}
    require(isinstance(values, dict) and set(values) == names, f"the history needs {', '.join(sorted(names))}")
    layout = values["layout"]
    require(layout in ("series", "frame", "panel") and type(values["named"]) is bool, f"no data are a {layout!r}")
    levels, columns = (_keys(values[name], name) for name in ("names", "columns"))
    require((len(levels) > 1) == (layout == "panel") and bool(levels and columns), f"a {layout} has no such levels")
    times, sizes = index_from_plain(values["times"]), values["sizes"]
    kind = ("series, " if layout == "panel" else "") + kind_of_times(times)
    require(values["kind"] == kind, f"the times are {kind}, not {values['kind']!r}")
    keys = keys_from_plain(values["keys"], kind)
    depth = len(levels) <= 2 or all(isinstance(key, tuple) and len(key) == len(levels) - 1 for key in keys)
    require(depth, "the names of the series have other levels than the index")
    require(is_counts(sizes, len(keys), 1) and int(sizes.sum()) == len(times), "the histories have no sizes")
    table = check_rows(values["values"], len(times), len(columns), "the histories")
    positions = values["positions"]
    require(is_counts(positions, len(times), -_MOST) and bool((positions <= _MOST).all()), "the rows have no positions")
    require(table.dtype == np.float64, "the histories are not float64")
    freq = freq_from_plain(values["freq"])
    require(freq is None or type(freq) is str or hasattr(freq, "kwds"), "freq of the history is no frequency")
    times = times.rename(levels[-1])
    histories = [
        _history(key, step, times[a:b], table[a:b], positions[a:b])
        for key, step, a, b in zip(
            keys,
            steps_from_plain(values["steps"], len(keys), kind),
            np.cumsum(sizes) - sizes,
            np.cumsum(sizes),
            strict=True,
        )
    ]
    step = steps_from_plain(values["step"], 1, kind)[0]
    return Panel(layout, values["named"], levels, columns, kind, step, freq, histories)


def _keys(values: Any, label: str) -> list[Any]:
    require(isinstance(values, list), f"{label} of the history are a {type(values).__name__}, not a list")
    return [key_from_plain(value) for value in values]


def _history(key: Any, step: Any, times: pd.Index, values: Any, positions: Any) -> History:
    """One series, whose rows ascend."""
    apart = np.diff(positions)
    require(bool((apart > 0).all()) and times.is_monotonic_increasing and times.is_unique, "the rows do not ascend")
    starts = np.concatenate([[0], np.flatnonzero(apart != step.size) + 1]).astype(np.intp)
    return History(key, step, times, values, positions, starts)

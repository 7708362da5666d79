"""What a forecaster remembers, as plain data: its setup, the history of every series, and its regressor."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields, replace
from numbers import Real
from typing import Any, ClassVar, Self

import numpy as np
import pandas as pd

from skrnn._plain import is_finite_array, is_packed, is_size, require, require_fields
from skrnn._state import OF_COLUMNS, PlainState, columns_of_fit
from skrnn.forecasting._calendar import CALENDAR, is_holiday
from skrnn.forecasting._calibration import Calibration, Fold
from skrnn.forecasting._features import Roles
from skrnn.forecasting._learnt import Learnt
from skrnn.forecasting._panel import Panel
from skrnn.forecasting._setup import CHANNEL, ENCODINGS, Setup
from skrnn.forecasting._state_of_series import MOST, panel_from_plain, plain_panel
from skrnn.forecasting._table import Channel
from skrnn.forecasting._transform import is_transform
from skrnn.forecasting._validation import plain_scores, scores_from_plain
from skrnn.windowing import (
    freq_from_plain,
    index_from_plain,
    is_counts,
    key_from_plain,
    kind_of_times,
    plain_freq,
    plain_index,
    plain_key,
)

__all__ = ["ForecasterState"]

_OF_KEYS = ("target", "past", "future", "static")
_COUNTS = ("n_samples_", "n_filled_")


class ForecasterState(PlainState):
    """The regressor, and transformers of targets, are stored as they store themselves; all else is checked here."""

    _of_fit: ClassVar[tuple[str, ...]] = (
        "estimator_",
        "_setup",
        "_panel",
        "_statistics",
        "_calibration",
        "_learnt_until",
        "validation_scores_",
        *_COUNTS,
        *OF_COLUMNS,
    )

    def __copy__(self) -> Self:
        """With the same parts, whatever they are."""
        copied = type(self).__new__(type(self))
        vars(copied).update(vars(self))
        return copied

    def _plain_fit(self, fitted: dict[str, Any]) -> Any:
        learnt = Learnt(fitted["estimator_"], fitted["_setup"], fitted["_panel"], fitted["_statistics"])
        return {
            **{name: int(fitted[name]) for name in _COUNTS},
            "columns": {name: fitted[name] for name in OF_COLUMNS if name in fitted},
            "learnt": _plain_learnt(learnt),
            "panel": plain_panel(fitted["_panel"]),
            "calibration": _plain_calibration(fitted["_calibration"]),
            "until": _by_key(fitted["_learnt_until"], lambda times: plain_index(pd.Index(times))),
            "scores": plain_scores(fitted["validation_scores_"]),
        }

    def _read_fit(self, values: Any, parameters: dict[str, Any]) -> dict[str, Any]:
        names = {"learnt", "panel", "calibration", "until", "columns", "scores", *_COUNTS}
        values = {"scores": None, **values} if isinstance(values, dict) else values  # as earlier versions were
        require(isinstance(values, dict) and set(values) == names, f"a forecaster has {', '.join(sorted(names))}")
        for name in _COUNTS:
            require(is_size(values[name], 0), f"{name} is no count")
        panel = panel_from_plain(values["panel"])
        learnt = _learnt(values["learnt"], panel)
        keys, until = _from_keys(values["until"], "the ends of fit")
        ends = index_from_plain(until)
        columns = columns_of_fit(values["columns"])
        require(columns["n_features_in_"] <= len(panel.columns), "the data had fewer columns")
        same = kind_of_times(ends) == panel.kind.removeprefix("series, ") and len(ends) == len(keys)
        require(same, "fit ended at no times of the history")
        return {
            **{name: values[name] for name in _COUNTS},
            **columns,
            "estimator_": learnt.regressor,
            "_setup": learnt.setup,
            "_panel": panel,
            "_statistics": learnt.statistics,
            "_calibration": _calibration(values["calibration"], learnt),
            "_learnt_until": dict(zip(keys, ends, strict=True)),
            "validation_scores_": scores_from_plain(values["scores"]),
        }

    def _upgraded(self, state: dict[str, Any], form: int) -> dict[str, Any]:
        return {"embed_series": False, **state}

    def _plain_parameters(self, parameters: dict[str, Any]) -> dict[str, Any]:
        return {**parameters, "freq": plain_freq(parameters["freq"])}

    def _read_parameters(self, parameters: dict[str, Any]) -> dict[str, Any]:
        return {**parameters, "freq": freq_from_plain(parameters["freq"])}


def _plain_learnt(learnt: Learnt) -> dict[str, Any]:
    return {
        "regressor": learnt.regressor,
        "setup": _plain_setup(learnt.setup),
        "statistics": _by_key(learnt.statistics, lambda numbers: np.array(numbers, dtype=np.float64)),
    }


def _learnt(values: Any, panel: Panel) -> Learnt:
    """The checked regressor, and what it needs to forecast such series."""
    known = isinstance(values, dict) and set(values) == {"regressor", "setup", "statistics"}
    require(known, "what was learnt is not known")
    regressor = values["regressor"]
    predicts = callable(getattr(regressor, "predict", None)) and not isinstance(regressor, type)
    require(predicts, "estimator_ has no method predict")
    setup = _setup(values["setup"])
    for column in (
        *(setup.channels or setup.roles.target),
        *(setup.roles.past + setup.roles.future + setup.roles.static),
    ):
        require(column in panel.columns, f"the data have no column {column!r}")
    counts = dict(setup.categories)
    require(len(counts) == len(setup.categories), "a column has its categories twice")
    require(set(counts) == set(panel.categories), "the categories are not those of the data")
    for column, count in counts.items():
        require(count <= len(panel.categories[column]), f"the data have fewer categories of {column!r}")
    return Learnt(regressor, setup, panel, _statistics(values["statistics"], setup))


def _plain_calibration(calibration: Calibration | None) -> Any:
    if calibration is None:
        return None
    return {
        "folds": [
            {"learnt": _plain_learnt(fold.learnt), "first": _plain_places(fold.first)} for fold in calibration.folds
        ],
        "last": _plain_places(calibration.last),
        "blocks": [np.ascontiguousarray(block) for block in calibration.blocks],
        "ratios": [np.ascontiguousarray(ratio) for ratio in calibration.ratios],
    }


def _plain_places(places: Any) -> dict[str, Any]:
    return _by_key(places, lambda numbers: np.array(numbers, dtype=np.int64))


def _calibration(values: Any, learnt: Learnt) -> Calibration | None:
    """The checked errors, and the model that made them."""
    if values is None:
        return None
    require_fields(values, Calibration, "the calibration")
    setup, blocks, ratios = learnt.setup, values["blocks"], values["ratios"]
    last = _places(values["last"], "last of the calibration")
    require(isinstance(values["folds"], list) and bool(values["folds"]), "the calibration has no models")
    folds = tuple(_fold(fold, learnt, last) for fold in values["folds"])
    require(isinstance(blocks, list) and bool(blocks), "the calibration has no errors")
    n_heads = 1 + len(setup.quantiles)
    for block in blocks:
        good = _is_table(block) and block.ndim == 4
        require(good and block.shape[1:3] == (setup.horizon, setup.n_targets), "errors are not those of the forecasts")
        require(block.shape[3] == n_heads, "errors are not of one model")
    require(isinstance(ratios, list) and len(ratios) == len(blocks), "the errors have no ratios")
    for ratio in ratios:
        good = is_finite_array(ratio, "f8", 3) and is_packed(ratio) and bool((ratio > 0).all())
        require(
            good and ratio.shape == (setup.horizon, setup.n_targets, n_heads - 1), "ratios are not those of quantiles"
        )
    return Calibration(folds, last, tuple(blocks), tuple(ratios))


def _fold(values: Any, learnt: Learnt, last: dict[Any, int]) -> Fold:
    """A checked model of the calibration, and where it was measured."""
    require_fields(values, Fold, "a model of the calibration")
    older = _learnt(values["learnt"], replace(learnt.panel, histories=[]))
    alike = ("horizon", "n_targets", "quantiles")
    same = all(getattr(older.setup, name) == getattr(learnt.setup, name) for name in alike)
    require(same, "the calibration is that of another model")
    first = _places(values["first"], "first of the calibration")
    require(set(first) <= set(last), "a series has no last row")
    return Fold(older, first)


def _places(values: Any, label: str) -> dict[Any, int]:
    """Positions of rows by series."""
    keys, numbers = _from_keys(values, label)
    good = is_counts(numbers, len(keys), -MOST) and bool((numbers <= MOST).all())
    require(good, f"{label} says no rows")
    return dict(zip(keys, numbers.tolist(), strict=True))


def _is_table(value: Any) -> bool:
    """Numbers of which some may be missing."""
    return is_packed(value) and value.dtype == np.float64 and not np.isinf(value).any()


def _by_key(values: Any, plain: Callable[[list[Any]], Any]) -> dict[str, Any]:
    """A dict by series as keys and one array."""
    return {"keys": [_plain_channel(key) for key in values], "values": plain(list(values.values()))}


def _from_keys(values: Any, label: str) -> tuple[list[Any], Any]:
    """The keys of such a dict, all different, and its values."""
    known = isinstance(values, dict) and set(values) == {"keys", "values"} and isinstance(values["keys"], list)
    require(known, f"{label} are not known")
    keys = [_channel(key) for key in values["keys"]]
    require(len(set(keys)) == len(keys), f"{label} has a series twice")
    return keys, values["values"]


def _plain_setup(setup: Setup) -> dict[str, Any]:
    roles = {name: [plain_key(column) for column in getattr(setup.roles, name)] for name in _OF_KEYS}
    return {
        **vars(setup),
        "roles": {**roles, "calendar": list(setup.roles.calendar)},
        "transforms": list(setup.transforms),
        "quantiles": list(setup.quantiles),
        "channels": [plain_key(column) for column in setup.channels],
        "bounds": [None if bound is None else float(bound) for bound in setup.bounds],
        "categories": [[plain_key(column), count] for column, count in setup.categories],
        "series": [_plain_channel(key) for key in setup.series],
    }


def _is_keys(value: Any) -> bool:
    return isinstance(value, list)


def _is_count(value: Any) -> bool:
    """The name of a column, and how many categories it has."""
    return isinstance(value, list) and len(value) == 2 and is_size(value[1], 0)


def _is_calendar(value: Any) -> bool:
    """A list of different attributes of times."""
    known = isinstance(value, list) and all(type(one) is str and value.count(one) == 1 for one in value)
    return known and all(one in CALENDAR or is_holiday(one) for one in value)


def _are_levels(value: Any) -> bool:
    return isinstance(value, list) and all(type(one) is float and 0 < one < 1 for one in value)


def _is_bounds(value: Any) -> bool:
    pair = isinstance(value, list) and len(value) == 2
    return pair and all(bound is None or (isinstance(bound, Real) and bound == bound) for bound in value)


_SETUP: dict[str, Callable[[Any], bool]] = {
    "roles": lambda value: isinstance(value, dict),
    "window": is_size,
    "horizon": is_size,
    "level": lambda value: value in ("last", "mean", "season", None),
    "spread": lambda value: value in ("std", None),
    "transforms": lambda value: isinstance(value, list) and all(map(is_transform, value)),
    "season": is_size,
    "sequences": lambda value: type(value) is bool,
    "complete": lambda value: type(value) is bool,
    "channels": _is_keys,
    "bounds": _is_bounds,
    "reach": is_size,
    "partial": lambda value: type(value) is bool,
    "positive": lambda value: type(value) is bool or (type(value) is str and value == "counts"),
    "quantiles": _are_levels,
    "categories": lambda value: isinstance(value, list) and all(map(_is_count, value)),
    "series": _is_keys,
    "encoding": lambda value: type(value) is str and value in ENCODINGS,
    "fills": lambda value: type(value) is bool,
}
_EARLIER = {"categories": [], "series": [], "encoding": "steps", "fills": False}  # as earlier versions were


def _setup(values: Any) -> Setup:
    """The checked setup."""
    values = {**_EARLIER, **values} if isinstance(values, dict) else values
    require_fields(values, Setup, "the setup")
    for name, fits in _SETUP.items():
        require(fits(values[name]), f"{name} of the setup is {values[name]!r}")
    given = values["roles"]
    require_fields(given, Roles, "the roles of columns")
    require(_is_calendar(given["calendar"]), f"the calendar {given['calendar']!r} is not known")
    require(all(map(_is_keys, (given[name] for name in _OF_KEYS))) and bool(given["target"]), "a role has no columns")
    keys = {name: tuple(key_from_plain(column) for column in given[name]) for name in _OF_KEYS}
    built: dict[str, Any] = {
        "roles": Roles(calendar=tuple(given["calendar"]), **keys),
        "transforms": tuple(values["transforms"]),
        "channels": tuple(key_from_plain(column) for column in values["channels"]),
        "bounds": tuple(values["bounds"]),
        "quantiles": tuple(values["quantiles"]),
        "categories": tuple((key_from_plain(column), count) for column, count in values["categories"]),
        "series": tuple(_channel(key) for key in values["series"]),
    }
    require(len(set(built["series"])) == len(built["series"]), "a series is told apart twice")
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
    keys, numbers = _from_keys(values, "the statistics of the series")
    shape = (len(keys), 2, setup.n_targets)
    good = is_finite_array(numbers, "f8", 3) and is_packed(numbers) and numbers.shape == shape
    require(good and bool((numbers[:, 1] > 0).all()), "the statistics of the series are no centres and scales")
    return dict(zip(keys, numbers, strict=True))

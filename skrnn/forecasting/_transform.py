"""Transformations of a target, and their exact inverses on what follows.

The axis of time is the last but one: (…, n_rows, k). A transformation is a name, or a scikit-learn transformer that was
fitted on the rows of all series.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from sklearn.base import clone
from sklearn.utils import get_tags

from skrnn._types import Doubles, Integers
from skrnn._warnings import warn_caller

__all__ = [
    "TRANSFORMS",
    "apply",
    "carried",
    "fitted",
    "invert",
    "is_transform",
    "leading_pointwise",
    "read_transforms",
    "total_lag",
]


TRANSFORMS = ("log", "log1p", "sqrt", "signed_sqrt", "difference", "seasonal_difference")
_DIFFERENCES = ("difference", "seasonal_difference")
_POINTWISE: dict[str, tuple[Callable[[Doubles], Doubles], Callable[[Doubles], Doubles]]] = {
    "log": (np.log, np.exp),
    "log1p": (np.log1p, np.expm1),
    "sqrt": (np.sqrt, np.square),
    "signed_sqrt": (
        lambda values: np.sign(values) * np.sqrt(np.abs(values)),
        lambda roots: roots * np.abs(roots) + 0.0,
    ),
}
_BOUNDS = {"log": (0.0, False), "log1p": (-1.0, False), "sqrt": (0.0, True)}  # and whether it may be reached
_CLOSE = 1e-3  # of the range of the values, that a transformation and its inverse may lose
_ROUNDED = 1e-6  # of the values
_METHODS = ("fit", "transform", "inverse_transform")


def is_transform(value: Any) -> bool:
    """Whether a value is a known name, or a transformer with an inverse."""
    if isinstance(value, str):
        return value in TRANSFORMS
    return not isinstance(value, type) and all(callable(getattr(value, name, None)) for name in _METHODS)


def read_transforms(value: Any) -> tuple[Any, ...]:
    """A parameter's value as names and transformers, in order.

    Raises
    ------
    ValueError
        For what is neither a known name nor a transformer with an inverse.
    """
    items = () if value is None else tuple(value) if isinstance(value, (list, tuple)) else (value,)
    for item in items:
        if isinstance(item, str) and item == "auto":
            raise ValueError("target_transform='auto' stands alone. Leave it out of the list, or the list out.")
        if not is_transform(item):
            raise ValueError(
                f"target_transform={item!r} is not known; choose from {', '.join(TRANSFORMS)}, or give a transformer "
                "with fit, transform and inverse_transform."
            )
    return items


def fitted(
    items: Sequence[Any], values: Doubles, season: int | None, before: Integers, again: bool = False
) -> tuple[Any, ...]:
    """The transformations, with a clone of each transformer fitted on the rows (n_rows, k) of all series; ``before`` as
    in `apply`. A warning, unless it is done ``again``, says which is not undone by its inverse.
    """
    if all(isinstance(item, str) for item in items):
        return tuple(items)
    done: list[Any] = []
    for item in items:
        if not isinstance(item, str):
            item = clone(item).fit(values[_usable(item, values)])
            if not again:
                _warn_of_inverse(item, values)
        done.append(item)
        values = apply(values, [item], season, "the series", before)
    return tuple(done)


def apply(
    values: Doubles,
    names: Sequence[Any],
    season: int | None,
    label: str | Callable[[int], str],
    before: Integers | None = None,
) -> Doubles:
    """Transform series, one transformation after the other; a difference starts with NaN.

    ``before`` is for a table (n_rows, k) of several: how many rows of its run come before each row. ``label`` is the
    name of the series for a message, or gives that of an item of the first axis.
    """
    for name in names:
        if not isinstance(name, str):
            values = _through(name, name.transform, values)
        elif name in _POINTWISE:
            _check_bound(values, name, label)
            values = _POINTWISE[name][0](values)
        else:
            lag = _lag(name, season)
            head = np.full_like(values[..., :lag, :], np.nan)
            values = np.concatenate([head, values[..., lag:, :] - values[..., :-lag, :]], axis=-2)
            if before is not None:
                values[before < lag] = np.nan
    return values


def _check_bound(values: Doubles, name: str, label: str | Callable[[int], str]) -> None:
    if name not in _BOUNDS:
        return
    bound, reached = _BOUNDS[name]
    lowest = np.fmin.reduce(values, axis=None, initial=np.inf)
    if lowest < bound or (lowest == bound and not reached):
        where = label if isinstance(label, str) else label(int(np.argwhere(values == lowest)[0, 0]))
        words = f"{'of at least' if reached else 'above'} {bound:g}"
        raise ValueError(f"target_transform={name!r} needs values {words}; {where} has {lowest:g}.")


def invert(forecast: Doubles, values: Doubles, names: Sequence[Any], season: int | None) -> Doubles:
    """Undo the transformations on what follows (…, n_steps, k) the untransformed rows ``values`` (…, n_rows, k)."""
    stages = [values]
    differs = any(map(_is_difference, names))  # nothing else looks at the rows before
    for name in names[:-1]:
        stages.append(apply(stages[-1], [name], season, "the series") if differs else values)
    for name, before in zip(reversed(names), reversed(stages), strict=bool(names)):
        if not isinstance(name, str):
            forecast = _through(name, name.inverse_transform, forecast)
            continue
        if name in _POINTWISE:
            forecast = _POINTWISE[name][1](np.maximum(forecast, 0) if name == "sqrt" else forecast)
            continue
        lag = _lag(name, season)
        whole = np.concatenate([before[..., before.shape[-2] - lag :, :], np.empty_like(forecast)], axis=-2)
        for step in range(forecast.shape[-2]):
            whole[..., lag + step, :] = whole[..., step, :] + forecast[..., step, :]
        forecast = whole[..., lag:, :]
    return forecast


def carried(values: Doubles, lag: int) -> Doubles:
    """Rows (n_rows, k) with the value ``lag`` rows before, itself carried perhaps, in the place of a missing one."""
    values = values.copy()
    for row in np.flatnonzero(np.isnan(values).any(axis=1)):
        if row >= lag:
            values[row] = np.where(np.isnan(values[row]), values[row - lag], values[row])
    return values


def leading_pointwise(names: Sequence[Any]) -> int:
    """How many transformations come before the first difference."""
    return next((number for number, name in enumerate(names) if _is_difference(name)), len(names))


def total_lag(names: Sequence[Any], season: int | None) -> int:
    """Rows at the beginning of a series that the differences leave without a value."""
    return sum(_lag(name, season) for name in names if _is_difference(name))


def _is_difference(name: Any) -> bool:
    return isinstance(name, str) and name in _DIFFERENCES


def _warn_of_inverse(transformer: Any, values: Doubles) -> None:
    """Warn where a fitted transformer is not undone by its inverse, such as one of a function without any."""
    back = _through(transformer, transformer.inverse_transform, _through(transformer, transformer.transform, values))
    far = np.where(np.isnan(values), 0.0, np.abs(back - values))
    known = values[~np.isnan(values).any(axis=1)]
    if len(known) and far.max() > _CLOSE * np.ptp(known, axis=0).max() + _ROUNDED * np.abs(known).max():
        place = np.unravel_index(far.argmax(), far.shape)
        warn_caller(
            f"target_transform={transformer!r} is not undone by its inverse_transform, which makes {back[place]:g} of "
            f"{values[place]:g}: forecasts are off by as much. Give it an inverse, or use another.",
            UserWarning,
        )


def _usable(transformer: Any, rows: Doubles) -> Any:
    """Which rows (n, k) a transformer can take: all, or those without a missing value."""
    if hasattr(transformer, "__sklearn_tags__") and get_tags(transformer).input_tags.allow_nan:
        return np.ones(len(rows), dtype=bool)
    return ~np.isnan(rows).any(axis=1)


def _through(transformer: Any, method: Callable[[Doubles], Any], values: Doubles) -> Doubles:
    """Values (…, n_rows, k) through a method of a transformer, row by row."""
    rows = values.reshape(-1, values.shape[-1])
    usable, found = _usable(transformer, rows), np.full_like(rows, np.nan)
    if usable.any():
        made = method(rows[usable])
        if hasattr(made, "tocoo"):
            raise ValueError(
                f"target_transform={transformer!r} makes a sparse matrix, and targets are numbers in columns. Ask it "
                "for dense arrays of as many columns, or use another."
            )
        part = np.asarray(made, dtype=np.float64)
        if part.shape != rows[usable].shape:
            raise ValueError(
                f"target_transform={transformer!r} turns {rows.shape[1]} target column(s) into {part.shape[-1]}; it "
                "must keep their number and have an inverse."
            )
        found[usable] = part
    return found.reshape(values.shape)


def _lag(name: str, season: int | None) -> int:
    if name == "difference":
        return 1
    if season is None:
        raise ValueError("target_transform='seasonal_difference' needs season, the number of steps in a cycle.")
    return season

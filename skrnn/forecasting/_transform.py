"""Transformations of a target, and their exact inverses on what follows.

The axis of time is the last but one: (…, n_rows, k).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from skrnn._types import Doubles, Integers

__all__ = ["TRANSFORMS", "apply", "invert", "leading_pointwise", "total_lag"]


TRANSFORMS = ("log", "log1p", "sqrt", "difference", "seasonal_difference")
_POINTWISE = {"log": (np.log, np.exp), "log1p": (np.log1p, np.expm1), "sqrt": (np.sqrt, np.square)}
_BOUNDS = {"log": (0.0, False), "log1p": (-1.0, False), "sqrt": (0.0, True)}  # and whether it may be reached


def apply(
    values: Doubles,
    names: Sequence[str],
    season: int | None,
    label: str | Callable[[int], str],
    before: Integers | None = None,
) -> Doubles:
    """Transform series, one transformation after the other; a difference starts with NaN.

    ``before`` is for a table (n_rows, k) of several: how many rows of its run come before each row. ``label`` is the
    name of the series for a message, or gives that of an item of the first axis.
    """
    for name in names:
        if name in _POINTWISE:
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
    bound, reached = _BOUNDS[name]
    lowest = np.fmin.reduce(values, axis=None, initial=np.inf)
    if lowest < bound or (lowest == bound and not reached):
        where = label if isinstance(label, str) else label(int(np.argwhere(values == lowest)[0, 0]))
        words = f"{'of at least' if reached else 'above'} {bound:g}"
        raise ValueError(f"transform={name!r} needs values {words}; {where} has {lowest:g}.")


def invert(forecast: Doubles, values: Doubles, names: Sequence[str], season: int | None) -> Doubles:
    """Undo the transformations on what follows (…, n_steps, k) the untransformed rows ``values`` (…, n_rows, k)."""
    stages = [values]
    for name in names[:-1]:
        stages.append(apply(stages[-1], [name], season, "the series"))
    for name, before in zip(reversed(names), reversed(stages), strict=bool(names)):
        if name in _POINTWISE:
            forecast = _POINTWISE[name][1](np.maximum(forecast, 0) if name == "sqrt" else forecast)
            continue
        lag = _lag(name, season)
        whole = np.concatenate([before[..., before.shape[-2] - lag :, :], np.empty_like(forecast)], axis=-2)
        for step in range(forecast.shape[-2]):
            whole[..., lag + step, :] = whole[..., step, :] + forecast[..., step, :]
        forecast = whole[..., lag:, :]
    return forecast


def leading_pointwise(names: Sequence[str]) -> int:
    """How many transformations come before the first difference."""
    return next((number for number, name in enumerate(names) if name not in _POINTWISE), len(names))


def total_lag(names: Sequence[str], season: int | None) -> int:
    """Rows at the beginning of a series that the differences leave without a value."""
    return sum(_lag(name, season) for name in names if name not in _POINTWISE)


def _lag(name: str, season: int | None) -> int:
    if name == "difference":
        return 1
    if season is None:
        raise ValueError("transform='seasonal_difference' needs season, the number of steps in a cycle.")
    return season

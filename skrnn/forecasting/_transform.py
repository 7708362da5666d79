"""Transformations of a target, and their exact inverses on what follows."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

__all__ = ["TRANSFORMS", "apply", "invert", "total_lag"]

Doubles = NDArray[np.float64]

TRANSFORMS = ("log", "log1p", "sqrt", "difference", "seasonal_difference")
_POINTWISE = {"log": (np.log, np.exp), "log1p": (np.log1p, np.expm1), "sqrt": (np.sqrt, np.square)}


def apply(values: Doubles, names: Sequence[str], season: int | None, label: str) -> Doubles:
    """Transform a series (n_rows, k), one transformation after the other; a difference starts with NaN."""
    for name in names:
        if name in _POINTWISE:
            lowest = np.nanmin(values) if values.size else 1.0
            if lowest < 0 or (name == "log" and lowest == 0):
                bound = "above 0" if name == "log" else "of at least 0"
                raise ValueError(f"transform={name!r} needs values {bound}; {label} has {lowest:g}.")
            values = _POINTWISE[name][0](values)
        else:
            lag = _lag(name, season)
            values = np.concatenate([np.full_like(values[:lag], np.nan), values[lag:] - values[:-lag]])
    return values


def invert(forecast: Doubles, values: Doubles, names: Sequence[str], season: int | None) -> Doubles:
    """Undo the transformations on the values (n_steps, k) that follow the untransformed series ``values``."""
    if not names:
        return forecast
    stages = [values]
    for name in names[:-1]:
        stages.append(apply(stages[-1], [name], season, "the series"))
    for name, before in zip(reversed(names), reversed(stages), strict=True):
        if name in _POINTWISE:
            forecast = _POINTWISE[name][1](np.maximum(forecast, 0) if name == "sqrt" else forecast)
            continue
        lag = _lag(name, season)
        whole = np.concatenate([before[-lag:], np.empty_like(forecast)])
        for step in range(len(forecast)):
            whole[lag + step] = whole[step] + forecast[step]
        forecast = whole[lag:]
    return forecast


def total_lag(names: Sequence[str], season: int | None) -> int:
    """Rows at the beginning of a series that the differences leave without a value."""
    return sum(_lag(name, season) for name in names if name not in _POINTWISE)


def _lag(name: str, season: int | None) -> int:
    if name == "difference":
        return 1
    if season is None:
        raise ValueError("transform='seasonal_difference' needs season, the number of steps in a cycle.")
    return season

"""The checks of values that come back from a file: dicts of builtins and arrays, from which nothing is built yet."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import fields
from typing import Any

import numpy as np

__all__ = ["as_misfits", "is_finite_array", "is_packed", "is_size", "require", "require_fields"]

_ARRAYS = (np.ndarray, np.memmap)  # other subclasses have an arithmetic, or a shape, of their own


_MISFIT = "State does not fit: "


@contextmanager
def as_misfits() -> Iterator[None]:
    """While a state is read: whatever a value of another kind makes Python, NumPy or pandas raise is a misfit."""
    try:
        yield
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
        if str(error).startswith(_MISFIT):
            raise
        raise ValueError(f"{_MISFIT}{str(error).rstrip('.')}.") from error


def require(condition: bool, complaint: str) -> None:
    """Refuse a stored state."""
    if not condition:
        raise ValueError(f"{_MISFIT}{complaint}.")


def require_fields(values: Any, form: type, label: str) -> None:
    """A dict with the fields of a dataclass, no more and no fewer."""
    names = {field.name for field in fields(form)}
    require(isinstance(values, dict), f"{label} is a {type(values).__name__}, not a dict")
    require(set(values) == names, f"{label} has the names {sorted(map(str, values))}, expected {sorted(names)}")


def is_size(value: Any, least: int = 1) -> bool:
    """A plain int that can be a size."""
    return type(value) is int and least <= value < 2**31


def is_finite_array(value: Any, kind: str, n_axes: int | None = 1) -> bool:
    """An array of exactly this dtype (and number of axes), without NaN or infinity."""
    if type(value) not in _ARRAYS or value.dtype != np.dtype(kind):
        return False
    return n_axes in (None, value.ndim) and bool(np.isfinite(value).all())


def is_packed(value: Any) -> bool:
    """An array whose values lie one after the other in the order of its axes, as compiled code reads them."""
    return type(value) in _ARRAYS and value.flags.c_contiguous and value.flags.aligned

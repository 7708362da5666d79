"""Passes over large arrays, in pieces that stay in the cache from one operation to the next."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import Any

import numpy as np

from skrnn._compiling import compiles
from skrnn._types import Array, Doubles, Floats

__all__ = ["compiled_passes", "double_chunks", "frozen", "passes_for_columns", "row_chunks"]

_VALUES = 1 << 16  # half a megabyte in double precision
_LARGE = 1 << 19  # values from which on compiled passes save more than loading them costs
_COLUMNS = 64  # from which on they do, whatever the number of rows, where NumPy takes several calls for each column


def row_chunks(n_rows: int, n_columns: int = 1) -> list[slice]:
    """Consecutive slices of rows, each with about 65,000 values."""
    size = max(1, _VALUES // max(1, n_columns))
    return [slice(begin, min(begin + size, n_rows)) for begin in range(0, n_rows, size)]


def double_chunks(values: Floats) -> Iterator[tuple[slice, Doubles]]:
    """Slices of the rows of values (n, k) and a copy of these in double precision, without -0.0, to be written into.

    All copies lie in the same memory: what the system charges for fresh pages is more than the arithmetic.
    """
    rows = row_chunks(*values.shape)
    room = np.empty((rows[0].stop, values.shape[1])) if rows else np.empty((0, values.shape[1]))
    for part in rows:
        copy = room[: part.stop - part.start]
        np.add(values[part], 0.0, out=copy)
        yield part, copy


def compiled_passes(values: Floats) -> Any:
    """The compiled passes, where a table is large and there is a compiler that works; else None."""
    plain = values.flags.c_contiguous and values.dtype.char in "fd"
    return _passes() if plain and values.size >= _LARGE else None


def passes_for_columns(n_columns: int) -> Any:
    """The compiled passes, where there are many columns, each of which NumPy takes by itself; else None."""
    return _passes() if n_columns >= _COLUMNS else None


@cache
def _passes() -> Any:
    """The compiled passes, if the shortest of them can be compiled and called."""
    if not compiles():
        return None
    from skrnn.sequences import _compiled

    nothing = np.empty(0, np.int64)
    try:
        _compiled.follow(nothing, nothing)
    except MemoryError:  # which says nothing of the compiler, and may be over soon
        raise
    except Exception:  # whatever a broken one raises: NumPy does the same, and networks train on torch
        return None
    return _compiled


def frozen(values: Array) -> Array:
    """The same memory, which nobody may write into: compiled code knows one type of array then, not two."""
    view = values.view()
    view.flags.writeable = False
    return view

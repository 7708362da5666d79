"""The different values of a column, without sorting all of them where they can be looked up."""

from __future__ import annotations

import numpy as np

from skrnn._types import Array, Integers

__all__ = ["distinct"]

_CLOSE = 1 << 16  # integers that lie no further apart are looked up in a table


def distinct(values: Array) -> tuple[Array, Integers]:
    """The different values (n,) in their order, and which of them each is, as of `np.unique`, which sorts all of them:
    texts are looked up in a dict, and integers that lie close together in a table.
    """
    kind = values.dtype.kind
    if kind == "U" and values.dtype.itemsize == np.dtype("U1").itemsize and values.dtype.isnative:
        found, back = distinct(np.ascontiguousarray(values).view(np.uint32))
        return found.view(values.dtype), back
    if kind in "iu" and len(values):
        low, high = int(values.min()), int(values.max())
        if high - low < _CLOSE + len(values):
            least = values.dtype.type(low) if kind == "u" else np.int64(low)  # what is above it fits into either
            places = (values.astype(least.dtype, copy=False) - least).astype(np.intp, copy=False)
            there = np.bincount(places, minlength=high - low + 1) > 0
            found = np.flatnonzero(there).astype(least.dtype) + least
            return found.astype(values.dtype, copy=False), (np.cumsum(there) - 1)[places]
    if kind == "U" or (kind == "O" and set(map(type, values)) == {str}):
        texts = values.tolist()
        known = sorted(set(texts))
        number = {text: i for i, text in enumerate(known)}
        return np.array(known, values.dtype), np.fromiter(map(number.__getitem__, texts), np.intp, len(texts))
    found, back = np.unique(values, return_inverse=True)
    return found, back

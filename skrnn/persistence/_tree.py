"""An estimator as JSON and tensors, and back. Nothing is run or imported but the classes of the table.

JSON's null, booleans, numbers, texts and lists stand for themselves; an object with one name for everything else: a
tuple, a dict, an array, an estimator, ….
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator

from skrnn._types import Array
from skrnn.persistence._classes import class_named, name_of
from skrnn.persistence._layout import DTYPES, Tensor
from skrnn.persistence._skops import from_skops, to_skops

__all__ = ["Reader", "Writer"]

_RAW = re.compile(r"[<>|=]([biufcUS]\d{1,9}|[Mm]8(\[\w{1,8}\])?)")
_DEEPEST = 100


class Writer:
    """Turns a value into a tree, and gathers the arrays in it."""

    def __init__(self) -> None:
        self.tensors: dict[str, Array] = {}

    def tree(self, value: Any, place: str) -> Any:
        """The tree of a value; ``place`` is its name in messages and tensors.

        Raises
        ------
        TypeError
            If a file without code cannot hold it.
        """
        kind = type(value)
        if kind in (bool, int, str, type(None)):
            return value
        if kind is float:
            return value if math.isfinite(value) else {"float": repr(value)}
        if kind is list:
            return self._list(value, place)
        if kind is tuple:
            return {"tuple": self._list(value, place)}
        if isinstance(value, dict):
            pairs = [[self.tree(key, place), self.tree(item, f"{place}.{key}")] for key, item in value.items()]
            return {"dict": pairs}
        if kind is bytes:
            return {"bytes": value.hex()}
        if kind in (np.ndarray, np.memmap):
            return self._array(value, place)
        if isinstance(value, np.generic) and _RAW.fullmatch(value.dtype.str):
            return {"number": value.dtype.str, "hex": value.tobytes().hex()}
        if kind is np.random.RandomState:
            return {"random_state": self.tree(value.get_state(legacy=False), place)}
        name = name_of(value)
        if name is not None:
            return {"object": name, "state": self.tree(value.__getstate__(), place)}
        if isinstance(value, BaseEstimator):
            return {"skops": self._keep(np.frombuffer(to_skops(value, place), np.uint8), place)}
        raise TypeError(
            f"{place} is a {kind.__module__}.{kind.__qualname__}, which a file without code cannot hold. Use what the "
            "package names, or keep it with pickle, where you trust whoever can change the file."
        )

    def _list(self, values: Any, place: str) -> list[Any]:
        return [self.tree(value, f"{place}.{number}") for number, value in enumerate(values)]

    def _array(self, value: Array, place: str) -> dict[str, Any]:
        if value.dtype == object:
            return {"objects": self._list(value.ravel().tolist(), place), "shape": list(value.shape)}
        if value.dtype.str in DTYPES.values():
            return {"array": self._keep(value, place)}
        if not _RAW.fullmatch(value.dtype.str):
            raise TypeError(f"{place} is an array of {value.dtype}, which a file cannot hold.")
        raw = np.frombuffer(value.tobytes(), np.uint8)
        return {"raw": self._keep(raw, place), "dtype": value.dtype.str, "shape": list(value.shape)}

    def _keep(self, value: Array, place: str) -> str:
        name, number = place, 2
        while name in self.tensors or name == "__metadata__":
            name, number = f"{place} ({number})", number + 1
        self.tensors[name] = value
        return name


class Reader:
    """Turns a tree into a value; the arrays are views of the file's bytes, which nothing else uses."""

    def __init__(self, data: bytearray, tensors: Mapping[str, Tensor], max_bytes: int):
        self._data, self._tensors, self._max_bytes = data, dict(tensors), max_bytes
        self._readers: dict[frozenset[str], Callable[..., Any]] = {
            frozenset(["float"]): self._float,
            frozenset(["tuple"]): self._tuple,
            frozenset(["dict"]): self._dict,
            frozenset(["bytes"]): lambda depth, bytes: _hex(bytes),
            frozenset(["number", "hex"]): self._number,
            frozenset(["random_state"]): self._random_state,
            frozenset(["array"]): lambda depth, array: self._tensor(array),
            frozenset(["raw", "dtype", "shape"]): self._raw,
            frozenset(["objects", "shape"]): self._objects,
            frozenset(["object", "state"]): self._object,
            frozenset(["skops"]): lambda depth, skops: from_skops(self._tensor(skops), self._max_bytes),
        }

    def value(self, tree: Any, depth: int = 0) -> Any:
        """The value of a tree.

        Raises
        ------
        ValueError
            If it is none that a `Writer` makes, or an estimator refuses its state.
        """
        if depth > _DEEPEST:
            raise ValueError("its values are nested too deeply")
        if type(tree) is list:
            return [self.value(one, depth + 1) for one in tree]
        if type(tree) is not dict:
            return tree
        read = self._readers.get(frozenset(tree))
        if read is None:
            raise ValueError(f"it holds a value of an unknown kind: {', '.join(sorted(tree))[:99]}")
        return read(depth + 1, **tree)

    def finish(self) -> None:
        """Every tensor was read."""
        if self._tensors:
            raise ValueError(f"nothing uses the tensor {next(iter(self._tensors))!r}")

    def _tensor(self, name: Any) -> Array:
        if type(name) is not str or name not in self._tensors:
            raise ValueError(f"there is no tensor {name!r}, or it is used twice")
        dtype, shape, begin = self._tensors.pop(name)
        flat = np.frombuffer(self._data, dtype, math.prod(shape), begin)
        return flat.reshape(shape).astype(np.dtype(dtype).newbyteorder("="), copy=False)

    def _float(self, depth: int, float: Any) -> Any:
        if float not in ("nan", "inf", "-inf"):
            raise ValueError(f"{float!r} is no number")
        return np.float64(float).item()

    def _tuple(self, depth: int, tuple: Any) -> Any:
        return (*self.value(_listed(tuple), depth),)

    def _dict(self, depth: int, dict: Any) -> Any:
        found = {}
        for pair in _listed(dict):
            key, item = (self.value(part, depth) for part in _listed(pair, 2))
            if key in found:
                raise ValueError(f"the key {key!r} comes twice")
            found[key] = item
        return found

    def _number(self, depth: int, number: Any, hex: Any) -> Any:
        return np.frombuffer(_hex(hex), _dtype(number))[:1][0]

    def _raw(self, depth: int, raw: Any, dtype: Any, shape: Any) -> Array:
        return np.frombuffer(self._tensor(raw).tobytes(), _dtype(dtype)).reshape(_listed(shape)).copy()

    def _objects(self, depth: int, objects: Any, shape: Any) -> Array:
        found = np.empty(len(_listed(objects)), dtype=object)
        for place, tree in enumerate(objects):
            found[place] = self.value(tree, depth)
        return found.reshape(_listed(shape))

    def _random_state(self, depth: int, random_state: Any) -> Any:
        found = np.random.RandomState(0)
        found.set_state(self.value(random_state, depth))
        return found

    def _object(self, depth: int, object: Any, state: Any) -> Any:
        kind = class_named(object)
        found = kind.__new__(kind)
        found.__setstate__(self.value(state, depth))
        return found


def _listed(value: Any, size: int | None = None) -> list[Any]:
    if type(value) is not list or size not in (None, len(value)):
        raise ValueError("a list is expected")
    return value


def _hex(text: Any) -> bytes:
    if type(text) is not str:
        raise ValueError("bytes are written as a text")
    return bytes.fromhex(text)


def _dtype(name: Any) -> np.dtype[Any]:
    if type(name) is not str or not _RAW.fullmatch(name):
        raise ValueError(f"the dtype {name!r} is not known")
    return np.dtype(name)

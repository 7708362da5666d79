"""What the steps so far have left in a stream: checked where it comes back, from a file or from the user."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from skrnn._plain import require
from skrnn._types import Doubles

__all__ = ["StreamState"]

_MOST_STEPS = 2**62


class StreamState(NamedTuple):
    """The arrays by name (h and c, what is pooled, what a linear model reads; `Stream.state`), and the counts of steps.

    ``n_read``: how many states are pooled; None: none are.
    """

    arrays: Mapping[str, Doubles]
    n_steps: int
    n_pending: int
    begun: bool
    n_read: int | None = None

    def plain(self) -> dict[str, Any]:
        """As a dict of builtins and arrays."""
        values = self._asdict()
        return {**values.pop("arrays"), **{name: value for name, value in values.items() if value is not None}}

    @classmethod
    def from_plain(cls, values: Any, own: Mapping[str, Doubles], *, pools: bool) -> StreamState:
        """The checked state of such a dict, with arrays of the sizes of a stream's ``own``.

        Raises
        ------
        ValueError
            If it is not that of a stream with these sizes.
        """
        require(isinstance(values, dict), f"the state is a {type(values).__name__}, not a dict")
        names = {*own, "n_steps", "n_pending", "begun"} | ({"n_read"} if pools else set())
        found = sorted(map(str, values))
        require(set(values) == names, f"the state has the names {found}, the stream needs {sorted(names)}")
        arrays = {name: _doubles(values[name], name) for name in own}
        for name, value in arrays.items():
            size = own[name].shape
            require(value.shape == size, f"{name} has shape {value.shape}, the stream needs {size}")
        steps, pending, begun = values["n_steps"], values["n_pending"], values["begun"]
        counts = type(steps) is int and type(pending) is int and 0 <= pending <= steps <= _MOST_STEPS
        require(counts, "n_steps and n_pending are not numbers of steps, the second within the first")
        require(isinstance(begun, bool) and (begun or pending == steps), "begun does not fit the numbers of steps")
        read = values["n_read"] if pools else None
        require(read is None or (type(read) is int and 0 <= read <= steps), "n_read is not a number of these steps")
        counted = arrays.get("counts", np.zeros(0))
        require(bool(((counted >= 0) & (counted == np.rint(counted))).all()), "counts are no numbers of tokens")
        return cls(arrays, steps, pending, begun, read)


def _doubles(value: Any, name: str) -> Doubles:
    """A copy of an array of finite real numbers."""
    real = type(value) in (np.ndarray, np.memmap) and value.dtype.kind in "fiu"
    require(real, f"{name} is not an array of real numbers")
    numbers = np.array(value, dtype=np.float64, order="C")
    require(bool(np.isfinite(numbers).all()), f"{name} has values that are not finite")
    return numbers

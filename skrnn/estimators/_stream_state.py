"""What the steps so far have left in a stream: checked where it comes back, from a file or from the user."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from skrnn._plain import require
from skrnn._types import Doubles

__all__ = ["StreamState"]

_MOST_STEPS = 2**62


class StreamState(NamedTuple):
    """h and c (num_layers, H), the counts of steps, and the newest inputs (n_steps, F) of a linear model, if any."""

    h: Doubles
    c: Doubles
    n_steps: int
    n_pending: int
    begun: bool
    newest: Doubles | None

    def plain(self) -> dict[str, Any]:
        """As a dict of builtins and arrays."""
        return {name: value for name, value in self._asdict().items() if value is not None}

    @classmethod
    def from_plain(cls, values: Any, size: tuple[int, ...], newest: tuple[int, ...] | None) -> StreamState:
        """The checked state of such a dict, with arrays of these sizes.

        Raises
        ------
        ValueError
            If it is not that of a stream with these sizes.
        """
        require(isinstance(values, dict), f"the state is a {type(values).__name__}, not a dict")
        names = {"h", "c", "n_steps", "n_pending", "begun"} | (set() if newest is None else {"newest"})
        found = sorted(map(str, values))
        require(set(values) == names, f"the state has the names {found}, the stream needs {sorted(names)}")
        h, c = _doubles(values["h"], "h"), _doubles(values["c"], "c")
        good = h.shape == c.shape == size
        require(good, f"h and c have shapes {h.shape} and {c.shape}, the network needs {size}")
        steps, pending, begun = values["n_steps"], values["n_pending"], values["begun"]
        counts = type(steps) is int and type(pending) is int and 0 <= pending <= steps <= _MOST_STEPS
        require(counts, "n_steps and n_pending are not numbers of steps, the second within the first")
        require(isinstance(begun, bool) and (begun or pending == steps), "begun does not fit the numbers of steps")
        inputs = None
        if newest is not None:
            inputs = _doubles(values["newest"], "newest")
            require(inputs.shape == newest, f"newest has shape {inputs.shape}, the linear model needs {newest}")
        return cls(h, c, steps, pending, begun, inputs)


def _doubles(value: Any, name: str) -> Doubles:
    """A copy of an array of finite real numbers."""
    real = type(value) in (np.ndarray, np.memmap) and value.dtype.kind in "fiu"
    require(real, f"{name} is not an array of real numbers")
    numbers = np.array(value, dtype=np.float64, order="C")
    require(bool(np.isfinite(numbers).all()), f"{name} has values that are not finite")
    return numbers

"""Kernels as values: one that takes others as arguments is compiled once, and calls whichever it is given."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, update_wrapper
from typing import Any

__all__ = ["FixedTypes", "as_value", "of_fixed_types"]


@cache
def as_value(function: Any, signature: str) -> Any:
    """A kernel to hand to another one, for the types of a signature such as "void(float32[::1], int64)".

    It is compiled when the other one is called.
    """
    from numba.core.sigutils import normalize_signature

    from skrnn.networks.kernels._kernel_types import KernelValue

    arguments, returns = normalize_signature(signature)
    return KernelValue(function, returns(*arguments))


class FixedTypes:
    """A kernel whose arguments have the same types in every call, and are looked at in the first one alone.

    Numba takes hundreds of microseconds to recognise tuples that hold kernels.
    """

    def __init__(self, function: Any):
        self.function = function
        self.types: tuple[Any, ...] | None = None
        self.entry_point: Any = None
        update_wrapper(self, getattr(function, "py_func", function))

    def __call__(self, *arguments: Any) -> Any:
        if self.entry_point is None:
            types = self._types_of(arguments)
            self.function.compile(types)
            self.entry_point = self.function.overloads[types].entry_point
        return self.entry_point(*arguments)

    def is_at_hand(self, *arguments: Any) -> bool:
        """Whether it is compiled for these already, in this process or on disk."""
        return self.entry_point is not None or bool(
            self.function._cache.has(self._types_of(arguments), self.function.targetctx)
        )

    def _types_of(self, arguments: tuple[Any, ...]) -> tuple[Any, ...]:
        """Those of the first arguments that there were."""
        if self.types is None:
            from numba import typeof

            self.types = tuple(map(typeof, arguments))
        return self.types


def of_fixed_types(function: Callable[..., Any]) -> FixedTypes:
    """`FixedTypes`, as a decorator."""
    return FixedTypes(function)

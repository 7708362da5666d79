"""Kernels as values: one that takes others as arguments is compiled once, and calls whichever it is given."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

__all__ = ["as_value", "of_fixed_types"]


@cache
def as_value(function: Any, signature: str) -> Any:
    """A kernel to hand to another one, compiled for the types of a signature such as "void(float32[::1], int64)"."""
    from numba.core.sigutils import normalize_signature
    from numba.core.types import WrapperAddressProtocol

    arguments, returns = normalize_signature(signature)
    form = returns(*arguments)
    function.compile(arguments)
    compiled = function.overloads[arguments]
    address = compiled.library.get_pointer_to_function(compiled.fndesc.llvm_cfunc_wrapper_name)

    class Value(WrapperAddressProtocol):
        """The kernel's address, and what it takes."""

        kernel = staticmethod(function)  # whose machine code lasts as long as it does

        def __wrapper_address__(self) -> int:
            return int(address)

        def signature(self) -> Any:
            return form

    return Value()


def of_fixed_types(function: Any) -> Callable[..., Any]:
    """A kernel whose arguments have the same types in every call, and are looked at in the first one alone.

    Numba takes hundreds of microseconds to recognise tuples that hold kernels.
    """
    found: list[Callable[..., Any]] = []

    def call(*arguments: Any) -> Any:
        if not found:
            from numba import typeof

            types = tuple(map(typeof, arguments))
            function.compile(types)
            found.append(function.overloads[types].entry_point)
        return found[0](*arguments)

    return call

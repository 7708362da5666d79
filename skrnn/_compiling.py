"""How kernels are compiled: by Numba, kept on disk. Modules with kernels can be imported without Numba."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, wraps
from typing import Any, TypeVar

from skrnn._garbage import uncollected

__all__ = ["compiles", "kernel"]

Function = TypeVar("Function", bound=Callable[..., Any])

# Kernels release the interpreter's lock. Of fast mathematics they take what does not change which
# values are finite: fused multiply-add, and the sign of zero.
_OPTIONS: dict[str, Any] = {"nogil": True, "error_model": "numpy", "fastmath": {"contract", "nsz"}}


def _failing(error: Exception) -> Callable[[Function], Function]:
    """Put functions in the place of kernels that raise the error of their compiler once they are called."""

    def replace(function: Function) -> Function:
        @wraps(function)
        def fail(*arguments: Any) -> Any:
            raise error

        return fail  # type: ignore[return-value]

    return replace


@cache
def _compiler() -> Callable[..., Any]:
    """Numba's decorator; one that only complains where Numba cannot be imported."""
    try:
        with uncollected(lasting=True):
            from skrnn._kernel_cache import kept_njit
    except Exception as error:  # not installed, or broken beside these versions of Python and NumPy
        failing = _failing(error)
        return lambda **options: failing
    return kept_njit


@cache
def compiles() -> bool:
    """Whether there is a Numba that compiles."""
    try:
        from numba import config
    except Exception:  # as above
        return False
    return not getattr(config, "DISABLE_JIT", 0)


def kernel(**options: Any) -> Callable[[Function], Function]:
    """Have Numba compile a function, with some options of its own.

    A file with kernels can be imported without Numba: calls fail then, no import.
    """

    def compiled(function: Function) -> Function:
        try:
            return _compiler()(**{**_OPTIONS, **options})(function)  # type: ignore[no-any-return]
        except Exception as error:  # whatever a broken Numba raises
            return _failing(error)(function)

    return compiled

"""How many threads BLAS may use, for the time of one call: one."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from skrnn.networks._pins import Hold, Pin

__all__ = ["pinned_blas"]


def _set_threads(library: Any, count: int) -> None:
    """Set the thread count of a library, from any thread.

    threadpoolctl lets the first thread that sets a count set it alone, until it is told that nobody does.
    """
    _release(library)
    library.set_num_threads(count)
    _release(library)


def _release(library: Any) -> None:
    """Tell threadpoolctl that no thread holds the count; its older versions do not ask."""
    if hasattr(library, "clear_controlling_thread"):
        library.clear_controlling_thread(force=True)


@lru_cache
def _blas_libraries() -> list[Any]:
    import scipy.linalg.cython_blas  # noqa: F401  the library must be loaded to be found
    from threadpoolctl import ThreadpoolController

    return list(ThreadpoolController().select(user_api="blas").lib_controllers)


def _read() -> list[tuple[Any, int]]:
    return [(library, library.get_num_threads()) for library in _blas_libraries()]


def _write(n_threads: int, first: bool) -> None:
    if first:
        for library in _blas_libraries():
            _set_threads(library, n_threads)


def _restore(before: list[tuple[Any, int]]) -> None:
    for library, count in before:
        _set_threads(library, count)


_pin = Pin(_read, _write, _restore)


def pinned_blas() -> Hold:
    """Run BLAS with one thread; the bits of a product depend on their number."""
    return Hold(_pin, 1)

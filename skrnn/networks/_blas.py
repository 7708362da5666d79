"""How many threads BLAS may use, for the time of one call: one."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from typing import Any

__all__ = ["pinned_blas"]


class _BlasPin:
    """BLAS has one thread count for the whole process: the first call that enters sets 1, the last to leave restores
    what was there before. Bits of a product depend on the number of threads.
    """

    def __init__(self) -> None:
        self.lock, self.active = threading.Lock(), 0
        self.before: list[tuple[Any, int]] = []

    def enter(self) -> None:
        with self.lock:
            if self.active == 0:
                self.before = [(library, library.get_num_threads()) for library in _blas_libraries()]
                for library, _ in self.before:
                    _set_threads(library, 1)
            self.active += 1

    def leave(self) -> None:
        with self.lock:
            self.active -= 1
            if self.active == 0:
                for library, count in self.before:
                    _set_threads(library, count)


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


_pin = _BlasPin()


def _after_fork() -> None:
    """Only the forking thread lives on in a child: whoever held the pin is gone."""
    global _pin
    _pin = _BlasPin()


os.register_at_fork(after_in_child=_after_fork)


@contextmanager
def pinned_blas() -> Iterator[None]:
    """Run BLAS with one thread."""
    pin = _pin
    pin.enter()
    try:
        yield
    finally:
        pin.leave()

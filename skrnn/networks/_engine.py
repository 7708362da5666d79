"""Which engine runs a network: torch's autograd, or the compiled kernels."""

from __future__ import annotations

import os
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from typing import Any

import numpy as np

from skrnn.networks._spec import NetworkSpec, initial_weights

__all__ = ["pinned_blas", "resolve_engine"]


def resolve_engine(engine: str, spec: NetworkSpec, device: str) -> str:
    """ "torch" or "compiled"; "auto" is the kernels wherever they serve: the built-in cells, on the CPU.

    Raises
    ------
    ValueError
        If "compiled" is asked for a network that the kernels do not serve, or they cannot be compiled.
    """
    served = isinstance(spec.cell, str) and device == "cpu"
    if engine == "torch" or (engine == "auto" and not served):
        return "torch"
    if not served:
        what = f"device={device!r}" if isinstance(spec.cell, str) else "a cell of your own"
        raise ValueError(f"engine='compiled' runs the built-in cells on the CPU, not {what}. Set engine='auto'.")
    trouble = _trouble(str(spec.cell))
    if trouble is None:
        return "compiled"
    if engine == "compiled":
        raise ValueError(f"engine='compiled' cannot compile its kernels here ({trouble}). Set engine='torch'.")
    _warn_once(trouble)
    return "torch"


@lru_cache
def _trouble(cell: str) -> str | None:
    """Compile the kernels of a cell, or load them from the cache, by a tiny fit; what went wrong, in words."""
    try:
        from skrnn.networks._compiled import CompiledNetwork

        spec = NetworkSpec(1, 1, cell, 1)
        network = CompiledNetwork(spec, initial_weights(spec, np.random.default_rng(0)))
        outputs = network.forward(np.zeros((2, 2, 1), np.float32), np.array([2, 2], np.intp))
        network.backward(outputs)
    except Exception as error:  # whatever a compiler may raise
        return f"{type(error).__name__}: {error}".splitlines()[0]
    return None


@lru_cache
def _warn_once(trouble: str) -> None:
    warnings.warn(
        f"The compiled engine is not there ({trouble}); networks train on torch, several times slower. Install numba, "
        "or set engine='torch' to silence this.",
        stacklevel=2,
    )


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
    release = getattr(library, "clear_controlling_thread", None)
    for action in (release, lambda force: library.set_num_threads(count), release):
        if action is not None:
            action(force=True)


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

"""Which engine runs a network: torch's autograd, or the compiled kernels."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from skrnn._warnings import warn_caller
from skrnn.networks._spec import NetworkSpec
from skrnn.networks._weights import initial_weights

__all__ = ["resolve_engine"]


def resolve_engine(engine: str, spec: NetworkSpec, device: str, training: bool = False) -> str:
    """ "torch" or "compiled"; "auto" is the kernels wherever they serve: cells that have some, on the CPU.

    Predictions need not wait for the kernels of a ``training``.

    Raises
    ------
    ValueError
        If it is none of these, or "compiled" is asked for a network that the kernels do not serve, or that cannot be
        compiled.
    """
    if not isinstance(engine, str) or engine not in ("torch", "compiled", "auto"):
        raise ValueError(f"engine={engine!r} is not known; choose from auto, compiled and torch.")
    if engine == "torch":
        return "torch"
    unserved = _unserved(spec, device)
    if unserved is not None:
        if engine == "auto":
            return "torch"
        raise ValueError(f"engine='compiled' runs the built-in cells on the CPU, not {unserved}. Set engine='auto'.")
    trouble = _trouble(str(spec.cell), training)
    if trouble is None:
        return "compiled"
    if engine == "compiled":
        raise ValueError(f"engine='compiled' cannot compile its kernels here ({trouble}). Set engine='torch'.")
    _warn_once(trouble)
    return "torch"


def _unserved(spec: NetworkSpec, device: str) -> str | None:
    """What there is about a training that the kernels do not serve, in words."""
    if spec.make_cell().kernels is None:
        return f"cell={spec.cell!r}, which has no kernels" if isinstance(spec.cell, str) else "a cell of your own"
    return None if device == "cpu" else f"device={device!r}"


@lru_cache
def _trouble(cell: str, training: bool) -> str | None:
    """Compile the kernels of a cell, or load them from the cache, by a tiny prediction, and a tiny fit in front of it
    where they are to be trained; what went wrong, in words.
    """
    try:
        from skrnn.networks.compiled import CompiledNetwork, is_switched_off, run_compiled

        if is_switched_off():
            return "NUMBA_DISABLE_JIT is set"
        spec, inputs, lengths = NetworkSpec(1, 1, cell, 1), np.zeros((2, 2, 1), np.float32), np.array([2, 2], np.intp)
        weights = initial_weights(spec, np.random.default_rng(0))
        if training:
            network = CompiledNetwork(spec, weights)
            network.backward(network.forward(inputs, lengths))
        run_compiled(spec, weights, inputs, lengths)
    except MemoryError:  # which says nothing of the kernels, and may be over soon
        raise
    except Exception as error:  # whatever a compiler may raise
        return f"{type(error).__name__}: {error}".splitlines()[0]
    return None


@lru_cache
def _warn_once(trouble: str) -> None:
    warn_caller(
        f"The compiled engine is not available ({trouble}); networks train on torch, several times slower. Install "
        "numba, or set engine='torch' to silence this.",
        UserWarning,
    )

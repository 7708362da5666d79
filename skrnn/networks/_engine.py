"""Which engine runs a network: torch's autograd, or the compiled kernels."""

from __future__ import annotations

import warnings
from functools import lru_cache

import numpy as np

from skrnn.networks._spec import NetworkSpec, initial_weights

__all__ = ["resolve_engine"]


def resolve_engine(engine: str, spec: NetworkSpec, device: str, *, carries: bool = False) -> str:
    """ "torch" or "compiled"; "auto" is the kernels wherever they serve: the built-in cells, on the CPU.

    ``carries``: whether the state is carried from one mini-batch to the next.

    Raises
    ------
    ValueError
        If "compiled" is asked for a network that the kernels do not serve, or they cannot be compiled.
    """
    served = isinstance(spec.cell, str) and device == "cpu" and spec.readout != "tokens" and not carries
    if engine == "torch" or (engine == "auto" and not served):
        return "torch"
    if not served:
        what = f"device={device!r}" if isinstance(spec.cell, str) else "a cell of your own"
        what = "a decoder of tokens" if spec.readout == "tokens" else what
        what = "a training that carries its state from chunk to chunk (bptt_steps)" if carries else what
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

"""Networks on the kernels: training without autograd, predictions, streams.

Unlike the kernels themselves, all of it needs Numba.
"""

import numba  # an error here says what is wrong with it

from skrnn.networks.compiled._gradients import compiled_state_gradients
from skrnn.networks.compiled._network import CompiledNetwork
from skrnn.networks.compiled._passes import (
    Passes,
    has_passes,
    make_passes,
    pass_backward,
    pass_forward,
    work_size,
)
from skrnn.networks.compiled._run import run_compiled
from skrnn.networks.compiled._search import compiled_attention, compiled_search
from skrnn.networks.compiled._stream import NetworkStream
from skrnn.networks.compiled._threads import ThreadedNetwork

__all__ = [
    "CompiledNetwork",
    "NetworkStream",
    "Passes",
    "ThreadedNetwork",
    "compiled_attention",
    "compiled_search",
    "compiled_state_gradients",
    "has_passes",
    "is_switched_off",
    "make_passes",
    "pass_backward",
    "pass_forward",
    "run_compiled",
    "work_size",
]


def is_switched_off() -> bool:
    """Whether Numba was told not to compile: kernels would run as Python code, hundreds of times slower."""
    return bool(getattr(numba.config, "DISABLE_JIT", False))

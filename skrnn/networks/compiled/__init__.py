"""Networks on the kernels: training without autograd, predictions in double precision, streams.

Unlike the kernels themselves, all of it needs Numba.
"""

import numba  # noqa: F401  an error here says what is wrong with it

from skrnn.networks.compiled._network import CompiledNetwork
from skrnn.networks.compiled._run import CompiledRun
from skrnn.networks.compiled._stream import NetworkStream
from skrnn.networks.compiled._threads import ThreadedNetwork

__all__ = ["CompiledNetwork", "CompiledRun", "NetworkStream", "ThreadedNetwork"]

"""Floor 2: what is computed. A `NetworkSpec` and named weights, and the torch code that runs them.

Names that need torch or numba are imported when they are asked for (PEP 562): specs, weights and summaries load
neither.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from skrnn.networks._blas import pinned_blas
from skrnn.networks._cells import CELLS
from skrnn.networks._device import resolve_device
from skrnn.networks._engine import resolve_engine
from skrnn.networks._run import run_network
from skrnn.networks._spec import MAX_LAYERS, NetworkSpec, check_weights, frozen_names, initial_weights, parameter_shapes
from skrnn.networks._summary import NetworkSummary, summarize

if TYPE_CHECKING:
    from skrnn.networks._compiled import CompiledNetwork
    from skrnn.networks._compiled_threads import ThreadedNetwork
    from skrnn.networks._ctc import ctc_loss
    from skrnn.networks._forward import forward, take_states
    from skrnn.networks._module import SequenceModule
    from skrnn.networks._module_cell import private_torch_random
    from skrnn.networks._search import Search, attend, search_tokens
    from skrnn.networks._stream import NetworkStream
    from skrnn.networks._threads import pinned_threads

__all__ = [
    "CELLS",
    "MAX_LAYERS",
    "CompiledNetwork",
    "NetworkSpec",
    "NetworkStream",
    "NetworkSummary",
    "Search",
    "SequenceModule",
    "ThreadedNetwork",
    "attend",
    "check_weights",
    "ctc_loss",
    "forward",
    "frozen_names",
    "initial_weights",
    "parameter_shapes",
    "pinned_blas",
    "pinned_threads",
    "private_torch_random",
    "resolve_device",
    "resolve_engine",
    "run_network",
    "search_tokens",
    "summarize",
    "take_states",
]

_LATE = {
    "CompiledNetwork": "_compiled",
    "ThreadedNetwork": "_compiled_threads",
    "NetworkStream": "_stream",
    "Search": "_search",
    "SequenceModule": "_module",
    "attend": "_search",
    "ctc_loss": "_ctc",
    "search_tokens": "_search",
    "take_states": "_forward",
    "forward": "_forward",
    "pinned_threads": "_threads",
    "private_torch_random": "_module_cell",
}


def __getattr__(name: str) -> Any:
    if name not in _LATE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_LATE[name]}"), name)

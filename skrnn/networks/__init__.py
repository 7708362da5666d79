"""Floor 2: what is computed. A `NetworkSpec` and named weights, and the two engines that run them.

Names that need torch or numba are imported when they are asked for (PEP 562): specs, weights and summaries load
neither.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from skrnn.networks._adaptive import AdaptiveSoftmax, cluster_size
from skrnn.networks._blas import pinned_blas
from skrnn.networks._device import resolve_device
from skrnn.networks._engine import resolve_engine
from skrnn.networks._run import attend, run_network, search_tokens
from skrnn.networks._search import Search
from skrnn.networks._spec import MAX_LAYERS, POOLINGS, NetworkSpec, Readout, Recurrence, Want
from skrnn.networks._states import Score, recurrent_gates, state_gradients
from skrnn.networks._stream import SteppedNetworks, open_stream
from skrnn.networks._summary import NetworkSummary, summarize
from skrnn.networks._weights import (
    cell_weights,
    check_weights,
    frozen_names,
    initial_weights,
    parameter_shapes,
    table_shapes,
)
from skrnn.networks.cells import CELLS

if TYPE_CHECKING:
    from skrnn.networks.cells import private_torch_random
    from skrnn.networks.compiled import (
        CompiledNetwork,
        NetworkStream,
        Passes,
        ThreadedNetwork,
        has_passes,
        make_passes,
        pass_backward,
        pass_forward,
        work_size,
    )
    from skrnn.networks.kernels import as_value, fused, kept_float_control, kernel, of_fixed_types
    from skrnn.networks.torch import (
        SequenceModule,
        before_head,
        ctc_loss,
        forward,
        input_gradients,
        pinned_threads,
        recurrent_runs,
        take_states,
        without_embeddings,
    )

__all__ = [
    "CELLS",
    "MAX_LAYERS",
    "POOLINGS",
    "AdaptiveSoftmax",
    "CompiledNetwork",
    "NetworkSpec",
    "NetworkStream",
    "NetworkSummary",
    "Passes",
    "Readout",
    "Recurrence",
    "Score",
    "Search",
    "SequenceModule",
    "SteppedNetworks",
    "ThreadedNetwork",
    "Want",
    "as_value",
    "attend",
    "before_head",
    "cell_weights",
    "check_weights",
    "cluster_size",
    "ctc_loss",
    "forward",
    "frozen_names",
    "fused",
    "has_passes",
    "initial_weights",
    "input_gradients",
    "kept_float_control",
    "kernel",
    "make_passes",
    "of_fixed_types",
    "open_stream",
    "parameter_shapes",
    "pass_backward",
    "pass_forward",
    "pinned_blas",
    "pinned_threads",
    "private_torch_random",
    "recurrent_gates",
    "recurrent_runs",
    "resolve_device",
    "resolve_engine",
    "run_network",
    "search_tokens",
    "state_gradients",
    "summarize",
    "table_shapes",
    "take_states",
    "without_embeddings",
    "work_size",
]

_LATE = {
    "cells": ("private_torch_random",),
    "kernels": ("as_value", "fused", "kept_float_control", "kernel", "of_fixed_types"),
    "compiled": (
        "CompiledNetwork",
        "NetworkStream",
        "Passes",
        "ThreadedNetwork",
        "has_passes",
        "make_passes",
        "pass_backward",
        "pass_forward",
        "work_size",
    ),
    "torch": (
        "SequenceModule",
        "ctc_loss",
        "before_head",
        "forward",
        "input_gradients",
        "pinned_threads",
        "recurrent_runs",
        "take_states",
        "without_embeddings",
    ),
}
_ROOMS = {name: room for room, names in _LATE.items() for name in names}


def __getattr__(name: str) -> Any:
    if name not in _ROOMS:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_ROOMS[name]}"), name)

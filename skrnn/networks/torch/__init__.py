"""Networks on torch: the forward pass that autograd follows, decoders of tokens and their search."""

from skrnn.networks.torch._ctc import ctc_loss
from skrnn.networks.torch._forward import before_head, forward, in_double, take_states
from skrnn.networks.torch._gradients import input_gradients, recurrent_runs, torch_state_gradients, without_embeddings
from skrnn.networks.torch._module import SequenceModule
from skrnn.networks.torch._search import torch_attention, torch_search
from skrnn.networks.torch._stream import TorchStream
from skrnn.networks.torch._threads import pinned_threads

__all__ = [
    "SequenceModule",
    "TorchStream",
    "before_head",
    "ctc_loss",
    "forward",
    "in_double",
    "input_gradients",
    "pinned_threads",
    "recurrent_runs",
    "take_states",
    "torch_attention",
    "torch_search",
    "torch_state_gradients",
    "without_embeddings",
]

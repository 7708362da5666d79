"""The network as a `torch.nn.Module`, for those who want to go on in torch."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from skrnn._types import NetworkWeights
from skrnn.networks._spec import NetworkSpec, Recurrence
from skrnn.networks._weights import UNBIASED, embedding_shapes, parameter_shapes, projections
from skrnn.networks.torch._forward import forward

__all__ = ["SequenceModule"]


class SequenceModule(torch.nn.Module):
    """A fitted network. Its `state_dict` has the names of ``weights_``; ``rnn`` is torch's own module, where torch has
    one of the cell.

    It reads what the estimator's scaling makes of X: float32 (n_samples, n_timesteps, input_size), with zeros as
    padding behind the last step, and returns the head's outputs.
    """

    def __init__(self, spec: NetworkSpec, weights: NetworkWeights):
        super().__init__()
        self.spec = spec
        self.cell = spec.make_cell()
        with torch.device("meta"):
            self._build(spec)
        state = {name: torch.tensor(value) for name, value in weights.items()}
        self.load_state_dict(state, strict=isinstance(spec.cell, str), assign=True)

    def _build(self, spec: NetworkSpec) -> None:
        if spec.vocabulary:
            tables = embedding_shapes(spec).values()
            self.embedding = torch.nn.ModuleList(torch.nn.Embedding(size, width) for size, width in tables)
        if spec.readout == "tokens":
            self.decoder_embedding = torch.nn.Embedding(spec.output_size, spec.target_embedding_dim)
        self.rnn = self._recurrence([recurrence for layer in spec.layers() for recurrence in layer])
        if spec.decoder_layers():
            self.decoder = self._recurrence(spec.decoder_layers())
        for name, (n_out, n_in) in projections(spec).items():
            self.add_module(name, torch.nn.Linear(n_in, n_out, bias=name not in UNBIASED))
        if spec.cutoffs:
            self._build_adaptive(parameter_shapes(spec), len(spec.cutoffs))

    def _build_adaptive(self, shapes: dict[str, tuple[int, ...]], n_clusters: int) -> None:
        """The parts of an adaptive softmax, named as in `torch.nn.AdaptiveLogSoftmaxWithLoss`."""

        def linear(name: str, bias: bool) -> torch.nn.Linear:
            n_out, n_in = shapes[f"{name}.weight"]
            return torch.nn.Linear(n_in, n_out, bias=bias)

        self.head = linear("head", True)
        pairs = ([linear(f"tail.{i}.{j}", False) for j in range(2)] for i in range(n_clusters))
        self.tail = torch.nn.ModuleList(torch.nn.Sequential(*pair) for pair in pairs)

    def _recurrence(self, recurrences: list[Recurrence]) -> torch.nn.Module:
        return self.cell.torch_module([(recurrence.suffix, recurrence.size) for recurrence in recurrences])

    def forward(self, x: Tensor, lengths: Any = None, tokens: Tensor | None = None) -> Tensor:
        """Outputs (n_samples, n_outputs), or one per time step; lengths None: all steps are real.

        A decoder of tokens gives an output after each of ``tokens`` (n_samples, n_tokens), the first of which is 0.
        """
        lengths = np.full(x.shape[0], x.shape[1]) if lengths is None else np.asarray(lengths)
        weights = dict(self.named_parameters())
        drop = self.spec.dropout if self.training else 0.0

        def draw_mask(shape: tuple[int, ...]) -> Tensor:
            return torch.nn.functional.dropout(torch.ones(shape, device=x.device, dtype=x.dtype), drop)

        self.cell.training = self.training
        run = forward(self.spec, self.cell, weights, x, lengths, tokens=tokens, draw_mask=draw_mask if drop else None)
        return run.outputs

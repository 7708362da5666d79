"""The search for a good sequence of tokens: greedy, or a beam of the best so far."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from skrnn._types import Array, Doubles, Integers, NetworkWeights
from skrnn.networks._search import Search
from skrnn.networks._spec import NetworkSpec
from skrnn.networks.torch._decoder import decode_tokens, start_decoder
from skrnn.networks.torch._forward import before_head, encode, head_outputs, in_double, take_states
from skrnn.networks.torch._threads import pinned_threads

__all__ = ["torch_attention", "torch_search"]


def torch_search(
    spec: NetworkSpec,
    weights: NetworkWeights,
    inputs: Array,
    lengths: Integers,
    search: Search,
    *,
    device: str = "cpu",
    n_threads: int = 1,
) -> tuple[list[Integers], Doubles]:
    """`skrnn.networks.search_tokens`, in double precision."""
    with pinned_threads(n_threads), torch.inference_mode():
        tensors, x = in_double(weights, inputs, device)
        cell = spec.make_cell()
        run = encode(spec, cell, tensors, x, lengths)
        memory, states = start_decoder(spec, cell, tensors, run.states, run.last, run.ends)
        width = search.beam_width
        rows = torch.arange(len(x), device=x.device).repeat_interleave(width)
        beams = _Beams(len(x), search, x)
        memory, states = memory.take(rows), take_states(states, rows)
        tokens = torch.zeros(len(rows), 1, dtype=torch.long, device=x.device)
        for _ in range(search.max_length + 1):
            read, _, states = decode_tokens(spec, cell, tensors, memory, states, tokens)
            origin, tokens = beams.grow(head_outputs(spec, tensors, read[:, 0]).log_softmax(dim=1))
            if beams.all_ended():
                break
            states = take_states(states, origin)
    return beams.best()


class _Beams:
    """The hypotheses of every sequence: B x width rows, best first."""

    def __init__(self, n: int, search: Search, like: Tensor):
        self.search, self.n = search, n
        self.scores = like.new_full((n, search.beam_width), -torch.inf)
        self.scores[:, 0] = 0.0  # all hypotheses are the empty one: only the first counts
        self.lengths = torch.zeros(n, search.beam_width, dtype=torch.long, device=like.device)
        self.ended = torch.zeros(n, search.beam_width, dtype=torch.bool, device=like.device)
        self.tokens = torch.zeros(n, search.beam_width, 0, dtype=torch.long, device=like.device)

    def grow(self, log_probabilities: Tensor) -> tuple[Tensor, Tensor]:
        """Take the best continuations by log-probabilities (B * width, K): the rows they grow from, the new tokens."""
        width, n_tokens = self.search.beam_width, log_probabilities.shape[1]
        steps = log_probabilities.reshape(self.n, width, n_tokens)
        if self.tokens.shape[2] == self.search.max_length:  # nothing but the end is left
            steps = torch.full_like(steps, -torch.inf)
            steps[:, :, 0] = log_probabilities.reshape(self.n, width, n_tokens)[:, :, 0]
        still = torch.full_like(steps, -torch.inf)
        still[:, :, 0] = 0.0
        steps = torch.where(self.ended[:, :, None], still, steps)  # what has ended stays as it is
        totals = self.scores[:, :, None] + steps
        lengths = (self.lengths + ~self.ended)[:, :, None].to(totals.dtype)
        ranked = (totals / lengths**self.search.length_penalty).reshape(self.n, -1)
        chosen = ranked.sort(dim=1, descending=True, stable=True).indices[:, :width]
        beam, token = chosen // n_tokens, chosen % n_tokens
        self.scores = totals.reshape(self.n, -1).gather(1, chosen)
        self.lengths = (self.lengths + ~self.ended).gather(1, beam)
        self.tokens = torch.cat([self.tokens.gather(1, beam[:, :, None].expand_as(self.tokens)), token[:, :, None]], 2)
        self.ended = self.ended.gather(1, beam) | (token == 0)
        origin = (torch.arange(self.n, device=beam.device)[:, None] * width + beam).reshape(-1)
        return origin, token.reshape(-1, 1)

    def all_ended(self) -> bool:
        return bool((self.ended | (self.scores == -torch.inf)).all())

    def best(self) -> tuple[list[Integers], Doubles]:
        """The first hypothesis of each sequence, without its end."""
        tokens, scores = self.tokens[:, 0].cpu().numpy(), self.scores[:, 0].cpu().double().numpy()
        lengths = np.where((tokens == 0).any(axis=1), (tokens == 0).argmax(axis=1), tokens.shape[1])
        return [row[:length] for row, length in zip(tokens, lengths, strict=True)], scores


def torch_attention(
    spec: NetworkSpec,
    weights: NetworkWeights,
    inputs: Array,
    lengths: Integers,
    tokens: Integers,
    *,
    device: str = "cpu",
    n_threads: int = 1,
) -> Doubles:
    """`skrnn.networks.attend`, in double precision."""
    with pinned_threads(n_threads), torch.inference_mode():
        tensors, x = in_double(weights, inputs, device)
        read = torch.as_tensor(tokens, device=x.device)
        run = before_head(spec, spec.make_cell(), tensors, x, lengths, tokens=read)
        assert run.attention is not None
        return run.attention.to("cpu", torch.float64).numpy()

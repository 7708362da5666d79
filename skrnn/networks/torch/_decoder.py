"""A decoder that writes tokens: a recurrent language model, conditioned on what an encoder has read, with attention.

Global attention with the "general" score, after the recurrence: Luong, Pham & Manning, "Effective approaches to
attention-based neural machine translation", EMNLP 2015, equations 5, 7 and 8. Without attention, the encoder's last
state is all that the decoder knows: Sutskever, Vinyals & Le, "Sequence to sequence learning with neural networks",
NIPS 2014.

Token 0 opens a sequence as an input and closes it as an output; the tokens of the vocabulary are 1, 2, …
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from skrnn.networks._spec import NetworkSpec
from skrnn.networks._weights import cell_weights
from skrnn.networks.cells import Cell

__all__ = ["Memory", "decode_tokens", "start_decoder"]

DrawMask = Callable[[tuple[int, ...]], Tensor]


@dataclass(frozen=True, eq=False)
class Memory:
    """What the decoder may look at, for each of B sequences.

    states (B, T, H') of the encoder, keys (B, T, H) that are compared with the decoder's states, and which steps are
    padding (B, T); None: none. Without attention all three are None.
    """

    states: Tensor | None = None
    keys: Tensor | None = None
    padding: Tensor | None = None

    def take(self, rows: Tensor) -> Memory:
        """The sequences at ``rows``."""
        return Memory(*(None if held is None else held[rows] for held in (self.states, self.keys, self.padding)))


def start_decoder(
    spec: NetworkSpec, cell: Cell, weights: Mapping[str, Tensor], states: Tensor, last: Tensor, ends: Tensor | None
) -> tuple[Memory, list[Any]]:
    """The memory, and the first state of each of the decoder's layers, from the encoder's states and last state."""
    bridge = torch.nn.functional.linear(last, weights["bridge.weight"], weights["bridge.bias"]).tanh()
    h = bridge.reshape(len(last), spec.num_layers, spec.hidden_size).transpose(0, 1).contiguous()
    first = [cell.first_state(layer) for layer in torch.split(h, 1)]
    if spec.attention is None:
        return Memory(), first
    keys = torch.nn.functional.linear(states, weights["attention.weight"])
    padding = None if ends is None else torch.arange(states.shape[1], device=states.device) >= ends[:, None]
    return Memory(states, keys, padding), first


def decode_tokens(
    spec: NetworkSpec,
    cell: Cell,
    weights: Mapping[str, Tensor],
    memory: Memory,
    state: list[Any],
    tokens: Tensor,
    draw_mask: DrawMask | None = None,
) -> tuple[Tensor, Tensor | None, list[Any]]:
    """What the head reads (B, L, H) after each of the tokens (B, L), the attention (B, L, T), and the state after the
    last token.

    The state is what `start_decoder` or an earlier call returned.
    """
    x = torch.nn.functional.embedding(tokens, weights["decoder_embedding.weight"])
    if draw_mask is not None:
        x = x * draw_mask(tuple(x.shape))
    following = []
    for recurrence, before in zip(spec.decoder_layers(), state, strict=True):
        x, after = cell.run(cell_weights(cell, weights, recurrence), x, before)
        following.append(after)
        if draw_mask is not None:
            x = x * draw_mask(tuple(x.shape))
    attention = None
    if memory.states is not None and memory.keys is not None:
        scores = x @ memory.keys.transpose(1, 2)  # (B, L, T)
        if memory.padding is not None:
            scores = scores.masked_fill(memory.padding[:, None], -torch.inf)
        attention = scores.softmax(dim=2)
        both = torch.cat([attention @ memory.states, x], dim=2)
        x = torch.nn.functional.linear(both, weights["combine.weight"], weights["combine.bias"]).tanh()
        if draw_mask is not None:
            x = x * draw_mask(tuple(x.shape))
    return x, attention, following

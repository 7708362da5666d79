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

from skrnn.networks._cells import Cell
from skrnn.networks._spec import NetworkSpec, cell_weights

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
        return Memory(*(None if part is None else part[rows] for part in (self.states, self.keys, self.padding)))


def start_decoder(
    spec: NetworkSpec, weights: Mapping[str, Tensor], states: Tensor, last: Tensor, ends: Tensor | None
) -> tuple[Memory, Tensor]:
    """The memory, and the decoder's first state (num_layers, B, H), from the encoder's states and last state."""
    bridge = torch.nn.functional.linear(last, weights["bridge.weight"], weights["bridge.bias"]).tanh()
    state = bridge.reshape(len(last), spec.num_layers, spec.hidden_size).transpose(0, 1).contiguous()
    if spec.attention is None:
        return Memory(), state
    keys = torch.nn.functional.linear(states, weights["attention.weight"])
    padding = None if ends is None else torch.arange(states.shape[1], device=states.device) >= ends[:, None]
    return Memory(states, keys, padding), state


def decode_tokens(
    spec: NetworkSpec,
    cell: Cell,
    weights: Mapping[str, Tensor],
    memory: Memory,
    state: Any,
    tokens: Tensor,
    draw_mask: DrawMask | None = None,
) -> tuple[Tensor, Tensor | None, Any]:
    """Outputs (B, L, K) after each of the tokens (B, L), the attention (B, L, T), and the state after the last token.

    The state is what `start_decoder` or an earlier call returned.
    """
    x = torch.nn.functional.embedding(tokens, weights["decoder_embedding.weight"])
    if draw_mask is not None:
        x = x * draw_mask(tuple(x.shape))
    if isinstance(state, Tensor):  # the first state; the LSTM's memory begins at zero
        state = [(h, torch.zeros_like(h)) if spec.cell == "lstm" else h for h in torch.split(state, 1)]
    following = []
    layers = [names for names in spec.cell_sizes() if names[0] == "decoder."]
    for names, before in zip(layers, state, strict=True):
        x, after = cell.run(cell_weights(cell, weights, *names), x, before)
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
    outputs = torch.nn.functional.linear(x, weights["head.weight"], weights["head.bias"])
    return outputs, attention, following

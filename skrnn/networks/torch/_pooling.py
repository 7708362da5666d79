"""What the head reads of the states of a sequence, and of its segments, in torch."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from skrnn.networks._spec import NetworkSpec

__all__ = ["attention_of", "pooled"]


def pooled(
    spec: NetworkSpec,
    states: Tensor,
    last: Tensor,
    segments: Tensor | None,
    ends: Tensor | None,
    attention: Tensor | None,
) -> Tensor:
    """The last states, their mean, … side by side, then mean and maximum of the segments' vectors; (B, P).

    Parameters
    ----------
    states : tensor of shape (B, T, H'), last : (B, H')
    segments : tensor of shape (B, T, H) or None
    ends : integer tensor of shape (B,) or None
        How many of the steps are real; None: all.
    attention : tensor of shape (B, T) or None
        What each step counts, where the network has an attention.
    """
    if spec.pooling == ("last",):
        return last
    parts = []
    for name in spec.pooling:
        if name == "attention" and attention is not None:
            parts.append((attention[:, :, None] * states).sum(dim=1))
        else:
            parts.append(last if name == "last" else _over_time(name, states, ends))
    if segments is not None:
        parts += [_over_time(name, segments, ends) for name in spec.segment_pooling]
    return torch.cat(parts, dim=1)


def attention_of(weights: Mapping[str, Tensor], states: Tensor, ends: Tensor | None) -> Tensor:
    """What each step counts (B, T): Bahdanau, Cho & Bengio, ICLR 2015, section A.1.2, with one query."""
    keys = torch.nn.functional.linear(states, weights["pooling.weight"], weights["pooling.bias"]).tanh()
    scores = torch.nn.functional.linear(keys, weights["query.weight"])[:, :, 0]
    if ends is not None:
        scores = scores.masked_fill(torch.arange(states.shape[1], device=states.device) >= ends[:, None], -torch.inf)
    return scores.softmax(dim=1)


def _over_time(name: str, values: Tensor, ends: Tensor | None) -> Tensor:
    """The mean or the maximum (B, H) over the real steps of values (B, T, H)."""
    count = values.shape[1]
    padding = None if ends is None else (torch.arange(count, device=values.device) >= ends[:, None])[:, :, None]
    if name == "mean":
        real = values if padding is None else values.masked_fill(padding, 0.0)
        return real.sum(dim=1) / (count if ends is None else ends[:, None])
    seen = values.detach() if padding is None else values.detach().masked_fill(padding, -torch.inf)
    first = seen.argmax(dim=1, keepdim=True)  # of several largest ones the first, as the kernels have it
    return torch.take_along_dim(values, first, dim=1)[:, 0]

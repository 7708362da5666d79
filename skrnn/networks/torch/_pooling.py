"""What the head reads of the states of a sequence, and of its segments, in torch."""

from __future__ import annotations

import torch
from torch import Tensor

from skrnn.networks._spec import NetworkSpec

__all__ = ["pooled"]


def pooled(spec: NetworkSpec, states: Tensor, last: Tensor, segments: Tensor | None, ends: Tensor | None) -> Tensor:
    """The last states, their mean and their maximum side by side, then those of the segments' vectors; (B, P).

    Parameters
    ----------
    states : tensor of shape (B, T, H'), last : (B, H')
    segments : tensor of shape (B, T, H) or None
    ends : integer tensor of shape (B,) or None
        How many of the steps are real; None: all.
    """
    if spec.pooling == ("last",):
        return last
    parts = [last if name == "last" else _over_time(name, states, ends) for name in spec.pooling]
    if segments is not None:
        parts += [_over_time(name, segments, ends) for name in spec.segment_pooling]
    return torch.cat(parts, dim=1)


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

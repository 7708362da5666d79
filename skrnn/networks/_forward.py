"""The forward pass in torch: a pure function of the spec, the weights and the inputs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from skrnn.networks._cells import Cell
from skrnn.networks._spec import NetworkSpec
from skrnn.sequences import segment_positions

__all__ = ["Forward", "forward"]

DrawMask = Callable[[tuple[int, ...]], Tensor]


@dataclass(frozen=True, eq=False)
class Forward:
    """What a forward pass leaves behind.

    states (B, T', H') of every step (segment), last (B, H') of each sequence, their number of steps, and the head's
    outputs (B, K) or (B, T, K).
    """

    states: Tensor
    last: Tensor
    lengths: NDArray[np.intp]
    outputs: Tensor


def forward(
    spec: NetworkSpec,
    cell: Cell,
    weights: Mapping[str, Tensor],
    x: Tensor,
    lengths: NDArray[np.intp],
    *,
    draw_mask: DrawMask | None = None,
    bptt_steps: int | None = None,
) -> Forward:
    """Run the network on inputs (B, T, input_size), zero in the padding behind each sequence's last step.

    Parameters
    ----------
    draw_mask : callable, optional
        Draws a dropout mask of the given shape, zeros and 1 / (1 - dropout). None: no dropout.
    bptt_steps : int, optional
        Steps between two detaches of the state: truncated back-propagation through time. None: never.
    """
    n_timesteps = x.shape[1]
    if spec.segment is not None:
        x, lengths = _project_segments(spec, weights, x, lengths)
    ends = None if (lengths == x.shape[1]).all() else torch.from_numpy(lengths).to(x.device)
    layers = iter(spec.cell_sizes())
    for _ in range(spec.num_layers):
        outs = []
        for direction in spec.directions:
            parameters = _cell_weights(cell, weights, *next(layers))
            source = _reverse(x, ends) if direction else x
            out = _unroll(cell, parameters, source, bptt_steps)
            outs.append(_reverse(out, ends) if direction else out)
        x = torch.cat(outs, dim=2) if len(outs) > 1 else outs[0]  # (B, T', H')
        if draw_mask is not None:
            x = x * draw_mask(tuple(x.shape))
    last = _last_states(x, ends, spec.hidden_size)
    read = x if spec.readout == "steps" else last
    if spec.readout == "decoder":
        code = last[:, None].expand(-1, n_timesteps, -1)
        read = _unroll(cell, _cell_weights(cell, weights, *next(layers)), code, bptt_steps)
    outputs = torch.nn.functional.linear(read, weights["head.weight"], weights["head.bias"])
    return Forward(x, last, lengths, outputs)


def _cell_weights(cell: Cell, weights: Mapping[str, Tensor], prefix: str, suffix: str, size: int) -> dict[str, Tensor]:
    """The weights of one layer and direction under the cell's own names."""
    return {name: weights[cell.full_name(prefix, name, suffix)] for name in cell.shapes(size)}


def _unroll(cell: Cell, parameters: dict[str, Tensor], x: Tensor, bptt_steps: int | None) -> Tensor:
    """All outputs (B, T, H) of a cell; the state is detached every ``bptt_steps`` steps, counted from the end."""
    if bptt_steps is None or bptt_steps >= x.shape[1]:
        return cell.run(parameters, x, None)[0]
    outs, state = [], None
    oldest = x.shape[1] % bptt_steps or bptt_steps  # a shorter block stands where its gradient matters least
    sizes = [oldest] + [bptt_steps] * ((x.shape[1] - oldest) // bptt_steps)
    for part in torch.split(x, sizes, dim=1):
        out, state = cell.run(parameters, part, _detach(state))
        outs.append(out)
    return torch.cat(outs, dim=1)


def _detach(state: Any) -> Any:
    if isinstance(state, tuple):
        return tuple(_detach(part) for part in state)
    return state if state is None else state.detach()


def _reverse(x: Tensor, ends: Tensor | None) -> Tensor:
    """Each sequence backwards, its padding where it was; its own inverse."""
    if ends is None:
        return x.flip(1)
    steps = torch.arange(x.shape[1], device=x.device)
    index = ends[:, None] - 1 - steps
    index = torch.where(index >= 0, index, steps)
    return torch.take_along_dim(x, index[:, :, None], dim=1)


def _last_states(x: Tensor, ends: Tensor | None, hidden_size: int) -> Tensor:
    """Each direction's own last state: forward at the last real step, backward at the first; (B, H')."""
    if ends is None:
        newest = x[:, -1, :hidden_size]
    else:
        newest = torch.take_along_dim(x[:, :, :hidden_size], ends[:, None, None] - 1, dim=1)[:, 0]
    return torch.cat([newest, x[:, 0, hidden_size:]], dim=1) if x.shape[2] > hidden_size else newest


def _project_segments(
    spec: NetworkSpec, weights: Mapping[str, Tensor], x: Tensor, lengths: NDArray[np.intp]
) -> tuple[Tensor, NDArray[np.intp]]:
    """One vector per segment of steps: a strided convolution and a rectifier (SegRNN, Lin et al. 2023, section 3.2).

    The newest segment ends at the newest step; the oldest is completed with zeros in front.
    """
    assert spec.segment is not None
    positions, n_segments = segment_positions(lengths, spec.segment, spec.segment_stride)  # (B, S, W)
    batch, count, width = positions.shape
    zero = x.new_zeros(batch, 1, x.shape[2])
    padded = torch.cat([x, zero], dim=1)
    index = torch.from_numpy(np.where(positions < 0, x.shape[1], positions).reshape(batch, -1, 1)).to(x.device)
    pieces = torch.take_along_dim(padded, index, dim=1).reshape(batch, count, width * x.shape[2])
    projected = torch.nn.functional.linear(pieces, weights["segment.weight"], weights["segment.bias"])
    return projected.relu(), n_segments

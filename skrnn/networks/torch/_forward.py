"""The forward pass in torch: a pure function of the spec, the weights and the inputs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from skrnn._types import Array, Integers, NetworkWeights
from skrnn.networks._spec import NetworkSpec
from skrnn.networks._weights import cell_weights, embedding_shapes
from skrnn.networks.cells import Cell
from skrnn.networks.torch._decoder import decode_tokens, start_decoder
from skrnn.networks.torch._pooling import attention_of, pooled

__all__ = [
    "Encoded",
    "Forward",
    "before_head",
    "embed",
    "encode",
    "forward",
    "head_outputs",
    "in_double",
    "take_states",
]

DrawMask = Callable[[tuple[int, ...]], Tensor]


@dataclass(frozen=True, eq=False)
class Encoded:
    """What the recurrent layers leave behind.

    states (B, T', H') of every step (segment), last (B, H') of each sequence, the vectors (B, T', H) of the segments,
    their number as NumPy and as torch have it (ends None: no padding), and the state of each layer after the last step,
    padding included.
    """

    states: Tensor
    last: Tensor
    segments: Tensor | None
    lengths: Integers
    ends: Tensor | None
    carried: list[Any]


@dataclass(frozen=True, eq=False)
class Forward:
    """What a forward pass leaves behind.

    states (B, T', H') of every step (segment), last (B, H') of each sequence, their number of steps, the head's outputs
    (B, K) or (B, T, K), the attention (B, L, T') of a decoder of tokens or (B, T') of the pooling, and the state of
    each layer at the end.
    """

    states: Tensor
    last: Tensor
    lengths: Integers
    outputs: Tensor
    attention: Tensor | None = None
    carried: Any = None


def forward(
    spec: NetworkSpec,
    cell: Cell,
    weights: Mapping[str, Tensor],
    x: Tensor,
    lengths: Integers,
    *,
    tokens: Tensor | None = None,
    carried: list[Any] | None = None,
    draw_mask: DrawMask | None = None,
    bptt_steps: int | None = None,
) -> Forward:
    """Run the network on inputs (B, T, input_size), zero in the padding behind each sequence's last step.

    Parameters
    ----------
    tokens : integer tensor of shape (B, L), optional
        What a decoder of tokens reads; needed for the readout "tokens".
    carried : list, optional
        State of each layer before the first step, as an earlier call left it; no gradient flows into it. None: zero.
    draw_mask : callable, optional
        Draws a dropout mask of the given shape, zeros and 1 / (1 - dropout). None: no dropout.
    bptt_steps : int, optional
        Steps between two detaches of the state: truncated back-propagation through time. None: never.
    """
    run = before_head(
        spec,
        cell,
        weights,
        x,
        lengths,
        tokens=tokens,
        carried=carried,
        draw_mask=draw_mask,
        bptt_steps=bptt_steps,
    )
    return replace(run, outputs=head_outputs(spec, weights, run.outputs))


def before_head(
    spec: NetworkSpec,
    cell: Cell,
    weights: Mapping[str, Tensor],
    x: Tensor,
    lengths: Integers,
    *,
    tokens: Tensor | None = None,
    carried: list[Any] | None = None,
    draw_mask: DrawMask | None = None,
    bptt_steps: int | None = None,
) -> Forward:
    """`forward` up to the head: the outputs are what that reads, (B, P), (B, T, P) or (B, L, P)."""
    run = encode(spec, cell, weights, x, lengths, carried=carried, draw_mask=draw_mask, bptt_steps=bptt_steps)
    attention = None
    if spec.readout == "tokens":
        assert tokens is not None
        memory, state = start_decoder(spec, cell, weights, run.states, run.last, run.ends)
        read, attention, _ = decode_tokens(spec, cell, weights, memory, state, tokens, draw_mask)
    else:
        read = run.states
        if spec.readout != "steps":
            attention = attention_of(weights, run.states, run.ends) if "attention" in spec.pooling else None
            read = pooled(spec, run.states, run.last, run.segments, run.ends, attention)
        if spec.readout == "decoder":
            code = read[:, None].expand(-1, x.shape[1], -1)
            read = _unroll(cell, cell_weights(cell, weights, spec.decoder_layers()[0]), code, bptt_steps)[0]
    return Forward(run.states, run.last, run.lengths, read, attention, run.carried)


def head_outputs(spec: NetworkSpec, weights: Mapping[str, Tensor], read: Tensor) -> Tensor:
    """What the head makes (…, K) of what it reads (…, P): scores, or log-probabilities of an adaptive softmax."""
    linear = torch.nn.functional.linear
    scores = linear(read, weights["head.weight"], weights["head.bias"])
    if not spec.cutoffs:
        return scores
    head, n_frequent = scores.log_softmax(dim=-1), spec.cutoffs[0]
    parts = [head[..., :n_frequent]]
    for i in range(len(spec.cutoffs)):
        within = linear(linear(read, weights[f"tail.{i}.0.weight"]), weights[f"tail.{i}.1.weight"])
        parts.append(within.log_softmax(dim=-1) + head[..., n_frequent + i, None])
    return torch.cat(parts, dim=-1)


def encode(
    spec: NetworkSpec,
    cell: Cell,
    weights: Mapping[str, Tensor],
    x: Tensor,
    lengths: Integers,
    *,
    carried: list[Any] | None = None,
    draw_mask: DrawMask | None = None,
    bptt_steps: int | None = None,
) -> Encoded:
    """The embedding, the segments and the recurrent layers of `forward`."""
    if spec.vocabulary:
        x = embed(spec, weights, x, draw_mask)
    segments = None
    if spec.segment is not None:
        x, lengths = _project_segments(spec, weights, x, lengths)
        segments = x
    ends = None if (lengths == x.shape[1]).all() else torch.from_numpy(lengths).to(x.device)
    before, after = iter(carried or []), []
    for layer in spec.layers():
        outs = []
        for recurrence in layer:
            parameters = cell_weights(cell, weights, recurrence)
            source = _reverse(x, ends) if recurrence.reverse else x
            out, state = _unroll(cell, parameters, source, bptt_steps, _detach(next(before, None)))
            outs.append(_reverse(out, ends) if recurrence.reverse else out)
            after.append(state)
        x = torch.cat(outs, dim=2) if len(outs) > 1 else outs[0]  # (B, T', H')
        if draw_mask is not None:
            x = x * draw_mask(tuple(x.shape))
    return Encoded(x, _last_states(x, ends, spec.hidden_size), segments, lengths, ends, after)


def embed(
    spec: NetworkSpec, weights: Mapping[str, Tensor], inputs: Tensor, draw_mask: DrawMask | None = None
) -> Tensor:
    """What the recurrence reads (B, T, step_size) of inputs (B, T, F): the numbers as they are, and embeddings of the
    category numbers, on which dropout acts.
    """
    tables = zip(embedding_shapes(spec), spec.looked_up, strict=True)
    found = [torch.nn.functional.embedding(inputs[:, :, i].long(), weights[name]) for name, i in tables]
    embedded = torch.cat(found, dim=2)
    if draw_mask is not None:
        embedded = embedded * draw_mask(tuple(embedded.shape))
    return torch.cat([inputs[:, :, spec.numbers].to(embedded.dtype), embedded], dim=2) if spec.numbers else embedded


def _unroll(
    cell: Cell, parameters: dict[str, Tensor], x: Tensor, bptt_steps: int | None, state: Any = None
) -> tuple[Tensor, Any]:
    """All outputs (B, T, H) of a cell, and its last state.

    The state is detached every ``bptt_steps`` steps, counted from the end.
    """
    if bptt_steps is None or bptt_steps >= x.shape[1]:
        return cell.run(parameters, x, state)
    outs = []
    oldest = x.shape[1] % bptt_steps or bptt_steps  # a shorter block stands where its gradient matters least
    sizes = [oldest] + [bptt_steps] * ((x.shape[1] - oldest) // bptt_steps)
    for block in torch.split(x, sizes, dim=1):
        out, state = cell.run(parameters, block, _detach(state))
        outs.append(out)
    return torch.cat(outs, dim=1), state


def take_states(states: Any, rows: Tensor) -> Any:
    """The states (1, B, H) of all layers at ``rows``, without their history."""
    if isinstance(states, Tensor):
        return states.detach()[:, rows]
    return type(states)(take_states(part, rows) for part in states)


def in_double(weights: NetworkWeights, inputs: Array, device: str) -> tuple[dict[str, Tensor], Tensor]:
    """Weights and inputs on a device, in double precision where it has that."""
    dtype = torch.float32 if device.startswith("mps") else torch.float64
    tensors = {name: torch.tensor(value, dtype=dtype, device=device) for name, value in weights.items()}
    return tensors, torch.as_tensor(inputs, dtype=dtype, device=device)


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
    spec: NetworkSpec, weights: Mapping[str, Tensor], x: Tensor, lengths: Integers
) -> tuple[Tensor, Integers]:
    """One vector per segment of steps: a strided convolution and a rectifier."""
    steps, n_segments = spec.segment_steps(lengths, x.shape[1])
    batch, count, width = steps.shape
    padded = torch.cat([x, x.new_zeros(batch, 1, x.shape[2])], dim=1)
    index = torch.from_numpy(steps.reshape(batch, -1, 1)).to(x.device)
    segments = torch.take_along_dim(padded, index, dim=1).reshape(batch, count, width * x.shape[2])
    parts = [
        torch.nn.functional.linear(segments[:, :, columns], weights[f"{name}.weight"], weights[f"{name}.bias"])
        for name, _, columns in spec.segment_projections()
    ]
    return torch.cat(parts, dim=2).relu(), n_segments

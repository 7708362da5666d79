"""Run a network with given weights on the compiled kernels, for predictions."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from skrnn._types import Array, Doubles, Floats, Integers, NetworkWeights, Singles
from skrnn.networks import kernels
from skrnn.networks._adaptive import adaptive_of
from skrnn.networks._spec import NetworkSpec, Recurrence, Want
from skrnn.networks._weights import check_shape, embedding_shapes
from skrnn.networks.cells import Cell
from skrnn.networks.compiled._attention import attention_of
from skrnn.networks.compiled._layer import kernels_of
from skrnn.networks.compiled._pooling import PooledRun, over_time, pooled

__all__ = ["check_width", "embed", "encode", "layer_weights", "linear", "run_compiled"]

_VALUES = 1 << 16  # of what a head reads, in double precision at a time


def run_compiled(
    spec: NetworkSpec,
    weights: NetworkWeights,
    inputs: Array,
    lengths: Integers,
    want: Want = "outputs",
) -> tuple[Doubles, Integers]:
    """What `run_network` returns, of inputs (B, T, F): nothing is computed that is not wanted."""
    reads_all = want in ("mean", "max", "states") or (want != "last" and spec.reads_all_states)
    run = encode(spec, weights, inputs, lengths, reads_all)
    if want in ("last", "states"):
        return run.last if want == "last" else run.states.astype(np.float64), run.lengths
    if want in ("mean", "max"):
        return over_time(want, run.states, run.lengths), run.lengths
    attention = attention_of(weights, run.states, run.lengths) if "attention" in spec.pooling else None
    if want == "attention":
        assert attention is not None
        return attention, run.lengths
    read: Floats = run.states
    if spec.readout != "steps":
        read = pooled(spec, PooledRun(run.states, run.last, run.segments, run.lengths, attention))
    for recurrence in spec.decoder_layers():
        n_timesteps, cell = inputs.shape[1], spec.make_cell()
        code, n_steps = np.repeat(run.last[:, None], n_timesteps, axis=1), np.full(len(run.last), n_timesteps)
        read = run_direction(cell, weights, recurrence, code, n_steps, run.order, True)[0]
    adaptive = adaptive_of(spec, weights)
    outputs = linear(weights, "head", read) if adaptive is None else adaptive.of_steps(read.astype(np.float64))
    return outputs, run.lengths


class Encoded(NamedTuple):
    """What the recurrent layers leave behind: states (B, T', H'), without a step where they are not wanted; last
    (B, H'); the vectors of the segments (B, T', H), if there are any; the number of steps; an order of the rows.
    """

    states: Singles
    last: Doubles
    segments: Doubles | None
    lengths: Integers
    order: Integers


def encode(spec: NetworkSpec, weights: NetworkWeights, inputs: Array, lengths: Integers, want_states: bool) -> Encoded:
    """The embedding, the segments and the recurrent layers, on inputs (B, T, F)."""
    x, segments = embed(spec, weights, inputs), None
    if spec.segment is not None:
        x, lengths = _project_segments(spec, weights, np.asarray(x, np.float64), lengths)
        segments = x
    lengths, order = np.ascontiguousarray(lengths), alike(lengths)
    cell, last = spec.make_cell(), np.empty((len(x), 0))
    for number, layer in enumerate(spec.layers(), start=1):
        whole = want_states or number < spec.num_layers
        found = [run_direction(cell, weights, recurrence, x, lengths, order, whole) for recurrence in layer]
        outs, states = zip(*found, strict=True)
        x = outs[0] if len(outs) == 1 else np.concatenate(outs, axis=2)
        last = states[0] if len(states) == 1 else np.concatenate(states, axis=1)
    return Encoded(np.asarray(x, np.float32), last, segments, lengths, order)


def alike(lengths: Integers) -> Integers:
    """Row numbers in an order that puts rows of like lengths side by side."""
    if lengths.strides == (0,) or (lengths == lengths[0]).all():
        return np.arange(len(lengths))
    return np.argsort(lengths, kind="stable")


def run_direction(
    cell: Cell,
    weights: NetworkWeights,
    recurrence: Recurrence,
    x: Array,
    lengths: Integers,
    order: Integers,
    want_states: bool,
) -> tuple[Singles, Doubles]:
    """Outputs (B, T, H) and last states (B, H) of one layer in one direction; T is 0 if outputs are not wanted."""
    kernels, own = kernels_of(cell), layer_weights(cell, weights, recurrence)
    check_width(x, recurrence.size)
    x = np.ascontiguousarray(x, np.float32)
    out = np.zeros((len(x), x.shape[1] if want_states else 0, cell.hidden_size), np.float32)
    states = np.zeros((kernels.n_states, len(x), cell.hidden_size))
    kernels.run(x, lengths, order, recurrence.reverse, own, states, out, *kernels.options)
    return out, states[0]


def embed(spec: NetworkSpec, weights: NetworkWeights, inputs: Array) -> Array:
    """What the recurrence reads (B, T, step_size) of inputs (B, T, F): the numbers as they are, and embeddings of the
    category numbers.
    """
    if not spec.vocabulary:
        return inputs
    tables = zip(embedding_shapes(spec), spec.looked_up, strict=True)
    found = [np.take(weights[name], inputs[:, :, i].astype(np.intp), axis=0) for name, i in tables]
    numbers = [inputs[:, :, spec.numbers]] if spec.numbers else []
    return found[0] if len(found) == 1 and not numbers else np.concatenate([*numbers, *found], axis=2)


def layer_weights(cell: Cell, weights: NetworkWeights, recurrence: Recurrence) -> Singles:
    """Weights of a layer and direction as the kernels take them: checked and packed."""
    prefix, suffix, size = recurrence
    own = []
    for name, shape in cell.shapes(size).items():
        full_name = cell.full_name(prefix, name, suffix)
        value = weights[full_name]
        check_shape(full_name, value.shape, shape)
        own.append(np.asarray(value, np.float32))
    return kernels_of(cell).pack(tuple(own))


def check_width(x: Array, size: int) -> None:
    """Refuse inputs (…, F) that are not those of a layer with ``size`` of them."""
    if x.shape[-1] != size:
        raise ValueError(f"The network reads {size} inputs per step, got {x.shape[-1]}.")


def linear(weights: NetworkWeights, name: str, x: Floats) -> Doubles:
    """x W^T + b on the last axis, each row by itself, in double precision."""
    weight, bias = weights[f"{name}.weight"], weights[f"{name}.bias"]
    check_shape(f"{name}.weight", weight.shape, (*bias.shape, x.shape[-1]))
    rows = x.reshape(-1, x.shape[-1])
    out = np.empty((len(rows), len(bias)))
    out[:] = bias
    factors, size = np.ascontiguousarray(weight.T, np.float64), max(1, _VALUES // x.shape[-1])
    for begin in range(0, len(rows), size):
        part = np.ascontiguousarray(rows[begin : begin + size], np.float64)
        kernels.add_product(part, factors, out[begin : begin + size])
    return out.reshape(*x.shape[:-1], len(bias))


def _project_segments(
    spec: NetworkSpec, weights: NetworkWeights, x: Doubles, lengths: Integers
) -> tuple[Doubles, Integers]:
    """One vector per segment of steps."""
    steps, counts = spec.segment_steps(lengths, x.shape[1])  # (B, S, W)
    padded = np.concatenate([x, np.zeros((len(x), 1, x.shape[2]))], axis=1)
    segments = padded[np.arange(len(x))[:, None, None], steps].reshape(*steps.shape[:2], -1)
    parts = [linear(weights, name, segments[:, :, columns]) for name, _, columns in spec.segment_projections()]
    return np.maximum(np.concatenate(parts, axis=2), 0.0), counts

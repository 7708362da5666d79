"""The passes of a network as compiled code, for calls that take many mini-batches at once.

They do what `CompiledNetwork` does for networks of segments, recurrent layers, poolings and a head, with the same
kernels in the same order: the results have the same bits.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from skrnn._types import Array, Integers, Singles
from skrnn.networks import kernels
from skrnn.networks._spec import NetworkSpec
from skrnn.networks.compiled._network import CompiledNetwork
from skrnn.networks.compiled._pooling_passes import pool, put_by_row, unpool
from skrnn.networks.compiled._segment_passes import (
    PROJECT,
    PROJECT_BACKWARD,
    by_step,
    no_gradients,
    no_vectors,
    project,
    project_backward,
    segment_counts,
)
from skrnn.networks.kernels import (
    add_or_set,
    fill,
    head,
    kernel,
    longest,
    of_fixed_types,
    parted,
    turn,
)

__all__ = ["Passes", "has_passes", "make_passes", "pass_backward", "pass_forward", "work_size"]

_FORWARD = "void({x}, float32[::1], {tape})"
_BACKWARD = "void({x}, float32[::1], {tape}, {x}, float32[:,:,:,::1], {x}, float32[::1], {x}, int64)"
_TYPES = {
    "x": "float32[:,:,::1]",
    "tape": "Tuple((float32[:,:,:,::1], float32[:,:,::1], float32[:,:,::1]))",
}
_HEAD = "void(" + 4 * "float32[:,::1], " + "float32[::1], float32[:,::1])"
_POOLINGS = {"last": 0, "mean": 1, "max": 2}
_LINE = 16  # buffers begin at multiples of so many numbers


class Passes(NamedTuple):
    """A network as compiled code takes it.

    Attributes
    ----------
    forward, backward : kernels of the cell, as values
    project, project_backward, head_backward : kernels of the segments, if there are any, and of the head, as values
        What a network does not have is not compiled for it.
    flat, gradient : arrays of shape (n_weights,)
    layers : integer array of shape (n_layers, n_directions, 3)
        Where in ``flat`` the weights begin and end, and how many inputs there are.
    segments : tuple of 2 int
    projections : integer array of shape (n_projections, 6)
        Their form, zeros if there are none, and what projects them, as `_segment_passes.py` says.
    poolings, segment_poolings : integer arrays of shape (n_poolings,)
        Of the states, and of the vectors of segments. Without one of the states the head reads all of them.
    head : tuple of 3 int
        Where the weights of the head begin, where its bias begins and where it ends.
    sizes : tuple of 6 int
        Hidden units, gates, their gradients, further states by step and besides, steps of a truncated gradient.
    """

    forward: Any
    backward: Any
    project: Any
    project_backward: Any
    head_backward: Any
    flat: Singles
    gradient: Singles
    layers: Integers
    segments: tuple[int, int]
    projections: Integers
    poolings: Integers
    segment_poolings: Integers
    head: tuple[int, ...]
    sizes: tuple[int, ...]


def has_passes(spec: NetworkSpec) -> bool:
    """Whether a network in training is all segments, recurrent layers, poolings and a head."""
    known = spec.readout in ("last", "steps") and not spec.cutoffs and set(spec.pooling) <= set(_POOLINGS)
    return known and not spec.vocabulary and spec.dropout == 0


def make_passes(network: CompiledNetwork) -> Passes:
    """The passes of a network, on its weights and gradients."""
    spec, layer = network.spec, network.layers[0][0]
    own = layer.kernels
    layers = [[(*span(network.place(each)), each.size) for each in directions] for directions in spec.layers()]
    weight, bias = network.spans["head.weight"], network.spans["head.bias"]
    projections = [
        (*span(network.spans[f"{name}.weight"]), network.spans[f"{name}.bias"].stop, outputs.start, *span(columns))
        for name, outputs, columns in spec.segment_projections()
    ]
    return Passes(
        kernels.as_value(own.forward, _FORWARD.format(**_TYPES)),
        kernels.as_value(own.backward, _BACKWARD.format(**_TYPES)),
        kernels.as_value(project if projections else no_vectors, PROJECT),
        kernels.as_value(project_backward if projections else no_gradients, PROJECT_BACKWARD),
        kernels.as_value(kernels.head_backward if spec.readout == "last" else kernels.steps_head_backward, _HEAD),
        network.flat,
        network.gradient,
        np.array(layers, np.int64),
        (max(spec.widths, default=0), spec.segment_stride or min(spec.widths, default=0)),
        np.array(projections, np.int64).reshape(-1, 6),
        np.array([_POOLINGS[name] for name in spec.pooling if spec.readout == "last"], np.int64),
        np.array([_POOLINGS[name] for name in spec.segment_pooling], np.int64),
        (weight.start, bias.start, bias.stop),
        (layer.hidden, own.n_gates, own.n_gate_gradients, *own.n_extra, network.block),
    )


def span(place: slice) -> tuple[int, int]:
    """Where it begins and ends."""
    return place.start, place.stop


@kernel(nogil=False)
def lines(n: int) -> int:
    """n numbers and what is left of their last line in the cache."""
    return -(-n // _LINE) * _LINE


@kernel(nogil=False)
def layer_size(net: Passes, n_inputs: int, n_steps: int, n_rows: int) -> int:
    """Numbers in the buffers of a layer in a direction."""
    hidden, n_gates, n_gradients, by_step, besides, _ = net.sizes
    n = n_rows * hidden
    tape = lines(n_gates * n_steps * n) + lines((n_steps + 1) * n) + lines((by_step * n_steps + besides) * n)
    inputs = lines(n_steps * n_rows * (n_inputs + 1)) + lines(n_steps * n_rows * n_inputs)
    return tape + inputs + lines(n_gradients * n_steps * n)


@of_fixed_types
@kernel(nogil=False)
def work_size(net: Passes, n_steps: int, n_rows: int) -> int:
    """Numbers in the buffers of all layers, for a mini-batch."""
    size = 0
    for layer in range(net.layers.shape[0]):
        for direction in range(net.layers.shape[1]):
            size += layer_size(net, net.layers[layer, direction, 2], n_steps, n_rows)
    return size


@kernel()
def place_of(net: Passes, layer: int, direction: int) -> tuple[int, int, int]:
    """Where the weights of a layer in a direction begin and end, and how many inputs there are."""
    own = net.layers[layer, direction]
    return own[0], own[1], own[2]


@kernel()
def buffers(net: Passes, work: Array, layer: int, direction: int, n_steps: int, n_rows: int) -> Any:
    """Of a layer in a direction: inputs (T, B, F + 1), the tape, and the gradients of the gates and of the inputs."""
    begin = 0
    for number in range(layer * net.layers.shape[1] + direction):
        n_inputs = net.layers[number // net.layers.shape[1], number % net.layers.shape[1], 2]
        begin += layer_size(net, n_inputs, n_steps, n_rows)
    hidden, n_gates, n_gradients, by_step, besides, _ = net.sizes
    n_inputs, n = net.layers[layer, direction, 2], n_rows * hidden
    a = begin + lines(n_steps * n_rows * (n_inputs + 1))
    b = a + lines(n_gates * n_steps * n)
    c = b + lines((n_steps + 1) * n)
    d = c + lines((by_step * n_steps + besides) * n)
    e = d + lines(n_gradients * n_steps * n)
    x = work[begin : begin + n_steps * n_rows * (n_inputs + 1)].reshape(n_steps, n_rows, n_inputs + 1)
    gates = work[a : a + n_gates * n_steps * n].reshape(n_gates, n_steps, n_rows, hidden)
    states = work[b : b + (n_steps + 1) * n].reshape(n_steps + 1, n_rows, hidden)
    extra = work[c : c + (by_step * n_steps + besides) * n].reshape(by_step * n_steps + besides, n_rows, hidden)
    d_gates = work[d : d + n_gradients * n_steps * n].reshape(n_gradients, n_steps, n_rows, hidden)
    dx = work[e : e + n_steps * n_rows * n_inputs].reshape(n_steps, n_rows, n_inputs)
    return x, (gates, states, extra), d_gates, dx


class Read(NamedTuple):
    """What a forward pass leaves for the one backwards: how many steps or segments there are (B,), what the head reads
    (B, P), the steps of the maxima of states (B, H') and of vectors of segments (B, H), and these (B, S, H).
    """

    lengths: Any
    values: Any
    steps: Any
    segment_steps: Any
    vectors: Any


@kernel()
def pass_forward(net: Passes, work: Array, inputs: Array, n_real: Array, outputs: Array) -> Any:
    """Outputs (B, K) of inputs (B, T, F), of which so many steps (B,) are real, and what was read for them.

    If the head reads all states: (B * L, K), of which those of the steps of the mini-batch are set.
    """
    n_rows, hidden = inputs.shape[0], net.sizes[0]
    n_layers, n_directions = net.layers.shape[:2]
    lengths = segment_counts(n_real, net.segments)
    n_steps = longest(lengths, np.arange(n_rows))
    vectors = net.project(net.projections, net.segments, net.flat, inputs, n_real, lengths, hidden)
    source, by_row = vectors if net.projections.shape[0] > 0 else inputs, True
    for layer in range(n_layers):
        joined = np.empty((n_steps if n_directions > 1 else 0, n_rows, n_directions * hidden), np.float32)
        for direction in range(n_directions):
            begin, end, n_inputs = place_of(net, layer, direction)
            x, tape, _, _ = buffers(net, work, layer, direction, n_steps, n_rows)
            fill(source, by_row, lengths, direction == 1, x)
            for t in range(n_steps):
                for b in range(n_rows):
                    x[t, b, n_inputs] = np.float32(1.0)
            tape[1][0] = 0.0
            tape[2][: net.sizes[4]] = 0.0
            net.forward(x, net.flat[begin:end], tape)
            if n_directions > 1:
                turn(tape[1][1:], lengths, direction == 1, direction * hidden, joined)
            else:
                joined = tape[1][1:]
        source, by_row = joined, False
    size = net.poolings.size * source.shape[2]
    read = np.empty((n_rows, size + net.segment_poolings.size * hidden), np.float32)
    steps, segment_steps = np.empty((n_rows, source.shape[2]), np.int64), np.empty((n_rows, hidden), np.int64)
    pool(net.poolings, source, lengths, hidden, 0, read, steps)
    if net.segment_poolings.size > 0:
        pool(net.segment_poolings, by_step(vectors), lengths, hidden, size, read, segment_steps)
    found = outputs
    if net.poolings.size == 0:
        read = source.reshape(n_steps * n_rows, source.shape[2])
        found = np.empty((n_steps * n_rows, outputs.shape[1]), np.float32)
    weight, bias, end = net.head
    head(read, net.flat[weight:bias].reshape(outputs.shape[1], read.shape[1]), net.flat[bias:end], found)
    if net.poolings.size == 0:
        put_by_row(found, n_rows, outputs)
    return Read(lengths, read, steps, segment_steps, vectors)


@kernel()
def pass_backward(net: Passes, work: Array, inputs: Array, n_real: Array, read: Any, d_outputs: Array) -> None:
    """Set the gradient of all weights from that of the outputs (B, K), or (T * B, K), after `pass_forward`."""
    n_rows, hidden, block, lengths = inputs.shape[0], net.sizes[0], net.sizes[5], read.lengths
    n_steps = longest(lengths, np.arange(n_rows))
    n_layers, n_directions = net.layers.shape[:2]
    weight, bias, end = net.head
    shape, projects = (d_outputs.shape[1], read.values.shape[1]), net.projections.shape[0] > 0
    w, dw = net.flat[weight:bias].reshape(shape), net.gradient[weight:bias].reshape(shape)
    d_read = np.empty(read.values.shape, np.float32)
    d_first = np.empty((0, n_rows, hidden), np.float32)
    net.head_backward(read.values, d_outputs, w, dw, net.gradient[bias:end], d_read)
    if net.poolings.size == 0:
        d_source = d_read.reshape(n_steps, n_rows, n_directions * hidden)
    else:
        d_source = np.zeros((n_steps, n_rows, n_directions * hidden), np.float32)
        unpool(net.poolings, d_read, 0, read.steps, lengths, hidden, d_source)
    for layer in range(n_layers - 1, -1, -1):
        wanted = layer > 0 or projects
        below = np.empty((n_steps if wanted else 0, n_rows, net.layers[layer, 0, 2]), np.float32)
        share = d_source
        for direction in range(n_directions):
            begin, end, _ = place_of(net, layer, direction)
            x, tape, d_gates, dx = buffers(net, work, layer, direction, n_steps, n_rows)
            if n_directions > 1:
                share = np.empty((n_steps, n_rows, hidden), np.float32)
                parted(d_source, lengths, direction == 1, direction * hidden, share)
            dx = dx[: below.shape[0]]
            d_weights = net.gradient[begin:end]
            net.backward(x, net.flat[begin:end], tape, share, d_gates, dx, d_weights, d_first, block)
            if wanted and direction == 0:
                add_or_set(dx.reshape(dx.size), below.reshape(dx.size), False)
            elif wanted:
                turned = np.empty(dx.shape, np.float32)
                turn(dx, lengths, True, 0, turned)
                add_or_set(turned.reshape(dx.size), below.reshape(dx.size), True)
        d_source = below
    if net.segment_poolings.size > 0:
        d_pooled = np.zeros(d_source.shape, np.float32)
        begin = net.poolings.size * n_directions * hidden
        unpool(net.segment_poolings, d_read, begin, read.segment_steps, lengths, hidden, d_pooled)
        add_or_set(d_pooled.reshape(d_pooled.size), d_source.reshape(d_source.size), True)
    vectors = read.vectors
    net.project_backward(net.projections, net.segments, net.gradient, inputs, n_real, lengths, vectors, d_source)

"""A search for tokens as compiled code: many steps in one call, for sequences of which as many are at work as fill lanes.

A sequence has a place, and W hypotheses there. Those that grow stand in lanes, side by side, whatever sequence they
belong to; where all of a sequence have ended, the next sequence takes its place.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from skrnn._types import Array, Doubles, Flags, Integers, Singles
from skrnn.networks.kernels._lanes import lane_kernel, lane_product, lane_sums, lane_tanh
from skrnn.networks.kernels._searching import context_of, grow, shares_of
from skrnn.networks.kernels._values import of_fixed_types
from skrnn.networks.kernels._vectors import PANEL

__all__ = ["Beams", "Writer", "search_steps"]


class Writer(NamedTuple):
    """A decoder with packed weights, and the sequences that it looks at.

    Attributes
    ----------
    step : kernel of the cell, as a value
    weights : array of shape (n_weights,)
        Those of all layers as the cell packs them, one after the other.
    edges : integer array of shape (num_layers + 1,)
        Where those of a layer begin and end.
    table : array of shape (n_tokens, n_inputs)
    combine, head : packed arrays of H rows and H' + 1 + H columns, or none, and of n_tokens rows and H + 1 columns
    states : array of shape (n_sequences, n_timesteps, H')
    keys : float64 array of shape (n_sequences, n_timesteps, H), or without a step: there is no attention
    lengths : integer array of shape (n_sequences,)
    first : array of shape (num_layers, n_sequences, H)
        The states h that the decoder begins with; its other states are zero.
    remembers : bool
        Whether it has others.
    """

    step: Any
    weights: Singles
    edges: Integers
    table: Singles
    combine: Singles
    head: Singles
    states: Singles
    keys: Doubles
    lengths: Integers
    first: Singles
    remembers: bool


class Beams(NamedTuple):
    """S places with W hypotheses each, best first, N lanes in blocks of R, and what was found.

    Attributes
    ----------
    sequence, counts : integer arrays of shape (S,)
        Which sequence has a place, or -1, and its tokens so far.
    totals, sizes, ended : arrays of shape (S, W)
        Log-probabilities, tokens, and which hypotheses do not grow any further.
    parents, tokens : integer arrays of shape (S, most, W)
        Of each step so far, which hypothesis each grew from, and by which token.
    lanes : integer array of shape (4, N)
        Of each lane its place, hypothesis and token, and from which lane it goes on; -1: it begins.
    panels, memories : arrays of shape (2, num_layers, N / R, H + 1 + F, R) and (2, num_layers, N / R, H, R)
        States as `Kernels.step` takes them, now and before.
    written : integer array of any size
        The tokens of the sequences that are done, one after the other.
    spans, scores : arrays of shape (n_sequences, 2) and (n_sequences,)
        Where they begin and end, and their log-probability.
    numbers : integer array of shape (4,)
        Sequences that have begun, lanes at work, numbers in ``written``, and which of the two states are those of now.
    """

    sequence: Integers
    counts: Integers
    totals: Doubles
    sizes: Integers
    ended: Flags
    parents: Integers
    tokens: Integers
    lanes: Integers
    panels: Singles
    memories: Singles
    written: Integers
    spans: Integers
    scores: Doubles
    numbers: Integers


class Room(NamedTuple):
    """What a step works in.

    ``work`` takes sums; ``both`` (H' + 1 + H, R) is multiplied by ``combine``, ``read`` (H + 1, R) by ``head``; a
    ``state`` (H,) has ``shares`` (T,) and a ``context`` (H',). The ``outputs`` (N, K) of lanes; ``place`` (S, W), in
    which lane a hypothesis stands; ``growth`` and ``chosen`` are what `grow` asks for.
    """

    work: Singles
    both: Singles
    read: Singles
    state: Singles
    shares: Doubles
    context: Doubles
    outputs: Singles
    place: Integers
    growth: Doubles
    chosen: Integers


@lane_kernel
def begin_sequence(net: Writer, beams: Beams, place: int, n: int) -> int:
    """Give a place to the next sequence, if there is one, and the n-th lane to it; how many lanes there are."""
    row = beams.numbers[0]
    if row == net.lengths.size:
        beams.sequence[place] = -1
        return n
    beams.numbers[0] += 1
    beams.sequence[place], beams.counts[place] = row, 0
    for w in range(beams.totals.shape[1]):
        beams.totals[place, w] = 0.0 if w == 0 else -np.inf
        beams.sizes[place, w], beams.ended[place, w] = 0, False
    lanes = beams.lanes
    lanes[0, n], lanes[1, n], lanes[2, n], lanes[3, n] = place, 0, 0, -1
    return n + 1


@lane_kernel
def end_sequence(beams: Beams, place: int) -> None:
    """Write the tokens of the first hypothesis, without its end, behind those of other sequences."""
    row, begin, beam = beams.sequence[place], beams.numbers[2], 0
    length = beams.counts[place]
    for t in range(beams.counts[place] - 1, -1, -1):
        token = beams.tokens[place, t, beam]
        beams.written[begin + t] = token
        length = t if token == 0 else length
        beam = beams.parents[place, t, beam]
    beams.spans[row, 0], beams.spans[row, 1] = begin, begin + length
    beams.scores[row] = beams.totals[place, 0]
    beams.numbers[2] += length


@lane_kernel
def move_lanes(net: Writer, beams: Beams) -> None:
    """Take the states to the lanes that go on with them, and put first states where a sequence begins."""
    n, now, (_, n_layers, _, hidden, width) = beams.numbers[1], beams.numbers[3], beams.memories.shape
    source, moves = beams.lanes[3], False
    for i in range(n):
        moves = moves or (source[i] >= 0 and source[i] != i)
    if moves:
        for layer in range(n_layers):
            for i in range(n):
                if source[i] >= 0:
                    (a, r), (b, s) = divmod(i, width), divmod(source[i], width)
                    new, old = beams.panels[1 - now, layer, a], beams.panels[now, layer, b]
                    for j in range(hidden):
                        new[j, r] = old[j, s]
                    if net.remembers:
                        new, old = beams.memories[1 - now, layer, a], beams.memories[now, layer, b]
                        for j in range(hidden):
                            new[j, r] = old[j, s]
        now = 1 - now
        beams.numbers[3] = now
    for i in range(n):
        if source[i] < 0:
            (a, r), row = divmod(i, width), beams.sequence[beams.lanes[0, i]]
            for layer in range(n_layers):
                panel, memory, first = beams.panels[now, layer, a], beams.memories[now, layer, a], net.first[layer, row]
                for j in range(hidden):
                    panel[j, r], memory[j, r] = first[j], np.float32(0.0)


@lane_kernel
def advance_block(net: Writer, beams: Beams, block: int, count: int, work: Array) -> Array:
    """Take the tokens of the lanes of a block through all layers; the panel of the last one."""
    _, n_layers, _, hidden, width = beams.memories.shape
    now, n_inputs = beams.numbers[3], net.table.shape[1]
    panel = beams.panels[now, 0, block][: hidden + 1 + n_inputs]
    for r in range(count):
        read = net.table[beams.lanes[2, block * width + r]]
        for j in range(n_inputs):
            panel[hidden + 1 + j, r] = read[j]
    for layer in range(n_layers):
        if layer > 0:
            below, panel = panel, beams.panels[now, layer, block][: 2 * hidden + 1]
            for j in range(hidden):
                for r in range(width):
                    panel[hidden + 1 + j, r] = below[j, r]
        net.step(net.weights[net.edges[layer] : net.edges[layer + 1]], panel, beams.memories[now, layer, block], work)
    return panel


@lane_kernel
def attend_block(net: Writer, beams: Beams, begin: int, count: int, panel: Array, room: Room) -> None:
    """What the head reads of lanes with attention: their states and what these attend to, combined."""
    hidden, size = room.state.size, room.context.size
    for r in range(count):
        row = beams.sequence[beams.lanes[0, begin + r]]
        for j in range(hidden):
            room.state[j] = panel[j, r]
        shares_of(room.state, net.keys[row], net.lengths[row], room.shares)
        context_of(room.shares, net.states[row], net.lengths[row], room.context)
        for j in range(size):
            room.both[j, r] = room.context[j]
    for j in range(hidden):
        for r in range(panel.shape[1]):
            room.both[size + 1 + j, r] = panel[j, r]
    sums = lane_sums(net.combine, room.work, panel.shape[1])
    lane_product(net.combine, room.both, sums)
    flat = room.read[:hidden].reshape(hidden * panel.shape[1])
    for i in range(flat.size):
        flat[i] = lane_tanh(room.work[i])


@lane_kernel
def write_step(net: Writer, beams: Beams, room: Room) -> None:
    """The next step of all lanes: their outputs."""
    width, n = beams.memories.shape[4], beams.numbers[1]
    for block in range(-(-n // width)):
        begin = block * width
        count = min(n - begin, width)
        panel = advance_block(net, beams, block, count, room.work)
        if net.combine.shape[0] > 0:
            attend_block(net, beams, begin, count, panel, room)
            panel = room.read
        found = lane_sums(net.head, room.work, width)
        lane_product(net.head, panel[: beams.memories.shape[3] + 1], found)
        for r in range(count):
            out = room.outputs[begin + r]
            for k in range(out.size):
                out[k] = found[k, r]


@lane_kernel
def grow_all(net: Writer, beams: Beams, penalty: float, max_length: int, room: Room) -> None:
    """Let the hypotheses of every sequence grow, and give the lanes to those that go on growing, or begin."""
    lanes, n, (n_places, width) = beams.lanes, 0, beams.totals.shape
    room.place[:] = -1
    for i in range(beams.numbers[1]):
        room.place[lanes[0, i], lanes[1, i]] = i
    for s in range(n_places):
        if beams.sequence[s] < 0:
            continue
        t, own = beams.counts[s], (beams.totals[s], beams.sizes[s], beams.ended[s])
        parents, tokens = beams.parents[s, t], beams.tokens[s, t]
        grow(room.outputs, room.place[s], *own, penalty, t == max_length, parents, tokens, room.growth, room.chosen)
        beams.counts[s] = t + 1
        first = n
        for w in range(width):
            if not beams.ended[s, w] and beams.totals[s, w] > -np.inf:
                lanes[0, n], lanes[1, n], lanes[2, n], lanes[3, n] = s, w, tokens[w], room.place[s, parents[w]]
                n += 1
        if n == first:
            end_sequence(beams, s)
            n = begin_sequence(net, beams, s, n)
    beams.numbers[1] = n


@of_fixed_types
@lane_kernel
def search_steps(net: Writer, beams: Beams, penalty: float, max_length: int, n_steps: int) -> None:
    """So many steps of a search, or until no sequence is left; the first call begins with no lane at work."""
    _, _, n_blocks, hidden, width = beams.memories.shape
    n_tokens, size, (n_places, n_beams) = net.table.shape[0], net.states.shape[2], beams.totals.shape
    room = Room(
        np.empty(max(4 * hidden + 3 * PANEL, n_tokens + PANEL) * width, np.float32),
        np.zeros((size + 1 + hidden, width), np.float32),
        np.ones((hidden + 1, width), np.float32),
        np.empty(hidden, np.float32),
        np.empty(max(net.keys.shape[1], 1)),
        np.empty(size),
        np.empty((n_blocks * width, n_tokens), np.float32),
        np.empty((n_places, n_beams), np.int64),
        np.empty(2 * (n_tokens + n_beams)),
        np.empty((3, n_beams), np.int64),
    )
    room.both[size] = np.float32(1.0)
    if beams.numbers[0] == 0:
        for s in range(n_places):
            beams.numbers[1] = begin_sequence(net, beams, s, beams.numbers[1])
    for _ in range(n_steps):
        if beams.numbers[1] == 0:
            break
        move_lanes(net, beams)
        write_step(net, beams, room)
        grow_all(net, beams, penalty, max_length, room)

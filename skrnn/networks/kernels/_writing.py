"""A search for tokens as compiled code: many steps in one call, with as many sequences at work as fill the lanes.

A sequence has a place, and W hypotheses there. Those that grow stand in lanes, side by side, whatever sequence they
belong to; where all of a sequence have ended, the next sequence takes its place.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from skrnn._types import Array, Doubles, Flags, Integers, Singles
from skrnn.networks.kernels._growing import Clusters, grow_beams
from skrnn.networks.kernels._lanes import lane_kernel, lane_product, lane_sums, lane_tanh
from skrnn.networks.kernels._searching import context_of, shares_of
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
    combine, head : packed arrays of H rows and H' + 1 + H columns, or none, and of H + 1 columns and a row for each
        token that has a score in the head, and behind them one for each cluster of the others
    clusters : Clusters
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
    clusters: Clusters
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
    ``state`` (H,) has ``shares`` (2, T), ``share_bits`` as integers, and a ``context`` (H',). The ``outputs`` (N, K) of
    lanes, and, where there are clusters, the ``states`` (N, H) that are behind them; ``place`` (S, W), in which lane a
    hypothesis stands.
    """

    work: Singles
    both: Singles
    read: Singles
    state: Singles
    shares: Doubles
    share_bits: Integers
    context: Doubles
    outputs: Singles
    states: Singles
    place: Integers


_PANELS = 16  # of the head, whose outputs stay in the first cache until they have been turned around


# What a tuple holds is taken out of it in front of a loop: taking it out counts a reference, which takes longer than an
# addition.


@lane_kernel
def begin_sequence(net: Writer, beams: Beams, place: int, n: int) -> int:
    """Give a place to the next sequence, if there is one, and the n-th lane to it; how many lanes there are."""
    row, lanes = beams.numbers[0], beams.lanes
    if row == net.lengths.size:
        beams.sequence[place] = -1
        return n
    beams.numbers[0] += 1
    beams.sequence[place], beams.counts[place] = row, 0
    totals, sizes, ended = beams.totals, beams.sizes, beams.ended
    for w in range(totals.shape[1]):
        totals[place, w] = 0.0 if w == 0 else -np.inf
        sizes[place, w], ended[place, w] = 0, False
    lanes[0, n], lanes[1, n], lanes[2, n], lanes[3, n] = place, 0, 0, -1
    return n + 1


@lane_kernel
def end_sequence(beams: Beams, place: int) -> None:
    """Write the tokens of the first hypothesis, without its end, behind those of other sequences."""
    row, begin, length, beam = beams.sequence[place], beams.numbers[2], beams.counts[place], 0
    written, tokens, parents = beams.written, beams.tokens, beams.parents
    for t in range(length - 1, -1, -1):
        token = tokens[place, t, beam]
        written[begin + t] = token
        length = t if token == 0 else length
        beam = parents[place, t, beam]
    beams.spans[row, 0], beams.spans[row, 1] = begin, begin + length
    beams.scores[row] = beams.totals[place, 0]
    beams.numbers[2] += length


@lane_kernel
def copy_lanes(states: Array, now: int, source: Array, n: int, hidden: int) -> None:
    """Copy the first H rows of the panels of all layers (2, L, N / R, ..., R) to the lanes that go on with them."""
    width = states.shape[4]
    for layer in range(states.shape[1]):
        for i in range(n):
            if source[i] >= 0:
                a, r, b, s = i // width, i % width, source[i] // width, source[i] % width
                for j in range(hidden):
                    states[1 - now, layer, a, j, r] = states[now, layer, b, j, s]


@lane_kernel
def move_lanes(net: Writer, beams: Beams) -> None:
    """Take the states to the lanes that go on with them, and put first states where a sequence begins."""
    n, now, hidden, width = beams.numbers[1], beams.numbers[3], beams.memories.shape[3], beams.memories.shape[4]
    source, place, sequence, first = beams.lanes[3], beams.lanes[0], beams.sequence, net.first
    panels, memories, moves = beams.panels, beams.memories, False
    for i in range(n):
        moves = moves or (source[i] >= 0 and source[i] != i)
    if moves:
        copy_lanes(panels, now, source, n, hidden)
        if net.remembers:
            copy_lanes(memories, now, source, n, hidden)
        now = 1 - now
        beams.numbers[3] = now
    for i in range(n):
        if source[i] < 0:
            a, r, row = i // width, i % width, sequence[place[i]]
            for layer in range(first.shape[0]):
                for j in range(hidden):
                    panels[now, layer, a, j, r] = first[layer, row, j]
                    memories[now, layer, a, j, r] = np.float32(0.0)


@lane_kernel
def advance_block(net: Writer, beams: Beams, block: int, count: int, work: Array) -> Any:
    """Take the tokens of the lanes of a block through all layers; the panel of the last one."""
    hidden, width = beams.memories.shape[3:]
    now, table, tokens, weights, edges = beams.numbers[3], net.table, beams.lanes[2], net.weights, net.edges
    panel = beams.panels[now, 0, block][: hidden + 1 + table.shape[1]]
    for r in range(count):
        token = tokens[block * width + r]
        for j in range(table.shape[1]):
            panel[hidden + 1 + j, r] = table[token, j]
    for layer in range(edges.size - 1):
        if layer > 0:
            below, panel = panel, beams.panels[now, layer, block][: 2 * hidden + 1]
            for j in range(hidden):
                for r in range(width):
                    panel[hidden + 1 + j, r] = below[j, r]
        net.step(weights[edges[layer] : edges[layer + 1]], panel, beams.memories[now, layer, block], work)
    return panel


@lane_kernel
def attend_block(net: Writer, beams: Beams, begin: int, count: int, panel: Array, room: Room) -> Array:
    """What the head reads of lanes with attention: their states and what these attend to, combined."""
    places, sequence, states, keys, lengths = beams.lanes[0], beams.sequence, net.states, net.keys, net.lengths
    both, state, shares, bits, context = room.both, room.state, room.shares, room.share_bits, room.context
    (hidden, size), width, read, work = (state.size, context.size), panel.shape[1], room.read, room.work
    for r in range(count):
        row = sequence[places[begin + r]]
        n_steps = lengths[row]
        for j in range(hidden):
            state[j] = panel[j, r]
        shares_of(state, row, keys, n_steps, shares, bits)
        context_of(shares, row, states, n_steps, context)
        for j in range(size):
            both[j, r] = context[j]
    for j in range(hidden):
        for r in range(width):
            both[size + 1 + j, r] = panel[j, r]
    lane_product(net.combine, both, lane_sums(net.combine, work, width))
    flat = read.reshape(read.size)
    for i in range(hidden * width):
        flat[i] = lane_tanh(work[i])
    return read


@lane_kernel
def write_step(net: Writer, beams: Beams, room: Room) -> None:
    """The next step of all lanes: their outputs."""
    (hidden, width), n, outputs, head = beams.memories.shape[3:], beams.numbers[1], room.outputs, net.head
    states = room.states
    for block in range(-(-n // width)):
        begin = block * width
        count = min(n - begin, width)
        read = advance_block(net, beams, block, count, room.work)
        if net.combine.shape[0] > 0:
            read = attend_block(net, beams, begin, count, read, room)
        for first in range(0, head.shape[0], _PANELS):
            part, begins = head[first : first + _PANELS], first * PANEL
            found = lane_sums(part, room.work, width)
            lane_product(part, read[: hidden + 1], found)
            n_found = min(found.shape[0], outputs.shape[1] - begins)
            for r in range(count):
                for k in range(n_found):
                    outputs[begin + r, begins + k] = found[k, r]
        for r in range(count):
            for j in range(states.shape[1]):
                states[begin + r, j] = read[j, r]


@lane_kernel
def grow_all(net: Writer, beams: Beams, penalty: float, max_length: int, room: Room) -> None:
    """Let the hypotheses of every sequence grow, and give the lanes to those that go on growing, or begin."""
    lanes, sequence, counts, place, n = beams.lanes, beams.sequence, beams.counts, room.place, 0
    totals, sizes, ended, parents, tokens = beams.totals, beams.sizes, beams.ended, beams.parents, beams.tokens
    place[:] = -1
    for i in range(beams.numbers[1]):
        place[lanes[0, i], lanes[1, i]] = i
    outputs, states, clusters = room.outputs, room.states, net.clusters
    grow_beams(outputs, states, clusters, place, counts, totals, sizes, ended, parents, tokens, penalty, max_length)
    for s in range(sequence.size):
        if sequence[s] < 0:
            continue
        t, first = counts[s] - 1, n
        for w in range(totals.shape[1]):
            if not ended[s, w] and totals[s, w] > -np.inf:
                lanes[0, n], lanes[1, n], lanes[2, n] = s, w, tokens[s, t, w]
                lanes[3, n] = place[s, parents[s, t, w]]
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
    n_clusters, size, (n_places, n_beams) = net.clusters.places.shape[0], net.states.shape[2], beams.totals.shape
    n_shown = net.clusters.firsts[0] + n_clusters
    shares = np.empty((2, net.keys.shape[1]))
    room = Room(
        np.empty(max(4 * hidden + 3 * PANEL, _PANELS * PANEL) * width, np.float32),
        np.zeros((size + 1 + hidden, width), np.float32),
        np.ones((hidden + 1, width), np.float32),
        np.empty(hidden, np.float32),
        shares,
        shares.view(np.int64),
        np.empty(size),
        np.empty((n_blocks * width, n_shown), np.float32),
        np.empty((n_blocks * width, hidden if n_clusters > 0 else 0), np.float32),
        np.empty((n_places, n_beams), np.int64),
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

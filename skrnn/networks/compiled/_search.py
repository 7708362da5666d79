"""The search for a good sequence of tokens on the compiled kernels: greedy, or a beam of the best so far.

Each sequence by itself, and of its hypotheses only those that have not ended: what has ended costs nothing.
"""

from __future__ import annotations

import numpy as np

from skrnn._types import Array, Doubles, Integers, NetworkWeights
from skrnn.networks import kernels
from skrnn.networks._search import Search
from skrnn.networks._spec import NetworkSpec
from skrnn.networks.compiled._layer import kernels_of
from skrnn.networks.compiled._run import encode, layer_weights, linear
from skrnn.networks.kernels import FEW_ROWS, LANES, MOST, Beams, Clusters, Writer

__all__ = ["compiled_attention", "compiled_search"]

_STEP = "void(float32[::1], float32[:,::1], float32[:,::1], float32[::1])"
_LANES = 8 * LANES  # at work, about
_OUTPUTS = 1 << 22  # of all lanes, at most
_STEPS = 16  # in one call, which nobody can interrupt


def _writer(spec: NetworkSpec, weights: NetworkWeights, inputs: Array, lengths: Integers) -> Writer:
    """The decoder, its weights packed, and what the encoder makes of the inputs (B, T, F)."""
    run = encode(spec, weights, inputs, lengths, want_states=spec.attention is not None)
    cell, size, hidden = spec.make_cell(), spec.state_size, spec.hidden_size
    layers = [layer_weights(cell, weights, recurrence) for recurrence in spec.decoder_layers()]
    first = np.tanh(linear(weights, "bridge", run.last)).reshape(-1, spec.num_layers, hidden)
    combine, keys = np.empty((0, 0, 0), np.float32), np.empty((len(first), 0, hidden))
    if spec.attention is not None:
        weight = weights["combine.weight"]
        combine = kernels.packed(weight[:, :size], weights["combine.bias"][:, None], weight[:, size:])
        keys = np.empty((*run.states.shape[:2], hidden))
        kernels.attention_keys(run.states, run.lengths, kernels.packed(weights["attention.weight"]), keys)
    return Writer(
        step=kernels.as_value(kernels_of(cell).step, _STEP),
        weights=np.concatenate(layers),
        edges=np.cumsum([0, *map(len, layers)]),
        table=np.ascontiguousarray(np.clip(weights["decoder_embedding.weight"], -MOST, MOST), np.float32),
        combine=combine,
        head=kernels.packed(weights["head.weight"], weights["head.bias"][:, None]),
        clusters=_clusters(spec, weights),
        states=run.states,
        keys=keys,
        lengths=np.array(run.lengths, np.intp),
        first=np.array(first.transpose(1, 0, 2), np.float32, order="C"),
        remembers=kernels_of(cell).n_states > 1,
    )


def _clusters(spec: NetworkSpec, weights: NetworkWeights) -> Clusters:
    """Those of an adaptive softmax, each with its weights packed."""
    parts, places, begin = [np.empty(0, np.float32)], np.zeros((len(spec.cutoffs), 3), np.intp), 0
    for i in range(len(spec.cutoffs)):
        pair = [kernels.packed(weights[f"tail.{i}.{j}.weight"]).ravel() for j in range(2)]
        places[i] = len(weights[f"tail.{i}.0.weight"]), begin, begin + len(pair[0])
        parts, begin = [*parts, *pair], begin + sum(map(len, pair))
    return Clusters(np.array([*spec.cutoffs, spec.output_size], np.intp), places, np.concatenate(parts))


def _beams(net: Writer, width: int) -> Beams:
    """Places for hypotheses, without a sequence yet."""
    n_layers, n_rows, hidden = net.first.shape
    (firsts, places, _), n_inputs = net.clusters, net.table.shape[1]
    n_scores = int(firsts[0]) + len(places)  # of a lane
    lanes = 1 if n_rows * width <= FEW_ROWS else LANES
    n_places = max(1, min(n_rows, max(LANES, min(_LANES, _OUTPUTS // n_scores)) // width))
    n_blocks = -(-n_places * width // lanes)
    panels = np.zeros((2, n_layers, n_blocks, hidden + 1 + max(n_inputs, hidden), lanes), np.float32)
    panels[:, :, :, hidden] = 1.0
    return Beams(
        sequence=np.empty(n_places, np.intp),
        counts=np.zeros(n_places, np.intp),
        totals=np.empty((n_places, width)),
        sizes=np.empty((n_places, width), np.intp),
        ended=np.empty((n_places, width), np.bool_),
        parents=np.empty((n_places, 2 * _STEPS, width), np.intp),
        tokens=np.empty((n_places, 2 * _STEPS, width), np.intp),
        lanes=np.empty((4, n_blocks * lanes), np.intp),
        panels=panels,
        memories=np.zeros((2, n_layers, n_blocks, hidden, lanes), np.float32),
        written=np.empty(0, np.intp),
        spans=np.zeros((n_rows, 2), np.intp),
        scores=np.empty(n_rows),
        numbers=np.zeros(4, np.intp),
    )


def _with_room(beams: Beams) -> Beams:
    """The same with room for the steps of another call."""
    longest, (n_places, most, _) = int(beams.counts.max()) + _STEPS, beams.tokens.shape
    if longest > most:
        longer = [np.concatenate([part, np.empty_like(part)], axis=1) for part in (beams.parents, beams.tokens)]
        beams = beams._replace(parents=longer[0], tokens=longer[1])
    needed = beams.numbers[2] + n_places * (longest + _STEPS)
    if needed > len(beams.written):
        more = np.empty(2 * needed - len(beams.written), np.intp)
        beams = beams._replace(written=np.concatenate([beams.written, more]))
    return beams


def compiled_search(
    spec: NetworkSpec, weights: NetworkWeights, inputs: Array, lengths: Integers, search: Search
) -> tuple[list[Integers], Doubles]:
    """`skrnn.networks.search_tokens`: outputs in single precision, probabilities and attention in double."""
    net = _writer(spec, weights, inputs, lengths)
    beams = _beams(net, search.beam_width)
    while beams.numbers[0] < len(inputs) or beams.numbers[1] > 0:
        beams = _with_room(beams)
        kernels.search_steps(net, beams, float(search.length_penalty), search.max_length, _STEPS)
    return [beams.written[begin:end] for begin, end in beams.spans.tolist()], beams.scores


def compiled_attention(
    spec: NetworkSpec, weights: NetworkWeights, inputs: Array, lengths: Integers, tokens: Integers
) -> Doubles:
    """`skrnn.networks.attend`."""
    net, (n_rows, n_tokens), own = _writer(spec, weights, inputs, lengths), tokens.shape, kernels_of(spec.make_cell())
    x, counts, order = net.table[tokens], np.full(n_rows, n_tokens), np.arange(n_rows)
    for layer, first in enumerate(net.first):
        states, part = np.zeros((own.n_states, *first.shape)), net.weights[net.edges[layer] : net.edges[layer + 1]]
        states[0] = first
        out = np.empty((n_rows, n_tokens, spec.hidden_size), np.float32)
        own.run(x, counts, order, False, part, states, out, *own.options)
        x = out
    shares = np.empty((n_rows * n_tokens, net.keys.shape[1]))
    source = np.repeat(order, n_tokens)
    kernels.attention_shares(x.reshape(len(source), -1), source, net.keys, net.lengths, shares)
    return shares.reshape(n_rows, n_tokens, -1)

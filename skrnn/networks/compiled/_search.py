"""The search for a good sequence of tokens on the compiled kernels: greedy, or a beam of the best so far.

Each sequence by itself, and of its hypotheses only those that have not ended: what has ended costs nothing.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from skrnn._types import Array, Doubles, Integers, NetworkWeights, Singles
from skrnn.networks import kernels
from skrnn.networks._search import Search
from skrnn.networks._spec import NetworkSpec
from skrnn.networks.compiled._layer import kernels_of
from skrnn.networks.compiled._run import encode, layer_weights, linear

__all__ = ["compiled_attention", "compiled_search"]


class _Writer:
    """A decoder, its weights packed, and the sequences that it looks at: states (B, T, H') and their keys (B, T, H)."""

    def __init__(self, spec: NetworkSpec, weights: NetworkWeights, inputs: Array, lengths: Integers):
        run = encode(spec, weights, inputs, lengths, want_states=spec.attention is not None)
        self.cell, self.table = spec.make_cell(), weights["decoder_embedding.weight"]
        self.layers = [layer_weights(self.cell, weights, recurrence) for recurrence in spec.decoder_layers()]
        self.head = kernels.packed(weights["head.weight"], weights["head.bias"][:, None])
        self.combine = np.empty((0, 0, 0), np.float32)
        self.lengths, self.states, n_rows = run.lengths, run.states, len(run.last)
        self.keys = np.empty((n_rows, 0, spec.hidden_size))
        if spec.attention is not None:
            size, weight = spec.state_size, weights["combine.weight"]
            self.combine = kernels.packed(weight[:, :size], weights["combine.bias"][:, None], weight[:, size:])
            self.keys = np.empty((*run.states.shape[:2], spec.hidden_size))
            packed, rows = kernels.packed(weights["attention.weight"]), run.states.reshape(-1, size)
            kernels.attention_keys(rows, packed, self.keys.reshape(-1, spec.hidden_size))
        first = np.tanh(linear(weights, "bridge", run.last)).reshape(n_rows, spec.num_layers, spec.hidden_size)
        self.first = np.zeros((spec.num_layers, kernels_of(self.cell).n_states, n_rows, spec.hidden_size))
        self.first[:, 0] = first.transpose(1, 0, 2)

    def write(self, tokens: Integers, source: Integers, states: Doubles) -> tuple[Singles, Doubles]:
        """Outputs (N, L, K) after each of the tokens (N, L), and the attention (N, L, T).

        ``source`` (N,) says to which sequence each row belongs; the states (num_layers, n_states, N, H) become those
        after the last token.
        """
        (n_rows, n_tokens), own = tokens.shape, kernels_of(self.cell)
        x, counts, order = self.table[tokens], np.full(n_rows, n_tokens), np.arange(n_rows)
        for weights, state in zip(self.layers, states, strict=True):
            out = np.empty((n_rows, n_tokens, self.cell.hidden_size), np.float32)
            own.run(x, counts, order, False, weights, state, out, *own.options)
            x = out
        rows, source = x.reshape(-1, x.shape[2]), np.repeat(source, n_tokens)
        shares = np.empty((len(rows), self.keys.shape[1]))
        if self.combine.size:
            kernels.attention_shares(rows, source, self.keys, self.lengths, shares)
        outputs = np.empty((len(rows), self.table.shape[0]), np.float32)
        kernels.written_outputs(rows, source, shares, self.states, self.lengths, self.combine, self.head, outputs)
        return outputs.reshape(n_rows, n_tokens, -1), shares.reshape(n_rows, n_tokens, -1)


@dataclass(eq=False)
class _Beams:
    """The hypotheses (B, W) of every sequence, best first: log-probability, tokens, and how they grew."""

    totals: Doubles
    sizes: Integers
    ended: Array
    parents: list[Integers]
    tokens: list[Integers]

    @classmethod
    def empty(cls, n_rows: int, width: int) -> _Beams:
        """All are the empty one: only the first counts."""
        totals = np.full((n_rows, width), -np.inf)
        totals[:, 0] = 0.0
        return cls(totals, np.zeros((n_rows, width), np.intp), np.zeros((n_rows, width), np.bool_), [], [])

    def grow(self, outputs: Singles, place: Integers, search: Search) -> None:
        """Take the best continuations by the outputs (N, K) that hypotheses have at their ``place``."""
        parents, tokens = np.empty_like(place), np.empty_like(place)
        only_end = len(self.tokens) == search.max_length
        penalty, state = float(search.length_penalty), (self.totals, self.sizes, self.ended)
        kernels.grow_beams(outputs, place, *state, penalty, only_end, parents, tokens)
        self.parents.append(parents)
        self.tokens.append(tokens)

    def best(self) -> tuple[list[Integers], Doubles]:
        """The first hypothesis of each sequence, without its end, and its log-probability."""
        rows, beam = np.arange(len(self.totals)), np.zeros(len(self.totals), np.intp)
        written = np.empty((len(self.tokens), len(rows)), np.intp)
        for number in range(len(self.tokens) - 1, -1, -1):
            written[number] = self.tokens[number][rows, beam]
            beam = self.parents[number][rows, beam]
        lengths = np.where((written == 0).any(axis=0), (written == 0).argmax(axis=0), len(written))
        return [row[:length].copy() for row, length in zip(written.T, lengths, strict=True)], self.totals[:, 0].copy()


def compiled_search(
    spec: NetworkSpec, weights: NetworkWeights, inputs: Array, lengths: Integers, search: Search
) -> tuple[list[Integers], Doubles]:
    """`skrnn.networks.search_tokens`: outputs in single precision, probabilities and attention in double."""
    writer = _Writer(spec, weights, inputs, lengths)
    beams = _Beams.empty(len(inputs), search.beam_width)
    source, tokens, states = np.arange(len(inputs)), np.zeros((len(inputs), 1), np.intp), writer.first
    for _ in range(search.max_length + 1):
        place = np.full(beams.totals.shape, -1)
        place[_alive(beams)] = np.arange(len(source))
        outputs, _ = writer.write(tokens, source, states)
        beams.grow(outputs[:, 0], place, search)
        alive = _alive(beams)
        source = np.nonzero(alive)[0]
        if not len(source):
            break
        states = states[:, :, place[source, beams.parents[-1][alive]]]
        tokens = beams.tokens[-1][alive][:, None]
    return beams.best()


def _alive(beams: _Beams) -> Array:
    """Which hypotheses (B, W) can grow."""
    return ~beams.ended & (beams.totals > -np.inf)


def compiled_attention(
    spec: NetworkSpec, weights: NetworkWeights, inputs: Array, lengths: Integers, tokens: Integers
) -> Doubles:
    """`skrnn.networks.attend`."""
    writer = _Writer(spec, weights, inputs, lengths)
    return writer.write(tokens, np.arange(len(tokens)), writer.first)[1]

"""A network in training on the compiled kernels: forwards, and the gradient of every weight."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import prod

import numpy as np

from skrnn._types import Integers, NetworkWeights, Singles
from skrnn.networks import kernels
from skrnn.networks._spec import NetworkSpec, Recurrence
from skrnn.networks._weights import cell_weights, embedding_shapes, parameter_shapes
from skrnn.networks.compiled._attention import Attention
from skrnn.networks.compiled._decoder import Decoder
from skrnn.networks.compiled._layer import Layer
from skrnn.networks.compiled._pooling import Pooling
from skrnn.networks.compiled._token_layer import TokenLayer

__all__ = ["CompiledNetwork", "DrawMask"]

DrawMask = Callable[[tuple[int, ...]], Singles]


class CompiledNetwork:
    """The weights of a network as views of one flat vector, and their gradients as views of another.

    ``forward`` keeps what ``backward`` needs; the results are those of `skrnn.networks.forward` and its autograd, to
    the rounding of float32.
    """

    def __init__(
        self,
        spec: NetworkSpec,
        weights: NetworkWeights,
        bptt_steps: int | None = None,
        flat: Singles | None = None,
        lent: bool = False,
    ):
        self.spec, self.block, self.lent = spec, bptt_steps or 0, lent
        self.by_time = False  # whether outputs of all steps stay in the order of time in memory, without a copy
        shapes = parameter_shapes(spec, lent)
        if flat is None:
            flat = np.concatenate([np.ravel(weights[name]) for name in shapes], dtype=np.float32)
        self.flat = flat
        self.gradient = np.zeros_like(self.flat)
        self.spans, start = {}, 0  # where in the vector each weight stands
        for name, shape in shapes.items():
            self.spans[name] = slice(start, start + prod(shape))
            start += prod(shape)
        self.weights = {name: self.flat[own].reshape(shapes[name]) for name, own in self.spans.items()}
        self.gradients = {name: self.gradient[own].reshape(shapes[name]) for name, own in self.spans.items()}
        self.tables = list(embedding_shapes(spec))
        self.layers = [[self._layer(recurrence) for recurrence in layer] for layer in spec.layers()]
        self.running: Sequence[Sequence[Layer]] = self.layers  # of the last forward pass
        read = self.layers[0] if spec.reads_tokens else []
        self.readers = [TokenLayer(layer, self.weights, self.gradients, self.tables[0]) for layer in read]
        attention = Attention(self.weights, self.gradients)
        self.pooling = Pooling(spec.pooling, spec.hidden_size, not spec.bidirectional, attention)
        self.segment_pooling = Pooling(spec.segment_pooling, spec.hidden_size, True)
        layers = [self._layer(recurrence) for recurrence in spec.decoder_layers()]
        writes, attends = spec.readout == "tokens", spec.attention is not None
        self.unfolding = layers[0] if spec.readout == "decoder" else None
        self.writing = Decoder(layers, self.weights, self.gradients, attends) if writes else None

    def twin(self) -> CompiledNetwork:
        """A network on the same weights, with gradients and buffers of its own."""
        return CompiledNetwork(self.spec, self.weights, self.block, self.flat, self.lent)

    def lend(self, tables: NetworkWeights) -> None:
        """Take some rows for the tables of embeddings, which are empty of a network that gets them for each pass."""
        self.weights.update(tables)
        self.gradients.update({name: np.zeros_like(rows) for name, rows in tables.items()})

    def _layer(self, recurrence: Recurrence) -> Layer:
        cell, own = self.spec.make_cell(), self.place(recurrence)
        named = cell_weights(cell, self.weights, recurrence)
        return Layer(cell, recurrence, self.flat[own], self.gradient[own], named)

    def place(self, recurrence: Recurrence) -> slice:
        """Where in the vector the weights of a layer in a direction stand, one after the other."""
        places = list(cell_weights(self.spec.make_cell(), self.spans, recurrence).values())
        return slice(places[0].start, places[-1].stop)

    def room(self, n_rows: int, n_steps: int) -> Singles | None:
        """Where `forward` would put inputs, (T, B, F + 1) with ones behind them: it takes those that lie there already
        as they are. None: it makes something else of them before.
        """
        if self.tables or self.spec.segment is not None:
            return None
        return self.layers[0][0].prepare(n_steps, n_rows)

    def forward(
        self,
        inputs: Singles,
        lengths: Integers,
        draw_mask: DrawMask | None = None,
        before: Singles | None = None,
        tokens: Integers | None = None,
    ) -> Singles:
        """The head's outputs (B, K), or (B, T, K), of inputs (B, T, F) that are zero in the padding.

        In front of an adaptive softmax, which whoever computes a loss has to apply: the states that it reads,
        (B, T, H') or (B, L, H).
        ``before`` (num_layers, n_states, B, H): the states of the layers of a unidirectional network before the first
        step, as `last_states` has them; None: zero. A decoder of tokens reads some (B, L), and has outputs after each
        of them, (B, L, K).
        """
        self.n_timesteps = inputs.shape[1]
        reads_tokens = draw_mask is None and self.readers != [] and self.readers[0].pays(*inputs.shape[1::-1])
        self.running = [self.readers, *self.layers[1:]] if reads_tokens else self.layers
        if self.tables and not reads_tokens:
            inputs = self._embed(inputs, lengths, draw_mask)
        if self.spec.segment is not None:
            inputs, lengths = self._segments(inputs, lengths)
        self.lengths = np.array(lengths, np.intp)  # another type of array would have kernels of its own
        self.even = lengths.strides == (0,) or bool((lengths == inputs.shape[1]).all())
        n_rows, n_steps = inputs.shape[:2]
        source, by_row = self.layers[0][0].x, False  # where `room` has had them put
        if not np.may_share_memory(inputs, source):
            source, by_row = np.ascontiguousarray(inputs), True
        self.masks: list[Singles | None] = []
        for number, directions in enumerate(self.running):
            for layer in directions:
                layer.read(source, by_row, self.lengths, n_steps, n_rows)
                layer.begin(None if before is None else before[number])
            source, by_row = self._joined([layer.forward() for layer in directions], directions), False
            mask = None
            if draw_mask is not None:
                drawn = draw_mask((n_rows, n_steps, source.shape[2]))
                mask = np.ascontiguousarray(drawn.transpose(1, 0, 2))
                source = source * mask
            self.masks.append(mask)
        return self._head(source, tokens, draw_mask)

    def backward(self, gradient: Singles) -> None:
        """Set ``gradients`` from the gradient of the outputs."""
        d_source = self._head_backward(np.asarray(gradient, np.float32))
        embedded = bool(self.tables) and self.running is self.layers
        if self.running is not self.layers:
            self.gradients[self.tables[0]][:] = 0.0  # each direction adds to it
        for number in range(len(self.layers) - 1, -1, -1):
            mask = self.masks[number]
            if mask is not None:
                d_source *= mask
            wanted = number > 0 or self.spec.segment is not None or embedded
            directions, shares = self.running[number], self._shares(d_source, self.running[number])
            found = [layer.backward(d, self.block, wanted) for layer, d in zip(directions, shares, strict=True)]
            if wanted:
                d_source = found[0]
                if len(found) > 1:
                    backwards = np.empty_like(found[1])
                    kernels.turn(found[1], self.lengths, True, 0, backwards)
                    d_source = found[0] + backwards
        by_row = self.spec.segment is not None
        if by_row:
            d_source = self._segments_backward(d_source)
        if embedded:
            self._embed_backward(d_source, by_row)

    def last_states(self) -> Singles:
        """After `forward`: the states (num_layers, n_states, B, H) after the last step, of rows that have all steps."""
        return np.stack([layer.last_states() for directions in self.running for layer in directions])

    def _embed(self, codes: Singles, lengths: Integers, draw_mask: DrawMask | None) -> Singles:
        """The numbers among the inputs (B, T, F), and the embeddings of the category numbers, (B, T, N + C * D)."""
        self.codes, self.code_lengths = codes, lengths
        numbers = self.spec.numbers
        x = np.empty((*codes.shape[:2], self.spec.step_size), np.float32)
        x[:, :, : len(numbers)] = codes[:, :, numbers]
        for name, feature, begin in self._embeddings():
            kernels.look_up(codes, feature, self.weights[name], begin, x)
        self.embedding_mask = None
        if draw_mask is not None:
            embedded = x[:, :, len(numbers) :]
            self.embedding_mask = draw_mask(embedded.shape)
            embedded *= self.embedding_mask
        return x

    def _embeddings(self) -> list[tuple[str, int, int]]:
        """Each table, the input that is looked up in it, and where its rows begin in what the recurrence reads."""
        first, width = len(self.spec.numbers), self.spec.embedding_dim
        found = enumerate(zip(self.tables, self.spec.looked_up, strict=True))
        return [(name, feature, first + number * width) for number, (name, feature) in found]

    def _embed_backward(self, d_x: Singles, by_row: bool) -> None:
        """Gradients of the tables from that of what `_embed` gave: (B, T + 1, N + C * D), by row, or (T, B, ...)."""
        if self.embedding_mask is not None:
            d_kept = d_x[:, : self.n_timesteps] if by_row else d_x.transpose(1, 0, 2)
            d_kept[:, :, len(self.spec.numbers) :] *= self.embedding_mask
        for name, feature, begin in self._embeddings():
            d_table = self.gradients[name]
            kernels.look_up_backward(self.codes, feature, self.code_lengths, by_row, begin, d_x, d_table)

    def _joined(self, outs: list[Singles], directions: Sequence[Layer]) -> Singles:
        """Outputs of all directions side by side, in the order of time; (T, B, H')."""
        if len(outs) == 1:
            return outs[0]
        n_steps, n_rows, hidden = outs[0].shape
        joined = np.empty((n_steps, n_rows, 2 * hidden), np.float32)
        for number, (out, layer) in enumerate(zip(outs, directions, strict=True)):
            kernels.turn(out, self.lengths, layer.reverse, number * hidden, joined)
        return joined

    def _shares(self, d_source: Singles, directions: Sequence[Layer]) -> list[Singles]:
        """The share of each direction in a gradient (T, B, H'), in its own order of time."""
        if len(directions) == 1:
            return [d_source]
        hidden = directions[0].hidden
        shares = [np.empty((*d_source.shape[:2], hidden), np.float32) for _ in directions]
        for number, layer in enumerate(directions):
            kernels.parted(d_source, self.lengths, layer.reverse, number * hidden, shares[number])
        return shares

    def _head(self, states: Singles, tokens: Integers | None, draw_mask: DrawMask | None) -> Singles:
        """The outputs that the head reads off the states (T, B, H') of the last layer."""
        n_rows = states.shape[1]
        self.state_shape, readout = states.shape, self.spec.readout
        if readout != "steps":
            self.pooled = self.pooling.forward(states, self.lengths, self.even)
            if self.segment_pooling.names:
                self.pooled = np.concatenate([self.pooled, self._pool_segments()], axis=1)
        read = states
        if self.unfolding is not None:
            self.unfolding.prepare(self.n_timesteps, n_rows)[:, :, :-1] = self.pooled
            self.unfolding.begin(None)
            read = self.unfolding.forward()
        elif self.writing is not None:
            assert tokens is not None
            read = self.writing.forward(states, self.pooled, self.lengths, tokens, draw_mask)
        if self.spec.cutoffs:
            return np.ascontiguousarray(read.transpose(1, 0, 2))
        rows = self.pooled if readout == "last" else read.reshape(-1, read.shape[2])
        self.read = np.ascontiguousarray(rows)
        outputs = np.empty((len(rows), self.spec.output_size), np.float32)
        kernels.head(self.read, self.weights["head.weight"], self.weights["head.bias"], outputs)
        if readout == "last":
            return outputs
        by_row = outputs.reshape(-1, n_rows, self.spec.output_size).transpose(1, 0, 2)
        return by_row if self.by_time else np.ascontiguousarray(by_row)

    def _head_backward(self, gradient: Singles) -> Singles:
        """The gradient of the states (T, B, H'), the head's own set on the way."""
        if gradient.ndim == 3:
            gradient = gradient.transpose(1, 0, 2).reshape(-1, gradient.shape[2])
        gradient = np.ascontiguousarray(gradient)
        d_read = gradient if self.spec.cutoffs else self._scores_backward(gradient)
        if self.spec.readout == "steps":
            return d_read.reshape(self.state_shape)
        if self.writing is not None:
            d_states = np.zeros(self.state_shape, np.float32)
            d_last = self.writing.backward(d_read.reshape(-1, self.state_shape[1], d_read.shape[1]), d_states)
            return d_states + self.pooling.backward(d_last)
        if self.unfolding is not None:
            d_code = self.unfolding.backward(d_read.reshape(self.n_timesteps, -1, d_read.shape[1]), self.block, True)
            d_read = d_code.sum(axis=0)
        n_states = len(self.pooling.names) * self.state_shape[2]
        self.d_pooled_segments = np.ascontiguousarray(d_read[:, n_states:])
        return self.pooling.backward(np.ascontiguousarray(d_read[:, :n_states]))

    def _scores_backward(self, gradient: Singles) -> Singles:
        """The gradient of what the head has read (N, P), from that of its outputs (N, K); its own are set."""
        d_read = np.empty_like(self.read)
        backward = kernels.head_backward if self.spec.readout == "last" else kernels.steps_head_backward
        backward(
            self.read,
            gradient,
            self.weights["head.weight"],
            self.gradients["head.weight"],
            self.gradients["head.bias"],
            d_read,
        )
        return d_read

    def _pool_segments(self) -> Singles:
        """The mean and the maximum of the segments' vectors (B, P)."""
        by_step = np.ascontiguousarray(self.projected.transpose(1, 0, 2))
        return self.segment_pooling.forward(by_step, self.lengths, self.even)

    def _segments(self, inputs: Singles, lengths: Integers) -> tuple[Singles, Integers]:
        """One vector per segment of steps (B, S, H), and the number of segments."""
        n_rows, n_steps, n_features = inputs.shape
        even = n_rows > 1 and bool((lengths == lengths[0]).all())
        steps, counts = self.spec.segment_steps(lengths[:1] if even else lengths, n_steps)  # (B or 1, S, W)
        padded = np.concatenate([inputs, np.zeros((n_rows, 1, n_features), np.float32)], axis=1)
        self.places = (steps + (n_steps + 1) * np.arange(n_rows)[:, None, None]).ravel()
        self.segments, parts = padded.reshape(-1, n_features).take(self.places, axis=0), []
        self.segments = self.segments.reshape(n_rows * steps.shape[1], -1)
        for name, outputs, columns in self.spec.segment_projections():
            parts.append(np.empty((len(self.segments), outputs.stop - outputs.start), np.float32))
            read = np.ascontiguousarray(self.segments[:, columns])
            kernels.head(read, self.weights[f"{name}.weight"], self.weights[f"{name}.bias"], parts[-1])
        projected = parts[0] if len(parts) == 1 else np.concatenate(parts, axis=1)
        np.maximum(projected, 0, out=projected)
        self.projected = projected.reshape(n_rows, steps.shape[1], -1)
        return self.projected, np.broadcast_to(counts, n_rows)

    def _segments_backward(self, d_source: Singles) -> Singles:
        """Gradients of the projection, from that of its outputs (S, B, H); of its inputs (B, T + 1, F), if wanted."""
        if self.segment_pooling.names:
            d_source = d_source + self.segment_pooling.backward(self.d_pooled_segments)
        gradient = np.ascontiguousarray(d_source.transpose(1, 0, 2) * (self.projected > 0))
        gradient = gradient.reshape(-1, gradient.shape[2])
        for name, outputs, columns in self.spec.segment_projections():
            read, own = np.ascontiguousarray(self.segments[:, columns]), np.ascontiguousarray(gradient[:, outputs])
            kernels.weight_gradients(read, own, self.gradients[f"{name}.weight"], self.gradients[f"{name}.bias"])
        if not self.tables:
            return d_source
        d_inputs = np.zeros((len(self.codes) * (self.n_timesteps + 1), self.spec.step_size), np.float32)
        d_segments = np.zeros_like(self.segments)
        for name, outputs, columns in self.spec.segment_projections():
            d_segments[:, columns] += gradient[:, outputs] @ self.weights[f"{name}.weight"]
        places = self.places.reshape(len(d_segments), -1)
        d_steps = d_segments.reshape(*places.shape, self.spec.step_size)
        for step in reversed(range(places.shape[1])):  # of all segments, which share none: what lies behind a row aside
            d_inputs[places[:, step]] += d_steps[:, step]
        return d_inputs.reshape(len(self.codes), self.n_timesteps + 1, -1)

"""A network in training on the compiled kernels: forwards, and the gradient of every weight."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skrnn.networks import _kernels as kernels
from skrnn.networks import _moves as moves
from skrnn.networks._spec import NetworkSpec, embedding_shapes
from skrnn.sequences import segment_positions

__all__ = ["CompiledNetwork", "DrawMask"]

Floats = NDArray[np.float32]
DrawMask = Callable[[tuple[int, ...]], Floats]

_CELLS: dict[str, tuple[Any, Any]] = {
    "rnn": (kernels.vanilla_forward, kernels.vanilla_backward),
    "gru": (kernels.gru_forward, kernels.gru_backward),
    "lstm": (kernels.lstm_forward, kernels.lstm_backward),
}
_KEPT_SHAPES = 8  # of mini-batches, whose buffers are kept


class _Layer:
    """One recurrent layer in one direction: its weights, and buffers for the shapes of the mini-batches."""

    def __init__(self, spec: NetworkSpec, weights: tuple[Floats, ...], gradients: tuple[Floats, ...], reverse: bool):
        self.weights, self.gradients, self.reverse = weights, gradients, reverse
        self.forward_kernel, self.backward_kernel = _CELLS[str(spec.cell)]
        self.relu, self.hidden = spec.nonlinearity == "relu", spec.hidden_size
        self.is_lstm, self.is_gru = spec.cell == "lstm", spec.cell == "gru"
        self.n_gates = len(weights[0]) // self.hidden
        self.buffers: dict[tuple[int, int], tuple[Floats, ...]] = {}

    def prepare(self, n_steps: int, n_rows: int) -> Floats:
        """Choose the buffers of a shape; the one that takes the inputs (T, B, F + 1), ones in its last column."""
        found = self.buffers.get((n_steps, n_rows))
        if found is None:
            if len(self.buffers) >= _KEPT_SHAPES:
                self.buffers.clear()
            shape, n_inputs = (n_steps, n_rows, self.hidden), self.weights[0].shape[1]
            extra = 2 * n_steps + 1 if self.is_lstm else n_steps if self.is_gru else 0
            found = (
                np.ones((n_steps, n_rows, n_inputs + 1), np.float32),
                np.empty((self.n_gates, *shape), np.float32),
                np.empty((n_steps + 1, n_rows, self.hidden), np.float32),
                np.empty((extra, n_rows, self.hidden), np.float32),
                np.empty((self.n_gates + self.is_gru, *shape), np.float32),
                np.empty((n_steps, n_rows, n_inputs), np.float32),
                np.empty((0, n_rows, n_inputs), np.float32),
            )
            self.buffers[n_steps, n_rows] = found
        self.x, self.gates, self.h, self.extra, self.d_gates, self.dx, self.no_dx = found
        return self.x

    def forward(self) -> Floats:
        """Run on the inputs in the buffer; the states (T, B, H)."""
        self.forward_kernel(self.x, self.weights, self.gates, self.h, self.extra, self.relu)
        return self.h[1:]

    def backward(self, d_out: Floats, block: int, want_dx: bool) -> Floats:
        """Set the gradients of the weights; those of the inputs (T, B, F), if wanted."""
        dx = self.dx if want_dx else self.no_dx
        saved = self.gates, self.h, self.extra
        self.backward_kernel(self.x, self.weights, saved, d_out, self.d_gates, dx, self.gradients, block, self.relu)
        return dx


class CompiledNetwork:
    """The weights of a network as views of one flat vector, and their gradients as views of another.

    ``forward`` keeps what ``backward`` needs; the results are those of `skrnn.networks.forward` and its autograd, to
    the rounding of float32.
    """

    def __init__(
        self,
        spec: NetworkSpec,
        weights: Mapping[str, NDArray[np.float32]],
        bptt_steps: int | None = None,
        flat: Floats | None = None,
    ):
        self.spec, self.block = spec, bptt_steps or 0
        if flat is None:
            flat = np.concatenate([np.ravel(value) for value in weights.values()], dtype=np.float32)
        self.flat = flat
        self.gradient = np.zeros_like(self.flat)
        self.weights, self.gradients, start = {}, {}, 0
        for name, value in weights.items():
            span = slice(start, start + value.size)
            self.weights[name] = self.flat[span].reshape(value.shape)
            self.gradients[name] = self.gradient[span].reshape(value.shape)
            start += value.size
        self.tables = list(embedding_shapes(spec))
        layers = [self._layer(prefix, suffix) for prefix, suffix, _ in spec.cell_sizes()]
        self.decoder = layers.pop() if spec.readout == "decoder" else None
        width = len(spec.directions)
        self.layers = [layers[i : i + width] for i in range(0, len(layers), width)]

    def twin(self) -> CompiledNetwork:
        """A network on the same weights, with gradients and buffers of its own."""
        return CompiledNetwork(self.spec, self.weights, self.block, self.flat)

    def _layer(self, prefix: str, suffix: str) -> _Layer:
        names = [f"{prefix}{name}{suffix}" for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")]
        weights = tuple(self.weights[name] for name in names)
        gradients = tuple(self.gradients[name] for name in names)
        return _Layer(self.spec, weights, gradients, suffix.endswith("_reverse"))

    def forward(self, inputs: Floats, lengths: NDArray[np.intp], draw_mask: DrawMask | None = None) -> Floats:
        """The head's outputs (B, K), or (B, T, K), of inputs (B, T, F) that are zero in the padding."""
        self.n_timesteps = inputs.shape[1]
        if self.tables:
            inputs = self._embed(inputs, lengths, draw_mask)
        if self.spec.segment is not None:
            inputs, lengths = self._segments(inputs, lengths)
        self.lengths = lengths
        self.even = lengths.strides == (0,) or bool((lengths == inputs.shape[1]).all())
        source, by_row = np.ascontiguousarray(inputs), True
        n_rows, n_steps = inputs.shape[:2]
        self.masks: list[Floats | None] = []
        for directions in self.layers:
            for layer in directions:
                moves.fill(source, by_row, self.lengths, layer.reverse, layer.prepare(n_steps, n_rows))
            source, by_row = self._joined([layer.forward() for layer in directions], directions), False
            mask = None
            if draw_mask is not None:
                drawn = draw_mask((n_rows, n_steps, source.shape[2]))
                mask = np.ascontiguousarray(drawn.transpose(1, 0, 2))
                source = source * mask
            self.masks.append(mask)
        return self._head(source)

    def backward(self, gradient: Floats) -> None:
        """Set ``gradients`` from the gradient of the outputs."""
        d_source = self._head_backward(np.ascontiguousarray(gradient, np.float32))
        for number in range(len(self.layers) - 1, -1, -1):
            mask = self.masks[number]
            if mask is not None:
                d_source *= mask
            wanted = number > 0 or self.spec.segment is not None or bool(self.tables)
            directions, parts = self.layers[number], self._parted(d_source, self.layers[number])
            found = [layer.backward(part, self.block, wanted) for layer, part in zip(directions, parts, strict=True)]
            if wanted:
                d_source = found[0]
                if len(found) > 1:
                    backwards = np.empty_like(found[1])
                    moves.turn(found[1], self.lengths, True, 0, backwards)
                    d_source = found[0] + backwards
        by_row = self.spec.segment is not None
        if by_row:
            d_source = self._segments_backward(d_source)
        if self.tables:
            self._embed_backward(d_source, by_row)

    def _embed(self, codes: Floats, lengths: NDArray[np.intp], draw_mask: DrawMask | None) -> Floats:
        """The embeddings (B, T, F * D) of category numbers (B, T, F)."""
        self.codes, self.code_lengths = codes, lengths
        x = np.empty((*codes.shape[:2], self.spec.step_size), np.float32)
        for i, name in enumerate(self.tables):
            moves.look_up(codes, i, self.weights[name], x)
        self.embedding_mask = None if draw_mask is None else draw_mask(x.shape)
        return x if self.embedding_mask is None else x * self.embedding_mask

    def _embed_backward(self, d_x: Floats, by_row: bool) -> None:
        """Gradients of the tables from that of the embeddings: (B, T + 1, F * D), by row, or (T, B, F * D)."""
        if self.embedding_mask is not None:
            d_kept = d_x[:, : self.n_timesteps] if by_row else d_x.transpose(1, 0, 2)
            d_kept *= self.embedding_mask
        for i, name in enumerate(self.tables):
            moves.look_up_backward(self.codes, i, self.code_lengths, by_row, d_x, self.gradients[name])

    def _joined(self, outs: list[Floats], directions: list[_Layer]) -> Floats:
        """Outputs of all directions side by side, in the order of time; (T, B, H')."""
        if len(outs) == 1:
            return outs[0]
        n_steps, n_rows, hidden = outs[0].shape
        joined = np.empty((n_steps, n_rows, 2 * hidden), np.float32)
        for number, (out, layer) in enumerate(zip(outs, directions, strict=True)):
            moves.turn(out, self.lengths, layer.reverse, number * hidden, joined)
        return joined

    def _parted(self, d_source: Floats, directions: list[_Layer]) -> list[Floats]:
        """The share of each direction in a gradient (T, B, H'), in its own order of time."""
        if len(directions) == 1:
            return [d_source]
        hidden = directions[0].hidden
        parts = [np.empty((*d_source.shape[:2], hidden), np.float32) for _ in directions]
        for number, layer in enumerate(directions):
            moves.part(d_source, self.lengths, layer.reverse, number * hidden, parts[number])
        return parts

    def _head(self, states: Floats) -> Floats:
        """The outputs that the head reads off the states (T, B, H') of the last layer."""
        n_steps, n_rows, size = states.shape
        self.state_shape, readout = states.shape, self.spec.readout
        if readout != "steps":
            if self.even and len(self.layers[-1]) == 1:
                self.last = states[n_steps - 1]
            else:
                self.last = np.empty((n_rows, size), np.float32)
                moves.take_last(states, self.lengths, self.spec.hidden_size, self.last)
        read = states
        if self.decoder is not None:
            self.decoder.prepare(self.n_timesteps, n_rows)[:, :, :-1] = self.last
            read = self.decoder.forward()
        rows = self.last if readout == "last" else read.reshape(-1, read.shape[2])
        self.read = np.ascontiguousarray(rows)
        outputs = np.empty((len(rows), self.spec.output_size), np.float32)
        moves.head(self.read, self.weights["head.weight"], self.weights["head.bias"], outputs)
        if readout == "last":
            return outputs
        return np.ascontiguousarray(outputs.reshape(-1, n_rows, self.spec.output_size).transpose(1, 0, 2))

    def _head_backward(self, gradient: Floats) -> Floats:
        """The gradient of the states (T, B, H'), the head's own set on the way."""
        if gradient.ndim == 3:
            gradient = np.ascontiguousarray(gradient.transpose(1, 0, 2)).reshape(-1, gradient.shape[2])
        d_read = np.empty_like(self.read)
        moves.head_backward(
            self.read,
            gradient,
            self.weights["head.weight"],
            self.gradients["head.weight"],
            self.gradients["head.bias"],
            d_read,
        )
        n_steps = self.state_shape[0]
        if self.spec.readout == "steps":
            return d_read.reshape(self.state_shape)
        if self.decoder is not None:
            d_code = self.decoder.backward(d_read.reshape(self.n_timesteps, -1, d_read.shape[1]), self.block, True)
            d_read = d_code.sum(axis=0)
        d_states = np.zeros(self.state_shape, np.float32)
        if self.even and len(self.layers[-1]) == 1:
            d_states[n_steps - 1] = d_read
        else:
            moves.put_last(d_read, self.lengths, self.spec.hidden_size, d_states)
        return d_states

    def _segments(self, inputs: Floats, lengths: NDArray[np.intp]) -> tuple[Floats, NDArray[np.intp]]:
        """One vector per segment of steps (B, S, H), and the number of segments."""
        assert self.spec.segment is not None
        positions, counts = segment_positions(lengths, self.spec.segment, self.spec.segment_stride)  # (B, S, W)
        n_rows, n_steps, n_features = inputs.shape
        padded = np.concatenate([inputs, np.zeros((n_rows, 1, n_features), np.float32)], axis=1)
        flat = np.where(positions < 0, n_steps, positions) + (n_steps + 1) * np.arange(n_rows)[:, None, None]
        self.places = flat.ravel()
        self.pieces = padded.reshape(-1, n_features)[self.places].reshape(n_rows * positions.shape[1], -1)
        projected = np.empty((len(self.pieces), self.spec.hidden_size), np.float32)
        moves.head(self.pieces, self.weights["segment.weight"], self.weights["segment.bias"], projected)
        np.maximum(projected, 0, out=projected)
        self.projected = projected.reshape(n_rows, positions.shape[1], -1)
        return self.projected, counts

    def _segments_backward(self, d_source: Floats) -> Floats:
        """Gradients of the projection, from that of its outputs (S, B, H); of its inputs (B, T + 1, F), if wanted."""
        gradient = np.ascontiguousarray(d_source.transpose(1, 0, 2) * (self.projected > 0))
        gradient = gradient.reshape(-1, gradient.shape[2])
        np.dot(gradient.T, self.pieces, out=self.gradients["segment.weight"])
        np.sum(gradient, axis=0, out=self.gradients["segment.bias"])
        if not self.tables:
            return d_source
        d_inputs = np.zeros((len(self.codes) * (self.n_timesteps + 1), self.spec.step_size), np.float32)
        d_pieces = gradient @ self.weights["segment.weight"]
        np.add.at(d_inputs, self.places, d_pieces.reshape(-1, self.spec.step_size))
        return d_inputs.reshape(len(self.codes), self.n_timesteps + 1, -1)

"""A decoder of tokens in training on the compiled kernels; `skrnn.networks.torch` says where its equations are from.

Time comes first, as in the recurrences: (L, B, H) for L tokens of B sequences.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from skrnn._types import Integers, Singles
from skrnn.networks import kernels
from skrnn.networks._spec import NetworkSpec
from skrnn.networks.compiled._buffers import Buffer
from skrnn.networks.compiled._layer import Layer
from skrnn.networks.compiled._token_layer import TokenLayer

__all__ = ["Decoder", "decoder_masks"]

_TABLE = "decoder_embedding.weight"

DrawMask = Callable[[tuple[int, ...]], Singles]


class Decoder:
    """Forwards and backwards for a mini-batch, with the weights and gradients of a network."""

    def __init__(
        self, layers: Sequence[Layer], weights: Mapping[str, Singles], gradients: Mapping[str, Singles], attends: bool
    ):
        self.layers, self.weights, self.gradients = layers, weights, gradients
        self.running, self.reader = self.layers, TokenLayer(layers[0], weights, gradients, _TABLE)
        self.attention = LuongAttention(weights, gradients) if attends else None

    def forward(
        self, states: Singles, last: Singles, lengths: Integers, tokens: Integers, draw_mask: DrawMask | None
    ) -> Singles:
        """What the head reads (L, B, H) after each of the tokens (B, L).

        It looks at the encoder's states (T, B, H'), of sequences of these lengths, and last states (B, H').
        """
        self.tokens, self.last = np.asarray(tokens, np.float32)[:, :, None], np.ascontiguousarray(last)
        self.begin = np.tanh(_linear(self.last, self.weights, "bridge", Buffer()))
        firsts = self.begin.reshape(len(last), len(self.layers), -1).transpose(1, 0, 2)
        n_rows, n_tokens = tokens.shape
        draw = _by_time(draw_mask)
        reads_tokens = draw_mask is None and self.reader.pays(n_tokens, n_rows)
        self.running = [self.reader, *self.layers[1:]] if reads_tokens else self.layers
        x = np.empty((0, 0, 0), np.float32) if reads_tokens else self.weights[_TABLE][tokens.T]
        self.masks, self.ends = [draw(x.shape)], np.full(n_rows, n_tokens)
        for layer, first in zip(self.running, firsts, strict=True):
            if layer is self.reader:
                layer.read(self.tokens, True, self.ends, n_tokens, n_rows)
            else:
                layer.prepare(n_tokens, n_rows)[:, :, :-1] = _masked(x, self.masks[-1])
            before = np.zeros((layer.kernels.n_states, *first.shape), np.float32)
            before[0] = first
            layer.begin(before)
            x = layer.forward()
            self.masks.append(draw(x.shape))
        x = _masked(x, self.masks[-1])
        if self.attention is None:
            return x
        self.masks.append(draw(x.shape))
        return _masked(self.attention.forward(x, states, lengths), self.masks[-1])

    def backward(self, d_read: Singles, d_states: Singles) -> Singles:
        """Add to the gradient of the encoder's states; that of its last states, the weights' set on the way."""
        masks = iter(reversed(self.masks))
        d_x = _masked(d_read, next(masks))
        if self.attention is not None:
            d_x = _masked(self.attention.backward(d_x, d_states), next(masks))
        d_begin = np.empty((len(self.layers), 1, *d_x.shape[1:]), np.float32)
        table = self.gradients[_TABLE]
        table[:] = 0.0
        for layer, d_first in zip(reversed(self.running), reversed(d_begin), strict=True):
            d_x = _masked(layer.backward(np.ascontiguousarray(d_x), 0, True, d_first), next(masks))
        if self.running is self.layers:
            kernels.look_up_backward(self.tokens, 0, self.ends, False, 0, np.ascontiguousarray(d_x), table)
        d_bridge = d_begin[:, 0].transpose(1, 0, 2).reshape(self.begin.shape) * (1 - self.begin**2)
        return _linear_backward(d_bridge, self.last, self.weights, self.gradients, "bridge", Buffer())


class LuongAttention:
    """Global attention with the general score: Luong, Pham & Manning, EMNLP 2015, equations 5, 7 and 8."""

    def __init__(self, weights: Mapping[str, Singles], gradients: Mapping[str, Singles]):
        self.weights, self.gradients = weights, gradients
        self.room = [Buffer() for _ in range(7)]

    def forward(self, x: Singles, states: Singles, lengths: Integers) -> Singles:
        """The decoder's states x (L, B, H) and what they attend to in the encoder's (T, B, H'), combined; (L, B, H)."""
        (n_tokens, n_rows, hidden), (n_steps, _, size) = x.shape, states.shape
        self.x, self.states, self.lengths = np.ascontiguousarray(x), np.ascontiguousarray(states), lengths
        self.rows = self.states.reshape(-1, size)
        self.keys = np.dot(self.rows, self.weights["attention.weight"].T, out=self.room[0].of(len(self.rows), hidden))
        self.shares = self.room[1].of(n_rows, n_tokens * n_steps)
        self.both = self.room[2].of(n_tokens * n_rows, size + hidden)
        keys, both = self.keys.reshape(n_steps, n_rows, hidden), self.both.reshape(n_tokens, n_rows, -1)
        kernels.attend(self.x, keys, self.states, lengths, self.shares, both)
        self.combined = _linear(self.both, self.weights, "combine", self.room[3])
        np.tanh(self.combined, out=self.combined)
        return self.combined.reshape(x.shape)

    def backward(self, d_out: Singles, d_states: Singles) -> Singles:
        """Add to the gradient of the encoder's states; that of the decoder's (L, B, H), the weights' set on the way."""
        (n_tokens, n_rows, hidden), n_steps = self.x.shape, len(d_states)
        d_sums = 1 - self.combined**2
        d_sums *= d_out.reshape(self.combined.shape)
        d_both = _linear_backward(d_sums, self.both, self.weights, self.gradients, "combine", self.room[4])
        keys, d_keys = self.keys.reshape(n_steps, n_rows, hidden), self.room[5].of(n_steps, n_rows, hidden)
        d_both, d_x = d_both.reshape(n_tokens, n_rows, -1), self.room[6].of(*self.x.shape)
        kernels.attend_backward(self.x, keys, self.states, self.lengths, self.shares, d_both, d_x, d_keys, d_states)
        by_row = d_keys.reshape(-1, hidden)
        np.dot(by_row.T, self.rows, out=self.gradients["attention.weight"])
        d_states += (by_row @ self.weights["attention.weight"]).reshape(d_states.shape)
        return d_x


def decoder_masks(spec: NetworkSpec, shape: tuple[int, ...]) -> list[tuple[int, ...]]:
    """Of the dropout masks of a decoder that reads tokens of this shape, in the order in which they are drawn."""
    layers = spec.num_layers + (spec.attention is not None)
    return [(*shape, spec.target_embedding_dim)] + [(*shape, spec.hidden_size)] * layers


def _by_time(draw_mask: DrawMask | None) -> Callable[[tuple[int, ...]], Singles | None]:
    """A drawer of masks (T, B, H), which draws them by row."""
    if draw_mask is None:
        return lambda shape: None
    return lambda shape: draw_mask((shape[1], shape[0], shape[2])).transpose(1, 0, 2)


def _masked(x: Singles, mask: Singles | None) -> Singles:
    return x if mask is None else x * mask


def _linear(x: Singles, weights: Mapping[str, Singles], name: str, room: Buffer) -> Singles:
    """x W^T + b (N, M) of x (N, K)."""
    out = room.of(len(x), len(weights[f"{name}.bias"]))
    kernels.head(x, weights[f"{name}.weight"], weights[f"{name}.bias"], out)
    return out


def _linear_backward(
    d_out: Singles,
    x: Singles,
    weights: Mapping[str, Singles],
    gradients: Mapping[str, Singles],
    name: str,
    room: Buffer,
) -> Singles:
    """Set the gradients of W and b; that of x."""
    d_x = room.of(*x.shape)
    weight, d_weight, d_bias = weights[f"{name}.weight"], gradients[f"{name}.weight"], gradients[f"{name}.bias"]
    kernels.head_backward(x, d_out, weight, d_weight, d_bias, d_x)
    return d_x

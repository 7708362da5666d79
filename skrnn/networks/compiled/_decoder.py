"""A decoder of tokens in training on the compiled kernels; `skrnn.networks.torch` says where its equations are from.

Time comes first, as in the recurrences: (L, B, H) for L tokens of B sequences. Attention is a product of matrices for
each sequence, of views of the states.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from skrnn._types import Integers, Singles
from skrnn.networks import kernels
from skrnn.networks._spec import NetworkSpec
from skrnn.networks.compiled._layer import Layer

__all__ = ["Decoder", "decoder_masks"]

DrawMask = Callable[[tuple[int, ...]], Singles]


class Decoder:
    """Forwards and backwards for a mini-batch, with the weights and gradients of a network."""

    def __init__(
        self, layers: Sequence[Layer], weights: Mapping[str, Singles], gradients: Mapping[str, Singles], attends: bool
    ):
        self.layers, self.weights, self.gradients = layers, weights, gradients
        self.attention = LuongAttention(weights, gradients) if attends else None

    def forward(
        self, states: Singles, last: Singles, lengths: Integers, tokens: Integers, draw_mask: DrawMask | None
    ) -> Singles:
        """What the head reads (L, B, H) after each of the tokens (B, L).

        It looks at the encoder's states (T, B, H'), of sequences of these lengths, and last states (B, H').
        """
        self.tokens, self.last = np.asarray(tokens, np.float32)[:, :, None], np.ascontiguousarray(last)
        self.begin = np.tanh(_linear(self.last, self.weights, "bridge"))
        firsts = self.begin.reshape(len(last), len(self.layers), -1).transpose(1, 0, 2)
        n_rows, n_tokens = tokens.shape
        draw = _by_time(draw_mask)
        x = self.weights["decoder_embedding.weight"][tokens.T]
        self.masks = [draw(x.shape)]
        for layer, first in zip(self.layers, firsts, strict=True):
            np.multiply(x, self.masks[-1], out=layer.prepare(n_tokens, n_rows)[:, :, :-1])
            before = np.zeros((layer.kernels.n_states, *first.shape), np.float32)
            before[0] = first
            layer.begin(before)
            x = layer.forward()
            self.masks.append(draw(x.shape))
        x = x * self.masks[-1]
        if self.attention is None:
            return x
        self.masks.append(draw(x.shape))
        return self.attention.forward(x, states, lengths) * self.masks[-1]

    def backward(self, d_read: Singles, d_states: Singles) -> Singles:
        """Add to the gradient of the encoder's states; that of its last states, the weights' set on the way."""
        masks = iter(reversed(self.masks))
        d_x = d_read * next(masks)
        if self.attention is not None:
            d_x = self.attention.backward(d_x, d_states) * next(masks)
        d_begin = np.empty((len(self.layers), 1, *d_x.shape[1:]), np.float32)
        for layer, d_first in zip(reversed(self.layers), reversed(d_begin), strict=True):
            d_x = layer.backward(np.ascontiguousarray(d_x), 0, True, d_first) * next(masks)
        ends = np.full(d_x.shape[1], len(d_x))
        table = self.gradients["decoder_embedding.weight"]
        kernels.look_up_backward(self.tokens, 0, ends, False, np.ascontiguousarray(d_x), table)
        d_bridge = d_begin[:, 0].transpose(1, 0, 2).reshape(self.begin.shape) * (1 - self.begin**2)
        return _linear_backward(d_bridge, self.last, self.weights, self.gradients, "bridge")


class LuongAttention:
    """Global attention with the general score: Luong, Pham & Manning, EMNLP 2015, equations 5, 7 and 8."""

    def __init__(self, weights: Mapping[str, Singles], gradients: Mapping[str, Singles]):
        self.weights, self.gradients = weights, gradients

    def forward(self, x: Singles, states: Singles, lengths: Integers) -> Singles:
        """The decoder's states x (L, B, H) and what they attend to in the encoder's (T, B, H'), combined; (L, B, H)."""
        n_steps, n_rows, size = states.shape
        self.x, self.states = _by_row(x), _by_row(states)
        self.rows = np.ascontiguousarray(states).reshape(-1, size)
        self.keys = _by_row((self.rows @ self.weights["attention.weight"].T).reshape(n_steps, n_rows, -1))
        scores = np.matmul(self.x, self.keys.transpose(0, 2, 1))  # (B, L, T)
        scores += np.where(np.arange(n_steps) < lengths[:, None], np.float32(0.0), np.float32(-np.inf))[:, None]
        scores -= scores.max(axis=2, keepdims=True)
        self.shares = np.exp(scores, out=scores)
        self.shares /= scores.sum(axis=2, keepdims=True)
        both = np.empty((len(x), n_rows, size + x.shape[2]), np.float32)
        np.matmul(self.shares, self.states, out=_by_row(both[:, :, :size]))
        both[:, :, size:] = x
        self.both = both.reshape(-1, both.shape[2])
        self.combined = np.tanh(_linear(self.both, self.weights, "combine"))
        return self.combined.reshape(x.shape)

    def backward(self, d_out: Singles, d_states: Singles) -> Singles:
        """Add to the gradient of the encoder's states; that of the decoder's (L, B, H), the weights' set on the way."""
        d_sums = d_out.reshape(self.combined.shape) * (1 - self.combined**2)
        d_both = _linear_backward(d_sums, self.both, self.weights, self.gradients, "combine")
        size = d_states.shape[2]
        d_both = d_both.reshape(len(d_out), -1, d_both.shape[1])
        d_read, d_x = _by_row(d_both[:, :, :size]), d_both[:, :, size:]
        d_scores = np.matmul(d_read, self.states.transpose(0, 2, 1))
        d_scores -= (d_scores * self.shares).sum(axis=2, keepdims=True)
        d_scores *= self.shares
        d_states += _by_row(np.matmul(self.shares.transpose(0, 2, 1), d_read))
        d_keys = _by_row(np.matmul(d_scores.transpose(0, 2, 1), self.x)).reshape(len(self.rows), -1)
        np.dot(d_keys.T, self.rows, out=self.gradients["attention.weight"])
        d_states += (d_keys @ self.weights["attention.weight"]).reshape(d_states.shape)
        return d_x + _by_row(np.matmul(d_scores, self.keys))


def decoder_masks(spec: NetworkSpec, shape: tuple[int, ...]) -> list[tuple[int, ...]]:
    """Of the dropout masks of a decoder that reads tokens of this shape, in the order in which they are drawn."""
    layers = spec.num_layers + (spec.attention is not None)
    return [(*shape, spec.target_embedding_dim)] + [(*shape, spec.hidden_size)] * layers


def _by_row(x: Singles) -> Singles:
    """(B, T, H) of (T, B, H), or the other way round; a view."""
    return x.transpose(1, 0, 2)


def _by_time(draw_mask: DrawMask | None) -> Callable[[tuple[int, ...]], Singles]:
    """A drawer of masks (T, B, H), which draws them by row; without one, a drawer of ones."""
    if draw_mask is None:
        return lambda shape: _ONE
    return lambda shape: _by_row(draw_mask((shape[1], shape[0], shape[2])))


_ONE = np.ones((1, 1, 1), np.float32)


def _linear(x: Singles, weights: Mapping[str, Singles], name: str) -> Singles:
    """x W^T + b (N, M) of x (N, K)."""
    out = np.empty((len(x), len(weights[f"{name}.bias"])), np.float32)
    kernels.head(x, weights[f"{name}.weight"], weights[f"{name}.bias"], out)
    return out


def _linear_backward(
    d_out: Singles, x: Singles, weights: Mapping[str, Singles], gradients: Mapping[str, Singles], name: str
) -> Singles:
    """Set the gradients of W and b; that of x."""
    d_x = np.empty_like(x)
    weight, d_weight, d_bias = weights[f"{name}.weight"], gradients[f"{name}.weight"], gradients[f"{name}.bias"]
    kernels.head_backward(x, d_out, weight, d_weight, d_bias, d_x)
    return d_x

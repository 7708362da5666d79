"""A recurrent layer that reads tokens, in training: W e(k) of each token k, with its embedding e(k), is computed once,
in the place of once for each step, and gradients are added up by token before they are multiplied.

Sums have another order than those of `Layer`, which reads the embeddings themselves; else they are the same.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from skrnn._types import Integers, Singles
from skrnn.networks import kernels
from skrnn.networks._spec import Recurrence
from skrnn.networks.compiled._buffers import Buffer
from skrnn.networks.compiled._layer import NO_STATE, Layer

__all__ = ["TokenLayer"]


class TokenLayer(Layer):
    """A layer on the weights of another one, without inputs for the kernels to multiply.

    ``tables`` and ``gradients`` have the embeddings (V, D) by name, and the place for their gradient.
    """

    def __init__(self, layer: Layer, tables: Mapping[str, Singles], gradients: Mapping[str, Singles], name: str):
        recurrence = Recurrence("", "_reverse" if layer.reverse else "", 0)
        self.w = next(iter(layer.named.values()))  # (G * H, D)
        n = self.w.size
        super().__init__(layer.cell, recurrence, layer.weights[n:], layer.gradients[n:], layer.named)
        self.dw = layer.gradients[:n].reshape(self.w.shape)
        self.tables, self.table_gradients, self.name = tables, gradients, name
        self.rooms = Buffer(), Buffer()

    def pays(self, n_steps: int, n_rows: int) -> bool:
        """Whether there are fewer tokens in the table than steps."""
        return len(self.tables[self.name]) < n_steps * n_rows

    def read(self, source: Singles, by_row: bool, lengths: Integers, n_steps: int, n_rows: int) -> None:
        """Put the sums of tokens (B, T, 1) where the kernels add to them."""
        self.prepare(n_steps, n_rows)
        self.tokens, self.lengths, table = source, lengths, self.tables[self.name]
        sums = np.dot(table, self.w.T, out=self.rooms[0].of(len(table), len(self.w)))
        kernels.put_sums(source, sums, lengths, self.reverse, self.tape[0])

    def backward(self, d_out: Singles, block: int, want_dx: bool, d_first: Singles = NO_STATE) -> Singles:
        """Set the gradients of the weights, and add that of the embeddings; tokens have none."""
        nothing = super().backward(d_out, block, False, d_first)
        table, d_sums = self.tables[self.name], self.rooms[1].of(len(self.tables[self.name]), len(self.w))
        kernels.take_sums(self.tokens, self.d_gates, self.lengths, self.reverse, d_sums)
        np.dot(d_sums.T, table, out=self.dw)
        self.table_gradients[self.name] += d_sums @ self.w
        return nothing

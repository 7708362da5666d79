"""One recurrent layer in one direction, in training on the kernels of its cell."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from skrnn._types import Integers, Singles
from skrnn.networks import kernels
from skrnn.networks._spec import Recurrence
from skrnn.networks.cells import Cell, Kernels
from skrnn.networks.compiled._buffers import Buffer

__all__ = ["NO_STATE", "Layer", "kernels_of"]

NO_STATE = np.empty((0, 0, 0), np.float32)  # where the gradient of the first state is not wanted


def kernels_of(cell: Cell) -> Kernels:
    """The kernels of a cell that has some."""
    kernels = cell.kernels
    assert kernels is not None
    return kernels


class Layer:
    """The weights of a layer in a direction and their gradients, as vectors and by name; buffers for mini-batches."""

    def __init__(
        self, cell: Cell, recurrence: Recurrence, weights: Singles, gradients: Singles, named: Mapping[str, Singles]
    ):
        self.weights, self.gradients, self.named = weights, gradients, named
        self.cell, self.kernels, self.hidden = cell, kernels_of(cell), cell.hidden_size
        self.n_inputs, self.reverse = recurrence.size, recurrence.reverse
        self.run_forward, self.run_backward = self.kernels.forward, self.kernels.backward
        self.buffers = [Buffer() for _ in range(6)]
        self.shape, self.x = (-1, -1), np.empty((0, 0, self.n_inputs + 1), np.float32)
        self.no_dx = np.empty((0, 0, self.n_inputs), np.float32)

    def prepare(self, n_steps: int, n_rows: int) -> Singles:
        """Buffers for a shape; the one that takes the inputs (T, B, F + 1), ones in its last column."""
        if self.shape != (n_steps, n_rows):
            by_step, besides = self.kernels.n_extra
            sizes = (
                (n_steps, n_rows, self.n_inputs + 1),
                (self.kernels.n_gates, n_steps, n_rows, self.hidden),
                (n_steps + 1, n_rows, self.hidden),
                (by_step * n_steps + besides, n_rows, self.hidden),
                (self.kernels.n_gate_gradients, n_steps, n_rows, self.hidden),
                (n_steps, n_rows, self.n_inputs),
            )
            self.x, *tape, self.d_gates, self.dx = (b.of(*size) for b, size in zip(self.buffers, sizes, strict=True))
            self.tape = tuple(tape)  # gates, states, and what else the cell wants of the forward pass
            self.x[:, :, -1] = 1.0
            self.shape = n_steps, n_rows
        return self.x

    def read(self, source: Singles, by_row: bool, lengths: Integers, n_steps: int, n_rows: int) -> None:
        """Put inputs, (B, T, F) by row or (T, B, F or more), into the buffer, in the direction of the layer; those that
        lie in it already stay as they are.
        """
        if source is not self.x:
            kernels.fill(source, by_row, lengths, self.reverse, self.prepare(n_steps, n_rows))

    def begin(self, states: Singles | None) -> None:
        """Put states (``n_states``, B, H) before the first step of the chosen buffers; None: zeros."""
        places = self.tape[1][0], *self.tape[2][: self.kernels.n_states - 1]
        for number, place in enumerate(places):
            place[:] = 0.0 if states is None else states[number]

    def last_states(self) -> Singles:
        """A copy of the states (``n_states``, B, H) after the last step."""
        n_steps = len(self.x)
        return np.stack([self.tape[1][n_steps], *self.tape[2][n_steps : n_steps + self.kernels.n_states - 1]])

    def forward(self) -> Singles:
        """Run on the inputs in the buffer; the states (T, B, H)."""
        self.run_forward(self.x, self.weights, self.tape)
        return self.tape[1][1:]

    def backward(self, d_out: Singles, block: int, want_dx: bool, d_first: Singles = NO_STATE) -> Singles:
        """Set the gradients of the weights; those of the inputs (T, B, F), if wanted; that of h before the first step,
        (1, B, H), if there is a place for it.
        """
        dx, self.d_out = self.dx if want_dx else self.no_dx, d_out
        self.run_backward(self.x, self.weights, self.tape, d_out, self.d_gates, dx, self.gradients, d_first, block)
        return dx

    def state_gradients(self) -> Singles:
        """After `backward`: the 2-norms (B, T) of the gradients with respect to all that a step hands to the next."""
        parts = self.kernels.carried(tuple(self.named.values()), self.tape, self.d_out, self.d_gates)
        squares = [np.einsum("tbh,tbh->bt", part, part) for part in parts]
        return np.asarray(np.sqrt(np.sum(squares, axis=0)), np.float32)

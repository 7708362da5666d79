"""One recurrent layer in one direction, in training on the kernels of its cell."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from skrnn._types import Singles
from skrnn.networks._spec import Recurrence
from skrnn.networks.cells import Cell, Kernels

__all__ = ["Layer", "kernels_of"]

_KEPT_SHAPES = 8  # of mini-batches, whose buffers are kept


def kernels_of(cell: Cell) -> Kernels:
    """The kernels of a cell that has some."""
    kernels = cell.kernels
    assert kernels is not None
    return kernels


class Layer:
    """The weights of a layer in a direction and their gradients, as vectors and by name, and buffers for the shapes of
    the mini-batches.
    """

    def __init__(
        self, cell: Cell, recurrence: Recurrence, weights: Singles, gradients: Singles, named: Mapping[str, Singles]
    ):
        self.weights, self.gradients, self.named = weights, gradients, named
        self.kernels, self.hidden = kernels_of(cell), cell.hidden_size
        self.n_inputs, self.reverse = recurrence.size, recurrence.reverse
        self.run_forward, self.run_backward = self.kernels.forward, self.kernels.backward
        self.buffers: dict[tuple[int, int], tuple[Singles, tuple[Singles, ...], Singles, Singles, Singles]] = {}

    def prepare(self, n_steps: int, n_rows: int) -> Singles:
        """Choose the buffers of a shape; the one that takes the inputs (T, B, F + 1), ones in its last column."""
        found = self.buffers.get((n_steps, n_rows))
        if found is None:
            if len(self.buffers) >= _KEPT_SHAPES:
                self.buffers.clear()
            found = (
                np.ones((n_steps, n_rows, self.n_inputs + 1), np.float32),
                self._tape(n_steps, n_rows),
                np.empty((self.kernels.n_gate_gradients, n_steps, n_rows, self.hidden), np.float32),
                np.empty((n_steps, n_rows, self.n_inputs), np.float32),
                np.empty((0, n_rows, self.n_inputs), np.float32),
            )
            self.buffers[n_steps, n_rows] = found
        self.x, self.tape, self.d_gates, self.dx, self.no_dx = found
        return self.x

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

    def backward(self, d_out: Singles, block: int, want_dx: bool) -> Singles:
        """Set the gradients of the weights; those of the inputs (T, B, F), if wanted."""
        dx, self.d_out = self.dx if want_dx else self.no_dx, d_out
        self.run_backward(self.x, self.weights, self.tape, d_out, self.d_gates, dx, self.gradients, block)
        return dx

    def state_gradients(self) -> Singles:
        """After `backward`: the 2-norms (B, T) of the gradients with respect to all that a step hands to the next."""
        parts = self.kernels.carried(tuple(self.named.values()), self.tape, self.d_out, self.d_gates)
        squares = [np.einsum("tbh,tbh->bt", part, part) for part in parts]
        return np.asarray(np.sqrt(np.sum(squares, axis=0)), np.float32)

    def _tape(self, n_steps: int, n_rows: int) -> tuple[Singles, ...]:
        """What the forward pass keeps for the backward one: gates, states, and what else the cell wants."""
        rows, (by_step, besides) = (n_rows, self.hidden), self.kernels.n_extra
        gates = np.empty((self.kernels.n_gates, n_steps, *rows), np.float32)
        states = np.empty((n_steps + 1, *rows), np.float32)
        return gates, states, np.empty((by_step * n_steps + besides, *rows), np.float32)

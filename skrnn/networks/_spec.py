"""A network as plain data: its sizes, the names and shapes of its weights, and their initial values."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from skrnn.networks._cells import Cell, make_cell

__all__ = ["NetworkSpec", "frozen_names", "initial_weights", "parameter_shapes"]

Weights = dict[str, NDArray[np.float32]]
Shapes = dict[str, tuple[int, ...]]


@dataclass(frozen=True)
class NetworkSpec:
    """What there is to know about a network besides its weights; the words are those of `torch.nn`.

    Attributes
    ----------
    input_size, output_size : int
        Inputs per time step; outputs of the head.
    cell : {"rnn", "gru", "lstm"} or callable
    hidden_size, num_layers, bidirectional, dropout, nonlinearity
        As in `torch.nn.RNN`; dropout acts on the output of every layer.
    segment, segment_stride : int or None
        Width and stride of the projection in front of the recurrence, in steps.
    readout : {"last", "steps", "decoder"}
        What the head reads: the last state of each direction, the state of every step, or the states of a decoder
        that sees nothing but the last state.
    """

    input_size: int
    output_size: int
    cell: str | Callable[[int, int], Any]
    hidden_size: int
    num_layers: int = 1
    nonlinearity: str = "tanh"
    bidirectional: bool = False
    dropout: float = 0.0
    segment: int | None = None
    segment_stride: int | None = None
    readout: Literal["last", "steps", "decoder"] = "last"

    @property
    def directions(self) -> tuple[str, ...]:
        """Suffixes of the directions in weight names, as torch has them."""
        return ("", "_reverse") if self.bidirectional else ("",)

    @property
    def state_size(self) -> int:
        """Features of a state of the last layer, all directions together."""
        return self.hidden_size * len(self.directions)

    def make_cell(self, seed: int = 0) -> Cell:
        """The cell that computes the recurrence; the seed is for a module of the user's own."""
        return make_cell(self.cell, self.hidden_size, self.nonlinearity, seed)

    def cell_sizes(self) -> list[tuple[str, str, int]]:
        """Prefix, suffix and input size of each recurrent layer and direction, in the order of computation."""
        first = self.input_size if self.segment is None else self.hidden_size
        sizes = [
            ("rnn.", f"_l{layer}{direction}", first if layer == 0 else self.state_size)
            for layer in range(self.num_layers)
            for direction in self.directions
        ]
        return [*sizes, ("decoder.", "_l0", self.state_size)] if self.readout == "decoder" else sizes


def frozen_names(spec: NetworkSpec) -> frozenset[str]:
    """Names of the weights that are not trained."""
    cell = spec.make_cell()
    cells = [(prefix, suffix, cell.frozen(size)) for prefix, suffix, size in spec.cell_sizes()]
    return frozenset(cell.full_name(prefix, name, suffix) for prefix, suffix, names in cells for name in names)


def _projections(spec: NetworkSpec) -> Shapes:
    """Linear maps around the recurrence: name of the module to (out, in)."""
    shapes: Shapes = {}
    if spec.segment is not None:
        shapes["segment"] = (spec.hidden_size, spec.segment * spec.input_size)
    shapes["head"] = (spec.output_size, spec.hidden_size if spec.readout == "decoder" else spec.state_size)
    return shapes


def parameter_shapes(spec: NetworkSpec) -> Shapes:
    """Name and shape of every weight, without allocating any of a built-in cell."""
    cell, shapes = spec.make_cell(), {}
    for prefix, suffix, size in spec.cell_sizes():
        for name, shape in cell.shapes(size).items():
            shapes[cell.full_name(prefix, name, suffix)] = shape
    for name, shape in _projections(spec).items():
        shapes[f"{name}.weight"] = shape
        shapes[f"{name}.bias"] = shape[:1]
    return shapes


def initial_weights(spec: NetworkSpec, rng: np.random.Generator) -> Weights:
    """Fresh weights, drawn in a fixed order from ``rng``."""
    weights: Weights = {}
    for prefix, suffix, size in spec.cell_sizes():
        cell = spec.make_cell(int(rng.integers(1 << 31)))
        for name, value in cell.initial(size, rng).items():
            weights[cell.full_name(prefix, name, suffix)] = value.astype(np.float32)
    for name, (n_out, n_in) in _projections(spec).items():
        bound = np.sqrt(6 / (n_in + n_out))  # Glorot & Bengio, AISTATS 2010, eq. 16
        weights[f"{name}.weight"] = rng.uniform(-bound, bound, (n_out, n_in)).astype(np.float32)
        weights[f"{name}.bias"] = np.zeros(n_out, dtype=np.float32)
    return weights

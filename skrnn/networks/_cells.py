"""Recurrent cells: the names, shapes and initial values of their weights, and how torch runs them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["CELLS", "Cell", "make_cell"]

Floats = NDArray[np.floating[Any]]

CELLS = ("rnn", "gru", "lstm")  # by name


class Cell(ABC):
    """One recurrent layer in one direction, with ``hidden_size`` features in its state."""

    training = False  # what a module of the user's own is told, for a dropout inside it

    def __init__(self, hidden_size: int):
        self.hidden_size = hidden_size

    @abstractmethod
    def shapes(self, input_size: int) -> dict[str, tuple[int, ...]]:
        """Name (without layer) and shape of each weight."""

    @abstractmethod
    def initial(self, input_size: int, rng: np.random.Generator) -> dict[str, Floats]:
        """Fresh weights under the same names."""

    @abstractmethod
    def run(self, weights: dict[str, Tensor], x: Tensor, state: Any) -> tuple[Tensor, Any]:
        """Outputs (B, T, H) and the state after the last step; state None is zero."""

    def frozen(self, input_size: int) -> frozenset[str]:
        """Names of weights that stay as they are in training."""
        return frozenset()

    def full_name(self, prefix: str, name: str, suffix: str) -> str:
        """Name of a weight within the network: torch's."""
        return f"{prefix}{name}{suffix}"


class _GatedCell(Cell):
    """A cell of ``n_gates`` blocks, in torch's layout: (n_gates * H, …), with two biases."""

    n_gates: int

    def shapes(self, input_size: int) -> dict[str, tuple[int, ...]]:
        rows = self.n_gates * self.hidden_size
        return {
            "weight_ih": (rows, input_size),
            "weight_hh": (rows, self.hidden_size),
            "bias_ih": (rows,),
            "bias_hh": (rows,),
        }

    def initial(self, input_size: int, rng: np.random.Generator) -> dict[str, Floats]:
        """Glorot-uniform inputs, orthogonal recurrence (Saxe et al., ICLR 2014), each gate by itself; zero biases."""
        bound = np.sqrt(6 / (input_size + self.hidden_size))
        rows = self.n_gates * self.hidden_size
        orthogonal = [_orthogonal(self.hidden_size, rng) for _ in range(self.n_gates)]
        return {
            "weight_ih": rng.uniform(-bound, bound, (rows, input_size)),
            "weight_hh": np.concatenate(orthogonal),
            "bias_ih": np.zeros(rows),
            "bias_hh": np.zeros(rows),
        }

    def zero_state(self, x: Tensor) -> Tensor:
        """(1, B, H)"""
        return x.new_zeros(1, x.shape[0], self.hidden_size)


class _VanillaCell(_GatedCell):
    """h_t = f(W_ih x_t + b_ih + W_hh h_{t-1} + b_hh) (Elman, Cognitive Science 14(2), 1990)."""

    n_gates = 1

    def __init__(self, hidden_size: int, nonlinearity: str):
        super().__init__(hidden_size)
        self.nonlinearity = nonlinearity

    def run(self, weights: dict[str, Tensor], x: Tensor, state: Any) -> tuple[Tensor, Any]:
        import torch

        function = torch.rnn_tanh if self.nonlinearity == "tanh" else torch.rnn_relu
        state = self.zero_state(x) if state is None else state
        return function(x, state, list(weights.values()), True, 1, 0.0, False, False, True)


class _GRUCell(_GatedCell):
    """The gated recurrent unit (Cho et al., EMNLP 2014) in torch's form: the reset gate acts after the product."""

    n_gates = 3

    def run(self, weights: dict[str, Tensor], x: Tensor, state: Any) -> tuple[Tensor, Any]:
        import torch

        state = self.zero_state(x) if state is None else state
        return torch.gru(x, state, list(weights.values()), True, 1, 0.0, False, False, True)


class _LSTMCell(_GatedCell):
    """Long short-term memory (Hochreiter & Schmidhuber, Neural Computation 9(8), 1997; Gers et al., 2000)."""

    n_gates = 4

    def initial(self, input_size: int, rng: np.random.Generator) -> dict[str, Floats]:
        """As every cell, with a forget bias of 1 (Jozefowicz, Zaremba & Sutskever, ICML 2015)."""
        weights = super().initial(input_size, rng)
        weights["bias_ih"][self.hidden_size : 2 * self.hidden_size] = 1.0
        return weights

    def run(self, weights: dict[str, Tensor], x: Tensor, state: Any) -> tuple[Tensor, Any]:
        import torch

        if state is None:
            zero = self.zero_state(x)
            state = (zero, zero)
        out, hidden, memory = torch.lstm(x, state, list(weights.values()), True, 1, 0.0, False, False, True)
        return out, (hidden, memory)


def make_cell(
    cell: str | Callable[[int, int], Any], hidden_size: int, nonlinearity: str = "tanh", seed: int = 0
) -> Cell:
    """The cell of that name, or around a maker of torch modules, whose own random start takes the seed."""
    if cell == "rnn":
        return _VanillaCell(hidden_size, nonlinearity)
    if cell == "gru":
        return _GRUCell(hidden_size)
    if cell == "lstm":
        return _LSTMCell(hidden_size)
    from skrnn.networks._module_cell import ModuleCell

    assert callable(cell)
    return ModuleCell(hidden_size, cell, seed)


def _orthogonal(n: int, rng: np.random.Generator) -> Floats:
    """A random orthogonal matrix, uniformly distributed (Mezzadri, Notices AMS 54(5), 2007)."""
    q, r = np.linalg.qr(rng.normal(size=(n, n)))
    return np.asarray(q * np.sign(np.diag(r)))

"""What a cell is: the names, shapes and initial values of its weights, how torch runs it, and its compiled code."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from skrnn._types import Array, Doubles, Floats, Singles

if TYPE_CHECKING:
    from torch import Tensor
    from torch.nn import Module

__all__ = ["Cell", "Kernels", "glorot"]


@dataclass(frozen=True)
class Kernels:
    """The compiled code of a cell, for one layer in one direction, and the buffers that this code works in.

    In what follows there are T steps, B rows, F features, H hidden units and G gates. All arrays are float32; in
    training time comes first, and ``weights`` and their gradients ``dw`` are vectors that hold those of `Cell.shapes`
    one after the other. Kernels of training have the same types of arguments in every cell: one compiled loop over
    mini-batches calls them all.

    Attributes
    ----------
    forward : callable
        ``forward(x, weights, tape)`` reads x (T, B, F + 1), ones in its last column, and fills the tape: the gates
        (G, T, B, H), the states h (T + 1, B, H), and ``n_extra`` more states. What is there before the first step
        stands in the tape already: h[0], and of a cell with two ``n_states`` the other one, in front of the further
        states, which has its last value T places behind.
    backward : callable
        ``backward(x, weights, tape, d_out, d_gates, dx, dw, d_first, block)`` sets the gradients dw of the weights, dx
        (T, B, F) of the inputs, unless it has no step, and d_first (1, B, H) of the state h before the first step,
        unless it is empty, from those of the outputs, d_out (T, B, H).
        Back-propagation through time (Werbos, Proc. IEEE 78(10), 1990) is truncated by ``block`` (Williams & Peng,
        Neural Computation 2(4), 1990): no gradient crosses from the step t to the one before it where T - t is a
        multiple of it; 0: never cut.
    run : callable
        ``run(x, lengths, order, reverse, weights, states, out, *options)`` predicts from x (B, T, F), with packed
        weights, for the rows in ``order``, some of them side by side: as they are whatever rows are beside them. It
        changes the states (``n_states``, B, H), of which h is the first, to those after the last step, and writes h
        into out (B, T, H), which stays untouched in the padding; if it has no step, only the last states are wanted.
    step : callable
        ``step(weights, panel, memory, work)`` predicts one step of R rows side by side: the states h in the panel
        (H + 1 + F, R), above a row of ones and the inputs, and the other states ``memory`` (H, R), which is not looked
        at where there are none, become those after it. ``work`` is that of `lane_work`.
    pack : callable
        ``pack(weights)``: the weights as ``run`` and ``step`` take them, a vector.
    carried : callable
        ``carried(weights, tape, d_out, d_gates)`` after a backward pass that was not truncated, with the weights as a
        tuple: a list of the gradients (T, B, H) with respect to each state that a step hands to the next. In NumPy, for
        a look inside.
    n_gates : int
    n_gate_gradients : int
        Arrays (T, B, H) in d_gates.
    n_extra : tuple of int
        How many states (B, H) the third array of the tape has for each step, and how many besides.
    n_states : int
    options : tuple
        The last arguments of ``run``.
    """

    forward: Callable[..., None]
    backward: Callable[..., None]
    run: Callable[..., None]
    step: Callable[..., None]
    pack: Callable[..., Singles]
    carried: Callable[..., list[Singles]]
    n_gates: int
    n_gate_gradients: int
    n_extra: tuple[int, int] = (0, 0)
    n_states: int = 1
    options: tuple[Any, ...] = ()


class Cell(ABC):
    """One recurrent layer in one direction, with ``hidden_size`` features in its state."""

    training = False  # what a module of the user's own is told, for a dropout inside it

    def __init__(self, hidden_size: int):
        self.hidden_size = hidden_size

    @classmethod
    def make(cls, hidden_size: int, nonlinearity: str) -> Cell:
        """The cell of a network with this nonlinearity; most cells fix their own."""
        return cls(hidden_size)

    @property
    @abstractmethod
    def label(self) -> str:
        """What it is called in a table."""

    @property
    def kernels(self) -> Kernels | None:
        """The compiled code; None: the cell runs on torch alone."""
        return None

    @abstractmethod
    def shapes(self, input_size: int) -> dict[str, tuple[int, ...]]:
        """Name (without layer) and shape of each weight."""

    @abstractmethod
    def initial(self, input_size: int, rng: np.random.Generator) -> dict[str, Floats]:
        """Fresh weights under the same names."""

    @abstractmethod
    def run(self, weights: dict[str, Tensor], x: Tensor, state: Any) -> tuple[Tensor, Any]:
        """Outputs (B, T, H) and the state after the last step; state None is zero."""

    def first_state(self, h: Tensor) -> Any:
        """The state that a decoder begins with, of which it knows h (1, B, H)."""
        return h

    def zero_state(self, x: Tensor) -> Tensor:
        """(1, B, H)"""
        return x.new_zeros(1, x.shape[0], self.hidden_size)

    def gates(self, weights: dict[str, Array], x: Doubles, before: Doubles) -> dict[str, Doubles]:
        """By name, what the gates are at inputs x (B, T, F) and states before them (B, T, H); (B, T, H) each."""
        return {}

    def frozen(self, input_size: int) -> frozenset[str]:
        """Names of weights that stay as they are in training."""
        return frozenset()

    def full_name(self, prefix: str, name: str, suffix: str) -> str:
        """Name of a weight within the network: torch's."""
        return f"{prefix}{name}{suffix}"

    def torch_module(self, sizes: list[tuple[str, int]]) -> Module:
        """A module that holds the weights of layers with these suffixes and input sizes, under their names.

        It is torch's own module where torch has one of the cell, or else a bare one. Nothing reads its first values.
        """
        import torch

        module = torch.nn.Module()
        for suffix, size in sizes:
            for name, shape in self.shapes(size).items():
                module.register_parameter(f"{name}{suffix}", torch.nn.Parameter(torch.empty(shape)))
        return module


def glorot(shape: tuple[int, int], n_in: int, n_out: int, rng: np.random.Generator) -> Floats:
    """Uniform, with a bound for the numbers of inputs and outputs: Glorot & Bengio, AISTATS 2010, eq. 16."""
    bound = np.sqrt(6 / (n_in + n_out))
    return rng.uniform(-bound, bound, shape)

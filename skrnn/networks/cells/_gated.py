"""What the cells have in common that torch has a module of: the layout of their weights."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from skrnn._types import Array, Doubles, Floats, Singles
from skrnn.networks.cells._base import Cell, glorot

if TYPE_CHECKING:
    from torch.nn import Module

__all__ = ["GatedCell", "gate_sums", "through_gates"]

_WIDE = 128  # units from which on a QR decomposition is a good part of a short fit
_PANEL = 64  # reflections that are applied at a time


class GatedCell(Cell):
    """A cell of ``n_gates`` gates in torch's layout: weights (n_gates * H, …), with two biases."""

    n_gates: ClassVar[int]

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
        rows = self.n_gates * self.hidden_size
        orthogonal = [_orthogonal(self.hidden_size, rng) for _ in range(self.n_gates)]
        return {
            "weight_ih": glorot((rows, input_size), input_size, self.hidden_size, rng),
            "weight_hh": np.concatenate(orthogonal),
            "bias_ih": np.zeros(rows),
            "bias_hh": np.zeros(rows),
        }

    def torch_module(self, sizes: list[tuple[str, int]]) -> Module:
        import torch

        directions = 1 + sizes[-1][0].endswith("_reverse")
        options = {"num_layers": len(sizes) // directions, "bidirectional": directions == 2, "batch_first": True}
        module: Module = getattr(torch.nn, self.label)(sizes[0][1], self.hidden_size, **options, **self._own_options())
        return module

    def _own_options(self) -> dict[str, Any]:
        """Arguments of torch's module that other cells do not have."""
        return {}


def gate_sums(weights: dict[str, Array], x: Doubles, before: Doubles, n_gates: int) -> list[Doubles]:
    """What is summed inside each gate, (B, T, H), from inputs x (B, T, F) and the states before them (B, T, H)."""
    inner = before @ weights["weight_hh"].T.astype(np.float64) + weights["bias_hh"]
    return np.split(x @ weights["weight_ih"].T.astype(np.float64) + weights["bias_ih"] + inner, n_gates, axis=2)


def through_gates(d_gates: Singles, w_hh: Singles) -> Singles:
    """What reaches the state after each step through the gates of the next, (T, B, H), from d_gates (G, T, B, H)."""
    _, n_steps, n_rows, hidden = d_gates.shape
    found = np.zeros((n_steps, n_rows, hidden), np.float32)
    for gate, w in zip(d_gates, np.split(w_hh, len(d_gates)), strict=True):
        found[:-1] += (gate[1:].reshape(-1, hidden) @ w).reshape(n_steps - 1, n_rows, hidden)
    return found


def _orthogonal(n: int, rng: np.random.Generator) -> Floats:
    """A random orthogonal matrix, uniformly distributed (Mezzadri, Notices AMS 54(5), 2007)."""
    numbers = rng.normal(size=(n, n))
    if n >= _WIDE:
        return _reflected(np.tril(numbers).astype(np.float32))
    q, r = np.linalg.qr(numbers)
    return np.asarray(q * np.sign(np.diag(r)))


def _reflected(v: Singles) -> Singles:
    """The Q of a QR decomposition of normal numbers, without R: what a reflection of it meets are normal numbers again.

    So column k of v (N, N), zero above the diagonal, is turned into the multiple -s |v_k| of the k-th unit vector, s
    the sign of its first number, by I - w w^T / (w^T v_k), w = v_k + s |v_k| e_k (Stewart, SIAM J. Numer. Anal. 17(3),
    1980). The product of those of a panel W is I - W T W^T, where T^-1 has w^T v_k on the diagonal and W^T W above it
    (Joffrain et al., ACM TOMS 32(2), 2006).
    """
    diagonal, norms = np.diagonal(v).copy(), np.sqrt(np.einsum("ij,ij->j", v, v))
    signs = np.where(diagonal < 0, np.float32(-1.0), np.float32(1.0))
    np.fill_diagonal(v, diagonal + signs * norms)
    q, scales = np.diag(-signs), norms * (norms + np.abs(diagonal))
    for begin in reversed(range(0, len(v), _PANEL)):
        w, rest = v[begin:, begin : begin + _PANEL], q[begin:, begin:]
        inverse = np.triu(w.T @ w, 1)
        np.fill_diagonal(inverse, scales[begin : begin + _PANEL])
        rest -= w @ (np.linalg.inv(inverse) @ w.T @ rest)
    return q

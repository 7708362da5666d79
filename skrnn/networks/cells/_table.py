"""The cells by name."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from importlib import import_module
from typing import Any, cast

from skrnn.networks.cells._base import Cell

__all__ = ["CELLS", "make_cell"]

CELLS: dict[str, tuple[str, str]] = {  # its file and its class; loaded when a network asks for it
    "rnn": ("._vanilla", "VanillaCell"),
    "gru": ("._gru", "GRUCell"),
    "lstm": ("._lstm", "LSTMCell"),
    "mingru": ("._mingru", "MinGRUCell"),
}


def make_cell(
    cell: str | Callable[[int, int], Any], hidden_size: int, nonlinearity: str = "tanh", seed: int = 0
) -> Cell:
    """The cell of that name, or around a maker of torch modules, whose own random start takes the seed."""
    if isinstance(cell, str):
        return _load(*CELLS[cell]).make(hidden_size, nonlinearity)
    from skrnn.networks.cells._module import ModuleCell

    return ModuleCell(hidden_size, cell, seed)


@lru_cache
def _load(file: str, name: str) -> type[Cell]:
    """The class of a cell."""
    return cast("type[Cell]", getattr(import_module(file, __package__), name))

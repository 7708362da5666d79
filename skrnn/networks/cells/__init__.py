"""The recurrent cells: one file for each, with all that there is to know about it.

A cell says how torch runs it. With kernels of its own it runs on the compiled engine too.
"""

from typing import TYPE_CHECKING, Any

from skrnn.networks.cells._base import Cell, Kernels, glorot
from skrnn.networks.cells._table import CELLS, make_cell

if TYPE_CHECKING:
    from skrnn.networks.cells._module import private_torch_random

__all__ = ["CELLS", "Cell", "Kernels", "glorot", "make_cell", "private_torch_random"]


def __getattr__(name: str) -> Any:
    if name != "private_torch_random":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from skrnn.networks.cells._module import private_torch_random  # needs torch

    return private_torch_random

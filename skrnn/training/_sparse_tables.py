"""Tables of embeddings of which a mini-batch moves only the rows that it reads, as `torch.optim.SparseAdam` does.

A mini-batch reads some hundred rows of tables that may have 100,000. The others have no gradient, but an optimizer with
running averages goes on moving them by what these remember, and reads and writes the whole table to do so. Here
averages and weights of a row rest until it is read again; the count of updates, which corrects their bias, is that of
all. Weight decay, too, reaches the rows that are read.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from skrnn._types import Array, Integers, Singles

__all__ = ["SparseTables"]


class SparseTables:
    """Tables (V, D), each for one feature of the inputs, and the last one for the tokens that a decoder reads, if there
    is one; and what an optimizer remembers of each number in them.

    Attributes
    ----------
    flat : float32 array (n,)
        The rows that the last mini-batch has read, of all tables one after the other.
    views : dict of str to float32 arrays (U, D)
        The same by table.
    """

    def __init__(self, tables: Mapping[str, Singles], averages: list[Singles]):
        self.tables = {name: table.copy() for name, table in tables.items()}
        ends = np.cumsum([table.size for table in tables.values()])
        self.size = int(ends[-1])
        self.averages = [  # of each kind, by table
            {
                name: value[end - table.size : end].reshape(table.shape).copy()
                for (name, table), end in zip(tables.items(), ends, strict=True)
            }
            for value in averages
        ]
        self.rows: dict[str, Integers] = {}
        self.views: dict[str, Singles] = {}
        self.flat = np.empty(0, np.float32)

    def read(self, inputs: Array, tokens: Integers | None = None) -> tuple[Array, Integers | None]:
        """Category numbers (B, T, F), and the tokens (B, L) of a decoder, as numbers of those rows that they name.

        The rows are taken out of the tables. Inputs without a table are numbers, and stay.
        """
        names = list(self.tables)
        own = names if tokens is None else names[:-1]
        codes = np.empty(inputs.shape, np.float32) if own else inputs
        for feature, name in enumerate(own):
            codes[:, :, feature] = self._places(name, inputs[:, :, feature])
        tokens = None if tokens is None else self._places(names[-1], tokens)
        self.flat = self._taken(self.tables)
        self.views, begin = {}, 0
        for name, table in self.tables.items():
            shape = len(self.rows[name]), table.shape[1]
            self.views[name] = self.flat[begin : begin + shape[0] * shape[1]].reshape(shape)
            begin += shape[0] * shape[1]
        return codes, tokens

    def _places(self, name: str, numbers: Array) -> Integers:
        """Which of the rows that numbers name each of them names; these are kept."""
        self.rows[name], places = np.unique(numbers.astype(np.intp), return_inverse=True)
        return places.reshape(numbers.shape)

    def remembered(self) -> Singles:
        """The averages (k, n) of the rows that were read."""
        return np.stack([self._taken(each) for each in self.averages])

    def put(self, averages: Singles) -> None:
        """Put the rows, which were changed in place, and their averages (k, n) back."""
        for name, view in self.views.items():
            self.tables[name][self.rows[name]] = view
        for each, value in zip(self.averages, averages, strict=True):
            begin = 0
            for name, view in self.views.items():
                each[name][self.rows[name]] = value[begin : begin + view.size].reshape(view.shape)
                begin += view.size

    def whole_averages(self) -> list[Singles]:
        """The averages of all numbers (size,), one array of each kind."""
        return [np.concatenate([value.ravel() for value in each.values()]) for each in self.averages]

    def are_finite(self) -> bool:
        return all(bool(np.isfinite(table).all()) for table in self.tables.values())

    def _taken(self, tables: Mapping[str, Singles]) -> Singles:
        return np.concatenate([table[self.rows[name]].ravel() for name, table in tables.items()])

"""An X whose values are addressed by feature and lag: 3-D, a flat table, a list of sequences, or texts by character."""

from __future__ import annotations

from typing import Any

import numpy as np

from skrnn._types import Array, Integers

__all__ = ["Cells"]


class Cells:
    """The values of X by sequence, feature and lag, the number of steps before the last one.

    Lags count from the end of each sequence, of an array from its last step, padding included. Texts are sequences of
    ``characters`` where they are read as such.
    """

    def __init__(self, X: Any, features_per_step: int | str = 1, *, characters: bool = False):
        self.X, self.of_texts = X, False
        if hasattr(X, "columns"):
            self.kind, shape = "frame", X.shape
        elif isinstance(X, (list, tuple)) or (np.ndim(X) == 1 and np.asarray(X).dtype.kind in "OUT"):
            self.kind, shape = "list", (len(X),)
            self.of_texts = any(isinstance(row, str) for row in X)
            if self.of_texts and not characters:
                raise TypeError(
                    "X holds texts, which have no steps. Pass the tokens of each, or fit a Pipeline with a "
                    "SequenceVectorizer in front of the network."
                )
        else:
            self.X, self.kind = np.asarray(X), "array"
            shape = self.X.shape
        if len(shape) not in ((1,) if self.kind == "list" else (2, 3)):
            raise ValueError(f"X has shape {shape}; it has to be 2-D, 3-D, or a list of sequences.")
        self.n_samples = shape[0]
        if self.kind == "list":
            self.X = [_as_array(list(row) if isinstance(row, str) else row) for row in X]
            widths = {1 if row.ndim == 1 else row.shape[1] for row in self.X}
            if len(widths) != 1:
                raise ValueError(f"The sequences of X have different numbers of features: {sorted(widths)}.")
            (self.n_features,) = widths
            self.lengths = np.array([len(row) for row in self.X])
        elif len(shape) == 3:
            self.n_features, self.lengths = int(shape[2]), np.full(shape[0], shape[1])
        else:
            width = shape[1] if features_per_step == "all" else int(features_per_step)
            if shape[1] % width:
                raise ValueError(f"X has {shape[1]} columns, which are no whole number of steps of {width} features.")
            self.n_features, self.lengths = int(width), np.full(shape[0], shape[1] // width)

    @property
    def n_lags(self) -> int:
        """Steps of the longest sequence."""
        return int(self.lengths.max())

    def rows(self, lag: int) -> Integers:
        """The sequences that have a step at a lag."""
        return np.flatnonzero(self.lengths > lag)

    def get(self, feature: int, lag: int) -> Array:
        """The values of a feature at a lag, of the sequences that have it."""
        if self.kind == "frame":
            return np.asarray(self.X.iloc[:, self._column(feature, lag)])
        if self.kind == "array":
            return np.array(self.X[self._place(feature, lag)])
        return np.array([self.X[i].reshape(self.lengths[i], -1)[-1 - lag, feature] for i in self.rows(lag)])

    def changed(self, values: dict[tuple[int, int], Array]) -> Any:
        """A copy of X with other values at some features and lags."""
        if self.kind == "frame":
            frame = self.X.copy()
            for place, value in values.items():
                frame.isetitem(self._column(*place), value)
            return frame
        X: Any = [row.copy() for row in self.X] if self.kind == "list" else self.X.copy()
        for (feature, lag), value in values.items():
            if self.kind == "array":
                X = _put(X, self._place(feature, lag), value)
                continue
            for i, one in zip(self.rows(lag), np.broadcast_to(value, len(self.rows(lag))), strict=True):
                X[i] = _put(X[i], -1 - lag if X[i].ndim == 1 else (-1 - lag, feature), one)
        return ["".join(row) for row in X] if self.of_texts else X

    def _column(self, feature: int, lag: int) -> int:
        return int((self.lengths[0] - 1 - lag) * self.n_features + feature)

    def _place(self, feature: int, lag: int) -> tuple[Any, ...]:
        if self.X.ndim == 3:
            return slice(None), int(self.lengths[0]) - 1 - lag, feature
        return slice(None), self._column(feature, lag)


def _as_array(row: Any) -> Array:
    """A sequence as an array, numbers beside texts as they are."""
    array = np.asarray(row)
    if array.dtype.kind != "U" or hasattr(row, "dtype"):
        return array
    objects = np.asarray(row, dtype=object)
    return array if all(isinstance(value, str) for value in objects.flat) else objects


def _put(values: Array, place: Any, value: Any) -> Array:
    """Values with others at a place, of a type that holds both: whole numbers would cut off decimals, texts letters."""
    value = np.asarray(value)
    if values.dtype.kind in "US" or not np.can_cast(value.dtype, values.dtype, "same_kind"):
        values = values.astype(np.result_type(values.dtype, value.dtype))
    values[place] = value if value.ndim else value[()]  # an array of objects would keep the array
    return values

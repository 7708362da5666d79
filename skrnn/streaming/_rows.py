"""The steps of a Pipeline that look at one row at a time, and the window behind them."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
from sklearn.preprocessing import FunctionTransformer
from sklearn.utils import get_tags

from skrnn._types import Array
from skrnn.windowing import LagsToSequence, SlidingWindow, StepwiseTransformer

__all__ = ["newest_window", "row_steps", "transformed"]

# Rooms of scikit-learn whose transformers treat every row by itself, once they are fitted.
_BY_ROW = ("sklearn.preprocessing.", "sklearn.impute.", "sklearn.feature_selection.", "sklearn.decomposition.")


def row_steps(steps: list[tuple[str, Any]], *, whole_rows: bool) -> list[Any]:
    """The transformers of steps in front of a network, or in front of a window, which take a row of a series.

    ``whole_rows``: rows are time steps, as in front of `SlidingWindow`; else only those of a `StepwiseTransformer` are.

    Raises
    ------
    ValueError
        If a step looks at more than one row, or at a whole sequence.
    """
    found = []
    for name, step in steps:
        if step is None or step == "passthrough":
            continue
        if isinstance(step, LagsToSequence):
            raise ValueError(
                f"The step {name!r}, a LagsToSequence, puts the lags of a row in order, and a stream has one time step "
                "after the other, which are in order. Stream what stands behind it: skrnn.stream(pipeline[-1])."
            )
        inner = step.transformer_ if isinstance(step, StepwiseTransformer) else step
        if inner is step and not whole_rows:
            raise ValueError(
                f"The step {name!r}, a {type(step).__name__}, sees each sequence as a whole, and a stream has one step "
                f"of it at a time. Put it into a StepwiseTransformer, which treats every time step alike."
            )
        module = type(inner).__module__
        if not module.startswith(_BY_ROW) or isinstance(inner, FunctionTransformer):
            raise ValueError(
                f"The step {name!r}, a {type(inner).__name__}, cannot be streamed: only scalers, encoders, imputers, "
                "selectors and decompositions of scikit-learn are known to look at one row at a time."
            )
        found.append(inner)
    return found


def transformed(transformers: list[Any], row: Array) -> Array:
    """A row (F,) behind the transformers; missing where a value is missing and a transformer takes none."""
    table = np.asarray(row, np.float64)[None]
    for transformer in transformers:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "X does not have valid feature names")
            takes_nan = bool(get_tags(transformer).input_tags.allow_nan)
            if np.isnan(table).any() and not takes_nan:
                width = _rows_of(transformer, np.zeros_like(table)).shape[1]
                table = np.full((1, width), np.nan)
            else:
                table = _rows_of(transformer, table)
    return np.asarray(table[0])


def newest_window(rows: list[Array], window: SlidingWindow) -> Array:
    """What `SlidingWindow` makes of the newest of rows (F,): (1, window, F), or flat; NaN where no row is yet."""
    values = np.full((int(window.window), len(rows[-1])), np.nan)
    for lag in range(len(values)):
        place = len(rows) - 1 - lag * int(window.dilation)
        if place >= 0:
            values[-1 - lag] = rows[place]
    return values.reshape(1, -1) if window.flatten else values[None]


def _rows_of(transformer: Any, table: Array) -> Array:
    values = transformer.transform(table)
    return np.asarray(values.toarray() if hasattr(values, "toarray") else values, np.float64)

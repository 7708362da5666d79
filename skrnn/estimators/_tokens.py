"""Targets that are sequences of tokens, of any length: as numbers, and back."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from skrnn.estimators._validation import check_weights, require_y
from skrnn.sequences import SequenceBatch, detached, kind_of_categories, number_categories, plain_categories

__all__ = ["encode_tokens", "exact_match_rate", "tokens_as_given"]


def encode_tokens(
    estimator: Any, y: Any, n_samples: int, known: NDArray[Any] | None, *, end: bool
) -> tuple[SequenceBatch, NDArray[Any], str]:
    """Numbers 1, 2, … of the tokens of y, the tokens themselves, and "strings" or "lists".

    Numbers come as sequences with a last column of weights 1; with ``end``, each is closed by a 0. Tokens that are not
    ``known`` are refused; known None: all are taken.
    """
    name = type(estimator).__name__
    rows, form = _rows(estimator, y)
    if len(rows) != n_samples:
        raise ValueError(f"Found input variables with inconsistent numbers of samples: {[n_samples, len(rows)]}")
    lengths = np.array([len(row) for row in rows], np.intp)
    flat = np.concatenate([np.asarray(row, dtype=object) for row in rows])
    values, missing = plain_categories(flat, name, "y")
    if missing.any():
        row = int(np.searchsorted(np.cumsum(lengths), int(missing.argmax()), side="right"))
        raise ValueError(f"Input y contains NaN: target {row} holds a token that is None or NaN.")
    if known is not None and len(values) and values.dtype.kind != known.dtype.kind:
        got, fitted = kind_of_categories(values), kind_of_categories(known)
        raise ValueError(f"The tokens of y are {got}; {name} was fitted on {fitted}.")
    codes, tokens = number_categories(values, missing, known)
    if not len(tokens):
        raise ValueError(f"{name} needs at least one token in y, got only empty targets.")
    if (codes == 0).any():
        new = np.unique(values[codes == 0])
        raise ValueError(f"`y` has tokens that the first fit did not have: {new[:5].tolist()}.")
    total = lengths + end
    starts = np.cumsum(total) - total
    steps = np.zeros((int(total.sum()), 2))
    steps[:, 1] = 1.0
    steps[np.arange(len(codes)) + np.repeat(starts - np.cumsum(lengths) + lengths, lengths), 0] = codes
    return SequenceBatch.one_after_another(steps, total), tokens, form


def tokens_as_given(estimator: Any, codes: list[NDArray[np.intp]], tokens: NDArray[Any]) -> list[Any]:
    """Lists of tokens, or strings, from their numbers from 1 on."""
    rows = [tokens[row - 1].tolist() for row in codes]
    return ["".join(row) for row in rows] if estimator._target_form.endswith("strings") else rows


def exact_match_rate(estimator: Any, y: Any, predictions: list[Any], sample_weight: Any) -> float:
    """The part of the predictions that are their targets, token by token."""
    rows, _ = _rows(estimator, y)
    if len(rows) != len(predictions):
        raise ValueError(f"Found input variables with inconsistent numbers of samples: {[len(predictions), len(rows)]}")
    right = [list(row) == list(found) for row, found in zip(rows, predictions, strict=True)]
    return float(np.average(right, weights=check_weights(sample_weight, len(right))))


def _rows(estimator: Any, y: Any) -> tuple[list[Any], str]:
    """The targets as lists of tokens, and "strings" if they were texts, which are lists of characters."""
    name = type(estimator).__name__
    require_y(estimator, y)
    y = detached(y, name)
    form = "y is a list of targets, one per sequence, each a list of tokens (or a string: a list of characters)"
    if isinstance(y, str) or not hasattr(y, "__len__"):
        raise ValueError(f"{form}; got {y!r:.40}.")
    rows = list(np.asarray(y)) if hasattr(y, "columns") else list(y)
    texts = [isinstance(row, str) for row in rows]
    if rows and all(texts):
        return [list(row) for row in rows], "strings"
    for i, row in enumerate(rows):
        if isinstance(row, (str, bytes)) or not (isinstance(row, (list, tuple)) or np.ndim(row) == 1):
            raise ValueError(f"{form}; target {i} is {row!r:.40}.")
        rows[i] = row.tolist() if hasattr(row, "tolist") else list(row)
    return rows, "lists"

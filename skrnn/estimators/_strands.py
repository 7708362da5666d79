"""Texts as a language model reads them: cut into strands, and scored token by token."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skrnn.estimators._validation import check_weights
from skrnn.networks import NetworkSpec
from skrnn.objectives import softmax
from skrnn.sequences import SequenceBatch

__all__ = ["as_tokens", "cut_into_strands", "next_token_log_probabilities"]

_CHUNK_STEPS = 1024  # tokens scored at a time


def as_tokens(estimator: Any, X: Any) -> list[Any]:
    """Texts as a list of strings and sequences of tokens, none of them empty."""
    texts = [X] if isinstance(X, str) else X
    if not hasattr(texts, "__len__") or not hasattr(texts, "__iter__"):
        raise TypeError(f"{type(estimator).__name__} takes a text or a list of texts, got a {type(X).__name__}.")
    rows = list(texts)
    if not rows:
        raise ValueError(f"Found 0 texts while a minimum of 1 is required by {type(estimator).__name__}.")
    for i, row in enumerate(rows):
        if not hasattr(row, "__len__"):
            raise TypeError(
                f"Text {i} is {row!r:.40}. {type(estimator).__name__} takes strings, or lists of tokens; a single list "
                "of tokens goes into a list of its own."
            )
        if len(row) == 0:
            raise ValueError(f"Text {i} has no token; every text needs at least one.")
    return rows


def cut_into_strands(
    rows: list[Any], sample_weight: Any, n_strands: int, shortest: int | None
) -> tuple[list[Any], NDArray[np.float64]]:
    """About ``n_strands`` pieces of few long texts, and their weights; none is shorter than ``shortest`` tokens.

    The last token of a piece is the first of the next, so that every token but a text's first is predicted once.
    """
    weights = check_weights(sample_weight, len(rows))
    wanted = -(-n_strands // len(rows))
    strands: list[Any] = []
    counts = []
    for row in rows:
        n = len(row) - 1  # predictions
        pieces = 1 if shortest is None else min(wanted, max(n // shortest, 1))
        ends = np.linspace(0, n, pieces + 1).astype(int)
        strands += [row[begin : end + 1] for begin, end in pairwise(ends)]
        counts.append(pieces)
    return strands, np.repeat(weights, counts)


def next_token_log_probabilities(
    spec: NetworkSpec, weights: Mapping[str, NDArray[np.float32]], batch: SequenceBatch
) -> list[NDArray[np.float64]]:
    """Of each text, the log-probability of each known token but the first, given those before it."""
    from skrnn.networks import NetworkStream  # needs numba

    stream, found = NetworkStream(spec, weights), []
    for start, length in zip(batch.starts, batch.lengths, strict=True):
        codes = np.nan_to_num(batch.steps[start : start + length]).astype(np.float64)
        stream.states[:] = 0.0
        parts = []
        for begin in range(0, length - 1, _CHUNK_STEPS):
            end = min(begin + _CHUNK_STEPS, length - 1)
            outputs, following = stream.read(codes[None, begin:end]), codes[begin + 1 : end + 1, 0].astype(np.intp)
            known = following > 0
            logs = np.log(softmax(outputs))
            parts.append(logs[np.arange(len(logs)), following][known])
        found.append(np.concatenate([np.zeros(0), *parts]))
    return found

"""How much of what an estimator writes is right, token by token."""

from __future__ import annotations

from typing import Any

import numpy as np

from skrnn._types import Array
from skrnn.estimators import writes_tokens

__all__ = ["token_accuracy", "writes_tokens"]


def token_accuracy(estimator: Any, X: Any, y: Any) -> float:
    """1 less the edits that lead from what is written to the targets, per token of these; at most 1."""
    rows = [list(row) for row in y]
    edits = sum(_edits(list(found), row) for found, row in zip(estimator.predict(X), rows, strict=True))
    return 1.0 - edits / max(sum(map(len, rows)), 1)


def _edits(one: list[Any], other: list[Any]) -> int:
    """The least number of insertions, deletions and replacements that make one list the other.

    Levenshtein, "Binary codes capable of correcting deletions, insertions, and reversals", 1966; Wagner & Fischer,
    "The string-to-string correction problem", JACM 21(1), 1974.
    """
    counts: Array = np.arange(len(other) + 1)
    places = np.arange(len(other) + 1)
    for number, token in enumerate(one, start=1):
        unlike = np.array([token != another for another in other], dtype=int)
        best = np.concatenate([[number], np.minimum(counts[1:] + 1, counts[:-1] + unlike)])
        counts = np.minimum.accumulate(best - places) + places  # insertions
    return int(counts[-1])

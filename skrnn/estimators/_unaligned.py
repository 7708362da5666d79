"""Labels that are not aligned with the time steps: targets for connectionist temporal classification, and back."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.utils._param_validation import InvalidParameterError

from skrnn.estimators._tokens import encode_tokens, tokens_as_given
from skrnn.objectives import best_labels
from skrnn.sequences import SequenceBatch

__all__ = ["encode_unaligned", "labels_of_steps"]


def encode_unaligned(
    estimator: Any, y: Any, batch: SequenceBatch, known: NDArray[Any] | None
) -> tuple[SequenceBatch, NDArray[Any], str]:
    """Label numbers, closed by a 0, the labels themselves, and "ctc strings" or "ctc lists"."""
    name = type(estimator).__name__
    for parameter in ("return_sequences", "segment", "class_weight"):
        if getattr(estimator, parameter):
            raise InvalidParameterError(
                f"{parameter}={getattr(estimator, parameter)!r} of {name} needs labels of time steps or sequences, and "
                "loss='ctc' has labels that belong to none. Leave it out."
            )
    targets, classes, form = encode_tokens(estimator, y, batch.n_samples, known, end=True)
    labels = targets.steps[:, 0]
    repeats = np.append((labels[1:] == labels[:-1]) & (labels[1:] > 0), False).astype(float)
    needed = targets.lengths - 1 + np.add.reduceat(repeats, targets.starts)
    short = np.flatnonzero(batch.lengths < needed)
    if len(short):
        i = int(short[0])
        raise ValueError(
            f"Sequence {i} has {batch.lengths[i]} time steps, and its {targets.lengths[i] - 1} labels need "
            f"{needed[i]:g}: loss='ctc' writes at most one label per step, with a blank between two equal ones. Pass "
            "longer sequences or fewer labels."
        )
    return targets, classes, f"ctc {form}"


def labels_of_steps(estimator: Any, probabilities: NDArray[np.float64], batch: SequenceBatch) -> list[Any]:
    """What is read off probabilities (N, K) of all real steps, for each sequence: a list of labels, or a string."""
    rows = np.split(probabilities, np.cumsum(batch.lengths)[:-1])
    codes = [best_labels(row, int(estimator.beam_width)) for row in rows]
    return tokens_as_given(estimator, codes, estimator.classes_)

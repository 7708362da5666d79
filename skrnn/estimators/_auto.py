"""What the data decide where a parameter is "auto"."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from skrnn._types import Doubles
from skrnn.estimators._fitted import Fitted
from skrnn.estimators._parameters import Parameters
from skrnn.estimators._training_data import FitData
from skrnn.sequences import Columns, SequenceBatch
from skrnn.tasks import Task

__all__ = ["settled", "start_settled"]

_LONG = 60  # steps of a sequence that is read in segments
_WIDTHS = (3, 9, 27)
_SEGMENTS = 100  # at most about so many of them make a sequence
_POOLINGS = ("last", "mean", "max")
_MOST_FOR_SHARES = 10_000  # rows: a linear model of thousands of features is costly
_MOST_CLASSES = 50  # each of them is a ridge of its own
_FEW, _SOME, _MANY = 64, 512, 1024  # different rows


def start_settled(
    parameters: Parameters, task: Task, columns: Columns, batch: SequenceBatch, weights: Doubles, before: Fitted | None
) -> Parameters:
    """The parameters with the model that the network starts from; it has a say in whether rows are held out."""
    if parameters.init != "auto":
        return parameters
    if before is not None:
        return replace(parameters, init=before.init)
    if not task.can_start_linear:
        return replace(parameters, init=None)
    if columns.embeds_all:  # classes: numbers that are counted in a text are not what n-grams of unit length tell
        few_classes = task.known is not None and len(task.known) <= _MOST_CLASSES
        return replace(parameters, init="ngrams" if few_classes else None)
    few = np.count_nonzero(weights) < _MOST_FOR_SHARES
    shares = task.known is not None and few and _typical_length(batch, weights) >= _LONG
    return replace(parameters, init="minirocket" if shares else "linear")


def settled(parameters: Parameters, task: Task, data: FitData, before: Fitted | None) -> Parameters:
    """The parameters without "auto"; ``before``: the fit that this one goes on with, whose form stays."""
    chosen: dict[str, Any] = {}
    n_rows = len(data.training.weights)
    if parameters.batch_size == "auto":
        chosen["batch_size"] = 8 if n_rows < _FEW else 16 if n_rows < _SOME else 32
    if parameters.learning_rate_schedule == "auto":
        anneals = data.validation is None and n_rows < _MANY
        chosen["learning_rate_schedule"] = "cosine" if anneals else None
    if parameters.segment == "auto":
        form = (before.spec.segment, before.spec.segment_stride) if before is not None else _segments(parameters, data)
        chosen["segment"], chosen["segment_stride"] = form
    if parameters.pooling == "auto":
        whole = data.objective.readout == "last" and not data.columns.embeds_all
        fresh = _POOLINGS if whole else "last"
        chosen["pooling"] = fresh if before is None else before.spec.pooling
    return replace(parameters, **chosen)


def _typical_length(batch: SequenceBatch, weights: Doubles) -> float:
    return float(np.average(batch.lengths, weights=weights))


def _segments(parameters: Parameters, data: FitData) -> tuple[tuple[int, ...] | None, int | None]:
    """Widths and stride for sequences of numbers that are long; there is nothing to sum up in categories."""
    typical = _typical_length(data.training.batch, data.training.weights)
    if data.objective.readout != "last" or data.columns.embeds_all or typical < _LONG:
        return None, None
    stride = int(np.ceil(typical / _SEGMENTS))
    return _WIDTHS, stride if parameters.segment_stride is None else parameters.segment_stride

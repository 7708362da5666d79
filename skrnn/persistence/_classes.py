"""The classes that a file may hold."""

from __future__ import annotations

from importlib import import_module
from typing import Any

__all__ = ["TRUSTED_TYPES", "class_named", "name_of"]

_HOMES = {
    "PipelineStream": "skrnn",
    "LagsToSequence": "skrnn",
    "RNNClassifier": "skrnn",
    "RNNLanguageModel": "skrnn",
    "RNNOutlierDetector": "skrnn",
    "RNNRegressor": "skrnn",
    "RNNSeq2Seq": "skrnn",
    "RNNSequenceTransformer": "skrnn",
    "SequenceVectorizer": "skrnn.text",
    "SlidingWindow": "skrnn",
    "StepwiseTransformer": "skrnn",
    "Stream": "skrnn",
    "WindowForecaster": "skrnn",
}
_SPLITTERS = ("GroupKFold", "KFold", "RepeatedKFold", "ShuffleSplit", "StratifiedKFold", "TimeSeriesSplit")
_OF_OTHERS = (  # what fitted imputers and searches hold: values without code
    "numpy.dtype",
    "sklearn.metrics._scorer._PassthroughScorer",
    *(f"sklearn.model_selection._split.{name}" for name in _SPLITTERS),
)
TRUSTED_TYPES: tuple[str, ...] = (*(f"{home}.{name}" for name, home in _HOMES.items()), *_OF_OTHERS)
"""The types beyond its own that a file of skops may name: ``skops.io.load(path, trusted=skrnn.TRUSTED_TYPES)``. Those
of this package check their state as it is loaded."""


def class_named(name: Any) -> Any:
    """The class of this name.

    Raises
    ------
    ValueError
        If there is none that a file may hold.
    """
    if type(name) is not str or name not in _HOMES:
        raise ValueError(f"it holds a {name!r}, which is none of {', '.join(_HOMES)}")
    return getattr(import_module(_HOMES[name]), name)


def name_of(value: Any) -> str | None:
    """The name of the class of a value, if it is one of them; a subclass is not."""
    name = type(value).__name__
    return name if name in _HOMES and type(value) is class_named(name) else None

"""Classes: one of several per sequence; and labels: any number of several."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, replace
from numbers import Real
from typing import Any, ClassVar, Self

import numpy as np
from sklearn.metrics import accuracy_score
from sklearn.utils.class_weight import compute_class_weight

from skrnn._plain import require
from skrnn._types import Array, Doubles, Flags, Singles
from skrnn.networks import NetworkSpec
from skrnn.objectives import CrossEntropy, MultilabelCrossEntropy, Objective, TargetScaling
from skrnn.sequences import SequenceBatch, distinct
from skrnn.tasks._base import Context, RowTask, Targets
from skrnn.tasks._reading import check_labels, check_weights, warn_of_many_classes
from skrnn.tasks._steps import read_labels_of_steps

__all__ = ["Classes", "Labels"]


_LARGEST = float(np.finfo(np.float32).max)


@dataclass(frozen=True, eq=False)
class _Labelled(RowTask):
    """What classes and labels share: the reading of y decides which of the two it is.

    Attributes
    ----------
    class_weight : dict, "balanced" or None
    classes : array of shape (n_classes,), or None
        Sorted; the numbers of the labels where there may be several per sequence. None: whatever y holds.
    """

    streams: ClassVar[tuple[str, ...]] = ("predict", "predict_proba")
    stored: ClassVar[tuple[str, ...]] = ("classes",)
    can_start_linear: ClassVar[bool] = True

    class_weight: Mapping[Any, float] | str | None = None
    classes: Array | None = None

    @property
    def known(self) -> Array | None:
        return self.classes

    def knowing(self, values: Array | None) -> Self:
        return replace(self, classes=None if values is None else _of_plain_texts(values))

    @property
    def n_classes(self) -> int:
        assert self.classes is not None
        return len(self.classes)

    def read(self, y: Any, batch: SequenceBatch, sample_weight: Any, name: str) -> tuple[_Labelled, Targets]:
        labels, several = check_labels(y, batch.n_samples, name)
        task, values = self._number(labels, several, name)
        if not several and self.classes is None:
            warn_of_many_classes(task.n_classes, len(values))
        return task, Targets(values, self._read_weights(sample_weight, batch))

    def read_steps(self, y: Any, batch: SequenceBatch, name: str) -> tuple[_Labelled, Doubles, Flags]:
        labels, missing, several = read_labels_of_steps(y, batch, name)
        task, found = self._number(labels[~missing], several, name)
        values = np.full((len(labels), found.shape[1]), np.nan)
        values[~missing] = found
        return task, values, missing

    def _number(self, labels: Array, several: bool, name: str) -> tuple[_Labelled, Doubles]:
        """Class numbers (n, 1) of labels (n,), or label indicators (n, n_labels); and the task that knows them."""
        if several:
            n_labels = labels.shape[1]
            if self.classes is not None and len(self.classes) != n_labels:
                raise ValueError(f"y has {n_labels} labels; {name} was fitted with {len(self.classes)}.")
            return Labels(self.class_weight, np.arange(n_labels)), labels.astype(np.float64)
        found, codes = distinct(labels)
        classes = _of_plain_texts(found) if self.classes is None else self.classes
        if len(classes) < 2:
            what = f"only one class: {found[0]}" if len(found) else "no label"
            raise ValueError(f"{name} needs samples of at least 2 classes in the data, but the data contains {what}")
        if self.classes is not None:
            new = np.setdiff1d(found, classes)
            if len(new):
                raise ValueError(
                    f"`y` has classes not in `self.classes_`. `self.classes_` has {classes}. 'y' has {new}."
                )
            codes = np.searchsorted(classes, labels)
        return Classes(self.class_weight, classes), codes.astype(np.float64)[:, None]

    def truth_of_steps(self, y: Any, batch: SequenceBatch, name: str) -> tuple[Array, Flags]:
        return read_labels_of_steps(y, batch, name)[:2]

    def answer(self, method: str, outputs: Doubles, context: Context) -> Array:
        if method == "decision_function":
            return outputs
        probabilities = np.asarray(self.objective(()).decode(outputs), np.float64)
        return probabilities if method == "predict_proba" else self._decide(probabilities)

    @abstractmethod
    def _decide(self, probabilities: Doubles) -> Array:
        """Classes (n,), or indicators (n, n_labels), from probabilities."""

    def score(self, y: Any, answers: Any, batch: SequenceBatch | None, sample_weight: Any, name: str) -> float:
        labels, _ = check_labels(y, len(answers), name)
        weights = None if sample_weight is None else check_weights(sample_weight, len(answers))
        return float(accuracy_score(labels, answers, sample_weight=weights))

    def score_answers(self, truth: Array, answers: Array, sample_weight: Doubles | None) -> float:
        """The part of the rows that are right; with several labels, all of them have to be."""
        right = np.asarray(answers == truth)
        return float(np.average(right.all(axis=1) if right.ndim == 2 else right, weights=sample_weight))

    @classmethod
    def from_plain(cls, values: dict[str, Any]) -> _Labelled:
        classes = values["classes"]
        require(
            type(classes) in (np.ndarray, np.memmap) and classes.ndim == 1, "classes_ has not one entry for each output"
        )
        texts = classes.dtype.kind != "O" or all(type(label) is str for label in classes)
        require(texts and classes.dtype.kind in "biufUOMm", "classes_ are neither numbers, strings nor times")
        require(bool((classes[1:] > classes[:-1]).all()), "classes_ are not sorted")
        return cls(None, classes)

    def check_state(self, spec: NetworkSpec, scaling: TargetScaling | None, n_targets: int) -> None:
        good = scaling is None and spec.readout == "last"
        require(good, "it is not that of a classification")
        require(self.n_classes == spec.output_size, "classes_ has not one entry for each output")


@dataclass(frozen=True, eq=False)
class Classes(_Labelled):
    """One class per row; targets are class numbers (n, 1)."""

    @property
    def form(self) -> str:
        return "multiclass"

    def objective(self, vocabulary: tuple[int, ...]) -> Objective:
        return CrossEntropy(self.n_classes)

    def linear_targets(self, targets: Singles) -> Doubles:
        """1 for the class of a row and -1 for the others."""
        return np.where(targets == np.arange(self.n_classes), 1.0, -1.0)

    def factors(self, values: Doubles, weights: Doubles) -> Doubles | None:
        if self.class_weight is None:
            return None
        codes = values[:, 0].astype(np.intp)
        if isinstance(self.class_weight, Mapping):
            _check_factors(self.class_weight)
            assert self.classes is not None
            labels = self.classes[codes]
            return np.asarray(compute_class_weight(self.class_weight, classes=self.classes, y=labels)[codes])
        return _balanced(codes, weights)

    def answer(self, method: str, outputs: Doubles, context: Context) -> Array:
        if method == "decision_function" and outputs.shape[1] == 2:
            return np.asarray(outputs[:, 1] - outputs[:, 0])
        return super().answer(method, outputs, context)

    def _decide(self, probabilities: Doubles) -> Array:
        assert self.classes is not None
        return np.asarray(self.classes[probabilities.argmax(axis=1)])


@dataclass(frozen=True, eq=False)
class Labels(_Labelled):
    """Any number of several labels per row; targets are indicators (n, n_labels)."""

    @property
    def form(self) -> str:
        return "multilabel"

    def objective(self, vocabulary: tuple[int, ...]) -> Objective:
        return MultilabelCrossEntropy()

    def linear_targets(self, targets: Singles) -> Doubles:
        return 2.0 * targets.astype(np.float64) - 1.0

    def factors(self, values: Doubles, weights: Doubles) -> Doubles | None:
        """The factors of the labels multiply, as in scikit-learn."""
        if self.class_weight is None:
            return None
        if isinstance(self.class_weight, Mapping):
            raise ValueError("A dict of class_weight is not for several labels per sequence; use sample_weight.")
        factors = np.ones(len(values))
        for column in values.T.astype(np.intp):
            factors *= _balanced(column, weights)
        return factors

    def _decide(self, probabilities: Doubles) -> Array:
        return (probabilities > 0.5).astype(np.int64)


def _of_plain_texts(classes: Array) -> Array:
    """The texts among objects as what a stored state holds: str, not NumPy's or another class of them."""
    if classes.dtype != object:
        return classes
    return np.array([str(label) if isinstance(label, str) else label for label in classes], dtype=object)


def _balanced(codes: Array, weights: Doubles) -> Doubles:
    """Factors inversely proportional to the weighted frequency of each class."""
    present, places = np.unique(codes, return_inverse=True)
    return np.asarray(compute_class_weight("balanced", classes=present, y=codes, sample_weight=weights)[places])


def _check_factors(class_weight: Mapping[Any, float]) -> None:
    for label, weight in class_weight.items():
        if not isinstance(weight, Real) or not 0 <= weight < _LARGEST:
            raise ValueError(
                f"class_weight[{label!r}] is {weight!r}; weights of classes are numbers from 0 to 1e38. Give it one."
            )

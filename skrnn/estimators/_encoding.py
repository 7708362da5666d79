"""Classes as numbers and back, for the classifier and the transformer."""

from __future__ import annotations

from numbers import Real
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.utils.class_weight import compute_class_weight

from skrnn.estimators._validation import check_labels

__all__ = ["class_factors", "encode_labels", "label_numbers", "number_classes"]


def encode_labels(
    estimator: Any, y: Any, n_samples: int, classes: NDArray[Any] | None = None
) -> tuple[NDArray[np.float64], NDArray[Any], bool]:
    """Class numbers (n_samples, 1) or label indicators (n_samples, n_labels), the classes, and whether multilabel."""
    y, multilabel = check_labels(estimator, y, n_samples)
    if multilabel:
        return y.astype(np.float64), label_numbers(estimator, y.shape[1], classes), True
    codes, classes = number_classes(estimator, y, classes)
    return codes[:, None], classes, False


def number_classes(
    estimator: Any, labels: NDArray[Any], classes: NDArray[Any] | None
) -> tuple[NDArray[np.float64], NDArray[Any]]:
    """The number of the class of each label (n,), and the classes: those given, or those found."""
    found, codes = np.unique(labels, return_inverse=True)
    if len(found if classes is None else classes) < 2:
        what = f"only one class: {found[0]}" if len(found) else "no label"
        raise ValueError(
            f"{type(estimator).__name__} needs samples of at least 2 classes in the data, but the data contains {what}"
        )
    if classes is None:
        return codes.astype(np.float64), found
    new = np.setdiff1d(found, classes)
    if len(new):
        raise ValueError(f"`y` has classes not in `self.classes_`. `self.classes_` has {classes}. 'y' has {new}.")
    return np.searchsorted(classes, labels).astype(np.float64), classes


def label_numbers(estimator: Any, n_labels: int, classes: NDArray[Any] | None) -> NDArray[Any]:
    """The classes of an indicator with so many labels: their numbers, as many as in the first fit."""
    if classes is not None and len(classes) != n_labels:
        raise ValueError(f"y has {n_labels} labels; {type(estimator).__name__} was fitted with {len(classes)}.")
    return np.arange(n_labels)


def class_factors(estimator: Any, targets: Any, weights: NDArray[np.float64]) -> NDArray[np.float64] | None:
    """What ``class_weight`` makes of each row of targets (n, 1), or (n, n_labels); None: nothing."""
    if estimator.class_weight is None:
        return None
    multilabel = estimator._target_form.startswith("multilabel")
    if isinstance(estimator.class_weight, dict):
        return _factors_by_dict(estimator, targets, multilabel)
    factors = np.ones(len(targets))
    for column in targets.T.astype(np.intp):  # several labels: their factors multiply, as in scikit-learn
        present, codes = np.unique(column, return_inverse=True)
        factors *= compute_class_weight("balanced", classes=present, y=column, sample_weight=weights)[codes]
    return factors


def _factors_by_dict(estimator: Any, targets: NDArray[np.float64], multilabel: bool) -> NDArray[np.float64]:
    if multilabel:
        raise ValueError("A dict of class_weight is not for several labels per sequence; use sample_weight.")
    for label, weight in estimator.class_weight.items():
        if not isinstance(weight, Real) or not 0 <= weight < np.finfo(np.float32).max:
            raise ValueError(
                f"class_weight[{label!r}] is {weight!r}; weights of classes are finite numbers, not negative."
            )
    codes, classes = targets[:, 0].astype(np.intp), estimator.classes_
    return compute_class_weight(estimator.class_weight, classes=classes, y=classes[codes])[codes]

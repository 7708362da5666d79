"""Classes as numbers and back, for the classifier and the transformer."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from skrnn.estimators._validation import check_labels

__all__ = ["encode_labels"]


def encode_labels(
    estimator: Any, y: Any, n_samples: int, classes: NDArray[Any] | None = None
) -> tuple[NDArray[np.float64], NDArray[Any], bool]:
    """Class numbers (n_samples, 1) or label indicators (n_samples, n_labels), the classes, and whether multilabel."""
    y, multilabel = check_labels(estimator, y, n_samples)
    if multilabel:
        found = np.arange(y.shape[1])
        if classes is not None and len(classes) != len(found):
            raise ValueError(f"y has {len(found)} labels; {type(estimator).__name__} was fitted with {len(classes)}.")
        return y.astype(np.float64), found, True
    found, codes = np.unique(y, return_inverse=True)
    if len(found if classes is None else classes) < 2:
        raise ValueError(
            f"{type(estimator).__name__} needs samples of at least 2 classes in the data, but the data contains "
            f"only one class: {found[0]}"
        )
    if classes is None:
        return codes.astype(np.float64)[:, None], found, False
    new = np.setdiff1d(found, classes)
    if len(new):
        raise ValueError(f"`y` has classes not in `self.classes_`. `self.classes_` has {classes}. 'y' has {new}.")
    return np.searchsorted(classes, y).astype(np.float64)[:, None], classes, False

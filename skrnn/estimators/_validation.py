"""X, y and sample weights, checked in scikit-learn's words."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.utils import assert_all_finite, check_array, check_consistent_length, column_or_1d
from sklearn.utils.multiclass import check_classification_targets, type_of_target
from sklearn.utils.validation import _check_sample_weight

from skrnn.sequences import SequenceBatch, check_estimator_X

__all__ = ["check_X", "check_labels", "check_numbers", "check_weights", "require_y"]

Doubles = NDArray[np.float64]


def check_X(estimator: Any, X: Any, *, reset: bool) -> SequenceBatch:
    """Validate X; with ``reset`` remember its features, else compare with those of ``fit``."""
    batch = check_estimator_X(estimator, X, reset=reset)
    if reset:
        _refuse_features_without_values(batch, estimator)
    return batch


def _refuse_features_without_values(batch: SequenceBatch, estimator: Any) -> None:
    known = ~np.isnan(batch.steps[batch.coverage() > 0]).all(axis=0)
    if not known.all():
        feature = int(np.argmin(known))
        names = getattr(estimator, "feature_names_in_", ())
        label = repr(str(names[feature])) if len(names) == batch.n_features else str(feature)
        raise ValueError(
            f"Input X contains NaN: feature {label} has no value in any time step. Drop it, or give it some values."
        )


def require_y(estimator: Any, y: Any) -> None:
    if y is None:
        raise ValueError(f"{type(estimator).__name__} requires y to be passed, but the target y is None.")


def check_numbers(estimator: Any, y: Any, n_samples: int) -> tuple[Doubles, bool]:
    """Regression targets as (n_samples, k), and whether they were one-dimensional."""
    require_y(estimator, y)
    y = y.detach().cpu().numpy() if hasattr(y, "detach") else y
    try:
        y = check_array(y, dtype=np.float64, ensure_2d=False, input_name="y", estimator=estimator)
    except ValueError as error:
        if "could not convert" not in str(error):
            raise
        raise ValueError(
            f"y holds text ({str(error).partition(':')[2].strip()}). {type(estimator).__name__} needs numbers."
        ) from None
    if y.ndim == 2 and y.shape[1] == 1:
        y = column_or_1d(y, warn=True)
    if y.ndim > 2:
        raise ValueError(f"y has shape {y.shape}; one target, or one row of targets, per sequence is expected.")
    _same_length(n_samples, y)
    return (y[:, None], True) if y.ndim == 1 else (y, False)


def check_labels(estimator: Any, y: Any, n_samples: int) -> tuple[NDArray[Any], bool]:
    """Class labels (n_samples,), or label indicators (n_samples, n_labels) and True."""
    require_y(estimator, y)
    y = y.detach().cpu().numpy() if hasattr(y, "detach") else y
    if type_of_target(y, input_name="y").startswith("multilabel"):
        y = check_array(y, accept_sparse=False, input_name="y", estimator=estimator)
        _same_length(n_samples, y)
        return y, True
    y = column_or_1d(y, warn=True)
    assert_all_finite(y, input_name="y", estimator_name=type(estimator).__name__)
    check_classification_targets(y)
    _same_length(n_samples, y)
    return y, False


def check_weights(sample_weight: Any, n_samples: int) -> Doubles:
    """Non-negative finite weights (n_samples,); None is 1 for every row."""
    rows = np.empty((n_samples, 1), dtype=np.float64)
    checked = _check_sample_weight(sample_weight, rows, dtype=np.float64, ensure_non_negative=True)
    return np.asarray(checked, dtype=np.float64)


def _same_length(n_samples: int, y: NDArray[Any]) -> None:
    check_consistent_length(np.empty(n_samples), y)

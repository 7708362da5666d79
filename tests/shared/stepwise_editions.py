"""The estimators with every 2-D table made into 3-D sequences, for scikit-learn's checks on 3-D data.

A table (n_samples, n_columns) becomes sequences of two steps with n_columns features: the row halved, then the row.
What is not a usable table (sparse, one-dimensional, complex, empty, data frames with names to be checked) goes in as it
is, so that the checks of bad input still see the estimator's own answer.
"""

from __future__ import annotations

import inspect

import numpy as np

from skrnn import RNNClassifier, RNNOutlierDetector, RNNRegressor, RNNSequenceTransformer

__all__ = ["EDITIONS", "RNNClassifierMixed", "RNNRegressorMixed", "to_sequences"]


def to_sequences(X):
    """(n_samples, 2, n_columns) for a numeric table; anything else unchanged."""
    if hasattr(X, "tocsr"):
        return X
    if hasattr(X, "columns"):
        if all(isinstance(column, str) for column in X.columns):
            return X
        X = X.to_numpy()
    try:
        table = np.asarray(X, dtype=object if isinstance(X, np.ndarray) and X.dtype == object else None)
    except (TypeError, ValueError):
        return X
    if table.ndim != 2 or table.size == 0:
        return X
    if table.dtype == object:
        half = table.copy()
    elif table.dtype.kind in "fiub":
        half = (table / 2).astype(table.dtype)
    else:
        half = table
    return np.stack([half, table], axis=1)


def with_categories(X):
    """The same, where the first feature is rounded down to categories; all columns of a frame with names."""
    sequences = to_sequences(X)
    try:
        if hasattr(sequences, "columns"):
            return np.floor(sequences)
        if not isinstance(sequences, np.ndarray) or sequences.ndim != 3 or sequences.dtype.kind not in "fiubO":
            return sequences
        codes = np.floor(sequences[:, :, 0].astype(float))
    except (TypeError, ValueError):
        return sequences
    sequences[:, :, 0] = codes
    return sequences


def _edition(Estimator, methods, name="3D", given=to_sequences):
    """A subclass whose methods see sequences."""

    def wrap(name):
        original = getattr(Estimator, name)

        def method(self, X, *args, **kwargs):
            return original(self, given(X), *args, **kwargs)

        method.__name__ = name
        method.__signature__ = inspect.signature(original)
        return method

    namespace = {"__module__": __name__, **{method: wrap(method) for method in methods}}
    return type(f"{Estimator.__name__}{name}", (Estimator,), namespace)


OF_REGRESSOR = ["fit", "partial_fit", "predict"]
OF_CLASSIFIER = ["fit", "partial_fit", "predict", "predict_proba", "decision_function"]
RNNRegressor3D = _edition(RNNRegressor, OF_REGRESSOR)
RNNClassifier3D = _edition(RNNClassifier, OF_CLASSIFIER)
RNNSequenceTransformer3D = _edition(RNNSequenceTransformer, ["fit", "transform"])
RNNOutlierDetector3D = _edition(RNNOutlierDetector, ["fit", "predict", "decision_function", "score_samples"])
EDITIONS = [RNNRegressor3D, RNNClassifier3D, RNNSequenceTransformer3D, RNNOutlierDetector3D]
RNNRegressorMixed = _edition(RNNRegressor, OF_REGRESSOR, "Mixed", with_categories)
RNNClassifierMixed = _edition(RNNClassifier, OF_CLASSIFIER, "Mixed", with_categories)

"""The estimators with every 2-D table made into 3-D sequences, for scikit-learn's checks on 3-D data.

A table (n_samples, n_columns) becomes sequences of two steps with n_columns features: the row halved, then the row.
What is not a usable table (sparse, one-dimensional, complex, empty, data frames with names to be checked) goes in as it
is, so that the checks of bad input still see the estimator's own answer.
"""

from __future__ import annotations

import inspect

import numpy as np

from skrnn import RNNClassifier, RNNOutlierDetector, RNNRegressor, RNNSequenceTransformer

__all__ = ["EDITIONS", "to_sequences"]


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


def _edition(Estimator, methods):
    """A subclass whose methods see sequences."""

    def wrap(name):
        original = getattr(Estimator, name)

        def method(self, X, *args, **kwargs):
            return original(self, to_sequences(X), *args, **kwargs)

        method.__name__ = name
        method.__signature__ = inspect.signature(original)
        return method

    namespace = {"__module__": __name__, **{name: wrap(name) for name in methods}}
    return type(f"{Estimator.__name__}3D", (Estimator,), namespace)


RNNRegressor3D = _edition(RNNRegressor, ["fit", "partial_fit", "predict"])
RNNClassifier3D = _edition(RNNClassifier, ["fit", "partial_fit", "predict", "predict_proba", "decision_function"])
RNNSequenceTransformer3D = _edition(RNNSequenceTransformer, ["fit", "transform"])
RNNOutlierDetector3D = _edition(RNNOutlierDetector, ["fit", "predict", "decision_function", "score_samples"])
EDITIONS = [RNNRegressor3D, RNNClassifier3D, RNNSequenceTransformer3D, RNNOutlierDetector3D]

"""The one door for X, as an estimator uses it: X is validated and its features are remembered or compared."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn import get_config
from sklearn.utils.validation import _get_feature_names, validate_data

from skrnn.sequences._batch import SequenceBatch
from skrnn.sequences._categories import check_categories, open_categories
from skrnn.sequences._check import check_sequences
from skrnn.sequences._container import open_container

__all__ = ["check_estimator_X", "refuse_frame"]

_AXES = "Axes are (n_samples, n_timesteps, n_features)."


def check_estimator_X(
    estimator: Any, X: Any, *, reset: bool, dtype: type[np.floating[Any]] = np.float32
) -> SequenceBatch:
    """Validate X; with ``reset`` remember its features, else compare with those of ``fit``.

    ``n_features_in_`` counts the columns of a flat 2-D X, and the features of a time step of any other X.
    """
    name = type(estimator).__name__
    embeds = getattr(estimator, "embedding_dim", None) is not None
    nested = isinstance(X, (list, tuple)) or str(getattr(X, "dtype", "")) == "object"
    if nested and not reset and estimator._input_kind == "steps" and _holds_lists_of_numbers(X):
        X = [np.asarray(row) for row in X]  # sequences that happen to have one length
    if embeds and nested and not reset and estimator._input_kind == "flat":
        X = np.asarray(X, dtype=object)  # rows of a table
    characters = getattr(estimator, "_reads_characters", False)
    X = open_categories(X, name, characters=characters) if embeds else open_container(X, name)
    flat = not isinstance(X, list) and len(X.shape) == 2
    kind = "flat" if flat else "steps"
    if not reset and kind != estimator._input_kind:
        forms = ["a 2D table", "3D arrays or lists of sequences"]
        got, fitted = forms if flat else forms[::-1]
        hint = "X[:, :, np.newaxis]" if flat else "X.reshape(len(X), -1)"
        raise ValueError(f"{name} was fitted on {fitted}, got {got}. {_AXES} Convert X first, for example with {hint}.")
    if flat:
        _check_columns(estimator, X, reset)
        names = getattr(estimator, "feature_names_in_", None)
    else:
        names = _names_of_steps(X) if reset else getattr(estimator, "feature_names_in_", None)
        _check_names_of_steps(X, names)
    width = estimator.features_per_step
    if embeds:
        known = None if reset else estimator.categories_
        batch, found = check_categories(X, known, features_per_step=width, name=name)
        if reset:
            estimator.categories_ = found
    else:
        batch = check_sequences(X, features_per_step=width, name=name, feature_names=names, dtype=dtype)
    if not flat:
        _check_step_features(estimator, batch.n_features, names, reset)
    if reset:
        estimator._input_kind = kind
    return batch


def _holds_lists_of_numbers(X: Any) -> bool:
    return len(X) > 0 and all(isinstance(row, (list, tuple)) and len(row) and np.isscalar(row[0]) for row in X)


def _check_columns(estimator: Any, X: Any, reset: bool) -> None:
    """Names and number of the columns of a flat X."""
    if X.shape[0] == 0 or X.shape[1] == 0:
        what = "feature" if X.shape[0] else "sample"
        raise ValueError(
            f"Found array with 0 {what}(s) (shape={tuple(X.shape)}) while a minimum of 1 is required by "
            f"{type(estimator).__name__}."
        )
    validate_data(estimator, X, reset=reset, skip_check_array=True)


def _names_of_steps(X: Any) -> NDArray[Any] | None:
    """Column names of a list of data frames."""
    return _get_feature_names(X[0]) if isinstance(X, list) else None


def _check_names_of_steps(X: Any, names: Any) -> None:
    """Column names of all frames of a list."""
    if not isinstance(X, list) or names is None:
        return
    for i, item in enumerate(X):
        found = _get_feature_names(item)
        if found is not None and list(found) != list(names):
            raise ValueError(
                "The feature names should match those that were passed during fit. "
                f"Sequence {i} has {list(found)}, expected {list(names)} in this order."
            )


def _check_step_features(estimator: Any, n_features: int, names: Any, reset: bool) -> None:
    """Number of the features of a time step."""
    if reset:
        estimator.n_features_in_ = n_features
        vars(estimator).pop("feature_names_in_", None)
        if names is not None:
            estimator.feature_names_in_ = names
    elif n_features != estimator.n_features_in_:
        name = type(estimator).__name__
        raise ValueError(
            f"X has {n_features} features, but {name} is expecting {estimator.n_features_in_} features as input: "
            f"got {n_features} features per step; fitted with {estimator.n_features_in_}. {_AXES}"
        )


def refuse_frame(estimator: Any, advice: str, container: str | None = None) -> None:
    """A 3-D output cannot be a data frame; None: the container set for the estimator, or for all."""
    if container is None:
        own = getattr(estimator, "_sklearn_output_config", {})
        container = own.get("transform", get_config()["transform_output"])
    if container != "default":
        raise ValueError(
            f"{type(estimator).__name__} gives a 3D output here, which cannot be a {container} frame. {advice}, or "
            "set_output(transform='default')."
        )

"""The one door for X: everything that users pass becomes a `SequenceBatch` here, or an error that says why not."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import issparse
from sklearn.utils import check_array

from skrnn.sequences._batch import SequenceBatch, steps_under

__all__ = ["check_sequences", "is_ragged", "open_container"]

Dtype = type[np.floating[Any]]


def is_ragged(X: Any) -> bool:
    """Whether X is a list (or object array) of sequences rather than one array."""
    if isinstance(X, np.ndarray):
        return X.dtype == object and X.ndim == 1 and len(X) > 0 and _is_sequence(X[0])
    if isinstance(X, (list, tuple)) and len(X) > 0:
        if any(_is_array(item) for item in X):
            return True
        if all(isinstance(item, (list, tuple)) for item in X):
            try:
                np.asarray(X, dtype=object if _has_text(X) else None)
            except ValueError:  # not all of one shape
                return True
    return False


def open_container(X: Any, name: str) -> Any:
    """X as an array, a data frame or a list of arrays, with the kinds of input refused that are never sequences."""
    if type(X).__module__.startswith("torch.utils.data"):
        raise TypeError(
            f"{name} takes arrays, data frames or lists of sequences, got a {type(X).__name__}. Pass the data "
            "itself, for example np.stack([sample for sample, _ in dataset])."
        )
    if type(X).__module__.startswith("pandas") and type(X).__name__ == "Series" and X.dtype == object:
        X = list(X)
    X = _detached(X)
    if is_ragged(X):
        return [_detached(item) for item in X]
    if isinstance(X, (list, tuple)) and any(type(item).__module__.startswith("torch") for item in X):
        raise TypeError(f"{name} takes a list of sequences, each an array with one or two dimensions.")
    if issparse(X):
        check_array(X, input_name="X", estimator=name)  # raises scikit-learn's own TypeError
    if not hasattr(X, "ndim"):
        X = np.asarray(X, dtype=object if isinstance(X, (list, tuple)) and _has_text(X) else None)
    ndim = X.ndim
    if ndim not in (2, 3):
        raise ValueError(
            f"Expected 2D or 3D array, got {ndim}D array instead. Axes are (n_samples, n_timesteps, n_features). "
            "Reshape your data: X.reshape(-1, 1) if each row is one sequence of one step, X.reshape(1, -1) if X is "
            "one sequence; a list of arrays holds sequences of different lengths."
        )
    if isinstance(X, np.ma.MaskedArray) and np.ma.is_masked(X):
        raise ValueError(
            f"X has {np.ma.count_masked(X)} masked values. {name} does not read masks: X.filled(np.nan) turns them "
            "into missing values."
        )
    return X


def check_sequences(
    X: Any,
    *,
    features_per_step: int | Literal["all"] = 1,
    name: str,
    feature_names: Any = None,
    dtype: Dtype = np.float32,
) -> SequenceBatch:
    """Validate the values of X.

    Parameters
    ----------
    X : array, data frame or list of arrays, as `open_container` returns it
        (n_samples, n_timesteps, n_features), (n_samples, n_timesteps * features_per_step), or a list of
        (n_timesteps_i, n_features) or (n_timesteps_i,) arrays.
    features_per_step : int or "all", default=1
        How a flat row folds into steps.
    name : str
        The estimator's name, for messages.
    feature_names : sequence of str, default=None
        Names of the columns of X, for messages.
    dtype : float32 or float64, default=float32
        Of the steps.

    Returns
    -------
    SequenceBatch

    Raises
    ------
    ValueError, TypeError
        With what was given, where, what is expected and what to do.
    """
    if isinstance(X, list):
        batch = _from_list(X, name, dtype)
    else:
        array = _numeric(X, name, dtype)
        folded = _fold(array, features_per_step, name) if array.ndim == 2 else array
        batch = _from_array(folded, name, dtype)
    _refuse_infinity(batch, feature_names, folded=not isinstance(X, list) and X.ndim == 2)
    return SequenceBatch.from_spans(batch.steps, batch.starts, batch.spans)


def _from_list(X: list[Any], name: str, dtype: Dtype) -> SequenceBatch:
    """Sequences of different lengths, one after the other in one table."""
    parts = []
    for i, item in enumerate(X):
        if np.ndim(item) not in (1, 2):
            raise ValueError(
                f"Sequence {i} has {np.ndim(item)} dimensions; every sequence needs shape (n_timesteps, n_features) "
                "or (n_timesteps,)."
            )
        if len(item) == 0:
            raise ValueError(f"Sequence {i} has length 0; every sequence needs at least 1 time step.")
        if np.ndim(item) == 1:
            item = np.asarray(item)[:, None]
        part = _numeric(item, name, dtype)
        if parts and part.shape[1] != parts[0].shape[1]:
            raise ValueError(f"Sequence {i} has {part.shape[1]} features, but sequence 0 has {parts[0].shape[1]}.")
        parts.append(part)
    lengths = np.array([len(part) for part in parts], dtype=np.intp)
    with np.errstate(over="ignore"):
        steps = np.concatenate(parts, dtype=dtype, casting="unsafe")
    starts = np.cumsum(lengths) - lengths
    return SequenceBatch(steps, starts, lengths, np.zeros_like(starts), lengths)


def _from_array(array: NDArray[Any], name: str, dtype: Dtype) -> SequenceBatch:
    """Sequences of one length: the steps under the array, without a copy where the layout allows it."""
    n_samples, n_timesteps, n_features = array.shape
    for size, axis in ((n_samples, "sample"), (n_timesteps, "time step"), (n_features, "feature")):
        if size == 0:
            raise ValueError(
                f"Found array with 0 {axis}(s) (shape={array.shape}) while a minimum of 1 is required by {name}."
            )
    view = steps_under(array)
    series, stride = view or (np.ascontiguousarray(array).reshape(-1, n_features), n_timesteps)
    with np.errstate(over="ignore"):  # what is too large for float32 becomes infinite and is refused below
        steps = np.ascontiguousarray(series, dtype=dtype)
    starts = np.arange(n_samples, dtype=np.intp) * stride
    spans = np.full(n_samples, n_timesteps, dtype=np.intp)
    return SequenceBatch(steps, starts, spans, np.zeros_like(starts), spans)


def _fold(array: NDArray[Any], features_per_step: int | Literal["all"], name: str) -> NDArray[Any]:
    """Flat rows (n_samples, T * k) as (n_samples, T, k), as a view of overlapping windows too."""
    n_samples, width = array.shape
    k = width if features_per_step == "all" else features_per_step
    if width % k:
        raise ValueError(
            f"X has {width} columns, which features_per_step={k} does not divide: a row of {name} is whole time "
            "steps, one after the other. (Tools that draw columns at random, such as BaggingRegressor with "
            "max_features < 1, tear the steps apart.)"
        )
    by_row, by_column = array.strides
    return np.lib.stride_tricks.as_strided(
        array, (n_samples, width // k, k), (by_row, k * by_column, by_column), writeable=False
    )


def _numeric(X: Any, name: str, dtype: Dtype) -> NDArray[Any]:
    """A numeric NumPy array with the values of X; 2-D or 3-D; overlapping windows stay a view."""
    _refuse_dates(X, name)
    if isinstance(X, np.ndarray) and X.dtype.kind in "SUV":
        raise ValueError(
            f"X has dtype {X.dtype}. {name} needs numbers: encode text before (OrdinalEncoder, OneHotEncoder)."
        )
    is_number = isinstance(X, np.ndarray) and X.dtype.kind in "fiub" and not np.ma.isMaskedArray(X)
    if is_number and X.dtype.itemsize <= 8 and X.size and X.dtype.isnative:
        return X  # check_array would copy a view of overlapping windows
    try:
        with np.errstate(over="ignore"):
            array: NDArray[Any] = check_array(
                X, dtype=dtype, allow_nd=True, ensure_all_finite=False, input_name="X", estimator=name
            )
    except ValueError as error:
        if "could not convert" not in str(error):
            raise
        value = str(error).partition(":")[2].strip()
        raise ValueError(
            f"X holds text ({value}). {name} needs numbers: encode it before (OrdinalEncoder, OneHotEncoder)."
        ) from None
    return array


def _refuse_dates(X: Any, name: str) -> None:
    dtypes = getattr(X, "dtypes", None)
    if dtypes is None or not hasattr(X, "columns"):
        pairs = [("X", X.dtype)] if isinstance(X, np.ndarray) else []
    else:
        pairs = list(zip((f"Column {column!r}" for column in X.columns), dtypes, strict=True))
    for label, dtype in pairs:
        is_date = getattr(dtype, "kind", "O") in "mM"
        if is_date or str(dtype).lower().startswith(("date", "duration", "time", "period")):
            raise ValueError(f"{label} has dtype {dtype}. {name} needs numbers: make it the index or encode it.")


def _refuse_infinity(batch: SequenceBatch, feature_names: Any, folded: bool) -> None:
    """Infinite values, named by their place."""
    if np.isfinite(batch.steps.sum(dtype=np.float64)) or not np.isinf(batch.steps).any():
        return
    step, feature = (int(index[0]) for index in np.nonzero(np.isinf(batch.steps)))
    sequence = int(np.argmax((batch.starts <= step) & (step < batch.starts + batch.spans)))
    time_step = step - int(batch.starts[sequence])
    column = time_step * batch.n_features + feature if folded else feature
    label = repr(str(feature_names[column])) if feature_names is not None else str(feature)
    raise ValueError(
        f"Input X contains infinity or a value too large for dtype('{batch.steps.dtype}'). "
        f"(first at sequence {sequence}, time step {time_step}, feature {label})"
    )


def _has_text(X: Sequence[Any]) -> bool:
    """Whether nested lists hold strings, which NumPy would turn every number into."""
    return any(isinstance(value, str) for row in X if isinstance(row, (list, tuple)) for value in row)


def _detached(X: Any) -> Any:
    """A CPU tensor as an array; anything else as it is."""
    if type(X).__module__ == "torch" and hasattr(X, "detach"):
        return X.detach().cpu().numpy()
    return X


def _is_array(item: Any) -> bool:
    """Whether an item of a list is a sequence by itself: an array, frame, series or tensor."""
    return getattr(item, "ndim", 0) >= 1


def _is_sequence(item: Any) -> bool:
    return _is_array(item) or isinstance(item, (list, tuple))

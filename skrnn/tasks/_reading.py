"""Numbers, labels and sample weights, checked in scikit-learn's words."""

from __future__ import annotations

from collections.abc import Sequence
from numbers import Integral, Number
from typing import Any

import numpy as np
from scipy.sparse import issparse
from sklearn.exceptions import DataConversionWarning
from sklearn.utils import assert_all_finite, check_array, check_consistent_length, column_or_1d
from sklearn.utils.multiclass import check_classification_targets, type_of_target
from sklearn.utils.validation import _check_sample_weight

from skrnn._types import Array, Doubles
from skrnn._warnings import warn_caller
from skrnn.sequences import as_numbers, decoded, detached

__all__ = [
    "check_labels",
    "check_numbers",
    "check_size",
    "check_weights",
    "is_continuous",
    "require_y",
    "warn_of_many_classes",
]

_SCALARS = {str, int, float, bool, type(None)}
_MAX_OBVIOUS_CLASSES = 30
_LEAST_ROWS_OF_CLASSES = 20  # from which scikit-learn warns of many classes
_LARGEST = float(np.finfo(np.float32).max)


def require_y(y: Any, name: str) -> None:
    if y is None:
        raise ValueError(f"{name} requires y to be passed, but the target y is None.")


def check_numbers(y: Any, n_samples: int, name: str) -> tuple[Doubles, bool]:
    """Regression targets as (n_samples, k), and whether they were one-dimensional; of several, NaN is a missing one."""
    require_y(y, name)
    y = _numeric(y, "y", name)
    several = np.ndim(y) == 2 and np.shape(y)[1] > 1
    finite = "allow-nan" if several else True
    y = check_array(
        y, dtype=np.float64, ensure_2d=False, allow_nd=True, input_name="y", estimator=name, ensure_all_finite=finite
    )
    if several and np.isnan(y).all():
        raise ValueError("Input y contains NaN: no row has a target. Give it some values.")
    if y.ndim > 2:
        raise ValueError(f"y has shape {y.shape}; one target, or one row of targets, per sequence is expected.")
    check_size(y)
    if y.ndim == 2 and y.shape[1] == 1:
        y = _flattened(y)
    _same_length(n_samples, y)
    return (y[:, None], True) if y.ndim == 1 else (y, False)


def _flattened(y: Any) -> Array:
    """A column as one axis, with scikit-learn's warning, at the line of the user's."""
    flat = column_or_1d(y)
    if np.asarray(y).ndim == 2:
        warn_caller(
            "A column-vector y was passed when a 1d array was expected. Please change the shape of y to (n_samples,), "
            "for example using ravel().",
            DataConversionWarning,
        )
    return np.asarray(flat)


def check_size(y: Doubles) -> None:
    """Refuse numbers beyond float32, in which the network is trained."""
    if y.size and np.nanmax(np.abs(y)) > _LARGEST:
        raise ValueError("Input y contains infinity or a value too large for dtype('float32'). Scale y down.")


def is_continuous(y: Any, name: str) -> bool:
    """Whether y holds measurements rather than classes: floats do, whole numbers do not if they are few."""
    y = _plain_dtype(detached(y, name))
    _refuse_unusable_labels(y, name)
    array = np.asarray(y)
    if array.dtype.kind == "f":
        return True
    if type_of_target(y, input_name="y") == "multiclass" and array.dtype.kind in "iu":
        n_values = len(np.unique(array))
        if n_values > _MAX_OBVIOUS_CLASSES:
            raise ValueError(
                f"y has {n_values} different whole numbers, and objective='auto' of {name} cannot tell whether they "
                "are classes. Set objective to 'regression', 'classification', 'forecast' or 'reconstruct'."
            )
    return False


def check_labels(y: Any, n_samples: int, name: str) -> tuple[Array, bool]:
    """Class labels (n_samples,), or label indicators (n_samples, n_labels) and True."""
    require_y(y, name)
    y = _plain_dtype(detached(y, name))
    _refuse_unusable_labels(y, name)
    kind = "lists" if _is_list_of_lists(y) else type_of_target(y, input_name="y")
    if kind in ("lists", "multiclass-multioutput"):
        what = "a list of labels for each sequence" if kind == "lists" else f"several classes for each, {np.shape(y)}"
        raise ValueError(
            f"y holds {what}, and {name} expects one label for each, of shape (n_samples,). For one per time step set "
            "return_sequences=True; for any number of labels give columns of 0 and 1, as MultiLabelBinarizer makes "
            "them; for labels that are not aligned with the steps take loss='ctc' or RNNSeq2Seq."
        )
    if kind.startswith("multilabel"):
        y = check_array(y, accept_sparse=False, input_name="y", estimator=name)
        _refuse_other_indicators(y, name)
        _same_length(n_samples, y)
        return y, True
    if kind == "unknown" and np.ndim(y) <= 2:
        first = next(iter(np.asarray(y, dtype=object).flat))
        raise ValueError(
            f"Unknown label type: unknown. y holds objects of type {type(first).__name__}, and {name} takes integers, "
            "strings, booleans or dates as labels: convert them, such as with astype(str); pd.cut and pd.qcut give "
            "numbers with labels=False."
        )
    y = _flattened(y)
    if kind not in ("binary", "multiclass"):
        check_classification_targets(y)  # refuses the others in scikit-learn's words
    _same_length(n_samples, y)
    return y, False


def _refuse_other_indicators(y: Array, name: str) -> None:
    """Columns of two other values than 0 and 1, which scikit-learn takes for indicators as well."""
    others = y[(y != 0) & (y != 1)]
    if len(others):
        raise ValueError(
            f"y has {y.shape[1]} columns and holds {others[0]}. {name} reads several columns as any number of labels "
            "for each sequence: 1 where one has the label and 0 where not, as MultiLabelBinarizer makes them."
        )


def warn_of_many_classes(n_classes: int, n_samples: int) -> None:
    """scikit-learn's warning of labels that look like measurements, at the line of the user's."""
    if n_samples > _LEAST_ROWS_OF_CLASSES and n_classes > round(0.5 * n_samples):
        warn_caller(
            "The number of unique classes is greater than 50% of the number of samples. `y` could represent a "
            "regression problem, not a classification problem.",
            UserWarning,
        )


def _is_list_of_lists(y: Any) -> bool:
    """Whether y holds lists or arrays that make no table: of other lengths, beside labels, or in an object array."""
    bare = isinstance(y, np.ndarray) and y.dtype == object and y.ndim == 1
    items = y if bare or isinstance(y, (list, tuple)) else ()
    if set(map(type, items)) <= _SCALARS:
        return False
    sizes = {len(item) if isinstance(item, (list, tuple)) or getattr(item, "ndim", 0) > 0 else 0 for item in items}
    return len(sizes) > 1 or (bare and bool(sizes - {0}))


def _plain_dtype(y: Any) -> Any:
    """Integers and booleans of pandas' nullable and pyarrow dtypes under NumPy's dtype, which predictions will have.

    Texts of NumPy's new dtype become objects, which scikit-learn knows; pyarrow's dictionaries what they stand for.
    """
    y = decoded(y)
    if isinstance(y, np.ndarray) and y.dtype.kind == "T":
        return y.astype(object)
    dtype = getattr(getattr(y, "dtype", None), "numpy_dtype", None)
    if isinstance(dtype, np.dtype) and dtype.kind in "iub" and not y.isna().any():
        return y.to_numpy(dtype)
    return _indicators(y) if getattr(y, "ndim", 1) == 2 else y


def _indicators(y: Any) -> Any:
    """Columns of whole numbers and booleans as integers where NumPy holds them as objects, as those of a mixed frame.

    Anything else as it is.
    """
    array = np.asarray(y)
    if array.dtype != object or not all(issubclass(t, (np.bool_, Integral)) for t in set(map(type, array.flat))):
        return y
    try:
        return array.astype(np.int64)
    except OverflowError:  # numbers that no label has
        return y


def _refuse_unusable_labels(y: Any, name: str) -> None:
    """Labels that are missing, infinite, masked or complex."""
    if hasattr(y, "isna"):
        missing = bool(np.any(y.isna()))
    elif isinstance(y, np.ma.MaskedArray) and np.ma.is_masked(y):
        raise ValueError(f"y has {np.ma.getmaskarray(y).sum()} masked labels. {name} needs a label for every sequence.")
    else:
        missing = isinstance(y, (list, tuple)) and any(label is None for label in y)
    try:
        array = np.asarray(y)
    except ValueError:
        return  # rows of different lengths: scikit-learn says what they were
    kind = array.dtype.kind
    if kind == "c":
        raise ValueError(f"Complex data not supported: y has dtype {array.dtype}.")
    if kind == "V":
        raise ValueError(f"y has dtype {array.dtype}, a structured array. {name} needs one label for every sequence.")
    kinds = set(map(type, array.flat)) if kind == "O" else set()
    if kind == "O" and array.ndim:
        missing |= any(one is type(None) or one.__name__ in ("NAType", "NaTType") for one in kinds)
        if any(issubclass(one, float) for one in kinds):
            missing |= any(isinstance(label, float) and label != label for label in array.flat)
    if missing or (kind in "mM" and np.isnat(array).any()):
        raise ValueError(f"Input y contains NaN. {name} needs a label for every sequence.")
    types = sorted({one.__name__ for one in kinds})
    if "str" in types and len(types) > 1:
        raise TypeError(f"y mixes labels of types {', '.join(types)}; {name} needs one type, such as y.astype(str).")
    if kind == "f":
        assert_all_finite(array, input_name="y", estimator_name=name)


def check_weights(sample_weight: Any, n_samples: int) -> Doubles:
    """Non-negative finite weights (n_samples,), the largest in [0.5, 1); None is 1 for every row."""
    if sample_weight is None:
        return np.broadcast_to(np.float64(0.5), n_samples)  # one number in memory
    rows = np.empty((n_samples, 1), dtype=np.float64)
    if isinstance(sample_weight, Number):
        sample_weight = np.full(n_samples, sample_weight)  # scikit-learn looks for NaN only in arrays
    else:
        sample_weight = _numeric(sample_weight, "sample_weight", "fit")
    checked = _check_sample_weight(sample_weight, rows, dtype=np.float64, ensure_non_negative=True)
    _, exponent = np.frexp(checked.max())
    return np.asarray(
        np.ldexp(checked, -exponent)
    )  # exact: only the ratios of weights matter, and their sum stays finite


def _numeric(values: Any, label: str, name: str) -> Any:
    """Values as numbers, None and pd.NA as NaN; what scikit-learn refuses in its own words is left to it."""
    values = detached(values, name)
    if isinstance(values, (str, bytes)):
        raise ValueError(f"{label} is text ({values!r}); one number per sequence is expected.")
    if hasattr(values, "__array__") or isinstance(values, (list, tuple)):
        return as_numbers(values, name, label)
    if not (isinstance(values, (Number, Sequence)) or issparse(values)):
        raise TypeError(
            f"{label} is an object of type {type(values).__name__}; one number per sequence is expected, in an "
            "array, a list or a series."
        )
    return values


def _same_length(n_samples: int, y: Array) -> None:
    check_consistent_length(np.empty(n_samples), y)

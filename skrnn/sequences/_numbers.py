"""Values become numbers, or an error that names the value that is not a number."""

from __future__ import annotations

import datetime
from numbers import Number
from typing import Any

import numpy as np
from scipy.sparse import issparse

from skrnn._types import Array

__all__ = ["ENCODE", "as_numbers", "decoded", "named_columns", "refuse_mask", "refuse_same_names"]


ENCODE = "encode it before (OrdinalEncoder, OneHotEncoder)"

_NOT_REAL = (complex, np.complexfloating, np.timedelta64)  # numbers, though no real ones


def as_numbers(X: Any, name: str, label: str = "X", advice: str = ENCODE) -> Array:
    """The values of X as an array of real numbers; an array of numbers is not copied.

    ``label`` is the name of X in messages, ``advice`` what they say to do with texts. None and ``pd.NA`` become NaN.
    """
    if type(X) is np.ndarray and X.dtype.kind in "fiub":
        return X  # nothing else holds of it: lists have a million of them
    if type(X) in (list, tuple) and set(map(type, X)) <= {float, int, bool}:
        array = np.asarray(X)
        if array.dtype.kind in "fiub":  # not an integer beyond 64 bits
            return array
    refuse_same_names(X, name, label)
    columns = named_columns(X)
    if any(map(_is_date, {dtype for _, dtype in columns})):
        for column, dtype in columns:
            _refuse_date(f"Column {column!r} of {label}" if label != "X" else f"Column {column!r}", dtype, name)
    if issparse(X):
        raise TypeError(f"{label} is sparse, but {name} needs dense data. Use .toarray().")
    refuse_mask(X, name, label)
    frame = _frame_of_numbers(X, columns)
    if frame is not None:
        return frame
    try:
        array = np.asarray(decoded(X))
    except ValueError:
        raise ValueError(
            f"{label} is a list of rows of different lengths; one row per sequence, all of one length, is needed by "
            f"{name}."
        ) from None
    _refuse_date(label, array.dtype, name)
    kind = array.dtype.kind
    if kind == "c":
        raise ValueError(
            f"Complex data not supported: {label} has dtype {array.dtype}. {name} needs real numbers, such as its "
            ".real and .imag side by side, or np.abs of it."
        )
    if kind == "V":
        raise ValueError(
            f"{label} has dtype {array.dtype}, a structured array. {name} needs a plain array of numbers: "
            "numpy.lib.recfunctions.structured_to_unstructured makes one."
        )
    if kind in "fiub":
        return array
    if kind == "O" and (found := _plain_objects(array)) is not None:
        return found
    numbers = np.empty(array.shape)
    for index, value in np.ndenumerate(array):
        numbers[index] = _number(value, name, label, index, [column for column, _ in columns], advice)
    return numbers


def _frame_of_numbers(X: Any, columns: list[tuple[Any, Any]]) -> Array | None:
    """The values of a frame of pandas whose columns of numbers have no dtype of NumPy in common; NumPy would make an
    object of each value. None: some column holds something else, or NumPy has the dtype.
    """
    if not columns or not hasattr(X, "iloc"):
        return None
    dtypes = {dtype for _, dtype in columns}
    kinds = {getattr(dtype, "kind", "O") for dtype in dtypes}
    plain = all(isinstance(dtype, np.dtype) for dtype in dtypes)
    if not kinds <= set("fiub") or (plain and (len(dtypes) == 1 or "b" not in kinds)):
        return None
    numpy_dtypes = [getattr(dtype, "numpy_dtype", dtype) for dtype in dtypes]
    if not all(isinstance(dtype, np.dtype) and dtype.kind in "fiub" for dtype in numpy_dtypes):
        return None
    exact = np.result_type(np.float32, *numpy_dtypes) == np.float32
    return np.asarray(X.to_numpy(dtype=np.float32 if exact else np.float64, na_value=np.nan))


def _plain_objects(array: Array) -> Array | None:
    """Objects that are real numbers, None or pd.NA as numbers; None: some are not, or are too large for a float."""
    values = array.ravel().tolist()
    kinds = set(map(type, values))
    nothing = {kind for kind in kinds if kind is type(None) or kind.__name__ == "NAType"}
    if not all(issubclass(kind, Number) and not issubclass(kind, _NOT_REAL) for kind in kinds - nothing):
        return None
    if nothing:
        values = [np.nan if type(value) in nothing else value for value in values]
    try:
        return np.fromiter(values, np.float64, len(values)).reshape(array.shape)
    except (ArithmeticError, TypeError, ValueError):
        return None


def refuse_mask(X: Any, name: str, label: str = "X") -> None:
    """Refuse masked values, or a list with some in it: NumPy would hand out what lies below the mask."""
    masked = X if isinstance(X, (list, tuple)) else [X]
    if not any(issubclass(kind, np.ma.MaskedArray) for kind in set(map(type, masked))):
        return
    for values in masked:
        if isinstance(values, np.ma.MaskedArray) and np.ma.is_masked(values):
            raise ValueError(
                f"{label} has {int(np.ma.getmaskarray(values).sum())} masked values. {name} does not read masks: "
                f"{label if label.isidentifier() else 'sequence'}.filled(np.nan) turns them into missing values."
            )


def refuse_same_names(X: Any, name: str, label: str = "X") -> None:
    """Refuse a frame in which two columns have one name: nothing says which is which."""
    columns = _names(X)
    if len(set(columns)) < len(columns):
        twice = next(column for column in columns if columns.count(column) > 1)
        raise ValueError(
            f"{label} has several columns named {twice!r}. {name} needs different names: rename or drop them."
        )


def _number(
    value: Any, name: str, label: str, index: tuple[int, ...], columns: list[Any], advice: str = ENCODE
) -> float:
    """One object as a float."""
    if value is None or type(value).__name__ == "NAType":
        return np.nan
    place = f"row {index[0]}, column {columns[index[1]]!r}" if columns else f"index {', '.join(map(str, index)) or 0}"
    if isinstance(value, (str, bytes)):
        text = value.item() if isinstance(value, np.generic) else value
        raise ValueError(
            f"{label} holds text ({text!r} at {place}). {name} needs numbers: {advice}, or convert digits "
            "with astype(float)."
        )
    if isinstance(value, (datetime.date, datetime.time, datetime.timedelta, np.datetime64, np.timedelta64)):
        raise ValueError(
            f"{label} holds an object of type {type(value).__name__} ({value} at {place}). {name} needs "
            "numbers: make it the index or encode it."
        )
    if isinstance(value, (complex, np.complexfloating)):
        raise ValueError(f"Complex data not supported: {label} holds {value} at {place}. {name} needs real numbers.")
    if np.ndim(value) > 0 if hasattr(value, "__array__") else isinstance(value, (list, tuple)):
        advice = (
            f"If each row of this column is a sequence, pass the column: {label}[{columns[index[1]]!r}]."
            if columns and label == "X"
            else "Sequences with several features are arrays of shape (n_timesteps, n_features)."
        )
        raise ValueError(
            f"{label} holds an object of type {type(value).__name__} at {place}, where one number is expected. {advice}"
        )
    try:
        return float(value)
    except OverflowError:
        return np.inf
    except (TypeError, ValueError):
        raise TypeError(
            f"{label} holds an object of type {type(value).__name__} at {place}. {name} needs numbers: "
            "float()'s argument must be a string or a real number."
        ) from None


def named_columns(X: Any) -> list[tuple[Any, Any]]:
    """Names and dtypes of the columns of a pandas, polars or pyarrow frame."""
    names = _names(X)
    if not names:
        return []
    return list(zip(names, X.dtypes if hasattr(X, "dtypes") else X.schema.types, strict=True))


def _names(X: Any) -> list[Any]:
    """Names of the columns of a frame; none of anything else."""
    asked = type(X) if type(X).__module__.startswith("pandas") else X  # an object of pandas takes long to say no
    if hasattr(asked, "shape") and hasattr(asked, "columns") and hasattr(asked, "dtypes"):  # a lazy frame has no shape
        return list(X.columns)
    return list(X.column_names) if hasattr(asked, "column_names") and hasattr(asked, "schema") else []


def decoded(X: Any) -> Any:
    """A table or column of pyarrow with dictionaries as one of plain values: NumPy would get the last value of the
    dictionary in the place of a missing one. Anything else as it is.
    """
    if not type(X).__module__.startswith("pyarrow"):
        return X
    if hasattr(X, "schema"):
        schema = X.schema
        for i, field in enumerate(X.schema):
            if _is_dictionary(field.type):
                schema = schema.set(i, field.with_type(field.type.value_type))
        return X.cast(schema)
    return X.cast(X.type.value_type) if _is_dictionary(getattr(X, "type", "")) else X


def _is_dictionary(kind: Any) -> bool:
    """Of a type of pyarrow."""
    return str(kind).startswith("dictionary")


def _refuse_date(label: str, dtype: Any, name: str) -> None:
    if _is_date(dtype):
        raise ValueError(f"{label} has dtype {dtype}. {name} needs numbers: make it the index or encode it.")


def _is_date(dtype: Any) -> bool:
    kind = getattr(dtype, "kind", "O")
    named = kind not in "fiub" and str(dtype).lower().startswith(("date", "duration", "time", "period"))
    return kind in "mM" or named

"""The container of X: an array, a data frame, a tensor or a list of sequences; anything else is refused."""

from __future__ import annotations

from functools import lru_cache
from itertools import chain
from typing import Any

import numpy as np
from scipy.sparse import issparse
from sklearn.utils import check_array

from skrnn.sequences._numbers import refuse_mask, refuse_same_names

__all__ = ["column_as_list", "detached", "is_ragged", "open_container"]

_LISTS = {list, tuple}
_SCALARS = {int, float, bool, str, type(None)}
_OF_LISTS = ("list", "large_list", "fixed_size_list", "array(")  # names of the dtypes of such columns


def is_ragged(X: Any) -> bool:
    """Whether X is a list (or object array, or pandas Series) of sequences rather than one array."""
    X = column_as_list(X)
    if isinstance(X, np.ndarray):
        return X.dtype == object and X.ndim == 1 and len(X) > 0 and _is_sequence(X[0])
    if isinstance(X, (list, tuple)) and len(X) > 0:
        kinds = set(map(type, X))
        if kinds == {np.ndarray}:
            return any(item.ndim > 0 for item in X)
        if not kinds <= _LISTS and any(_is_array(item) for item in X):
            return True
        if all(issubclass(kind, (list, tuple)) for kind in kinds):
            alike = _are_alike(X)
            if alike is not None:
                return not alike
            try:
                np.asarray(X)
            except ValueError:  # not all of one shape
                return True
    return False


def open_container(X: Any, name: str) -> Any:
    """X as an array, a data frame or a list of sequences; anything that cannot hold sequences is refused."""
    if any(base.__module__.startswith("torch.utils.data") for base in type(X).__mro__):
        raise TypeError(
            f"{name} takes arrays, data frames or lists of sequences, got a {type(X).__name__}. Pass the data "
            "itself, for example np.stack([sample for sample, _ in dataset])."
        )
    X = detached(column_as_list(X), name)
    if is_ragged(X):
        if set(map(type, X)) <= {np.ndarray, *_LISTS}:
            return X if isinstance(X, list) else list(X)
        for number, item in enumerate(X):
            if type(item) is not np.ndarray:
                refuse_same_names(item, name, f"Sequence {number}")
        return [detached(item, name) for item in X]
    refuse_same_names(X, name)
    if issparse(X):
        check_array(X, input_name="X", estimator=name)  # raises scikit-learn's own TypeError
    if not isinstance(getattr(X, "shape", None), tuple):
        X = _as_array(X, name)
    n_axes = len(X.shape)
    if n_axes not in (2, 3):
        advice = (
            "X.reshape(*X.shape[:2], -1) if X holds an array for each time step, such as the frames of videos."
            if n_axes > 3
            else "X.reshape(-1, 1) if each row is one sequence of one step, X.reshape(1, -1) if X is one sequence; a "
            "list of arrays holds sequences of different lengths."
        )
        raise ValueError(
            f"Expected 2D or 3D array, got {n_axes}D array instead (shape={tuple(X.shape)}). Axes are (n_samples, "
            f"n_timesteps, n_features). Reshape your data: {advice}"
        )
    return X


def detached(X: Any, name: str) -> Any:
    """A torch tensor as an array; anything else as it is."""
    kind: Any = type(X)
    if kind is np.ndarray or not _is_tensor(kind):
        return X
    try:
        tensor = X.detach().cpu().resolve_neg()  # the imaginary part of a conjugate
        if tensor.is_floating_point() and tensor.element_size() < 4:
            tensor = tensor.float()  # bfloat16 and smaller, which NumPy does not have
        return tensor.numpy()
    except (TypeError, RuntimeError, NotImplementedError):
        raise TypeError(
            f"{name} takes dense tensors with values, got one of layout {X.layout} and dtype {X.dtype} on device "
            f"{X.device}. Convert it to a NumPy array first."
        ) from None


@lru_cache
def _is_tensor(kind: Any) -> bool:
    """Whether a type is that of torch's tensors."""
    return any(base.__module__ == "torch" and base.__name__ == "Tensor" for base in kind.__mro__)


def column_as_list(X: Any) -> Any:
    """A column of sequences as a list: a Series of objects, or a column of lists of pyarrow or polars, as Parquet files
    hold them. Anything else as it is.
    """
    if type(X) is np.ndarray or isinstance(X, (list, tuple)):
        return X
    library = type(X).__module__.partition(".")[0]
    if library not in ("pandas", "polars", "pyarrow") or hasattr(X, "columns") or hasattr(X, "column_names"):
        return X
    dtype = getattr(X, "type" if library == "pyarrow" else "dtype", None)
    if library == "pandas" and type(X).__name__ == "Series" and str(dtype) == "object":
        return list(X)
    if not str(dtype).lower().startswith(_OF_LISTS):
        return X
    if library == "pyarrow":
        return X.to_pylist()
    return X.to_list() if hasattr(X, "to_list") else list(X)


def _as_array(X: Any, name: str) -> Any:
    """A nested list, or anything else that NumPy takes, as an array."""
    if isinstance(X, (list, tuple)):
        if len(X) == 0:
            raise ValueError(f"Found array with 0 sample(s) (shape=(0,)) while a minimum of 1 is required by {name}.")
        X = X if set(map(type, X)) <= _LISTS else [detached(item, name) for item in X]
        refuse_mask(X, name)
    try:
        array = np.asarray(X)
    except ValueError:
        raise ValueError(
            f"{name} takes a list of sequences, each of shape (n_timesteps, n_features) or (n_timesteps,); the items "
            "of this list are of different kinds."
        ) from None
    if array.ndim == 0 and array.dtype.kind not in "fiubc":
        got = "None" if X is None else f"a {type(X).__name__}"
        advice = " Call its collect() first." if hasattr(X, "collect") else ""
        raise TypeError(f"{name} takes arrays, data frames or lists of sequences, got {got}.{advice}")
    # NumPy turns the numbers beside a text into text: objects keep them apart
    return np.asarray(X, dtype=object) if array.dtype.kind in "SU" else array


def _are_alike(X: Any) -> bool | None:
    """Whether lists have one length, and lists in them, if there are some, another; None: NumPy has to look."""
    if len(set(map(len, X))) > 1:
        return False
    kinds = set(map(type, chain.from_iterable(X)))
    if kinds <= _SCALARS:
        return True
    if not kinds <= _LISTS:
        return None
    if len(set(map(len, chain.from_iterable(X)))) > 1:
        return False
    return True if set(map(type, chain.from_iterable(chain.from_iterable(X)))) <= _SCALARS else None


def _is_array(item: Any) -> bool:
    """Whether an item of a list is a sequence by itself: an array, frame, series or tensor."""
    shape = getattr(item, "shape", None)
    return len(shape) > 0 if isinstance(shape, tuple) else hasattr(item, "__array__")


def _is_sequence(item: Any) -> bool:
    return _is_array(item) or isinstance(item, (list, tuple))

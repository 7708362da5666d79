"""Categories beside numbers: which features they are, and one table of steps that holds both."""

from __future__ import annotations

from collections.abc import Sequence
from numbers import Integral
from typing import Any, Literal

import numpy as np

from skrnn._constraints import listed
from skrnn._types import Array, Doubles, Flags, Integers
from skrnn.sequences._batch import SequenceBatch
from skrnn.sequences._categories import number_column, read_sequence, table_of
from skrnn.sequences._check import finished_batch, precision
from skrnn.sequences._lag_names import read_lags
from skrnn.sequences._layout import read_array, read_list
from skrnn.sequences._numbers import as_numbers, decoded, named_columns, refuse_mask

__all__ = ["categorical_features_of", "check_mixed", "n_features_of_steps", "number_step"]

_BESIDE = "name it in categorical_features, or encode it before (OrdinalEncoder, OneHotEncoder)"
# What the dtypes of texts and categories are called in pandas, polars and pyarrow.
_DTYPES = ("category", "categorical", "enum", "string", "large_string", "utf8", "dictionary")

Width = int | Literal["all"]


def categorical_features_of(asked: Any, X: Any, names: Any, features_per_step: Width, name: str) -> Flags:
    """Which features of a step are categories (n_features,).

    Parameters
    ----------
    asked : "from_dtype", or list of names, of numbers of features or of bools
    X : array, data frame or list of sequences, as `open_container` returns it
    names : sequence of str, or None
        Of the columns of X.
    features_per_step, name
        As in `check_mixed`.

    Raises
    ------
    ValueError, TypeError
        If it names none of the features.
    """
    width = n_features_of_steps(X, features_per_step)
    if isinstance(asked, str):
        return _by_dtype(X, width, name)
    items = listed(name, "categorical_features", asked)
    chosen = np.zeros(width, bool)
    if not items:
        return chosen
    if all(isinstance(item, str) for item in items):
        chosen[[_named(str(item), names, width, name) for item in items]] = True
        return chosen
    if all(isinstance(item, (bool, np.bool_)) for item in items):
        if len(items) != width:
            raise ValueError(
                f"categorical_features of {name} is a mask of {len(items)} bool(s), and a time step of X has {width} "
                "feature(s): it needs one for each."
            )
        return np.array(items, bool)
    if not all(isinstance(item, Integral) and not isinstance(item, bool) for item in items):
        raise ValueError(
            f"categorical_features of {name} must be 'from_dtype', or a list of names, of numbers of features or of "
            f"bools, all of one type. Got {asked!r}."
        )
    numbers = np.asarray(items)
    if numbers.min() < 0 or numbers.max() >= width:
        wrong = int(numbers[(numbers < 0) | (numbers >= width)][0])
        raise ValueError(
            f"categorical_features of {name} has the number {wrong}, and a time step of X has {width} feature(s): 0 to "
            f"{width - 1}. They are counted within one time step; features_per_step says how a row folds into steps."
        )
    chosen[numbers.astype(np.intp)] = True
    return chosen


def check_mixed(
    X: Any,
    chosen: Flags,
    categories: Sequence[Array | None] | None,
    *,
    features_per_step: Width,
    name: str,
    feature_names: Any,
) -> tuple[SequenceBatch, list[Array | None]]:
    """Validate numbers, and number the categories beside them.

    Parameters
    ----------
    X : array, data frame or list of sequences, as `open_container` returns it
    chosen : bool array of shape (n_features,)
        Which features of a step are categories.
    categories : list of arrays and None, or None
        Those of each feature, sorted, None for a feature of numbers. None: those that occur in X.
    features_per_step, name, feature_names
        As in `check_sequences`.

    Returns
    -------
    batch : SequenceBatch
        Its steps are a table of its own, which windows share.
    categories : list of arrays and None
    """
    refuse_mask(X, name)
    columns, starts, spans = _columns_of_steps(X, features_per_step, name)
    folded = not isinstance(X, list) and len(X.shape) == 2
    labels = _labels(feature_names, len(columns), folded)
    found: list[Array | None] = []
    values: list[Array] = []
    for f, column in enumerate(columns):
        if not chosen[f]:
            values.append(as_numbers(column, name, labels[f], _BESIDE))
            found.append(None)
            continue
        if column.dtype.kind not in "fiubOUT":
            as_numbers(column, name, labels[f], _BESIDE)  # says what is wrong with complex numbers, dates, records
        known = None if categories is None else categories[f]
        codes, known = number_column(column, known, labels[f], name)
        values.append(codes)
        found.append(known)
    dtype = precision(column.dtype for column in values)
    steps = np.empty((len(columns[0]), len(columns)), dtype)
    with np.errstate(over="ignore"):  # a number too large becomes infinite and is refused
        for f, column in enumerate(values):
            steps[:, f] = column
    return finished_batch(steps, starts, spans, feature_names, folded), found


def number_step(values: Array, categories: Sequence[Array | None], name: str) -> Doubles:
    """The features of one step (n_features,), objects, as numbers and category numbers; those of `fit` are known."""
    found = np.full(len(values), np.nan)
    for f, known in enumerate(categories[: len(values)]):
        one = values[f : f + 1]
        if known is None:
            found[f] = as_numbers(one, name, f"Feature {f} of x")[0]
        else:
            found[f] = number_column(one, known, f"Feature {f} of X", name, "X")[0][0]
    return found


def _columns_of_steps(X: Any, features_per_step: Width, name: str) -> tuple[list[Array], Integers, Integers]:
    """The values of each feature at all steps of a table, each (n_steps,), and where the sequences lie in it."""
    columns = [] if isinstance(X, list) else named_columns(X)
    if columns:  # of a column by itself the dtype says what it is; a table of all would be one of objects
        table, starts, spans = read_array(np.zeros(X.shape, bool), features_per_step, name)
        width, n_rows = table.shape[1], X.shape[0]
        values = [np.asarray(decoded(X[column])) for column, _ in columns]
        by_feature = (table_of(values[f::width]) for f in range(width))  # one time step after the other
        return [column.reshape(-1, n_rows).T.ravel() for column in by_feature], starts, spans
    if isinstance(X, list):
        parts, starts, spans = read_list(X, read_sequence, "the same number of features per time step", "fiubUO")
        table = table_of(parts)
    else:
        table, starts, spans = read_array(np.asarray(X), features_per_step, name)
    return list(table.T), starts, spans


def n_features_of_steps(X: Any, features_per_step: Width) -> int:
    """Features per time step."""
    if isinstance(X, list):
        shape = np.shape(X[0])
        return int(shape[1]) if len(shape) == 2 else 1
    if len(X.shape) == 3:
        return int(X.shape[2])
    return int(X.shape[1]) if features_per_step == "all" else int(features_per_step)


def _by_dtype(X: Any, width: int, name: str) -> Flags:
    """The features that lie in columns of texts or categories; an array has none."""
    frame = X[0] if isinstance(X, list) else X
    columns = named_columns(frame)
    if not columns:
        return np.zeros(width, bool)
    flags = np.array([_holds_categories(frame, column, dtype) for column, dtype in columns])
    if len(flags) % width:
        return np.zeros(width, bool)  # that the width does not divide the columns is said where they are folded
    by_step = flags.reshape(-1, width)
    if (by_step != by_step[0]).any():
        feature = int(np.argmax((by_step != by_step[0]).any(axis=0)))
        own = [str(column) for column, _ in columns[feature::width]]
        raise ValueError(
            f"categorical_features='from_dtype' of {name}: the columns {', '.join(own)} of X are one feature at "
            "several time steps, some with categories and some without. Give them one dtype, or list the features."
        )
    return np.asarray(by_step[0])


def _holds_categories(frame: Any, column: Any, dtype: Any) -> bool:
    kind = str(dtype).lower()
    if kind == "object":
        return any(isinstance(value, str) for value in np.asarray(decoded(frame[column])))
    return kind == "str" or kind.startswith(_DTYPES)


def _named(item: str, names: Any, width: int, name: str) -> int:
    """The number of a feature with the name of a column, or of the series whose lags the columns are."""
    if names is None:
        raise ValueError(
            f"categorical_features of {name} has names, and the columns of X have none. Pass a data frame, or numbers "
            "of features."
        )
    columns = [str(one) for one in names]
    if item in columns:
        return columns.index(item) % width
    series = _series_of(columns, width)
    if item in series:
        return series.index(item)
    known = [one for one in series if one] if len(columns) > width else columns
    raise ValueError(
        f"categorical_features of {name} names {item!r}, which is no column of X. It has "
        f"{', '.join(map(repr, known or columns))}."
    )


def _series_of(columns: list[str], width: int) -> list[str]:
    """The name that the lags of each feature have in common; empty where they have none."""
    lags = read_lags(columns)
    found = []
    for feature in range(width):
        own = {lag.series if lag is not None else "" for lag in lags[feature::width]}
        found.append(own.pop() if len(own) == 1 else "")
    return found


def _labels(names: Any, width: int, folded: bool) -> list[str]:
    """What messages call each feature."""
    if names is None:
        return [f"Feature {f} of X" for f in range(width)]
    columns = [str(one) for one in names]
    if len(columns) == width:
        return [f"Feature {column!r} of X" for column in columns]
    series = _series_of(columns, width)
    return [f"Feature {series[f] or f!r} of X" for f in range(width)]

"""Categories become numbers: 0 for the unknown, 1, 2, … for those of `fit` in sorted order, or with the most frequent
first, NaN for the missing.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from numbers import Integral, Real
from typing import Any, Literal

import numpy as np

from skrnn._types import Array, Doubles, Flags, Longs, Singles
from skrnn.sequences._batch import SequenceBatch
from skrnn.sequences._characters import Characters, characters_of
from skrnn.sequences._container import open_container
from skrnn.sequences._distinct import distinct
from skrnn.sequences._layout import check_shape, read_array, read_list
from skrnn.sequences._numbers import decoded, refuse_mask

__all__ = [
    "check_categories",
    "keep_used_categories",
    "kind_of_categories",
    "number_by_frequency",
    "number_categories",
    "number_column",
    "open_categories",
    "plain_categories",
    "read_sequence",
    "refuse_texts",
    "table_of",
]

Categories = list[Array]

_TEXTS = {str, np.str_}  # of others, such as members of an enum, NumPy takes what `str` says of them
_MOST = 1 << 24  # category numbers travel as float32, which has all integers up to here


def open_categories(X: Any, name: str, *, characters: bool = False) -> Any:
    """X as an array, a data frame or a list of arrays of categories; a list of lists is always a list of sequences.

    With ``characters``, a text is the sequence of its characters.
    """
    refuse_mask(X, name)
    if characters and not isinstance(X, str) and _is_listed(X):
        if all(isinstance(item, str) and item for item in X):
            return Characters(X)
        X = [characters_of(item) if isinstance(item, str) else item for item in X]
    refuse_texts(X, name, "categories")
    if isinstance(X, (list, tuple)):
        X = [_as_array(item) if isinstance(item, (list, tuple)) else item for item in X]
    return open_container(X, name)


def refuse_texts(X: Any, name: str, of_what: str, more: str = "", holds: Callable[..., bool] = any) -> None:
    """Refuse a text, or several, where sequences are expected.

    ``more`` ends what the message says to do; ``holds``: whether any item, or all, have to be texts.
    """
    if isinstance(X, str) or (_is_listed(X) and holds(isinstance(item, (str, bytes)) for item in X)):
        raise ValueError(
            f"X holds texts, and {name} reads sequences of {of_what}. Put SequenceVectorizer() in front of it to "
            f"split texts into words or characters, or pass lists of tokens{more}."
        )


def _is_listed(X: Any) -> bool:
    """Whether X has items along one axis, and no columns."""
    table = isinstance(X, type) or hasattr(X, "columns") or getattr(X, "ndim", 1) != 1
    return not table and hasattr(X, "__len__") and len(X) > 0


def check_categories(
    X: Any,
    categories: Categories | None,
    *,
    features_per_step: int | Literal["all"] = 1,
    name: str,
) -> tuple[SequenceBatch, Categories]:
    """Validate categories and number them.

    Parameters
    ----------
    X : array, data frame or list of sequences, as `open_container` returns it
        Integers or strings: (n_samples, n_timesteps, n_features), (n_samples, n_timesteps * features_per_step), or a
        list of (n_timesteps_i, n_features) or (n_timesteps_i,) arrays or lists.
    categories : list of arrays, or None
        The categories of each feature, in any order. None: those that occur in X, sorted.
    features_per_step, name
        As in `check_sequences`.

    Returns
    -------
    batch : SequenceBatch
        Of category numbers.
    categories : list of arrays
        The categories of each feature: those given, or those found.

    Raises
    ------
    ValueError, TypeError
        The message says what was given and where, what is expected, and what to do.
    """
    if isinstance(X, Characters):
        values, starts, spans = X.steps, X.starts, X.lengths
    elif isinstance(X, list):
        parts, starts, spans = read_list(X, read_sequence, "the same number of categories per time step", "fiubUO")
        values = table_of(parts)
    else:
        values, starts, spans = read_array(np.asarray(decoded(X)), features_per_step, name)
    steps, found = np.empty(values.shape, np.float32), []
    for f, known in enumerate([None] * values.shape[1] if categories is None else categories[: values.shape[1]]):
        steps[:, f], known = number_column(values[:, f], known, f"Feature {f} of X", name, "X")
        found.append(known)
    return SequenceBatch.from_spans(steps, starts, spans), found


def number_column(
    values: Array, known: Array | None, label: str, name: str, within: str | None = None
) -> tuple[Singles, Array]:
    """The number of each value of a feature (n,), and its categories: those known from `fit`, or those found.

    ``label`` is what messages call the feature, ``within`` where a value that is no category is said to be.
    """
    column, missing = plain_categories(values, name, within or label)
    if known is not None and len(known) and not missing.all() and column.dtype.kind != known.dtype.kind:
        got, fitted = kind_of_categories(column), kind_of_categories(known)
        raise ValueError(f"{label} has {got} as categories; {name} was fitted on {fitted}.")
    numbers, known = number_categories(column, missing, known)
    if len(known) >= _MOST:
        raise ValueError(f"{label} has {len(known)} categories; {name} takes up to {_MOST - 1}.")
    return numbers, known


def number_categories(values: Array, missing: Flags, categories: Array | None) -> tuple[Singles, Array]:
    """The number of each value (n,), and the categories: those given, or those found."""
    codes = np.full(len(values), np.nan, np.float32)
    found, back = distinct(values[~missing])
    categories = found if categories is None else categories
    if len(categories) == 0:
        codes[~missing] = 0
        return codes, categories
    order = None if (categories[1:] > categories[:-1]).all() else np.argsort(categories)
    place = np.minimum(np.searchsorted(categories, found, sorter=order), len(categories) - 1)
    place = place if order is None else order[place]
    codes[~missing] = np.where(categories[place] == found, place + 1, 0)[back]
    return codes, categories


def kind_of_categories(values: Array) -> str:
    """What plain categories are, in words."""
    return "strings" if values.dtype.kind == "U" else "integers"


def keep_used_categories(
    batch: SequenceBatch, categories: Sequence[Array | None], used: Flags
) -> tuple[SequenceBatch, list[Array | None]]:
    """Number the categories again, so that only those that occur in the rows ``used`` (n_samples,) are known.

    Features whose categories are None hold numbers, which stay.
    """
    steps = batch.steps[batch.coverage(used.astype(float)) > 0]
    renumbered = batch.steps.copy()
    kept: list[Array | None] = []
    for f, values in enumerate(categories):
        if values is None:
            kept.append(None)
            continue
        numbers = steps[:, f]
        counts = np.bincount(numbers[numbers > 0].astype(np.intp), minlength=len(values) + 1)
        found = np.flatnonzero(counts)
        table = np.zeros(len(values) + 1, np.float32)
        table[found] = np.arange(1, len(found) + 1)
        present = ~np.isnan(batch.steps[:, f])
        renumbered[present, f] = table[batch.steps[present, f].astype(np.intp)]
        kept.append(values[found - 1])
    return replace(batch, steps=renumbered), kept


def number_by_frequency(
    batch: SequenceBatch, categories: Categories, counts: list[Doubles]
) -> tuple[SequenceBatch, Categories]:
    """Number the categories again, from the most frequent one on; those that are equally frequent stay in their order.

    ``counts``: of each feature how often each number occurs, from that of the unknown on.
    """
    renumbered, ordered = batch.steps.copy(), []
    for f, values in enumerate(categories):
        order = np.argsort(-counts[f][1:], kind="stable")
        table = np.zeros(len(values) + 1, np.float32)
        table[order + 1] = np.arange(1, len(values) + 1)
        present = ~np.isnan(batch.steps[:, f])
        renumbered[present, f] = table[batch.steps[present, f].astype(np.intp)]
        ordered.append(values[order])
    return SequenceBatch(renumbered, batch.starts, batch.lengths, batch.leading, batch.spans), ordered


def plain_categories(values: Array, name: str, label: str = "X") -> tuple[Array, Flags]:
    """Values (n,) as integers or strings, and which of them are missing (None, NaN, pd.NA)."""
    kind = values.dtype.kind
    if kind == "T":  # NumPy's strings of any length
        values, kind = values.astype(object), "O"
    if kind in "iub":
        return _integers(values, name, label), np.zeros(len(values), bool)
    if kind == "U":
        return values, np.zeros(len(values), bool)
    if kind == "f":
        missing = np.isnan(values)
        return _whole(values, missing, name, label), missing
    if kind != "O":
        raise ValueError(f"{label} has dtype {values.dtype}. {name} reads {label} as categories: integers or strings.")
    missing = np.zeros(len(values), bool)
    if any(map(_may_be_missing, set(map(type, values)))):
        missing[:] = [_is_missing(value) for value in values]
    known = values[~missing]
    types = set(map(type, known))
    kinds = {"string" if issubclass(t, str) else "integer" if issubclass(t, Integral) else "" for t in types}
    if kinds == {"integer", ""} or kinds == {""}:
        numbers = [isinstance(value, Real) for value in known]
        if all(numbers):
            filled = np.zeros(len(values))
            filled[~missing] = known.astype(float)
            return _whole(filled, missing, name, label), missing
        odd = type(known[numbers.index(False)]).__name__
        raise TypeError(
            f"{label} holds an object of type {odd}. {name} reads {label} as categories: integers or strings."
        )
    if len(kinds) > 1:
        names = ", ".join(sorted({one.__name__ for one in types}))
        raise TypeError(f"{label} mixes categories of types {names}; {name} needs one type, such as strings.")
    if kinds == {"string"} and types != {str}:
        known = np.array([str.__str__(value) for value in known], object)  # of a member of an enum its value, too
    filled = np.zeros(len(values), np.int64) if kinds == {"integer"} else np.zeros(len(values), _text_dtype(known))
    filled[~missing] = _integers(known, name, label) if kinds == {"integer"} else known
    return filled, missing


def _integers(values: Array, name: str, label: str) -> Longs:
    """Integers of any kind as int64, into which those of uint64 and of Python may not fit."""
    if len(values) and values.dtype in (np.uint64, object):
        for value in (values.min(), values.max()):
            if not -(2**63) <= int(value) < 2**63:
                raise ValueError(
                    f"{label} holds {value}, and {name} reads integers of 64 bits with a sign. Make texts "
                    "of them, with astype(str)."
                )
    return values.astype(np.int64)


def _text_dtype(texts: Array) -> str:
    return f"U{max(map(len, texts), default=1) or 1}"


def _is_missing(value: Any) -> bool:
    return _may_be_missing(type(value)) and (not isinstance(value, float) or value != value)


def _may_be_missing(kind: type) -> bool:
    """Whether a value of this type may be no category: None, pd.NA, or NaN."""
    return kind is type(None) or kind.__name__ == "NAType" or issubclass(kind, float)


def _whole(values: Array, missing: Flags, name: str, label: str) -> Longs:
    """Floats that are whole numbers as integers."""
    filled = np.where(missing, 0, values)
    fractions = np.flatnonzero(~(np.abs(filled) < 2**53) | (filled != np.trunc(filled)))
    if len(fractions):
        beside = " Leave it out of categorical_features if it is measured."
        hint = {"X": " Set embedding_dim=None if they are measurements.", "y": ""}.get(label, beside)
        raise ValueError(
            f"{label} holds {filled[fractions[0]]}, and {name} reads {label} as categories, which are integers or "
            f"strings.{hint}"
        )
    return filled.astype(np.int64)


def read_sequence(item: Any, label: str) -> Array:
    """One item of a list as an array of categories, (n_timesteps, n_features) or (n_timesteps,)."""
    array = _as_array(item)
    form = "every sequence is a list (or array) of categories, or of rows of categories, one row per time step"
    check_shape(array.shape, label, form)
    return array


def table_of(parts: list[Array]) -> Array:
    """The rows of all parts; objects keep numbers and strings apart where both occur."""
    kinds = {part.dtype.kind for part in parts}
    same = kinds <= {"U"} or kinds <= set("iubf")
    table = np.concatenate(parts if same else [part.astype(object) for part in parts])
    return table.reshape(len(table), -1)


def _as_array(item: Any) -> Array:
    """An array that keeps numbers and strings apart, where NumPy would make all of them strings."""
    if hasattr(item, "__array__"):
        return np.asarray(decoded(item))
    try:
        array = np.asarray(item)
    except ValueError:
        return np.zeros((0, 0, 0))  # steps of different sizes
    if array.dtype.kind != "U":
        return array
    flat = np.asarray(item, dtype=object)
    return array if set(map(type, flat.flat)) <= _TEXTS else flat

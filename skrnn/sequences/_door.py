"""The one door for X, as every estimator uses it: X is validated, and its columns are returned or compared."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Literal

import numpy as np
from sklearn import get_config
from sklearn.utils.validation import _check_feature_names, _check_n_features, _get_feature_names

from skrnn._constraints import Options, check_arguments, integers
from skrnn._plain import is_size, require, require_fields
from skrnn._types import Array, Flags
from skrnn.sequences._batch import SequenceBatch
from skrnn.sequences._categories import check_categories, open_categories, refuse_texts
from skrnn.sequences._check import check_sequences
from skrnn.sequences._container import column_as_list, open_container
from skrnn.sequences._mixed import categorical_features_of, check_mixed, n_features_of_steps
from skrnn.sequences._numbers import ENCODE, refuse_mask

__all__ = ["Columns", "read_X", "refuse_frame"]

_WIDTHS = {"features_per_step": [integers(1), Options({"all"})]}
_EMBED = (
    f"{ENCODE}, name its features in categorical_features, or set embedding_dim=16 if all of X is words or other "
    "categories"
)
_AXES = "Axes are (n_samples, n_timesteps, n_features)."


@dataclass(frozen=True, eq=False)
class Columns:
    """What the X of a fit looked like, to compare later ones with.

    Attributes
    ----------
    form : {"flat", "steps"}
        A 2-D table, or anything else.
    n_features : int
        Columns of a table; features per time step of any other X.
    n_step_features : int
        Features per time step.
    names : array of str, or None
        Names of the columns.
    categories : list of arrays and None
        Of each feature of a step, sorted or with the most frequent first; None for a feature of numbers; empty where
        all are numbers.
    """

    form: Literal["flat", "steps"]
    n_features: int
    n_step_features: int
    names: Array | None = None
    categories: list[Any] = field(default_factory=list)

    @property
    def embeds_all(self) -> bool:
        """Whether every feature holds categories."""
        return bool(self.categories) and not self.mixes

    @property
    def mixes(self) -> bool:
        """Whether some features hold categories, and others numbers."""
        return any(known is None for known in self.categories)

    @property
    def vocabulary(self) -> tuple[int, ...]:
        """Rows of the embedding of each feature: one for each category, and one for unknown and missing ones; 0 for a
        feature of numbers.
        """
        return tuple(0 if known is None else len(known) + 1 for known in self.categories)

    def plain(self) -> dict[str, Any]:
        """As builtins and arrays."""
        return vars(self).copy()

    @classmethod
    def from_plain(cls, values: Any) -> Columns:
        """The checked columns of a stored state."""
        require_fields(values, cls, "columns")
        require(values["form"] in ("flat", "steps"), "the form of X is not known")
        require(is_size(values["n_features"]) and is_size(values["n_step_features"]), "X has no number of features")
        names, categories = values["names"], values["categories"]
        require(names is None or (isinstance(names, np.ndarray) and names.ndim == 1), "names of X are no array")
        require(isinstance(categories, list), f"categories_ is a {type(categories).__name__}")
        require(not categories or any(known is not None for known in categories), "categories_ are those of no feature")
        for known in filter(lambda known: known is not None, categories):
            plain = isinstance(known, np.ndarray) and known.ndim == 1 and known.dtype.kind in "iU"
            ordered = np.sort(known) if plain else known
            require(plain and bool((ordered[1:] > ordered[:-1]).all()), "categories_ are not all different")
        return cls(**values)


def read_X(
    X: Any,
    *,
    name: str,
    features_per_step: int | Literal["all"] = 1,
    embeds: bool | None = None,
    characters: bool = False,
    categorical: Any = None,
    seen: Columns | None = None,
    dtype: type[np.floating[Any]] | None = None,
    texts: str | None = None,
    summed: bool = False,
) -> tuple[SequenceBatch, Columns]:
    """Validate X.

    Parameters
    ----------
    name : str
        Of the estimator, for messages.
    features_per_step : int or "all"
        How a flat row folds into steps.
    embeds : bool
        Whether X holds categories. None: the estimator has no ``embedding_dim`` to say so.
    characters : bool
        Whether a text among the categories is the sequence of its characters.
    categorical : "from_dtype", list of names, of numbers or of bools, or None
        Which features hold categories, where others hold numbers. None: those of ``seen``, if there are some.
    seen : Columns, optional
        Those of `fit`, with which X has to agree. None: this is `fit`.
    dtype : float32 or float64, optional
        Of the steps, as in `check_sequences`.
    texts : str, optional
        What a message says to do with texts in the place of numbers.
    summed : bool
        Whether the moments of all steps will be asked for, as in `check_sequences`.

    Returns
    -------
    batch : SequenceBatch
    columns : Columns
        Those seen, or those of this X.
    """
    features_per_step = _width_of_steps(features_per_step, name)
    X = column_as_list(X)
    nested = isinstance(X, (list, tuple)) or str(getattr(X, "dtype", "")) == "object"
    if nested and seen is not None and seen.form == "steps" and _holds_lists_of_numbers(X):
        X = [np.asarray(row) for row in X]  # sequences that happen to have one length
    if embeds and nested and seen is not None and seen.form == "flat":
        refuse_mask(X, name)
        X = np.asarray(X, dtype=object)  # rows of a table
    if embeds is False and (isinstance(X, (list, tuple)) or hasattr(X, "__array__")):
        refuse_texts(X, name, "numbers", "; either way with embedding_dim=16", all)
    X = open_categories(X, name, characters=characters) if embeds else open_container(X, name)
    flat = not isinstance(X, list) and len(X.shape) == 2
    _compare_forms(X, flat, seen, name)
    names = _names_of_columns(X, seen, name) if flat else _names_of_steps(X, seen)
    categories: list[Array | None]
    mixes = categorical is not None or (seen is not None and seen.mixes)
    if mixes:
        width = n_features_of_steps(X, features_per_step)
        if seen is not None and width != seen.n_step_features:
            _refuse_step_features(width, seen, features_per_step, name)
        chosen = _chosen_features(categorical, X, names, seen, features_per_step, name)
        known = seen.categories if seen is not None and seen.categories else None
        batch, categories = check_mixed(
            X, chosen, known, features_per_step=features_per_step, name=name, feature_names=names
        )
        categories = categories if chosen.any() else []
    elif embeds:
        known = None if seen is None else seen.categories
        batch, found = check_categories(X, known, features_per_step=features_per_step, name=name)
        categories = [*found]
    else:
        texts = texts or (_EMBED if embeds is False else ENCODE)
        how: dict[str, Any] = {"dtype": dtype, "texts": texts, "hashed": seen is None, "summed": summed}
        batch = check_sequences(X, features_per_step=features_per_step, name=name, feature_names=names, **how)
        categories = []
    if seen is None:
        n_features = int(X.shape[1]) if flat else batch.n_features
        return batch, Columns("flat" if flat else "steps", n_features, batch.n_features, names, categories)
    if batch.n_features != seen.n_step_features:
        _refuse_step_features(batch.n_features, seen, features_per_step, name)
    return batch, seen


def _chosen_features(
    asked: Any, X: Any, names: Array | None, seen: Columns | None, features_per_step: Any, name: str
) -> Flags:
    """Which features hold categories: those asked for, which have to be those of `fit`."""
    before = None
    if seen is not None:
        before = np.array([known is not None for known in seen.categories] or [False] * seen.n_step_features)
        if asked is None or isinstance(asked, str):  # another frame may have other dtypes
            return before
    chosen = categorical_features_of(asked, X, names, features_per_step, name)
    if before is not None and len(before) == len(chosen) and (before != chosen).any():
        raise ValueError(
            f"{name} cannot go on training: categorical_features are now {np.flatnonzero(chosen).tolist()} (numbers of "
            f"features), were {np.flatnonzero(before).tolist()} in the first fit. Use warm_start=False, or a clone."
        )
    return chosen


def _width_of_steps(value: Any, name: str) -> int | Literal["all"]:
    """``features_per_step`` as Python's int, or "all"; it may have been set since `fit` checked it."""
    if (type(value) is not int or value < 1) and not (type(value) is str and value == "all"):
        value = check_arguments(name, _WIDTHS, features_per_step=value)["features_per_step"]
    width: int | Literal["all"] = value
    return width


def _holds_lists_of_numbers(X: Any) -> bool:
    return len(X) > 0 and all(isinstance(row, (list, tuple)) and len(row) and np.isscalar(row[0]) for row in X)


def _compare_forms(X: Any, flat: bool, seen: Columns | None, name: str) -> None:
    """Refuse a table where sequences were fitted, and the reverse."""
    if seen is None or flat == (seen.form == "flat"):
        return
    words = {"flat": "a 2D table", "steps": "3D arrays or lists of sequences"}
    if flat:
        hint = _as_sequences(X.shape, seen.n_step_features)
    else:
        hint = f"Convert X first, for example with {'np.stack(X)' if isinstance(X, list) else 'X'}.reshape(len(X), -1)"
    raise ValueError(
        f"{name} was fitted on {words[seen.form]}, got {words['flat' if flat else 'steps']}. {_AXES} {hint}."
    )


def _as_sequences(shape: tuple[int, ...], width: int) -> str:
    """What makes sequences with ``width`` features per step of a table, in words."""
    one, several = "pass X[np.newaxis]", "pass X[:, :, np.newaxis]"
    if width == 1 and shape[1] != 1:
        return f"If each row is one sequence of one feature, {several}"
    if width == 1:
        return f"If X is one sequence of {shape[0]} steps, {one}; if each row is a sequence of one step, {several}"
    if shape[1] == width:
        return f"If X is one sequence of {shape[0]} steps, {one}"
    if shape[1] % width == 0:
        return f"If each row is a sequence, step by step, pass X.reshape(len(X), -1, {width})"
    return f"One sequence is X[np.newaxis], with {width} features per step; X has {shape[1]} columns"


def _names_of_columns(X: Any, seen: Columns | None, name: str) -> Array | None:
    """Names of the columns of a flat X; their names and number compared in scikit-learn's words."""
    if X.shape[0] == 0 or X.shape[1] == 0:
        what = "feature" if X.shape[0] else "sample"
        raise ValueError(
            f"Found array with 0 {what}(s) (shape={tuple(X.shape)}) while a minimum of 1 is required by {name}."
        )
    namesake = _class_named(name)()  # messages name its class
    if seen is not None:
        namesake.n_features_in_ = seen.n_features
        if seen.names is not None:
            namesake.feature_names_in_ = seen.names
    _check_feature_names(namesake, X, reset=seen is None)
    _check_n_features(namesake, X, reset=seen is None)
    return getattr(namesake, "feature_names_in_", None)


@lru_cache
def _class_named(name: str) -> Any:
    return type(name, (), {})


def _names_of_steps(X: Any, seen: Columns | None) -> Array | None:
    """Names of the columns of a list of data frames: the same in all, and those seen."""
    if seen is not None:
        names = seen.names
    else:
        names = _get_feature_names(X[0]) if isinstance(X, list) else None
    if names is None or not isinstance(X, list):
        return names
    first = getattr(X[0], "columns", None)
    for i, item in enumerate(X):
        if i > 0 and type(item) is type(X[0]) and hasattr(first, "equals") and item.columns.equals(first):
            continue
        found = _get_feature_names(item)
        if found is not None and list(found) != list(names):
            raise ValueError(
                "The feature names should match those that were passed during fit. "
                f"Sequence {i} has {list(found)}, expected {list(names)} in this order."
            )
    return names


def _refuse_step_features(n_features: int, seen: Columns, features_per_step: Any, name: str) -> None:
    if seen.form == "flat":
        raise ValueError(
            f"features_per_step={features_per_step} folds X into {n_features} features per step; {name} was fitted "
            f"with {seen.n_step_features}. Set features_per_step back, or fit again."
        )
    raise ValueError(
        f"X has {n_features} features, but {name} is expecting {seen.n_features} features as input: got {n_features} "
        f"features per step; fitted with {seen.n_features}. {_AXES}"
    )


def refuse_frame(name: str, config: dict[str, str], advice: str, container: str | None = None) -> None:
    """A 3-D output cannot be a data frame; None: the container set for the estimator (``config``), or for all."""
    if container is None:
        container = config.get("transform", get_config()["transform_output"])
    if container != "default":
        raise ValueError(
            f"{name} gives a 3D output here, which cannot be a {container} frame. {advice}, or "
            "set_output(transform='default')."
        )

"""Texts and other categories among the columns of series: numbers in their table, and how a regressor reads them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from skrnn._types import Doubles
from skrnn.forecasting._table import Table

__all__ = ["Code", "constant_codes", "encoded", "holds_categories", "in_order", "one_hot", "series_codes"]


class Code(NamedTuple):
    """A feature of a step that is the number of a category: its place, how many of these there are, and whether it is
    the same over a whole series.
    """

    place: int
    n_categories: int
    constant: bool


def holds_categories(dtype: Any) -> bool:
    """Whether a column of this type holds categories, and no numbers: texts, or pandas' own."""
    return isinstance(dtype, (pd.CategoricalDtype, pd.StringDtype)) or dtype == np.dtype(object)


def encoded(column: pd.Series, known: Sequence[Any] | None, label: str) -> tuple[Doubles, tuple[Any, ...]]:
    """The number of the category of each row (n_rows,), -1 where it is missing, and the categories in this order.

    Those that are ``known`` keep their numbers, and others follow. None: none is known, and they are in order.

    Raises
    ------
    ValueError
        For objects that are no texts, and for numbers where texts are known, or the other way round.
    """
    _refuse_objects(column, label)
    codes, found = pd.factorize(column, use_na_sentinel=True)
    values, known = [_plain(value) for value in found], tuple(known or ())
    of_texts, of_fit = ({type(value) is str for value in some} for some in (values, known))
    if of_texts and of_fit and of_texts.isdisjoint(of_fit):
        raise ValueError(
            f"{label} holds {values[0]!r}, a {type(values[0]).__name__}; in fit it held categories such as "
            f"{known[0]!r}. Convert it."
        )
    new = set(values).difference(known)
    categories = (*known, *in_order([value for value in dict.fromkeys(values) if value in new]))
    place = {value: number for number, value in enumerate(categories)}
    numbers = np.array([*(place[value] for value in values), -1], dtype=np.float64)  # a code of -1 takes the last one
    return numbers[codes], categories


def constant_codes(table: Table, places: Sequence[int]) -> Table:
    """The table with the category of each series in all of its rows, where some of these lack it."""
    if not len(places) or not len(table):
        return table
    columns = table.values[:, list(places)]
    of_series = np.maximum.reduceat(np.nan_to_num(columns, nan=-1.0), table.bounds[:-1], axis=0)
    values = table.values.copy()
    values[:, list(places)] = of_series[table.series]
    return Table(table.keys, table.steps, table.times, values, table.positions, table.bounds)


def series_codes(keys: Sequence[Any], known: Sequence[Any]) -> Doubles:
    """The number of each series among those that are known (n_keys,), -1 for others."""
    place = {key: number for number, key in enumerate(known)}
    return np.array([place.get(key, -1) for key in keys], dtype=np.float64)


def one_hot(X: Doubles, codes: Sequence[Code], *, once: bool) -> Doubles:
    """Windows (n, window, n_features) with a column for each category in the place of codes, behind all others.

    A category that is missing, or was not known, is 0 in all of them; a row that is absent is NaN. ``once``: a row
    (n, n_columns) for each window, step by step, and behind that the categories that do not vary.
    """
    others = np.setdiff1d(np.arange(X.shape[2]), [code.place for code in codes])
    apart = [code for code in codes if once and code.constant]
    parts = [_columns(X[:, :, code.place], code.n_categories) for code in codes if code not in apart]
    found = np.concatenate([X[:, :, others], *parts], axis=2)
    if not once:
        return found
    newest = [_columns(X[:, -1, code.place], code.n_categories) for code in apart]
    return np.concatenate([found.reshape(len(found), -1), *newest], axis=1)


def _columns(codes: Doubles, count: int) -> Doubles:
    """1.0 in the column of the category (…, count)."""
    found = (codes[..., None] == np.arange(count)).astype(np.float64)
    found[np.isnan(codes)] = np.nan
    return found


def _refuse_objects(column: pd.Series, label: str) -> None:
    """Refuse a column of objects that are no texts; numbers among them would be no numbers any more."""
    if column.dtype != np.dtype(object) or pd.api.types.infer_dtype(column, skipna=True) in ("string", "empty"):
        return
    odd = next(value for value in column[column.notna()] if not isinstance(value, str))
    raise ValueError(
        f"{label} has dtype object. Forecasts need numbers or categories; it holds {odd!r}, a {type(odd).__name__}: "
        "convert numbers with astype(float), categories with astype('category')."
    )


def _plain(value: Any) -> Any:
    """A category as a value that a file can hold; those of `pandas.cut` are their texts."""
    return str(value) if isinstance(value, pd.Interval) else getattr(value, "item", lambda: value)()


def in_order(values: Sequence[Any]) -> list[Any]:
    """Sorted, by type first; those of a type that has no order by their texts."""
    try:
        return sorted(values, key=lambda value: (type(value).__name__, value))
    except TypeError:  # of a type that has no order
        return sorted(values, key=lambda value: (type(value).__name__, str(value)))

"""Cross-validation of panels: folds are cut by date, for all series at once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from sklearn.model_selection import TimeSeriesSplit

from skrnn._constraints import check_arguments, sizes
from skrnn._types import Integers, Longs
from skrnn._warnings import warn_caller
from skrnn.windowing._index import has_index

__all__ = ["PanelTimeSeriesSplit", "warn_of_other_series"]

_CONSTRAINTS = {"max_train_size": [sizes(), None], "test_size": [sizes(), None], "gap": [sizes(0)]}


class PanelTimeSeriesSplit(TimeSeriesSplit):
    """Folds of a panel by date: each is tested on the times that follow those that it learns from, in all series.

    `TimeSeriesSplit` counts rows. Of series that stand one below the other it cuts the last one and tests on the series
    that stand below, at times that it has learnt from. Here the different times of all series are what is counted; for
    one series both make the same folds.

    Parameters
    ----------
    n_splits : int, default=5
        Folds; at least 2.
    max_train_size : int, default=None
        Most times to learn from; None: all that come before.
    test_size : int, default=None
        Times in each test fold; None: ``n_times // (n_splits + 1)``.
    gap : int, default=0
        Times that are left out in front of each test fold.

    Examples
    --------
    >>> import numpy as np
    >>> import pandas as pd
    >>> from skrnn import PanelTimeSeriesSplit
    >>> index = pd.MultiIndex.from_product([["a", "b"], pd.date_range("2024", periods=4)], names=["shop", "day"])
    >>> sales = pd.DataFrame({"sold": np.arange(8.0)}, index)
    >>> [(train.tolist(), test.tolist()) for train, test in PanelTimeSeriesSplit(n_splits=3).split(sales)]
    [([0, 4], [1, 5]), ([0, 1, 4, 5], [2, 6]), ([0, 1, 2, 4, 5, 6], [3, 7])]
    """

    def split(self, X: Any, y: Any = None, groups: Any = None) -> Iterator[tuple[Integers, Integers]]:
        """The rows of each fold.

        Parameters
        ----------
        X : Series or DataFrame
            Rows whose index, or its last level, is their time; in any order.
        y, groups : ignored
            For compatibility with scikit-learn.

        Yields
        ------
        train, test : integer arrays
            Numbers of the rows to learn from and to test on, ascending.

        Raises
        ------
        TypeError
            If X has no pandas index.
        InvalidParameterError
            If a parameter counts no times.
        ValueError
            If a time is missing, or there are too few different times.
        """
        given = {name: getattr(self, name) for name in _CONSTRAINTS}
        check_arguments(type(self).__name__, _CONSTRAINTS, **given)
        if not has_index(X):
            raise TypeError(f"PanelTimeSeriesSplit needs rows with a pandas index of times, got a {type(X).__name__}.")
        times = X.index.get_level_values(-1)
        if times.hasnans:
            raise ValueError(f"The index has {int(times.isna().sum())} missing times (NaT). Drop or fill them.")
        moments = times.unique().sort_values()
        places = moments.get_indexer(times)
        for train, test in super().split(np.arange(len(moments))):
            yield np.flatnonzero(np.isin(places, train)), np.flatnonzero(np.isin(places, test))


def warn_of_other_series(keys: Sequence[Any], firsts: Longs, ends: Mapping[Any, int]) -> None:
    """Warn where rows look like the test fold of a split that cut stacked series by rows.

    ``keys`` and ``firsts`` are the series of the rows and the moments at which they begin, ``ends`` those at which the
    series of `fit` end. In such a fold a series goes on from `fit`, beside others that it has not seen, at times that
    it has.
    """
    if not ends:
        return
    newest = max(ends.values())
    others = [key for key, first in zip(keys, firsts, strict=True) if key not in ends and first <= newest]
    if others and any(first > ends[key] for key, first in zip(keys, firsts, strict=True) if key in ends):
        warn_caller(
            f"Series {others[0]!r}, one of {len(others)} that were not in fit, begins before its newest row, beside "
            "rows that go on from it. A split of stacked series by rows, such as TimeSeriesSplit, tests on others at "
            "times that it has learnt from: split by date with PanelTimeSeriesSplit.",
            UserWarning,
        )


PanelTimeSeriesSplit.__module__ = "skrnn"  # the name that users import and pickles hold

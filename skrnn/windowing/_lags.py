"""Tables of lags, as other libraries make them, in the order in which networks read them."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.callback import CallbackSupportMixin, with_callbacks
from sklearn.utils.validation import check_is_fitted

from skrnn._atomic import all_or_nothing
from skrnn._constraints import Options, integers, listed, plain
from skrnn._outputs import SequencesOut
from skrnn._texts import shown
from skrnn._types import Array, Flags, Floats, Integers
from skrnn.sequences import Columns, Lag, SequenceBatch, is_ragged, open_container, read_lags, read_X
from skrnn.windowing._states import LagState

__all__ = ["LagsToSequence"]

_TEXTS = (
    "number the texts before, with an OrdinalEncoder in a make_column_transformer(..., remainder='passthrough', "
    "verbose_feature_names_out=False).set_output(transform='pandas'), whose static columns come last in each step: "
    "categorical_features of a network behind it counts them from 0, the lags first"
)


class LagsToSequence(LagState, SequencesOut, CallbackSupportMixin, BaseEstimator):
    """Turn a table of lags, or an array with another order of axes, into sequences: oldest step first, features last.

    The lag table of skforecast begins with the newest value, that of mlforecast often does, and sktime and aeon hold
    panels as (n_samples, n_features, n_timesteps). A network reads (n_samples, n_timesteps, n_features).

    Parameters
    ----------
    order : {"auto", "oldest_first", "newest_first"}, default="auto"
        Which value comes first in a row. "auto": the names of the columns say it (``lag1``, ``lag_1``, ``y_lag3``,
        ``y_lag-3``, ``t-3``), and of which series a column is; without such names, oldest first.
    layout : {"steps", "features", "channels_first"}, default="steps"
        How a row of several features is arranged where names do not say it: one step after the other; all steps of one
        feature, then all of the next; or "channels_first", the same for 3-D arrays (n_samples, n_features, n_timesteps)
        and lists of (n_features, n_timesteps_i) arrays.
    n_features : int, default=1
        Features of a step in a 2-D X whose names do not say it, without the static columns.
    static : list of str or int, default=None
        Columns of a 2-D X, by name or position, that are no lags: their value is repeated at each step. None: those
        whose names are no lags, where the names of others are. They hold numbers; texts are numbered before by an
        `OrdinalEncoder`, and the network reads these as categories by their place in a step, behind the lags.

    Attributes
    ----------
    columns_ : int array of shape (n_timesteps, n_features_out)
        Of a 2-D X, the column that each feature of each step is taken from; static columns come last.
    n_features_in_ : int
        Columns of a 2-D X; features per time step of any other X.
    feature_names_in_ : ndarray of str
        Names of the columns, if X was a data frame with string columns.

    Notes
    -----
    Steps without any lag at the beginning or the end of a row stay padding: static columns are missing there too,
    unless the row has no lag at all.

    Examples
    --------
    >>> import pandas as pd
    >>> from skrnn import LagsToSequence
    >>> table = pd.DataFrame({"lag1": [3.0, 4.0], "lag2": [2.0, 3.0], "lag3": [1.0, 2.0], "month": [5.0, 6.0]})
    >>> LagsToSequence().fit_transform(table)[0]
    array([[1., 5.],
           [2., 5.],
           [3., 5.]])
    """

    _parameter_constraints: ClassVar[dict[str, Any]] = {
        "order": [Options({"auto", "oldest_first", "newest_first"})],
        "layout": [Options({"steps", "features", "channels_first"})],
        "n_features": [integers(1)],
        "static": "no_validation",  # beside the columns of X
    }

    feature_names_in_: Array
    columns_: Integers

    def __init__(
        self,
        *,
        order: Literal["auto", "oldest_first", "newest_first"] = "auto",
        layout: Literal["steps", "features", "channels_first"] = "steps",
        n_features: int = 1,
        static: Any = None,
    ):
        self.order = order
        self.layout = layout
        self.n_features = n_features
        self.static = static

    @all_or_nothing
    @with_callbacks
    def fit(self, X: Any, y: Any = None) -> LagsToSequence:
        """Find out which column is which step.

        Parameters
        ----------
        X : array-like, data frame or list of arrays
            A table (n_samples, n_columns), or sequences in the order of axes that ``layout`` names.
        y : ignored
            For compatibility with scikit-learn.

        Returns
        -------
        self : LagsToSequence

        Raises
        ------
        ValueError, TypeError
            If X or a parameter is not usable, or names contradict each other.
        """
        context = self._init_callback_context().call_on_fit_task_begin(estimator=self, X=X, y=y)
        self._validate_params()
        for name in {"columns_", "feature_names_in_"} & set(vars(self)):
            delattr(self, name)
        _, seen = self._read(X, None)
        self._columns, self.n_features_in_ = seen.plain(), seen.n_features
        if seen.names is not None:
            self.feature_names_in_ = seen.names
        if seen.form == "flat":
            grid, static = self._arranged(seen)
            self._n_static = len(static)
            self.columns_ = np.hstack([grid, np.broadcast_to(static, (len(grid), len(static)))])
        else:
            self._n_static = 0
            self._check_axes(seen)
        context.call_on_fit_task_end(estimator=self, X=X, y=y, reconstruction_attributes={})
        return self

    def transform(self, X: Any) -> Any:
        """The sequences of X.

        Parameters
        ----------
        X : array-like, data frame or list of arrays
            In the form and with the columns that `fit` saw.

        Returns
        -------
        sequences : array or list of arrays
            (n_samples, n_timesteps, n_features_out), or (n_timesteps_i, n_features) each. Oldest step first; float32
            where that has every value of X as it is given, else float64.

        Raises
        ------
        sklearn.exceptions.NotFittedError
            Before `fit`.
        ValueError, TypeError
            If X is not usable.
        """
        check_is_fitted(self, "_columns")
        self._validate_params()
        batch, _ = self._read(X, Columns(**self._columns))
        first = np.asarray(batch.starts) - batch.leading
        if "columns_" in vars(self):
            table = _rows_of(batch.steps, first, self.n_features_in_)[:, :, 0]
            return self._unpadded(np.take(table, self.columns_, axis=1))
        turn = -1 if self.order == "newest_first" else 1
        spans = zip(first, batch.spans, strict=True)
        if is_ragged(X):
            return [batch.steps[begin : begin + span][::turn].copy() for begin, span in spans]
        return np.array(_rows_of(batch.steps, first, int(batch.spans[0]))[:, ::turn], order="C")

    def _read(self, X: Any, seen: Columns | None) -> tuple[SequenceBatch, Columns]:
        """X as sequences of the order of axes of networks."""
        name = type(self).__name__
        if self.layout != "steps":
            X = open_container(X, name)
            if isinstance(X, list):
                X = [item.T if np.ndim(item) == 2 else item for item in map(_as_array, X)]
            elif len(X.shape) == 3:
                X = np.swapaxes(_as_array(X), 1, 2)
        return read_X(X, name=name, seen=seen, texts=_TEXTS)

    def _check_axes(self, seen: Columns) -> None:
        """Refuse what is for tables, where the axes say it."""
        name = type(self).__name__
        if self.static is not None and len(listed(name, "static", self.static)):
            raise ValueError(f"static of {name} names columns of a 2D X; X has sequences. Put them into every step.")
        if self.n_features not in (1, seen.n_features):
            raise ValueError(
                f"X has {seen.n_features} features per step by its axes, and {name} has n_features={self.n_features}. "
                "layout='channels_first' reads (n_samples, n_features, n_timesteps), 'steps' (n_samples, n_timesteps, "
                "n_features)."
            )

    def _arranged(self, seen: Columns) -> tuple[Integers, Integers]:
        """The columns of the lags (n_timesteps, n_features), oldest first, and the static ones."""
        lags = read_lags(seen.names) if self.order == "auto" else []
        static = self._static(seen)
        if any(lag is not None and number not in (static or ()) for number, lag in enumerate(lags)):
            return self._by_name(lags, static, seen)
        given = static or []
        rest = np.setdiff1d(np.arange(seen.n_features), given)
        name = type(self).__name__
        if len(rest) == 0 or len(rest) % self.n_features:
            raise ValueError(
                f"X has {len(rest)} columns that are not static, which are no whole steps of "
                f"n_features={self.n_features} of {name}."
            )
        steps = len(rest) // self.n_features
        by_step = self.layout == "steps"
        grid = rest.reshape(steps, -1) if by_step else rest.reshape(-1, steps).T
        return grid[:: -1 if self.order == "newest_first" else 1], np.array(given, np.intp)

    def _by_name(self, lags: list[Lag | None], static: list[int] | None, seen: Columns) -> tuple[Integers, Integers]:
        """The same where names say it."""
        assert seen.names is not None
        name, names = type(self).__name__, [str(one) for one in seen.names]
        others = [number for number, lag in enumerate(lags) if lag is None]
        if static is not None and not set(others) <= set(static):
            odd = [names[number] for number in others if number not in static]
            raise ValueError(
                f"The columns {shown(odd)} are neither lags by their names nor in static of {name}. Add them to "
                "static, drop them, or say with order in which order all columns are."
            )
        static = others if static is None else static
        series: dict[str, dict[int, int]] = {}
        for number, lag in enumerate(lags):
            if lag is None or number in static:
                continue
            ages = series.setdefault(lag.series, {})
            if lag.age in ages:
                raise ValueError(
                    f"The columns {shown([names[ages[lag.age]], names[number]])} name the same lag. {name} needs one "
                    "column for each: drop one, or put it into static."
                )
            ages[lag.age] = number
        first, *more = series.items()
        for other, ages in more:
            if set(ages) != set(first[1]):
                raise ValueError(
                    f"The columns of {other!r} have the lags {shown(sorted(ages))}, those of {first[0]!r} "
                    f"{shown(sorted(first[1]))}. Each step of {name} needs all of them: make the same lags, or put the "
                    "columns that are no series into static."
                )
        if self.n_features not in (1, len(series)):
            raise ValueError(
                f"The names of the columns are lags of {len(series)} series, and {name} has "
                f"n_features={self.n_features}. Leave it out where names are read."
            )
        grid = [[ages[age] for ages in series.values()] for age in sorted(first[1], reverse=True)]
        return np.array(grid, np.intp), np.array(static, np.intp)

    def _static(self, seen: Columns) -> list[int] | None:
        """The positions of the static columns, if they are given."""
        if self.static is None:
            return None
        name, found = type(self).__name__, []
        names = [] if seen.names is None else seen.names.tolist()
        for one in listed(name, "static", self.static, hashable=True):
            if isinstance(one, str) and one in names:
                found.append(names.index(one))
            elif type(plain(one)) is int and -seen.n_features <= plain(one) < seen.n_features:
                found.append(plain(one) % seen.n_features)
            else:
                raise ValueError(
                    f"static of {name} holds {one!r}, which is no column of X: it has {seen.n_features} columns"
                    + (f", {shown(names)}." if names else " without names.")
                )
        if len(set(found)) < len(found):
            raise ValueError(f"static of {name} names a column twice.")
        return found

    def _unpadded(self, sequences: Array) -> Array:
        """Without static values where a row has no step."""
        if self._n_static:
            real: Flags = np.asarray(~np.isnan(sequences[:, :, : -self._n_static]).all(axis=2))
            real[~real.any(axis=1), -1] = True  # nothing is known but what is static
            sequences[~_between(real), -self._n_static :] = np.nan
        return sequences

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        tags.input_tags.three_d_array = True
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags


def _rows_of(steps: Floats, first: Integers, width: int) -> Floats:
    """The steps from each ``first`` on, (n, width, n_features), as a view where they lie equally far apart."""
    stride = int(first[1] - first[0]) if len(first) > 1 else width
    if stride < 0 or (first != first[0] + stride * np.arange(len(first))).any():
        return np.asarray(steps[first[:, None] + np.arange(width)])
    shape, strides = (len(first), width, steps.shape[1]), (stride * steps.strides[0], *steps.strides)
    return np.lib.stride_tricks.as_strided(steps[int(first[0]) :], shape, strides, writeable=False)


def _between(real: Flags) -> Flags:
    """Which steps lie between the first and the last real one of a row."""
    begun = np.logical_or.accumulate(real, axis=1)
    return np.asarray(begun & np.logical_or.accumulate(real[:, ::-1], axis=1)[:, ::-1])


def _as_array(item: Any) -> Array:
    return item if isinstance(item, np.ndarray) else np.asarray(item)


LagsToSequence.__module__ = "skrnn"  # the name that users import and pickles hold

"""Windows inside a Pipeline: a row becomes the window that ends at it."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.callback import CallbackSupportMixin, with_callbacks
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted, validate_data

from skrnn._atomic import all_or_nothing
from skrnn._constraints import integers, names_in
from skrnn._types import Array, Integers
from skrnn._warnings import warn_caller
from skrnn.windowing._index import Seen, TimeRows, read_index, rows_before, several_ranges
from skrnn.windowing._lost import warn_of_lost
from skrnn.windowing._rows import read_rows
from skrnn.windowing._split import warn_of_other_series
from skrnn.windowing._states import WindowState
from skrnn.windowing._step import Step, first_positions, moments_of, told_apart
from skrnn.windowing._windows import windows_of

__all__ = ["SlidingWindow"]

_FARTHEST = 2**24  # rows, which are held in front of a series


def _is_flat(estimator: Any) -> bool:
    return bool(estimator.flatten)


class SlidingWindow(WindowState, TransformerMixin, CallbackSupportMixin, BaseEstimator):
    """Turn the rows of a series into windows: row i becomes the rows up to and including row i.

    The number of rows stays, so that ``y[i]`` remains the target of row i and the transformer fits into a Pipeline.
    Early rows hold the steps that exist, and NaN for those that do not. With a pandas index, windows never cross a
    gap in time or another series, and rows that directly continue those of `fit` see their tail: a test fold of
    `TimeSeriesSplit` gets full windows, and nothing else does. A warning says where gaps cost more than a hundredth of
    the windows.

    Parameters
    ----------
    window : int, default=10
        Steps in a window; at least 1.
    dilation : int, default=1
        Rows from one step of a window to the next; at least 1.
    flatten : bool, default=False
        Whether to return a table of lags (n_rows, window * n_features), named ``temp_lag3`` … ``temp_lag0``, for
        any model; step by step, so that an estimator with ``features_per_step=n_features`` reads it as a sequence.
    freq : pandas offset, alias, DatetimeIndex or "rows", default=None
        From a row to the next one of its series. An offset, such as ``CustomBusinessDay(holidays=...)``, or its alias;
        an index that holds all dates; "rows": rows follow each other as they come, and stamps are labels. None:
        ``freq`` of the index if it is set, else the most common distance of each series.

    Attributes
    ----------
    n_features_in_ : int
        Columns of the series.
    feature_names_in_ : ndarray of str
        Names of the columns, if X was a data frame with string columns.

    Notes
    -----
    A window depends on its neighbouring rows, so the rows must be in the order of time: cross-validate with
    `TimeSeriesSplit`, never with shuffled folds. Without an index it is unknown which rows continue which: rows
    of plain arrays get no context unless `transform` is given it.

    For one series without gaps the windows are a view: they take the memory of the series, not ``window`` times as
    much.

    Examples
    --------
    >>> import numpy as np
    >>> from skrnn import SlidingWindow
    >>> SlidingWindow(window=3, flatten=True).fit_transform(np.array([[1.0], [2.0], [3.0], [4.0]]))
    array([[nan, nan,  1.],
           [nan,  1.,  2.],
           [ 1.,  2.,  3.],
           [ 2.,  3.,  4.]])
    """

    _parameter_constraints: ClassVar[dict[str, Any]] = {
        "window": [integers(1)],
        "dilation": [integers(1)],
        "flatten": ["boolean"],
        "freq": "no_validation",  # by pandas, beside the index
    }

    def __init__(self, window: int = 10, *, dilation: int = 1, flatten: bool = False, freq: Any = None):
        self.window = window
        self.dilation = dilation
        self.flatten = flatten
        self.freq = freq

    @all_or_nothing
    @with_callbacks
    def fit(self, X: Any, y: Any = None) -> SlidingWindow:
        """Remember the last rows of each series.

        Parameters
        ----------
        X : array-like or data frame of shape (n_rows, n_features)
            One series, or with a (series, time) MultiIndex several, oldest row first.
        y : ignored
            For compatibility with scikit-learn.

        Returns
        -------
        self : SlidingWindow

        Raises
        ------
        ValueError, TypeError
            If a parameter or the index is not usable.
        """
        context = self._init_callback_context().call_on_fit_task_begin(estimator=self, X=X, y=y)
        self._validate_params()
        values = self._check(X, reset=True)
        rows = read_index(X, self.freq)
        self._kind, self._common, self._tails = rows.kind, rows.common.plain(), self._last_rows(values, rows)
        context.call_on_fit_task_end(estimator=self, X=X, y=y, reconstruction_attributes={})
        return self

    def transform(self, X: Any, *, context: Any = None) -> Any:
        """Windows that end at the rows of X.

        Parameters
        ----------
        X : array-like or data frame of shape (n_rows, n_features)
            Rows in the order of time, with the same kind of index as in `fit`.
        context : array-like of shape (n_context, n_features), default=None
            For plain arrays: the rows right before X.

        Returns
        -------
        windows : array of shape (n_rows, window, n_features), or (n_rows, window * n_features)
            Row i is the window that ends at row i, oldest step first; NaN where there is no step.

        Raises
        ------
        sklearn.exceptions.NotFittedError
            Before `fit`.
        ValueError, TypeError
            If X is not usable, or its index is of another kind than in `fit`.
        """
        check_is_fitted(self, "_tails")
        self._validate_params()
        values = self._check(X, reset=False)
        steps = [Step(*step) for step in self._tails["steps"]]
        each = {key: steps[place] for key, place in zip(self._tails["keys"], self._tails["step_of"], strict=True)}
        rows = read_index(X, self.freq, Seen(self._kind, Step(*self._common), each))
        if context is not None and rows.kind != "no index":
            raise ValueError(
                "context is for plain arrays; a pandas index says by itself which rows continue those of fit."
            )
        if rows.times is not None:
            firsts = moments_of(rows.times[rows.bounds[:-1]])
            ends_of_fit = dict(zip(self._tails["keys"], self._tails["moments"].tolist(), strict=True))
            warn_of_other_series(rows.keys, firsts, ends_of_fit)
        table, ends, reach = self._with_context(values, rows, context)
        windows = self._view_or_gather(table, ends, reach)
        return windows.reshape(len(windows), -1) if self.flatten else windows

    def _last_rows(self, values: Array, rows: TimeRows) -> dict[str, Any]:
        """What continuing the series needs, as plain data: the rows at the end of each, and where that lies."""
        ends = rows.bounds[1:] - 1
        lengths = np.minimum(rows_before(rows.begins)[ends] + 1, self._reach)
        steps, numbers = told_apart(rows.steps)
        return {
            "keys": rows.keys,
            "steps": [step.plain() for step in steps],
            "step_of": numbers,
            "rows": rows.in_order(values)[several_ranges(ends + 1 - lengths, lengths)],
            "lengths": lengths,
            "positions": rows.positions[ends],
            "moments": ends if rows.times is None else moments_of(rows.times[ends]),
        }

    def _with_context(self, values: Array, rows: TimeRows, context: Any) -> tuple[Array, Integers, Integers]:
        """A table of all series behind their context; where each row of X is in it, and how far that may look back."""
        values, sizes = rows.in_order(values), np.diff(rows.bounds)
        before, counts = self._context(rows) if context is None else (self._check(context, reset=False), None)
        counts = np.array([len(before)]) if counts is None else counts
        ends = np.arange(len(values)) + np.repeat(np.cumsum(counts), sizes)
        table = np.empty((len(values) + len(before), values.shape[1]), np.result_type(values, before))
        table[ends] = values
        table[several_ranges(rows.bounds[:-1] + np.cumsum(counts) - counts, counts)] = before
        number = np.arange(len(values)) - np.repeat(rows.bounds[:-1], sizes)  # of a row in its series
        led = rows_before(rows.begins)
        reaches = led + 1 + np.where(led == number, np.repeat(counts, sizes), 0)
        whole = number >= self._reach
        lost = int((whole & (reaches <= self._reach)).sum()), int(whole.sum())
        if rows.order is not None:
            back = np.argsort(rows.order)
            ends, reaches = ends[back], reaches[back]
        self._warn(rows, reaches, *lost)
        return table, ends, reaches

    def _context(self, rows: TimeRows) -> tuple[Array, Integers]:
        """The last rows of fit of those series that go on from them, one series after the other, and how many each."""
        tails, firsts = self._tails, rows.bounds[:-1]
        known = {key: number for number, key in enumerate(tails["keys"])}
        place = np.array([known.get(key, -1) for key in rows.keys])
        if rows.times is None or not (place >= 0).any():
            return tails["rows"][:0], np.zeros(len(place), np.intp)
        position, moments, last = tails["positions"][place], moments_of(rows.times[firsts]), tails["moments"][place]
        later = (moments > last) | ((moments == last) & (rows.positions[firsts] > position))  # steps of nanoseconds
        first = first_positions(rows.steps, rows.positions[firsts], position, later)
        goes_on = (place >= 0) & (first - position == np.array([step.size for step in rows.steps]))
        counts = np.where(goes_on, tails["lengths"][place], 0)
        begins = np.cumsum(tails["lengths"]) - tails["lengths"]
        return tails["rows"][several_ranges(begins[place], counts)], counts

    def _warn(self, rows: TimeRows, reaches: Integers, lost: int, possible: int) -> None:
        """Say that rows were shuffled, or how many windows the gaps cost."""
        alone = reaches <= min(self._reach, 1)
        if len(reaches) > 2 * self._reach + 2 and alone[self._reach :].mean() > 0.5:
            warn_caller(
                "Most rows do not follow the row before them, so that their windows are nearly empty. Were the rows "
                f"shuffled? Use TimeSeriesSplit instead of a shuffled KFold. The step of the rows is {rows.common}.",
                UserWarning,
            )
            return
        warn_of_lost(rows, lost, possible, "are cut off at a gap")

    def _view_or_gather(self, table: Array, ends: Integers, reach: Integers) -> Array:
        """(n_rows, window, n_features): a view if the rows are one unbroken run at the end of the table."""
        n_before = len(table) - len(ends)
        run = (ends == np.arange(len(ends)) + n_before).all() and (reach == np.arange(len(ends)) + n_before + 1).all()
        head = np.full((max(self._reach - n_before, 0) if run else self._reach, table.shape[1]), np.nan, table.dtype)
        padded = np.concatenate([head, table[max(n_before - self._reach, 0) :] if run else table])
        windows = windows_of(padded, self._reach + 1)[:, :: self._stride]
        if run:
            return windows
        windows = windows[ends]
        short = np.flatnonzero(reach <= self._reach)
        cut = windows[short]
        cut[np.arange(self._reach, -1, -self._stride) >= reach[short, None]] = np.nan
        windows[short] = cut
        return windows

    def set_output(self, *, transform: str | None = None) -> Any:
        """Choose the container of the lag table. Without ``flatten``, the windows are 3-D and always an array.

        So ``set_output`` of a whole Pipeline keeps the index in front of the windows, and an array behind them.

        Parameters
        ----------
        transform : {"default", "pandas", "polars"} or None, default=None
            None leaves it as it is.

        Returns
        -------
        self : SlidingWindow

        Raises
        ------
        ValueError
            In `transform` and `fit_transform`, if scikit-learn does not know the container.
        """
        if _is_flat(self):
            return super().set_output(transform=transform)
        if transform is not None:
            self._sklearn_output_config = {"transform": transform}  # where scikit-learn keeps it
        return self

    @property
    def _reach(self) -> int:
        """Rows before the newest that a window looks back."""
        reach = (int(self.window) - 1) * self._stride
        if reach > _FARTHEST:
            raise ValueError(
                f"window={self.window} with dilation={self.dilation} looks {reach} rows back; the most is {_FARTHEST}."
            )
        return reach

    @property
    def _stride(self) -> int:
        """Rows from one step of a window to the next."""
        return int(self.dilation)

    def _check(self, X: Any, reset: bool) -> Array:
        """The values of X, and its columns kept or compared."""
        X = X.to_frame() if hasattr(X, "to_frame") and not hasattr(X, "columns") else X
        values = read_rows(X, type(self).__name__)
        validate_data(self, X if hasattr(X, "columns") else values, reset=reset, skip_check_array=True)
        return values

    @available_if(_is_flat)
    def get_feature_names_out(self, input_features: Any = None) -> Array:
        """Names of the lags, oldest first: ``temp_lag3``.

        Parameters
        ----------
        input_features : array-like of str, default=None
            Names of the columns; None: those of `fit`, or x0, x1, ….

        Returns
        -------
        names : ndarray of str, of shape (window * n_features,)

        Raises
        ------
        sklearn.exceptions.NotFittedError
            Before `fit`.
        ValueError, TypeError
            If there are not as many names as columns, or they are not those of `fit`.
        """
        check_is_fitted(self, "_tails")
        names = names_in(self, input_features)
        lags = range(self._reach, -1, -self._stride)
        return np.array([f"{name}_lag{lag}" for lag in lags for name in names], dtype=object)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.two_d_array = False
        tags.input_tags.three_d_array = True
        tags.input_tags.allow_nan = True
        return tags


SlidingWindow.__module__ = "skrnn"  # the name that users import and pickles hold

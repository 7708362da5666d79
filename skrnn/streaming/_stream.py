"""A fitted Pipeline that is fed one time step after the other, for one series or for several."""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from math import isinf
from typing import Any

import numpy as np
from sklearn.pipeline import Pipeline
from sklearn.utils.validation import check_is_fitted

from skrnn._atomic import all_or_nothing
from skrnn._constraints import listed
from skrnn._plain import as_misfits, require
from skrnn._types import Array
from skrnn.estimators import Stream
from skrnn.sequences import as_numbers, detached, refuse_mask
from skrnn.streaming._rows import newest_window, row_steps, transformed
from skrnn.version import __version__
from skrnn.windowing import SlidingWindow

__all__ = ["PipelineStream", "stream"]

_FORMAT = 1


class PipelineStream:
    """A fitted Pipeline that follows one series, or several: made by `skrnn.stream`.

    It can be pickled with its state, as far as its steps can, and is checked as it is loaded.

    Attributes
    ----------
    method : str
        What `step` returns.
    keys : list
        Of the series that have had a step; None is that of a `step` without keys.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.pipeline import make_pipeline
    >>> import skrnn
    >>> X = np.random.default_rng(0).normal(5.0, 2.0, size=(20, 7, 3))
    >>> model = make_pipeline(skrnn.StepwiseTransformer(), skrnn.RNNRegressor(max_iter=2, random_state=0))
    >>> stream = skrnn.stream(model.fit(X, X[:, -1, 0]))
    >>> forecasts = [stream.step(row) for row in X[0]]
    >>> bool(abs(forecasts[-1] - model.predict(X[:1])[0]) < 1e-6)
    True
    """

    def __init__(self, pipeline: Any, method: str | None = None):
        check_is_fitted(pipeline)
        self._pipeline = pipeline
        steps = list(pipeline.steps) if isinstance(pipeline, Pipeline) else [("estimator", pipeline)]
        places = [i for i, (_, step) in enumerate(steps) if isinstance(step, SlidingWindow)]
        self._window = steps[places[-1]][1] if places else None
        if len(places) > 1:
            raise ValueError("The Pipeline has several SlidingWindow steps; a stream follows one.")
        n_rows = places[0] if places else len(steps) - 1
        self._transformers = row_steps(steps[:n_rows], whole_rows=bool(places))
        self._last: Any = Pipeline(steps[n_rows + 1 :]) if places else steps[-1][1]
        self._series: dict[Hashable, Any] = {}
        if places:
            self._n_features = 0  # as many as come; those of a window are checked by what stands behind it
            self.method = "predict" if method is None else method
            if not hasattr(self._last, self.method):
                raise ValueError(f"method={method!r} is none of the last step, {steps[-1][0]!r}.")
            return
        if not hasattr(self._last, "stream"):
            raise ValueError(
                f"The last step, a {type(self._last).__name__}, cannot follow a series step by step. It has to be an "
                "estimator of skrnn, or stand behind a SlidingWindow."
            )
        trial = self._last.stream(method)  # or it says why not
        self.method, self._n_features = trial.method, trial.n_features

    @property
    def keys(self) -> list[Hashable]:
        """Of the series that have had a step."""
        return list(self._series)

    def step(self, row: Any, keys: Iterable[Hashable] | None = None) -> Any:
        """Take the next time step of a series, or of several.

        Parameters
        ----------
        row : array-like of shape (n_features,), or a number; with ``keys`` (n_series, n_features) or (n_series,)
            What the Pipeline takes of a time step. NaN is a missing value.
        keys : iterable of hashables, default=None
            Which series the rows belong to, each at most once; new ones begin with this step. None: a series by itself.

        Returns
        -------
        prediction : float, array or label; with ``keys`` a list of them
            What the method returns for the series so far; behind a `SlidingWindow`, for its newest window.

        Raises
        ------
        ValueError, TypeError
            If a row is not usable, or there are not as many as keys. No series has then taken a step.
        """
        if keys is None:
            return self._step(None, self._read(row))
        caller = f"{type(self).__name__}.step"
        names = listed(caller, "keys", keys, hashable=True)
        if len(set(names)) != len(names):
            raise ValueError("keys names a series more than once; each takes one step at a time.")
        rows = listed(caller, "row", row.to_numpy() if hasattr(row, "to_numpy") else row)
        if len(rows) != len(names) or not names:
            raise ValueError(f"Got {len(rows)} rows and {len(names)} keys.")
        read = [self._read(one) for one in rows]  # all of them, before any series moves on
        sizes = {one.size for one in read} - {self._n_features or read[0].size}
        if sizes:
            raise ValueError(f"A row has {sizes.pop()} features, but {self._n_features or read[0].size} are expected.")
        return [self._step(name, one) for name, one in zip(names, read, strict=True)]

    def forget(self, keys: Iterable[Hashable] | None = None) -> PipelineStream:
        """Forget the steps of some series.

        Parameters
        ----------
        keys : iterable of hashables, default=None
            Which; those that had no step are passed over. None: all.

        Returns
        -------
        self : PipelineStream

        Raises
        ------
        TypeError
            If keys is no list of what can name a series.
        """
        for key in list(self._series) if keys is None else listed("PipelineStream.forget", "keys", keys, hashable=True):
            self._series.pop(key, None)
        return self

    def __getstate__(self) -> dict[str, Any]:
        series = [[key, np.array(one) if isinstance(one, list) else one] for key, one in self._series.items()]
        own = {"pipeline": self._pipeline, "method": self.method, "series": series}
        return {**own, "_format": _FORMAT, "_version": __version__}

    @all_or_nothing
    def __setstate__(self, state: dict[str, Any]) -> None:
        with as_misfits():
            values = dict(state)
            form, version = values.pop("_format", None), values.pop("_version", "unknown")
            require(form == _FORMAT, f"skrnn {version} wrote it in format {form!r}, and format {_FORMAT} is read")
            require(set(values) == {"pipeline", "method", "series"}, "it is not that of a PipelineStream")
            require(type(values["method"]) is str, "the stream has no method")
            self.__init__(values["pipeline"], values["method"])  # type: ignore[misc]  # with its own checks
            self._series = self._read_series(values["series"])

    def _read_series(self, values: Any) -> dict[Hashable, Any]:
        """What the steps so far have left, by series, checked."""
        require(type(values) is list, "the series are no list")
        found: dict[Hashable, Any] = {}
        for pair in values:
            require(type(pair) is list and len(pair) == 2, "a series is no pair of its name and its steps")
            key, one = pair
            require(key not in found, f"the series {key!r} is there twice")
            found[key] = self._read_rows(one) if self._window is not None else self._read_stream(one)
        widths = {len(one[0]) for one in found.values() if isinstance(one, list)}
        require(len(widths) < 2, "the rows of the series have different numbers of features")
        return found

    def _read_stream(self, one: Any) -> Any:
        fits = type(one) is Stream and one.method == self.method and one.n_features == self._n_features
        require(fits, f"a series has no stream of {self.method!r} with {self._n_features} features")
        return one

    def _read_rows(self, rows: Any) -> list[Array]:
        """The newest rows of a series, of which as many are kept as a window reaches back."""
        real = type(rows) is np.ndarray and rows.dtype == np.float64 and rows.ndim == 2 and rows.size > 0
        require(real and len(rows) <= self._kept, f"the rows of a series are not up to {self._kept} rows of numbers")
        require(not np.isinf(rows).any(), "the rows of a series are infinite")
        return list(np.ascontiguousarray(rows))

    @property
    def _kept(self) -> int:
        """How many rows a window reaches back."""
        window = self._window
        return 1 if window is None else (int(window.window) - 1) * int(window.dilation) + 1

    def _read(self, row: Any) -> Array:
        """A row behind the row-wise steps."""
        name = type(self).__name__
        if (
            not self._transformers and self._window is None
        ):  # the stream of the network reads it, which may be no numbers
            refuse_mask(row, name, "row")
            values = np.atleast_1d(np.asarray(row, None if hasattr(row, "dtype") else object))
        else:
            values = np.asarray(as_numbers(detached(row, name), name, "row"), np.float64).reshape(-1)
        if any(isinstance(one, float) and isinf(one) for one in values.tolist()):
            raise ValueError("Input row contains infinity.")
        return transformed(self._transformers, values) if self._transformers else values

    def _step(self, key: Hashable, row: Array) -> Any:
        """The prediction of a series after one more row."""
        if self._window is None:
            one: Stream | None = self._series.get(key)
            if one is None:
                one = self._last.stream(self.method)
            prediction = one.step(row)
            self._series[key] = one
            return prediction
        rows = [*self._series.get(key, []), np.asarray(row, np.float64)][-self._kept :]
        prediction = getattr(self._last, self.method)(newest_window(rows, self._window))[0]
        self._series[key] = rows
        return prediction


def stream(pipeline: Any, method: str | None = None) -> PipelineStream:
    """Follow one series, or several, step by step with a fitted Pipeline.

    Parameters
    ----------
    pipeline : fitted Pipeline, or fitted estimator of skrnn
        Steps in front of the network are applied to each time step: `StepwiseTransformer`, and, in front of a
        `SlidingWindow`, the scalers, encoders, imputers, selectors and decompositions of scikit-learn. Behind a
        `SlidingWindow`, which hands its newest window on at every step, any estimator may stand.
    method : str or None, default=None
        What a step returns, such as "predict_proba"; None: the first that the network's own stream has, or "predict".

    Returns
    -------
    stream : PipelineStream
        ``stream.step(row)`` takes the next step of a series; ``stream.step(rows, keys=...)`` those of several.

    Raises
    ------
    sklearn.exceptions.NotFittedError
        Before `fit`.
    ValueError
        If a step looks at more than one row, or the network needs to see later steps; the message says which.
    """
    return PipelineStream(pipeline, method)


PipelineStream.__module__ = "skrnn"  # the name that pickles hold
stream.__module__ = "skrnn"

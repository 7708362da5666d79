"""A forecast beside the truth."""

from __future__ import annotations

from typing import Any

import numpy as np

from skrnn.inspection._axes import COLORS, NEUTRAL, legend_beside, open_axes, space_dates, tidy, whole_steps
from skrnn.inspection._inside import chosen

__all__ = ["ForecastDisplay"]


class ForecastDisplay:
    """Lines of the true and of the predicted values over time, after what came before, with a band around the forecast.

    Use `from_estimator` or `from_predictions` to make one.

    Parameters
    ----------
    y_true, y_pred : array-like of shape (n_samples,)
        True and predicted values, oldest first.
    index : array-like of shape (n_samples,), default=None
        Times of the values; None: the index of ``y_true`` if it has one, else of ``y_pred``, else 0, 1, ….
    history : Series or array-like of shape (n_past,), default=None
        Values before the first of these; an array ends one step before 0.
    interval : tuple of two array-likes of shape (n_samples,), default=None
        Lower and upper ends of the band.

    Attributes
    ----------
    ax_, figure_ : matplotlib Axes and Figure
    lines_ : list of matplotlib lines
        Truth (if it is known) and forecast, then the history, if there is one.
    line_ : matplotlib line
        The forecast.
    band_ : matplotlib collection or None

    Examples
    --------
    >>> from skrnn import ForecastDisplay
    >>> display = ForecastDisplay.from_predictions([1.0, 2.0, 3.0], [1.1, 2.1, 2.8])
    >>> [line.get_label() for line in display.lines_]
    ['truth', 'forecast']
    """

    def __init__(self, y_true: Any, y_pred: Any, index: Any = None, *, history: Any = None, interval: Any = None):
        self.y_true = y_true
        self.y_pred = y_pred
        self.index = index
        self.history = history
        self.interval = interval

    def plot(self, ax: Any = None, *, name: str = "forecast") -> ForecastDisplay:
        """Draw.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw; None: in a new figure.
        name : str, default="forecast"
            The forecast's label.

        Returns
        -------
        self : ForecastDisplay

        Raises
        ------
        ImportError
            Without matplotlib.
        """
        self.ax_ = open_axes(self, ax, (9, 3.5))
        self.figure_, self.lines_, self.band_ = self.ax_.figure, [], None
        times, past = self._times(), None
        if self.history is not None:
            past = _moments(self.history, np.arange(-len(self.history), 0))
            past = self.ax_.plot(past, np.asarray(self.history), color=NEUTRAL, linewidth=1.1, label="history")[0]
        if self.y_true is not None:
            truth = np.asarray(self.y_true)
            self.lines_ += self.ax_.plot(times, truth, color=NEUTRAL, linewidth=2.5, alpha=0.7, label="truth")
        (self.line_,) = self.ax_.plot(times, np.asarray(self.y_pred), color=COLORS[1], linewidth=1.3, label=name)
        self.lines_ += [self.line_] if past is None else [self.line_, past]
        if self.interval is not None:
            low, high = map(np.asarray, self.interval)
            self.band_ = self.ax_.fill_between(
                times, low, high, color=COLORS[1], alpha=0.3, linewidth=0, label="interval"
            )
        value = next((one.name for one in (self.y_true, self.y_pred) if getattr(one, "name", None)), None)
        if np.asarray(times).dtype.kind == "M":
            tidy(self.ax_, "", str(value or "value"))
            space_dates(self.ax_)
        else:
            tidy(self.ax_, "step", str(value or "value"))
            whole_steps(self.ax_)
        legend_beside(self.ax_)
        return self

    def _times(self) -> Any:
        """Where the values lie."""
        if self.index is not None:
            return _moments(None, self.index)
        known = [one for one in (self.y_true, self.y_pred) if _has_times(one)]
        return _moments(known[0], None) if known else np.arange(len(self.y_pred))

    @classmethod
    def from_predictions(cls, y_true: Any, y_pred: Any, *, index: Any = None, ax: Any = None) -> ForecastDisplay:
        """Plot given predictions.

        Parameters
        ----------
        y_true, y_pred : array-like of shape (n_samples,)
            True and predicted values, oldest first.
        index : array-like of shape (n_samples,), default=None
            Times of the values.
        ax : matplotlib Axes, default=None
            Where to draw; None: in a new figure.

        Returns
        -------
        display : ForecastDisplay

        Raises
        ------
        ValueError
            If the lengths differ, or there is more than one target.
        """
        shapes = np.shape(y_true), np.shape(y_pred)
        if shapes[0] != shapes[1] or len(shapes[0]) != 1:
            raise ValueError(f"y_true and y_pred need one shape (n_samples,), got {shapes[0]} and {shapes[1]}.")
        return cls(y_true, y_pred, index).plot(ax)

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        X: Any = None,
        y: Any = None,
        *,
        index: Any = None,
        steps: int | None = None,
        coverage: float | None = None,
        n_history: int = 100,
        ax: Any = None,
    ) -> ForecastDisplay:
        """Plot the predictions of a fitted regressor, or the forecast of a fitted `WindowForecaster`.

        Parameters
        ----------
        estimator : fitted regressor or WindowForecaster
            Anything with `predict`, such as a Pipeline, or with `forecast`; or a fitted search over one.
        X : array-like, default=None
            Passed to ``predict``; for a forecaster the Series that its forecast follows on, to be shown in front.
        y : array-like of shape (n_samples,), default=None
            True values, oldest first; for a forecaster a Series, of which the times of the forecast are taken. None:
            not known.
        index : array-like of shape (n_samples,), default=None
            Times of the values.
        steps : int or None, default=None
            For a forecaster, how far; None: its ``horizon``.
        coverage : float or None, default=None
            For a forecaster with ``calibration``: the share of true values that the band should contain, in (0, 1).
        n_history : int, default=100
            How many values of X to show at most, for a forecaster.
        ax : matplotlib Axes, default=None
            Where to draw; None: in a new figure.

        Returns
        -------
        display : ForecastDisplay

        Raises
        ------
        ValueError
            If the lengths differ, or there is more than one target or series.
        """
        estimator = chosen(estimator)
        if not hasattr(estimator, "forecast"):
            predicted = estimator.predict(X)
            return (
                cls(None, predicted, index).plot(ax)
                if y is None
                else cls.from_predictions(y, predicted, index=index, ax=ax)
            )
        interval = None
        if coverage is None:
            forecast = estimator.forecast(steps)
        else:
            frame = estimator.forecast_interval(steps, coverage=coverage)
            forecast, interval = frame["forecast"], (frame["lower"], frame["upper"])
        if np.ndim(forecast) != 1 or getattr(forecast.index, "nlevels", 1) > 1:
            raise ValueError("ForecastDisplay draws one series: choose one of the panel, or one target.")
        forecast = forecast.rename(getattr(X, "name", None))
        truth = None if y is None else y.reindex(forecast.index)
        history = None if X is None else X.iloc[-n_history:]
        return cls(truth, forecast, index, history=history, interval=interval).plot(ax)


def _has_times(values: Any) -> bool:
    """Whether values have an index; lists have a method of that name."""
    return getattr(values, "index", None) is not None and not callable(values.index)


def _moments(values: Any, times: Any) -> Any:
    """The times of values that have some, or those given, as matplotlib draws them."""
    times = values.index if _has_times(values) else times
    return times.to_timestamp() if hasattr(times, "to_timestamp") else times


ForecastDisplay.__module__ = "skrnn"  # the name that users import

"""A forecast beside the truth."""

from __future__ import annotations

from typing import Any

import numpy as np

__all__ = ["ForecastDisplay"]


class ForecastDisplay:
    """Lines of the true and of the predicted values over time.

    Use `from_estimator` or `from_predictions` to make one.

    Parameters
    ----------
    y_true, y_pred : array-like of shape (n_samples,)
        True and predicted values, oldest first.
    index : array-like of shape (n_samples,), default=None
        Times of the values; None: the index of ``y_true`` if it has one, else 0, 1, ….

    Attributes
    ----------
    ax_, figure_ : matplotlib Axes and Figure
    lines_ : list of matplotlib lines
        Truth and forecast.

    Examples
    --------
    >>> from skrnn import ForecastDisplay
    >>> display = ForecastDisplay.from_predictions([1.0, 2.0, 3.0], [1.1, 2.1, 2.8])
    >>> [line.get_label() for line in display.lines_]
    ['truth', 'forecast']
    """

    def __init__(self, y_true: Any, y_pred: Any, index: Any = None):
        self.y_true = y_true
        self.y_pred = y_pred
        self.index = index

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
        try:
            from matplotlib import pyplot
        except ImportError as error:
            raise ImportError("ForecastDisplay needs matplotlib: pip install 'skrnn[plot]'.") from error
        self.ax_ = pyplot.subplots(figsize=(9, 3.5), layout="constrained")[1] if ax is None else ax
        self.figure_ = self.ax_.figure
        times = getattr(self.y_true, "index", None) if self.index is None else self.index
        times = np.arange(len(self.y_true)) if times is None or callable(times) else times  # lists have such a method
        times = times.to_timestamp() if hasattr(times, "to_timestamp") else times
        (truth,) = self.ax_.plot(times, np.asarray(self.y_true), color="0.65", linewidth=2.5, label="truth")
        (forecast,) = self.ax_.plot(times, np.asarray(self.y_pred), color="tab:orange", linewidth=1.1, label=name)
        self.lines_ = [truth, forecast]
        self.ax_.legend(frameon=False)
        self.ax_.set_ylabel(getattr(self.y_true, "name", None) or "value")
        self.ax_.spines[["top", "right"]].set_visible(False)
        return self

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
    def from_estimator(cls, estimator: Any, X: Any, y: Any, *, index: Any = None, ax: Any = None) -> ForecastDisplay:
        """Plot the predictions of a fitted regressor.

        Parameters
        ----------
        estimator : fitted regressor
            Anything with `predict`, such as a Pipeline.
        X : array-like
            Passed to ``predict``.
        y : array-like of shape (n_samples,)
            True values, oldest first.
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
        return cls.from_predictions(y, estimator.predict(X), index=index, ax=ax)


ForecastDisplay.__module__ = "skrnn"  # the name that users import

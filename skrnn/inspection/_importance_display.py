"""What predictions depend on, drawn: importances over features and lags, and attributions."""

from __future__ import annotations

from typing import Any

import numpy as np

from skrnn.inspection._attributions import Attributions, integrated_gradients
from skrnn.inspection._axes import COLORS, name_places, open_axes, tidy, whole_steps
from skrnn.inspection._heat import count_from, draw_heat, name_rows
from skrnn.inspection._importance import permutation_importance

__all__ = ["AttributionDisplay", "ImportanceDisplay"]


class ImportanceDisplay:
    """Permutation importances: a heat map of feature x lag, or bars of features or of lags.

    Use `from_estimator` to make one.

    Parameters
    ----------
    result : Importances
        What `permutation_importance` has found.
    feature_names : list of str or None, default=None
        Names of the features; None: their numbers.

    Attributes
    ----------
    ax_, figure_ : matplotlib Axes and Figure
    im_ : matplotlib image or None
        The heat map.
    bars_ : matplotlib container or None
        The bars, with the standard deviation over the repeats.
    line_ : None
        Neither is a line.

    Examples
    --------
    >>> from skrnn import RNNRegressor
    >>> from skrnn.datasets import load_sine_wave
    >>> from skrnn.inspection import ImportanceDisplay
    >>> X, y = load_sine_wave(return_X_y=True)
    >>> model = RNNRegressor(max_iter=2, random_state=0).fit(X, y)
    >>> display = ImportanceDisplay.from_estimator(model, X, y, over="lags", n_repeats=1, random_state=0)
    >>> len(display.bars_) == X.shape[1]
    True
    """

    def __init__(self, result: Any, feature_names: Any = None):
        self.result = result
        self.feature_names = feature_names

    def plot(self, ax: Any = None) -> ImportanceDisplay:
        """Draw.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw; None: in a new figure.

        Returns
        -------
        self : ImportanceDisplay

        Raises
        ------
        ImportError
            Without matplotlib.
        """
        mean, spread = self.result.importances_mean, self.result.importances_std
        self.ax_ = open_axes(self, ax, (7.0, 3.5))
        self.figure_, self.im_, self.bars_, self.line_ = self.ax_.figure, None, None, None
        unit, names = f"fall of the {self.result.get('measure', 'score')}", self.feature_names
        names = self.result.get("feature_names") if names is None else names
        if self.result.over == "both":
            names = range(len(mean)) if names is None else names
            extent = (mean.shape[1] - 1.0, 0.0)
            self.im_ = draw_heat(self.ax_, mean[:, ::-1], unit, signed=False, extent=extent)
            name_rows(self.ax_, names, "feature")
            count_from(self.ax_, "steps")
            return self
        ink = self.ax_.xaxis.label.get_color()  # dark on a light ground, light on a dark one
        self.bars_ = self.ax_.bar(np.arange(len(mean)), mean, yerr=spread, color=COLORS[0], ecolor=ink)
        tidy(self.ax_, "feature", unit)
        if self.result.over == "lags":
            self.ax_.invert_xaxis()
            count_from(self.ax_, "steps")
        else:
            whole_steps(self.ax_)
            name_places(self.ax_, range(len(mean)) if names is None else names)
        return self

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        X: Any,
        y: Any = None,
        *,
        over: str = "both",
        scoring: Any = None,
        n_repeats: int = 5,
        max_samples: int | float = 1.0,
        n_jobs: int | None = None,
        random_state: Any = None,
        feature_names: Any = None,
        ax: Any = None,
    ) -> ImportanceDisplay:
        """Measure and plot the importances of a fitted estimator.

        Parameters
        ----------
        estimator : fitted estimator
        X : array-like or list of arrays
            Sequences.
        y : array-like of shape (n_samples,) or None, default=None
            Targets; of a forecaster the windows' own.
        over : {"features", "lags", "both"}, default="both"
            What is shuffled at a time.
        scoring : str, callable or None, default=None
            As in scikit-learn.
        n_repeats : int, default=5
            Shuffles of each; at least 1.
        max_samples : int or float in (0, 1], default=1.0
            How many sequences to look at, or which share of them.
        n_jobs : int or None, default=None
            How many shuffles are scored at the same time.
        random_state : int, RandomState instance or None, default=None
            Of the shuffles.
        feature_names : list of str or None, default=None
            Names of the features.
        ax : matplotlib Axes, default=None
            Where to draw; None: in a new figure.

        Returns
        -------
        display : ImportanceDisplay

        Raises
        ------
        ValueError, TypeError
            If an argument is not usable.
        """
        options: Any = {"over": over, "scoring": scoring, "n_repeats": n_repeats, "random_state": random_state}
        options |= {"max_samples": max_samples, "n_jobs": n_jobs}
        return cls(permutation_importance(estimator, X, y, **options), feature_names).plot(ax)


class AttributionDisplay:
    """Attributions as a heat map of feature x lag: those of one prediction, or the mean of their size over all.

    Use `from_estimator` to make one.

    Parameters
    ----------
    attributions : Attributions
        What `integrated_gradients` has found.
    feature_names : list of str or None, default=None
        Names of the features; None: their numbers.

    Attributes
    ----------
    ax_, figure_ : matplotlib Axes and Figure
    im_ : matplotlib image
    line_ : None
        A heat map has no line.

    Examples
    --------
    >>> from skrnn import RNNRegressor
    >>> from skrnn.datasets import load_sine_wave
    >>> from skrnn.inspection import AttributionDisplay
    >>> X, y = load_sine_wave(return_X_y=True)
    >>> model = RNNRegressor(max_iter=2, random_state=0).fit(X, y)
    >>> display = AttributionDisplay.from_estimator(model, X[:3], sample=0)
    >>> display.ax_.get_xlabel()
    'lag (steps before the last)'
    """

    def __init__(self, attributions: Attributions, feature_names: Any = None):
        self.attributions = attributions
        self.feature_names = feature_names

    def plot(self, ax: Any = None, *, sample: int | None = None) -> AttributionDisplay:
        """Draw.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw; None: in a new figure.
        sample : int or None, default=None
            The sequence whose attributions to show; None: the mean over all of their absolute values.

        Returns
        -------
        self : AttributionDisplay

        Raises
        ------
        ImportError
            Without matplotlib.
        """
        values, unit = self.attributions.values, self.attributions.unit
        said = f"adds to the prediction\n(units of {unit})" if sample is not None else f"mean size (units of {unit})"
        self.ax_ = open_axes(self, ax, (7.0, 3.5))
        self.figure_, self.line_ = self.ax_.figure, None
        shown = self.attributions.mean_sizes if sample is None else values[sample]
        extent = (len(shown) - 1.0, 0.0)
        self.im_ = draw_heat(self.ax_, shown.T, said, signed=sample is not None, extent=extent)
        names = self.attributions.feature_names if self.feature_names is None else self.feature_names
        name_rows(self.ax_, range(shown.shape[1]) if names is None else names, "feature")
        count_from(self.ax_, "steps")
        return self

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        X: Any,
        *,
        output: int | None = None,
        sample: int | None = None,
        feature_names: Any = None,
        ax: Any = None,
    ) -> AttributionDisplay:
        """Compute and plot the attributions of a fitted estimator.

        Parameters
        ----------
        estimator : fitted estimator of skrnn
        X : array-like, data frame or list of arrays
            Sequences, as in `predict`.
        output : int or None, default=None
            Which target or class, as in `integrated_gradients`.
        sample : int or None, default=None
            The sequence whose attributions to show; None: the mean over all of their absolute values.
        feature_names : list of str or None, default=None
            Names of the features.
        ax : matplotlib Axes, default=None
            Where to draw; None: in a new figure.

        Returns
        -------
        display : AttributionDisplay

        Raises
        ------
        ValueError, TypeError
            If an argument is not usable.
        """
        return cls(integrated_gradients(estimator, X, output=output), feature_names).plot(ax, sample=sample)

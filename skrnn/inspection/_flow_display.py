"""The gradient through time, drawn."""

from __future__ import annotations

from typing import Any

import numpy as np

from skrnn.inspection._axes import COLORS, NEUTRAL, legend_beside, open_axes, tidy, whole_steps
from skrnn.inspection._gradient_flow import GradientFlow, gradient_flow

__all__ = ["GradientFlowDisplay"]

_LEAST_SHOWN = 1e-8  # of the largest norm
_STYLES = {"forward": "-", "backward": "--"}, {"forward": "-.", "backward": ":"}  # of four colours each
_BOUND = "1 % of the largest"


class GradientFlowDisplay:
    """The norm of the gradient with respect to the states, by lag, on a logarithmic scale.

    Use `from_estimator` to make one. A dotted line lies at 1 % of the largest norm; a dot marks the lag where a line
    falls below it for good, the memory length.

    Parameters
    ----------
    flow : GradientFlow
        What `gradient_flow` has found.

    Attributes
    ----------
    ax_, figure_ : matplotlib Axes and Figure
    lines_ : list of matplotlib lines
        One for each layer and direction.
    line_ : matplotlib line
        The first of them.

    Examples
    --------
    >>> from skrnn import RNNRegressor
    >>> from skrnn.datasets import load_sine_wave
    >>> from skrnn.inspection import GradientFlowDisplay
    >>> X, y = load_sine_wave(return_X_y=True)
    >>> model = RNNRegressor(max_iter=2, random_state=0).fit(X, y)
    >>> display = GradientFlowDisplay.from_estimator(model, X, y)
    >>> display.ax_.get_xlabel()
    'lag (steps)'
    """

    def __init__(self, flow: GradientFlow):
        self.flow = flow

    def plot(self, ax: Any = None, *, name: str | None = None) -> GradientFlowDisplay:
        """Draw.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw; None: in a new figure. Several displays on the same axes go side by side in the legend.
        name : str or None, default=None
            Label of the line, for a comparison of models; None: the layer and its direction.

        Returns
        -------
        self : GradientFlowDisplay

        Raises
        ------
        ImportError
            Without matplotlib.
        """
        self.ax_ = open_axes(self, ax)
        self.figure_, self.lines_ = self.ax_.figure, []
        labels = self.ax_.get_legend_handles_labels()[1]
        many, n_before = len(self.flow.layers) > 1, sum(label != _BOUND for label in labels)
        if _BOUND not in labels:
            self.ax_.axhline(0.01, color=NEUTRAL, linestyle=":", label=_BOUND)
        n_directions = len({layer.direction for layer in self.flow.layers})
        for number, layer in enumerate(self.flow.layers):
            turn, place = divmod(n_before + number // n_directions, len(COLORS))
            color, styles = COLORS[place], _STYLES[turn % len(_STYLES)]
            own = f"layer {layer.layer}, {layer.direction}"
            label = own if name is None else f"{name}, {own}" if many else name
            relative = layer.norms / max(layer.norms.max(), np.finfo(float).tiny)
            shown = np.where(relative > 0, relative, np.nan)  # what has underflowed has no place on the scale
            (line,) = self.ax_.plot(shown, linestyle=styles[layer.direction], color=color, label=label)
            self.lines_.append(line)
            if 0 < layer.memory_length < len(layer.norms):
                self.ax_.scatter([layer.memory_length], [relative[layer.memory_length]], color=color, zorder=3)
        self.line_, longest = self.lines_[0], max(len(layer.norms) for layer in self.flow.layers)
        self.ax_.set_xlim(right=max(self.ax_.get_xlim()[1], 1.02 * (longest - 1)))
        self.ax_.set_yscale("log")
        lowest = min(np.nanmin(line.get_ydata(), initial=1.0) for line in self.lines_)
        self.ax_.set_ylim(bottom=max(min(self.ax_.get_ylim()[0], lowest / 2), _LEAST_SHOWN))
        tidy(self.ax_, f"lag ({self.flow.unit})", f"gradient of the {self.flow.of}\nby state, relative to the largest")
        whole_steps(self.ax_)
        legend_beside(self.ax_)
        return self

    @classmethod
    def from_estimator(
        cls, estimator: Any, X: Any, y: Any = None, *, output: int = 0, ax: Any = None, name: str | None = None
    ) -> GradientFlowDisplay:
        """Measure and plot the gradient of a fitted estimator.

        Parameters
        ----------
        estimator : fitted estimator of skrnn
        X : array-like, data frame or list of arrays
            Sequences, as in `predict`.
        y : array-like or None, default=None
            Targets, as in `fit`: the gradient is that of the loss. None: see `gradient_flow`.
        output : int, default=0
            Without y: which output, at least 0.
        ax : matplotlib Axes, default=None
            Where to draw; None: in a new figure.
        name : str or None, default=None
            Label of the line.

        Returns
        -------
        display : GradientFlowDisplay

        Raises
        ------
        sklearn.exceptions.NotFittedError
            Before `fit`.
        ValueError, TypeError
            If an argument is not usable.
        """
        return cls(gradient_flow(estimator, X, y, output=output)).plot(ax, name=name)

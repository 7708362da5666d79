"""Hidden states, gates and attention, drawn."""

from __future__ import annotations

from typing import Any

import numpy as np

from skrnn._types import Doubles
from skrnn.inspection._axes import COLORS, name_places, open_axes, tidy, whole_steps
from skrnn.inspection._heat import draw_heat, name_rows
from skrnn.inspection._inside import given_inside
from skrnn.inspection._states import HiddenStates, hidden_states

__all__ = ["AttentionDisplay", "HiddenStateDisplay"]


class HiddenStateDisplay:
    """The states, or a gate, of one layer while it reads a sequence: a heat map of unit x step.

    Use `from_estimator` to make one.

    Parameters
    ----------
    states : HiddenStates
        One of what `hidden_states` gives.

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
    >>> from skrnn.inspection import HiddenStateDisplay
    >>> X, y = load_sine_wave(return_X_y=True)
    >>> model = RNNRegressor(max_iter=2, random_state=0).fit(X, y)
    >>> display = HiddenStateDisplay.from_estimator(model, X[:1], what="update")
    >>> display.ax_.get_ylabel()
    'unit'
    """

    def __init__(self, states: HiddenStates):
        self.states = states

    def plot(self, ax: Any = None, *, sample: int = 0, what: str = "states") -> HiddenStateDisplay:
        """Draw.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw; None: in a new figure.
        sample : int, default=0
            The sequence to show.
        what : str, default="states"
            "states", or the name of a gate.

        Returns
        -------
        self : HiddenStateDisplay

        Raises
        ------
        ImportError
            Without matplotlib.
        ValueError
            If the cell has no such gate.
        """
        if what != "states" and what not in self.states.gates:
            choices = ["states", *self.states.gates]
            raise ValueError(f"what={what!r} is not there to show; choose from {', '.join(choices)}.")
        rows = self.states.states if what == "states" else self.states.gates[what]
        values = rows[sample]
        self.ax_ = open_axes(self, ax, (7.0, 3.5))
        self.figure_, self.line_ = self.ax_.figure, None
        unit = "state" if what == "states" else f"{what} gate\n(0: shut, 1: open)"
        self.im_ = draw_heat(self.ax_, values.T, unit, signed=what == "states", extent=(0.0, len(values) - 1.0))
        if what != "states":
            self.im_.set_clim(0.0, 1.0)
        name_rows(self.ax_, None, "unit")
        self.ax_.set_xlabel(self.states.unit[:-1])
        whole_steps(self.ax_)
        return self

    @classmethod
    def from_estimator(
        cls, estimator: Any, X: Any, *, sample: int = 0, layer: int = 0, what: str = "states", ax: Any = None
    ) -> HiddenStateDisplay:
        """Compute and plot the states of a fitted estimator.

        Parameters
        ----------
        estimator : fitted estimator of skrnn
        X : array-like, data frame or list of arrays
            Sequences, as in `predict`.
        sample : int, default=0
            The sequence to show.
        layer : int, default=0
            The number of the layer in what `hidden_states` gives, where each direction counts.
        what : str, default="states"
            "states", or the name of a gate.
        ax : matplotlib Axes, default=None
            Where to draw; None: in a new figure.

        Returns
        -------
        display : HiddenStateDisplay

        Raises
        ------
        ValueError, TypeError
            If an argument is not usable.
        """
        return cls(hidden_states(estimator, X)[layer]).plot(ax, sample=sample, what=what)


class AttentionDisplay:
    """Where a prediction looks: bars over the steps, or, of written tokens, a heat map of token x step.

    Use `from_estimator` to make one.

    Parameters
    ----------
    weights : float array of shape (n_steps,) or (n_tokens, n_steps)
        Attention of one sequence.
    tokens : list or None, default=None
        What was written, for the rows.
    steps : list or None, default=None
        What was read, for the columns.

    Attributes
    ----------
    ax_, figure_ : matplotlib Axes and Figure
    im_ : matplotlib image or None
        The heat map.
    bars_ : matplotlib container or None
        The bars.
    line_ : None
        Neither is a line.

    Examples
    --------
    >>> from skrnn.inspection import AttentionDisplay
    >>> display = AttentionDisplay([[0.9, 0.1], [0.2, 0.8]], tokens="ab", steps="xy").plot()
    >>> display.ax_.get_xlabel(), display.ax_.get_ylabel()
    ('step read', 'token written')
    """

    def __init__(self, weights: Any, tokens: Any = None, steps: Any = None):
        self.weights = weights
        self.tokens = tokens
        self.steps = steps

    def plot(self, ax: Any = None) -> AttentionDisplay:
        """Draw.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw; None: in a new figure.

        Returns
        -------
        self : AttentionDisplay

        Raises
        ------
        ImportError
            Without matplotlib.
        """
        weights: Doubles = np.asarray(self.weights, float)
        self.ax_ = open_axes(self, ax, (7.0, 3.5))
        self.figure_, self.im_, self.bars_, self.line_ = self.ax_.figure, None, None, None
        if weights.ndim == 1:
            self.bars_ = self.ax_.bar(np.arange(len(weights)), weights, color=COLORS[0])
            tidy(self.ax_, "step read", "attention (sums to 1)")
        else:
            extent = (0.0, weights.shape[1] - 1.0)
            self.im_ = draw_heat(self.ax_, weights, "attention (a row sums to 1)", signed=False, extent=extent)
            name_rows(self.ax_, self.tokens, "token written")
            self.ax_.set_xlabel("step read")
        whole_steps(self.ax_)
        if self.steps is not None:
            name_places(self.ax_, self.steps)
        return self

    @classmethod
    def from_estimator(
        cls, estimator: Any, X: Any, *, sample: int = 0, steps: Any = None, ax: Any = None
    ) -> AttentionDisplay:
        """Plot the attention of a fitted estimator that has one.

        Parameters
        ----------
        estimator : RNNSeq2Seq, or RNNRegressor or RNNClassifier with ``pooling="attention"``
            Fitted; or a fitted Pipeline, search or `WindowForecaster` around one.
        X : array-like, data frame or list of arrays
            Sequences, as in `predict`.
        sample : int, default=0
            The sequence to show.
        steps : list or None, default=None
            Labels of its steps; None: their numbers.
        ax : matplotlib Axes, default=None
            Where to draw; None: in a new figure.

        Returns
        -------
        display : AttentionDisplay

        Raises
        ------
        ValueError, TypeError
            If an argument is not usable, or there is no attention.
        """
        net, X, *_ = given_inside(estimator, X)
        if not hasattr(net, "attention_weights"):
            raise TypeError(
                f"{type(net).__name__} has no attention. Pass an RNNSeq2Seq, or an RNNRegressor or RNNClassifier with "
                "pooling='attention', or a Pipeline, search or WindowForecaster around one."
            )
        weights = net.attention_weights(X)[sample]
        tokens = list(net.predict(X)[sample]) if weights.ndim == 2 else None
        return cls(weights, tokens, steps).plot(ax)

"""How a training went: losses and gradient norms by epoch, and losses by learning rate."""

from __future__ import annotations

from typing import Any

import numpy as np

from skrnn.inspection._axes import COLORS, NEUTRAL, legend_beside, open_axes, tidy, whole_steps
from skrnn.inspection._inside import fitted_inside
from skrnn.inspection._rates import LearningRateRange, learning_rate_range

__all__ = ["LearningRateRangeDisplay", "LossCurveDisplay"]


class LossCurveDisplay:
    """The losses of the training and of the validation part by epoch, and below them the norm of the gradient.

    A dot marks the epoch whose weights were kept, or, with ``refit``, that was best. One at epoch 0 is the start: the
    network adds nothing to it, however far the training loss fell. Use `from_estimator` to make one, or give the curves
    themselves.

    Parameters
    ----------
    loss_curve : list of float
        Training loss of each epoch.
    validation_loss_curve : list of float or None, default=None
        Loss on the validation part after each epoch.
    gradient_norm_curve : list of float or None, default=None
        Mean norm of a mini-batch's gradient in each epoch.
    max_grad_norm : float or None, default=None
        The norm to which gradients were clipped.
    best_iter : int or None, default=None
        The epoch whose weights were kept, from 1, or 0 for what the network started from; None: not known.
    best_loss : float or None, default=None
        Its loss; None: read off the curve that decided.
    start : str or None, default=None
        What the network started from, for the legend.
    refit : bool, default=False
        Whether that epoch only told for how many to learn from all rows, as with ``refit`` of `RNNRegressor`: the
        curves are those of the first training, which chose it.

    Attributes
    ----------
    ax_, figure_ : matplotlib Axes and Figure
        The axes of the losses.
    norm_ax_ : matplotlib Axes or None
        Those of the norms.
    line_ : matplotlib line
        The training loss.
    lines_ : list of matplotlib lines
        All of them.
    kept_ : matplotlib line or None
        The dot at the epoch that was kept.

    Examples
    --------
    >>> from skrnn import RNNRegressor
    >>> from skrnn.datasets import load_sine_wave
    >>> from skrnn.inspection import LossCurveDisplay
    >>> X, y = load_sine_wave(return_X_y=True)
    >>> model = RNNRegressor(max_iter=3, random_state=0).fit(X, y)
    >>> display = LossCurveDisplay.from_estimator(model)
    >>> display.ax_.get_ylabel(), display.norm_ax_.get_xlabel()
    ('loss', 'epoch')
    """

    def __init__(
        self,
        loss_curve: Any,
        validation_loss_curve: Any = None,
        gradient_norm_curve: Any = None,
        max_grad_norm: float | None = None,
        *,
        best_iter: int | None = None,
        best_loss: float | None = None,
        start: str | None = None,
        refit: bool = False,
    ):
        self.loss_curve = loss_curve
        self.validation_loss_curve = validation_loss_curve
        self.gradient_norm_curve = gradient_norm_curve
        self.max_grad_norm = max_grad_norm
        self.best_iter = best_iter
        self.best_loss = best_loss
        self.start = start
        self.refit = refit

    def plot(self, ax: Any = None) -> LossCurveDisplay:
        """Draw.

        Parameters
        ----------
        ax : matplotlib Axes, or two of them, default=None
            Where to draw the losses and, on a second one, the norms; None: in a new figure.

        Returns
        -------
        self : LossCurveDisplay

        Raises
        ------
        ImportError
            Without matplotlib.
        """
        with_norms = self.gradient_norm_curve is not None
        found = np.ravel(open_axes(self, ax, (7.0, 5.0 if with_norms else 3.5), rows=2 if with_norms else 1))
        self.ax_, self.norm_ax_ = found[0], found[1] if len(found) > 1 and with_norms else None
        self.figure_ = self.ax_.figure
        epochs = np.arange(1, len(self.loss_curve) + 1)
        self.lines_ = self.ax_.plot(epochs, self.loss_curve, color=COLORS[0], label="training")
        if self.validation_loss_curve is not None:
            self.lines_ += self.ax_.plot(epochs, self.validation_loss_curve, color=COLORS[1], label="validation")
        self.line_, self.kept_ = self.lines_[0], self._mark_kept()
        shown = self.lines_ if self.kept_ is None else [*self.lines_, self.kept_]
        if min(np.min(line.get_ydata()) for line in shown) > 0:
            self.ax_.set_yscale("log")
        above = self.norm_ax_ is not None and self.ax_.get_position().y0 >= self.norm_ax_.get_position().y1
        tidy(self.ax_, "" if above else "epoch", "loss")
        if self.norm_ax_ is not None:
            self.lines_ += self.norm_ax_.plot(epochs, self.gradient_norm_curve, color=COLORS[2], label="mean norm")
            if self.max_grad_norm is not None:
                self.norm_ax_.axhline(self.max_grad_norm, color=NEUTRAL, linestyle=":", label="max_grad_norm")
            self.norm_ax_.set_yscale("log")
            tidy(self.norm_ax_, "epoch", "gradient norm")
            self.norm_ax_.set_xlim(self.ax_.get_xlim())
        both = [ax for ax in (self.ax_, self.norm_ax_) if ax is not None]
        for one in both:
            whole_steps(one)
        legend_beside(*both)
        return self

    def _mark_kept(self) -> Any:
        """A dot at the epoch whose weights were kept, on the curve that decided."""
        if self.best_iter is None:
            return None
        curve = self.loss_curve if self.validation_loss_curve is None else self.validation_loss_curve
        loss = curve[self.best_iter - 1] if self.best_loss is None else self.best_loss
        label = f"kept: epoch {self.best_iter}"
        if self.refit:
            label = f"best: epoch {self.best_iter} (refit=True\nlearns all rows for as many)"
        if self.best_iter == 0:
            label = f"kept: the start{'' if self.start is None else f' ({self.start})'},\nthe network adds nothing"
        color = self.lines_[-1].get_color()
        return self.ax_.plot([self.best_iter], [loss], "o", color=color, clip_on=False, zorder=3, label=label)[0]

    @classmethod
    def from_estimator(cls, estimator: Any, *, ax: Any = None) -> LossCurveDisplay:
        """Plot the curves of a fitted estimator.

        Parameters
        ----------
        estimator : fitted estimator of skrnn
            Or another with ``loss_curve_``; or a fitted Pipeline, search or `WindowForecaster` around one.
        ax : matplotlib Axes, or two of them, default=None
            Where to draw; None: in a new figure.

        Returns
        -------
        display : LossCurveDisplay

        Raises
        ------
        sklearn.exceptions.NotFittedError
            Before `fit`.
        TypeError
            If there is no loss by epoch.
        """
        net = fitted_inside(estimator)
        if not hasattr(net, "loss_curve_"):
            raise TypeError(
                f"{type(net).__name__} has no loss_curve_: it does not learn epoch by epoch. Pass a fitted network, "
                "or a Pipeline, search or WindowForecaster around one."
            )
        validation, norms = (getattr(net, f"{name}_curve_", None) for name in ("validation_loss", "gradient_norm"))
        init = getattr(getattr(net, "_fitted", None), "init", None)
        kept = {"best_iter": getattr(net, "best_iter_", None), "best_loss": getattr(net, "best_loss_", None)}
        start = None if init is None else f"init={init!r}"
        bound = getattr(net, "max_grad_norm", None)
        refit = validation is not None and bool(getattr(net, "refit", False))
        return cls(net.loss_curve_, validation, norms, bound, **kept, start=start, refit=refit).plot(ax)


class LearningRateRangeDisplay:
    """The loss against the learning rate, which grows from mini-batch to mini-batch.

    Use `from_estimator` to make one. A dotted line marks the rate in the middle of the fall of the loss.

    Parameters
    ----------
    found : LearningRateRange
        What `learning_rate_range` has found.

    Attributes
    ----------
    ax_, figure_ : matplotlib Axes and Figure
    line_ : matplotlib line
        The smoothed losses.

    Examples
    --------
    >>> from skrnn import RNNRegressor
    >>> from skrnn.datasets import load_sine_wave
    >>> from skrnn.inspection import LearningRateRangeDisplay
    >>> X, y = load_sine_wave(return_X_y=True)
    >>> display = LearningRateRangeDisplay.from_estimator(RNNRegressor(random_state=0), X, y, random_state=0)
    >>> display.ax_.get_xscale()
    'log'
    """

    def __init__(self, found: LearningRateRange):
        self.found = found

    def plot(self, ax: Any = None) -> LearningRateRangeDisplay:
        """Draw.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw; None: in a new figure.

        Returns
        -------
        self : LearningRateRangeDisplay

        Raises
        ------
        ImportError
            Without matplotlib.
        """
        self.ax_ = open_axes(self, ax, (7.0, 3.5))
        self.figure_ = self.ax_.figure
        self.ax_.plot(self.found.rates, self.found.losses, ".", color=NEUTRAL, label="mini-batch")
        (self.line_,) = self.ax_.plot(self.found.rates, self.found.smoothed, color=COLORS[0], label="median of 7")
        if np.isfinite(self.found.suggestion):
            label = f"middle of the fall: {self.found.suggestion:.2g}"
            self.ax_.axvline(self.found.suggestion, color=COLORS[1], linestyle=":", label=label)
        self.ax_.set_xscale("log")
        tidy(self.ax_, "learning_rate", "loss of a mini-batch")
        legend_beside(self.ax_)
        return self

    @classmethod
    def from_estimator(
        cls, estimator: Any, X: Any, y: Any = None, *, random_state: Any = None, ax: Any = None
    ) -> LearningRateRangeDisplay:
        """Try rates and plot the losses.

        Parameters
        ----------
        estimator : estimator of skrnn
            Or a Pipeline, a search, or a fitted `WindowForecaster` around one.
        X : array-like, data frame or list of arrays
            Sequences, as in `fit`.
        y : array-like or None, default=None
            Targets, as in `fit`.
        random_state : int, RandomState instance or None, default=None
            Of the order of the sequences.
        ax : matplotlib Axes, default=None
            Where to draw; None: in a new figure.

        Returns
        -------
        display : LearningRateRangeDisplay

        Raises
        ------
        ValueError, TypeError
            If an argument is not usable.
        """
        return cls(learning_rate_range(estimator, X, y, random_state=random_state)).plot(ax)

"""A regressor that has learnt a distribution of each target: its standard deviation, quantiles and draws."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from sklearn.utils import check_random_state
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted

from skrnn._constraints import check_arguments, listed, reals, sizes
from skrnn._types import Doubles
from skrnn.estimators._answering import PooledRNN
from skrnn.estimators._fitted import Fitted
from skrnn.objectives import LOSSES, Likelihood, Mixture
from skrnn.tasks import Context, EveryStep, Numbers

__all__ = ["DISTRIBUTIONS", "UncertainRNN"]

DISTRIBUTIONS = tuple(name for name, kind in LOSSES.items() if issubclass(kind, Likelihood))

_SAMPLE = {"n_samples": [sizes()], "random_state": ["random_state"]}


def _learns_distributions(estimator: Any) -> bool:
    fitted, loss = vars(estimator).get("_fitted"), estimator.loss
    if fitted is not None:
        learns = fitted.task.has_distribution
    else:
        learns = isinstance(loss, Likelihood) or (isinstance(loss, str) and loss in DISTRIBUTIONS)
    if learns:
        return True
    raise AttributeError(
        f"loss={loss!r} learns no distribution of the targets; {', '.join(map(repr, DISTRIBUTIONS))} do."
    )


class UncertainRNN(PooledRNN):
    """An estimator whose loss may be the likelihood of a distribution."""

    loss: Any

    @available_if(_learns_distributions)
    def sample_y(self, X: Any, n_samples: int = 1, random_state: Any = None) -> Doubles:
        """Draw targets from the distributions that were learnt, with a loss that learns one.

        Targets are drawn independently of each other; with several networks, one of them, drawn too, says all targets
        of a draw of a row.

        Parameters
        ----------
        X : array-like, data frame or list of arrays
            Sequences, as in `predict`.
        n_samples : int, default=1
            Draws of each target; at least 1.
        random_state : int, RandomState instance or None, default=None
            The same int gives the same draws.

        Returns
        -------
        y_samples : float64 array of shape (n_samples_X, n_samples) or (n_samples_X, n_targets, n_samples)
            As `sklearn.gaussian_process.GaussianProcessRegressor` has them. With ``return_sequences``, one such row
            per time step: (n_samples_X, n_timesteps, …), NaN where X has padding, or a list if X is a list.

        Raises
        ------
        AttributeError
            If the loss learns no distribution.
        sklearn.exceptions.NotFittedError
            Before `fit`.
        ValueError, TypeError
            If X is not usable.
        """
        name = f"{type(self).__name__}.sample_y"
        asked = check_arguments(name, _SAMPLE, n_samples=n_samples, random_state=random_state)
        fitted, found, context = self._distributions(X)
        rng = check_random_state(asked["random_state"])
        return self._by_target(X, fitted, found.draw(int(asked["n_samples"]), rng), context)

    @available_if(_learns_distributions)
    def predict_quantiles(self, X: Any, levels: Sequence[float] = (0.05, 0.5, 0.95)) -> Doubles:
        """Quantiles of the distributions that were learnt, with a loss that learns one.

        Parameters
        ----------
        X : array-like, data frame or list of arrays
            Sequences, as in `predict`.
        levels : float or list of float, default=(0.05, 0.5, 0.95)
            In (0, 1).

        Returns
        -------
        quantiles : float64 array of shape (n_samples, n_levels) or (n_samples, n_targets, n_levels)
            Like `predict` with one more axis, that of the levels in their order; without it for a single level that is
            a number. Of counts the least ones whose probability of not being exceeded reaches the level.

        Raises
        ------
        AttributeError
            If the loss learns no distribution.
        sklearn.exceptions.NotFittedError
            Before `fit`.
        ValueError, TypeError
            If X or a level is not usable.
        """
        name = f"{type(self).__name__}.predict_quantiles"
        several = hasattr(levels, "__iter__") and getattr(levels, "ndim", 1) > 0
        wanted = listed(name, "levels", levels) if several else [levels]
        if not wanted:
            raise ValueError(f"levels of {name} holds no level of a quantile.")
        checked = [check_arguments(name, {"levels": [reals(0, 1, "neither")]}, levels=one)["levels"] for one in wanted]
        fitted, found, context = self._distributions(X)
        quantiles = found.quantiles(np.array(checked, np.float64))
        return self._by_target(X, fitted, quantiles if several else quantiles[..., 0], context)

    def _answer_and_spread(self, method: str, X: Any) -> tuple[Any, Any]:
        """Predictions, and how far targets lie from them, or how far the networks disagree if that was not learnt."""
        check_is_fitted(self)
        if not self._fitted.task.has_distribution:
            return super()._answer_and_spread(method, X)
        fitted, outputs, context = self._outputs_of_each(X)
        mean = fitted.task.answer(method, outputs[0] if len(outputs) == 1 else fitted.task.average(outputs), context)
        spread = np.sqrt(_mixture(fitted, outputs, context).variance)
        return self._arranged(X, fitted, mean, context), self._by_target(X, fitted, spread, context)

    def _distributions(self, X: Any) -> tuple[Fitted, Mixture, Context]:
        """What the networks say of each target."""
        fitted, outputs, context = self._outputs_of_each(X)
        return fitted, _mixture(fitted, outputs, context), context

    def _by_target(self, X: Any, fitted: Fitted, values: Doubles, context: Context) -> Any:
        """Values (n, k, …) of all targets in the form of X; without the axis of targets if y had none."""
        task = fitted.task.base if isinstance(fitted.task, EveryStep) else fitted.task
        assert isinstance(task, Numbers)
        return self._arranged(X, fitted, values[:, 0] if task.one_dimensional else values, context)


def _mixture(fitted: Fitted, outputs: Sequence[Doubles], context: Context) -> Mixture:
    """Of what each network says, each as likely as the others."""
    return Mixture([fitted.task.distribution(one, context) for one in outputs])

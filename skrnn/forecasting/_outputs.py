"""Regressors for several outputs, of which some may be missing; and what forecasts and quantiles are made of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from sklearn.base import clone
from sklearn.multioutput import MultiOutputRegressor, RegressorChain

from skrnn._constraints import Learners
from skrnn._types import Doubles
from skrnn.forecasting._regressors import distribution_inside, gives_distributions, gives_several_outputs
from skrnn.forecasting._setup import Setup

__all__ = ["Heads", "for_outputs", "without_missing_targets"]


_SEVERAL = MultiOutputRegressor, RegressorChain  # which learn no single output


class PerOutput(MultiOutputRegressor):
    """A clone for each output, fitted on the rows in which it is known."""

    _takes_missing_targets = True
    _parameter_constraints: ClassVar[dict[str, Any]] = {
        **MultiOutputRegressor._parameter_constraints,
        "estimator": [Learners()],
    }

    def fit(self, X: Any, Y: Any, **weights: Any) -> PerOutput:
        """Fit a clone to each column of Y (n_samples, k), NaN where it is missing; weights are of rows."""
        missing = np.isnan(Y)
        if missing.all(axis=0).any():
            raise ValueError(
                f"Step {int(missing.all(axis=0).argmax()) + 1} of the forecasts has no known target in any window. "
                "Give more data."
            )
        if not missing.any() and not weights:
            return super().fit(X, Y)
        self.estimators_ = [
            clone(self.estimator).fit(X[rows], y[rows], **{name: values[rows] for name, values in weights.items()})
            for rows, y in zip(~missing.T, Y.T, strict=True)
        ]
        self.n_features_in_ = X.shape[1]
        return self


@dataclass(frozen=True, eq=False)
class Heads:
    """A fitted regressor, and what is wanted of each of its predictions: the forecast, and behind it some quantiles.

    ``levels`` are those of the quantiles that it predicts. The forecast is their median, or what lies between the
    levels around it. Without levels it is the prediction, and there are no quantiles unless it learnt a distribution.
    """

    regressor: Any
    levels: Sequence[float]
    quantiles: Sequence[float] = ()

    def __len__(self) -> int:
        return 1 + len(self.quantiles) if self.levels or gives_distributions(self.regressor) else 1

    def outputs(self, setup: Setup, X: Doubles) -> Doubles:
        """Outputs (n_heads, n, horizon, k) for windows (n, window, n_features); the regressor is asked once."""
        found, shape = np.asarray(self.regressor.predict(setup.arrange(X))), (len(X), setup.horizon, setup.n_targets)
        n_levels = len(self.levels) or 1
        if found.size != np.prod(shape) * n_levels:
            raise ValueError(
                f"{type(self.regressor).__name__} predicts an array of shape {found.shape} for {len(X)} windows, where "
                f"{setup.horizon} steps of {setup.n_targets} targets are needed for each."
            )
        if not self.levels:
            forecasts = found.reshape(1, *shape)
            return np.concatenate([forecasts, self._quantiles(setup, X)]) if len(self) > 1 else forecasts
        levels, order = np.unique(self.levels, return_index=True)
        found = found[..., order].reshape(*shape, len(levels))
        return np.stack([_between(levels, found, wanted) for wanted in (0.5, *self.quantiles)])

    def draws(self, setup: Setup, X: Doubles, n_draws: int, rng: np.random.RandomState) -> Doubles:
        """Draws of the outputs (n_draws, n, horizon, k) from the distribution that the regressor learnt."""
        regressor, windows = distribution_inside(self.regressor, setup.arrange(X))
        found = np.asarray(regressor.sample_y(windows, n_draws, random_state=rng))
        return np.moveaxis(found.reshape(len(X), setup.horizon, setup.n_targets, n_draws), -1, 0)

    def _quantiles(self, setup: Setup, X: Doubles) -> Doubles:
        """Those that are wanted (n_quantiles, n, horizon, k) of the distribution that the regressor learnt."""
        regressor, windows = distribution_inside(self.regressor, setup.arrange(X))
        found = np.asarray(regressor.predict_quantiles(windows, list(self.quantiles)))
        return np.moveaxis(found.reshape(len(X), setup.horizon, setup.n_targets, len(self.quantiles)), -1, 0)


def _between(levels: Doubles, outputs: Doubles, wanted: float) -> Doubles:
    """The quantile ``wanted`` of outputs (..., n_levels): between two levels, on the straight line."""
    above = int(np.searchsorted(levels, wanted))
    if above in (0, len(levels)) or levels[above] == wanted:
        return np.asarray(outputs[..., min(above, len(levels) - 1)])
    share = (wanted - levels[above - 1]) / (levels[above] - levels[above - 1])
    return np.asarray((1 - share) * outputs[..., above - 1] + share * outputs[..., above])


def for_outputs(estimator: Any, n_outputs: int) -> Any:
    """A regressor for ``n_outputs`` outputs: one that can only have a single output is fitted once for each, and so is
    one that its user gave to a `MultiOutputRegressor`, at the end of a Pipeline, too. For a single one what is inside
    that, or a `RegressorChain`, is enough.
    """
    if hasattr(estimator, "steps"):
        name, last = estimator.steps[-1]
        if isinstance(last, _SEVERAL):
            return clone(estimator).set_params(**{name: for_outputs(last, n_outputs)})
    if n_outputs == 1:
        return estimator.estimator if isinstance(estimator, _SEVERAL) else estimator
    if type(estimator) is MultiOutputRegressor:
        return PerOutput(estimator.estimator, n_jobs=estimator.n_jobs)
    return estimator if gives_several_outputs(estimator) else PerOutput(estimator)


def without_missing_targets(model: Any) -> Any:
    """A fitted regressor as scikit-learn knows it, which predicts the same, and which files without code can hold."""
    if hasattr(model, "steps") and type(model.steps[-1][1]) is PerOutput:
        name, last = model.steps[-1]
        return model.set_params(**{name: without_missing_targets(last)})
    if type(model) is not PerOutput:
        return model
    plain = MultiOutputRegressor(model.estimator)
    vars(plain).update(vars(model))
    return plain

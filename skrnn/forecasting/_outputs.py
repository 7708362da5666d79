"""Regressors for several outputs, of which some may be missing; and one quantile of a regressor of several."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from sklearn.base import clone
from sklearn.multioutput import MultiOutputRegressor

from skrnn._types import Doubles
from skrnn.forecasting._regressors import gives_several_outputs

__all__ = ["for_outputs", "heads_of"]


class PerOutput(MultiOutputRegressor):
    """A clone for each output, fitted on the rows in which it is known."""

    _takes_missing_targets = True

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
        return self


class _Once:
    """A fitted regressor that is asked but once for the same array."""

    def __init__(self, regressor: Any):
        self.regressor = regressor
        self.last: tuple[Any, Any] = (None, None)

    def predict(self, X: Any) -> Any:
        if self.last[0] is not X:
            self.last = X, self.regressor.predict(X)
        return self.last[1]


class _OfLevel:
    """The prediction of a quantile between the levels that a fitted regressor predicts, on the straight line."""

    def __init__(self, regressor: Any, levels: Sequence[float], wanted: float):
        self.regressor = regressor
        self.levels = levels
        self.wanted = wanted

    def predict(self, X: Any) -> Doubles:
        """The quantile (n_samples, n_outputs)."""
        levels, order = np.unique(self.levels, return_index=True)
        outputs = np.asarray(self.regressor.predict(X))[..., order]
        outputs = outputs.reshape(len(outputs), -1, len(levels))
        above = int(np.searchsorted(levels, self.wanted))
        if above in (0, len(levels)) or levels[above] == self.wanted:
            return np.asarray(outputs[..., min(above, len(levels) - 1)])
        share = (self.wanted - levels[above - 1]) / (levels[above] - levels[above - 1])
        return np.asarray((1 - share) * outputs[..., above - 1] + share * outputs[..., above])


def heads_of(regressor: Any, levels: Sequence[float], quantiles: Sequence[float] = ()) -> list[Any]:
    """What predicts the forecast and each of some quantiles, for a fitted regressor that predicts quantiles ``levels``.

    The forecast is its median, or what lies between the levels around it; without levels, its prediction.
    """
    if not levels:
        return [regressor]
    once = _Once(regressor)
    return [_OfLevel(once, levels, wanted) for wanted in (0.5, *quantiles)]


def for_outputs(estimator: Any, n_outputs: int) -> Any:
    """A regressor for ``n_outputs`` outputs: one that can only have a single output is fitted once for each."""
    return PerOutput(estimator) if n_outputs > 1 and not gives_several_outputs(estimator) else estimator

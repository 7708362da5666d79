"""Regressors for several outputs, of which some may be missing."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.base import clone
from sklearn.multioutput import MultiOutputRegressor
from sklearn.utils import get_tags

__all__ = ["for_outputs", "keep_validation_apart", "takes_missing_targets"]


class PerOutput(MultiOutputRegressor):
    """A clone for each output, fitted on the rows in which it is known."""

    def fit(self, X: Any, Y: Any) -> PerOutput:
        """Fit a clone to each column of Y (n_samples, k), NaN where it is missing."""
        missing = np.isnan(Y)
        if not missing.any():
            return super().fit(X, Y)
        if missing.all(axis=0).any():
            raise ValueError(
                f"Step {int(missing.all(axis=0).argmax()) + 1} of the forecasts has no known target in any window. "
                "Give more data."
            )
        self.estimators_ = [
            clone(self.estimator).fit(X[known], y[known]) for known, y in zip(~missing.T, Y.T, strict=True)
        ]
        return self


def for_outputs(estimator: Any, n_outputs: int) -> Any:
    """A regressor for ``n_outputs`` outputs: one that can only have a single output is fitted once for each."""
    single = n_outputs > 1 and not get_tags(estimator).target_tags.multi_output
    return PerOutput(estimator) if single else estimator


def keep_validation_apart(model: Any, n_rows: int) -> None:
    """Have a network leave out ``n_rows`` windows in front of its validation part, whose targets overlap with theirs.

    It may be the last step of a Pipeline. A gap that its user chose stays.
    """
    if hasattr(model, "steps"):
        keep_validation_apart(model.steps[-1][1], n_rows)
    elif getattr(model, "validation_gap", None) == 0:
        model.set_params(validation_gap=n_rows)


def takes_missing_targets(model: Any) -> bool:
    """Whether a regressor learns from rows with some of several targets missing; of a Pipeline, its last step."""
    if hasattr(model, "steps"):
        return takes_missing_targets(model.steps[-1][1])
    return isinstance(model, PerOutput) or bool(getattr(model, "_takes_missing_targets", False))

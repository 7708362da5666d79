"""scikit-learn's callbacks, told of each epoch."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sklearn.base import BaseEstimator

from skrnn.training import Progress, TrainingResult

__all__ = ["EpochObserver"]


class EpochObserver:
    """Tells scikit-learn's callbacks of each epoch, and prints the loss if the estimator is verbose.

    ``fitted`` makes of a training's result the attributes of the fitted estimator; it is called only if a callback
    looks, and set once the training begins.
    """

    fitted: Callable[[TrainingResult], dict[str, Any]]

    def __init__(self, estimator: BaseEstimator, context: Any, X: Any, y: Any, sample_weight: Any):
        self.estimator, self.context = estimator, context
        metadata = {} if sample_weight is None else {"sample_weight": sample_weight}
        self.data = {"X": X, "y": y, "metadata": metadata}
        self.has_callbacks = bool(getattr(estimator, "_skl_callbacks", None))
        self.epoch: Any = None

    def fit_begins(self) -> None:
        self.context.call_on_fit_task_begin(estimator=self.estimator, **self.data)

    def fit_ends(self) -> None:
        self.context.call_on_fit_task_end(estimator=self.estimator, **self.data, reconstruction_attributes={})

    def epoch_begins(self) -> None:
        if self.has_callbacks:
            self.epoch = self.context.subcontext(task_name="epoch")
            self.epoch.call_on_fit_task_begin(estimator=self.estimator, **self.data)

    def epoch_ends(self, progress: Progress) -> bool:
        if self.estimator.verbose:
            losses, scores = progress.loss_curve, progress.validation_loss_curve
            scored = f", validation loss = {scores[-1]:.6g}" if scores else ""
            print(f"Epoch {len(losses)}, loss = {losses[-1]:.6g}{scored}")
        if not self.has_callbacks:
            return False
        stop = self.epoch.call_on_fit_task_end(
            estimator=self.estimator, **self.data, reconstruction_attributes=lambda: self.fitted(_result(progress))
        )
        return bool(stop)


def _result(progress: Progress) -> TrainingResult:
    """As if the training had ended with this epoch."""
    curve, validation_curve, weights = progress
    return TrainingResult(weights(), {}, curve, validation_curve, min(validation_curve or curve))

"""What surrounds a fit: all or nothing, private randomness, and scikit-learn's callbacks."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

import numpy as np
from sklearn.utils import check_random_state

from skrnn.estimators._fitted import attributes
from skrnn.training import Progress, TrainingResult

__all__ = ["EpochObserver", "all_or_nothing", "private_generator"]


def all_or_nothing(method: Callable[..., Any]) -> Callable[..., Any]:
    """If the method raises anything, KeyboardInterrupt included, the estimator is as it was before the call."""

    @wraps(method)
    def wrapped(estimator: Any, *args: Any, **kwargs: Any) -> Any:
        before = dict(vars(estimator))
        try:
            return method(estimator, *args, **kwargs)
        except BaseException:
            vars(estimator).clear()
            vars(estimator).update(before)
            raise

    return wrapped


class EpochObserver:
    """Tells scikit-learn's callbacks of each epoch, and prints the loss if the estimator is verbose."""

    def __init__(self, estimator: Any, context: Any, X: Any, y: Any, sample_weight: Any):
        self.estimator = estimator
        self.context = context
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
        return bool(
            self.epoch.call_on_fit_task_end(
                estimator=self.estimator,
                **self.data,
                reconstruction_attributes=lambda: _fitted_by(self.estimator, progress),
            )
        )


def _fitted_by(estimator: Any, progress: Progress) -> dict[str, Any]:
    """The attributes of the estimator as if the training had ended with this epoch."""
    curve, validation_curve, weights = progress
    result = TrainingResult(weights(), {}, curve, validation_curve, min(validation_curve or curve))
    return attributes(estimator, result)


def private_generator(random_state: Any, n_epochs: int) -> np.random.Generator:
    """The generator of a fit that begins after so many epochs; nothing else draws from it."""
    words = check_random_state(random_state).randint(np.iinfo(np.int32).max, size=4)
    return np.random.default_rng([*words, n_epochs])

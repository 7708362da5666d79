"""What an epoch's loss decides: which weights are kept, when a smaller step is taken, and when training ends."""

from __future__ import annotations

from typing import Literal

import numpy as np

from skrnn._types import Doubles
from skrnn.training._config import TrainingConfig, TrainingResult
from skrnn.training._learner import Learner
from skrnn.training._shrinkage import between

__all__ = ["Watch"]

_RETREATS = 2  # how often training goes back to its best weights
_SMALLER = 0.3  # factor on the step then
_FALLING = 0.01  # part of the first loss that the last epochs of a training took off, if it was cut short


class Watch:
    """Follows the loss that decides, that of the validation part or of the training itself.

    Training often ends in a spike: an update that was too long, after which the loss needs more epochs to come back
    than patience allows. So the best epoch's weights are kept, and a training without a validation part goes back to
    them with a smaller step before it gives up. (A validation loss that no longer falls shows overfitting, which a
    smaller step does not mend; a schedule has steps of its own, and one that is planned for all epochs is not cut short
    before nothing is left of the training loss.) So does every training whose gradient explodes after
    its first epoch, which happens to sequences of a thousand steps.
    """

    def __init__(self, config: TrainingConfig, *, validates: bool, least_loss: float = 0.0):
        self.config, self.least_loss = config, least_loss
        schedule = config.learning_rate_schedule
        self.retreats = 0 if validates or schedule is not None else _RETREATS
        self.has_plan = schedule in ("cosine", "one_cycle") and not validates
        self.recoveries = _RETREATS
        self.rate = config.learning_rate
        self.best_loss, self.reference = np.inf, np.inf
        self.without_improvement = 0
        self.best: TrainingResult | None = None
        self.start: TrainingResult | None = None
        self.losses_of_best: Doubles | None = None
        self.losses: list[float] = []
        self.best_epoch = 0

    def begin(self, loss: float, losses: Doubles, weights: Doubles, learner: Learner) -> None:
        """Take the state before the first epoch for a candidate; ``losses`` and ``weights`` of the validation rows."""
        self.reference = loss
        self._keep(loss, losses, learner)
        self.start, self.weights = self.best, weights / weights.sum()
        self.losses_of_start, self.loss_of_start = losses, loss

    def look(self, loss: float, learner: Learner, losses: Doubles | None = None) -> Literal["go on", "go back", "stop"]:
        """Take note of an epoch's loss (and those of the validation rows); NaN is no improvement."""
        self.losses.append(loss)
        if loss < self.best_loss:
            self._keep(loss, losses, learner)
        if loss < self.reference - self.config.tol:
            self.reference, self.without_improvement = loss, 0
        else:
            self.without_improvement += 1
        if self.config.stop_after is not None:
            return "stop" if len(self.losses) == self.config.stop_after else "go on"
        patience = self.config.n_iter_no_change
        if self.config.learning_rate_schedule == "plateau" and self.without_improvement == max(1, patience // 2):
            self.rate /= 2
        if self.has_plan:
            return "stop" if self.best_loss < self.least_loss + self.config.tol else "go on"
        if self.without_improvement < patience:
            return "go on"
        if self.retreats == 0 or self.best is None:
            return "stop"
        self.retreats -= 1
        self.rate *= _SMALLER
        self.without_improvement = 0
        return "go back"

    def choose(self, part: float | None = None) -> tuple[TrainingResult | None, float, int]:
        """The state that is kept (None: the last), the loss of its epoch, and the number of this one.

        ``part``: so much is kept of what the best epoch adds to what training started from. None: all of it or nothing.
        The start is then kept unless the best epoch is better by more than a standard error of the
        difference on the validation rows: of two models that rows cannot tell apart the simpler one is taken (Breiman,
        Friedman, Olshen & Stone, Classification and Regression Trees, 1984, section 3.4.3).
        """
        best = self.best
        if self.start is not None and best is not None:
            if self._may_be_chance() if part is None else part == 0.0:
                return self.start, self.loss_of_start, 0
            best = best if part is None else between(self.start, best, part)
        return best, self.best_loss, self.best_epoch

    def _may_be_chance(self) -> bool:
        """Whether the best epoch is not better than the start by more than a standard error."""
        assert self.losses_of_best is not None
        gains = self.losses_of_start - self.losses_of_best
        mean = self.weights @ gains
        return bool(mean < np.sqrt(self.weights**2 @ (gains - mean) ** 2))

    def _keep(self, loss: float, losses: Doubles | None, learner: Learner) -> None:
        self.best_loss, self.losses_of_best, self.best_epoch = loss, losses, len(self.losses)
        self.best = TrainingResult(learner.weights(), learner.optimizer_state())

    def recover(self) -> bool:
        """Take a smaller step after a training that is no longer finite; False: it may not go back once more."""
        if self.recoveries == 0 or self.best is None:
            return False
        self.recoveries -= 1
        self.rate *= _SMALLER
        return True

    def still_falling(self) -> bool:
        """Whether the loss of a training that ran out of epochs was still going down."""
        patience = self.config.n_iter_no_change
        if len(self.losses) < max(self.config.max_iter, 2 * patience):
            return False
        before, after = min(self.losses[:-patience]), min(self.losses[-patience:])
        return before - after > max(_FALLING * abs(self.losses[0]), self.config.tol)

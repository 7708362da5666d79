"""A fitted estimator and the data that it is shown, opened for those who look inside."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from sklearn.utils.validation import check_is_fitted

from skrnn._types import Doubles, Floats, Integers
from skrnn.estimators._base import BaseRNN
from skrnn.estimators._fitted import Fitted
from skrnn.networks import resolve_engine
from skrnn.objectives import Likelihood, MiniBatch, Objective, whole_loss
from skrnn.sequences import SequenceBatch, read_X
from skrnn.tasks import (
    Alignments,
    Context,
    EveryStep,
    NextCategory,
    NextStep,
    Numbers,
    Targets,
    Task,
    Tokens,
    WholeSequence,
)
from skrnn.training import TrainingSet

__all__ = ["Opened", "fitted_of", "open_fitted", "reads_characters", "writes_tokens"]

_ALONE = (
    "Pass the fitted estimator itself; of a Pipeline its last step, and X as the steps before it transform it; of a "
    "forecaster its estimator_, and X as make_windows makes it."
)
_WITH_DATA = (
    "Pass a fitted one, or a Pipeline, search or WindowForecaster around one; of other meta-estimators the network "
    "inside, and X as it gets it there."
)
_WITHOUT_Y = (NextStep, NextCategory, WholeSequence)


@dataclass(frozen=True, eq=False)
class Opened:
    """What a prediction for X, or the loss of X and y, is made of.

    Attributes
    ----------
    name : str
        Of the estimator's class.
    fitted : Fitted
    task : Task
    data : TrainingSet
        X, with its targets in the units of the loss if there are any.
    has_targets : bool
    engine : {"torch", "compiled"}
        That of the estimator's predictions on the CPU.
    """

    name: str
    fitted: Fitted
    task: Task
    data: TrainingSet
    has_targets: bool
    engine: str

    @property
    def batch(self) -> SequenceBatch:
        """X as it was read."""
        return self.data.batch

    @cached_property
    def objective(self) -> Objective:
        """What was minimised."""
        return self.task.objective(self.fitted.columns.vocabulary)

    def loss(self, part: MiniBatch, outputs: Floats) -> tuple[Floats, Floats]:
        """The loss of each row, and its gradient with respect to the outputs."""
        return whole_loss(self.objective, outputs, part)

    @property
    def loss_is_of_steps(self) -> bool:
        """Whether there is an output per step, and the loss is a sum over the steps."""
        return self.fitted.spec.readout == "steps" and not isinstance(self.task, Alignments)

    def chunks(self, n_rows: int) -> Iterator[tuple[Integers, MiniBatch]]:
        """Row numbers, and what the loss may look at, some rows at a time; inputs in double precision."""
        scaling = self.fitted.scalings.inputs
        for begin in range(0, self.batch.n_samples, n_rows):
            rows = np.arange(begin, min(begin + n_rows, self.batch.n_samples))
            inputs, lengths = scaling.gather(self.batch.take(rows), np.float64)
            part = self.data.mini_batch(rows) if self.has_targets else MiniBatch(inputs, lengths)
            yield rows, replace(part, inputs=inputs)

    def offsets(self, inputs: Doubles, lengths: Integers) -> Doubles:
        """What the start adds to the outputs for inputs (B, T, F); (B, K), zero without one."""
        linear, n_outputs = self.fitted.linear, self.fitted.spec.output_size
        if linear is None:
            return np.zeros((len(inputs), n_outputs))
        return self.task.offsets(linear.of(linear.reads.features(inputs, lengths)), n_outputs)

    def start_parts(self, inputs: Doubles, lengths: Integers, chosen: Integers) -> Doubles:
        """What each of the inputs (B, T, F) adds to what the start adds to the ``chosen`` output of its row."""
        start = self.fitted.linear
        if start is None:
            return np.zeros_like(inputs)
        targets = chosen // (self.fitted.spec.output_size // start.shape[1])
        parts = start.attributed(inputs, lengths, targets)
        ends = self.offsets(inputs, lengths), self.offsets(np.zeros_like(inputs), lengths)
        whole, sums = (ends[0] - ends[1])[np.arange(len(inputs)), chosen], parts.sum(axis=(1, 2))
        bent = np.divide(whole, sums, out=np.ones_like(sums), where=np.abs(sums) > np.finfo(float).tiny)
        return parts * bent[:, None, None]  # behind a link a sum counts as a whole

    def by_feature(self, values: Doubles) -> Doubles:
        """Values (B, T, input_size) of inputs as those of features (B, T, F): an indicator's go to its feature."""
        scaling = self.fitted.scalings.inputs
        n_features = len(scaling.mean)
        found = values[:, :, :n_features].copy()
        found[:, :, np.flatnonzero(scaling.indicators)] += values[:, :, n_features:]
        return found

    @property
    def stride(self) -> int:
        """Outputs from that of one target's prediction to that of the next: the parameters of a distribution."""
        base = self.task.base if isinstance(self.task, EveryStep) else self.task
        loss = base.loss if isinstance(base, Numbers) else None
        return loss.n_parameters if isinstance(loss, Likelihood) else 1

    @cached_property
    def predicts_in_proportion(self) -> bool:
        """Whether a prediction is a multiple of an output, plus a constant."""
        base = self.task.base if isinstance(self.task, EveryStep) else self.task
        if not isinstance(base, Numbers) or self.fitted.n_outputs * self.stride != self.fitted.spec.output_size:
            return False
        first = self._answers(np.zeros(1, np.intp), np.arange(3.0)[:, None, None])
        return bool(np.allclose(first[2] - first[1], first[1] - first[0]))

    def affine(self, rows: Integers, chosen: Integers) -> tuple[Doubles, Doubles]:
        """Of some sequences, the ``chosen`` prediction where the output is 0, and its rise where the output rises by 1.

        0 and 1 where predictions do not follow outputs in proportion: there the outputs count.
        """
        if not self.predicts_in_proportion:
            return np.zeros(len(rows)), np.ones(len(rows))
        found = self._answers(rows, np.arange(2.0)[:, None, None])[:, np.arange(len(rows)), chosen]
        return found[0], found[1] - found[0]

    def _answers(self, rows: Integers, outputs: Doubles) -> Doubles:
        """Predictions (n, B, K) where all outputs are one of n numbers."""
        shape = len(rows), self.fitted.spec.output_size
        context = Context(self.fitted.scalings, None if self.task.by_step else self.batch.take(rows))
        answers = [self.task.answer("predict", np.broadcast_to(one, shape), context) for one in outputs]
        of_targets = len(rows), self.fitted.n_outputs
        return np.array([np.repeat(np.reshape(answer, of_targets), self.stride, axis=1) for answer in answers])

    def tokens(self, part: MiniBatch) -> Integers | None:
        """What a decoder of tokens reads (B, L): 0, and then each target but the last; None: there is none."""
        if not isinstance(self.task, Tokens):
            return None
        assert part.targets is not None
        read = np.zeros(part.targets.shape[:2], np.intp)
        read[:, 1:] = part.targets[:, :-1, 0]
        return read


def writes_tokens(estimator: Any) -> bool:
    """Whether it is a fitted network that writes sequences of tokens, whose score counts exact matches."""
    fitted = isinstance(estimator, BaseRNN) and hasattr(estimator, "_fitted")
    return fitted and isinstance(estimator._fitted.task, (Tokens, Alignments))


def reads_characters(estimator: Any) -> bool:
    """Whether it is a fitted network that reads a text as a sequence of characters."""
    return isinstance(estimator, BaseRNN) and hasattr(estimator, "_fitted") and estimator._fitted.task.reads_characters


def fitted_of(estimator: Any, advice: str = _ALONE) -> Fitted:
    """What a fitted estimator remembers; ``advice``: what to pass instead of anything else.

    Raises
    ------
    TypeError
        If it is no recurrent network of this package.
    sklearn.exceptions.NotFittedError
        Before `fit`.
    """
    if not isinstance(estimator, BaseRNN):
        what = f"The class {estimator.__name__}" if isinstance(estimator, type) else type(estimator).__name__
        raise TypeError(f"{what} is no recurrent network of skrnn. {advice}")
    check_is_fitted(estimator)
    return estimator._fitted


def open_fitted(estimator: Any, X: Any, y: Any = None) -> Opened:
    """Read X, and y if it is given, as the fitted estimator does.

    Without y there are targets only where an estimator finds them in X, or writes tokens: its own.

    Raises
    ------
    TypeError
        If it is no recurrent network of this package.
    sklearn.exceptions.NotFittedError
        Before `fit`.
    ValueError, TypeError
        If X or y is not usable.
    """
    name, fitted = type(estimator).__name__, fitted_of(estimator, _WITH_DATA)
    if y is None and isinstance(fitted.task, Tokens):
        y = estimator.predict(X)
    X, _ = fitted.task.open(X, None, name)
    batch, _ = read_X(
        X,
        name=name,
        features_per_step=getattr(estimator, "features_per_step", 1),
        embeds=fitted.columns.embeds_all,
        characters=fitted.task.reads_characters,
        seen=fitted.columns,
    )
    task, has_targets = fitted.task, y is not None or isinstance(fitted.task, _WITHOUT_Y)
    values, gain, weights = None, None, np.ones(batch.n_samples)
    if has_targets:
        task, targets = fitted.task.read(y, batch, None, name)
        values, gain, _ = task.encode(Targets(targets.values, weights), fitted.scalings, batch)
    offset = None
    if fitted.linear is not None:
        offset = _offsets(fitted, batch).astype(np.float32)
    data = TrainingSet(batch, fitted.scalings.inputs, values, gain, weights, offset=offset)
    engine = resolve_engine(estimator.engine, fitted.spec, "cpu")
    return Opened(name, fitted, task, data, has_targets, engine)


def _offsets(fitted: Fitted, batch: SequenceBatch) -> Doubles:
    """What the linear model adds to the outputs (n_samples, K)."""
    assert fitted.linear is not None
    return fitted.task.offsets(fitted.linear.outputs(batch, fitted.scalings.inputs), fitted.spec.output_size)

"""One y for every time step."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Self

import numpy as np
from sklearn.utils._param_validation import InvalidParameterError

from skrnn._plain import require
from skrnn._types import Array, Doubles, Flags
from skrnn.networks import NetworkSpec
from skrnn.objectives import Distribution, MiniBatch, Objective, Scalings, TargetScaling
from skrnn.objectives import EveryStep as EveryStepLoss
from skrnn.sequences import InputScaling, SequenceBatch
from skrnn.tasks._base import Context, RowTask, Targets, Task
from skrnn.tasks._encoding import Encoded, encode_steps
from skrnn.tasks._numbers import Numbers
from skrnn.tasks._steps import arrange_steps, read_step_weights

__all__ = ["EveryStep"]


@dataclass(frozen=True, eq=False)
class EveryStep(Task):
    """A task of rows, at each time step of a sequence: the steps of all sequences are its rows.

    Targets are sequences with a last column of weights; a step of weight 0 has no target.
    """

    by_step: ClassVar[bool] = True
    stored: ClassVar[tuple[str, ...]] = ("base",)

    base: RowTask

    def __post_init__(self) -> None:
        """Refuse levels that are known at the end of a sequence only."""
        if isinstance(self.base, Numbers) and self.base.scaling in ("last", "window"):
            raise InvalidParameterError(
                f"scaling={self.base.scaling!r} takes off a level that is known at the end of a sequence only, and "
                "return_sequences=True gives a prediction at every step. Use 'standard'."
            )

    @property
    def streams(self) -> tuple[str, ...]:  # type: ignore[override]
        return self.base.streams

    @property
    def form(self) -> str:
        return f"{self.base.form} steps"

    @property
    def counts(self) -> bool:
        return self.base.counts

    @property
    def known(self) -> Array | None:
        return self.base.known

    def knowing(self, values: Array | None) -> Self:
        return replace(self, base=self.base.knowing(values))

    def read(self, y: Any, batch: SequenceBatch, sample_weight: Any, name: str) -> tuple[EveryStep, Targets]:
        base, values, missing = self.base.read_steps(y, batch, name)
        return EveryStep(base), _weighted(values, missing, sample_weight, batch)

    def check_same(self, fitted: Task, name: str) -> None:
        super().check_same(fitted, name)
        if isinstance(fitted, EveryStep):
            self.base.check_same(fitted.base, name)

    def objective(self, vocabulary: tuple[int, ...]) -> Objective:
        return EveryStepLoss(self.base.objective(vocabulary))

    def check_loss(self, first: Callable[[], MiniBatch]) -> None:
        def steps() -> MiniBatch:
            batch = first()
            assert batch.targets is not None
            assert batch.step_weights is not None
            return replace(batch, targets=batch.targets[batch.step_weights > 0])

        self.base.check_loss(steps)

    def fit_scaling(
        self, targets: Targets, scaling: InputScaling, batch: SequenceBatch, name: str
    ) -> TargetScaling | None:
        values, by_step = _parts(targets)
        weights = np.repeat(targets.sample_weights, _lengths(targets)) * by_step
        counted = weights > 0
        return self.base.fit_scaling(Targets(values[counted], weights[counted]), scaling, batch, name)

    def encode(self, targets: Targets, scalings: Scalings, batch: SequenceBatch) -> Encoded:
        values, by_step = _parts(targets)
        counted = by_step > 0
        by_row = np.repeat(targets.sample_weights, _lengths(targets))[counted]
        factors = self.base.factors(values[counted], by_step[counted] * by_row)
        if factors is not None:
            by_step = by_step.copy()
            by_step[counted] *= factors
        scaled, gain = self.base.scaled(values, scalings, batch, by_step=True)
        assert isinstance(targets.values, SequenceBatch)
        steps = encode_steps(targets.values, scaled, by_step, targets.sample_weights)
        return Encoded(steps, gain, targets.sample_weights)

    def average(self, outputs: Sequence[Doubles]) -> Doubles:
        return self.base.average(outputs)

    @property
    def has_distribution(self) -> bool:
        return self.base.has_distribution

    def distribution(self, outputs: Doubles, context: Context) -> Distribution:
        return self.base.distribution(outputs, context)

    def answer(self, method: str, outputs: Doubles, context: Context) -> Any:
        return self.base.answer(method, outputs, context)

    def arrange(self, values: Array, batch: SequenceBatch, as_list: bool) -> Any:
        return arrange_steps(values, batch, as_list)

    def score(self, y: Any, answers: Any, batch: SequenceBatch | None, sample_weight: Any, name: str) -> float:
        """How good the answers to the steps are that have a target."""
        assert batch is not None
        truth, missing = self.base.truth_of_steps(y, batch, name)
        if missing.all():
            raise ValueError("y has no time step with a target: there is nothing to score.")
        weights = None if sample_weight is None else read_step_weights(sample_weight, batch)[~missing]
        return self.base.score_answers(truth[~missing], answers[~missing], weights)

    @classmethod
    def from_plain(cls, values: dict[str, Any]) -> EveryStep:
        base = values["base"]
        require(isinstance(base, RowTask), "a task of time steps has no task of rows")
        return cls(base)

    def check_state(self, spec: NetworkSpec, scaling: TargetScaling | None, n_targets: int) -> None:
        require(spec.readout == "steps", "it is not that of a network with an output per step")
        self.base.check_state(replace(spec, readout="last"), scaling, n_targets)


def _weighted(values: Doubles, missing: Flags, sample_weight: Any, batch: SequenceBatch) -> Targets:
    """Targets (N, k) as sequences with a last column of weights, and a weight for each row.

    A row whose steps all weigh 2 is the row twice: the largest weight of its steps is the row's, and the steps keep
    theirs relative to it. A row without a step that counts has weight 0.
    """
    steps = np.column_stack([values, ~missing]).astype(np.float64)
    steps[:, -1] *= read_step_weights(sample_weight, batch)
    steps[steps[:, -1] == 0, :-1] = np.nan  # as if there were no target
    targets = SequenceBatch.one_after_another(steps, batch.lengths)
    largest = np.maximum.reduceat(steps[:, -1], targets.starts)
    if not largest.any():
        raise ValueError("y has no time step with a target and a weight above 0.")
    steps[:, -1] /= np.repeat(np.where(largest > 0, largest, 1.0), targets.lengths)
    return Targets(targets, largest)


def _parts(targets: Targets) -> tuple[Doubles, Doubles]:
    """Values (N, k) and step weights (N,)."""
    assert isinstance(targets.values, SequenceBatch)
    flat = targets.values.flat_steps()
    return flat[:, :-1], flat[:, -1]  # type: ignore[return-value]  # targets are in double precision


def _lengths(targets: Targets) -> Array:
    assert isinstance(targets.values, SequenceBatch)
    return targets.values.lengths

"""Tasks without a y: the targets are in the sequences themselves. And the choice of a task by what y is."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, ClassVar, NoReturn

import numpy as np

from skrnn._plain import is_size, require
from skrnn._types import Array
from skrnn.networks import NetworkSpec
from skrnn.objectives import CrossEntropy, EveryStep, Forecast, Objective, Reconstruction, Scalings, TargetScaling
from skrnn.sequences import Columns, InputScaling, SequenceBatch
from skrnn.tasks._base import Targets, Task, Unread
from skrnn.tasks._encoding import Encoded, encode_steps, mean_one
from skrnn.tasks._reading import is_continuous

__all__ = ["ByTarget", "NextCategory", "NextStep", "WholeSequence", "refuse_categories", "refuse_mixed"]


class _WithoutY(Task):
    """What the tasks of this file share: y is not looked at."""

    needs_y: ClassVar[bool] = False

    def read(self, y: Any, batch: SequenceBatch, sample_weight: Any, name: str) -> tuple[Task, Targets]:
        return self, Targets(None, self._read_weights(sample_weight, batch))

    def check_same(self, fitted: Task, name: str) -> None:
        if self.form != fitted.form:
            raise ValueError(f"{name} cannot go on with {self.form}, it was fitted for {fitted.form}.")


class _OfNumbers(_WithoutY):
    """The sequences are numbers."""

    def encode(self, targets: Targets, scalings: Scalings, batch: SequenceBatch) -> Encoded:
        return Encoded(None, None, mean_one(targets.sample_weights))

    def check_state(self, spec: NetworkSpec, scaling: TargetScaling | None, n_targets: int) -> None:
        objective = self.objective(())
        good = spec.readout == objective.readout and spec.output_size == objective.n_outputs(0) and scaling is None
        require(good, f"it is not that of a {self.form} objective")


@dataclass(frozen=True, eq=False)
class NextStep(_OfNumbers):
    """The next time step at every step, or the step behind each segment; or the next ``horizon`` of them."""

    stored: ClassVar[tuple[str, ...]] = ("segment", "segment_stride", "n_features", "horizon")
    later: ClassVar[dict[str, Any]] = {"horizon": 1}

    segment: int = 1
    segment_stride: int | None = None
    n_features: int = 1
    horizon: int = 1

    @property
    def form(self) -> str:
        return "forecast"

    def read(self, y: Any, batch: SequenceBatch, sample_weight: Any, name: str) -> tuple[Task, Targets]:
        return replace(self, n_features=batch.n_features), super().read(y, batch, sample_weight, name)[1]

    def objective(self, vocabulary: tuple[int, ...]) -> Objective:
        return Forecast(self.n_features, self.segment, self.segment_stride, self.horizon)

    def fit_scaling(self, targets: Targets, scaling: InputScaling, batch: SequenceBatch, name: str) -> None:
        """Nothing to scale; but there has to be a next step."""
        least = self.segment + self.horizon - 1
        if (batch.lengths <= least).all():
            shorter = " or a shorter horizon" if self.horizon > 1 else ""
            raise ValueError(
                f"{name} learns from the next time {'steps' if self.horizon > 1 else 'step'}, but no sequence has more "
                f"than {least} time step(s) (n_features={self.n_features}). Pass longer sequences{shorter} or y, or "
                "set objective='reconstruct'."
            )

    @classmethod
    def from_plain(cls, values: dict[str, Any]) -> NextStep:
        stride = values["segment_stride"]
        sizes = [values["segment"], values["n_features"], values["horizon"], *([] if stride is None else [stride])]
        require(all(map(is_size, sizes)), "it is not that of a forecast objective")
        return cls(**values)


@dataclass(frozen=True, eq=False)
class WholeSequence(_OfNumbers):
    """The whole sequence, from its last state by a decoder."""

    stored: ClassVar[tuple[str, ...]] = ("n_features",)

    n_features: int = 1

    @property
    def form(self) -> str:
        return "reconstruct"

    def read(self, y: Any, batch: SequenceBatch, sample_weight: Any, name: str) -> tuple[Task, Targets]:
        return WholeSequence(batch.n_features), super().read(y, batch, sample_weight, name)[1]

    def objective(self, vocabulary: tuple[int, ...]) -> Objective:
        return Reconstruction(self.n_features)

    @classmethod
    def from_plain(cls, values: dict[str, Any]) -> WholeSequence:
        require(is_size(values["n_features"]), "it is not that of a reconstruct objective")
        return cls(**values)


@dataclass(frozen=True, eq=False)
class NextCategory(_WithoutY):
    """The (first) category of the next time step at every step.

    Attributes
    ----------
    segment : int or None
        Of the network, which has to be None.
    """

    segment: int | None = None

    def read(self, y: Any, batch: SequenceBatch, sample_weight: Any, name: str) -> tuple[Task, Targets]:
        if self.segment is not None:
            refuse_categories(self.form, name)
        return super().read(y, batch, sample_weight, name)

    @property
    def form(self) -> str:
        return "forecast"

    def objective(self, vocabulary: tuple[int, ...]) -> Objective:
        return EveryStep(CrossEntropy(vocabulary[0]))

    def encode(self, targets: Targets, scalings: Scalings, batch: SequenceBatch) -> Encoded:
        values, by_step = _following(batch)
        here = SequenceBatch.one_after_another(values, batch.lengths)
        return Encoded(encode_steps(here, values, by_step, targets.sample_weights), None, targets.sample_weights)

    @classmethod
    def from_plain(cls, values: dict[str, Any]) -> NextCategory:
        return cls()

    def check_state(self, spec: NetworkSpec, scaling: TargetScaling | None, n_targets: int) -> None:
        good = spec.readout == "steps" and spec.vocabulary[:1] == (spec.output_size,) and scaling is None
        require(good, "it is not that of a forecast of categories")


def refuse_categories(objective: str, name: str) -> NoReturn:
    """An objective whose targets are numbers, on an X of categories."""
    raise ValueError(
        f"objective={objective!r} of {name} learns to predict numbers, and with embedding_dim X holds categories. Pass "
        "y, or use objective='forecast' without segment."
    )


def refuse_mixed(task: Task, columns: Columns, name: str) -> None:
    """An objective whose targets are the features of X, where some of them are categories."""
    if columns.categories and isinstance(task, _OfNumbers):
        raise ValueError(
            f"{name} finds its targets in X here, all features of a step, and learns to predict numbers; X holds "
            "categories (categorical_features). Pass y, with objective='regression' or 'classification', or encode the "
            "categories before (OneHotEncoder)."
        )


def _following(batch: SequenceBatch) -> tuple[Array, Array]:
    """The first category (N, 1) of the step after each, and its weight (N,): 0 where none is known."""
    codes = batch.flat_steps()[:, 0]
    values = np.zeros((len(codes), 1), np.float32)
    values[:-1, 0] = codes[1:]
    values[np.cumsum(batch.lengths) - 1, 0] = 0.0
    np.nan_to_num(values, copy=False)
    return values, (values[:, 0] > 0).astype(np.float32)


@dataclass(frozen=True, eq=False)
class ByTarget(Unread):
    """One of three tasks: without a y, with measurements, and with anything else."""

    without: Unread
    numbers: Unread
    classes: Unread

    def resuming(self, fitted: Task) -> ByTarget:
        return ByTarget(*(part.resuming(fitted) for part in (self.without, self.numbers, self.classes)))

    def read(self, y: Any, batch: SequenceBatch, sample_weight: Any, name: str) -> tuple[Task, Targets]:
        chosen = self.without if y is None else self.numbers if is_continuous(y, name) else self.classes
        return chosen.read(y, batch, sample_weight, name)

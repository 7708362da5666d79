"""A task: what y is, as a value. It reads y, says what is trained towards, and turns outputs into answers."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np

from skrnn._types import Array, Doubles, Flags, Singles
from skrnn.networks import NetworkSpec
from skrnn.objectives import Distribution, MiniBatch, Objective, Scalings, TargetScaling
from skrnn.sequences import InputScaling, SequenceBatch
from skrnn.tasks._encoding import Encoded, mean_one
from skrnn.tasks._reading import check_weights

__all__ = ["Context", "RowTask", "Targets", "Task", "Unread"]


@dataclass(frozen=True, eq=False)
class Targets:
    """What was read of y: numbers (n_samples, k), sequences of numbers with a last column of weights, or None where the
    targets are in X; and the sample weights (n_samples,).
    """

    values: Doubles | SequenceBatch | None
    sample_weights: Doubles


@dataclass(frozen=True, eq=False)
class Context:
    """What an answer depends on besides the outputs; ``batch`` None: a stream, which has no whole sequence."""

    scalings: Scalings
    batch: SequenceBatch | None
    beam_width: int = 1


class Unread(ABC):
    """What the parameters of an estimator say of y, before y was read. Frozen, as every task.

    Attributes
    ----------
    reads_characters : bool
        Whether a text in X is the sequence of its characters.
    carries_state : bool
        Whether training may carry its state from one chunk of a long sequence to the next.
    """

    reads_characters: ClassVar[bool] = False
    carries_state: ClassVar[bool] = False

    def knowing(self, values: Array | None) -> Self:
        """The same with classes or tokens that are known beforehand."""
        return self

    @abstractmethod
    def resuming(self, fitted: Task) -> Unread:
        """The same with what an earlier fit has found out."""

    def doubts(self, X: Any, name: str) -> str:
        """What is wrong with an X that can be read, but looks like another; empty if nothing seems to be."""
        return ""

    def open(self, X: Any, sample_weight: Any, name: str) -> tuple[Any, Any]:
        """X and the sample weights as they are trained on."""
        return X, sample_weight

    @abstractmethod
    def read(self, y: Any, batch: SequenceBatch, sample_weight: Any, name: str) -> tuple[Task, Targets]:
        """Check y and the sample weights, in scikit-learn's words; the task that knows what was found."""


class Task(Unread):
    """What y is.

    Attributes
    ----------
    streams : tuple of str
        Methods whose answers a stream can give after every step; the first is the default.
    why_no_stream : tuple of str
        Where there are none: the reason, and with what to fit instead, for a message.
    by_step : bool
        Whether there is a target for every time step.
    stored : tuple of str
        Names of the values that a stored state has of the task.
    later : dict
        Of these, those that earlier states have not, with what they were then.
    rows_to_hold_out : int
        From so many different rows on, ``early_stopping="auto"`` holds some out.
    needs_y : bool
        Whether nothing can be learnt without a y.
    can_start_linear : bool
        Whether a linear model can give the network its first outputs.
    starts_from_roots : bool
        Whether that model learns the roots of the targets.
    """

    streams: ClassVar[tuple[str, ...]] = ()
    why_no_stream: ClassVar[tuple[str, str]] = ("it has no answer after a single step", "another task")
    by_step: ClassVar[bool] = False
    stored: ClassVar[tuple[str, ...]] = ()
    later: ClassVar[dict[str, Any]] = {}
    rows_to_hold_out: ClassVar[int] = 10_000
    needs_y: ClassVar[bool] = True
    can_start_linear: ClassVar[bool] = False
    starts_from_roots: bool = False

    @property
    @abstractmethod
    def form(self) -> str:
        """What y is, in a word for messages."""

    @property
    def counts(self) -> bool:
        """Whether y counts events, of which there may be one in every row."""
        return False

    @property
    def known(self) -> Array | None:
        """The classes or tokens, sorted but for those of an adaptive softmax; None: there are none."""
        return None

    def resuming(self, fitted: Task) -> Task:
        return self.knowing(fitted.known)

    def check_same(self, fitted: Task, name: str) -> None:
        """Refuse to go on with a y of another kind than in the first fit."""
        if self.by_step != fitted.by_step:
            raise ValueError(
                f"{name} cannot go on training with return_sequences={self.by_step}; the first fit had "
                f"{fitted.by_step}. Use warm_start=False, or a clone."
            )
        if self.form != fitted.form:
            raise ValueError(f"y is {self.form}, {name} was fitted on {fitted.form} targets.")

    @abstractmethod
    def objective(self, vocabulary: tuple[int, ...]) -> Objective:
        """What is minimised; ``vocabulary`` are the rows of the embedding of each feature."""

    def check_loss(self, first: Callable[[], MiniBatch]) -> None:
        """Refuse a loss of the user's own that is wrong on the first mini-batch, which is made only for it."""

    def linear_targets(self, targets: Singles) -> Doubles:
        """What a linear model is to predict (n, m), of targets (n, k) in the units of the loss."""
        raise ValueError(f"A linear model is not for {self.form} targets.")

    def offsets(self, linear: Doubles, n_outputs: int) -> Doubles:
        """What predictions (n, m) of the linear model are as outputs (n, n_outputs)."""
        return linear

    def fit_scaling(
        self, targets: Targets, scaling: InputScaling, batch: SequenceBatch, name: str
    ) -> TargetScaling | None:
        """The scaling of the targets of a training set; None: they are not scaled, as classes."""
        return None

    @abstractmethod
    def encode(self, targets: Targets, scalings: Scalings, batch: SequenceBatch) -> Encoded:
        """What is trained on."""

    def average(self, outputs: Sequence[Doubles]) -> Doubles:
        """What several networks say (n, K) together; what they start from may be added before or after."""
        return np.asarray(np.mean(outputs, axis=0))

    @property
    def has_distribution(self) -> bool:
        """Whether outputs say a whole distribution of the targets."""
        return False

    def distribution(self, outputs: Doubles, context: Context) -> Distribution:
        """What outputs (n, K), or (N, K) of all real steps, say of all targets, in the user's units."""
        raise ValueError(f"There is no distribution for {self.form} targets.")

    def answer(self, method: str, outputs: Doubles, context: Context) -> Any:
        """What a method says of outputs (n, K), or (N, K) of all real steps where there is an output per step."""
        raise ValueError(f"{method} is not for {self.form} targets.")

    def arrange(self, values: Any, batch: SequenceBatch, as_list: bool) -> Any:
        """Answers in the form of X: a list (``as_list``) or an array."""
        return values

    def score(self, y: Any, answers: Any, batch: SequenceBatch | None, sample_weight: Any, name: str) -> float:
        """How good predictions are; those of steps are (N, …) of all real steps of the ``batch``."""
        raise ValueError(f"There is no score for {self.form} targets.")

    def plain(self) -> dict[str, Any]:
        """What `read` has found out, as builtins and arrays, under the names of ``stored``."""
        return {name: getattr(self, name) for name in self.stored}

    @classmethod
    @abstractmethod
    def from_plain(cls, values: dict[str, Any]) -> Task:
        """The checked task of a stored state, from values under the names of ``stored``."""

    @abstractmethod
    def check_state(self, spec: NetworkSpec, scaling: TargetScaling | None, n_targets: int) -> None:
        """Refuse a network and a scaling of a stored state that are not those of the task."""

    def _read_weights(self, sample_weight: Any, batch: SequenceBatch) -> Doubles:
        return check_weights(sample_weight, batch.n_samples)


class RowTask(Task):
    """One target, or one row of targets, for each sequence; or, inside `EveryStep`, for each time step."""

    @abstractmethod
    def read_steps(self, y: Any, batch: SequenceBatch, name: str) -> tuple[RowTask, Doubles, Flags]:
        """The task that knows what was found, targets (N, k) of all real steps, and which steps have none."""

    @abstractmethod
    def truth_of_steps(self, y: Any, batch: SequenceBatch, name: str) -> tuple[Array, Flags]:
        """What the answers (N, …) of all real steps should be, and which steps have none."""

    @abstractmethod
    def score_answers(self, truth: Array, answers: Array, sample_weight: Doubles | None) -> float:
        """How good the answers to rows are."""

    def scaled(
        self, values: Doubles, scalings: Scalings, batch: SequenceBatch, *, by_step: bool = False
    ) -> tuple[Singles, Singles | None]:
        """Targets (n, k) as they are trained on, of rows or of steps (N, k), and the gain of the rows."""
        if scalings.targets is None:
            return values.astype(np.float32), None
        return scalings.targets.encode(values, *((None, None) if by_step else (scalings.inputs, batch)))

    def factors(self, values: Doubles, weights: Doubles) -> Doubles | None:
        """Factors on the weights of rows of targets (n, k); None: 1."""
        return None

    def encode(self, targets: Targets, scalings: Scalings, batch: SequenceBatch) -> Encoded:
        assert isinstance(targets.values, np.ndarray)
        factors = self.factors(targets.values, targets.sample_weights)
        weights = targets.sample_weights if factors is None else targets.sample_weights * factors
        return Encoded(*self.scaled(targets.values, scalings, batch), mean_one(weights))

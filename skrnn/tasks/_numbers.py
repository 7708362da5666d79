"""Numbers: one target, or one row of targets, per sequence."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np
from sklearn.metrics import d2_pinball_score, r2_score
from sklearn.utils._param_validation import InvalidParameterError

from skrnn._plain import require
from skrnn._types import Array, Doubles, Flags, Integers, Singles
from skrnn.exceptions import without_value
from skrnn.networks import NetworkSpec
from skrnn.objectives import (
    Distribution,
    Likelihood,
    MiniBatch,
    Objective,
    OwnLoss,
    QuantileLoss,
    Scalings,
    SquaredError,
    TargetScaling,
    check_own_loss,
    loss_from_plain,
    loss_to_plain,
    name_of_loss,
    same_loss,
)
from skrnn.sequences import InputScaling, SequenceBatch
from skrnn.tasks._base import Context, RowTask, Targets, Task
from skrnn.tasks._reading import check_numbers, check_weights
from skrnn.tasks._steps import read_numbers_of_steps

__all__ = ["Numbers"]


@dataclass(frozen=True, eq=False)
class Numbers(RowTask):
    """Targets of a regression.

    Attributes
    ----------
    loss : Objective
    scaling : {"standard", "last", "window"} or None
        That of the inputs, which the targets follow.
    target_feature : int, list of int or None
        Whose future the targets are, for "last" and "window".
    single : bool
        Whether a target has one prediction, not one for each of several quantile levels.
    one_dimensional : bool
        Whether y had no axis of targets.
    """

    streams: ClassVar[tuple[str, ...]] = ("predict",)
    stored: ClassVar[tuple[str, ...]] = ("loss", "single", "one_dimensional")
    rows_to_hold_out: ClassVar[int] = 20
    can_start_linear: ClassVar[bool] = True
    least_mean: ClassVar[float] = 1e-2  # of a linear model behind a log link, in units of the mean target

    loss: Objective = SquaredError()  # noqa: RUF009  it is frozen and empty
    scaling: str | None = "standard"
    target_feature: Any = None
    single: bool = True
    one_dimensional: bool = True

    def __post_init__(self) -> None:
        """Refuse a scaling that the loss cannot undo."""
        if self.loss.link == "log" and self.scaling in ("last", "window"):
            raise InvalidParameterError(
                f"loss={name_of_loss(self.loss)!r} has a log link, in which scaling={self.scaling!r} cannot be undone. "
                "Use 'standard'."
            )

    @property
    def form(self) -> str:
        return "numeric"

    @property
    def starts_from_roots(self) -> bool:  # type: ignore[override]
        return self.loss.starts_from_roots

    @property
    def counts(self) -> bool:
        return self.loss.link == "log"

    @property
    def levels(self) -> tuple[float, ...]:
        """Of the quantiles that are predicted; none for other losses."""
        return self.loss.levels if isinstance(self.loss, QuantileLoss) else ()

    def read(self, y: Any, batch: SequenceBatch, sample_weight: Any, name: str) -> tuple[Numbers, Targets]:
        values, one_dimensional = check_numbers(y, batch.n_samples, name)
        self._check_domain(values)
        task = replace(self, one_dimensional=one_dimensional)
        weights, missing = self._read_weights(sample_weight, batch), np.isnan(values)
        if missing.any():
            if self._is_own:
                raise ValueError(
                    "Input y contains NaN, which a loss of your own does not take. Drop or fill these rows."
                )
            weights = np.where(missing.all(axis=1), 0.0, weights)  # without any target a row is no row
        return task, Targets(values, weights)

    def read_steps(self, y: Any, batch: SequenceBatch, name: str) -> tuple[Numbers, Doubles, Flags]:
        """The task, targets (N, k) of all real steps, and which steps have none."""
        values, missing, one_dimensional = read_numbers_of_steps(y, batch, name)
        self._check_domain(values[~missing])
        return replace(self, one_dimensional=one_dimensional), values, missing

    def truth_of_steps(self, y: Any, batch: SequenceBatch, name: str) -> tuple[Doubles, Flags]:
        values, missing, _ = read_numbers_of_steps(y, batch, name)
        return values[:, 0] if self.one_dimensional else values, missing

    def _check_domain(self, values: Doubles) -> None:
        least = self.loss.least_target
        if (values < least).any():
            raise ValueError(f"loss={name_of_loss(self.loss)!r} needs y >= {least:g}, got {np.nanmin(values):g}.")

    def check_same(self, fitted: Task, name: str) -> None:
        super().check_same(fitted, name)
        assert isinstance(fitted, Numbers)
        if not same_loss(self.loss, fitted.loss) or self.single != fitted.single:
            raise ValueError(
                f"{name} cannot go on training with {self._in_words()}; the first fit had {fitted._in_words()}. Use "
                "warm_start=False, or a clone."
            )

    def _in_words(self) -> str:
        levels = list(self.levels) if not self.single else self.levels[0] if self.levels else None
        return f"loss={name_of_loss(self.loss)!r}" + (f" of quantile={levels}" if self.levels else "")

    def objective(self, vocabulary: tuple[int, ...]) -> Objective:
        return OwnLoss(self.loss) if self._is_own else self.loss

    @property
    def _is_own(self) -> bool:
        """Whether the loss is the user's, and so has to be checked."""
        return bool(loss_to_plain(self.loss)["name"] == "own")

    def check_loss(self, first: Callable[[], MiniBatch]) -> None:
        if self._is_own:
            check_own_loss(self.loss, first())

    def linear_targets(self, targets: Singles) -> Doubles:
        return targets.astype(np.float64)

    def offsets(self, linear: Doubles, n_outputs: int) -> Doubles:
        """The same for each quantile level, and for the mean of a distribution; its logarithm behind a log link."""
        each = n_outputs // linear.shape[1]
        linear = np.maximum(linear, 0.0) ** 2 if self.loss.starts_from_roots else linear
        outputs = np.repeat(linear, each, axis=1)
        outputs = np.log(np.maximum(outputs, self.least_mean)) if self.loss.link == "log" else outputs
        if isinstance(self.loss, Likelihood):
            outputs[:, np.arange(n_outputs) % each > 0] = 0.0
        return outputs

    def average(self, outputs: Sequence[Doubles]) -> Doubles:
        return self.loss.average(outputs) if isinstance(self.loss, Likelihood) else super().average(outputs)

    def scaled(
        self, values: Doubles, scalings: Scalings, batch: SequenceBatch, *, by_step: bool = False
    ) -> tuple[Singles, Singles | None]:
        if self.loss.scales_targets:
            return super().scaled(values, scalings, batch, by_step=by_step)
        assert scalings.targets is not None
        return scalings.targets.encode_unscaled(values, batch.n_samples)

    def fit_scaling(self, targets: Targets, scaling: InputScaling, batch: SequenceBatch, name: str) -> TargetScaling:
        assert isinstance(targets.values, np.ndarray)
        blank = np.isnan(targets.values).all(axis=0)
        if blank.any():
            raise without_value("target", int(blank.argmax()))
        kind = "mean" if self.loss.link == "log" and self.scaling is not None else self.scaling
        in_turn = kind in ("last", "window")
        features = self._features_in_turn(scaling, targets.values.shape[1], name) if in_turn else None
        return TargetScaling.fit(kind, targets.values, targets.sample_weights, scaling, batch, features)

    def _features_in_turn(self, scaling: InputScaling, n_targets: int, name: str) -> Integers:
        """Numbers of the features whose futures the targets are, in turn."""
        candidates, n_features = np.flatnonzero(scaling.are_numbers), len(scaling.mean)
        if self.target_feature is None and len(candidates) > 1:
            raise InvalidParameterError(
                f"scaling={self.scaling!r} takes the level of a feature off the targets, and X has {len(candidates)} "
                "features per step. Say with target_feature whose future the targets are: a number, or a list of them."
            )
        features = np.atleast_1d(np.asarray(candidates if self.target_feature is None else self.target_feature))
        numbers = features.dtype.kind in "iu" and features.size > 0
        if not numbers or features.min() < 0 or features.max() >= n_features:
            raise InvalidParameterError(
                f"The 'target_feature' parameter of {name} must be a feature's number from 0 to {n_features - 1}, or a "
                f"list of such. Got {self.target_feature!r} instead."
            )
        codes = [int(feature) for feature in features if feature not in candidates]
        if codes:
            raise InvalidParameterError(
                f"target_feature={self.target_feature!r} of {name} names feature {codes[0]}, which is one of the "
                f"categorical_features: it has no level that scaling={self.scaling!r} could take off the targets."
            )
        if n_targets % len(features):
            raise InvalidParameterError(
                f"target_feature={self.target_feature!r} names {len(features)} features in turn, which do not divide "
                f"the {n_targets} targets."
            )
        return features.astype(np.intp)

    @property
    def has_distribution(self) -> bool:
        return isinstance(self.loss, Likelihood)

    def distribution(self, outputs: Doubles, context: Context) -> Distribution:
        scaling = context.scalings.targets
        assert scaling is not None
        assert isinstance(self.loss, Likelihood)
        return self.loss.distribution(outputs, *scaling.shift_and_factor(context.scalings.inputs, context.batch))

    def answer(self, method: str, outputs: Doubles, context: Context) -> Doubles:
        scaling = context.scalings.targets
        assert scaling is not None
        y = scaling.decode(np.asarray(self.loss.decode(outputs)), context.scalings.inputs, context.batch)
        y = y[:, 0] if self.one_dimensional else y
        return y[..., 0] if self.levels and self.single else y

    def score(self, y: Any, answers: Any, batch: SequenceBatch | None, sample_weight: Any, name: str) -> float:
        values, _ = check_numbers(y, len(answers), name)
        truth = values[:, 0] if self.one_dimensional and values.shape[1] == 1 else values
        weights = None if sample_weight is None else check_weights(sample_weight, len(answers))
        return self.score_answers(truth, answers, weights)

    def score_answers(self, y: Array, predictions: Doubles, sample_weight: Any) -> float:
        """R2, or the mean D2 pinball score of the levels; of targets that are partly missing the mean of each one's."""
        if np.ndim(y) == 2 and (missing := np.isnan(np.asarray(y, np.float64))).any():
            y, weights = np.asarray(y, np.float64), None if sample_weight is None else np.asarray(sample_weight)
            known = [(k, ~missing[:, k]) for k in range(y.shape[1]) if not missing[:, k].all()]
            return float(
                np.mean(
                    [
                        self.score_answers(y[rows, k], predictions[rows, k], None if weights is None else weights[rows])
                        for k, rows in known
                    ]
                )
            )
        if self.single:
            return float(r2_score(y, predictions, sample_weight=sample_weight))
        scores = [
            d2_pinball_score(y, predictions[..., i], sample_weight=sample_weight, alpha=level)
            for i, level in enumerate(self.levels)
        ]
        return float(np.mean(scores))

    def plain(self) -> dict[str, Any]:
        return {**super().plain(), "loss": loss_to_plain(self.loss)}

    @classmethod
    def from_plain(cls, values: dict[str, Any]) -> Numbers:
        flags = values["single"], values["one_dimensional"]
        require(all(isinstance(flag, bool) for flag in flags), "the form of y is not known")
        task = cls(loss_from_plain(values["loss"]), None, None, *flags)
        require(task.single or bool(task.levels), "a loss without levels has one prediction for each target")
        return task

    def check_state(self, spec: NetworkSpec, scaling: TargetScaling | None, n_targets: int) -> None:
        good = scaling is not None and (n_targets == 1 or not self.one_dimensional)
        require(good and spec.readout == self.loss.readout, "it is not that of a regression")
        sizes = spec.output_size == self.loss.n_outputs(n_targets)
        require(sizes, "the network has not one output for each target and level")

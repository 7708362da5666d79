"""The losses of a regression by name, and those of the user's own: checked before anything is trained with them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from skrnn._plain import require
from skrnn._types import Doubles, Floats, Integers
from skrnn.objectives._base import MiniBatch, Objective
from skrnn.objectives._likelihood import GaussianLikelihood, NegativeBinomialLikelihood, StudentTLikelihood
from skrnn.objectives._quantile import QuantileLoss
from skrnn.objectives._regression import AbsoluteError, HuberLoss, PoissonDeviance, SquaredError

__all__ = ["LOSSES", "OwnLoss", "check_own_loss", "loss_from_plain", "loss_to_plain", "name_of_loss", "same_loss"]

LOSSES: dict[str, type[Objective]] = {
    "squared_error": SquaredError,
    "absolute_error": AbsoluteError,
    "huber": HuberLoss,
    "poisson": PoissonDeviance,
    "gaussian": GaussianLikelihood,
    "student_t": StudentTLikelihood,
    "negative_binomial": NegativeBinomialLikelihood,
}


@dataclass(frozen=True)
class OwnLoss(Objective):
    """A loss of the user's own, which need not know of gains and of the precision of the outputs.

    It may be one of the losses here plus any number: what these say of their size does not hold for a class of the
    user's that inherits it. So its least loss is what that class itself says, else unknown, and it does not shrink.
    """

    base: Objective

    @property
    def least_loss(self) -> float:  # type: ignore[override]
        return self.base.least_loss if self._has_known_size else vars(type(self.base)).get("least_loss", -np.inf)

    @property
    def shrinks(self) -> bool:  # type: ignore[override]
        return self._has_known_size and self.base.shrinks

    @property
    def _has_known_size(self) -> bool:
        """Whether it is one of the losses here, with other parameters."""
        return type(self.base) in LOSSES.values()

    def n_outputs(self, n_targets: int) -> int:
        return self.base.n_outputs(n_targets)

    def loss(self, outputs: Floats, batch: MiniBatch) -> tuple[Floats, Floats]:
        if batch.gain is None:
            value, slope = self.base.loss(outputs, batch)
        else:
            gain = np.repeat(batch.gain, outputs.shape[1] // batch.gain.shape[1], axis=1)
            value, slope = self.base.loss(outputs * gain, replace(batch, gain=None))
            slope = slope * gain
        return np.asarray(value, outputs.dtype), np.asarray(slope, outputs.dtype)

    def decode(self, outputs: Floats) -> Floats:
        return self.base.decode(outputs)

    def strata(self, targets: Floats | None) -> Integers | None:
        return self.base.strata(targets)


_STEP = 1e-4  # of the difference quotients
_TOLERATED = 0.2  # part of the sequences whose quotient may differ: a kink lies between the two points


def name_of_loss(objective: Objective) -> str:
    """What a user calls it, or its class."""
    if isinstance(objective, QuantileLoss):
        return "quantile"
    names = [name for name, kind in LOSSES.items() if objective == kind()]
    return names[0] if names else type(objective).__name__


def same_loss(one: Objective, other: Objective) -> bool:
    """Whether two losses are of one class with equal attributes; they may be copies, and have arrays."""
    return type(one) is type(other) and _equal(vars(one), vars(other))


def _equal(one: Any, other: Any) -> bool:
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(_equal(one[key], other[key]) for key in one)
    if isinstance(one, np.ndarray) or isinstance(other, np.ndarray):
        return np.array_equal(one, other)
    return bool(one == other)


def loss_to_plain(objective: Objective) -> dict[str, Any]:
    """A loss as builtins; one of the user's own is kept as it is."""
    if type(objective) is QuantileLoss:
        return {"name": "quantile", "levels": list(objective.levels)}
    name = name_of_loss(objective)
    return {"name": name} if name in LOSSES else {"name": "own", "objective": objective}


def loss_from_plain(values: Any) -> Objective:
    """The loss of a stored state, checked."""
    require(isinstance(values, dict), "the loss is not a dict")
    name = values.get("name")
    extra = {"quantile": {"levels"}, "own": {"objective"}}.get(str(name), set())
    known = name in LOSSES or name in ("quantile", "own")
    require(known and set(values) == {"name", *extra}, f"the loss has the names {sorted(map(str, values))}")
    if name == "own":
        require(isinstance(values["objective"], Objective), "the loss is no Objective")
        own: Objective = values["objective"]
        return own
    if name == "quantile":
        levels = values["levels"]
        good = isinstance(levels, list) and all(isinstance(level, float) and 0 < level < 1 for level in levels)
        require(good and bool(levels), "the loss has levels that are not in (0, 1)")
        return QuantileLoss(tuple(levels))
    return LOSSES[str(name)]()


def check_own_loss(objective: Objective, batch: MiniBatch) -> None:
    """Refuse a loss whose shapes or whose gradient are wrong on the targets (B, k) of a mini-batch.

    The gradient is compared with central differences along a random direction, in double precision.

    Raises
    ------
    ValueError
        With what the loss returned and what is expected.
    """
    assert batch.targets is not None
    label, (n, n_targets) = f"loss={objective!r}", batch.targets.shape
    batch = replace(batch, targets=batch.targets.astype(np.float64), gain=None)
    n_outputs = objective.n_outputs(n_targets)
    if objective.readout != "last" or objective.link not in ("identity", "log"):
        raise ValueError(
            f"{label}: readout={objective.readout!r} and link={objective.link!r}; a loss of your own has the readout "
            "'last' (return_sequences=True applies it at every step) and the link 'identity' or 'log'."
        )
    if not isinstance(n_outputs, (int, np.integer)) or isinstance(n_outputs, bool) or n_outputs < 1:
        raise ValueError(f"{label}: n_outputs({n_targets}) is {n_outputs!r}; an int of at least 1 is expected.")
    rng = np.random.default_rng(0)
    outputs, direction = rng.normal(size=(n, n_outputs)), rng.normal(size=(n, n_outputs))
    value, gradient = _loss_and_gradient(objective, outputs, batch, label)
    change = [_loss_and_gradient(objective, outputs + step * direction, batch, label)[0] for step in (_STEP, -_STEP)]
    slope, said = (change[0] - change[1]) / (2 * _STEP), (gradient * direction).sum(axis=1)
    wrong = np.abs(slope - said) > 1e-2 * (np.abs(slope) + np.abs(said)) + 2e-3 * np.abs(value)
    if wrong.mean() > _TOLERATED:
        i = int(wrong.argmax())
        raise ValueError(
            f"{label}: the gradient is not that of the loss. Along a random direction the loss of sequence {i} changes "
            f"by {slope[i]:.4g} per unit, its gradient says {said[i]:.4g}; {wrong.mean():.0%} of the sequences differ. "
            "Return the derivative of each sequence's loss with respect to its own outputs."
        )
    decoded = np.shape(objective.decode(outputs))
    if decoded[:2] != (n, n_targets) or len(decoded) > 2 + isinstance(objective, QuantileLoss):
        raise ValueError(
            f"{label}: decode turns outputs {outputs.shape} into shape {decoded}; ({n}, {n_targets}) is expected: a "
            "prediction for each target."
        )


def _loss_and_gradient(objective: Objective, outputs: Doubles, batch: MiniBatch, label: str) -> tuple[Doubles, Doubles]:
    assert batch.targets is not None
    result = objective.loss(outputs.copy(), replace(batch, targets=batch.targets.copy()))
    if not isinstance(result, tuple) or len(result) != 2:
        raise ValueError(f"{label}: loss returned a {type(result).__name__}; (losses, gradient) is expected.")
    value, gradient = (np.asarray(part, np.float64) for part in result)
    if value.shape != outputs.shape[:1] or gradient.shape != outputs.shape:
        raise ValueError(
            f"{label}: losses of shape {value.shape} and a gradient of shape {gradient.shape} for outputs "
            f"{outputs.shape}; {outputs.shape[:1]} and {outputs.shape} are expected."
        )
    if not (np.isfinite(value).all() and np.isfinite(gradient).all()):
        raise ValueError(f"{label}: the loss or its gradient is not finite for ordinary outputs.")
    return value, gradient

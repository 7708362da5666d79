"""Regression targets in the units of a loss, and predictions back in the user's."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np

from skrnn._plain import require
from skrnn._types import Doubles, Integers, Singles
from skrnn.sequences import InputScaling, SequenceBatch, check_scaling, weighted_mean_and_scale

__all__ = ["Scalings", "TargetScaling"]

_ROWS = 1 << 16  # of targets, scaled at a time


@dataclass(frozen=True, eq=False)
class TargetScaling:
    """The map  y = level + mean + scale * gain * output.

    With ``kind="last"`` or ``"window"``, ``level`` (and, for "window", ``gain``) are those of the input feature whose
    future the target is.

    Attributes
    ----------
    kind : {"standard", "last", "window", "mean"} or None
        The scaling of the inputs that is undone here; "mean" only divides by the mean, for a log link.
    mean, scale : float64 arrays of shape (n_targets,)
    feature : integer array of shape (n_targets,)
        Whose level each target lies on; only read for "last" and "window".
    """

    kind: str | None
    mean: Doubles
    scale: Doubles
    feature: Integers

    @classmethod
    def fit(
        cls,
        kind: str | None,
        y: Doubles,
        weights: Doubles,
        inputs: InputScaling,
        batch: SequenceBatch,
        features: Integers | None = None,
    ) -> TargetScaling:
        """Statistics of y (n_samples, n_targets), each row counted with its weight.

        ``features`` are those whose futures the targets are, taken in turn; None: the first.
        """
        n_targets = y.shape[1]
        features = np.resize(np.zeros(1, np.intp) if features is None else features, n_targets)
        blank = cls(kind, np.zeros(n_targets), np.ones(n_targets), features)
        if kind is None:
            return blank
        level, _ = blank._level_and_gain(inputs, batch)
        mean, scale = weighted_mean_and_scale(y - level if level.any() else y, weights)
        if kind == "mean":
            return replace(blank, scale=np.where(mean > 0, mean, 1.0))
        if kind == "window":  # the sequence's own mean is the centre
            return replace(blank, scale=scale)
        return replace(blank, mean=mean, scale=scale)

    def plain(self) -> dict[str, Any]:
        """As builtins and arrays."""
        return vars(self).copy()

    @classmethod
    def from_plain(cls, values: Any) -> TargetScaling:
        """The checked scaling of a stored state."""
        check_scaling(cls, values, "target_scaling", (None, "standard", "last", "window", "mean"))
        return cls(**values)

    def encode(
        self, y: Doubles, inputs: InputScaling | None, batch: SequenceBatch | None
    ) -> tuple[Singles, Singles | None]:
        """Targets in the units of the loss, (n_samples, n_targets), and their gain; the inputs as in `decode`."""
        level, gain = self._level_and_gain(inputs, batch)
        with np.errstate(over="ignore"):  # too large for float32: training reports it as divergence
            targets = np.empty(y.shape, np.float32)
            for begin in range(0, len(y), _ROWS):  # what is between, in double precision, weighs twice as much
                rows = slice(begin, begin + _ROWS)
                scaled = y[rows] - (level if len(level) == 1 else level[rows])
                scaled -= self.mean
                scaled /= self.scale
                targets[rows] = scaled
        return targets, None if gain is None else gain.astype(np.float32)

    def encode_unscaled(self, y: Doubles, n_samples: int) -> tuple[Singles, Singles]:
        """Targets (n, k) as they are, and a gain (n_samples, k) that is the scale: outputs count in units of it."""
        with np.errstate(over="ignore"):
            targets = y.astype(np.float32)
        return targets, np.tile(self.scale.astype(np.float32), (n_samples, 1))

    def shift_and_factor(self, inputs: InputScaling | None, batch: SequenceBatch | None) -> tuple[Doubles, Doubles]:
        """What is added to predictions and what they are multiplied by before, (n_samples or 1, n_targets)."""
        level, gain = self._level_and_gain(inputs, batch)
        return level + self.mean, np.atleast_2d(self.scale if gain is None else self.scale * gain)

    def decode(self, predictions: Doubles, inputs: InputScaling | None, batch: SequenceBatch | None) -> Doubles:
        """Predictions (n_samples, n_targets, …) in the user's units; the batch is only read for "last" and "window"."""
        level, gain = self._level_and_gain(inputs, batch)
        extra = (...,) + (None,) * (predictions.ndim - 2)
        if gain is not None:
            predictions = predictions * gain[extra]
        return np.asarray(level[extra] + self.mean[extra] + self.scale[extra] * predictions)

    def _level_and_gain(
        self, inputs: InputScaling | None, batch: SequenceBatch | None
    ) -> tuple[Doubles, Doubles | None]:
        """Level and gain of each target, (n_samples or 1, n_targets)."""
        if self.kind not in ("last", "window"):
            return np.zeros((1, len(self.mean))), None
        assert batch is not None
        assert inputs is not None
        level, spread = inputs.level_and_spread(batch)
        gain = spread[:, self.feature] / self.scale if self.kind == "window" else None
        return level[:, self.feature], gain


class Scalings(NamedTuple):
    """The scalings that a training set was given; ``targets`` None: they are not scaled, as classes."""

    inputs: InputScaling
    targets: TargetScaling | None

    def plain(self) -> dict[str, Any]:
        """As builtins and arrays."""
        return {"inputs": self.inputs.plain(), "targets": None if self.targets is None else self.targets.plain()}

    @classmethod
    def from_plain(cls, values: Any) -> Scalings:
        """The checked scalings of a stored state."""
        require(isinstance(values, dict) and set(values) == {"inputs", "targets"}, "the scalings are not known")
        targets = values["targets"]
        return cls(
            InputScaling.from_plain(values["inputs"]), None if targets is None else TargetScaling.from_plain(targets)
        )

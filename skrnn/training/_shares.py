"""What random-like kernels see in whole sequences: at how large a share of the steps each passes a threshold.

MiniRocket of Dempster, Schmidt & Webb, KDD 2021: 84 kernels of nine steps, three of them with the weight 2 and six with
-1, at several dilations; thresholds are quantiles of what the kernel gives on a row of the training part. Nothing here
is learnt from targets. Other than there: at most eight dilations and three thresholds for a kernel, which make about
2,000 features instead of 10,000; these are standardised; and there is no chance: the same rows give the same features.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations
from typing import Any, ClassVar

import numpy as np

from skrnn._plain import is_finite_array, require, require_fields
from skrnn._types import Doubles, Flags, Floats, Integers, Singles
from skrnn.sequences import InputScaling, SequenceBatch

__all__ = ["Shares"]

_WIDTH = 9
_KERNELS = np.array(list(combinations(range(_WIDTH), 3)))  # where the weight is 2
_DILATIONS = 8
_THRESHOLDS = 3
_MOST_CHANNELS = 9  # that a kernel reads of many inputs
_GOLDEN = (np.sqrt(5.0) - 1.0) / 2.0  # its multiples, modulo 1, spread evenly
_CHUNK_STEPS = 30_000  # of rows whose features are computed at a time, so that they stay in the cache


@dataclass(frozen=True, eq=False)
class Shares:
    """Which features, and what makes them standard.

    Attributes
    ----------
    dilations : int64 array (D,)
        In steps.
    channels : bool array (D, 84, n_inputs)
        Which inputs each kernel adds up.
    thresholds : float32 array (D, 84, Q)
        In units of the scaled inputs.
    mean, scale : float64 arrays (D * 84 * Q,)
        Of the shares in training.
    """

    dilations: Integers
    channels: Flags
    thresholds: Singles
    mean: Doubles
    scale: Doubles

    name: ClassVar[str] = "minirocket"
    costly: ClassVar[bool] = True
    width: ClassVar[int] = _WIDTH  # of a kernel, in steps
    places: ClassVar[Integers] = _KERNELS  # of each kernel (84, 3), where the weight is 2

    @property
    def n_features(self) -> int:
        return int(self.thresholds.size)

    @classmethod
    def fit(cls, batch: SequenceBatch, scaling: InputScaling, sample_weights: Doubles) -> Shares:
        """The features for the rows of a training part, which are distinct and in canonical order."""
        typical = int(np.average(batch.lengths, weights=sample_weights))
        widest = max(1, (typical - 1) // (_WIDTH - 1))
        dilations = np.unique(np.geomspace(1, widest, _DILATIONS).round().astype(np.int64))
        channels = _channels(len(dilations), scaling.input_size)
        thresholds = np.empty((*channels.shape[:2], _THRESHOLDS), np.float32)
        for number in range(channels.shape[0] * channels.shape[1]):
            d, kernel = divmod(number, len(_KERNELS))
            row = int(number * _GOLDEN % 1 * batch.n_samples)
            values = scaling.gather(batch.take(np.array([row])))[0]
            seen = _products(_shifted(values, dilations[d]), kernel, channels[d, kernel])[0]
            at = (number * _THRESHOLDS + np.arange(1, _THRESHOLDS + 1)) * _GOLDEN % 1
            thresholds[d, kernel] = np.quantile(seen, at)
        size = thresholds.size
        raw = cls(dilations, channels, thresholds, np.zeros(size), np.ones(size))
        weights, mean, square = sample_weights / sample_weights.sum(), np.zeros(size), np.zeros(size)
        for rows, shares in raw.chunks(batch, scaling):
            mean += weights[rows] @ shares
            square += weights[rows] @ shares**2
        scale = np.sqrt(np.maximum(square - mean**2, 0.0))
        scale[scale < 1e-7] = 1.0
        return cls(dilations, channels, thresholds, mean, scale)

    def chunks(self, batch: SequenceBatch, scaling: InputScaling) -> Iterator[tuple[Integers, Doubles]]:
        """Row numbers and their features (B, n_features), chunk by chunk; a row's do not depend on the others."""
        size = max(1, _CHUNK_STEPS // (batch.max_length * scaling.input_size))
        for start in range(0, batch.n_samples, size):
            rows = np.arange(start, min(start + size, batch.n_samples))
            values, lengths = scaling.gather(batch.take(rows))
            yield rows, self.features(values, lengths)

    def features(self, values: Floats, lengths: Integers) -> Doubles:
        """Those of scaled inputs (B, T, F), zero behind the last step, which are read in single precision."""
        return (self._shares(values.astype(np.float32, copy=False), lengths) - self.mean) / self.scale

    def _shares(self, values: Singles, lengths: Integers) -> Doubles:
        out = np.empty((len(values), *self.thresholds.shape))
        steps = np.arange(values.shape[1])
        for d, dilation in enumerate(self.dilations):
            shifted = _shifted(values, dilation)
            margin = (_WIDTH // 2) * dilation
            inner = lengths > 2 * margin  # rows in which the kernel fits
            begins = np.where(inner, margin, 0)
            ends = np.where(inner, lengths - margin, lengths)
            whole = steps < lengths[:, None], lengths
            inside = (steps >= begins[:, None]) & (steps < ends[:, None]), ends - begins
            for kernel in range(len(_KERNELS)):
                products = _products(shifted, kernel, self.channels[d, kernel])
                counted, n_steps = inside if (d + kernel) % 2 else whole
                for number, threshold in enumerate(self.thresholds[d, kernel]):
                    passed = np.count_nonzero((products > threshold) & counted, axis=1)
                    out[:, d, kernel, number] = passed / n_steps
        return out.reshape(len(values), -1)

    def plain(self) -> dict[str, Any]:
        """As arrays."""
        return vars(self).copy()

    @classmethod
    def from_plain(cls, values: Any, n_inputs: int) -> Shares:
        """The checked features of a stored state, of so many inputs per step."""
        require_fields(values, cls, "shares")
        kinds = {"dilations": "i8", "channels": "b1", "thresholds": "f4", "mean": "f8", "scale": "f8"}
        good = all(is_finite_array(values[name], kind, None) for name, kind in kinds.items())
        require(good, "shares has something else than finite arrays")
        forms, size = (np.size(values["dilations"]), len(_KERNELS)), np.size(values["thresholds"])
        shapes = {"dilations": forms[:1], "channels": (*forms, n_inputs), "mean": (size,), "scale": (size,)}
        good = size > 0 and all(values[name].shape == shape for name, shape in shapes.items())
        good = good and values["thresholds"].shape == (*forms, size // (forms[0] * forms[1]))
        require(good, "shares has arrays of other sizes")
        positive = values["scale"].min() > 0 and values["dilations"].min() > 0
        require(positive and values["dilations"].max() < 2**31, "shares has a scale or a dilation that cannot be")
        return cls(**values)


def _channels(n_dilations: int, n_inputs: int) -> Flags:
    """Which inputs each kernel adds up: of several, random subsets, more often small ones; always the same."""
    channels = np.ones((n_dilations, len(_KERNELS), n_inputs), bool)
    if n_inputs > 1:
        rng = np.random.default_rng(0)
        for chosen in channels.reshape(-1, n_inputs):
            most = min(n_inputs, _MOST_CHANNELS)
            chosen[:] = False
            chosen[rng.choice(n_inputs, int(2 ** rng.uniform(0, np.log2(most + 1))), replace=False)] = True
    return channels


def _shifted(values: Singles, dilation: int) -> list[Floats]:
    """What stands under each of a kernel's nine places: views (B, T, F) of values (B, T, F), zeros at both ends."""
    margin, n_steps = (_WIDTH // 2) * int(dilation), values.shape[1]
    padded = np.pad(values, ((0, 0), (margin, margin), (0, 0)))
    return [padded[:, place * dilation : place * dilation + n_steps] for place in range(_WIDTH)]


def _products(shifted: list[Floats], kernel: int, channels: Flags) -> Floats:
    """What a kernel gives at every step (B, T): three times the three places, less all nine."""
    read = [place[:, :, channels].sum(axis=2) if len(channels) > 1 else place[:, :, 0] for place in shifted]
    first, second, third = _KERNELS[kernel]
    total = read[0]
    for place in read[1:]:
        total = total + place
    products: Floats = 3 * (read[first] + read[second] + read[third]) - total
    return products

"""Losses that learn a whole distribution of each target: minus the logarithm of its density."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np
from scipy.special import betaln, digamma, expit, gammaln

from skrnn._types import Doubles, Floats
from skrnn.objectives._base import MiniBatch, Objective
from skrnn.objectives._distributions import Distribution, Gaussian, NegativeBinomial, StudentT

__all__ = ["GaussianLikelihood", "Likelihood", "NegativeBinomialLikelihood", "StudentTLikelihood", "softplus"]

_LEAST_SCALE = 1e-3  # of a density, in units of the loss: single precision does not tell apart what is finer
_LEAST_FREEDOM = 2.1  # degrees of freedom of a t distribution: its variance is finite above 2
_LEAST_SHAPE = 1e-6  # of a negative binomial; it is a Poisson distribution at 0
_LARGEST_LOG = 80.0  # of a rate, which single precision holds


def softplus(values: Doubles) -> Doubles:
    """log(1 + exp(value)), without overflow."""
    return np.asarray(np.maximum(values, 0) + np.log1p(np.exp(-np.abs(values))))


class Likelihood(Objective):
    """Minus the log-likelihood, a mean over the targets, of a distribution whose parameters are the outputs.

    The outputs of a target stand side by side, that of its mean first. What makes parameters of them, the identity for
    a mean that may be negative and softplus for what is positive, is that of Salinas, Flunkert, Gasthaus &
    Januschowski, "DeepAR: probabilistic forecasting with autoregressive recurrent networks", Int. J. Forecasting 36(3),
    2020, section 3.2, but for the mean of counts, which is behind a logarithm. Computed in double precision.

    Attributes
    ----------
    n_parameters : int
        Of the distribution of a target.
    """

    least_loss: ClassVar[float] = -np.inf
    shrinks: ClassVar[bool] = False
    n_parameters: ClassVar[int] = 2

    def n_outputs(self, n_targets: int) -> int:
        return n_targets * self.n_parameters

    def each(self, outputs: Floats) -> Doubles:
        """Outputs (n, K) by parameter, (n_parameters, n, n_targets)."""
        by_target = outputs.reshape(len(outputs), -1, self.n_parameters).astype(np.float64, copy=False)
        return np.moveaxis(by_target, -1, 0)

    def loss(self, outputs: Floats, batch: MiniBatch) -> tuple[Floats, Floats]:
        assert batch.targets is not None
        gain: Any = 1.0 if batch.gain is None else batch.gain.astype(np.float64)
        value, slopes = self.density(self.each(outputs), batch.targets.astype(np.float64), gain)
        missing = np.isnan(batch.targets)
        if missing.any():
            value, slopes = np.where(missing, 0, value), np.where(missing, 0, slopes)
        gradient = np.moveaxis(slopes, 0, -1).reshape(outputs.shape) / batch.targets.shape[1]
        return value.mean(axis=1).astype(outputs.dtype), gradient.astype(outputs.dtype)

    @abstractmethod
    def density(self, outputs: Doubles, targets: Doubles, gain: Any) -> tuple[Doubles, Doubles]:
        """Minus the log-density (n, k) of the targets, and its derivatives by the outputs (n_parameters, n, k)."""

    @abstractmethod
    def distribution(self, outputs: Floats, shift: Doubles, factor: Doubles) -> Distribution:
        """What outputs (n, K) say of the targets, in whose units a mean x is ``shift + factor * x``; (n or 1, k)."""

    def average(self, outputs: Sequence[Doubles]) -> Doubles:
        """Outputs (n, K) with the mean of the mixture of what several networks say."""
        return np.asarray(np.mean(outputs, axis=0))

    def decode(self, outputs: Floats) -> Floats:
        return np.asarray(self.each(outputs)[0], outputs.dtype)


@dataclass(frozen=True)
class GaussianLikelihood(Likelihood):
    """Of the normal distribution: outputs are its mean and, through softplus, its standard deviation."""

    def density(self, outputs: Doubles, targets: Doubles, gain: Any) -> tuple[Doubles, Doubles]:
        mean, raw = outputs
        scale = gain * (_LEAST_SCALE + softplus(raw))
        z = (targets - gain * mean) / scale
        value = z**2 / 2 + np.log(scale) + np.log(2 * np.pi) / 2
        return value, np.stack([-z * gain / scale, (1 - z**2) * gain / scale * expit(raw)])

    def distribution(self, outputs: Floats, shift: Doubles, factor: Doubles) -> Gaussian:
        mean, raw = self.each(outputs)
        return Gaussian(shift + factor * mean, factor * (_LEAST_SCALE + softplus(raw)))


@dataclass(frozen=True)
class StudentTLikelihood(Likelihood):
    """Of Student's t distribution: outputs are its mean and, through softplus, its scale and its degrees of freedom,
    which stay above 2, so that there is a variance.

    As in Alexandrov et al., "GluonTS: probabilistic and neural time series modeling in Python", JMLR 21, 2020.
    """

    n_parameters: ClassVar[int] = 3

    def density(self, outputs: Doubles, targets: Doubles, gain: Any) -> tuple[Doubles, Doubles]:
        mean, raw, raw_freedom = outputs
        scale, freedom = gain * (_LEAST_SCALE + softplus(raw)), _LEAST_FREEDOM + softplus(raw_freedom)
        z = (targets - gain * mean) / scale
        tail, half = np.log1p(z**2 / freedom), (freedom + 1) / 2
        value = gammaln(freedom / 2) - gammaln(half) + np.log(np.pi * freedom) / 2 + np.log(scale) + half * tail
        pull = (freedom + 1) * z / (freedom + z**2)
        by_freedom = (digamma(freedom / 2) - digamma(half) + tail + (1 - z * pull) / freedom) / 2
        by_scale = (1 - z * pull) * gain / scale * expit(raw)
        return value, np.stack([-pull * gain / scale, by_scale, by_freedom * expit(raw_freedom)])

    def distribution(self, outputs: Floats, shift: Doubles, factor: Doubles) -> StudentT:
        mean, raw, raw_freedom = self.each(outputs)
        scale = factor * (_LEAST_SCALE + softplus(raw))
        return StudentT(shift + factor * mean, scale, _LEAST_FREEDOM + softplus(raw_freedom))


@dataclass(frozen=True)
class NegativeBinomialLikelihood(Likelihood):
    """Of the negative binomial distribution: outputs are the log of its mean and, through softplus, its dispersion.

    Targets are the counts themselves; the gain is their mean in training, which the network's rates count in. The
    variance is mean + shape * mean**2, where the shape is the dispersion over the root of the rate, as DeepAR's is over
    the root of the scale of a series (Salinas et al., section 3.3): between a variance in proportion to the mean and
    one in proportion to its square, with the same dispersion for all rows that a network starts from. Numbers between
    counts are taken, too, by the gamma function.
    """

    link: ClassVar[Literal["identity", "log"]] = "log"
    least_target: ClassVar[float] = 0.0
    scales_targets: ClassVar[bool] = False
    starts_from_roots: ClassVar[bool] = True

    def density(self, outputs: Doubles, targets: Doubles, gain: Any) -> tuple[Doubles, Doubles]:
        log_rate, raw = np.clip(outputs[0], -_LARGEST_LOG, _LARGEST_LOG), outputs[1]
        root, shape = np.exp(log_rate / 2), _shape(log_rate, raw)
        rate, size = gain * root**2, 1 / shape
        over = np.log1p(shape * rate)  # of very many counts, factorials that are nearly equal must not be subtracted
        value = betaln(size, targets + 1) + np.log(size + targets) + size * over
        value += targets * np.log1p(1 / (shape * rate))
        by_size = digamma(size) - digamma(targets + size) + over + (targets - rate) / (size + rate)
        by_log_shape = -by_size * size
        by_raw = by_log_shape * (expit(raw) / root / shape)
        dispersed = 1 - _LEAST_SHAPE / shape  # the part of the shape that falls with the rate
        return value, np.stack([(rate - targets) / (1 + shape * rate) - by_log_shape * dispersed / 2, by_raw])

    def distribution(self, outputs: Floats, shift: Doubles, factor: Doubles) -> NegativeBinomial:
        raw_rate, raw = self.each(outputs)
        log_rate = np.clip(raw_rate, -_LARGEST_LOG, _LARGEST_LOG)
        return NegativeBinomial(shift + factor * np.exp(log_rate), _shape(log_rate, raw))

    def average(self, outputs: Sequence[Doubles]) -> Doubles:
        found = np.array(super().average(outputs))
        rates = np.array([one[:, :: self.n_parameters] for one in outputs])
        found[:, :: self.n_parameters] = np.logaddexp.reduce(rates, axis=0) - np.log(len(rates))
        return found

    def decode(self, outputs: Floats) -> Floats:
        return np.asarray(self._rates(outputs), outputs.dtype)

    def _rates(self, outputs: Floats) -> Doubles:
        return np.asarray(np.exp(np.clip(self.each(outputs)[0], -_LARGEST_LOG, _LARGEST_LOG)))


def _shape(log_rate: Doubles, raw: Doubles) -> Doubles:
    """The shape of a negative binomial distribution, from its outputs."""
    return _LEAST_SHAPE + softplus(raw) * np.exp(-log_rate / 2)

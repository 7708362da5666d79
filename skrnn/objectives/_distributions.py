"""Distributions of targets: their moments, quantiles and draws, for arrays of parameters."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

import numpy as np
from scipy.special import betainc, ndtr, ndtri, stdtr, stdtrit

from skrnn._types import Doubles, Floats

__all__ = ["Distribution", "Gaussian", "Mixture", "NegativeBinomial", "StudentT"]

_LARGEST_DRAW = 1e15  # of a Poisson distribution; above it, NumPy has none, and its deviation is within the rounding
_HALVINGS = 60  # of an interval that holds a quantile: to the last bit but some


class Distribution(ABC):
    """A distribution for each target of each row; parameters are arrays (n, k).

    Attributes
    ----------
    discrete : bool
        Whether values are counts.
    """

    discrete: ClassVar[bool] = False

    @property
    @abstractmethod
    def mean(self) -> Doubles:
        """(n, k)."""

    @property
    @abstractmethod
    def variance(self) -> Doubles:
        """(n, k)."""

    @abstractmethod
    def cdf(self, values: Doubles) -> Doubles:
        """The probability of at most these values (n, k, …), which may have further axes."""

    @abstractmethod
    def quantiles(self, levels: Doubles) -> Doubles:
        """The least values that are not exceeded with the probabilities ``levels`` (L,), (n, k, L)."""

    @abstractmethod
    def draw(self, n_draws: int, rng: np.random.RandomState) -> Doubles:
        """Independent draws (n, k, n_draws)."""


def _behind(parameter: Doubles, values: Floats) -> Doubles:
    """Parameters (n, k) with as many axes as the values (n, k, …)."""
    return parameter.reshape(*parameter.shape, *[1] * (values.ndim - parameter.ndim))


@dataclass(frozen=True, eq=False)
class Gaussian(Distribution):
    """The normal distribution of this location and scale, (n, k)."""

    location: Doubles
    scale: Doubles

    @property
    def mean(self) -> Doubles:
        return self.location

    @property
    def variance(self) -> Doubles:
        return self.scale**2

    def cdf(self, values: Doubles) -> Doubles:
        return np.asarray(ndtr((values - _behind(self.location, values)) / _behind(self.scale, values)))

    def quantiles(self, levels: Doubles) -> Doubles:
        return np.asarray(self.location[..., None] + self.scale[..., None] * ndtri(levels))

    def draw(self, n_draws: int, rng: np.random.RandomState) -> Doubles:
        return self.location[..., None] + self.scale[..., None] * rng.standard_normal((*self.scale.shape, n_draws))


@dataclass(frozen=True, eq=False)
class StudentT(Distribution):
    """Student's t distribution of this location, scale and degrees of freedom, above 2; (n, k)."""

    location: Doubles
    scale: Doubles
    freedom: Doubles

    @property
    def mean(self) -> Doubles:
        return self.location

    @property
    def variance(self) -> Doubles:
        return self.scale**2 * self.freedom / (self.freedom - 2)

    def cdf(self, values: Doubles) -> Doubles:
        errors = (values - _behind(self.location, values)) / _behind(self.scale, values)
        return np.asarray(stdtr(_behind(self.freedom, values), errors))

    def quantiles(self, levels: Doubles) -> Doubles:
        found = stdtrit(self.freedom[..., None], levels)
        found = np.where(np.isinf(found), np.copysign(found, np.asarray(levels) - 0.5), found)  # SciPy's has no sign
        return np.asarray(self.location[..., None] + self.scale[..., None] * found)

    def draw(self, n_draws: int, rng: np.random.RandomState) -> Doubles:
        size = (*self.scale.shape, n_draws)
        return self.location[..., None] + self.scale[..., None] * rng.standard_t(self.freedom[..., None], size)


@dataclass(frozen=True, eq=False)
class NegativeBinomial(Distribution):
    """Counts of this mean, whose variance is mean + shape * mean**2; (n, k)."""

    discrete: ClassVar[bool] = True

    rate: Doubles
    shape: Doubles

    @property
    def mean(self) -> Doubles:
        return self.rate

    @property
    def variance(self) -> Doubles:
        return self.rate + self.shape * self.rate**2

    def cdf(self, values: Doubles) -> Doubles:
        rate, shape, counts = _behind(self.rate, values), _behind(self.shape, values), np.floor(values)
        found = betainc(1 / shape, np.maximum(counts, 0) + 1, 1 / (1 + shape * rate))
        return np.where(counts < 0, 0.0, found)

    def quantiles(self, levels: Doubles) -> Doubles:
        spread = np.sqrt(self.variance)[..., None]
        low, high = (self.rate[..., None] + spread * (ndtri(levels) + side) for side in (-1.0, 1.0))
        low, high, step = np.maximum(np.floor(low), -1.0), np.maximum(np.ceil(high), 0.0), np.ceil(spread)
        while (outside := (self.cdf(low) >= levels) & (low >= 0)).any():
            low, step = np.where(outside, np.maximum(low - step, -1.0), low), 2 * step
        step = np.ceil(spread)
        while (outside := self.cdf(high) < levels).any():
            high, step = np.where(outside, high + step, high), 2 * step
        return _least(self.cdf, low, high, levels, self.discrete)

    def draw(self, n_draws: int, rng: np.random.RandomState) -> Doubles:
        size = (*self.rate.shape, n_draws)
        rates = rng.gamma(1 / self.shape[..., None], (self.shape * self.rate)[..., None], size)
        drawn = rng.poisson(np.minimum(rates, _LARGEST_DRAW)).astype(np.float64)
        return np.where(rates < _LARGEST_DRAW, drawn, np.round(rates))


@dataclass(frozen=True, eq=False)
class Mixture(Distribution):
    """Several distributions of one kind, each as likely as the others: what several networks say."""

    parts: Sequence[Distribution]

    @cached_property
    def mean(self) -> Doubles:
        return np.asarray(np.mean([one.mean for one in self.parts], axis=0))

    @property
    def variance(self) -> Doubles:
        """The mean of the variances, and the variance of the means."""
        within = np.mean([one.variance for one in self.parts], axis=0)
        return np.asarray(within + np.var([one.mean for one in self.parts], axis=0))

    def cdf(self, values: Doubles) -> Doubles:
        return np.asarray(np.mean([one.cdf(values) for one in self.parts], axis=0))

    def quantiles(self, levels: Doubles) -> Doubles:
        """They lie between those of the parts."""
        of_parts = np.array([one.quantiles(levels) for one in self.parts])
        if len(of_parts) == 1:
            return np.asarray(of_parts[0])
        discrete = self.parts[0].discrete
        low, high = of_parts.min(axis=0) - discrete, of_parts.max(axis=0)
        return _least(self.cdf, low, high, levels, discrete)

    def draw(self, n_draws: int, rng: np.random.RandomState) -> Doubles:
        """One part makes all targets of a draw of a row."""
        drawn = np.array([one.draw(n_draws, rng) for one in self.parts])
        if len(drawn) == 1:
            return np.asarray(drawn[0])
        n_rows = drawn.shape[1]
        chosen = rng.randint(len(drawn), size=(n_rows, n_draws))
        rows, draws = np.arange(n_rows)[:, None], np.arange(n_draws)
        return np.moveaxis(drawn[chosen, rows, :, draws], 2, 1)


def _least(cdf: Callable[[Doubles], Doubles], low: Doubles, high: Doubles, levels: Doubles, discrete: bool) -> Doubles:
    """The least value whose probability reaches the level, above ``low`` and not above ``high``, by halving."""
    for _ in range(_HALVINGS):
        if discrete and (high - low <= 1).all():
            break
        middle = np.floor((low + high) / 2) if discrete else low + (high - low) / 2
        reaches = cdf(middle) >= levels
        low, high = np.where(reaches, low, middle), np.where(reaches, middle, high)
    return high

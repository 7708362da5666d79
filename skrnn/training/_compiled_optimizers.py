"""Compiled optimizers on one flat vector of weights: the update rules, constants and names of state are torch's.

Every function clips the gradient to norm ``bound`` (0: not at all), decays the weights (decoupled: Loshchilov & Hutter,
ICLR 2019), and returns the norm before clipping; where that is not finite, nothing changes.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from skrnn._types import Array
from skrnn.networks import as_value, kernel

__all__ = ["UPDATES", "clip", "norm_of", "update_as_value"]

_FORM = "float64(float32[::1], float32[::1], float32[:,::1], float64, Tuple((float64, float64, float64)))"

_SMALLEST = np.float32(16 * np.finfo(np.float32).tiny)  # far enough above what has full precision

_update = kernel(nogil=False)
_sum = kernel(nogil=False, fastmath={"contract", "nsz", "reassoc"})


@kernel(inline="always")
def faded(average: Any) -> Any:
    """A running average, or 0 where nothing is left of it that a weight would feel.

    What has no gradient for long, as the embedding of a rare word, has averages that fade to numbers of less than full
    precision, and there they stay; with such numbers processors take some ten times as long.
    """
    return np.float32(0) if abs(average) < _SMALLEST else average


@_sum
def norm_of(gradient: Array) -> float:
    """The 2-norm, summed in double precision: squares overflow float32."""
    total = 0.0
    for i in range(gradient.size):
        value = np.float64(gradient[i])
        total += value * value
    return np.sqrt(total)


@_update
def clip(gradient: Array, norm: float, bound: float) -> None:
    """Scale a gradient down, which may be a part of one with this norm."""
    if bound > 0 and norm > bound:
        factor = np.float32(bound / norm)
        for i in range(gradient.size):
            gradient[i] *= factor


@_update
def prepare(flat: Array, gradient: Array, rate: float, bound: float, decay: float) -> float:
    """Clip and decay; the norm."""
    norm = norm_of(gradient)
    if np.isfinite(norm):
        if bound > 0 and norm > bound:
            factor = np.float32(bound / norm)
            for i in range(gradient.size):
                gradient[i] *= factor
        if decay > 0:
            factor = np.float32(1 - rate * decay)
            for i in range(flat.size):
                flat[i] *= factor
    return norm


@_update
def adam(flat: Array, gradient: Array, state: Array, step: float, settings: tuple[float, ...]) -> float:
    """Kingma & Ba, "Adam", ICLR 2015, algorithm 1."""
    rate, bound, decay = settings
    norm = prepare(flat, gradient, rate, bound, decay)
    if not np.isfinite(norm):
        return norm
    first, second = state[0], state[1]
    b1, b2, one = np.float32(0.9), np.float32(0.999), np.float32(1.0)
    root = np.sqrt(1 - 0.999**step)
    size, epsilon = np.float32(root * rate / (1 - 0.9**step)), np.float32(root * 1e-8)
    for i in range(flat.size):
        g = gradient[i]
        first[i] = faded(first[i] + (g - first[i]) * (one - b1))
        second[i] = faded(b2 * second[i] + (one - b2) * g * g)
        flat[i] -= size * first[i] / (np.sqrt(second[i]) + epsilon)
    return norm


@_update
def sgd(flat: Array, gradient: Array, state: Array, step: float, settings: tuple[float, ...]) -> float:
    """Nesterov's momentum of 0.9 (Sutskever et al., ICML 2013)."""
    rate, bound, decay = settings
    norm = prepare(flat, gradient, rate, bound, decay)
    if not np.isfinite(norm):
        return norm
    momentum, size, buffer = np.float32(0.9), np.float32(rate), state[0]
    for i in range(flat.size):
        buffer[i] = faded(momentum * buffer[i] + gradient[i])
        flat[i] -= size * (gradient[i] + momentum * buffer[i])
    return norm


@_update
def rmsprop(flat: Array, gradient: Array, state: Array, step: float, settings: tuple[float, ...]) -> float:
    """Tieleman & Hinton, "RMSprop", Coursera lecture 6.5, 2012."""
    rate, bound, decay = settings
    norm = prepare(flat, gradient, rate, bound, decay)
    if not np.isfinite(norm):
        return norm
    old, new, size, epsilon = np.float32(0.99), np.float32(0.01), np.float32(rate), np.float32(1e-8)
    square = state[0]
    for i in range(flat.size):
        square[i] = faded(old * square[i] + new * gradient[i] * gradient[i])
        flat[i] -= size * gradient[i] / (np.sqrt(square[i]) + epsilon)
    return norm


# ``update(weights, gradient, running averages (k, n_weights) as `OPTIMIZERS` has them, step, (rate, bound, decay))``
UPDATES: dict[str, Callable[..., float]] = {"adam": adam, "adamw": adam, "sgd": sgd, "rmsprop": rmsprop}


def update_as_value(optimizer: str) -> Any:
    """An optimizer's update, to hand to a kernel."""
    return as_value(UPDATES[optimizer], _FORM)

"""The gradients of the losses as compiled code, for calls that take many mini-batches at once.

Each does what the gradient of its `Objective` does, number by number and in single precision: the results have the same
bits. The losses themselves are computed by the objectives, of all mini-batches together.

All have one form: ``gradient_of(outputs, targets, gain, settings, gradient)`` sets the gradient of outputs (B, K) from
targets (B, k) and gains (B, k), or none (B, 0); ``settings`` are the numbers that a loss has.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from skrnn._types import Array, Singles
from skrnn.networks import as_value, fused, kernel
from skrnn.objectives import (
    AbsoluteError,
    CrossEntropy,
    HuberLoss,
    MultilabelCrossEntropy,
    Objective,
    PoissonDeviance,
    QuantileLoss,
    SquaredError,
)

__all__ = ["loss_as_value"]

_FORM = "void(float32[:,::1], float32[:,::1], float32[:,::1], float32[::1], float32[:,::1])"
MOST_AT_ONCE = 128  # numbers that NumPy adds up one after the other

exact = kernel(fastmath=False)
_inlined = kernel(fastmath=False, inline="always")

_ZERO, _ONE, _TWO = np.float32(0), np.float32(1), np.float32(2)

# exp(x) = 2**k p(r) / q(r), k the nearest whole number to x / log(2) and r what is left: the polynomials, the two parts
# of log(2) and the bounds are those of NumPy (`npy_simd_data.h`).
LOG2E, HIGH, LOW = np.float32(1.442695040888963), np.float32(-6.93145752e-1), np.float32(-1.42860677e-6)
P0, P1, P2 = (
    np.float32(9.999999999980870924916e-01),
    np.float32(7.257664613233124478488e-01),
    np.float32(2.473615434895520810817e-01),
)
P3, P4, P5 = (
    np.float32(5.114512081637298353406e-02),
    np.float32(6.757896990527504603057e-03),
    np.float32(5.082762527590693718096e-04),
)
Q1, Q2 = np.float32(-2.742335390411667452936e-01), np.float32(2.159509375685829852307e-02)
ROUND, _LARGEST, LEAST = np.float32(12582912.0), np.float32(88.72283935546875), np.float32(-103.97208404541015625)


@exact
def exponential(x: Any) -> Any:
    """exp(x) of a float32, as NumPy has it on processors with AVX2."""
    if x != x:
        return x
    if x > _LARGEST:
        return np.float32(np.inf)
    if x < LEAST:
        return _ZERO
    k = (x * LOG2E + ROUND) - ROUND
    r = fused(k, LOW, fused(k, HIGH, x))
    p = fused(fused(fused(fused(fused(P5, r, P4), r, P3), r, P2), r, P1), r, P0)
    q = fused(fused(Q2, r, Q1), r, _ONE)
    return np.float32(np.float64(p / q) * 2.0 ** np.float64(k))


@exact
def predict(outputs: Array, gain: Array, prediction: Array) -> None:
    """Predictions of one output per target, in the units of the loss."""
    for i in range(outputs.shape[0]):
        for k in range(outputs.shape[1]):
            prediction[i, k] = outputs[i, k] * gain[i, k] if gain.shape[1] > 0 else outputs[i, k]


@exact
def average(targets: Array, gain: Array, slope: Array) -> None:
    """The gradient of a mean over targets, of which missing ones count 0, from slopes with respect to predictions."""
    n_targets = np.float32(targets.shape[1])
    for i in range(targets.shape[0]):
        for k in range(targets.shape[1]):
            value = slope[i, k] if targets[i, k] == targets[i, k] else _ZERO
            slope[i, k] = (value * gain[i, k] if gain.shape[1] > 0 else value) / n_targets


@exact
def squared_error(outputs: Array, targets: Array, gain: Array, settings: Array, gradient: Array) -> None:
    """2 (prediction - target)"""
    predict(outputs, gain, gradient)
    for i in range(outputs.shape[0]):
        for k in range(outputs.shape[1]):
            gradient[i, k] = _TWO * (gradient[i, k] - targets[i, k])
    average(targets, gain, gradient)


@exact
def absolute_error(outputs: Array, targets: Array, gain: Array, settings: Array, gradient: Array) -> None:
    """The sign of prediction - target."""
    predict(outputs, gain, gradient)
    for i in range(outputs.shape[0]):
        for k in range(outputs.shape[1]):
            gradient[i, k] = np.sign(gradient[i, k] - targets[i, k])
    average(targets, gain, gradient)


@exact
def huber(outputs: Array, targets: Array, gain: Array, settings: Array, gradient: Array) -> None:
    """prediction - target, within the bound."""
    predict(outputs, gain, gradient)
    for i in range(outputs.shape[0]):
        for k in range(outputs.shape[1]):
            error = gradient[i, k] - targets[i, k]
            gradient[i, k] = min(max(error, -settings[0]), settings[0]) if error == error else error
    average(targets, gain, gradient)


@exact
def poisson(outputs: Array, targets: Array, gain: Array, settings: Array, gradient: Array) -> None:
    """exp(prediction) - target"""
    predict(outputs, gain, gradient)
    for i in range(outputs.shape[0]):
        for k in range(outputs.shape[1]):
            o = gradient[i, k]
            gradient[i, k] = exponential(min(max(o, -settings[0]), settings[0]) if o == o else o) - targets[i, k]
    average(targets, gain, gradient)


@exact
def quantile(outputs: Array, targets: Array, gain: Array, settings: Array, gradient: Array) -> None:
    """The slope of the pinball loss at each level, in ``settings``."""
    n_levels, n = settings.size, np.float32(outputs.shape[1])
    for i in range(outputs.shape[0]):
        for k in range(outputs.shape[1]):
            target, level, factor = targets[i, k // n_levels], settings[k % n_levels], _ONE
            if gain.shape[1] > 0:
                factor = gain[i, k // n_levels]
            error = target - outputs[i, k] * factor
            slope = -level if error > 0 else _ONE - level if error < 0 else _ZERO
            gradient[i, k] = slope * factor / n


@exact
def total_of_few(row: Array) -> Any:
    """The sum of a few numbers, added up in the order in which NumPy does it."""
    n, whole = row.size, row.size // 8 * 8
    result = _ZERO
    if whole:
        a, b, c, d, e, f, g, h = row[0], row[1], row[2], row[3], row[4], row[5], row[6], row[7]
        for i in range(8, whole, 8):
            a, b, c, d = a + row[i], b + row[i + 1], c + row[i + 2], d + row[i + 3]
            e, f, g, h = e + row[i + 4], f + row[i + 5], g + row[i + 6], h + row[i + 7]
        result = ((a + b) + (c + d)) + ((e + f) + (g + h))
    for i in range(whole, n):
        result += row[i]
    return result


@exact
def total(row: Array) -> Any:
    """The sum of any number of them: that of two halves, until they are few."""
    if row.size <= MOST_AT_ONCE:
        return total_of_few(row)
    half = row.size // 2 // 8 * 8
    return total(row[:half]) + total(row[half:])


@exact
def cross_entropy(outputs: Array, targets: Array, gain: Array, settings: Array, gradient: Array) -> None:
    """The probabilities, less 1 at the right class."""
    for i in range(outputs.shape[0]):
        row, largest = gradient[i], outputs[i, 0]
        for k in range(1, row.size):
            if outputs[i, k] > largest or outputs[i, k] != outputs[i, k]:
                largest = outputs[i, k]
        for k in range(row.size):
            row[k] = exponential(outputs[i, k] - largest)
        whole = total(row)
        for k in range(row.size):
            row[k] /= whole
        row[int(targets[i, 0])] -= _ONE


@exact
def labels_cross_entropy(outputs: Array, targets: Array, gain: Array, settings: Array, gradient: Array) -> None:
    """The probability of each label, less the target."""
    n_labels = np.float32(outputs.shape[1])
    for i in range(outputs.shape[0]):
        for k in range(outputs.shape[1]):
            o = outputs[i, k]
            small = exponential(-abs(o))
            gradient[i, k] = ((_ONE if o >= 0 else small) / (_ONE + small) - targets[i, k]) / n_labels


_NONE: tuple[float, ...] = ()


def loss_as_value(objective: Objective, n_outputs: int) -> tuple[Any, Singles] | None:
    """The gradient of a loss as a value, and its settings; None: it has no compiled form."""
    limit = 0.9 * np.log(np.finfo(np.float32).max)
    forms: dict[type, tuple[Any, tuple[float, ...]]] = {
        SquaredError: (squared_error, _NONE),
        AbsoluteError: (absolute_error, _NONE),
        HuberLoss: (huber, (getattr(objective, "delta", 0.0),)),
        PoissonDeviance: (poisson, (limit,)),
        QuantileLoss: (quantile, getattr(objective, "levels", _NONE)),
        CrossEntropy: (cross_entropy, _NONE),
        MultilabelCrossEntropy: (labels_cross_entropy, _NONE),
    }
    if type(objective) not in forms or (type(objective) is CrossEntropy and n_outputs > MOST_AT_ONCE):
        return None
    function, settings = forms[type(objective)]
    return as_value(function, _FORM), np.array(settings, np.float32)

"""The cross-entropy of every time step as compiled code: one pass over the scores in the place of a dozen.

It does what `EveryStep(CrossEntropy(...))` does, number by number and in single precision: the results have the same
bits.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from skrnn._types import Array, Floats, Singles
from skrnn.networks import fused, kernel
from skrnn.objectives import CrossEntropy, EveryStep, EveryToken, MiniBatch, Objective
from skrnn.training._compiled_losses import (
    HIGH,
    LEAST,
    LOG2E,
    LOW,
    MOST_AT_ONCE,
    P0,
    P1,
    P2,
    P3,
    P4,
    P5,
    Q1,
    Q2,
    ROUND,
    total,
    total_of_few,
)

__all__ = ["cross_entropy_of_steps", "is_cross_entropy_of_steps"]

_ONE, _BIAS, _SHIFT, _HALVE = np.float32(1), np.int32(127), np.int32(23), np.int32(1)
_BLOCK = 4096  # scores that are taken at a time: they and what they become stay in the first cache

exact = kernel(fastmath=False)


@kernel(fastmath={"nnan", "nsz", "reassoc"})
def largest_of(scores: Array, n: int) -> Any:
    """The maximum of a row of scores (N, K) that are all numbers."""
    found = scores[n, 0]
    for i in range(1, scores.shape[1]):
        found = scores[n, i] if scores[n, i] > found else found
    return found


@exact
def exponentials(numbers: Array, powers: Array) -> None:
    """exp(x) in the place of each number x <= 0, as NumPy has it; ``powers`` (2, n) is room for integers.

    exp(x) = 2**k p(r) / q(r), as in `_compiled_losses.exponential`. The power of two is written as its bits, and
    multiplied by in two halves: it may be too small for a normal number.
    """
    first, second = powers[0], powers[1]
    for i in range(numbers.size):
        x = LEAST if numbers[i] < LEAST else numbers[i]
        k = (x * LOG2E + ROUND) - ROUND
        r = fused(k, LOW, fused(k, HIGH, x))
        p = fused(fused(fused(fused(fused(P5, r, P4), r, P3), r, P2), r, P1), r, P0)
        numbers[i] = p / fused(fused(Q2, r, Q1), r, _ONE)
        first[i] = np.int32(k)
    for i in range(numbers.size):
        half = first[i] >> _HALVE
        second[i] = (first[i] - half + _BIAS) << _SHIFT
        first[i] = (half + _BIAS) << _SHIFT
    low, high = first.view(np.float32), second.view(np.float32)
    for i in range(numbers.size):
        numbers[i] = (numbers[i] * low[i]) * high[i]


@exact
def score_steps(outputs: Array, classes: Array, weights: Array, totals: Array, chosen: Array) -> None:
    """The gradient of the weighted loss of each step in the place of its scores, and what its loss is made of.

    ``outputs`` are (N, K), the others (N,): ``totals`` the sums of the exponentials, ``chosen`` the score of the right
    class less the largest. A step of weight 0 adds nothing, whatever its scores are.
    """
    n_steps, n_classes = outputs.shape
    at_once = max(1, _BLOCK // n_classes)
    powers = np.empty((2, at_once * n_classes), np.int32)
    for begin in range(0, n_steps, at_once):
        end = min(begin + at_once, n_steps)
        for n in range(begin, end):
            largest = largest_of(outputs, n)
            for i in range(n_classes):
                outputs[n, i] -= largest
            chosen[n] = outputs[n, int(classes[n])]
        exponentials(outputs[begin:end].reshape((end - begin) * n_classes), powers)
        for n in range(begin, end):
            weight, row = weights[n], outputs[n]
            whole = total_of_few(row) if n_classes <= MOST_AT_ONCE else total(row)
            totals[n] = whole
            for i in range(n_classes):
                outputs[n, i] /= whole
            outputs[n, int(classes[n])] -= _ONE
            for i in range(n_classes):
                outputs[n, i] = outputs[n, i] * weight if weight > 0 else np.float32(0)


def is_cross_entropy_of_steps(objective: Objective) -> bool:
    """Whether this file has the loss."""
    return type(objective) in (EveryStep, EveryToken) and type(getattr(objective, "base", None)) is CrossEntropy


def cross_entropy_of_steps(outputs: Singles, batch: MiniBatch) -> tuple[Floats, Singles]:
    """`EveryStep(CrossEntropy(K)).loss` of outputs (B, T, K), in whose place the gradient is left.

    They are in one piece, by row or by time.
    """
    assert batch.targets is not None
    assert batch.step_weights is not None
    n_rows, n_steps, n_classes = outputs.shape
    n, by_time = n_rows * n_steps, not outputs.flags.c_contiguous
    weights, classes, scores = batch.step_weights, batch.targets[:, :, 0], outputs
    if by_time:
        weights, classes, scores = weights.T, classes.T, outputs.transpose(1, 0, 2)
    weights = np.ascontiguousarray(weights, np.float32).reshape(n)
    classes = np.ascontiguousarray(classes, np.float32).reshape(n)
    totals, chosen = np.empty(n, np.float32), np.empty(n, np.float32)
    score_steps(scores.reshape(n, n_classes), classes, weights, totals, chosen)
    scored = np.flatnonzero(weights > 0)
    value = (np.log(totals[scored]) - chosen[scored]) * weights[scored]
    rows = scored % n_rows if by_time else scored // n_steps
    losses = np.bincount(rows, weights=value, minlength=n_rows)
    return losses.astype(np.float32), outputs

"""Many mini-batches in one compiled call, which neither holds the interpreter's lock nor asks it for anything.

A mini-batch of a small network is so short that the calls which make it up take longer than its arithmetic.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from skrnn._types import Array, Doubles, Integers, Singles
from skrnn.networks import Passes, kernel, of_fixed_types, pass_backward, pass_forward

__all__ = ["Optimizer", "Patience", "Rows", "are_at_hand", "patience", "train_batches"]


class Patience:
    """When `train_batches`, which takes as long to compile as all other kernels of a network, is worth it.

    Mini-batches that are taken one by one give the same bits, and take up to half as long again. So it is used where it
    is at hand, in this process or on disk, and compiled once a process has trained on so many mini-batches that it
    would have had something of it.
    """

    enough = 5_000  # by which some tenths of a second are lost

    def __init__(self) -> None:
        self.n_batches = 0  # that were taken one by one

    @property
    def ended(self) -> bool:
        return self.n_batches >= self.enough


patience = Patience()  # that of this process


class Rows(NamedTuple):
    """The rows of some mini-batches, one after the other.

    Attributes
    ----------
    inputs : array of shape (n_rows, n_timesteps, n_features)
    lengths : integer array of shape (n_rows,)
    targets, gain, offset : arrays of shape (n_rows, ...)
        As in `MiniBatch`, with no columns where there is none; targets of steps in one piece, (n_rows * n_steps, k).
    weights : array of shape (n_rows, n_steps)
        Of the targets of steps, or without a column: there is a target for each row.
    shares : array of shape (n_rows,)
        What each row counts in the loss of its mini-batch.
    edges : integer array of shape (n_batches + 1,)
        Where each mini-batch begins, and where the last one ends.
    """

    inputs: Singles
    lengths: Integers
    targets: Singles
    gain: Singles
    offset: Singles
    weights: Singles
    shares: Singles
    edges: Integers


class Optimizer(NamedTuple):
    """An optimizer's update as a value, its running averages (k, n_weights), and what it is told besides."""

    update: Any
    state: Singles
    n_steps: float
    bound: float
    decay: float


@kernel()
def gradient_of_steps(rows: Rows, a: int, b: int, n_steps: int, loss: Any, settings: Array, outputs: Array) -> Array:
    """The gradient (T * B, K), in the order of time, of the weighted loss of every step with a weight."""
    width, n_outputs, n = rows.weights.shape[1], outputs.shape[1], 0
    for i in range(a, b):
        for t in range(n_steps):
            n += rows.weights[i, t] > 0
    scored, slope = np.empty((n, n_outputs), np.float32), np.empty((n, n_outputs), np.float32)
    targets = np.empty((n, rows.targets.shape[1]), np.float32)
    gain, n = np.empty((n, rows.gain.shape[1]), np.float32), 0
    for i in range(a, b):
        for t in range(n_steps):
            if rows.weights[i, t] > 0:
                for k in range(n_outputs):
                    scored[n, k] = outputs[(i - a) * width + t, k]
                for k in range(targets.shape[1]):
                    targets[n, k] = rows.targets[i * width + t, k]
                for k in range(gain.shape[1]):
                    gain[n, k] = rows.gain[i, k]
                n += 1
    loss(scored, targets, gain, settings, slope)
    gradient, n = np.zeros((n_steps * (b - a), n_outputs), np.float32), 0
    for i in range(a, b):
        for t in range(n_steps):
            if rows.weights[i, t] > 0:
                for k in range(n_outputs):
                    gradient[t * (b - a) + i - a, k] = slope[n, k] * rows.weights[i, t] * rows.shares[i]
                n += 1
    return gradient


@of_fixed_types
@kernel()
def train_batches(
    net: Passes,
    work: Array,
    rows: Rows,
    loss: Any,
    settings: Singles,
    optimizer: Optimizer,
    rates: Doubles,
    outputs: Array,
    norms: Doubles,
) -> int:
    """An update for each mini-batch; how many there were until a gradient was not finite, that one included.

    Leaves the outputs (n_rows, K), or (n_rows * n_steps, K), as the loss sees them, and the norm of each gradient
    before it was clipped.
    """
    each = max(rows.weights.shape[1], 1)  # outputs of a row
    for number in range(rates.size):
        a, b = rows.edges[number], rows.edges[number + 1]
        found = outputs[a * each : b * each]
        read = pass_forward(net, work, rows.inputs[a:b], rows.lengths[a:b], found)
        for i in range(b - a):
            for k in range(rows.offset.shape[1]):
                found[i, k] += rows.offset[a + i, k]
        gradient: Array
        if rows.weights.shape[1] > 0:
            gradient = gradient_of_steps(rows, a, b, read.values.shape[0] // (b - a), loss, settings, found)
        else:
            gradient = np.empty(found.shape, np.float32)
            loss(found, rows.targets[a:b], rows.gain[a:b], settings, gradient)
            for i in range(b - a):
                for k in range(outputs.shape[1]):
                    gradient[i, k] *= rows.shares[a + i]
        pass_backward(net, work, rows.inputs[a:b], rows.lengths[a:b], read, gradient)
        step = optimizer.n_steps + number + 1.0
        how = rates[number], optimizer.bound, optimizer.decay
        norms[number] = optimizer.update(net.flat, net.gradient, optimizer.state, step, how)
        if not np.isfinite(norms[number]):
            return number + 1
    return int(rates.size)


def are_at_hand(*arguments: Any) -> bool:
    """Whether `train_batches` need not be compiled for such arguments."""
    return train_batches.is_at_hand(*arguments)

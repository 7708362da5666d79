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
        As in `MiniBatch`, with no columns where there is none.
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
    shares: Singles
    edges: Integers


class Optimizer(NamedTuple):
    """An optimizer's update as a value, its running averages (k, n_weights), and what it is told besides."""

    update: Any
    state: Singles
    n_steps: float
    bound: float
    decay: float


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

    Leaves the outputs (n_rows, K), as the loss sees them, and the norm of each gradient before it was clipped.
    """
    for number in range(rates.size):
        a, b = rows.edges[number], rows.edges[number + 1]
        found = outputs[a:b]
        read = pass_forward(net, work, rows.inputs[a:b], rows.lengths[a:b], found)
        for i in range(b - a):
            for k in range(rows.offset.shape[1]):
                found[i, k] += rows.offset[a + i, k]
        gradient: Array = np.empty(found.shape, np.float32)
        loss(found, rows.targets[a:b], rows.gain[a:b], settings, gradient)
        for i in range(b - a):
            for k in range(gradient.shape[1]):
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

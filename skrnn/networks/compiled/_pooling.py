"""What the head reads of the states of a sequence, and of its segments, on the compiled kernels."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from skrnn._types import Doubles, Floats, Integers, Singles
from skrnn.networks import kernels
from skrnn.networks._spec import NetworkSpec
from skrnn.networks.compiled._attention import Attention, read_with

__all__ = ["PooledRun", "Pooling", "over_time", "pooled"]


class PooledRun(NamedTuple):
    """What there is to pool: states (B, T, H'), last (B, H'), the vectors of segments (B, T, H), steps (B,), attention
    (B, T).
    """

    states: Singles
    last: Doubles
    segments: Doubles | None
    lengths: Integers
    attention: Doubles | None


class Pooling:
    """The last states, the mean, the maximum, … of a mini-batch in training; ``names`` in this order.

    ``hidden``: features of a direction; ``one_way``: there is one.
    """

    def __init__(self, names: tuple[str, ...], hidden: int, one_way: bool, attention: Attention | None = None):
        self.names, self.hidden, self.one_way, self.attention = names, hidden, one_way, attention
        self.d_last = np.empty((0, 0, 0), np.float32)  # gradients of states that are zero but for the last

    def forward(self, states: Singles, lengths: Integers, even: bool) -> Singles:
        """What the head reads (B, P * H') of states (T, B, H'); ``even``: all of them are real."""
        self.shape, self.lengths, self.ends_together = states.shape, lengths, even and self.one_way
        parts = [self._take(name, states) for name in self.names]
        return parts[0] if len(parts) == 1 else np.concatenate(parts, axis=1)

    def backward(self, d_read: Singles) -> Singles:
        """The gradient of the states (T, B, H') from that of what was read."""
        if self.names == ("last",) and self.ends_together:
            if self.d_last.shape != self.shape:
                self.d_last = np.zeros(self.shape, np.float32)
            self.d_last[-1] = d_read
            return self.d_last
        d_states = np.zeros(self.shape, np.float32)
        for number, name in enumerate(self.names):
            part = d_read
            if len(self.names) > 1:
                size = self.shape[2]
                part = np.ascontiguousarray(d_read[:, number * size : (number + 1) * size])
            self._put(name, part, d_states)
        return d_states

    def _take(self, name: str, states: Singles) -> Singles:
        if name == "last" and self.ends_together:
            newest: Singles = states[-1]
            return newest
        if name == "attention" and self.attention is not None:
            return self.attention.forward(states, self.lengths)
        out = np.empty(self.shape[1:], np.float32)
        if name == "last":
            kernels.take_last(states, self.lengths, self.hidden, out)
        elif name == "mean":
            kernels.take_mean(states, self.lengths, out)
        else:
            self.steps = np.empty(self.shape[1:], np.intp)
            kernels.take_max(states, self.lengths, out, self.steps)
        return out

    def _put(self, name: str, part: Singles, d_states: Singles) -> None:
        if name == "attention" and self.attention is not None:
            self.attention.backward(part, d_states)
        elif name == "last" and self.ends_together:
            d_states[-1] += part
        elif name == "last":
            kernels.put_last(part, self.lengths, self.hidden, d_states)
        elif name == "mean":
            kernels.put_mean((part / self.lengths[:, None]).astype(np.float32), self.lengths, d_states)
        else:
            kernels.put_max(part, self.steps, d_states)


def pooled(spec: NetworkSpec, run: PooledRun) -> Doubles:
    """What the head reads in a prediction (B, P), each row by itself."""
    if spec.pooling == ("last",):
        return run.last
    parts = []
    for name in spec.pooling:
        if name == "attention" and run.attention is not None:
            parts.append(read_with(run.attention, run.states, run.lengths))
        else:
            parts.append(run.last if name == "last" else over_time(name, run.states, run.lengths))
    if run.segments is not None:
        parts += [over_time(name, run.segments, run.lengths) for name in spec.segment_pooling]
    return np.concatenate(parts, axis=1)


def over_time(name: str, values: Floats, lengths: Integers) -> Doubles:
    """The mean or the maximum (B, H) of values (B, T, H), in double precision."""
    part = np.empty((len(values), values.shape[2]))
    take = kernels.mean_of_rows if name == "mean" else kernels.maximum_of_rows
    take(values, lengths, part)
    return part

"""What the head reads of the states of a sequence, on the compiled kernels."""

from __future__ import annotations

import numpy as np

from skrnn._types import Array, Doubles, Integers, Singles
from skrnn.networks import kernels
from skrnn.networks._spec import NetworkSpec

__all__ = ["Pooling", "pooled"]


class Pooling:
    """The last states, the mean and the maximum of a mini-batch in training, as the network has them."""

    def __init__(self, spec: NetworkSpec):
        self.names, self.hidden, self.one_way = spec.pooling, spec.hidden_size, not spec.bidirectional

    def forward(self, states: Singles, lengths: Integers, even: bool) -> Singles:
        """What the head reads (B, P * H') of states (T, B, H'); ``even``: all of them are real."""
        self.shape, self.lengths, self.ends_together = states.shape, lengths, even and self.one_way
        parts = [self._take(name, states) for name in self.names]
        return parts[0] if len(parts) == 1 else np.concatenate(parts, axis=1)

    def backward(self, d_read: Singles) -> Singles:
        """The gradient of the states (T, B, H') from that of what was read."""
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
        if name == "last" and self.ends_together:
            d_states[-1] += part
        elif name == "last":
            kernels.put_last(part, self.lengths, self.hidden, d_states)
        elif name == "mean":
            kernels.put_mean((part / self.lengths[:, None]).astype(np.float32), self.lengths, d_states)
        else:
            kernels.put_max(part, self.steps, d_states)


def pooled(spec: NetworkSpec, states: Doubles, last: Doubles, lengths: Integers) -> Doubles:
    """What the head reads (B, P * H') of states (B, T, H') in a prediction, each row by itself."""
    if spec.pooling == ("last",):
        return last
    by_step: Array = states.transpose(1, 0, 2)
    parts = []
    for name in spec.pooling:
        part = last if name == "last" else np.empty_like(last)
        if name == "mean":
            kernels.take_mean(by_step, lengths, part)
        elif name == "max":
            kernels.take_max(by_step, lengths, part, np.empty(last.shape, np.intp))
        parts.append(part)
    return np.concatenate(parts, axis=1)

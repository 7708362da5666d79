"""The adaptive softmax: log-probabilities of many classes without a score for each of them.

Grave, Joulin, Cissé, Grangier & Jégou, "Efficient softmax approximation for GPUs", ICML 2017. Classes are numbered by
how frequent they are. The head has a score for each frequent class, up to the first of the ``cutoffs``, and one for
each cluster of rarer ones; a cluster has a softmax of its own, of a projection of the states: the log-probability of a
class in it is that of the cluster plus that of the class within. Nothing is sampled or left out: it is a distribution,
which sums to one. Names of weights are those of `torch.nn.AdaptiveLogSoftmaxWithLoss` with a bias in the head; its
shapes too, but for clusters that would read few features.

NumPy alone, for both engines, in the precision of the weights and states.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from typing import Any, TypeVar

import numpy as np

from skrnn._types import Array, Doubles, Floats, Integers, NetworkWeights, Singles

Reals = TypeVar("Reals", Singles, Doubles)  # one precision throughout

__all__ = ["AdaptiveSoftmax", "adaptive_of", "adaptive_shapes", "cluster_size"]

_DIVISOR = 4  # each cluster reads this many times fewer features than the one before it,
_FEWEST = 16  # but not fewer than these
_AT_ONCE = 1 << 22  # scores that are held at a time


def adaptive_shapes(cutoffs: tuple[int, ...], n_classes: int, n_read: int) -> dict[str, tuple[int, ...]]:
    """Name and shape of each weight of an adaptive softmax of states (N, n_read)."""
    n_head = cutoffs[0] + len(cutoffs)
    shapes: dict[str, tuple[int, ...]] = {"head.weight": (n_head, n_read), "head.bias": (n_head,)}
    for i, (first, end) in enumerate(pairwise((*cutoffs, n_classes))):
        size = cluster_size(i, n_read)
        shapes[f"tail.{i}.0.weight"] = size, n_read
        shapes[f"tail.{i}.1.weight"] = end - first, size
    return shapes


def cluster_size(number: int, n_read: int) -> int:
    """How many features a cluster reads, of states with ``n_read``."""
    return max(n_read // int(_DIVISOR ** (number + 1)), min(_FEWEST, n_read))


class AdaptiveSoftmax:
    """Log-probabilities of classes from the states that the head of a network reads.

    Parameters
    ----------
    cutoffs : tuple of int
        Where the clusters begin: the first class of each.
    weights : mapping of str to float arrays
        Those of `adaptive_shapes`, besides others. They are read anew in every call.
    """

    def __init__(self, cutoffs: tuple[int, ...], weights: Mapping[str, Array]):
        self.weights = weights
        names = [(f"tail.{i}.0.weight", f"tail.{i}.1.weight") for i in range(len(cutoffs))]
        self.names = ["head.weight", "head.bias", *(name for pair in names for name in pair)]
        self.edges = (0, *cutoffs, cutoffs[-1] + len(weights[names[-1][1]]))
        self.room = np.empty(0)

    @property
    def n_classes(self) -> int:
        return self.edges[-1]

    def log_probabilities(self, states: Reals) -> Reals:
        """Of all classes, (N, n_classes)."""
        weights, n_frequent = self.weights, self.edges[1]
        head = _log_softmax(states @ weights["head.weight"].T + weights["head.bias"])
        parts = [head[:, :n_frequent]]
        for i in range(len(self.edges) - 2):
            projected = states @ weights[f"tail.{i}.0.weight"].T
            parts.append(_log_softmax(projected @ weights[f"tail.{i}.1.weight"].T) + head[:, n_frequent + i, None])
        return np.asarray(np.concatenate(parts, axis=1), states.dtype)

    def of_steps(self, states: Reals) -> Reals:
        """The same of states (B, T, H): (B, T, n_classes)."""
        return self.log_probabilities(states.reshape(-1, states.shape[2])).reshape(*states.shape[:2], -1)

    def draw(self, states: Floats, rng: np.random.Generator) -> Integers:
        """A class (N,) of each of the states (N, H), by their probabilities: the largest score with noise on it (the
        Gumbel-max trick), in the head and then within the cluster.
        """
        weights, n_frequent = self.weights, self.edges[1]

        def drawn(scores: Floats) -> Integers:
            return np.asarray(np.argmax(scores + rng.gumbel(size=scores.shape), axis=1))

        found = drawn(states @ weights["head.weight"].T + weights["head.bias"])
        cluster = found - n_frequent
        for i, first in enumerate(self.edges[1:-1]):
            rows = np.flatnonzero(cluster == i)
            projected = states[rows] @ weights[f"tail.{i}.0.weight"].T
            found[rows] = first + drawn(projected @ weights[f"tail.{i}.1.weight"].T)
        return found

    def losses(self, states: Floats, classes: Integers) -> Floats:
        """Minus the log-probability (N,) of a class (N,) behind each of the states (N, H)."""
        return self._run(states, classes, None, None)[0]

    def backward(
        self, states: Floats, classes: Integers, shares: Floats, gradients: Mapping[str, Array]
    ) -> tuple[Floats, Floats]:
        """The losses (N,), and the gradient of shares @ losses with respect to the states (N, H); that of each weight
        is left in ``gradients``.
        """
        return self._run(states, classes, shares, gradients)

    def _run(
        self, states: Floats, classes: Integers, shares: Floats | None, gradients: Mapping[str, Array] | None
    ) -> tuple[Floats, Floats]:
        frequent, weights, found = self.edges[1], self.weights, gradients or {}
        cluster = np.searchsorted(self.edges[1:-1], classes, side="right")  # 0: in the head
        shown = np.where(cluster > 0, frequent + cluster - 1, classes)
        d_head = found.get("head.weight"), found.get("head.bias")
        losses, d_states = self._softmax(states, weights["head.weight"], weights["head.bias"], shown, shares, *d_head)
        for i, first in enumerate(self.edges[1:-1]):
            rows, (inner, outer) = np.flatnonzero(cluster == i + 1), (f"tail.{i}.0.weight", f"tail.{i}.1.weight")
            d_inner, d_outer = found.get(inner), found.get(outer)
            read, projection = states[rows], weights[inner]
            part = None if shares is None else shares[rows]
            more, d_low = self._softmax(read @ projection.T, weights[outer], None, classes[rows] - first, part, d_outer)
            losses[rows] += more
            if d_inner is not None:
                np.matmul(d_low.T, read, out=d_inner)
                d_states[rows] += d_low @ projection
        return losses, d_states

    def _softmax(
        self,
        x: Floats,
        weight: Array,
        bias: Array | None,
        classes: Integers,
        shares: Floats | None,
        d_weight: Array | None = None,
        d_bias: Array | None = None,
    ) -> tuple[Floats, Floats]:
        """Cross-entropy (N,) of a softmax of x W^T + b, and the gradient of x; those of the weights are set.

        Scores are made for some rows at a time, in one room, so that memory does not grow with their number.
        """
        losses, d_x = np.empty(len(x), x.dtype), np.zeros_like(x)
        if d_weight is not None:
            d_weight[:] = 0.0
        if d_bias is not None:
            d_bias[:] = 0.0
        n_rows = max(_AT_ONCE // len(weight), 1)
        for begin in range(0, len(x), n_rows):
            rows = slice(begin, begin + n_rows)
            part, right = x[rows], classes[rows]
            scores = self._scores(len(part), len(weight), x.dtype)
            np.matmul(part, weight.T, out=scores)
            if bias is not None:
                scores += bias
            each = np.arange(len(part))
            of_right, largest = scores[each, right], scores.max(axis=1)
            scores -= largest[:, None]
            np.exp(scores, out=scores)
            totals = scores.sum(axis=1)
            losses[rows] = np.log(totals) + largest - of_right
            if shares is None or d_weight is None:
                continue
            scores *= (shares[rows] / totals)[:, None]
            scores[each, right] -= shares[rows]
            np.matmul(scores, weight, out=d_x[rows])
            d_weight += scores.T @ part
            if d_bias is not None:
                d_bias += scores.sum(axis=0)
        return losses, d_x

    def _scores(self, n_rows: int, n_classes: int, dtype: np.dtype[np.floating]) -> Floats:
        """An array (n_rows, n_classes) to be written to; new ones would have to be cleared by the system each time."""
        if self.room.size < n_rows * n_classes or self.room.dtype != dtype:
            self.room = np.empty(n_rows * n_classes, dtype)
        return self.room[: n_rows * n_classes].reshape(n_rows, n_classes)


def adaptive_of(spec: Any, weights: NetworkWeights) -> AdaptiveSoftmax | None:
    """The adaptive softmax of a network (a `NetworkSpec`) in double precision, for predictions; None: it has none."""
    if not spec.cutoffs:
        return None
    own = [name for name in weights if name.startswith(("head.", "tail."))]
    return AdaptiveSoftmax(spec.cutoffs, {name: np.asarray(weights[name], np.float64) for name in own})


def _log_softmax(scores: Array) -> Array:
    """On the last axis, in place."""
    scores -= scores.max(axis=-1, keepdims=True)
    scores -= np.log(np.exp(scores).sum(axis=-1, keepdims=True))
    return scores

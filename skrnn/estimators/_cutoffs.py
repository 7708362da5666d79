"""Where the clusters of an adaptive softmax begin."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from skrnn._types import Doubles, Integers
from skrnn.estimators._fitted import Fitted
from skrnn.estimators._parameters import Parameters
from skrnn.estimators._training_data import FitData, category_counts
from skrnn.networks import cluster_size
from skrnn.sequences import SequenceBatch

__all__ = ["cheapest_cutoffs", "cutoffs_of"]

_MOST = 4  # clusters
_EDGES = 80  # places where one may begin
_SMALLEST = 32  # classes in the head
_FEW = 1000  # classes: below them, calls cost more than the scores of one softmax
_WORTH = 2.0  # times cheaper than one softmax of all, or else there are no clusters
_SCORE, _FEATURE = 3.0, 0.07  # ns of a score in training, and of a feature that it is made of, about
_CLUSTER = 50.0  # ns of a token: calls, of which a mini-batch of some thousand has a dozen for each cluster


def cutoffs_of(parameters: Parameters, data: FitData, before: Fitted | None, name: str) -> tuple[int, ...]:
    """The first class of each cluster; none: one softmax of all classes.

    The first class is the unknown token, or the end of a sequence.

    ``before``: the fit that this one goes on with, whose clusters stay.
    """
    given, adaptive = parameters.cutoffs, parameters.softmax == "adaptive"
    first = () if before is None else before.spec.cutoffs
    if before is not None and bool(first) and not adaptive:
        raise ValueError(
            f"{name} cannot go on training with softmax={parameters.softmax!r}; the first fit had 'adaptive'. Use "
            "warm_start=False, or a clone."
        )
    if not adaptive:
        return ()
    if isinstance(given, str):
        if before is not None:
            return first
        return cheapest_cutoffs(_counts(data), int(parameters.hidden_size))
    found = tuple(int(value) + 1 for value in given)
    n_classes = len(_counts(data))
    if not found or not all(a < b for a, b in pairwise((1, *found, n_classes))):
        raise ValueError(
            f"cutoffs={given!r} of {name} are not numbers of tokens that increase and stay below {n_classes - 1}, the "
            f"number of different tokens in {_where(data)}. Change them, or set cutoffs='auto'."
        )
    if before is not None and found != first:
        was = [value - 1 for value in first] or "none"
        raise ValueError(
            f"{name} cannot go on training: cutoffs is {given!r}, was {was} in the first fit. Use warm_start=False, or "
            "a clone."
        )
    return found


def _counts(data: FitData) -> Doubles:
    """How often each class occurs."""
    targets, n_classes = data.training.targets, data.objective.n_outputs(data.training.n_targets)
    if _where(data) == "X":
        return category_counts(data.training.batch, 0, n_classes)
    assert isinstance(targets, SequenceBatch)
    return category_counts(targets, 0, n_classes)


def _where(data: FitData) -> str:
    """Which of the data holds the classes."""
    return "y" if data.objective.readout == "tokens" else "X"


def cheapest_cutoffs(counts: Doubles, hidden_size: int) -> tuple[int, ...]:
    """Where the clusters begin with which a mini-batch costs least, by how often each class occurs; the frequent first.

    A class of the head costs every token one score; a class of a cluster costs one for each token of the cluster: Grave
    et al., ICML 2017, section 4.2, with the times of this package, by dynamic programming. None: clusters would save
    too little.
    """
    n_classes = len(counts)
    if n_classes < _FEW:
        return ()
    below = np.concatenate([[0.0], np.cumsum(counts)]) / max(counts.sum(), 1e-300)
    edges = np.unique(np.geomspace(_SMALLEST, n_classes, _EDGES, endpoint=False).astype(int))
    whole = n_classes * _price(hidden_size)
    best = whole / _WORTH
    found: tuple[int, ...] = ()
    for n_clusters in range(1, _MOST + 1):
        costs, chosen = _clusters(below, edges, n_clusters, hidden_size)
        total = (edges + n_clusters) * _price(hidden_size) + costs
        if total.min() < best:
            best, found = float(total.min()), chosen[int(total.argmin())]
    return found


def _clusters(
    below: Doubles, edges: Integers, n_clusters: int, hidden_size: int
) -> tuple[Doubles, list[tuple[int, ...]]]:
    """What the clusters of the classes from each edge on cost at least, and where they begin."""
    n_classes = len(below) - 1
    shares, sizes = below[-1] - below[edges], n_classes - edges
    features = [cluster_size(i, hidden_size) for i in range(n_clusters)]
    costs = shares * (sizes * _price(features[-1]) + _CLUSTER)
    chosen: list[tuple[int, ...]] = [(int(edge),) for edge in edges]
    for n_features in features[-2::-1]:
        taken = below[edges][None, :] - below[edges][:, None]
        own = taken * ((edges[None, :] - edges[:, None]) * _price(n_features) + _CLUSTER) + costs[None, :]
        own[edges[None, :] <= edges[:, None]] = np.inf
        ends = own.argmin(axis=1)
        costs = own[np.arange(len(edges)), ends]
        chosen = [(int(edge), *chosen[end]) for edge, end in zip(edges, ends, strict=True)]
    return costs, chosen


def _price(n_features: int) -> float:
    """Of a score, in nanoseconds."""
    return _SCORE + _FEATURE * n_features

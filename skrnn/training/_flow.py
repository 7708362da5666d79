"""The gradient of a loss along the states of a network, by their distance from the last one: how far memory reaches.

Pascanu, Mikolov & Bengio, "On the difficulty of training recurrent neural networks", ICML 2013; Hochreiter et al.,
"Gradient flow in recurrent nets: the difficulty of learning long-term dependencies", 2001.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Literal

import numpy as np

from skrnn._types import Array, Doubles, Floats, Integers, NetworkWeights
from skrnn.networks import NetworkSpec, Score, state_gradients
from skrnn.objectives import MiniBatch

__all__ = ["Asked", "LayerFlow", "layer_flows"]

_LEFT = 0.01  # of the gradient, where a memory ends
_GROWN = 100.0  # times the gradient at lag 0, where it explodes
_LEAST = 1e-36  # what is smaller has lost digits


@dataclass(frozen=True, eq=False, repr=False)
class LayerFlow:
    """The gradient along the states of one layer in one direction.

    Attributes
    ----------
    layer : int
        From 0 on, the one nearest the inputs.
    direction : {"forward", "backward"}
    norms : float64 array of shape (n_lags,)
        2-norm of the gradient with respect to the state of a step, the mean over the sequences that have such a step.
        Lag 0 is the last state that the layer reads, in the backward direction that of the first step.
    counts : integer array of shape (n_lags,)
        How many sequences have a step at each lag.
    """

    layer: int
    direction: Literal["forward", "backward"]
    norms: Doubles
    counts: Integers

    @property
    def decay(self) -> float:
        """Factor on the norm per step, the geometric mean over the farther half of the lags; NaN for a single lag."""
        lost = self.norms <= _LEAST
        last = (int(np.argmax(lost)) if lost.any() else len(self.norms)) - 1
        if last < 1:
            return float("nan")
        middle = last // 2
        return float((self.norms[last] / self.norms[middle]) ** (1 / (last - middle)))

    @property
    def memory_length(self) -> int:
        """The first lag from which on the norm stays below 1 % of the largest; the number of lags if there is none."""
        above = np.flatnonzero(self.norms >= _LEFT * self.norms.max())
        return int(above[-1]) + 1 if self.norms.max() > 0 else 0

    @property
    def verdict(self) -> Literal["vanish", "explode", "hold", "none"]:
        """Vanishing: below 1 % within the sequences. Exploding: still growing at the far end, to 100 times lag 0. None:
        nothing is read of the states, as of a network that has added nothing to its linear start.
        """
        if not self.norms.any():
            return "none"
        if self.decay > 1 and self.norms[-1] > _GROWN * self.norms[0]:
            return "explode"
        return "vanish" if self.memory_length < len(self.norms) else "hold"

    def __repr__(self) -> str:
        rates = f"memory length {self.memory_length} of {len(self.norms)} lags, decay {self.decay:.3g}"
        return f"LayerFlow(layer {self.layer}, {self.direction}: {self.verdict}, {rates})"


@dataclass(frozen=True, eq=False)
class Asked:
    """What is differentiated.

    Attributes
    ----------
    score : callable
        The value of each row (B,) and its gradient, from a mini-batch and the outputs.
    by_step : bool
        Whether there is an output per step, and the score a sum over the steps: only the last step that counts is then
        asked for (in the backward direction, the first).
    skips : bool
        Whether some steps may not count.
    """

    score: Callable[[MiniBatch, Floats], tuple[Floats, Floats]]
    by_step: bool
    skips: bool


def layer_flows(
    spec: NetworkSpec,
    networks: Sequence[NetworkWeights],
    parts: Callable[[], Iterable[tuple[MiniBatch, Integers | None]]],
    asked: Asked,
    engine: str,
) -> list[LayerFlow]:
    """The flow of each layer and direction, the mean over the sequences of all parts and over the networks.

    ``parts`` gives mini-batches, each with what a decoder of tokens reads; it is called for each network.
    """
    recurrences = [recurrence for layer in spec.layers() for recurrence in layer]
    sums: list[list[Doubles]] = [[] for _ in recurrences]
    counts: list[list[Integers]] = [[] for _ in recurrences]
    for weights in networks:
        ends: list[tuple[Integers, Integers]] = []
        for number, found in enumerate(
            state_gradients(spec, weights, _scored(spec, parts(), asked, ends), engine=engine)
        ):
            for i, (recurrence, norms) in enumerate(zip(recurrences, found, strict=True)):
                lags = ends[number][recurrence.reverse][:, None] - np.arange(norms.shape[1])
                sums[i].append(np.bincount(lags[lags >= 0], norms[lags >= 0]).astype(np.float64))
                counts[i].append(np.bincount(lags[lags >= 0]))
    flows = []
    for i, recurrence in enumerate(recurrences):
        count, direction = _total(counts[i]), "backward" if recurrence.reverse else "forward"
        norms = _total(sums[i]) / count
        flows.append(LayerFlow(i // len(spec.directions), direction, norms, (count // len(networks)).astype(np.intp)))  # type: ignore[arg-type]
    return flows


def _total(parts: Sequence[Array]) -> Array:
    """The sum of vectors of different lengths."""
    total = np.zeros(max(map(len, parts)))
    for part in parts:
        total[: len(part)] += part
    return total


def _scored(
    spec: NetworkSpec,
    parts: Iterable[tuple[MiniBatch, Integers | None]],
    asked: Asked,
    ends: list[tuple[Integers, Integers]],
) -> Iterator[tuple[Array, Integers, Sequence[Score], Integers | None]]:
    """What `state_gradients` takes of each part; ``ends`` gets the states (B,) where the lags of a direction begin."""
    for part, tokens in parts:
        n_states = part.lengths
        if spec.segment is not None:
            n_states = spec.segment_steps(part.lengths, part.inputs.shape[1])[1]
        scores: list[Score] = [partial(asked.score, part)]
        last, first = n_states - 1, np.zeros_like(n_states)
        if asked.by_step:
            last, first = _ends_of_steps(spec, part, asked, n_states)
            ways = (last, first)[: len(spec.directions)]
            scores = [partial(_only, asked, part, steps) for steps in ways]
        ends.append((last, n_states - 1 - first))
        yield part.inputs, part.lengths, scores, tokens


def _ends_of_steps(spec: NetworkSpec, part: MiniBatch, asked: Asked, n_states: Integers) -> tuple[Integers, Integers]:
    """The last and the first step (B,) of each row that counts; where none does, of all steps."""
    counted = np.arange(int(n_states.max())) < n_states[:, None]
    if asked.skips:
        blank = np.zeros((*counted.shape, spec.output_size))
        counted &= (asked.score(part, blank)[1] != 0).any(axis=2)
    found = counted.any(axis=1)
    last = np.where(found, counted.shape[1] - 1 - counted[:, ::-1].argmax(axis=1), n_states - 1)
    return last, np.where(found, counted.argmax(axis=1), 0)


def _only(asked: Asked, part: MiniBatch, steps: Integers, outputs: Floats) -> tuple[Floats, Floats]:
    """A score whose gradient is kept at one step of each row."""
    value, gradient = asked.score(part, outputs)
    return value, np.where((np.arange(outputs.shape[1]) == steps[:, None])[:, :, None], gradient, 0.0)

"""How far back in time the gradient of a loss reaches: back-propagation through time, on a fitted network.

Pascanu, Mikolov & Bengio, "On the difficulty of training recurrent neural networks", ICML 2013; Hochreiter et al.,
"Gradient flow in recurrent nets: the difficulty of learning long-term dependencies", 2001.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

import numpy as np

from skrnn._constraints import check_arguments, integers
from skrnn._types import Array, Doubles, Floats, Integers
from skrnn.estimators import Opened, open_fitted
from skrnn.networks import NetworkSpec, Score, state_gradients
from skrnn.objectives import MiniBatch

__all__ = ["GradientFlow", "LayerFlow", "check_output", "gradient_flow"]

_LEFT = 0.01  # of the gradient, where a memory ends
_GROWN = 100.0  # times the gradient at lag 0, where it explodes
_LEAST = 1e-36  # what is smaller has lost digits
_CHUNK_VALUES = {"compiled": 1 << 17, "torch": 1 << 20}  # of the states that are kept at a time, for speed


@dataclass(frozen=True, eq=False)
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
        known = int(np.argmin(self.norms > _LEAST)) if (self.norms <= _LEAST).any() else len(self.norms)
        last = known - 1
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
    def verdict(self) -> Literal["vanish", "explode", "hold"]:
        """Vanishing: below 1 % within the sequences. Exploding: still growing at the far end, to 100 times lag 0."""
        if self.decay > 1 and self.norms[-1] > _GROWN * self.norms[0]:
            return "explode"
        return "vanish" if self.memory_length < len(self.norms) else "hold"


@dataclass(frozen=True, eq=False)
class GradientFlow:
    """What `gradient_flow` finds. Printed, it says in words what the gradient does.

    Attributes
    ----------
    layers : list of LayerFlow
        One for each layer and direction, the one nearest the inputs first.
    unit : {"steps", "segments"}
        What a lag counts.
    of : str
        Whose gradient it is: "loss", or "output 0".
    """

    layers: list[LayerFlow]
    unit: Literal["steps", "segments"]
    of: str

    @property
    def memory_length(self) -> int:
        """The longest of the layers'."""
        return max(layer.memory_length for layer in self.layers)

    @property
    def verdict(self) -> Literal["vanish", "explode", "hold"]:
        """ "explode" if the gradient does in any layer; else that of the layer with the longest memory."""
        if any(layer.verdict == "explode" for layer in self.layers):
            return "explode"
        return max(self.layers, key=lambda layer: layer.memory_length).verdict

    def __str__(self) -> str:
        return "\n".join(self._line(layer) for layer in self.layers)

    def _line(self, layer: LayerFlow) -> str:
        one, n_lags = self.unit[:-1], len(layer.norms)
        where = f"layer {layer.layer}, {layer.direction}"
        rate = f"a factor of {layer.decay:.3g} per {one}"
        if layer.verdict == "explode":
            return f"{where}: gradients explode, by {rate}."
        if layer.verdict == "vanish":
            after = f"after {layer.memory_length} of {n_lags} {self.unit}"
            return f"{where}: gradients vanish, by {rate}: 1 % is left {after}."
        left = layer.norms[-1] / layer.norms.max() if layer.norms.max() > 0 else 0.0
        return f"{where}: gradients hold: {left:.0%} is left at the far end of {n_lags} {self.unit}."


def gradient_flow(estimator: Any, X: Any, y: Any = None, *, output: int = 0) -> GradientFlow:
    """How much the loss, or an output, depends on the states of each step, by the distance from the last one.

    The gradient is that with respect to all that a cell hands to its next step (of the LSTM, the state and the memory),
    computed by back-propagation through time: on the compiled engine in single precision, on torch in double. It is
    that of everything behind the state: with a
    pooling over time, or an attention, a state is also read directly, however far back it lies. Where there is an
    output for every step, it is that of the last step with a target (backwards, of the first), from which lags count.

    Parameters
    ----------
    estimator : fitted estimator of skrnn
    X : array-like, data frame or list of arrays
        Sequences, as in `predict`; for `RNNLanguageModel` texts.
    y : array-like or None, default=None
        Targets, as in `fit`: the gradient is that of the loss. None: that of one output of the network, but for
        estimators whose targets lie in X, and for `RNNSeq2Seq`, which is asked for the loss of what it writes itself.
    output : int, default=0
        Without y: which output, at least 0; of a classifier the score of a class.

    Returns
    -------
    flow : GradientFlow
        Norms by lag for each layer and direction, decay per step, memory length, and a verdict. With ``n_networks``
        the norms are means over the networks; the encoder's for `RNNSeq2Seq`.

    Raises
    ------
    sklearn.exceptions.NotFittedError
        Before `fit`.
    ValueError, TypeError
        If an argument is not usable.

    Examples
    --------
    >>> from skrnn import RNNRegressor
    >>> from skrnn.datasets import load_sine_wave
    >>> from skrnn.inspection import gradient_flow
    >>> X, y = load_sine_wave(return_X_y=True)
    >>> model = RNNRegressor(cell="rnn", max_iter=2, random_state=0).fit(X, y)
    >>> flow = gradient_flow(model, X, y)
    >>> flow.unit, len(flow.layers[0].norms) == X.shape[1]
    ('steps', True)
    """
    opened = open_fitted(estimator, X, y)
    spec = opened.fitted.spec
    output = check_output("gradient_flow", output, spec)
    find: Scoring = partial(_loss, opened) if opened.has_targets else partial(_one_output, output)
    recurrences = [recurrence for layer in spec.layers() for recurrence in layer]
    longest = int(_state_counts(spec, opened.batch.lengths, opened.batch.max_length).max())
    sums, counts = np.zeros((len(recurrences), longest)), np.zeros((len(recurrences), longest), np.intp)
    n_rows = max(1, _CHUNK_VALUES[opened.engine] // (longest * spec.state_size))
    ends: list[tuple[Integers, Integers]] = []
    for weights in opened.fitted.networks:
        ends.clear()
        for number, found in enumerate(
            state_gradients(spec, weights, _parts(opened, find, n_rows, ends), engine=opened.engine)
        ):
            for i, (recurrence, norms) in enumerate(zip(recurrences, found, strict=True)):
                _add_by_lag(norms, ends[number][recurrence.reverse], sums[i], counts[i])
    layers = []
    for i, recurrence in enumerate(recurrences):
        kept = counts[i] > 0
        norms, n = sums[i][kept] / counts[i][kept], counts[i][kept] // len(opened.fitted.networks)
        direction: Literal["forward", "backward"] = "backward" if recurrence.reverse else "forward"
        layers.append(LayerFlow(i // len(spec.directions), direction, norms, n))
    return GradientFlow(
        layers, "steps" if spec.segment is None else "segments", "loss" if opened.has_targets else f"output {output}"
    )


def check_output(caller: str, output: Any, spec: NetworkSpec) -> int:
    """The number of an output of the network, or an error."""
    number: int = check_arguments(caller, {"output": [integers(0)]}, output=output)["output"]
    if number >= spec.output_size:
        raise ValueError(f"output={number} of {caller}: the network has {spec.output_size} output(s), counted from 0.")
    return number


# The value of each row, and its gradient with respect to the outputs, from outputs and a mini-batch.
Scoring = Callable[[MiniBatch, Floats], tuple[Floats, Floats]]


def _loss(opened: Opened, part: MiniBatch, outputs: Floats) -> tuple[Floats, Floats]:
    """The loss of each row."""
    return opened.objective.loss(outputs if part.offset is None else outputs + part.offset, part)


def _one_output(output: int, part: MiniBatch, outputs: Floats) -> tuple[Floats, Floats]:
    """One of the outputs, of every step if there are such."""
    gradient = np.zeros_like(outputs)
    gradient[..., output] = 1.0
    return outputs[..., output], gradient


def _state_counts(spec: NetworkSpec, lengths: Integers, n_timesteps: int) -> Integers:
    """How many states each row has: one per step, or per segment."""
    return lengths if spec.segment is None else spec.segment_steps(lengths, n_timesteps)[1]


def _parts(
    opened: Opened, find: Scoring, n_rows: int, ends: list[tuple[Integers, Integers]]
) -> Iterator[tuple[Array, Integers, Sequence[Score], Integers | None]]:
    """What `state_gradients` takes, some rows at a time; where their lags begin is added to ``ends``."""
    spec = opened.fitted.spec
    for _, part in opened.chunks(n_rows):
        n_states = _state_counts(spec, part.lengths, part.inputs.shape[1])
        scores, ends_of_part = _scores_by_direction(opened, find, part, n_states)
        ends.append(ends_of_part)
        yield part.inputs, part.lengths, scores, opened.tokens(part)


def _scores_by_direction(
    opened: Opened, find: Scoring, part: MiniBatch, n_states: Integers
) -> tuple[Sequence[Score], tuple[Integers, Integers]]:
    """What is differentiated for each direction, and at which of its states (B,) its lags begin."""
    spec = opened.fitted.spec
    if not opened.loss_is_of_steps:
        return [partial(find, part)], (n_states - 1, n_states - 1)
    real = np.arange(int(n_states.max())) < n_states[:, None]
    if opened.has_targets:
        blank = np.zeros((*real.shape, spec.output_size))
        real = real & (find(part, blank)[1] != 0).any(axis=2)  # a step without a target has no loss
    found = real.any(axis=1)
    last = np.where(found, real.shape[1] - 1 - real[:, ::-1].argmax(axis=1), n_states - 1)
    first = np.where(found, real.argmax(axis=1), 0)

    def only(steps: Integers, outputs: Floats) -> tuple[Floats, Floats]:
        value, gradient = find(part, outputs)
        here = (np.arange(outputs.shape[1]) == steps[:, None])[:, :, None]
        return value, np.where(here, gradient, 0.0)

    scores = [partial(only, last), partial(only, first)][: len(spec.directions)]
    return scores, (last, n_states - 1 - first)


def _add_by_lag(norms: Floats, ends: Integers, sums: Doubles, counts: Integers) -> None:
    """Add the norms (B, T) of steps up to ``ends`` (B,), each at its distance from there."""
    lags = ends[:, None] - np.arange(norms.shape[1])
    real = lags >= 0
    sums += np.bincount(lags[real], norms[real], len(sums))
    counts += np.bincount(lags[real], minlength=len(counts))

"""How far back in time the gradient of a loss reaches: back-propagation through time, on a fitted network."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

import numpy as np

from skrnn._constraints import check_arguments, integers
from skrnn._types import Floats, Integers
from skrnn.inspection._inside import open_inside
from skrnn.inspection._words import InWords
from skrnn.networks import NetworkSpec
from skrnn.objectives import MiniBatch
from skrnn.training import Asked, LayerFlow, layer_flows

__all__ = ["GradientFlow", "LayerFlow", "check_output", "gradient_flow"]

_CHUNK_VALUES = {"compiled": 1 << 17, "torch": 1 << 21}  # of the states that are kept at a time, for speed


@dataclass(frozen=True, eq=False, repr=False)
class GradientFlow(InWords):
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
    def verdict(self) -> Literal["vanish", "explode", "hold", "none"]:
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
        if layer.verdict == "none":
            return (
                f"{where}: no gradient: the output does not depend on the states. Training has kept what the network "
                "started from; init=None shows the network by itself."
            )
        if layer.verdict == "explode":
            return f"{where}: gradients explode, by {rate}."
        if layer.verdict == "vanish":
            after = f"after {layer.memory_length} of {n_lags} {self.unit}"
            return f"{where}: gradients vanish, by {rate}: 1 % is left {after}."
        left = layer.norms[-1] / layer.norms.max()
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
        Or a fitted Pipeline, search or `WindowForecaster` around one, in which the network is looked at.
    X : array-like, data frame or list of arrays
        Sequences, as in `predict` of the estimator; for a forecaster a series, whose windows are looked at, in the
        units of the regressor (None: its history); for `RNNLanguageModel` texts.
    y : array-like or None, default=None
        Targets, as in `fit`: the gradient is that of the loss. None: that of one output of the network, but for
        estimators whose targets lie in X, forecasters among them, and for `RNNSeq2Seq`, which is asked for the loss of
        what it writes itself.
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
    opened, _ = open_inside(estimator, X, y)
    fitted = opened.fitted
    output = check_output("gradient_flow", output, fitted.spec)
    n_rows = max(1, _CHUNK_VALUES[opened.engine] // (opened.batch.max_length * fitted.spec.state_size))

    def parts() -> Iterator[tuple[MiniBatch, Integers | None]]:
        for _, part in opened.chunks(n_rows):
            yield part, opened.tokens(part)

    score = opened.loss if opened.has_targets else partial(_one_output, output)
    asked = Asked(score, opened.loss_is_of_steps, opened.has_targets)
    layers = layer_flows(fitted.spec, fitted.networks, parts, asked, opened.engine)
    of = "loss" if opened.has_targets else f"output {output}"
    return GradientFlow(layers, "steps" if fitted.spec.segment is None else "segments", of)


def check_output(caller: str, output: Any, spec: NetworkSpec, stride: int = 1) -> int:
    """The number of an output of the network, or of a target with so many outputs, or an error."""
    number: int = check_arguments(caller, {"output": [integers(0)]}, output=output)["output"]
    if number >= spec.output_size // stride:
        size = spec.output_size // stride
        raise ValueError(f"output={number} of {caller}: the network has {size} output(s), counted from 0.")
    return number


def _one_output(output: int, part: MiniBatch, outputs: Floats) -> tuple[Floats, Floats]:
    """One of the outputs, of every step if there are such."""
    gradient = np.zeros_like(outputs)
    gradient[..., output] = 1.0
    return outputs[..., output], gradient

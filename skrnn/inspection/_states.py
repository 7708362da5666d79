"""The hidden states of every layer, and how far its gates are open."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from skrnn._types import Array, Doubles
from skrnn.inspection._inside import open_inside
from skrnn.inspection._words import InWords
from skrnn.networks import recurrent_gates, recurrent_runs

__all__ = ["HiddenStates", "hidden_states"]

_CHUNK_VALUES = 1 << 20  # of states that are held at a time


@dataclass(frozen=True, eq=False, repr=False)
class HiddenStates(InWords):
    """The states of one layer in one direction.

    Attributes
    ----------
    layer : int
        From 0 on, the one nearest the inputs.
    direction : {"forward", "backward"}
    states : list of n_samples float64 arrays of shape (n_steps_i, hidden_size)
        After each step (segment), in the order of time, in the backward direction too.
    gates : dict of str to such lists
        From 0 (shut) to 1 (open): of the GRU "reset" and "update", of minGRU "update", of the LSTM "input", "forget"
        and "output". An update gate of the GRU that is open keeps the state, one of minGRU replaces it, as in their
        equations. Empty for other cells.
    unit : {"steps", "segments"}
        What a state stands for.
    """

    layer: int
    direction: Literal["forward", "backward"]
    states: list[Doubles]
    gates: dict[str, list[Doubles]]
    unit: Literal["steps", "segments"]

    def __str__(self) -> str:
        lengths = [len(row) for row in self.states]
        span = f"{min(lengths)}" if min(lengths) == max(lengths) else f"{min(lengths)} to {max(lengths)}"
        open_by = [f"{name} {np.concatenate(rows).mean():.2f}" for name, rows in self.gates.items()]
        gates = f"; gates, open on average by: {', '.join(open_by)}" if open_by else "; the cell has no gates"
        return (
            f"layer {self.layer}, {self.direction}: {self.states[0].shape[1]} states of {len(lengths)} sequence(s) "
            f"over {span} {self.unit}, of size {np.abs(np.concatenate(self.states)).mean():.2f} on average{gates}."
        )


def hidden_states(estimator: Any, X: Any) -> list[HiddenStates]:
    """The hidden states of every layer and direction, in double precision.

    Parameters
    ----------
    estimator : fitted estimator of skrnn
        With ``n_networks`` the states are those of the first network; of `RNNSeq2Seq` the encoder's. Or a fitted
        Pipeline, search or `WindowForecaster` around one.
    X : array-like, data frame or list of arrays
        Sequences, as in `predict` of the estimator; for a forecaster a series, whose windows are looked at, in the
        units of the regressor (None: its history).

    Returns
    -------
    layers : list of HiddenStates
        One for each layer and direction, the one nearest the inputs first.

    Raises
    ------
    sklearn.exceptions.NotFittedError
        Before `fit`.
    ValueError, TypeError
        If X is not usable.

    Examples
    --------
    >>> from skrnn import RNNRegressor
    >>> from skrnn.datasets import load_sine_wave
    >>> from skrnn.inspection import hidden_states
    >>> X, y = load_sine_wave(return_X_y=True)
    >>> model = RNNRegressor(max_iter=2, random_state=0).fit(X, y)
    >>> (layer,) = hidden_states(model, X[:5])
    >>> len(layer.states), layer.states[0].shape == (X.shape[1], 32), sorted(layer.gates)
    (5, True, ['reset', 'update'])
    """
    opened, _ = open_inside(estimator, X)
    spec, weights = opened.fitted.spec, opened.fitted.weights
    recurrences = [recurrence for layer in spec.layers() for recurrence in layer]
    unit: Literal["steps", "segments"] = "steps" if spec.segment is None else "segments"
    layers: list[HiddenStates] = []
    for i, recurrence in enumerate(recurrences):
        direction: Literal["forward", "backward"] = "backward" if recurrence.reverse else "forward"
        layers.append(HiddenStates(i // len(spec.directions), direction, [], {}, unit))
    n_rows = max(1, _CHUNK_VALUES // (8 * opened.batch.max_length * spec.state_size))
    for _, part in opened.chunks(n_rows):
        lengths = part.lengths
        if spec.segment is not None:
            lengths = spec.segment_steps(lengths, part.inputs.shape[1])[1]
        for i, (x, out) in enumerate(recurrent_runs(spec, weights, part.inputs, part.lengths)):
            layers[i].states.extend(_in_time(out, lengths, recurrences[i].reverse))
            for name, gate in recurrent_gates(spec, weights, recurrences[i], x, out).items():
                layers[i].gates.setdefault(name, []).extend(_in_time(gate, lengths, recurrences[i].reverse))
    return layers


def _in_time(values: Doubles, lengths: Array, reverse: bool) -> list[Doubles]:
    """The steps of each row, in the order of time."""
    rows = [np.array(row[:n]) for row, n in zip(values, lengths, strict=True)]
    return [row[::-1].copy() for row in rows] if reverse else rows

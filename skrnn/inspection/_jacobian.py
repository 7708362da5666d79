"""The eigenvalues of the recurrent Jacobian of the vanilla cell.

Pascanu, Mikolov & Bengio, "On the difficulty of training recurrent neural networks", ICML 2013, section 2.1.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from skrnn._types import Array, Doubles
from skrnn.inspection._inside import open_inside
from skrnn.inspection._words import InWords
from skrnn.networks import pinned_blas, recurrent_runs

__all__ = ["RecurrentJacobian", "recurrent_jacobian"]

_MOST_STATES = 256


@dataclass(frozen=True, eq=False, repr=False)
class RecurrentJacobian(InWords):
    """How one layer's state depends on the state before it: d h_t / d h_{t-1} = diag(f'(a_t)) W_hh.

    Attributes
    ----------
    layer : int
        From 0 on, the one nearest the inputs.
    direction : {"forward", "backward"}
    eigenvalues : complex128 array of shape (n_states, hidden_size)
        Of the Jacobian at each of some states, evenly taken from those that the sequences go through.
    singular_value : float
        The largest of W_hh. Below 1, gradients have to vanish, as |f'| is at most 1.
    """

    layer: int
    direction: Literal["forward", "backward"]
    eigenvalues: Array
    singular_value: float

    @property
    def spectral_radius(self) -> float:
        """The largest magnitude of an eigenvalue, the geometric mean over the states.

        Where it is below 1, gradients vanish in the long run; explode they can only where it is above.
        """
        largest = np.abs(self.eigenvalues).max(axis=1)
        return float(np.exp(np.log(largest).mean())) if (largest > 0).all() else 0.0

    def __str__(self) -> str:
        if self.singular_value < 1:
            what = "gradients have to vanish"
        elif self.spectral_radius < 1:
            what = "gradients vanish in the long run"
        else:
            what = "gradients can explode"
        return (
            f"layer {self.layer}, {self.direction}: {what}: the recurrent Jacobian has a spectral radius of "
            f"{self.spectral_radius:.3g} at {len(self.eigenvalues)} states, W_hh a singular value of "
            f"{self.singular_value:.3g}."
        )


def recurrent_jacobian(estimator: Any, X: Any) -> list[RecurrentJacobian]:
    """The eigenvalues of the recurrent Jacobian, at states that the sequences go through.

    Parameters
    ----------
    estimator : fitted estimator of skrnn with ``cell="rnn"``
        Or a fitted Pipeline, search or `WindowForecaster` around one.
    X : array-like, data frame or list of arrays
        Sequences, as in `predict` of the estimator; for a forecaster a series, whose windows are looked at, in the
        units of the regressor (None: its history).

    Returns
    -------
    jacobians : list of RecurrentJacobian
        One for each layer and direction of the (first) network, the one nearest the inputs first.

    Raises
    ------
    sklearn.exceptions.NotFittedError
        Before `fit`.
    ValueError, TypeError
        If X is not usable, or the cell has gates, through which its state has more ways than one.
    """
    opened, _ = open_inside(estimator, X)
    spec, weights = opened.fitted.spec, opened.fitted.weights
    if spec.cell != "rnn":
        raise ValueError(f"The recurrent Jacobian is that of cell='rnn', not of {spec.cell!r}: use gradient_flow.")
    recurrences = [recurrence for layer in spec.layers() for recurrence in layer]
    n_rows = -(-_MOST_STATES // opened.batch.max_length)
    few = np.unique(np.linspace(0, opened.batch.n_samples - 1, n_rows).astype(int))
    inputs, lengths = opened.fitted.scalings.inputs.gather(opened.batch.take(few), np.float64)
    n_states = lengths if spec.segment is None else spec.segment_steps(lengths, inputs.shape[1])[1]
    found = []
    for i, (_, out) in enumerate(recurrent_runs(spec, weights, inputs, lengths)):
        w = weights[f"rnn.weight_hh{recurrences[i].suffix}"].astype(np.float64)
        states = out[np.arange(out.shape[1]) < n_states[:, None]]
        states = states[np.unique(np.linspace(0, len(states) - 1, _MOST_STATES).astype(int))]
        with pinned_blas():  # threads that wait for each other take longer
            eigenvalues = np.linalg.eigvals(_slope(spec.nonlinearity, states)[:, :, None] * w)
            largest = float(np.linalg.svd(w, compute_uv=False)[0])
        direction: Literal["forward", "backward"] = "backward" if recurrences[i].reverse else "forward"
        found.append(RecurrentJacobian(i // len(spec.directions), direction, eigenvalues.astype(complex), largest))
    return found


def _slope(nonlinearity: str, states: Doubles) -> Doubles:
    """The derivative of the nonlinearity, by its value."""
    return 1.0 - states**2 if nonlinearity == "tanh" else (states > 0).astype(np.float64)

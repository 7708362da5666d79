"""A linear model of the newest steps, whose predictions a network starts from and corrects.

Ridge regression in closed form: Hoerl & Kennard, Technometrics 12(1), 1970. Its strength is the one with the smallest
leave-one-out error, which needs no second fit: Allen, "The relationship between variable selection and data
augmentation and a method for prediction", Technometrics 16(1), 1974.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from skrnn._plain import is_finite_array, is_size, require, require_fields
from skrnn._types import Doubles, Floats, Integers
from skrnn.sequences import InputScaling, SequenceBatch, batch_chunks

__all__ = ["Linear", "fit_linear", "newest_steps"]

_MOST_FEATURES = 1024  # inputs of the model: of long sequences the newest steps
_COPIES = 16  # of a chunk of features, that a fit makes at most
_STRENGTHS = np.logspace(-6, 4, 21)  # of the ridge, in units of the mean variance of a feature


@dataclass(frozen=True, eq=False)
class Linear:
    """``coef`` (n_steps * n_inputs, k) and ``intercept`` (k,), on what the network reads of the newest ``n_steps``.

    A shorter sequence has zeros in front, the mean of every input.
    """

    n_steps: int
    coef: Doubles
    intercept: Doubles

    def outputs(self, batch: SequenceBatch, scaling: InputScaling) -> Doubles:
        """Predictions (n_samples, k) in the units of the loss."""
        out = np.empty((batch.n_samples, len(self.intercept)))
        for rows, features in _features(batch, scaling, self.n_steps):
            out[rows] = self.of(features)
        return out

    def of(self, features: Doubles) -> Doubles:
        """Predictions (n, k) from features (n, n_steps * n_inputs), each row by itself."""
        return np.asarray(np.einsum("nd,dk->nk", features, self.coef) + self.intercept)

    def times(self, factor: float) -> Linear:
        """The model whose predictions are ``factor`` times as large."""
        return replace(self, coef=self.coef * factor, intercept=self.intercept * factor)

    def plain(self) -> dict[str, Any]:
        """As builtins and arrays."""
        return vars(self).copy()

    @classmethod
    def from_plain(cls, values: Any) -> Linear:
        """The checked model of a stored state."""
        require_fields(values, cls, "linear")
        good = is_size(values["n_steps"]) and is_finite_array(values["coef"], "f8", 2)
        good = good and is_finite_array(values["intercept"], "f8") and len(values["coef"]) % values["n_steps"] == 0
        require(good and values["coef"].shape[1] == len(values["intercept"]), "linear is no linear model")
        return cls(**values)


def fit_linear(
    batch: SequenceBatch, scaling: InputScaling, targets: Floats, gain: Floats | None, sample_weights: Doubles
) -> tuple[Linear, Doubles]:
    """The model of targets (n_samples, k), and what it says of each row without having seen it (n_samples, k).

    With a ``gain`` (n_samples, k) outputs count that many times in the units of the loss. Missing targets are NaN.
    """
    n_steps = max(1, min(int(batch.lengths.min()), _MOST_FEATURES // scaling.input_size))
    if gain is not None:
        parts = [
            _fit_known(batch, scaling, targets[:, [k]] / gain[:, [k]], sample_weights * gain[:, k] ** 2, n_steps)
            for k in range(targets.shape[1])
        ]
        coef = np.concatenate([part.coef for part, _ in parts], axis=1)
        intercept = np.concatenate([part.intercept for part, _ in parts])
        return Linear(n_steps, coef, intercept), np.concatenate([unseen for _, unseen in parts], axis=1)
    return _fit_known(batch, scaling, targets, sample_weights, n_steps)


def _fit_known(
    batch: SequenceBatch, scaling: InputScaling, targets: Floats, sample_weights: Doubles, n_steps: int
) -> tuple[Linear, Doubles]:
    """Targets that are missing in the same rows share a model of the others; in those rows it has seen nothing.

    If most rows have all targets, these rows make one model.
    """
    missing = np.isnan(targets)
    if not missing.any():
        return _fit(batch, scaling, targets, sample_weights, n_steps)
    complete = np.flatnonzero(~missing.any(axis=1))
    if 2 * len(complete) > len(missing):  # one model of them, where most rows have all targets
        model, unseen = _fit(batch.take(complete), scaling, targets[complete], sample_weights[complete], n_steps)
        left_out = model.outputs(batch, scaling)
        left_out[complete] = unseen
        return model, left_out
    n_features = n_steps * scaling.input_size
    whole = Linear(n_steps, np.zeros((n_features, targets.shape[1])), np.zeros(targets.shape[1]))
    left_out = np.zeros(targets.shape)
    patterns, which = np.unique(missing, axis=1, return_inverse=True)
    for number, pattern in enumerate(patterns.T):
        columns, rows = np.flatnonzero(which == number), np.flatnonzero(~pattern)
        if not len(rows):
            continue
        known = targets[np.ix_(rows, columns)]
        part, unseen = _fit(batch.take(rows), scaling, known, sample_weights[rows], n_steps)
        whole.coef[:, columns], whole.intercept[columns] = part.coef, part.intercept
        left_out[:, columns] = part.outputs(batch, scaling)
        left_out[np.ix_(rows, columns)] = unseen
    return whole, left_out


def _fit(
    batch: SequenceBatch, scaling: InputScaling, targets: Floats, sample_weights: Doubles, n_steps: int
) -> tuple[Linear, Doubles]:
    """The model of targets of which none is missing."""
    weights, y = sample_weights / sample_weights.sum(), targets.astype(np.float64)
    n_features = n_steps * scaling.input_size
    mean, y_mean = np.zeros(n_features), weights @ y
    for rows, features in _features(batch, scaling, n_steps):
        mean += weights[rows] @ features
    few = batch.n_samples < n_features
    rooted = np.empty((batch.n_samples, n_features) if few else (0, 0))
    gram, moment = np.zeros((0, 0) if few else (n_features, n_features)), np.zeros((n_features, y.shape[1]))
    for rows, features in _features(batch, scaling, n_steps):
        centred = features - mean
        weighted = centred * weights[rows, None]
        moment += weighted.T @ (y[rows] - y_mean)
        if few:
            rooted[rows] = centred * np.sqrt(weights[rows, None])
        else:
            gram += weighted.T @ centred
    spectrum, basis = _spectrum_of_rows(rooted) if few else np.linalg.eigh(gram)
    strengths = _STRENGTHS * max(float(spectrum.sum()) / n_features, np.finfo(float).tiny)
    spectrum, turned = np.maximum(spectrum, 0.0), basis.T @ moment

    def left_out(rows: Integers, z: Doubles, strength: float) -> Doubles:
        """What a ridge of this strength says of some rows, z (B, d) along the basis, without having seen each."""
        shrunk = z / (spectrum + strength)
        leverage = np.minimum(weights[rows] * ((shrunk * z).sum(axis=1) + 1.0), 1.0 - 1e-9)[:, None]
        return np.asarray(y[rows] - (y[rows] - y_mean - shrunk @ turned) / (1.0 - leverage))

    errors = np.zeros(len(strengths))
    for rows, features in _features(batch, scaling, n_steps):
        z = (features - mean) @ basis
        for number, strength in enumerate(strengths):
            errors[number] += weights[rows] @ ((left_out(rows, z, strength) - y[rows]) ** 2).sum(axis=1)
    best, unseen = int(np.argmin(errors)), np.empty_like(y)
    for rows, features in _features(batch, scaling, n_steps):
        unseen[rows] = left_out(rows, (features - mean) @ basis, strengths[best])
    coef = basis @ (turned / (spectrum + strengths[best])[:, None])
    return Linear(n_steps, coef, y_mean - mean @ coef), unseen


def _spectrum_of_rows(rows: Doubles) -> tuple[Doubles, Doubles]:
    """Eigenvalues of rows.T @ rows that are not zero, and their vectors (d, n), where n rows have more features."""
    _, singular, basis = np.linalg.svd(rows, full_matrices=False)
    return singular**2, basis.T


def _features(batch: SequenceBatch, scaling: InputScaling, n_steps: int) -> Iterator[tuple[Integers, Doubles]]:
    """Row numbers and the newest steps side by side (B, n_steps * n_inputs), chunk by chunk."""
    for rows in batch_chunks(batch, _COPIES * scaling.input_size):
        values, lengths = scaling.gather(batch.take(rows), np.float64)  # (B, T, F)
        yield rows, newest_steps(values, lengths, n_steps)


def newest_steps(values: Floats, lengths: Integers, n_steps: int) -> Doubles:
    """The newest steps of values (B, T, F) side by side, (B, n_steps * F), with zeros in front of shorter sequences."""
    steps = lengths[:, None] - n_steps + np.arange(n_steps)
    newest = np.take_along_axis(values, np.maximum(steps, 0)[:, :, None], axis=1).astype(np.float64, copy=False)
    newest[steps < 0] = 0.0
    return newest.reshape(len(values), -1)

"""Integrated gradients: what each value of a sequence adds to a prediction.

Sundararajan, Taly & Yan, "Axiomatic attribution for deep networks", ICML 2017, equation 1.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from skrnn._constraints import check_arguments, integers
from skrnn._types import Array, Doubles, Floats, Integers
from skrnn._warnings import warn_caller
from skrnn.estimators import Opened
from skrnn.inspection._gradient_flow import check_output
from skrnn.inspection._inside import open_inside
from skrnn.inspection._words import InWords, label_of
from skrnn.networks import NetworkSpec, input_gradients, run_network, without_embeddings
from skrnn.objectives import MiniBatch

__all__ = ["Attributions", "integrated_gradients"]

_COMPLETE = 0.01  # of the difference of the predictions
_CHUNK_VALUES = 1 << 20  # of states that are held at a time


@dataclass(frozen=True, eq=False, repr=False)
class Attributions(InWords):
    """What `integrated_gradients` finds. Printed, it says what adds most, and how complete the sums are.

    Attributes
    ----------
    values : list of n_samples float64 arrays of shape (n_timesteps_i, n_features)
        What each value adds to the prediction, oldest step first, padding left out.
    predictions, baselines : float64 arrays of shape (n_samples,)
        Of the sequences, and of sequences whose every value is the baseline's.
    unit : {"y", "output"}
        Of all numbers: that of y, or, where a prediction is not a multiple of an output (classes, a log link, several
        quantiles) and in the windows of a forecaster, that of the network's output, such as the score of a class.
    start : {"linear", "minirocket", "estimator"} or None
        What the network starts from.
    of_start : float64 array of shape (n_samples,)
        The part of the sum of a sequence's attributions that is the start's; the rest is the network's own.
    feature_names : list of str or None
        Those of a forecaster's windows.
    """

    values: list[Doubles]
    predictions: Doubles
    baselines: Doubles
    unit: str
    start: str | None
    of_start: Doubles
    feature_names: list[str] | None = None

    @property
    def gaps(self) -> Doubles:
        """By how much the sum of a sequence's attributions misses the difference of the predictions, relative to the
        largest such difference; (n_samples,).
        """
        differences = self.predictions - self.baselines
        sums = np.array([value.sum() for value in self.values])
        return np.abs(sums - differences) / max(float(np.abs(differences).max()), np.finfo(float).tiny)

    @property
    def largest_gap(self) -> float:
        """The largest of the gaps; below 0.01 the attributions are complete to 1 %."""
        return float(self.gaps.max())

    @property
    def mean_sizes(self) -> Doubles:
        """The mean over the sequences of the absolute attributions, (n_lags, n_features), the largest lag first."""
        longest = max(map(len, self.values))
        stacked = np.full((len(self.values), longest, self.values[0].shape[1]), np.nan)
        for i, one in enumerate(self.values):
            stacked[i, longest - len(one) :] = np.abs(one)
        return np.asarray(np.nanmean(stacked, axis=0))

    def __str__(self) -> str:
        sizes, unit = self.mean_sizes, "y" if self.unit == "y" else "the output"
        place, feature = np.unravel_index(sizes.argmax(), sizes.shape)
        said = (
            f"What each value adds to {len(self.values)} prediction(s), in units of {unit}: most "
            f"{label_of(int(feature), self.feature_names)} at lag {len(sizes) - 1 - place}, {sizes.max():.2g} in size "
            f"on average, of {sizes.sum():.2g} in all. The sums miss the differences of the predictions by "
            f"{self.largest_gap:.2%} at most."
        )
        if self.start is None:
            return said
        both = np.abs(self.of_start), np.abs(self.predictions - self.baselines - self.of_start)
        part = both[0].sum() / max(both[0].sum() + both[1].sum(), np.finfo(float).tiny)
        name = "an estimator of your own" if self.start == "estimator" else f"init={self.start!r}"
        return f"{said} Of what is added, {part:.0%} comes from the start, {name}, and the rest from the network."


def integrated_gradients(estimator: Any, X: Any, *, output: int | None = None, n_steps: int = 64) -> Attributions:
    """What each feature of each step adds to a prediction, compared with that for a sequence that says nothing.

    The baseline has the mean of each feature in the training (zero, without ``scaling``; the unknown category, of
    categories) at every step. Gradients are integrated on the straight line from there, by Gauss-Legendre quadrature,
    in double precision. What a linear start adds is attributed exactly. Through MiniRocket's features, the start of a
    classifier from 60 steps on, and an estimator of your own no gradient passes: what they add is attributed by Shapley
    values (Shapley, 1953; Castro, Gómez & Tejada, Computers & Operations Research 36(5), 2009), whose sums are
    complete, too, of a few orders in which the values take the places of the baseline's. Of an indicator of missing
    values, the share is that of its feature. With ``n_networks`` the attributions are those of the mean.

    Parameters
    ----------
    estimator : fitted estimator of skrnn
        With an answer per sequence, or per step: then that of the last step. Or a fitted Pipeline, search or
        `WindowForecaster` around one.
    X : array-like, data frame or list of arrays
        Sequences, as in `predict` of the estimator; for a forecaster a series, whose windows are looked at, in the
        units of the regressor (None: its history).
    output : int or None, default=None
        Which target (of a distribution its mean) or class, by its number. None: of classes the one with the highest
        score in each sequence, or else the first.
    n_steps : int, default=64
        Points of the quadrature; at least 1. More come closer to completeness (``gaps``).

    Returns
    -------
    attributions : Attributions
        Whose sum over a sequence is the difference of the two predictions. A `UserWarning` says if it misses it by more
        than 1 %.

    Raises
    ------
    sklearn.exceptions.NotFittedError
        Before `fit`.
    ValueError, TypeError
        If an argument is not usable, or the estimator writes tokens.

    Examples
    --------
    >>> from skrnn import RNNRegressor
    >>> from skrnn.datasets import load_sine_wave
    >>> from skrnn.inspection import integrated_gradients
    >>> X, y = load_sine_wave(return_X_y=True)
    >>> model = RNNRegressor(max_iter=2, random_state=0).fit(X, y)
    >>> found = integrated_gradients(model, X[:5])
    >>> len(found.values), found.largest_gap < 0.01
    (5, True)
    """
    n_steps = check_arguments("integrated_gradients", {"n_steps": [integers(1)]}, n_steps=n_steps)["n_steps"]
    opened, names = open_inside(estimator, X)
    spec = opened.fitted.spec
    if spec.readout in ("tokens", "decoder"):
        raise ValueError(
            f"integrated_gradients explains one number per sequence, and {opened.name} gives a sequence here. Use "
            "attention_weights or permutation_importance."
        )
    if output is not None:
        check_output("integrated_gradients", output, spec, opened.stride)
    n_rows = max(1, _CHUNK_VALUES // (8 * opened.batch.max_length * spec.state_size))
    values: list[Doubles] = []
    ends: list[list[Doubles]] = [[], [], []]
    for rows, part in opened.chunks(n_rows):
        found, *both = _of_part(opened, rows, part, output, n_steps)
        values += [value[:n] for value, n in zip(found, part.lengths, strict=True)]
        for end, one in zip(ends, both, strict=True):
            end.append(one)
    unit = "y" if opened.predicts_in_proportion and names is None else "output"
    predictions, baselines, of_start = map(np.concatenate, ends)
    attributions = Attributions(values, predictions, baselines, unit, opened.fitted.init, of_start, names)
    if attributions.largest_gap > _COMPLETE:
        warn_caller(
            f"The attributions miss the difference of the predictions by up to {attributions.largest_gap:.1%}. Raise "
            f"n_steps (now {n_steps}).",
            UserWarning,
        )
    return attributions


def _of_part(
    opened: Opened, rows: Integers, part: MiniBatch, output: int | None, n_steps: int
) -> tuple[Doubles, Doubles, Doubles, Doubles]:
    """Attributions (B, T, F), the predictions of some sequences, those of their baselines, and the start's part."""
    fitted, real = opened.fitted, np.arange(part.inputs.shape[1]) < part.lengths[:, None]
    spec, x = fitted.spec, np.asarray(part.inputs, np.float64)
    blank = np.zeros_like(x)
    networks = []
    for weights in fitted.networks:
        inner, start, end = spec, blank, x
        if spec.vocabulary:
            (inner, end), start = without_embeddings(spec, weights, x), without_embeddings(spec, weights, blank)[1]
        networks.append((inner, weights, start, end))
    at_end, at_start = opened.offsets(x, part.lengths), opened.offsets(blank, part.lengths)
    outputs = np.mean([_outputs(*one, part.lengths, 1.0) for one in networks], axis=0) + at_end
    if output is None:
        chosen = outputs.argmax(axis=1) if opened.task.known is not None else np.zeros(len(x), np.intp)
    else:
        chosen = np.full(len(x), output * opened.stride)
    pick = np.arange(len(x)), chosen
    points, shares = np.polynomial.legendre.leggauss(n_steps)
    found = np.zeros((*x.shape[:2], spec.input_size))
    for inner, weights, start, end in networks:
        if not weights["head.weight"].any():
            continue  # it adds nothing to its start
        total = np.zeros_like(end)
        for point, share in zip((points + 1) / 2, shares / 2, strict=True):
            score = partial(_chosen, chosen, part.lengths)
            total += share * input_gradients(inner, weights, start + point * (end - start), part.lengths, score)[1]
        found += _by_input(spec, total * (end - start)) / len(networks)
    of_start = opened.start_parts(x, part.lengths, chosen)
    found += of_start
    before = np.mean([_outputs(*one, part.lengths, 0.0) for one in networks], axis=0) + at_start
    found = np.where(real[:, :, None], found, 0.0)
    level, factor = opened.affine(rows, chosen)
    ends = level + factor * outputs[pick], level + factor * before[pick]
    return opened.by_feature(found) * factor[:, None, None], *ends, factor * of_start.sum(axis=(1, 2))


def _by_input(spec: NetworkSpec, parts: Doubles) -> Doubles:
    """What the recurrence reads (B, T, step_size) as inputs (B, T, F): that of an embedding is its category's."""
    if not spec.vocabulary:
        return parts
    n_numbers, n_tables = len(spec.numbers), len(spec.looked_up)
    found = np.empty((*parts.shape[:2], spec.input_size))
    found[:, :, spec.numbers] = parts[:, :, :n_numbers]
    found[:, :, spec.looked_up] = parts[:, :, n_numbers:].reshape(*parts.shape[:2], n_tables, -1).sum(axis=3)
    return found


def _outputs(spec: Any, weights: Any, start: Doubles, end: Doubles, lengths: Integers, point: float) -> Doubles:
    """Outputs (B, K), of the last step where there is one per step."""
    outputs = run_network(spec, weights, start + point * (end - start), lengths)[0]
    return _last(outputs, lengths)


def _last(outputs: Array, lengths: Integers) -> Array:
    return outputs if outputs.ndim == 2 else outputs[np.arange(len(outputs)), lengths - 1]


def _chosen(chosen: Integers, lengths: Integers, outputs: Floats) -> tuple[Floats, Floats]:
    """One output of each row, and its gradient."""
    gradient, rows = np.zeros_like(outputs), np.arange(len(outputs))
    if outputs.ndim == 3:
        gradient[rows, lengths - 1, chosen] = 1.0
    else:
        gradient[rows, chosen] = 1.0
    return _last(outputs, lengths)[rows, chosen], gradient

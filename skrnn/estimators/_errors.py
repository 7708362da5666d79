"""How far what a network says of the steps of its own inputs is from them, and what of it is usual."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np

from skrnn._plain import is_finite_array, require, require_fields
from skrnn._types import Array, Doubles, Flags, Integers
from skrnn.estimators._fitted import Fitted
from skrnn.networks import pinned_blas
from skrnn.sequences import SequenceBatch, is_ragged
from skrnn.tasks import WholeSequence

__all__ = [
    "StepErrors",
    "UsualErrors",
    "at_their_places",
    "by_sequence",
    "in_the_form_of",
    "means",
    "oldest_first",
    "step_errors",
]

_FLOOR = 1e-6  # of a variance of the errors, in units of the feature's variance; as reg_covar of GaussianMixture
_PRECISION = 1e-12  # of the largest variance: what is smaller may be rounding
_MOST_STEPS = 2**22  # from which the threshold of steps is read


class StepErrors(NamedTuple):
    """Errors of the steps of some sequences, one after the other, in the units in which the network computes.

    ``rows`` are the numbers of the sequences (b,), ``lengths`` (b,) their steps; ``values`` (N, K) are 0 where nothing
    is ``scored`` (N, K): what is missing, and a first step, which nothing foretells. Of several forecasts of a step the
    newest comes first.
    """

    rows: Integers
    lengths: Integers
    values: Doubles
    scored: Flags


def oldest_first(values: Doubles, lengths: Integers) -> Doubles:
    """What a decoder writes (B, T, F), the newest step first, in the order of X."""
    newest_first = np.maximum(np.asarray(lengths)[:, None] - 1 - np.arange(values.shape[1]), 0)
    return np.take_along_axis(values, newest_first[:, :, None], axis=1)


def step_errors(fitted: Fitted, batch: SequenceBatch, runs: Iterable[tuple[Doubles, Integers]]) -> Iterator[StepErrors]:
    """Errors of all sequences, chunk by chunk; ``runs``: outputs (B, T, K) of chunks of them, in their order."""
    scaling, begin = fitted.scalings.inputs, 0
    forecasts = not isinstance(fitted.task, WholeSequence)
    for outputs, _ in runs:
        rows = np.arange(begin, begin + len(outputs))
        begin += len(outputs)
        part = batch.take(rows)
        truth, lengths = scaling.gather(part, np.float64)
        real = np.arange(truth.shape[1]) < np.asarray(lengths)[:, None]
        truth = truth[:, :, : batch.n_features]
        scored = np.broadcast_to(real[:, :, None], truth.shape)
        scored = scored.copy() if batch.complete else scored & ~part.missing()
        told = outputs if forecasts else oldest_first(outputs, lengths)
        if forecasts:  # each step foretells the next ones
            n_ahead = outputs.shape[2] // batch.n_features
            truth, scored = np.tile(truth, n_ahead), np.tile(scored, n_ahead)
            told = told.copy()
            for ahead in range(1, n_ahead + 1):
                columns = slice((ahead - 1) * batch.n_features, ahead * batch.n_features)
                told[:, :, columns] = np.roll(told[:, :, columns], ahead, axis=1)
                scored[:, :ahead, columns] = False
        values = np.where(scored, told - truth, 0.0)
        yield StepErrors(rows, np.asarray(lengths), values[real], scored[real])


def at_their_places(steps: Array, batch: SequenceBatch) -> Array:
    """Values of all real steps as those of all steps of X, NaN in the padding."""
    out = np.full((int(np.asarray(batch.spans).sum()), steps.shape[1]), np.nan)
    out[batch.places()] = steps
    return out


def by_sequence(table: Array, batch: SequenceBatch) -> list[Array]:
    """The table of all steps of X, sequence by sequence."""
    return np.split(table, np.cumsum(batch.spans)[:-1])


def in_the_form_of(X: Any, batch: SequenceBatch, steps: Doubles) -> Any:
    """A value of each real step (N,) as an array (n_samples, n_timesteps), or as a list if X is one."""
    table = at_their_places(steps[:, None], batch)
    if is_ragged(X):
        return [part[:, 0] for part in by_sequence(table, batch)]
    return table.reshape(batch.n_samples, -1)


def means(sums: Doubles, counts: Integers) -> Doubles:
    """What so many values are on average; NaN of none."""
    return np.where(counts > 0, sums / np.maximum(counts, 1), np.nan)


@dataclass(frozen=True, eq=False)
class UsualErrors:
    """The Gaussian of the error vectors of time steps, and the lowest scores that are usual.

    A vector has the errors of all features, and of each of several forecasts that were made of the step: Malhotra, Vig,
    Shroff & Agarwal, "Long short term memory networks for anomaly detection in time series", ESANN 2015, section 2.2;
    for reconstructions Malhotra et al., "LSTM-based encoder-decoder for multi-sensor anomaly detection", 2016
    (arXiv:1607.00148), section 2.

    Attributes
    ----------
    mean : array of shape (n_errors,)
    covariance : array of shape (n_errors, n_errors)
    offset, step_offset : float
        Scores below are unusual, of a sequence and of a step.
    """

    mean: Doubles
    covariance: Doubles
    offset: float = 0.0
    step_offset: float = 0.0

    @classmethod
    def fit(cls, errors: Iterable[StepErrors], weights: Doubles, variances: Doubles) -> UsualErrors:
        """The Gaussian of the errors of sequences with ``weights`` (n_samples,).

        Of missing values the mean is taken; each covariance counts as often as its features are known. No direction
        varies less than a millionth of the ``variances`` (n_errors,) of the features. No product of BLAS, whose last
        bits depend on its threads.
        """
        n_features = len(variances)
        sums = np.zeros((3, n_features, n_features))
        for part in errors:
            of_steps = np.repeat(weights[part.rows], part.lengths)[:, None]
            known = part.scored.astype(np.float64)
            for total, left, right in zip(
                sums, (part.values, part.values, known), (part.values, known, known), strict=True
            ):
                total += np.einsum("nf,ng->fg", of_steps * left, right)
        squares, products, counts = sums
        known = np.maximum(np.diagonal(counts), np.finfo(float).tiny)
        mean = np.diagonal(products) / known
        spread = squares - products * mean - (products * mean).T + counts * np.outer(mean, mean)
        root = np.sqrt(known)
        units = np.sqrt(variances)
        covariance = spread / np.outer(root, root) / np.outer(units, units)
        with pinned_blas():
            values, vectors = np.linalg.eigh((covariance + covariance.T) / 2)
        least = max(_FLOOR, _PRECISION * values[-1])
        covariance = np.einsum("ik,k,jk->ij", vectors, np.maximum(values, least), vectors)
        covariance = (covariance + covariance.T) / 2 * np.outer(units, units)
        return cls(mean, covariance)

    def with_offsets(
        self, steps: Doubles, sequences: Doubles, lengths: Integers, weights: Doubles, contamination: float
    ) -> UsualErrors:
        """The same with the lowest usual scores of ``steps`` (N,) and ``sequences`` (n_samples,) in canonical order.

        Of very many steps those of the first sequences count, whose order is that of a hash.
        """
        n = max(1, int(np.searchsorted(np.cumsum(lengths), _MOST_STEPS, "right")))
        of_steps = np.repeat(weights[:n], lengths[:n])
        return replace(
            self,
            offset=lowest_usual(sequences, weights, contamination),
            step_offset=lowest_usual(steps[: len(of_steps)], of_steps, contamination),
        )

    def distances(self, values: Doubles, scored: Flags) -> Doubles:
        """Squared Mahalanobis distances (N,) of errors (N, F) as far as they are ``scored``; 0 of none.

        What is not scored is left out of the Gaussian, too: the rest of it is one again. Sums go feature by feature, so
        that the bits of a row do not depend on the rows beside it.
        """
        found = np.zeros(len(values))
        if scored.all():
            return self._squares(values, np.ones(len(self.mean), dtype=bool))
        patterns, which = np.unique(scored, axis=0, return_inverse=True)
        for number, pattern in enumerate(patterns):
            if not pattern.any():
                continue
            rows = np.flatnonzero(which.ravel() == number)
            found[rows] = self._squares(values[rows], pattern)
        return found

    def _squares(self, values: Doubles, pattern: Flags) -> Doubles:
        """Squared distances (N,) of errors (N, F) in the features of the ``pattern`` (F,)."""
        with pinned_blas():
            white = np.linalg.inv(np.linalg.cholesky(self.covariance[np.ix_(pattern, pattern)]))  # (K, K)
        left = values[:, pattern] - self.mean[pattern]
        found = np.zeros(len(values))
        with np.errstate(over="ignore", invalid="ignore"):
            for weights in white:
                total = np.zeros(len(values))
                for column, weight in enumerate(weights):
                    total += left[:, column] * weight
                found += total**2
        found[np.isnan(found)] = np.inf  # of values beyond double precision
        return found

    def plain(self) -> dict[str, Any]:
        """As builtins and arrays."""
        return dict(vars(self))

    @classmethod
    def from_plain(cls, values: Any, n_features: int) -> UsualErrors:
        """The checked value of a stored state."""
        require_fields(values, cls, "the usual errors")
        mean, covariance = values["mean"], values["covariance"]
        good = is_finite_array(mean, "f8") and mean.shape == (n_features,)
        require(good, f"the mean of the usual errors is not that of {n_features} feature(s)")
        good = is_finite_array(covariance, "f8", 2) and covariance.shape == (n_features, n_features)
        good = good and bool((covariance == covariance.T).all())
        require(good, "the covariance of the usual errors is not symmetric, or of another size")
        units = np.sqrt(np.maximum(np.diagonal(covariance), 0.0))  # those of the features may be far apart
        require(bool((units > 0).all()), "the covariance of the usual errors has a variance that is not above 0")
        with pinned_blas():
            lowest = np.linalg.eigvalsh(covariance / units / units[:, None])[0]
        require(lowest > 0, f"the correlation of the usual errors has the eigenvalue {lowest:g}")
        for name in ("offset", "step_offset"):
            good = type(values[name]) is float and not np.isnan(values[name]) and values[name] <= 0
            require(good, f"{name} of the usual errors is no score")
        return cls(**values)


def lowest_usual(scores: Doubles, weights: Doubles, contamination: float) -> float:
    """The score (at most 0) below which the part ``contamination`` of the weight lies; NaN does not count."""
    known = ~np.isnan(scores)
    if not known.any():
        raise ValueError(
            "No sequence has a value to judge by: with objective='forecast' one behind the first step, with "
            "pooling='last' one in its last step. Pass longer sequences, or set another pooling."
        )
    order = np.argsort(scores[known], kind="stable")
    ordered, reached = scores[known][order], np.cumsum(weights[known][order])
    n_below = int(np.searchsorted(reached, contamination * reached[-1] * (1 + 1e-12), "right"))
    return float(ordered[min(n_below, len(ordered) - 1)])

"""What a transformer that has learnt to write sequences down again says of others: the sequences, and its errors."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted

from skrnn._constraints import check_arguments
from skrnn._types import Doubles, Integers
from skrnn.estimators._answering import AnsweringRNN
from skrnn.estimators._errors import at_their_places, by_sequence, in_the_form_of, means, oldest_first, step_errors
from skrnn.sequences import SequenceBatch, is_ragged
from skrnn.tasks import WholeSequence

__all__ = ["ReconstructingRNN"]


def _reconstructs(estimator: Any) -> bool:
    return bool(estimator.objective == "reconstruct")


class ReconstructingRNN(AnsweringRNN):
    """An estimator whose network may have a decoder of whole sequences."""

    objective: str

    @available_if(_reconstructs)
    def reconstruct(self, X: Any) -> Any:
        """The sequences as the decoder writes them from the last state alone, with ``objective="reconstruct"``.

        Parameters
        ----------
        X : array-like, data frame or list of arrays
            Sequences, in a form that `fit` takes, with the same features.

        Returns
        -------
        sequences : array or list of arrays
            In the shape and the units of X; float32 if X is a float32 array, else float64. NaN where X has padding;
            missing values are filled in.

        Raises
        ------
        sklearn.exceptions.NotFittedError
            Before `fit`.
        ValueError, TypeError
            If X is not usable, or the objective of the fit was another.
        """
        batch, runs = self._decoded(X)
        level, spread = self._fitted.scalings.inputs.level_and_spread(batch)
        found: list[Doubles] = []
        for values, _ in runs:
            rows = slice(len(found), len(found) + len(values))
            lengths = np.asarray(batch.lengths[rows])
            raw = oldest_first(values, lengths) * spread[rows][:, None] + level[rows][:, None]
            found += [row[:n] for row, n in zip(raw, lengths, strict=True)]
        table = at_their_places(np.concatenate(found), batch)
        if is_ragged(X):
            parts = by_sequence(table, batch)
            return [part[:, 0] if np.ndim(item) == 1 else part for part, item in zip(parts, X, strict=True)]
        cube = table.reshape(batch.n_samples, -1, batch.n_features)
        cube = cube.astype(np.float32) if getattr(X, "dtype", None) == np.float32 else cube
        return cube.reshape(len(cube), -1) if self._fitted.columns.form == "flat" else cube

    @available_if(_reconstructs)
    def score_samples(self, X: Any, *, per_step: bool = False) -> Any:
        """How well the decoder writes each sequence: minus its mean squared error; the lower, the more unusual.

        Parameters
        ----------
        X : array-like, data frame or list of arrays
            Sequences, in a form that `fit` takes, with the same features.
        per_step : bool, default=False
            Whether to score each time step by itself.

        Returns
        -------
        scores : float64 array of shape (n_samples,)
            At most 0, in units of the variance of each feature in `fit` (with ``scaling=None``, of X squared); missing
            values do not count, and a sequence without any value is NaN. With ``per_step``, (n_samples, n_timesteps),
            or a list of (n_timesteps_i,) arrays if X is a list: NaN where X has padding, or no value.

        Raises
        ------
        sklearn.exceptions.NotFittedError
            Before `fit`.
        ValueError, TypeError
            If X is not usable, or the objective of the fit was another.
        """
        name = f"{type(self).__name__}.score_samples"
        by_step = check_arguments(name, {"per_step": ["boolean"]}, per_step=per_step)["per_step"]
        batch, runs = self._decoded(X)
        squares, counts, lengths = [], [], []
        for part in step_errors(self._fitted, batch, runs):
            squares.append((part.values**2).sum(axis=1))
            counts.append(part.scored.sum(axis=1))
            lengths.append(part.lengths)
        errors, known = np.concatenate(squares), np.concatenate(counts)
        if not by_step:
            ends = np.cumsum(np.concatenate(lengths))[:-1]
            sums = [np.array([part.sum() for part in np.split(values, ends)]) for values in (errors, known)]
            return -means(*sums)
        return in_the_form_of(X, batch, -means(errors, known))

    def _decoded(self, X: Any) -> tuple[SequenceBatch, Iterator[tuple[Doubles, Integers]]]:
        """X as sequences, and of each chunk what is written (B, T, F), newest step first, scaled, and the lengths."""
        check_is_fitted(self)
        if not isinstance(self._fitted.task, WholeSequence):
            raise ValueError(
                f"This {type(self).__name__} has learnt to {self._fitted.task.form}, and has no decoder of whole "
                "sequences. Fit with objective='reconstruct'."
            )
        fitted, batch = self._read(X)
        return batch, self._run(fitted, batch)

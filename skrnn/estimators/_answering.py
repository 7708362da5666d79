"""Estimators that answer for every sequence of an X."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from operator import attrgetter
from typing import Any, Literal

import numpy as np
from sklearn.utils.validation import check_is_fitted

from skrnn._types import Doubles, Integers
from skrnn.estimators._base import BaseRNN
from skrnn.estimators._fitted import Fitted
from skrnn.estimators._parameters import count_threads
from skrnn.networks import Want, resolve_device, resolve_engine
from skrnn.sequences import SequenceBatch, is_ragged, read_X
from skrnn.tasks import Context, RowTask
from skrnn.training import predict_outputs

__all__ = ["AnsweringRNN", "PooledRNN"]

_VALUES_AT_ONCE = 1 << 22  # of a list, which become one table


class AnsweringRNN(BaseRNN):
    """The way from X to answers: X is read as in `fit`, run through the network, and handed to the task."""

    features_per_step: int | Literal["all"]
    n_jobs: int | None
    device: str
    engine: str

    def _read(self, X: Any) -> tuple[Fitted, SequenceBatch]:
        """The fitted value, and X as it reads it."""
        check_is_fitted(self)
        fitted = self._fitted
        batch, _ = read_X(
            X,
            name=type(self).__name__,
            features_per_step=self.features_per_step,
            embeds=fitted.columns.embeds_all,
            characters=fitted.task.reads_characters,
            seen=fitted.columns,
        )
        return fitted, batch

    def _run(
        self,
        fitted: Fitted,
        batch: SequenceBatch,
        want: Want = "outputs",
        number: int = 0,
        n_threads: int | None = None,
    ) -> Iterator[tuple[Doubles, Integers]]:
        """What one of the networks makes of the sequences, chunk by chunk; ``n_threads``: not those of ``n_jobs``."""
        spec, weights, scaling = fitted.spec, fitted.networks[number], fitted.scalings.inputs
        device = resolve_device(self.device, spec)
        engine, threads = resolve_engine(self.engine, spec, device), n_threads or count_threads(self.n_jobs)
        return predict_outputs(
            spec, weights, scaling, batch, want=want, device=device, engine=engine, n_threads=threads
        )

    def _outputs_of_each(self, X: Any, beam_width: int = 1) -> tuple[Fitted, list[Doubles], Context]:
        """Outputs of each network, (n_samples, K), or (N, K) of all real steps if there is one per step; and what
        answers depend on.
        """
        fitted, batch = self._read(X)
        found = []
        for number in range(len(fitted.networks)):
            parts = [
                values[np.arange(values.shape[1]) < lengths[:, None]] if fitted.spec.readout == "steps" else values
                for values, lengths in self._run(fitted, batch, number=number)
            ]
            found.append(np.concatenate(parts))
        if fitted.linear is not None:
            linear = fitted.linear.outputs(batch, fitted.scalings.inputs)
            for outputs in found:
                outputs += fitted.task.offsets(linear, outputs.shape[1])
        return fitted, found, Context(fitted.scalings, batch, beam_width)

    def _outputs(self, X: Any, beam_width: int = 1) -> tuple[Fitted, Doubles, Context]:
        """The mean of the networks' outputs."""
        fitted, found, context = self._outputs_of_each(X, beam_width)
        return fitted, found[0] if len(found) == 1 else fitted.task.average(found), context

    def _answer(self, method: str, X: Any, beam_width: int = 1) -> Any:
        """What a method says of X, in the form of X; a long list of arrays is read in parts."""
        try:
            answers = [self._answer_at_once(method, part) for part in self._parts(X)]
        except (TypeError, ValueError):  # messages number the sequences from the first of X on
            answers = []
        return np.concatenate(answers) if answers else self._answer_at_once(method, X, beam_width)

    def _parts(self, X: Any) -> Iterator[list[Any]]:
        """Parts of a list of arrays, whose answers make those of the whole; none where it is read at once."""
        if type(X) is not list or set(map(type, X)) != {np.ndarray}:
            return
        check_is_fitted(self)
        fitted = self._fitted
        rounds = fitted.scalings.inputs.kind == "window"  # sums of rows as long as the longest one beside them
        if rounds or fitted.columns.categories or not isinstance(fitted.task, RowTask):
            return
        ends = np.cumsum(np.fromiter(map(attrgetter("size"), X), np.intp, len(X)))
        n_values = int(ends[-1])
        if n_values < 2 * _VALUES_AT_ONCE:
            return
        cuts = np.searchsorted(ends, np.arange(_VALUES_AT_ONCE, n_values, _VALUES_AT_ONCE), side="right")
        del ends
        for begin, end in pairwise(np.unique([0, *cuts, len(X)])):
            yield X[begin:end]

    def _answer_at_once(self, method: str, X: Any, beam_width: int = 1) -> Any:
        """What a method says of X, in the form of X."""
        fitted, outputs, context = self._outputs(X, beam_width)
        return self._arranged(X, fitted, fitted.task.answer(method, outputs, context), context)

    def _answer_and_spread(self, method: str, X: Any) -> tuple[Any, Any]:
        """What a method says of X, and the standard deviation of what each network says."""
        fitted, found, context = self._outputs_of_each(X)
        if len(found) < 2:
            raise ValueError(
                f"return_std=True needs networks that can disagree, and this {type(self).__name__} was fitted with "
                "n_networks=1. Fit with n_networks=5, or with a loss that learns a distribution, such as 'gaussian'."
            )
        mean = fitted.task.answer(method, np.mean(found, axis=0), context)
        spread = np.std([fitted.task.answer(method, outputs, context) for outputs in found], axis=0)
        return self._arranged(X, fitted, mean, context), self._arranged(X, fitted, spread, context)

    def _arranged(self, X: Any, fitted: Fitted, values: Any, context: Context) -> Any:
        """Answers in the form of X."""
        assert context.batch is not None
        as_list = is_ragged(X) or (isinstance(X, (list, tuple)) and fitted.columns.form == "steps")
        return fitted.task.arrange(values, context.batch, as_list)

    def _score(self, X: Any, y: Any, sample_weight: Any) -> float:
        """How good predictions are."""
        check_is_fitted(self)
        task, name = self._fitted.task, type(self).__name__
        if not task.by_step:
            return task.score(y, self.predict(X), None, sample_weight, name)
        _, outputs, context = self._outputs(X)
        return task.score(y, task.answer("predict", outputs, context), context.batch, sample_weight, name)


class PooledRNN(AnsweringRNN):
    """An estimator whose head reads pooled states."""

    def attention_weights(self, X: Any) -> list[Doubles]:
        """How much the prediction for each sequence looks at each of its time steps, with ``pooling="attention"``.

        Parameters
        ----------
        X : array-like, data frame or list of arrays
            Sequences, as in `predict`.

        Returns
        -------
        weights : list of n_samples float64 arrays of shape (n_timesteps_i,)
            Each sums to 1; with ``segment``, one weight per segment; with ``n_networks``, their mean.

        Raises
        ------
        sklearn.exceptions.NotFittedError
            Before `fit`.
        ValueError, TypeError
            If X is not usable, or the network has no attention.
        """
        fitted, batch = self._read(X)
        if "attention" not in fitted.spec.pooling:
            raise ValueError(
                f"This {type(self).__name__} has no attention. Fit with pooling='attention', or with 'attention' among "
                "several."
            )
        found = []
        for number in range(len(fitted.networks)):
            runs = self._run(fitted, batch, "attention", number)
            found.append([row[:n] for shares, lengths in runs for row, n in zip(shares, lengths, strict=True)])
        return [np.mean(rows, axis=0) for rows in zip(*found, strict=True)]

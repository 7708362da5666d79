"""Estimators that answer for every sequence of an X."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal

import numpy as np
from sklearn.utils.validation import check_is_fitted

from skrnn._types import Doubles, Integers
from skrnn.estimators._base import BaseRNN
from skrnn.estimators._fitted import Fitted
from skrnn.estimators._parameters import count_threads
from skrnn.networks import resolve_device, resolve_engine
from skrnn.sequences import SequenceBatch, is_ragged, read_X
from skrnn.tasks import Context
from skrnn.training import predict_outputs

__all__ = ["AnsweringRNN"]


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
            embeds=bool(fitted.columns.categories),
            characters=fitted.task.reads_characters,
            seen=fitted.columns,
        )
        return fitted, batch

    def _run(
        self, fitted: Fitted, batch: SequenceBatch, want: Literal["outputs", "last", "states"] = "outputs"
    ) -> Iterator[tuple[Doubles, Integers]]:
        """What the network makes of the sequences, chunk by chunk."""
        spec, weights, scaling = fitted.network
        device = resolve_device(self.device, spec)
        engine, threads = resolve_engine(self.engine, spec, device), count_threads(self.n_jobs)
        return predict_outputs(
            spec, weights, scaling, batch, want=want, device=device, engine=engine, n_threads=threads
        )

    def _outputs(self, X: Any, beam_width: int = 1) -> tuple[Fitted, Doubles, Context]:
        """Outputs (n_samples, K), or (N, K) of all real steps if there is one per step; and what answers depend on."""
        fitted, batch = self._read(X)
        parts = [
            values[np.arange(values.shape[1]) < lengths[:, None]] if fitted.spec.readout == "steps" else values
            for values, lengths in self._run(fitted, batch)
        ]
        outputs = np.concatenate(parts)
        if fitted.linear is not None:
            linear = fitted.linear.outputs(batch, fitted.scalings.inputs)
            outputs += fitted.task.offsets(linear, outputs.shape[1])
        return fitted, outputs, Context(fitted.scalings, batch, beam_width)

    def _answer(self, method: str, X: Any, beam_width: int = 1) -> Any:
        """What a method says of X, in the form of X."""
        fitted, outputs, context = self._outputs(X, beam_width)
        assert context.batch is not None
        values = fitted.task.answer(method, outputs, context)
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

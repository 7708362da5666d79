"""What the three estimators share: `fit`, written once, and the way from X to the network's outputs."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator
from sklearn.callback import CallbackSupportMixin, with_callbacks
from sklearn.utils._param_validation import InvalidParameterError
from sklearn.utils.validation import check_is_fitted

from skrnn.estimators._data import prepare
from skrnn.estimators._fitted import attributes, check_same_spec, make_spec, previous_result, remember, scalings
from skrnn.estimators._fitting import EpochObserver, all_or_nothing, private_generator
from skrnn.estimators._parameters import SHARED_CONSTRAINTS, check_combinations, n_threads, training_config
from skrnn.estimators._state import ArrayState, forget
from skrnn.estimators._steps import check_row_weights
from skrnn.estimators._stream import Stream
from skrnn.estimators._validation import check_X
from skrnn.networks import NetworkSpec, NetworkSummary, resolve_device, resolve_engine, summarize
from skrnn.objectives import Objective, TargetScaling
from skrnn.sequences import InputScaling, SequenceBatch
from skrnn.training import predict_outputs, train

__all__ = ["BaseRNN"]


class BaseRNN(ArrayState, CallbackSupportMixin, BaseEstimator, ABC):
    """A recurrent network behind scikit-learn's interface. Subclasses say what y is and what the outputs mean."""

    _parameter_constraints: dict[str, list[Any]] = SHARED_CONSTRAINTS
    _reads_characters = False  # whether a text in X is the sequence of its characters
    _carries_state = False  # from one chunk of a long sequence to the next, in training
    _stream_methods: tuple[str, ...] = ("predict",)

    @all_or_nothing
    @with_callbacks
    def fit(self, X: Any, y: Any = None, sample_weight: Any = None) -> Any:
        """Fit the network.

        Parameters
        ----------
        X : array-like, data frame or list of arrays
            Sequences: 3-D of shape (n_samples, n_timesteps, n_features); 2-D of shape (n_samples, n_timesteps), or
            (n_samples, n_timesteps * features_per_step); or a list of n_samples arrays of shape
            (n_timesteps_i, n_features) or (n_timesteps_i,). Oldest step first. Steps before the first or after the last
            real one that are NaN in every feature are padding, any other NaN is a missing value.
        y : array-like of shape (n_samples,) or (n_samples, n_targets), default=None
            Targets, one (row) per sequence. With ``return_sequences=True``, one (row) per time step: (n_samples,
            n_timesteps), (n_samples, n_timesteps, n_targets), or a list of such arrays; NaN or None: no target here.
        sample_weight : array-like of shape (n_samples,) or float, default=None
            Weights of the sequences, not negative. A weight of 2 is the row twice, a weight of 0 the row left out. With
            ``return_sequences=True`` also of the single time steps, in the form of y.

        Returns
        -------
        self : estimator
            Fitted. Every call starts afresh unless ``warm_start=True``.

        Raises
        ------
        ValueError, TypeError
            If X, y, sample_weight or a parameter is not usable; the message says where and what to do.
        skrnn.DivergenceError
            If the training loss is no longer finite. The estimator is then as it was before the call.
        """
        goes_on = self.warm_start and hasattr(self, "weights_")
        if not goes_on:
            forget(self)
        return self._fit(X, y, sample_weight, self.max_iter, goes_on)

    def _fit(self, X: Any, y: Any, sample_weight: Any, max_iter: int, goes_on: bool) -> Any:
        self._validate_params()
        check_combinations(self)
        context = self._init_callback_context(max_subtasks=max_iter)
        observer = EpochObserver(self, context, X, y, sample_weight)
        observer.fit_begins()
        start = previous_result(self) if goes_on else None
        rng = private_generator(self.random_state, len(start.loss_curve) if start else 0)

        batch = check_X(self, X, reset=not goes_on)
        targets = self._check_targets(y, batch, reset=not goes_on)
        by_step = getattr(self, "return_sequences", False)
        targets, weights = check_row_weights(sample_weight, batch, targets, by_step=by_step)
        data = prepare(self, batch, targets, weights, scalings(self) if goes_on else None)
        del batch, targets, weights  # with millions of windows, every array counts
        spec = make_spec(self, data)
        if goes_on:
            check_same_spec(self, spec)
            self._spec = vars(spec).copy()
        else:
            remember(self, data, spec)

        device = resolve_device(self.device, spec)
        carries = self._carries_state and self.bptt_steps is not None
        engine = resolve_engine(self.engine, spec, device, carries=carries)
        config = training_config(self, max_iter, device, engine, carries=carries)
        result = train(
            spec, data.objective, data.training, config, rng, validation=data.validation, start=start, observer=observer
        )
        vars(self).update(attributes(self, result))
        observer.fit_ends()
        return self

    @with_callbacks
    def _partial_fit(self, X: Any, y: Any, sample_weight: Any) -> Any:
        self._validate_params()
        if self.learning_rate_schedule is not None:
            raise InvalidParameterError(
                f"learning_rate_schedule={self.learning_rate_schedule!r} needs to know the end of the training, which "
                "partial_fit does not have. Use None, and set learning_rate between the calls."
            )
        return self._fit(X, y, sample_weight, 1, goes_on=hasattr(self, "weights_"))

    @abstractmethod
    def _check_targets(self, y: Any, batch: SequenceBatch, reset: bool) -> NDArray[np.float64] | SequenceBatch | None:
        """y as numbers (n_samples, n_targets), as sequences of them with a last column of weights, or None."""

    @abstractmethod
    def _make_objective(self, n_features: int) -> Objective:
        """The objective for the targets just checked."""

    def _fit_target_scaling(
        self, targets: Any, weights: NDArray[np.float64], inputs: InputScaling, batch: SequenceBatch
    ) -> TargetScaling | None:
        """The scaling of regression targets (n_samples, n_targets); None: targets that are not scaled, as classes."""
        return None

    def _class_weights(self, targets: Any, weights: NDArray[np.float64]) -> NDArray[np.float64] | None:
        """A factor on the weight of each row; None: 1."""
        return None

    def _run(
        self, X: Any, want: Literal["outputs", "last", "states"] = "outputs"
    ) -> tuple[SequenceBatch, Iterator[tuple[NDArray[np.float64], NDArray[np.intp]]]]:
        """Validated X, and what the network makes of it, chunk by chunk."""
        check_is_fitted(self)
        batch = check_X(self, X, reset=False)
        spec, inputs = NetworkSpec(**self._spec), scalings(self)[0]
        device = resolve_device(self.device, spec)
        options = {"device": device, "engine": resolve_engine(self.engine, spec, device), "n_threads": n_threads(self)}
        return batch, predict_outputs(spec, self.weights_, inputs, batch, want=want, **options)

    def stream(self, method: str | None = None) -> Stream:
        """Follow a series step by step: what the network would predict for the steps so far, after each of them.

        Parameters
        ----------
        method : {"predict", "predict_proba", "transform"}, default=None
            What a step returns, among the methods of the estimator; None: `predict`, or `transform` of a transformer.

        Returns
        -------
        stream : Stream
            ``stream.step(x)`` takes the next step and returns the prediction (the features, for a transformer), in
            constant time and memory; ``stream.state`` can be kept and restored. It starts before the first step.

        Raises
        ------
        sklearn.exceptions.NotFittedError
            Before `fit`.
        ValueError
            If the network needs to see later steps: bidirectional, with segments, or scaled by the whole sequence.
        """
        check_is_fitted(self)
        return Stream(self, method)

    @property
    def n_parameters_(self) -> int:
        """How many numbers were trained."""
        check_is_fitted(self)
        return sum(value.size for value in self.weights_.values())

    @property
    def network_(self) -> Any:
        """The fitted network as a new `torch.nn.Module`, in evaluation mode; its `rnn` is torch's own module."""
        check_is_fitted(self)
        from skrnn.networks import SequenceModule

        return SequenceModule(NetworkSpec(**self._spec), self.weights_).eval()

    def summary(self) -> NetworkSummary:
        """The fitted network's layers, the shapes of their outputs and weights, and their parameter counts.

        Returns
        -------
        summary : NetworkSummary
            Prints as a table; ``summary.layers`` has a tuple per layer.

        Raises
        ------
        sklearn.exceptions.NotFittedError
            Before `fit`: the sizes depend on the data.
        """
        check_is_fitted(self)
        return summarize(NetworkSpec(**self._spec))

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "weights_")

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = True
        tags.input_tags.allow_nan = True
        tags.input_tags.categorical = self.embedding_dim is not None
        return tags

"""What all estimators share: `fit`, written once, and the way from X to the network's outputs."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import replace
from functools import lru_cache, partial
from typing import Any, ClassVar, Self

import numpy as np
from sklearn.base import BaseEstimator, clone
from sklearn.callback import CallbackSupportMixin, with_callbacks
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils._param_validation import InvalidParameterError
from sklearn.utils.validation import check_is_fitted

from skrnn._atomic import all_or_nothing
from skrnn._types import Array, Integers
from skrnn._warnings import warn_caller
from skrnn.estimators._advice import advice_on
from skrnn.estimators._architecture import make_spec
from skrnn.estimators._auto import settled, start_settled
from skrnn.estimators._callbacks import EpochObserver
from skrnn.estimators._fitted import Fitted, FromFit, Weights, of_fit
from skrnn.estimators._given_weights import fresh_start, held_weights
from skrnn.estimators._isolation import private_generators
from skrnn.estimators._linear_start import first_bias, started
from skrnn.estimators._parameters import SHARED_CONSTRAINTS, Parameters
from skrnn.estimators._pickling import NetworkState
from skrnn.estimators._reading import HeldOut, read_data
from skrnn.estimators._stream import Stream
from skrnn.estimators._training_data import FitData, naming_columns, prepare
from skrnn.networks import NetworkSpec, NetworkSummary, resolve_device, resolve_engine, summarize
from skrnn.tasks import Unread
from skrnn.training import TrainingResult, train, train_and_refit, train_several

__all__ = ["BaseRNN"]


class BaseRNN(NetworkState, CallbackSupportMixin, BaseEstimator, ABC):
    """A recurrent network behind scikit-learn's interface. A subclass says in `_task` what y is."""

    _parameter_constraints: ClassVar[dict[str, Any]] = SHARED_CONSTRAINTS
    _fitted: Fitted
    _validated: tuple[Self, Integers] | None

    weights_ = Weights()
    loss_curve_ = FromFit(lambda fitted: fitted.loss_curve)
    validation_loss_curve_ = FromFit(lambda fitted: fitted.validation_loss_curve, optional=True)
    gradient_norm_curve_ = FromFit(lambda fitted: fitted.norm_curve or None)
    clipped_fraction_ = FromFit(lambda fitted: float(np.mean(fitted.clipped_curve)) if fitted.clipped_curve else None)
    loss_ = FromFit(lambda fitted: fitted.loss_curve[-1])
    best_loss_ = FromFit(lambda fitted: fitted.best_loss)
    best_iter_ = FromFit(lambda fitted: fitted.best_iter)
    n_iter_ = FromFit(lambda fitted: len(fitted.loss_curve))
    n_outputs_ = FromFit(lambda fitted: fitted.n_outputs)
    n_parameters_ = FromFit(lambda fitted: sum(value.size for one in fitted.networks for value in one.values()))
    n_features_in_ = FromFit(lambda fitted: fitted.columns.n_features)
    feature_names_in_ = FromFit(lambda fitted: fitted.columns.names)
    categories_ = FromFit(lambda fitted: fitted.columns.categories or None)

    @abstractmethod
    def _task(self) -> Unread:
        """What the parameters say of y."""

    def _parameters(self) -> Parameters:
        """What a fit reads of the parameters."""
        return Parameters.of(self)

    @all_or_nothing
    @with_callbacks
    def fit(
        self,
        X: Any,
        y: Any = None,
        sample_weight: Any = None,
        *,
        X_val: Any = None,
        y_val: Any = None,
        sample_weight_val: Any = None,
    ) -> Self:
        """Fit the network.

        Parameters
        ----------
        X : array-like, data frame or list of arrays
            Sequences: 3-D of shape (n_samples, n_timesteps, n_features); 2-D of shape (n_samples, n_timesteps), or
            (n_samples, n_timesteps * features_per_step); or a list of n_samples arrays of shape
            (n_timesteps_i, n_features) or (n_timesteps_i,). Oldest step first. Steps before the first or after the last
            real one that are NaN in every feature are padding, any other NaN is a missing value.
        y : array-like of shape (n_samples,) or (n_samples, n_targets), default=None
            Targets, one (row) per sequence; NaN where one of several targets is missing. With
            ``return_sequences=True``, one (row) per time step: (n_samples, n_timesteps), (n_samples, n_timesteps,
            n_targets), or a list of such arrays; NaN or None: no target here.
        sample_weight : array-like of shape (n_samples,) or float, default=None
            Weights of the sequences, not negative. A weight of 2 is the row twice, a weight of 0 the row left out. With
            ``return_sequences=True`` also of the single time steps, in the form of y.
        X_val, y_val, sample_weight_val : default=None
            Sequences to validate on, in the form of X, y and sample_weight, in the place of the
            ``validation_fraction``. Nothing is learnt from them but when to stop and which epoch is best.

        Returns
        -------
        self : estimator
            Fitted. Every call starts afresh unless ``warm_start=True``.

        Raises
        ------
        ValueError, TypeError
            If the data or a parameter are not usable; the message says where and what to do.
        skrnn.DivergenceError
            If the training loss is no longer finite. The estimator is then as it was before the call.
        """
        self._validate_params()
        before = self._fitted if self.warm_start and self.__sklearn_is_fitted__() else None
        held_out = HeldOut(X_val, y_val, sample_weight_val)
        return self._fit(self._task(), X, y, sample_weight, self._parameters(), before, held_out)

    def _fit(
        self,
        unread: Unread,
        X: Any,
        y: Any,
        sample_weight: Any,
        parameters: Parameters,
        before: Fitted | None,
        held_out: HeldOut,
    ) -> Self:
        """Train, from an earlier fit on or afresh."""
        name = type(self).__name__
        parameters.check(name)
        held_out.check(parameters)
        context = self._init_callback_context(max_subtasks=parameters.max_iter)
        observer = EpochObserver(self, context, X, y, sample_weight)
        observer.fit_begins()
        n_epochs = 0 if before is None else len(before.loss_curve)
        rngs = private_generators(self.random_state, n_epochs, parameters.n_networks)

        task, batch, columns, targets = read_data(unread, X, y, sample_weight, parameters, before, name)
        parameters = start_settled(parameters, task, columns, batch, targets.sample_weights, before)
        scalings = None if before is None else before.scalings
        apart = held_out.reader(task, parameters, name)
        prepared = partial(prepare, task, batch, columns, targets, scalings, name=name, read_apart=apart)
        with naming_columns(batch, columns, y):
            data = prepared(parameters)
        again = prepared if before is None and parameters.init == "ngrams" and self.init == "auto" else None
        del batch, targets, prepared  # with millions of windows, every array counts
        data, parameters = started(data, task, parameters, before, again)
        parameters = settled(parameters, task, data, before)
        few = np.arange(min(len(data.training.weights), int(parameters.batch_size)))
        task.check_loss(lambda: data.training.mini_batch(few))
        spec = make_spec(parameters, data, name, before)
        if before is not None:
            before.check_same(spec, parameters, name)

        device = resolve_device(parameters.device, spec)
        carries = task.carries_state and parameters.bptt_steps is not None
        engine = resolve_engine(parameters.engine, spec, device, training=True)
        silent = before is None and data.linear is not None
        if before is None:
            bias = first_bias(data) if silent else None
            starts = [fresh_start(spec, parameters, rng, name, bias) for rng in rngs]
        else:
            starts = [*before.trainings(parameters.optimizer)]
        held = held_weights(spec, parameters.freeze, name, silent=silent)
        config = parameters.config(device, engine, carries=carries, held=held)
        fitted = partial(Fitted.of, spec, task, parameters.optimizer)
        observer.fitted = lambda result: {"_fitted": fitted(data, [result])}
        results = train_several(_trained(data, spec), config, rngs, starts, observer)
        advice = advice_on(spec, task, data, parameters, results[0], engine, name)
        if advice:
            warn_caller(advice, ConvergenceWarning)
        self._fitted = fitted(data, results)
        if "_validated" in vars(self) and data.held_out is not None:
            seen, validated = [replace(one, weights=one.weights_validated) for one in results], clone(self)
            validated._fitted = fitted(replace(data, linear=data.linear_validated), seen)
            self._validated = validated, np.flatnonzero(data.held_out)
        observer.fit_ends()
        return self

    def _fit_validated(self, X: Any, y: Any, **weights: Any) -> tuple[Self, tuple[Self, Integers] | None]:
        """As `fit`, and beside it the network that the validation part was asked about, which has learnt nothing from
        that part, and the rows of X that this is; None without one.
        """
        self._validated = None
        try:
            return self.fit(X, y, **weights), self._validated
        finally:
            del self._validated

    @with_callbacks
    def _partial_fit(self, X: Any, y: Any, sample_weight: Any, known: Array | None = None) -> Self:
        """One more epoch; ``known``: all classes that will ever come."""
        self._validate_params()
        if self.learning_rate_schedule not in (None, "auto"):
            raise InvalidParameterError(
                f"learning_rate_schedule={self.learning_rate_schedule!r} needs to know the end of the training, which "
                "partial_fit does not have. Use None, and set learning_rate between the calls."
            )
        unread = self._task().knowing(known)
        before = self._fitted if self.__sklearn_is_fitted__() else None
        parameters = self._parameters().for_partial_fit(None if before is None else before.init)
        return self._fit(unread, X, y, sample_weight, parameters, before, HeldOut())

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
            If the network needs to see later steps: bidirectional, with segments, or scaled by the whole sequence; or
            if the estimator has no answer after a single step.
        """
        check_is_fitted(self)
        return Stream(self._fitted, method, self._fitted.task.streams, type(self).__name__)

    @property
    def network_(self) -> Any:
        """The fitted network as a new `torch.nn.Module`, in evaluation mode; its `rnn` is torch's, if torch has one."""
        check_is_fitted(self)
        from skrnn.networks import SequenceModule

        return SequenceModule(self._fitted.spec, self._fitted.weights).eval()

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
        return summarize(self._fitted.spec)

    @classmethod
    def _get_param_names(cls) -> list[str]:
        """Their names, for which scikit-learn reads the signature of ``__init__`` each time."""
        return [*_names_of_parameters(cls)]

    def __dir__(self) -> list[str]:
        """Without the attributes that this fit did not leave."""
        absent = {name for name, value in of_fit(type(self)) if not value.is_there(self)}
        return [name for name in super().__dir__() if name not in absent]

    def __sklearn_is_fitted__(self) -> bool:
        return "_fitted" in vars(self)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = True
        tags.input_tags.allow_nan = True
        beside = getattr(self, "categorical_features", None)
        embeds = self.embedding_dim is not None or beside is not None
        tags.input_tags.categorical = tags.input_tags.string = embeds
        return tags


@lru_cache
def _names_of_parameters(cls: type[BaseRNN]) -> tuple[str, ...]:
    return tuple(super(BaseRNN, cls)._get_param_names())  # type: ignore[misc]  # scikit-learn has no types


def _trained(data: FitData, spec: NetworkSpec) -> Callable[..., TrainingResult]:
    """What trains a network on the data: once, or a second time on all of them."""
    verb = train if data.whole is None else partial(train_and_refit, whole=data.whole)
    return partial(verb, spec, data.objective, data.training, validation=data.validation)

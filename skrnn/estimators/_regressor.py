"""Sequences to numbers."""

from __future__ import annotations

from numbers import Integral, Real
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from sklearn.base import RegressorMixin
from sklearn.metrics import d2_pinball_score, r2_score
from sklearn.utils._param_validation import InvalidParameterError
from sklearn.utils.validation import check_is_fitted

from skrnn import objectives
from skrnn.estimators._base import BaseRNN
from skrnn.estimators._fitted import scalings
from skrnn.estimators._fitting import all_or_nothing
from skrnn.estimators._parameters import SHARED_CONSTRAINTS, Options
from skrnn.estimators._steps import (
    all_outputs,
    flat_numbers,
    flat_weights,
    require_some_target,
    steps_as_given,
    targets_of_steps,
)
from skrnn.estimators._validation import check_numbers
from skrnn.objectives import Objective, TargetScaling
from skrnn.sequences import InputScaling, SequenceBatch

__all__ = ["RNNRegressor"]

_LOSSES = {
    "squared_error": objectives.SquaredError,
    "absolute_error": objectives.AbsoluteError,
    "huber": objectives.HuberLoss,
    "poisson": objectives.PoissonDeviance,
}


class RNNRegressor(RegressorMixin, BaseRNN):
    """Regression on sequences: one target, or one vector of targets, per sequence or per time step.

    Parameters
    ----------
    cell : {"rnn", "gru", "lstm"} or callable, default="gru"
        The recurrent cell: vanilla (Elman), gated recurrent unit, long short-term memory. A callable
        ``cell(input_size, hidden_size)`` returns a `torch.nn.Module` that maps ``(x, state)`` to ``(out, state)``,
        batch first, with ``state=None`` at the first step.
    hidden_size : int, default=32
        Features of the hidden state, per layer and direction; at least 1. More can express more, cost time with their
        square, and overfit small data.
    num_layers : int, default=1
        Recurrent layers, each reading the states of the one below; 1 to 1024.
    nonlinearity : {"tanh", "relu"}, default="tanh"
        Of the "rnn" cell only.
    bidirectional : bool, default=False
        Whether to read each sequence backwards too. The features of both directions are concatenated.
    dropout : float, default=0.0
        Probability, in [0, 1), that an output of a layer is set to zero in training.
    embedding_dim : int, default=None
        X holds categories, integers or strings, and each becomes so many trained numbers; features of a step have
        tables of their own. Categories that `fit` did not see, and missing ones, share one row, which is trained too:
        rare ones are sometimes read as unknown. None: X holds numbers.
    features_per_step : int or "all", default=1
        How a row of a 2-D X folds into time steps: so many columns are one step; "all": the whole row is one step.
        Other forms of X have their own features and do not use it.
    segment : int, default=None
        Steps that are projected into one vector in front of the recurrence, which then makes one step per segment. Long
        sequences get faster and remember further. None: no projection.
    segment_stride : int, default=None
        Steps from one segment to the next; None: ``segment``, without overlap. The newest segment ends at the last
        step.
    return_sequences : bool, default=False
        Whether there is one target, and one prediction, per time step instead of per sequence.
    scaling : {"standard", "window", "last"} or None, default="standard"
        "standard": each input feature and each target has mean 0 and standard deviation 1 over the training set. "last"
        also takes the last value of each sequence off it, "window" its mean and, by division, its standard
        deviation; both are undone in the prediction, whose targets must then be the futures of a feature (see
        ``target_feature``): for series whose
        level drifts. None: the data as they are.
    target_feature : int, list of int or None, default=None
        With ``scaling="last"`` or ``"window"``: the feature whose future each target is. A list is taken in turn: with
        [0, 2] the targets are features 0 and 2 one step ahead, features 0 and 2 two steps ahead, …. None: the only one.
    loss : {"squared_error", "absolute_error", "huber", "poisson", "quantile"}, default="squared_error"
        What is minimised, as a mean over the targets, in units of the scaled target. "huber" turns linear at 1.35
        standard deviations; "poisson" is half the Poisson deviance with a log link, for y >= 0.
    quantile : float or list of float, default=0.5
        Level, or levels, in (0, 1) of ``loss="quantile"``. Predictions of several levels do not cross.
    optimizer : {"adam", "adamw", "sgd", "rmsprop"}, default="adam"
        "adam" (Kingma & Ba, 2015); "adamw", the same since weight decay is always decoupled here; "sgd" with Nesterov's
        momentum of 0.9; "rmsprop".
    learning_rate : float, default=0.01
        Step size; above 0. Smaller is slower and steadier.
    learning_rate_schedule : {"cosine", "one_cycle", "plateau"} or None, default=None
        "cosine": down to 0 over ``max_iter`` epochs; "one_cycle": up for the first 30 %, then down; "plateau": halved
        after ``n_iter_no_change // 2`` epochs without improvement. None: constant.
    weight_decay : float, default=0.0
        Each update multiplies the weights by ``1 - learning_rate * weight_decay``; at least 0.
    max_grad_norm : float or None, default=1.0
        The gradient of a mini-batch is scaled down to this 2-norm if it is longer (Pascanu, Mikolov & Bengio, ICML
        2013). None: no bound.
    bptt_steps : int, default=None
        Truncated back-propagation through time: gradients cross no boundary between blocks of so many steps (segments),
        counted from the end of the longest sequence of a mini-batch. None: through the whole sequence.
    batch_size : int, default=32
        Sequences per update; at least 1. More are faster per epoch and need more epochs.
    max_iter : int, default=100
        Epochs at most; at least 1.
    shuffle : bool, default=True
        Whether each epoch takes the sequences in a new order. The time steps of a sequence always keep theirs.
    early_stopping : bool, default=False
        Whether to hold out the last ``validation_fraction`` of the rows, stop when their loss no longer improves, and
        restore the weights of the best epoch. Without it the training loss decides when to stop, and the last
        weights stay.
    validation_fraction : float, default=0.1
        In (0, 1); only used with ``early_stopping``.
    n_iter_no_change : int, default=10
        Epochs without an improvement of at least ``tol`` after which training stops.
    tol : float, default=1e-4
        Improvement of the loss (in units of the scaled target) that counts; at least 0.
    warm_start : bool, default=False
        Whether `fit` goes on from the last fit's weights, optimizer state and scaling.
    random_state : int, RandomState instance or None, default=None
        Initial weights, shuffles and dropout. The same int, data and versions give the same bits on a machine.
    verbose : int, default=0
        1 prints the loss of each epoch.
    n_jobs : int or None, default=None
        CPU threads inside one fit or prediction; -1: all. None is 1, which is fastest for small nets.
    device : str, default="auto"
        A torch device such as "cpu" or "cuda:0". "auto" is the CPU unless the net is large (512 units or more) and an
        accelerator is there.
    engine : {"auto", "compiled", "torch"}, default="auto"
        What computes. "compiled": kernels for the CPU, several times faster on small networks; "torch": autograd, for
        every cell and device; "auto": the kernels wherever they serve. Results agree to the rounding of float32.

    Attributes
    ----------
    weights_ : dict of str to ndarray
        Trained weights, float32, under torch's names: ``rnn.weight_ih_l0``, …, ``head.bias``.
    network_ : torch.nn.Module
        The network in torch, built from ``weights_`` when asked for. It reads scaled inputs and returns scaled outputs,
        where `predict` takes and gives the user's units.
    n_parameters_ : int
        How many numbers were trained.
    n_iter_ : int
        Epochs trained.
    loss_, best_loss_ : float
        Loss of the last epoch; lowest loss (on the validation part, if there is one).
    loss_curve_ : list of float
        Mean training loss of each epoch.
    validation_loss_curve_ : list of float or None
        Loss on the validation part after each epoch; None without ``early_stopping``.
    n_outputs_ : int
        Targets per sequence (per time step, with ``return_sequences``).
    categories_ : list of ndarray
        Of each feature, sorted; only with ``embedding_dim``.
    n_features_in_ : int
        Columns of a 2-D X; features per time step of any other X.
    feature_names_in_ : ndarray of str
        Names of the columns, if X was a data frame or a list of data frames with string columns.

    See Also
    --------
    RNNClassifier : Sequences to classes.
    RNNSequenceTransformer : Sequences to features.

    Examples
    --------
    >>> from skrnn import RNNRegressor
    >>> from skrnn.datasets import load_sine_wave
    >>> X, y = load_sine_wave(return_X_y=True)  # 490 windows of 10 steps, and the value that follows
    >>> model = RNNRegressor(cell="rnn", max_iter=20, random_state=0).fit(X[:390], y[:390])
    >>> bool(model.score(X[390:], y[390:]) > 0.99)
    True
    """

    _parameter_constraints: ClassVar[dict[str, Any]] = {
        **SHARED_CONSTRAINTS,
        "return_sequences": ["boolean"],
        "target_feature": [Integral, "array-like", None],
        "loss": [Options({*_LOSSES, "quantile"})],
        "quantile": [Real, "array-like"],
    }

    def __init__(
        self,
        *,
        cell: Any = "gru",
        hidden_size: int = 32,
        num_layers: int = 1,
        nonlinearity: str = "tanh",
        bidirectional: bool = False,
        dropout: float = 0.0,
        embedding_dim: int | None = None,
        features_per_step: int | Literal["all"] = 1,
        segment: int | None = None,
        segment_stride: int | None = None,
        return_sequences: bool = False,
        scaling: str | None = "standard",
        target_feature: Any = None,
        loss: str = "squared_error",
        quantile: Any = 0.5,
        optimizer: str = "adam",
        learning_rate: float = 1e-2,
        learning_rate_schedule: str | None = None,
        weight_decay: float = 0.0,
        max_grad_norm: float | None = 1.0,
        bptt_steps: int | None = None,
        batch_size: int = 32,
        max_iter: int = 100,
        shuffle: bool = True,
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        n_iter_no_change: int = 10,
        tol: float = 1e-4,
        warm_start: bool = False,
        random_state: Any = None,
        verbose: int = 0,
        n_jobs: int | None = None,
        device: str = "auto",
        engine: str = "auto",
    ):
        self.cell = cell
        self.hidden_size = hidden_size
        self.num_layers = num_layers
        self.nonlinearity = nonlinearity
        self.bidirectional = bidirectional
        self.dropout = dropout
        self.embedding_dim = embedding_dim
        self.features_per_step = features_per_step
        self.segment = segment
        self.segment_stride = segment_stride
        self.return_sequences = return_sequences
        self.scaling = scaling
        self.target_feature = target_feature
        self.loss = loss
        self.quantile = quantile
        self.optimizer = optimizer
        self.learning_rate = learning_rate
        self.learning_rate_schedule = learning_rate_schedule
        self.weight_decay = weight_decay
        self.max_grad_norm = max_grad_norm
        self.bptt_steps = bptt_steps
        self.batch_size = batch_size
        self.max_iter = max_iter
        self.shuffle = shuffle
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.n_iter_no_change = n_iter_no_change
        self.tol = tol
        self.warm_start = warm_start
        self.random_state = random_state
        self.verbose = verbose
        self.n_jobs = n_jobs
        self.device = device
        self.engine = engine

    def predict(self, X: Any) -> NDArray[np.float64]:
        """Predict the targets.

        Parameters
        ----------
        X : array-like, data frame or list of arrays
            Sequences, in a form that `fit` takes, with the same features.

        Returns
        -------
        y : float64 array of shape (n_samples,) or (n_samples, n_targets)
            As y was in `fit`. With ``return_sequences``, one (row) per time step: (n_samples, n_timesteps), NaN where
            X has padding, or a list if X is a list. With a list of quantiles, one more axis of their number at the end.

        Raises
        ------
        sklearn.exceptions.NotFittedError
            Before `fit`.
        ValueError, TypeError
            If X is not usable; the message says where and what to do.
        """
        batch, outputs = all_outputs(self, X)
        return steps_as_given(self, self._decode(outputs, batch), X, batch)

    def _of_stream(self, method: str, outputs: NDArray[np.float64], state: NDArray[np.float64]) -> NDArray[np.float64]:
        return self._decode(outputs, None)

    def _decode(self, outputs: NDArray[np.float64], batch: SequenceBatch | None) -> NDArray[np.float64]:
        """Predictions from outputs; without the batch where scaling does not depend on it."""
        inputs, scaling = scalings(self)
        assert scaling is not None
        y = scaling.decode(self._make_objective(self.n_features_in_).decode(outputs), inputs, batch)
        y = y[:, 0] if self._target_form in ("1d", "1d steps") else y
        return y[..., 0] if self._fitted_loss["single"] and self._fitted_loss["levels"] else y

    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        """The coefficient of determination R2; with a list of quantiles, the mean D2 pinball score of the levels.

        Parameters
        ----------
        X : array-like, data frame or list of arrays
            Sequences, as in `predict`.
        y : array-like of shape (n_samples,) or (n_samples, n_targets)
            True targets, as in `fit`; time steps without one are not scored.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the sequences, or with ``return_sequences`` of the time steps.

        Returns
        -------
        score : float
            At most 1.

        Raises
        ------
        sklearn.exceptions.NotFittedError
            Before `fit`.
        ValueError, TypeError
            If X or y is not usable.
        """
        check_is_fitted(self)
        if self._spec["readout"] == "steps":
            y, predictions, sample_weight = self._labelled_steps(X, y, sample_weight)
        else:
            predictions = self.predict(X)
        if self._fitted_loss["single"]:
            return float(r2_score(y, predictions, sample_weight=sample_weight))
        scores = [
            d2_pinball_score(y, predictions[..., i], sample_weight=sample_weight, alpha=level)
            for i, level in enumerate(self._fitted_loss["levels"])
        ]
        return float(np.mean(scores))

    @all_or_nothing
    def partial_fit(self, X: Any, y: Any, sample_weight: Any = None) -> Any:
        """Train for one more epoch, on these rows.

        The first call fixes the scaling; later ones go on with the weights and the optimizer's state.

        Parameters
        ----------
        X : array-like, data frame or list of arrays
            Sequences, as in `fit`.
        y : array-like of shape (n_samples,) or (n_samples, n_targets)
            Targets.
        sample_weight : array-like of shape (n_samples,) or float, default=None
            Weights of the sequences.

        Returns
        -------
        self : RNNRegressor

        Raises
        ------
        ValueError, TypeError
            If the data or a parameter are not usable, or do not continue those of the first call.
        skrnn.DivergenceError
            If the loss is no longer finite; the estimator is then as it was before the call.
        """
        return self._partial_fit(X, y, sample_weight)

    def _labelled_steps(self, X: Any, y: Any, sample_weight: Any) -> tuple[Any, Any, Any]:
        """Targets, predictions and weights of the time steps that have a target."""
        batch, outputs = all_outputs(self, X)
        values, missing, _ = flat_numbers(self, y, batch)
        require_some_target(missing)
        weights = None if sample_weight is None else flat_weights(sample_weight, batch)[~missing]
        predictions = self._decode(outputs, batch)[~missing]
        values = values[:, 0] if self._target_form == "1d steps" else values
        return values[~missing], predictions, weights

    def _check_targets(self, y: Any, batch: SequenceBatch, reset: bool) -> NDArray[np.float64] | SequenceBatch:
        targets: Any
        if self.return_sequences:
            values, missing, one_dimensional = flat_numbers(self, y, batch)
            targets, values = targets_of_steps(values, missing, batch), values[~missing]
        else:
            targets, one_dimensional = check_numbers(self, y, batch.n_samples)
            values = targets
        if self.loss == "poisson" and (values < 0).any():
            raise ValueError(f"loss='poisson' needs y >= 0, got {values.min():g}.")
        loss = self._loss_of_parameters()
        form = ("1d" if one_dimensional else "2d") + (" steps" if self.return_sequences else "")
        if reset:
            self._target_form, self._fitted_loss = form, loss
        elif self._target_form.endswith("steps") != self.return_sequences or loss != self._fitted_loss:
            raise ValueError(
                f"{type(self).__name__} cannot go on training with {loss} and return_sequences="
                f"{self.return_sequences}; the first fit had {self._fitted_loss}, or the other return_sequences. Use "
                "warm_start=False, or a clone."
            )
        return targets

    def _loss_of_parameters(self) -> dict[str, Any]:
        """The loss, the quantile levels, and whether a target has a single prediction."""
        if self.return_sequences and self.scaling in ("last", "window"):
            raise InvalidParameterError(
                f"scaling={self.scaling!r} takes off a level that is known at the end of a sequence only, and "
                "return_sequences=True gives a prediction at every step. Use 'standard'."
            )
        if self.loss == "poisson" and self.scaling in ("last", "window"):
            raise InvalidParameterError(
                f"loss='poisson' has a log link, in which scaling={self.scaling!r} cannot be undone. Use 'standard'."
            )
        if self.loss != "quantile":
            return {"loss": self.loss, "levels": [], "single": True}
        return {"loss": self.loss, "levels": _levels(self), "single": isinstance(self.quantile, Real)}

    def _make_objective(self, n_features: int) -> Objective:
        objective: Objective
        if self._fitted_loss["loss"] == "quantile":
            objective = objectives.QuantileLoss(tuple(self._fitted_loss["levels"]))
        else:
            objective = _LOSSES[self._fitted_loss["loss"]]()
        return objectives.EveryStep(objective) if self._target_form.endswith("steps") else objective

    def _fit_target_scaling(
        self, targets: Any, weights: NDArray[np.float64], inputs: InputScaling, batch: SequenceBatch
    ) -> TargetScaling:
        if isinstance(targets, SequenceBatch):
            steps = targets.flat_steps()
            weights = np.repeat(weights, targets.lengths) * steps[:, -1]
            targets, weights = steps[weights > 0, :-1], weights[weights > 0]
        kind = "mean" if self.loss == "poisson" and self.scaling is not None else self.scaling
        in_turn = kind in ("last", "window")
        features = self._features_of_targets(batch.n_features, targets.shape[1]) if in_turn else None
        return TargetScaling.fit(kind, targets, weights, inputs, batch, features)

    def _features_of_targets(self, n_features: int, n_targets: int) -> NDArray[np.intp]:
        """Numbers of the features whose futures the targets are, in turn."""
        if self.target_feature is None and n_features > 1:
            raise InvalidParameterError(
                f"scaling={self.scaling!r} takes the level of a feature off the targets, and X has {n_features} "
                "features per step. Say with target_feature whose future the targets are: a number, or a list of them."
            )
        features = np.atleast_1d(np.asarray(0 if self.target_feature is None else self.target_feature))
        numbers = features.dtype.kind in "iu" and features.size > 0
        if not numbers or features.min() < 0 or features.max() >= n_features:
            raise InvalidParameterError(
                f"The 'target_feature' parameter of {type(self).__name__} must be a feature's number from 0 to "
                f"{n_features - 1}, or a list of such. Got {self.target_feature!r} instead."
            )
        if n_targets % len(features):
            raise InvalidParameterError(
                f"target_feature={self.target_feature!r} names {len(features)} features in turn, which do not divide "
                f"the {n_targets} targets."
            )
        return features.astype(np.intp)

    def _check_own_state(self, state: dict[str, Any]) -> None:
        loss = state.get("_fitted_loss", {})
        levels = loss.get("levels")
        good = set(loss) == {"loss", "levels", "single"} and loss["loss"] in (*_LOSSES, "quantile")
        good = good and isinstance(levels, list) and all(isinstance(n, float) and 0 < n < 1 for n in levels)
        good = good and bool(levels) == (loss["loss"] == "quantile") and isinstance(loss["single"], bool)
        form = str(state["_target_form"])
        good = good and form.removesuffix(" steps") in ("1d", "2d") and state["_target_scaling"] is not None
        if not good or state["_spec"]["readout"] != ("steps" if form.endswith("steps") else "last"):
            raise ValueError("State does not fit: it is not that of a regression.")
        if state["_spec"]["output_size"] != state["n_outputs_"] * max(len(levels), 1):
            raise ValueError("State does not fit: the network has not one output for each target and level.")

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags


def _levels(estimator: Any) -> list[float]:
    """The quantile levels as a list."""
    levels = np.ravel(np.asarray(estimator.quantile, dtype=float))
    if not len(levels) or not ((levels > 0) & (levels < 1)).all():
        raise InvalidParameterError(
            f"The 'quantile' parameter of {type(estimator).__name__} must be a level, or a list of levels, in (0, 1). "
            f"Got {estimator.quantile!r} instead."
        )
    return [float(level) for level in levels]


RNNRegressor.__module__ = "skrnn"  # the name that users import and pickles hold

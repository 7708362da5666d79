"""Sequences to features."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, ClassVar, Literal, Self

import numpy as np
from sklearn.base import ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted

from skrnn._constraints import Options, check_arguments, plain, prefixed_names
from skrnn._types import Doubles
from skrnn.estimators._fitted import FromFit
from skrnn.estimators._parameters import CATEGORICAL, SHARED_CONSTRAINTS, Parameters
from skrnn.estimators._reconstructing import ReconstructingRNN
from skrnn.estimators._stream import Stream
from skrnn.sequences import SequenceBatch, is_ragged, refuse_frame
from skrnn.tasks import (
    ByTarget,
    Classes,
    Labels,
    NextCategory,
    NextStep,
    Numbers,
    Task,
    Unread,
    WholeSequence,
    refuse_categories,
)

__all__ = ["RNNSequenceTransformer"]

_POOLING = [Options({"last", "mean", "max"}), None]
_ADVICE = "Set pooling='last', 'mean' or 'max'"


def _gives_table(estimator: RNNSequenceTransformer) -> bool:
    """Whether the output is 2-D: only then do its columns have names."""
    return estimator.pooling is not None


class RNNSequenceTransformer(ClassNamePrefixFeaturesOutMixin, TransformerMixin, ReconstructingRNN):
    """Features of sequences for any model: the hidden states of a recurrent network.

    Parameters
    ----------
    cell : {"rnn", "gru", "lstm", "mingru"} or callable, default="gru"
        The recurrent cell: vanilla (Elman), gated recurrent unit, long short-term memory, or the minimal GRU, whose
        gates do not look at the state (Feng et al., 2024). A callable ``cell(input_size, hidden_size)`` returns a
        `torch.nn.Module` that maps ``(x, state)`` to ``(out, state)``, batch first, with ``state=None`` at the first
        step.
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
        X holds categories, integers or strings, and each becomes this number of trained values; features of a step
        have tables of their own. Categories that `fit` did not see, and missing ones, share one row, which is trained
        too: rare ones are sometimes read as unknown. None: X holds numbers.
    categorical_features : list of str, of int or of bool, "from_dtype" or None, default=None
        Features of a step that are categories, integers or strings, beside others that are numbers: their names, their
        numbers, or a mask of all features. "from_dtype": the columns of a data frame that hold texts or have a
        categorical dtype. Each becomes ``embedding_dim`` trained values (None: 1.6 n**0.56 of them, at most 32, for the
        n categories of the feature with most), as categories alone do; the numbers are scaled. A table with
        ``features_per_step`` has the names of its columns, or what lags have in common: "price" of "price_lag2". None:
        all of X is of one kind, which ``embedding_dim`` says.
    features_per_step : int or "all", default=1
        How a row of a 2-D X folds into time steps: the number of columns that make one step; "all": the whole row is
        one step. Other forms of X have their own features and do not use it.
    segment : int, default=None
        Steps that are projected into one vector in front of the recurrence, which then makes one step per segment. Long
        sequences get faster and remember further. None: no projection.
    segment_stride : int, default=None
        Steps from one segment to the next; None: ``segment``, without overlap. The newest segment ends at the last
        step.
    scaling : {"standard", "window", "last"} or None, default="standard"
        "standard": each input feature (and a numeric y) has mean 0 and standard deviation 1 over the training set.
        "last" also takes the last value of each sequence off it, "window" its mean and, by division, its standard
        deviation: for series whose level drifts. None: the data as they are.
    objective : {"auto", "forecast", "reconstruct", "regression", "classification"}, default="auto"
        What the states are learnt for. Without labels: "forecast", the next time step at every step; "reconstruct", the
        whole sequence from its last state by a decoder. With labels: "regression" and "classification" of y. "auto":
        by y if it is given (floats are a regression; text, booleans and up to 30 whole numbers classes), else
        "forecast".
    pooling : {"last", "mean", "max"} or None, default="last"
        How the states of a sequence become one row of features: each direction's last state, or the mean or maximum
        over the steps. None: every step's state.
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
        Truncated back-propagation through time: gradients cross no boundary between blocks of this number of steps
        (segments), counted from the end of the longest sequence of a mini-batch. None: through the whole sequence.
    batch_size : int, default=32
        Sequences per update; at least 1. More are faster per epoch and need more epochs.
    max_iter : int, default=100
        Epochs at most; at least 1.
    shuffle : bool, default=True
        Whether each epoch takes the sequences in a new order. The time steps of a sequence always keep theirs.
    early_stopping : bool, default=False
        Whether to hold out the last ``validation_fraction`` of the rows (of each class), stop when their loss
        no longer improves, and restore the weights of the best epoch. Without it the training loss decides, see
        ``n_iter_no_change``; the weights of its best epoch stay.
    validation_fraction : float, default=0.1
        In (0, 1); only used with ``early_stopping``.
    n_iter_no_change : int, default=10
        Epochs without an improvement of at least ``tol`` after which training stops; without a validation part and a
        schedule it first goes back to its best weights, twice, with three tenths of the step. A "cosine" or "one_cycle"
        that no validation part ends goes on until ``max_iter``, or a loss below ``tol``.
    tol : float, default=1e-4
        Improvement of the loss (of scaled numbers, or the cross-entropy in nats) that counts; at least 0.
    warm_start : bool, default=False
        Whether `fit` goes on from the last fit's weights, optimizer state and scaling.
    random_state : int, RandomState instance or None, default=None
        Initial weights, shuffles and dropout. The same int, data and versions give the same bits on a machine.
    verbose : int, default=0
        1 prints the loss of each epoch.
    n_jobs : int or None, default=None
        CPU threads inside one fit or prediction, at most 1024; -1: all. None is 1, which is fastest for small nets.
    device : str, default="auto"
        A torch device such as "cpu" or "cuda:0". "auto" is the CPU unless the net is large (512 units or more) and an
        accelerator is available.
    engine : {"auto", "compiled", "torch"}, default="auto"
        What computes. "compiled": kernels for the CPU, several times faster on small networks; "torch": autograd, for
        every cell and device; "auto": the kernels wherever they serve. Results agree to the rounding of float32.

    Attributes
    ----------
    weights_ : dict of str to ndarray
        Trained weights, float32, under torch's names: ``rnn.weight_ih_l0``, …, ``head.bias``.
    network_ : torch.nn.Module
        The network in torch, built from ``weights_`` when asked for. It reads scaled inputs and returns the outputs
        that the ``objective`` asks for; the features of `transform` are its last states.
    n_parameters_ : int
        How many numbers were trained.
    n_iter_ : int
        Epochs trained.
    loss_, best_loss_ : float
        Loss of the last epoch; lowest loss (on the validation part, if there is one).
    best_iter_ : int
        Epoch whose weights were kept, from 1; 0: the start was kept, to which the network adds nothing.
    loss_curve_ : list of float
        Mean training loss of each epoch.
    validation_loss_curve_ : list of float or None
        Loss on the validation part after each epoch; None without ``early_stopping``.
    gradient_norm_curve_ : list of float
        Mean 2-norm of a mini-batch's gradient in each epoch, before it was clipped.
    clipped_fraction_ : float
        The part of the mini-batches whose gradient was longer than ``max_grad_norm``.
    n_outputs_ : int
        Targets per sequence (0 if there are none).
    categories_ : list of ndarray
        Of each feature, sorted, None for one of numbers; only where X holds categories.
    n_features_in_ : int
        Columns of a 2-D X; features per time step of any other X.
    feature_names_in_ : ndarray of str
        Names of the columns, if X was a data frame or a list of data frames with string columns.

    See Also
    --------
    RNNClassifier : Sequences to classes.
    RNNRegressor : Sequences to numbers.

    Examples
    --------
    >>> from sklearn.linear_model import Ridge
    >>> from sklearn.pipeline import make_pipeline
    >>> from skrnn import RNNSequenceTransformer
    >>> from skrnn.datasets import load_sine_wave
    >>> X, y = load_sine_wave(return_X_y=True)
    >>> features = RNNSequenceTransformer(hidden_size=8, objective="forecast", max_iter=10, random_state=0)
    >>> features.fit_transform(X).shape
    (490, 8)
    >>> bool(make_pipeline(features, Ridge()).fit(X[:390], y[:390]).score(X[390:], y[390:]) > 0.95)
    True
    """

    classes_ = FromFit(lambda fitted: fitted.task.known)

    _task_types: ClassVar[tuple[type[Task], ...]] = (NextStep, NextCategory, WholeSequence, Numbers, Classes, Labels)
    _parameter_constraints: ClassVar[dict[str, Any]] = {
        **SHARED_CONSTRAINTS,
        "categorical_features": CATEGORICAL,
        "objective": [Options({"auto", "forecast", "reconstruct", "regression", "classification"})],
        "pooling": _POOLING,
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
        categorical_features: Any = None,
        features_per_step: int | Literal["all"] = 1,
        segment: int | None = None,
        segment_stride: int | None = None,
        scaling: str | None = "standard",
        objective: str = "auto",
        pooling: str = "last",
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
        self.categorical_features = categorical_features
        self.features_per_step = features_per_step
        self.segment = segment
        self.segment_stride = segment_stride
        self.scaling = scaling
        self.objective = objective
        self.pooling = pooling
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

    def transform(self, X: Any) -> Any:
        """Features of each sequence.

        Parameters
        ----------
        X : array-like, data frame or list of arrays
            Sequences, in a form that `fit` takes, with the same features.

        Returns
        -------
        features : array of shape (n_samples, n_features_out)
            float32 if X is a float32 array, else float64; n_features_out is hidden_size times the number of directions.
            With ``pooling=None``, (n_samples, n_timesteps, n_features_out), NaN where X has padding; a list of
            (n_timesteps_i, n_features_out) arrays if X is a list. With ``segment``, one step per segment.

        Raises
        ------
        sklearn.exceptions.NotFittedError
            Before `fit`.
        ValueError, TypeError
            If X is not usable, or if a data frame is asked for with ``pooling=None``.
        """
        check_is_fitted(self)
        if not _gives_table(self):
            self._refuse_frame()
        fitted, batch = self._read(X)
        pooling = self._checked_pooling()
        chunks = self._run(fitted, batch, pooling or "states")
        dtype = np.float32 if getattr(X, "dtype", None) == np.float32 else np.float64
        if pooling is None:
            rows = [row[:length] for values, lengths in chunks for row, length in zip(values, lengths, strict=True)]
            if is_ragged(X):
                return [row.astype(dtype) for row in rows]
            return self._stack(rows, batch).astype(dtype)
        out, begin = np.empty((batch.n_samples, self._n_features_out), dtype), 0
        for values, _ in chunks:
            out[begin : begin + len(values)] = values
            begin += len(values)
        return out

    def stream(self, method: str | None = None) -> Stream:
        """Follow a series step by step: the features of the steps so far, after each of them.

        Parameters
        ----------
        method : {"transform"}, default=None
            What a step returns.

        Returns
        -------
        stream : Stream
            ``stream.step(x)`` takes the next step and returns the features, in constant time and memory;
            ``stream.state`` can be kept and restored. It starts before the first step.

        Raises
        ------
        sklearn.exceptions.NotFittedError
            Before `fit`.
        ValueError
            If the network needs to see later steps: bidirectional, with segments, scaled by the whole sequence, or with
            another pooling than "last".
        """
        check_is_fitted(self)
        name = type(self).__name__
        if self._checked_pooling() != "last":
            raise ValueError(f"{name} cannot stream: pooling reads the states of all steps. Fit with pooling='last'.")
        return Stream(self._fitted, method, ("transform",), name)

    def _checked_pooling(self) -> Literal["last", "mean", "max"] | None:
        """It is done in `transform`, and so may be set after `fit`."""
        found: Any = check_arguments(type(self).__name__, {"pooling": _POOLING}, pooling=self.pooling)["pooling"]
        return found

    def _stack(self, rows: list[Doubles], batch: SequenceBatch) -> Doubles:
        """States (n_samples, n_timesteps, H), each at its place in X."""
        whole_steps = self._fitted.spec.segment is None
        width = int(batch.spans.max()) if whole_steps else max(map(len, rows))
        out = np.full((len(rows), width, rows[0].shape[1]), np.nan)
        for i, row in enumerate(rows):
            begin = batch.leading[i] if whole_steps else 0
            out[i, begin : begin + len(row)] = row
        return out

    # As in scikit-learn; a 3-D output has no columns to name.
    get_feature_names_out = available_if(_gives_table)(prefixed_names)

    def set_output(self, *, transform: str | None = None) -> Self:
        """Choose the container of the features.

        Parameters
        ----------
        transform : {"default", "pandas", "polars"} or None, default=None
            None leaves it as it is.

        Returns
        -------
        self : RNNSequenceTransformer

        Raises
        ------
        ValueError
            If a data frame is asked for with ``pooling=None``: its output is 3-D.
        """
        if _gives_table(self):
            return super().set_output(transform=transform)
        self._refuse_frame(transform or "default")
        return self

    def _refuse_frame(self, container: str | None = None) -> None:
        """A 3-D output is no data frame."""
        refuse_frame(type(self).__name__, getattr(self, "_sklearn_output_config", {}), _ADVICE, container)

    @property
    def _n_features_out(self) -> int:
        return self._fitted.spec.state_size

    def _parameters(self) -> Parameters:
        """``pooling`` is done in `transform`: the head of the network reads last states."""
        return replace(super()._parameters(), pooling="last")

    def _task(self) -> Unread:
        numbers = Numbers(scaling="standard" if self.scaling else None)
        embeds = self.embedding_dim is not None and self.categorical_features is None
        if self.objective == "regression":
            return numbers
        if self.objective == "classification":
            return Classes()
        if self.objective == "reconstruct":
            if embeds:
                refuse_categories(self.objective, type(self).__name__)
            return WholeSequence()
        following = NextStep(plain(self.segment) or 1, plain(self.segment_stride))
        without = NextCategory(plain(self.segment)) if embeds else following
        return without if self.objective == "forecast" else ByTarget(without, numbers, Classes())

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags


RNNSequenceTransformer.__module__ = "skrnn"  # the name that users import and pickles hold

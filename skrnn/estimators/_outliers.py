"""Sequences, and time steps, that are unlike those of the fit."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any, ClassVar, Literal, Self

import numpy as np
from sklearn.base import OutlierMixin
from sklearn.utils._param_validation import InvalidParameterError
from sklearn.utils.validation import check_is_fitted

from skrnn._atomic import all_or_nothing
from skrnn._constraints import Options, check_arguments, plain, reals, sizes
from skrnn._plain import require
from skrnn._types import Doubles, Integers
from skrnn.estimators._answering import AnsweringRNN
from skrnn.estimators._errors import UsualErrors, in_the_form_of, means, step_errors
from skrnn.estimators._fitted import Fitted
from skrnn.estimators._parameters import SHARED_CONSTRAINTS, Parameters
from skrnn.estimators._stream import Stream
from skrnn.sequences import SequenceBatch, canonical_rows
from skrnn.tasks import NextStep, Task, WholeSequence

__all__ = ["RNNOutlierDetector"]

_POOLINGS = [Options({"mean", "max", "last"})]  # of errors; it may be set anew after a fit
_NOT_HERE = {"embedding_dim", "bidirectional", "segment", "segment_stride"}


class RNNOutlierDetector(OutlierMixin, AnsweringRNN):
    """Outlier detection in sequences by the errors of a recurrent network, of each sequence and each time step.

    A network learns to forecast each next time step, or the next few (LSTM-AD; Malhotra, Vig, Shroff & Agarwal, "Long
    short term memory networks for anomaly detection in time series", ESANN 2015), or to write each sequence down again
    from its last state (EncDec-AD; Malhotra et al., arXiv:1607.00148, 2016), and a Gaussian is fitted to the error
    vectors of the time steps. What it forecasts or writes worse than that is unusual.

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
    dropout : float, default=0.0
        Probability, in [0, 1), that an output of a layer is set to zero in training.
    features_per_step : int or "all", default=1
        How a row of a 2-D X folds into time steps: the number of columns that make one step; "all": the whole row is
        one step. Other forms of X have their own features and do not use it.
    scaling : {"standard", "window"} or None, default="standard"
        "standard": each feature has mean 0 and standard deviation 1 over the training set. "window" also takes the mean
        of each sequence off it and divides by its standard deviation: for series whose level drifts. None: the data as
        they are.
    objective : {"forecast", "reconstruct"}, default="forecast"
        Whose errors are looked at: "forecast", of the next time step at every step (LSTM-AD); "reconstruct", of the
        whole sequence that a decoder writes from the last state (EncDec-AD).
    horizon : int, default=1
        How many of the next steps are forecast at every step; at least 1. A step is then judged by all forecasts that
        were made of it, the newest and the older ones together, as in LSTM-AD: what goes on as it should from an
        unusual step is unusual, too, to those who did not see it come. Only for ``objective="forecast"``.
    pooling : {"mean", "max", "last"}, default="max"
        How the errors of its steps become the error of a sequence: their mean, where a sequence is unusual as a whole;
        the largest, where a few steps are; that of the last step, for windows that end at the value in question. Where
        it is set anew after a fit, `score_samples` follows it, and `offset_` stays that of the fit: fit again.
    contamination : float, default=0.01
        The part of the sequences of `fit`, and of their steps, that are unusual, in (0, 0.5]: what `predict` finds
        there. Less than one sequence: all of them are usual, and what is worse than the worst of them is not.
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
        that the ``objective`` asks for.
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
    n_features_in_ : int
        Columns of a 2-D X; features per time step of any other X.
    feature_names_in_ : ndarray of str
        Names of the columns, if X was a data frame or a list of data frames with string columns.
    offset_, step_offset_ : float
        The lowest scores that are usual, of sequences and of single steps: ``decision_function`` is the score minus
        this.
    error_mean_ : float64 array of shape (horizon * n_features,)
        Mean error of a time step, as forecast or written minus true, in standard deviations of each feature (with
        ``scaling=None``, in the units of X): those of the forecasts one step before, then of those two steps before, …
    error_covariance_ : float64 array of shape (horizon * n_features, horizon * n_features)
        Covariance of these errors.

    See Also
    --------
    RNNRegressor : Forecasts and their errors one by one.
    RNNSequenceTransformer : ``objective="reconstruct"`` shows what a decoder writes.
    RNNLanguageModel : ``score_samples`` says how usual texts, or other sequences of tokens, are.

    Examples
    --------
    >>> import numpy as np
    >>> from skrnn import RNNOutlierDetector
    >>> wave = np.sin(np.arange(600) / 3)
    >>> wave[500] = 3.0
    >>> windows = np.lib.stride_tricks.sliding_window_view(wave, 20)
    >>> detector = RNNOutlierDetector(hidden_size=8, max_iter=20, random_state=0).fit(windows[:400])
    >>> bool((detector.predict(windows[482:500]) == -1).all())
    True
    >>> steps = detector.score_samples(windows[490:491], per_step=True)
    >>> bool(np.nanargmin(steps[0]) in (10, 11))  # the step itself, or the one that follows from it
    True
    """

    _task_types: ClassVar[tuple[type[Task], ...]] = (NextStep, WholeSequence)
    _of_fit: ClassVar[tuple[str, ...]] = ("_fitted", "_usual")
    _parameter_constraints: ClassVar[dict[str, Any]] = {
        **{name: values for name, values in SHARED_CONSTRAINTS.items() if name not in _NOT_HERE},
        "scaling": [Options({"standard", "window"}), None],
        "objective": [Options({"forecast", "reconstruct"})],
        "horizon": [sizes()],
        "pooling": _POOLINGS,
        "contamination": [reals(0, 0.5, "right")],
    }
    embedding_dim: ClassVar[None] = None  # the sequences are numbers
    _usual: UsualErrors

    def __init__(
        self,
        *,
        cell: Any = "gru",
        hidden_size: int = 32,
        num_layers: int = 1,
        nonlinearity: str = "tanh",
        dropout: float = 0.0,
        features_per_step: int | Literal["all"] = 1,
        scaling: str | None = "standard",
        objective: str = "forecast",
        horizon: int = 1,
        pooling: str = "max",
        contamination: float = 0.01,
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
        self.dropout = dropout
        self.features_per_step = features_per_step
        self.scaling = scaling
        self.objective = objective
        self.horizon = horizon
        self.pooling = pooling
        self.contamination = contamination
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

    @property
    def offset_(self) -> float:
        return self._errors_of_fit("offset_").offset

    @property
    def step_offset_(self) -> float:
        return self._errors_of_fit("step_offset_").step_offset

    @property
    def error_mean_(self) -> Doubles:
        return self._errors_of_fit("error_mean_").mean.copy()

    @property
    def error_covariance_(self) -> Doubles:
        return self._errors_of_fit("error_covariance_").covariance.copy()

    @all_or_nothing
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
        """Fit the network, and the Gaussian of its errors.

        Parameters
        ----------
        X : array-like, data frame or list of arrays
            Sequences: 3-D of shape (n_samples, n_timesteps, n_features); 2-D of shape (n_samples, n_timesteps), or
            (n_samples, n_timesteps * features_per_step); or a list of n_samples arrays of shape
            (n_timesteps_i, n_features) or (n_timesteps_i,). Oldest step first. Steps before the first or after the last
            real one that are NaN in every feature are padding, any other NaN is a missing value.
        y : None
            Not used.
        sample_weight : array-like of shape (n_samples,) or float, default=None
            Weights of the sequences, not negative. A weight of 2 is the row twice, a weight of 0 the row left out.
        X_val, y_val, sample_weight_val : default=None
            Usual sequences and their weights (y_val is not used) in the form of X, to validate on; and the errors that
            are usual are then those of X_val, which was not learnt from, as in LSTM-AD.

        Returns
        -------
        self : RNNOutlierDetector
            Fitted. Every call starts afresh unless ``warm_start=True``.

        Raises
        ------
        ValueError, TypeError
            If the data or a parameter are not usable; the message says where and what to do.
        skrnn.DivergenceError
            If the training loss is no longer finite. The estimator is then as it was before the call.
        """
        super().fit(
            X,
            y,
            sample_weight,
            X_val=X_val,
            y_val=y_val,
            sample_weight_val=sample_weight_val,
        )
        given = (X, sample_weight) if X_val is None else (X_val, sample_weight_val)
        self._usual = self._learn_errors(*given)
        return self

    def score_samples(self, X: Any, *, per_step: bool = False) -> Any:
        """How usual each sequence is: minus its error; the lower, the more unusual.

        The error of a time step is the squared Mahalanobis distance of its error vector, divided by the number of its
        known values: 1 on average in `fit`, where the errors are normal.

        Parameters
        ----------
        X : array-like, data frame or list of arrays
            Sequences, in a form that `fit` takes, with the same features.
        per_step : bool, default=False
            Whether to score each time step by itself.

        Returns
        -------
        scores : float64 array of shape (n_samples,)
            At most 0; NaN where there is nothing to judge by: a sequence of one step for forecasts, or without values.
            With ``per_step``, (n_samples, n_timesteps), or a list of (n_timesteps_i,) arrays if X is a list: NaN where
            X has padding or no value, and at the first step of forecasts.

        Raises
        ------
        sklearn.exceptions.NotFittedError
            Before `fit`.
        ValueError, TypeError
            If X is not usable.
        """
        by_step = self._by_step("score_samples", per_step)
        check_is_fitted(self)
        fitted, batch = self._read(X)
        steps, sequences = self._scores(fitted, batch, self._usual)
        return in_the_form_of(X, batch, steps) if by_step else sequences

    def decision_function(self, X: Any, *, per_step: bool = False) -> Any:
        """The score above the lowest that is usual: below 0 is unusual.

        Parameters
        ----------
        X : array-like, data frame or list of arrays
            Sequences, in a form that `fit` takes, with the same features.
        per_step : bool, default=False
            Whether to judge each time step by itself.

        Returns
        -------
        decisions : array or list of arrays
            ``score_samples(X) - offset_``; with ``per_step``, ``score_samples(X, per_step=True) - step_offset_``.

        Raises
        ------
        sklearn.exceptions.NotFittedError
            Before `fit`.
        ValueError, TypeError
            If X is not usable.
        """
        by_step = self._by_step("decision_function", per_step)
        scores = self.score_samples(X, per_step=by_step)
        offset = self.step_offset_ if by_step else self.offset_
        return [part - offset for part in scores] if isinstance(scores, list) else scores - offset

    def predict(self, X: Any, *, per_step: bool = False) -> Any:
        """Whether each sequence is usual.

        Parameters
        ----------
        X : array-like, data frame or list of arrays
            Sequences, in a form that `fit` takes, with the same features.
        per_step : bool, default=False
            Whether to judge each time step by itself.

        Returns
        -------
        labels : int array of shape (n_samples,)
            1: usual, or nothing to judge by; -1: unusual. With ``per_step``, (n_samples, n_timesteps), or a list of
            (n_timesteps_i,) arrays if X is a list.

        Raises
        ------
        sklearn.exceptions.NotFittedError
            Before `fit`.
        ValueError, TypeError
            If X is not usable.
        """
        decisions = self.decision_function(X, per_step=self._by_step("predict", per_step))
        labels = [np.where(part < 0, -1, 1) for part in decisions] if isinstance(decisions, list) else None
        return np.where(decisions < 0, -1, 1) if labels is None else labels

    def stream(self, method: str | None = None) -> Stream:
        """Refused: a step is judged by what was foretold before it, which a stream does not keep.

        Parameters
        ----------
        method : None

        Returns
        -------
        stream : Stream

        Raises
        ------
        sklearn.exceptions.NotFittedError
            Before `fit`.
        ValueError
            Always.
        """
        check_is_fitted(self)
        raise ValueError(
            f"{type(self).__name__} cannot stream: a step is judged by what was foretold before it. Score the window "
            "that ends at the newest step, with pooling='last'."
        )

    def _by_step(self, method: str, per_step: Any) -> bool:
        name = f"{type(self).__name__}.{method}"
        return bool(check_arguments(name, {"per_step": ["boolean"]}, per_step=per_step)["per_step"])

    def _learn_errors(self, X: Any, sample_weight: Any) -> UsualErrors:
        """What errors are usual, by the sequences of a fit."""
        fitted, batch = self._read(X)
        _, targets = fitted.task.read(None, batch, sample_weight, type(self).__name__)
        canonical = canonical_rows(batch, None, targets.sample_weights)
        distinct, weights = batch.take(canonical.rows), canonical.weights
        scaling = fitted.scalings.inputs
        variances = scaling.scale**2 if scaling.kind is None else np.ones(distinct.n_features)
        variances = np.tile(variances, n_ahead(fitted.task))
        errors = step_errors(fitted, distinct, self._run_alone(fitted, distinct))
        usual = UsualErrors.fit(errors, weights, variances)
        steps, sequences = self._scores(fitted, distinct, usual)
        return usual.with_offsets(steps, sequences, np.asarray(distinct.lengths), weights, plain(self.contamination))

    def _run_alone(self, fitted: Fitted, batch: SequenceBatch) -> Iterator[tuple[Doubles, Integers]]:
        """Outputs in chunks that do not depend on the number of threads, whose sums would."""
        return self._run(fitted, batch, n_threads=1)

    def _scores(self, fitted: Fitted, batch: SequenceBatch, usual: UsualErrors) -> tuple[Doubles, Doubles]:
        """Scores of all real steps (N,) and of the sequences (n_samples,)."""
        distances, counts = [], []
        for part in step_errors(fitted, batch, self._run(fitted, batch)):
            distances.append(usual.distances(part.values, part.scored))
            counts.append(part.scored.sum(axis=1))
        squares, known = np.concatenate(distances), np.concatenate(counts)
        steps = means(squares, known)
        ends = np.cumsum(batch.lengths)
        firsts = ends - batch.lengths
        pooling = check_arguments(type(self).__name__, {"pooling": _POOLINGS}, pooling=self.pooling)["pooling"]
        if pooling == "last":
            return -steps, -steps[ends - 1]
        if pooling == "max":
            return -steps, -np.fmax.reduceat(steps, firsts)
        sums, totals = np.add.reduceat(squares, firsts), np.add.reduceat(known, firsts)
        return -steps, -means(sums, totals)

    def _parameters(self) -> Parameters:
        """``pooling`` is that of errors: the head of the network reads last states."""
        return replace(super()._parameters(), pooling="last")

    def _task(self) -> Task:
        horizon = plain(self.horizon)
        if self.objective == "forecast":
            return NextStep(horizon=horizon)
        if horizon > 1:
            raise InvalidParameterError(
                f"horizon={horizon} says how many next steps are forecast, and objective={self.objective!r} forecasts "
                "none. Leave it at 1, or use objective='forecast'."
            )
        return WholeSequence()

    def _errors_of_fit(self, name: str) -> UsualErrors:
        if "_usual" not in vars(self):
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
        return self._usual

    def _plain_fit(self, fitted: dict[str, Any]) -> Any:
        return {**super()._plain_fit(fitted), "errors": fitted["_usual"].plain()}

    def _read_fit(self, values: Any, parameters: dict[str, Any]) -> dict[str, Any]:
        require(isinstance(values, dict) and "errors" in values, "the fitted value has no usual errors")
        network = {name: value for name, value in values.items() if name != "errors"}
        read = super()._read_fit(network, parameters)
        n_errors = len(read["_fitted"].scalings.inputs.mean) * n_ahead(read["_fitted"].task)
        return {**read, "_usual": UsualErrors.from_plain(values["errors"], n_errors)}


def n_ahead(task: Task) -> int:
    """How many errors of each feature a step has."""
    return task.horizon if isinstance(task, NextStep) else 1


RNNOutlierDetector.__module__ = "skrnn"  # the name that users import and pickles hold

"""Sequences to numbers."""

from __future__ import annotations

from numbers import Integral, Real
from typing import Any, ClassVar, Literal, Self

import numpy as np
from sklearn.base import RegressorMixin
from sklearn.utils._param_validation import InvalidParameterError

from skrnn._atomic import all_or_nothing
from skrnn._constraints import Options, check_arguments, counted_pair, integers
from skrnn.estimators._parameters import (
    CATEGORICAL,
    FREEZE,
    INIT,
    INITIAL_WEIGHTS,
    NETWORKS,
    POOLING,
    SEGMENT,
    SHARED_CONSTRAINTS,
    refuse_linear_of_steps,
    refuse_pooling_of_steps,
    refuse_segments_of_steps,
    refuse_start_from_numbers,
)
from skrnn.estimators._uncertain import UncertainRNN
from skrnn.objectives import LOSSES, Objective, QuantileLoss
from skrnn.tasks import EveryStep, Numbers, Task, Unread

__all__ = ["RNNRegressor"]

_FLAG = {"return_std": ["boolean"]}


class RNNRegressor(RegressorMixin, UncertainRNN):
    """Regression on sequences: one target, or one vector of targets, per sequence or per time step.

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
    segment : int, tuple of int or None, default=None
        Steps that are projected into one vector in front of the recurrence, which then makes one step per segment. Long
        sequences get faster and remember further. Several widths are projected side by side and share the vector; their
        segments end at the same steps. None: no projection.
    segment_stride : int, default=None
        Steps from one segment to the next; None: ``segment`` (the smallest), without overlap. The newest segment ends
        at the last step.
    pooling : {"last", "mean", "max", "attention"} or tuple of these, default="last"
        How the states of a sequence become what the output layer reads: each direction's last state, or the mean or
        maximum over the steps (segments), padding left out, or a weighted mean whose weights are learnt (additive
        attention, Bahdanau et al., 2015). A tuple or list of different ones sets them side by side.
        Where a class shows anywhere in a sequence, the mean and the maximum see it wherever it is; with ``segment``
        they are also taken of the vectors of the segments. Outputs of every step need "last".
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
    loss : str or Objective, default="squared_error"
        What is minimised, as a mean over the targets, in units of the scaled target: "squared_error", "absolute_error",
        "huber", "poisson", "quantile", "gaussian", "student_t" or "negative_binomial". "huber" turns linear at 1.35
        standard deviations; "poisson" is half the Poisson deviance with a log link, for y >= 0. "gaussian", "student_t"
        (errors with heavy tails) and "negative_binomial" (counts, y >= 0, with a log link) learn a distribution whose
        spread follows X, by minus its log-likelihood (Salinas et al., "DeepAR", Int. J. Forecasting 36(3), 2020):
        `predict` gives its mean; see ``return_std``, `predict_quantiles` and `sample_y`. An instance of a subclass of
        `skrnn.objectives.Objective` is a loss of your own; its gradient is checked in `fit`.
    quantile : float or list of float, default=0.5
        Level, or levels, in (0, 1) of ``loss="quantile"``. Predictions of several levels do not cross.
    init : {"auto", "linear", "minirocket", "ngrams"}, regressor or None, default="auto"
        What the network starts from: "linear", a ridge regression on the newest steps (as many as the shortest sequence
        has, up to 1024 inputs, at least one), fitted in closed form with its strength by leave-one-out; the network
        then learns what it leaves, and a prediction is the sum. With a validation part the linear model alone is a
        candidate, too. "minirocket": the same on about 2,000 features of the whole sequence, the shares of its steps at
        which dilated kernels pass thresholds (Dempster, Schmidt & Webb, KDD 2021). "ngrams", where all features are
        tokens (``embedding_dim``): on counts of up to five tokens in a row, tf-idf, with its strength by rows left out.
        A regressor: a clone, fitted to the scaled newest steps, for each target. "auto": "linear" for numbers of whole
        sequences, None with ``return_sequences`` or ``embedding_dim`` and in ``partial_fit``. None: the network alone.
    initial_weights : dict of str to ndarray, default=None
        Weights to start from, those of another network: ``other.weights_``, also of one from `skrnn.load` or of an
        `RNNSequenceTransformer`. The recurrence has to agree; heads and attentions are taken where their shapes do, and
        are new where not; tables of categories are always new. X is scaled anew. With ``init``, the head starts at
        zero.
    freeze : list of str, default=None
        Parts of the network that stay as they are: names of weights, or what stands in front of their dots, such as
        ``["rnn"]``, ``["embedding"]``.
    n_networks : int, default=1
        Networks from different initial weights, whose outputs are averaged (Lakshminarayanan et al., 2017): steadier
        and better, for as many times the time. ``n_jobs`` trains them side by side. Up to 1,024.
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
    early_stopping : bool or "auto", default="auto"
        Whether to hold out the last ``validation_fraction`` of the rows, stop when their loss no longer
        improves, and restore the weights of the best epoch. Without it the training loss decides, see
        ``n_iter_no_change``; the weights of its best epoch stay. "auto": where there are 20 different rows or more
        (then repeated rows equal weights only if they stand together); not in ``partial_fit``. Of what the best epoch
        adds to the model that the network starts from, a part is kept, the smaller the less sure it is that these rows
        have gained by it; down to nothing. (With "poisson" and distributions all of it or nothing: all, if it is better
        by more than a standard error of the difference.)
    validation_fraction : float, default=0.1
        In (0, 1); only used with ``early_stopping``.
    validation_gap : int or (int, int), default=0
        Rows, at most half of those in front of the validation part, that the network does not learn from, so that
        nothing in the validation part is known from training (as ``gap`` of scikit-learn's `TimeSeriesSplit`): for
        windows of a series with ``k`` targets each, which overlap, ``k - 1``. Where the windows of several series come
        in turns, a pair: ``(k - 1, n_series)``, which is as many rows of each. A linear start is fitted to them too;
        of less than 50 rows that do not overlap its strength is chosen by folds of neighbours.
    refit : bool, default=False
        Whether to learn once more, afresh and from all rows, for as many epochs as were best for the validation part
        (which may hold what is newest): for up to twice the time. What is held out then only decides; the scaling
        stays that of the first time, and so do the curves. Categories that only held-out rows have are unknown to the
        first training and learnt in the second. A network that keeps its start is left as it is.
    n_iter_no_change : int, default=10
        Epochs without an improvement of at least ``tol`` after which training stops; without a validation part and a
        schedule it first goes back to its best weights, twice, with three tenths of the step. A "cosine" or "one_cycle"
        that no validation part ends goes on until ``max_iter``, or a loss below ``tol``.
    tol : float, default=1e-4
        Improvement of the loss (in units of the scaled target) that counts; at least 0.
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
        Trained weights (of the first network), float32, under torch's names: ``rnn.weight_ih_l0``, …, ``head.bias``.
    network_ : torch.nn.Module
        The (first) network in torch, built from ``weights_`` when asked for. It reads scaled inputs and returns scaled
        outputs, where `predict` takes and gives the user's units.
    n_parameters_ : int
        How many numbers were trained.
    n_iter_ : int
        Epochs trained.
    loss_, best_loss_ : float
        Loss of the last epoch; lowest loss (on the validation part, if there is one).
    best_iter_ : int
        Epoch whose weights were kept, from 1; 0: the start was kept, to which the network adds nothing. With ``refit``,
        the best epoch of the first training: how many the second one took. Losses are those of whole epochs, also where
        a part of one is kept.
    loss_curve_ : list of float
        Mean training loss of each epoch.
    validation_loss_curve_ : list of float or None
        Loss on the validation part after each epoch; None without one.
    gradient_norm_curve_ : list of float
        Mean 2-norm of a mini-batch's gradient in each epoch, before it was clipped.
    clipped_fraction_ : float
        The part of the mini-batches whose gradient was longer than ``max_grad_norm``.
    n_outputs_ : int
        Targets per sequence (per time step, with ``return_sequences``).
    categories_ : list of ndarray
        Of each feature, sorted, None for one of numbers; only where X holds categories.
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

    _task_types: ClassVar[tuple[type[Task], ...]] = (Numbers,)
    _takes_missing_targets: ClassVar[bool] = True  # read by the forecaster
    _parameter_constraints: ClassVar[dict[str, Any]] = {
        **SHARED_CONSTRAINTS,
        "categorical_features": CATEGORICAL,
        "segment": SEGMENT,
        "pooling": POOLING,
        "return_sequences": ["boolean"],
        "target_feature": [Integral, "array-like", None],
        "loss": [Options({*LOSSES, "quantile"}), Objective],
        "quantile": [Real, "array-like"],
        "init": INIT,
        "initial_weights": INITIAL_WEIGHTS,
        "freeze": FREEZE,
        "n_networks": NETWORKS,
        "validation_gap": [integers(0), counted_pair()],
        "refit": ["boolean"],
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
        segment: Any = None,
        segment_stride: int | None = None,
        pooling: Any = "last",
        return_sequences: bool = False,
        scaling: str | None = "standard",
        target_feature: Any = None,
        loss: Any = "squared_error",
        quantile: Any = 0.5,
        init: str | None = "auto",
        initial_weights: dict[str, Any] | None = None,
        freeze: Any = None,
        n_networks: int = 1,
        optimizer: str = "adam",
        learning_rate: float = 1e-2,
        learning_rate_schedule: str | None = None,
        weight_decay: float = 0.0,
        max_grad_norm: float | None = 1.0,
        bptt_steps: int | None = None,
        batch_size: int = 32,
        max_iter: int = 100,
        shuffle: bool = True,
        early_stopping: bool | Literal["auto"] = "auto",
        validation_fraction: float = 0.1,
        validation_gap: int | tuple[int, int] = 0,
        refit: bool = False,
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
        self.pooling = pooling
        self.return_sequences = return_sequences
        self.scaling = scaling
        self.target_feature = target_feature
        self.loss = loss
        self.quantile = quantile
        self.init = init
        self.initial_weights = initial_weights
        self.freeze = freeze
        self.n_networks = n_networks
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
        self.validation_gap = validation_gap
        self.refit = refit
        self.n_iter_no_change = n_iter_no_change
        self.tol = tol
        self.warm_start = warm_start
        self.random_state = random_state
        self.verbose = verbose
        self.n_jobs = n_jobs
        self.device = device
        self.engine = engine

    def predict(self, X: Any, return_std: bool = False) -> Any:
        """Predict the targets.

        Parameters
        ----------
        X : array-like, data frame or list of arrays
            Sequences, in a form that `fit` takes, with the same features.
        return_std : bool, default=False
            Whether to return a standard deviation, too. With a loss that learns a distribution it is that of y; of
            several networks that of the mixture of what they say, in which their disagreement is. With other losses it
            is that of the networks' predictions alone: how far they disagree, which grows away from the training data;
            the noise of y is not in it, and ``n_networks`` must be at least 2.

        Returns
        -------
        y : float64 array of shape (n_samples,) or (n_samples, n_targets)
            As y was in `fit`. With ``return_sequences``, one (row) per time step: (n_samples, n_timesteps), NaN where
            X has padding, or a list if X is a list. With a list of quantiles, one more axis of their number at the end.
        y_std : like y
            Only with ``return_std=True``.

        Raises
        ------
        sklearn.exceptions.NotFittedError
            Before `fit`.
        ValueError, TypeError
            If X is not usable, or there is one network alone that has learnt no distribution; the message says where
            and what to do.
        """
        if not check_arguments(f"{type(self).__name__}.predict", _FLAG, return_std=return_std)["return_std"]:
            return self._answer("predict", X)
        return self._answer_and_spread("predict", X)

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
        return self._score(X, y, sample_weight)

    @all_or_nothing
    def partial_fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
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

    def _task(self) -> Unread:
        name, loss = type(self).__name__, self._objective()
        single = isinstance(self.quantile, Real) if self.loss == "quantile" else not isinstance(loss, QuantileLoss)
        task = Numbers(loss, self.scaling, self.target_feature, single)
        if self.embedding_dim is not None and self.categorical_features is None:
            refuse_start_from_numbers(self.init, "embedding_dim", name)
        if not self.return_sequences:
            return task
        refuse_segments_of_steps(self.segment, name)
        refuse_pooling_of_steps(self.pooling, "return_sequences=True", name)
        refuse_linear_of_steps(self.init, "return_sequences=True", name)
        return EveryStep(task)

    def _objective(self) -> Objective:
        """The loss that is asked for by name, or the user's own."""
        if isinstance(self.loss, Objective):
            return self.loss
        if self.loss != "quantile":
            return LOSSES[self.loss]()
        try:
            levels = np.ravel(np.asarray(self.quantile, dtype=float))
        except (TypeError, ValueError):
            levels = np.zeros(0)
        if not len(levels) or not ((levels > 0) & (levels < 1)).all():
            raise InvalidParameterError(
                f"The 'quantile' parameter of {type(self).__name__} must be a level, or a list of levels, in (0, 1). "
                f"Got {self.quantile!r} instead."
            )
        return QuantileLoss(tuple(levels.tolist()))

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        loss = LOSSES.get(self.loss) if isinstance(self.loss, str) else self.loss
        tags.target_tags.positive_only = getattr(loss, "least_target", -np.inf) >= 0
        return tags


RNNRegressor.__module__ = "skrnn"  # the name that users import and pickles hold

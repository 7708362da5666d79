"""Sequences to classes."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, ClassVar, Literal, Self

from sklearn.base import ClassifierMixin
from sklearn.utils._param_validation import InvalidParameterError
from sklearn.utils.multiclass import _check_partial_fit_first_call

from skrnn._atomic import all_or_nothing
from skrnn._constraints import Options, check_arguments, integers
from skrnn._types import Doubles
from skrnn.estimators._answering import PooledRNN
from skrnn.estimators._fitted import FromFit
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
from skrnn.tasks import Alignments, Classes, EveryStep, Labels, Task

__all__ = ["RNNClassifier"]

_BEAMS = [integers(1, 1024)]


class RNNClassifier(ClassifierMixin, PooledRNN):
    """Classification of sequences: one class, or several labels, per sequence or per time step.

    Minimises the cross-entropy.

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
    segment : "auto", int, tuple of int or None, default="auto"
        Steps that are projected into one vector in front of the recurrence, which then makes one step per segment. Long
        sequences get faster and remember further. Several widths are projected side by side and share the vector; their
        segments end at the same steps. None: no projection. "auto": where sequences of numbers have 60 steps or more
        (and one class), (3, 9, 27) with about 100 segments per sequence; else None.
    segment_stride : int, default=None
        Steps from one segment to the next; None: ``segment`` (the smallest), without overlap. The newest segment ends
        at the last step.
    pooling : {"auto", "last", "mean", "max", "attention"} or tuple of these, default="auto"
        How the states of a sequence become what the output layer reads: each direction's last state, or the mean or
        maximum over the steps (segments), padding left out, or a weighted mean whose weights are learnt (additive
        attention, Bahdanau et al., 2015). A tuple or list of different ones sets them side by side.
        Where a class shows anywhere in a sequence, the mean and the maximum see it wherever it is; with ``segment``
        they are also taken of the vectors of the segments. Outputs of every step need "last". "auto": ("last",
        "mean", "max") for one answer to a sequence of numbers, else "last".
    return_sequences : bool, default=False
        Whether there is one target, and one prediction, per time step instead of per sequence.
    scaling : {"standard", "window", "last"} or None, default="standard"
        "standard": each input feature has mean 0 and standard deviation 1 over the training set. "last"
        also takes the last value of each sequence off it, "window" its mean and, by division, its standard deviation:
        for series whose level drifts. None: the data as they are.
    loss : {"log_loss", "ctc"}, default="log_loss"
        "log_loss", the cross-entropy. "ctc", connectionist temporal classification (Graves et al., ICML 2006): y is a
        list of label sequences (lists, or strings), shorter than those of X and not aligned with their time steps.
    beam_width : int, default=1
        With ``loss="ctc"``: hypotheses that `predict` follows, up to 1024; 1 takes the best label of each step.
    class_weight : dict, "balanced" or None, default=None
        Factors on the sample weights by class; "balanced": inversely proportional to the (weighted) class
        frequencies; with several labels per sequence the factors of the labels multiply, and a dict is refused.
    init : {"auto", "linear", "minirocket", "ngrams"}, classifier or None, default="auto"
        What the network starts from and corrects. "linear": a ridge classifier on the newest steps (as many as the
        shortest sequence has, up to 1024 inputs, at least one), fitted in closed form, its scores made log-odds by the
        rows that it has not seen; six tenths of them are added to the network's outputs. "minirocket": the same on
        about 2,000 features of the whole sequence, the shares of its steps at which dilated kernels pass thresholds
        (Dempster, Schmidt & Webb, KDD 2021); all of them are added, or four times as much where no rows are held out.
        "ngrams", where all features are tokens (``embedding_dim``): on counts of up to five tokens in a row, tf-idf,
        with its strength by rows left out. A classifier with ``predict_proba``: a clone, fitted to the scaled newest
        steps. "auto": "ngrams" for tokens and up to 50 classes, if it knows more of rows left out than their mean;
        "minirocket" for less than 10,000 sequences of numbers with 60 steps or more, "linear" for others, None with
        ``return_sequences`` and in ``partial_fit``. None: the network alone.
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
    learning_rate_schedule : {"auto", "cosine", "one_cycle", "plateau"} or None, default="auto"
        "cosine": down to 0 over ``max_iter`` epochs; "one_cycle": up for the first 30 %, then down; "plateau": halved
        after ``n_iter_no_change // 2`` epochs without improvement. None: constant. "auto": "cosine" for less
        than 1024 different rows without a validation part, else None.
    weight_decay : float, default=0.0
        Each update multiplies the weights by ``1 - learning_rate * weight_decay``; at least 0.
    max_grad_norm : float or None, default=1.0
        The gradient of a mini-batch is scaled down to this 2-norm if it is longer (Pascanu, Mikolov & Bengio, ICML
        2013). None: no bound.
    bptt_steps : int, default=None
        Truncated back-propagation through time: gradients cross no boundary between blocks of this number of steps
        (segments), counted from the end of the longest sequence of a mini-batch. None: through the whole sequence.
    batch_size : int or "auto", default="auto"
        Sequences per update; at least 1. More are faster per epoch and need more epochs. "auto": 32, or 16 for less
        than 512 different rows, or 8 for less than 64.
    max_iter : int, default=100
        Epochs at most; at least 1.
    shuffle : bool, default=True
        Whether each epoch takes the sequences in a new order. The time steps of a sequence always keep theirs.
    early_stopping : bool or "auto", default="auto"
        Whether to hold out the last ``validation_fraction`` of the rows, the last of each class, stop when
        their loss no longer improves, and restore the weights of the best epoch. Without it the training loss
        decides, see ``n_iter_no_change``; the weights of its best epoch stay. What the network starts from stays if no
        epoch is better by more than a standard error. "auto": where there are 10,000 different rows or more, or 20 with
        ``init="minirocket"`` or "ngrams", of classes with more than three; not in ``partial_fit``.
    validation_fraction : float, default=0.1
        In (0, 1); only used with ``early_stopping``.
    n_iter_no_change : int, default=10
        Epochs without an improvement of at least ``tol`` after which training stops; without a validation part and a
        schedule it first goes back to its best weights, twice, with three tenths of the step. A "cosine" or "one_cycle"
        that no validation part ends goes on until ``max_iter``, or a loss below ``tol``.
    tol : float, default=1e-4
        Improvement of the cross-entropy, in nats, that counts; at least 0.
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
    classes_ : ndarray of shape (n_classes,)
        The classes, sorted, of the dtype of y; the numbers of the labels if y was a label indicator matrix.
    weights_ : dict of str to ndarray
        Trained weights (of the first network), float32, under torch's names: ``rnn.weight_ih_l0``, …, ``head.bias``.
    network_ : torch.nn.Module
        The (first) network in torch, built from ``weights_`` when asked for. It reads scaled inputs and returns the
        scores that become probabilities, where `predict` takes the user's units and gives classes.
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
        Targets per sequence (per time step, with ``return_sequences``).
    categories_ : list of ndarray
        Of each feature, sorted, None for one of numbers; only where X holds categories.
    n_features_in_ : int
        Columns of a 2-D X; features per time step of any other X.
    feature_names_in_ : ndarray of str
        Names of the columns, if X was a data frame or a list of data frames with string columns.

    See Also
    --------
    RNNRegressor : Sequences to numbers.
    RNNSequenceTransformer : Sequences to features.

    Examples
    --------
    >>> import numpy as np
    >>> from skrnn import RNNClassifier
    >>> rng = np.random.default_rng(0)
    >>> X = [rng.normal(size=(length, 2)) for length in rng.integers(3, 9, size=100)]
    >>> y = ["up" if sequence[0, 0] > 0 else "down" for sequence in X]  # said by the first step
    >>> model = RNNClassifier(random_state=0).fit(X, y)
    >>> model.score(X, y)
    1.0
    """

    classes_ = FromFit(lambda fitted: fitted.task.known)

    _task_types: ClassVar[tuple[type[Task], ...]] = (Classes, Labels, Alignments)
    _parameter_constraints: ClassVar[dict[str, Any]] = {
        **SHARED_CONSTRAINTS,
        "categorical_features": CATEGORICAL,
        "segment": [*SEGMENT, Options({"auto"})],
        "pooling": [*POOLING, Options({"auto"})],
        "batch_size": [*SHARED_CONSTRAINTS["batch_size"], Options({"auto"})],
        "learning_rate_schedule": [*SHARED_CONSTRAINTS["learning_rate_schedule"], Options({"auto"})],
        "return_sequences": ["boolean"],
        "loss": [Options({"log_loss", "ctc"})],
        "beam_width": _BEAMS,
        "class_weight": [dict, Options({"balanced"}), None],
        "init": INIT,
        "initial_weights": INITIAL_WEIGHTS,
        "freeze": FREEZE,
        "n_networks": NETWORKS,
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
        segment: Any = "auto",
        segment_stride: int | None = None,
        pooling: Any = "auto",
        return_sequences: bool = False,
        scaling: str | None = "standard",
        loss: str = "log_loss",
        beam_width: int = 1,
        class_weight: Any = None,
        init: str | None = "auto",
        initial_weights: dict[str, Any] | None = None,
        freeze: Any = None,
        n_networks: int = 1,
        optimizer: str = "adam",
        learning_rate: float = 1e-2,
        learning_rate_schedule: str | None = "auto",
        weight_decay: float = 0.0,
        max_grad_norm: float | None = 1.0,
        bptt_steps: int | None = None,
        batch_size: int | Literal["auto"] = "auto",
        max_iter: int = 100,
        shuffle: bool = True,
        early_stopping: bool | Literal["auto"] = "auto",
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
        self.pooling = pooling
        self.return_sequences = return_sequences
        self.scaling = scaling
        self.loss = loss
        self.beam_width = beam_width
        self.class_weight = class_weight
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
        self.n_iter_no_change = n_iter_no_change
        self.tol = tol
        self.warm_start = warm_start
        self.random_state = random_state
        self.verbose = verbose
        self.n_jobs = n_jobs
        self.device = device
        self.engine = engine

    def predict_proba(self, X: Any) -> Doubles:
        """Predict the probability of each class.

        Parameters
        ----------
        X : array-like, data frame or list of arrays
            Sequences, in a form that `fit` takes, with the same features.

        Returns
        -------
        probabilities : float64 array of shape (n_samples, n_classes)
            In the order of ``classes_``; rows sum to 1. With several labels per sequence, the probability of each
            label. With ``loss="ctc"``, of the blank and then of each label, at every time step. With
            ``return_sequences``, (n_samples, n_timesteps, n_classes), NaN where X has padding, or a list of
            (n_timesteps_i, n_classes) arrays if X is a list.

        Raises
        ------
        sklearn.exceptions.NotFittedError
            Before `fit`.
        ValueError, TypeError
            If X is not usable; the message says where and what to do.
        """
        return self._answer("predict_proba", X)

    def decision_function(self, X: Any) -> Doubles:
        """Confidence scores: the network's outputs before they become probabilities.

        Parameters
        ----------
        X : array-like, data frame or list of arrays
            Sequences, as in `predict_proba`.

        Returns
        -------
        scores : float64 array of shape (n_samples, n_classes)
            Log-probabilities up to a constant per row. With two classes, the log-odds of ``classes_[1]``,
            (n_samples,); with several labels per sequence, the log-odds of each label. With ``return_sequences``, per
            time step as in `predict_proba`.

        Raises
        ------
        sklearn.exceptions.NotFittedError
            Before `fit`.
        ValueError, TypeError
            If X is not usable.
        """
        return self._answer("decision_function", X)

    def predict(self, X: Any) -> Any:
        """Predict the class of each sequence.

        Parameters
        ----------
        X : array-like, data frame or list of arrays
            Sequences, as in `predict_proba`.

        Returns
        -------
        y : array of shape (n_samples,)
            The most probable class. With several labels per sequence, an indicator matrix (n_samples, n_labels) of the
            labels whose probability is above 0.5. With ``return_sequences``, a class per time step: (n_samples,
            n_timesteps), None (NaN, if the classes are floats) where X has padding, or a list if X is a list. With
            ``loss="ctc"``, a list of n_samples lists of labels, or strings.

        Raises
        ------
        sklearn.exceptions.NotFittedError
            Before `fit`.
        ValueError, TypeError
            If X is not usable.
        """
        beam_width = check_arguments(type(self).__name__, {"beam_width": _BEAMS}, beam_width=self.beam_width)
        return self._answer("predict", X, beam_width["beam_width"])

    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        """The part of the sequences, or of the time steps with a label, whose class is predicted right.

        Parameters
        ----------
        X : array-like, data frame or list of arrays
            Sequences, as in `predict`.
        y : array-like of shape (n_samples,)
            True classes, as in `fit`; time steps without one are not scored.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the sequences, or with ``return_sequences`` of the time steps.

        Returns
        -------
        score : float
            The accuracy, from 0 to 1. With several labels, all of them have to be right; with ``loss="ctc"``, the whole
            sequence of labels.

        Raises
        ------
        sklearn.exceptions.NotFittedError
            Before `fit`.
        ValueError, TypeError
            If X or y is not usable.
        """
        return self._score(X, y, sample_weight)

    @all_or_nothing
    def partial_fit(self, X: Any, y: Any, classes: Any = None, sample_weight: Any = None) -> Self:
        """Train for one more epoch, on these rows.

        The first call fixes the classes and the scaling; later ones go on with the weights and the optimizer's state.

        Parameters
        ----------
        X : array-like, data frame or list of arrays
            Sequences, as in `fit`.
        y : array-like of shape (n_samples,)
            Classes of the sequences.
        classes : array-like of shape (n_classes,), default=None
            All classes that will ever come; needed in the first call.
        sample_weight : array-like of shape (n_samples,) or float, default=None
            Weights of the sequences.

        Returns
        -------
        self : RNNClassifier

        Raises
        ------
        ValueError, TypeError
            If the data or a parameter are not usable, or do not continue those of the first call.
        skrnn.DivergenceError
            If the loss is no longer finite; the estimator is then as it was before the call.
        """
        known = SimpleNamespace(classes_=self.classes_ if self.__sklearn_is_fitted__() else None)
        _check_partial_fit_first_call(known, classes)
        return self._partial_fit(X, y, sample_weight, known.classes_)

    def _task(self) -> Task:
        name = type(self).__name__
        if self.loss == "ctc":
            for parameter in ("return_sequences", "segment", "class_weight"):
                value = getattr(self, parameter)
                if value and value != "auto":
                    raise InvalidParameterError(
                        f"{parameter}={value!r} of {name} needs labels of time steps or sequences, and loss='ctc' has "
                        "labels that belong to none. Leave it out."
                    )
            refuse_pooling_of_steps(self.pooling, "loss='ctc'", name)
            refuse_linear_of_steps(self.init, "loss='ctc'", name)
            return Alignments()
        task = Classes(self.class_weight)
        if self.embedding_dim is not None and self.categorical_features is None:
            refuse_start_from_numbers(self.init, "embedding_dim", name)
        if not self.return_sequences:
            return task
        refuse_segments_of_steps(self.segment, name)
        refuse_pooling_of_steps(self.pooling, "return_sequences=True", name)
        refuse_linear_of_steps(self.init, "return_sequences=True", name)
        return EveryStep(task)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = True
        return tags


RNNClassifier.__module__ = "skrnn"  # the name that users import and pickles hold

"""Sequences to sequences of another length."""

from __future__ import annotations

from typing import Any, ClassVar, Literal, Self

from sklearn.utils.validation import check_is_fitted

from skrnn._constraints import Options, check_arguments, integers, reals, several_integers
from skrnn._types import Doubles, Integers
from skrnn.estimators._answering import AnsweringRNN
from skrnn.estimators._fitted import Fitted, FromFit
from skrnn.estimators._parameters import SHARED_CONSTRAINTS, count_threads
from skrnn.networks import CELLS, Search, resolve_device, resolve_engine
from skrnn.sequences import SequenceBatch
from skrnn.tasks import Task, Tokens
from skrnn.training import predict_attention, predict_tokens

__all__ = ["RNNSeq2Seq"]

_FLAG = {"return_scores": ["boolean"]}


class RNNSeq2Seq(AnsweringRNN):
    """Sequences to sequences of tokens of any length: translation, spelling to sound, captions.

    A recurrent encoder reads X, a recurrent decoder writes y token by token. Minimises the cross-entropy of the tokens.
    Targets are lists of tokens (strings or integers), or strings, which are read, and written again, by characters.

    Parameters
    ----------
    cell : {"rnn", "gru", "lstm", "mingru"}, default="gru"
        The recurrent cell of the encoder and of the decoder: vanilla (Elman), gated recurrent unit, long short-term
        memory, minimal GRU (Feng et al., 2024).
    hidden_size : int, default=32
        Features of the hidden state, per layer and direction; at least 1. More can express more, cost time with their
        square, and overfit small data.
    num_layers : int, default=1
        Recurrent layers of the encoder, and of the decoder, each reading the states of the one below; 1 to 1024.
    nonlinearity : {"tanh", "relu"}, default="tanh"
        Of the "rnn" cell only.
    bidirectional : bool, default=False
        Whether the encoder reads each sequence backwards too. The features of both directions are concatenated.
    dropout : float, default=0.0
        Probability, in [0, 1), that an output of a layer is set to zero in training.
    embedding_dim : int, default=None
        X holds categories, integers or strings, and each becomes this number of trained values; features of a step
        have tables of their own. Categories that `fit` did not see, and missing ones, share one row, which is trained
        too: rare ones are sometimes read as unknown. None: X holds numbers.
    target_embedding_dim : int, default=32
        Numbers that stand for a token where the decoder reads it; at least 1.
    attention : {"luong"} or None, default="luong"
        How the decoder looks back at the steps of X: "luong", global attention with the general score (Luong, Pham &
        Manning, EMNLP 2015). None: it knows only the encoder's last state, which limits the length of what it can
        write.
    softmax : {"full", "adaptive"}, default="full"
        What turns the decoder's states into probabilities. "full": a score for each token, whose cost grows with their
        number. "adaptive": for thousands of different tokens in y and more, several times cheaper. Frequent tokens have
        a score each, rarer ones stand in clusters, each with one score and a softmax within (Grave et al., "Efficient
        softmax approximation for GPUs", ICML 2017). The probabilities are exactly those of this model, and searches
        find what they would find among all of them. Of the tables of embeddings, of X and of y, an update moves only
        the rows that its mini-batch reads.
    cutoffs : "auto" or list of int, default="auto"
        Of ``softmax="adaptive"``: how many of the most frequent tokens of y have a score of their own, beside the end
        of a sequence, and how many stand in front of each further cluster, as in `torch.nn.AdaptiveLogSoftmaxWithLoss`;
        increasing, from 1 to one less than the number of tokens. "auto": what is cheapest by the frequencies of the
        tokens; up to four clusters, and none where y has less than a thousand different tokens. A fit that goes on from
        an earlier one (``warm_start``) keeps what that began with.
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
        "standard": each input feature has mean 0 and standard deviation 1 over the training set. "last"
        also takes the last value of each sequence off it, "window" its mean and, by division, its standard deviation:
        for series whose level drifts. None: the data as they are.
    scheduled_sampling : float, default=0.0
        In training the decoder reads the right token before each one that it writes (teacher forcing). This part of
        them, in [0, 1], is drawn from its own predictions instead in the last epoch; the part grows from 0 in
        proportion to the epochs (Bengio et al., NIPS 2015).
    beam_width : int, default=1
        Hypotheses that `predict` follows, up to 1024; 1 is the greedy search. More take proportionally longer.
    length_penalty : float, default=1.0
        Hypotheses are ranked by log-probability / length ** length_penalty; at least 0. Smaller prefers shorter ones.
    max_length : int or None, default=None
        Tokens that `predict` writes at most; 1 to 1048576. None: twice the longest target of `fit`.
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
        Whether to hold out the last ``validation_fraction`` of the rows, stop when their loss no longer
        improves, and restore the weights of the best epoch. Without it the training loss decides, see
        ``n_iter_no_change``; the weights of its best epoch stay.
    validation_fraction : float, default=0.1
        In (0, 1); only used with ``early_stopping``.
    n_iter_no_change : int, default=10
        Epochs without an improvement of at least ``tol`` after which training stops; without a validation part and a
        schedule it first goes back to its best weights, twice, with three tenths of the step. A "cosine" or "one_cycle"
        that no validation part ends goes on until ``max_iter``, or a loss below ``tol``.
    tol : float, default=1e-4
        Improvement of the cross-entropy of a token, in nats, that counts; at least 0.
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
    tokens_ : ndarray of shape (n_tokens,)
        The tokens of y, sorted; with ``softmax="adaptive"``, the most frequent one first.
    weights_ : dict of str to ndarray
        Trained weights, float32, under torch's names: ``rnn.weight_ih_l0``, …, ``head.bias``.
    network_ : torch.nn.Module
        The network in torch, built from ``weights_`` when asked for. It reads scaled inputs and, as ``tokens``, what
        the decoder has written so far: 0, and then numbers from 1 on in the order of ``tokens_``. It returns scores
        whose softmax is the probability of each next one (0: the end); with ``softmax="adaptive"`` its logarithm, which
        is such a score.
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
        1: a token is written at a time.
    categories_ : list of ndarray
        Of each feature, sorted; only with ``embedding_dim``.
    n_features_in_ : int
        Columns of a 2-D X; features per time step of any other X.
    feature_names_in_ : ndarray of str
        Names of the columns, if X was a data frame or a list of data frames with string columns.

    See Also
    --------
    RNNClassifier : One class per sequence, or per time step.

    Examples
    --------
    >>> from skrnn import RNNSeq2Seq
    >>> X = [[a, b, c] for a in range(4) for b in range(4) for c in range(4)]
    >>> y = ["".join("abcd"[token] for token in reversed(row)) for row in X]
    >>> model = RNNSeq2Seq(embedding_dim=8, hidden_size=16, max_iter=60, random_state=0).fit(X, y)
    >>> model.predict([[0, 1, 2]])
    ['cba']
    """

    tokens_ = FromFit(lambda fitted: fitted.task.known)

    _task_types: ClassVar[tuple[type[Task], ...]] = (Tokens,)
    _parameter_constraints: ClassVar[dict[str, Any]] = {
        **SHARED_CONSTRAINTS,
        "cell": [Options(set(CELLS))],
        "target_embedding_dim": [integers(1)],
        "attention": [Options({"luong"}), None],
        "softmax": [Options({"full", "adaptive"})],
        "cutoffs": [Options({"auto"}), several_integers(1)],
        "scheduled_sampling": [reals(0, 1, "both")],
        "beam_width": [integers(1, 1024)],
        "length_penalty": [reals(0, None, "left")],
        "max_length": [integers(1, 2**20), None],
    }

    def __init__(
        self,
        *,
        cell: str = "gru",
        hidden_size: int = 32,
        num_layers: int = 1,
        nonlinearity: str = "tanh",
        bidirectional: bool = False,
        dropout: float = 0.0,
        embedding_dim: int | None = None,
        target_embedding_dim: int = 32,
        attention: str | None = "luong",
        softmax: str = "full",
        cutoffs: Any = "auto",
        features_per_step: int | Literal["all"] = 1,
        segment: int | None = None,
        segment_stride: int | None = None,
        scaling: str | None = "standard",
        scheduled_sampling: float = 0.0,
        beam_width: int = 1,
        length_penalty: float = 1.0,
        max_length: int | None = None,
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
        self.target_embedding_dim = target_embedding_dim
        self.attention = attention
        self.softmax = softmax
        self.cutoffs = cutoffs
        self.features_per_step = features_per_step
        self.segment = segment
        self.segment_stride = segment_stride
        self.scaling = scaling
        self.scheduled_sampling = scheduled_sampling
        self.beam_width = beam_width
        self.length_penalty = length_penalty
        self.max_length = max_length
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

    def fit(
        self,
        X: Any,
        y: Any,
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
            Sequences, as every estimator takes them: 3-D, 2-D, or a list of sequences of different lengths; with
            ``embedding_dim`` of categories, or strings, which are read by characters. ``features_per_step="all"`` reads
            each row of a table as a single step.
        y : list of n_samples lists of tokens, or of n_samples strings
            Targets, of any lengths, 0 included. Tokens are strings or integers.
        sample_weight : array-like of shape (n_samples,) or float, default=None
            Weights of the sequences, not negative.
        X_val, y_val, sample_weight_val : default=None
            Sequences to validate on, in the form of X, y and sample_weight, in the place of the
            ``validation_fraction``. Nothing is learnt from them but when to stop and which epoch is best.

        Returns
        -------
        self : RNNSeq2Seq
            Fitted. Every call starts afresh unless ``warm_start=True``.

        Raises
        ------
        ValueError, TypeError
            If X, y, sample_weight or a parameter is not usable; the message says where and what to do.
        skrnn.DivergenceError
            If the training loss is no longer finite. The estimator is then as it was before the call.
        """
        return super().fit(X, y, sample_weight, X_val=X_val, y_val=y_val, sample_weight_val=sample_weight_val)

    def predict(self, X: Any, *, return_scores: bool = False) -> Any:
        """Write a sequence of tokens for each sequence.

        Parameters
        ----------
        X : array-like, data frame or list of arrays
            Sequences, in a form that `fit` takes, with the same features.
        return_scores : bool, default=False
            Whether to return how probable the sequences are, too.

        Returns
        -------
        y : list of n_samples lists of tokens, or strings, as y was in `fit`
            The best that the search finds.
        scores : float64 array of shape (n_samples,)
            The log-probability of each, its end included; only with ``return_scores``.

        Raises
        ------
        sklearn.exceptions.NotFittedError
            Before `fit`.
        ValueError, TypeError
            If X is not usable; the message says where and what to do.
        """
        checked = check_arguments(f"{type(self).__name__}.predict", _FLAG, return_scores=return_scores)
        fitted, batch = self._read(X)
        numbers, scores = self._search(fitted, batch)
        y = _tokens(fitted).written(numbers)
        return (y, scores) if checked["return_scores"] else y

    def attention_weights(self, X: Any, y: Any = None) -> list[Doubles]:
        """How much each token looks at each time step of its sequence.

        Parameters
        ----------
        X : array-like, data frame or list of arrays
            Sequences, as in `predict`.
        y : list of n_samples lists of tokens, or of strings, default=None
            What is written. None: what `predict` writes.

        Returns
        -------
        weights : list of n_samples float64 arrays of shape (n_tokens_i, n_timesteps_i)
            Rows sum to 1. With ``segment``, a column per segment.

        Raises
        ------
        sklearn.exceptions.NotFittedError
            Before `fit`.
        ValueError, TypeError
            If X or y is not usable, or the network has no attention.
        """
        check_is_fitted(self)
        if self._fitted.spec.attention is None:
            raise ValueError(f"{type(self).__name__} was fitted with attention=None: there are no weights to show.")
        fitted, batch = self._read(X)
        if y is None:
            numbers = self._search(fitted, batch)[0]
        else:
            numbers = _tokens(fitted).numbers(y, batch.n_samples, type(self).__name__)
        return predict_attention(*fitted.network, batch, numbers, **self._resources(fitted))

    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        """The part of the sequences that is predicted exactly, token by token.

        Parameters
        ----------
        X : array-like, data frame or list of arrays
            Sequences, as in `predict`.
        y : list of n_samples lists of tokens, or of strings
            What should be written.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the sequences.

        Returns
        -------
        score : float
            From 0 to 1.

        Raises
        ------
        sklearn.exceptions.NotFittedError
            Before `fit`.
        ValueError, TypeError
            If X or y is not usable.
        """
        return self._score(X, y, sample_weight)

    def _search(self, fitted: Fitted, batch: SequenceBatch) -> tuple[list[Integers], Doubles]:
        """Token numbers and log-probabilities of what is written for each sequence."""
        self._validate_params()
        longest = max(2 * _tokens(fitted).longest, 1) if self.max_length is None else int(self.max_length)
        search = Search(int(self.beam_width), float(self.length_penalty), longest)
        options = self._resources(fitted)
        return predict_tokens(*fitted.network, batch, search, **options)

    def _resources(self, fitted: Fitted) -> dict[str, Any]:
        device = resolve_device(self.device, fitted.spec)
        engine = resolve_engine(self.engine, fitted.spec, device)
        return {"device": device, "engine": engine, "n_threads": count_threads(self.n_jobs)}

    def _task(self) -> Tokens:
        return Tokens(by_frequency=self.softmax == "adaptive")

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.required = True
        return tags


def _tokens(fitted: Fitted) -> Tokens:
    assert isinstance(fitted.task, Tokens)
    return fitted.task


RNNSeq2Seq.__module__ = "skrnn"  # the name that users import and pickles hold

"""Texts to more text."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, ClassVar, Self

import numpy as np
from sklearn.utils import check_random_state
from sklearn.utils._param_validation import InvalidParameterError
from sklearn.utils.validation import check_is_fitted

from skrnn._constraints import Options, check_arguments, integers, plain, reals, several_integers
from skrnn._texts import shown
from skrnn._types import Doubles
from skrnn._warnings import warn_caller
from skrnn.estimators._base import BaseRNN
from skrnn.estimators._parameters import SHARED_CONSTRAINTS
from skrnn.estimators._writing import drawn_tokens, prompts_in, scores_behind, scores_behind_all
from skrnn.networks import CELLS, NetworkSpec
from skrnn.objectives import softmax
from skrnn.sequences import SequenceBatch, read_X
from skrnn.tasks import NextToken, Task, close_texts, open_texts, token_log_probabilities

__all__ = ["RNNLanguageModel"]

_SAMPLING = {"length": [integers(0)], "temperature": [reals(0, None, "left")], "top_k": [integers(1), None]}
_MOST = 2**53  # of tokens that are integers
_SEED = {"random_state": ["random_state"]}
_OF_OTHERS = ("bidirectional", "features_per_step", "segment", "segment_stride", "scaling")


class RNNLanguageModel(BaseRNN):
    """Language model: the probability of the next token, given all tokens before it; and texts drawn from it.

    Texts are strings, read by characters, or lists of tokens (strings or integers). Minimises the cross-entropy of each
    token but a text's first.

    Parameters
    ----------
    cell : {"rnn", "gru", "lstm", "mingru"}, default="gru"
        The recurrent cell: vanilla (Elman), gated recurrent unit, long short-term memory, minimal GRU (Feng et al.,
        2024).
    hidden_size : int, default=32
        Features of the hidden state, per layer and direction; at least 1. More can express more, cost time with their
        square, and overfit small data.
    num_layers : int, default=1
        Recurrent layers, each reading the states of the one below; 1 to 1024.
    nonlinearity : {"tanh", "relu"}, default="tanh"
        Of the "rnn" cell only.
    dropout : float, default=0.0
        Probability, in [0, 1), that an output of a layer is set to zero in training.
    embedding_dim : int, default=32
        Trained numbers that stand for a token; at least 1.
    end_of_text : str, int or None, default=None
        A token that stands in no text, which `fit` and the scores put behind each: it is learnt where texts end, and
        `sample` stops there. Of texts that are strings, one character such as "\\n". None: texts do not end.
    softmax : {"full", "adaptive"}, default="full"
        What turns states into probabilities. "full": a score for each token, whose cost grows with their number.
        "adaptive": for thousands of different tokens and more, several times cheaper. Frequent tokens have a score
        each, rarer ones stand in clusters, each with one score and a softmax within (Grave et al., "Efficient softmax
        approximation for GPUs", ICML 2017). The probabilities are exactly those of this model, and sum to 1.
    cutoffs : "auto" or list of int, default="auto"
        Of ``softmax="adaptive"``: how many of the most frequent tokens have a score of their own, and how many stand in
        front of each further cluster, as in `torch.nn.AdaptiveLogSoftmaxWithLoss`; increasing, from 1 to one less than
        the number of tokens. "auto": what is cheapest by the frequencies of the tokens; up to four clusters, and none
        where there are less than a thousand different tokens. A fit that goes on from an earlier one (``warm_start``)
        keeps what that began with.
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
    bptt_steps : int or None, default=64
        Truncated back-propagation through time: an update for each chunk of this number of tokens; the state is carried
        on from one to the next, the gradient is not. Memory does not grow with the length of the texts. None: through
        whole texts.
    batch_size : int, default=32
        Texts that are read side by side; at least 1. If there are fewer, long ones are cut until there are this many.
    max_iter : int, default=100
        Epochs at most; at least 1.
    shuffle : bool, default=True
        Whether each epoch takes the sequences in a new order. The time steps of a sequence always keep theirs.
    early_stopping : bool, default=False
        Whether to hold out the last ``validation_fraction`` of the texts (after long ones are cut, see
        ``batch_size``), stop when their loss no longer improves, and restore the weights of the best epoch.
        Without it the training loss decides, see ``n_iter_no_change``; the weights of its best epoch stay.
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
    categories_ : list of one ndarray
        The tokens, sorted; with ``softmax="adaptive"``, the most frequent one first. A token that `fit` did not see is
        read as unknown, and not scored.
    weights_ : dict of str to ndarray
        Trained weights, float32, under torch's names: ``rnn.weight_ih_l0``, …, ``head.bias``.
    network_ : torch.nn.Module
        The network in torch, built from ``weights_`` when asked for. It reads the numbers of tokens, from 1 on in the
        order of ``categories_[0]`` (0: unknown), and returns scores whose softmax is the probability of each next one;
        with ``softmax="adaptive"`` its logarithm, which is such a score.
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
        1: the next token.
    n_features_in_ : int
        1: a token per step.

    See Also
    --------
    RNNSeq2Seq : Text for each of many inputs.

    Examples
    --------
    >>> from skrnn import RNNLanguageModel
    >>> model = RNNLanguageModel(hidden_size=16, max_iter=30, random_state=0).fit("abracadabra " * 50)
    >>> model.sample("abrac", length=7, temperature=0.1, random_state=0)
    'adabra '
    >>> bool(model.perplexity("abracadabra abracadabra") < 1.5)
    True
    """

    _task_types: ClassVar[tuple[type[Task], ...]] = (NextToken,)
    _parameter_constraints: ClassVar[dict[str, Any]] = {
        **{name: SHARED_CONSTRAINTS[name] for name in SHARED_CONSTRAINTS if name not in _OF_OTHERS},
        "cell": [Options(set(CELLS))],
        "embedding_dim": [integers(1)],
        "end_of_text": [str, integers(-_MOST, _MOST), None],
        "softmax": [Options({"full", "adaptive"})],
        "cutoffs": [Options({"auto"}), several_integers(1)],
    }

    def __init__(
        self,
        *,
        cell: str = "gru",
        hidden_size: int = 32,
        num_layers: int = 1,
        nonlinearity: str = "tanh",
        dropout: float = 0.0,
        embedding_dim: int = 32,
        end_of_text: str | int | None = None,
        softmax: str = "full",
        cutoffs: Any = "auto",
        optimizer: str = "adam",
        learning_rate: float = 1e-2,
        learning_rate_schedule: str | None = None,
        weight_decay: float = 0.0,
        max_grad_norm: float | None = 1.0,
        bptt_steps: int | None = 64,
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
        self.embedding_dim = embedding_dim
        self.end_of_text = end_of_text
        self.softmax = softmax
        self.cutoffs = cutoffs
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
        y: Any = None,
        sample_weight: Any = None,
        *,
        X_val: Any = None,
        y_val: Any = None,
        sample_weight_val: Any = None,
    ) -> Self:
        """Learn which token follows.

        Parameters
        ----------
        X : str, list of str, or list of lists of tokens
            A text, or several.
        y : ignored
            For compatibility with scikit-learn.
        sample_weight : array-like of shape (n_texts,) or float, default=None
            Weights of the texts, not negative.
        X_val, sample_weight_val : default=None
            Texts to validate on, in the place of the ``validation_fraction``, and their weights.
        y_val : ignored
            For compatibility with scikit-learn.

        Returns
        -------
        self : RNNLanguageModel
            Fitted. Every call starts afresh unless ``warm_start=True``.

        Raises
        ------
        ValueError, TypeError
            If X, sample_weight or a parameter is not usable; the message says where and what to do.
        skrnn.DivergenceError
            If the training loss is no longer finite. The estimator is then as it was before the call.
        """
        return super().fit(X, None, sample_weight, X_val=X_val, sample_weight_val=sample_weight_val)

    def score_samples(self, X: Any) -> Doubles:
        """The log-probability of each text, given its first token.

        Parameters
        ----------
        X : str, list of str, or list of lists of tokens
            Texts.

        Returns
        -------
        log_probabilities : float64 array of shape (n_texts,)
            In nats. Tokens that `fit` did not see are left out.

        Raises
        ------
        sklearn.exceptions.NotFittedError
            Before `fit`.
        ValueError, TypeError
            If X is not usable.
        """
        return np.array([scores.sum() for scores in self._scores(X)])

    def score(self, X: Any, y: Any = None) -> float:
        """The mean log-probability of a token; minus the cross-entropy in nats.

        The network gives a part of the probability to a token that it does not know, less the longer it learns;
        `predict_proba` and `sample` leave that out, so that theirs are a little larger.

        Parameters
        ----------
        X : str, list of str, or list of lists of tokens
            Texts.
        y : ignored
            For compatibility with scikit-learn.

        Returns
        -------
        score : float
            At most 0.

        Raises
        ------
        sklearn.exceptions.NotFittedError
            Before `fit`.
        ValueError, TypeError
            If X is not usable.
        """
        scores = np.concatenate(self._scores(X))
        if not len(scores):
            raise ValueError("X has no token to score: a text needs two tokens, of which `fit` has seen the second.")
        return float(scores.mean())

    def perplexity(self, X: Any) -> float:
        """exp of minus `score`: between how many equally likely tokens the model chooses, on average.

        Parameters
        ----------
        X : str, list of str, or list of lists of tokens
            Texts.

        Returns
        -------
        perplexity : float
            At least 1; the number of tokens for a model that knows nothing.

        Raises
        ------
        sklearn.exceptions.NotFittedError
            Before `fit`.
        ValueError, TypeError
            If X is not usable.
        """
        return float(np.exp(-self.score(X)))

    def sample(
        self,
        prompt: Any,
        length: int = 100,
        temperature: float = 1.0,
        top_k: int | None = None,
        *,
        random_state: Any = None,
    ) -> Any:
        """Draw a continuation of a text, or of each of several.

        Parameters
        ----------
        prompt : str, list of tokens, or list of these
            How the text begins; at least one token. A list of single characters is one prompt.
        length : int, default=100
            Tokens to draw at most, until ``end_of_text``; at least 0.
        temperature : float, default=1.0
            Log-probabilities are divided by it; at least 0. Smaller is more predictable; 0 takes the most probable
            token each time.
        top_k : int or None, default=None
            Draw from this number of the most probable tokens only; at least 1. None: from all.
        random_state : int, RandomState instance or None, default=None
            Of the draws.

        Returns
        -------
        continuation : str, list of tokens, or list of these
            As the prompt, which is not repeated; without ``end_of_text``.

        Raises
        ------
        sklearn.exceptions.NotFittedError
            Before `fit`.
        ValueError, TypeError
            If an argument is not usable.
        """
        check_is_fitted(self)
        caller = f"{type(self).__name__}.sample"
        checked = check_arguments(caller, _SAMPLING, length=length, temperature=temperature, top_k=top_k)
        length, temperature, top_k = checked.values()
        check_arguments(caller, _SEED, random_state=random_state)
        known = self._fitted.columns.categories[0]
        prompts, alone = prompts_in(prompt, known)
        rng, found = check_random_state(random_state), []
        end = self._end()
        for given, (stream, scores) in zip(prompts, self._behind(prompts), strict=True):
            drawn = drawn_tokens(stream, scores, length, temperature, top_k, end, rng)
            tokens = known[drawn].tolist() if drawn else []
            found.append("".join(tokens) if isinstance(given, str) else tokens)
        return found[0] if alone else found

    def predict_proba(self, prompt: Any) -> Doubles:
        """The probability of each token to come next.

        Parameters
        ----------
        prompt : str, list of tokens, or list of these
            A text, or several, as in `sample`.

        Returns
        -------
        probabilities : float64 array of shape (n_tokens,), or (n_prompts, n_tokens) of a list of prompts
            In the order of ``categories_[0]``; they sum to 1.

        Raises
        ------
        sklearn.exceptions.NotFittedError
            Before `fit`.
        ValueError, TypeError
            If a prompt is not usable.
        """
        check_is_fitted(self)
        prompts, alone = prompts_in(prompt, self._fitted.columns.categories[0])
        found = softmax(scores_behind_all(*self._fitted.network, self._read(prompts)))
        return np.asarray(found[0] if alone else found)

    def _end(self) -> int | None:
        """The number of the token at which texts end."""
        if self.end_of_text is None:
            return None
        self._validate_params()
        found = np.flatnonzero(self._fitted.columns.categories[0] == self.end_of_text).tolist()
        if not found:
            raise ValueError(f"end_of_text={self.end_of_text!r} ended no text in fit. Fit again with it.")
        return int(found[0])

    def _behind(self, prompts: list[Any]) -> Iterator[tuple[Any, Doubles]]:
        """For each prompt, the network that has read it, and its scores of the tokens that may follow."""
        return scores_behind(self._fitted.spec, self._fitted.weights, self._read(prompts))

    def _scores(self, X: Any) -> list[Doubles]:
        """The log-probabilities of the tokens of each text but its first."""
        check_is_fitted(self)
        self._end()
        texts = close_texts(open_texts(X, type(self).__name__), self.end_of_text)
        return token_log_probabilities(self._fitted.spec, self._fitted.weights, self._read(texts))

    def _read(self, X: Any) -> SequenceBatch:
        """Texts as sequences of token numbers; those that are not known are said."""
        name, columns = type(self).__name__, self._fitted.columns
        texts = open_texts(X, name)
        batch, _ = read_X(texts, name=name, embeds=True, characters=True, seen=columns)
        if (batch.steps == 0).any():
            known = set(columns.categories[0].tolist())
            found = (text if isinstance(text, str) else np.ravel(np.asarray(text, object)).tolist() for text in texts)
            odd = {token for tokens in found for token in tokens if token is not None and token == token} - known
            warn_caller(
                f"{int((batch.steps == 0).sum())} of {len(batch.steps)} tokens were not in the texts of fit "
                f"({shown(sorted(odd, key=str))}): {name} reads them as unknown, and does not score them.",
                UserWarning,
            )
        return batch

    def _task(self) -> NextToken:
        if NetworkSpec(1, 1, self.cell, 1).make_cell().kernels is None:
            raise InvalidParameterError(
                f"cell={self.cell!r} has no compiled kernels, with which {type(self).__name__} reads texts."
            )
        return NextToken(None, plain(self.batch_size), plain(self.bptt_steps), plain(self.end_of_text))

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.string = True
        tags.input_tags.two_d_array = tags.input_tags.three_d_array = False
        return tags


RNNLanguageModel.__module__ = "skrnn"  # the name that users import and pickles hold

"""Texts to sequences of token numbers: the sibling of scikit-learn's `CountVectorizer` that keeps the order."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Hashable, Iterable, Mapping
from numbers import Integral
from typing import Any, ClassVar

import numpy as np
from sklearn.base import BaseEstimator, _fit_context
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.utils.validation import check_is_fitted

from skrnn._atomic import all_or_nothing
from skrnn._constraints import HasMethods, Options, integers, listed, reals
from skrnn._outputs import SequencesOut
from skrnn._plain import require
from skrnn._state import PlainState
from skrnn._texts import TokenNumbers, refuse_no_texts
from skrnn._types import Array, Longs

__all__ = ["SequenceVectorizer"]

UNKNOWN = "<unknown>"

Document = Any
Sequences = list[Longs]


class SequenceVectorizer(PlainState, SequencesOut, BaseEstimator):
    """Texts to sequences of numbers, one number for each token, in the order of the text.

    The sibling of `sklearn.feature_extraction.text.CountVectorizer`, with its analysers and its words, for networks
    with ``embedding_dim``. Where CountVectorizer drops a token that is not in the vocabulary, here its place is kept by
    the number 0, so that sequences stay aligned with their text.

    Parameters
    ----------
    lowercase : bool, default=True
        Whether to turn all characters to lower case first.
    strip_accents : {"ascii", "unicode"}, callable or None, default=None
        How to remove accents first.
    preprocessor : callable or None, default=None
        Replaces ``strip_accents`` and ``lowercase``.
    tokenizer : callable or None, default=None
        Replaces ``token_pattern``; only with ``analyzer="word"``.
    stop_words : {"english"}, list or None, default=None
        Words to leave out; only with ``analyzer="word"``.
    token_pattern : str or None, default=r"(?u)\\b\\w\\w+\\b"
        Regular expression of a token; only with ``analyzer="word"``. The default takes words of two or more characters;
        r"\\S+" takes everything between spaces, punctuation too.
    analyzer : {"word", "char"} or callable, default="word"
        Whether tokens are words or characters; a callable makes a list of tokens of a document.
    min_df : int or float, default=1
        Tokens in fewer documents than this (an int), or than this part of them (a float in [0, 1]), are numbered 0.
    max_df : int or float, default=1.0
        The same for tokens in more documents.
    max_features : int or None, default=None
        Keep at most this number of tokens, the most frequent; of equally frequent ones the first in alphabetical order.
    vocabulary : mapping, iterable or None, default=None
        Tokens and their numbers, from 1 on; or tokens, which are numbered in their order. None: learnt in `fit`.

    Attributes
    ----------
    vocabulary_ : dict of str to int
        The number of each token, from 1 on. 0 is for all others.
    fixed_vocabulary_ : bool
        Whether the vocabulary was given.

    See Also
    --------
    skrnn.RNNClassifier : Reads these sequences with ``embedding_dim``.

    Examples
    --------
    >>> from skrnn.text import SequenceVectorizer
    >>> vectorizer = SequenceVectorizer().fit(["the cat sat", "the dog"])
    >>> vectorizer.vocabulary_
    {'cat': 1, 'dog': 2, 'sat': 3, 'the': 4}
    >>> vectorizer.transform(["the dog saw the cat"])
    [array([4, 2, 0, 4, 1])]
    """

    _of_fit: ClassVar[tuple[str, ...]] = ("vocabulary_", "fixed_vocabulary_")
    _parameter_constraints: ClassVar[dict[str, Any]] = {
        "lowercase": ["boolean"],
        "strip_accents": [Options({"ascii", "unicode"}), None, callable],
        "preprocessor": [callable, None],
        "tokenizer": [callable, None],
        "stop_words": [Options({"english"}), list, None],
        "token_pattern": [str, None],
        "analyzer": [Options({"word", "char"}), callable],
        "min_df": [reals(0, 1, "both"), integers(1)],
        "max_df": [reals(0, 1, "both"), integers(1)],
        "max_features": [integers(1), None],
        "vocabulary": [Mapping, HasMethods("__iter__"), None],
    }

    def __init__(
        self,
        *,
        lowercase: bool = True,
        strip_accents: Any = None,
        preprocessor: Any = None,
        tokenizer: Any = None,
        stop_words: Any = None,
        token_pattern: str | None = r"(?u)\b\w\w+\b",
        analyzer: Any = "word",
        min_df: float = 1,
        max_df: float = 1.0,
        max_features: int | None = None,
        vocabulary: Any = None,
    ):
        self.lowercase = lowercase
        self.strip_accents = strip_accents
        self.preprocessor = preprocessor
        self.tokenizer = tokenizer
        self.stop_words = stop_words
        self.token_pattern = token_pattern
        self.analyzer = analyzer
        self.min_df = min_df
        self.max_df = max_df
        self.max_features = max_features
        self.vocabulary = vocabulary

    def build_analyzer(self) -> Any:
        """The function that makes a list of tokens of a document: CountVectorizer's.

        Returns
        -------
        analyzer : callable

        Raises
        ------
        ValueError
            If ``token_pattern`` is needed and no regular expression.
        """
        if self.analyzer == "word" and self.tokenizer is None:
            try:
                re.compile(self.token_pattern or "")
            except re.error as error:
                raise ValueError(f"token_pattern={self.token_pattern!r} is no regular expression: {error}.") from error
            if self.token_pattern is None:
                raise ValueError("token_pattern=None needs a tokenizer, or analyzer='char'.")
        if isinstance(self.stop_words, list) and not all(isinstance(word, str) for word in self.stop_words):
            raise TypeError("stop_words must be a list of texts.")
        names = ("lowercase", "strip_accents", "preprocessor", "tokenizer", "stop_words", "token_pattern", "analyzer")
        return CountVectorizer(**{name: getattr(self, name) for name in names}).build_analyzer()

    def fit(self, raw_documents: Any, y: Any = None) -> SequenceVectorizer:
        """Learn the vocabulary.

        Parameters
        ----------
        raw_documents : iterable of str
            Texts, or whatever a callable ``analyzer`` takes.
        y : ignored
            For compatibility with scikit-learn.

        Returns
        -------
        self : SequenceVectorizer

        Raises
        ------
        ValueError
            If a document is missing, or no token is left.
        """
        self.fit_transform(raw_documents)
        return self

    @all_or_nothing
    @_fit_context(prefer_skip_nested_validation=True)
    def fit_transform(self, raw_documents: Any, y: Any = None) -> Sequences:
        """Learn the vocabulary and number the tokens.

        Parameters
        ----------
        raw_documents : iterable of str
            Texts, or whatever a callable ``analyzer`` takes.
        y : ignored
            For compatibility with scikit-learn.

        Returns
        -------
        X : list of n_documents int64 arrays of shape (n_tokens_i,)
            The number of each token. A text without any token becomes ``[0]``.

        Raises
        ------
        ValueError
            If a document is missing, or no token is left.
        """
        documents = self._tokens(raw_documents)
        self.fixed_vocabulary_ = self.vocabulary is not None
        self.vocabulary_ = _checked(self.vocabulary) if self.fixed_vocabulary_ else self._learnt(documents)
        return self._numbers(documents)

    def transform(self, raw_documents: Any) -> Sequences:
        """Number the tokens.

        Parameters
        ----------
        raw_documents : iterable of str
            Texts, or whatever a callable ``analyzer`` takes.

        Returns
        -------
        X : list of n_documents int64 arrays of shape (n_tokens_i,)
            The number of each token, 0 for one that `fit` did not keep. A text without any token becomes ``[0]``.

        Raises
        ------
        sklearn.exceptions.NotFittedError
            Before `fit`, unless a vocabulary is given.
        ValueError
            If a document is missing.
        """
        if self.vocabulary is not None and not hasattr(self, "vocabulary_"):
            self.fixed_vocabulary_, self.vocabulary_ = True, _checked(self.vocabulary)
        check_is_fitted(self, "vocabulary_")
        return self._numbers(self._tokens(raw_documents))

    def inverse_transform(self, X: Any) -> list[Array]:
        """The tokens of sequences of numbers.

        Parameters
        ----------
        X : list of int arrays of shape (n_tokens_i,)
            Token numbers.

        Returns
        -------
        tokens : list of arrays of shape (n_tokens_i,)
            The tokens; "<unknown>" for a 0.

        Raises
        ------
        sklearn.exceptions.NotFittedError
            Before `fit`.
        ValueError, TypeError
            If a number is not in the vocabulary, or X is no list of sequences.
        """
        check_is_fitted(self, "vocabulary_")
        tokens = {number: token for token, number in self.vocabulary_.items()} | {0: UNKNOWN}
        rows = [np.ravel(np.asarray(row, dtype=object)) for row in listed(f"{type(self).__name__}", "X", X)]
        for i, row in enumerate(rows):
            for number in row:
                if not isinstance(number, Hashable) or number not in tokens:
                    raise ValueError(f"Sequence {i} holds {number}, which is not a number of the vocabulary.")
        return [_array([tokens[number] for number in row]) for row in rows]

    def get_feature_names_out(self, input_features: Any = None) -> Array:
        """The tokens in the order of their numbers.

        Parameters
        ----------
        input_features : ignored
            For compatibility with scikit-learn.

        Returns
        -------
        tokens : ndarray of shape (n_tokens,)
            The token with number 1 comes first.

        Raises
        ------
        sklearn.exceptions.NotFittedError
            Before `fit`.
        """
        check_is_fitted(self, "vocabulary_")
        return np.array(sorted(self.vocabulary_, key=lambda token: self.vocabulary_[token]), dtype=object)

    def _tokens(self, raw_documents: Any) -> list[list[Any]]:
        """The tokens of each document."""
        if isinstance(raw_documents, str):
            raise ValueError("Iterable over raw text documents expected, string object received.")
        self._validate_params()
        refuse_no_texts(raw_documents, type(self).__name__)
        analyze, found = self.build_analyzer(), []
        for i, document in enumerate(raw_documents):
            missing = document is None or type(document).__name__ in ("NAType", "NaTType")
            if missing or (isinstance(document, float) and document != document):
                raise ValueError(f"Document {i} is {document}: drop it, or write an empty text in its place.")
            if not callable(self.analyzer) and self.preprocessor is None and not isinstance(document, (str, bytes)):
                raise TypeError(
                    f"Document {i} is a {type(document).__name__}, where a text is expected. For lists of tokens, pass "
                    "an analyzer that returns its argument."
                )
            found.append(list(analyze(document)))
        return found

    def _learnt(self, documents: list[list[Any]]) -> dict[Any, int]:
        """The tokens to keep, numbered from 1 on in their order."""
        n = len(documents)
        low, high = (part if isinstance(part, Integral) else float(part) * n for part in (self.min_df, self.max_df))
        if high < low:
            raise ValueError("max_df corresponds to < documents than min_df")
        in_documents = Counter(token for document in documents for token in set(document))
        if not in_documents:
            raise ValueError("empty vocabulary; perhaps the documents only contain stop words")
        kept = sorted(token for token, count in in_documents.items() if low <= count <= high)
        if self.max_features is not None:
            total = Counter(token for document in documents for token in document)
            kept = sorted(sorted(kept, key=lambda token: -total[token])[: self.max_features])
        if not kept:
            raise ValueError("After pruning, no terms remain. Try a lower min_df or a higher max_df.")
        return {token: number for number, token in enumerate(kept, start=1)}

    def _numbers(self, documents: list[list[Any]]) -> Sequences:
        number = self.vocabulary_.get
        numbers = ([number(token, 0) for token in document] or [0] for document in documents)
        return TokenNumbers(np.array(one, dtype=np.int64) for one in numbers)

    def _plain_fit(self, fitted: dict[str, Any]) -> Any:
        tokens = list(fitted["vocabulary_"])
        odd = next((token for token in tokens if not _is_plain(token)), None)
        if odd is not None:
            raise TypeError(
                f"The token {odd!r} is a {type(odd).__name__}, which a file cannot hold. Use texts or numbers."
            )
        return {
            "tokens": tokens,
            "numbers": list(map(int, fitted["vocabulary_"].values())),
            "fixed": fitted["fixed_vocabulary_"],
        }

    def _read_fit(self, values: Any, parameters: dict[str, Any]) -> dict[str, Any]:
        known = isinstance(values, dict) and set(values) == {"tokens", "numbers", "fixed"}
        require(known and type(values["fixed"]) is bool, "the vocabulary has no tokens and numbers")
        tokens, numbers = values["tokens"], values["numbers"]
        lists = isinstance(tokens, list) and isinstance(numbers, list) and len(tokens) == len(numbers) > 0
        require(lists and all(map(_is_plain, tokens)), "the vocabulary has no token for each number")
        different = all(type(number) is int and 0 < number < 2**63 for number in numbers)
        different = different and len(set(numbers)) == len(set(tokens)) == len(tokens)
        require(different, "the vocabulary has no number from 1 on for each token, all different")
        return {"vocabulary_": dict(zip(tokens, numbers, strict=True)), "fixed_vocabulary_": values["fixed"]}

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "vocabulary_") or self.vocabulary is not None

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.string = True
        tags.input_tags.two_d_array = False
        tags.requires_fit = self.vocabulary is None
        return tags


def _array(tokens: list[Any]) -> Array:
    """Tokens (n_tokens,), whatever they are: a tuple is one, too."""
    if not any(isinstance(token, tuple) for token in tokens):
        return np.array(tokens)
    found = np.empty(len(tokens), dtype=object)
    found[:] = tokens
    return found


def _is_plain(token: Any) -> bool:
    """Whether a token is made of builtins alone."""
    return type(token) in (str, bytes, bool, int, float) or (type(token) is tuple and all(map(_is_plain, token)))


def _checked(vocabulary: Any) -> dict[Any, int]:
    """A given vocabulary as a dict of tokens to numbers from 1 on."""
    if not isinstance(vocabulary, Mapping):
        listed = isinstance(vocabulary, Iterable) and getattr(vocabulary, "ndim", 1) == 1
        tokens = list(vocabulary) if listed else []
        if not all(isinstance(token, Hashable) for token in tokens):
            raise TypeError("vocabulary must hold tokens, such as texts: it holds lists.")
        tokens = sorted(tokens) if isinstance(vocabulary, set) else tokens
        if len(set(tokens)) != len(tokens):
            raise ValueError(f"Duplicate term in vocabulary: {Counter(tokens).most_common(1)[0][0]!r}")
        vocabulary = {token: number for number, token in enumerate(tokens, start=1)}
    if not vocabulary:
        raise ValueError("empty vocabulary passed to fit")
    numbers = list(vocabulary.values())
    if len(set(numbers)) != len(numbers) or not all(isinstance(n, Integral) and int(n) > 0 for n in numbers):
        raise ValueError("vocabulary needs a number from 1 on for each token, all different: 0 is for unknown ones.")
    return dict(vocabulary)


SequenceVectorizer.__module__ = "skrnn.text"  # the name that users import and pickles hold

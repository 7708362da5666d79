"""Texts to more text: the next token at every step, over chunks of long texts."""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, ClassVar

import numpy as np

from skrnn._plain import require
from skrnn._texts import refuse_no_texts
from skrnn._types import Doubles, NetworkWeights
from skrnn.networks import NetworkSpec, open_stream
from skrnn.objectives import TargetScaling, log_probabilities_of
from skrnn.sequences import SequenceBatch, column_as_list
from skrnn.tasks._base import Targets, Task
from skrnn.tasks._reading import check_weights
from skrnn.tasks._self_supervised import NextCategory

__all__ = ["NextToken", "close_texts", "cut_texts", "open_texts", "token_log_probabilities"]

_CHUNK_STEPS = 1024  # tokens scored at a time,
_AT_ONCE = 1 << 22  # of which there are at most so many scores
_FEWEST_WORDS = 10  # that are taken for the words of one text,
_DIFFERENT = 0.9  # if at most so many of them are different


@dataclass(frozen=True, eq=False)
class NextToken(NextCategory):
    """The next token at every step of texts. Few long ones are cut, so that as many are read side by side as a
    mini-batch has rows.

    Attributes
    ----------
    batch_size : int
        Rows of a mini-batch.
    bptt_steps : int or None
        Steps of a chunk, and the shortest text that is cut off a longer one; None: nothing is cut.
    end_of_text : str, int or None
        The token behind each text.
    """

    why_no_stream: ClassVar[tuple[str, str]] = (
        "a step has no answer of its own, and sample() goes on with a text",
        "an RNNClassifier to label each step",
    )
    reads_characters: ClassVar[bool] = True
    carries_state: ClassVar[bool] = True

    batch_size: int = 32
    bptt_steps: int | None = None
    end_of_text: str | int | None = None

    @property
    def form(self) -> str:
        return "next token"

    def doubts(self, X: Any, name: str) -> str:
        return "" if self.end_of_text is not None else _doubts_of_texts(X, name)

    def open(self, X: Any, sample_weight: Any, name: str) -> tuple[Any, Any]:
        texts = close_texts(open_texts(X, name), self.end_of_text)
        return cut_texts(texts, sample_weight, self.batch_size, self.bptt_steps)

    def read(self, y: Any, batch: SequenceBatch, sample_weight: Any, name: str) -> tuple[Task, Targets]:
        if (batch.lengths < 2).all():
            raise ValueError(
                f"{name} learns which token follows: at least one text needs two tokens. A single list "
                "of tokens goes into a list of its own."
            )
        return super().read(y, batch, sample_weight, name)

    def check_state(self, spec: NetworkSpec, scaling: TargetScaling | None, n_targets: int) -> None:
        super().check_state(spec, scaling, n_targets)
        require(len(spec.vocabulary) == 1 and not spec.bidirectional, "it is not that of a language model")


def open_texts(X: Any, name: str) -> list[Any]:
    """Texts as a list of strings and sequences of tokens, none of them empty."""
    texts = [X] if isinstance(X, (str, bytes)) else column_as_list(X)
    refuse_no_texts(texts, name, "a text or a list of texts")
    if not hasattr(texts, "__len__"):
        raise TypeError(f"{name} takes a text or a list of texts, got a {type(X).__name__}.")
    rows = list(texts)
    if not rows:
        raise ValueError(f"Found 0 texts while a minimum of 1 is required by {name}.")
    for i, row in enumerate(rows):
        if isinstance(row, bytes):
            raise TypeError(f"Text {i} is {row!r:.40}, bytes and no text. Decode it before: text.decode('utf-8').")
        if not isinstance(row, str) and (not hasattr(row, "__len__") or getattr(row, "ndim", 1) == 0):
            raise TypeError(
                f"Text {i} is {row!r:.40}. {name} takes strings, or lists of tokens; a single list of tokens goes into "
                "a list of its own."
            )
        if len(row) == 0:
            raise ValueError(f"Text {i} has no token; every text needs at least one.")
    return rows


def close_texts(texts: list[Any], end: str | int | None) -> list[Any]:
    """The texts with the token that ends each; None: as they are."""
    if end is None:
        return texts
    if isinstance(end, str) and end.endswith("\0"):
        raise ValueError(f"end_of_text={end!r} ends with a NUL, which arrays of texts drop. Choose another token.")
    found = []
    for i, text in enumerate(texts):
        if isinstance(text, str) and not (isinstance(end, str) and len(end) == 1):
            raise ValueError(f"Text {i} is a string, read by characters, and end_of_text={end!r} is not one character.")
        tokens = text if isinstance(text, str) else np.ravel(np.asarray(text, dtype=object)).tolist()
        if end in tokens:
            raise ValueError(f"Text {i} holds {end!r}, which is end_of_text: choose a token that stands in no text.")
        found.append(text + str(end) if isinstance(text, str) else [*tokens, end])
    return found


def _doubts_of_texts(X: Any, name: str) -> str:
    """What is wrong with a list of texts that are the words of one; empty if nothing seems to be.

    Texts are lists of letters. Those of a list without a blank, in which some stand again and again, are words; but
    codes have digits, or all the same length.
    """
    listed = isinstance(X, (list, tuple)) or getattr(X, "ndim", 0) == 1
    words = list(X) if listed else []
    if len(words) < _FEWEST_WORDS or not all(isinstance(word, str) and not re.search(r"\s", word) for word in words):
        return ""
    if len(set(words)) > _DIFFERENT * len(words) or len({len(word) for word in words}) == 1:
        return ""
    if sum(any(map(str.isdigit, word)) for word in words) > len(words) / 2:
        return ""
    return (
        f"X holds {len(words)} texts without a blank, many of them several times, as a list of words does; {name} "
        "reads the letters of each. The words of one text go into a list of their own: fit([X])."
    )


def cut_texts(texts: list[Any], sample_weight: Any, n_wanted: int, shortest: int | None) -> tuple[list[Any], Doubles]:
    """About ``n_wanted`` texts from fewer long ones, and their weights; none is cut shorter than ``shortest`` tokens.

    The last token of a cut text is the first of the next, so that every token but a text's first is predicted once.
    """
    weights = check_weights(sample_weight, len(texts))
    each = -(-n_wanted // len(texts))
    found: list[Any] = []
    counts = []
    for text in texts:
        n = len(text) - 1  # predictions
        count = 1 if shortest is None else min(each, max(n // shortest, 1))
        ends = np.linspace(0, n, count + 1).astype(int)
        found += [text[begin : end + 1] for begin, end in pairwise(ends)]
        counts.append(count)
    return found, np.repeat(weights, counts)


def token_log_probabilities(spec: NetworkSpec, weights: NetworkWeights, batch: SequenceBatch) -> list[Doubles]:
    """Of each text, the log-probability of each known token but the first, given those before it."""
    stream, found = open_stream(spec, weights), []
    n_steps = _CHUNK_STEPS if spec.cutoffs else max(min(_CHUNK_STEPS, _AT_ONCE // spec.output_size), 1)
    for start, length in zip(batch.starts, batch.lengths, strict=True):
        codes = np.nan_to_num(batch.steps[start : start + length]).astype(np.float64)
        stream.states[:] = 0.0
        parts = []
        for begin in range(0, length - 1, n_steps):
            end = min(begin + n_steps, length - 1)
            read, following = codes[None, begin:end], codes[begin + 1 : end + 1, 0].astype(np.intp)
            known = following > 0
            if stream.adaptive is not None:
                parts.append(-stream.adaptive.losses(stream.follow(read)[known], following[known]))
                continue
            parts.append(log_probabilities_of(following, stream.read(read))[known])
        found.append(np.concatenate([np.zeros(0), *parts]))
    return found

"""Sequences of tokens, of any length, that a decoder writes."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any, ClassVar

import numpy as np

from skrnn._plain import is_size, require
from skrnn._types import Array, Doubles, Integers
from skrnn.networks import NetworkSpec
from skrnn.objectives import CrossEntropy, EveryToken, Objective, Scalings, TargetScaling
from skrnn.sequences import (
    SequenceBatch,
    column_as_list,
    detached,
    kind_of_categories,
    number_by_frequency,
    number_categories,
    plain_categories,
    texts_of,
)
from skrnn.tasks._base import Targets, Task
from skrnn.tasks._encoding import Encoded, encode_steps
from skrnn.tasks._reading import check_weights, require_y

__all__ = ["Tokens", "encode_tokens", "exact_match_rate", "in_form_of_y", "read_tokens"]


@dataclass(frozen=True, eq=False)
class Tokens(Task):
    """Lists of tokens, or strings, which are lists of characters. Targets are token numbers from 1 on, closed by a 0.

    Attributes
    ----------
    tokens : array of shape (n_tokens,), or None
        Sorted, or, ``by_frequency``, the most frequent one first.
    as_text : bool
        Whether y holds strings.
    longest : int
        Tokens of the longest target that was seen.
    by_frequency : bool
        Of which order they are, or are to be: an adaptive softmax needs the second.
    """

    why_no_stream: ClassVar[tuple[str, str]] = (
        "its decoder begins after the last step",
        "an estimator with one output per step",
    )
    reads_characters: ClassVar[bool] = True
    stored: ClassVar[tuple[str, ...]] = ("tokens", "as_text", "longest", "by_frequency")
    later: ClassVar[dict[str, Any]] = {"by_frequency": False}

    tokens: Array | None = None
    as_text: bool = False
    longest: int = 0
    by_frequency: bool = False

    @property
    def form(self) -> str:
        return "token"

    @property
    def known(self) -> Array | None:
        return self.tokens

    def resuming(self, fitted: Task) -> Task:
        assert isinstance(fitted, Tokens)
        return replace(self, tokens=fitted.tokens, longest=fitted.longest, by_frequency=fitted.by_frequency)

    def read(self, y: Any, batch: SequenceBatch, sample_weight: Any, name: str) -> tuple[Tokens, Targets]:
        targets, tokens, as_text = read_tokens(y, batch.n_samples, self.tokens, name, end=True)
        longest, weights = max(int(targets.lengths.max()) - 1, self.longest), self._read_weights(sample_weight, batch)
        if self.by_frequency and self.tokens is None:
            targets, tokens = _by_frequency(targets, tokens, weights)
        return Tokens(tokens, as_text, longest, self.by_frequency), Targets(targets, weights)

    def numbers(self, y: Any, n_samples: int, name: str) -> list[Integers]:
        """Numbers from 1 on of the tokens of each target."""
        targets = read_tokens(y, n_samples, self.tokens, name, end=False)[0]
        return [part.astype(np.intp) for part in np.split(targets.steps[:, 0], targets.starts[1:])]

    def written(self, numbers: list[Integers]) -> list[Any]:
        """Lists of tokens, or strings, from their numbers."""
        assert self.tokens is not None
        return in_form_of_y(numbers, self.tokens, self.as_text)

    def score(self, y: Any, answers: Any, batch: SequenceBatch | None, sample_weight: Any, name: str) -> float:
        return exact_match_rate(y, answers, sample_weight, name)

    def objective(self, vocabulary: tuple[int, ...]) -> Objective:
        assert self.tokens is not None
        return EveryToken(CrossEntropy(len(self.tokens) + 1))

    def encode(self, targets: Targets, scalings: Scalings, batch: SequenceBatch) -> Encoded:
        return encode_tokens(targets)

    @classmethod
    def from_plain(cls, values: dict[str, Any]) -> Tokens:
        tokens, flags = values["tokens"], (values["as_text"], values["by_frequency"])
        good = isinstance(tokens, np.ndarray) and tokens.ndim == 1 and tokens.dtype.kind in "iU"
        good = good and all(isinstance(flag, bool) for flag in flags) and is_size(values["longest"], 0)
        ordered = np.sort(tokens) if good and flags[1] else tokens
        require(good and bool((ordered[1:] > ordered[:-1]).all()), "it is not that of a network that writes tokens")
        return cls(**values)

    def check_state(self, spec: NetworkSpec, scaling: TargetScaling | None, n_targets: int) -> None:
        assert self.tokens is not None
        good = spec.readout == "tokens" and spec.target_embedding_dim >= 1 and scaling is None
        good = good and len(self.tokens) + 1 == spec.output_size and (self.by_frequency or not spec.cutoffs)
        require(good, "it is not that of a network that writes tokens")


def read_tokens(
    y: Any, n_samples: int, known: Array | None, name: str, *, end: bool
) -> tuple[SequenceBatch, Array, bool]:
    """Numbers 1, 2, … of the tokens of y, the tokens themselves, and whether y holds strings.

    Numbers come as sequences with a last column of weights 1; with ``end``, each is closed by a 0. Tokens that are not
    ``known`` are refused; known None: all are taken.
    """
    rows, as_text = _rows(y, name)
    if len(rows) != n_samples:
        raise ValueError(f"Found input variables with inconsistent numbers of samples: {[n_samples, len(rows)]}")
    lengths = np.array([len(row) for row in rows], np.intp)
    parts = [np.asarray(row, dtype=object) for row in rows]
    for i, part in enumerate(parts):
        if part.ndim > 1:
            raise ValueError(
                f"Target {i} holds {rows[i][0]!r:.40} in the place of one token, which is an integer or a string: join "
                "its parts, such as ' '.join(map(str, token))."
            )
    flat = np.concatenate(parts)
    values, missing = plain_categories(flat, name, "y")
    if missing.any():
        row = int(np.searchsorted(np.cumsum(lengths), int(missing.argmax()), side="right"))
        raise ValueError(f"Input y contains NaN: target {row} holds a token that is None or NaN.")
    if known is not None and len(values) and values.dtype.kind != known.dtype.kind:
        got, fitted = kind_of_categories(values), kind_of_categories(known)
        raise ValueError(f"The tokens of y are {got}; {name} was fitted on {fitted}.")
    codes, tokens = number_categories(values, missing, known)
    if not len(tokens):
        raise ValueError(f"{name} needs at least one token in y, got only empty targets.")
    if (codes == 0).any():
        new = np.unique(values[codes == 0])
        raise ValueError(f"`y` has tokens that the first fit did not have: {new[:5].tolist()}.")
    total = lengths + end
    starts = np.cumsum(total) - total
    steps = np.zeros((int(total.sum()), 2))
    steps[:, 1] = 1.0
    steps[np.arange(len(codes)) + np.repeat(starts - np.cumsum(lengths) + lengths, lengths), 0] = codes
    return SequenceBatch.one_after_another(steps, total), tokens, as_text


def _by_frequency(targets: SequenceBatch, tokens: Array, weights: Doubles) -> tuple[SequenceBatch, Array]:
    """Tokens numbered from the most frequent one on, each counted with the weight of its sequence; those that are
    equally frequent stay in their order.
    """
    numbers, each = targets.steps[:, 0].astype(np.intp), np.repeat(weights, targets.lengths)
    order = np.lexsort((each, numbers))  # a sum that does not depend on the order of the rows
    counts = np.asarray(np.bincount(numbers[order], each[order], len(tokens) + 1), np.float64)
    targets, (tokens,) = number_by_frequency(targets, [tokens], [counts])
    return targets, tokens


def encode_tokens(targets: Targets) -> Encoded:
    """Token numbers are trained on as they are."""
    assert isinstance(targets.values, SequenceBatch)
    flat = targets.values.flat_steps()
    steps = encode_steps(targets.values, flat[:, :-1], flat[:, -1], targets.sample_weights)
    return Encoded(steps, None, targets.sample_weights)


def in_form_of_y(numbers: list[Integers], tokens: Array, as_text: bool) -> list[Any]:
    """Lists of tokens, or strings, from their numbers from 1 on."""
    ends = np.cumsum([len(row) for row in numbers])
    written = np.concatenate([np.zeros(0, np.intp), *numbers]) - 1
    if as_text and tokens.dtype == np.dtype("U1"):
        return texts_of(tokens[written], ends)
    each = np.array(tokens.tolist(), object)  # an array of texts would take the longest one for each that is written
    listed, places = each[written].tolist(), [0, *ends.tolist()]
    rows = [listed[begin:end] for begin, end in pairwise(places)]
    return ["".join(row) for row in rows] if as_text else rows


def exact_match_rate(y: Any, predictions: list[Any], sample_weight: Doubles | None, name: str) -> float:
    """The part of the predictions that are their targets, token by token."""
    rows, _ = _rows(y, name)
    if len(rows) != len(predictions):
        raise ValueError(f"Found input variables with inconsistent numbers of samples: {[len(predictions), len(rows)]}")
    right = [list(row) == list(found) for row, found in zip(rows, predictions, strict=True)]
    return float(np.average(right, weights=check_weights(sample_weight, len(right))))


def _rows(y: Any, name: str) -> tuple[list[Any], bool]:
    """The targets as lists of tokens, and whether they were texts, which are lists of characters."""
    require_y(y, name)
    y = detached(column_as_list(y), name)
    form = "y is a list of targets, one per sequence, each a list of tokens (or a string: a list of characters)"
    if isinstance(y, str) or not hasattr(y, "__len__") or getattr(y, "ndim", 1) == 0:
        raise ValueError(f"{form}; got {y!r:.40}.")
    rows = list(np.asarray(y)) if hasattr(y, "columns") else list(y)
    texts = [isinstance(row, str) for row in rows]
    if rows and all(texts):
        return [list(row) for row in rows], True
    for i, row in enumerate(rows):
        if texts[0] and texts[i]:
            continue
        if texts[0] or isinstance(row, (str, bytes)) or not (isinstance(row, (list, tuple)) or np.ndim(row) == 1):
            beside = ", and target 0 is a string" if texts[0] else ""
            raise ValueError(f"{form}; target {i} is {row!r:.40}{beside}.")
        rows[i] = row.tolist() if hasattr(row, "tolist") else list(row)
    return rows, False

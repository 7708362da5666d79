"""How often tokens, and several of them in a row, stand in a sequence: what a linear model of texts reads.

Counts of n-grams, as their logarithm, weighed by how few sequences have them (tf-idf: Spärck Jones, "A statistical
interpretation of term specificity and its application in retrieval", Journal of Documentation 28(1), 1972), each
sequence brought to the length one. Linear models of such counts are strong on short texts (Wang & Manning, "Baselines
and bigrams", ACL 2012). Nothing here is learnt from targets, and there is no chance: the same rows give the same
features.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, ClassVar, NamedTuple

import numpy as np
from scipy.sparse import csr_array, vstack

from skrnn._plain import is_finite_array, require, require_fields
from skrnn._types import Doubles, Flags, Floats, Integers
from skrnn.sequences import InputScaling, SequenceBatch

__all__ = ["NGrams", "of_unit_length"]

_MOST_TOKENS = 5  # in a row
_MOST_GRAMS = 1 << 17  # the most frequent; short ones first
_MOST_COEFFICIENTS = 1 << 22  # of the linear model
_NEW = 0.7  # of the occurrences of n tokens in a row: if more are different ones, these and longer ones are not counted
_CHUNK = 1 << 19  # tokens that are counted at a time
_NONE = np.zeros(0, np.int64)  # what joins with arrays, of which there may be none


@dataclass(frozen=True, eq=False)
class NGrams:
    """Which n-grams are counted, and how much each weighs.

    An n-gram of one token has the number of the token as its key, from 1; the unknown, 0, is in none. A longer one has
    the key ``prefix * size + token``: the place, among those that are a token shorter, of what it begins with, and its
    last token. So no key is larger than the number of n-grams times that of tokens.

    Attributes
    ----------
    vocabulary : tuple of int
        Of each feature of a step, how many token numbers there are (``size``).
    keys : tuple of tuples of int64 arrays
        Of each feature, those of one token, of two, …; each sorted.
    idf : float64 array (n_features,)
        What an n-gram weighs, positive: feature by feature, the shortest first, in the order of their keys.
    strength : float or None
        Of the ridge on top; None: it is to be found.
    """

    vocabulary: tuple[int, ...]
    keys: tuple[tuple[Integers, ...], ...]
    idf: Doubles
    strength: float | None = None

    name: ClassVar[str] = "ngrams"

    @property
    def n_features(self) -> int:
        return len(self.idf)

    @property
    def grams(self) -> list[list[Integers]]:
        """Of each feature, the tokens of those with one, with two, … (n, n_tokens), in the order of their keys."""
        found: list[list[Integers]] = []
        for size, kinds in zip(self.vocabulary, self.keys, strict=True):
            found.append([])
            for keys in kinds:
                before = found[-1][-1][keys // size] if found[-1] else np.empty((len(keys), 0), np.int64)
                found[-1].append(np.concatenate([before, keys[:, None] % size], axis=1))
        return found

    @property
    def n_steps(self) -> int:
        """Tokens of the longest."""
        return max(1, *map(len, self.keys))

    @classmethod
    def fit(cls, batch: SequenceBatch, weights: Doubles, vocabulary: tuple[int, ...], n_outputs: int) -> NGrams:
        """Those of the rows of a training part, which are distinct and in canonical order, for so many outputs."""
        found, shares = cls(vocabulary, ((),) * len(vocabulary), _NONE.astype(float)), weights / weights.sum()
        left, often = min(_MOST_GRAMS, _MOST_COEFFICIENTS // n_outputs), []
        for feature in range(len(vocabulary)):
            room = max(1, left // (len(vocabulary) - feature))
            for n_tokens in range(1, _MOST_TOKENS + 1):
                occurring, rows = found._occurring(batch, feature)
                keys, which = np.unique(occurring, return_inverse=True)
                if room == 0 or len(keys) == 0 or (n_tokens > 1 and len(keys) > _NEW * len(occurring)):
                    break
                pairs = np.unique(which * batch.n_samples + rows)  # an n-gram and a row that has it
                part = np.bincount(pairs // batch.n_samples, shares[pairs % batch.n_samples])
                kept = np.sort(np.argsort(-part, kind="stable")[:room])
                longer = (*found.keys[feature], keys[kept])
                found = replace(found, keys=(*found.keys[:feature], longer, *found.keys[feature + 1 :]))
                often.append(part[kept])
                room, left = room - len(kept), left - len(kept)
        in_rows = batch.n_samples * np.concatenate([*often, _NONE])
        return replace(found, idf=np.log((1.0 + batch.n_samples) / (1.0 + in_rows)) + 1.0)

    def _occurring(self, batch: SequenceBatch, feature: int) -> tuple[Integers, Integers]:
        """The keys of n-grams that are a token longer than those known of a feature, as often as they occur, and the
        rows in which.
        """
        keys, at = [], []
        for rows, text in _texts(batch):
            *_, (found, there) = self._ending(text.tokens[:, feature], feature)
            keys.append(found[there])
            at.append(rows[text.rows[there]])
        return np.concatenate([*keys, _NONE]), np.concatenate([*at, _NONE])

    def _ending(self, tokens: Integers, feature: int) -> Iterator[tuple[Integers, Flags]]:
        """Of the n-grams that end at each place of a text (N,), of one token, of two, …, and of those a token longer
        than any that is known: their keys, and where there is one.
        """
        found, there = tokens, tokens > 0
        yield found, there
        for keys in self.keys[feature]:
            number = np.minimum(np.searchsorted(keys, found), len(keys) - 1)
            known = there & (keys[number] == found)
            there, found = np.zeros_like(known), np.zeros_like(tokens)
            there[1:] = known[:-1] & (tokens[1:] > 0)
            found[1:] = number[:-1] * self.vocabulary[feature] + tokens[1:]
            yield found, there

    def chunks(self, batch: SequenceBatch, scaling: InputScaling) -> Iterator[tuple[Integers, Any]]:
        """Row numbers and their features (B, n_features), sparse, chunk by chunk, each row by itself."""
        for rows, text in _texts(batch):
            yield rows, of_unit_length(self._weighed(text))

    def weighed(self, batch: SequenceBatch) -> Any:
        """The features of all rows, sparse, before they are brought to the length one."""
        return vstack([self._weighed(text) for _, text in _texts(batch)], format="csr")

    def features(self, values: Floats, lengths: Integers) -> Any:
        """Those of token numbers (B, T, F), 0 behind the last step."""
        return of_unit_length(self._weighed(_Text.of(values)))

    def ending(self, newest: Doubles) -> Integers:
        """The columns of the n-grams that end with the last of these tokens (T, F); each at most once."""
        occurring = self._columns(newest.astype(np.int64))
        return np.concatenate([*(column[place == len(newest) - 1] for _, _, place, column in occurring), _NONE])

    def of_counts(self, counts: Doubles) -> Any:
        """The features (1, n_features) of a row in which the n-grams occur so often (n_features,)."""
        columns = np.flatnonzero(counts)
        values = (1.0 + np.log(counts[columns])) * self.idf[columns]
        return of_unit_length(csr_array((values, (np.zeros_like(columns), columns)), shape=(1, self.n_features)))

    def attributed(self, values: Floats, lengths: Integers, coef: Doubles) -> Doubles:
        """What each token (B, T, F) adds to a linear model of the features, whose ``coef`` (B, n_features) are those of
        each row: its part of the n-grams that it is in, of which all tokens have the same.
        """
        text, found = _Text.of(values), np.zeros((values.shape[0], values.shape[1] + 1, values.shape[2]))
        cells, counts = self._cells(text)
        each, flat = of_unit_length(self._weighed(text)).data / counts, found.reshape(-1, values.shape[2])
        for feature, n_tokens, place, column in self._columns(text.tokens):
            row = text.rows[place]
            part = each[np.searchsorted(cells, row * self.n_features + column)] * coef[row, column] / n_tokens
            for back in range(n_tokens):
                np.add.at(flat[:, feature], place - back, part)
        return found[:, :-1]

    def _columns(self, tokens: Integers) -> Iterator[tuple[int, int, Integers, Integers]]:
        """Of each kind of n-gram, its feature and how many tokens it has; and of those that occur in a text (N, F),
        where they end, and their columns.
        """
        first = 0
        for feature, kinds in enumerate(self.keys):
            ending = self._ending(tokens[:, feature], feature)
            for n_tokens, (keys, (found, there)) in enumerate(zip(kinds, ending, strict=False), start=1):
                place = np.flatnonzero(there)
                number = np.minimum(np.searchsorted(keys, found[place]), len(keys) - 1)
                known = keys[number] == found[place]
                yield feature, n_tokens, place[known], first + number[known]
                first += len(keys)

    def _cells(self, text: _Text) -> tuple[Integers, Integers]:
        """Which of the cells of a table (n_rows, n_features), by their number, are not zero; and the counts in them."""
        cells = [text.rows[place] * self.n_features + column for _, _, place, column in self._columns(text.tokens)]
        return np.unique(np.concatenate([*cells, _NONE]), return_counts=True)

    def _weighed(self, text: _Text) -> Any:
        """Features of the rows of a text, before each is brought to the length one."""
        cells, counts = self._cells(text)
        rows, columns = np.divmod(cells, max(self.n_features, 1))
        values = (1.0 + np.log(counts)) * self.idf[columns]
        return csr_array((values, (rows, columns)), shape=(text.n_rows, self.n_features))

    def plain(self) -> dict[str, Any]:
        """As builtins and arrays."""
        return {**vars(self), "keys": [list(kinds) for kinds in self.keys]}

    @classmethod
    def from_plain(cls, values: Any, vocabulary: tuple[int, ...]) -> NGrams:
        """The checked features of a stored state, of features with so many token numbers."""
        require_fields(values, cls, "ngrams")
        require(values["vocabulary"] == vocabulary, "ngrams are those of other tokens")
        keys, idf = values["keys"], values["idf"]
        good = isinstance(keys, list) and len(keys) == len(vocabulary) and all(isinstance(one, list) for one in keys)
        require(good and all(len(one) <= _MOST_TOKENS for one in keys), "ngrams has no lists of keys for its features")
        for kinds, size in zip(keys, vocabulary, strict=True):
            shorter = 1  # as if one stood in front of a token
            for one in kinds:
                good = is_finite_array(one, "i8") and len(one) > 0 and bool((one[1:] > one[:-1]).all())
                good = good and one[0] >= 0 and one[-1] < shorter * size and bool((one % size > 0).all())
                require(good, "ngrams has keys that cannot be")
                shorter = len(one)
        n_features = sum(len(one) for kinds in keys for one in kinds)
        good = is_finite_array(idf, "f8") and len(idf) == n_features and bool((idf > 0).all())
        require(good, "ngrams has no positive weight for each key")
        strength = values["strength"]
        good = strength is None or (isinstance(strength, float) and 0 < strength < np.inf)
        require(good, "the strength of ngrams is no positive number")
        return cls(vocabulary, tuple(map(tuple, keys)), idf, strength)


class _Text(NamedTuple):
    """Sequences behind each other, with a 0 behind each, so that no n-gram reaches into the next: token numbers
    (N, F), the row of each place (N,), and how many rows there are.
    """

    tokens: Integers
    rows: Integers
    n_rows: int

    @classmethod
    def of(cls, values: Floats) -> _Text:
        """Of token numbers (B, T, F), 0 behind the last step: T + 1 places for each row."""
        n_rows, n_steps, n_features = values.shape
        tokens = np.zeros((n_rows, n_steps + 1, n_features), np.int64)
        tokens[:, :-1] = values
        return cls(tokens.reshape(-1, n_features), np.repeat(np.arange(n_rows), n_steps + 1), n_rows)


def _texts(batch: SequenceBatch) -> Iterator[tuple[Integers, _Text]]:
    """Row numbers, and their text, chunk by chunk; a missing token is 0."""
    starts, lengths = np.asarray(batch.starts), np.asarray(batch.lengths)
    chunk = np.cumsum(lengths) // _CHUNK
    for rows in np.split(np.arange(batch.n_samples), np.flatnonzero(np.diff(chunk)) + 1):
        size = lengths[rows] + 1
        row = np.repeat(np.arange(len(rows)), size)
        step = np.arange(len(row)) - (np.cumsum(size) - size)[row]
        real = step < lengths[rows][row]
        tokens = batch.steps[np.where(real, starts[rows][row] + step, 0)]
        yield rows, _Text(np.where(real[:, None], np.nan_to_num(tokens), 0.0).astype(np.int64), row, len(rows))


def of_unit_length(features: Any) -> Any:
    """Sparse rows (n, d), each with the length one, or with nothing in it."""
    sizes = np.diff(features.indptr)
    squares = np.bincount(np.repeat(np.arange(len(sizes)), sizes), features.data**2, len(sizes))
    found = features.copy()
    found.data /= np.repeat(np.sqrt(squares), sizes)
    return found

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
from typing import Any, ClassVar

import numpy as np
from scipy.sparse import csr_array, vstack

from skrnn._plain import is_finite_array, require, require_fields
from skrnn._types import Doubles, Flags, Floats, Integers
from skrnn.sequences import InputScaling, SequenceBatch, batch_chunks

__all__ = ["NGrams", "of_unit_length"]

_MOST_TOKENS = 5  # in a row
_MOST_GRAMS = 1 << 17  # the most frequent; short ones first
_MOST_COEFFICIENTS = 1 << 22  # of the linear model
_NEW = 0.7  # of the n-grams of n tokens: if so many are seen once, they tell nothing, nor do longer ones
_COPIES = 16  # of a chunk of tokens, that counting makes
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

    @classmethod
    def fit(
        cls, batch: SequenceBatch, scaling: InputScaling, weights: Doubles, vocabulary: tuple[int, ...], n_outputs: int
    ) -> NGrams:
        """Those of the rows of a training part, which are distinct and in canonical order, for so many outputs."""
        found, shares = cls(vocabulary, ((),) * len(vocabulary), _NONE.astype(float)), weights / weights.sum()
        left, often = min(_MOST_GRAMS, _MOST_COEFFICIENTS // n_outputs), []
        for feature in range(len(vocabulary)):
            room = max(1, left // (len(vocabulary) - feature))
            for n_tokens in range(1, _MOST_TOKENS + 1):
                occurring, rows = found._occurring(batch, scaling, feature)
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

    def _occurring(self, batch: SequenceBatch, scaling: InputScaling, feature: int) -> tuple[Integers, Integers]:
        """The keys of n-grams that are a token longer than those known of a feature, as often as they occur, and the
        rows in which.
        """
        keys, at = [], []
        for rows, tokens in self._tokens(batch, scaling):
            *_, (found, there) = self._ending(tokens[:, :, feature], feature)
            keys.append(found[there])
            at.append(rows[np.nonzero(there)[0]])
        return np.concatenate([*keys, _NONE]), np.concatenate([*at, _NONE])

    def _tokens(self, batch: SequenceBatch, scaling: InputScaling) -> Iterator[tuple[Integers, Integers]]:
        """Row numbers and their token numbers (B, T, F), chunk by chunk."""
        for rows in batch_chunks(batch, _COPIES * len(self.vocabulary)):
            yield rows, scaling.gather(batch.take(rows), np.float64)[0].astype(np.int64)

    def _ending(self, tokens: Integers, feature: int) -> Iterator[tuple[Integers, Flags]]:
        """Of the n-grams that end at each step (B, T), of one token, of two, …, and of those a token longer than any
        that is known: their keys, and where there is one.
        """
        found, there = tokens, tokens > 0
        yield found, there
        for keys in self.keys[feature]:
            place = np.minimum(np.searchsorted(keys, found), len(keys) - 1)
            known = there & (keys[place] == found)
            there = np.zeros_like(known)
            there[:, 1:] = known[:, :-1] & (tokens[:, 1:] > 0)
            found = np.zeros_like(tokens)
            found[:, 1:] = place[:, :-1] * self.vocabulary[feature] + tokens[:, 1:]
            yield found, there

    def chunks(self, batch: SequenceBatch, scaling: InputScaling) -> Iterator[tuple[Integers, Any]]:
        """Row numbers and their features (B, n_features), sparse, chunk by chunk, each row by itself."""
        for rows, tokens in self._tokens(batch, scaling):
            yield rows, of_unit_length(self._weighed(tokens))

    def weighed(self, batch: SequenceBatch, scaling: InputScaling) -> Any:
        """The features of all rows, sparse, before they are brought to the length one."""
        return vstack([self._weighed(tokens) for _, tokens in self._tokens(batch, scaling)], format="csr")

    def features(self, values: Floats, lengths: Integers) -> Any:
        """Those of token numbers (B, T, F), 0 behind the last step."""
        return of_unit_length(self._weighed(values.astype(np.int64)))

    def attributed(self, values: Floats, lengths: Integers, coef: Doubles) -> Doubles:
        """What each token (B, T, F) adds to a linear model of the features, whose ``coef`` (B, n_features) are those of
        each row: its part of the n-grams that it is in, of which all tokens have the same.
        """
        tokens, found = values.astype(np.int64), np.zeros(values.shape)
        occurring = [row * self.n_features + place for _, _, row, _, place in self._placed(tokens)]
        different, counts = np.unique(np.concatenate([*occurring, _NONE]), return_counts=True)
        each = of_unit_length(self._weighed(tokens)).data / counts
        for feature, n_tokens, row, step, place in self._placed(tokens):
            part = each[np.searchsorted(different, row * self.n_features + place)] * coef[row, place] / n_tokens
            for back in range(n_tokens):
                np.add.at(found[:, :, feature], (row, step - back), part)
        return found

    def _placed(self, tokens: Integers) -> Iterator[tuple[int, int, Integers, Integers, Integers]]:
        """Of each kind of n-gram, its feature and how many tokens it has; and of those that occur the rows, the steps
        of their last tokens, and their places among all.
        """
        first = 0
        for feature, kinds in enumerate(self.keys):
            ending = self._ending(tokens[:, :, feature], feature)
            for n_tokens, (keys, (found, there)) in enumerate(zip(kinds, ending, strict=False), start=1):
                row, step = np.nonzero(there)
                place = np.minimum(np.searchsorted(keys, found[row, step]), len(keys) - 1)
                known = keys[place] == found[row, step]
                yield feature, n_tokens, row[known], step[known], first + place[known]
                first += len(keys)

    def _weighed(self, tokens: Integers) -> Any:
        """Features of token numbers (B, T, F), before each row is brought to the length one."""
        occurring = [row * self.n_features + place for _, _, row, _, place in self._placed(tokens)]
        different, counts = np.unique(np.concatenate([*occurring, _NONE]), return_counts=True)
        rows, places = np.divmod(different, max(self.n_features, 1))
        values = (1.0 + np.log(counts)) * self.idf[places]
        return csr_array((values, (rows, places)), shape=(len(tokens), self.n_features))

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


def of_unit_length(features: Any) -> Any:
    """Sparse rows (n, d), each with the length one, or with nothing in it."""
    sizes = np.diff(features.indptr)
    squares = np.bincount(np.repeat(np.arange(len(sizes)), sizes), features.data**2, len(sizes))
    found = features.copy()
    found.data /= np.repeat(np.sqrt(squares), sizes)
    return found

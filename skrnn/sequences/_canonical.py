"""The canonical form of a training set: the same rows in the same order, however they were given.

Rows of weight 0 are dropped, identical (sequence, target) rows are merged with their weights added, and the
distinct rows are put in an order that depends on their content alone. After that a weight of 2 *is* the row
twice and the order of the rows does not matter, bit for bit, at any batch size.

The order is that of a 64-bit hash. The hash of a sequence is a polynomial in the hashes of its steps modulo
2**64 (Karp & Rabin, "Efficient randomized pattern-matching algorithms", IBM J. Res. Dev. 31(2), 1987), read off
prefix sums: overlapping windows cost the length of their series, not windows x width.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from skrnn.sequences._batch import SequenceBatch

__all__ = ["CanonicalRows", "canonical_rows"]

Hashes = NDArray[np.uint64]

_BASE = 0x9E3779B97F4A7C15 | 1  # odd, so that it has an inverse modulo 2**64
_BASE_INVERSE = pow(_BASE, -1, 1 << 64)
_CHUNK_VALUES = 1 << 22  # values compared at a time


@dataclass(frozen=True)
class CanonicalRows:
    """Row numbers of the distinct rows, in canonical order, and their merged weights, of mean 1.

    ``group`` (n_samples,) says which distinct row each row equals; -1 for rows of weight 0.
    """

    rows: NDArray[np.intp]
    weights: NDArray[np.float64]
    group: NDArray[np.intp]


def canonical_rows(
    batch: SequenceBatch, targets: NDArray[np.float64] | None, weights: NDArray[np.float64]
) -> CanonicalRows:
    """Drop, merge and order the rows of a training set.

    ``targets`` (n_samples, k) count as part of a row's content; ``weights`` (n_samples,) are non-negative.
    """
    kept, all_weights = np.flatnonzero(weights > 0), weights
    batch, weights = batch.take(kept), weights[kept]
    content = np.zeros((len(kept), 0)) if targets is None else targets[kept] + 0.0  # -0.0 becomes 0.0
    content[np.isnan(content)] = np.nan  # one NaN
    keys = _row_hashes(batch, content)
    if (weights == weights[0]).all():
        order = np.argsort(keys, kind="stable")
    else:
        order = np.lexsort((weights, keys))  # equal rows: weights are added smallest first
    groups = _groups(batch.take(order), content[order], keys[order])
    if groups is None:  # two different rows with one hash: order by content instead
        order = np.lexsort((weights, *_content_columns(batch, content)))
        groups = _groups(batch.take(order), content[order], None)
        assert groups is not None
    first = np.flatnonzero(np.diff(groups, prepend=-1))
    merged = np.add.reduceat(weights[order], first)
    group = np.full(len(all_weights), -1, dtype=np.intp)
    group[kept[order]] = groups
    return CanonicalRows(kept[order[first]], merged * (len(merged) / merged.sum()), group)


def _groups(batch: SequenceBatch, content: NDArray[np.float64], keys: Hashes | None) -> NDArray[np.intp] | None:
    """Number the runs of equal rows; None if two neighbours share a key and differ in content."""
    n = batch.n_samples
    candidate = np.ones(n - 1, bool) if keys is None else keys[1:] == keys[:-1]
    equal = np.zeros(n, dtype=bool)
    pairs = np.flatnonzero(candidate)
    size = max(1, _CHUNK_VALUES // (batch.max_length * batch.n_features))
    for begin in range(0, len(pairs), size):
        left = pairs[begin : begin + size]
        equal[left + 1] = _equal_rows(batch, content, left, left + 1)
    if keys is not None and not equal[pairs + 1].all():
        return None
    return np.cumsum(~equal) - 1


def _equal_rows(
    batch: SequenceBatch, content: NDArray[np.float64], left: NDArray[np.intp], right: NDArray[np.intp]
) -> NDArray[np.bool_]:
    """Whether the rows at `left` equal those at `right` exactly (NaN equals NaN); (len(left),)."""
    same = np.asarray(batch.lengths[left] == batch.lengths[right])
    same &= ((content[left] == content[right]) | (np.isnan(content[left]) & np.isnan(content[right]))).all(axis=1)
    check = np.flatnonzero(same)
    if len(check):
        a, padding = batch.take(left[check]).positions()
        b, _ = batch.take(right[check]).positions()
        x, y = batch.steps[a], batch.steps[b]  # (pairs, T, F)
        equal = ((x == y) | (np.isnan(x) & np.isnan(y))).all(axis=2)
        same[check] = (equal if padding is None else equal | padding).all(axis=1)
    return same


def _content_columns(batch: SequenceBatch, content: NDArray[np.float64]) -> list[NDArray[np.generic]]:
    """Sort keys that decide between any two different rows, least significant first."""
    positions, padding = batch.positions()
    values = batch.steps[positions]
    if padding is not None:
        values[padding] = 0.0
    flat = _bits(values.reshape(len(values), -1))
    return [batch.lengths, *content.T, *flat.T]


def _row_hashes(batch: SequenceBatch, content: NDArray[np.float64]) -> Hashes:
    """A 64-bit hash of each row's sequence, length and target; (n_samples,)."""
    with np.errstate(over="ignore"):
        per_step = _mix_columns(_bits(batch.steps))
        powers = _powers(_BASE, len(per_step) + 1)
        prefix = np.concatenate([np.zeros(1, np.uint64), np.cumsum(per_step * powers[1:], dtype=np.uint64)])
        polynomial = prefix[batch.starts + batch.lengths] - prefix[batch.starts]
        polynomial *= _powers(_BASE_INVERSE, len(per_step) + 1)[batch.starts]
        columns = [polynomial, batch.lengths.astype(np.uint64), *content.view(np.uint64).T]
        return _mix_columns(np.stack(columns, axis=1))


def _bits(values: NDArray[np.float32]) -> NDArray[np.uint32]:
    """The bits of float32 values, with one zero and one NaN."""
    clean = values + np.float32(0.0)  # -0.0 becomes 0.0
    clean[np.isnan(clean)] = np.float32("nan")
    return clean.view(np.uint32)


def _powers(base: int, n: int) -> Hashes:
    """base**0 … base**(n - 1) modulo 2**64."""
    factors = np.full(n, base, dtype=np.uint64)
    factors[0] = 1
    return np.cumprod(factors, dtype=np.uint64)


def _mix_columns(columns: NDArray[np.unsignedinteger]) -> Hashes:
    """Hash each row of unsigned integers (n, k) into 64 bits."""
    state = np.full(len(columns), _BASE, dtype=np.uint64)
    for column in columns.T:
        state = _mix(state ^ column.astype(np.uint64)) * np.uint64(_BASE)
    return _mix(state)


def _mix(x: Hashes) -> Hashes:
    """Scramble 64-bit integers: the finaliser of SplitMix64 (Steele, Lea & Flood, OOPSLA 2014, figure 18)."""
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))

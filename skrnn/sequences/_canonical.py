"""The canonical form of a training set: the same rows in the same order, however they were given.

Rows of weight 0 are dropped, identical (sequence, target) rows are merged with their weights added, and the
distinct rows are put in an order that depends on their content alone. After that a weight of 2 *is* the row
twice and the order of the rows does not matter, bit for bit, at any batch size.

The order is that of a 64-bit hash. That of a step is the sum of the scrambled bits of its values, each times an odd
number of its feature (Carter & Wegman, "Universal classes of hash functions", J. Comput. Syst. Sci. 18(2), 1979). That
of a sequence is a polynomial in the hashes of its steps modulo 2**64 (Karp & Rabin, "Efficient randomized
pattern-matching algorithms", IBM J. Res. Dev. 31(2), 1987), read off prefix sums: overlapping windows cost the length
of their series, not windows x width.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from skrnn._types import Doubles, Flags, Floats, Integers
from skrnn.sequences._batch import SequenceBatch
from skrnn.sequences._chunks import double_chunks, row_chunks

__all__ = ["CanonicalRows", "canonical_rows"]

Hashes = NDArray[np.uint64]

_BASE = 0x9E3779B97F4A7C15 | 1  # odd, so that it has an inverse modulo 2**64
_BASE_INVERSE = pow(_BASE, -1, 1 << 64)
_CHUNK_VALUES = 1 << 22  # values compared at a time


@dataclass(frozen=True)
class CanonicalRows:
    """Row numbers of the distinct rows, in canonical order, and their merged weights, of mean 1, in this ``unit``.

    ``group`` (n_samples,), if it was asked for, says which distinct row each row equals; -1 for rows of weight 0.
    """

    rows: Integers
    weights: Doubles
    unit: float
    group: Integers | None


def canonical_rows(
    batch: SequenceBatch,
    targets: Doubles | SequenceBatch | None,
    weights: Doubles,
    *,
    groups: bool = False,
) -> CanonicalRows:
    """Drop, merge and order the rows of a training set.

    ``targets``, (n_samples, k) or a sequence for each row, count as part of its content; ``weights`` (n_samples,) are
    non-negative.
    """
    sequences = [batch, targets] if isinstance(targets, SequenceBatch) else [batch]
    content = targets if isinstance(targets, np.ndarray) else np.zeros((len(weights), 0))
    n_samples, kept = len(weights), None
    if not (weights > 0).all():
        kept = np.flatnonzero(weights > 0)
        sequences, weights = [part.take(kept) for part in sequences], weights[kept]
        content = content[kept]
    uniform = bool((weights == weights[0]).all())
    keys = _row_hashes(sequences, content)
    # Of equal rows the smallest weight is added first.
    order = np.argsort(keys, kind="stable") if uniform else np.lexsort((weights, keys))
    keys = keys[order]
    equal = _equal_neighbours(sequences, content, order, keys)
    if equal is None:  # two different rows with one hash: order by content instead
        order = np.lexsort((weights, *_content_columns(sequences, content)))
        equal = _equal_neighbours(sequences, content, order, None)
        assert equal is not None
    del keys
    first = np.flatnonzero(~equal)
    if uniform and len(first) == len(order):
        merged, unit = np.broadcast_to(np.float64(1.0), order.shape), float(weights[0])
    else:
        merged = np.add.reduceat(weights[order], first)
        unit = float(merged.sum() / len(merged))
        merged *= len(merged) / merged.sum()
    group = None
    if groups:
        group = np.full(n_samples, -1, dtype=np.intp)
        group[order if kept is None else kept[order]] = np.cumsum(~equal) - 1
    rows = order if len(first) == len(order) else order[first]
    return CanonicalRows(rows if kept is None else kept[rows], merged, unit, group)


def _equal_neighbours(
    sequences: list[SequenceBatch], content: Doubles, order: Integers, keys: Hashes | None
) -> Flags | None:
    """Whether each row equals the one before it in that order; None if two share a key and differ in content.

    ``keys`` are in that order; None: any two neighbours may be equal.
    """
    n = len(order)
    candidate = np.ones(n - 1, bool) if keys is None else keys[1:] == keys[:-1]
    equal = np.zeros(n, dtype=bool)
    pairs = np.flatnonzero(candidate)
    size = max(1, _CHUNK_VALUES // max(part.max_length * part.n_features for part in sequences))
    for begin in range(0, len(pairs), size):
        left = pairs[begin : begin + size]
        equal[left + 1] = _equal_rows(sequences, content, order[left], order[left + 1])
    return None if keys is not None and not equal[pairs + 1].all() else equal


def _equal_rows(sequences: list[SequenceBatch], content: Doubles, left: Integers, right: Integers) -> Flags:
    """Whether the rows at `left` equal those at `right` exactly (NaN equals NaN); (len(left),)."""
    equal = (content[left] == content[right]) | (np.isnan(content[left]) & np.isnan(content[right]))
    same = np.asarray(equal.all(axis=1))
    for batch in sequences:
        same &= batch.lengths[left] == batch.lengths[right]
        check = np.flatnonzero(same)
        if not len(check):
            break
        a, padding = batch.take(left[check]).positions()
        b, _ = batch.take(right[check]).positions()
        x, y = batch.steps[a], batch.steps[b]  # (pairs, T, F)
        equal = ((x == y) | (np.isnan(x) & np.isnan(y))).all(axis=2)
        same[check] = (equal if padding is None else equal | padding).all(axis=1)
    return same


def _content_columns(sequences: list[SequenceBatch], content: Doubles) -> list[NDArray[np.generic]]:
    """Sort keys that decide between any two different rows, least significant first."""
    columns: list[NDArray[np.generic]] = []
    for batch in sequences:
        positions, padding = batch.positions()
        values = batch.steps[positions]
        if padding is not None:
            values[padding] = 0.0
        columns += [batch.lengths, *_bits(np.add(values.reshape(len(values), -1), 0.0, dtype=np.float64)).T]
    return [*columns, *_bits(np.add(content, 0.0, order="C")).T]


def _row_hashes(sequences: list[SequenceBatch], content: Doubles) -> Hashes:
    """A 64-bit hash of each row's sequences, lengths and targets; (n_samples,)."""
    hashes = np.empty(len(content), np.uint64)
    with np.errstate(over="ignore"):
        prefixes = [_prefix_sums(batch.steps) for batch in sequences]
        inverses = [_powers(_BASE_INVERSE, len(prefix)) for prefix in prefixes]
        for rows in row_chunks(len(content), content.shape[1] + 2 * len(sequences)):
            columns = []
            for batch, prefix, inverse in zip(sequences, prefixes, inverses, strict=True):
                starts, lengths = batch.starts[rows], batch.lengths[rows]
                polynomial = (prefix[starts + lengths] - prefix[starts]) * inverse[starts]
                columns += [polynomial, lengths.astype(np.uint64)]
            targets = _bits(np.add(content[rows], 0.0, order="C"))
            hashes[rows] = _mix_columns([*columns, *targets.T])
    return hashes


def _prefix_sums(steps: Floats) -> Hashes:
    """Sums of the hashes of the steps before each step, times rising powers of the base; (n_steps + 1,)."""
    prefix = _step_hashes(steps)
    prefix *= _powers(_BASE, len(prefix))
    return np.cumsum(prefix, out=prefix)


def _step_hashes(steps: Floats) -> Hashes:
    """0, and a hash of each step's values; (n_steps + 1,)."""
    hashes = np.zeros(len(steps) + 1, np.uint64)
    factors = _mix(np.arange(1, steps.shape[1] + 1, dtype=np.uint64)) | np.uint64(1)
    room = np.empty((0, 0), np.uint64)
    for rows, values in double_chunks(steps):
        words = _bits(values)
        room = room if room.shape == words.shape else np.empty_like(words)
        _scramble(words, room)
        np.einsum("ij,j->i", words, factors, out=hashes[1:][rows])
        hashes[1:][rows] = _mix(hashes[1:][rows])
    return hashes


def _scramble(words: Hashes, room: Hashes) -> None:
    """Spread what tells numbers apart over all bits, in place: it is often in the first few, a sign or an exponent."""
    words ^= np.right_shift(words, np.uint64(32), out=room)
    words *= np.uint64(_BASE)
    words ^= np.right_shift(words, np.uint64(29), out=room)


def _bits(values: Doubles) -> Hashes:
    """The bits of C-contiguous values in double precision without -0.0, made to have one NaN."""
    if np.isnan(values.max(initial=0.0)):
        values[np.isnan(values)] = np.nan
    return values.view(np.uint64)


def _powers(base: int, n: int) -> Hashes:
    """base**0 … base**(n - 1) modulo 2**64."""
    factors = np.full(n, base, dtype=np.uint64)
    factors[0] = 1
    return np.cumprod(factors, out=factors)


def _mix_columns(columns: list[Hashes]) -> Hashes:
    """Hash the unsigned integers that stand in one row of the columns (n,) into 64 bits."""
    state = np.full(len(columns[0]), _BASE, dtype=np.uint64)
    for column in columns:
        state = _mix(state ^ column) * np.uint64(_BASE)
    return _mix(state)


def _mix(x: Hashes) -> Hashes:
    """Scramble 64-bit integers: the finaliser of SplitMix64 (Steele, Lea & Flood, OOPSLA 2014, figure 18)."""
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))

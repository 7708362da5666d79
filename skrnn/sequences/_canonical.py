"""The canonical form of a training set: the same rows in the same order, however they were given.

Rows of weight 0 are dropped, identical (sequence, target) rows are merged with their weights added, and the
distinct rows are put in an order that depends on their content alone. After that a weight of 2 *is* the row
twice and the order of the rows does not matter, bit for bit, at any batch size.

The order is that of a 64-bit hash, of which `_hashes.py` makes the part of the steps.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from skrnn._types import Doubles, Flags, Integers
from skrnn.sequences._batch import SequenceBatch
from skrnn.sequences._chunks import compiled_passes, frozen, passes_for_columns, row_chunks
from skrnn.sequences._hashes import BASE, Hashes, bits, mix

__all__ = ["CanonicalRows", "canonical_rows"]

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
    last: bool = False,
) -> CanonicalRows:
    """Drop, merge and order the rows of a training set.

    ``targets``, (n_samples, k) or a sequence for each row, count as part of its content; ``weights`` (n_samples,) are
    non-negative. ``last``: nobody will ask for the hashes of the batch again, whose memory is used.
    """
    sequences = [batch, targets] if isinstance(targets, SequenceBatch) else [batch]
    content = targets if isinstance(targets, np.ndarray) else np.zeros((len(weights), 0))
    n_samples, kept = len(weights), None
    if not (weights[:1] if weights.strides == (0,) else weights).all():  # not negative
        kept = np.flatnonzero(weights > 0)
        sequences = [part.take(kept).with_hashes(part.hashes[kept]) for part in sequences]
        weights = weights[kept]
        content = content[kept]
    uniform = weights.strides == (0,) or bool((weights == weights[0]).all())
    keys = _row_hashes(sequences, content, last)
    # Of equal rows the smallest weight is added first.
    order, all_differ = _order(keys, None if uniform else weights)
    equal: Flags | None = np.zeros(len(order), bool)
    if not all_differ:
        equal = _equal_neighbours(sequences, content, order, keys[order])
    if equal is None:  # two different rows with one hash: order by content instead
        order = np.lexsort((weights, *_content_columns(sequences, content)))
        equal = _equal_neighbours(sequences, content, order, None)
        assert equal is not None
    del keys
    rows, repeats = order, bool(equal.any())
    if uniform and not repeats:
        merged, unit = np.broadcast_to(np.float64(1.0), order.shape), float(weights[0])
    else:
        merged = weights[order]
        if repeats:
            first = np.flatnonzero(~equal)
            rows, merged = order[first], np.add.reduceat(merged, first)
        unit = float(merged.sum() / len(merged))
        merged *= len(merged) / merged.sum()
    group = None
    if groups:
        group = np.full(n_samples, -1, dtype=np.intp)
        group[order if kept is None else kept[order]] = np.cumsum(~equal) - 1
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
        columns += [batch.lengths, *bits(np.add(values.reshape(len(values), -1), 0.0, dtype=np.float64)).T]
    return [*columns, *bits(np.add(content, 0.0, order="C")).T]


def _row_hashes(sequences: list[SequenceBatch], content: Doubles, in_place: bool = False) -> Hashes:
    """A 64-bit hash of each row's sequences, lengths and targets; (n_samples,)."""
    parts = [batch.hashes for batch in sequences]
    passes = compiled_passes(sequences[0].steps) or passes_for_columns(content.shape[1])
    hashes = sequences[0].taken_hashes() if in_place else np.empty(len(content), np.uint64)
    for rows in row_chunks(len(content), content.shape[1] + 2 * len(sequences)):
        columns = []
        for batch, part in zip(sequences, parts, strict=True):
            columns += [part[rows], batch.lengths[rows].astype(np.uint64)]
        values = np.ascontiguousarray(content[rows])
        state = np.full(len(values), BASE, np.uint64)
        if passes is not None:
            for column in columns:
                passes.mix_in(frozen(np.ascontiguousarray(column)), np.uint64(BASE), state)
            passes.mix_values_in(frozen(values), np.uint64(BASE), state)
        else:
            state = _mixed([*columns, *bits(np.add(values, 0.0)).T], state)
        hashes[rows] = state
    return hashes


def _mixed(columns: list[Hashes], state: Hashes) -> Hashes:
    """The hashes of the unsigned integers that stand in one row of the columns (n,), from a state on."""
    with np.errstate(over="ignore"):
        for column in columns:
            state = mix(state ^ column) * np.uint64(BASE)
        return mix(state)


def _order(keys: Hashes, weights: Doubles | None) -> tuple[Integers, bool]:
    """The order of the keys, that of the weights among equal ones, and that of the rows among equals in both; and
    whether it is known at once that no two keys are equal.

    The first bits of the keys are sorted with the numbers of the rows behind them, which is quick since it is done in
    place; where two agree in these bits, the rest decides.
    """
    mask = np.uint64((1 << (len(keys) - 1).bit_length()) - 1)
    packed = keys & ~mask
    packed |= np.arange(len(keys), dtype=np.uint64)
    packed.sort()
    alike = np.empty(len(packed) - 1, bool)
    for part in row_chunks(len(alike)):
        np.less_equal(packed[1:][part] ^ packed[:-1][part], mask, out=alike[part])
    packed &= mask
    order = packed.view(np.int64).astype(np.intp, copy=False)
    all_differ = not alike.any()
    if not all_differ:
        places = np.flatnonzero(np.append(alike, False) | np.append(False, alike))
        rows = order[places]
        within = (keys[rows],) if weights is None else (weights[rows], keys[rows])
        order[places] = rows[np.lexsort(within)]
    return order, all_differ

"""Hashes of sequences.

That of a step is the sum of the scrambled bits of its values, each times an odd number of its feature (Carter & Wegman,
"Universal classes of hash functions", J. Comput. Syst. Sci. 18(2), 1979). That of a sequence is a polynomial in the
hashes of its steps modulo 2**64 (Karp & Rabin, "Efficient randomized pattern-matching algorithms", IBM J. Res. Dev.
31(2), 1987), read off prefix sums: overlapping windows cost the length of their series, not windows x width.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from skrnn._types import Doubles, Floats, Integers
from skrnn.sequences._chunks import compiled_passes, double_chunks, frozen, row_chunks

__all__ = ["BASE", "Hashes", "bits", "hashes_and_bound", "mix", "sequence_hashes"]

Hashes = NDArray[np.uint64]

BASE = 0x9E3779B97F4A7C15 | 1  # odd, so that it has an inverse modulo 2**64
BASE_INVERSE = pow(BASE, -1, 1 << 64)
_TABLE = 4096  # powers in a table, as `hash_spans` has it
_STEPS = 1 << 13  # hashed at a time


def sequence_hashes(steps: Floats, starts: Integers, lengths: Integers) -> Hashes:
    """The hash of each sequence, without its length; (n_samples,)."""
    found = hashes_and_bound(steps, starts, lengths)
    if found is not None:
        return found[0]
    hashes = np.empty(len(starts), np.uint64)
    with np.errstate(over="ignore"):
        prefix = _step_hashes(steps)
        prefix *= _powers(BASE, len(prefix))
        np.cumsum(prefix, out=prefix)
        low, high = _inverses(len(steps))
        for rows in row_chunks(len(starts)):
            begin, end = starts[rows], starts[rows] + lengths[rows]
            hashes[rows] = (prefix[end] - prefix[begin]) * (low[begin % len(low)] * high[begin // len(low)])
    return hashes


def hashes_and_bound(
    steps: Floats, starts: Integers, lengths: Integers, besides: Callable[[int], None] | None = None
) -> tuple[Hashes, float] | None:
    """`sequence_hashes`, and the largest value without its sign, infinity or NaN where there are some, in one read.

    ``besides`` is told how many steps have been read, from time to time, while the last of them are still in the cache.
    None: it takes two reads, with NumPy.
    """
    passes = compiled_passes(steps)
    if passes is None:
        return None
    starts, lengths = (np.ascontiguousarray(part, np.int64) for part in (starts, lengths))
    hashes, factors, bound = np.empty(len(starts), np.uint64), _factors(steps.shape[1]), 0
    base, power, place = np.uint64(BASE), np.ones(1, np.uint64), np.array([-1, 0])
    size = min(_STEPS, row_chunks(*steps.shape)[0].stop) if len(steps) else 1
    follow, room = passes.follow(starts, lengths), np.empty(size, np.uint64)
    prefix = np.zeros(1 if follow else len(steps) + 1, np.uint64)
    for begin in range(0, len(steps), size):
        part = room[: len(steps) - begin]
        bound = max(bound, passes.hash_steps(frozen(steps[begin : begin + size]), factors, base, part))
        if follow:
            passes.add_sequences(part, begin, starts, lengths, base, power, place, hashes)
        else:
            passes.add_steps(part, base, power, prefix[begin:])
        if besides is not None:
            besides(begin + len(part))
    if not follow:
        passes.hash_spans(prefix, starts, lengths, *_inverses(len(steps)), hashes)
    return hashes, float(np.uint64(bound).view(np.float64))


def _inverses(n: int) -> tuple[Hashes, Hashes]:
    """Two tables, whose product at i % 4096 and i // 4096 is BASE**-i, for i up to n."""
    return _powers(BASE_INVERSE, _TABLE), _powers(pow(BASE_INVERSE, _TABLE, 1 << 64), n // _TABLE + 1)


def _factors(n_features: int) -> Hashes:
    """An odd number for each feature."""
    with np.errstate(over="ignore"):
        return mix(np.arange(1, n_features + 1, dtype=np.uint64)) | np.uint64(1)


def _step_hashes(steps: Floats) -> Hashes:
    """0, and a hash of each step's values; (n_steps + 1,)."""
    hashes, factors = np.zeros(len(steps) + 1, np.uint64), _factors(steps.shape[1])
    room = np.empty((0, 0), np.uint64)
    for rows, values in double_chunks(steps):
        words = bits(values)
        room = room if room.shape == words.shape else np.empty_like(words)
        _scramble(words, room)
        np.einsum("ij,j->i", words, factors, out=hashes[1:][rows])
        hashes[1:][rows] = mix(hashes[1:][rows])
    return hashes


def _scramble(words: Hashes, room: Hashes) -> None:
    """Spread what tells numbers apart over all bits, in place: it is often in the first few, a sign or an exponent."""
    words ^= np.right_shift(words, np.uint64(32), out=room)
    words *= np.uint64(BASE)
    words ^= np.right_shift(words, np.uint64(29), out=room)


def bits(values: Doubles) -> Hashes:
    """The bits of C-contiguous values in double precision without -0.0, made to have one NaN."""
    if np.isnan(values.max(initial=0.0)):
        values[np.isnan(values)] = np.nan
    return values.view(np.uint64)


def _powers(base: int, n: int) -> Hashes:
    """base**0 … base**(n - 1) modulo 2**64."""
    factors = np.full(n, base, dtype=np.uint64)
    factors[0] = 1
    return np.cumprod(factors, out=factors)


def mix(x: Hashes) -> Hashes:
    """Scramble 64-bit integers: the finaliser of SplitMix64 (Steele, Lea & Flood, OOPSLA 2014, figure 18)."""
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))

"""What random-like kernels see in whole sequences: at how large a share of the steps each passes a threshold.

MiniRocket of Dempster, Schmidt & Webb, KDD 2021: 84 kernels of nine steps, three of them with the weight 2 and six with
-1, at several dilations; thresholds are quantiles of what the kernel gives on a row of the training part. Nothing here
is learnt from targets. Other than there: at most eight dilations and three thresholds for a kernel, which make about
2,000 features instead of 10,000; these are standardised; and there is no chance: the same rows give the same features.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations
from typing import Any, ClassVar

import numpy as np

from skrnn._plain import is_finite_array, require, require_fields
from skrnn._types import Doubles, Flags, Floats, Integers, Singles
from skrnn.sequences import InputScaling, SequenceBatch
from skrnn.training._compiled_shares import compiled_shares

__all__ = ["Shares", "both_ways"]

_WIDTH = 9
_KERNELS = np.array(list(combinations(range(_WIDTH), 3)))  # where the weight is 2
_DILATIONS = 8
_THRESHOLDS = 3
_MOST_CHANNELS = 9  # that a kernel reads of many inputs
_ORDERS = 8  # in which the places of a kernel join; an even number
_GOLDEN = (np.sqrt(5.0) - 1.0) / 2.0  # its multiples, modulo 1, spread evenly
_LARGE = 1 << 12  # values of rows, from which on compiled code saves more than loading it costs
_ROOM = 1 << 20  # values of rows that thresholds are taken from, at a time
_CHUNK_STEPS = 30_000  # of rows whose features are computed at a time, so that they stay in the cache


@dataclass(frozen=True, eq=False)
class Shares:
    """Which features, and what makes them standard.

    Attributes
    ----------
    dilations : int64 array (D,)
        In steps.
    channels : bool array (D, 84, n_inputs)
        Which inputs each kernel adds up.
    thresholds : float32 array (D, 84, Q)
        In units of the scaled inputs.
    mean, scale : float64 arrays (D * 84 * Q,)
        Of the shares in training.
    """

    dilations: Integers
    channels: Flags
    thresholds: Singles
    mean: Doubles
    scale: Doubles

    name: ClassVar[str] = "minirocket"
    costly: ClassVar[bool] = True
    width: ClassVar[int] = _WIDTH  # of a kernel, in steps
    places: ClassVar[Integers] = _KERNELS  # of each kernel (84, 3), where the weight is 2

    @property
    def n_features(self) -> int:
        return int(self.thresholds.size)

    @classmethod
    def fit(cls, batch: SequenceBatch, scaling: InputScaling, sample_weights: Doubles) -> Shares:
        """The features for the rows of a training part, which are distinct and in canonical order."""
        typical = int(np.average(batch.lengths, weights=sample_weights))
        widest = max(1, (typical - 1) // (_WIDTH - 1))
        dilations = np.unique(np.geomspace(1, widest, _DILATIONS).round().astype(np.int64))
        channels = _channels(len(dilations), scaling)
        thresholds = np.empty((*channels.shape[:2], _THRESHOLDS), np.float32)
        for d in range(len(dilations)):
            for kernels, seen in _seen_of_one_row_each(batch, scaling, dilations[d], channels[d], d * len(_KERNELS)):
                numbers = (d * len(_KERNELS) + kernels)[:, None] * _THRESHOLDS + np.arange(1, _THRESHOLDS + 1)
                found = np.quantile(seen, (numbers * _GOLDEN % 1).ravel(), axis=1).reshape(len(seen), _THRESHOLDS, -1)
                thresholds[d, kernels] = found[np.arange(len(seen)), :, np.arange(len(seen))]
        size = thresholds.size
        raw = cls(dilations, channels, thresholds, np.zeros(size), np.ones(size))
        weights, mean, square = sample_weights / sample_weights.sum(), np.zeros(size), np.zeros(size)
        for rows, shares in raw.chunks(batch, scaling):
            mean += weights[rows] @ shares
            square += weights[rows] @ shares**2
        scale = np.sqrt(np.maximum(square - mean**2, 0.0))
        scale[scale < 1e-7] = 1.0
        return cls(dilations, channels, thresholds, mean, scale)

    def chunks(self, batch: SequenceBatch, scaling: InputScaling) -> Iterator[tuple[Integers, Doubles]]:
        """Row numbers and their features (B, n_features), chunk by chunk; a row's do not depend on the others."""
        size = max(1, _CHUNK_STEPS // (batch.max_length * scaling.input_size))
        for start in range(0, batch.n_samples, size):
            rows = np.arange(start, min(start + size, batch.n_samples))
            values, lengths = scaling.gather(batch.take(rows))
            yield rows, self.features(values, lengths)

    def features(self, values: Floats, lengths: Integers) -> Doubles:
        """Those of scaled inputs (B, T, F), zero behind the last step, which are read in single precision."""
        return (self._shares(values.astype(np.float32, copy=False), lengths) - self.mean) / self.scale

    def attributed(self, values: Floats, lengths: Integers, coef: Doubles) -> Doubles:
        """What each of the scaled inputs (B, T, F) adds to a linear model of the features, (B, T, F).

        ``coef`` (B, n_features) are those of the model, for each row. No gradient passes through a threshold: these are
        Shapley values, with zeros for inputs that do not take part (Shapley, "A value for n-person games", 1953). They
        are linear in the game, so each kernel at each step is one of its own, of nine places times its inputs, and
        sampled orders of these (Castro, Gómez & Tejada, Computers & Operations Research 36(5), 2009) cost as much as
        nine runs, not as many as there are values. Each order is taken backwards, too.
        """
        values, rng = values.astype(np.float32, copy=False), np.random.default_rng(0)
        n_rows, n_steps = values.shape[:2]
        found = np.zeros(values.shape)
        weights = (coef / self.scale).reshape(n_rows, *self.thresholds.shape)
        for d, dilation in enumerate(self.dilations):
            padded, margin = _padded(values, dilation), (_WIDTH // 2) * int(dilation)
            parts, windows = np.zeros(padded.shape), _windows(lengths, n_steps, margin)
            for kernel, products in enumerate(self._products(padded, d)):
                counted, n_counted = windows[(d + kernel) % 2]
                factors = (weights[:, d, kernel] / n_counted[:, None]).astype(np.float32)  # (B, Q)
                game = _Game(products, self.thresholds[d, kernel], factors)
                signs = np.full(_WIDTH, np.float32(-1.0))
                signs[_KERNELS[kernel]] = 2.0
                inputs = np.flatnonzero(self.channels[d, kernel])
                for players in both_ways(rng, _WIDTH * len(inputs), _ORDERS):
                    game.begin()
                    for number, player in enumerate(players, start=1):
                        place, one = divmod(int(player), len(inputs))
                        under = slice(place * int(dilation), place * int(dilation) + n_steps), inputs[one]
                        gained = game.join(None if number == len(players) else signs[place] * padded[:, *under])
                        parts[:, *under] += np.where(counted, gained / _ORDERS, 0.0)
            found += parts[:, margin : margin + n_steps]
        return found

    def _shares(self, values: Singles, lengths: Integers) -> Doubles:
        out, n_steps = np.empty((len(values), *self.thresholds.shape)), values.shape[1]
        count = compiled_shares() if values.size >= _LARGE else None
        if count is not None:
            for d in range(len(self.dilations)):
                self._count(count, np.ascontiguousarray(values), lengths, d, out[:, d])
            return out.reshape(len(values), -1)
        passed = np.empty(values.shape[:2], np.float32)  # 0 or 1, whose sums are exact
        for d, dilation in enumerate(self.dilations):
            windows = _windows(lengths, n_steps, (_WIDTH // 2) * int(dilation))
            singles = [counted.astype(np.float32) for counted, _ in windows]
            for kernel, products in enumerate(self._products(_padded(values, dilation), d)):
                which = (d + kernel) % 2
                for number, threshold in enumerate(self.thresholds[d, kernel]):
                    np.greater(products, threshold, out=passed)
                    out[:, d, kernel, number] = np.einsum("bt,bt->b", passed, singles[which]) / windows[which][1]
        return out.reshape(len(values), -1)

    def _count(self, count: Any, values: Singles, lengths: Integers, d: int, out: Doubles) -> None:
        """The shares (B, 84, Q) of a dilation, by compiled code."""
        dilation, channels = int(self.dilations[d]), self.channels[d]
        spans = np.array(_spans(lengths, (_WIDTH // 2) * dilation), np.int64)  # (2, 2, B): begins, ends
        of_kernel, chosen = np.nonzero(channels)
        edges = np.searchsorted(of_kernel, np.arange(len(_KERNELS) + 1))
        inputs = chosen, edges, np.append(True, (channels[1:] != channels[:-1]).any(axis=1))
        counts = np.empty((len(values), *self.thresholds.shape[1:]), np.int32)
        thresholds = np.array(self.thresholds[d], np.float32)
        count(values, dilation, _KERNELS, inputs, thresholds, *spans, d % 2, counts)
        n_counted = np.diff(spans, axis=0)[0]
        out[:] = counts / n_counted[(d + np.arange(len(_KERNELS))) % 2].T[:, :, None]

    def _products(self, padded: Singles, d: int) -> Iterator[Floats]:
        """What each kernel of a dilation gives at every step (B, T), in an array that the next one overwrites."""
        before, out = None, None
        for kernel, channels in enumerate(self.channels[d]):
            if before is None or (channels != before).any():  # of one input, all kernels read the same
                places = _places(padded, self.dilations[d], channels)
                total, before = _total(places), channels
            out = np.empty_like(total) if out is None else out
            yield _product(places, total, kernel, out)

    def plain(self) -> dict[str, Any]:
        """As arrays."""
        return vars(self).copy()

    @classmethod
    def from_plain(cls, values: Any, n_inputs: int) -> Shares:
        """The checked features of a stored state, of so many inputs per step."""
        require_fields(values, cls, "shares")
        kinds = {"dilations": "i8", "channels": "b1", "thresholds": "f4", "mean": "f8", "scale": "f8"}
        good = all(is_finite_array(values[name], kind, None) for name, kind in kinds.items())
        require(good, "shares has something else than finite arrays")
        forms, size = (np.size(values["dilations"]), len(_KERNELS)), np.size(values["thresholds"])
        shapes = {"dilations": forms[:1], "channels": (*forms, n_inputs), "mean": (size,), "scale": (size,)}
        good = size > 0 and all(values[name].shape == shape for name, shape in shapes.items())
        good = good and values["thresholds"].shape == (*forms, size // (forms[0] * forms[1]))
        require(good, "shares has arrays of other sizes")
        positive = values["scale"].min() > 0 and values["dilations"].min() > 0
        require(positive and values["dilations"].max() < 2**31, "shares has a scale or a dilation that cannot be")
        return cls(**values)


def _channels(n_dilations: int, scaling: InputScaling) -> Flags:
    """Which inputs each kernel adds up, (D, 84, n_inputs): numbers alone, where there are categories beside them."""
    numbers = np.ones(scaling.input_size, bool)
    numbers[: len(scaling.mean)] = scaling.are_numbers
    channels = np.zeros((n_dilations, len(_KERNELS), len(numbers)), bool)
    channels[:, :, numbers] = _subsets(n_dilations, int(numbers.sum()))
    return channels


def _subsets(n_dilations: int, n_inputs: int) -> Flags:
    """Of one input this one, of several random subsets, more often small ones; always the same."""
    channels = np.ones((n_dilations, len(_KERNELS), n_inputs), bool)
    if n_inputs > 1:
        rng = np.random.default_rng(0)
        for chosen in channels.reshape(-1, n_inputs):
            most = min(n_inputs, _MOST_CHANNELS)
            chosen[:] = False
            chosen[rng.choice(n_inputs, int(2 ** rng.uniform(0, np.log2(most + 1))), replace=False)] = True
    return channels


def _padded(values: Singles, dilation: int) -> Singles:
    """Values (B, T, F) with zeros at both ends, where a kernel reaches beyond them."""
    margin = (_WIDTH // 2) * int(dilation)
    return np.pad(values, ((0, 0), (margin, margin), (0, 0)))


def _places(padded: Singles, dilation: int, channels: Flags) -> list[Floats]:
    """What stands under each of a kernel's nine places at every step, the inputs added up: views (B, T)."""
    read: Floats = padded[:, :, channels].sum(axis=2) if len(channels) > 1 else padded[:, :, 0]
    n_steps = padded.shape[1] - (_WIDTH - 1) * int(dilation)
    return [read[:, place * dilation : place * dilation + n_steps] for place in range(_WIDTH)]


def _total(places: list[Floats]) -> Floats:
    """The sum of the nine places (B, T)."""
    total = places[0].copy()
    for place in places[1:]:
        total += place
    return total


def _product(places: list[Floats], total: Floats, kernel: int, out: Floats) -> Floats:
    """What a kernel gives at every step (B, T): three times its three places, less all nine."""
    first, second, third = _KERNELS[kernel]
    np.add(places[first], places[second], out=out)
    out += places[third]
    out *= np.float32(3.0)
    out -= total
    return out


def _seen_of_one_row_each(
    batch: SequenceBatch, scaling: InputScaling, dilation: int, channels: Flags, first: int
) -> Iterator[tuple[Integers, Singles]]:
    """Some kernels of a dilation, and what each gives at the steps of a row of its own (K, T): of rows of one length as
    many as there is room for. ``first``: the number of the first kernel.
    """
    even = bool((batch.lengths == batch.lengths[0]).all())
    at_once = max(1, min(len(_KERNELS), _ROOM // (batch.max_length * scaling.input_size))) if even else 1
    for begin in range(0, len(_KERNELS), at_once):
        kernels = np.arange(begin, min(begin + at_once, len(_KERNELS)))
        values = scaling.gather(batch.take(((first + kernels) * _GOLDEN % 1 * batch.n_samples).astype(np.intp)))[0]
        padded, seen = _padded(values, dilation), np.empty(values.shape[:2], np.float32)
        for i, kernel in enumerate(kernels):
            places = _places(padded[i : i + 1], dilation, channels[kernel])
            _product(places, _total(places), int(kernel), seen[i : i + 1])
        yield kernels, seen


def _windows(lengths: Integers, n_steps: int, margin: int) -> tuple[tuple[Flags, Integers], tuple[Flags, Integers]]:
    """The steps (B, T) that count, and how many there are: all, and those at which a kernel lies inside the row."""
    steps = np.arange(n_steps)
    (_, begins), (_, ends) = _spans(lengths, margin)
    inside = (steps >= begins[:, None]) & (steps < ends[:, None])
    return (steps < lengths[:, None], lengths), (inside, ends - begins)


def _spans(lengths: Integers, margin: int) -> tuple[tuple[Integers, Integers], tuple[Integers, Integers]]:
    """Where the steps that count begin (2, B) and end: all, and those at which a kernel lies inside the row.

    Where it lies inside nowhere, all count.
    """
    inner = lengths > 2 * margin
    begins, ends = np.where(inner, margin, 0), np.where(inner, lengths - margin, lengths)
    return (np.zeros_like(begins), begins), (np.broadcast_to(lengths, ends.shape), ends)


def both_ways(rng: np.random.Generator, n: int, n_orders: int) -> Iterator[Integers]:
    """Random orders of n players, each of them backwards, too, which makes up for some of its chance."""
    for _ in range(n_orders // 2):
        order = rng.permutation(n)
        yield from (order, order[::-1])


class _Game:
    """One kernel at every step, whose places join in one after the other: what each adds to the sum of the factors
    (B, Q) of those thresholds that the kernel passes.
    """

    def __init__(self, products: Singles, thresholds: Singles, factors: Singles):
        self.products, self.thresholds, self.factors = products, thresholds, factors
        self.level, self.passed = np.empty_like(products), np.empty_like(products)
        self.before, self.after = np.empty_like(products), np.empty_like(products)

    def begin(self) -> None:
        """Nobody takes part."""
        self.level[:] = 0.0
        self._count(self.level)

    def join(self, term: Singles | None) -> Singles:
        """What one more adds (B, T), whose term is given; None: the last one, with whom all are there."""
        self.before, self.after = self.after, self.before
        if term is not None:
            self.level += term
        self._count(self.products if term is None else self.level)
        self.before -= self.after
        return -self.before

    def _count(self, level: Singles) -> None:
        self.after[:] = 0.0
        for q, threshold in enumerate(self.thresholds):
            np.greater(level, threshold, out=self.passed)
            self.passed *= self.factors[:, q, None]
            self.after += self.passed

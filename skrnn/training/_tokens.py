"""What a decoder of tokens reads in training."""

from __future__ import annotations

import numpy as np

from skrnn._types import Floats, Integers, Longs
from skrnn.objectives import MiniBatch

__all__ = ["drawn_tokens", "tokens_to_read", "with_own_tokens"]


def tokens_to_read(batch: MiniBatch) -> Longs:
    """Teacher forcing: 0, and then each target but the last; (B, L)."""
    assert batch.targets is not None
    read = np.zeros(batch.targets.shape[:2], np.int64)
    read[:, 1:] = batch.targets[:, :-1, 0]
    return read


def drawn_tokens(outputs: Floats, rng: np.random.Generator) -> Integers:
    """A token (B, L) after each step, by the scores (B, L, K) of all; by the Gumbel-max trick."""
    noise = rng.gumbel(size=outputs.shape).astype(np.float32)
    return np.asarray((outputs + noise).argmax(axis=2))


def with_own_tokens(tokens: Longs, drawn: Integers, fraction: float, rng: np.random.Generator) -> Longs:
    """Scheduled sampling (Bengio et al., NIPS 2015): the network reads some tokens (B, L) that it has drawn itself.

    All at once, after a pass over the right tokens: Mihaylova & Martins, "Scheduled sampling for transformers", ACL SRW
    2019, section 3.
    """
    own, read = drawn[:, :-1], tokens.copy()
    read[:, 1:] = np.where(rng.random(own.shape) < fraction, own, tokens[:, 1:])
    return read

"""What a decoder of tokens reads in training."""

from __future__ import annotations

import numpy as np

from skrnn._types import Floats, Longs
from skrnn.objectives import MiniBatch

__all__ = ["tokens_to_read", "with_own_tokens"]


def tokens_to_read(batch: MiniBatch) -> Longs:
    """Teacher forcing: 0, and then each target but the last; (B, L)."""
    assert batch.targets is not None
    read = np.zeros(batch.targets.shape[:2], np.int64)
    read[:, 1:] = batch.targets[:, :-1, 0]
    return read


def with_own_tokens(tokens: Longs, outputs: Floats, fraction: float, rng: np.random.Generator) -> Longs:
    """Scheduled sampling (Bengio et al., NIPS 2015): the network draws some tokens (B, L) itself.

    All at once, from the outputs (B, L, K) of a pass over the right tokens: Mihaylova & Martins, "Scheduled sampling
    for transformers", ACL SRW 2019, section 3. Draws by the Gumbel-max trick.
    """
    noise = rng.gumbel(size=outputs.shape).astype(np.float32)
    drawn = (outputs + noise).argmax(axis=2)[:, :-1]
    read = tokens.copy()
    read[:, 1:] = np.where(rng.random(drawn.shape) < fraction, drawn, tokens[:, 1:])
    return read

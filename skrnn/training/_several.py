"""Several networks from different initial weights, for a mean of their outputs.

Lakshminarayanan, Pritzel & Blundell, "Simple and scalable predictive uncertainty estimation using deep ensembles",
NeurIPS 2017.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from threading import Event

import numpy as np

from skrnn.training._config import Observer, TrainingConfig, TrainingResult
from skrnn.training._observers import Follower, Leader

__all__ = ["train_several"]

# Trains a network, from a start or afresh.
Train = Callable[..., TrainingResult]


def train_several(
    train: Train,
    config: TrainingConfig,
    rngs: Sequence[np.random.Generator],
    starts: Sequence[TrainingResult | None],
    observer: Observer,
) -> list[TrainingResult]:
    """One network for each generator.

    Parameters
    ----------
    train : callable
        ``train(config, rng, start=..., observer=...)``.
    observer : Observer
        Follows the first network. If it stops that one, the others get no more epochs.
    """
    leader = Leader(observer)
    first = train(config, rngs[0], start=starts[0], observer=leader)
    if len(rngs) == 1:
        return [first]
    n_epochs = len(first.loss_curve) - len(starts[0].loss_curve if starts[0] is not None else [])
    alone = replace(config, n_threads=1, max_iter=n_epochs if leader.stopped else config.max_iter)
    rest, stop = list(zip(rngs[1:], starts[1:], strict=True)), Event()
    n_threads = config.n_threads if config.engine == "compiled" else 1  # torch's threads are those of the process
    with ThreadPoolExecutor(max(1, min(n_threads, len(rest)))) as pool:
        try:
            follower = Follower(stop)
            tasks = [pool.submit(train, alone, rng, start=start, observer=follower) for rng, start in rest]
            return [first, *(task.result() for task in tasks)]
        except BaseException:
            stop.set()
            pool.shutdown(wait=False, cancel_futures=True)
            raise

"""Fits whose mini-batches go through one compiled call, beside the same fits one by one: segments, targets of steps.

Run ``python tests/benchmarks/calls.py [--rounds 5]``. Seconds of the process; rounds of both take turns, and a ratio is
that of the medians, with the smallest and largest ratio of a round behind it. Both have the same bits
(`tests/training/test_compiled_batches.py`).
"""

from __future__ import annotations

import argparse
import time
import warnings
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any
from unittest.mock import patch

import numpy as np
from threadpoolctl import threadpool_limits

from skrnn import RNNClassifier, RNNRegressor
from skrnn.training import _compiled_batches
from skrnn.training._compiled_learner import CompiledLearner

N, EPOCHS = 512, 20
OPTIONS = {"max_iter": EPOCHS, "n_iter_no_change": EPOCHS, "random_state": 0, "early_stopping": False, "init": None}


def fits() -> Iterator[tuple[str, Callable[[], Any]]]:
    """What is compared."""
    rng = np.random.default_rng(0)
    for n_steps in (100, 300):
        X = rng.normal(size=(N, n_steps, 1))
        for hidden in (16, 50):
            model = RNNClassifier(hidden_size=hidden, **OPTIONS)
            yield f"classifier, {n_steps} steps, gru {hidden}", partial(model.fit, X, X[:, :, 0].mean(axis=1) > 0)
    X = rng.normal(size=(N, 96, 1))
    for hidden in (16, 50):
        model = RNNRegressor(hidden_size=hidden, segment=24, **OPTIONS)
        yield f"regressor, segments of 24 of 96 steps, gru {hidden}", partial(model.fit, X, X[:, -1, 0])
    X, y = X[:, :20], 0.1 * X[:, :20, 0].cumsum(axis=1)
    for cell in ("rnn", "gru", "lstm"):
        for hidden in (16, 50):
            model = RNNRegressor(cell=cell, hidden_size=hidden, return_sequences=True, **OPTIONS)
            yield f"20 steps, a target for each, {cell} {hidden}", partial(model.fit, X, y)
    for hidden in (16, 50):
        model = RNNClassifier(hidden_size=hidden, return_sequences=True, segment=None, **OPTIONS)
        yield f"20 steps, a class for each, gru {hidden}", partial(model.fit, X, y > 0)


def seconds(fit: Callable[[], Any], together: bool) -> float:
    """Of the process, for a fit."""
    with patch.object(CompiledLearner, "cost", CompiledLearner.cost if together else lambda *sizes: np.inf):
        begin = time.process_time()
        fit()
        return time.process_time() - begin


def main() -> None:
    """The table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    rounds = parser.parse_args().rounds
    patience = _compiled_batches.patience
    patience.n_batches = patience.enough  # as in a process that has trained for long
    warnings.simplefilter("ignore")
    print("| fit | one by one | in one call | ratio (rounds) |\n|---|---|---|---|")
    with threadpool_limits(1):
        for name, fit in fits():
            seconds(fit, True)
            found = np.array([[seconds(fit, False), seconds(fit, True)] for _ in range(rounds)])
            (alone, together), ratios = np.median(found, axis=0), found[:, 0] / found[:, 1]
            print(
                f"| {name} | {1e3 * alone:.0f} ms | {1e3 * together:.0f} ms | **{alone / together:.2f}** "
                f"({ratios.min():.2f}–{ratios.max():.2f}) |",
                flush=True,
            )


if __name__ == "__main__":
    main()

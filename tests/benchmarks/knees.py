"""What a fit with nothing set takes as one of the sizes grows: an epoch, and everything that a fit does once.

Run ``python tests/benchmarks/knees.py [--rounds 2] [part of a name ...]``: a row for each size that grows, seconds of
the process on one core, and how many times as long each fit takes as the one before it. What grows by more than its
size does has a knee.
"""

from __future__ import annotations

import argparse
import os
import time
import warnings
from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

from skrnn import RNNClassifier, RNNRegressor
from skrnn.training._compiled_batches import patience

patience.n_batches = patience.enough  # as in a process that has trained for long
SMALL: dict[str, Any] = {"max_iter": 1, "hidden_size": 16, "random_state": 0}
R = np.random.default_rng(0)
Fit = Callable[[], Any]


def numbers(n: int, steps: int, features: int, outputs: int = 1, **options: Any) -> Fit:
    """A regressor of sequences, some of whose target the last step says."""
    X = R.normal(size=(n, steps, features)).astype(np.float32)
    y = R.normal(size=(n, outputs)) + X[:, -1, :1]
    return lambda: RNNRegressor(**SMALL, **options).fit(X, y if outputs > 1 else y[:, 0])


def classes(n: int, steps: int, features: int, n_classes: int, **options: Any) -> Fit:
    """A classifier of sequences that say nothing."""
    X, y = R.normal(size=(n, steps, features)).astype(np.float32), R.integers(n_classes, size=n)
    y[:n_classes] = np.arange(n_classes)
    return lambda: RNNClassifier(**SMALL, **options).fit(X, y)


def tokens(n: int, steps: int, vocabulary: int, n_classes: int) -> Fit:
    """A classifier of sequences of tokens."""
    X, y = R.integers(vocabulary, size=(n, steps)), R.integers(n_classes, size=n)
    return lambda: RNNClassifier(embedding_dim=8, **SMALL).fit(X, y)


def every_step(n: int, steps: int, features: int, outputs: int) -> Fit:
    """A regressor with targets for every step."""
    X, y = R.normal(size=(n, steps, features)).astype(np.float32), R.normal(size=(n, steps, outputs))
    return lambda: RNNRegressor(return_sequences=True, **SMALL).fit(X, y)


def ragged(n: int, steps: int, features: int) -> Fit:
    """A regressor of a list of sequences, of half to all of the steps."""
    X = [R.normal(size=(length, features)).astype(np.float32) for length in R.integers(steps // 2, steps + 1, size=n)]
    return lambda: RNNRegressor(**SMALL).fit(X, np.arange(float(n)))


CASES: dict[str, tuple[tuple[int, ...], Callable[[int], Fit]]] = {
    "regressor, rows": ((500, 5000, 50000), lambda n: numbers(n, 10, 2)),
    "regressor, steps": ((10, 100, 1000), lambda n: numbers(300, n, 1)),
    "regressor, features": ((3, 30, 300, 3000), lambda n: numbers(500, 5, n)),
    "regressor, outputs": ((3, 30, 300, 3000), lambda n: numbers(500, 10, 2, n)),
    "regressor without a start, outputs": ((3, 30, 300, 3000), lambda n: numbers(500, 10, 2, n, init=None)),
    "regressor by absolute errors, rows": ((500, 5000, 50000), lambda n: numbers(n, 10, 2, loss="absolute_error")),
    "classifier, rows": ((500, 5000, 50000), lambda n: classes(n, 10, 2, 3)),
    "classifier, classes": ((2, 10, 100, 1000), lambda n: classes(2000, 10, 2, n)),
    "classifier, 80 steps, rows": ((100, 1000), lambda n: classes(n, 80, 1, 3)),
    "classifier, 80 steps, features": ((3, 30, 300), lambda n: classes(200, 80, n, 3)),
    "classifier, 80 steps, classes": ((2, 10, 100), lambda n: classes(1000, 80, 1, n)),
    "classifier of tokens, rows": ((500, 5000), lambda n: tokens(n, 10, 100, 3)),
    "classifier of tokens, vocabulary": ((10, 1000, 100000), lambda n: tokens(500, 10, n, 3)),
    "every step, outputs": ((1, 10, 100, 1000), lambda n: every_step(200, 20, 2, n)),
    "every step, steps": ((10, 100, 1000), lambda n: every_step(100, n, 2, 1)),
    "ragged, rows": ((500, 5000, 50000), lambda n: ragged(n, 20, 2)),
    "ragged, features": ((2, 20, 200, 2000), lambda n: ragged(500, 20, n)),
}


def seconds(fit: Fit, rounds: int) -> Iterator[float]:
    """Of the process, after a first fit that loads what there is to load."""
    fit()
    for _ in range(rounds):
        start = time.process_time()
        fit()
        yield time.process_time() - start


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("parts", nargs="*")
    parser.add_argument("--rounds", type=int, default=2)
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    print("| what grows | sizes | ms | times as long as before |\n|---|---|---|---|")
    with threadpool_limits(1, user_api="blas"):
        for name, (sizes, make) in CASES.items():
            if arguments.parts and not any(part in name for part in arguments.parts):
                continue
            taken = [min(seconds(make(size), arguments.rounds)) for size in sizes]
            shown = ", ".join(f"{1e3 * value:.0f}" for value in taken)
            grown = ", ".join(f"{b / a:.1f}" for a, b in pairwise(taken))
            print(f"| {name} | {', '.join(f'{size:,}' for size in sizes)} | {shown} | {grown} |", flush=True)


if __name__ == "__main__":
    main()

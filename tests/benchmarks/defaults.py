"""Measure the default parameters: accuracy over seeds, for learning rates, epochs, batch sizes and cells.

Run ``python tests/benchmarks/defaults.py [--archive FOLDER]``. FOLDER may hold ``ItalyPowerDemand.npz`` and
``BasicMotions.npz`` of the UEA and UCR archives (arrays ``X_train``, ``y_train``, ``X_test``, ``y_test``, the series as
(n, n_timesteps) or (n, n_timesteps, n_features)), which are free for research and not part of this package.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from skrnn import RNNClassifier, RNNRegressor
from skrnn.datasets import load_japanese_vowels, load_sine_wave

SEEDS = range(5)
GRID: list[dict[str, Any]] = [
    {},
    {"learning_rate": 1e-3},
    {"learning_rate": 3e-3},
    {"learning_rate": 2e-2},
    {"max_iter": 50},
    {"max_iter": 200},
    {"batch_size": 16},
    {"batch_size": 64},
    {"tol": 1e-3},
    {"tol": 1e-5},
    {"cell": "gru"},
    {"cell": "mingru"},
]


def vowels(**parameters: Any) -> tuple[float, int]:
    """Accuracy on the official test part of the Japanese vowels."""
    model = RNNClassifier(**parameters).fit(*load_japanese_vowels(return_X_y=True))
    return model.score(*load_japanese_vowels(subset="test", return_X_y=True)), model.n_iter_


def sine(**parameters: Any) -> tuple[float, int]:
    """Mean squared error on the last 100 windows of the sine wave, 50 units, vanilla cell by default."""
    X, y = load_sine_wave(return_X_y=True)
    model = RNNRegressor(**{"cell": "rnn", "hidden_size": 50, **parameters}).fit(X[:390], y[:390])
    return float(np.mean((model.predict(X[390:]) - y[390:]) ** 2)), model.n_iter_


def archive_task(path: Path) -> Callable[..., tuple[float, int]]:
    """Accuracy on the official test part of a data set of the archive."""
    data = np.load(path, allow_pickle=False)

    def task(**parameters: Any) -> tuple[float, int]:
        model = RNNClassifier(**parameters).fit(data["X_train"], data["y_train"])
        return model.score(data["X_test"], data["y_test"]), model.n_iter_

    return task


def main() -> None:
    """Print a table with a row per setting: the medians of all tasks over the seeds."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--archive", type=Path)
    parser.add_argument("--rows", type=int, nargs="*", default=list(range(len(GRID))))
    arguments = parser.parse_args()
    tasks: dict[str, Callable[..., tuple[float, int]]] = {"vowels": vowels, "sine": sine}
    for path in sorted(arguments.archive.glob("[BI]*.npz")) if arguments.archive else ():
        tasks[path.stem] = archive_task(path)
    print("setting", *tasks, sep=" | ")
    for row in arguments.rows:
        cells = []
        for task in tasks.values():
            start = time.perf_counter()
            results = [task(random_state=seed, **GRID[row]) for seed in SEEDS]
            seconds = (time.perf_counter() - start) / len(SEEDS)
            scores, epochs = zip(*results, strict=True)
            worst = f"{min(scores):.3g}..{max(scores):.3g}"
            cells.append(f"{median(scores):.4g} ({worst}; {median(epochs):.0f} epochs, {seconds:.1f} s)")
        print(GRID[row] or "defaults", *cells, sep=" | ", flush=True)


if __name__ == "__main__":
    main()

"""What overlapping segments do for classification, beside one-nearest-neighbour in the same process.

Run ``python tests/benchmarks/segments.py FOLDER``. FOLDER holds problems of the UCR archive (Dau et al., IEEE/CAA J.
6(6), 2019) in its ``.ts`` format, such as ``OSULeaf/OSULeaf_TRAIN.ts``; the ``aeon`` package ships some in
``aeon/datasets/data``. They are free for research and not part of this package.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from statistics import median

import numpy as np
from sklearn.neighbors import KNeighborsClassifier

from skrnn import RNNClassifier

# Names, and the width of a segment in steps; the series have 427, 150 and 251 of them.
LAST_STATE = {"init": None, "pooling": "last", "segment": None, "batch_size": 32, "learning_rate_schedule": None}
PROBLEMS = {"OSULeaf": 20, "GunPoint": 16, "ArrowHead": 24}
SEEDS = range(3)


def read(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Series of equal length (n, T) and their labels, from a ``.ts`` file with one variable."""
    lines = path.read_text().split("@data", 1)[1].split()
    rows = [line.rsplit(":", 1) for line in lines]
    return np.array([np.array(values.split(","), dtype=float) for values, _ in rows]), np.array([y for _, y in rows])


def main() -> None:
    """Print a line for each problem and setting."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    folder = parser.parse_args().folder
    for name, width in PROBLEMS.items():
        X, y = read(folder / name / f"{name}_TRAIN.ts")
        X_test, y_test = read(folder / name / f"{name}_TEST.ts")
        neighbour = KNeighborsClassifier(1).fit(X, y).score(X_test, y_test)
        print(f"{name:10} {'one nearest neighbour':28} {neighbour:.3f}", flush=True)
        for words, segment in (("every step", {}), ("segments", {"segment": width, "segment_stride": width // 2})):
            start, scores = time.perf_counter(), []
            for seed in SEEDS:
                net = RNNClassifier(bidirectional=True, hidden_size=64, random_state=seed, **{**LAST_STATE, **segment})
                scores.append(net.fit(X, y).score(X_test, y_test))
            seconds = time.perf_counter() - start
            figures = f"{median(scores):.3f} ({min(scores):.3f} to {max(scores):.3f})"
            print(f"{name:10} {'GRU, ' + words:28} {figures} in {seconds:.0f} s", flush=True)


if __name__ == "__main__":
    main()

"""What a look inside costs: a gradient flow beside an epoch of training, and a fit beside that of another version.

Run ``python tests/benchmarks/inspection.py`` for the first, and ``python tests/benchmarks/inspection.py FOLDER``, with
the working tree of another version, for both. Medians of interleaved repetitions; the fits run in processes of their
own, the versions in turn, and are timed by the processor.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
from pathlib import Path
from statistics import median

import numpy as np

REPEATS, ROUNDS = 9, 11
FIT = """
import sys, time, warnings
import numpy as np
warnings.simplefilter("ignore")
from skrnn import RNNClassifier, RNNRegressor
rng = np.random.default_rng(0)
cases = {
    "GRU, 1000 x 50": (RNNRegressor(init=None, early_stopping=False, max_iter=12, random_state=0), (1000, 50, 2)),
    "default, 300 x 20": (RNNRegressor(max_iter=12, random_state=0), (300, 20, 2)),
    "small, 60 x 10": (RNNRegressor(init=None, early_stopping=False, max_iter=12, random_state=0), (60, 10, 1)),
}
for name, (model, shape) in cases.items():
    X = rng.normal(size=shape)
    y = X[:, -1, 0] + X[:, -2, 0]
    model.fit(X, y)
    times = []
    for _ in range(3 if len(X) > 500 else 25):
        start = time.process_time()  # of the processor: others on the machine do not count
        model.fit(X, y)
        times.append(time.process_time() - start)
    print(name, min(times), sep="\\t")
"""


def fits(folder: Path) -> dict[str, float]:
    """Seconds of some fits of a version."""
    environment = {**os.environ, "PYTHONPATH": str(folder), "OMP_NUM_THREADS": "1"}
    done = subprocess.run([sys.executable, "-c", FIT], env=environment, capture_output=True, text=True, check=True)
    return {name: float(seconds) for name, seconds in (line.split("\t") for line in done.stdout.splitlines())}


def timed(action) -> float:
    """Seconds."""
    start = time.perf_counter()
    action()
    return time.perf_counter() - start


def flows() -> None:
    """A gradient flow over 1,000 sequences of 100 steps beside an epoch on them."""
    from skrnn import RNNRegressor
    from skrnn.inspection import gradient_flow

    rng = np.random.default_rng(0)
    X = rng.normal(size=(1000, 100, 2)).astype(np.float32)
    y = X[:, -1, 0] + X[:, 50, 1]
    for engine in ("compiled", "torch"):
        for cell in ("rnn", "gru", "lstm", "mingru"):
            model = RNNRegressor(cell=cell, engine=engine, init=None, early_stopping=False, max_iter=1, random_state=0)
            model.fit(X, y)
            gradient_flow(model, X, y)
            repeats = REPEATS if engine == "compiled" else 3
            pairs = [
                (timed(lambda: model.fit(X, y)), timed(lambda: gradient_flow(model, X, y)))  # noqa: B023  # called at once
                for _ in range(repeats)
            ]
            epoch, flow = (median(column) for column in zip(*pairs, strict=True))
            print(f"{engine:9} {cell:7} epoch {epoch:.3f} s  flow {flow:.3f} s  ratio {flow / epoch:.2f}", flush=True)


def main() -> None:
    """Print a line for each cell, and for each fit."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("before", type=Path, nargs="?", help="the working tree of another version")
    before, here = parser.parse_args().before, Path(__file__).resolve().parents[2]
    flows()
    if before is None:
        return
    found: list[tuple[dict[str, float], dict[str, float]]] = []
    for turn in range(ROUNDS):
        order = (before, here) if turn % 2 else (here, before)
        times = {folder: fits(folder) for folder in order}
        found.append((times[before], times[here]))
    for name in found[0][0]:
        ratios = [after[name] / earlier[name] for earlier, after in found]
        earlier, after = (min(one[i][name] for one in found) for i in (0, 1))
        words = f"median ratio {median(ratios):.3f}, of the fastest {after / earlier:.3f}"
        print(f"fit {name:20} {earlier:.4f} s before, {after:.4f} s now; {words}", flush=True)


if __name__ == "__main__":
    main()

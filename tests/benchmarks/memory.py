"""What windows over ten million rows cost: `make_windows`, and a fit of 100 mini-batches on all of them; and what a fit
and a prediction of a million sequences hold besides them.

Run ``python tests/benchmarks/memory.py [--rows N] [--window W]`` on Linux, or for the sequences with ``--form array``
(view, list, columns). The peak is that of the whole process, sampled every 5 ms, above what it held before; as arrays
of their own the windows would take N x W x 4 bytes (37 GiB).
"""

from __future__ import annotations

import argparse
import resource
import threading
import time
import timeit
import tracemalloc
from contextlib import suppress
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from skrnn import RNNRegressor, make_windows
from skrnn.training import TrainingSet

BATCHES = 100


def resident() -> float:
    """Megabytes that the process holds."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize() / 1e6


class Peak:
    """The largest resident size while the block runs, above that before it."""

    def __enter__(self) -> Peak:
        self.before, self.largest, self.running = resident(), 0.0, True
        self.thread = threading.Thread(target=self._watch, daemon=True)
        self.thread.start()
        return self

    def __exit__(self, *error: Any) -> None:
        self.running = False
        self.thread.join()

    def _watch(self) -> None:
        while self.running:
            self.largest = max(self.largest, resident() - self.before)
            time.sleep(0.005)


def stop_after(n_batches: int) -> list[int]:
    """Let every training end with KeyboardInterrupt after this number of mini-batches."""
    count, gather = [0], TrainingSet.mini_batch

    def counted(self: TrainingSet, *arguments: Any, **named: Any) -> Any:
        if count[0] == n_batches:
            raise KeyboardInterrupt
        count[0] += 1
        return gather(self, *arguments, **named)

    TrainingSet.mini_batch = counted  # type: ignore[method-assign]
    return count


def sequences(form: str, n: int, steps: int = 20) -> Any:
    """Sequences of one feature: an array, windows of a series, a list of arrays (steps, 1) or of arrays (steps,)."""
    r = np.random.default_rng(0)
    if form == "view":
        return sliding_window_view(r.normal(size=n + steps - 1), steps)[:, :, None]
    X = r.normal(size=(n, steps, 1)).astype(np.float32)
    if form == "array":
        return X
    return [np.array(row if form == "columns" else row[:, 0]) for row in X]


def of_sequences(form: str, n: int = 1_000_000) -> None:
    """Print the peaks of a fit, stopped after some mini-batches, and of a prediction."""
    X, y = sequences(form, n), np.random.default_rng(1).normal(size=n)
    options: dict[str, Any] = {"hidden_size": 32, "max_iter": 1, "early_stopping": False, "random_state": 0}
    model = RNNRegressor(engine="compiled", init=None, **options).fit(X[:40_000], y[:40_000])
    model.predict(X[:40_000])  # load and compile what either needs
    with Peak() as peak:
        model.predict(X)
    print(f"{form}: predict peaks {peak.largest:.0f} MB above {peak.before:.0f}, of which the answer is {8e-6 * n:.0f}")
    stop_after(BATCHES)
    with Peak() as peak, suppress(KeyboardInterrupt):
        model.fit(X, y)
    print(f"{form}: fit peaks {peak.largest:.0f} MB above {peak.before:.0f} MB")


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=10_000_000)
    parser.add_argument("--window", type=int, default=1000)
    parser.add_argument("--form", choices=["array", "view", "list", "columns"])
    arguments = parser.parse_args()
    if arguments.form:
        of_sequences(arguments.form)
        return
    series = np.random.default_rng(0).normal(size=arguments.rows).astype(np.float32)
    RNNRegressor(max_iter=1).fit(np.eye(20), np.arange(20.0))  # load what a fit needs

    seconds = timeit.repeat(lambda: make_windows(series, arguments.window), number=1, repeat=9)
    print(f"make_windows: {1e3 * median(seconds):.1f} ms, median of nine")
    X, y = make_windows(series, arguments.window)
    tracemalloc.start()
    make_windows(series, arguments.window)
    print(f"make_windows: {tracemalloc.get_traced_memory()[1] / 1e6:.3f} MB")
    tracemalloc.stop()

    count, start = stop_after(BATCHES), time.perf_counter()
    with Peak() as peak:
        try:
            RNNRegressor(batch_size=256, max_iter=1, segment=100, random_state=0).fit(X, y)
        except KeyboardInterrupt:
            print(f"fit on {len(X):,} windows, stopped after {count[0]} mini-batches of 256")
    print(f"fit: peak {peak.largest:.0f} MB above {peak.before:.0f} MB, {time.perf_counter() - start:.0f} s")


if __name__ == "__main__":
    main()

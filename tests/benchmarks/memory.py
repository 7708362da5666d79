"""What windows over ten million rows cost: `make_windows`, and a fit of 100 mini-batches on all of them.

Run ``python tests/benchmarks/memory.py [--rows N] [--window W]`` on Linux. The peak is that of the whole process,
sampled every 5 ms, above what it held before; as arrays of their own the windows would take N x W x 4 bytes (37 GiB).
"""

from __future__ import annotations

import argparse
import resource
import threading
import time
import timeit
import tracemalloc
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

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

    def counted(self: TrainingSet, rows: Any) -> Any:
        if count[0] == n_batches:
            raise KeyboardInterrupt
        count[0] += 1
        return gather(self, rows)

    TrainingSet.mini_batch = counted  # type: ignore[method-assign]
    return count


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=10_000_000)
    parser.add_argument("--window", type=int, default=1000)
    arguments = parser.parse_args()
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

"""Predictions of many windows, beside torch in single precision, in one process.

Run ``python tests/benchmarks/predictions.py [--rows 1000000] [--rounds 3]``, pinned to a core: windows of 20 values.
Torch goes through them in chunks of 256 and of 1,024 rows; the faster counts. Seconds are those of the process.
"Memory": the peak of the first prediction above what the process held before it (Linux), 8 bytes a row of it output.
"""

from __future__ import annotations

import argparse
import time
import warnings
from statistics import median
from typing import Any

import numpy as np
import torch
from memory import Peak

from skrnn import RNNRegressor

CELLS = {"rnn": torch.nn.RNN, "gru": torch.nn.GRU, "lstm": torch.nn.LSTM}
N_STEPS, CHUNKS = 20, (256, 1024)


class Net(torch.nn.Module):
    """A recurrent layer and a linear head on its last state."""

    def __init__(self, cell: str, hidden: int):
        super().__init__()
        self.rnn = CELLS[cell](1, hidden, batch_first=True)
        self.head = torch.nn.Linear(hidden, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(self.rnn(x)[0][:, -1])


def fitted(cell: str, hidden: int, X: np.ndarray) -> tuple[RNNRegressor, Net]:
    """A model after one epoch on a few windows, and torch's network with its weights."""
    model = RNNRegressor(cell=cell, hidden_size=hidden, max_iter=1, init=None, early_stopping=False, random_state=0)
    model.set_params(scaling=None, engine="compiled").fit(X[:512], X[:512].mean(axis=(1, 2)))
    net = Net(cell, hidden).eval()
    net.load_state_dict({name: torch.tensor(value) for name, value in model.weights_.items()})
    return model, net


def by_torch(net: Net, X: torch.Tensor, size: int) -> np.ndarray:
    with torch.inference_mode():
        return torch.cat([net(X[i : i + size]) for i in range(0, len(X), size)]).numpy()[:, 0]


def seconds(function: Any) -> tuple[float, np.ndarray]:
    start = time.process_time()
    result = function()
    return time.process_time() - start, result


def main(n_rows: int, rounds: int, sizes: list[int]) -> None:
    X = np.random.default_rng(0).normal(size=(n_rows, N_STEPS, 1)).astype(np.float32)
    tensor = torch.from_numpy(X)
    print("| net | torch, median | compiled, median | ratio (rounds) | largest difference | memory |")
    print("|---|---|---|---|---|---|")
    for cell in CELLS:
        for hidden in sizes:
            rows = n_rows if hidden < 100 else n_rows // 4
            model, net = fitted(cell, hidden, X)
            model.predict(X[:512])
            with Peak() as peak:
                model.predict(X[:rows])
            ours: list[float] = []
            theirs: dict[int, list[float]] = {size: [] for size in CHUNKS}
            for number in range(rounds + 1):
                for size in CHUNKS:
                    taken, expected = seconds(lambda: by_torch(net, tensor[:rows], size))  # noqa: B023  # called at once
                    theirs[size] += [taken] if number else []
                taken, found = seconds(lambda: model.predict(X[:rows]))  # noqa: B023  # called at once
                ours += [taken] if number else []
            best = min(theirs.values(), key=median)
            ratios = [a / b for a, b in zip(best, ours, strict=True)]
            ratio = f"**{median(best) / median(ours):.2f}** ({min(ratios):.2f}–{max(ratios):.2f})"
            off = np.abs((expected - expected.mean()) / expected.std() - (found - found.mean()) / found.std()).max()
            times = f"{median(best):.2f} s | {median(ours):.2f} s"
            rest = f"{ratio} | {off:.0e} | {peak.largest:.0f} MB"
            print(f"| {cell} {hidden}, {rows:,} windows | {times} | {rest} |", flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--sizes", type=int, nargs="+", default=[16, 32, 64, 128])
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    main(arguments.rows, arguments.rounds, arguments.sizes)

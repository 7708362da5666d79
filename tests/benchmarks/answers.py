"""Predictions away from many short windows, beside torch in single precision, in one process.

Run ``python tests/benchmarks/answers.py [--rounds 3]``, pinned to a core: few rows, long sequences, wide and deep nets,
every pooling, many inputs, ragged lists. Torch goes through the rows in chunks of 256 and of 1,024, whichever is
faster, those of lists in order of their lengths, packed. Seconds are those of the process. Nothing is scaled.
"""

from __future__ import annotations

import argparse
import time
import warnings
from collections.abc import Callable
from functools import partial
from statistics import median
from typing import Any, NamedTuple

import numpy as np
import torch
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence, pad_sequence

from skrnn import RNNRegressor

CELLS = {"rnn": torch.nn.RNN, "gru": torch.nn.GRU, "lstm": torch.nn.LSTM}
CHUNKS = (256, 1024)


class Case(NamedTuple):
    """A network and what it is asked about; ``ragged``: lists of log-normal lengths about ``steps``."""

    cell: str
    hidden: int
    layers: int
    steps: int
    features: int
    rows: int
    pooling: str = "last"
    ragged: bool = False

    def __str__(self) -> str:
        net = f"{self.cell} {self.hidden}" + (f", {self.layers} layers" if self.layers > 1 else "")
        pooling = "" if self.pooling == "last" else f", {self.pooling}"
        about = "about " if self.ragged else ""
        return f"{net}{pooling}: {self.rows:,} rows of {about}{self.steps} steps, {self.features} inputs"


CASES = [
    *(Case("gru", hidden, 1, 20, 4, rows) for hidden in (32, 100, 300) for rows in (3, 4, 8, 20, 100)),
    *(Case(cell, 512, 1, 50, 8, 256) for cell in CELLS),
    *(Case("lstm", 100, layers, 300, 5, 128) for layers in (1, 2, 3)),
    *(Case("gru", 48, 1, 1000, 2, 100, pooling) for pooling in ("last", "mean", "max", "attention")),
    *(Case(cell, 100, 2, 1000, 5, 64) for cell in ("rnn", "gru")),
    *(Case("gru", 16, 1, 10, features, 2000) for features in (20, 200, 1000)),
    *(Case(cell, 48, 1, 20, 4, 4000, ragged=True) for cell in CELLS),
]


class Net(torch.nn.Module):
    """Recurrent layers, a pooling, and a linear head."""

    def __init__(self, case: Case):
        super().__init__()
        self.rnn = CELLS[case.cell](case.features, case.hidden, case.layers, batch_first=True)
        self.head = torch.nn.Linear(case.hidden, 1)
        self.pooling = case.pooling
        self.keys = torch.nn.Linear(case.hidden, case.hidden)
        self.query = torch.nn.Linear(case.hidden, 1, bias=False)

    def forward(self, x: torch.Tensor, lengths: torch.Tensor | None = None) -> torch.Tensor:
        if lengths is not None:
            states = self.rnn(pack_padded_sequence(x, lengths, batch_first=True, enforce_sorted=False))[0]
            states = pad_packed_sequence(states, batch_first=True)[0]
            return self.head(states[torch.arange(len(x)), lengths - 1])
        states = self.rnn(x)[0]
        if self.pooling == "mean":
            return self.head(states.mean(dim=1))
        if self.pooling == "max":
            return self.head(states.amax(dim=1))
        if self.pooling == "attention":
            shares = torch.softmax(self.query(torch.tanh(self.keys(states))), dim=1)
            return self.head((shares * states).sum(dim=1))
        return self.head(states[:, -1])


def sequences(case: Case) -> Any:
    """An array, or a list of arrays."""
    rng = np.random.default_rng(0)
    if not case.ragged:
        return rng.normal(size=(case.rows, case.steps, case.features)).astype(np.float32)
    lengths = np.exp(rng.normal(np.log(case.steps), 0.8, case.rows)).astype(int).clip(1)
    return [rng.normal(size=(n, case.features)).astype(np.float32) for n in lengths]


def fitted(case: Case, X: Any) -> tuple[RNNRegressor, Net]:
    """A model after one epoch on a few sequences, and torch's network with its weights."""
    options = {"cell": case.cell, "hidden_size": case.hidden, "num_layers": case.layers, "pooling": case.pooling}
    model = RNNRegressor(**options, max_iter=1, init=None, early_stopping=False, scaling=None, random_state=0)
    model.set_params(engine="compiled").fit(X[:3], [0.0, 1.0, 0.5])
    net, weights = Net(case).eval(), {name: torch.tensor(value) for name, value in model.weights_.items()}
    net.load_state_dict({name.replace("pooling.", "keys."): value for name, value in weights.items()}, strict=False)
    return model, net


def by_torch(net: Net, X: Any, size: int) -> np.ndarray:
    """Outputs (n_samples,), in the order of the rows."""
    with torch.inference_mode():
        if not isinstance(X, list):
            tensor = torch.from_numpy(X)
            return torch.cat([net(tensor[i : i + size]) for i in range(0, len(X), size)]).numpy()[:, 0]
        lengths, out = np.array([len(x) for x in X]), np.empty(len(X))
        order = np.argsort(lengths)
        for begin in range(0, len(X), size):
            rows = order[begin : begin + size]
            padded = pad_sequence([torch.from_numpy(X[i]) for i in rows], batch_first=True)
            out[rows] = net(padded, torch.from_numpy(lengths[rows])).numpy()[:, 0]
        return out


def seconds(function: Callable[[], np.ndarray], repeats: int) -> tuple[float, np.ndarray]:
    start = time.process_time()
    for _ in range(repeats):
        result = function()
    return (time.process_time() - start) / repeats, result


def main(rounds: int) -> None:
    print("| net | torch, median | package, median | ratio (rounds) | largest difference |")
    print("|---|---|---|---|---|")
    for case in CASES:
        X = sequences(case)
        model, net = fitted(case, X)
        taken, found = seconds(partial(model.predict, X), 1)
        taken, found = seconds(partial(model.predict, X), 1)
        repeats = max(1, int(0.02 / taken))
        ours: list[float] = []
        theirs: dict[int, list[float]] = {size: [] for size in CHUNKS if size == CHUNKS[0] or case.rows > size // 4}
        for number in range(rounds + 1):
            for size, times in theirs.items():
                taken, expected = seconds(partial(by_torch, net, X, size), repeats)
                times += [taken] if number else []
            taken, found = seconds(partial(model.predict, X), repeats)
            ours += [taken] if number else []
        best = min(theirs.values(), key=median)
        ratios = [a / b for a, b in zip(best, ours, strict=True)]
        ratio = f"**{median(best) / median(ours):.2f}** ({min(ratios):.2f}–{max(ratios):.2f})"
        off = np.abs(expected - found).max()
        times = f"{1e3 * median(best):.2f} ms | {1e3 * median(ours):.2f} ms"
        print(f"| {case} | {times} | {ratio} | {off / np.abs(expected).max():.0e} |", flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=3)
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    main(parser.parse_args().rounds)

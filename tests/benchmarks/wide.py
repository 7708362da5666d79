"""Fits of sequences with many features, beside a loop in PyTorch in the same process on one core.

Run ``python tests/benchmarks/wide.py [--rounds 5] [--features 100 500 2000]``: 512 sequences of 20 steps, 32 units, one
epoch of mini-batches of 32, float32. Everything that a fit does once (checks, canonical form, statistics) is counted;
what that part takes by itself, in nanoseconds a value, stands in a second table, for arrays and for windows that are
views. Seconds are those of the process (`time.process_time`), so that a busy machine does not count.
"""

from __future__ import annotations

import argparse
import time
import warnings
from functools import partial
from statistics import median
from typing import Any

import numpy as np
import torch
from numpy.lib.stride_tricks import sliding_window_view

import skrnn.estimators._base as base
from skrnn import RNNRegressor

N, STEPS, HIDDEN, BATCH, RATE = 512, 20, 32, 32, 1e-2
CELLS = {"rnn": torch.nn.RNN, "gru": torch.nn.GRU, "lstm": torch.nn.LSTM}
GOALS = {100: 2.0, 500: 1.5, 2000: 1.0}


class Net(torch.nn.Module):
    """A recurrent layer and a linear head on its last state."""

    def __init__(self, cell: str, n_features: int):
        super().__init__()
        self.rnn = CELLS[cell](n_features, HIDDEN, batch_first=True)
        self.head = torch.nn.Linear(HIDDEN, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(self.rnn(x)[0][:, -1])


def fit_loop(cell: str, X: np.ndarray, y: np.ndarray) -> float:
    """A careful loop: mini-batches by index, fused Adam."""
    torch.manual_seed(0)
    net, total = Net(cell, X.shape[2]), 0.0
    optimizer = torch.optim.Adam(net.parameters(), lr=RATE, fused=True)
    inputs, targets = torch.from_numpy(X), torch.from_numpy(y[:, None])
    for rows in torch.randperm(len(X)).split(BATCH):
        loss = torch.nn.functional.mse_loss(net(inputs[rows]), targets[rows])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        total += loss.item() * len(rows)
    return total / len(X)


def model(cell: str = "gru") -> RNNRegressor:
    options: dict[str, Any] = {"init": None, "early_stopping": False, "max_grad_norm": None, "random_state": 0}
    sizes = {"hidden_size": HIDDEN, "max_iter": 1, "learning_rate": RATE, "batch_size": BATCH}
    return RNNRegressor(cell=cell, engine="compiled", **sizes, **options)


def fit_compiled(cell: str, X: np.ndarray, y: np.ndarray) -> float:
    """The package's own."""
    return float(model(cell).fit(X, y).loss_)


class _BeginsError(Exception):
    """A fit has come to its training."""


def once(X: np.ndarray, y: np.ndarray) -> None:
    """What a fit does before its training."""

    def stop(*arguments: Any) -> None:
        raise _BeginsError

    plain, base.train_several = base.train_several, stop
    try:
        model().fit(X, y)
    except _BeginsError:
        pass
    finally:
        base.train_several = plain


def seconds(function: Any) -> tuple[float, Any]:
    start = time.process_time()
    result = function()
    return time.process_time() - start, result


def table(features: list[int], rounds: int) -> None:
    print("| features | cell | loop, median | compiled, median | ratio (rounds) | goal | loss, loop | loss, compiled |")
    print("|---|---|---|---|---|---|---|---|")
    for n_features in features:
        X = np.random.default_rng(0).normal(size=(N, STEPS, n_features)).astype(np.float32)
        y = X.mean(axis=(1, 2))
        y /= y.std()
        for cell in CELLS:
            work = [partial(fit_loop, cell, X, y), partial(fit_compiled, cell, X, y)]
            found = [[seconds(function) for function in work] for _ in range(rounds + 1)][1:]
            theirs, ours = zip(*[[part[0] for part in both] for both in found], strict=True)
            ratios = [a / b for a, b in zip(theirs, ours, strict=True)]
            ratio = f"**{median(theirs) / median(ours):.2f}** ({min(ratios):.2f}–{max(ratios):.2f})"
            times = f"{1e3 * median(theirs):.0f} ms | {1e3 * median(ours):.0f} ms"
            losses = " | ".join(f"{part[1]:.2f}" for part in found[-1])
            print(
                f"| {n_features:,} | {cell} | {times} | {ratio} | {GOALS.get(n_features, '')} | {losses} |", flush=True
            )


def once_table(rounds: int) -> None:
    r = np.random.default_rng(0)
    print("\n| X | dtype | values | once, median | ns a value |\n|---|---|---|---|---|")
    for shape in ((N, STEPS, 100), (N, STEPS, 500), (N, STEPS, 2000), (10_000, STEPS, 40), (100_000, STEPS, 1)):
        for dtype in (np.float32, np.float64):
            line(f"array {shape[0]:,} x {shape[1]} x {shape[2]:,}", r.normal(size=shape).astype(dtype), rounds)
    for n, window, n_features in ((10_000, STEPS, 100), (100_000, 240, 1), (1_000_000, STEPS, 1)):
        series = r.normal(size=(n + window - 1, n_features))
        view = sliding_window_view(series, window, axis=0).transpose(0, 2, 1)
        line(f"view {n:,} x {window} x {n_features:,}", view, rounds)


def line(label: str, X: np.ndarray, rounds: int) -> None:
    y = X[:, 0, 0].astype(float)
    taken = median([seconds(partial(once, X, y))[0] for _ in range(rounds + 1)][1:])
    print(f"| {label} | {X.dtype} | {X.size:,} | {1e3 * taken:.1f} ms | {1e9 * taken / X.size:.1f} |", flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--features", type=int, nargs="*", default=[100, 500, 2000])
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    table(arguments.features, arguments.rounds)
    once_table(arguments.rounds)

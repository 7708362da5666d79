"""Fits of sequences of very different lengths, beside a loop in PyTorch that buckets by length, in one process.

Run ``python tests/benchmarks/ragged.py [--rounds 5] [--real]``: 2,000 sequences of 4 numbers, three epochs in
mini-batches of 32; the loop sorts pools of 50 mini-batches by length, pads with zeros and reads each row's last state.
"Steps" is how many time steps are computed for each real one. Seconds are those of the process. ``--real`` also fits
surnames and sentences, and prints accuracies with mini-batches of like lengths and with mini-batches of any.
"""

from __future__ import annotations

import argparse
import time
import warnings
from functools import partial
from statistics import median
from typing import Any
from unittest import mock

import numpy as np
import torch
from sklearn.model_selection import train_test_split

from skrnn import RNNClassifier, RNNRegressor
from skrnn.datasets import load_sentence_polarity, load_surnames
from skrnn.training import _batches, _loop

CELLS = {"rnn": torch.nn.RNN, "gru": torch.nn.GRU, "lstm": torch.nn.LSTM}
EPOCHS, BATCH, RATE, POOL = 3, 32, 1e-2, 50


def lengths_of() -> dict[str, list[int]]:
    r = np.random.default_rng(5)
    return {
        "log-normal": np.clip(r.lognormal(3, 1, 2000).astype(int), 2, 1000).tolist(),
        "1 in 50 is 50 times longer": [500 if r.random() < 0.02 else 10 for _ in range(2000)],
        "uniform, 5 to 100": r.integers(5, 101, 2000).tolist(),
    }


class Net(torch.nn.Module):
    """A recurrent layer and a linear head on each row's last real state."""

    def __init__(self, cell: str, hidden: int):
        super().__init__()
        self.rnn = CELLS[cell](4, hidden, batch_first=True)
        self.head = torch.nn.Linear(hidden, 1)

    def forward(self, x: torch.Tensor, lengths: torch.Tensor) -> torch.Tensor:
        states = self.rnn(x)[0]
        return self.head(states[torch.arange(len(x)), lengths - 1])


def fit_loop(cell: str, hidden: int, X: list[np.ndarray], y: np.ndarray) -> float:
    """A careful loop: buckets, mini-batches by index, fused Adam."""
    torch.manual_seed(0)
    net, rows_of = Net(cell, hidden), [torch.from_numpy(row) for row in X]
    optimizer = torch.optim.Adam(net.parameters(), lr=RATE, fused=True)
    lengths, targets = torch.tensor([len(row) for row in X]), torch.from_numpy(y[:, None])
    for _ in range(EPOCHS):
        total, batches = 0.0, []
        for pool in torch.randperm(len(X)).split(POOL * BATCH):
            batches += list(pool[lengths[pool].argsort()].split(BATCH))
        for number in torch.randperm(len(batches)):
            rows = batches[int(number)]
            x = torch.nn.utils.rnn.pad_sequence([rows_of[int(i)] for i in rows], batch_first=True)
            loss = torch.nn.functional.mse_loss(net(x, lengths[rows]), targets[rows])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            total += loss.item() * len(rows)
    return total / len(X)


def fit_compiled(cell: str, hidden: int, X: list[np.ndarray], y: np.ndarray) -> float:
    """The package's own."""
    options: dict[str, Any] = {"init": None, "early_stopping": False, "max_grad_norm": None, "random_state": 0}
    model = RNNRegressor(cell=cell, hidden_size=hidden, max_iter=EPOCHS, learning_rate=RATE, batch_size=BATCH)
    return float(model.set_params(engine="compiled", **options).fit(X, y).loss_)


def any_lengths(lengths: Any, config: Any, rng: np.random.Generator) -> list[np.ndarray]:
    """Mini-batches of any lengths."""
    return np.split(rng.permutation(len(lengths)), np.arange(0, len(lengths), config.batch_size)[1:])


def steps(lengths: list[int], draw: Any) -> float:
    """Steps computed for each real one, the mean of ten epochs."""
    config = mock.Mock(batch_size=BATCH, shuffle=True, chunk_steps=None)
    rng, sizes = np.random.default_rng(0), np.array(lengths)
    drawn = [sum(len(rows) * sizes[rows].max() for rows in draw(sizes, config, rng)) for _ in range(10)]
    return float(np.mean(drawn)) / float(sizes.sum())


def seconds(function: Any) -> tuple[float, Any]:
    start = time.process_time()
    result = function()
    return time.process_time() - start, result


def table(rounds: int) -> None:
    print("| lengths | cell | steps, any lengths | steps | loop, median | compiled, median | ratio (rounds) | losses |")
    print("|---|---|---|---|---|---|---|---|")
    for label, lengths in lengths_of().items():
        r = np.random.default_rng(0)
        X = [r.normal(size=(length, 4)).astype(np.float32) for length in lengths]
        y = np.array([row.mean() for row in X], np.float32)
        y /= y.std()
        padded = f"{steps(lengths, any_lengths):.2f} | {steps(lengths, _batches.draw_batches):.2f}"
        for cell, hidden in (("lstm", 32), ("gru", 32), ("gru", 128)):
            work = [partial(fit, cell, hidden, X, y) for fit in (fit_loop, fit_compiled)]
            found = [[seconds(function) for function in work] for _ in range(rounds + 1)][1:]
            theirs, ours = zip(*[[part[0] for part in both] for both in found], strict=True)
            ratios = [a / b for a, b in zip(theirs, ours, strict=True)]
            ratio = f"**{median(theirs) / median(ours):.2f}** ({min(ratios):.2f}–{max(ratios):.2f})"
            times = f"{1e3 * median(theirs):.0f} ms | {1e3 * median(ours):.0f} ms"
            losses = ", ".join(f"{part[1]:.2f}" for part in found[-1])
            print(f"| {label} | {cell} {hidden} | {padded} | {times} | {ratio} | {losses} |", flush=True)


def real(seeds: int) -> None:
    print("\n| data | any lengths: time, accuracy | like lengths: time, accuracy |\n|---|---|---|")
    surnames, sentences = load_surnames(return_X_y=True), load_sentence_polarity(return_X_y=True)
    cases = {
        "surnames, 5 epochs": ([list(name) for name in surnames[0]], surnames[1], 5, 16, 64),
        "sentences, 2 epochs": ([text.split() for text in sentences[0]], sentences[1], 2, 32, 32),
    }
    for label, (X, y, epochs, embedding, hidden) in cases.items():
        parts = train_test_split(X, y, random_state=0, test_size=0.2)
        cells = []
        for draw in (any_lengths, _batches.draw_batches):
            with mock.patch.object(_loop, "draw_batches", draw):
                times, scores = zip(*[fit_real(parts, epochs, embedding, hidden, s) for s in range(seeds)], strict=True)
            accuracies = ", ".join(f"{score:.3f}" for score in scores)
            cells.append(f"{median(times):.1f} s, {np.mean(scores):.3f} ({accuracies})")
        print(f"| {label} | {cells[0]} | {cells[1]} |", flush=True)


def fit_real(parts: list[Any], epochs: int, embedding: int, hidden: int, seed: int) -> tuple[float, float]:
    X, X_test, y, y_test = parts
    model = RNNClassifier(cell="gru", max_iter=epochs, embedding_dim=embedding, hidden_size=hidden, random_state=seed)
    model.set_params(early_stopping=False, init=None)
    taken, fitted = seconds(lambda: model.fit(X, y))
    return taken, float(fitted.score(X_test, y_test))


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--real", action="store_true")
    parser.add_argument("--seeds", type=int, default=3)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    table(arguments.rounds)
    if arguments.real:
        real(arguments.seeds)

"""Training on a GPU: agreement with the CPU, determinism, and time beside a hand-written CUDA loop.

Run ``python tests/benchmarks/gpu.py [--rounds 5]``. For each net, the largest difference of a weight and of a
prediction from a CPU fit of 20 epochs from the same seed, as a share of the largest value (1e-4 is the bound, as
between the two engines); whether two fits on the GPU have the same bits; and the ratio of the median times of an epoch
to those of a loop whose data, order and loss never leave the GPU (at least 1 is wanted). Where there is no GPU, it says
so and does nothing.

``--device cpu`` runs the same code on the CPU, to see that it runs: its figures say nothing of a GPU.
"""

from __future__ import annotations

import argparse
import time
from statistics import median

import numpy as np
import torch

from skrnn import RNNRegressor

CELLS = {"rnn": torch.nn.RNN, "gru": torch.nn.GRU, "lstm": torch.nn.LSTM}
AGREE_EPOCHS, RATE = 20, 1e-3
BOUND = 1e-4


def windows(n_rows: int, n_steps: int) -> tuple[np.ndarray, np.ndarray]:
    """Random walks of four features and the mean of the first one."""
    X = np.random.default_rng(0).normal(size=(n_rows, n_steps, 4)).cumsum(axis=1).astype(np.float32)
    X /= X.std()
    return X, X[:, :, 0].mean(axis=1)


def model(cell: str, hidden: int, batch: int, epochs: int, device: str) -> RNNRegressor:
    """A network alone, on autograd."""
    return RNNRegressor(
        cell=cell,
        hidden_size=hidden,
        batch_size=batch,
        max_iter=epochs,
        n_iter_no_change=epochs,
        learning_rate=RATE,
        max_grad_norm=None,
        init=None,
        early_stopping=False,
        engine="torch",
        device=device,
        random_state=0,
    )


class Net(torch.nn.Module):
    """A recurrent layer and a linear head on its last state."""

    def __init__(self, cell: str, hidden: int):
        super().__init__()
        self.rnn = CELLS[cell](4, hidden, batch_first=True)
        self.head = torch.nn.Linear(hidden, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(self.rnn(x)[0][:, -1])


def fit_loop(
    cell: str, hidden: int, batch: int, epochs: int, data: tuple[np.ndarray, np.ndarray], device: str
) -> float:
    """What a careful user writes: everything on the device, one copy of the loss an epoch."""
    torch.manual_seed(0)
    net = Net(cell, hidden).to(device)
    optimizer = torch.optim.Adam(net.parameters(), lr=RATE, fused=True)
    X, y = (torch.from_numpy(part).to(device) for part in (data[0], data[1][:, None]))
    for _ in range(epochs):
        total = torch.zeros((), device=device)
        order = torch.randperm(len(X), device=device)
        for begin in range(0, len(X), batch):
            rows = order[begin : begin + batch]
            loss = torch.nn.functional.mse_loss(net(X[rows]), y[rows])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            total += loss.detach() * len(rows)
        last = float(total) / len(X)
    return last


def apart(one: np.ndarray, other: np.ndarray) -> float:
    """The largest difference, as a share of the largest value."""
    return float(np.abs(one - other).max() / max(np.abs(other).max(), 1e-3))


def compare(cell: str, hidden: int, device: str) -> bool:
    """Agreement with the CPU and with itself; whether both hold."""
    X, y = windows(512, 30)
    there, again, here = (model(cell, hidden, 64, AGREE_EPOCHS, where).fit(X, y) for where in (device, device, "cpu"))
    weights = max(apart(value, here.weights_[name]) for name, value in there.weights_.items())
    predictions = apart(there.predict(X), here.predict(X))
    same = all(np.array_equal(value, again.weights_[name]) for name, value in there.weights_.items())
    print(f"| {cell} {hidden} | {weights:.1e} | {predictions:.1e} | {'same' if same else 'DIFFERENT'} |", flush=True)
    return same and max(weights, predictions) < BOUND


def race(cell: str, hidden: int, batch: int, rounds: int, device: str) -> None:
    """Three epochs, in turns; one round in front is not counted."""
    data, seconds = windows(8192, 50), {"ours": [], "loop": []}
    for number in range(rounds + 1):
        for name in seconds:
            start = time.perf_counter()
            if name == "ours":
                loss = float(model(cell, hidden, batch, 3, device).fit(*data).loss_)
            else:
                other = fit_loop(cell, hidden, batch, 3, data, device)
            if number:
                seconds[name].append((time.perf_counter() - start) / 3)
    ratios = [b / a for a, b in zip(seconds["ours"], seconds["loop"], strict=True)]
    ratio, spread = median(seconds["loop"]) / median(seconds["ours"]), f"{min(ratios):.2f}–{max(ratios):.2f}"
    times = f"{1e3 * median(seconds['loop']):.0f} ms | {1e3 * median(seconds['ours']):.0f} ms"
    print(
        f"| {cell} {hidden}, batches of {batch} | {times} | {ratio:.2f} ({spread}) | {other:.2e} | {loss:.2e} |",
        flush=True,
    )


def main() -> None:
    """Both tables, or the line that says why not."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--hidden", type=int, nargs="*", default=[64, 512])
    arguments = parser.parse_args()
    device = arguments.device
    if device.startswith("cuda") and not torch.cuda.is_available():
        print(f"no GPU here: not run (torch {torch.__version__})")
        return
    name = torch.cuda.get_device_name(device) if device.startswith("cuda") else device
    print(f"{name}, torch {torch.__version__}\n")
    print(f"| net, {AGREE_EPOCHS} epochs | weights apart | predictions apart | two fits |\n|---|---|---|---|")
    good = [compare(cell, hidden, device) for cell in CELLS for hidden in arguments.hidden]
    print(f"\n{'all' if all(good) else 'NOT ALL'} within {BOUND:g} of the CPU, with the same bits twice\n")
    print("| net | loop, an epoch | ours | ratio (rounds) | loss, loop | loss, ours |")
    print("|---|---|---|---|---|---|")
    for cell in CELLS:
        for hidden in arguments.hidden:
            for batch in (64, 512):
                race(cell, hidden, batch, arguments.rounds, device)


if __name__ == "__main__":
    main()

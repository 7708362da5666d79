"""How fast the compiled engine trains and predicts, beside peers in the same process on one core.

Run ``python tests/benchmarks/engines.py [part …] [--rounds 5] [--picture docs/images/engines.png]``; parts are table,
wide, long, skorch, keras, roofline, rows, start and search. Rounds of all peers take turns; a ratio is that of the
medians, with the smallest and largest ratio of a round behind it. Every peer does the same work: the sine wave's 490
windows of 10 values, mini-batches of 32, Adam, no bound on the gradient, as many epochs, no early stop. skorch and
Keras are optional. ``--cpu`` counts the seconds that this process had of the core, where others share it.
"""

from __future__ import annotations

import argparse
import os
import platform
import subprocess
import sys
import time
from collections.abc import Callable
from functools import cache, partial
from statistics import median
from typing import Any
from unittest import mock

import numpy as np
import torch
from sklearn.model_selection import GridSearchCV
from sklearn.neural_network import MLPRegressor
from threadpoolctl import threadpool_limits

from skrnn import RNNRegressor
from skrnn.datasets import load_sine_wave
from skrnn.training._compiled_batches import patience

patience.n_batches = patience.enough  # as in a process that has trained for long
ALONE = {"init": None, "early_stopping": False}  # the network by itself, as its peers are
CELLS = {"rnn": torch.nn.RNN, "gru": torch.nn.GRU, "lstm": torch.nn.LSTM}
HIDDEN = (16, 50, 128)
GOALS = {"rnn": (12, 6, 2.5), "gru": (10, 4.5, 2), "lstm": (7, 3, 1.5)}
BATCH, RATE = 32, 1e-2

Data = tuple[np.ndarray, np.ndarray]


def sine() -> Data:
    """Standardised windows (490, 10) and targets, so that every peer sees the same numbers."""
    X, y = load_sine_wave(return_X_y=True)
    return ((X - X.mean()) / X.std()).astype(np.float32), ((y - y.mean()) / y.std()).astype(np.float32)


def long_series(n_steps: int, n_rows: int = 128) -> Data:
    """Random walks and their mean."""
    X = np.random.default_rng(0).normal(size=(n_rows, n_steps)).cumsum(axis=1).astype(np.float32)
    X /= X.std()
    return X, X.mean(axis=1)


class Net(torch.nn.Module):
    """A recurrent layer and a linear head on its last state."""

    def __init__(self, cell: str = "rnn", hidden: int = 50):
        super().__init__()
        self.rnn = CELLS[cell](1, hidden, batch_first=True)
        self.head = torch.nn.Linear(hidden, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(self.rnn(x)[0][:, -1])


def fit_compiled(cell: str, hidden: int, epochs: int, data: Data, batch: int = BATCH) -> float:
    """The package's own; the last epoch's loss."""
    model = RNNRegressor(cell=cell, hidden_size=hidden, max_iter=epochs, n_iter_no_change=epochs, random_state=0)
    model.set_params(**ALONE, engine="compiled", max_grad_norm=None, learning_rate=RATE, batch_size=batch)
    return float(model.fit(*data).loss_)


def fit_loop(cell: str, hidden: int, epochs: int, data: Data, batch: int = BATCH) -> float:
    """A careful loop in PyTorch: mini-batches by index, no DataLoader, fused Adam."""
    torch.manual_seed(0)
    net = Net(cell, hidden)
    optimizer = torch.optim.Adam(net.parameters(), lr=RATE, fused=True)
    X, y = torch.from_numpy(data[0][:, :, None]), torch.from_numpy(data[1][:, None])
    for _ in range(epochs):
        order, total = torch.randperm(len(X)), 0.0
        for begin in range(0, len(X), batch):
            rows = order[begin : begin + batch]
            loss = torch.nn.functional.mse_loss(net(X[rows]), y[rows])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            total += loss.item() * len(rows)
    return total / len(X)


def fit_one_by_one(cell: str, hidden: int, epochs: int, data: Data) -> float:
    """The package's own, with a Python call for each mini-batch."""
    with mock.patch("skrnn.training._compiled_learner.CompiledLearner.cost", return_value=np.inf):
        return fit_compiled(cell, hidden, epochs, data)


def skorch_net(cell: str, hidden: int, epochs: int) -> Any:
    """The same network in skorch."""
    from skorch import NeuralNetRegressor

    settings = {"max_epochs": epochs, "lr": RATE, "batch_size": BATCH, "optimizer": torch.optim.Adam, "verbose": 0}
    net = NeuralNetRegressor(Net, module__cell=cell, module__hidden=hidden, train_split=None, **settings)
    return net.set_params(iterator_train__shuffle=True)


def fit_skorch(cell: str, hidden: int, epochs: int, data: Data) -> float:
    """A wrapper of torch for scikit-learn."""
    torch.manual_seed(0)
    net = skorch_net(cell, hidden, epochs).fit(data[0][:, :, None], data[1][:, None])
    return float(net.history[-1, "train_loss"])


def keras_net(cell: str, hidden: int, n_steps: int) -> Any:
    """The same network in Keras, on whatever backend that is set to."""
    import keras

    keras.utils.set_random_seed(0)
    layer = {"rnn": keras.layers.SimpleRNN, "gru": keras.layers.GRU, "lstm": keras.layers.LSTM}[cell]
    model = keras.Sequential([keras.Input((n_steps, 1)), layer(hidden), keras.layers.Dense(1)])
    model.compile(keras.optimizers.Adam(RATE), "mse")
    return model


def train_keras(model: Any, epochs: int, data: Data) -> float:
    """The last epoch's loss."""
    history = model.fit(data[0][:, :, None], data[1], batch_size=BATCH, epochs=epochs, verbose=0)
    return float(history.history["loss"][-1])


def fit_keras(cell: str, hidden: int, epochs: int, data: Data) -> float:
    """A new model, which is compiled anew, as every fit of a search does it."""
    return train_keras(keras_net(cell, hidden, data[0].shape[1]), epochs, data)


def fit_kept_keras(cell: str, hidden: int, epochs: int, data: Data) -> float:
    """The model of the last call, compiled already, set back to where it began."""
    model, first = kept_keras_net(cell, hidden, data[0].shape[1])
    for variable, value in zip(model.variables + model.optimizer.variables, first, strict=True):
        variable.assign(value)
    return train_keras(model, epochs, data)


@cache
def kept_keras_net(cell: str, hidden: int, n_steps: int) -> tuple[Any, list[Any]]:
    """A model, and all numbers of it and of its optimizer before the first update."""
    model = keras_net(cell, hidden, n_steps)
    model.optimizer.build(model.trainable_variables)
    return model, [variable.numpy() for variable in model.variables + model.optimizer.variables]


def now() -> float:
    """Seconds, by the clock or of this process by itself."""
    return time.process_time() if "--cpu" in sys.argv else time.perf_counter()


def side_by_side(work: dict[str, Callable[[], float]], rounds: int) -> dict[str, tuple[list[float], float]]:
    """Seconds of each round, taking turns, and the last result; one round in front is not counted."""
    seconds: dict[str, list[float]] = {name: [] for name in work}
    results = {}
    for number in range(rounds + 1):
        for name, function in work.items():
            start = now()
            results[name] = function()
            if number:
                seconds[name].append(now() - start)
    return {name: (seconds[name], results[name]) for name in work}


def compare(
    label: str, peer: str, ours: tuple[list[float], float], theirs: tuple[list[float], float], more: str = ""
) -> float:
    """Print a row of the table; the ratio of the medians."""
    ratio = median(theirs[0]) / median(ours[0])
    rounds = [b / a for a, b in zip(ours[0], theirs[0], strict=True)]
    spread = f"{min(rounds):.2f}–{max(rounds):.2f}"
    times = f"{1e3 * median(theirs[0]):.0f} ms | {1e3 * median(ours[0]):.1f} ms"
    losses = f"{theirs[1]:.1e} | {ours[1]:.1e}"
    print(f"| {label} | {peer} | {times} | **{ratio:.2f}** ({spread}) | {losses} | {more}".rstrip(), flush=True)
    return ratio


def fits(peer: str, function: Any, cases: list[tuple[str, int, int, Data]], rounds: int) -> list[float]:
    """Training, the peer beside the compiled engine."""
    print(f"\n| net | peer | peer, median | compiled, median | ratio (rounds) | loss, {peer} | loss, compiled |")
    print("|---|---|---|---|---|---|---|")
    ratios = []
    for cell, hidden, epochs, data in cases:
        work = {"ours": partial(fit_compiled, cell, hidden, epochs, data)}
        work["theirs"] = partial(function, cell, hidden, epochs, data)
        found = side_by_side(work, rounds)
        label = f"{cell} {hidden}, {data[0].shape[1]} steps, {epochs} epochs"
        ratios.append(compare(label, peer, found["ours"], found["theirs"]))
    return ratios


def roofline(rounds: int) -> None:
    """The time of the matrix products alone at this core's peak, as a share of a mini-batch's."""
    a = np.random.default_rng(0).normal(size=(1024, 1024)).astype(np.float32)
    peak = 2 * 1024**3 / min(timed(lambda: a @ a, 10))
    print(f"\npeak of float32 products: {peak / 1e9:.0f} GFLOPS\n")
    print("| net | products at the peak | a mini-batch | share |\n|---|---|---|---|")
    data, steps = sine(), 10
    for cell, gates in (("rnn", 1), ("gru", 3), ("lstm", 4)):
        for hidden in HIDDEN:
            recurrent = 3 * hidden * (steps - 1)  # forward and twice backward; the first state is zero
            inputs = 2 * 2 * steps  # forward and backward; a value and the bias
            ideal = 2 * BATCH * gates * hidden * (recurrent + inputs) / peak
            batches = 20 * -(-len(data[0]) // BATCH)
            real = median(timed(partial(fit_compiled, cell, hidden, 20, data), rounds)) / batches
            print(f"| {cell} {hidden} | {1e6 * ideal:.0f} µs | {1e6 * real:.0f} µs | {ideal / real:.0%} |", flush=True)


def timed(function: Callable[[], Any], rounds: int) -> list[float]:
    """Seconds of each round, after one that is not counted."""
    return side_by_side({"it": lambda: float(function() is None)}, rounds)["it"][0]


def search() -> None:
    """A grid search of 12 candidates and 5 folds, two jobs."""
    X, y = sine()
    shared = {"n_jobs": 2, "cv": 5, "scoring": "neg_mean_squared_error"}
    ours = RNNRegressor(cell="rnn", max_iter=100, n_iter_no_change=100, max_grad_norm=None, random_state=0, **ALONE)
    grid = {"hidden_size": [16, 32, 50], "learning_rate": [1e-3, 3e-3, 1e-2, 2e-2]}
    theirs = skorch_net("rnn", 50, 100)
    other = {"module__hidden": grid["hidden_size"], "lr": grid["learning_rate"]}
    work: dict[str, Callable[[], float]] = {
        "ours": lambda: float(GridSearchCV(ours, grid, **shared).fit(X, y).best_score_),
        "theirs": lambda: float(GridSearchCV(theirs, other, **shared).fit(X[:, :, None], y[:, None]).best_score_),
    }
    print("\n| search | peer | peer, median | compiled, median | ratio (rounds) | best score, skorch | best score |")
    print("|---|---|---|---|---|---|---|")
    found = side_by_side(work, 2)
    compare("12 candidates x 5 folds, n_jobs=2", "skorch", found["ours"], found["theirs"])


def rows(rounds: int) -> None:
    """Predictions of one row, and steps of a stream."""
    X, y = sine()
    mlp = MLPRegressor(max_iter=20, tol=0.1).fit(X, y)
    print("\n| one row | median |\n|---|---|")
    calls: dict[str, Callable[[], Any]] = {"MLPRegressor.predict": lambda: mlp.predict(X[:1])}
    for cell in CELLS:
        model = RNNRegressor(cell=cell, max_iter=2, random_state=0, **ALONE).fit(X, y)
        calls[f"RNNRegressor.predict, {cell}"] = partial(model.predict, X[:1])
        calls[f"stream().step, {cell}"] = partial(model.stream().step, 0.3)
    work = {name: partial(many, call) for name, call in calls.items()}
    for name, (seconds, _) in side_by_side(work, max(rounds, 5)).items():
        print(f"| {name} | {1e6 * median(seconds) / 1000:.1f} µs |")


def many(call: Callable[[], Any]) -> float:
    """A thousand calls."""
    for _ in range(1000):
        call()
    return 0.0


def start(rounds: int) -> None:
    """The first fit of a new process, after the kernels were compiled once on this machine."""
    code = (
        "import time, numpy as np; from skrnn import RNNRegressor; X = np.random.rand(100, 10); y = X[:, 0]\n"
        "model = RNNRegressor(max_iter=1); start = time.perf_counter(); model.fit(X, y)\n"
        "print(time.perf_counter() - start)"
    )
    seconds = [float(subprocess.check_output([sys.executable, "-c", code])) for _ in range(rounds + 1)]
    print(f"\nfirst fit of a new process, imports of `RNNRegressor` not counted: {median(seconds[1:]):.2f} s")


def draw(path: str, table: dict[str, list[float]]) -> None:
    """Ratios of the nine nets as bars."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    figure, ax = plt.subplots(figsize=(8, 3.6), layout="constrained")
    width = 0.26
    for number, ((cell, ratios), color) in enumerate(zip(table.items(), ("#0077BB", "#D55E00", "0.55"), strict=True)):
        places = np.arange(len(HIDDEN)) + (number - 1) * width
        label = {"rnn": "vanilla", "gru": "GRU", "lstm": "LSTM"}[cell]
        bars = ax.bar(places, ratios, width, label=label, color=color)
        ax.bar_label(bars, fmt="%.1f", padding=2, fontsize=9)
    ax.axhline(1, color="0.3", linewidth=1)
    ax.set_xlim(-0.95, 2.5)
    ax.annotate("PyTorch loop = 1", (-0.93, 1.25), ha="left", color="0.3", fontsize=9)
    ax.set_xticks(range(len(HIDDEN)), [f"{hidden} units" for hidden in HIDDEN])
    ax.set_ylabel("times faster")
    ax.set_title("Training on one core, beside a hand-written PyTorch loop")
    ax.spines[["top", "right"]].set_visible(False)
    ax.legend(frameon=False)
    figure.savefig(path, dpi=130)
    print(f"\nwrote {path}")


def machine() -> str:
    """What the figures were taken on."""
    name = platform.processor() or platform.machine()
    if os.path.exists("/proc/cpuinfo"):
        with open("/proc/cpuinfo") as lines:
            name = next((line.split(":")[1].strip() for line in lines if line.startswith("model name")), name)
    import numba

    versions = f"Python {platform.python_version()}, torch {torch.__version__}, numba {numba.__version__}"
    return f"{name}, one core; {versions}, numpy {np.__version__}"


def main() -> None:
    """Run the parts that are asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parts = ["table", "wide", "long", "skorch", "keras", "calls", "roofline", "rows", "start", "search"]
    parser.add_argument("parts", nargs="*", default=[part for part in parts if part != "keras"])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--epochs", type=int, default=100)
    parser.add_argument("--picture")
    parser.add_argument("--cpu", action="store_true")
    arguments = parser.parse_args()
    cores = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {max(cores)})
    torch.set_num_threads(1)
    print(machine())
    data, rounds, epochs = sine(), arguments.rounds, arguments.epochs
    nine = [(cell, hidden, epochs, data) for cell in CELLS for hidden in HIDDEN]
    fifty = [(cell, 50, epochs, data) for cell in CELLS]
    with threadpool_limits(1, user_api="blas"):
        for part in arguments.parts:
            if part == "table":
                ratios = fits("loop", fit_loop, nine, rounds)
                table = {cell: ratios[3 * i : 3 * i + 3] for i, cell in enumerate(CELLS)}
                print("goals:", GOALS)
                if arguments.picture:
                    draw(arguments.picture, table)
            elif part == "wide":
                fits("loop", fit_loop, [(cell, hidden, 10, data) for cell in CELLS for hidden in (256, 512)], rounds)
            elif part == "long":
                cases = [(cell, 64, 3, long_series(steps)) for cell in CELLS for steps in (100, 500)]
                fits("loop", fit_loop, cases, rounds)
            elif part == "skorch":
                fits("skorch", fit_skorch, fifty, rounds)
            elif part == "keras":
                fits("Keras", fit_keras, fifty, rounds)
                fits("Keras, its model kept", fit_kept_keras, fifty, rounds)
            elif part == "calls":
                fits("one by one", fit_one_by_one, [case for case in nine if case[1] < 128], rounds)
            elif part == "roofline":
                roofline(rounds)
            elif part == "rows":
                rows(rounds)
            elif part == "start":
                start(rounds)
            else:
                os.sched_setaffinity(0, cores)
                search()


if __name__ == "__main__":
    main()

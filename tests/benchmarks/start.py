"""What a new user waits for: the first fit and prediction on a machine, and in every new process from then on.

Run ``python tests/benchmarks/start.py [case …] [--rounds 3]``; cases are regression, classification, lstm, vanilla,
forecaster, and the peers mlp, torch and keras (where it is installed). Every line is a process of its own: first with
an empty cache of kernels, then with what that one has left there. Seconds on the clock and, in brackets, those that
the process had of the cores: where others share them, only these count.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from importlib.util import find_spec
from pathlib import Path
from statistics import median

CASES = {
    "regression": ("from skrnn import RNNRegressor as Model", "Model(random_state=0).fit(X, y).predict(X)"),
    "classification": ("from skrnn import RNNClassifier as Model", "Model(random_state=0).fit(X, y > 0).predict(X)"),
    "lstm": ("from skrnn import RNNRegressor as Model", "Model(cell='lstm', random_state=0).fit(X, y).predict(X)"),
    "vanilla": ("from skrnn import RNNRegressor as Model", "Model(cell='rnn', random_state=0).fit(X, y).predict(X)"),
    "forecaster": (
        "import pandas as pd; from skrnn.forecasting import WindowForecaster as Model",
        "Model().fit(pd.Series(X[:, 0], pd.date_range('2020', periods=len(X)))).forecast(5)",
    ),
    "mlp": ("from sklearn.neural_network import MLPRegressor as Model", "Model(random_state=0).fit(X, y).predict(X)"),
    "torch": (
        "import torch; from torch.nn import GRU, Linear",
        "net, head = GRU(1, 32, batch_first=True), Linear(32, 1); "
        "inputs, targets = torch.tensor(X[:, :, None]).float(), torch.tensor(y[:, None]).float(); "
        "optimizer = torch.optim.Adam([*net.parameters(), *head.parameters()]); "
        "loss = ((head(net(inputs)[0][:, -1]) - targets) ** 2).mean(); "
        "loss.backward(); optimizer.step(); net(inputs)",
    ),
    "keras": (
        "import keras",
        "net = keras.Sequential([keras.layers.GRU(32), keras.layers.Dense(1)]); net.compile('adam', 'mse'); "
        "net.fit(X[:, :, None], y, verbose=0); net.predict(X[:, :, None], verbose=0)",
    ),
}
PEERS = ("mlp", "torch", "keras")  # that keep no kernels
CODE = """
import json, time, warnings
warnings.simplefilter("ignore")
start, used = time.perf_counter(), time.process_time()
{imports}
import numpy as np
imported = time.perf_counter() - start
X = np.random.default_rng(0).normal(size=(200, 12))
y = X.sum(axis=1)
{run}
print(json.dumps((imported, time.perf_counter() - start, time.process_time() - used)))
"""


def seconds(case: str, folder: str) -> tuple[float, float, float]:
    """Of the imports and of all of it, and what the process had of the cores."""
    imports, run = CASES[case]
    environment = {**os.environ, "NUMBA_CACHE_DIR": folder}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)  # as a new user has it
    command = [sys.executable, "-c", CODE.format(imports=imports, run=run)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
    return tuple(json.loads(done.stdout.splitlines()[-1]))


def weight(folder: str) -> str:
    """Of the files in a cache."""
    files = [path for path in Path(folder).rglob("*") if path.is_file()]
    return f"{len(files)} files, {sum(path.stat().st_size for path in files) / 1e6:.1f} MB"


def row(case: str, rounds: int) -> str:
    """A line of the table."""
    with tempfile.TemporaryDirectory() as folder:
        cold = None if case in PEERS else seconds(case, folder)
        warm = [seconds(case, folder) for _ in range(rounds)]
        imported, whole, used = (median(values) for values in zip(*warm, strict=True))
        first = "–" if cold is None else f"{cold[1]:.1f} s ({cold[2]:.1f})"
        kept = "–" if cold is None else weight(folder)
        return f"| {case} | {first} | {imported:.2f} s | {whole:.2f} s ({used:.2f}) | {kept} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    cases = [case for case in CASES if case not in PEERS or case == "mlp" or find_spec(case) is not None]
    parser.add_argument("cases", nargs="*", metavar="case", help=", ".join(cases))
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    print("| a new process | on a new machine | imports | from then on | the cache |\n|---|---|---|---|---|")
    for case in options.cases or cases:
        print(row(case, options.rounds), flush=True)


if __name__ == "__main__":
    main()

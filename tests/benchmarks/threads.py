"""Several small fits at once: one after the other, in two threads, and in two processes (loky), in turns.

Run ``python tests/benchmarks/threads.py [--rounds 3]`` on two free cores: 12 fits of 100 epochs on the sine wave, as
searches run them; seconds by the clock, and "threads / loky" (no more than 1 is wanted). Processes are started before
the first round. ``--inside`` also compares n_jobs=2 with n_jobs=1 inside a fit, by the size of the net and of its
mini-batches; what two cores of the machine give at best is shown by two such fits at once, in two processes.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from functools import partial
from statistics import median

from engines import ALONE, long_series, sine
from joblib import Parallel, delayed

from skrnn import RNNRegressor

FITS, EPOCHS = 12, 100


def fit(cell: str, hidden: int, epochs: int = EPOCHS, **options: object) -> float:
    """The last loss."""
    settings = {"max_iter": epochs, "n_iter_no_change": epochs, "max_grad_norm": None, "random_state": 0, **ALONE}
    X, y = sine()
    model = RNNRegressor(cell=cell, hidden_size=hidden, engine="compiled").set_params(**{**settings, **options})
    return float(model.fit(X, y).loss_)


def fit_long(cell: str, hidden: int, batch: int, n_jobs: int) -> float:
    """Two epochs of 1,024 sequences of 50 steps."""
    settings = {"max_iter": 2, "n_iter_no_change": 2, "random_state": 0, "batch_size": batch, **ALONE}
    model = RNNRegressor(cell=cell, hidden_size=hidden, engine="compiled", n_jobs=n_jobs).set_params(**settings)
    return float(model.fit(*long_series(50, 1024)).loss_)


def seconds_of(work: dict[str, Callable[[], object]], rounds: int) -> dict[str, list[float]]:
    """Seconds of each round, in turns; one in front is not counted."""
    seconds: dict[str, list[float]] = {name: [] for name in work}
    for number in range(rounds + 1):
        for name, call in work.items():
            start = time.perf_counter()
            call()
            if number:
                seconds[name].append(time.perf_counter() - start)
    return seconds


def several(cell: str, hidden: int, rounds: int) -> None:
    """A row of the first table."""
    calls = [delayed(fit)(cell, hidden) for _ in range(FITS)]
    work: dict[str, Callable[[], object]] = {
        "alone": lambda: [fit(cell, hidden) for _ in range(FITS)],
        "threads": lambda: Parallel(2, backend="threading")(calls),
        "loky": lambda: Parallel(2, backend="loky")(calls),
    }
    found = {name: median(values) for name, values in seconds_of(work, rounds).items()}
    times = " | ".join(f"{found[name]:.2f} s" for name in work)
    print(f"| {cell} {hidden} | {times} | {found['threads'] / found['loky']:.2f} |", flush=True)


def inside(rounds: int) -> None:
    """One job beside two inside a fit, and two fits at once beside one after the other."""
    print("\n| net, batch | n_jobs=1 | n_jobs=2 | ratio | two processes |\n|---|---|---|---|---|")
    for cell in ("rnn", "gru", "lstm"):
        for hidden in (32, 128):
            for batch in (32, 128, 512):
                work: dict[str, Callable[[], object]] = {
                    str(n): partial(fit_long, cell, hidden, batch, n) for n in (1, 2)
                }
                pair = [delayed(fit_long)(cell, hidden, batch, 1) for _ in range(2)]
                work["both"] = partial(Parallel(2, backend="loky"), pair)
                one, two, both = (median(values) for values in seconds_of(work, rounds).values())
                ratios = f"{one / two:.2f} | {2 * one / both:.2f}"
                print(f"| {cell} {hidden}, {batch} | {one:.2f} s | {two:.2f} s | {ratios} |", flush=True)


def main() -> None:
    """The tables that are asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--inside", action="store_true")
    arguments = parser.parse_args()
    print(f"| {FITS} fits of {EPOCHS} epochs | alone | two threads | two processes | threads / loky |")
    print("|---|---|---|---|---|")
    for cell in ("rnn", "gru", "lstm"):
        for hidden in (16, 50):
            several(cell, hidden, arguments.rounds)
    if arguments.inside:
        inside(arguments.rounds)


if __name__ == "__main__":
    main()

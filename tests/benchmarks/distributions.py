"""Whole distributions of forecasts: those of three likelihoods beside learnt quantiles, by CRPS.

Run ``python tests/benchmarks/distributions.py FOLDER [task …] [--seeds N]``. FOLDER holds ``electricity_hourly.csv.gz``
(mean of 321 clients, Monash archive), which is not part of this package; the bikes are. Windows of a week, a day ahead,
from cutoffs in the newest 1,500 of 8,000 hours. CRPS: twice the mean pinball loss of the quantiles 0.05, 0.15, …, 0.95,
which the quantile heads learn and which the others are asked for. Every head has the same network and training.
"""

from __future__ import annotations

import argparse
import time
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from sklearn.exceptions import ConvergenceWarning

from skrnn import RNNRegressor, WindowForecaster, backtest
from skrnn.datasets import load_bike_sharing

LEVELS = [round(0.05 + 0.1 * number, 2) for number in range(10)]
SIZES = {"initial": 6500, "horizon": 24, "step": 7, "season": 24}


def net(loss: str, seed: int) -> RNNRegressor:
    """A GRU that reads a day at a time."""
    quantile = {"quantile": LEVELS} if loss == "quantile" else {}
    return RNNRegressor(loss=loss, segment=24, hidden_size=32, batch_size=128, random_state=seed, **quantile)


def inside(frame: pd.DataFrame) -> float:
    """The share of true values between the quantiles 0.05 and 0.95."""
    known = frame.dropna(subset=["truth"])
    return float(np.mean((known["truth"] >= known[LEVELS[0]]) & (known["truth"] <= known[LEVELS[-1]])))


def run(task: str, data: pd.Series, heads: dict[str, tuple[str, dict[str, Any]]], seeds: int, **settings: Any) -> None:
    """A line for each head: means over seeds, and the CRPS of each seed."""
    data = data[-8000:]
    for name, (loss, own) in heads.items():
        start, scores = time.perf_counter(), []
        for seed in range(seeds):
            model = WindowForecaster(net(loss, seed), window=168, horizon=24, **settings, **own)
            result = backtest(model, data, quantiles=LEVELS, **SIZES)
            row = result.scores().loc["forecast"]
            scores.append((row["CRPS"], row["MAE"], inside(result.frame)))
        crps, mae, share = np.mean(scores, axis=0)
        each = ", ".join(f"{one[0]:.3f}" for one in scores)
        print(
            f"{task:12} {name:22} CRPS {crps:.3f} ({each}) MAE {mae:.2f} between 0.05 and 0.95: {share:.3f} "
            f"({time.perf_counter() - start:.0f} s)",
            flush=True,
        )


def bikes(folder: Path, seeds: int) -> None:
    """Hourly rentals, without the weather; the hour and the day of the week are known."""
    counts = load_bike_sharing(as_frame=True).frame["count"].astype(float).asfreq("h")
    heads = {
        "quantile": ("quantile", {"level": None}),
        "gaussian": ("gaussian", {"level": None}),
        "student_t": ("student_t", {"level": None}),
        "negative_binomial": ("negative_binomial", {}),
        "quantile, sqrt": ("quantile", {"target_transform": "sqrt"}),
        "gaussian, sqrt": ("gaussian", {"target_transform": "sqrt"}),
    }
    run("bikes", counts, heads, seeds, calendar=["hour", "day_of_week"], bounds=(0, None))


def electricity(folder: Path, seeds: int) -> None:
    """Hourly load."""
    load = pd.read_csv(folder / "electricity_hourly.csv.gz", parse_dates=["ts"]).set_index("ts")["y"]
    heads: dict[str, tuple[str, dict[str, Any]]] = {name: (name, {}) for name in ("quantile", "gaussian", "student_t")}
    run("electricity", load, heads, seeds)


TASKS = {task.__name__: task for task in (bikes, electricity)}


def main() -> None:
    """Run the tasks that are asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("tasks", nargs="*", default=list(TASKS))
    parser.add_argument("--seeds", type=int, default=3)
    arguments = parser.parse_args()
    warnings.simplefilter("ignore", ConvergenceWarning)
    for name in arguments.tasks:
        TASKS[name](arguments.folder, arguments.seeds)


if __name__ == "__main__":
    main()

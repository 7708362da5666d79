"""Forecast errors on public data, beside simple peers run in the same process.

Run ``python tests/benchmarks/forecasting.py FOLDER [task …]``. FOLDER holds ``ETTh1.csv.gz`` (Zhou et al. 2021),
``electricity_hourly.csv.gz`` (mean of 321 clients, Monash archive) and ``tourism_quarterly.npz`` (427 series, h = 8,
Athanasopoulos et al. 2011), which are not part of this package; airline, sunspots and bikes are.
"""

from __future__ import annotations

import argparse
import time
from itertools import pairwise
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import pandas as pd
from sklearn.base import clone
from sklearn.linear_model import Ridge
from sklearn.metrics import root_mean_squared_error

from skrnn import RNNRegressor, WindowForecaster, backtest
from skrnn.datasets import load_airline_passengers, load_bike_sharing, load_sunspots

STEPS = [1, 6, 12, 24]
SEEDS = range(5)


def show(task: str, model: str, figures: dict[str, float], start: float) -> None:
    """One line of the result."""
    words = ", ".join(f"{name} {value:.4g}" for name, value in figures.items())
    print(f"{task:12} {model:22} {words} ({time.perf_counter() - start:.0f} s)", flush=True)


def daily_net(**parameters: Any) -> RNNRegressor:
    """A GRU that reads a day in one step."""
    settings = {"segment": 24, "hidden_size": 64, "batch_size": 128, "learning_rate": 3e-3, "max_iter": 20}
    return RNNRegressor(**{**settings, "early_stopping": True, "n_iter_no_change": 5, "random_state": 0, **parameters})


def hourly(task: str, data: Any, models: dict[str, WindowForecaster], coverage: float | None) -> None:
    """Mean MAE of four horizons over all cutoffs of the last 20 %."""
    for name, model in models.items():
        start = time.perf_counter()
        result = backtest(model, data, initial=int(0.8 * len(data)), season=24, coverage=coverage)
        scores = result.scores("step").loc[STEPS]
        mean = scores.groupby(level="model").mean()
        figures = {"MAE": mean["MAE"]["forecast"], "lag 24": mean["MAE"]["seasonal_naive"]}
        show(task, name, {**figures, "coverage": mean["coverage"]["forecast"]}, start)


def electricity(folder: Path) -> None:
    """Hourly load, without covariates, 90 % intervals."""
    data = pd.read_csv(folder / "electricity_hourly.csv.gz", parse_dates=["ts"]).set_index("ts")["y"]
    settings = {"window": 168, "horizon": 24, "calibration": 0.2}
    hourly("electricity", data, {"ridge": WindowForecaster(Ridge(), **settings)}, 0.9)
    net = daily_net(learning_rate=1e-3, learning_rate_schedule="cosine", max_iter=15, loss="absolute_error")
    net.set_params(early_stopping=False)
    hourly("electricity", data, {"gru": WindowForecaster(net, **{**settings, "window": 336})}, 0.9)


def bikes(folder: Path) -> None:
    """Hourly rentals, with and without the weather of the target hour."""
    bunch = load_bike_sharing(as_frame=True)
    weather = ["temp", "feel_temp", "humidity", "windspeed", "weather", "holiday", "workingday"]
    frame = bunch.frame[[*weather, "count"]].astype(float).asfreq("h")  # 165 hours are missing
    frame[weather] = frame[weather].ffill()
    frame["count"] = frame["count"].interpolate()
    settings = {"window": 168, "horizon": 24, "level": "mean", "calendar": ["hour", "day_of_week", "day_of_year"]}
    root = {**settings, "transform": "sqrt"}
    hourly("bikes", frame, {"ridge": WindowForecaster(Ridge(), target="count", future=weather, **settings)}, None)
    hourly("bikes", frame, {"gru": WindowForecaster(daily_net(), target="count", future=weather, **root)}, None)
    hourly("bikes", frame["count"], {"gru without weather": WindowForecaster(daily_net(), **root)}, None)


def airline(folder: Path) -> None:
    """Monthly passengers, the last 24 and 36 months held out; two parameters set, median of five seeds."""
    passengers = load_airline_passengers(as_frame=True).series
    for held_out in (24, 36):
        start, errors = time.perf_counter(), []
        train, test = passengers[:-held_out], passengers[-held_out:]
        for seed in SEEDS:
            model = WindowForecaster(default_net(seed), horizon=12, transform="sqrt").fit(train)
            errors.append(float((model.forecast(held_out) - test).abs().mean()))
        naive = np.abs(np.resize(train[-12:], held_out) - test).mean()
        figures = {"MAE": median(errors), "worst seed": max(errors), "seasonal naive": naive}
        show(f"airline {held_out}", "gru", figures, start)


def default_net(seed: int) -> RNNRegressor:
    """The regressor that a forecaster has by default, with another seed."""
    default = WindowForecaster().fit(pd.Series(np.arange(50.0))).estimator_
    return clone(default).set_params(random_state=seed)


def sunspots(folder: Path) -> None:
    """Monthly numbers, one step ahead over the last 20 %; median of five seeds."""
    months = load_sunspots(as_frame=True).series
    train, start, errors = months[: int(0.8 * len(months))], time.perf_counter(), []
    test = months[len(train) :]
    for seed in SEEDS:
        net = RNNRegressor(segment=6, learning_rate=1e-3, learning_rate_schedule="cosine", max_iter=40)
        model = WindowForecaster(net.set_params(random_state=seed), window=60, transform="sqrt")
        frame = backtest(model, months, initial=len(train)).frame
        errors.append(root_mean_squared_error(frame["truth"], frame["forecast"]))
    persistence = root_mean_squared_error(test, months.shift()[len(train) :])
    figures = {"RMSE": median(errors), "worst seed": max(errors), "persistence": persistence}
    show("sunspots", "gru", figures, start)


def tourism(folder: Path) -> None:
    """427 quarterly series, one model, eight quarters ahead."""
    data = np.load(folder / "tourism_quarterly.npz", allow_pickle=False)
    cuts = data["train_offsets"]
    series = [data["train_values"][a:b] for a, b in pairwise(cuts)]
    parts = [pd.DataFrame({"y": values}) for values in series]
    panel = pd.concat(parts, keys=range(len(parts)), names=["id", "quarter"])
    scales = np.array([np.abs(values[4:] - values[:-4]).mean() for values in series])

    def mase(forecast: Any) -> float:
        return float((np.abs(forecast - data["test"]).mean(axis=1) / scales).mean())

    naive = np.stack([np.tile(values[-4:], 2) for values in series])
    start, errors = time.perf_counter(), []
    for seed in SEEDS:
        settings = {"learning_rate": 3e-3, "batch_size": 128, "early_stopping": True, "loss": "absolute_error"}
        net = RNNRegressor(**settings, random_state=seed)
        model = WindowForecaster(net, window=8, horizon=8, transform="log1p").fit(panel)
        errors.append(mase(model.forecast(8)["y"].to_numpy().reshape(-1, 8)))
    figures = {"MASE": median(errors), "worst seed": max(errors), "seasonal naive": mase(naive)}
    show("tourism", "gru", figures, start)


def etth1(folder: Path) -> None:
    """Seven columns, 12/4/4 months, scaled by the training part; one model with shared weights, all test windows."""
    table = pd.read_csv(folder / "ETTh1.csv.gz", parse_dates=["date"]).set_index("date")
    n_train, n_rest = 8640, 2880
    table = (table - table[:n_train].mean()) / table[:n_train].std(ddof=0)
    seen, test = table[:n_train], table[n_train + n_rest : n_train + 2 * n_rest]
    for horizon in (24, 96):
        start = time.perf_counter()
        settings = {"learning_rate": 1e-3, "learning_rate_schedule": "cosine", "max_iter": 5, "batch_size": 256}
        net = RNNRegressor(segment=24, hidden_size=128, random_state=0, **settings)
        model = WindowForecaster(net, window=336, horizon=horizon, channel_independent=True).fit(seen)
        model.update(table[n_train : n_train + n_rest])
        forecasts = []
        for row in range(n_rest - horizon + 1):
            forecasts.append(model.forecast().to_numpy())
            model.update(test[row : row + 1])
        truth = np.lib.stride_tricks.sliding_window_view(test, horizon, axis=0).transpose(0, 2, 1)
        last = table.to_numpy()[n_train + n_rest - 1 : n_train + 2 * n_rest - horizon, None]
        error = np.array(forecasts) - truth
        figures = {
            "MSE": np.mean(error**2),
            "MAE": np.mean(np.abs(error)),
            "last value MSE": np.mean((last - truth) ** 2),
        }
        show(f"etth1 {horizon}", "gru", figures, start)


TASKS = {task.__name__: task for task in (airline, sunspots, tourism, etth1, electricity, bikes)}


def main() -> None:
    """Run the tasks that are asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("tasks", nargs="*", default=list(TASKS))
    arguments = parser.parse_args()
    for name in arguments.tasks:
        TASKS[name](arguments.folder)


if __name__ == "__main__":
    main()

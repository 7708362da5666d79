"""Forecast errors on public data, beside simple peers run in the same process.

Every network stands beside Ridge regression in the same forecaster, on the same windows, and beside repeating the last
season or value. Run ``python tests/benchmarks/forecasting.py FOLDER [task …] [--models ridge]``; the model ``default``
is the network of a forecaster that is given its horizon and nothing else. FOLDER holds
``ETTh1.csv.gz`` (Zhou et al. 2021), ``electricity_hourly.csv.gz`` (mean of 321 clients, Monash archive) and
``tourism_quarterly.npz`` (427 series, h = 8, Athanasopoulos et al. 2011), which are not part of this package; airline,
sunspots and bikes are.
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
from sklearn.linear_model import RidgeCV
from sklearn.metrics import root_mean_squared_error

from skrnn import RNNRegressor, WindowForecaster, backtest
from skrnn.datasets import load_airline_passengers, load_bike_sharing, load_sunspots

STEPS = [1, 6, 12, 24]
SEEDS = range(5)
RIDGE = RidgeCV(np.logspace(-2, 4, 7))
ALONE = {"init": None, "early_stopping": False}  # a network by itself
MODELS = {"ridge", "gru", "default"}  # those to run


def show(task: str, model: str, figures: dict[str, float], start: float) -> None:
    """One line of the result."""
    words = ", ".join(f"{name} {value:.4g}" for name, value in figures.items())
    print(f"{task:12} {model:22} {words} ({time.perf_counter() - start:.0f} s)", flush=True)


def wanted(models: dict[str, Any]) -> dict[str, Any]:
    """The models whose name begins with one of those to run."""
    return {name: model for name, model in models.items() if name.split()[0] in MODELS}


def with_the_default(model: WindowForecaster, data: Any) -> list[WindowForecaster]:
    """The forecaster, with the network that it chooses for these data if it has no regressor, by five seeds."""
    if model.estimator is None:
        model = clone(model).set_params(estimator=clone(clone(model).fit(data).estimator_))
    return seeds_of(model)


def seeds_of(model: WindowForecaster) -> list[WindowForecaster]:
    """The forecaster with each of five seeds; as it is, where chance has no part in it."""
    if "random_state" not in model.estimator.get_params():
        return [model]
    return [clone(model).set_params(estimator__random_state=seed) for seed in SEEDS]


def daily_net(**parameters: Any) -> RNNRegressor:
    """A GRU that reads a day in one step."""
    settings = {"segment": 24, "hidden_size": 64, "batch_size": 128, "learning_rate": 3e-3, "max_iter": 20}
    ending = {"init": None, "early_stopping": True, "n_iter_no_change": 5}
    return RNNRegressor(**{**settings, **ending, "random_state": 0, **parameters})


def hourly(task: str, data: Any, models: dict[str, WindowForecaster], coverage: float | None) -> None:
    """Mean MAE of four horizons over all cutoffs of the last 20 %."""
    initial = int(0.8 * len(data))
    for name, model in wanted(models).items():
        start = time.perf_counter()
        means = []
        for seeded in with_the_default(model, data[:initial]) if model.estimator is None else [model]:
            level = coverage if model.calibration else None
            result = backtest(seeded, data, initial=initial, season=24, coverage=level)
            means.append(result.scores("step").loc[STEPS].groupby(level="model").mean())
        errors = [mean["MAE"]["forecast"] for mean in means]
        figures = {"MAE": median(errors), "worst seed": max(errors), "lag 24": means[0]["MAE"]["seasonal_naive"]}
        show(task, name, {**figures, "coverage": means[0]["coverage"]["forecast"]}, start)


def electricity(folder: Path) -> None:
    """Hourly load, without covariates, 90 % intervals."""
    data = pd.read_csv(folder / "electricity_hourly.csv.gz", parse_dates=["ts"]).set_index("ts")["y"]
    settings = {"window": 336, "horizon": 24, "calibration": 0.2}
    net = daily_net(learning_rate=1e-3, learning_rate_schedule="cosine", max_iter=15, loss="absolute_error")
    net.set_params(early_stopping=False)
    models = {
        "ridge": WindowForecaster(RIDGE, **settings),
        "ridge nothing set": WindowForecaster(RIDGE, horizon=24, calibration=0.2),
        "gru": WindowForecaster(net, **settings),
        "default": WindowForecaster(horizon=24),
    }
    hourly("electricity", data, models, 0.9)


def bikes(folder: Path) -> None:
    """Hourly rentals, with and without the weather of the target hour."""
    bunch = load_bike_sharing(as_frame=True)
    weather = ["temp", "feel_temp", "humidity", "windspeed", "weather", "holiday", "workingday"]
    frame = bunch.frame[[*weather, "count"]].astype(float).asfreq("h")  # 165 hours are missing
    frame[weather] = frame[weather].ffill()
    frame["count"] = frame["count"].interpolate()
    calendar = ["hour", "day_of_week", "day_of_year"]
    settings = {"window": 168, "horizon": 24, "level": "mean", "calendar": calendar, "target_transform": "sqrt"}
    for words, data, given in (
        ("", frame, {"target": "count", "future": weather}),
        (" no weather", frame["count"], {}),
    ):
        models = {
            f"ridge{words}": WindowForecaster(RIDGE, **settings, **given),
            f"ridge nothing set{words}": WindowForecaster(RIDGE, horizon=24, **given),
            f"gru{words}": WindowForecaster(daily_net(), **settings, **given),
            f"default{words}": WindowForecaster(horizon=24, **given),
        }
        hourly("bikes", data, models, None)


def airline(folder: Path) -> None:
    """Monthly passengers, the last 24 and 36 months held out; two parameters set, median of five seeds."""
    passengers = load_airline_passengers(as_frame=True).series
    settings = {"window": 24, "horizon": 12, "target_transform": "sqrt"}
    models = {
        "ridge": WindowForecaster(RIDGE, **settings),
        "ridge nothing set": WindowForecaster(RIDGE, horizon=12),
        "gru": WindowForecaster(default_net(), **settings),
        "default": WindowForecaster(horizon=12),
    }
    for held_out in (24, 36):
        train, test = passengers[:-held_out], passengers[-held_out:]
        naive = np.abs(np.resize(train[-12:], held_out) - test).mean()
        for name, model in wanted(models).items():
            start = time.perf_counter()
            fits = [seeded.fit(train) for seeded in with_the_default(model, train)]
            errors = [float((fit.forecast(held_out) - test).abs().mean()) for fit in fits]
            figures = {"MAE": median(errors), "worst seed": max(errors), "seasonal naive": naive}
            show(f"airline {held_out}", name, figures, start)


def default_net() -> RNNRegressor:
    """The regressor that a forecaster has by default for months."""
    months = pd.period_range("2000-01", periods=60, freq="M")
    return clone(WindowForecaster().fit(pd.Series(np.arange(60.0), index=months)).estimator_)


def sunspots(folder: Path) -> None:
    """Monthly numbers, one step ahead over the last 20 %; median of five seeds."""
    months = load_sunspots(as_frame=True).series
    train = months[: int(0.8 * len(months))]
    net = RNNRegressor(segment=6, learning_rate=1e-3, learning_rate_schedule="cosine", max_iter=40, **ALONE)
    models = {
        "ridge": WindowForecaster(RIDGE, window=60, target_transform="sqrt"),
        "ridge nothing set": WindowForecaster(RIDGE),
        "gru": WindowForecaster(net, window=60, target_transform="sqrt"),
        "default": WindowForecaster(),
    }
    persistence = root_mean_squared_error(months[len(train) :], months.shift()[len(train) :])
    for name, model in wanted(models).items():
        start = time.perf_counter()
        forecasters = with_the_default(model, train)
        frames = [backtest(seeded, months, initial=len(train)).frame for seeded in forecasters]
        errors = [root_mean_squared_error(frame["truth"], frame["forecast"]) for frame in frames]
        figures = {"RMSE": median(errors), "worst seed": max(errors), "persistence": persistence}
        show("sunspots", name, figures, start)


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
    parameters = {"learning_rate": 3e-3, "batch_size": 128, "early_stopping": True, "loss": "absolute_error"}
    settings = {"window": 8, "horizon": 8, "target_transform": "log1p"}
    models = {
        "ridge": WindowForecaster(RIDGE, **settings),
        "ridge nothing set": WindowForecaster(RIDGE, horizon=8),
        "gru": WindowForecaster(RNNRegressor(init=None, **parameters), **settings),
        "default": WindowForecaster(horizon=8),
    }
    for name, model in wanted(models).items():
        start = time.perf_counter()
        fits = [seeded.fit(panel) for seeded in with_the_default(model, panel)]
        errors = [mase(fit.forecast(8)["y"].to_numpy().reshape(-1, 8)) for fit in fits]
        figures = {"MASE": median(errors), "worst seed": max(errors), "seasonal naive": mase(naive)}
        show("tourism", name, figures, start)


def etth1(folder: Path) -> None:
    """Seven columns, 12/4/4 months, scaled by the training part; one model with shared weights, all test windows."""
    table = pd.read_csv(folder / "ETTh1.csv.gz", parse_dates=["date"]).set_index("date")
    n_train, n_rest = 8640, 2880
    table = (table - table[:n_train].mean()) / table[:n_train].std(ddof=0)
    seen, test = table[:n_train], table[n_train + n_rest : n_train + 2 * n_rest]
    settings = {"learning_rate": 1e-3, "learning_rate_schedule": "cosine", "max_iter": 5, "batch_size": 256}
    net = RNNRegressor(segment=24, hidden_size=128, random_state=0, **{**ALONE, **settings})
    values = table.to_numpy()
    for horizon in (24, 96):
        truth = np.lib.stride_tricks.sliding_window_view(test, horizon, axis=0).transpose(0, 2, 1)
        newest = np.arange(n_train + n_rest - 1, n_train + 2 * n_rest - horizon)
        last = values[newest, None]
        day = values[newest[:, None] - 23 + np.arange(horizon) % 24]
        parameters = {"horizon": horizon, "channel_independent": True}
        models = {
            "ridge": WindowForecaster(RIDGE, window=336, **parameters),
            "ridge nothing set": WindowForecaster(RIDGE, **parameters),
            "gru": WindowForecaster(net, window=336, **parameters),
            "default": WindowForecaster(horizon=horizon),
            "default channels": WindowForecaster(**parameters),
        }
        for name, model in wanted(models).items():
            start = time.perf_counter()
            squares, sizes = [], []
            for seeded in with_the_default(model, seen) if model.estimator is None else [model]:
                error = rolled(seeded, table, (n_train, n_train + n_rest, n_train + 2 * n_rest)) - truth
                squares.append(np.mean(error**2))
                sizes.append(np.mean(np.abs(error)))
            figures = {"MSE": median(squares), "worst seed": max(squares), "MAE": median(sizes)}
            for words, forecast in (("last value ", last), ("yesterday ", day)):
                error = forecast - truth
                figures |= {f"{words}MSE": np.mean(error**2), f"{words}MAE": np.mean(np.abs(error))}
            show(f"etth1 {horizon}", name, figures, start)


def rolled(model: WindowForecaster, table: pd.DataFrame, cuts: tuple[int, int, int]) -> Any:
    """Forecasts from every row of the third part, learnt from the first: (n_cutoffs, horizon, n_columns)."""
    seen, begin, end = cuts
    model.fit(table[:seen]).update(table[seen:begin])
    forecasts = [model.forecast().to_numpy()]
    for row in range(begin, end - model.horizon):
        model.update(table[row : row + 1])
        forecasts.append(model.forecast().to_numpy())
    return np.array(forecasts)


TASKS = {task.__name__: task for task in (airline, sunspots, tourism, etth1, electricity, bikes)}


def main() -> None:
    """Run the tasks that are asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("tasks", nargs="*", default=list(TASKS))
    parser.add_argument("--models", nargs="+", choices=sorted(MODELS), default=sorted(MODELS))
    arguments = parser.parse_args()
    MODELS.intersection_update(arguments.models)
    for name in arguments.tasks:
        TASKS[name](arguments.folder)


if __name__ == "__main__":
    main()

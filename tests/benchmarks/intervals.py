"""Coverage and width of 90 % intervals, three ways, beside the conformal interval of the seasonal naive forecast.

Run ``python tests/benchmarks/intervals.py FOLDER [task …]``. FOLDER holds ``electricity_hourly.csv.gz`` (mean of 321
clients, Monash archive) and ``tourism_quarterly.npz`` (427 series, Athanasopoulos et al. 2011), which are not part of
this package; airline, sunspots and bikes are. Coverage and width are means over all cutoffs, steps and series. Widths
are in units of the seasonal naive interval's, which is measured in the same way: the conformal quantile of its absolute
errors, for each step, over as large a share of the newest rows before each cutoff.
"""

from __future__ import annotations

import argparse
import time
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from sklearn.base import clone
from sklearn.linear_model import RidgeCV

from skrnn import RNNRegressor, WindowForecaster, backtest
from skrnn.datasets import load_airline_passengers, load_bike_sharing, load_sunspots

COVERAGE = 0.9
LEVELS = [0.05, 0.5, 0.95]
SHARE = 0.25  # of the rows, to measure errors on
RIDGE = RidgeCV(np.logspace(-2, 4, 7))


# What brings the coverage of quantiles alone nearer: a larger part to validate on, and what does not overfit.
CAREFUL = {"validation_fraction": 0.25, "refit": True, "dropout": 0.2, "n_networks": 3}


def net(**parameters: Any) -> RNNRegressor:
    """A GRU with three quantiles."""
    return RNNRegressor(loss="quantile", quantile=LEVELS, random_state=0, **parameters)


def naive_edges(frame: pd.DataFrame, data: pd.DataFrame, season: int, share: float) -> pd.DataFrame:
    """The rows of a backtest with the edges of the seasonal naive forecast's conformal interval."""
    parts = []
    for (key, cutoff), part in frame.groupby(["series", "cutoff"], dropna=False):
        past = (data if pd.isna(key) else data.loc[key]).loc[:cutoff].to_numpy().ravel()
        steps = part["step"].to_numpy()
        n = max(int(share * len(past)), 20)
        widths = []
        for back in season * -(-steps // season):  # whole cycles, to a known value
            errors = np.sort(np.abs(past[back:] - past[:-back])[-n:])
            widths.append(errors[min(int(np.ceil((len(errors) + 1) * COVERAGE)), len(errors)) - 1])
        middle = part["seasonal_naive"].to_numpy()
        parts.append(part.assign(lower=middle - widths, upper=middle + widths))
    return pd.concat(parts)


def figures(frame: pd.DataFrame) -> dict[str, float]:
    """Coverage, mean width and mean Winkler score of the intervals of a backtest; each series in units of its seasonal
    naive error.
    """
    known = frame[frame["naive_error"] > 0].dropna(subset=["truth"])
    truth, low, high = (known[name].to_numpy() / known["naive_error"] for name in ("truth", "lower", "upper"))
    outside = np.maximum(low - truth, 0) + np.maximum(truth - high, 0)
    inside = pd.Series(np.asarray(outside == 0)).groupby(known["step"].to_numpy()).mean()
    return {
        "coverage": float(np.mean(outside == 0)),
        "least and largest of a step": (round(float(inside.min()), 3), round(float(inside.max()), 3)),
        "width": float(np.mean(high - low)),
        "Winkler": float(np.mean(high - low + 2 / (1 - COVERAGE) * outside)),
    }


def run(task: str, data: Any, models: dict[str, tuple[WindowForecaster, list[str]]], **sizes: Any) -> None:
    """All methods of all models on one data set, one line each."""
    table = data.to_frame() if isinstance(data, pd.Series) else data
    unit: dict[str, float] = {}
    times = data.index.get_level_values(-1)
    first = times.unique().sort_values()[sizes["initial"] - 1]
    for name, (model, methods) in models.items():
        if "refit" not in sizes:  # one fit for all methods
            model.fit(data[times <= first])
        for method in methods:
            start = time.perf_counter()
            reach = sizes["horizon"] if method != "quantile" else min(sizes["horizon"], model.horizon)
            result = backtest(model, data, coverage=COVERAGE, method=method, **{**sizes, "horizon": reach})
            if not unit:
                unit = figures(naive_edges(result.frame, table, sizes["season"], model.calibration))
                show(task, "seasonal naive", unit, unit, reach, start)
            show(task, f"{name} {method}", figures(result.frame), unit, reach, start)


def show(task: str, name: str, found: dict[str, Any], unit: dict[str, Any], reach: int, start: float) -> None:
    """One line of the result."""
    width, winkler = found["width"] / unit["width"], found["Winkler"] / unit["Winkler"]
    print(
        f"{task:12} {name:20} steps 1-{reach:<3} coverage {found['coverage']:.3f} (by step "
        f"{found['least and largest of a step']}) width {width:.2f} Winkler {winkler:.2f} "
        f"({time.perf_counter() - start:.0f} s)",
        flush=True,
    )


def both(network: RNNRegressor, horizon: int, **settings: Any) -> dict[str, tuple[WindowForecaster, list[str]]]:
    """Ridge with conformal intervals, the network with all three, and its quantiles with a more careful training."""
    careful = clone(network).set_params(**CAREFUL)
    given = {"horizon": horizon, "calibration": SHARE, **settings}
    return {
        "ridge": (WindowForecaster(RIDGE, **given), ["conformal"]),
        "gru": (WindowForecaster(network, **given), ["conformal", "quantile", "cqr"]),
        "careful gru": (WindowForecaster(careful, **{**given, "calibration": None}), ["quantile"]),
    }


def airline(folder: Path) -> None:
    """144 months: cutoffs from the 96th on, two years ahead from a horizon of one, a fit every half year."""
    months = load_airline_passengers(as_frame=True).series
    network = net(segment=12, hidden_size=32, init="linear", learning_rate=1e-3)
    models = both(network, 12, window=24, target_transform="log", calibration=0.4)
    run("airline", months, models, initial=96, horizon=24, step=1, season=12, refit=6)


def sunspots(folder: Path) -> None:
    """3,265 months: the newest 600, two years ahead from a horizon of one, every third month."""
    months = load_sunspots(as_frame=True).series
    models = both(net(segment=6, hidden_size=32, batch_size=128), 12, window=60, target_transform="sqrt")
    run("sunspots", months, models, initial=len(months) - 600, horizon=24, step=3, season=12)


def hourly(task: str, data: Any, **settings: Any) -> None:
    """8,000 hours: cutoffs in the newest 1,500, a day ahead, every seventh hour."""
    models = both(net(segment=24, hidden_size=32, batch_size=128), 24, window=168, **settings)
    run(task, data[-8000:], models, initial=6500, horizon=24, step=7, season=24)


def bikes(folder: Path) -> None:
    """Hourly rentals, without the weather; the hour and the day of the week are known."""
    counts = load_bike_sharing(as_frame=True).frame["count"].astype(float).asfreq("h").interpolate()
    hourly("bikes", counts, target_transform="sqrt", calendar=["hour", "day_of_week"], bounds=(0, None))


def electricity(folder: Path) -> None:
    """Hourly load."""
    hourly("electricity", pd.read_csv(folder / "electricity_hourly.csv.gz", parse_dates=["ts"]).set_index("ts")["y"])


def tourism(folder: Path) -> None:
    """427 quarterly series that end together: two years ahead from each of the newest quarters with two years left."""
    data = np.load(folder / "tourism_quarterly.npz", allow_pickle=False)
    cuts = data["train_offsets"]
    whole = [np.r_[data["train_values"][a:b], test] for (a, b), test in zip(pairwise(cuts), data["test"], strict=True)]
    parts = {i: pd.DataFrame({"y": values}, pd.RangeIndex(-len(values), 0)) for i, values in enumerate(whole)}
    panel = pd.concat(parts, names=["id", "quarter"])
    n_times = panel.index.get_level_values("quarter").nunique()
    models = both(net(hidden_size=32, batch_size=128), 8, window=8, season=4, target_transform="log1p")
    run("tourism", panel, models, initial=n_times - 16, horizon=8, step=1, season=4)


TASKS = {task.__name__: task for task in (airline, sunspots, bikes, electricity, tourism)}


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

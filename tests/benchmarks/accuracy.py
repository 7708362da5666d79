"""What the defaults learn, beside what else a user could have had, in one process.

Run ``python tests/benchmarks/accuracy.py [classes] [numbers] [forecasts] [--archive FOLDER] [--seeds 5]``. Without a
folder the package's own data are used. FOLDER may hold ``.npz`` files of the UCR and UEA archives (``X_train``,
``y_train``, ``X_test``, ``y_test``; of different lengths as arrays of objects, which are pickled: trust the folder),
``*.csv`` files of one series each (its last column), and, to forecast, ``*_hourly.csv.gz`` files (time, value) and
``tourism_quarterly.npz``. MiniRocket runs where aeon is installed, AutoETS and AutoTheta where statsforecast is. A cell
is the median over the seeds (the worst; seconds of a fit and its predictions); the best figure of each row stands
between asterisks.
"""

from __future__ import annotations

import argparse
import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from sklearn.base import clone
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.linear_model import LogisticRegression, RidgeCV
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skrnn import RNNClassifier, RNNRegressor, WindowForecaster
from skrnn.datasets import load_airline_passengers, load_bike_sharing, load_japanese_vowels, load_sunspots

RIDGE = RidgeCV(np.logspace(-3, 3, 13))
NUMBERS = {"sunspots": 36, "airline": 12}  # steps of a window, of the package's own series


class Result(NamedTuple):
    """Of one model on one data set: a figure for each seed, and the mean seconds of a fit."""

    figures: list[float]
    seconds: float


def timed(run: Callable[[int], float], seeds: range) -> Result:
    """A figure for each seed."""
    start = time.perf_counter()
    figures = [run(seed) for seed in seeds]
    return Result(figures, (time.perf_counter() - start) / len(seeds))


def show(name: str, results: dict[str, Result], *, best: Callable[..., float], worst: Callable[..., float]) -> None:
    """A row: median (worst; seconds) of each model."""
    top = best(round(median(result.figures), 4) for result in results.values())
    cells = []
    for label, result in results.items():
        middle = round(median(result.figures), 4)
        mark = "**" if middle == top else ""
        cells.append(f"{label} {mark}{middle:.4g}{mark} ({worst(result.figures):.4g}; {result.seconds:.1f} s)")
    print(f"{name:22}", *cells, sep=" | ", flush=True)


def class_sets(folder: Path | None) -> Iterator[tuple[str, Any, Any, Any, Any]]:
    """Name and the two parts of each set."""
    yield (
        "JapaneseVowels",
        *load_japanese_vowels(return_X_y=True),
        *load_japanese_vowels(subset="test", return_X_y=True),
    )
    for path in sorted(folder.glob("*.npz")) if folder else ():
        data = np.load(path, allow_pickle=True)
        if path.stem != "JapaneseVowels" and "y_test" in data:
            parts = [list(X) if X.dtype == object else X for X in (data["X_train"], data["X_test"])]
            yield path.stem, parts[0], data["y_train"], parts[1], data["y_test"]


def even(*parts: Any) -> list[np.ndarray]:
    """The parts as arrays (n, T, F): zeros stand in front of shorter sequences."""
    longest = max(len(row) for X in parts for row in X)
    return [np.stack([np.pad(np.reshape(x, (len(x), -1)), ((longest - len(x), 0), (0, 0))) for x in X]) for X in parts]


def classes(folder: Path | None, seeds: range) -> None:
    """Accuracy on the official test parts."""
    means: dict[str, list[float]] = {}
    for name, X, y, X_new, y_new in class_sets(folder):
        train, test = even(X, X_new)
        ways = {
            "sequences": (X, X_new),
            "table": (train.reshape(len(train), -1), test.reshape(len(test), -1)),
            "channels": (train.transpose(0, 2, 1), test.transpose(0, 2, 1)),
        }
        results = {}
        for label, (way, model, by_seed) in classifiers().items():
            one, other = ways[way]

            def accuracy(seed: int, model=model, by_seed=by_seed, one=one, other=other, y=y, y_new=y_new) -> float:
                fitted = clone(model).set_params(**({"random_state": seed} if by_seed else {})).fit(one, y)
                return float(fitted.score(other, y_new))

            results[label] = timed(accuracy, seeds if by_seed else range(1))
            means.setdefault(label, []).append(median(results[label].figures))
        show(name, results, best=max, worst=min)
    show("mean", {label: Result([float(np.mean(values))], 0.0) for label, values in means.items()}, best=max, worst=min)


def classifiers() -> dict[str, tuple[str, Any, bool]]:
    """What each reads, the model, and whether chance has a part in it."""
    models = {
        "network": ("sequences", RNNClassifier(), True),
        "1-NN": ("table", KNeighborsClassifier(1), False),
        "logistic regression": ("table", make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000)), False),
        "boosting": ("table", HistGradientBoostingClassifier(random_state=0), False),
    }
    rocket = mini_rocket()
    return models if rocket is None else {**models, "MiniRocket": ("channels", rocket(), True)}


def mini_rocket() -> Any:
    """aeon's classifier, if it is installed."""
    try:
        from aeon.classification.convolution_based import MiniRocketClassifier
    except ImportError:
        return None
    return MiniRocketClassifier


def series_sets(folder: Path | None) -> Iterator[tuple[str, np.ndarray, int]]:
    """Name, values and window of each series."""
    yield "sunspots", load_sunspots().series, NUMBERS["sunspots"]
    yield "airline", load_airline_passengers().series, NUMBERS["airline"]
    yield "bikes", np.asarray(load_bike_sharing().target[:6000], float), 24
    for path in sorted(folder.glob("*.csv")) if folder else ():
        yield path.stem, pd.read_csv(path).iloc[:, -1].interpolate().to_numpy(float), 12


def numbers(folder: Path | None, seeds: range) -> None:
    """Root mean squared error of the next value, over the last fifth of the windows."""
    ratios: dict[str, list[float]] = {}
    for name, values, width in series_sets(folder):
        windows = np.lib.stride_tricks.sliding_window_view(np.asarray(values, float), width + 1)
        n = int(0.8 * len(windows))
        (X, y), (X_new, y_new) = ((part[:, :-1], part[:, -1]) for part in (windows[:n], windows[n:]))

        def error(predictions: Any, y_new=y_new) -> float:
            return float(np.sqrt(np.mean((predictions - y_new) ** 2)))

        models = {
            "network": lambda seed: RNNRegressor(random_state=seed),
            "Ridge": lambda _: make_pipeline(StandardScaler(), RIDGE),
            "boosting": lambda _: HistGradientBoostingRegressor(random_state=0),
        }
        results = {
            label: timed(
                lambda seed, make=make, X=X, y=y, Z=X_new, error=error: error(make(seed).fit(X, y).predict(Z)),
                seeds if label == "network" else range(1),
            )
            for label, make in models.items()
        }
        results["last value"] = Result([error(X_new[:, -1])], 0.0)
        results["mean"] = Result([error(y.mean())], 0.0)
        show(name, results, best=min, worst=max)
        for label, result in results.items():
            ratios.setdefault(label, []).append(median(result.figures) / results["Ridge"].figures[0])
    show(
        "mean ratio to Ridge",
        {label: Result([float(np.exp(np.mean(np.log(values))))], 0.0) for label, values in ratios.items()},
        best=min,
        worst=max,
    )


def forecast_sets(folder: Path | None) -> Iterator[tuple[str, pd.Series, int, int]]:
    """Name, series, rows held out and horizon."""
    airline, sunspots = (load(as_frame=True).series for load in (load_airline_passengers, load_sunspots))
    bikes = load_bike_sharing(as_frame=True).frame["count"].astype(float).asfreq("h").interpolate()
    yield "airline", airline, 36, 12
    yield "sunspots", sunspots, 480, 12
    yield "bikes", bikes[:6000], 1200, 24
    for path in sorted(folder.glob("*_hourly.csv*")) if folder else ():
        yield path.stem, pd.read_csv(path, index_col=0, parse_dates=True).iloc[:, 0].asfreq("h")[-6000:], 1200, 24


def local_methods() -> dict[str, Any]:
    """statsforecast's models of a series by itself, if it is installed."""
    try:
        from statsforecast.models import AutoETS, AutoTheta
    except ImportError:
        return {}
    return {"AutoETS": AutoETS, "AutoTheta": AutoTheta}


class Forecasts(NamedTuple):
    """What is forecast, and the error of each kind of forecaster: one of this package, a local method, none."""

    name: str
    train: Any
    horizon: int
    error: Callable[[WindowForecaster], float]
    local_error: Callable[[Any, int], float]
    naive_error: Callable[[int], float]


def rolling(name: str, series: pd.Series, held_out: int, horizon: int) -> Forecasts:
    """Mean absolute error over rolling cutoffs of the rows held out, one fit."""
    train, values = series[:-held_out], series.to_numpy(float)
    cutoffs = range(len(train), len(series) - horizon + 1, horizon)

    def error(model: WindowForecaster) -> float:
        fitted, errors = model.fit(train), []
        for cutoff in cutoffs:
            fitted.update(series[cutoff - horizon : cutoff]) if cutoff > len(train) else None
            errors.append(np.abs(fitted.forecast(horizon) - series[cutoff : cutoff + horizon]).mean())
        return float(np.mean(errors))

    def local_error(method: Any, season: int) -> float:
        fitted = method(season_length=season).fit(values[: len(train)])
        found = [fitted.forward(values[:cutoff], horizon)["mean"] for cutoff in cutoffs]
        return float(np.mean([np.abs(one - values[c : c + horizon]) for one, c in zip(found, cutoffs, strict=True)]))

    def naive_error(season: int) -> float:
        shifted = series.shift(int(np.ceil(horizon / season) * season))
        return float(np.abs(series - shifted)[len(train) :].mean())

    return Forecasts(name, train, horizon, error, local_error, naive_error)


def tourism(path: Path) -> Forecasts:
    """Mean absolute scaled error of 427 quarterly series, eight quarters ahead."""
    data = np.load(path, allow_pickle=False)
    series = np.split(data["train_values"], data["train_offsets"][1:-1])
    panel = pd.concat([pd.Series(values) for values in series], keys=range(len(series)))
    scales = np.array([np.abs(values[4:] - values[:-4]).mean() for values in series])

    def mase(forecasts: Any) -> float:
        errors = np.abs(np.reshape(forecasts, data["test"].shape) - data["test"])
        return float((errors.mean(axis=1) / scales).mean())

    return Forecasts(
        "tourism",
        panel,
        8,
        lambda model: mase(model.fit(panel).forecast(8)),
        lambda method, season: mase([method(season_length=season).forecast(y=one, h=8)["mean"] for one in series]),
        lambda season: mase([np.resize(values[-season:], 8) for values in series]),
    )


def forecasts(folder: Path | None, seeds: range) -> None:
    """Errors of forecasts; window, season and network by default."""
    for parameters in forecast_sets(folder):
        show_forecasts(rolling(*parameters), seeds)
    path = folder / "tourism_quarterly.npz" if folder else None
    if path is not None and path.exists():
        show_forecasts(tourism(path), seeds)


def show_forecasts(task: Forecasts, seeds: range) -> None:
    """A row: each regressor in the same forecaster, and local methods."""
    fitted = WindowForecaster(horizon=task.horizon).fit(task.train)
    peers = {"network": fitted.estimator_, "Ridge": RIDGE, "boosting": HistGradientBoostingRegressor(random_state=0)}
    results = {}
    for label, peer in peers.items():

        def run(seed: int, label=label, peer=peer) -> float:
            chosen = clone(peer).set_params(**({"random_state": seed} if label == "network" else {}))
            return task.error(WindowForecaster(chosen, horizon=task.horizon))

        results[label] = timed(run, seeds if label == "network" else range(1))
    for label, method in local_methods().items():
        results[label] = timed(lambda _, method=method: task.local_error(method, fitted.season_), range(1))
    results["seasonal naive"] = Result([task.naive_error(fitted.season_)], 0.0)
    show(task.name, results, best=min, worst=max)


def main() -> None:
    """Print a row for each set."""
    parts = {"classes": classes, "numbers": numbers, "forecasts": forecasts}
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("parts", nargs="*", default=list(parts))
    parser.add_argument("--archive", type=Path)
    parser.add_argument("--seeds", type=int, default=5)
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")  # of convergence: every figure counts as it is
    for name in arguments.parts:
        parts[name](arguments.archive, range(arguments.seeds))


if __name__ == "__main__":
    main()

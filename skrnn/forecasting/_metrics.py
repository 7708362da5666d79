"""Scores of forecasts, by their published formulas."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from sklearn.metrics import mean_absolute_error, root_mean_squared_error

from skrnn._types import Doubles, Integers, Longs
from skrnn.forecasting._table import Table

__all__ = [
    "FEWEST_LEVELS",
    "crps_weights",
    "naive_errors",
    "pinball_loss",
    "scores_of",
    "scores_of_spread",
    "values_at",
    "winkler_score",
]

FEWEST_LEVELS = 5  # that an integral over all levels can be made of


def values_at(positions: Longs, values: Doubles, wanted: Longs) -> Doubles:
    """The values (n_rows,) of a series at some positions in time; NaN where it has none."""
    rows = np.minimum(np.searchsorted(positions, wanted), len(positions) - 1)
    return np.where(positions[rows] == wanted, values[rows], np.nan)


def naive_errors(table: Table, ends: Integers, values: Doubles, season: int) -> Doubles:
    """Mean absolute error of repeating the value of a season before, in the series of the rows ``ends`` and up to them:
    the scale of MASE. ``values`` are a column of the table.
    """
    found, firsts = np.full(len(ends), np.nan), table.bounds[table.series[ends]]
    errors = np.abs(values - _season_before(table, values, season))
    counts = ends - firsts + 1
    for count in np.unique(counts):  # sums of equally many rows together
        mine = np.flatnonzero(counts == count)
        rows = errors[firsts[mine][:, None] + np.arange(count)]
        known = np.isfinite(rows).any(axis=1)
        found[mine[known]] = np.nanmean(rows[known], axis=1)
    return found


def _season_before(table: Table, values: Doubles, season: int) -> Doubles:
    """The value of each row's series a season before it; NaN where it has none."""
    found = np.full(len(values), np.nan)
    found[season:] = values[:-season]
    found[np.arange(len(values)) - table.bounds[table.series] < season] = np.nan
    for number in np.flatnonzero(np.add.reduceat(table.begins, table.bounds[:-1], dtype=np.intp) > 1):  # with gaps
        rows = slice(int(table.bounds[number]), int(table.bounds[number + 1]))
        positions = table.positions[rows]
        found[rows] = values_at(positions, values[rows], positions - table.sizes[number] * season)
    return found


def scores_of(frame: pd.DataFrame, column: str) -> dict[str, float]:
    """Scores of one column of forecasts beside "truth" and "naive_error".

    MAE and RMSE in the units of the target. MASE: mean over series of the absolute error divided by the in-sample
    error of the seasonal naive forecast (Hyndman & Koehler, Int. J. Forecasting 22(4), 2006). sMAPE, in per cent: mean
    of 200 |y - f| / (|y| + |f|) (Makridakis & Hibon, Int. J. Forecasting 16(4), 2000, appendix A). NaN where nothing is
    known of either, as of a season that is longer than the history.
    """
    known = frame.dropna(subset=["truth", column])
    if known.empty:
        return dict.fromkeys(("MAE", "RMSE", "MASE", "sMAPE"), float("nan"))
    truth, forecast = known["truth"].to_numpy(), known[column].to_numpy()
    error = np.abs(truth - forecast)
    size = np.abs(truth) + np.abs(forecast)
    relative = pd.Series(error / known["naive_error"].replace(0.0, np.nan).to_numpy(), index=known["series"].to_numpy())
    return {
        "MAE": float(mean_absolute_error(truth, forecast)),
        "RMSE": float(root_mean_squared_error(truth, forecast)),
        "MASE": float(relative.groupby(level=0, sort=False, dropna=False).mean().mean()),
        "sMAPE": float(200 * np.mean(np.divide(error, size, out=np.zeros_like(error), where=size > 0))),
    }


def scores_of_spread(frame: pd.DataFrame, coverage: float | None) -> dict[str, float]:
    """Coverage and Winkler score of the columns "lower" and "upper" beside "truth", and the pinball loss of the columns
    that are named by levels, or of the edges where there are none, and their CRPS; NaN without them.
    """
    levels: dict[Any, float] = {column: column for column in frame.columns if isinstance(column, float)}
    inside = winkler = float("nan")
    known = frame.dropna(subset=["truth"])
    if known.empty:
        return dict.fromkeys(("coverage", "Winkler", "pinball", "CRPS"), float("nan"))
    if coverage is not None and "lower" in frame:
        truth, lower, upper = (known[name].to_numpy() for name in ("truth", "lower", "upper"))
        inside = float(np.mean((truth >= lower) & (truth <= upper)))
        winkler = float(np.mean(winkler_score(truth, lower, upper, coverage)))
        levels = levels or {"lower": (1 - coverage) / 2, "upper": (1 + coverage) / 2}
    losses = [
        pinball_loss(known["truth"].to_numpy(), known[name].to_numpy(), level).mean() for name, level in levels.items()
    ]
    pinball = float(np.mean(losses)) if losses else float("nan")
    found = list(levels.values())
    crps = float(crps_weights(found) @ losses) if len(set(found)) >= FEWEST_LEVELS else float("nan")
    return {"coverage": inside, "Winkler": winkler, "pinball": pinball, "CRPS": crps}


def crps_weights(levels: Sequence[float]) -> Doubles:
    """What the pinball losses of different quantiles count in the continuous ranked probability score.

    This is twice the integral of the pinball loss over all levels (Laio & Tamea, Hydrol. Earth Syst. Sci. 11, 2007;
    equation 14 of Gneiting & Ranjan, J. Business & Economic Statistics 29(3), 2011; the score: Gneiting & Raftery, JASA
    102(477), 2007, section 4.2). Each level stands for those that are nearer to it than to others, up to 0 and 1.
    """
    order = np.argsort(levels)
    ascending = np.asarray(levels, np.float64)[order]
    edges = np.concatenate([[0.0], (ascending[1:] + ascending[:-1]) / 2, [1.0]])
    weights = np.empty(len(order))
    weights[order] = 2 * np.diff(edges)
    return weights


def winkler_score(truth: Doubles, lower: Doubles, upper: Doubles, coverage: float) -> Doubles:
    """The width of each interval, and 2 / (1 - coverage) times how far the truth lies outside; smaller is better.

    Winkler, "A decision-theoretic approach to interval estimation", JASA 67(337), 1972; equation 43 of Gneiting &
    Raftery, JASA 102(477), 2007.
    """
    outside = np.maximum(lower - truth, 0.0) + np.maximum(truth - upper, 0.0)
    return np.asarray(upper - lower + 2 / (1 - coverage) * outside)


def pinball_loss(truth: Doubles, quantile: Doubles, level: float) -> Doubles:
    """max(level * e, (level - 1) * e) of the errors e = truth - quantile (Koenker & Bassett, Econometrica 46, 1978)."""
    error = truth - quantile
    return np.maximum(level * error, (level - 1) * error)

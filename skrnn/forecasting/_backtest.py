"""How good would the forecasts have been: fit, forecast, move on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from sklearn.base import clone

from skrnn.forecasting._forecaster import WindowForecaster
from skrnn.forecasting._metrics import naive_error, scores_of

__all__ = ["BacktestResult", "backtest"]


@dataclass(frozen=True, eq=False)
class BacktestResult:
    """Forecasts from several cutoffs, beside the truth.

    Attributes
    ----------
    frame : DataFrame
        A row per series, target, cutoff and step: "series", "target", "cutoff" (the last time seen), "time", "step"
        (from 1), "truth", "forecast", "seasonal_naive", "naive_error" (the in-sample error that MASE divides by), and
        with a
        coverage "lower" and "upper".
    """

    frame: pd.DataFrame

    def scores(self, by: str | list[str] | None = None) -> pd.DataFrame:
        """MAE, RMSE, MASE, sMAPE and coverage of the forecast, and of the seasonal naive one.

        Parameters
        ----------
        by : str or list of str, default=None
            Columns to group by, such as "step" or "series"; None: one row for each of the two forecasts.

        Returns
        -------
        scores : DataFrame
            "coverage" is the share of true values inside the interval; NaN without one.
        """
        groups = [("", self.frame)] if by is None else list(self.frame.groupby(by, sort=True))
        rows = {}
        for key, part in groups:
            for column in ("forecast", "seasonal_naive"):
                row = scores_of(part, column)
                inside = part["truth"].between(part["lower"], part["upper"]) if "lower" in part else None
                row["coverage"] = float(inside.mean()) if inside is not None and column == "forecast" else np.nan
                rows[(*(key if isinstance(key, tuple) else (key,)), column)] = row
        names = [""] if by is None else [by] if isinstance(by, str) else by
        table = pd.DataFrame(list(rows.values()), pd.MultiIndex.from_tuples(rows, names=[*names, "model"]))
        return table.droplevel(0) if by is None else table


def backtest(
    forecaster: WindowForecaster,
    data: Any,
    *,
    initial: int,
    horizon: int | None = None,
    step: int = 1,
    refit: bool | int = False,
    season: int = 1,
    coverage: float | None = None,
) -> BacktestResult:
    """Forecast from one cutoff after another, each time with the rows up to the cutoff alone.

    Parameters
    ----------
    forecaster : WindowForecaster
        Cloned, not changed.
    data : Series or DataFrame
        As for ``forecaster.fit``.
    initial : int
        Times before the first cutoff; at least 1.
    horizon : int, default=None
        Steps to forecast from each cutoff; None: the forecaster's.
    step : int, default=1
        Times from one cutoff to the next; at least 1.
    refit : bool or int, default=False
        Whether to fit again at each cutoff, or at every so many; otherwise only the history moves on.
    season : int, default=1
        Steps in a cycle, for the seasonal naive forecast beside it; 1 repeats the last value.
    coverage : float, default=None
        Share of true values that intervals are to hold; needs ``calibration`` in the forecaster.

    Returns
    -------
    result : BacktestResult

    Raises
    ------
    ValueError
        If there are not enough times for a single cutoff.
    """
    horizon = forecaster.horizon if horizon is None else horizon
    times = data.index.get_level_values(-1)
    moments = times.unique().sort_values()
    cutoffs = moments[initial - 1 : len(moments) - horizon : step]
    if initial < 1 or not len(cutoffs):
        raise ValueError(
            f"The data have {len(moments)} times; initial={initial} and horizon={horizon} need at least "
            f"{max(initial, 1) + horizon}."
        )
    frames, model, before = [], clone(forecaster), None
    every = int(refit)
    for number, cutoff in enumerate(cutoffs):
        seen = times <= cutoff
        if number == 0 or (every and number % every == 0):
            model = clone(forecaster).fit(data[seen])
        else:
            model.update(data[seen & (times > before)])
        before = cutoff
        later = data[(times > cutoff) & (times <= moments[moments.get_loc(cutoff) + horizon])]
        frames.append(_one_cutoff(model, data[seen], later, cutoff, horizon, season, coverage))
    return BacktestResult(pd.concat(frames, ignore_index=True))


def _one_cutoff(
    model: WindowForecaster, seen: Any, later: Any, cutoff: Any, horizon: int, season: int, coverage: float | None
) -> pd.DataFrame:
    """The tidy rows of one cutoff."""
    roles = model.roles_
    future = later[list(roles.future)] if roles.future else None
    if coverage is None:
        forecast = _columns(model.forecast(horizon, future=future), roles.target)
        tables = {"forecast": forecast}
    else:
        interval = model.forecast_interval(horizon, coverage=coverage, future=future)
        if len(roles.target) == 1:
            tables = {name: interval[[name]].set_axis(list(roles.target), axis=1) for name in interval}
        else:
            tables = {name: interval.xs(name, axis=1, level=1) for name in ("forecast", "lower", "upper")}
    truth = _columns(later, roles.target)
    rows = []
    for key, history in _by_series(_columns(seen, roles.target)):
        for target in roles.target:
            mine = {name: _of_series(table, key)[target] for name, table in tables.items()}
            index = mine["forecast"].index
            past = history[target].to_numpy(dtype=float)
            repeated = past[-season:][np.arange(horizon) % season] if len(past) >= season else np.full(horizon, np.nan)
            rows.append(
                pd.DataFrame(
                    {
                        "series": [key] * horizon,
                        "target": target,
                        "cutoff": cutoff,
                        "time": index,
                        "step": np.arange(1, horizon + 1),
                        "truth": _of_series(truth, key)[target].reindex(index).to_numpy(dtype=float),
                        **{name: column.to_numpy() for name, column in mine.items()},
                        "seasonal_naive": repeated,
                        "naive_error": naive_error(past, season),
                    }
                )
            )
    return pd.concat(rows, ignore_index=True)


def _columns(data: Any, target: tuple[Any, ...]) -> pd.DataFrame:
    return data.to_frame(target[0]) if isinstance(data, pd.Series) else data[list(target)]


def _by_series(frame: pd.DataFrame) -> list[tuple[Any, pd.DataFrame]]:
    if frame.index.nlevels == 1:
        return [(None, frame)]
    levels = list(range(frame.index.nlevels - 1))
    groups = frame.groupby(level=levels if len(levels) > 1 else 0, sort=False)
    return [(key, part) for key, part in groups]


def _of_series(frame: pd.DataFrame, key: Any) -> pd.DataFrame:
    """The rows of one series, by time."""
    if frame.index.nlevels == 1:
        return frame
    keys = key if isinstance(key, tuple) else (key,)
    return frame.xs(keys, level=list(range(frame.index.nlevels - 1)))

"""How good would the forecasts have been: fit, forecast, move on."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from sklearn.base import clone

from skrnn._constraints import check_arguments, integers, reals
from skrnn._types import Integers
from skrnn.forecasting._columns import read_series
from skrnn.forecasting._forecaster import WindowForecaster
from skrnn.forecasting._metrics import naive_error, scores_of, values_at
from skrnn.forecasting._panel import Panel
from skrnn.forecasting._table import History

__all__ = ["BacktestResult", "backtest"]

_CONSTRAINTS = {name: [integers(1)] for name in ("initial", "horizon", "step", "season")}

_OPTIONS = {"refit": ["boolean", integers(0)], "coverage": [reals(0, 1, "neither"), None]}


@dataclass(frozen=True, eq=False)
class BacktestResult:
    """Forecasts from several cutoffs, beside the truth.

    Attributes
    ----------
    frame : DataFrame
        A row per series, target, cutoff and step: "series", "target", "cutoff" (the last time seen), "time", "step"
        (from 1), "truth", "forecast", "seasonal_naive", "naive_error" (the in-sample error that MASE divides by), and
        with a coverage "lower" and "upper". A series has rows for the cutoffs at which it has a value and goes on; a
        regressor that takes no missing values needs a full window, too.
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

        Raises
        ------
        ValueError
            If ``by`` is not a column of the frame.
        """
        names = [] if by is None else [by] if isinstance(by, str) else list(by)
        unknown = [name for name in names if name not in self.frame.columns]
        if unknown:
            raise ValueError(f"by={unknown[0]!r} is not a column of the frame, which has {list(self.frame.columns)}.")
        rows = {}
        # Their number is not asked: pandas 2.2 fails to count groups of which one has no name.
        for key, part in self.frame.groupby(names, sort=True, dropna=False) if names else [("", self.frame)]:
            for column in ("forecast", "seasonal_naive"):
                row = scores_of(part, column)
                inside = part["truth"].between(part["lower"], part["upper"]) if "lower" in part else None
                row["coverage"] = float(inside.mean()) if inside is not None and column == "forecast" else np.nan
                rows[(*(key if isinstance(key, tuple) else (key,)), column)] = row
        index = pd.MultiIndex.from_tuples(rows, names=[*(names or [""]), "model"])
        table = pd.DataFrame(list(rows.values()), index)
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
    freq: Any = None,
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
        Whether to fit again at each cutoff; an int n: at every n-th one. Otherwise only the history moves on.
    season : int, default=1
        Steps in a cycle, for the seasonal naive forecast beside it; 1 repeats the last value.
    coverage : float, default=None
        Share of true values that intervals should contain; needs ``calibration`` in the forecaster.
    freq : pandas offset, alias, DatetimeIndex or "rows", default=None
        From a row to the next one of its series, as in `WindowForecaster`; None: the forecaster's, else ``freq`` of the
        index if it is set.

    Returns
    -------
    result : BacktestResult

    Raises
    ------
    ValueError
        If there are not enough times for a single cutoff, or no series goes on beyond any.
    """
    if not isinstance(forecaster, WindowForecaster):
        raise TypeError(f"backtest takes a WindowForecaster, got a {type(forecaster).__name__}.")
    check_arguments("backtest", _OPTIONS, refit=refit, coverage=coverage)
    horizon = forecaster.horizon if horizon is None else horizon
    checked = check_arguments("backtest", _CONSTRAINTS, initial=initial, horizon=horizon, step=step, season=season)
    initial, horizon, step, season = checked.values()
    forecaster = _with_freq(forecaster, data, freq)
    panel = read_series(data, forecaster.freq)
    times = data.index.get_level_values(-1)
    moments = times.unique().sort_values()
    cutoffs = moments[initial - 1 : len(moments) - horizon : step]
    if not len(cutoffs):
        raise ValueError(
            f"The data have {len(moments)} times; initial={initial} and horizon={horizon} need at least "
            f"{initial + horizon}."
        )
    frames, model, before = [], clone(forecaster), None
    every = int(refit)
    skipped: list[Any] = []
    for number, cutoff in enumerate(cutoffs):
        seen = times <= cutoff
        if number == 0:
            model = clone(forecaster).fit(data[seen])
        elif every and number % every == 0:
            with warnings.catch_warnings():  # the first fit has said it
                warnings.filterwarnings("ignore", message=".* windows are lost")
                model = clone(forecaster).fit(data[seen])
        else:
            model.update(data[seen & (times > before)])
        before = cutoff
        ready = model.ready()
        if not ready:
            skipped.append(cutoff)
        live = [history for history in panel.histories if history.key in ready and cutoff in history.times[:-1]]
        if live:
            frames.append(_one_cutoff(model, panel, live, data[times > cutoff], (horizon, season, coverage)))
    if skipped and frames:
        warnings.warn(
            f"{len(skipped)} of {len(cutoffs)} cutoffs have no full window before them and are left out, first "
            f"{skipped[0]}. Fill the rows that are absent, or use a regressor that takes missing values.",
            stacklevel=2,
        )
    if not frames:
        raise ValueError("No series has a value at a cutoff and rows after it. Choose another initial or step.")
    return BacktestResult(pd.concat(frames, ignore_index=True))


def _with_freq(forecaster: WindowForecaster, data: Any, freq: Any) -> WindowForecaster:
    """A clone that knows the step of all rows; those up to a cutoff may not say it."""
    freq = forecaster.freq if freq is None else freq
    own = getattr(data.index, "freq", None) if isinstance(getattr(data, "index", None), pd.DatetimeIndex) else None
    return clone(forecaster).set_params(freq=own if freq is None else freq)


def _one_cutoff(
    model: WindowForecaster, panel: Panel, live: list[History], later: Any, sizes: tuple[int, int, float | None]
) -> pd.DataFrame:
    """The tidy rows of one cutoff, for the series ``live`` of all data that go on beyond it."""
    horizon, season, coverage = sizes
    target, future = model.roles_.target, later[list(model.roles_.future)] if model.roles_.future else None
    names = ["forecast"] if coverage is None else ["forecast", "lower", "upper"]
    model = model.among([history.key for history in live])
    if coverage is None:
        table = model.forecast(horizon, future=future)
    else:
        table = model.forecast_interval(horizon, coverage=coverage, future=future)
    values = table.to_numpy().reshape(len(live), horizon, len(target), len(names))
    pasts = {history.key: history for history in model._panel.histories}
    rows = []
    for history, mine in zip(live, values, strict=True):
        past = pasts[history.key]
        times, found = _ahead(past, history, horizon)
        back = season * -(-np.arange(1, len(times) + 1) // season)  # whole cycles, to a known value
        naive = past.positions[-1] + past.step.size * (np.arange(1, len(times) + 1) - back)
        for number, column in enumerate(target):
            place = panel.columns.index(column)
            rows.append(
                pd.DataFrame(
                    {
                        "series": [history.key] * len(times),
                        "target": column,
                        "cutoff": past.times[-1],
                        "time": times,
                        "step": np.arange(1, len(times) + 1),
                        "truth": np.where(found < 0, np.nan, history.values[found, place]),
                        **{name: mine[: len(times), number, i] for i, name in enumerate(names)},
                        "seasonal_naive": values_at(past.positions, past.values[:, place], naive),
                        "naive_error": naive_error(past.positions, past.values[:, place], past.step.size * season),
                    }
                )
            )
    return pd.concat(rows, ignore_index=True)


def _ahead(past: History, whole: History, horizon: int) -> tuple[pd.Index, Integers]:
    """The next times after the past, and the rows of the whole series at them; -1 where there is none.

    Where nothing but the rows says what comes next, these are the next rows, as far as there are any.
    """
    if past.step.unit == "row":
        rows = np.arange(len(past.times), min(len(past.times) + horizon, len(whole.times)))
        return whole.times[rows], rows
    times = past.next_times(horizon)
    return times, np.asarray(whole.times.get_indexer(times))

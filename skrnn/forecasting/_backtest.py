"""How good would the forecasts have been: fit, forecast, move on."""

from __future__ import annotations

import warnings
from copy import copy
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from sklearn.base import clone

from skrnn._constraints import Options, check_arguments, integers, reals
from skrnn._types import Integers
from skrnn.forecasting._calendar import CALENDAR
from skrnn.forecasting._columns import read_series
from skrnn.forecasting._forecaster import WindowForecaster
from skrnn.forecasting._intervals import METHODS
from skrnn.forecasting._metrics import naive_error, scores_of, scores_of_spread, values_at
from skrnn.forecasting._panel import Panel
from skrnn.forecasting._table import History

__all__ = ["BacktestResult", "backtest"]

_CONSTRAINTS = {name: [integers(1)] for name in ("initial", "horizon", "step", "season")}

_OPTIONS = {
    "refit": ["boolean", integers(0)],
    "coverage": [reals(0, 1, "neither"), None],
    "method": [Options(set(METHODS))],
    "quantiles": ["array-like", None],
}


class Wanted(NamedTuple):
    """What is forecast at a cutoff: so many steps, beside the naive forecast of a season; intervals; quantiles."""

    horizon: int
    season: int
    coverage: float | None
    method: str
    quantiles: tuple[float, ...]


@dataclass(frozen=True, eq=False)
class BacktestResult:
    """Forecasts from several cutoffs, beside the truth.

    Attributes
    ----------
    frame : DataFrame
        A row per series, target, cutoff and step: "series", "target", "cutoff" (the last time seen), "time", "step"
        (from 1), "truth", "forecast", "seasonal_naive", "naive_error" (the in-sample error that MASE divides by), with
        a coverage "lower" and "upper", with quantiles a column for each, named by its level. A series has rows for the
        cutoffs at which it has a value and goes on; a regressor that takes no missing values needs a full window, too.
    coverage : float or None
        That of the intervals.
    """

    frame: pd.DataFrame
    coverage: float | None = None

    def scores(self, by: str | list[str] | None = None) -> pd.DataFrame:
        """MAE, RMSE, MASE, sMAPE of the forecast, and of the seasonal naive one; coverage, Winkler score, pinball loss.

        Parameters
        ----------
        by : str or list of str, default=None
            Columns to group by, such as "step" or "series", or attributes of the time, such as "hour" or "month"; None:
            one row for each of the two forecasts.

        Returns
        -------
        scores : DataFrame
            "coverage" is the share of true values inside the interval, "Winkler" its mean score (Winkler, JASA 67(337),
            1972), "pinball" the mean loss of the quantiles, or of the edges of the interval where there are none; NaN
            without them.

        Raises
        ------
        ValueError
            If ``by`` is neither a column of the frame nor an attribute of its times.
        """
        names = [] if by is None else [by] if isinstance(by, str) else list(by)
        frame = self.frame
        for name in names:
            if name not in frame.columns:
                frame = frame.assign(**{name: _attribute(frame, name)})
        rows = {}
        # Their number is not asked: pandas 2.2 fails to count groups of which one has no name.
        for key, part in frame.groupby(names, sort=True, dropna=False) if names else [("", frame)]:
            for column in ("forecast", "seasonal_naive"):
                spread = scores_of_spread(part, self.coverage)
                row = scores_of(part, column) | (spread if column == "forecast" else dict.fromkeys(spread, np.nan))
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
    method: str = "conformal",
    quantiles: Any = None,
    freq: Any = None,
) -> BacktestResult:
    """Forecast from one cutoff after another, each time with the rows up to the cutoff alone.

    Parameters
    ----------
    forecaster : WindowForecaster
        Not changed. One that is fitted forecasts as it is, with ``refit=False``; a warning says so where it has learnt
        from rows after the first cutoff.
    data : Series or DataFrame
        As for ``forecaster.fit``.
    initial : int
        Times before the first cutoff; at least 1.
    horizon : int, default=None
        Steps to forecast from each cutoff; None: the forecaster's.
    step : int, default=1
        Times from one cutoff to the next; at least 1.
    refit : bool or int, default=False
        Whether to fit again at each cutoff; an int n: at every n-th one. Otherwise only the history moves on, behind a
        fit at the first cutoff, or behind none at all of a fitted forecaster.
    season : int, default=1
        Steps in a cycle, for the seasonal naive forecast beside it; 1 repeats the last value.
    coverage : float, default=None
        Share of true values that intervals should contain.
    method : {"conformal", "quantile", "cqr"}, default="conformal"
        How the intervals are made, as in `WindowForecaster.forecast_interval`.
    quantiles : list of float, default=None
        Levels of quantiles to forecast, too, of those that the regressor learns.
    freq : pandas offset, alias, DatetimeIndex or "rows", default=None
        From a row to the next one of its series, as in `WindowForecaster`; None: the forecaster's, else ``freq`` of the
        index if it is set.

    Returns
    -------
    result : BacktestResult

    Raises
    ------
    ValueError
        If there are not enough times for a single cutoff, no series goes on beyond any, or the forecaster has not what
        the intervals or quantiles need.
    """
    if not isinstance(forecaster, WindowForecaster):
        raise TypeError(f"backtest takes a WindowForecaster, got a {type(forecaster).__name__}.")
    check_arguments("backtest", _OPTIONS, refit=refit, coverage=coverage, method=method, quantiles=quantiles)
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
    frames, model, before = [], forecaster, None
    every, wanted = int(refit), Wanted(horizon, season, coverage, method, tuple(quantiles or ()))
    skipped: list[Any] = []
    for number, cutoff in enumerate(cutoffs):
        seen = times <= cutoff
        if number == 0:
            model = _first_model(forecaster, data[seen], cutoff, every)
        elif every and number % every == 0:
            with warnings.catch_warnings():  # the first fit has said it
                warnings.filterwarnings("ignore", message=".* windows are lost")
                model = clone(forecaster).fit(data[seen])
        else:
            model.update(data[seen & (times > before)])
        before = cutoff
        model._calibrated(horizon, method if coverage is not None else "quantile")
        ready = model.ready()
        if not ready:
            skipped.append(cutoff)
        live = [history for history in panel.histories if history.key in ready and cutoff in history.times[:-1]]
        if live:
            frames.append(_one_cutoff(model, panel, live, data[times > cutoff], wanted))
    if skipped and frames:
        warnings.warn(
            f"{len(skipped)} of {len(cutoffs)} cutoffs have no full window before them and are left out, first "
            f"{skipped[0]}. Fill the rows that are absent, or use a regressor that takes missing values.",
            stacklevel=2,
        )
    if not frames:
        raise ValueError("No series has a value at a cutoff and rows after it. Choose another initial or step.")
    return BacktestResult(pd.concat(frames, ignore_index=True), coverage)


def _with_freq(forecaster: WindowForecaster, data: Any, freq: Any) -> WindowForecaster:
    """A copy that knows the step of all rows; those up to a cutoff may not say it."""
    freq = forecaster.freq if freq is None else freq
    own = getattr(data.index, "freq", None) if isinstance(getattr(data, "index", None), pd.DatetimeIndex) else None
    return copy(forecaster).set_params(freq=own if freq is None else freq)


def _first_model(forecaster: WindowForecaster, history: Any, cutoff: Any, every: int) -> WindowForecaster:
    """One that has learnt from the history, or a fitted one, behind it, if it is not to learn again."""
    if every or not hasattr(forecaster, "estimator_"):
        return clone(forecaster).fit(history)
    model = forecaster._following(history)
    learnt = model._learnt()
    known = {learnt.wide(key) for key in learnt.statistics}
    late = [end for key, end in forecaster._learnt_until.items() if key in known and end > cutoff]
    if late:
        warnings.warn(
            f"The forecaster has learnt from rows up to {max(late)}, after the first cutoff {cutoff}: its errors are "
            "those of what it knows already. Pass a clone, or begin later.",
            stacklevel=3,
        )
    return model


def _attribute(frame: pd.DataFrame, name: str) -> Any:
    """An attribute of the calendar at each row's time."""
    times = pd.Index(frame["time"])
    if name not in CALENDAR or not hasattr(times, "hour"):
        raise ValueError(
            f"by={name!r} is not a column of the frame, which has {list(frame.columns)}, and no attribute of its times."
        )
    return np.asarray(
        times.isocalendar().week if name == "week" and hasattr(times, "isocalendar") else getattr(times, name)
    )


def _one_cutoff(model: WindowForecaster, panel: Panel, live: list[History], later: Any, wanted: Wanted) -> pd.DataFrame:
    """The tidy rows of one cutoff, for the series ``live`` of all data that go on beyond it."""
    horizon, season, coverage, method, quantiles = wanted
    target, future = model.roles_.target, later[list(model.roles_.future)] if model.roles_.future else None
    names = [*(["forecast"] if coverage is None else ["forecast", "lower", "upper"]), *quantiles]
    model = model.among([history.key for history in live])
    if coverage is None:
        table = model.forecast(horizon, future=future)
    else:
        table = model.forecast_interval(horizon, coverage=coverage, future=future, method=method)
    shape = len(live), horizon, len(target), -1
    values = table.to_numpy().reshape(shape)
    if quantiles:
        more = model.forecast_quantiles(horizon, quantiles, future=future)
        values = np.concatenate([values, more.to_numpy().reshape(shape)], axis=-1)
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

"""How good would the forecasts have been: fit, forecast, move on."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from numbers import Integral
from typing import Any

import numpy as np
import pandas as pd
from sklearn.base import clone
from sklearn.utils.parallel import Parallel, delayed

from skrnn._constraints import check_arguments, integers, reals
from skrnn._types import Doubles, Flags
from skrnn.forecasting._columns import read_series
from skrnn.forecasting._cutoffs import Cutoffs, cutoffs_of, forecasts_from, rows_of
from skrnn.forecasting._forecaster import WindowForecaster
from skrnn.forecasting._metrics import scores_of
from skrnn.forecasting._panel import Panel, extend

__all__ = ["BacktestResult", "backtest"]

_CONSTRAINTS = {name: [integers(1)] for name in ("initial", "horizon", "step", "season")}

Sizes = tuple[int, int, float | None]  # horizon, season, coverage

_OPTIONS = {"refit": ["boolean", integers(0)], "coverage": [reals(0, 1, "neither"), None], "n_jobs": [Integral, None]}


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
    n_jobs: int | None = None,
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
    n_jobs : int, default=None
        Fits at the same time, through joblib; -1: as many as there are processors. Without ``refit`` there is one.

    Returns
    -------
    result : BacktestResult

    Notes
    -----
    All forecasts of one fitted model are one call of its ``predict``; with a coverage, or where series begin after the
    fit, one for each cutoff.

    Raises
    ------
    ValueError
        If there are not enough times for a single cutoff, or no series goes on beyond any.
    """
    if not isinstance(forecaster, WindowForecaster):
        raise TypeError(f"backtest takes a WindowForecaster, got a {type(forecaster).__name__}.")
    check_arguments("backtest", _OPTIONS, refit=refit, coverage=coverage, n_jobs=n_jobs)
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
    every = int(refit) or len(cutoffs)
    parts = [cutoffs[first : first + every] for first in range(0, len(cutoffs), every)]
    sizes = horizon, season, coverage
    found = Parallel(n_jobs=n_jobs)(
        delayed(_one_fit)(forecaster, data, panel.table.keys, part, sizes, number == 0)
        for number, part in enumerate(parts)
    )
    frames = [frame for frame, _ in found if len(frame)]
    skipped = [cutoff for _, missing in found for cutoff in missing]
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


def _one_fit(
    forecaster: WindowForecaster, data: Any, keys: list[Any], cutoffs: pd.Index, sizes: Sizes, first: bool
) -> tuple[pd.DataFrame, list[Any]]:
    """The rows of the cutoffs at which one fitted model forecasts, and those cutoffs from which it cannot.

    ``keys`` are all series, in the order in which they come; ``first`` says whether it is the first fit.
    """
    horizon, season, coverage = sizes
    times = data.index.get_level_values(-1)
    with warnings.catch_warnings():
        if not first:  # the first fit has said it
            warnings.filterwarnings("ignore", message=".* windows are lost")
        model = clone(forecaster).fit(data[times <= cutoffs[0]])
    known, ranks = set(model._panel.table.keys), {key: rank for rank, key in enumerate(keys)}
    panel, pairs = _with_later(model, data, cutoffs, ranks)
    found = None
    if coverage is None and all(panel.table.keys[number] in known for number in np.unique(pairs.numbers)):
        old = panel.keep(list(known))  # in front of the new ones, so that their numbers stay
        found = forecasts_from(model, pairs._replace(table=old.table), old, data, horizon)
    if found is None:
        found = _step_by_step(model, pairs, cutoffs, data, sizes)
        panel, pairs = _with_later(model, data, cutoffs, ranks)  # with the steps at which new series were forecast
    ready, values = found
    names = ["forecast"] if coverage is None else ["forecast", "lower", "upper"]
    values = values.reshape(len(values), horizon, len(model.roles_.target), len(names))
    frame = rows_of(pairs.among(pairs.live & ready), panel, model.roles_.target, values, names, season)
    can = np.bincount(pairs.places[ready], minlength=len(cutoffs)) > 0
    return frame, list(cutoffs[~can])


def _with_later(model: WindowForecaster, data: Any, cutoffs: pd.Index, ranks: dict[Any, int]) -> tuple[Panel, Cutoffs]:
    """The history of a model with all later rows, and the pairs of cutoffs and series, which come by their ranks."""
    newest = max(model._panel.table.times.take(model._panel.table.ends))
    later = data[data.index.get_level_values(-1) > newest]
    panel = extend(model._panel, read_series(later, model.freq, model._panel))
    return panel, cutoffs_of(panel.table, cutoffs, np.array([ranks[key] for key in panel.table.keys]))


def _step_by_step(
    model: WindowForecaster, pairs: Cutoffs, cutoffs: pd.Index, data: Any, sizes: Sizes
) -> tuple[Flags, Doubles]:
    """The same as `forecasts_from`, a cutoff after the other: intervals follow the errors that each settles, and a new
    series is centred by the rows that it has up to it.
    """
    horizon, _, coverage = sizes
    times, keys = data.index.get_level_values(-1), pairs.table.keys
    future = list(model.roles_.future)
    ready, values = np.zeros(len(pairs.ends), dtype=bool), []
    for place, cutoff in enumerate(cutoffs):
        if place:
            model.update(data[(times <= cutoff) & (times > cutoffs[place - 1])])
        able, mine = set(model.ready()), np.flatnonzero(pairs.places == place)
        ready[mine] = [keys[number] in able for number in pairs.numbers[mine]]
        live = [keys[number] for number in pairs.numbers[mine[ready[mine] & pairs.live[mine]]]]
        if live:
            some = model.among(live)
            later = data[times > cutoff][future] if future else None
            if coverage is None:
                table = some.forecast(horizon, future=later)
            else:
                table = some.forecast_interval(horizon, coverage=coverage, future=later)
            order = {key: number for number, key in enumerate(some._panel.table.keys)}
            values.append(table.to_numpy().reshape(len(live), horizon, -1)[[order[key] for key in live]])
    return ready, np.concatenate(values) if values else np.zeros((0, horizon, 1))

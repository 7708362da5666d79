"""How good would the forecasts have been: fit, forecast, move on."""

from __future__ import annotations

import warnings
from collections import Counter
from copy import copy
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from sklearn.base import clone
from sklearn.utils.parallel import Parallel, delayed

from skrnn._constraints import JOBS, Options, check_arguments, integers, listed, reals, sizes
from skrnn._warnings import warn_caller
from skrnn.forecasting._columns import read_series
from skrnn.forecasting._cutoffs import Cutoffs, cutoffs_of, forecasts_from, rows_of
from skrnn.forecasting._endings import name_some
from skrnn.forecasting._forecaster import WindowForecaster
from skrnn.forecasting._intervals import METHODS
from skrnn.forecasting._moving import Wanted, step_by_step
from skrnn.forecasting._panel import Panel, extend
from skrnn.forecasting._results import BacktestResult
from skrnn.forecasting._setup import season_of
from skrnn.forecasting._table import Table

__all__ = ["backtest"]

_CONSTRAINTS = {**{name: [sizes()] for name in ("initial", "horizon", "step")}, "season": [sizes(), None]}

_OPTIONS = {
    "refit": ["boolean", integers(0)],
    "coverage": [reals(0, 1, "neither"), None],
    "method": [Options(set(METHODS))],
    "n_jobs": JOBS,
}


def backtest(
    forecaster: WindowForecaster,
    data: Any,
    *,
    initial: int,
    horizon: int | None = None,
    step: int = 1,
    refit: bool | int = False,
    season: int | None = None,
    coverage: float | None = None,
    method: str = "conformal",
    quantiles: Any = None,
    freq: Any = None,
    n_jobs: int | None = None,
) -> BacktestResult:
    """Forecast from one cutoff after another, each time with the rows up to the cutoff alone.

    Parameters
    ----------
    forecaster : WindowForecaster
        Not changed. One that is fitted forecasts as it is, with ``refit=False``; a warning says so where it has learnt
        from rows after the first cutoff.
    data : Series or DataFrame
        As for ``forecaster.fit``. What it lacks of the covariates in ``future`` is missing to a regressor that takes
        missing values; others do not forecast from a cutoff that needs it.
    initial : int
        Times before the first cutoff; at least 1.
    horizon : int, default=None
        Steps to forecast from each cutoff; None: the forecaster's.
    step : int, default=1
        Times from one cutoff to the next; at least 1.
    refit : bool or int, default=False
        Whether to fit again at each cutoff; an int n: at every n-th one. Otherwise only the history moves on, behind a
        fit at the first cutoff, or behind none at all of a fitted forecaster.
    season : int, default=None
        Steps in a cycle, for the seasonal naive forecast beside it and the unit of MASE; 1 repeats the last value.
        None: the forecaster's, which is ``season_`` of one that is fitted, else its parameter or what the rows up to
        the first cutoff show.
    coverage : float, default=None
        Share of true values that intervals should contain.
    method : {"conformal", "quantile", "cqr"}, default="conformal"
        How the intervals are made, as in `WindowForecaster.forecast_interval`.
    quantiles : list of float, default=None
        Levels of quantiles to forecast, too, of those that the regressor learns.
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
    All forecasts of one fitted model are one call of its ``predict``; with intervals or quantiles, or where series
    begin after the fit, one for each cutoff.

    Raises
    ------
    ValueError
        If there are not enough times for a single cutoff, no series goes on beyond any, or the forecaster has not what
        the intervals or quantiles need.
    """
    if not isinstance(forecaster, WindowForecaster):
        raise TypeError(f"backtest takes a WindowForecaster, got a {type(forecaster).__name__}.")
    options = {"refit": refit, "coverage": coverage, "method": method, "n_jobs": n_jobs}
    check_arguments("backtest", _OPTIONS, **options)
    levels = () if quantiles is None else tuple(listed("backtest", "quantiles", quantiles))
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
    kept = not refit and hasattr(forecaster, "estimator_")
    season = _season(forecaster, data[times <= cutoffs[0]], kept) if season is None else season
    wanted = Wanted(horizon, season, coverage, method, levels)
    found = Parallel(n_jobs=n_jobs)(
        delayed(_one_fit)(forecaster, data, panel.table.keys, part, wanted, number == 0, kept)
        for number, part in enumerate(parts)
    )
    frames = [one.frame for one in found if len(one.frame)]
    skipped = [cutoff for one in found for cutoff in one.skipped]
    _report_skipped(skipped, cutoffs, bool(forecaster.future), bool(frames))
    if not frames:
        raise ValueError("No series has a value at a cutoff and rows after it. Choose another initial or step.")
    frame = pd.concat(frames, ignore_index=True)
    _warn_of_left_out(panel.table, cutoffs, set(frame["series"]), bool(forecaster.future))
    _warn_of_lost(frame, sum((one.lost for one in found), Counter()), bool(forecaster.future))
    return BacktestResult(frame, coverage, season)


def _report_skipped(skipped: list[Any], cutoffs: pd.Index, told: bool, any_left: bool) -> None:
    """Warn of cutoffs from which nothing can be forecast; an error if there are no others. ``told``: the forecaster is
    told covariates ahead.
    """
    untold = ", or not all of future after them," if told else ""
    if skipped and any_left:
        warn_caller(
            f"{len(skipped)} of {len(cutoffs)} cutoffs have no full window before them{untold} and are left out, first "
            f"{skipped[0]}. Fill the rows that are absent, or use a regressor that takes missing values.",
            UserWarning,
        )
    if len(skipped) == len(cutoffs):
        raise ValueError(
            f"None of the {len(cutoffs)} cutoffs has a full window before it, with all of future after it, or no "
            "series goes on after it. Fill the rows that are absent, use a regressor that takes missing values, or "
            "choose another initial or step."
        )


def _warn_of_left_out(table: Table, cutoffs: pd.Index, there: set[Any], told: bool) -> None:
    """Name the series that have rows on both sides of a cutoff and no forecast, as months among days may; ``told``: the
    forecaster is told covariates ahead.
    """
    ahead = " with all of future after it" if told else ""
    after = np.asarray(
        cutoffs.searchsorted(table.times.take(table.bounds[:-1]))
    )  # the first cutoff with a row up to it
    goes_on = (after < len(cutoffs)) & np.asarray(
        cutoffs.take(np.minimum(after, len(cutoffs) - 1)) < table.times.take(table.ends)
    )
    left_out = [f"Series {key!r}" for key, both in zip(table.keys, goes_on, strict=True) if both and key not in there]
    if left_out:
        warn_caller(
            f"{name_some(left_out)} left out: no value at any of the cutoffs, or no full window before one{ahead}. "
            "Choose another initial or step, or evaluate what has another calendar by itself.",
            UserWarning,
        )


def _warn_of_lost(frame: pd.DataFrame, lost: Counter[Any], told: bool) -> None:
    """Name the series that have forecasts, but none from some cutoffs; ``told``: the forecaster is told covariates
    ahead.
    """
    if not lost:
        return
    made = Counter(frame.drop_duplicates(["series", "cutoff"])["series"])
    words = [f"{n} of {n + made[key]} of series {key!r}" for key, n in lost.items() if key in made]
    if words:
        untold = ", or not all of future after them" if told else ""
        warn_caller(
            f"Cutoffs of some series have no full window before them{untold}, and are left out: {name_some(words)}. "
            "Fill the rows that are absent, or use a regressor that takes missing values.",
            UserWarning,
        )


def _with_freq(forecaster: WindowForecaster, data: Any, freq: Any) -> WindowForecaster:
    """A copy that knows the step of all rows; those up to a cutoff may not say it."""
    freq = forecaster.freq if freq is None else freq
    own = getattr(data.index, "freq", None) if isinstance(getattr(data, "index", None), pd.DatetimeIndex) else None
    return copy(forecaster).set_params(freq=own if freq is None else freq)


def _season(forecaster: WindowForecaster, history: Any, kept: bool) -> int:
    """That of the forecaster: of a fitted one, else of the first fit, which is given ``history``."""
    if kept:
        return forecaster.season_
    forecaster._validate_params()
    return season_of(forecaster, read_series(history, forecaster.freq))


def _behind(forecaster: WindowForecaster, history: Any, cutoff: Any) -> WindowForecaster:
    """A fitted forecaster behind another history; a warning says what it has learnt from after it."""
    learnt = forecaster._learnt(history)
    known = {learnt.wide(key) for key in learnt.statistics}
    late = [end for key, end in forecaster._learnt_until.items() if key in known and end > cutoff]
    if late:
        warn_caller(
            f"The forecaster has learnt from rows up to {max(late)}, after the first cutoff {cutoff}: its errors are "
            "those of what it knows already. Pass a clone, or begin later.",
            UserWarning,
        )
    return forecaster._following(learnt)


class _Part(NamedTuple):
    """What one fitted model forecasts: the rows, the cutoffs from which it forecasts no series, and of each series the
    number of other cutoffs from which it is not forecast, although it goes on there and has begun a window before.
    """

    frame: pd.DataFrame
    skipped: list[Any]
    lost: Counter[Any]


def _one_fit(
    forecaster: WindowForecaster,
    data: Any,
    keys: list[Any],
    cutoffs: pd.Index,
    wanted: Wanted,
    first: bool,
    kept: bool,
) -> _Part:
    """The rows of the cutoffs at which one fitted model forecasts, and what it does not forecast.

    ``keys`` are all series, in the order in which they come; ``first`` says whether it is the first fit, ``kept``
    whether the forecaster is fitted already.
    """
    times = data.index.get_level_values(-1)
    with warnings.catch_warnings():
        if not first:  # the first fit has said it
            for said in (".* windows are lost", "On the newest .* windows, before it learnt from them"):
                warnings.filterwarnings("ignore", message=said)
        history = data[times <= cutoffs[0]]
        model = _behind(forecaster, history, cutoffs[0]) if kept else clone(forecaster).fit(history)
    known, ranks = set(model._panel.table.keys), {key: rank for rank, key in enumerate(keys)}
    panel, pairs = _with_later(model, data, cutoffs, ranks)
    found = None
    if wanted.names == ["forecast"] and all(panel.table.keys[number] in known for number in np.unique(pairs.numbers)):
        old = panel.keep(list(known))  # in front of the new ones, so that their numbers stay
        found = forecasts_from(model._learnt(), pairs._replace(table=old.table), old, data, wanted.horizon)
    if found is None:
        found = step_by_step(model, pairs, cutoffs, data, wanted)
        panel, pairs = _with_later(model, data, cutoffs, ranks)  # with the steps at which new series were forecast
    ready, values = found
    target, names = model.roles_.target, wanted.names
    values = values.reshape(len(values), wanted.horizon, len(target), len(names))
    frame = rows_of(pairs.among(pairs.live & ready), panel, target, values, names, wanted.season)
    can = np.bincount(pairs.places[ready], minlength=len(cutoffs)) > 0
    begun = pairs.ends - pairs.table.bounds[pairs.numbers] + 1 >= model._setup.window + model._setup.lag
    lost = pairs.numbers[pairs.live & ~ready & can[pairs.places] & begun]
    return _Part(frame, list(cutoffs[~can]), Counter(panel.table.keys[number] for number in lost))


def _with_later(model: WindowForecaster, data: Any, cutoffs: pd.Index, ranks: dict[Any, int]) -> tuple[Panel, Cutoffs]:
    """The history of a model with all later rows, and the pairs of cutoffs and series, which come by their ranks."""
    newest = max(model._panel.table.times.take(model._panel.table.ends))
    later = data[data.index.get_level_values(-1) > newest]
    panel = extend(model._panel, read_series(later, model.freq, model._panel))
    return panel, cutoffs_of(panel.table, cutoffs, np.array([ranks[key] for key in panel.table.keys]))

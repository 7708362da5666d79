"""Forecasts from one cutoff after the other, behind a history that moves on."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from skrnn._types import Doubles, Flags
from skrnn.forecasting._cutoffs import Cutoffs, enough_told, recorded
from skrnn.forecasting._forecaster import WindowForecaster
from skrnn.forecasting._future import Recorded

__all__ = ["Wanted", "step_by_step"]


class Wanted(NamedTuple):
    """What is forecast at a cutoff: so many steps, beside the naive forecast of a season; intervals; quantiles."""

    horizon: int
    season: int
    coverage: float | None
    method: str
    quantiles: tuple[float, ...]

    @property
    def names(self) -> list[Any]:
        """Of the columns of forecasts."""
        return [*(["forecast"] if self.coverage is None else ["forecast", "lower", "upper"]), *self.quantiles]


def step_by_step(
    model: WindowForecaster, pairs: Cutoffs, cutoffs: pd.Index, data: Any, wanted: Wanted
) -> tuple[Flags, Doubles]:
    """The same as `forecasts_from`, a cutoff after the other: intervals follow the errors that each settles, and a new
    series is centred by the rows that it has up to it.
    """
    times, keys = data.index.get_level_values(-1), pairs.table.keys
    future = list(model.roles_.future)
    ready, values = np.zeros(len(pairs.ends), dtype=bool), []
    model._calibrated(wanted.horizon, "quantile" if wanted.coverage is None else wanted.method)
    for place, cutoff in enumerate(cutoffs):
        if place:
            model.update(data[(times <= cutoff) & (times > cutoffs[place - 1])])
        able, mine = set(model.ready()), np.flatnonzero(pairs.places == place)
        ready[mine] = [keys[number] in able for number in pairs.numbers[mine]]
        live = [keys[number] for number in pairs.numbers[mine[ready[mine] & pairs.live[mine]]]]
        told = Recorded(data[times > cutoff][future]) if future else None
        some = model.among(live) if live else model
        if live and told is not None and model._setup.complete:
            learnt = some._learnt()
            known = recorded(learnt, learnt.panel, told.frame, wanted.horizon)
            enough = enough_told(learnt, known, len(live), wanted.horizon)
            untold = {key for key, found in zip(learnt.panel.table.keys, enough, strict=True) if not found}
            if untold:
                ready[[one for one in mine if keys[pairs.numbers[one]] in untold]] = False
                live = [key for key in live if key not in untold]
                some = model.among(live)
            told = Recorded(told.frame, None if known is None else known[enough])
        if live:
            order = {key: number for number, key in enumerate(some._panel.table.keys)}
            values.append(_values(some, wanted, told)[[order[key] for key in live]])
    return ready, np.concatenate(values) if values else np.zeros((0, wanted.horizon, len(wanted.names)))


def _values(model: WindowForecaster, wanted: Wanted, future: Recorded | None) -> Doubles:
    """What is wanted, of each series, step and target (n_series, horizon, k, n_names), with the ``future`` of
    covariates; None: there are none.
    """
    if wanted.coverage is None:
        tables = [model.forecast(wanted.horizon, future=future)]
    else:
        coverage, method = wanted.coverage, wanted.method
        tables = [model.forecast_interval(wanted.horizon, coverage=coverage, future=future, method=method)]
    if wanted.quantiles:
        tables.append(model.forecast_quantiles(wanted.horizon, wanted.quantiles, future=future))
    shape = len(model._panel.histories), wanted.horizon, len(model.roles_.target), -1
    return np.concatenate([table.to_numpy().reshape(shape) for table in tables], axis=-1)

"""How much each window counts in learning: by its rows, by its series, by its age."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from skrnn._types import Doubles, Integers, Longs
from skrnn.forecasting._metrics import values_at
from skrnn.forecasting._panel import Panel, read_panel
from skrnn.forecasting._regressors import weight_parameter
from skrnn.forecasting._series import SeriesViews
from skrnn.forecasting._table import Channel

__all__ = ["WindowWeights", "read_weights", "refuse_weights"]


@dataclass(frozen=True, eq=False)
class WindowWeights:
    """The weight of a window: the mean weight of the rows of its horizon, halved every ``half_life`` steps back.

    ``rows`` holds, by series, positions in time and the weights there; None: all rows count alike.
    """

    rows: Mapping[Any, tuple[Longs, Doubles]] | None
    half_life: float | None

    def counts(self, key: Any) -> bool:
        """Whether any row of a series, or of the series of a channel, has a weight."""
        return self.rows is None or bool(self.rows[key.series if isinstance(key, Channel) else key][1].any())

    def __call__(self, views: SeriesViews, ends: Integers) -> Doubles:
        """Weights (n,) of the windows that end at the rows ``ends`` of the table of all series."""
        table, weights = views.table, np.ones(len(ends))
        series = table.series[ends]
        if self.rows is not None:
            ahead = np.arange(1, views.setup.horizon + 1)
            for number in np.unique(series):
                key, mine = table.keys[number], np.flatnonzero(series == number)
                positions = table.positions[ends[mine]][:, None] + table.sizes[number] * ahead
                found = values_at(*self.rows[key.series if isinstance(key, Channel) else key], positions)
                there = ~np.isnan(found)
                weights[mine] = np.where(there, found, 0.0).sum(axis=1) / np.maximum(there.sum(axis=1), 1)
        if self.half_life is not None:
            age = (table.positions[table.ends[series]] - table.positions[ends]) / table.sizes[series]
            weights = weights * 0.5 ** (age / self.half_life)
        return np.asarray(weights)


def read_weights(
    sample_weight: Any, half_life: float | None, data: Any, panel: Panel, freq: Any
) -> tuple[WindowWeights | None, Panel]:
    """The weights of windows, None if all count alike; and the series that count.

    Raises
    ------
    ValueError
        If a weight is negative or not finite, all are 0, or there is none for a row or a series.
    """
    if sample_weight is None and half_life is None:
        return None, panel
    rows = None
    if sample_weight is not None:
        weights = _of_rows(sample_weight, data)
        if not (np.isfinite(weights) & (weights >= 0)).all():
            raise ValueError("sample_weight must be finite numbers of at least 0.")
        if not weights.any():
            raise ValueError("Every sample_weight is zero: some row must count.")
        read = read_panel(pd.Series(weights, index=data.index), freq, panel)
        rows = {history.key: (history.positions, history.values[:, 0]) for history in read.histories}
    weigh = WindowWeights(rows, half_life)
    return weigh, panel.keep([key for key in panel.table.keys if weigh.counts(key)])


def refuse_weights(weigh: WindowWeights | None, model: Any) -> None:
    """An error where there are weights and the regressor takes none."""
    if weigh is not None and weight_parameter(model) is None:
        name = "half_life" if weigh.rows is None else "sample_weight"
        raise ValueError(f"{name} needs a regressor whose fit takes sample_weight; that of {model!r} does not.")


def _of_rows(sample_weight: Any, data: Any) -> Doubles:
    """A weight for each row of the data, (n_rows,)."""
    if isinstance(sample_weight, Mapping):
        if data.index.nlevels == 1:
            raise ValueError("sample_weight by series needs a panel; give a weight for each row.")
        keys = data.index.droplevel(-1)
        absent = [key for key in keys.unique() if key not in sample_weight]
        if absent:
            raise ValueError(f"sample_weight has no weight of series {absent[0]!r}.")
        return np.array([sample_weight[key] for key in keys], dtype=np.float64)
    if isinstance(sample_weight, pd.Series) and not sample_weight.index.equals(data.index):
        raise ValueError(
            "sample_weight has another index than the data. Align it, sample_weight.loc[data.index], or pass values."
        )
    weights = np.asarray(sample_weight, dtype=np.float64)
    if weights.shape != (len(data),):
        raise ValueError(
            f"sample_weight has shape {weights.shape}; a weight for each of the {len(data)} rows, or for each series "
            "in a dict, is expected."
        )
    return weights

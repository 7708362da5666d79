"""The forecasts of a backtest, and their scores."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from skrnn.forecasting._calendar import CALENDAR
from skrnn.forecasting._metrics import scores_of, scores_of_spread

__all__ = ["BacktestResult"]


@dataclass(frozen=True, eq=False, repr=False)
class BacktestResult:
    """Forecasts from several cutoffs, beside the truth. Printed, it says how good they are.

    Attributes
    ----------
    frame : DataFrame
        A row per series, target, cutoff and step: "series", "target", "cutoff" (the last time seen), "time", "step"
        (from 1), "truth", "forecast", "seasonal_naive", "naive_error" (the in-sample error that MASE divides by), with
        a coverage "lower" and "upper", with quantiles a column for each, named by its level. A series has rows for the
        cutoffs at which it has a value and goes on; a regressor that takes no missing values needs a full window, too.
    coverage : float or None
        That of the intervals.
    season : int
        Steps back to the value that the seasonal naive forecast repeats; 1: the last one.
    """

    frame: pd.DataFrame
    coverage: float | None = None
    season: int = 1

    def __repr__(self) -> str:
        frame, mae = self.frame, self.scores()["MAE"]
        counts = f"{frame['cutoff'].nunique()} cutoff(s), {frame['step'].max()} step(s) ahead"
        n_series = len(frame[["series", "target"]].drop_duplicates())
        own, naive = mae["forecast"], mae["seasonal_naive"]
        return (
            f"Backtest of {n_series} series from {counts}: mean absolute error {own:.3g}, of the seasonal naive "
            f"forecast {naive:.3g}."
        )

    def scores(self, by: str | list[str] | None = None) -> pd.DataFrame:
        """MAE, RMSE, MASE, sMAPE of the forecast, and of the seasonal naive one; coverage, Winkler, pinball, CRPS.

        Parameters
        ----------
        by : str or list of str, default=None
            Columns to group by, such as "step" or "series", or attributes of the time, such as "hour" or "month"; None:
            one row for each of the two forecasts.

        Returns
        -------
        scores : DataFrame
            "coverage" is the share of true values inside the interval, "Winkler" its mean score (Winkler, JASA 67(337),
            1972), "pinball" the mean loss of the quantiles, or of the edges of the interval where there are none;
            "CRPS", with five quantiles or more, the continuous ranked probability score in the units of the target, as
            twice the integral of the pinball loss over all levels (Gneiting & Ranjan, J. Business & Economic Statistics
            29(3), 2011), of which the more can be seen the more quantiles there are. NaN without them.

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


def _attribute(frame: pd.DataFrame, name: str) -> Any:
    """An attribute of the calendar at each row's time."""
    times = pd.Index(frame["time"])
    if name not in CALENDAR or not hasattr(times, "hour"):
        raise ValueError(
            f"by={name!r} is not a column of the frame, which has {list(frame.columns)}, and no attribute of its times."
        )
    iso_week = name == "week" and isinstance(times, pd.DatetimeIndex)
    return np.asarray(times.isocalendar().week if iso_week else getattr(times, name))

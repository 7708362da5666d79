"""Scores of forecasts, by their published formulas."""

from __future__ import annotations

import numpy as np
import pandas as pd
from sklearn.metrics import mean_absolute_error, root_mean_squared_error

from skrnn._types import Doubles, Longs

__all__ = ["scores_of", "values_at"]


def values_at(positions: Longs, values: Doubles, wanted: Longs) -> Doubles:
    """The values (n_rows,) of a series at some positions in time; NaN where it has none."""
    rows = np.minimum(np.searchsorted(positions, wanted), len(positions) - 1)
    return np.where(positions[rows] == wanted, values[rows], np.nan)


def scores_of(frame: pd.DataFrame, column: str) -> dict[str, float]:
    """Scores of one column of forecasts beside "truth" and "naive_error".

    MAE and RMSE in the units of the target. MASE: mean over series of the absolute error divided by the in-sample
    error of the seasonal naive forecast (Hyndman & Koehler, Int. J. Forecasting 22(4), 2006). sMAPE, in per cent: mean
    of 200 |y - f| / (|y| + |f|) (Makridakis & Hibon, Int. J. Forecasting 16(4), 2000, appendix A).
    """
    known = frame.dropna(subset=["truth", column])
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

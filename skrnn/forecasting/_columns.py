"""The columns of data and of their future hold real numbers, or are refused by name before pandas casts them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from skrnn.forecasting._panel import Panel, read_panel
from skrnn.windowing import first_large

__all__ = ["read_future_columns", "read_series"]


def read_series(data: Any, freq: Any = None, like: Panel | None = None) -> Panel:
    """`read_panel`, behind checks of every column: pandas drops imaginary parts, squares of huge values overflow."""
    frame = data.to_frame() if isinstance(data, pd.Series) else data
    if isinstance(frame, pd.DataFrame):
        for place, (column, dtype) in enumerate(frame.dtypes.items()):
            label = f"Column {column!r}"
            _refuse_complex(label, dtype)
            if getattr(dtype, "kind", "O") in "iuf":
                _refuse_large(label, frame.iloc[:, place])
    return read_panel(data, freq, like)


def read_future_columns(future: pd.DataFrame, columns: list[Any]) -> pd.DataFrame:
    """These columns of ``future`` as float64.

    Raises
    ------
    ValueError
        If one holds anything but finite real numbers, or a time is there twice.
    """
    if future.index.has_duplicates:
        twice = future.index[future.index.duplicated()]
        raise ValueError(f"future has {len(twice)} duplicated rows, first {twice[0]}. Drop or aggregate them.")
    table = future[columns]
    for place, (column, dtype) in enumerate(table.dtypes.items()):
        label = f"Column {column!r} of future"
        _refuse_complex(label, dtype)
        if not (pd.api.types.is_numeric_dtype(dtype) or pd.api.types.is_bool_dtype(dtype)):
            raise ValueError(f"{label} has dtype {dtype}. Forecasts need numbers: drop or encode it.")
        _refuse_large(label, table.iloc[:, place])
    return table.astype("float64")


def _refuse_complex(label: str, dtype: Any) -> None:
    if getattr(dtype, "kind", "O") == "c":
        raise ValueError(
            f"Complex data not supported: {label[0].lower()}{label[1:]} has dtype {dtype}. Forecasts need real "
            "numbers, such as its .real and .imag in columns of their own."
        )


def _refuse_large(label: str, column: Any) -> None:
    values = column.to_numpy(np.float64, na_value=np.nan)
    place = first_large(values) if len(values) else None
    if place is not None:
        what = "infinity" if np.isinf(values[place]) else "a value too large for dtype('float32')"
        raise ValueError(f"{label} contains {what}, first at {column.index[place[0]]}.")

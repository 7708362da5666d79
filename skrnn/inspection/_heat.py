"""Heat maps over time, as several displays draw them."""

from __future__ import annotations

from typing import Any

import numpy as np

from skrnn._types import Array
from skrnn.inspection._axes import whole_steps

__all__ = ["count_from", "draw_heat", "name_rows"]

_MOST_NAMES = 24  # of rows that are all named


def draw_heat(ax: Any, values: Array, unit: str, *, signed: bool, extent: tuple[float, float]) -> Any:
    """Values (n_rows, n_columns) as colours with a bar that says what they mean; the columns lie between the extents.

    The maps are readable without red and green: purple to orange around zero, or cividis (Nuñez, Anderton & Renslow,
    "Optimizing colormaps with consideration for color vision deficiency", PLoS ONE 13(7), 2018).
    """
    largest = float(np.nanmax(np.abs(values))) if values.size else 1.0
    limits = {"vmin": -largest, "vmax": largest} if signed else {"vmin": min(0.0, float(np.nanmin(values)))}
    left, right = extent
    half = 0.5 if right >= left else -0.5
    image = ax.imshow(
        values,
        aspect="auto",
        interpolation="nearest",
        cmap="PuOr" if signed else "cividis",
        extent=(left - half, right + half, len(values) - 0.5, -0.5),
        **limits,
    )
    ax.figure.colorbar(image, ax=ax, label=unit)
    return image


def name_rows(ax: Any, names: Any, label: str) -> None:
    """Name the rows of a heat map, where there is room for it."""
    ax.set_ylabel(label)
    if names is not None and len(names) <= _MOST_NAMES:
        ax.set_yticks(range(len(names)), [str(name) for name in names])


def count_from(ax: Any, unit: str) -> None:
    """Name the axis of lags, which run from the oldest on the left to 0 on the right."""
    ax.set_xlabel(f"lag ({unit} before the last)")
    whole_steps(ax)

"""What the displays share: axes to draw on, and colours that tell lines apart on light and dark grounds.

The colours are those of Okabe & Ito, "Color universal design", 2008, the blue darker, so that all have a contrast of 3
to white and to black.
"""

from __future__ import annotations

from typing import Any

__all__ = ["COLORS", "NEUTRAL", "legend_beside", "open_axes", "space_dates", "tidy", "whole_steps"]

COLORS = ("#0077BB", "#D55E00", "#009E73", "#CC79A7", "#8C6BB1", "#A6761D")
NEUTRAL = "0.55"


def open_axes(display: Any, ax: Any, size: tuple[float, float] = (7.0, 4.0), rows: int = 1, columns: int = 1) -> Any:
    """The axes to draw on, given ones or those of a new figure; several as an array.

    Raises
    ------
    ImportError
        Without matplotlib.
    """
    name = type(display).__name__
    try:
        from matplotlib import pyplot
    except ImportError as error:
        raise ImportError(f"{name} needs matplotlib: pip install 'skrnn[plot]'.") from error
    if ax is not None:
        return ax
    return pyplot.subplots(rows, columns, figsize=size, layout="constrained", squeeze=rows * columns == 1)[1]


def tidy(ax: Any, x: str, y: str) -> None:
    """Name both axes, and take the upper and the right edge away."""
    ax.set_xlabel(x)
    ax.set_ylabel(y)
    ax.spines[["top", "right"]].set_visible(False)


def legend_beside(ax: Any, title: str | None = None) -> None:
    """A legend to the right of the axes, where it covers nothing; none for a single line."""
    if len(ax.get_legend_handles_labels()[0]) > 1:
        ax.legend(frameon=False, loc="upper left", bbox_to_anchor=(1.0, 1.0), title=title)


def space_dates(ax: Any) -> None:
    """Dates below the axes that do not run into each other."""
    from matplotlib import dates

    makers: Any = dates  # it has no types
    locator = makers.AutoDateLocator(maxticks=8)
    ax.xaxis.set_major_locator(locator)
    ax.xaxis.set_major_formatter(makers.ConciseDateFormatter(locator))


def whole_steps(ax: Any) -> None:
    """Marks of whole numbers along the axis of steps."""
    locator = ax.xaxis.get_major_locator()
    if hasattr(locator, "set_params"):
        locator.set_params(integer=True)

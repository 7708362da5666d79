"""What the displays share: axes to draw on, and colours that tell lines apart on light and dark grounds.

The colours are those of Okabe & Ito, "Color universal design", 2008, that have a contrast of 3 to white and to black,
the blue darker. Of more there are always two that somebody cannot tell apart: a fifth line has another style.
"""

from __future__ import annotations

from typing import Any

__all__ = ["COLORS", "NEUTRAL", "legend_beside", "name_places", "open_axes", "space_dates", "tidy", "whole_steps"]

COLORS = ("#0077BB", "#D55E00", "#009E73", "#CC79A7")
NEUTRAL = "0.55"
_LETTER = 0.6  # of the size of a font, the width of a letter
_LINE = 1.2  # and the height of a line


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


def legend_beside(*axes: Any) -> None:
    """A legend to the right of each of the axes, where it covers nothing; none for a single line.

    Where the figure does not lay out its axes by itself, they make room, all alike, as they do for a bar of colours.
    """
    legends = [
        ax.legend(frameon=False, loc="upper left", bbox_to_anchor=(1.0, 1.0))
        for ax in axes
        if len(ax.get_legend_handles_labels()[0]) > 1
    ]
    if not legends or axes[0].figure.get_layout_engine() is not None:
        return
    widest = max(legend.get_window_extent().width for legend in legends)
    for ax in axes:
        place, grid = ax.get_position(), ax.get_subplotspec()
        right = 1.0 if grid is None else grid.get_position(ax.figure).x1
        width = min(place.width, right - widest / ax.figure.bbox.width - place.x0)
        if width > 0:
            ax.set_position((place.x0, place.y0, width, place.height))
            ax.set_in_layout(True)  # which a given position takes away


def space_dates(ax: Any) -> None:
    """Dates below the axes that do not run into each other."""
    from matplotlib import dates

    makers: Any = dates  # it has no types
    locator = makers.AutoDateLocator(maxticks=8)
    ax.xaxis.set_major_locator(locator)
    ax.xaxis.set_major_formatter(makers.ConciseDateFormatter(locator))


def name_places(ax: Any, names: Any) -> None:
    """Name places 0, 1, … along the axis of steps: upright where the names are long, not at all where they are many."""
    names = [str(name) for name in names]
    width = ax.get_window_extent().width * 72 / ax.figure.dpi  # in points, as are fonts
    room, size = width / max(len(names), 1), ax.xaxis.label.get_size()
    if room >= size * _LINE:
        upright = max(map(len, names)) * size * _LETTER > room
        ax.set_xticks(range(len(names)), names, rotation=90 if upright else 0)


def whole_steps(ax: Any) -> None:
    """Marks of whole numbers along the axis of steps."""
    locator = ax.xaxis.get_major_locator()
    if hasattr(locator, "set_params"):
        locator.set_params(integer=True)

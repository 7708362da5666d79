"""What a forecaster says about windows that it cannot use."""

from __future__ import annotations

import numpy as np

from skrnn._warnings import warn_caller
from skrnn.forecasting._endings import name_some
from skrnn.forecasting._gaps import too_sparse
from skrnn.forecasting._panel import Panel
from skrnn.forecasting._series import SeriesViews
from skrnn.forecasting._setup import Setup
from skrnn.forecasting._table import Channel, Table
from skrnn.windowing import ADVICE, moments_of, warn_of_other_series

__all__ = ["refuse_negative", "refuse_short", "warn_of_split", "warn_of_unknown", "warn_of_windows"]


_NOTICED = 0.01  # share of the windows that may go without a word


def refuse_negative(views: SeriesViews) -> None:
    """An error if a target is negative that must not be."""
    if not views.setup.positive:
        return
    bad = np.flatnonzero((views.targets() < 0).any(axis=1))
    if len(bad):
        table, row = views.table, int(bad[0])
        raise ValueError(
            f"{table[table.series[row]].label} has a negative target at {table.times[row]}, and the loss of the "
            "regressor takes none. Use another loss."
        )


def refuse_short(given: Table, views: SeriesViews, found: int) -> None:
    """An error if no series has a window with its horizon; the longest is named.

    ``given`` are the series without the rows that stand for absent ones, ``found`` is the number of windows.
    """
    if found:
        return
    setup, longest = views.setup, views.table[int(views.table.counts.argmax())]
    missing = "missing value" if setup.complete else "missing target in their horizon"
    broken = _first_break(given, setup.longest_gap)
    gap = f" {broken}. {ADVICE}." if broken else ""
    raise ValueError(
        f"{longest.label} has {len(longest.times)} rows; window={setup.window} and "
        f"horizon={setup.horizon} need at least {_needed(setup)} without a gap or a {missing}.{gap} Use a smaller "
        f"window, a longer series{', or a regressor that takes missing values' if setup.complete else ''}."
        f"{_way_for_partial(views)}"
    )


def warn_of_windows(given: Table, views: SeriesViews, found: int) -> None:
    """Warn if more than a hundredth of the possible windows is lost: by which step, and where it begins."""
    setup = views.setup
    possible = int(np.maximum(views.table.counts - _needed(setup) + 1, 0).sum())
    if possible - found <= _NOTICED * possible:
        return
    unknown = _first_missing(given, views)
    filled = setup.partial and unknown  # then the rows that stand for absent ones cost nothing
    broken = _first_break(views.table if filled else given, setup.longest_gap)
    reasons = [reason for reason in (broken, unknown) if reason]
    advice = f" {ADVICE}." if broken else ""
    takes = " Fill them, or use a regressor that takes missing values." if setup.complete else ""
    takes = takes or _way_for_partial(views)
    warn_caller(f"{possible - found} of {possible} windows are lost. {'. '.join(reasons)}.{advice}{takes}", UserWarning)


def warn_of_split(fitted: Panel, new: Panel) -> None:
    """Warn where rows to score look like a fold of a split by rows of stacked series."""
    old, table = fitted.table, new.table
    ends = dict(zip(old.keys, moments_of(old.times.take(old.ends)).tolist(), strict=True))
    warn_of_other_series(table.keys, moments_of(table.times.take(table.bounds[:-1])), ends)


def warn_of_unknown(setup: Setup, panel: Panel) -> None:
    """Warn of categories, and of series that are told apart, that `fit` did not see."""
    table, words = panel.table, []
    for column, count in setup.categories:
        codes = table.values[:, panel.columns.index(column)]
        new = [repr(panel.categories[column][int(code)]) for code in np.unique(codes[codes >= count])]
        words += [f"column {column!r} holds {name_some(new)}"] if new else []
    known = {key.series if isinstance(key, Channel) else key for key in setup.series}
    strange = [repr(key) for key in table.keys if known and key not in known]
    words += [f"the series are {name_some(strange)}"] if strange else []
    if words:
        text = "; ".join(words)
        warn_caller(
            f"{text[0].upper()}{text[1:]}: fit has not seen that, and the model is told nothing in its place.",
            UserWarning,
        )


def _needed(setup: Setup) -> int:
    return setup.window + setup.horizon + setup.lag


def _way_for_partial(views: SeriesViews) -> str:
    """What learns from horizons of which a part is known, if some are, and this regressor does not."""
    setup = views.setup
    if setup.complete or setup.partial or setup.horizon * setup.n_targets == 1 or not np.isnan(views.raw()).any():
        return ""
    return (
        " This regressor learns from complete horizons alone. RNNRegressor, or MultiOutputRegressor around this one, "
        "learns from what is known of the others."
    )


def _first_break(table: Table, longest: int) -> str:
    """The first row that does not follow the row before it, and the step, in words; empty if there is none. Gaps of up
    to ``longest`` rows are filled, unless these are more than the series has.
    """
    gaps = np.add.reduceat(table.begins, table.bounds[:-1], dtype=np.intp) - 1
    if not gaps.any():
        return ""
    number = int((gaps > 0).argmax())
    history, count = table[number], gaps[number]
    row = history.starts[1]
    sparse = ". More of its rows are absent than there, too many to count as missing values"
    return (
        f"{history.label} has {count} gap{'s' if count > 1 else ''}: its step is {history.step}, and the row at "
        f"{history.times[row]} comes after that at {history.times[row - 1]}"
        f"{sparse if too_sparse(table, longest)[number] else ''}"
    )


def _first_missing(given: Table, views: SeriesViews) -> str:
    """The first missing target, or (if none may be) the first missing value, in words; empty if there is none."""
    setup = views.setup
    places = slice(None) if setup.complete else views.places
    missing = np.isnan(given.values[:, places]).any(axis=1)
    if not missing.any():
        return ""
    history = given[given.series[missing.argmax()]]
    rows = np.flatnonzero(np.isnan(history.values[:, places]).any(axis=1))
    what = "values" if setup.complete else "targets"
    return f"{history.label} has missing {what} in {len(rows)} rows, first at {history.times[rows[0]]}"

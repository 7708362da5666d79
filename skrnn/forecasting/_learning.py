"""A regressor learns the windows of all series together, in turns."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from skrnn._types import Doubles, Integers
from skrnn.exceptions import NoValueError
from skrnn.forecasting._features import Samples, feature_names
from skrnn.forecasting._outputs import without_missing_targets
from skrnn.forecasting._regressors import read_by_step, weight_parameter
from skrnn.forecasting._series import SeriesViews, WeighsWindows, stacked_windows
from skrnn.forecasting._setup import Setup

__all__ = ["in_turns", "learn", "learn_validated", "overlapping", "window_weights"]


def learn(model: Any, setup: Setup, views: SeriesViews, weigh: WeighsWindows | None = None) -> Any:
    """Fit a regressor on all windows of all series; the fitted one.

    The windows of several series are told in turns, the newest of each series last: a regressor that validates on its
    last rows then does so on all series. Those without weight are left out, where any has one: bins, neighbours and
    folds would count them.
    """
    if not len(views):
        return model
    X, y, weights = _told(model, setup, views, weigh)
    for name, values in weights.items():
        if values.any() and not values.all():
            X, y, weights = X[values > 0], y[values > 0], {name: values[values > 0]}
    if len(X):
        model = model if setup.sequences else read_by_step(model, X.shape[1] // setup.window)
        with _naming_columns(model, setup, X):
            model = without_missing_targets(model.fit(X, y, **weights))
    return model


def learn_validated(
    model: Any, setup: Setup, views: SeriesViews, weigh: WeighsWindows | None = None
) -> tuple[Any, Any]:
    """As `learn`, and the network that has not learnt from its validation part, with the numbers of the windows that
    this is; None for other regressors.
    """
    if not hasattr(type(model), "_fit_validated"):  # what hands on what is asked of it is fitted by its own fit
        return learn(model, setup, views, weigh), None
    X, y, weights = _told(model, setup, views, weigh)
    with _naming_columns(model, setup, X):
        fitted, validated = model._fit_validated(X, y, **weights)
    return fitted, validated


@contextmanager
def _naming_columns(model: Any, setup: Setup, X: Doubles) -> Iterator[None]:
    """Where a regressor raises an error, name the column that has no value in what it learns from: the one of which a
    network says so, or one that is blank in a step of all the flat windows X, which bins and means do not take.

    A network says by itself what it lacks, and an error of a class of its own, such as that of a parameter, has another
    cause: these stay what they are.
    """
    names = feature_names(setup.roles, bool(setup.series))
    try:
        yield
    except ValueError as error:
        blank = np.flatnonzero(np.isnan(X.reshape(len(X), -1)).all(axis=0))
        size = len(X) * setup.window * len(names)  # of windows whose columns are as many as their names
        network = hasattr(type(model), "_fit_validated")
        if isinstance(error, NoValueError) and network:
            step, number = divmod(error.number, setup.n_targets) if error.what == "target" else (-1, error.number)
            role, column = names[number]  # the targets are the first features
            where = f"step {step + 1} of the horizons" if error.what == "target" else "the windows"
            words = f"has no value in {where} to learn from (those with a weight that are not held out)"
        elif not network and type(error) in (ValueError, NoValueError) and len(blank) and X.size == size:
            step, number = divmod(int(blank[0]), len(names))
            role, column = names[number]
            words = f"has no value in step {step + 1} of any window, and that fails: {error}"
        else:
            raise
        advice = "Leave it out, or give it more values."
        if role == "target":
            advice = "Give it more values, or choose a smaller window or horizon."
            if setup.n_targets > 1:
                advice = "Leave it out, give it more values, or learn all columns as one with channel_independent=True."
        name = "Every column" if role == "target" and setup.channels else f"Column {column!r}"
        raise ValueError(f"{name} {words.rstrip('.')}. {advice}") from error


def _told(
    model: Any, setup: Setup, views: SeriesViews, weigh: WeighsWindows | None
) -> tuple[Doubles, Doubles, dict[str, Doubles]]:
    """Windows as the regressor takes them, in turns, what follows them, and their weights by the name of these."""
    found = views.samples(setup.partial)
    found = found if len(views) == 1 else found.among(in_turns(views.table.series[found.ends]))
    X, Y, _ = stacked_windows(setup, found)
    weights = {} if weigh is None else {weight_parameter(model) or "": weigh(views, found.ends)}
    return (setup.arrange(X), setup.flat(Y), weights) if len(X) else (X, Y, weights)


def window_weights(views: SeriesViews, ends: Integers, weigh: WeighsWindows | None) -> Doubles:
    """How much each window counts (n,), by the row at which it ends."""
    return np.ones(len(ends)) if weigh is None else weigh(views, ends)


def in_turns(series: Integers) -> Integers:
    """An order in which windows, given by their series one after the other, come in turns."""
    counts = np.bincount(series)
    number = np.arange(1, len(series) + 1) - np.repeat(np.cumsum(counts) - counts, counts)  # of a window in its series
    return np.argsort(number / counts[series], kind="stable")


def overlapping(views: SeriesViews, found: Samples) -> tuple[int, int]:
    """How many windows of its series in front of one have targets in common with it, and how many series take turns."""
    return views.setup.horizon - 1, len(np.unique(views.table.series[found.ends]))

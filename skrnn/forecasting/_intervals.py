"""How wide an interval must be: split-conformal prediction for each step of the horizon."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import replace
from numbers import Real
from typing import Any

import numpy as np

from skrnn._types import Doubles
from skrnn.forecasting._series import Evaluation, SeriesView, evaluate, learn, series_views
from skrnn.forecasting._setup import Setup

__all__ = ["calibration_errors", "conformal_width", "in_time"]


def calibration_errors(model: Any, setup: Setup, views: Sequence[SeriesView], share: float) -> Doubles:
    """Errors (n, horizon, k) on the newest ``share`` of each series' windows, of a model that never saw these rows."""
    cuts = {}
    for view in views:
        rows = view.samples().ends
        if len(rows):
            cuts[view.history.key] = int(rows[len(rows) - int(np.ceil(share * len(rows)))]) + 1
    whole = [view.history for view in views if view.history.key in cuts]
    older = series_views(setup, views[0].panel, [history.rows(0, cuts[history.key]) for history in whole])
    model, n_older = learn(model, setup, older)
    if not n_older:
        raise ValueError(f"calibration={share} leaves no windows to train or to measure on. Give more data.")
    newer = [replace(view, history=history) for view, history in zip(older, whole, strict=True)]
    return in_time([evaluate(model, view.rows(cuts[view.history.key] - 1)) for view in newer])


def in_time(evaluations: list[Evaluation]) -> Doubles:
    """Absolute errors (n, horizon, k) of all series, oldest first."""
    order = np.argsort(np.concatenate([found.moments for found in evaluations]), kind="stable")
    return np.asarray(np.concatenate([found.errors() for found in evaluations])[order])


def conformal_width(errors: Doubles, coverage: float) -> Doubles:
    """Half the width (horizon, k) of intervals that hold a share ``coverage`` of new values.

    The ceil((n + 1) * coverage)-th smallest error (Lei et al., JASA 113, 2018, algorithm 2); infinite if there are
    fewer.
    """
    if not isinstance(coverage, Real) or not 0 < coverage < 1:
        raise ValueError(f"coverage must be in (0, 1). Got {coverage!r} instead.")
    rank = int(np.ceil((len(errors) + 1) * coverage))
    if rank > len(errors):
        needed = int(np.ceil(coverage / (1 - coverage)))
        warnings.warn(
            f"coverage={coverage} needs at least {needed} measured errors, and there are {len(errors)}: intervals "
            "are infinite. Raise calibration, or lower coverage.",
            stacklevel=3,
        )
    return np.full(errors.shape[1:], np.inf) if rank > len(errors) else np.sort(errors, axis=0)[rank - 1]

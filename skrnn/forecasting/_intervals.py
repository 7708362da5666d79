"""How wide an interval must be: by the errors of forecasts that were not learnt from, and by learnt quantiles."""

from __future__ import annotations

from collections.abc import Sequence
from numbers import Real
from typing import Any, NamedTuple

import numpy as np

from skrnn._constraints import check_arguments, listed, reals
from skrnn._types import Doubles, Integers
from skrnn._warnings import warn_caller
from skrnn.forecasting._calibration import Calibration
from skrnn.forecasting._learnt import Ahead, Learnt
from skrnn.forecasting._regressors import gives_distributions
from skrnn.forecasting._series import to_forecasts

__all__ = ["METHODS", "correction", "edges_ahead", "known_levels", "refuse_beyond"]


METHODS = ("conformal", "quantile", "cqr")
_OF_DISTRIBUTIONS = (0.05, 0.5, 0.95)  # quantiles of a distribution, where none are named
_SAME = 1e-9  # between two numbers that mean one level


class Correction(NamedTuple):
    """The learnt quantiles that intervals start from (none: from the forecast); what their distances from the forecast
    are multiplied by, (steps, k, 2); what each of the edges is then moved out by, in units of the errors, and what it
    is moved in by, as a share of the distance of the quantiles, (steps, k).
    """

    quantiles: tuple[float, ...]
    ratio: Doubles
    width: Doubles
    share: Doubles

    def edges(self, levels: Doubles, scales: Doubles) -> Doubles:
        """The levels (n, 3, steps, k) of forecasts and of both edges, of those of the forecasts and of these quantiles
        (n, n_heads, steps, k) and the units (n, k).
        """
        middle = low = high = levels[:, 0]
        if self.quantiles:
            low, high = (middle + self.ratio[..., n] * (levels[:, 1 + n] - middle) for n in (0, 1))
        moved = self.width * scales[:, None] - self.share * (high - low)
        return np.stack([middle, low - moved, high + moved], axis=1)


def correction(learnt: Learnt, calibration: Calibration | None, method: str, coverage: float, steps: int) -> Correction:
    """What makes intervals of forecasts and quantiles.

    Raises
    ------
    ValueError
        If the coverage is no share, or what the method needs is not there.
    """
    _check_coverage(coverage)
    quantiles = _quantiles(learnt, method, coverage)
    if method == "quantile":
        refuse_beyond(learnt, steps)
        none = np.zeros((steps, learnt.setup.n_targets))
        return Correction(quantiles, np.ones((*none.shape, 2)), none, none)
    if calibration is None:
        raise ValueError(
            "forecast_interval needs measured errors: set calibration, such as 0.2, before fit. With a regressor that "
            "learnt the quantiles of the edges, method='quantile' needs none."
        )
    n_blocks = -(-steps // learnt.setup.horizon)
    blocks = calibration.blocks[:n_blocks]
    heads = [1 + learnt.setup.quantiles.index(level) for level in quantiles]
    scores = [_scores(block, heads) for block in blocks]
    ratio = np.concatenate(calibration.ratios[:n_blocks])[:steps, :, [head - 1 for head in heads]]
    width = np.concatenate([_smallest(errors, coverage) for errors, _ in scores])[:steps]
    share = np.concatenate([_smallest(errors / distance, coverage) for errors, distance in scores])[:steps]
    if np.isinf(width).any():
        _warn_of_infinite(coverage, min(int(_known(block[..., 0]).min()) for block in blocks))
    narrow = 0.0 if _are_edges(quantiles, coverage) else 1.0
    return Correction(quantiles, ratio, np.maximum(width, 0.0), narrow * np.maximum(-share, 0.0))


def edges_ahead(learnt: Learnt, calibration: Calibration | None, ahead: Ahead, method: str, coverage: float) -> Doubles:
    """The forecasts and the edges of their intervals (n_views, 3, steps, k), in the user's units."""
    found = correction(learnt, calibration, method, coverage, max(ahead.counts))
    return to_forecasts(learnt.setup, found.edges(*learnt.levels(ahead, found.quantiles)))


def known_levels(learnt: Learnt, levels: Sequence[float] | None) -> tuple[float, ...]:
    """The learnt levels that are asked for, all of them for None; of a distribution any, and those of 90 % and the
    median for None.

    Raises
    ------
    ValueError
        If the regressor learnt no quantiles, or not these.
    """
    any_level = gives_distributions(learnt.regressor)
    learnt_levels = _OF_DISTRIBUTIONS if any_level else _learnt_levels(learnt)
    if levels is None:
        return learnt_levels
    several = hasattr(levels, "__iter__") and getattr(levels, "ndim", 1) > 0
    wanted = listed("forecast_quantiles", "levels", levels) if several else [levels]
    if not wanted:
        raise ValueError("levels holds no level of a quantile.")
    found = []
    for one in wanted:
        level = check_arguments("forecast_quantiles", {"levels": [reals(0, 1, "neither")]}, levels=one)["levels"]
        near = [float(level)] if any_level else [known for known in learnt_levels if abs(known - level) < _SAME]
        if not near:
            raise ValueError(f"The regressor did not learn the quantile {level:g}, but {list(learnt_levels)}.")
        found.append(near[0])
    return tuple(found)


def _are_edges(quantiles: Sequence[float], coverage: float) -> bool:
    """Whether the quantiles are those of the edges themselves."""
    return all(any(abs(level - edge) < _SAME for level in quantiles) for edge in _edges(coverage))


def _edges(coverage: float) -> tuple[float, float]:
    return (1 - coverage) / 2, (1 + coverage) / 2


def _quantiles(learnt: Learnt, method: str, coverage: float) -> tuple[float, ...]:
    """The learnt levels that an interval starts from: those of the coverage, for "cqr" the nearest."""
    if method == "conformal":
        return ()
    if gives_distributions(learnt.regressor):
        if method == "cqr":
            raise ValueError(
                "method='cqr' corrects quantiles that were learnt one by one, and the regressor learnt a distribution. "
                "Use method='quantile', which needs no measured errors, or 'conformal'."
            )
        return _edges(coverage)
    levels, wanted = _learnt_levels(learnt), _edges(coverage)
    if method == "quantile":
        if not _are_edges(levels, coverage):
            raise ValueError(
                f"method='quantile' with coverage={coverage} needs the quantiles "
                f"{[round(edge, 9) for edge in wanted]}, and the regressor learnt {list(levels)}. Learn these, or "
                "use method='cqr'."
            )
    elif not min(levels) < 0.5 < max(levels):
        raise ValueError(f"method='cqr' needs quantiles on both sides of 0.5, and the regressor learnt {list(levels)}.")
    low, high = (min(levels, key=lambda level: abs(level - edge)) for edge in wanted)
    return low, high


def _warn_of_infinite(coverage: float, there: int) -> None:
    needed = int(np.ceil(coverage / (1 - coverage) - _SAME))
    warn_caller(
        f"coverage={coverage} needs at least {needed} measured errors, and there are {there}: intervals are infinite. "
        "Raise calibration, or lower coverage.",
        UserWarning,
    )


def _check_coverage(coverage: Any) -> None:
    """Refuse what is no share."""
    if not isinstance(coverage, Real) or not 0 < float(coverage) < 1:
        raise ValueError(f"coverage must be in (0, 1). Got {coverage!r} instead.")


def _learnt_levels(learnt: Learnt) -> tuple[float, ...]:
    if not learnt.setup.quantiles:
        raise ValueError(
            "The regressor predicts no quantiles: use one that predicts several, such as RNNRegressor(loss='quantile', "
            "quantile=[0.05, 0.5, 0.95]), or a distribution, such as RNNRegressor(loss='gaussian')."
        )
    return learnt.setup.quantiles


def refuse_beyond(learnt: Learnt, steps: int) -> None:
    """Refuse the quantiles of steps that the model forecasts from its own forecasts."""
    if steps > learnt.setup.horizon and gives_distributions(learnt.regressor):
        raise ValueError(
            f"Quantiles of the distribution reach {learnt.setup.horizon} step(s), the horizon of the model; got "
            f"steps={steps}. Beyond it use sample, whose paths go on from what was drawn for them, or "
            "method='conformal'."
        )
    if steps > learnt.setup.horizon:
        raise ValueError(
            f"Quantiles reach {learnt.setup.horizon} step(s), the horizon of the model; got steps={steps}. Beyond it "
            "the model goes on from its own forecasts, whose error its quantiles do not hold: use method='cqr' or "
            "'conformal', which measure it."
        )


def _scores(errors: Doubles, heads: Sequence[int]) -> tuple[Doubles, Doubles]:
    """How far calibrated values lie outside of what an interval starts from, (n, horizon, k), and the distance of its
    quantiles, the ``heads`` of the errors (n, horizon, k, n_heads).

    Without quantiles the absolute error (Lei et al. 2018), else negative between them (Romano, Patterson & Candès 2019,
    equation 6).
    """
    if not heads:
        return np.abs(errors[..., 0]), np.ones_like(errors[..., 0])
    low, high = (errors[..., head] for head in heads)
    return np.maximum(-low, high), np.maximum(low - high, np.finfo(np.float64).tiny)


def _smallest(errors: Doubles, coverage: float) -> Doubles:
    """The ceil((n + 1) * coverage)-th smallest of the n known errors of each step (n_errors, horizon, k); infinite if
    there are fewer.

    Lei et al., JASA 113 (2018), algorithm 2.
    """
    known = _known(errors)
    ranks = np.ceil((known + 1) * coverage).astype(np.intp)
    if not len(errors):
        return np.full(errors.shape[1:], np.inf)
    places = np.minimum(ranks, len(errors)) - 1
    found = np.take_along_axis(np.sort(errors, axis=0), places[None], axis=0)[0]  # what is missing comes last
    return np.where(ranks > known, np.inf, found)


def _known(errors: Doubles) -> Integers:
    """How many errors of each step and target (n_errors, horizon, k) are known."""
    return np.asarray((~np.isnan(errors)).sum(axis=0))

"""Scorers of forecasts for `GridSearchCV` and its like."""

from __future__ import annotations

from typing import Any

from skrnn._constraints import Options, check_arguments, reals, sizes
from skrnn.forecasting._forecaster import WindowForecaster
from skrnn.forecasting._intervals import METHODS
from skrnn.forecasting._metrics import FEWEST_LEVELS, scores_of, scores_of_spread
from skrnn.forecasting._regressors import gives_distributions

__all__ = ["make_forecast_scorer"]


_POINT = ("MAE", "RMSE", "MASE", "sMAPE")
_SPREAD = ("pinball", "coverage", "Winkler", "CRPS")
_OF_DISTRIBUTIONS = tuple(round(0.05 + 0.1 * i, 2) for i in range(10))  # quantiles that its scores are made of
_CONSTRAINTS = {"coverage": [reals(0, 1, "neither")], "method": [Options(set(METHODS))], "season": [sizes()]}


class ForecastScorer:
    """A score of all forecasts that a fitted forecaster makes at the rows of some data; greater is better."""

    def __init__(self, metric: str, coverage: float, method: str, season: int | None):
        self.metric = metric
        self.coverage = coverage
        self.method = method
        self.season = season

    def __call__(self, estimator: Any, X: Any, y: Any = None) -> float:
        """The score, with its sign turned where less is better."""
        if not isinstance(estimator, WindowForecaster):
            raise TypeError(f"A forecast scorer scores a WindowForecaster, got a {type(estimator).__name__}.")
        if self.metric == "R2":
            return estimator.score(X, y)
        levels = _levels(estimator) if self.metric in ("pinball", "CRPS") else ()
        if self.metric == "CRPS" and len(set(levels)) < FEWEST_LEVELS:
            raise ValueError(
                f"metric='CRPS' needs a regressor that learns a distribution, or {FEWEST_LEVELS} quantiles or more; "
                f"this one learnt {list(levels)}."
            )
        interval = self.metric in _SPREAD and not levels
        season = estimator.season_ if self.season is None else self.season
        coverage = self.coverage if interval else None
        frame = estimator._at_rows(X, y, season, (self.coverage, self.method) if interval else None, levels)
        if self.metric in _POINT:
            return -scores_of(frame, "forecast")[self.metric]
        found = scores_of_spread(frame, coverage)[self.metric]
        return -abs(found - self.coverage) if self.metric == "coverage" else -found

    def __repr__(self) -> str:
        return f"make_forecast_scorer({self.metric!r})"


def _levels(estimator: WindowForecaster) -> tuple[float, ...]:
    """The quantiles that its regressor learnt, or some of its distribution."""
    distribution = gives_distributions(estimator.estimator_)
    return _OF_DISTRIBUTIONS if distribution else estimator._setup.quantiles


def make_forecast_scorer(
    metric: str, *, coverage: float = 0.9, method: str = "conformal", season: int | None = None
) -> ForecastScorer:
    """A scorer for ``GridSearchCV(WindowForecaster(...), scoring=...)``.

    As `WindowForecaster.score` it looks at all forecasts of up to ``horizon`` steps that are made at the rows of the
    test part, without learning from them.

    Parameters
    ----------
    metric : {"MAE", "RMSE", "MASE", "sMAPE", "R2", "pinball", "coverage", "Winkler", "CRPS"}
        MAE, RMSE and sMAPE over all forecasts, as in `BacktestResult.scores`; MASE, a mean over the series, each in
        units of the seasonal naive error in its history, is the one for series of different size. "pinball": the mean
        loss of the quantiles that the regressor learnt, or of the edges of the interval; "coverage": how far the share
        of true values in the interval is from the one that is wanted; "Winkler": the interval's score; "CRPS": of these
        quantiles. Those of a distribution are 0.05, 0.15, …, 0.95.
    coverage : float, default=0.9
        Of the intervals, in (0, 1).
    method : {"conformal", "quantile", "cqr"}, default="conformal"
        How these are made, as in `WindowForecaster.forecast_interval`.
    season : int, default=None
        Steps in a cycle, for MASE; None: the forecaster's.

    Returns
    -------
    scorer : callable
        ``scorer(forecaster, X, y=None)``, greater is better: all but R2 with their sign turned.

    Raises
    ------
    ValueError
        If the metric is not known, or a parameter is not usable.

    Examples
    --------
    >>> from sklearn.linear_model import Ridge
    >>> from sklearn.model_selection import GridSearchCV, TimeSeriesSplit
    >>> from skrnn import WindowForecaster, make_forecast_scorer
    >>> from skrnn.datasets import load_airline_passengers
    >>> passengers = load_airline_passengers(as_frame=True).series.to_frame()
    >>> search = GridSearchCV(
    ...     WindowForecaster(Ridge(0.1), horizon=6), {"window": [6, 24]}, cv=TimeSeriesSplit(3),
    ...     scoring=make_forecast_scorer("MASE"),
    ... )
    >>> search.fit(passengers).best_params_
    {'window': 24}
    """
    if not isinstance(metric, str) or metric not in (*_POINT, "R2", *_SPREAD):
        raise ValueError(
            f"metric={metric!r} is no score of forecasts; choose from {', '.join((*_POINT, 'R2', *_SPREAD))}. "
            "scikit-learn's own scorers, such as 'neg_mean_absolute_error', take y beside X, and look at the forecast "
            "from the end of the training part alone."
        )
    checked = {"coverage": coverage, "method": method, **({} if season is None else {"season": season})}
    check_arguments("make_forecast_scorer", {name: _CONSTRAINTS[name] for name in checked}, **checked)
    return ForecastScorer(metric, coverage, method, season)

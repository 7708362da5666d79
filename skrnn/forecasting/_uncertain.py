"""Forecasts that say how sure they are: intervals, quantiles, and paths that may come."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pandas as pd
from sklearn.utils import check_random_state

from skrnn._constraints import Options, check_arguments, sizes
from skrnn._types import Doubles
from skrnn.forecasting._calibration import Calibration
from skrnn.forecasting._intervals import METHODS, edges_ahead, known_levels, refuse_beyond
from skrnn.forecasting._learnt import Learnt
from skrnn.forecasting._panel import Panel, as_frame, columns_of
from skrnn.forecasting._regressors import gives_distributions
from skrnn.forecasting._series import to_forecasts

__all__ = ["UncertainForecasts"]

_SAMPLE = {"n_paths": [sizes()], "random_state": ["random_state"]}


class UncertainForecasts:
    """What a forecaster says besides its forecasts."""

    def _learnt(self, history: Any = None) -> Learnt:
        """What was learnt, with the history, or with another one in its place."""
        raise NotImplementedError

    def _calibrated(self, steps: int, method: str) -> Calibration | None:
        """The calibration, with the errors of so many steps where the method needs any."""
        raise NotImplementedError

    def forecast_interval(
        self,
        steps: int | None = None,
        *,
        until: Any = None,
        coverage: float = 0.9,
        future: Any = None,
        method: str = "conformal",
        history: Any = None,
    ) -> pd.DataFrame:
        """Forecast with an interval around it, for each step by itself.

        Parameters
        ----------
        steps, until, future, history : default=None
            As in `forecast`.
        coverage : float, default=0.9
            Share of true values that each step's interval should contain, in (0, 1).
        method : {"conformal", "quantile", "cqr"}, default="conformal"
            "conformal": the quantile of the absolute errors of the calibration (Lei, G'Sell, Rinaldo, Tibshirani &
            Wasserman, JASA 113, 2018, algorithm 2), one for each step, as in Stankeviciute, Alaa & van der Schaar,
            NeurIPS 2021, without their correction for all steps at once: as wide at all times of a series. "quantile":
            the quantiles (1 - coverage) / 2 and (1 + coverage) / 2, which the regressor learnt, or of the distribution
            that it learnt, up to ``horizon``.
            "cqr": the learnt quantiles nearest to these, widened by what the calibration measures (Romano, Patterson &
            Candès, "Conformalized quantile regression", NeurIPS 2019), and brought to the size of those that it
            measured where they are much narrower. Those of another coverage are narrowed, too, in proportion to their
            distance (Sesia & Candès, Stat 9(1), 2020, CQR-r). The first call for steps beyond
            ``horizon`` measures the errors there.

        Returns
        -------
        intervals : DataFrame
            Columns "forecast", "lower" and "upper"; with several targets, each below the name of its target.

        Raises
        ------
        ValueError
            Without ``calibration`` where the method needs it, without the quantiles that it needs, or as in `forecast`.
        """
        check_arguments("WindowForecaster.forecast_interval", {"method": [Options(set(METHODS))]}, method=method)
        learnt = self._learnt(history)
        ahead = learnt.ahead("forecast_interval", steps, until, future)
        edges = edges_ahead(learnt, self._calibrated(max(ahead.counts), method), ahead, method, coverage)
        return _below(learnt.targets, ["forecast", "lower", "upper"], ahead.panel, learnt.columns(ahead, edges))

    def forecast_quantiles(
        self,
        steps: int | None = None,
        levels: Sequence[float] | None = None,
        *,
        until: Any = None,
        future: Any = None,
        history: Any = None,
    ) -> pd.DataFrame:
        """Forecast the quantiles that the regressor learnt, such as those of ``RNNRegressor(loss="quantile")``, or any
        of the distribution that it learnt, as with ``RNNRegressor(loss="gaussian")``.

        Parameters
        ----------
        steps, until, future, history : default=None
            As in `forecast`, at most ``horizon`` steps.
        levels : list of float, default=None
            Levels in (0, 1), which the regressor learnt; None: all of them. Of a distribution any; None: 0.05, 0.5 and
            0.95.

        Returns
        -------
        quantiles : DataFrame
            A column for each level; with several targets, each below the name of its target.

        Raises
        ------
        ValueError
            If the regressor did not learn these quantiles, for more steps than ``horizon``, or as in `forecast`.
        """
        learnt = self._learnt(history)
        wanted = known_levels(learnt, levels)
        ahead = learnt.ahead("forecast_quantiles", steps, until, future)
        refuse_beyond(learnt, max(ahead.counts))
        values = learnt.columns(ahead, to_forecasts(learnt.setup, learnt.levels(ahead, wanted)[0][:, 1:]))
        return _below(learnt.targets, wanted, ahead.panel, values)

    def sample(
        self,
        steps: int | None = None,
        n_paths: int = 100,
        *,
        random_state: Any = None,
        until: Any = None,
        future: Any = None,
        history: Any = None,
    ) -> pd.DataFrame:
        """Draw what may follow the history from the distribution that the regressor learnt: paths of several steps.

        Each path goes on from what was drawn for it. With ``strategy="recursive"`` that is every step, so that steps
        which follow each other belong together (ancestral sampling: Salinas et al., "DeepAR", Int. J. Forecasting
        36(3), 2020, section 3). A model of several steps draws those of its horizon independently of each other: each
        step is right by itself, but the sum of them is told too surely; a difference that is undone adds them up, too.

        Parameters
        ----------
        steps, until, future, history : default=None
            As in `forecast`.
        n_paths : int, default=100
            Paths of each series; at least 1.
        random_state : int, RandomState instance or None, default=None
            The same int gives the same paths.

        Returns
        -------
        paths : DataFrame
            On the times of `forecast`, a column for each path, named by its number; with several targets, each below
            the name of its target.

        Raises
        ------
        ValueError
            If the regressor learnt no distribution, or as in `forecast`.
        """
        asked = check_arguments("WindowForecaster.sample", _SAMPLE, n_paths=n_paths, random_state=random_state)
        learnt = self._learnt(history)
        if not gives_distributions(learnt.regressor):
            raise ValueError(
                "sample draws from a distribution, and the regressor learnt none: use one that does, such as "
                "RNNRegressor(loss='gaussian')."
            )
        ahead = learnt.ahead("sample", steps, until, future)
        paths = learnt.paths(ahead, int(asked["n_paths"]), check_random_state(asked["random_state"]))
        values = learnt.columns(ahead, to_forecasts(learnt.setup, paths))
        return _below(learnt.targets, range(paths.shape[1]), ahead.panel, values)


def _below(targets: Sequence[Any], names: Sequence[Any], panel: Panel, parts: list[Doubles]) -> pd.DataFrame:
    """A frame with these columns; of several targets, below the name of each."""
    columns = pd.Index(list(names)) if len(targets) == 1 else columns_of(panel, targets, names)
    return as_frame(panel.wide, parts, columns)

"""Forecasts of pandas series, frames and panels with any regressor."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, clone
from sklearn.metrics import r2_score
from sklearn.multioutput import MultiOutputRegressor
from sklearn.utils import get_tags
from sklearn.utils.validation import check_is_fitted

from skrnn.forecasting._features import Samples
from skrnn.forecasting._future import future_values
from skrnn.forecasting._intervals import calibration_errors, conformal_width
from skrnn.forecasting._panel import History, Panel, as_frame, extend, read_panel
from skrnn.forecasting._setup import Setup, flat, make_setup

__all__ = ["WindowForecaster"]

Doubles = NDArray[np.float64]


class WindowForecaster(BaseEstimator):
    """Forecast series from windows of their past, with any scikit-learn regressor.

    One model learns from the windows of all series together. It sees the targets' recent past with their level
    taken off, past covariates, and for every step of the window the covariates and the calendar of the time
    ``horizon`` steps later, so that all that is known of the future is in view.

    Parameters
    ----------
    estimator : regressor, default=None
        Fitted as a clone, on 3-D windows if it takes them, else on flat rows of lags. A regressor with a single
        output is fitted once per step. None: `RNNRegressor` with early stopping and a learning rate of 3e-3.
    window : int, default=24
        Steps of the past that the model sees; at least 1, and at least ``horizon`` with future or calendar features.
    horizon : int, default=1
        Steps that the model forecasts at once; at least 1. `forecast` goes on from its own forecasts for more.
    strategy : {"direct", "recursive"}, default="direct"
        "direct": one output per step of the horizon; "recursive": one step, fed back.
    target : column, list of columns or None, default=None
        What to forecast; None: every column without another role.
    past, future, static : list of columns, default=None
        Covariates known up to now; known in advance (`forecast` is given their future); constant for each series.
    calendar : list of str, default=None
        Attributes of the index, each as sine and cosine: "minute", "hour", "day_of_week", "day", "day_of_year",
        "month", "quarter".
    transform : str or list of str, default=None
        Transformations of the targets, in order, inverted in the forecast: "log", "log1p", "sqrt", "difference",
        "seasonal_difference".
    season : int, default=None
        Steps in a cycle, for "seasonal_difference".
    level : {"last", "mean"} or None, default="last"
        What is taken off the targets in each window and added to its forecast.
    calibration : float, default=None
        Share of the newest windows of each series, in (0, 1), on which a model of the rest measures the errors for
        `forecast_interval`. None: no intervals.

    Attributes
    ----------
    estimator_ : regressor
        The fitted clone.
    roles_ : Roles
        The columns in their roles.
    n_samples_ : int
        Windows that the model learnt from.
    calibration_errors_ : array of shape (n_errors, horizon, n_targets) or None
        Sorted absolute errors of the calibration, transformed and scaled as the model sees the targets.

    Examples
    --------
    >>> from sklearn.linear_model import Ridge
    >>> from skrnn import WindowForecaster
    >>> from skrnn.datasets import load_airline_passengers
    >>> passengers = load_airline_passengers(as_frame=True).series
    >>> model = WindowForecaster(Ridge(0.1), window=24, horizon=12, transform="log").fit(passengers[:-12])
    >>> forecast = model.forecast(12)
    >>> str(forecast.index[0]), bool(abs(forecast - passengers[-12:]).mean() < 25)
    ('1960-01', True)
    """

    def __init__(
        self,
        estimator: Any = None,
        *,
        window: int = 24,
        horizon: int = 1,
        strategy: str = "direct",
        target: Any = None,
        past: Sequence[Any] | None = None,
        future: Sequence[Any] | None = None,
        static: Sequence[Any] | None = None,
        calendar: Sequence[str] | None = None,
        transform: str | Sequence[str] | None = None,
        season: int | None = None,
        level: str | None = "last",
        calibration: float | None = None,
    ):
        self.estimator = estimator
        self.window = window
        self.horizon = horizon
        self.strategy = strategy
        self.target = target
        self.past = past
        self.future = future
        self.static = static
        self.calendar = calendar
        self.transform = transform
        self.season = season
        self.level = level
        self.calibration = calibration

    def fit(self, data: Any, y: Any = None) -> WindowForecaster:
        """Learn from all windows of all series.

        Parameters
        ----------
        data : Series or DataFrame
            One series, several in columns, or a panel with a (series, time) MultiIndex. Rows sorted in time; a gap
            in time splits a series.
        y : ignored
            For compatibility with scikit-learn.

        Returns
        -------
        self : WindowForecaster

        Raises
        ------
        ValueError, TypeError
            If the data or a parameter are not usable, or every series is too short.
        """
        panel, estimator = read_panel(data), self._template()
        setup = make_setup(self, panel.columns, sequences=_takes_sequences(estimator))
        scales = {history.key: setup.scale(panel, history) for history in panel.histories}
        parts = [setup.samples(panel, history, scales[history.key]) for history in panel.histories]
        _refuse_short(panel, parts, setup)
        errors = None
        if self.calibration is not None:
            errors = calibration_errors(clone(estimator), setup, parts, self.calibration)
        X, Y = (np.concatenate([getattr(part, name) for part in parts]) for name in ("X", "Y"))
        self.estimator_ = estimator.fit(setup.arrange(X), flat(Y))
        self.n_samples_, self.calibration_errors_ = len(X), errors
        self._setup, self._panel, self._scales = setup, panel, scales
        return self

    def update(self, data: Any) -> WindowForecaster:
        """Append new rows to the history, without learning from them.

        Parameters
        ----------
        data : Series or DataFrame
            Rows after those of the history, with the same columns. Series that are new start a history of their own.

        Returns
        -------
        self : WindowForecaster

        Raises
        ------
        ValueError, TypeError
            If the rows do not come after the history, or the index is of another kind.
        """
        check_is_fitted(self, "estimator_")
        self._panel = extend(self._panel, read_panel(data, self._panel))
        return self

    def forecast(self, steps: int | None = None, *, future: Any = None) -> Any:
        """Forecast what follows the history.

        Parameters
        ----------
        steps : int, default=None
            How far; None: ``horizon``.
        future : DataFrame, default=None
            The columns of ``future`` for the times to come: so many steps, or whole horizons for a regressor that takes
            no missing values.

        Returns
        -------
        forecast : Series or DataFrame
            On the times that follow, per series for a panel; a Series if a Series, or a single column of a panel,
            was given.

        Raises
        ------
        ValueError
            If rows of ``future`` are missing; the message has their times, by series.
        """
        check_is_fitted(self, "estimator_")
        steps = _check_steps(self.horizon if steps is None else steps)
        known = self._known(steps, future)
        parts = []
        for history in self._panel.histories:
            scale, mine = self._scale_of(history), known.get(history.key)
            parts.append(self._setup.forecast(self.estimator_, self._panel, history, scale, steps, mine))
        return as_frame(self._panel, parts, self._setup.roles.target)

    def forecast_interval(self, steps: int | None = None, *, coverage: float = 0.9, future: Any = None) -> pd.DataFrame:
        """Forecast with an interval around it, by split-conformal prediction for each step of the horizon.

        Lei, G'Sell, Rinaldo, Tibshirani & Wasserman, "Distribution-free predictive inference for regression", JASA
        113 (2018), algorithm 2; one quantile of absolute errors per step of the horizon, as in Stankeviciute, Alaa
        & van der Schaar, "Conformal time-series forecasting", NeurIPS 2021, without their correction for all steps
        at once.

        Parameters
        ----------
        steps : int, default=None
            How far, at most ``horizon``; None: ``horizon``.
        coverage : float, default=0.9
            Share of true values that each step's interval is to hold, in (0, 1).
        future : DataFrame, default=None
            As in `forecast`.

        Returns
        -------
        intervals : DataFrame
            Columns "forecast", "lower" and "upper"; with several targets, each below the name of its target.

        Raises
        ------
        ValueError
            Without ``calibration``, or for more steps than ``horizon``.
        """
        check_is_fitted(self, "estimator_")
        steps = _check_steps(self.horizon if steps is None else steps)
        if self.calibration_errors_ is None:
            raise ValueError("forecast_interval needs errors to measure: set calibration, such as 0.2, before fit.")
        setup, width = self._setup, conformal_width(self.calibration_errors_, coverage)
        if steps > len(width):
            raise ValueError(f"Intervals reach {len(width)} step(s), the horizon of the model; got steps={steps}.")
        known, parts = self._known(steps, future), []
        for history in self._panel.histories:
            scale, mine = self._scale_of(history), known.get(history.key)
            outputs = setup.outputs(self.estimator_, self._panel, history, scale, mine)
            edges = [outputs, outputs - width, outputs + width]
            edges = [setup.back(self._panel, history, edge, scale)[:steps] for edge in edges]
            parts.append(np.stack(edges, axis=2).reshape(steps, -1))
        names = ["forecast", "lower", "upper"]
        columns = names if len(setup.roles.target) == 1 else pd.MultiIndex.from_product([setup.roles.target, names])
        return as_frame(self._panel, parts, columns)

    def score(self, data: Any, y: Any = None) -> float:
        """R2 of all forecasts of up to ``horizon`` steps made at each row of the data, without learning from them.

        Parameters
        ----------
        data : Series or DataFrame
            Rows that follow the history (they then see its end), or any other rows with the same columns.
        y : ignored
            For compatibility with scikit-learn.

        Returns
        -------
        score : float
            Mean over steps and targets, at most 1.

        Raises
        ------
        sklearn.exceptions.NotFittedError
            Before `fit`.
        ValueError, TypeError
            If the data are not usable, or no row has a window before it and a horizon after it.
        """
        check_is_fitted(self, "estimator_")
        new = read_panel(data, self._panel)
        first = {history.key: history.positions[0] for history in new.histories}
        whole = extend(self._panel, new)
        pairs = []
        for history in whole.histories:
            if history.key in first:
                begin = int(np.searchsorted(history.positions, first[history.key])) - 1
                scale = self._scale_of(history)
                pairs.append(self._setup.truths_and_forecasts(self.estimator_, whole, history, scale, begin))
        truths, forecasts = (np.concatenate(part) for part in zip(*pairs, strict=True))
        if not len(truths):
            raise ValueError(
                f"No row of the data has window={self.window} rows up to it and horizon={self._setup.horizon} after it."
            )
        return float(r2_score(flat(truths), flat(forecasts)))

    @property
    def roles_(self) -> Any:
        """The columns in their roles: ``target``, ``past``, ``future``, ``static``, ``calendar``."""
        check_is_fitted(self, "estimator_")
        return self._setup.roles

    def _template(self) -> Any:
        """An unfitted regressor for several outputs."""
        if self.estimator is None:
            from skrnn.estimators import RNNRegressor

            return RNNRegressor(learning_rate=3e-3, early_stopping=True, random_state=0)
        single = (
            not get_tags(self.estimator).target_tags.multi_output and self.strategy == "direct" and self.horizon > 1
        )
        return MultiOutputRegressor(clone(self.estimator)) if single else clone(self.estimator)

    def _known(self, steps: int, future: Any) -> dict[Any, Doubles]:
        """The future of the covariates for whole horizons, by series."""
        horizon = self._setup.horizon
        ahead = -(-steps // horizon) * horizon
        needed = steps if get_tags(self.estimator_).input_tags.allow_nan else ahead
        return future_values(self._panel, self._setup.roles.future, future, ahead, needed)

    def _scale_of(self, history: History) -> float:
        """The scale of a series in fit; of a new one, its own."""
        return self._scales.get(history.key) or self._setup.scale(self._panel, history)


def _takes_sequences(estimator: Any) -> bool:
    """Whether a regressor takes 3-D windows, by its tags or those of what a Pipeline or meta-estimator hands X to."""
    if hasattr(estimator, "steps"):
        steps = [step for _, step in estimator.steps if step not in (None, "passthrough")]
        return all(_takes_sequences(step) for step in steps)
    inner = getattr(estimator, "estimator", None) or getattr(estimator, "regressor", None)
    return _takes_sequences(inner) if inner is not None else bool(get_tags(estimator).input_tags.three_d_array)


def _check_steps(steps: Any) -> int:
    if not isinstance(steps, (int, np.integer)) or isinstance(steps, bool) or steps < 1:
        raise ValueError(f"steps must be an int of at least 1. Got {steps!r} instead.")
    return int(steps)


def _refuse_short(panel: Panel, parts: list[Samples], setup: Setup) -> None:
    """An error if no series has a window with its horizon; the longest is named."""
    if any(len(part.X) for part in parts):
        return
    longest = max(panel.histories, key=lambda history: len(history.times))
    name = "The series" if longest.key is None else f"Series {longest.key!r}"
    needed = setup.window + setup.horizon
    raise ValueError(
        f"{name} has {len(longest.times)} rows; window={setup.window} and horizon={setup.horizon} need at least "
        f"{needed} without a gap or a missing target in their horizon. Use a smaller window, or a longer series."
    )


WindowForecaster.__module__ = "skrnn"  # the name that users import

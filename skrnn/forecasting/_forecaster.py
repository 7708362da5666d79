"""Forecasts of pandas series, frames and panels with any regressor."""

from __future__ import annotations

from collections.abc import Sequence
from copy import copy
from dataclasses import replace
from typing import Any, ClassVar

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator, clone
from sklearn.metrics import r2_score
from sklearn.multioutput import MultiOutputRegressor
from sklearn.utils import get_tags
from sklearn.utils.validation import check_is_fitted

from skrnn._atomic import all_or_nothing
from skrnn._constraints import HasMethods, Options, check_arguments, integers, reals
from skrnn._types import Doubles
from skrnn.forecasting._columns import read_series
from skrnn.forecasting._future import future_values
from skrnn.forecasting._intervals import calibration_errors, conformal_width, in_time
from skrnn.forecasting._panel import Panel, as_frame, extend
from skrnn.forecasting._series import SeriesView, evaluate, forecast, learn, next_outputs, series_views
from skrnn.forecasting._setup import Setup, make_setup

__all__ = ["WindowForecaster"]


class WindowForecaster(BaseEstimator):
    """Forecast series from windows of their past, with any scikit-learn regressor.

    One model learns from the windows of all series together. It sees the targets' recent past with their level
    subtracted, past covariates, and for every step of the window the covariates and the calendar of the time
    ``horizon`` steps later, so that everything known of the future is in view.

    Parameters
    ----------
    estimator : regressor, default=None
        Fitted as a clone, on 3-D windows if it takes them, else on flat rows of lags. A regressor with a single
        output is fitted once per step. None: `RNNRegressor` with 64 units that starts from a linear model and learns
        by absolute errors what that leaves, early stopping, a learning rate of 3e-3, and segments of a season where the
        window is longer than that.
    window : int, default=None
        Steps of the past that the model sees; at least 1, and at least ``horizon`` with future or calendar features.
        None: two to seven seasons, as many as a twentieth of the rows fills, at least two horizons and 8; of short
        series as much as leaves windows to learn from.
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
        "month", "quarter". None: none of them.
    transform : str or list of str, default=None
        Transformations of the targets, in order, inverted in the forecast: "log", "log1p", "sqrt", "difference",
        "seasonal_difference".
    season : int, default=None
        Steps in a cycle, for "seasonal_difference" and the window. None: what the index says (a day of hours or of
        quarters of an hour, seven days, five business days, 52 weeks, twelve months, four quarters), else the lag, up
        to a third of the series, at which the differences of its values are most alike; 1 if they are nowhere.
    level : {"last", "mean"} or None, default="last"
        What is subtracted from the targets in each window and added to its forecast.
    spread : {"std"} or None, default=None
        What the targets in each window are divided by, and the forecast multiplied by: "std", their root mean square
        distance from the level (without one, from the series' mean), at least a tenth of the series' mean absolute
        deviation (Kim et al., RevIN, ICLR 2022). For series whose swings grow with them: a window ten times as large
        then has a forecast and an interval ten times as large.
    calibration : float, default=None
        Share of the newest windows of each series, in (0, 1), on which a model of the rest measures the errors for
        `forecast_interval`. None: no intervals.
    channel_independent : bool, default=False
        False: the model sees and forecasts all target columns together. True: each target column is a series of its
        own for one model with shared weights (Nie et al., PatchTST, ICLR 2023): for many similar columns.

    Attributes
    ----------
    estimator_ : regressor
        The fitted clone.
    roles_ : Roles
        The columns in their roles.
    season_, window_ : int
        The season and the window, given or chosen.
    calendar_ : tuple of str
        The attributes of the index that the model sees.
    n_samples_ : int
        Windows that the model learnt from.
    calibration_errors_ : array of shape (n_errors, horizon, n_targets) or None
        Absolute errors of the calibration, oldest first, in units of each series' mean absolute deviation (times
        the ``spread`` of the window); differences are undone before they are measured, logarithms and roots are not.

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

    _parameter_constraints: ClassVar[dict[str, Any]] = {
        "estimator": [HasMethods(["fit", "predict"]), None],
        "window": [integers(1), None],
        "horizon": [integers(1)],
        "strategy": [Options({"direct", "recursive"})],
        **dict.fromkeys(("target", "past", "future", "static"), "no_validation"),  # compared with the data's columns
        **dict.fromkeys(("calendar", "transform"), "no_validation"),  # checked item by item
        "season": [integers(1), None],
        "level": [Options({"last", "mean"}), None],
        "spread": [Options({"std"}), None],
        "calibration": [reals(0, 1, "neither"), None],
        "channel_independent": ["boolean"],
    }

    def __init__(
        self,
        estimator: Any = None,
        *,
        window: int | None = None,
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
        spread: str | None = None,
        calibration: float | None = None,
        channel_independent: bool = False,
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
        self.spread = spread
        self.calibration = calibration
        self.channel_independent = channel_independent

    @all_or_nothing
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
        self._validate_params()
        panel, estimator = read_series(data), _template(self.estimator)
        setup = make_setup(self, panel, estimator)
        if self.estimator is None and 1 < setup.season < setup.window:
            estimator.set_params(segment=setup.season)
        model = _for_outputs(estimator, setup.horizon * setup.n_targets)
        inner = setup.panel(panel)
        views = series_views(setup, inner, inner.histories)
        _refuse_short(views, setup)
        errors = None
        if self.calibration is not None:
            errors = calibration_errors(clone(model), setup, views, self.calibration)
        self.estimator_, self.n_samples_ = learn(model, setup, views)
        self.calibration_errors_ = errors
        self._setup, self._panel = setup, panel
        self._statistics = {view.history.key: view.statistics for view in views}
        return self

    @all_or_nothing
    def update(self, data: Any) -> WindowForecaster:
        """Append new rows to the history, without learning from them.

        With ``calibration``, the errors of the forecasts that the rows now settle take the place of the oldest ones, so
        that intervals follow a drift (Xu & Xie, "Conformal prediction interval for dynamic time-series", ICML 2021).

        Parameters
        ----------
        data : Series or DataFrame
            Rows after those of the history, with the same columns. New series start a history of their own.

        Returns
        -------
        self : WindowForecaster

        Raises
        ------
        ValueError, TypeError
            If the rows do not come after the history, or the index is of another kind.
        """
        check_is_fitted(self, "estimator_")
        new = read_series(data, self._panel)
        whole = extend(self._panel, new)
        if self.calibration_errors_ is not None:
            old = {history.key: len(history.times) for history in self._panel.histories}
            views = self._views(whole.keep([history.key for history in new.histories if history.key in old]))
            begins = [old[key] - self._setup.horizon for key in self._wide_keys(views)]
            settled = [evaluate(self.estimator_, view.rows(b)) for view, b in zip(views, begins, strict=True)]
            if settled:
                errors = np.concatenate([self.calibration_errors_, in_time(settled)])
                self.calibration_errors_ = errors[-len(self.calibration_errors_) :]
        self._panel = whole
        return self

    def forecast(self, steps: int | None = None, *, future: Any = None) -> Any:
        """Forecast what follows the history.

        Parameters
        ----------
        steps : int, default=None
            How far; None: ``horizon``.
        future : DataFrame, default=None
            The columns of ``future`` at the next ``steps`` times; for a regressor that takes no missing values, at
            all times up to the end of a whole horizon.

        Returns
        -------
        forecast : Series or DataFrame
            On the times that follow, per series for a panel; a Series if a Series, or a single column of a panel,
            was given.

        Raises
        ------
        ValueError
            If rows of ``future`` are missing; the message names their times, by series.
        """
        check_is_fitted(self, "estimator_")
        steps, setup = self._n_steps("forecast", steps), self._setup
        views = [view.tail() for view in self._views(self._panel)]
        parts = forecast(self.estimator_, setup, views, steps, self._known(views, steps, future))
        return as_frame(self._panel, setup.columns(parts), self._targets)

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
            Share of true values that each step's interval should contain, in (0, 1).
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
        steps = self._n_steps("forecast_interval", steps)
        if self.calibration_errors_ is None:
            raise ValueError("forecast_interval needs measured errors: set calibration, such as 0.2, before fit.")
        setup, width = self._setup, conformal_width(self.calibration_errors_, coverage)
        if steps > len(width):
            raise ValueError(f"Intervals reach {len(width)} step(s), the horizon of the model; got steps={steps}.")
        views, edges = [view.tail() for view in self._views(self._panel)], []
        levels = next_outputs(self.estimator_, setup, views, self._known(views, steps, future))
        for view, (middle, scale) in zip(views, levels, strict=True):
            half = width * scale
            edges.append(np.stack([view.units(edge)[:steps] for edge in (middle, middle - half, middle + half)]))
        parts = [part.transpose(1, 2, 0).reshape(steps, -1) for part in setup.columns(edges)]
        names = ["forecast", "lower", "upper"]
        columns = names if len(self._targets) == 1 else pd.MultiIndex.from_product([self._targets, names])
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
        new = read_series(data, self._panel)
        first = {history.key: history.positions[0] for history in new.histories}
        before = [
            history.rows(0, int(np.searchsorted(history.positions, first.get(history.key, 0))))
            for history in self._panel.histories
            if history.key in first
        ]
        older = replace(self._panel, histories=[history for history in before if len(history.times)])
        begins = {history.key: len(history.times) - 1 for history in older.histories}
        views = self._views(extend(older, new), n_rows=self._setup.window)
        found = [
            evaluate(self.estimator_, view.rows(begins.get(key, 0)))
            for view, key in zip(views, self._wide_keys(views), strict=True)
        ]
        truths, forecasts = (
            np.concatenate([part.view.units(getattr(part, name)) for part in found]) for name in ("truths", "forecasts")
        )
        if not len(truths):
            raise ValueError(
                f"No row of the data has window={self._setup.window} rows up to it and "
                f"horizon={self._setup.horizon} after it."
            )
        return float(r2_score(self._setup.flat(truths), self._setup.flat(forecasts)))

    @property
    def roles_(self) -> Any:
        """The columns in their roles: ``target``, ``past``, ``future``, ``static``, ``calendar``."""
        check_is_fitted(self, "estimator_")
        return replace(self._setup.roles, target=tuple(self._targets))

    @property
    def season_(self) -> int:
        """Steps in a cycle, given or found."""
        check_is_fitted(self, "estimator_")
        return self._setup.season

    @property
    def window_(self) -> int:
        """Steps of the past that the model sees, given or chosen."""
        check_is_fitted(self, "estimator_")
        return self._setup.window

    @property
    def calendar_(self) -> tuple[str, ...]:
        """The attributes of the index that the model sees."""
        check_is_fitted(self, "estimator_")
        return self._setup.roles.calendar

    def among(self, series: Sequence[Any]) -> WindowForecaster:
        """The same forecaster for some of the series of a panel, without learning again.

        Parameters
        ----------
        series : list
            Their names in the index; tuples for an index of more than two levels.

        Returns
        -------
        forecaster : WindowForecaster
            Fitted; it shares its regressor with this one, and has a history of its own.

        Raises
        ------
        ValueError
            If a series is not in the history.
        """
        check_is_fitted(self, "estimator_")
        keys = [history.key for history in self._panel.histories]
        unknown = [key for key in series if key not in keys]
        if unknown:
            raise ValueError(f"Series {unknown[0]!r} is not in the history.")
        some = copy(self)
        some._panel = self._panel.keep(series)
        return some

    def ready(self) -> list[Any]:
        """Names of the series whose history suffices for a forecast.

        Returns
        -------
        series : list
            Names in the index (tuples for an index of more than two levels); [None] for data without names.

        Raises
        ------
        sklearn.exceptions.NotFittedError
            Before `fit`.
        """
        check_is_fitted(self, "estimator_")
        views = [view.tail() for view in self._views(self._panel)]
        short = {key for view, key in zip(views, self._wide_keys(views), strict=True) if not view.ready()}
        return [history.key for history in self._panel.histories if history.key not in short]

    def _n_steps(self, method: str, steps: int | None) -> int:
        """How far to forecast; None: ``horizon``."""
        steps = self.horizon if steps is None else steps
        check_arguments(f"{type(self).__name__}.{method}", {"steps": [integers(1)]}, steps=steps)
        return int(steps)

    def _views(self, panel: Panel, n_rows: int | None = None) -> list[SeriesView]:
        """The series as the model sees them, with the statistics of fit.

        Those of a new series are measured on its first ``n_rows`` (None: on all of it).
        """
        inner = self._setup.panel(panel)
        return series_views(self._setup, inner, inner.histories, self._statistics, n_rows)

    def _wide_keys(self, views: list[SeriesView]) -> list[Any]:
        """The series of the data that each view belongs to."""
        return [view.history.key.series if self._setup.channels else view.history.key for view in views]

    def _known(self, views: list[SeriesView], steps: int, future: Any) -> list[Doubles | None]:
        """The future of the covariates for whole horizons, for each view."""
        horizon = self._setup.horizon
        ahead = -(-steps // horizon) * horizon
        needed = ahead if self._setup.complete else steps
        found = future_values(self._panel, self._setup.roles.future, future, ahead, needed)
        return [found.get(key) for key in self._wide_keys(views)]

    @property
    def _targets(self) -> list[Any]:
        """The columns that are forecast."""
        return list(self._setup.channels or self._setup.roles.target)


def _template(estimator: Any) -> Any:
    """An unfitted regressor: a clone, or the default."""
    if estimator is not None:
        return clone(estimator)
    from skrnn.estimators import RNNRegressor

    training: dict[str, Any] = {
        "init": "linear",
        "loss": "absolute_error",
        "learning_rate": 3e-3,
        "early_stopping": True,
    }
    return RNNRegressor(hidden_size=64, random_state=0, **training)


def _for_outputs(estimator: Any, n_outputs: int) -> Any:
    """A regressor for ``n_outputs`` outputs: one that can only have a single output is fitted once for each."""
    single = n_outputs > 1 and not get_tags(estimator).target_tags.multi_output
    return MultiOutputRegressor(estimator) if single else estimator


def _refuse_short(views: list[SeriesView], setup: Setup) -> None:
    """An error if no series has a window with its horizon; the longest is named."""
    if any(len(part.kept) for view in views for part in view.samples()):
        return
    longest = max(views, key=lambda view: len(view.history.times))
    needed = setup.window + setup.horizon + longest.lag
    missing = "missing value" if setup.complete else "missing target in their horizon"
    raise ValueError(
        f"{longest.history.label} has {len(longest.history.times)} rows; window={setup.window} and "
        f"horizon={setup.horizon} need at least {needed} without a gap or a {missing}. Use a smaller window, a longer "
        "series, or a regressor that takes missing values."
    )


WindowForecaster.__module__ = "skrnn"  # the name that users import

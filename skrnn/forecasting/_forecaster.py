"""Forecasts of pandas series, frames and panels with any regressor."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from copy import copy
from dataclasses import replace
from typing import Any, ClassVar

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator, clone
from sklearn.metrics import r2_score
from sklearn.utils.validation import check_is_fitted

from skrnn._atomic import all_or_nothing
from skrnn._constraints import HasMethods, Options, check_arguments, integers, reals
from skrnn._types import Doubles
from skrnn.forecasting._columns import read_series
from skrnn.forecasting._endings import dropped_rows, name_some, steps_until, times_ahead, until_known
from skrnn.forecasting._future import future_values
from skrnn.forecasting._gaps import n_absent
from skrnn.forecasting._intervals import calibration_errors, conformal_width, in_time
from skrnn.forecasting._outputs import for_outputs, takes_missing_targets
from skrnn.forecasting._panel import Panel, as_frame, extend
from skrnn.forecasting._reports import has_one_window, refuse_short, warn_of_windows
from skrnn.forecasting._series import SeriesView, evaluate, forecast, learn, next_outputs, series_views
from skrnn.forecasting._setup import make_setup
from skrnn.forecasting._state import ForecasterState

__all__ = ["WindowForecaster"]


class WindowForecaster(ForecasterState, BaseEstimator):
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
    freq : pandas offset, alias, DatetimeIndex or "rows", default=None
        From a row to the next one of its series, and so the dates of forecasts. An offset, such as
        ``CustomBusinessDay(holidays=...)``, or its alias; an index that holds all dates, past and future; "rows": rows
        follow each other as they come, stamps are labels, and forecasts are numbered (or dated by ``freq`` of the
        index). None: ``freq`` of the index if it is set, else the most common distance of each series.
    bounds : (float or None, float or None), default=None
        The least and the largest value that a forecast or the edge of an interval may have, such as (0, None) for what
        is never negative; what lies beyond is set to the bound. None: there are none.

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
    n_filled_ : int
        Rows absent from the index of `fit` that count as rows of missing values; none for a regressor that takes no
        missing values, and none in gaps that no window spans.
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
        "freq": "no_validation",  # by pandas, beside the index
        "bounds": "no_validation",  # two numbers
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
        freq: Any = None,
        bounds: Sequence[float | None] | None = None,
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
        self.freq = freq
        self.bounds = bounds

    @all_or_nothing
    def fit(self, data: Any, y: Any = None) -> WindowForecaster:
        """Learn from all windows of all series.

        Parameters
        ----------
        data : Series or DataFrame
            One series, several in columns, or a panel with a (series, time) MultiIndex. Rows sorted in time. Rows that
            are absent are rows of missing values; for a regressor that takes none of these, a gap splits a series.
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
        panel, estimator = read_series(data, self.freq), _template(self.estimator)
        setup = make_setup(self, panel, estimator)
        if self.estimator is None and 1 < setup.season < setup.window:
            estimator.set_params(segment=setup.season)
        model = for_outputs(estimator, setup.horizon * setup.n_targets)
        setup = replace(setup, partial=takes_missing_targets(model))
        inner = setup.panel(panel)
        views = series_views(setup, inner, inner.histories)
        given = setup.given(panel).histories
        refuse_short(given, views, setup)
        if self.estimator is None and has_one_window(views, setup):
            model.set_params(early_stopping=False)  # there is none to validate on
        errors = None
        if self.calibration is not None:
            errors = calibration_errors(clone(model), setup, views, self.calibration)
        self.estimator_, self.n_samples_ = learn(model, setup, views)
        self.calibration_errors_ = errors
        self._setup, self._panel = setup, panel
        self.n_filled_ = sum(n_absent(history, setup.longest_gap) for history in panel.histories)
        self._statistics = {view.history.key: view.statistics for view in views}
        warn_of_windows(given, views, setup, self.n_samples_)
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
        new = read_series(data, self.freq, self._panel)
        whole = extend(self._panel, new)
        if self.calibration_errors_ is not None:
            old = {history.key: history.positions[-1] for history in self._panel.histories}
            views = self._views(whole.keep([history.key for history in new.histories if history.key in old]))
            ends = [view.row_at(old[key]) for view, key in zip(views, self._wide_keys(views), strict=True)]
            settled = [
                evaluate(self.estimator_, view.rows(end + 1 - self._setup.horizon))
                for view, end in zip(views, ends, strict=True)
            ]
            if settled:
                errors = np.concatenate([self.calibration_errors_, in_time(settled)])
                self.calibration_errors_ = errors[-len(self.calibration_errors_) :]
        self._panel = whole
        return self

    def forecast(self, steps: int | None = None, *, until: Any = None, future: Any = None) -> Any:
        """Forecast what follows the history.

        A series whose newest window holds no known target is forecast from its newest known one on, and a warning says
        so. Series whose history does not suffice are left out, and a warning names them, as long as there are others.

        Parameters
        ----------
        steps : int, default=None
            How far; None: ``horizon``.
        until : date, period or number, default=None
            Instead of ``steps``, the time up to which every series is forecast, read as in a slice of the index:
            "2025-03" is the whole month.
        future : DataFrame, default=None
            The columns of ``future`` at the times of `future_times`.

        Returns
        -------
        forecast : Series or DataFrame
            On the times that follow, per series for a panel; a Series if a Series, or a single column of a panel,
            was given.

        Raises
        ------
        ValueError
            If rows of ``future`` are missing, with their times, by series; if no series can be forecast; if steps and
            until are both given, or no time comes before until.
        """
        check_is_fitted(self, "estimator_")
        panel, setup = self._endings(), self._setup
        counts = self._counts("forecast", panel, steps, until)
        views = [view.tail() for view in self._views(panel)]
        parts = forecast(self.estimator_, setup, views, max(counts), self._known(panel, views, max(counts), future))
        wide = zip(setup.columns(parts), counts, strict=True)
        return as_frame(panel, [values[:count] for values, count in wide], self._targets)

    def forecast_interval(
        self, steps: int | None = None, *, until: Any = None, coverage: float = 0.9, future: Any = None
    ) -> pd.DataFrame:
        """Forecast with an interval around it, by split-conformal prediction for each step of the horizon.

        Lei, G'Sell, Rinaldo, Tibshirani & Wasserman, "Distribution-free predictive inference for regression", JASA
        113 (2018), algorithm 2; one quantile of absolute errors per step of the horizon, as in Stankeviciute, Alaa
        & van der Schaar, "Conformal time-series forecasting", NeurIPS 2021, without their correction for all steps
        at once.

        Parameters
        ----------
        steps : int, default=None
            How far, at most ``horizon``; None: ``horizon``.
        until : date, period or number, default=None
            As in `forecast`, at most ``horizon`` steps.
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
            Without ``calibration``, for more steps than ``horizon``, or as in `forecast`.
        """
        check_is_fitted(self, "estimator_")
        if self.calibration_errors_ is None:
            raise ValueError("forecast_interval needs measured errors: set calibration, such as 0.2, before fit.")
        panel, setup = self._endings(), self._setup
        counts = self._counts("forecast_interval", panel, steps, until)
        width = conformal_width(self.calibration_errors_, coverage)
        if max(counts) > len(width):
            raise ValueError(
                f"Intervals reach {len(width)} step(s), the horizon of the model; got steps={max(counts)}."
            )
        views, edges = [view.tail() for view in self._views(panel)], []
        levels = next_outputs(self.estimator_, setup, views, self._known(panel, views, max(counts), future))
        for view, (middle, scale) in zip(views, levels, strict=True):
            half = width * scale
            edges.append(np.stack([view.forecasts(edge) for edge in (middle, middle - half, middle + half)]))
        parts = [
            part.transpose(1, 2, 0).reshape(part.shape[1], -1)[:count]
            for part, count in zip(setup.columns(edges), counts, strict=True)
        ]
        names = ["forecast", "lower", "upper"]
        columns = names if len(self._targets) == 1 else pd.MultiIndex.from_product([self._targets, names])
        return as_frame(panel, parts, columns)

    def future_times(self, steps: int | None = None) -> pd.Index:
        """The times for which `forecast` wants ``future``.

        Parameters
        ----------
        steps : int, default=None
            As in `forecast`.

        Returns
        -------
        times : Index
            The next ``steps`` times after each series, with its name in front for a panel; for a regressor that takes
            no missing values, those up to the end of a whole horizon.

        Raises
        ------
        sklearn.exceptions.NotFittedError
            Before `fit`.
        """
        check_is_fitted(self, "estimator_")
        panel = self._endings()
        return times_ahead(panel, self._n_needed(max(self._counts("future_times", panel, steps, None))))

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
        new = read_series(data, self.freq, self._panel)
        first = {history.key: history.times[0] for history in new.histories}
        before = [
            history.rows(0, int(history.times.searchsorted(first[history.key])))
            for history in self._panel.histories
            if history.key in first
        ]
        older = replace(self._panel, histories=[history for history in before if len(history.times)])
        last = {history.key: history.positions[-1] for history in older.histories}
        views = self._views(extend(older, new), n_rows=self._setup.window)
        found = [
            evaluate(self.estimator_, view.rows(view.row_at(last[key]) if key in last else 0))
            for view, key in zip(views, self._wide_keys(views), strict=True)
        ]
        truths = np.concatenate([part.view.units(part.truths) for part in found])
        forecasts = np.concatenate([part.view.forecasts(part.forecasts) for part in found])
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
        return self._able(self._panel)

    def _endings(self) -> Panel:
        """The series that can be forecast, each up to where its forecast starts."""
        panel = until_known(self._panel, self._targets, self._setup.window, stacklevel=4)
        able = self._able(panel)
        short = [repr(history.key) for history in panel.histories if history.key not in able]
        if short and able:
            warnings.warn(
                f"{len(short)} series are left out, as they have missing values, a gap or too few rows in the window "
                f"of {self._setup.window} rows at their end: {name_some(short)}.",
                stacklevel=3,
            )
        if not able and not self._setup.complete:
            raise ValueError(
                f"{panel.histories[0].label} has no known target, so that nothing can be forecast from it."
            )
        return panel.keep(able) if able else panel

    def _able(self, panel: Panel) -> list[Any]:
        """The series whose newest window holds a known target, or all values that the regressor needs, in order."""
        views = [view.tail() for view in self._views(panel)]
        ready: dict[Any, list[bool]] = {}
        for view, key in zip(views, self._wide_keys(views), strict=True):
            ready.setdefault(key, []).append(view.ready())
        enough = all if self._setup.complete else any
        return [key for key, found in ready.items() if enough(found)]

    def _counts(self, method: str, panel: Panel, steps: int | None, until: Any) -> list[int]:
        """How far to forecast each series; without steps and until ``horizon``."""
        if until is not None:
            if steps is not None:
                raise ValueError(f"steps={steps!r} and until={until!r} both say how far to forecast. Give one of them.")
            return steps_until(panel, until, self.horizon)
        steps = self.horizon if steps is None else steps
        check_arguments(f"{type(self).__name__}.{method}", {"steps": [integers(1)]}, steps=steps)
        return [int(steps)] * len(panel.histories)

    def _views(self, panel: Panel, n_rows: int | None = None) -> list[SeriesView]:
        """The series as the model sees them, with the statistics of fit.

        Those of a new series are measured on its first ``n_rows`` (None: on all of it).
        """
        inner = self._setup.panel(panel)
        return series_views(self._setup, inner, inner.histories, self._statistics, n_rows)

    def _wide_keys(self, views: list[SeriesView]) -> list[Any]:
        """The series of the data that each view belongs to."""
        return [view.history.key.series if self._setup.channels else view.history.key for view in views]

    def _n_needed(self, steps: int) -> int:
        """For how many times the covariates must be known."""
        horizon = self._setup.horizon
        return -(-steps // horizon) * horizon if self._setup.complete else steps

    def _known(self, panel: Panel, views: list[SeriesView], steps: int, future: Any) -> list[Doubles | None]:
        """The future of the covariates for whole horizons, for each view."""
        ahead, columns = -(-steps // self._setup.horizon) * self._setup.horizon, self._setup.roles.future
        later = dropped_rows(self._panel, panel)
        found = future_values(panel, columns, future, ahead, self._n_needed(steps), later)
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


WindowForecaster.__module__ = "skrnn"  # the name that users import

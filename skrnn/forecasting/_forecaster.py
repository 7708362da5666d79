"""Forecasts of pandas series, frames and panels with any regressor."""

from __future__ import annotations

from collections.abc import Sequence
from copy import copy
from dataclasses import replace
from typing import Any, ClassVar

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.utils.validation import check_is_fitted

from skrnn._atomic import all_or_nothing
from skrnn._constraints import Learners, Options, check_arguments, integers, listed, reals, sizes
from skrnn._types import Doubles
from skrnn.forecasting._calibration import Calibration, calibrate
from skrnn.forecasting._columns import read_series, refuse_useless, with_targets
from skrnn.forecasting._embeddings import embedding
from skrnn.forecasting._endings import times_ahead
from skrnn.forecasting._fitted import fitted_values, values_in_rows
from skrnn.forecasting._gaps import n_absent
from skrnn.forecasting._intervals import correction
from skrnn.forecasting._learning import learn_validated, overlapping, window_weights
from skrnn.forecasting._learnt import Learnt
from skrnn.forecasting._level import choose_level
from skrnn.forecasting._outputs import for_outputs
from skrnn.forecasting._panel import Panel, as_frame, extend
from skrnn.forecasting._regressors import (
    keep_validation_apart,
    learns_quantiles,
    prepared,
    starts_linear,
    takes_missing_targets,
)
from skrnn.forecasting._renamed import renamed
from skrnn.forecasting._reports import refuse_negative, refuse_short, warn_of_split, warn_of_unknown, warn_of_windows
from skrnn.forecasting._scores import frame_of_rows, r2_of
from skrnn.forecasting._series import series_views, to_forecasts
from skrnn.forecasting._setup import chooses_transform, covariates_and_target, make_setup
from skrnn.forecasting._state import ForecasterState
from skrnn.forecasting._uncertain import UncertainForecasts
from skrnn.forecasting._units import choose_units
from skrnn.forecasting._validation import validation_scores, warn_of_naive
from skrnn.forecasting._weights import read_weights, refuse_weights

__all__ = ["WindowForecaster"]


_FEW_WINDOWS = 3_000  # below them the newest ones, which validate, are worth a second training


class WindowForecaster(ForecasterState, UncertainForecasts, RegressorMixin, BaseEstimator):
    """Forecast series from windows of their past, with any scikit-learn regressor.

    One model learns from the windows of all series together. It sees the targets' recent past with their level
    subtracted, past covariates, and for every step of the window the covariates and the calendar of the time
    ``horizon`` steps later, so that everything known of the future is in view.

    Parameters
    ----------
    estimator : regressor, default=None
        Fitted as a clone, on 3-D windows if it takes them, else on flat rows of lags; asked in Pipelines and searches,
        too, where transformers of tables in front of it see step by step. A regressor with a single output is fitted
        once per step. Losses with a log link or for positive targets ("poisson", "gamma") are given targets that are
        only scaled, those of "negative_binomial" as they are, with their roots in the windows. None: `RNNRegressor`
        with 64 units that starts from a linear model and learns by absolute errors what that leaves, early stopping, a
        learning rate of 1e-3, a second training on all windows if there are less than 3,000 (``refit``), and segments
        of a season where the window is longer than that.
    window : int, default=None
        Steps of the past that the model sees; at least 1, and at least ``horizon`` with future or calendar features.
        None: two to seven seasons, as many as a twentieth of the rows fills, at least two horizons and 8; of short
        series as much as leaves half of them as many windows, but a season for ``level="season"``. Missing values of
        the targets in it are interpolated for a network that starts from a linear model, but not in a Pipeline.
    horizon : int, default=1
        Steps that the model forecasts at once; at least 1. `forecast` goes on from its own forecasts for more.
    strategy : {"direct", "recursive"}, default="direct"
        "direct": one output per step of the horizon; "recursive": one step, fed back.
    target : column, list of columns or None, default=None
        What to forecast; None: every column without another role. A tuple that is a column, as below a MultiIndex, is
        one column, here and in the other roles.
    past, future, static : list of columns, default=None
        Covariates known up to now; known in advance (`forecast` is given their future); constant for each series.
        Columns of texts or of pandas' categories are embedded by a network, as its ``categorical_features``, in a
        Pipeline, too, and encoded one-hot for other regressors, of flat rows behind the lags if they are ``static``. A
        category that `fit` has not seen is none of its own, and a warning says so.
    calendar : list of str, default=None
        Attributes of the index, each as sine and cosine: "minute", "hour", "day_of_week", "day", "day_of_year",
        "week", "month", "quarter"; or "holiday:US", "holiday:DE-BY", "holiday:NYSE", …, one on the holidays of a
        country, a part of it or a market, from the package ``holidays``. None: none of them.
    target_transform : str, transformer or list of these, default="auto"
        Transformations of the targets, in order, inverted in the forecast: "log", "log1p", "sqrt", "signed_sqrt" (of
        the absolute value, with the sign), "difference", "seasonal_difference", or a scikit-learn transformer with an
        inverse, of which a clone is fitted on the targets of all series. A season before stands in for a missing row
        that a difference has to be undone from. "auto": for a regressor of sequences that learns medians or other
        quantiles (a root moves a mean), and targets that are never negative, "signed_sqrt" if ridge regression has the
        smaller mean absolute error in the newest windows with it, and a ``spread`` that is left to choose is no better;
        else none. None: none.
    season : int, default=None
        Steps in a cycle, for "seasonal_difference" and the window. None: what the index says (a day of hours or of
        quarters of an hour, seven days, five business days, 52 weeks, twelve months, four quarters), else the lag, up
        to a third of the series, at which the differences of its values are most alike; 1 if they are nowhere.
    level : {"auto", "last", "mean", "season"} or None, default="auto"
        What is subtracted from the targets in each window and added to its forecast: the newest value, or the mean of
        the window. "season": from each value to forecast the one a season before (the newest value from the window),
        so that what is learnt is the error of the seasonal naive forecast; window must hold a season. "auto": "last",
        and None for targets that may not be negative; for a network that starts from a linear model, a horizon of more
        than one step and less than 50 windows that do not overlap, the one that alone is the better forecast, if it is
        better than ridge regression on windows that this has not seen.
    spread : {"auto", "std"} or None, default="auto"
        What the targets in each window are divided by, and the forecast multiplied by: "std", their root mean square
        distance from the level (without one, from the series' mean), at least a tenth of the series' mean absolute
        deviation (Kim et al., RevIN, ICLR 2022). For series whose swings grow with them: a window ten times as large
        then has a forecast and an interval ten times as large. "auto": for a panel and a regressor of sequences, the
        better of the two for ridge regression that learns the older windows and forecasts the newest, each series
        counting alike; else None.
    calibration : float, default=None
        Share of the newest windows of each series, in (0, 1), on which the errors for `forecast_interval` are measured:
        each third of them by a model of all rows before it, so that `fit` learns four times. None: no intervals.
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
    half_life : float, default=None
        Steps back in which the weight of a window halves, from the end of its series; above 0. None: old and new
        windows count alike.
    embed_series : bool, default=False
        Whether the series of a panel, or with ``channel_independent`` the columns, are told apart: its name is one more
        static column. A series that `fit` did not see is none of them. It is worth a try where series differ in what
        their windows do not show, and may be learnt by heart; each adds a column to a regressor of flat rows.

    Attributes
    ----------
    estimator_ : regressor
        The fitted clone.
    roles_ : Roles
        The columns in their roles.
    season_, window_ : int
        The season and the window, given or chosen.
    target_transform_ : tuple
        The transformations of the targets, given (and fitted) or chosen.
    level_, spread_ : str or None
        What is subtracted, and what is divided by, given or chosen.
    calendar_ : tuple of str
        The attributes of the index that the model sees.
    n_samples_ : int
        Windows that the model learnt from; none without weight.
    n_filled_ : int
        Rows absent from the index of `fit` that count as rows of missing values; none for a regressor that takes no
        missing values, none in gaps that no window spans, none of a series of which more rows are absent than there.
    validation_scores_ : DataFrame or None
        How far off the network was on the newest windows, before it had learnt from them, beside repeating the last
        season (the last value where there is none): rows "forecast" and "seasonal_naive", columns "MAE", "RMSE", in the
        units of the targets, "MASE" and "sMAPE", as `backtest` has them. These windows have
        chosen when training stops, so the scores flatter the network a little, and few of them say little: a warning
        says that the default network is behind where those of a series are three horizons or more, and 20 or more. A
        window that equals an older one is none of them. None: the regressor is no network with a validation part.
    calibration_errors_ : array of shape (n_errors, horizon, n_targets) or None
        Absolute errors of the calibration, oldest first, in units of each series' mean absolute deviation (times
        the ``spread`` of the window); differences are undone before they are measured, logarithms and roots are not.
        NaN where a target is missing.
        Of a recursive strategy those of the first step.
    n_features_in_ : int
        Columns of the data of `fit`.
    feature_names_in_ : array of shape (n_features_in_,)
        Their names, if all are strings.

    Examples
    --------
    >>> from sklearn.linear_model import Ridge
    >>> from skrnn import WindowForecaster
    >>> from skrnn.datasets import load_airline_passengers
    >>> passengers = load_airline_passengers(as_frame=True).series
    >>> model = WindowForecaster(Ridge(0.1), window=24, horizon=12, target_transform="log").fit(passengers[:-12])
    >>> forecast = model.forecast(12)
    >>> str(forecast.index[0]), bool(abs(forecast - passengers[-12:]).mean() < 25)
    ('1960-01', True)
    """

    _parameter_constraints: ClassVar[dict[str, Any]] = {
        "estimator": [Learners(), None],
        "window": [integers(1), None],
        "horizon": [integers(1)],
        "strategy": [Options({"direct", "recursive"})],
        **dict.fromkeys(("target", "past", "future", "static"), "no_validation"),  # compared with the data's columns
        **dict.fromkeys(("calendar", "target_transform"), "no_validation"),  # checked item by item
        "season": [integers(1), None],
        "level": [Options({"auto", "last", "mean", "season"}), None],
        "spread": [Options({"auto", "std"}), None],
        "calibration": [reals(0, 1, "neither"), None],
        "channel_independent": ["boolean"],
        "freq": "no_validation",  # by pandas, beside the index
        "bounds": "no_validation",  # two numbers
        "half_life": [reals(0, None, "neither"), None],
        "embed_series": ["boolean"],
    }

    @renamed(transform="target_transform")
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
        target_transform: Any = "auto",
        season: int | None = None,
        level: str | None = "auto",
        spread: str | None = "auto",
        calibration: float | None = None,
        channel_independent: bool = False,
        freq: Any = None,
        bounds: Sequence[float | None] | None = None,
        half_life: float | None = None,
        embed_series: bool = False,
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
        self.target_transform = target_transform
        self.season = season
        self.level = level
        self.spread = spread
        self.calibration = calibration
        self.channel_independent = channel_independent
        self.freq = freq
        self.bounds = bounds
        self.half_life = half_life
        self.embed_series = embed_series

    @renamed(transform="target_transform")
    def set_params(self, **params: Any) -> WindowForecaster:
        """Set parameters.

        Parameters
        ----------
        **params : dict
            Parameters by name; ``estimator__...`` are those of the regressor.

        Returns
        -------
        self : WindowForecaster

        Raises
        ------
        ValueError
            For a name that is none.
        """
        return super().set_params(**params)

    @all_or_nothing
    def fit(self, X: Any, y: Any = None, sample_weight: Any = None) -> WindowForecaster:
        """Learn from all windows of all series.

        Parameters
        ----------
        X : Series or DataFrame
            One series, several in columns, or a panel with a (series, time) MultiIndex. Rows sorted in time. Rows that
            are absent are rows of missing values; for a regressor that takes none of these, and in a series of which
            more rows are absent than there, a gap splits a series.
        y : Series, DataFrame or array of shape (n_rows,) or (n_rows, k), default=None
            The targets, if X holds the covariates alone, each with its role. None: X holds the targets.
        sample_weight : array of shape (n_rows,) or dict, default=None
            How much each row counts as a target, or each series of a panel by its name; at least 0. A window counts as
            much as the rows of its horizon do on average.

        Returns
        -------
        self : WindowForecaster

        Raises
        ------
        ValueError, TypeError
            If the data or a parameter are not usable, or every series is too short.
        """
        self._validate_params()
        estimator, data = _template(self.estimator), self._joined(X, y)
        panel = read_series(data, self.freq)
        weigh, counting = read_weights(sample_weight, self.half_life, data, panel, self.freq)
        setup = make_setup(self, counting, estimator)
        refuse_useless(panel, setup.given_roles)
        if self.estimator is None and 1 < setup.season < setup.window:
            estimator.set_params(segment=setup.season)
        model = for_outputs(estimator, setup.horizon * setup.n_targets)
        setup = embedding(model, setup)
        refuse_weights(weigh, model)
        setup = replace(setup, partial=takes_missing_targets(model)).fitted(setup.given(counting))
        inner = setup.panel(panel)
        views = series_views(setup, inner, inner.histories, weigh=weigh)
        given, windows = setup.given(panel).table, views.samples(setup.partial)
        found, weighed = len(windows.kept), windows.among(np.flatnonzero(window_weights(views, windows.ends, weigh)))
        counted, overlap = len(weighed.kept), overlapping(views, weighed)
        del windows, weighed  # which hold a table of all features
        refuse_negative(views)
        refuse_short(given, views, found)
        several = self.spread == "auto" and len(setup.given(counting).table) > 1 and setup.positive != "counts"
        roots = chooses_transform(self) and learns_quantiles(model)
        if setup.sequences and (several or roots):
            spread, transforms = choose_units(views, weigh, (None, "std") if several else (setup.spread,), roots)
            setup = replace(setup, spread=spread, transforms=transforms)
            views = series_views(setup, inner, inner.histories, weigh=weigh)
        if self.level == "auto" and starts_linear(model) and not setup.positive:
            setup = replace(setup, level=choose_level(views, weigh))
            views = replace(views, setup=setup)
        keep_validation_apart(model, *overlap)
        if self.estimator is None:  # a lone window leaves none to validate on
            model.set_params(early_stopping=counted > 1, refit=counted < _FEW_WINDOWS)
        statistics = dict(zip(views.table.keys, views.statistics, strict=True))
        learnt, calibration = Learnt(model, setup, panel, statistics), None
        if self.calibration is not None:
            calibration = calibrate(model, learnt, views, self.calibration, weigh)
        self.estimator_, validated = learn_validated(model, setup, views, weigh)
        self.validation_scores_, n_validated = validation_scores(validated, views)
        if calibration is not None:
            calibration = calibration.reaching(replace(learnt, regressor=self.estimator_), setup.horizon)
        self._calibration: Calibration | None = calibration
        self._setup, self._panel, self._statistics = setup, panel, statistics
        self._learnt_until = dict(zip(panel.table.keys, panel.table.times.take(panel.table.ends), strict=True))
        self.n_samples_, self.n_filled_ = counted, n_absent(panel, setup.longest_gap)
        self._keep_columns(X)
        warn_of_windows(given, views, found)
        if self.estimator is None:
            warn_of_naive(self.validation_scores_, n_validated, setup)
        return self

    @all_or_nothing
    def update(self, X: Any, y: Any = None) -> WindowForecaster:
        """Append new rows to the history, without learning from them.

        With ``calibration``, the errors of the forecasts that the rows now settle take the place of the oldest ones, so
        that intervals follow a drift (Xu & Xie, "Conformal prediction interval for dynamic time-series", ICML 2021).

        Parameters
        ----------
        X : Series or DataFrame
            Rows after those of the history, with the same columns. New series start a history of their own.
        y : Series, DataFrame or array of shape (n_rows,) or (n_rows, k), default=None
            The targets, as in `fit`.

        Returns
        -------
        self : WindowForecaster

        Raises
        ------
        ValueError, TypeError
            If the rows do not come after the history, or the index is of another kind.
        """
        check_is_fitted(self, "estimator_")
        new = read_series(self._joined(X, y), self.freq, self._panel)
        warn_of_unknown(self._setup, new)
        whole = extend(self._panel, new)
        refuse_useless(whole, self._setup.given_roles)
        if self._calibration is not None:
            table = self._panel.table
            ends = dict(zip(table.keys, table.positions[table.ends], strict=True))
            learnt = replace(self._learnt(), panel=whole.keep([key for key in new.table.keys if key in ends]))
            ends = {key: ends[learnt.wide(key)] for key in learnt.views().table.keys}
            self._calibration = self._calibration.updated(learnt, ends)
        self._panel = whole
        return self

    def forecast(self, steps: int | None = None, *, until: Any = None, future: Any = None, history: Any = None) -> Any:
        """Forecast what follows the history.

        A series whose newest window holds no known target is forecast from its newest known one on, and a warning says
        so. Series whose history does not suffice are left out, and a warning names them, as long as there are others.

        Parameters
        ----------
        steps : int, default=None
            How far; None: ``horizon``.
        until : date, period or number, default=None
            Instead of ``steps``, the time up to which every series is forecast, read as in a slice of the index:
            "2025-03" is the whole month. A series that reaches it already has no forecast.
        future : DataFrame, default=None
            The columns of ``future`` at the times of `future_times`; for a panel without names of series in its index:
            the same for all.
        history : Series or DataFrame, default=None
            What is to be followed instead of the history: an earlier part of it, or another series, with the columns
            of `fit`, which may have another step. It is not learnt from, and not kept. A series that has the name of
            one of `fit`, and no other value at a time of that, is in its units; those of others are measured on the
            rows that are given.

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
        learnt = self._learnt(history)
        ahead = learnt.ahead("forecast", steps, until, future)
        values = learnt.columns(ahead, to_forecasts(learnt.setup, learnt.levels(ahead)[0]))
        found = as_frame(ahead.panel, values, learnt.targets)
        return found.rename(history.name) if isinstance(history, pd.Series) and found.ndim == 1 else found

    def fitted_values(self, step: int = 1) -> Any:
        """Each row of the history as the model forecasts it from what was known ``step`` rows before.

        Of rows that the model learnt from these are no forecasts: they show what it learnt.

        Parameters
        ----------
        step : int, default=1
            How far ahead; at least 1.

        Returns
        -------
        values : Series or DataFrame
            A row for each row of the history, series by series; NaN where no full window is before it.

        Raises
        ------
        sklearn.exceptions.NotFittedError
            Before `fit`.
        """
        check_arguments("WindowForecaster.fitted_values", {"step": [sizes()]}, step=step)
        return fitted_values(self._learnt(), int(step))

    def predict(self, X: Any) -> Doubles:
        """The forecast at each row of X, as scikit-learn's scorers ask for it.

        Rows after the history are forecast from its end, without a look at the targets that X may hold; rows of the
        history from the row before them, as in `fitted_values`.

        Parameters
        ----------
        X : Series or DataFrame
            With the columns of ``future``; others are not read. Rows that are absent in front of one are missing
            values to a regressor that takes these.

        Returns
        -------
        values : ndarray of shape (n_rows,) or (n_rows, n_targets)
            NaN for rows of the history without a full window before them, and of series that a warning names.

        Raises
        ------
        ValueError, TypeError
            If a series is not in the history, or a row of X is at no time that follows it.
        """
        learnt = self._learnt()
        data = X.to_frame() if isinstance(X, pd.Series) else X
        columns = learnt.setup.roles.future
        if isinstance(data, pd.DataFrame):
            data = data[[column for column in data.columns if column in columns]]
        rows = read_series(data, self.freq, self._panel)
        values = values_in_rows(learnt, rows, data.index, data if columns else None)
        return values[:, 0] if values.shape[1] == 1 else values

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
        learnt = self._learnt()
        panel = learnt.endings()
        return times_ahead(panel, learnt.n_needed(max(learnt.counts("future_times", panel, steps, None))))

    def score(self, X: Any, y: Any = None) -> float:
        """R2 of all forecasts of up to ``horizon`` steps made at each row of the data, without learning from them.

        `make_forecast_scorer` has other scores.

        Parameters
        ----------
        X : Series or DataFrame
            Rows that follow the history (they then see its end), or any other rows with the same columns. A warning
            says where they look like a fold of `TimeSeriesSplit`, which tests on other series of a panel; one that
            begins and ends with a series looks like one of `GroupKFold`, and nothing is said.
        y : Series, DataFrame or array of shape (n_rows,) or (n_rows, k), default=None
            The targets, as in `fit`.

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
        return r2_of(self._learnt(), self._scored(X, y))

    @property
    def calibration_errors_(self) -> Doubles | None:
        """Absolute errors (n_errors, horizon, n_targets) of the calibration, oldest first."""
        check_is_fitted(self, "estimator_")
        return None if self._calibration is None else np.abs(self._calibration.blocks[0][..., 0])

    @property
    def roles_(self) -> Any:
        """The columns in their roles: ``target``, ``past``, ``future``, ``static``, ``calendar``."""
        check_is_fitted(self, "estimator_")
        return self._setup.given_roles

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

    @property
    def target_transform_(self) -> tuple[Any, ...]:
        """The transformations of the targets, given (and fitted) or chosen."""
        check_is_fitted(self, "estimator_")
        return self._setup.transforms

    @property
    def level_(self) -> str | None:
        """What is subtracted from the targets in each window, given or chosen."""
        check_is_fitted(self, "estimator_")
        return self._setup.level

    @property
    def spread_(self) -> str | None:
        """What the targets in each window are divided by, given or chosen."""
        check_is_fitted(self, "estimator_")
        return self._setup.spread

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
        keys = {history.key for history in self._panel.histories}
        series = listed("WindowForecaster.among", "series", series, hashable=True)
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
        return self._learnt().able(self._panel)

    def _learnt(self, history: Any = None) -> Learnt:
        """What was learnt, with the history, or with another one in its place."""
        check_is_fitted(self, "estimator_")
        learnt = Learnt(self.estimator_, self._setup, self._panel, self._statistics)
        if history is None:
            return learnt
        following = read_series(history, self.freq, self._panel, other=True)
        warn_of_unknown(self._setup, following)
        return learnt.on(following)

    def _following(self, learnt: Learnt) -> WindowForecaster:
        """The same with another history, whose series keep the centre and scale that they have now."""
        some, views = copy(self), learnt.views()
        some._panel, some._statistics = learnt.panel, dict(zip(views.table.keys, views.statistics, strict=True))
        return some

    def _calibrated(self, steps: int, method: str) -> Calibration | None:
        """The calibration, with the errors of so many steps where the method needs any."""
        if self._calibration is not None and method != "quantile":
            self._calibration = self._calibration.reaching(self._learnt(), steps)
        return self._calibration

    def _at_rows(
        self, X: Any, y: Any, season: int, interval: tuple[float, str] | None, quantiles: Sequence[float]
    ) -> pd.DataFrame:
        """All forecasts of a horizon made at the rows of X; with intervals of a (coverage, method), and quantiles."""
        learnt, found = self._learnt(), None
        if interval is not None:
            coverage, method = interval
            found = correction(learnt, self._calibration, method, coverage, learnt.setup.horizon)
        return frame_of_rows(learnt, self._scored(X, y), season, found, quantiles)

    def _scored(self, X: Any, y: Any) -> Panel:
        """The series of which forecasts are scored."""
        check_is_fitted(self, "estimator_")
        new = read_series(self._joined(X, y), self.freq, self._panel)
        warn_of_split(self._panel, new)
        warn_of_unknown(self._setup, new)
        return new

    def _joined(self, X: Any, y: Any) -> Any:
        """X with the targets y beside it, if these are apart."""
        return with_targets(X, y, *covariates_and_target(self, X, y))

    def _keep_columns(self, X: Any) -> None:
        """``n_features_in_``, and ``feature_names_in_`` if all names are strings."""
        names = [X.name] if isinstance(X, pd.Series) else list(X.columns)
        self.n_features_in_ = len(names)
        if hasattr(self, "feature_names_in_"):
            delattr(self, "feature_names_in_")
        if all(isinstance(name, str) for name in names):
            self.feature_names_in_ = np.array(names, dtype=object)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.two_d_array = False  # series with an index
        tags.input_tags.allow_nan = True
        tags.target_tags.required = False
        return tags


def _template(estimator: Any) -> Any:
    """An unfitted regressor: a clone, or the default."""
    if estimator is not None:
        return prepared(estimator)
    from skrnn.estimators import RNNRegressor

    training: dict[str, Any] = {
        "init": "linear",
        "loss": "absolute_error",
        "learning_rate": 1e-3,
        "early_stopping": True,
        "validation_fraction": 0.15,
    }
    return RNNRegressor(hidden_size=64, random_state=0, **training)


WindowForecaster.__module__ = "skrnn"  # the name that users import

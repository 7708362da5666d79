"""A backtest, drawn."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.base import clone

from skrnn.inspection._axes import COLORS, NEUTRAL, legend_beside, open_axes, space_dates, tidy, whole_steps
from skrnn.inspection._inside import chosen

__all__ = ["BacktestDisplay"]


class BacktestDisplay:
    """The errors of a backtest by step of the horizon and by cutoff, beside those of the seasonal naive forecast.

    Use `from_predictions` to make one of what `skrnn.backtest` returns, or `from_estimator` to run a backtest.

    Parameters
    ----------
    by_step, by_cutoff : DataFrame
        What `BacktestResult.scores` gives, by "step" and by "cutoff".
    measure : {"MAE", "RMSE", "MASE", "sMAPE"}, default="MAE"
        Which error to show.

    Attributes
    ----------
    axes_ : ndarray of two matplotlib Axes
        By step, and over the cutoffs.
    ax_, figure_ : matplotlib Axes and Figure
        The first of them.
    lines_ : list of matplotlib lines
        Forecast and seasonal naive in the first, then in the second.
    line_ : matplotlib line
        The first of them.

    Examples
    --------
    >>> from sklearn.linear_model import Ridge
    >>> from skrnn import WindowForecaster, backtest
    >>> from skrnn.datasets import load_airline_passengers
    >>> from skrnn.inspection import BacktestDisplay
    >>> series = load_airline_passengers(as_frame=True).frame.iloc[:, 0]
    >>> result = backtest(WindowForecaster(Ridge(), window=12, horizon=3), series, initial=100, step=12, season=12)
    >>> display = BacktestDisplay.from_predictions(result)
    >>> [line.get_label() for line in display.lines_[:2]]
    ['forecast', 'seasonal naive']
    """

    def __init__(self, by_step: Any, by_cutoff: Any, measure: str = "MAE"):
        self.by_step = by_step
        self.by_cutoff = by_cutoff
        self.measure = measure

    def plot(self, ax: Any = None) -> BacktestDisplay:
        """Draw.

        Parameters
        ----------
        ax : two matplotlib Axes, default=None
            Where to draw; None: in a new figure.

        Returns
        -------
        self : BacktestDisplay

        Raises
        ------
        ImportError
            Without matplotlib.
        """
        self.axes_ = np.ravel(open_axes(self, ax, (7.0, 5.0), rows=2))
        self.ax_, self.lines_ = self.axes_[0], []
        self.figure_ = self.ax_.figure
        for axes, table, label in zip(
            self.axes_, (self.by_step, self.by_cutoff), ("step ahead", "cutoff"), strict=True
        ):
            wide = table[self.measure].unstack("model")
            times = wide.index.to_timestamp() if hasattr(wide.index, "to_timestamp") else wide.index
            for column, color, style in (("forecast", COLORS[1], "o-"), ("seasonal_naive", NEUTRAL, "s--")):
                name = column.replace("_", " ")
                self.lines_ += axes.plot(times, wide[column], style, color=color, markersize=4, label=name)
            if times.dtype.kind == "M":
                space_dates(axes)
            else:
                whole_steps(axes)
            axes.set_ylim(bottom=0)
            tidy(axes, label, self.measure)
        legend_beside(*self.axes_)
        self.line_ = self.lines_[0]
        return self

    @classmethod
    def from_predictions(cls, result: Any, *, measure: str = "MAE", ax: Any = None) -> BacktestDisplay:
        """Plot what `skrnn.backtest` returned.

        Parameters
        ----------
        result : BacktestResult
        measure : {"MAE", "RMSE", "MASE", "sMAPE"}, default="MAE"
            Which error to show.
        ax : two matplotlib Axes, default=None
            Where to draw; None: in a new figure.

        Returns
        -------
        display : BacktestDisplay

        Raises
        ------
        ValueError
            If there is no such measure.
        """
        by_step, by_cutoff = result.scores("step"), result.scores("cutoff")
        if measure not in by_step.columns:
            raise ValueError(f"measure={measure!r} is none of {', '.join(map(str, by_step.columns))}.")
        return cls(by_step, by_cutoff, measure).plot(ax)

    @classmethod
    def from_estimator(
        cls, forecaster: Any, data: Any, *, measure: str = "MAE", ax: Any = None, **options: Any
    ) -> BacktestDisplay:
        """Run a backtest and plot it.

        Without ``initial`` a clone is fitted to the first two thirds of the times and forecasts from there on: what it
        is measured by is nothing that it has learnt from.

        Parameters
        ----------
        forecaster : WindowForecaster
            Fitted or not; or a fitted search over one.
        data : Series or DataFrame
            As for ``forecaster.fit``.
        measure : {"MAE", "RMSE", "MASE", "sMAPE"}, default="MAE"
            Which error to show.
        ax : two matplotlib Axes, default=None
            Where to draw; None: in a new figure.
        **options
            Of `skrnn.backtest`. Without ``season``, that of the forecaster, given or found in the first two thirds.

        Returns
        -------
        display : BacktestDisplay

        Raises
        ------
        ValueError, TypeError
            If an argument is not usable.
        """
        from skrnn.forecasting import backtest  # needs pandas

        forecaster = chosen(forecaster)
        if "initial" not in options:
            times = data.index.get_level_values(-1).unique().sort_values()
            initial = max(1, 2 * len(times) // 3)
            forecaster = clone(forecaster)
            if not options.get("refit"):
                known = data.index.get_level_values(-1) <= times[initial - 1]
                forecaster.fit(data[known])
            options["initial"] = initial
        season = getattr(forecaster, "season_", None) if hasattr(forecaster, "estimator_") else forecaster.season
        options.setdefault("season", season or 1)
        return cls.from_predictions(backtest(forecaster, data, **options), measure=measure, ax=ax)

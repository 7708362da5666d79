"""Univariate series, cut into windows for forecasting one step ahead."""

from __future__ import annotations

from collections.abc import Callable
from numbers import Integral
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from sklearn.utils import Bunch

from skrnn.datasets._files import checked, import_pandas, make_result, read_csv


@checked
def load_sine_wave(
    *,
    n_points: int = 500,
    window: int = 10,
    return_X_y: bool = False,
    as_frame: bool = False,
) -> Bunch | tuple[Any, Any]:
    """Make a sine wave, cut into windows (forecasting, without noise).

    The series is sin(x) at `n_points` equally spaced points x from 0 to 50: almost eight
    periods, each of about 63 points by default. Two neighbouring values determine the next one
    exactly, so a model can come as close to zero error as its training lets it.

    Parameters
    ----------
    n_points : int, default=500
        Length of the series, at least 2. More points make each step smaller.
    window : int, default=10
        Number of past values in each sample, from 1 to ``n_points - 1``.
    return_X_y : bool, default=False
        If True, return ``(data, target)`` instead of a Bunch.
    as_frame : bool, default=False
        If True, return pandas objects, indexed by the position in the series.

    Returns
    -------
    result : :class:`~sklearn.utils.Bunch` or tuple ``(data, target)``
        The Bunch has these attributes:

        - data : ndarray or DataFrame of shape (n_points - window, window), no unit, -1 to 1.
          The windows, oldest value first. The ndarray is a read-only view of `series`.
        - target : ndarray or Series of shape (n_points - window,).
          The value that follows each window.
        - series : ndarray or Series of shape (n_points,). The whole series.
        - frame : DataFrame of shape (n_points - window, window + 1), or None.
          `data` and `target` side by side, if `as_frame` is True.
        - feature_names : list of str. ``["lag_10", ..., "lag_1"]``.
        - DESCR : str. This description.
        - filename : None. The series is computed, not read.

    Raises
    ------
    ValueError
        If `n_points` is less than 2, or `window` is less than 1 or leaves no target.
    ImportError
        If `as_frame` is True and pandas is not installed.

    Notes
    -----
    Source: computed by this function. Licence: none needed.

    Examples
    --------
    >>> from skrnn.datasets import load_sine_wave
    >>> wave = load_sine_wave()
    >>> wave.data.shape, wave.target.shape
    ((490, 10), (490,))
    """
    n_points = _check_integer("n_points", n_points, 2)
    return _make_windows(
        load_sine_wave,
        np.sin(np.linspace(0.0, 50.0, n_points)),
        name="sine",
        months=None,
        window=window,
        filename=None,
        return_X_y=return_X_y,
        as_frame=as_frame,
    )


@checked
def load_airline_passengers(
    *, window: int = 12, return_X_y: bool = False, as_frame: bool = False
) -> Bunch | tuple[Any, Any]:
    """Load the airline passengers of 1949 to 1960, cut into windows (forecasting, monthly).

    Passengers of international airlines by month: 144 values. The trend rises, and the yearly
    season grows with it: of the last 24 months, 6 lie above all of the 120 before.

    Parameters
    ----------
    window : int, default=12
        Number of past months in each sample, from 1 to 143. With 12 or more, a sample holds
        the same month of the year before.
    return_X_y : bool, default=False
        If True, return ``(data, target)`` instead of a Bunch.
    as_frame : bool, default=False
        If True, return pandas objects, indexed by month (a PeriodIndex).

    Returns
    -------
    result : :class:`~sklearn.utils.Bunch` or tuple ``(data, target)``
        The Bunch has these attributes:

        - data : ndarray or DataFrame of shape (144 - window, window), thousands of passengers,
          104 to 622. The windows, oldest month first. The ndarray is a read-only view of
          `series`.
        - target : ndarray or Series of shape (144 - window,).
          The month that follows each window.
        - series : ndarray or Series of shape (144,). The whole series.
        - frame : DataFrame of shape (144 - window, window + 1), or None.
          `data` and `target` side by side, if `as_frame` is True.
        - feature_names : list of str. ``["lag_12", ..., "lag_1"]``.
        - DESCR : str. This description.
        - filename : str. Name of the file in ``skrnn/datasets/data``.

    Raises
    ------
    ValueError
        If `window` is less than 1 or leaves no target.
    ImportError
        If `as_frame` is True and pandas is not installed.

    Notes
    -----
    Source: G. E. P. Box and G. M. Jenkins, "Time Series Analysis: Forecasting and Control",
    Holden-Day, 1976, series G. Licence: public domain.

    Examples
    --------
    >>> from skrnn.datasets import load_airline_passengers
    >>> X, y = load_airline_passengers(return_X_y=True)
    >>> X.shape, float(y[0])
    ((132, 12), 115.0)
    """
    return _load_monthly(
        load_airline_passengers,
        "airline_passengers.csv",
        name="passengers",
        window=window,
        return_X_y=return_X_y,
        as_frame=as_frame,
    )


@checked
def load_sunspots(*, window: int = 24, return_X_y: bool = False, as_frame: bool = False) -> Bunch | tuple[Any, Any]:
    """Load the sunspot numbers of 1749 to 1983, cut into windows (forecasting, monthly).

    Monthly means of the relative sunspot number: 2,820 values. It rises and falls with a cycle
    of about eleven years that is neither regular in length nor in height. The values are those
    from before the observatories' revision of 2015.

    Parameters
    ----------
    window : int, default=24
        Number of past months in each sample, from 1 to 2,819. A full cycle takes about 132.
    return_X_y : bool, default=False
        If True, return ``(data, target)`` instead of a Bunch.
    as_frame : bool, default=False
        If True, return pandas objects, indexed by month (a PeriodIndex).

    Returns
    -------
    result : :class:`~sklearn.utils.Bunch` or tuple ``(data, target)``
        The Bunch has these attributes:

        - data : ndarray or DataFrame of shape (2820 - window, window), relative sunspot number,
          0 to 253.8. The windows, oldest month first. The ndarray is a read-only view of
          `series`.
        - target : ndarray or Series of shape (2820 - window,).
          The month that follows each window.
        - series : ndarray or Series of shape (2820,). The whole series.
        - frame : DataFrame of shape (2820 - window, window + 1), or None.
          `data` and `target` side by side, if `as_frame` is True.
        - feature_names : list of str. ``["lag_24", ..., "lag_1"]``.
        - DESCR : str. This description.
        - filename : str. Name of the file in ``skrnn/datasets/data``.

    Raises
    ------
    ValueError
        If `window` is less than 1 or leaves no target.
    ImportError
        If `as_frame` is True and pandas is not installed.

    Notes
    -----
    Source: Solar Influences Data Analysis Center (SIDC), Brussels, and National Oceanic and
    Atmospheric Administration (NOAA). Licence: public data.

    Examples
    --------
    >>> from skrnn.datasets import load_sunspots
    >>> sunspots = load_sunspots()
    >>> sunspots.data.shape, sunspots.series[:3].tolist()
    ((2796, 24), [58.0, 62.6, 70.0])
    """
    return _load_monthly(
        load_sunspots,
        "sunspots_monthly.csv",
        name="sunspots",
        window=window,
        return_X_y=return_X_y,
        as_frame=as_frame,
    )


def _load_monthly(loader: Callable[..., Any], filename: str, **options: Any) -> Bunch | tuple[Any, Any]:
    """Read a file of two columns, month and value, and cut its series into windows."""
    months, values = read_csv(filename).values()
    series = np.array(values, dtype=np.float64)
    return _make_windows(loader, series, months=months, filename=filename, **options)


def _make_windows(
    loader: Callable[..., Any],
    series: np.ndarray,
    *,
    name: str,
    months: tuple[str, ...] | None,
    window: int,
    filename: str | None,
    return_X_y: bool,
    as_frame: bool,
) -> Bunch | tuple[Any, Any]:
    """Cut a series into windows; `months` is its time axis, None means plain positions."""
    window = _check_integer("window", window, 1, series.size - 1)
    feature_names = [f"lag_{lag}" for lag in range(window, 0, -1)]
    data: Any = sliding_window_view(series, window)[:-1]  # (n_points - window, window)
    target: Any = series[window:].copy()  # writing to it must not change the windows
    whole: Any = series
    if as_frame:
        pd = import_pandas()
        if months is None:
            time = pd.RangeIndex(series.size, name="step")
        else:
            time = pd.PeriodIndex(months, freq="M", name="month")
        data = pd.DataFrame(data, index=time[window:], columns=feature_names, copy=True)
        target = pd.Series(target, index=time[window:], name=name)
        whole = pd.Series(series, index=time, name=name)
    return make_result(
        loader,
        data,
        target,
        feature_names=feature_names,
        filename=filename,
        return_X_y=return_X_y,
        as_frame=as_frame,
        series=whole,
    )


def _check_integer(name: str, value: object, low: int, high: int | None = None) -> int:
    """The value as Python's int; ValueError unless it is an integer from `low` to `high` (the longest window)."""
    if isinstance(value, Integral) and low <= int(value) and (high is None or int(value) <= high):
        return int(value)
    if high is None:
        raise ValueError(f"{name} must be an integer of at least {low}, got {value!r}.")
    raise ValueError(
        f"{name} must be an integer from {low} to {high}, got {value!r}: the series has "
        f"{high + 1} points, and at least one must follow the first window as its target."
    )

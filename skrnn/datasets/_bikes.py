"""Bike sharing by the hour: a series with covariates, for regression and forecasting."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.utils import Bunch

from skrnn.datasets._files import checked, import_pandas, make_result, read_csv

_FILENAME = "bike_sharing_hour.csv.gz"
# Name of each feature here: name of its column in the file.
_INTEGER_FEATURES = {
    "season": "season",
    "month": "mnth",
    "weekday": "weekday",
    "hour": "hr",
    "holiday": "holiday",
    "workingday": "workingday",
    "weather": "weathersit",
}
_REAL_FEATURES = {
    "temp": "temp",
    "feel_temp": "atemp",
    "humidity": "hum",
    "windspeed": "windspeed",
}
_FEATURES = {**_INTEGER_FEATURES, **_REAL_FEATURES}


@checked
def load_bike_sharing(*, return_X_y: bool = False, as_frame: bool = False) -> Bunch | tuple[Any, Any]:
    """Load the bike rentals of 2011 and 2012 in Washington, D.C. (regression, by the hour).

    The target is the number of bikes rented in an hour. The features are the calendar, which
    is known in advance, and the weather of the same hour, which a forecast would stand for.
    The file's counts of casual and of registered users are left out: they add up to the
    target.

    165 of the 17,544 hours from 2011-01-01 00:00 to 2012-12-31 23:00 are missing, in 75 gaps
    of up to 36 hours, and are not filled in here. (Two of them never were: the hours skipped
    when summer time began.) Neighbouring rows are therefore not always one hour apart: before
    cutting windows, put the rows on a complete time axis, for example with
    ``frame.asfreq("h")``.

    ==========  ==========================================================================
    season      1 winter, 2 spring, 3 summer, 4 autumn
    month       1 to 12
    weekday     0 (Sunday) to 6 (Saturday)
    hour        0 to 23
    holiday     1 on a public holiday, otherwise 0
    workingday  0 at weekends and on holidays, otherwise 1
    weather     1 clear or few clouds, 2 mist, 3 light rain or snow, 4 heavy rain or snow
    temp        temperature, 0 to 1, standing for -8 to 39 °C
    feel_temp   temperature as felt, 0 to 1, standing for -16 to 50 °C
    humidity    relative humidity, 0 to 1
    windspeed   speed of the wind divided by its maximum of 67, 0 to 0.8507
    ==========  ==========================================================================

    Parameters
    ----------
    return_X_y : bool, default=False
        If True, return ``(data, target)`` instead of a Bunch.
    as_frame : bool, default=False
        If True, return pandas objects, indexed by "time" (a DatetimeIndex, the start of each
        hour, local time).

    Returns
    -------
    result : :class:`~sklearn.utils.Bunch` or tuple ``(data, target)``
        The Bunch has these attributes:

        - data : ndarray or DataFrame of shape (17379, 11). The features in the table above,
          in its order and units; dtype float64. In the DataFrame, the first seven are int64.
        - target : ndarray or Series of shape (17379,), dtype float64.
          Rented bikes in the hour, 1 to 977, named "count".
        - frame : DataFrame of shape (17379, 12), or None.
          `data` and `target` side by side, if `as_frame` is True.
        - feature_names : list of 11 str.
        - DESCR : str. This description.
        - filename : str. Name of the file in ``skrnn/datasets/data``.

    Raises
    ------
    ImportError
        If `as_frame` is True and pandas is not installed.

    Notes
    -----
    Source: H. Fanaee-T and J. Gama, "Event labeling combining ensemble detectors and background
    knowledge", Progress in Artificial Intelligence 2, 113-127, 2013; UCI Machine Learning
    Repository, "Bike Sharing". Licence: CC BY 4.0.

    Examples
    --------
    >>> from skrnn.datasets import load_bike_sharing
    >>> bikes = load_bike_sharing()
    >>> bikes.data.shape, bikes.target[:3].tolist()
    ((17379, 11), [16.0, 40.0, 32.0])
    """
    columns = read_csv(_FILENAME)
    feature_names = list(_FEATURES)
    data: Any = np.column_stack([np.array(columns[name], dtype=np.float64) for name in _FEATURES.values()])
    target: Any = np.array(columns["cnt"], dtype=np.float64)
    if as_frame:
        pd = import_pandas()
        hours = [f"{day}T{int(hour):02}:00" for day, hour in zip(columns["dteday"], columns["hr"], strict=True)]
        time = pd.DatetimeIndex(hours, name="time")
        data = pd.DataFrame(data, index=time, columns=feature_names)
        data = data.astype(dict.fromkeys(_INTEGER_FEATURES, np.int64))
        target = pd.Series(target, index=time, name="count")
    return make_result(
        load_bike_sharing,
        data,
        target,
        feature_names=feature_names,
        filename=_FILENAME,
        return_X_y=return_X_y,
        as_frame=as_frame,
    )

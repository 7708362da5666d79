"""The windows that a forecaster's regressor learns from, for those who look inside."""

from __future__ import annotations

from typing import Any, NamedTuple

from skrnn._types import Doubles
from skrnn.forecasting._calendar import is_holiday
from skrnn.forecasting._forecaster import WindowForecaster
from skrnn.forecasting._series import stacked_windows

__all__ = ["ModelWindows", "model_windows"]


class ModelWindows(NamedTuple):
    """Windows as the regressor takes them, (n, window, n_features) or flat, the targets that follow, and the features.

    Both are in the units of the regressor: standard units of each series, less the level of each window.
    """

    X: Doubles
    y: Doubles
    names: list[str]


def model_windows(forecaster: WindowForecaster, data: Any = None, y: Any = None) -> ModelWindows:
    """All windows of the data of which the horizon is known; None: of the history of the fitted forecaster.

    Raises
    ------
    sklearn.exceptions.NotFittedError
        Before `fit`.
    ValueError, TypeError
        If the data are not usable, or hold no window with a horizon behind it.
    """
    learnt = forecaster._learnt(None if data is None else forecaster._joined(data, y))
    setup = learnt.setup
    X, Y, _ = stacked_windows(setup, learnt.views().samples(setup.partial))
    if not len(X):
        needed = setup.lag + setup.window + setup.horizon
        raise ValueError(
            f"The data hold no window to look at: window={setup.window} and horizon={setup.horizon} need {needed} rows "
            "that follow each other."
        )
    roles = setup.roles
    waves = [[name] if is_holiday(name) else [f"{name} (sine)", f"{name} (cosine)"] for name in roles.calendar]
    names = [*roles.target, *roles.past, *roles.static, *(name for pair in waves for name in pair), *roles.future]
    return ModelWindows(setup.arrange(X), setup.flat(Y), [str(name) for name in names])

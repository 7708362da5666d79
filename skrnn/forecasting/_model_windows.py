"""The windows that a forecaster's regressor learns from, for those who look inside."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, NamedTuple

from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from skrnn._types import Doubles
from skrnn.forecasting._features import feature_names
from skrnn.forecasting._forecaster import WindowForecaster
from skrnn.forecasting._series import stacked_windows
from skrnn.forecasting._table import Channel

__all__ = ["ModelWindows", "coded_windows", "model_windows"]


class ModelWindows(NamedTuple):
    """Windows as the regressor takes them, (n, window, n_features) or flat, the targets that follow, the names of the
    features of a step, and the regressor.

    Both are in the units of the regressor: standard units of each series, less the level of each window.
    ``categories`` are those of the features that are numbers of categories.
    """

    X: Doubles
    y: Doubles
    names: list[str]
    regressor: Any
    categories: Mapping[int, Sequence[Any]] = MappingProxyType({})


def model_windows(forecaster: WindowForecaster, data: Any = None, y: Any = None) -> ModelWindows:
    """All windows of the data of which the horizon is known; None: of the history of the fitted forecaster.

    Raises
    ------
    sklearn.exceptions.NotFittedError
        Before `fit`.
    ValueError, TypeError
        If the data are not usable, or hold no window with a horizon behind it.
    """
    found = _windows(forecaster, data, y)
    setup = forecaster._setup
    embeds = setup.encoding == "codes"
    names = [name for place, name in enumerate(found.names) if embeds or place not in found.categories]
    for code in [] if embeds else setup.codes:
        if setup.encoding == "steps" or not code.constant:
            names += [f"{found.names[code.place]}_{value}" for value in found.categories[code.place]]
    return ModelWindows(setup.arrange(found.X), found.y, names, forecaster.estimator_)


def coded_windows(forecaster: WindowForecaster, data: Any = None, y: Any = None) -> ModelWindows:
    """The same, but each category is one feature, its number, which the regressor of what is returned reads.

    Without categories these are those of `model_windows`.
    """
    setup, found = forecaster._setup, _windows(forecaster, data, y)
    if not found.categories:
        return found._replace(X=setup.arrange(found.X))
    return found._replace(regressor=make_pipeline(FunctionTransformer(setup.arrange), forecaster.estimator_))


def _windows(forecaster: WindowForecaster, data: Any, y: Any) -> ModelWindows:
    """The windows (n, window, n_features) with the numbers of categories."""
    learnt = forecaster._learnt(None if data is None else forecaster._joined(data, y))
    setup = learnt.setup
    X, Y, _ = stacked_windows(setup, learnt.views().samples(setup.partial))
    if not len(X):
        needed = setup.lag + setup.window + setup.horizon
        raise ValueError(
            f"The data hold no window to look at: window={setup.window} and horizon={setup.horizon} need {needed} rows "
            "that follow each other."
        )
    features = feature_names(setup.roles, bool(setup.series))
    categories = {}
    for code in setup.codes:
        role, name = features[code.place]
        found = [_label(key) for key in setup.series] if role == "series" else learnt.panel.categories[name]
        categories[code.place] = list(found[: code.n_categories])
    return ModelWindows(X, setup.flat(Y), [str(name) for _, name in features], forecaster.estimator_, categories)


def _label(key: Any) -> Any:
    """The name of a series as one value."""
    if isinstance(key, Channel):
        return key.column if key.series is None else f"{_label(key.series)}, {key.column}"
    return ", ".join(map(str, key)) if isinstance(key, tuple) else key

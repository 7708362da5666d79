"""Recurrent neural networks for scikit-learn.

Public names are loaded when they are first asked for (PEP 562): ``import skrnn`` is quick and loads neither torch nor
pandas.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from skrnn.version import __version__

if TYPE_CHECKING:
    from skrnn.estimators import (
        RNNClassifier,
        RNNLanguageModel,
        RNNOutlierDetector,
        RNNRegressor,
        RNNSeq2Seq,
        RNNSequenceTransformer,
        Stream,
    )
    from skrnn.exceptions import DivergenceError, ModelFileError
    from skrnn.export import to_onnx
    from skrnn.forecasting import WindowForecaster, backtest, make_forecast_scorer
    from skrnn.inspection import ForecastDisplay
    from skrnn.persistence import TRUSTED_TYPES, load, save
    from skrnn.streaming import PipelineStream, stream
    from skrnn.windowing import LagsToSequence, PanelTimeSeriesSplit, SlidingWindow, StepwiseTransformer, make_windows

__all__ = [
    "TRUSTED_TYPES",
    "DivergenceError",
    "ForecastDisplay",
    "LagsToSequence",
    "ModelFileError",
    "PanelTimeSeriesSplit",
    "PipelineStream",
    "RNNClassifier",
    "RNNLanguageModel",
    "RNNOutlierDetector",
    "RNNRegressor",
    "RNNSeq2Seq",
    "RNNSequenceTransformer",
    "SlidingWindow",
    "StepwiseTransformer",
    "Stream",
    "WindowForecaster",
    "__version__",
    "backtest",
    "load",
    "make_forecast_scorer",
    "make_windows",
    "save",
    "stream",
    "to_onnx",
]

_HOME = {
    "DivergenceError": "exceptions",
    "ForecastDisplay": "inspection",
    "LagsToSequence": "windowing",
    "ModelFileError": "exceptions",
    "PanelTimeSeriesSplit": "windowing",
    "PipelineStream": "streaming",
    "RNNClassifier": "estimators",
    "RNNLanguageModel": "estimators",
    "RNNOutlierDetector": "estimators",
    "RNNRegressor": "estimators",
    "RNNSeq2Seq": "estimators",
    "RNNSequenceTransformer": "estimators",
    "SlidingWindow": "windowing",
    "StepwiseTransformer": "windowing",
    "Stream": "estimators",
    "TRUSTED_TYPES": "persistence",
    "WindowForecaster": "forecasting",
    "backtest": "forecasting",
    "load": "persistence",
    "make_forecast_scorer": "forecasting",
    "make_windows": "windowing",
    "save": "persistence",
    "stream": "streaming",
    "to_onnx": "export",
}


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)

"""Floor 3: weights from data. One verb, `train`, that takes finished values and returns a finished value."""

from skrnn.training._config import Observer, Progress, TrainingConfig, TrainingResult, TrainingSet
from skrnn.training._flow import Asked, LayerFlow, layer_flows
from skrnn.training._linear import Linear, NewestSteps, fit_by_absolute_errors, fit_linear
from skrnn.training._loop import train
from skrnn.training._ngrams import NGrams
from skrnn.training._optimizers import OPTIMIZERS
from skrnn.training._predict import predict_attention, predict_outputs, predict_tokens
from skrnn.training._refit import train_and_refit
from skrnn.training._several import train_several
from skrnn.training._shares import Shares, both_ways

__all__ = [
    "OPTIMIZERS",
    "Asked",
    "LayerFlow",
    "Linear",
    "NGrams",
    "NewestSteps",
    "Observer",
    "Progress",
    "Shares",
    "TrainingConfig",
    "TrainingResult",
    "TrainingSet",
    "both_ways",
    "fit_by_absolute_errors",
    "fit_linear",
    "layer_flows",
    "predict_attention",
    "predict_outputs",
    "predict_tokens",
    "train",
    "train_and_refit",
    "train_several",
]

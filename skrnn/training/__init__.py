"""Floor 3: weights from data. One verb, `train`, that takes finished values and returns a finished value."""

from skrnn.training._config import Observer, Progress, TrainingConfig, TrainingResult, TrainingSet
from skrnn.training._flow import Asked, LayerFlow, layer_flows
from skrnn.training._linear import Linear, fit_linear, newest_steps
from skrnn.training._loop import train
from skrnn.training._optimizers import OPTIMIZERS
from skrnn.training._predict import predict_attention, predict_outputs, predict_tokens
from skrnn.training._several import train_several

__all__ = [
    "OPTIMIZERS",
    "Asked",
    "LayerFlow",
    "Linear",
    "Observer",
    "Progress",
    "TrainingConfig",
    "TrainingResult",
    "TrainingSet",
    "fit_linear",
    "layer_flows",
    "newest_steps",
    "predict_attention",
    "predict_outputs",
    "predict_tokens",
    "train",
    "train_several",
]

"""Floor 3: weights from data. One verb, `train`, that takes finished values and returns a finished value."""

from skrnn.training._config import Observer, Progress, TrainingConfig, TrainingResult, TrainingSet
from skrnn.training._loop import train
from skrnn.training._predict import predict_outputs

__all__ = [
    "Observer",
    "Progress",
    "TrainingConfig",
    "TrainingResult",
    "TrainingSet",
    "predict_outputs",
    "train",
]

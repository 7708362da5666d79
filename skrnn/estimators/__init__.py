"""Floor 4: the estimators, the only objects that remember."""

from skrnn.estimators._classifier import RNNClassifier
from skrnn.estimators._language import RNNLanguageModel
from skrnn.estimators._opened import Opened, open_fitted, writes_tokens
from skrnn.estimators._regressor import RNNRegressor
from skrnn.estimators._seq2seq import RNNSeq2Seq
from skrnn.estimators._stream import Stream
from skrnn.estimators._transformer import RNNSequenceTransformer

__all__ = [
    "Opened",
    "RNNClassifier",
    "RNNLanguageModel",
    "RNNRegressor",
    "RNNSeq2Seq",
    "RNNSequenceTransformer",
    "Stream",
    "open_fitted",
    "writes_tokens",
]

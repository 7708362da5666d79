"""Floor 4: the estimators, the only objects that remember."""

from skrnn._garbage import uncollected

with uncollected(lasting=True):  # with scikit-learn, SciPy and Numba, a sixth of the time of their imports
    from skrnn.estimators._classifier import RNNClassifier
    from skrnn.estimators._fitted import Fitted
    from skrnn.estimators._language import RNNLanguageModel
    from skrnn.estimators._opened import Opened, fitted_of, open_fitted, reads_characters, writes_tokens
    from skrnn.estimators._outliers import RNNOutlierDetector
    from skrnn.estimators._regressor import RNNRegressor
    from skrnn.estimators._seq2seq import RNNSeq2Seq
    from skrnn.estimators._stream import Stream
    from skrnn.estimators._transformer import RNNSequenceTransformer

__all__ = [
    "Fitted",
    "Opened",
    "RNNClassifier",
    "RNNLanguageModel",
    "RNNOutlierDetector",
    "RNNRegressor",
    "RNNSeq2Seq",
    "RNNSequenceTransformer",
    "Stream",
    "fitted_of",
    "open_fitted",
    "reads_characters",
    "writes_tokens",
]

"""A wing beside the floors: transformers on the axis of time. NumPy and scikit-learn alone."""

from skrnn.windowing._stepwise import StepwiseTransformer

__all__ = ["StepwiseTransformer"]

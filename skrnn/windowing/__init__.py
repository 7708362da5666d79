"""A wing beside the floors: windows, and transformers on the axis of time. NumPy and scikit-learn alone."""

from skrnn.windowing._sliding import SlidingWindow
from skrnn.windowing._stepwise import StepwiseTransformer
from skrnn.windowing._windows import make_windows

__all__ = ["SlidingWindow", "StepwiseTransformer", "make_windows"]

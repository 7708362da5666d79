"""A wing beside the floors: windows, and transformers on the axis of time. NumPy and scikit-learn alone."""

from skrnn.windowing._index import read_index
from skrnn.windowing._sliding import SlidingWindow
from skrnn.windowing._step import Step, times_after
from skrnn.windowing._stepwise import StepwiseTransformer
from skrnn.windowing._windows import make_windows, windows_of

__all__ = [
    "SlidingWindow",
    "Step",
    "StepwiseTransformer",
    "make_windows",
    "read_index",
    "times_after",
    "windows_of",
]

"""A wing beside the floors: windows, and transformers on the axis of time. NumPy and scikit-learn alone."""

from skrnn.windowing._frequency import is_rows
from skrnn.windowing._index import Seen, read_index, rows_before, run_begins, several_ranges
from skrnn.windowing._lost import ADVICE
from skrnn.windowing._rows import first_large
from skrnn.windowing._sliding import SlidingWindow
from skrnn.windowing._split import PanelTimeSeriesSplit, warn_of_other_series
from skrnn.windowing._step import Step, first_positions, moments_of
from skrnn.windowing._stepwise import StepwiseTransformer
from skrnn.windowing._windows import make_windows, windows_of

__all__ = [
    "ADVICE",
    "PanelTimeSeriesSplit",
    "Seen",
    "SlidingWindow",
    "Step",
    "StepwiseTransformer",
    "first_large",
    "first_positions",
    "is_rows",
    "make_windows",
    "moments_of",
    "read_index",
    "rows_before",
    "run_begins",
    "several_ranges",
    "warn_of_other_series",
    "windows_of",
]

"""A wing beside the floors: windows, and transformers on the axis of time. NumPy and scikit-learn alone."""

from skrnn.windowing._frequency import is_rows
from skrnn.windowing._index import Seen, kind_of_times, read_index, rows_before, run_begins, several_ranges
from skrnn.windowing._lags import LagsToSequence
from skrnn.windowing._lost import ADVICE
from skrnn.windowing._plain_steps import (
    check_rows,
    freq_from_plain,
    is_counts,
    keys_from_plain,
    plain_freq,
    plain_steps,
    steps_from_plain,
)
from skrnn.windowing._plain_times import index_from_plain, key_from_plain, plain_index, plain_key
from skrnn.windowing._rows import first_large
from skrnn.windowing._sliding import SlidingWindow
from skrnn.windowing._split import PanelTimeSeriesSplit, warn_of_other_series
from skrnn.windowing._step import Step, first_positions, moments_of, numbers_of, ranks_of
from skrnn.windowing._stepwise import StepwiseTransformer
from skrnn.windowing._windows import make_windows, windows_of

__all__ = [
    "ADVICE",
    "LagsToSequence",
    "PanelTimeSeriesSplit",
    "Seen",
    "SlidingWindow",
    "Step",
    "StepwiseTransformer",
    "check_rows",
    "first_large",
    "first_positions",
    "freq_from_plain",
    "index_from_plain",
    "is_counts",
    "is_rows",
    "key_from_plain",
    "keys_from_plain",
    "kind_of_times",
    "make_windows",
    "moments_of",
    "numbers_of",
    "plain_freq",
    "plain_index",
    "plain_key",
    "plain_steps",
    "ranks_of",
    "read_index",
    "rows_before",
    "run_begins",
    "several_ranges",
    "steps_from_plain",
    "warn_of_other_series",
    "windows_of",
]

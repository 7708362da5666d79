"""Floor 1: raw X becomes a validated, immutable `SequenceBatch`; nobody below checks again."""

from skrnn.sequences._batch import SequenceBatch
from skrnn.sequences._canonical import CanonicalRows, canonical_rows
from skrnn.sequences._categories import (
    check_categories,
    keep_used_categories,
    kind_of_categories,
    number_by_frequency,
    number_categories,
    open_categories,
    plain_categories,
)
from skrnn.sequences._characters import texts_of
from skrnn.sequences._check import check_sequences
from skrnn.sequences._container import column_as_list, detached, is_ragged, open_container
from skrnn.sequences._distinct import distinct
from skrnn.sequences._door import Columns, read_X, refuse_frame
from skrnn.sequences._lag_names import Lag, read_lags
from skrnn.sequences._mixed import number_step
from skrnn.sequences._numbers import as_numbers, decoded, refuse_mask
from skrnn.sequences._scaling import InputScaling, batch_chunks, check_scaling, chunk_size
from skrnn.sequences._segments import segment_positions
from skrnn.sequences._statistics import mean_and_scale, weighted_mean_and_scale

__all__ = [
    "CanonicalRows",
    "Columns",
    "InputScaling",
    "Lag",
    "SequenceBatch",
    "as_numbers",
    "batch_chunks",
    "canonical_rows",
    "check_categories",
    "check_scaling",
    "check_sequences",
    "chunk_size",
    "column_as_list",
    "decoded",
    "detached",
    "distinct",
    "is_ragged",
    "keep_used_categories",
    "kind_of_categories",
    "mean_and_scale",
    "number_by_frequency",
    "number_categories",
    "number_step",
    "open_categories",
    "open_container",
    "plain_categories",
    "read_X",
    "read_lags",
    "refuse_frame",
    "refuse_mask",
    "segment_positions",
    "texts_of",
    "weighted_mean_and_scale",
]

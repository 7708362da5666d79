"""The values of X become a `SequenceBatch` here, or an error that says why not."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial, reduce
from operator import attrgetter
from typing import Any, Literal

import numpy as np

from skrnn._types import Array, Floats, Integers
from skrnn.sequences._batch import SequenceBatch
from skrnn.sequences._chunks import row_chunks
from skrnn.sequences._hashes import hashes_and_bound
from skrnn.sequences._layout import check_shape, read_array, read_list
from skrnn.sequences._numbers import ENCODE, as_numbers
from skrnn.sequences._statistics import StepSums

__all__ = ["check_sequences", "finished_batch", "precision"]

_LARGEST = float(np.finfo(np.float32).max)

Dtype = type[np.floating[Any]]


def check_sequences(
    X: Any,
    *,
    features_per_step: int | Literal["all"] = 1,
    name: str,
    feature_names: Any = None,
    dtype: Dtype | None = None,
    texts: str = ENCODE,
    hashed: bool = False,
    summed: bool = False,
) -> SequenceBatch:
    """Validate the values of X.

    Parameters
    ----------
    X : array, data frame or list of arrays, as `open_container` returns it
        (n_samples, n_timesteps, n_features), (n_samples, n_timesteps * features_per_step), or a list of
        (n_timesteps_i, n_features) or (n_timesteps_i,) arrays.
    features_per_step : int or "all", default=1
        How a flat row folds into steps.
    name : str
        The estimator's name, for messages.
    feature_names : sequence of str, default=None
        Names of the columns of X, for messages.
    dtype : float32 or float64, default=None
        The dtype of the steps. None: float32 where it has every value of X (as float32, float16 or 16-bit integers are
        given), else float64.
    texts : str
        What a message says to do with texts.
    hashed : bool
        Whether the hashes of the steps will be asked for: one read may do for them and for the checks.
    summed : bool
        Whether the moments of all steps will, too.

    Returns
    -------
    SequenceBatch

    Raises
    ------
    ValueError, TypeError
        The message says what was given and where, what is expected, and what to do.
    """
    if isinstance(X, list):
        read = partial(_read_sequence, name=name, advice=texts)
        parts, starts, spans = read_list(X, read, "shape (n_timesteps, n_features) with the same n_features", "fiub")
        own = dtype or precision(map(attrgetter("dtype"), parts))
        with np.errstate(over="ignore"):  # a number too large for float64 becomes infinite and is refused below
            steps = np.concatenate(parts, dtype=own, casting="unsafe")
        steps = steps.reshape(len(steps), -1)
    else:
        table, starts, spans = read_array(as_numbers(X, name, advice=texts), features_per_step, name)
        with np.errstate(over="ignore"):
            steps = np.ascontiguousarray(table, dtype=dtype or precision([table.dtype]))
    folded = not isinstance(X, list) and len(X.shape) == 2
    return finished_batch(steps, starts, spans, feature_names, folded, hashed, summed)


def finished_batch(
    steps: Floats,
    starts: Integers,
    spans: Integers,
    feature_names: Any,
    folded: bool,
    hashed: bool = False,
    summed: bool = False,
) -> SequenceBatch:
    """Sequences in a table of steps, whose values are looked at; ``folded``: they were rows of a table."""
    sums = StepSums(steps) if summed else None
    found = hashes_and_bound(steps, starts, spans, sums.read if sums else None) if hashed else None
    complete, fits = (True, True) if found and found[1] <= _LARGEST else _look_at(steps)
    if not fits:
        _refuse_infinity(steps, starts, spans, feature_names, folded)
    batch = SequenceBatch.from_spans(steps, starts, spans, complete=complete)
    if found is None or batch.lengths is not spans:  # padding was cut off
        return batch
    return batch.with_hashes(found[0], sums.moments if sums else None)


def precision(dtypes: Iterable[np.dtype[Any]]) -> Dtype:
    """The smaller of float32 and float64 that has every value of some dtypes; float64 if neither does."""
    common = reduce(np.promote_types, set(dtypes), np.dtype(np.float32))
    return np.float32 if common == np.float32 else np.float64


def _look_at(steps: Floats) -> tuple[bool, bool]:
    """Whether no value is missing, infinite or beyond float32, and whether none is infinite or beyond float32."""
    clean = fits = True
    with np.errstate(invalid="ignore"):
        for rows in row_chunks(*steps.shape):
            part = steps[rows]
            if not (part.min() >= -_LARGEST and part.max() <= _LARGEST):
                clean = False
                fits &= not (np.abs(part) > _LARGEST).any()
    return clean, fits


def _read_sequence(item: Any, label: str, name: str, advice: str) -> Array:
    """One item of a list as an array of numbers, (n_timesteps, n_features) or (n_timesteps,)."""
    if type(item) is np.ndarray and item.dtype.kind in "fiub" and item.ndim in (1, 2) and item.size:
        return item  # what lists of a million sequences hold
    form = "every sequence needs shape (n_timesteps, n_features) or (n_timesteps,)"
    try:
        shape = np.shape(item)
    except ValueError:
        raise ValueError(f"{label} has time steps with different numbers of features; {form}.") from None
    check_shape(shape, label, form)
    if len(shape) == 2 and shape[1] == 0:
        raise ValueError(f"{label} has 0 feature(s) (shape={shape}) while a minimum of 1 is required by {name}.")
    return as_numbers(item, name, label, advice)


def _refuse_infinity(steps: Floats, starts: Integers, spans: Integers, feature_names: Any, folded: bool) -> None:
    """Infinite values, and those beyond float32, named by the place of the first."""
    with np.errstate(invalid="ignore"):
        large = np.abs(steps) > _LARGEST
    step, feature = (int(index[0]) for index in np.nonzero(large))
    sequence = int(np.argmax((starts <= step) & (step < starts + spans)))
    time_step = step - int(starts[sequence])
    column = time_step * steps.shape[1] + feature if folded else feature
    label = repr(str(feature_names[column])) if feature_names is not None else str(feature)
    raise ValueError(
        "Input X contains infinity or a value too large for dtype('float32'). "
        f"(first at sequence {sequence}, time step {time_step}, feature {label}). Write NaN where a value is missing, "
        "and scale numbers beyond 1e38 down."
    )

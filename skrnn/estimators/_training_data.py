"""From validated rows to training sets: the validation tail, the canonical form, and the statistics after it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from math import prod
from typing import Any, NamedTuple

import numpy as np

from skrnn._ridge import InTime
from skrnn._types import Array, Doubles, Flags, Integers, Singles
from skrnn._warnings import warn_caller
from skrnn.estimators._own_start import OwnStart
from skrnn.estimators._parameters import Parameters
from skrnn.exceptions import NoValueError, without_value
from skrnn.objectives import Objective, Scalings
from skrnn.sequences import (
    Columns,
    InputScaling,
    SequenceBatch,
    canonical_rows,
    keep_used_categories,
    number_by_frequency,
)
from skrnn.tasks import NextToken, Targets, Task
from skrnn.training import Linear, TrainingSet

__all__ = ["FitData", "Part", "category_counts", "naming_columns", "prepare", "refuse_features_without_values"]

_ROWS_BESIDE_FEATURES = 20  # different rows: a network soon spoils the start that MiniRocket or n-grams give it
_ROWS_TO_KEEP = 3  # of a class: to give one away, "auto" needs more
_UNKNOWN = 0.25  # of a category that occurs n times, the part _UNKNOWN / (_UNKNOWN + n) is read as unknown


@dataclass(frozen=True, eq=False)
class FitData:
    """Everything that `train` needs but the network and its parameters; the columns, whose categories are those that
    the training part holds, with ``refit`` all rows; the rows of the gap between training and validation part; with
    ``refit``, all rows; and the model that the network starts from, if there is one, and the same as it was for the
    validation part. ``held_out``: which rows of X that part is (n_samples,); ``apart``: none of them, and nothing is
    learnt from it.
    """

    columns: Columns
    objective: Objective
    scalings: Scalings
    training: TrainingSet
    validation: TrainingSet | None
    gap: TrainingSet | None = None
    whole: TrainingSet | None = None
    linear: Linear | OwnStart | None = None
    linear_validated: Linear | OwnStart | None = None
    held_out: Flags | None = None
    apart: bool = False


class Part(NamedTuple):
    """Sequences and their targets."""

    batch: SequenceBatch
    targets: Targets


def prepare(
    task: Task,
    batch: SequenceBatch,
    columns: Columns,
    targets: Targets,
    scalings: Scalings | None,
    parameters: Parameters,
    name: str,
    read_apart: Callable[[Columns], Part] | None = None,
) -> FitData:
    """Make the training set; ``scalings`` are kept if given, else learnt from it.

    ``read_apart``: reads what to validate on, if it was given by itself.
    """
    held_out, gap, kept = None, None, targets.sample_weights
    if parameters.early_stopping and read_apart is None:
        held_out = _tail(batch, targets, parameters, task, columns, name)
    if held_out is not None:
        gap = _before(held_out, targets.sample_weights, prod(parameters.rows_in_gap))
        kept = targets.sample_weights * ~(held_out if gap is None else held_out | gap)
    embeds, fresh, refits = bool(columns.categories), scalings is None, parameters.refit and held_out is not None
    if embeds and fresh:
        used = targets.sample_weights if refits else kept
        batch, categories = keep_used_categories(batch, columns.categories, used > 0)
        columns = replace(columns, categories=categories)
    canonical = canonical_rows(batch, targets.values, kept, last=held_out is None)
    if fresh and parameters.softmax == "adaptive" and isinstance(task, NextToken):
        batch, columns = _by_frequency(batch, columns, canonical.rows, canonical.weights)
    distinct = batch.take(canonical.rows)
    learnt = Targets(_take(targets.values, canonical.rows), canonical.weights)
    when, unit = _in_time(canonical.rows, kept, targets, targets, parameters), canonical.unit
    del canonical, kept  # with millions of windows, every array counts
    if scalings is None:
        if columns.embeds_all:
            inputs = InputScaling.of_categories(batch.n_features)
        else:
            inputs = _fit_inputs(parameters.scaling, batch, distinct, learnt.sample_weights, columns.vocabulary)
        scalings = Scalings(inputs, task.fit_scaling(learnt, inputs, distinct, name))
    unknown = _unknown_rates(distinct, columns.categories)
    training = _make_set(task, distinct, learnt, scalings, unknown, when, unit)

    def part(chosen: Flags | None, rows: Part) -> TrainingSet | None:
        if chosen is None or not chosen.any():
            return None
        weights = rows.targets.sample_weights * chosen
        rest = canonical_rows(rows.batch, rows.targets.values, weights)
        taken = Targets(_take(rows.targets.values, rest.rows), rest.weights)
        when = _in_time(rest.rows, weights, rows.targets, targets, parameters)
        return _make_set(task, rows.batch.take(rest.rows), taken, scalings, unknown, when, rest.unit)

    given = Part(batch, targets)
    validation = part(held_out, given)
    whole = part(np.ones(len(targets.sample_weights), dtype=bool) if refits else None, given)
    if embeds and whole is not None and validation is not None:
        rates = zip(unknown, _unknown_rates(whole.batch, columns.categories), strict=True)
        whole = replace(whole, unknown=tuple(np.where(rate < 1, rate, later) for rate, later in rates))
        validation = validation.without_unseen() if fresh else validation
    objective = task.objective(columns.vocabulary)
    if read_apart is not None:
        apart = read_apart(columns)
        _check_width(apart.targets, targets, name)
        validation = part(np.ones(len(apart.targets.sample_weights), dtype=bool), apart)
        return FitData(columns, objective, scalings, training, validation, apart=True)
    return FitData(columns, objective, scalings, training, validation, part(gap, given), whole, held_out=held_out)


def _fit_inputs(
    kind: str | None, batch: SequenceBatch, distinct: SequenceBatch, weights: Doubles, vocabulary: tuple[int, ...]
) -> InputScaling:
    """The scaling of the distinct rows, which does not depend on their order: if they are all rows and weigh the same,
    they are read quickest in that of X.
    """
    every = weights.strides == (0,) and distinct.n_samples == batch.n_samples
    return InputScaling.fit(kind, batch if every else distinct, weights, vocabulary)


def _by_frequency(
    batch: SequenceBatch, columns: Columns, rows: Integers, weights: Doubles
) -> tuple[SequenceBatch, Columns]:
    """Categories numbered by how frequent they are in the rows, whose order, the canonical one, is that of the sums."""
    some = batch.take(rows)
    counts = [category_counts(some, f, size, weights) for f, size in enumerate(columns.vocabulary)]
    batch, categories = number_by_frequency(batch, columns.categories, counts)
    return batch, replace(columns, categories=categories)


def _check_width(apart: Targets, targets: Targets, name: str) -> None:
    """Refuse a y_val with another number of columns than y."""
    values, others = targets.values, apart.values
    if isinstance(values, np.ndarray) and isinstance(others, np.ndarray):
        found, needed = others.shape[1], values.shape[1]
    elif isinstance(values, SequenceBatch) and isinstance(others, SequenceBatch):
        found, needed = others.n_features - 1, values.n_features - 1
    else:
        return
    if found != needed:
        raise ValueError(f"y_val of {name} has {found} target(s), y has {needed}.")


def _make_set(
    task: Task,
    batch: SequenceBatch,
    targets: Targets,
    scalings: Scalings,
    unknown: tuple[Singles, ...],
    when: InTime | None,
    unit: float,
) -> TrainingSet:
    if when is not None and scalings.targets is not None and scalings.targets.kind not in ("last", "window"):
        when = when._replace(zero=-scalings.targets.mean / scalings.targets.scale)
    return TrainingSet(batch, scalings.inputs, *task.encode(targets, scalings, batch), unknown, when=when, unit=unit)


def _in_time(rows: Integers, weights: Doubles, given: Targets, whole: Targets, parameters: Parameters) -> InTime | None:
    """Where the distinct rows of X that a part has lie, if those within a gap of each other overlap; ``weights`` are
    those of the part, ``given`` what X has, ``whole`` what all parts are of.
    """
    gap, in_turns = parameters.rows_in_gap
    if not gap:
        return None
    places = np.cumsum(given.sample_weights > 0, dtype=np.intp)[rows]  # a row without weight takes none
    repeat = 2 * len(rows) <= int(np.count_nonzero(weights))
    return InTime(places, gap, None, repeat, in_turns, int(np.count_nonzero(whole.sample_weights)))


def _take(values: Doubles | SequenceBatch | None, rows: Integers) -> Doubles | SequenceBatch | None:
    if isinstance(values, SequenceBatch):
        return values.take(rows)
    return None if values is None else np.take(values, rows, axis=0)


def _tail(
    batch: SequenceBatch, targets: Targets, parameters: Parameters, task: Task, columns: Columns, name: str
) -> Flags | None:
    """Which rows validate: the last ``validation_fraction`` of the weight, of each class if there are classes.

    None: too few different rows for ``early_stopping="auto"``. (Their number does not depend on weights or repetitions;
    which of them are the tail does, since it depends on their order.)

    A row that also stands further up, in the training part, is not held out: equal rows stay on one side. Where none
    would be left, as of the windows of a line or of a season that repeats itself, there is nothing to keep apart.
    """
    weights, fraction, auto = targets.sample_weights, parameters.validation_fraction, parameters.holds_out_if_many
    canonical = canonical_rows(batch, targets.values, weights, groups=True)
    least = task.rows_to_hold_out if parameters.init not in ("minirocket", "ngrams") else _ROWS_BESIDE_FEATURES
    if auto and len(canonical.rows) < least:
        return None
    objective = task.objective(columns.vocabulary)
    strata = objective.strata(targets.values) if isinstance(targets.values, np.ndarray) else None
    groups = [np.arange(len(weights))]
    if strata is not None:
        order = np.argsort(strata, kind="stable")
        groups = np.split(order, np.flatnonzero(np.diff(strata[order])) + 1)
    held_out = np.zeros(len(weights), dtype=bool)
    for rows in groups:
        before, total = np.cumsum(weights[rows]) - weights[rows], weights[rows].sum()
        held_out[rows] = before >= (1 - fraction - 1e-9) * total
        counted = rows[weights[rows] > 0]
        if len(counted) > (_ROWS_TO_KEEP if auto else 1) and not held_out[counted].any():
            held_out[counted[-1]] = True  # little data: at least one row
    assert canonical.group is not None
    first = np.full(len(canonical.rows), len(weights))
    used = weights > 0
    np.minimum.at(first, canonical.group[used], np.flatnonzero(used))
    apart = held_out[first[canonical.group[used]]]
    if auto or not (apart.all() or not apart.any()):
        held_out[used] = apart
    elif len(canonical.rows) > 1:
        warn_caller(
            f"All rows that {name} validates on, the last {fraction:g} of the weight, are copies of rows that it "
            "learns from: early_stopping does not see what it has learnt by heart.",
            UserWarning,
        )
    part = held_out[used]
    if part.all() or not part.any():
        if auto:
            return None
        raise ValueError(
            f"early_stopping=True needs different rows to train and to validate on, and n_samples={len(weights)} with "
            f"validation_fraction={fraction} leaves none of one kind. Give {name} more data, change "
            "validation_fraction, or set early_stopping=False."
        )
    return held_out & used


def _before(held_out: Flags, weights: Doubles, gap: int) -> Flags | None:
    """The rows with a weight in front of the first that is held out: ``gap``, or half of them if they are fewer."""
    if gap == 0:
        return None
    older = np.flatnonzero(weights[: int(np.argmax(held_out))] > 0)
    chosen = np.zeros(len(weights), dtype=bool)
    chosen[older[len(older) - min(gap, len(older) // 2) :]] = True
    return chosen


def _unknown_rates(batch: SequenceBatch, categories: list[Array | None]) -> tuple[Singles, ...]:
    """How often each category is read as unknown in training: the rarer, the more. Empty for a feature of numbers.

    Kiperwasser & Goldberg, "Simple and accurate dependency parsing using bidirectional LSTM feature representations",
    TACL 4, 2016, section 5: a / (a + count) with a = 0.25.
    """
    if not categories:
        return ()
    nothing = np.zeros(0, np.float32)
    rates = []
    for feature, values in enumerate(categories):
        counts = None if values is None else category_counts(batch, feature, len(values) + 1)
        rates.append(nothing if counts is None else (_UNKNOWN / (_UNKNOWN + counts)).astype(np.float32))
    return tuple(rates)


def category_counts(batch: SequenceBatch, feature: int, size: int, weights: Doubles | None = None) -> Doubles:
    """How often each of the numbers 0 to ``size`` - 1 of a feature of categories stands in the sequences, missing ones
    as 0; each occurrence counts its sequence's weight.
    """
    numbers = np.nan_to_num(batch.steps[:, feature]).astype(np.intp)
    return np.bincount(numbers, weights=batch.coverage(weights), minlength=size).astype(np.float64, copy=False)


@contextmanager
def naming_columns(batch: SequenceBatch, columns: Columns, y: Any) -> Iterator[None]:
    """Name the column of X or of y that has no value in the rows to train on."""
    try:
        yield
    except NoValueError as error:
        if error.what == "feature":
            name = _name_of(error.number, batch, columns)
        else:
            names = list(getattr(y, "columns", ()))
            name = names[error.number] if error.number < len(names) else None
        raise without_value(error.what, error.number, name) from None


def _name_of(feature: int, batch: SequenceBatch, columns: Columns) -> str | None:
    """What the user calls a feature of a time step, if the columns are these features."""
    names = columns.names
    return str(names[feature]) if names is not None and len(names) == batch.n_features else None


def refuse_features_without_values(batch: SequenceBatch, columns: Columns) -> None:
    """A feature that is missing in every time step has no statistics."""
    blank = batch.blank_features()
    if blank.any():
        feature = int(np.argmax(blank))
        name = _name_of(feature, batch, columns)
        label = str(feature) if name is None else repr(name)
        raise ValueError(
            f"Input X contains NaN: feature {label} has no value in any time step. Drop it, or give it some values."
        )

"""X and y of a fit become values; what looks like another form of data than is read is said once."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import numpy as np
from sklearn.utils._param_validation import InvalidParameterError

from skrnn._texts import TokenNumbers
from skrnn._warnings import warn_caller
from skrnn.estimators._column_names import doubts_of_columns
from skrnn.estimators._fitted import Fitted
from skrnn.estimators._parameters import Parameters
from skrnn.estimators._training_data import Part, refuse_features_without_values
from skrnn.sequences import Columns, SequenceBatch, read_X
from skrnn.tasks import Targets, Task, Unread, refuse_mixed

__all__ = ["HeldOut", "ReadData", "read_data"]

_READ_AS = {  # of forms of y with several columns: what they are, and what to do with classes
    "numeric": ("numbers, each by itself", "take RNNClassifier with"),
    "multilabel": ("labels, of which a sequence may have any number", "pass"),
}


class ReadData(NamedTuple):
    """What y is, the sequences, what X looks like, and the numbers of y."""

    task: Task
    batch: SequenceBatch
    columns: Columns
    targets: Targets


def read_data(
    unread: Unread, X: Any, y: Any, sample_weight: Any, parameters: Parameters, before: Fitted | None, name: str
) -> ReadData:
    """X and y as values; compared with those of an earlier fit if there is one."""
    if before is not None:
        before.check_form(parameters, name)
        unread = unread.resuming(before.task)
    doubts = [unread.doubts(X, name), _of_token_numbers(X, parameters, name)]
    X, sample_weight = unread.open(X, sample_weight, name)
    batch, columns = read_X(
        X,
        name=name,
        features_per_step=parameters.features_per_step,
        embeds=parameters.embeds,
        characters=unread.reads_characters,
        categorical=parameters.categorical_features,
        seen=None if before is None else before.columns,
        summed=before is None and parameters.early_stopping is False,
    )
    if columns.embeds_all:
        parameters.check_categories(name)
    elif parameters.init == "ngrams":
        raise InvalidParameterError(
            f"init='ngrams' of {name} counts tokens, and X holds numbers. Set embedding_dim=16 if these are tokens, "
            "or use 'linear', None or 'auto'."
        )
    if before is None:
        refuse_features_without_values(batch, columns)
    task, targets = unread.read(y, batch, sample_weight, name)
    refuse_mixed(task, columns, name)
    if before is not None:
        task.check_same(before.task, name)
        before.check_width(targets, name)
    else:
        doubts += [
            doubts_of_columns(columns, batch, parameters.features_per_step, name),
            _of_targets(task, targets, name),
        ]
        for doubt in filter(None, doubts):
            warn_caller(doubt, UserWarning)
    return ReadData(task, batch, columns, targets)


class HeldOut(NamedTuple):
    """What was given to validate on, as it was given."""

    X: Any = None
    y: Any = None
    sample_weight: Any = None

    def check(self, parameters: Parameters) -> None:
        """Refuse what contradicts, in scikit-learn's words where it has some."""
        if self.X is None:
            for label, value in (("y_val", self.y), ("sample_weight_val", self.sample_weight)):
                if value is not None:
                    raise ValueError(f"{label} is provided, but X_val was not provided.")
            return
        if parameters.early_stopping is False:
            raise ValueError(
                "X_val and y_val are passed to fit while at the same time early_stopping is False. When passing X_val "
                "and y_val to fit, early_stopping should be set to either 'auto' or True."
            )
        if parameters.refit:
            raise ValueError(
                "refit=True learns once more from all rows of X, and the rows of X_val are none of them. Set "
                "refit=False, or let X hold them and leave X_val out."
            )

    def reader(self, task: Task, parameters: Parameters, name: str) -> Callable[[Columns], Part] | None:
        """What reads it, once it is known what the columns of X hold."""
        if self.X is None:
            return None
        if self.y is None and task.needs_y:
            raise ValueError("X_val is provided, but y_val was not provided.")
        return partial(self._read, task, parameters, name)

    def _read(self, task: Task, parameters: Parameters, name: str, columns: Columns) -> Part:
        unread = task.resuming(task)
        try:
            X, sample_weight = unread.open(self.X, self.sample_weight, name)
            batch, _ = read_X(
                X,
                name=name,
                features_per_step=parameters.features_per_step,
                embeds=columns.embeds_all,
                characters=unread.reads_characters,
                seen=columns,
            )
            again, targets = unread.read(self.y, batch, sample_weight, name)
            again.check_same(task, name)
        except (TypeError, ValueError) as error:
            raise type(error)(f"What was given to validate on: {error}") from error
        return Part(batch, targets)


def _of_token_numbers(X: Any, parameters: Parameters, name: str) -> str:
    """What is wrong with numbers of tokens that are read as measurements."""
    if not isinstance(X, TokenNumbers) or parameters.embeds or parameters.categorical_features is not None:
        return ""
    return (
        f"X holds the numbers of tokens, as SequenceVectorizer gives them, and {name} reads them as measurements, of "
        "which one is larger than the other. Set embedding_dim=16: a trained vector stands for each."
    )


def _of_targets(task: Task, targets: Targets, name: str) -> str:
    """What is wrong with a y in which every row is one 1."""
    read = next((words for form, words in _READ_AS.items() if task.form.startswith(form)), None)
    if read is None or targets.values is None or task.counts:
        return ""
    values = targets.values
    rows = values.steps[:, :-1] if isinstance(values, SequenceBatch) else values
    if rows.shape[1] < 2:
        return ""
    rows = rows[~np.isnan(rows).any(axis=1)]  # steps without a target
    if not ((rows == 0) | (rows == 1)).all():
        return ""
    if not (rows.sum(axis=1) == 1).all() or (rows.sum(axis=0) > 0).sum() < 2:
        return ""
    what, cure = read
    return (
        f"Every row of y holds one 1, as one-hot encoded classes do; {name} reads {rows.shape[1]} {what}. For classes, "
        f"{cure} np.argmax(y, axis=-1)."
    )

"""Floor 4: what y is, as a value. A task reads y, says what is trained towards, and turns outputs into answers."""

from skrnn.tasks._alignments import Alignments
from skrnn.tasks._base import Context, RowTask, Targets, Task, Unread
from skrnn.tasks._classes import Classes, Labels
from skrnn.tasks._every_step import EveryStep
from skrnn.tasks._next_token import NextToken, close_texts, open_texts, token_log_probabilities
from skrnn.tasks._numbers import Numbers
from skrnn.tasks._self_supervised import (
    ByTarget,
    NextCategory,
    NextStep,
    WholeSequence,
    refuse_categories,
    refuse_mixed,
)
from skrnn.tasks._stored import task_from_plain, task_to_plain
from skrnn.tasks._tokens import Tokens

__all__ = [
    "Alignments",
    "ByTarget",
    "Classes",
    "Context",
    "EveryStep",
    "Labels",
    "NextCategory",
    "NextStep",
    "NextToken",
    "Numbers",
    "RowTask",
    "Targets",
    "Task",
    "Tokens",
    "Unread",
    "WholeSequence",
    "close_texts",
    "open_texts",
    "refuse_categories",
    "refuse_mixed",
    "task_from_plain",
    "task_to_plain",
    "token_log_probabilities",
]

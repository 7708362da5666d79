"""Tasks as plain data and back, by the names of their classes."""

from __future__ import annotations

from typing import Any

from skrnn._plain import require
from skrnn.tasks._alignments import Alignments
from skrnn.tasks._base import Task
from skrnn.tasks._classes import Classes, Labels
from skrnn.tasks._every_step import EveryStep
from skrnn.tasks._next_token import NextToken
from skrnn.tasks._numbers import Numbers
from skrnn.tasks._self_supervised import NextCategory, NextStep, WholeSequence
from skrnn.tasks._tokens import Tokens

__all__ = ["task_from_plain", "task_to_plain"]

_TASKS: dict[str, type[Task]] = {
    "numbers": Numbers,
    "classes": Classes,
    "labels": Labels,
    "every_step": EveryStep,
    "tokens": Tokens,
    "next_token": NextToken,
    "alignments": Alignments,
    "next_step": NextStep,
    "next_category": NextCategory,
    "whole_sequence": WholeSequence,
}


def task_to_plain(task: Task) -> dict[str, Any]:
    """What a task has found out, as builtins and arrays, and the name of its class."""
    name = next(name for name, kind in _TASKS.items() if kind is type(task))
    values = {key: task_to_plain(value) if isinstance(value, Task) else value for key, value in task.plain().items()}
    return {"task": name, **values}


def task_from_plain(values: Any) -> Task:
    """The checked task of a stored state."""
    require(isinstance(values, dict), f"the task is a {type(values).__name__}")
    kind = _TASKS.get(str(values.get("task")))
    require(kind is not None, f"the task {values.get('task')!r} is not known")
    assert kind is not None
    values = {**kind.later, **values}
    names = sorted(set(values) - {"task"})
    require(names == sorted(kind.stored), f"the task has the names {names}, expected {sorted(kind.stored)}")
    given = {name: values[name] for name in names}
    if kind is EveryStep:
        require(isinstance(given["base"], dict) and given["base"].get("task") != "every_step", "the task has no base")
        given["base"] = task_from_plain(given["base"])
    return kind.from_plain(given)

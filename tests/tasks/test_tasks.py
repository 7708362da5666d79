"""Every task, held to the same contract: frozen, read into one that knows more, stored and read back."""

import dataclasses

import numpy as np
import pytest

from skrnn.objectives import HuberLoss, QuantileLoss, Scalings
from skrnn.sequences import InputScaling, SequenceBatch
from skrnn.tasks import (
    Alignments,
    Classes,
    Context,
    EveryStep,
    NextCategory,
    NextStep,
    NextToken,
    Numbers,
    Tokens,
    WholeSequence,
    task_from_plain,
    task_to_plain,
)
from skrnn.tasks._stored import _TASKS

rng = np.random.default_rng(0)
LENGTHS = np.array([3, 5, 4, 6])
BATCH = SequenceBatch.one_after_another(rng.normal(size=(18, 2)).astype(np.float32), LENGTHS)
CODES = SequenceBatch.one_after_another(rng.integers(1, 4, size=(18, 1)).astype(np.float32), LENGTHS)
STEPS = [rng.normal(size=length) for length in LENGTHS]
SIGNS = [np.where(row > 0, "up", "down") for row in STEPS]
CASES = {  # an empty task, what it reads, and the word for what it then is
    "numbers": (Numbers(), [1.0, 2.0, 3.0, 4.0], "numeric"),
    "rows of numbers": (Numbers(HuberLoss()), rng.normal(size=(4, 3)), "numeric"),
    "levels": (Numbers(QuantileLoss((0.1, 0.9)), single=False), [1.0, 2.0, 3.0, 4.0], "numeric"),
    "classes": (Classes(), ["a", "b", "a", "b"], "multiclass"),
    "labels": (Classes(), [[0, 1], [1, 1], [0, 0], [1, 0]], "multilabel"),
    "numbers of steps": (EveryStep(Numbers()), STEPS, "numeric steps"),
    "classes of steps": (EveryStep(Classes()), SIGNS, "multiclass steps"),
    "labels of steps": (
        EveryStep(Classes()),
        [np.column_stack([row > 0, row > 1]).astype(int) for row in STEPS],
        "multilabel steps",
    ),
    "tokens": (Tokens(), [[1, 2], [2], [], [3, 1, 2]], "token"),
    "strings": (Tokens(), ["ab", "b", "", "cab"], "token"),
    "alignments": (Alignments(), [["a"], ["a", "b"], [], ["b"]], "ctc lists"),
    "aligned strings": (Alignments(), ["a", "ab", "", "b"], "ctc strings"),
    "next step": (NextStep(2, 1), None, "forecast"),
    "whole sequence": (WholeSequence(), None, "reconstruct"),
    "next category": (NextCategory(), None, "forecast"),
    "next token": (NextToken(), None, "next token"),
}


def read(name):
    task, y, _ = CASES[name]
    return task.read(y, CODES if "category" in name or "token" in name else BATCH, None, "Estimator")


def objective_of(task):
    return task.objective((4,))


@pytest.mark.parametrize("name", CASES)
def test_reading_returns_a_new_task_and_leaves_the_empty_one(name):
    empty, _, form = CASES[name]
    before = repr(vars(empty))
    task, targets = read(name)
    assert task.form == form
    assert repr(vars(empty)) == before
    assert len(targets.sample_weights) == 4
    assert type(task) in _TASKS.values()
    with pytest.raises(dataclasses.FrozenInstanceError):
        task.scaling = None


@pytest.mark.parametrize("name", CASES)
def test_what_was_found_comes_back_from_plain_data(name):
    task, _ = read(name)
    plain = task_to_plain(task)
    again = task_from_plain(plain)
    assert type(again) is type(task)
    assert repr(task_to_plain(again)) == repr(plain)
    assert again.form == task.form
    assert repr(objective_of(again)) == repr(objective_of(task))

    def kinds(value):
        if isinstance(value, dict):
            return {kind for item in value.values() for kind in kinds(item)}
        return {type(value).__module__}

    assert kinds(plain) <= {"builtins", "numpy"}


@pytest.mark.parametrize("name", CASES)
def test_damaged_plain_data_is_refused(name):
    plain = task_to_plain(read(name)[0])
    for damaged in (
        {**plain, "task": "other"},
        {**plain, "task": ["numbers"]},
        {**plain, "more": 1},
        {key: value for key, value in plain.items() if key != "task"},
        *({key: value for key, value in plain.items() if key != left} for left in plain.keys() - read(name)[0].later),
        *({**plain, key: object()} for key in plain if key != "task" and plain[key] is not None),
        [plain],
        None,
    ):
        with pytest.raises(ValueError, match="State does not fit"):
            task_from_plain(damaged)


@pytest.mark.parametrize("name", CASES)
def test_what_is_known_is_not_learnt_again(name):
    """Going on, a task takes the classes or tokens of the first fit, and refuses new ones."""
    empty, y, _ = CASES[name]
    task, _ = read(name)
    resumed = empty.resuming(task)
    if task.known is None:
        assert resumed.known is None
        return
    np.testing.assert_array_equal(resumed.known, task.known)
    again, _ = resumed.read(y, BATCH, None, "Estimator")
    again.check_same(task, "Estimator")
    if task.form.startswith("multilabel"):
        return
    new = [["zz"] * length for length in LENGTHS] if task.by_step else [["zz"], ["zz"], ["zz"], ["zz"]]
    new = ["zz"] * 4 if name == "classes" else new
    with pytest.raises(ValueError, match=r"classes not in|did not have|fitted on"):
        resumed.read(new, BATCH, None, "Estimator")


PAIRS = [("numbers", "numbers of steps"), ("classes", "labels"), ("classes", "classes of steps"), ("levels", "numbers")]


@pytest.mark.parametrize(("one", "other"), PAIRS)
def test_another_kind_of_y_is_refused(one, other):
    tasks = read(one)[0], read(other)[0]
    for first, second in (tasks, tasks[::-1]):
        with pytest.raises(ValueError, match=r"fitted on|cannot go on"):
            first.check_same(second, "Estimator")
    tasks[0].check_same(tasks[0], "Estimator")


@pytest.mark.parametrize("name", [name for name in CASES if CASES[name][0].streams])
def test_a_stream_says_what_the_whole_says(name):
    """The answer to one row of outputs is that row of the answer to all of them."""
    task, targets = read(name)
    inputs = InputScaling.fit("standard", BATCH, np.ones(4))
    context = Context(Scalings(inputs, task.fit_scaling(targets, inputs, BATCH, "Estimator")), BATCH)
    n_targets = 1 if name in ("numbers", "levels", "numbers of steps") else 3 if name == "rows of numbers" else 2
    outputs = rng.normal(size=(18 if task.by_step else 4, objective_of(task).n_outputs(n_targets)))
    alone = dataclasses.replace(context, batch=None)
    for method in task.streams:
        whole = task.answer(method, outputs, context)
        for row in range(len(outputs)):
            np.testing.assert_array_equal(task.answer(method, outputs[row : row + 1], alone)[0], whole[row])


def test_tasks_without_a_stream_say_why():
    for name, (task, _, _) in CASES.items():
        reason, cure = task.why_no_stream
        assert task.streams or (reason and cure), name

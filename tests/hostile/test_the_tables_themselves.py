"""Controls: what a table says of a door that does wrong."""

import warnings

import numpy as np
import pytest
from hostile import run
from refusals import is_clear

BAD, GOOD = {"bad": lambda: [1.0, "x"]}, {"good": lambda: [1.0, 2.0]}
CLEAN = np.array([1.0, 2.0])


class Estimator:
    """Something with an attribute."""

    fitted = None


def changes_itself(value):
    estimator.fitted = 1
    raise ValueError("refused in words of its own")


def changes_the_input(value):
    value.append(3)
    return CLEAN


def warns(value):
    warnings.warn("something happened", stacklevel=1)
    return CLEAN


estimator = Estimator()
DOORS = {
    "an accident": (lambda value: np.asarray(value, dtype=float), "bad | ValueError: could not convert string"),
    "takes all": (lambda value: CLEAN, "bad | was taken"),
    "another result": (lambda value: CLEAN + isinstance(value, list), "good | has another result"),
    "not of these": (lambda value: {}["x"], "bad | KeyError"),
    "changes the input": (changes_the_input, "good | what was given was changed"),
    "warns": (warns, "good | UserWarning: something happened"),
    "words of others": (changes_itself, "bad | ValueError: refused in words"),
}


@pytest.mark.parametrize("name", DOORS)
def test_a_door_that_does_wrong_is_told(name):
    door, message = DOORS[name]
    found = run("control", {"door": lambda: (door, None)}, BAD, GOOD, lambda: CLEAN if name != "another result" else 0)
    assert any(message in one for one in found), found


def test_what_is_clear():
    for wrong in (lambda: [][1], lambda: int("x"), lambda: {}["a"], lambda: np.zeros(2) @ np.zeros(3)):
        with pytest.raises((IndexError, ValueError, KeyError)) as caught:
            wrong()
        assert not is_clear(caught.value)

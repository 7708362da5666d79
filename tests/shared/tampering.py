"""Other values in the place of those of a state."""

import copy

import numpy as np


class Subclass(np.ndarray):
    """An array with an arithmetic of its own."""


def other_arrays(value):
    """Other values in the place of an array, by what they are."""
    flat = np.ravel(value)
    yield "empty", value[:0] if value.ndim else np.zeros(0, value.dtype)
    yield "shorter", flat[:-1]
    yield "longer", np.concatenate([flat, flat])
    yield "another axis", value[None]
    one = flat[0] if value.size else value.dtype.type(0)
    yield "zero stride" if value.size > 1 else "same", np.broadcast_to(one, value.shape)
    yield "backwards", value[::-1] if value.ndim else value
    yield "other order", np.asfortranarray(value) if value.ndim > 1 else value
    yield "objects", value.astype(object)
    yield "subclass", value.view(Subclass)
    yield "list", value.tolist()
    if value.dtype.kind in "fiub":
        yield "double", value.astype(np.float64)
        yield "half", np.zeros(value.shape, np.float16)
        yield "other bytes", value.astype(value.dtype.newbyteorder())
        yield "masked", np.ma.array(value, mask=True)
        yield "negative", (-np.abs(value.astype(np.float64)) - 1).astype(value.dtype)
    if value.dtype.kind == "f":
        yield "not a number", np.full_like(value, np.nan)
        yield "large", np.full_like(value, 3e38)


def odd_values():
    """What is no part of a state, or not here."""
    yield from (None, True, -1, 0, 1, 2**31, 2**62, 10**30, 1.5, float("nan"), float("inf"), "zzz", "", b"", [], {})
    yield from ((), [1], {"a": 1}, (1, 2), print, object(), np.int64(3), np.zeros(3), np.float32(0.5), Ellipsis, int)


def changes(state, path=()):
    """(path, kind of change, changed state) for every value of a state, however deep, and every dict and list."""
    for place, value in places(state):
        if isinstance(value, np.ndarray):
            others = list(other_arrays(value))
        elif isinstance(value, dict):
            others = [(f"without {key}", {k: v for k, v in value.items() if k != key}) for key in value]
            others += [("more", {**value, "more": 1}), ("shadow", {**value, "predict": print})]
        elif isinstance(value, list):
            others = [("emptied", []), ("twice", value + value), ("backwards", value[::-1]), ("a tuple", tuple(value))]
        else:
            others = []
        others += [(f"odd {number}", odd) for number, odd in enumerate(odd_values())]
        for kind, other in others:
            yield place, kind, replaced(state, place, other)


def places(value, path=()):
    """Where the values of a state are: those of dicts and lists, and these themselves."""
    if path:
        yield path, value
    if isinstance(value, dict):
        for key, item in value.items():
            yield from places(item, (*path, key))
    elif isinstance(value, list):
        for number, item in enumerate(value):
            yield from places(item, (*path, number))


def replaced(state, place, other):
    """A copy of the state with another value at one place; what is beside it is shared."""
    changed = copy.copy(state)
    inside = changed
    for key in place[:-1]:
        inside[key] = copy.copy(inside[key])
        inside = inside[key]
    inside[place[-1]] = other
    return changed

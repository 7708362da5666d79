"""Calls with odd input: refused in words or answered as for clean input; nothing is changed and nobody is warned."""

import pickle
import re
import warnings

import numpy as np
from refusals import is_clear
from sklearn.exceptions import ConvergenceWarning, DataConversionWarning

EXPECTED = (ConvergenceWarning, DataConversionWarning)  # what clean input is warned of, too
OF_GAPS = re.compile(  # what there is
    "series are left out|windows are|windows cross|Most rows do not follow|R.2 score is not|tokens were not in the"
)
REFUSALS = (ValueError, TypeError, IndexError)


class WrongError(AssertionError):
    """What a call did that it should not."""


class Refusal(str):
    """The words in which a call was refused."""


def frozen(value):
    """What can be compared later: the values, or the words of what has none."""
    if hasattr(value, "to_numpy") or hasattr(value, "to_pylist"):
        return repr(value)
    try:
        return pickle.dumps(value)
    except Exception:  # locks, generators, modules
        return repr(value)


def attempt(call, given, estimator=None):
    """The result of a call with a value, or the words in which it was refused; anything else is `WrongError`."""
    before, own = frozen(given), None if estimator is None else dict(vars(estimator))
    try:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            result = call(given)
    except REFUSALS as error:
        if not is_clear(error):
            raise WrongError(f"{type(error).__name__}: {str(error)[:200]}") from error
        if own is not None and dict(vars(estimator)) != own:
            raise WrongError("the estimator is not as it was") from error
        result, caught = Refusal(error), []
    except BaseException as error:
        raise WrongError(f"{type(error).__name__}: {str(error)[:200]}") from error
    stray = [one for one in caught if not issubclass(one.category, EXPECTED) and not OF_GAPS.search(str(one.message))]
    if stray:
        raise WrongError(f"{stray[0].category.__name__}: {str(stray[0].message)[:200]}")
    if frozen(given) != before and "generator" not in repr(given):
        raise WrongError("what was given was changed")
    return result


def same(one, other):
    """Whether two results hold the same numbers or labels."""
    if isinstance(one, (list, tuple)):
        return len(one) == len(other) and all(same(mine, its) for mine, its in zip(one, other, strict=True))
    one, other = np.asarray(one), np.asarray(other)
    if one.dtype.kind in "fc":
        return one.shape == other.shape and np.array_equal(one, other.astype(one.dtype), equal_nan=True)
    return np.array_equal(one, other)


def run(name, doors, bad, good, clean, every=1, fine=(), patterns=(), either=()):
    """Every kind at every door; a list of what went wrong.

    Parameters
    ----------
    doors : dict of functions
        Each makes a call and the estimator that is called, or None.
    bad, good : dict of functions
        Each makes a value: one that is refused, or another form of what ``clean`` makes.
    every : int
        Only every so many of the cases.
    fine : list of (door, kind)
        Bad ones that this door takes.
    patterns : list of (word in the kind, pattern)
        What a refusal says.
    either : dict of functions
        Values that may be refused or taken, but in no other way.
    """
    wrong, n_cases, n_refused = [], 0, 0
    for start, (door, make) in enumerate(doors.items()):
        expected = None
        for number, (kind, value) in enumerate([*bad.items(), *good.items(), *dict(either).items()]):
            if (number + start) % every or (door, kind) in fine:
                continue
            n_cases += 1
            call, estimator = make()
            try:
                result = attempt(call, value(), estimator)
                n_refused += isinstance(result, Refusal)
                if kind in good:
                    expected = make()[0](clean()) if expected is None else expected
                check(kind, result, patterns, expected if kind in good else None, kind in bad)
            except WrongError as error:
                wrong.append(f"{door} | {kind} | {error}")
    print(f"{name}: {n_cases} cases, {n_refused} refused in words, {len(wrong)} wrong")
    return wrong


def check(kind, result, patterns, expected, is_bad):
    """A result, or a refusal, against what the kind asks for."""
    if isinstance(result, Refusal):
        if expected is not None:
            raise WrongError(f"was refused: {result[:150]}")
        for word, pattern in patterns:
            if word in kind and not re.search(pattern, result):
                raise WrongError(f"says nothing of it: {result[:150]}")
    elif is_bad:
        raise WrongError(f"was taken: {str(result)[:80]}")
    elif expected is not None and not same(result, expected):
        raise WrongError(f"has another result: {str(result)[:40]}, {str(expected)[:40]}")

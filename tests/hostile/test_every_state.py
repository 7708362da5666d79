"""Every value of every stored state changed: the state is refused in words, or what it makes behaves."""

import copy
import pickle
import warnings
from functools import partial

import pytest
from every_class import MODELS
from refusals import is_clear
from tampering import changes

OF_THE_USER = ("cell", "strip_accents", "preprocessor", "tokenizer", "analyzer")  # code whose errors are its own


def use(model, data, *, trains):
    """Call what there is to call; an error has to be one in words. ``trains``: train on, too."""
    actions = []
    for name, given in data.items():
        if hasattr(model, name) and name != "fit":
            method = getattr(model, name)
            actions.append(partial(method, **given) if isinstance(given, dict) else partial(method, *given))
    actions += [lambda: pickle.loads(pickle.dumps(model)), lambda: copy.deepcopy(model), lambda: repr(model)]
    if trains and "fit" in data:
        actions.append(lambda: model.set_params(warm_start=True).fit(*data["fit"]))
    for action in actions:
        try:
            action()
        except (ValueError, TypeError, AttributeError, IndexError) as error:
            if not is_clear(error):
                raise


def outcome(model, state, data, *, trains):
    """Whether a state was refused; an error if neither that in words nor the model behaves."""
    again = type(model).__new__(type(model))
    try:
        again.__setstate__(state)
    except ValueError as error:
        if not str(error).startswith("State does not fit: ") or not is_clear(error) or vars(again):
            raise
        return True
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        use(again, data, trains=trains)
    return False


def check(name, every):
    make, data = MODELS[name]
    model = make()
    counts = {True: 0, False: 0}
    for number, (place, kind, state) in enumerate(changes(model.__getstate__())):
        if number % every or (place[-1] in OF_THE_USER and "odd" in kind):
            continue
        try:
            counts[outcome(model, state, data, trains=place[0] == "_fitted")] += 1
        except Exception as error:
            raise AssertionError(f"{place} {kind}") from error
    print(f"{name}: {sum(counts.values())} states, {counts[True]} refused, {counts[False]} behave")
    assert counts[True] > counts[False] > 0


@pytest.mark.parametrize("name", MODELS)
def test_a_changed_state_is_refused_or_behaves(name):
    check(name, 23)


@pytest.mark.soak
@pytest.mark.parametrize("name", MODELS)
def test_every_changed_state_is_refused_or_behaves(name):
    check(name, 1)

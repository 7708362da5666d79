"""Every value of every stored state changed: the state is refused in words, or what it makes behaves."""

import copy
import pickle
import warnings
from functools import partial

import numpy as np
import pytest
from every_class import MODELS, SMALL, TABLE, X, Y
from refusals import is_clear
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from tampering import changes

import skrnn
from skrnn import RNNRegressor, SlidingWindow, StepwiseTransformer

OF_THE_USER = ("cell", "strip_accents", "preprocessor", "tokenizer", "analyzer")  # code whose errors are its own


def streamed():
    """Of a Pipeline, two series in it."""
    made = skrnn.stream(make_pipeline(StepwiseTransformer(), RNNRegressor(**SMALL)).fit(X, Y))
    made.step(X[:2, 0], keys=["a", 2])
    return made


def streamed_windows():
    rows = TABLE.to_numpy()
    made = skrnn.stream(make_pipeline(StandardScaler(), SlidingWindow(3), RNNRegressor(**SMALL)).fit(rows, rows[:, 0]))
    made.step(rows[0])
    made.step(rows[:2], keys=["a", 2])
    return made


MODELS = {
    **MODELS,
    "stream of a Pipeline": (streamed, {"step": [X[:2, 1], ["a", 2]]}),
    "stream of windows": (streamed_windows, {"step": [TABLE.to_numpy()[0]]}),
}


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


@pytest.mark.parametrize("make", [streamed, streamed_windows])
def test_a_stream_of_a_pipeline_goes_on_where_it_was(make):
    stream, rows = make(), X[2:4, 1]
    again = pickle.loads(pickle.dumps(stream))
    assert again.keys == stream.keys
    for _ in range(3):
        np.testing.assert_array_equal(again.step(rows, keys=["a", 2]), stream.step(rows, keys=["a", 2]))
    other = stream.__getstate__()
    for pair in other["series"]:
        pair[1] = (
            make().__getstate__()["pipeline"].steps[-1][1].stream() if make is streamed_windows else np.zeros((1, 2))
        )
    with pytest.raises(ValueError, match="State does not fit: "):
        type(stream).__new__(type(stream)).__setstate__(other)

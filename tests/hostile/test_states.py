"""States that were tampered with: refused in words, or used without reading or writing past an array.

A state that the gate lets through trains, predicts and streams in a process of its own, which a fault would end.
"""

import copy
import pickle
import subprocess
import sys

import numpy as np
import pytest
from tampering import other_arrays

from skrnn import (
    RNNClassifier,
    RNNLanguageModel,
    RNNOutlierDetector,
    RNNRegressor,
    RNNSeq2Seq,
    RNNSequenceTransformer,
)

RNG = np.random.default_rng(0)
X = RNG.normal(size=(24, 5, 2))
Y = X[:, :, 0].sum(axis=1)
CODES = RNG.integers(0, 4, size=(24, 5))
SMALL = {"hidden_size": 3, "max_iter": 1, "random_state": 0}
MODELS = {
    "regressor": lambda: RNNRegressor(cell="lstm", **SMALL).fit(X, Y),
    "two ways": lambda: RNNRegressor(bidirectional=True, num_layers=2, segment=2, optimizer="sgd", **SMALL).fit(X, Y),
    "pooled": lambda: RNNRegressor(cell="rnn", pooling=["mean", "max"], optimizer="rmsprop", **SMALL).fit(X, Y),
    "several": lambda: RNNRegressor(n_networks=2, **SMALL).fit(X, Y),
    "categories": lambda: RNNClassifier(embedding_dim=2, **SMALL).fit(CODES, Y > 0),
    "ngrams": lambda: RNNClassifier(embedding_dim=2, init="ngrams", **SMALL).fit(CODES, Y > 0),
    "reconstruct": lambda: RNNSequenceTransformer(objective="reconstruct", cell="mingru", **SMALL).fit(X),
    "detector": lambda: RNNOutlierDetector(**SMALL).fit(X),
    "language": lambda: RNNLanguageModel(embedding_dim=2, **SMALL).fit("abcabc" * 9),
    "tokens": lambda: RNNSeq2Seq(embedding_dim=None, **SMALL).fit(X, ["ab", "b"] * 12),
}
USE = """
import pickle, sys, warnings
import numpy as np
warnings.simplefilter("ignore")
rng = np.random.default_rng(0)
X = rng.normal(size=(24, 5, 2))
codes = rng.integers(0, 4, size=(24, 5))
for kind, state in pickle.load(sys.stdin.buffer):
    import skrnn
    model = getattr(skrnn, kind)()
    model.__setstate__(state)
    texts = kind == "RNNLanguageModel"
    data = "abcabc" * 9 if texts else codes if model._fitted.columns.categories else X
    y = None if texts else ["ab", "b"] * 12 if kind == "RNNSeq2Seq" else X[:, :, 0].sum(axis=1)
    y = y > 0 if kind == "RNNClassifier" else y
    calls = [
        lambda: model.score(data, y),
        lambda: model.stream().step(data[0][0]),
        lambda: model.sample("ab", 3, random_state=0),
        lambda: model.set_params(warm_start=True).fit(data, y),
        lambda: model.transform(data) if hasattr(model, "transform") else model.predict(data),
    ]
    for call in calls:
        try:
            call()
        except (ValueError, AttributeError):
            pass
    print(kind, flush=True)
print("done")
"""


def tampered(state):
    """Every array of weights and moments replaced by others, and the sizes of the network changed."""
    fitted = state["_fitted"]
    places = [("weights", name) for name in fitted["weights"]]
    places += [("others", n, "weights", name) for n, one in enumerate(fitted["others"]) for name in one["weights"]]
    places += [("optimizer_state", kind, name) for kind, group in fitted["optimizer_state"].items() for name in group]
    for place in places:
        value = fitted
        for key in place:
            value = value[key]
        for change, other in other_arrays(value):
            yield change, place, other
    spec = fitted["spec"]
    for name in ("input_size", "output_size", "hidden_size", "num_layers", "embedding_dim", "segment"):
        for other in (0, 1, (spec[name] or 0) + 1, 1024, 2**31, True, np.int64(1), None):
            yield "size", ("spec", name), other


def with_another(state, place, other):
    changed = copy.deepcopy(state)
    inside = changed["_fitted"]
    for key in place[:-1]:
        inside = inside[key]
    inside[place[-1]] = other
    return changed


def let_in_and_refused(name):
    """The tampered states that the gate lets through, with their class, and what it says of the others."""
    model = MODELS[name]()
    state, let_in, messages = model.__getstate__(), [], []
    for change, place, other in tampered(state):
        changed = with_another(state, place, other)
        try:
            type(model)().__setstate__(changed)
        except ValueError as error:
            messages.append(str(error))
        else:
            assert change not in ("empty", "shorter", "longer", "zero stride", "subclass", "masked", "double"), place
            let_in.append((type(model).__name__, changed))
    return let_in, messages


@pytest.mark.parametrize("name", MODELS)
def test_tampered_states_are_refused(name):
    let_in, messages = let_in_and_refused(name)
    assert len(messages) > 3 * len(let_in) > 0
    assert all(message.startswith("State does not fit: ") for message in messages)


def test_tampered_states_that_are_let_in_behave():
    """In one process for all of them, as each would have to import torch."""
    states = [one for name in MODELS for one in let_in_and_refused(name)[0]]
    done = subprocess.run(
        [sys.executable, "-c", USE], input=pickle.dumps(states), capture_output=True, check=False, timeout=600
    )
    used = done.stdout.decode().splitlines()
    assert done.returncode == 0, f"state {len(used)}: {done.stderr.decode()[-2000:]}"
    assert used == [kind for kind, _ in states] + ["done"]


@pytest.mark.parametrize("name", ["regressor", "several", "categories", "reconstruct"])
def test_tampered_streams_are_refused(name):
    stream = MODELS[name]().stream()
    data = CODES if name == "categories" else X
    for row in data[0]:
        stream.step(row)
    plain, refused = stream.__getstate__(), 0
    for change, place, other in tampered({"_fitted": plain["fitted"]}):
        if change in ("negative", "large", "backwards", "other order", "same", "size"):
            continue
        inside = with_another({"_fitted": plain["fitted"]}, place, other)["_fitted"]
        with pytest.raises(ValueError, match="State does not fit: "):
            stream.__setstate__({**plain, "fitted": inside})
        refused += 1
    assert refused > 50
    again = pickle.loads(pickle.dumps(stream))
    np.testing.assert_array_equal(again.step(data[1][0]), stream.step(data[1][0]))


BAD_STATES = {
    "none": lambda s: None,
    "a list": lambda s: [s],
    "no h": lambda s: {name: value for name, value in s.items() if name != "h"},
    "more": lambda s: {**s, "more": 1},
    "complex": lambda s: {**s, "h": s["h"] * 1j},
    "text": lambda s: {**s, "c": s["c"].astype(str)},
    "another shape": lambda s: {**s, "h": s["h"][..., :-1]},
    "infinite": lambda s: {**s, "c": np.full_like(s["c"], np.inf)},
    "masked": lambda s: {**s, "h": np.ma.array(s["h"], mask=True)},
    "no count": lambda s: {**s, "n_steps": "2"},
    "negative": lambda s: {**s, "n_steps": -1},
    "more pending than steps": lambda s: {**s, "n_pending": s["n_steps"] + 1},
    "a bool": lambda s: {**s, "n_steps": True},
    "begun": lambda s: {**s, "begun": 1},
    "not begun": lambda s: {**s, "begun": False},
}


@pytest.mark.parametrize("name", ["regressor", "several"])
@pytest.mark.parametrize("change", BAD_STATES)
def test_a_state_that_is_assigned_is_checked(change, name):
    stream = MODELS[name]().stream()
    stream.step(X[0, 0])
    before = stream.state
    with pytest.raises(ValueError, match="State does not fit: "):
        stream.state = BAD_STATES[change](before)
    after = stream.state
    assert all(np.array_equal(after[name], value) for name, value in before.items())


def test_any_number_of_steps_without_a_value_ends():
    """They change nothing any more once the state has settled."""
    stream, twin = MODELS["regressor"]().stream(), MODELS["regressor"]().stream()
    for one in (stream, twin):
        one.step(X[0, 0])
    for _ in range(3000):
        twin.step([np.nan, np.nan])
    stream.state = {**stream.state, "n_steps": 2**60, "n_pending": 2**60 - 1}
    assert stream.step(X[0, 1]) == twin.step(X[0, 1])


def test_weights_cannot_be_changed_one_by_one():
    model = MODELS["regressor"]()
    expected = model.predict(X)
    for change in (
        lambda: model.weights_.__setitem__("head.bias", np.zeros(1, "f4")),
        lambda: model.weights_.update({"rnn.weight_hh_l0": np.zeros((1, 1), "f4")}),
        lambda: model.weights_.pop("head.bias"),
        lambda: model.weights_.clear(),
        lambda: operator_or(model.weights_, {}),
    ):
        with pytest.raises(TypeError, match="Assign all of it"):
            change()
    with pytest.raises(ValueError, match="read-only"):
        model.weights_["head.bias"][0] = 7.0
    np.testing.assert_array_equal(model.predict(X), expected)
    copies = copy.deepcopy(model.weights_)
    assert type(copies) is dict
    copies["head.bias"][0] += 1
    model.weights_ = copies
    assert (model.predict(X) != expected).all()
    copies["head.bias"][0] -= 1
    assert (model.predict(X) != expected).all(), "what was assigned was copied"


def operator_or(weights, more):
    weights |= more


def test_weights_in_another_order_are_those_of_the_network():
    model = MODELS["regressor"]()
    expected = model.predict(X)
    backwards = {name: np.asfortranarray(model.weights_[name]) for name in reversed(model.weights_)}
    names = list(model.weights_)
    model.weights_ = backwards
    assert list(model.weights_) == names
    np.testing.assert_array_equal(model.predict(X), expected)


def test_kernels_do_not_run_on_weights_of_another_shape():
    """The check before a kernel runs, behind the one at the gate."""
    model = MODELS["regressor"]()
    weights = model._fitted.weights
    for name in ("rnn.weight_hh_l0", "head.weight", "head.bias"):
        dict.__setitem__(weights, name, weights[name][..., :1].repeat(2, axis=-1))
        for call in (
            lambda: model.predict(X),
            lambda: model.stream(),
            lambda: model.set_params(warm_start=True).fit(X, Y),
        ):
            with pytest.raises(ValueError, match="shape"):
                call()

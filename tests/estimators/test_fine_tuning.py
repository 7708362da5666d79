"""Networks that start from the weights of others, and parts of them that stay as they are."""

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV
from sklearn.utils._param_validation import InvalidParameterError

import skrnn
from skrnn import RNNClassifier, RNNOutlierDetector, RNNRegressor, RNNSequenceTransformer

RNG = np.random.default_rng(0)
X = RNG.normal(size=(40, 6, 2))
Y = X[:, -1, 0] + 0.5 * X[:, -2, 1]
CLASSES = np.array(["a", "b", "c"])[np.digitize(Y, [-0.5, 0.5])]
SMALL = {"hidden_size": 4, "max_iter": 2, "random_state": 0, "init": None}
STILL = {**SMALL, "max_iter": 1, "learning_rate": 1e-30}
FIRST = RNNRegressor(**SMALL).fit(X, Y)
ENGINES = ["compiled", "torch"]


def same(one, other, names):
    return all(np.array_equal(one[name], other[name]) for name in names)


@pytest.mark.parametrize("engine", ENGINES)
def test_a_network_starts_from_the_weights_that_are_given(engine):
    model = RNNRegressor(initial_weights=FIRST.weights_, engine=engine, **STILL).fit(X, Y)
    assert same(model.weights_, FIRST.weights_, FIRST.weights_)
    np.testing.assert_array_equal(model.predict(X), FIRST.predict(X) if engine == "compiled" else model.predict(X))
    assert not same(
        RNNRegressor(**{**STILL, "random_state": 1}).fit(X, Y).weights_, FIRST.weights_, ["rnn.weight_ih_l0"]
    )


@pytest.mark.parametrize(
    "teacher",
    [
        RNNRegressor(**SMALL),
        RNNSequenceTransformer(hidden_size=4, max_iter=2, objective="reconstruct", random_state=0),
        RNNOutlierDetector(hidden_size=4, max_iter=2, random_state=0),
    ],
    ids=lambda model: type(model).__name__,
)
def test_another_task_gets_a_new_head(teacher):
    given = teacher.fit(X, Y).weights_
    model = RNNClassifier(initial_weights=given, **{**STILL, "segment": None, "pooling": "last"}).fit(X, CLASSES)
    fresh = RNNClassifier(**{**STILL, "segment": None, "pooling": "last"}).fit(X, CLASSES)
    recurrent = [name for name in model.weights_ if name.startswith("rnn")]
    assert len(recurrent) == 4
    assert same(model.weights_, given, recurrent)
    assert same(model.weights_, fresh.weights_, ["head.weight"])  # that of the same random_state
    assert not same(model.weights_, fresh.weights_, recurrent[:2])


def test_what_was_learnt_elsewhere_helps():
    """Of a long echo, which few rows do not teach; and the control, the same fit from scratch."""
    many, few, new = RNG.normal(size=(2000, 12)), RNG.normal(size=(30, 12)), RNG.normal(size=(300, 12))
    options = {"hidden_size": 32, "init": None, "early_stopping": False, "random_state": 0}
    teacher = RNNRegressor(max_iter=30, **options).fit(many, many[:, -5])
    tuned, scratch = (
        RNNRegressor(max_iter=100, learning_rate=0.03, initial_weights=given, freeze=freeze, **options).fit(
            few, -3 * few[:, -5] + 1
        )
        for given, freeze in ((teacher.weights_, ["rnn"]), (None, None))
    )
    assert tuned.score(new, -3 * new[:, -5] + 1) > 0.8
    assert scratch.score(new, -3 * new[:, -5] + 1) < 0.3


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"optimizer": "sgd", "weight_decay": 0.1},
        {"optimizer": "rmsprop", "max_grad_norm": 1e-3},
        {"optimizer": "adamw", "weight_decay": 0.1, "n_jobs": 2, "batch_size": 40},
        {"cell": "lstm", "num_layers": 2, "bidirectional": True},
        {"init": "linear", "early_stopping": False, "max_iter": 5},
        {"pooling": "attention", "n_networks": 2},
    ],
    ids=str,
)
def test_what_is_frozen_keeps_its_bits(engine, options):
    options = {**SMALL, **options, "engine": engine}
    still = RNNRegressor(**{**options, "max_iter": 1, "learning_rate": 1e-30, "weight_decay": 0.0}).fit(X, Y)
    model = RNNRegressor(freeze=["rnn"], initial_weights=still.weights_, **options).fit(X, Y)
    held = [name for name in still.weights_ if name.startswith("rnn.")]
    assert same(model.weights_, still.weights_, held)
    assert not any(np.array_equal(model.weights_[name], still.weights_[name]) for name in ("head.weight", "head.bias"))
    moved = RNNRegressor(**options).fit(X, Y)
    assert not any(np.array_equal(moved.weights_[name], still.weights_[name]) for name in held)  # the control
    before = moved.weights_
    moved.set_params(warm_start=True, freeze=["rnn"]).fit(X, Y)  # with running averages that would move it
    assert same(moved.weights_, before, held)
    assert not same(moved.weights_, before, ["head.weight"])


def test_what_is_frozen_counts_in_no_norm():
    """The gradient of the head alone, of a network whose other parts cannot move."""
    options = {**SMALL, "max_iter": 1, "batch_size": 40, "learning_rate": 1e-30}
    whole = RNNRegressor(**options).fit(X, Y).gradient_norm_curve_[0]
    parts = [RNNRegressor(freeze=[part], **options).fit(X, Y).gradient_norm_curve_[0] for part in ("rnn", "head")]
    assert np.hypot(*parts) == pytest.approx(whole, rel=1e-5)
    assert min(parts) > 0.01 * whole


def test_engines_agree_on_what_is_left():
    found = [
        RNNRegressor(freeze=["rnn.weight_hh_l0", "head.bias"], engine=engine, **SMALL).fit(X, Y).predict(X)
        for engine in ENGINES
    ]
    np.testing.assert_allclose(*found, rtol=1e-4, atol=1e-5)


def test_tables_of_categories_are_frozen_and_never_taken():
    words = RNG.choice(["a", "b", "c", "d"], size=(40, 5))
    options = {**SMALL, "embedding_dim": 3}
    first = RNNClassifier(**options).fit(words, CLASSES)
    other = RNNClassifier(initial_weights=first.weights_, freeze=["embedding"], **options).fit(words[:, ::-1], CLASSES)
    fresh = RNNClassifier(**{**options, "max_iter": 1, "learning_rate": 1e-30}).fit(words[:, ::-1], CLASSES)
    assert same(other.weights_, fresh.weights_, ["embedding.0.weight"])
    assert not same(first.weights_, fresh.weights_, ["embedding.0.weight"])


def test_a_start_goes_with_it():
    model = RNNRegressor(initial_weights=FIRST.weights_, **{**STILL, "init": "linear"}).fit(X, Y)
    assert same(model.weights_, FIRST.weights_, ["rnn.weight_ih_l0"])
    assert not model.weights_["head.weight"].any()
    np.testing.assert_allclose(model.predict(X), RNNRegressor(**{**STILL, "init": "linear"}).fit(X, Y).predict(X))


def test_clones_searches_and_files(tmp_path):
    skrnn.save(FIRST, tmp_path / "first.skrnn")
    given = skrnn.load(tmp_path / "first.skrnn").weights_
    model = clone(RNNRegressor(initial_weights=given, freeze=("rnn",), **SMALL)).fit(X, Y)
    assert same(model.weights_, FIRST.weights_, ["rnn.weight_hh_l0"])
    assert clone(model).fit(X, Y).predict(X).tolist() == model.predict(X).tolist()
    skrnn.save(model, tmp_path / "second.skrnn")
    again = skrnn.load(tmp_path / "second.skrnn")
    assert again.freeze == ("rnn",)
    assert same(again.initial_weights, FIRST.weights_, FIRST.weights_)
    search = GridSearchCV(clone(model), {"freeze": [None, ["rnn"]], "initial_weights": [None, given]}, cv=2).fit(X, Y)
    assert np.unique(search.cv_results_["mean_test_score"]).size == 4
    partial = RNNRegressor(initial_weights=given, freeze=["rnn"], **SMALL).partial_fit(X, Y)
    assert same(partial.weights_, FIRST.weights_, ["rnn.weight_hh_l0"])


@pytest.mark.parametrize(
    ("options", "error", "match"),
    [
        (
            {"initial_weights": FIRST.weights_, "hidden_size": 5},
            ValueError,
            r"of shape \(12, 2\), and it has the shape \(15, 2\)",
        ),
        (
            {"initial_weights": FIRST.weights_, "num_layers": 2},
            ValueError,
            "holds no weights 'rnn.weight_ih_l1', which have",
        ),
        (
            {"initial_weights": {**FIRST.weights_, "head.bias": np.array([np.nan])}},
            ValueError,
            r"initial_weights\['head.bias'\] of RNNRegressor is no finite array",
        ),
        ({"initial_weights": {}}, ValueError, "holds no weights 'rnn.weight_ih_l0', which have the shape"),
        ({"initial_weights": FIRST}, InvalidParameterError, "must be a dict of arrays, such as weights_ of a fitted"),
        ({"freeze": []}, InvalidParameterError, "different strings, at least one, or None"),
        ({"freeze": "rnn"}, InvalidParameterError, "'freeze' parameter of RNNRegressor must be a tuple or list"),
        ({"freeze": ["gru"]}, ValueError, "freeze of RNNRegressor names 'gru', and the network has the weights rnn"),
        ({"freeze": ["rnn", "head"]}, ValueError, "there is nothing to train"),
        ({"freeze": ["head"], "init": "linear"}, ValueError, "a head that starts at zero"),
    ],
)
def test_refusals(options, error, match):
    with pytest.raises(error, match=match):
        RNNRegressor(**{**SMALL, **options}).fit(X, Y)

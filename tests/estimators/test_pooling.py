"""`pooling` of the regressor and the classifier: what it is for, in searches, and beside the transformer's own."""

import numpy as np
import pytest
from input_cases import ESTIMATORS, assert_same_fit, make, steps, target
from network_alone import CLASSIFIER, REGRESSOR
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV

from skrnn import RNNClassifier, RNNRegressor

SUPERVISED = ["regressor", "classifier"]
POOLED = [("last", "mean", "max"), ["max", "mean"], "mean", "max"]


def spikes(n=160, width=30, seed=0):
    """Noise; in every other sequence one step, anywhere, stands out of it."""
    rng = np.random.default_rng(seed)
    X, y = rng.normal(scale=0.3, size=(n, width)), np.arange(n) % 2
    X[y == 1, rng.integers(0, width, size=n)[y == 1]] += 3.0
    return X[: n // 2], y[: n // 2], X[n // 2 :], y[n // 2 :]


def test_the_maximum_sees_a_spike_that_nothing_carries_to_the_end():
    X, y, X_new, y_new = spikes()
    model = RNNClassifier(**CLASSIFIER, cell="rnn", hidden_size=6, max_iter=60, bptt_steps=1, random_state=0)
    pooled = clone(model).set_params(pooling="max").fit(X, y)
    assert pooled.score(X_new, y_new) > 0.95
    assert clone(model).fit(X, y).score(X_new, y_new) < 0.75  # the control


def test_a_search_finds_it_out():
    X, y, X_new, y_new = spikes()
    model = RNNClassifier(cell="rnn", hidden_size=6, max_iter=60, bptt_steps=1, random_state=0)
    grid = {"pooling": ["last", "max", ("last", "mean")]}
    search = GridSearchCV(model, grid, cv=3, error_score="raise").fit(X, y)
    assert search.best_params_ == {"pooling": "max"}
    assert [params["pooling"] for params in search.cv_results_["params"]] == grid["pooling"]
    assert search.score(X_new, y_new) > 0.95


@pytest.mark.parametrize("kind", SUPERVISED)
def test_the_names_of_the_last_state(kind):
    models = [make(kind, pooling=pooling).fit(steps(), target(kind)) for pooling in ("last", ("last",), ["last"])]
    for model in models:
        assert_same_weights(model, make(kind, pooling="last").fit(steps(), target(kind)))


def assert_same_weights(one, other):
    assert one.weights_.keys() == other.weights_.keys()
    assert all(np.array_equal(value, other.weights_[name]) for name, value in one.weights_.items())


@pytest.mark.parametrize("engine", ["compiled", "torch"])
@pytest.mark.parametrize("pooling", POOLED, ids=str)
@pytest.mark.parametrize("kind", SUPERVISED)
def test_the_head_gets_wider_and_padding_says_nothing(kind, pooling, engine):
    """A list, and an array with padding in front and behind."""
    X, lengths = steps(t=9), np.arange(12) % 7 + 1
    rows = [row[:length] for row, length in zip(X, lengths, strict=True)]
    padded = np.full((12, 12, 2), np.nan)
    for row, values in zip(padded, rows, strict=True):
        row[2 : 2 + len(values)] = values
    model = make(kind, pooling=pooling, bidirectional=True, engine=engine).fit(rows, target(kind))
    assert model.get_params()["pooling"] is pooling
    n_pooled = 1 if isinstance(pooling, str) else len(pooling)
    assert model.weights_["head.weight"].shape[1] == 8 * n_pooled
    assert set(model.weights_) == set(make(kind, bidirectional=True).fit(rows, target(kind)).weights_)
    assert model.network_.head.in_features == 8 * n_pooled
    assert f"(n, {8 * n_pooled})" in str(model.summary())
    np.testing.assert_array_equal(model.predict(padded), model.predict(rows))
    again = clone(model).fit(padded, target(kind))
    assert_same_fit(again, model)


@pytest.mark.parametrize("kind", SUPERVISED)
def test_the_engines_train_alike(kind):
    X = [row[: 2 + i % 4] for i, row in enumerate(steps())]
    form = {"pooling": ("max", "last", "mean"), "bidirectional": True, "num_layers": 2, "dropout": 0.2, "max_iter": 5}
    one, other = (make(kind, engine=engine, **form).fit(X, target(kind)) for engine in ("compiled", "torch"))
    np.testing.assert_allclose(one.loss_curve_, other.loss_curve_, rtol=1e-4)
    last = make(kind, **{**form, "pooling": "last"}).fit(X, target(kind))
    assert np.abs(np.subtract(one.loss_curve_, last.loss_curve_)).max() > 1e-3


@pytest.mark.parametrize("kind", SUPERVISED)
def test_a_pooled_fit_goes_on(kind):
    X, y, pooling = steps(), target(kind), ("mean", "max")
    model = make(kind, pooling=pooling, warm_start=True).fit(X, y)
    assert model.set_params(pooling=list(pooling)).fit(X, y).n_iter_ == 4


@pytest.mark.parametrize("engine", ["compiled", "torch"])
def test_attention_finds_the_spike(engine):
    """The marked value is one of many, anywhere: what is looked at is where the mark is."""
    rng = np.random.default_rng(0)
    X, places = rng.normal(size=(300, 12, 2)), rng.integers(0, 12, size=300)
    X[:, :, 1] = np.arange(12) == places[:, None]
    y = X[np.arange(300), places, 0]
    model = RNNRegressor(
        pooling="attention", init=None, hidden_size=8, max_iter=60, learning_rate=0.02, random_state=0, engine=engine
    )
    model.fit(X[:200], y[:200])
    assert model.score(X[200:], y[200:]) > 0.9
    weights = model.attention_weights(list(X[200:]))
    np.testing.assert_allclose([row.sum() for row in weights], 1)
    looked = np.array([row[place] + row[min(place + 1, 11)] for row, place in zip(weights, places[200:], strict=True)])
    assert looked.mean() > 0.5  # an even look would be 0.17
    ragged = [row[: 3 + i % 9] for i, row in enumerate(X[200:])]
    assert [len(row) for row in model.attention_weights(ragged)] == [len(row) for row in ragged]
    with pytest.raises(ValueError, match=r"has no attention\. Fit with pooling='attention'"):
        RNNRegressor(max_iter=1).fit(X, y).attention_weights(X)
    with pytest.raises(ValueError, match="cannot stream: its attention looks at all states"):
        model.stream()


@pytest.mark.parametrize("pooling", ["last", "mean", "max", None])
def test_the_transformer_pools_after_its_network(pooling):
    """Whose head reads the last states whatever the parameter says: it is fitted alike, and pools in `transform`."""
    X, y = steps(), target("regressor")
    model = make("transformer", pooling=pooling, bidirectional=True).fit(X, y)
    assert model._fitted.spec.pooling == ("last",)
    assert model.weights_["head.weight"].shape == (1, 8)
    assert_same_weights(model, make("transformer", bidirectional=True).fit(X, y))
    other = ESTIMATORS["regressor"](**{**make("regressor", **REGRESSOR).get_params(), "bidirectional": True}).fit(X, y)
    assert_same_weights(model, other)

"""A stream says after every step what the estimator predicts for the steps so far, and its state can be kept."""

import pickle
import tracemalloc

import numpy as np
import pytest
from reference_networks import CELLS, KINDS, random_weights
from sklearn.exceptions import NotFittedError
from sklearn.utils._param_validation import InvalidParameterError

from skrnn import RNNClassifier, RNNLanguageModel, RNNRegressor, RNNSequenceTransformer
from skrnn.networks import NetworkSpec, NetworkStream, run_network

RNG = np.random.default_rng(0)
X = RNG.normal(size=(40, 12, 2))
Y = X[:, -3:].sum(axis=(1, 2))


def fitted(**options):
    return RNNRegressor(**{"max_iter": 3, "hidden_size": 6, "random_state": 0, **options}).fit(X, Y)


@pytest.mark.parametrize(
    "form", [{}, {"num_layers": 3}, {"scaling": None}, {"loss": "quantile", "quantile": [0.1, 0.9]}], ids=str
)
@pytest.mark.parametrize("cell", KINDS, ids="-".join)
def test_every_step_equals_a_prediction_of_the_steps_so_far(cell, form):
    model = fitted(cell=cell[0], nonlinearity=cell[1], **form)
    stream = model.stream()
    for t in range(12):
        np.testing.assert_allclose(stream.step(X[0, t]), model.predict(X[:1, : t + 1])[0], rtol=1e-12)
    assert stream.n_steps == 12


@pytest.mark.parametrize("readout", ["last", "steps"])
@pytest.mark.parametrize("kind", KINDS, ids="-".join)
def test_networks_step_by_step_and_at_one_go(kind, readout):
    spec = NetworkSpec(2, 3, kind[0], 6, 3, kind[1], readout=readout)
    weights = random_weights(spec)
    stream, again = NetworkStream(spec, weights), NetworkStream(spec, weights)
    found = np.concatenate([stream.step(X[0, None, t : t + 1]) for t in range(12)])
    for t in range(12):
        outputs, _ = run_network(spec, weights, X[:1, : t + 1], np.array([t + 1]), engine="compiled")
        np.testing.assert_allclose(found[t], outputs[0, -1] if readout == "steps" else outputs[0], rtol=1e-12)
    both = np.concatenate([again.read(X[:1, :5]), again.read(X[:1, 5:])])
    np.testing.assert_allclose(both, found, rtol=1e-12)
    np.testing.assert_allclose(again.states, stream.states, rtol=1e-12)


@pytest.mark.parametrize("kind", KINDS, ids="-".join)
def test_states_are_followed_where_a_decoder_waits_for_the_last(kind):
    spec = NetworkSpec(2, 3, kind[0], 6, 2, kind[1], readout="decoder")
    weights = random_weights(spec)
    stream = NetworkStream(spec, weights)
    for t in range(12):
        assert stream.step(X[:1, t : t + 1]).shape == (1, 0)
        last, _ = run_network(spec, weights, X[:1, : t + 1], np.array([t + 1]), want="last", engine="compiled")
        np.testing.assert_allclose(stream.states[-1, 0], last[0], rtol=1e-12)
    assert stream.read(X[:1]).shape == (12, 0)


@pytest.mark.parametrize("cell", CELLS)
def test_a_stream_of_a_reconstruction(cell):
    features = RNNSequenceTransformer(cell=cell, objective="reconstruct", max_iter=2, random_state=0).fit(X)
    stream = features.stream()
    for t in range(12):
        np.testing.assert_allclose(stream.step(X[0, t]), features.transform(X[:1, : t + 1])[0], rtol=1e-12)


@pytest.mark.parametrize("cell", CELLS)
def test_ten_thousand_steps(cell):
    series = np.cumsum(RNG.normal(size=(10_000, 2)), axis=0) * 0.01
    model = fitted(cell=cell)
    stream = model.stream()
    found = [stream.step(row) for row in series]
    for t in (1, 10, 999, 10_000):
        assert abs(found[t - 1] - model.predict([series[:t]])[0]) < 1e-6


def test_memory_stays_where_it_is():
    stream = fitted().stream()
    for row in X[0]:
        stream.step(row)
    tracemalloc.start()
    for _ in range(300):
        for row in X[0]:
            stream.step(row)
    grown = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    assert grown < 10_000


def test_missing_values_and_steps_are_those_of_predict():
    holes = X.copy()
    holes[RNG.uniform(size=X.shape) < 0.2] = np.nan
    model = RNNRegressor(max_iter=3, random_state=0).fit(holes, Y)
    sequence = holes[0].copy()
    sequence[[0, 1, 5, 6, 10, 11]] = np.nan
    stream = model.stream()
    for t in range(12):
        found = stream.step(sequence[t])
        np.testing.assert_allclose(found, model.predict(sequence[None, : t + 1])[0], rtol=1e-12)


def test_labels_probabilities_and_features():
    labels = np.where(Y > 0, "up", "down")
    model = RNNClassifier(max_iter=3, random_state=0).fit(X, labels)
    plain, likely = model.stream(), model.stream("predict_proba")
    for t in range(12):
        assert plain.step(X[1, t]) == model.predict(X[1:2, : t + 1])[0]
        np.testing.assert_allclose(likely.step(X[1, t]), model.predict_proba(X[1:2, : t + 1])[0], rtol=1e-12)
    several = RNNClassifier(max_iter=3, random_state=0).fit(X, X[:, -1] > 0)
    np.testing.assert_array_equal(several.stream().step(X[0, 0]), several.predict(X[:1, :1])[0])
    features = RNNSequenceTransformer(max_iter=2, random_state=0).fit(X)
    stream = features.stream()
    kept = [stream.step(row) for row in X[0]]
    np.testing.assert_allclose(kept[-1], features.transform(X[:1])[0], rtol=1e-12)
    np.testing.assert_allclose(kept[0], features.transform(X[:1, :1])[0], rtol=1e-12)


@pytest.mark.parametrize("cell", CELLS)
def test_state_is_kept_restored_and_pickled(cell):
    stream = fitted(cell=cell, num_layers=2).stream()
    for row in X[0, :5]:
        stream.step(row)
    state, twin = stream.state, pickle.loads(pickle.dumps(stream))
    expected = [stream.step(row) for row in X[0, 5:]]
    assert [twin.step(row) for row in X[0, 5:]] == expected
    stream.reset()
    assert stream.n_steps == 0
    assert stream.step(X[0, 5]) != expected[0]
    stream.state = pickle.loads(pickle.dumps(state))
    assert stream.n_steps == 5
    assert [stream.step(row) for row in X[0, 5:]] == expected
    with pytest.raises(ValueError, match=r"State does not fit: h has shape \(2, 3\), the stream needs \(2, "):
        stream.state = {**state, "h": np.zeros((2, 3))}


def test_a_stream_keeps_its_weights_and_the_estimator_keeps_none_of_it():
    model = fitted()
    before = model.predict(X)
    stream, other = model.stream(), model.stream()
    first = stream.step(X[0, 0])
    assert set(vars(model)) == set(vars(fitted()))
    np.testing.assert_array_equal(model.predict(X), before)
    model.set_params(random_state=1).fit(X, 5 * Y)
    assert other.step(X[0, 0]) == first


REFUSED = {
    "both ways": ({"bidirectional": True}, "cannot stream: bidirectional=True .* Fit with bidirectional=False"),
    "segments": ({"segment": 3}, "segments are cut from the newest step"),
    "last": ({"scaling": "last", "target_feature": 0}, "scaling='last' changes the inputs"),
    "window": ({"scaling": "window", "target_feature": 0}, "Fit with scaling='standard'"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_needs_later_steps_is_refused(case):
    options, message = REFUSED[case]
    with pytest.raises(ValueError, match=message):
        fitted(**options).stream()


def test_other_mistakes_are_named():
    with pytest.raises(NotFittedError):
        RNNRegressor().stream()
    with pytest.raises(ValueError, match="method='score' does not stream; choose from predict"):
        fitted().stream("score")
    pooled = RNNSequenceTransformer(pooling="mean", max_iter=1).fit(X)
    with pytest.raises(ValueError, match="pooling reads the states of all steps"):
        pooled.stream()
    stream = fitted().stream()
    with pytest.raises(ValueError, match="x has 3 features, but RNNRegressor is expecting 2"):
        stream.step([1.0, 2.0, 3.0])
    for bad in (np.inf, 1e300):
        with pytest.raises(ValueError, match=r"Input x contains infinity .* at step 0"):
            stream.step([1.0, bad])
    assert stream.step([1.0, 2.0]) == fitted().predict(np.array([[[1.0, 2.0]]]))[0]


def test_a_cell_without_kernels_is_refused_where_only_they_serve(monkeypatch):
    monkeypatch.setattr(type(NetworkSpec(1, 1, "mingru", 1).make_cell()), "kernels", None)
    options = {"cell": "mingru", "hidden_size": 3, "max_iter": 1, "random_state": 0}
    model = RNNRegressor(**options).fit(X, Y)
    assert np.isfinite(model.predict(X)).all()
    with pytest.raises(ValueError, match=r"cell='mingru' has no compiled kernels\. Fit with a cell that has some"):
        model.stream()
    with pytest.raises(InvalidParameterError, match="cell='mingru' has no compiled kernels"):
        RNNLanguageModel(**options).fit("abcabc")


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("pooling", ["mean", "max", ("max", "last", "mean")], ids=str)
def test_pooled_states_are_followed(cell, pooling):
    """Missing steps, a state that is kept, and a fresh start included."""
    model = fitted(cell=cell, pooling=pooling, num_layers=2)
    rows = X[0].copy()
    rows[3] = np.nan
    stream = model.stream()
    found = [stream.step(row) for row in rows]
    expected = [model.predict(rows[None, : t + 1])[0] for t in range(len(rows))]
    np.testing.assert_allclose(found, expected, rtol=1e-9)
    stream.reset()
    first = [stream.step(row) for row in rows[:4]]
    state, twin = stream.state, pickle.loads(pickle.dumps(stream))
    assert first == found[:4]
    going_on = [stream.step(row) for row in rows[4:]]
    assert going_on == found[4:] == [twin.step(row) for row in rows[4:]]
    stream.state = state
    assert [stream.step(row) for row in rows[4:]] == going_on


@pytest.mark.parametrize("pooling", ["mean", ("last", "max")], ids=str)
def test_pooled_states_are_followed_on_torch(pooling):
    from skrnn.networks.torch import TorchStream

    model = fitted(pooling=pooling)
    one, other = (kind(model._fitted.spec, model.weights_) for kind in (NetworkStream, TorchStream))
    for row in np.asarray(X[0]):
        step = np.reshape(row, (1, 1, -1)).astype(float)
        np.testing.assert_allclose(one.step(step), other.step(step), rtol=1e-9)
    other.clear()
    np.testing.assert_allclose(other.outputs(), NetworkStream(model._fitted.spec, model.weights_).outputs(), rtol=1e-9)

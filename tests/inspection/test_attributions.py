"""Integrated gradients: complete, exact where a network is linear, and first at what was planted."""

import numpy as np
import pytest
from network_alone import REGRESSOR

from skrnn import RNNClassifier, RNNRegressor, RNNSeq2Seq, RNNSequenceTransformer
from skrnn.inspection import integrated_gradients

rng = np.random.default_rng(0)
X = rng.normal(size=(40, 12, 3))
y = X[:, -4, 1] + 0.1 * rng.normal(size=40)
RAGGED = [rng.normal(size=(n, 3)) for n in rng.integers(4, 13, 40)]
MISSING = np.where(rng.uniform(size=X.shape) < 0.1, np.nan, X)


def fitted(X, y, Estimator=RNNRegressor, **parameters):
    return Estimator(**{"hidden_size": 6, "max_iter": 8, "random_state": 0, **parameters}).fit(X, y)


CASES = {
    "default": (X, {}),
    "alone": (X, REGRESSOR),
    "ragged": (RAGGED, {}),
    "missing values": (MISSING, {}),
    "segments": (RAGGED, {**REGRESSOR, "segment": (2, 4), "segment_stride": 2}),
    "pooling": (X, {"pooling": ("last", "mean", "max", "attention")}),
    "bidirectional": (RAGGED, {"bidirectional": True, "num_layers": 2, "cell": "lstm"}),
    "networks": (X, {"n_networks": 3}),
    "window": (X, {"scaling": "window", "target_feature": 1}),
    "last": (RAGGED, {"scaling": "last", "target_feature": 2}),
    "no scaling": (X, {"scaling": None}),
    "median": (X, {"loss": "quantile", "quantile": 0.5}),
    "distribution": (X, {"loss": "student_t", "scaling": "window", "target_feature": 0}),
}


@pytest.mark.parametrize("name", CASES)
def test_attributions_sum_to_the_difference_of_predictions(name):
    data, parameters = CASES[name]
    model = fitted(data, y, **parameters)
    found = integrated_gradients(model, data)
    assert found.unit == "y"
    np.testing.assert_allclose(found.predictions, model.predict(data), rtol=1e-6, atol=1e-6)
    differences = found.predictions - found.baselines
    sums = np.array([value.sum() for value in found.values])
    assert np.abs(sums - differences).max() < 0.01 * np.abs(differences).max()
    np.testing.assert_allclose(found.gaps, np.abs(sums - differences) / np.abs(differences).max())
    assert found.largest_gap < 0.01
    assert [value.shape for value in found.values] == [(len(row), 3) for row in data]


def test_the_baseline_is_the_mean_of_each_feature():
    model = fitted(X, y, **REGRESSOR)
    means = np.broadcast_to(X.astype(np.float32).mean(axis=(0, 1)), X.shape)
    np.testing.assert_allclose(integrated_gradients(model, X).baselines, model.predict(means), atol=1e-5)


def test_too_few_points_leave_a_gap_and_say_so():
    model = fitted(X, y, **REGRESSOR, cell="lstm", max_iter=40)
    with pytest.warns(UserWarning, match=r"Raise n_steps \(now 1\)"):
        coarse = integrated_gradients(model, X, n_steps=1)
    assert integrated_gradients(model, X).largest_gap < 0.01 < coarse.largest_gap


def test_of_a_linear_network_they_are_the_coefficients():
    positive = rng.uniform(1, 2, size=(20, 5, 2))
    model = RNNRegressor(
        **REGRESSOR, cell="rnn", nonlinearity="relu", hidden_size=2, scaling=None, max_iter=1, random_state=0
    ).fit(positive, positive[:, 0, 0])
    weights = {name: np.zeros_like(value) for name, value in model.weights_.items()}
    weights["rnn.weight_ih_l0"] = np.eye(2, dtype=np.float32)
    weights["rnn.weight_hh_l0"] = np.float32(0.5) * np.eye(2, dtype=np.float32)
    weights["head.weight"] = np.array([[1.0, 3.0]], np.float32)
    model.weights_ = weights
    found = integrated_gradients(model, positive, n_steps=1)
    expected = positive * 0.5 ** np.arange(4, -1, -1)[:, None] * np.array([1.0, 3.0])
    np.testing.assert_allclose(np.array(found.values), expected, rtol=1e-6)


def test_classes_and_links_are_explained_by_their_outputs():
    labels = np.where(X[:, -2, 0] > 0.5, "c", np.where(X[:, -1, 2] > 0, "b", "a"))
    model = fitted(X, labels, RNNClassifier)
    scores = model.decision_function(X)
    found = integrated_gradients(model, X)
    np.testing.assert_allclose(found.predictions, scores.max(axis=1), rtol=1e-6, atol=1e-6)
    assert found.unit == "output"
    assert found.largest_gap < 0.01
    np.testing.assert_allclose(integrated_gradients(model, X, output=1).predictions, scores[:, 1], rtol=1e-6, atol=1e-6)
    counts = fitted(X, np.floor(np.exp(y)), loss="poisson")
    found = integrated_gradients(counts, X)
    np.testing.assert_allclose(
        np.exp(found.predictions - found.predictions[0]), counts.predict(X) / counts.predict(X)[0]
    )
    assert found.largest_gap < 0.01
    with pytest.raises(ValueError, match=r"output=3 of integrated_gradients: the network has 3 output"):
        integrated_gradients(model, X, output=3)


def test_of_distributions_the_means_are_explained():
    model = fitted(X, np.stack([y, -y], axis=1), loss="gaussian")
    found = integrated_gradients(model, X, output=1)
    assert found.unit == "y"
    np.testing.assert_allclose(found.predictions, model.predict(X)[:, 1], rtol=1e-6, atol=1e-6)
    assert found.largest_gap < 0.01
    with pytest.raises(ValueError, match=r"output=2 of integrated_gradients: the network has 2 output"):
        integrated_gradients(model, X, output=2)
    counts = fitted(X, np.floor(np.exp(y)), loss="negative_binomial")
    found = integrated_gradients(counts, X)
    assert found.unit == "output"
    ratios = np.exp(found.predictions - found.predictions[0])
    np.testing.assert_allclose(ratios, counts.predict(X) / counts.predict(X)[0])


def test_embeddings():
    words = rng.integers(0, 6, (40, 9, 2))
    model = fitted(words, words[:, 3, 1] % 2, RNNClassifier, embedding_dim=4)
    found = integrated_gradients(model, words)
    assert found.largest_gap < 0.01
    assert found.values[0].shape == (9, 2)
    unknown = np.full((1, 9, 2), 99)
    expected = integrated_gradients(model, unknown, output=0)
    np.testing.assert_allclose(expected.predictions, integrated_gradients(model, words, output=0).baselines[:1])
    assert np.abs(expected.values[0]).max() == 0


def test_outputs_of_steps_are_those_of_the_last():
    model = fitted(RAGGED, [row[:, 0] for row in RAGGED], return_sequences=True)
    found = integrated_gradients(model, RAGGED)
    np.testing.assert_allclose(found.predictions, [row[-1] for row in model.predict(RAGGED)], rtol=1e-6, atol=1e-6)
    assert found.largest_gap < 0.01


def test_what_has_no_single_answer_is_refused():
    texts = ["ab", "ba", "aab"]
    model = RNNSeq2Seq(embedding_dim=2, hidden_size=3, max_iter=1).fit(texts, texts)
    with pytest.raises(ValueError, match="one number per sequence, and RNNSeq2Seq gives a sequence"):
        integrated_gradients(model, texts)
    with pytest.raises(ValueError, match="RNNSequenceTransformer gives a sequence"):
        integrated_gradients(RNNSequenceTransformer(objective="reconstruct", max_iter=1).fit(X), X)

"""Mini-batches are gathered where the kernels read them, and nothing but the time that it takes depends on it."""

import numpy as np
import pytest

import skrnn.training._config as config
import skrnn.training._loop as loop
from skrnn import RNNClassifier, RNNRegressor, RNNSequenceTransformer
from skrnn.networks.compiled._layer import Layer
from skrnn.training import _compiled_batches
from skrnn.training._compiled_learner import CompiledLearner

BIG = {"batch_size": 300, "hidden_size": 96, "n_jobs": 2}  # mini-batches that are split, and small ones of validation

FITS = {
    "vanilla": (RNNRegressor, {"cell": "rnn"}),
    "gru, both ways": (RNNRegressor, {"cell": "gru", "bidirectional": True}),
    "lstm, two layers, dropout": (RNNRegressor, {"cell": "lstm", "num_layers": 2, "dropout": 0.3}),
    "last": (RNNRegressor, {"scaling": "last", "target_feature": 0}),
    "segments": (RNNRegressor, {"segment": 3}),
    "split": (RNNRegressor, BIG),
    "steps": (RNNRegressor, {"return_sequences": True}),
    "classes": (RNNClassifier, {}),
    "its own inputs": (RNNSequenceTransformer, {}),
}


def sequences(ragged, holes):
    rng = np.random.default_rng(0)
    X = [rng.normal(size=(int(n), 4)) for n in (rng.integers(3, 12, 400) if ragged else [9] * 400)]
    for row in X[::3] if holes else ():
        row[1, 2] = np.nan
    return X


def fit(name, X):
    make, options = FITS[name]
    y = np.array([np.nansum(row) for row in X])
    if options.get("return_sequences"):
        y = [np.nansum(row, axis=1) for row in X]
    y = None if make is RNNSequenceTransformer else y > 0 if make is RNNClassifier else y
    options = {"hidden_size": 6, "batch_size": 32, "max_iter": 2, "early_stopping": True, "random_state": 0} | options
    return make(engine="compiled", **options).fit(X, y)


def bits(model):
    return {name: value.tobytes() for name, value in model.weights_.items()}, model.validation_loss_curve_


@pytest.mark.parametrize("ragged", [False, True])
@pytest.mark.parametrize("name", FITS)
def test_the_bits_are_those_of_inputs_that_are_moved(monkeypatch, name, ragged):
    monkeypatch.setattr(config, "_KEPT_VALUES", 0)  # or they are gathered once
    X, moved = sequences(ragged, holes=name != "split"), []
    fill = Layer.read

    def counted(self, source, *others):
        moved.append(source is not self.x)
        fill(self, source, *others)

    monkeypatch.setattr(Layer, "read", counted)
    found, in_place = bits(fit(name, X)), moved.count(False)
    monkeypatch.setattr(CompiledLearner, "room", lambda self, n_rows, n_steps: None)
    assert bits(fit(name, X)) == found
    assert (in_place > 0) == (name != "segments")
    assert moved.count(False) == in_place  # none without a room


def test_large_mini_batches_are_gathered_in_place_with_calls_at_hand(monkeypatch):
    """One that is all of a call by itself; the bits are those of the call."""
    X = np.random.default_rng(0).normal(size=(100, 20, 500)).astype(np.float32)
    options = {"hidden_size": 4, "batch_size": 25, "max_iter": 2, "early_stopping": False, "random_state": 0}
    number = RNNRegressor(engine="compiled", init=None, **options)
    monkeypatch.setattr(config, "_KEPT_VALUES", 0)
    monkeypatch.setattr(_compiled_batches.patience, "n_batches", _compiled_batches.Patience.enough)
    found = {}
    for large in (loop._LARGE, 1 << 40):
        monkeypatch.setattr(loop, "_LARGE", large)
        number.fit(X, X[:, -1, 0])
        found[large] = bits(number), number.loss_curve_
    assert found[1 << 40] == found[1 << 17]
    calls = []
    monkeypatch.setattr(loop, "_LARGE", 1 << 17)
    monkeypatch.setattr(CompiledLearner, "steps", lambda *arguments: calls.append(1))
    number.fit(X, X[:, -1, 0])
    assert not calls

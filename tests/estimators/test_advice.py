"""What a training says about itself: curves of its gradients, and advice where it went wrong."""

import inspect
import subprocess
import sys
import warnings

import numpy as np
import pytest
from adding_problem import adding_problem
from network_alone import CLASSIFIER, REGRESSOR
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning

import skrnn.datasets
from skrnn import RNNClassifier, RNNLanguageModel, RNNRegressor, RNNSeq2Seq, RNNSequenceTransformer, make_windows
from skrnn.datasets import (
    load_airline_passengers,
    load_bike_sharing,
    load_cmudict,
    load_japanese_vowels,
    load_sentence_polarity,
    load_sine_wave,
    load_sunspots,
    load_surnames,
    load_ud_english,
)

X, y = load_sine_wave(return_X_y=True)


def advice(model, *data):
    """The messages of the warnings of a fit."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        model.fit(*data)
    assert all(one.category is ConvergenceWarning for one in caught)
    return [str(one.message) for one in caught]


@pytest.mark.parametrize("engine", ["torch", "compiled"])
def test_curves_are_those_of_the_mini_batches(engine):
    """With one mini-batch per epoch, the norm is that of the gradient at the weights before it."""
    settings = {**REGRESSOR, "engine": engine, "hidden_size": 4, "batch_size": 500, "random_state": 0, "tol": 0.0}
    bound = 2.6
    model = RNNRegressor(**settings, max_iter=6, max_grad_norm=bound).fit(X, y)
    assert len(model.gradient_norm_curve_) == model.n_iter_ == 6
    clipped = np.asarray(model.gradient_norm_curve_) > bound
    assert 0 < model.clipped_fraction_ < 1
    assert model.clipped_fraction_ == np.mean(clipped)
    # a step of plain length: the first of two steps of the momentum method, whose bound is not met
    free = RNNRegressor(**settings, max_iter=1, max_grad_norm=None, optimizer="sgd", learning_rate=1e-3)
    after = free.fit(X, y).weights_
    before = clone(free).set_params(learning_rate=1e-30).fit(X, y)
    moved = sum(((after[name] - before.weights_[name]) ** 2).sum() for name in after)
    assert np.sqrt(moved) / (1e-3 * 1.9) == pytest.approx(free.gradient_norm_curve_[0], rel=1e-3)
    assert free.clipped_fraction_ == 0.0


def test_curves_go_on_with_a_warm_start_and_are_stored():
    import pickle

    model = RNNRegressor(max_iter=3, warm_start=True, random_state=0).fit(X, y)
    first = model.gradient_norm_curve_
    again = pickle.loads(pickle.dumps(model.fit(X, y)))
    assert again.gradient_norm_curve_[:3] == first
    assert len(again.gradient_norm_curve_) == 6
    assert again.clipped_fraction_ == model.clipped_fraction_


@pytest.mark.parametrize(
    ("cell", "engine"),
    [("rnn", "compiled"), ("gru", "compiled"), pytest.param("rnn", "torch", marks=pytest.mark.matrix)],
)
def test_gradients_that_vanish(cell, engine):
    """No seed has learnt anything; in most, not all, that is because the gradient vanishes. Sixty rows to validate on
    vary by 6 %, and the best of fifteen epochs of one in eight networks passes for something.
    """
    noise = np.random.default_rng(0).normal(size=(600, 100, 1))
    settings = {**REGRESSOR, "early_stopping": True, "hidden_size": 16, "cell": cell, "engine": engine, "max_iter": 15}
    messages = []
    for seed in range(4):
        messages += advice(RNNRegressor(**settings, random_state=seed), noise, noise[:, 0, 0])
    assert sum("RNNRegressor has learnt next to nothing" in message for message in messages) >= 3
    vanished = [message for message in messages if "gradients vanish: 1 % of them is left after" in message]
    assert len(vanished) >= 2
    for message in vanished:
        assert "of 100 steps. Try" in message
        assert ("cell='gru' or 'lstm'" in message) == (cell == "rnn")


def test_the_same_net_that_has_learnt_says_nothing():
    model = RNNRegressor(**REGRESSOR, cell="gru", max_iter=30, random_state=0)
    assert advice(model, *adding_problem(1000, 50)) == []


def test_clipping_of_nearly_every_mini_batch():
    model = RNNRegressor(**REGRESSOR, scaling=None, max_iter=20, random_state=0)
    messages = advice(model, X, 1e4 * y)
    assert len(messages) == 1
    assert "max_grad_norm=1 has cut the gradient of 100% of the mini-batches" in messages[0]
    assert advice(clone(model).set_params(scaling="standard"), X, 1e4 * y) == []
    assert "max_grad_norm" not in " ".join(advice(clone(model).set_params(max_grad_norm=None), X, 1e4 * y))


def test_gradients_that_explode():
    swing = make_windows(np.sin(np.arange(3000) / 10), 60)
    (message,) = advice(RNNRegressor(**REGRESSOR, cell="rnn", max_iter=15, learning_rate=0.5, random_state=0), *swing)
    assert "gradients explode, or the loss is in large units" in message


def test_a_loss_that_still_falls():
    (message,) = advice(RNNRegressor(**REGRESSOR, max_iter=20, learning_rate=1e-4, random_state=0), X, y)
    assert "used all of its max_iter=20 epochs, and its loss was still falling. Raise max_iter" in message


@pytest.mark.parametrize(
    ("model", "target"),
    [
        (RNNRegressor(**REGRESSOR, learning_rate=1e-9, max_iter=12), y),
        (RNNClassifier(**CLASSIFIER, learning_rate=1e-9, max_iter=12), y > 0),
    ],
    ids=["regressor", "classifier"],
)
def test_a_loss_that_never_fell(model, target):
    """On noise, of which a network as it begins knows nothing, whatever its seed."""
    noise = np.random.default_rng(0).normal(size=(len(target), 15))
    (message,) = advice(model.set_params(random_state=0, cell="lstm"), noise, target)
    assert "has learnt next to nothing" in message
    assert "Raise learning_rate (now 1e-09; skrnn.inspection.learning_rate_range looks for one)" in message


def test_a_training_of_few_epochs_is_not_judged():
    assert advice(RNNRegressor(**REGRESSOR, learning_rate=1e-9, max_iter=9, random_state=0), X, y) == []
    model = RNNRegressor(**REGRESSOR, learning_rate=1e-9, random_state=0)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model.partial_fit(X, y)


def test_a_warning_points_at_the_line_that_fits():
    with pytest.warns(ConvergenceWarning) as caught:
        RNNRegressor(**REGRESSOR, max_iter=20, learning_rate=1e-4, random_state=0).fit(X, y)
    assert caught[0].filename == __file__


def test_advice_on_the_kernels_does_not_load_torch():
    code = (
        "import sys, warnings, numpy as np; warnings.simplefilter('ignore'); from skrnn import RNNRegressor; "
        "X = np.random.default_rng(0).normal(size=(60, 40, 1)); "
        "RNNRegressor(init=None, early_stopping=False, cell='rnn', learning_rate=1e-9, max_iter=12).fit(X, X[:, 0, 0]);"
        "print('torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def some(data, n_samples, seed=0):
    """A part of the rows of a large data set, in a random order."""
    rows = np.random.default_rng(seed).permutation(len(data[0]))[:n_samples]
    return tuple([part[i] for i in rows] for part in data)


def bikes():
    rentals = load_bike_sharing(return_X_y=True)[1]
    return make_windows(np.asarray(rentals, float)[:3000], 24)


def tagged():
    bunch = load_ud_english()
    return some((bunch.data, bunch.target), 300)


def sentences():
    texts, labels = some(load_sentence_polarity(return_X_y=True), 500)
    return [text.split()[:30] for text in texts], labels


def surnames():
    names, origins = some(load_surnames(return_X_y=True), 500)
    return [list(name) for name in names], origins


FITS = {
    "sine wave": lambda: (RNNRegressor(), (X, y)),
    "sine wave, alone": lambda: (RNNRegressor(**REGRESSOR), (X, y)),
    "airline passengers": lambda: (RNNRegressor(), load_airline_passengers(return_X_y=True)),
    "sunspots": lambda: (RNNRegressor(), load_sunspots(return_X_y=True)),
    "sunspots, alone": lambda: (RNNRegressor(init=None), load_sunspots(return_X_y=True)),
    "bike sharing": lambda: (RNNRegressor(), bikes()),
    "vowels": lambda: (RNNClassifier(), load_japanese_vowels(return_X_y=True)),
    "vowels, alone": lambda: (RNNClassifier(**CLASSIFIER), load_japanese_vowels(return_X_y=True)),
    "vowels, transformer": lambda: (RNNSequenceTransformer(), load_japanese_vowels(return_X_y=True)[:1]),
    "surnames": lambda: (RNNClassifier(embedding_dim=16, max_iter=15), surnames()),
    "surnames, language": lambda: (RNNLanguageModel(max_iter=150), some(load_surnames(return_X_y=True), 100)[:1]),
    "sentence polarity": lambda: (RNNClassifier(embedding_dim=16, max_iter=15), sentences()),
    "ud english": lambda: (RNNClassifier(embedding_dim=16, return_sequences=True, max_iter=60), tagged()),
    "cmudict": lambda: (RNNSeq2Seq(embedding_dim=16), some(load_cmudict(return_X_y=True), 120)),
}


@pytest.mark.parametrize("name", FITS)
def test_no_data_set_of_the_package_is_warned_of(name):
    model, data = FITS[name]()
    assert advice(model.set_params(random_state=0), *data) == []


def test_every_data_set_of_the_package_is_among_them():
    used = inspect.getsource(sys.modules[__name__])
    missing = [name for name in skrnn.datasets.__all__ if f"{name}(" not in used]
    assert missing == []

"""Losses over growing learning rates."""

import numpy as np
import pytest
from network_alone import REGRESSOR

from skrnn import RNNClassifier, RNNRegressor, RNNSeq2Seq, RNNSequenceTransformer
from skrnn.datasets import load_japanese_vowels, load_sine_wave
from skrnn.inspection import LearningRateRange, learning_rate_range

X, y = load_sine_wave(return_X_y=True)


def test_the_rate_that_is_suggested_trains_better_than_those_at_the_ends():
    model = RNNRegressor(**REGRESSOR, random_state=0, max_iter=5)
    found = learning_rate_range(model, X, y, random_state=0)
    losses = {
        rate: RNNRegressor(**REGRESSOR, random_state=0, max_iter=5, learning_rate=rate).fit(X, y).best_loss_
        for rate in (1e-5, found.suggestion, 1.0)
    }
    assert min(losses, key=losses.get) == found.suggestion
    assert losses[found.suggestion] < 0.1 * losses[1e-5]


def test_the_first_losses_are_those_of_the_initial_weights():
    model = RNNRegressor(**REGRESSOR, random_state=0, batch_size=len(X))
    found = learning_rate_range(model, X, y, random_state=0)
    untrained = RNNRegressor(**REGRESSOR, random_state=0, batch_size=len(X), max_iter=1, learning_rate=1e-30).fit(X, y)
    assert found.losses[0] == pytest.approx(untrained.loss_, rel=1e-4)
    np.testing.assert_allclose(found.rates, np.geomspace(1e-5, 1.0, 60)[: len(found.rates)])


def test_it_ends_where_the_loss_is_spoilt():
    model = RNNRegressor(**REGRESSOR, cell="rnn", nonlinearity="relu", random_state=0)
    found = learning_rate_range(model, X, y, high=1e4, random_state=0)
    assert len(found.rates) < 60
    assert found.suggestion < found.rates[-1]


def test_the_estimator_stays_as_it_is():
    model = RNNRegressor(random_state=0, max_iter=2, early_stopping=True).fit(X, y)
    weights, parameters = model.weights_["head.weight"].copy(), model.get_params()
    one, other = (learning_rate_range(model, X, y, random_state=0) for _ in range(2))
    np.testing.assert_array_equal(model.weights_["head.weight"], weights)
    assert model.get_params() == parameters
    np.testing.assert_array_equal(one.losses, other.losses)


@pytest.mark.parametrize(
    ("model", "data"),
    [
        (RNNClassifier(), load_japanese_vowels(return_X_y=True)),
        (RNNSequenceTransformer(), load_japanese_vowels(return_X_y=True)[:1]),
        (RNNSeq2Seq(embedding_dim=4), (["abc", "ca", "bab"] * 20, ["cba", "ac", "bab"] * 20)),
    ],
    ids=["classifier", "transformer", "seq2seq"],
)
def test_every_estimator(model, data):
    assert 1e-4 < learning_rate_range(model.set_params(random_state=0), *data, random_state=0).suggestion < 1e-1


def test_where_nothing_falls_there_is_no_suggestion():
    rates = np.geomspace(1e-5, 1, 60)
    assert np.isnan(LearningRateRange(rates, np.ones(60)).suggestion)
    falling = np.where(rates < 1e-2, 1.0, 0.1)
    assert LearningRateRange(rates, falling).suggestion == pytest.approx(1e-2, rel=0.3)
    with pytest.raises(ValueError, match="has to lie below"):
        learning_rate_range(RNNRegressor(), X, y, low=0.1, high=0.01)

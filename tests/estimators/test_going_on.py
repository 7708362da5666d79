"""Fits that go on, parameters that change after a fit, and calls inside calls."""

import copy
import functools
import pickle

import numpy as np
import pytest
import torch
from sklearn.base import clone
from sklearn.callback import ScoringMonitor

from skrnn import RNNClassifier, RNNRegressor, RNNSequenceTransformer
from skrnn.datasets import load_airline_passengers
from skrnn.networks import NetworkSpec, forward, initial_weights

rng = np.random.default_rng(0)
X = rng.normal(size=(40, 6, 2))
y = X[:, -1, 0] + 5
SMALL = {"hidden_size": 4, "max_iter": 2, "random_state": 0}


@pytest.mark.parametrize("length", [40, 41, 45, 59])
def test_truncated_gradients_reach_back_a_whole_block(length):
    """Blocks are counted from the end, so that a length of one more than a block does not leave a single step."""
    spec = NetworkSpec(1, 1, "gru", 4)
    weights = {name: torch.tensor(w) for name, w in initial_weights(spec, np.random.default_rng(0)).items()}
    x = torch.randn(3, length, 1, requires_grad=True)
    forward(spec, spec.make_cell(), weights, x, np.full(3, length), bptt_steps=20).outputs.sum().backward()
    reached = (x.grad != 0).any(dim=0)[:, 0]
    assert reached[-20:].all()
    assert not reached[:-20].any()


def test_predictions_keep_the_loss_of_the_fit():
    model = RNNRegressor(**SMALL).fit(X, y)
    expected = model.predict(X)
    np.testing.assert_array_equal(model.set_params(loss="poisson").predict(X), expected)
    np.testing.assert_array_equal(model.set_params(loss="quantile", quantile=[0.1, 0.9]).predict(X), expected)
    levels = RNNRegressor(loss="quantile", quantile=[0.1, 0.9], **SMALL).fit(X, y)
    expected = levels.predict(X)
    np.testing.assert_array_equal(levels.set_params(quantile=[0.9, 0.1]).predict(X), expected)
    assert np.isfinite(levels.set_params(loss="squared_error").score(X, y))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"loss": "poisson"}, "cannot go on training with"),
        ({"loss": "quantile", "quantile": [0.1, 0.9]}, "cannot go on training with"),
        ({"scaling": None}, "scaling is None, was 'standard' in the first fit"),
        ({"hidden_size": 8}, "hidden_size is 8, was 4"),
        ({"pooling": "mean"}, r"pooling is \('mean',\), was \('last',\)"),
        ({"cell": "lstm"}, "cell is 'lstm', was 'gru'"),
    ],
)
def test_going_on_with_another_network_is_refused(change, message):
    model = RNNRegressor(warm_start=True, **SMALL).fit(X, y)
    before = copy.deepcopy(model.weights_)
    with pytest.raises(ValueError, match=message):
        model.set_params(**change).fit(X, y)
    assert all(np.array_equal(before[name], model.weights_[name]) for name in before)


def test_going_on_with_another_dropout_is_allowed():
    model = RNNRegressor(warm_start=True, **SMALL).fit(X, y)
    assert model.set_params(dropout=0.2).fit(X, y).n_iter_ == 4


def test_makers_that_are_equal_but_not_the_same_go_on():
    maker = functools.partial(torch.nn.GRU, batch_first=True)
    model = RNNRegressor(cell=maker, **SMALL).partial_fit(X, y).partial_fit(X, y)
    again = pickle.loads(pickle.dumps(model))
    assert again.partial_fit(X, y).n_iter_ == 3
    wide = functools.partial(torch.nn.GRU, batch_first=True, bias=False)
    with pytest.raises(ValueError, match="the weights of cell have other shapes"):
        again.set_params(cell=wide).partial_fit(X, y)


@pytest.mark.parametrize("schedule", ["cosine", "one_cycle", "plateau"])
def test_schedules_need_an_end(schedule):
    with pytest.raises(ValueError, match="partial_fit does not have"):
        RNNRegressor(learning_rate_schedule=schedule, **SMALL).partial_fit(X, y)


@pytest.mark.usefixtures("two_threads")
def test_a_prediction_inside_a_fit_with_other_threads_does_not_wait():
    other = RNNRegressor(n_jobs=1, **SMALL).fit(X, y)
    before = torch.get_num_threads()

    def difference(estimator, X, y):
        return -float(np.mean((estimator.predict(X) - other.predict(X)) ** 2))

    monitor = ScoringMonitor(scoring={"difference": difference})
    RNNRegressor(n_jobs=2, **SMALL).set_callbacks(monitor).fit(X, y)
    assert torch.get_num_threads() == before


class Reservoir(torch.nn.Module):
    """An echo state network: a random recurrence that is not trained, and a random constant."""

    def __init__(self, input_size, hidden_size):
        super().__init__()
        self.step = torch.nn.RNN(input_size, hidden_size, batch_first=True).requires_grad_(False)
        self.out = torch.nn.Linear(hidden_size, hidden_size)
        self.register_buffer("shift", torch.rand(hidden_size))

    def forward(self, x, state=None):
        states, state = self.step(x, state)
        return self.out(states + self.shift), state


def test_frozen_weights_and_buffers_stay():
    form = {**SMALL, "cell": Reservoir, "weight_decay": 0.1, "early_stopping": False}
    one, three = (RNNRegressor(**{**form, "max_iter": n}).fit(X, y) for n in (1, 3))
    for name in one.weights_:
        same = np.array_equal(one.weights_[name], three.weights_[name])
        assert same == (".step." in name or "shift" in name), name
    again = pickle.loads(pickle.dumps(three))
    np.testing.assert_array_equal(again.predict(X), three.predict(X))
    np.testing.assert_allclose(three.network_.rnn["l0"].shift, three.weights_["rnn.l0.shift"])


class Normalised(Reservoir):
    def __init__(self, input_size, hidden_size):
        super().__init__(input_size, hidden_size)
        self.norm = torch.nn.BatchNorm1d(hidden_size)

    def forward(self, x, state=None):
        out, state = super().forward(x, state)
        return self.norm(out.transpose(1, 2)).transpose(1, 2), state


def test_running_statistics_are_refused():
    with pytest.raises(ValueError, match=r"buffers norm.running_mean.*LayerNorm"):
        RNNRegressor(cell=Normalised, **SMALL).fit(X, y)


def test_lists_of_lists_may_have_one_length_by_chance():
    ragged = [[1.0, 2.0, 3.0], [1.0, 2.0], [2.0, 1.0, 0.0, 1.0]] * 4
    model = RNNRegressor(**SMALL).fit(ragged, np.arange(12.0))
    np.testing.assert_allclose(model.predict([[1.0, 2.0, 3.0]]), model.predict(ragged)[:1], rtol=1e-6)


def test_whole_floats_are_no_classes():
    passengers = load_airline_passengers(window=24, return_X_y=True)
    model = RNNSequenceTransformer(**SMALL).fit(*passengers)
    assert model.n_outputs_ == 1
    assert model.weights_["head.bias"].shape == (1,)
    with pytest.raises(ValueError, match=r"different whole numbers.*Set objective"):
        RNNSequenceTransformer(**SMALL).fit(passengers[0], passengers[1].astype(int))
    assert RNNSequenceTransformer(**SMALL).fit(X, np.arange(40) % 3).weights_["head.bias"].shape == (3,)


@pytest.mark.parametrize("n", [2, 3, 9])
def test_early_stopping_holds_out_at_least_one_row(n):
    model = RNNRegressor(early_stopping=True, **SMALL).fit(X[:n], y[:n])
    assert len(model.validation_loss_curve_) == 2
    classifier = RNNClassifier(early_stopping=True, **SMALL).fit(X[: n + 2], np.arange(n + 2) % 2)
    assert np.isfinite(classifier.predict_proba(X)).all()
    with pytest.raises(ValueError, match="early_stopping=True needs different rows"):
        RNNRegressor(early_stopping=True, **SMALL).fit(X[:1], y[:1])


def test_summary_of_a_decoder_has_an_output_per_step():
    model = RNNSequenceTransformer(objective="reconstruct", segment=3, **SMALL).fit(X)
    assert model.summary().layers[-1].output_shape == "(n, n_timesteps, 2)"
    assert tuple(model.network_(torch.zeros(1, 6, 2)).shape) == (1, 6, 2)


def test_another_number_of_targets_is_refused():
    """One target is not spread over two, by either way of going on."""
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(30, 4, 2))
    two = rows[:, 0]
    model = RNNRegressor(hidden_size=3, max_iter=2, random_state=0, warm_start=True).fit(rows, two)
    for again in (model.fit, model.partial_fit):
        with pytest.raises(ValueError, match=r"y has 1 target\(s\), had 2 in the first fit"):
            again(rows, two[:, 0])
    assert model.predict(rows).shape == (30, 2)


def test_numbers_do_not_go_on_from_categories():
    codes = np.random.default_rng(0).integers(0, 3, size=(20, 4))
    for Estimator in (RNNRegressor, RNNSequenceTransformer):
        model = Estimator(hidden_size=3, max_iter=1, warm_start=True, random_state=0)
        y = codes[:, 0] * 0.5
        model.set_params(embedding_dim=2).fit(codes, y)
        with pytest.raises(ValueError, match="embedding_dim=None: the first fit was on categories"):
            model.set_params(embedding_dim=None).fit(codes, y)
        with pytest.raises(ValueError, match="embedding_dim=2: the first fit was on numbers"):
            clone(model).fit(codes * 1.0, y).set_params(embedding_dim=2).fit(codes, y)


def test_return_sequences_is_named():
    rows = np.random.default_rng(0).normal(size=(20, 4, 1))
    model = RNNRegressor(hidden_size=3, max_iter=1, warm_start=True, random_state=0).fit(rows, rows[:, 0, 0])
    with pytest.raises(ValueError, match="return_sequences=True; the first fit had False"):
        model.set_params(return_sequences=True).fit(rows, rows[:, :, 0])

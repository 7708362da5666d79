"""The loop: stops, the best epoch, going on, divergence and interrupts."""

import pickle
import warnings
from dataclasses import replace

import numpy as np
import pytest
import torch
from network_alone import REGRESSOR
from sklearn.exceptions import ConvergenceWarning, FitFailedWarning
from sklearn.model_selection import GridSearchCV

from skrnn import DivergenceError, RNNClassifier, RNNRegressor
from skrnn.objectives import SquaredError
from skrnn.training import _batches, _compiled_batches
from skrnn.training._compiled_learner import CompiledLearner
from skrnn.training._torch_learner import TorchLearner


@pytest.fixture(scope="module")
def data():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(60, 5))
    return X, X[:, -2:].sum(axis=1) + rng.normal(scale=0.5, size=60)


def make(**options):
    return RNNRegressor(**{**REGRESSOR, "hidden_size": 6, "random_state": 0, "max_iter": 5, **options})


def state_of(model):
    """Everything that a fit may touch, as bytes."""
    return {name: pickle.dumps(value) for name, value in model.__getstate__().items()}


def same_weights(a, b):
    return all(np.array_equal(value, b.weights_[name]) for name, value in a.weights_.items())


def scaled_error(model, X, y):
    """Mean squared error in the units of the loss."""
    return np.mean(((model.predict(X) - y) / model._fitted.scalings.targets.scale[0]) ** 2)


def test_early_stopping_restores_the_best_epoch(data):
    """The weights are those of the smallest validation loss, not those of the last epoch."""
    X, y = data
    model = make(early_stopping=True, validation_fraction=0.25, max_iter=300, n_iter_no_change=20, learning_rate=0.05)
    model.fit(X, y)
    curve = model.validation_loss_curve_
    assert len(curve) == len(model.loss_curve_) == model.n_iter_ < 300
    assert model.best_loss_ == min(curve) < 0.95 * curve[-1]
    assert scaled_error(model, X[45:], y[45:]) == pytest.approx(min(curve), rel=1e-5)
    best = int(np.argmin(curve)) + 1
    again = make(early_stopping=True, validation_fraction=0.25, max_iter=best, n_iter_no_change=20, learning_rate=0.05)
    assert same_weights(again.fit(X, y), model)
    plain = make(max_iter=3).fit(X, y)
    assert plain.validation_loss_curve_ is None
    assert plain.best_loss_ == min(plain.loss_curve_)


@pytest.mark.parametrize("early_stopping", [False, True])
def test_stop_on_convergence(early_stopping, data):
    """The stop comes n_iter_no_change epochs after the last improvement by more than tol.

    Without a validation part training first goes back to its best weights, twice, with a smaller step.
    """
    model = make(max_iter=500, n_iter_no_change=4, tol=0.01, early_stopping=early_stopping).fit(*data)
    curve = model.validation_loss_curve_ if early_stopping else model.loss_curve_
    reference, last, retreats = np.inf, 0, 0
    for epoch, loss in enumerate(curve):
        if loss < reference - 0.01:
            reference, last = loss, epoch
        assert epoch - last <= 4
        if epoch - last == 4 and epoch < len(curve) - 1:
            retreats, last = retreats + 1, epoch
    assert len(curve) - 1 - last == 4
    assert retreats == (0 if early_stopping else 2)
    assert model.best_loss_ == min(curve)
    assert make(max_iter=30, n_iter_no_change=30, tol=0.01).fit(*data).n_iter_ == 30


class SpikyError(SquaredError):
    """The squared error, whose gradient is once, in some mini-batch, a thousand times too long."""

    def __init__(self, at):
        object.__setattr__(self, "left", [at])

    def loss(self, outputs, batch):
        value, slope = super().loss(outputs, batch)
        self.left[0] -= 1
        return value, 1000 * slope if self.left[0] == 0 else slope


@pytest.mark.parametrize("engine", ["compiled", "torch"])
def test_a_spike_is_not_the_end(engine, data, monkeypatch):
    """After an update that is far too long, training goes back to its best weights and goes on falling."""
    monkeypatch.setattr("skrnn.tasks._numbers.check_own_loss", lambda *arguments: None)
    options = {"max_iter": 60, "max_grad_norm": None, "n_iter_no_change": 5, "optimizer": "sgd", "engine": engine}
    spiky = make(loss=SpikyError(25), learning_rate=0.02, **options).fit(*data)
    spike = int(np.argmax(spiky.loss_curve_[5:])) + 5
    before = min(spiky.loss_curve_[:spike])
    assert spiky.loss_curve_[spike] > 2 * before, "the control: there is a spike"
    assert spiky.best_loss_ < before
    model = make(loss="squared_error", learning_rate=0.02, **options).fit(*data)
    assert scaled_error(spiky, *data) < 1.5 * scaled_error(model, *data)


def test_the_best_weights_are_kept_without_a_validation_part(data):
    """The weights at the end are those of the epoch with the lowest loss: a fit that ends there has the same."""
    options = {"learning_rate": 0.1, "n_iter_no_change": 100}
    losses = make(max_iter=60, **options).fit(*data).loss_curve_
    worse = next(epoch for epoch in range(20, 60) if losses[epoch] > min(losses[:epoch]))
    best = int(np.argmin(losses[: worse + 1]))
    model = make(max_iter=worse + 1, **options).fit(*data)
    assert model.n_iter_ == worse + 1 > best + 1
    assert same_weights(make(max_iter=best + 1, **options).fit(*data), model)


def test_a_warning_where_the_loss_still_falls(data):
    with pytest.warns(ConvergenceWarning, match=r"used all of its max_iter=25 epochs, and its loss was still falling"):
        make(max_iter=25, learning_rate=1e-3).fit(*data)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        make(max_iter=200).fit(*data)  # converged
        make(max_iter=5, learning_rate=1e-3).fit(*data)  # too short to say
        make(max_iter=25, learning_rate=1e-3).partial_fit(*data)


def fake_losses(monkeypatch, losses):
    """Give the learner's validation rows these losses, one per epoch."""
    remaining = iter(losses)
    monkeypatch.setattr(CompiledLearner, "losses", lambda self, batch: np.full(len(batch.lengths), next(remaining)))


def test_nan_is_never_an_improvement(monkeypatch, data):
    fake_losses(monkeypatch, [3.0, np.nan, 2.0, np.nan, np.inf, 2.5])
    model = make(early_stopping=True, max_iter=6).fit(*data)
    np.testing.assert_array_equal(model.validation_loss_curve_, [3, np.nan, 2, np.nan, np.inf, 2.5])
    assert model.best_loss_ == 2
    fake_losses(monkeypatch, [3.0, np.nan, 2.0])
    assert same_weights(make(early_stopping=True, max_iter=3).fit(*data), model)


@pytest.mark.parametrize("optimizer", ["adam", "adamw", "sgd", "rmsprop"])
def test_warm_start_goes_on(optimizer, data):
    """Without shuffling, twice 3 epochs are 6 epochs bit for bit: weights, curve and the optimizer's state."""
    options = {"optimizer": optimizer, "shuffle": False, "learning_rate": 0.01, "bidirectional": True}
    whole = make(max_iter=6, **options).fit(*data)
    parts = make(max_iter=3, warm_start=True, **options).fit(*data)
    first = parts.weights_
    parts.fit(*data)
    assert same_weights(whole, parts)
    assert whole.loss_curve_ == parts.loss_curve_
    assert parts.n_iter_ == 6
    states = [model._fitted.optimizer_state[optimizer] for model in (whole, parts)]
    assert states[0]
    assert all(np.array_equal(value, states[1][name]) for name, value in states[0].items())
    forgetful = make(max_iter=3, warm_start=True, **options).fit(*data)
    assert all(np.array_equal(value, first[name]) for name, value in forgetful.weights_.items())
    forgetful._fitted = replace(forgetful._fitted, optimizer_state={})
    assert not same_weights(forgetful.fit(*data), whole)  # the control: weights alone are not enough


def test_warm_start_after_a_pickle(data):
    options = {"shuffle": False, "max_iter": 3, "warm_start": True}
    direct, stored = make(**options).fit(*data), make(**options).fit(*data)
    stored = pickle.loads(pickle.dumps(stored))
    assert same_weights(direct.fit(*data), stored.fit(*data))


def test_a_new_fit_starts_afresh(data):
    model = make(max_iter=3).fit(*data)
    before = dict(model.weights_)
    model.fit(*data)
    assert all(np.array_equal(value, before[name]) for name, value in model.weights_.items())
    assert model.n_iter_ == 3


def test_shuffling_is_of_rows_and_private(data):
    """Shuffles differ from epoch to epoch and by seed; no global generator is read or moved."""
    np.random.seed(3)
    torch.manual_seed(3)
    before = np.random.get_state()[1].copy(), torch.random.get_rng_state()
    first = make(dropout=0.3).fit(*data)
    assert np.array_equal(np.random.get_state()[1], before[0])
    assert torch.equal(torch.random.get_rng_state(), before[1])
    np.random.seed(4)
    torch.manual_seed(4)
    assert same_weights(make(dropout=0.3).fit(*data), first)
    assert not same_weights(make(dropout=0.3, shuffle=False).fit(*data), first)
    assert not same_weights(make(dropout=0.3, random_state=1).fit(*data), first)
    assert not same_weights(make().fit(*data), first)


DIVERGENT = {"optimizer": "sgd", "learning_rate": 1e30, "max_grad_norm": None, "scaling": None}


def test_divergence_is_an_error_that_helps(data):
    message = (
        r"^Training (loss|gradient|weights) became (nan|inf) at epoch 1, batch 2 \(learning_rate=1e\+30, "
        r"largest \|gradient\| \d\.\de[+-]\d\d\)\. Scale X and y, lower learning_rate, or set max_grad_norm\.$"
    )
    model = make(**DIVERGENT)
    with pytest.raises(DivergenceError, match=message):
        model.fit(*data)
    assert state_of(model) == state_of(make(**DIVERGENT))
    assert issubclass(DivergenceError, ValueError)
    with pytest.raises(DivergenceError, match="Training loss became inf at epoch 1, batch 1 "):
        make(scaling=None).fit(data[0], data[1] * 1e25)


@pytest.mark.parametrize("engine", ["compiled", "torch"])
def test_an_explosion_after_the_first_epoch_goes_back(data, engine, monkeypatch):
    """To the best weights, with a smaller step, twice; the third one is an error, and the step in it the user's."""
    from skrnn.training import _loop

    rates, run = [], _loop._run_epoch

    def exploding(learner, training, config, rng, epoch, rate):
        rates.append(rate)
        if epoch == 2 and len(rates) < 3 + explosions:
            run(learner, training, config, rng, epoch, 1e6)  # what has happened to the weights must not stay
            raise DivergenceError("as if")
        return run(learner, training, config, rng, epoch, rate)

    monkeypatch.setattr(_loop, "_run_epoch", exploding)
    for explosions in (1, 2):
        rates.clear()
        model = make(max_iter=5, engine=engine, max_grad_norm=1.0).fit(*data)
        np.testing.assert_allclose(rates[2:], 0.01 * 0.3 ** np.minimum(np.arange(3 + explosions), explosions))
        assert model.n_iter_ == 5
        assert model.loss_curve_[-1] < model.loss_curve_[1] * 1.2
    explosions = 3
    rates.clear()
    with pytest.raises(DivergenceError, match="as if"):
        make(max_iter=5, engine=engine).fit(*data)


def test_a_planned_schedule_is_not_cut_short(data):
    """A cosine without a validation part goes on until its end, or until nothing is left of the loss."""
    X, y = data
    assert make(max_iter=40, learning_rate_schedule="cosine", n_iter_no_change=1).fit(X, y).n_iter_ == 40
    assert make(max_iter=40, n_iter_no_change=1, tol=0.05).fit(X, y).n_iter_ < 40  # the control
    assert make(max_iter=40, learning_rate_schedule="cosine", tol=0.9).fit(X, y).n_iter_ < 10
    guarded = make(max_iter=40, learning_rate_schedule="cosine", n_iter_no_change=1, early_stopping=True)
    assert guarded.fit(X, y).n_iter_ < 40


@pytest.mark.filterwarnings("ignore:One or more of the test scores are non-finite")
def test_search_goes_on_after_divergence(data):
    search = GridSearchCV(make(**DIVERGENT, batch_size=8), {"learning_rate": [1e30, 0.01]}, cv=2, error_score=np.nan)
    with pytest.warns(FitFailedWarning, match="2 fits failed out of a total of 4"):
        search.fit(*data)
    assert np.isnan(search.cv_results_["mean_test_score"][0])
    assert search.best_params_ == {"learning_rate": 0.01}


@pytest.mark.parametrize("error", [KeyboardInterrupt, MemoryError])
@pytest.mark.parametrize("fitted", [False, True])
@pytest.mark.parametrize("kind", ["fit", "warm", "partial"])
@pytest.mark.parametrize("learner", [CompiledLearner, TorchLearner])
@pytest.mark.usefixtures("two_threads")
def test_interrupt_leaves_the_estimator_as_it_was(learner, error, fitted, kind, monkeypatch, data):
    X, y = data
    labels = np.where(y > 0, "up", "down")
    model = RNNClassifier(hidden_size=4, max_iter=3, batch_size=8, random_state=0, warm_start=kind == "warm")
    model.set_params(engine="torch" if learner is TorchLearner else "compiled")
    if fitted:
        model.fit(X, labels)
    before, n_threads = state_of(model), torch.get_num_threads()
    name = "steps" if learner is CompiledLearner else "step"
    monkeypatch.setattr(_batches, "_AT_ONCE", 1)  # a call for each mini-batch
    monkeypatch.setattr(_compiled_batches.patience, "n_batches", _compiled_batches.Patience.enough)  # also the first
    plain, calls = getattr(learner, name), []

    def step(self, *arguments):
        calls.append(1)
        if len(calls) == 6:
            raise error
        return plain(self, *arguments)

    monkeypatch.setattr(learner, name, step)
    with pytest.raises(error):
        model.partial_fit(X, labels, classes=["down", "up"]) if kind == "partial" else model.fit(X, labels)
    assert len(calls) == 6
    assert state_of(model) == before
    assert torch.get_num_threads() == n_threads
    assert torch.is_grad_enabled()
    if fitted:
        monkeypatch.undo()
        assert set(model.predict(X)) <= {"up", "down"}


def test_grad_mode_and_default_dtype_do_not_matter(data):
    expected = make(max_iter=2).fit(*data)
    with torch.no_grad():
        assert same_weights(make(max_iter=2).fit(*data), expected)
        assert not torch.is_grad_enabled()
    with torch.inference_mode():
        assert same_weights(make(max_iter=2).fit(*data), expected)
    torch.set_default_dtype(torch.float64)
    try:
        assert same_weights(make(max_iter=2).fit(*data), expected)
        assert torch.get_default_dtype() == torch.float64
    finally:
        torch.set_default_dtype(torch.float32)

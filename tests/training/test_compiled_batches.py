"""Many mini-batches in one compiled call: the bits of one after the other."""

from functools import partial

import numpy as np
import pytest

from skrnn import RNNClassifier, RNNRegressor
from skrnn.exceptions import DivergenceError
from skrnn.objectives import (
    AbsoluteError,
    CrossEntropy,
    HuberLoss,
    MiniBatch,
    MultilabelCrossEntropy,
    PoissonDeviance,
    QuantileLoss,
    SquaredError,
)
from skrnn.training import _compiled_batches, _compiled_learner, _compiled_losses

rng = np.random.default_rng(0)
N, T, F = 45, 6, 2
X = rng.normal(size=(N, T, F))
LONG = rng.normal(size=(N, 70, 1))
RAGGED = [row[: 1 + i % T] for i, row in enumerate(X)]
Y = X.sum(axis=1)
GAPS = np.where(rng.random(Y.shape) < 0.2, np.nan, Y)
STEPS = X.cumsum(axis=1)
STEP_GAPS = np.where(rng.random(STEPS.shape[:2])[:, :, None] < 0.3, np.nan, STEPS)
OWN_STEPS = [row.cumsum(axis=0)[:, 0] for row in RAGGED]
STEP_CLASSES = [(row[:, 0] > 0).astype(int) + (row[:, 1] > 1) for row in RAGGED]
COUNTS = rng.poisson(3.0, size=N)
CLASSES = np.arange(N) % 3
LABELS = (X[:, :2, 0] > 0).astype(int)
SMALL = {"hidden_size": 5, "max_iter": 3, "batch_size": 8, "random_state": 0, "engine": "compiled"}
ALONE = {**SMALL, "init": None, "early_stopping": False}
number = partial(RNNRegressor, **ALONE)
label = partial(RNNClassifier, **{**ALONE, "segment": None, "pooling": "last", "learning_rate_schedule": None})

CASES = {
    "squared": lambda: number().fit(X, Y),
    "missing targets": lambda: number(optimizer="sgd", learning_rate_schedule="one_cycle").fit(X, GAPS),
    "absolute": lambda: number(loss="absolute_error", optimizer="rmsprop").fit(X, Y),
    "huber": lambda: number(loss="huber", optimizer="adamw", weight_decay=0.1).fit(X, Y),
    "poisson": lambda: number(loss="poisson", max_grad_norm=None).fit(X, COUNTS),
    "quantile": lambda: number(loss="quantile", quantile=[0.9, 0.1]).fit(X, Y),
    "gain": lambda: number(scaling="window", target_feature=[0, 1], loss="quantile").fit(X, Y),
    "weights": lambda: number(scaling="last", target_feature=0).fit(X, Y[:, 0], sample_weight=1.0 + CLASSES),
    "start": lambda: RNNRegressor(**SMALL).fit(X, Y),
    "ragged": lambda: number(bidirectional=True, num_layers=2).fit(RAGGED, Y),
    "truncated": lambda: number(bptt_steps=2, num_layers=2, shuffle=False).fit(X, Y),
    "partial": lambda: number().partial_fit(X, Y).partial_fit(RAGGED, Y),
    "classes": lambda: label(pooling=("mean", "max", "last")).fit(RAGGED, CLASSES),
    "many classes": lambda: label(bidirectional=True).fit(X, np.arange(N) % 21),
    "labels": lambda: label(pooling="mean").fit(X, LABELS),
    "classifier": lambda: RNNClassifier(**SMALL).fit(X, CLASSES),
    "segments": lambda: number(segment=2).fit(X, Y),
    "ragged segments": lambda: number(segment=3, segment_stride=1, bidirectional=True, num_layers=2).fit(RAGGED, Y),
    "segments of many widths": lambda: label(segment=(1, 2, 4), pooling=("mean", "max", "last")).fit(RAGGED, CLASSES),
    "truncated segments": lambda: number(segment=2, bptt_steps=2, cell="lstm").fit(RAGGED, Y),
    "classifier of long sequences": lambda: RNNClassifier(**SMALL).fit(LONG, CLASSES),
    "steps": lambda: number(return_sequences=True).fit(X, STEPS),
    "steps of weight 0": lambda: number(return_sequences=True, num_layers=2, bidirectional=True).fit(X, STEP_GAPS),
    "ragged steps": lambda: number(return_sequences=True, loss="quantile", quantile=[0.9, 0.1]).fit(RAGGED, OWN_STEPS),
    "classes of steps": lambda: label(return_sequences=True, cell="lstm").fit(RAGGED, STEP_CLASSES),
    "many hidden units": lambda: number(return_sequences=True, hidden_size=32, bptt_steps=2).fit(X, STEPS),
    "lstm": lambda: number(cell="lstm").fit(X, Y),
    "vanilla": lambda: number(cell="rnn").fit(X, Y),
    "rectifier": lambda: number(cell="rnn", nonlinearity="relu").fit(X, Y),
    "mingru": lambda: number(cell="mingru").fit(X, Y),
}


@pytest.fixture(autouse=True)
def _compiled(monkeypatch):
    """As in a process that has trained for long."""
    monkeypatch.setattr(_compiled_batches.patience, "n_batches", _compiled_batches.Patience.enough)


def one_by_one(monkeypatch):
    monkeypatch.setattr(_compiled_learner.CompiledLearner, "cost", lambda *sizes: np.inf)


def counted(monkeypatch):
    """A list that gets the number of mini-batches of each compiled call."""
    calls, run = [], _compiled_batches.train_batches

    def counting(*arguments):
        calls.append(run(*arguments))
        return calls[-1]

    monkeypatch.setattr(_compiled_learner, "train_batches", counting)
    return calls


def same(one, other):
    curves = all(getattr(one, name) == getattr(other, name) for name in ("loss_curve_", "best_loss_", "n_iter_"))
    return curves and all(np.array_equal(one.weights_[name], other.weights_[name]) for name in one.weights_)


@pytest.mark.parametrize("name", CASES)
def test_bits_are_those_of_one_mini_batch_after_the_other(name, monkeypatch):
    calls = counted(monkeypatch)
    together = CASES[name]()
    assert max(calls) > 1, "several mini-batches in a call"
    one_by_one(monkeypatch)
    calls.clear()
    assert same(CASES[name](), together)
    assert not calls


def test_the_comparison_sees_another_gradient(monkeypatch):
    """The control: a bound on the gradient that one of both forms does not have."""
    together = number(max_grad_norm=0.5).fit(X, Y)
    one_by_one(monkeypatch)
    assert not same(number(max_grad_norm=0.50001).fit(X, Y), together)


@pytest.mark.parametrize("at_once", [1, 3e4, 1e9])
def test_how_many_go_together_does_not_matter(at_once, monkeypatch):
    from skrnn.training import _batches

    expected = number().fit(RAGGED, Y)
    calls = counted(monkeypatch)
    monkeypatch.setattr(_batches, "_AT_ONCE", at_once)
    assert same(number().fit(RAGGED, Y), expected)
    assert (max(calls) == 1) == (at_once == 1)


@pytest.mark.parametrize("at_hand", [False, True])
def test_what_takes_long_to_compile_has_to_be_worth_it(at_hand, monkeypatch):
    """A fit takes six mini-batches an epoch, three times."""
    expected, calls = number().fit(X, Y), counted(monkeypatch)
    monkeypatch.setattr(_compiled_learner.CompiledLearner, "at_hand", at_hand)
    monkeypatch.setattr(_compiled_batches.patience, "n_batches", 0)
    monkeypatch.setattr(_compiled_batches.Patience, "enough", 30)
    found = []
    for _ in range(3):
        assert same(number().fit(X, Y), expected)
        found.append(sum(calls))
    assert found == ([18, 36, 54] if at_hand else [0, 6, 24])


def test_it_is_at_hand_once_it_has_run():
    number().fit(X, Y)
    assert _compiled_batches.are_at_hand()


@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
def test_divergence_is_reported_as_before(optimizer, monkeypatch):
    wild = {"optimizer": optimizer, "learning_rate": 1e25, "max_grad_norm": None, "scaling": None}
    said = []
    for alone in (False, True):
        if alone:
            one_by_one(monkeypatch)
        with pytest.raises(DivergenceError) as error:
            number(**wild).fit(X, 1e3 * Y)
        said.append(str(error.value))
    assert said[0] == said[1]
    assert "batch 1 " not in said[0], "it took an update to diverge"


LOSSES = {
    "squared": SquaredError(),
    "absolute": AbsoluteError(),
    "huber": HuberLoss(0.7),
    "poisson": PoissonDeviance(),
    "quantile": QuantileLoss((0.2, 0.9)),
    "classes": CrossEntropy(37),
    "labels": MultilabelCrossEntropy(),
}


@pytest.mark.parametrize("name", LOSSES)
@pytest.mark.parametrize("with_gain", [False, True])
def test_gradients_are_those_of_the_objectives(name, with_gain):
    """To the bit where NumPy's exponential function is the one for AVX2, and to rounding everywhere."""
    objective, n, n_targets = LOSSES[name], 200, 1 if name == "classes" else 3
    n_outputs = objective.n_outputs(n_targets)
    outputs = (rng.normal(size=(n, n_outputs)) * 10.0 ** rng.integers(-3, 3, size=(n, 1))).astype(np.float32)
    targets = rng.normal(size=(n, n_targets)).astype(np.float32)
    outputs[:20], targets[:20] = 0.0, 0.0
    if name == "classes":
        targets = rng.integers(0, 37, size=(n, 1)).astype(np.float32)
    elif name != "labels":
        targets[20:40, 0] = np.nan
    takes_gain = with_gain and name not in ("classes", "labels")
    gain = rng.random((n, n_targets)).astype(np.float32) if takes_gain else None
    expected = objective.loss(outputs, MiniBatch(outputs, np.ones(n, int), targets, gain))[1]
    value, settings = _compiled_losses.loss_as_value(objective, n_outputs)
    found = np.empty_like(outputs)
    value.kernel(outputs, targets, np.empty((n, 0), np.float32) if gain is None else gain, settings, found)
    np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-7)


def test_losses_of_another_form_are_taken_one_by_one():
    class OwnError(SquaredError):
        pass

    assert _compiled_losses.loss_as_value(OwnError(), 1) is None
    assert _compiled_losses.loss_as_value(CrossEntropy(1000), 1000) is None

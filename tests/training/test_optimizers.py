"""Optimizers against loops in plain torch, schedules against closed forms."""

from math import cos, pi

import numpy as np
import pytest
import torch
from reference_networks import random_weights

from skrnn.networks import NetworkSpec
from skrnn.objectives import SquaredError
from skrnn.sequences import InputScaling, SequenceBatch
from skrnn.training import OPTIMIZERS, TrainingConfig, TrainingResult, TrainingSet, train
from skrnn.training._compiled_optimizers import UPDATES
from skrnn.training._schedule import rate_factor
from skrnn.training._torch_learner import TorchLearner

SPEC = NetworkSpec(2, 1, "gru", 4)
SIZES = {"batch_size": 8, "max_iter": 3, "shuffle": False}


def make_data(weights=None):
    rng = np.random.default_rng(0)
    steps = rng.normal(size=(20 * 5, 2)).astype(np.float32)
    starts, lengths = np.arange(0, 100, 5), np.full(20, 5)
    batch = SequenceBatch(steps, starts, lengths, np.zeros_like(starts), lengths)
    scaling = InputScaling(None, np.zeros(2), np.ones(2), np.zeros(2, bool))
    targets = (3 * steps[4::5, :1]).astype(np.float32)
    return TrainingSet(batch, scaling, targets, None, np.ones(20) if weights is None else weights)


class Plain(torch.nn.Module):
    """The same network from torch's own parts, its parameters one by one."""

    def __init__(self, weights):
        super().__init__()
        self.rnn, self.head = torch.nn.GRU(2, 4, batch_first=True), torch.nn.Linear(4, 1)
        self.load_state_dict({name: torch.tensor(value) for name, value in weights.items()})

    def forward(self, x):
        return self.head(self.rnn(x)[1][0])


def plain_optimizer(name, parameters, rate, weight_decay):
    if name == "adamw":
        return torch.optim.AdamW(parameters, lr=rate, weight_decay=weight_decay)
    kinds = {
        "adam": lambda: torch.optim.Adam(parameters, lr=rate),
        "sgd": lambda: torch.optim.SGD(parameters, lr=rate, momentum=0.9, nesterov=True),
        "rmsprop": lambda: torch.optim.RMSprop(parameters, lr=rate),
    }
    return kinds[name]()


def plain_training(name, weights, data, rate, bound, weight_decay, factors=None):
    """Three epochs of mini-batches of 8, as anyone would write them in torch; weights and losses."""
    model = Plain(weights)
    optimizer = plain_optimizer(name, model.parameters(), rate, weight_decay)
    x, y = torch.tensor(data.batch.steps.reshape(20, 5, 2)), torch.tensor(data.targets)
    w, curve, number = torch.tensor(data.weights, dtype=torch.float32), [], 0
    for _ in range(3):
        total = 0.0
        for begin in range(0, 20, 8):
            rows = slice(begin, begin + 8)
            optimizer.param_groups[0]["lr"] = rate * (1.0 if factors is None else factors[number])
            number += 1
            optimizer.zero_grad()
            loss = (w[rows, None] * (model(x[rows]) - y[rows]) ** 2).mean()
            loss.backward()
            if bound is not None:
                torch.nn.utils.clip_grad_norm_(model.parameters(), bound)
            if weight_decay and name != "adamw":
                with torch.no_grad():
                    for parameter in model.parameters():
                        parameter -= optimizer.param_groups[0]["lr"] * weight_decay * parameter
            optimizer.step()
            total += float(loss.detach()) * len(x[rows])
        curve.append(total / 20)
    return {key: value.numpy() for key, value in model.state_dict().items()}, curve


def run(config, weights, data):
    start = TrainingResult(weights, {})
    return train(SPEC, SquaredError(), data, TrainingConfig(**SIZES, **config), np.random.default_rng(0), start=start)


@pytest.mark.parametrize("weight_decay", [0.0, 0.1])
@pytest.mark.parametrize("bound", [None, 0.5])
@pytest.mark.parametrize("name", ["adam", "adamw", "sgd", "rmsprop"])
def test_optimizer_equals_a_plain_loop(name, bound, weight_decay):
    weights = random_weights(SPEC)
    data = make_data(np.random.default_rng(5).uniform(0.2, 2, size=20))
    config = {"optimizer": name, "learning_rate": 0.02, "weight_decay": weight_decay, "max_grad_norm": bound}
    result = run(config, weights, data)
    expected, curve = plain_training(name, weights, data, 0.02, bound, weight_decay)
    for key, value in expected.items():
        np.testing.assert_allclose(result.weights[key], value, rtol=1e-5, atol=1e-6, err_msg=key)
    np.testing.assert_allclose(result.loss_curve, curve, rtol=1e-5)


def test_the_comparison_sees_each_part():
    """Without the bound, the decay or the sample weights, the plain loop ends elsewhere."""
    weights, data = random_weights(SPEC), make_data(np.random.default_rng(5).uniform(0.2, 2, size=20))
    for name in ("adamw", "sgd"):
        right = plain_training(name, weights, data, 0.02, 0.5, 0.1)[0]["rnn.weight_hh_l0"]
        for bound, decay, rows in [(None, 0.1, data), (0.5, 0.0, data), (0.5, 0.1, make_data())]:
            wrong = plain_training(name, weights, rows, 0.02, bound, decay)[0]["rnn.weight_hh_l0"]
            if (name, bound) != ("adamw", None):  # Adam's first steps hardly depend on the gradient's size
                assert np.abs(wrong - right).max() > 1e-4


@pytest.mark.parametrize("engine", ["compiled", "torch"])
@pytest.mark.parametrize("name", OPTIMIZERS)
def test_what_an_optimizer_remembers(name, engine):
    result = run({"optimizer": name, "engine": engine}, random_weights(SPEC), make_data())
    assert tuple(result.optimizer_state) == OPTIMIZERS[name]
    n = sum(value.size for value in result.weights.values())
    for key, value in result.optimizer_state.items():
        assert value.dtype == np.float32
        assert value.shape == (() if key == "step" else (n,))


@pytest.mark.parametrize("schedule", ["cosine", "one_cycle"])
def test_schedules_in_training(schedule):
    """The rate changes with every mini-batch: 3 epochs of 3."""
    weights, data = random_weights(SPEC), make_data()
    result = run({"learning_rate_schedule": schedule, "learning_rate": 0.05}, weights, data)
    factors = [rate_factor(schedule, k / 9) for k in range(9)]
    expected, _ = plain_training("adam", weights, data, 0.05, 1.0, 0.0, factors)
    constant, _ = plain_training("adam", weights, data, 0.05, 1.0, 0.0)
    for key, value in expected.items():
        np.testing.assert_allclose(result.weights[key], value, rtol=1e-5, atol=1e-6, err_msg=key)
    assert np.abs(constant["head.weight"] - expected["head.weight"]).max() > 1e-3


def rates_of_torch(make, n):
    optimizer = torch.optim.SGD([torch.zeros(1)], lr=1.0)
    scheduler, rates = make(optimizer), []
    for _ in range(n):
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step()
    return rates


def test_cosine_is_that_of_torch():
    found = [rate_factor("cosine", k / 50) for k in range(50)]
    np.testing.assert_allclose(found, [(1 + cos(pi * k / 50)) / 2 for k in range(50)])
    expected = rates_of_torch(lambda o: torch.optim.lr_scheduler.CosineAnnealingLR(o, 50), 50)
    np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-9)


def test_one_cycle_is_that_of_torch():
    """torch's cycle is one step shorter, and its peak one step earlier: alike to the size of a step."""
    n = 1000
    found = np.array([rate_factor("one_cycle", k / n) for k in range(n)])
    expected = np.array(rates_of_torch(lambda o: torch.optim.lr_scheduler.OneCycleLR(o, 1.0, n), n))
    assert np.abs(found - expected).max() < 1.5 * np.abs(np.diff(expected)).max()
    np.testing.assert_allclose(found[[0, 150, 300, 650]], [1 / 25, 0.52, 1.0, (1 + 1e-4 / 25) / 2], rtol=1e-9)
    assert found[-1] < 1e-4
    assert found.argmax() == 300


def test_no_schedule():
    assert {rate_factor(name, p) for name in (None, "plateau") for p in (0.0, 0.5, 0.99)} == {1.0}


def test_plateau_halves_the_rate(monkeypatch):
    """After half the patience without improvement, once per plateau; checked on the rates handed to the learner."""
    rates, losses = [], iter([5.0, 4.0, 4.0, 4.0, 4.0, 3.0, 3.0, 3.0, 3.0, 3.0, 3.0, 3.0, 3.0])

    def step(self, batch, weights, rate):
        rates.append(rate)
        return next(losses), 1.0

    monkeypatch.setattr(TorchLearner, "step", step)
    config = TrainingConfig(
        learning_rate=0.8, learning_rate_schedule="plateau", n_iter_no_change=6, max_iter=13, batch_size=20
    )
    result = train(SPEC, SquaredError(), make_data(), config, np.random.default_rng(0))
    assert rates == [0.8] * 5 + [0.4] * 4 + [0.2] * 3
    assert result.loss_curve == [5, 4, 4, 4, 4, 3, 3, 3, 3, 3, 3, 3]


@pytest.mark.parametrize("growth", [1.05, 1.45])
def test_bound_of_the_gradient(growth):
    """A recurrence that grows with every one of 100 steps, up to gradients whose squares are no float32.

    A bounded first step has exactly the length that the bound gives it, and training goes on; without a bound the
    step is thousands of times as long.
    """
    spec = NetworkSpec(1, 1, "rnn", 3, nonlinearity="relu")
    weights = {name: np.abs(value) for name, value in random_weights(spec).items()}
    weights["rnn.weight_hh_l0"] = growth * np.eye(3, dtype=np.float32)
    starts, lengths = np.arange(0, 800, 100), np.full(8, 100)
    batch = SequenceBatch(np.ones((800, 1), np.float32), starts, lengths, np.zeros_like(starts), lengths)
    scaling = InputScaling(None, np.zeros(1), np.ones(1), np.zeros(1, bool))
    data = TrainingSet(batch, scaling, np.zeros((8, 1), np.float32), None, np.ones(8))

    def flat(result):
        return np.concatenate([value.ravel() for value in result.weights.values()]).astype(np.float64)

    def run(bound, max_iter):
        config = TrainingConfig(optimizer="sgd", learning_rate=0.01, max_grad_norm=bound, max_iter=max_iter)
        start = TrainingResult(weights, {})
        return train(spec, SquaredError(), data, config, np.random.default_rng(0), start=start)

    step = np.linalg.norm(flat(run(0.5, 1)) - flat(TrainingResult(weights, {})))
    assert step == pytest.approx(1.9 * 0.01 * 0.5, rel=1e-3)  # 1.9: Nesterov's momentum
    curve = run(0.5, 5).loss_curve
    assert curve[-1] < curve[0]
    unbounded = np.linalg.norm(flat(run(None, 1)) - flat(TrainingResult(weights, {})))
    assert unbounded > 1e4 * step


@pytest.mark.parametrize("optimizer", ["adam", "sgd", "rmsprop"])
def test_averages_fade_to_nothing(optimizer):
    """Of a weight without a gradient, in 12,000 updates: not to numbers of less than full precision, which would make
    each update several times slower; and no weight is another one for it.
    """
    rng = np.random.default_rng(0)
    flat, plain = (rng.normal(size=50).astype(np.float32) for _ in range(2))
    plain[:] = flat
    averages = np.full((2, 50), 1e-3, np.float32)
    averages[:, 25:] = np.float32(1e-38)
    kept = averages.astype(np.float32)
    for step in range(1, 12_001):
        UPDATES[optimizer](flat, np.zeros(50, np.float32), averages, float(step), (0.01, 0.0, 0.0))
        without_fading(optimizer, plain, kept, step)
    used = averages[: 2 if optimizer == "adam" else 1]
    assert ((used == 0) | (used >= np.finfo(np.float32).tiny)).all()
    assert (used[0] == 0).all()
    assert (kept[0] > 0).any()
    assert np.allclose(flat, plain, rtol=1e-6)


def without_fading(optimizer, flat, averages, step):
    """The rules for gradients of zero, in single precision."""
    one = np.float32
    if optimizer == "adam":
        averages[0] += (one(0) - averages[0]) * (one(1) - one(0.9))
        averages[1] *= one(0.999)
        root = np.sqrt(1 - 0.999**step)
        size, epsilon = one(root * 0.01 / (1 - 0.9**step)), one(root * 1e-8)
        flat -= size * averages[0] / (np.sqrt(averages[1]) + epsilon)
    elif optimizer == "sgd":
        averages[0] *= one(0.9)
        flat -= one(0.01) * (one(0.9) * averages[0])
    else:
        averages[0] *= one(0.99)

"""Modules of the user's own as cells."""

import numpy as np
import pytest
import torch
from network_alone import REGRESSOR
from reference_networks import random_weights, run

from skrnn import RNNRegressor
from skrnn.networks import NetworkSpec


def make_gru(input_size, hidden_size):
    return torch.nn.GRU(input_size, hidden_size, batch_first=True)


class Elman(torch.nn.Module):
    """A vanilla cell of two linear layers, its state nested in tuples."""

    def __init__(self, input_size, hidden_size, dropout=0.0):
        super().__init__()
        self.read = torch.nn.Linear(input_size, hidden_size)
        self.recur = torch.nn.Linear(hidden_size, hidden_size, bias=False)
        self.drop = torch.nn.Dropout(dropout)

    def forward(self, x, state):
        h = x.new_zeros(x.shape[0], self.recur.in_features) if state is None else state[0][0]
        count = 0 * h[:, :1] if state is None else state[1]
        outs = []
        for step in self.drop(x).unbind(1):
            h = torch.tanh(self.read(step) + self.recur(h))
            outs.append(h)
        return torch.stack(outs, 1), ((h,), count + x.shape[1])


def noisy_elman(input_size, hidden_size):
    return Elman(input_size, hidden_size, dropout=0.3)


@pytest.fixture
def X():
    return np.random.default_rng(2).normal(size=(20, 6, 2)).astype(np.float32)


def fit(cell, X, **options):
    options = {"hidden_size": 4, "max_iter": 3, "random_state": 0, "batch_size": 8, **REGRESSOR, **options}
    return RNNRegressor(cell=cell, **options).fit(X, X[:, :3, 0].sum(axis=1))


@pytest.mark.parametrize(("num_layers", "bidirectional"), [(1, False), (1, True), (2, True)])
@pytest.mark.parametrize("bptt_steps", [None, 2])
def test_torch_gru_as_a_cell(num_layers, bidirectional, bptt_steps, X):
    """With the same weights, a callable that makes torch's GRU computes what cell="gru" computes, ragged rows too."""
    sizes = {"num_layers": num_layers, "bidirectional": bidirectional}
    builtin, custom = NetworkSpec(2, 3, "gru", 4, **sizes), NetworkSpec(2, 3, make_gru, 4, **sizes)
    weights = random_weights(builtin)
    renamed = dict(weights)
    for prefix, suffix, _ in builtin.cell_sizes():
        for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh"):
            renamed[f"{prefix}{suffix[1:]}.{name}_l0"] = renamed.pop(f"{prefix}{name}{suffix}")
    lengths = np.arange(20) % 6 + 1
    a = run(builtin, weights, X, lengths, bptt_steps=bptt_steps)
    b = run(custom, renamed, X, lengths, bptt_steps=bptt_steps)
    np.testing.assert_allclose(a.outputs, b.outputs, rtol=1e-12, atol=1e-14)
    np.testing.assert_allclose(a.states, b.states, rtol=1e-12, atol=1e-14)


def test_nested_state_is_carried(X):
    """In pieces, a module with a nested state computes what it does at one go; without its state it does not."""
    spec = NetworkSpec(2, 1, Elman, 4)
    weights = random_weights(spec)
    whole = run(spec, weights, X).outputs
    np.testing.assert_allclose(run(spec, weights, X, bptt_steps=2).outputs, whole, rtol=1e-12, atol=1e-14)
    read, recur = weights["rnn.l0.read.weight"], weights["rnn.l0.recur.weight"]
    h = np.zeros((20, 4))
    for t in range(6):
        h = np.tanh(X[:, t] @ read.T + weights["rnn.l0.read.bias"] + h @ recur.T)
    np.testing.assert_allclose(whole, h @ weights["head.weight"].T + weights["head.bias"], rtol=1e-6, atol=1e-7)
    assert np.abs(run(spec, weights, X[:, -2:]).outputs - whole).max() > 1e-2


@pytest.mark.parametrize("bptt_steps", [None, 2])
def test_own_module_learns(bptt_steps, X):
    model = fit(Elman, X, hidden_size=8, max_iter=60, bptt_steps=bptt_steps)
    y = X[:, :3, 0].sum(axis=1)
    assert model.loss_curve_[-1] < 0.5 * model.loss_curve_[0]
    if bptt_steps is None:
        assert model.score(X, y) > 0.8
    assert set(model.weights_) >= {"rnn.l0.read.weight", "rnn.l0.read.bias", "rnn.l0.recur.weight", "head.weight"}


@pytest.mark.parametrize("cell", [make_gru, Elman, noisy_elman])
def test_own_module_is_reproducible(cell, X):
    """Same seed, same bits, whatever torch's global generator was used for; and it is left as it was."""
    torch.manual_seed(1)
    before = torch.random.get_rng_state()
    first = fit(cell, X, bidirectional=True)
    assert torch.equal(torch.random.get_rng_state(), before)
    torch.manual_seed(2)
    torch.rand(7)
    again, other = fit(cell, X, bidirectional=True), fit(cell, X, bidirectional=True, random_state=1)
    assert all(np.array_equal(value, again.weights_[name]) for name, value in first.weights_.items())
    assert first.loss_curve_ == again.loss_curve_
    assert first.loss_curve_ != other.loss_curve_
    name = "weight_ih_l0" if cell is make_gru else "read.weight"  # each direction has its own start
    assert not np.array_equal(first.weights_[f"rnn.l0.{name}"], first.weights_[f"rnn.l0_reverse.{name}"])


def test_dropout_inside_a_module_is_for_training_only(X):
    """It changes what is learnt, and never a prediction, nor the output of `network_` in evaluation mode."""
    quiet, noisy = fit(Elman, X), fit(noisy_elman, X)
    assert quiet.loss_curve_ != noisy.loss_curve_
    assert np.array_equal(noisy.predict(X), noisy.predict(X))
    network, inputs = noisy.network_, torch.from_numpy(X)
    assert torch.equal(network(inputs), network(inputs))
    assert set(network.state_dict()) == set(noisy.weights_)
    scaled = (X - noisy._fitted.scalings.inputs.mean) / noisy._fitted.scalings.inputs.scale
    outputs = network(torch.tensor(scaled, dtype=torch.float32)).detach().numpy()[:, 0]
    mean, scale = noisy._fitted.scalings.targets.mean[0], noisy._fitted.scalings.targets.scale[0]
    np.testing.assert_allclose(noisy.predict(X), mean + scale * outputs, rtol=1e-5, atol=1e-5)
    network.train()
    assert not torch.equal(network(inputs), network(inputs))


def bad_axes(input_size, hidden_size):
    return torch.nn.GRU(input_size, hidden_size)


def bad_width(input_size, hidden_size):
    return torch.nn.GRU(input_size, hidden_size + 1, batch_first=True)


class Stateless(torch.nn.Linear):
    def forward(self, x, state):
        return super().forward(x)


def no_module(input_size, hidden_size):
    return [input_size, hidden_size]


@pytest.mark.parametrize(
    ("cell", "error", "message"),
    [
        (bad_axes, ValueError, "batch_first=True"),
        (bad_width, ValueError, r"\(2, 3, 2\) into \(2, 3, 5\); \(2, 3, 4\) is expected"),
        (Stateless, TypeError, r"returns a Tensor; \(out, state\) is expected"),
        (no_module, TypeError, r"returned a list; it must return a torch\.nn\.Module"),
    ],
)
def test_unusable_modules_are_refused(cell, error, message, X):
    with pytest.raises(error, match=message):
        fit(cell, X)

"""The adaptive softmax: a distribution, the one that torch has, its gradients, and the network around it."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from reference_networks import random_weights

from skrnn.networks import AdaptiveSoftmax, NetworkSpec, SequenceModule, parameter_shapes, run_network, summarize
from skrnn.networks._adaptive import adaptive_shapes
from skrnn.networks.compiled import NetworkStream
from skrnn.networks.torch import TorchStream

N, H, K, CUTOFFS = 40, 256, 30, (5, 12)  # sizes at which torch's own has projections of the same widths
SPEC = NetworkSpec(1, K, "gru", 6, readout="steps", vocabulary=(K,), embedding_dim=3, cutoffs=CUTOFFS)


def made(n_read=H, cutoffs=CUTOFFS, n_classes=K, dtype=np.float64):
    rng = np.random.default_rng(0)
    shapes = adaptive_shapes(cutoffs, n_classes, n_read)
    weights = {name: rng.normal(size=shape).astype(dtype) / 4 for name, shape in shapes.items()}
    states = rng.normal(size=(N, n_read)).astype(dtype)
    return AdaptiveSoftmax(cutoffs, weights), states, rng.integers(0, n_classes, size=N), rng.random(N).astype(dtype)


def of_torch(softmax):
    twin = torch.nn.AdaptiveLogSoftmaxWithLoss(H, K, list(CUTOFFS), head_bias=True).double()
    twin.load_state_dict({name: torch.tensor(value) for name, value in softmax.weights.items()})
    return twin


def test_it_is_that_of_torch():
    """Given the same weights: probabilities, losses, and the gradients of everything."""
    softmax, states, classes, shares = made()
    twin, read = of_torch(softmax), torch.tensor(states, requires_grad=True)
    assert np.allclose(softmax.log_probabilities(states), twin.log_prob(read).detach(), rtol=1e-12)
    output = twin(read, torch.tensor(classes)).output
    (torch.tensor(shares) @ -output).backward()
    assert np.allclose(softmax.losses(states, classes), -output.detach(), rtol=1e-12)
    gradients = {name: np.full_like(value, np.nan) for name, value in softmax.weights.items()}
    losses, d_states = softmax.backward(states, classes, shares, gradients)
    assert np.allclose(losses, -output.detach(), rtol=1e-12)
    assert np.allclose(d_states, read.grad, atol=1e-12)
    for name, parameter in twin.named_parameters():
        assert np.allclose(gradients[name], parameter.grad, atol=1e-12), name


@pytest.mark.parametrize(("n_read", "cutoffs", "n_classes"), [(4, (1,), 2), (20, (3, 4, 9), 10), (70, (1, 2), 300)])
def test_probabilities_sum_to_one(n_read, cutoffs, n_classes):
    softmax, states, classes, _ = made(n_read, cutoffs, n_classes)
    logs = softmax.log_probabilities(states)
    assert logs.shape == (N, n_classes)
    assert softmax.n_classes == n_classes
    assert np.allclose(np.exp(logs).sum(axis=1), 1, rtol=1e-12)
    assert np.allclose(softmax.losses(states, classes), -logs[np.arange(N), classes], rtol=1e-12)


def test_gradients_by_differences():
    softmax, states, classes, shares = made(20, (3, 9), 17)
    gradients = {name: np.zeros_like(value) for name, value in softmax.weights.items()}
    d_states = softmax.backward(states, classes, shares, gradients)[1]
    rng = np.random.default_rng(1)
    for value, gradient in [(states, d_states), *((softmax.weights[name], gradients[name]) for name in gradients)]:
        way = rng.normal(size=value.shape)
        start = value.copy()
        found = []
        for step in (1e-6, -1e-6):
            value[:] = start + step * way
            found.append(softmax.losses(states, classes) @ shares)
        value[:] = start
        assert (found[0] - found[1]) / 2e-6 == pytest.approx((gradient * way).sum(), rel=1e-6)


def test_pieces_make_the_whole(monkeypatch):
    """Scores are held for some rows at a time; a cluster that no row asks for has no gradient."""
    softmax, states, classes, shares = made()
    classes = np.where(classes < 12, classes, 0)
    found = []
    for at_once in (1 << 22, 40, 1):
        monkeypatch.setattr("skrnn.networks._adaptive._AT_ONCE", at_once)
        gradients = {name: np.full_like(value, np.nan) for name, value in softmax.weights.items()}
        found.append([*softmax.backward(states, classes, shares, gradients), *gradients.values()])
        assert not gradients["tail.1.0.weight"].any()
        assert not gradients["tail.1.1.weight"].any()
        assert gradients["tail.0.1.weight"].any()
    for others in found[1:]:
        assert all(np.allclose(a, b, atol=1e-12) for a, b in zip(found[0], others, strict=True))


def test_scores_far_apart_stay_finite():
    softmax, states, classes, shares = made(dtype=np.float32)
    states *= 1e4
    gradients = {name: np.zeros_like(value) for name, value in softmax.weights.items()}
    losses, d_states = softmax.backward(states, classes, shares, gradients)
    assert losses.dtype == d_states.dtype == np.float32
    assert np.isfinite(losses).all()
    assert np.isfinite(d_states).all()
    assert np.isfinite(softmax.log_probabilities(states)).all()


def test_draws_follow_the_probabilities():
    softmax, states, _, _ = made()
    n, expected = 20_000, np.exp(softmax.log_probabilities(states[:1]))[0]
    drawn = softmax.draw(np.repeat(states[:1], n, axis=0), np.random.default_rng(0))
    found = np.bincount(drawn, minlength=K) / n
    assert np.abs(found - expected).max() < 4 * np.sqrt(expected.max() / n)
    for first, end in ((0, CUTOFFS[0]), (CUTOFFS[-1], K)):
        assert found[first:end].sum() == pytest.approx(expected[first:end].sum(), abs=0.02)


def test_a_network_around_it():
    """Both engines, streams on both, and the module: log-probabilities of all classes."""
    weights = random_weights(SPEC)
    assert {name: value.shape for name, value in weights.items()} == parameter_shapes(SPEC)
    codes = np.random.default_rng(0).integers(0, K, size=(3, 7, 1)).astype(float)
    lengths = np.full(3, 7)
    outputs = [run_network(SPEC, weights, codes, lengths, engine=engine)[0] for engine in ("torch", "compiled")]
    assert np.allclose(np.exp(outputs[0]).sum(axis=2), 1, rtol=1e-12)
    assert np.allclose(outputs[1], outputs[0], atol=1e-5)
    module = SequenceModule(SPEC, weights).eval()
    assert {name: tuple(value.shape) for name, value in module.state_dict().items()} == parameter_shapes(SPEC)
    with torch.no_grad():
        assert np.allclose(module(torch.tensor(codes, dtype=torch.float32)), outputs[0], atol=1e-5)
    for kind in (NetworkStream, TorchStream):
        stream = kind(SPEC, weights)
        assert np.allclose(stream.read(codes[:1, :5]), outputs[0][0, :5], atol=1e-5)
        assert np.allclose(stream.step(codes[:1, 5:6]), outputs[0][0, 5], atol=1e-5)
        states = stream.follow(codes[:1, 6:])
        assert np.allclose(stream.adaptive.log_probabilities(states), outputs[0][0, 6], atol=1e-5)
    table = summarize(SPEC)
    assert table.n_parameters == sum(value.size for value in weights.values())
    assert "tail.1 (Linear, Linear)" in str(table)


@pytest.mark.parametrize("cutoffs", [[5], (0, 4), (5, 5), (9, 4), (K,), (4.0,), "ab", (True,)])
def test_cutoffs_that_are_none(cutoffs):
    values = SPEC.plain()
    assert NetworkSpec.from_plain(values) == SPEC
    with pytest.raises(ValueError, match="cutoffs that are no increasing numbers"):
        NetworkSpec.from_plain({**values, "cutoffs": cutoffs})


def test_older_specs_and_other_readouts():
    values = replace(SPEC, cutoffs=()).plain()
    del values["cutoffs"]
    assert NetworkSpec.from_plain(values) == replace(SPEC, cutoffs=())
    with pytest.raises(ValueError, match="cutoffs, which the readout 'last' has not"):
        NetworkSpec.from_plain({**SPEC.plain(), "readout": "last"})

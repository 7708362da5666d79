"""Gradients of whole networks, and truncated back-propagation through time."""

import numpy as np
import pytest
import torch
from reference_networks import KINDS, own_weights, random_weights, reference_step, run, run_torch

from skrnn.networks import CELLS, NetworkSpec
from skrnn.objectives import CrossEntropy, EveryToken, Forecast, MiniBatch, Reconstruction, SquaredError

LENGTHS = np.array([7, 3, 1, 6])


def make_inputs():
    x = np.random.default_rng(0).normal(size=(4, 7, 2))
    x[np.arange(7) >= LENGTHS[:, None]] = 0
    return x


def masks(seed):
    """Dropout masks that are the same in every call of the network."""
    rng = np.random.default_rng(seed)
    return lambda shape: torch.from_numpy((rng.random(shape) < 0.6) / 0.6)


def check_gradients(spec, objective, targets=None, dropout=False, tokens=None, step_weights=None):
    """The gradient along random directions of every weight against central differences, in float64."""
    weights = {name: value.astype(np.float64) for name, value in random_weights(spec).items()}
    batch = MiniBatch(make_inputs(), LENGTHS, targets, step_weights=step_weights)
    read = None if tokens is None else torch.from_numpy(tokens)
    share = np.array([0.5, 2.0, 1.0, 0.7])

    def draw():
        return masks(4) if dropout else None

    def loss(weights):
        outputs = run(spec, weights, batch.inputs, LENGTHS, draw_mask=draw(), tokens=read).outputs
        return objective.loss(outputs, batch)[0] @ share

    tensors = {name: torch.tensor(value, requires_grad=True) for name, value in weights.items()}
    outputs = run_torch(spec, tensors, torch.tensor(batch.inputs), LENGTHS, draw_mask=draw(), tokens=read).outputs
    slope = objective.loss(outputs.detach().numpy(), batch)[1]
    slope = slope * share.reshape(-1, *(1,) * (slope.ndim - 1))
    outputs.backward(torch.from_numpy(slope))
    rng = np.random.default_rng(1)
    steepness = 0.0
    for name, value in weights.items():
        for _ in range(2):
            direction = rng.normal(size=value.shape)
            up, down = ({**weights, name: value + sign * 1e-5 * direction} for sign in (1, -1))
            expected = (loss(up) - loss(down)) / 2e-5
            found = (tensors[name].grad.numpy() * direction).sum()
            assert found == pytest.approx(expected, rel=1e-5, abs=1e-8), name
            steepness = max(steepness, abs(expected))
    assert steepness > 0.01


@pytest.mark.parametrize("kind", KINDS, ids="-".join)
def test_ragged_bidirectional_layers(kind):
    spec = NetworkSpec(2, 3, kind[0], 3, 2, kind[1], bidirectional=True)
    check_gradients(spec, CrossEntropy(3), np.array([[0.0], [2.0], [1.0], [2.0]]))


@pytest.mark.parametrize("dropout", [False, True])
@pytest.mark.parametrize("kind", KINDS, ids="-".join)
def test_pooled_states(kind, dropout):
    form = {"bidirectional": True, "pooling": ("mean", "last", "max")}
    spec = NetworkSpec(2, 3, kind[0], 3, 2, kind[1], **form)
    check_gradients(spec, CrossEntropy(3), np.array([[0.0], [2.0], [1.0], [2.0]]), dropout=dropout)


@pytest.mark.parametrize("kind", KINDS, ids="-".join)
def test_decoder(kind):
    spec = NetworkSpec(2, 2, kind[0], 3, nonlinearity=kind[1], bidirectional=True, readout="decoder")
    check_gradients(spec, Reconstruction(2))


@pytest.mark.parametrize("kind", KINDS, ids="-".join)
def test_outputs_of_every_step(kind):
    check_gradients(NetworkSpec(2, 2, kind[0], 3, nonlinearity=kind[1], readout="steps"), Forecast(2))


@pytest.mark.parametrize("attention", ["luong", None])
@pytest.mark.parametrize("kind", KINDS, ids="-".join)
def test_decoder_of_tokens(kind, attention):
    sizes = {"num_layers": 2, "attention": attention, "target_embedding_dim": 2}
    spec = NetworkSpec(2, 4, kind[0], 3, nonlinearity=kind[1], readout="tokens", **sizes)
    targets = np.random.default_rng(6).integers(0, 4, size=(4, 5, 1))
    tokens = np.concatenate([np.zeros((4, 1), int), targets[:, :-1, 0]], axis=1)
    every = EveryToken(CrossEntropy(4))
    check_gradients(spec, every, targets.astype(float), tokens=tokens, step_weights=np.ones((4, 5)))


@pytest.mark.parametrize("kind", KINDS, ids="-".join)
def test_carried_states(kind):
    """Half a sequence after the other is the whole of it, and no gradient goes back into the first half."""
    spec = NetworkSpec(2, 2, kind[0], 3, 2, kind[1], readout="steps")
    tensors = {name: torch.tensor(value, dtype=torch.float64) for name, value in random_weights(spec).items()}
    x = torch.tensor(np.random.default_rng(2).normal(size=(4, 7, 2)), requires_grad=True)
    whole, first = run_torch(spec, tensors, x), run_torch(spec, tensors, x[:, :3])
    second = run_torch(spec, tensors, x[:, 3:], carried=first.carried)
    np.testing.assert_allclose(second.outputs.detach(), whole.outputs[:, 3:].detach(), rtol=1e-12, atol=1e-14)
    afresh = run_torch(spec, tensors, x[:, 3:])
    assert (afresh.outputs - second.outputs).abs().max() > 1e-3
    second.outputs.sum().backward()
    assert (x.grad[:, :3] == 0).all()
    assert (x.grad[:, 3:] != 0).any()


@pytest.mark.parametrize("stride", [None, 1])
def test_segments(stride):
    spec = NetworkSpec(2, 2, "gru", 4, segment=2, segment_stride=stride, readout="steps")
    check_gradients(spec, Forecast(2, 2, stride))


@pytest.mark.parametrize("kind", KINDS, ids="-".join)
def test_dropout_masks(kind):
    spec = NetworkSpec(2, 2, kind[0], 4, 2, kind[1], bidirectional=True)
    check_gradients(spec, SquaredError(), np.random.default_rng(3).normal(size=(4, 2)), dropout=True)


@pytest.mark.parametrize("readout", ["last", "steps", "decoder"])
def test_padding_receives_no_gradient(readout):
    """The last state's gradient is exactly 0 behind the end of each sequence, and not 0 before it."""
    spec = NetworkSpec(2, 2, "lstm", 3, 2, bidirectional=True, readout=readout)
    x = torch.tensor(make_inputs(), requires_grad=True)
    tensors = {name: torch.tensor(value, dtype=torch.float64) for name, value in random_weights(spec).items()}
    result = run_torch(spec, tensors, x, LENGTHS)
    result.last.sum().backward()
    behind = np.arange(7) >= LENGTHS[:, None]
    assert (x.grad.numpy()[behind] == 0).all()
    assert (x.grad.numpy()[~behind] != 0).all()


def gradients(spec, weights, x, lengths=None, **options):
    """Gradients of a weighted sum of the outputs with respect to every weight and the inputs."""
    tensors = {name: torch.tensor(value, requires_grad=True) for name, value in weights.items()}
    inputs = torch.tensor(x, requires_grad=True)
    outputs = run_torch(spec, tensors, inputs, lengths, **options).outputs
    (outputs * torch.arange(1, outputs[0].numel() + 1).reshape(outputs[0].shape)).sum().backward()
    return {name: value.grad for name, value in tensors.items()}, inputs.grad


@pytest.mark.parametrize("readout", ["last", "steps", "decoder"])
@pytest.mark.parametrize("bptt_steps", [7, 8, 1000])
def test_long_truncation_is_none(bptt_steps, readout):
    spec = NetworkSpec(2, 2, "lstm", 3, 2, bidirectional=True, readout=readout)
    weights, x = random_weights(spec), make_inputs().astype(np.float32)
    full, full_x = gradients(spec, weights, x, LENGTHS)
    cut, cut_x = gradients(spec, weights, x, LENGTHS, bptt_steps=bptt_steps)
    assert all(torch.equal(value, cut[name]) for name, value in full.items())
    assert torch.equal(full_x, cut_x)
    shorter, _ = gradients(spec, weights, x, LENGTHS, bptt_steps=3)
    assert any((value - shorter[name]).abs().max() > 1e-3 for name, value in full.items())


def stepwise_outputs(spec, tensors, x, bptt_steps):
    """The network unrolled step by step, detached by hand."""
    for layer in range(spec.num_layers):
        own = own_weights(spec, tensors, f"_l{layer}")
        h = c = x.new_zeros(len(x), spec.hidden_size)
        outs = []
        for t in range(x.shape[1]):
            if t and (x.shape[1] - t) % bptt_steps == 0:
                h, c = h.detach(), c.detach()
            h, c = reference_step(spec, own, x[:, t], h, c)
            outs.append(h)
        x = torch.stack(outs, dim=1)
    pooled = {"last": x[:, -1], "mean": x.mean(dim=1), "max": x.max(dim=1).values}
    read = x if spec.readout == "steps" else torch.cat([pooled[name] for name in spec.pooling], dim=1)
    return read @ tensors["head.weight"].T + tensors["head.bias"]


@pytest.mark.parametrize("form", [{}, {"readout": "steps"}, {"pooling": ("max", "mean")}], ids=str)
@pytest.mark.parametrize("bptt_steps", [1, 2, 3, 6])
@pytest.mark.parametrize("cell", CELLS)
def test_truncation_by_hand(cell, bptt_steps, form):
    spec = NetworkSpec(2, 2, cell, 3, 2, **form)
    weights = {name: value.astype(np.float64) for name, value in random_weights(spec).items()}
    x = np.random.default_rng(2).normal(size=(4, 7, 2))
    found, found_x = gradients(spec, weights, x, bptt_steps=bptt_steps)
    tensors = {name: torch.tensor(value, requires_grad=True) for name, value in weights.items()}
    inputs = torch.tensor(x, requires_grad=True)
    outputs = stepwise_outputs(spec, tensors, inputs, bptt_steps)
    (outputs * torch.arange(1, outputs[0].numel() + 1).reshape(outputs[0].shape)).sum().backward()
    for name, value in tensors.items():
        np.testing.assert_allclose(found[name], value.grad, rtol=1e-9, atol=1e-11, err_msg=name)
    np.testing.assert_allclose(found_x, inputs.grad, rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize("cell", CELLS)
def test_truncation_ends_at_the_last_detach(cell):
    """With 7 steps and a detach every 3, the last state learns from steps 5 to 7; the value does not change."""
    spec = NetworkSpec(2, 2, cell, 3)
    weights, x = random_weights(spec), np.random.default_rng(2).normal(size=(4, 7, 2)).astype(np.float32)
    _, cut = gradients(spec, weights, x, bptt_steps=3)
    _, full = gradients(spec, weights, x)
    assert (cut[:, :4] == 0).all()
    assert (cut[:, 4:] != 0).all()
    assert (full != 0).all()
    np.testing.assert_allclose(run(spec, weights, x, bptt_steps=3).outputs, run(spec, weights, x).outputs, rtol=1e-12)

"""States that are carried from one chunk of time to the next, on the compiled engine."""

import numpy as np
import pytest
import torch
from reference_networks import KINDS, random_weights, run_torch

from skrnn.networks import CompiledNetwork, NetworkSpec, ThreadedNetwork
from skrnn.networks.compiled import _threads

N_ROWS, N_STEPS, N_TOKENS = 6, 7, 9
LENGTHS = np.array([7, 3, 7, 1, 7, 6])


def make_spec(kind, **form):
    """A language model: tokens, of which the next is predicted at every step."""
    sizes = {"vocabulary": (N_TOKENS,), "embedding_dim": 3, **form}
    return NetworkSpec(1, N_TOKENS, kind[0], 5, nonlinearity=kind[1], readout="steps", **sizes)


def make_codes(n_steps=N_STEPS):
    codes = np.random.default_rng(3).integers(0, N_TOKENS, size=(N_ROWS, n_steps, 1)).astype(np.float32)
    codes[np.arange(n_steps)[:, None] >= LENGTHS[:, None, None]] = 0
    return codes


def states_before(spec, n_rows=N_ROWS, seed=4):
    """(num_layers, n_states, B, H)"""
    n_states = spec.make_cell().kernels.n_states
    drawn = np.random.default_rng(seed).uniform(-0.8, 0.8, size=(spec.num_layers, n_states, n_rows, 5))
    return drawn.astype(np.float32)


def for_torch(states):
    """As torch's cells take them: h, or h and c, (1, B, H) of each layer."""
    layers = [tuple(torch.from_numpy(part.astype(np.float64))[None] for part in layer) for layer in states]
    return [layer if len(layer) > 1 else layer[0] for layer in layers]


def masks(dropout):
    rng = np.random.default_rng(1)
    return lambda shape: ((rng.random(shape) >= dropout) / (1 - dropout)).astype(np.float32)


@pytest.mark.parametrize("form", [{}, {"num_layers": 3}, {"num_layers": 2, "dropout": 0.4}], ids=str)
@pytest.mark.parametrize("kind", KINDS, ids="-".join)
def test_gradients_through_a_chunk_are_finite_differences(kind, form):
    """Along random directions of every weight; the differences are torch's, in double precision."""
    spec, codes = make_spec(kind, **form), make_codes()
    weights, before = random_weights(spec), states_before(spec)
    slope = np.random.default_rng(2).normal(size=(N_ROWS, N_STEPS, N_TOKENS)).astype(np.float32)
    slope[np.arange(N_STEPS) >= LENGTHS[:, None]] = 0

    def outputs(weights):
        tensors = {name: torch.tensor(value, dtype=torch.float64) for name, value in weights.items()}
        draw = masks(spec.dropout)
        options = {"draw_mask": lambda shape: torch.from_numpy(draw(shape)).double()} if spec.dropout else {}
        return run_torch(spec, tensors, torch.from_numpy(codes), LENGTHS, carried=for_torch(before), **options)

    network = CompiledNetwork(spec, weights)
    found = network.forward(codes, LENGTHS, masks(spec.dropout) if spec.dropout else None, before)
    real = np.arange(N_STEPS) < LENGTHS[:, None]
    np.testing.assert_allclose(found[real], outputs(weights).outputs.numpy()[real], atol=2e-6)
    network.backward(slope)
    weights, rng = {name: value.astype(np.float64) for name, value in weights.items()}, np.random.default_rng(5)
    for name, value in weights.items():
        direction = rng.normal(size=value.shape)
        up, down = ({**weights, name: value + sign * 1e-5 * direction} for sign in (1, -1))
        expected = ((outputs(up).outputs - outputs(down).outputs).numpy() * slope).sum() / 2e-5
        gradient = (network.gradients[name] * direction).sum()
        assert gradient == pytest.approx(expected, rel=1e-4, abs=3e-5), name


@pytest.mark.parametrize("kind", KINDS, ids="-".join)
def test_a_chunk_goes_on_where_the_last_one_ended(kind):
    """Two chunks are the whole; rows that end are left behind, and the others take their places."""
    spec = make_spec(kind, num_layers=2)
    weights, codes, lengths = random_weights(spec), make_codes(12), np.array([12, 5, 12, 2, 9, 12])
    network = CompiledNetwork(spec, weights)
    whole = network.forward(codes, lengths)
    first = network.forward(codes[:, :5], np.minimum(lengths, 5))
    states, left = network.last_states(), np.flatnonzero(lengths > 5)
    second = network.forward(codes[left, 5:], lengths[left] - 5, before=states[:, :, left])
    np.testing.assert_allclose(first[:, :2], whole[:, :2], atol=1e-6)
    for row, length, found in zip(left, lengths[left] - 5, second, strict=True):
        np.testing.assert_allclose(found[:length], whole[row, 5 : 5 + length], atol=1e-6)
    afresh = network.forward(codes[left, 5:], lengths[left] - 5)
    assert np.abs(afresh[:, 0] - whole[left, 5]).max() > 1e-3, "states begin at zero where none are given"
    result = run_torch(
        spec,
        {name: torch.tensor(value, dtype=torch.float64) for name, value in weights.items()},
        torch.from_numpy(codes[:, :5]),
    )
    np.testing.assert_allclose(states, np.stack([np.concatenate([*layer]) for layer in as_layers(result)]), atol=1e-6)


def as_layers(result):
    """What torch carries as h, or h and c, of each layer."""
    return [[*layer] if isinstance(layer, tuple) else [layer] for layer in result.carried]


@pytest.mark.parametrize("kind", KINDS, ids="-".join)
def test_slices_of_a_mini_batch_carry_their_own_states(kind, monkeypatch):
    """A mini-batch that is split among threads computes what it computes in one piece."""
    spec, codes = make_spec(kind, num_layers=2), np.repeat(make_codes(), 4, axis=0)
    weights, lengths = random_weights(spec), np.repeat(LENGTHS, 4)
    before, slope = states_before(spec, len(codes)), np.ones((len(codes), N_STEPS, N_TOKENS), np.float32)
    whole = CompiledNetwork(spec, weights)
    expected = whole.forward(codes, lengths, before=before)
    whole.backward(slope)
    monkeypatch.setattr(_threads, "_WORTH_A_THREAD", 1)
    monkeypatch.setattr(_threads, "_FEWEST_ROWS", 5)
    split = ThreadedNetwork(spec, weights, n_threads=2)
    np.testing.assert_allclose(split.forward(codes, lengths, before=before), expected, atol=1e-6)
    assert len(split.slices) == 4
    np.testing.assert_allclose(split.last_states(), whole.last_states(), atol=1e-6)
    split.backward(slope)
    split.close()
    np.testing.assert_allclose(split.gradient, whole.gradient, rtol=1e-4, atol=1e-4)

"""What the head reads of a sequence's states: last, mean, maximum, attention, against NumPy, on both engines."""

import itertools

import numpy as np
import pytest
import torch
from reference_networks import KINDS, random_weights, run_torch
from reference_networks import run_network as reference

from skrnn.networks import CompiledNetwork, NetworkSpec, SequenceModule, parameter_shapes, run_network, summarize

LENGTHS = np.array([9, 1, 4, 9, 2, 7])
POOLINGS = [("mean",), ("max",), ("max", "last"), ("last", "mean", "max"), ("attention",), ("mean", "attention")]
ENGINES = ["compiled", "torch"]


def make_spec(kind, pooling, **options):
    return NetworkSpec(3, 2, kind[0], 5, nonlinearity=kind[1], pooling=pooling, **options)


def ragged(seed=0):
    """Inputs (6, 9, 3), zero behind each sequence's end."""
    x = np.random.default_rng(seed).normal(size=(6, 9, 3))
    x[np.arange(9) >= LENGTHS[:, None]] = 0
    return x


def expected_of(spec, weights, row):
    """The outputs for one sequence, its states from the textbook equations."""
    whole = NetworkSpec(**{**spec.plain(), "pooling": ("last",)})
    bare = {**weights, "head.weight": weights["head.weight"][:, : spec.state_size]}  # the reference has its own head
    states, last, _ = reference(whole, bare, row)
    looked = None
    if "attention" in spec.pooling:
        keys = np.tanh(states @ weights["pooling.weight"].astype(float).T + weights["pooling.bias"])
        shares = np.exp(keys @ weights["query.weight"][0].astype(float))
        looked = (shares[:, None] * states).sum(axis=0) / shares.sum()
    parts = {"attention": looked, "last": last, "mean": states.mean(axis=0), "max": states.max(axis=0)}
    read = np.concatenate([parts[name] for name in spec.pooling])
    return read @ weights["head.weight"].astype(float).T + weights["head.bias"]


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("pooling", POOLINGS, ids="-".join)
@pytest.mark.parametrize("kind", KINDS, ids="-".join)
def test_ragged_bidirectional_layers_in_numpy(kind, pooling, engine):
    spec, x = make_spec(kind, pooling, num_layers=2, bidirectional=True), ragged()
    weights = random_weights(spec)
    outputs, _ = run_network(spec, weights, x, LENGTHS, engine=engine)
    expected = np.array([expected_of(spec, weights, row[:n]) for row, n in zip(x, LENGTHS, strict=True)])
    precise = {"rtol": 1e-10, "atol": 1e-12} if engine == "torch" else {"rtol": 1e-6, "atol": 2e-6}  # double, single
    np.testing.assert_allclose(outputs, expected, **precise)
    with_padding = np.array([expected_of(spec, weights, row) for row in x])  # the control
    assert np.abs(with_padding - expected)[LENGTHS < 9].max() > 0.01


@pytest.mark.parametrize("engine", ENGINES)
def test_the_order_is_the_order_given(engine):
    one, other = (make_spec(("gru", "tanh"), names) for names in (("mean", "max"), ("max", "mean")))
    weights, x = random_weights(one), ragged()
    found = [run_network(spec, weights, x, LENGTHS, engine=engine)[0] for spec in (one, other)]
    assert np.abs(found[0] - found[1]).max() > 0.01
    weights["head.weight"] = np.roll(weights["head.weight"], 5, axis=1)
    np.testing.assert_allclose(run_network(other, weights, x, LENGTHS, engine=engine)[0], found[0], rtol=1e-12)


@pytest.mark.parametrize("hidden_size", [1, 5])
@pytest.mark.parametrize("form", [{}, {"bidirectional": True}, {"segment": 3}], ids=str)
@pytest.mark.parametrize("pooling", POOLINGS, ids="-".join)
def test_a_row_has_the_same_bits_whatever_is_beside_it(pooling, form, hidden_size):
    """Long rows too: a sum in pairs would depend on the padding."""
    spec = NetworkSpec(3, 2, "gru", hidden_size, pooling=pooling, **form)
    weights, lengths = random_weights(spec), np.array([400, 37, 3, 133, 260])
    x = np.random.default_rng(0).normal(size=(5, 400, 3))
    x[np.arange(400) >= lengths[:, None]] = 0
    whole, _ = run_network(spec, weights, x, lengths, engine="compiled")
    for i, length in enumerate(lengths):
        alone, _ = run_network(spec, weights, x[i : i + 1, :length], lengths[i : i + 1], engine="compiled")
        np.testing.assert_array_equal(alone[0], whole[i])


def tied_network(pooling):
    """A network without memory and inputs that stay the same: every step attains the maximum, in exact numbers."""
    spec = NetworkSpec(1, 1, "rnn", 2, nonlinearity="relu", pooling=pooling)
    weights = {name: np.zeros(shape, np.float32) for name, shape in parameter_shapes(spec).items()}
    weights["rnn.weight_ih_l0"][:] = 0.5
    weights["rnn.bias_ih_l0"][:] = 0.25
    weights["head.weight"][:] = 1.0
    return spec, weights, np.ones((3, 4, 1), np.float32), np.array([4, 2, 1])


def gradients_of(engine, spec, weights, x, lengths):
    if engine == "compiled":
        network = CompiledNetwork(spec, weights)
        network.backward(np.ones_like(network.forward(x, lengths)))
        return network.gradients
    tensors = {name: torch.tensor(value, requires_grad=True) for name, value in weights.items()}
    run_torch(spec, tensors, torch.tensor(x), lengths).outputs.sum().backward()
    return {name: tensor.grad.numpy() for name, tensor in tensors.items()}


@pytest.mark.parametrize("engine", ENGINES)
def test_the_gradient_of_a_tie_goes_to_the_first_step(engine):
    """Which has no state before it, so that the recurrent weights learn nothing; a later step would teach them."""
    found = gradients_of(engine, *tied_network(("max",)))
    np.testing.assert_array_equal(found["rnn.weight_hh_l0"], 0.0)
    np.testing.assert_array_equal(found["rnn.weight_ih_l0"], 3.0)
    assert (gradients_of(engine, *tied_network(("last",)))["rnn.weight_hh_l0"] > 0).all()


def test_rectified_zeros_and_dropped_states_have_no_gradient():
    """Ties of zeros: both engines find nothing to learn, and the same elsewhere."""
    spec, weights, x, lengths = tied_network(("max", "mean"))
    weights["rnn.weight_ih_l0"][0] = -2.0
    found = {engine: gradients_of(engine, spec, weights, x, lengths) for engine in ENGINES}
    for name, value in found["torch"].items():
        np.testing.assert_allclose(found["compiled"][name], value, rtol=1e-5, atol=1e-6)
    np.testing.assert_array_equal(found["compiled"]["rnn.weight_ih_l0"][0], 0.0)
    assert (found["compiled"]["rnn.weight_ih_l0"][1] > 0).all()


@pytest.mark.parametrize("engine", ENGINES)
def test_states_that_are_no_numbers_are_not_overlooked(engine):
    """So that a training that diverges is seen to diverge."""
    spec, weights, x, lengths = tied_network(("max",))
    x[0, 1] = np.nan
    outputs, _ = run_network(spec, weights, x, lengths, engine=engine)
    assert np.isnan(outputs[0]).all()
    assert np.isfinite(outputs[1:]).all()


@pytest.mark.parametrize(("pooling", "bidirectional"), list(itertools.product(POOLINGS, [False, True])))
def test_the_head_and_the_module_in_torch(pooling, bidirectional):
    spec, x = make_spec(("lstm", "tanh"), pooling, bidirectional=bidirectional), ragged()
    weights = random_weights(spec)
    n_read = len(pooling) * 5 * (1 + bidirectional)
    assert weights["head.weight"].shape == (2, n_read)
    module = SequenceModule(spec, weights).double()
    assert module.head.in_features == n_read
    outputs, _ = run_network(spec, weights, x, LENGTHS)
    np.testing.assert_allclose(module(torch.tensor(x), LENGTHS).detach(), outputs, rtol=1e-12)
    summary = summarize(spec)
    assert summary.layers[-2][:2] == (f"pooling ({', '.join(pooling)})", f"(n, {n_read})")
    assert summary.n_parameters == sum(value.size for value in weights.values())

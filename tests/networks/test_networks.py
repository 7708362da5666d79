"""Cells against textbook equations, and bit for bit against torch's own modules."""

import numpy as np
import pytest
import torch
from reference_networks import (
    IN_TORCH,
    KINDS,
    own_weights,
    random_weights,
    reference_step,
    run,
    run_torch,
)
from reference_networks import run_network as reference

from skrnn import RNNClassifier, RNNRegressor, RNNSequenceTransformer
from skrnn.networks import NetworkSpec, SequenceModule, initial_weights, parameter_shapes

SHAPES = [(1, False), (1, True), (2, False), (2, True)]


def make_spec(kind, num_layers=1, bidirectional=False, **options):
    cell, nonlinearity = kind
    return NetworkSpec(3, 2, cell, 5, num_layers, nonlinearity, bidirectional, **options)


def torch_module(spec):
    """torch's module of the same sizes, its weights random."""
    options = {"num_layers": spec.num_layers, "bidirectional": spec.bidirectional, "batch_first": True}
    if spec.cell == "rnn":
        return torch.nn.RNN(spec.input_size, spec.hidden_size, nonlinearity=spec.nonlinearity, **options)
    return {"gru": torch.nn.GRU, "lstm": torch.nn.LSTM}[spec.cell](spec.input_size, spec.hidden_size, **options)


@pytest.fixture
def x():
    return np.random.default_rng(1).normal(size=(4, 7, 3)).astype(np.float32)


@pytest.mark.parametrize("readout", ["last", "steps"])
@pytest.mark.parametrize(("num_layers", "bidirectional"), SHAPES)
@pytest.mark.parametrize("kind", KINDS, ids="-".join)
def test_textbook_equations(kind, num_layers, bidirectional, readout, x):
    spec = make_spec(kind, num_layers, bidirectional, readout=readout)
    weights = random_weights(spec)
    result = run(spec, weights, x)
    for i, row in enumerate(x):
        states, last, outputs = reference(spec, weights, row.astype(np.float64))
        np.testing.assert_allclose(result.states[i], states, rtol=1e-10, atol=1e-12)
        np.testing.assert_allclose(result.last[i], last, rtol=1e-10, atol=1e-12)
        np.testing.assert_allclose(result.outputs[i], outputs, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("kind", KINDS, ids="-".join)
def test_a_decoder_of_tokens_begins_with_what_was_read(kind, x):
    """Its state comes from the encoder's last one; a memory begins at zero."""
    spec = make_spec(kind, 2, readout="tokens", target_embedding_dim=2)
    weights = random_weights(spec)
    tokens = np.array([[0, 1, 1, 0]] * len(x))
    outputs = run(spec, weights, x, tokens=torch.tensor(tokens)).outputs
    w = {name: value.astype(np.float64) for name, value in weights.items()}
    for i, row in enumerate(x):
        bridge = np.tanh(w["bridge.weight"] @ reference(spec, w, row.astype(np.float64))[1] + w["bridge.bias"])
        states = [(h, np.zeros(5)) for h in bridge.reshape(2, 5)]
        for t, token in enumerate(tokens[i]):
            read = w["decoder_embedding.weight"][token]
            for layer, state in enumerate(states):
                states[layer] = reference_step(spec, own_weights(spec, w, f"_l{layer}", "decoder."), read, *state)
                read = states[layer][0]
            expected = w["head.weight"] @ read + w["head.bias"]
            np.testing.assert_allclose(outputs[i, t], expected, rtol=1e-10, atol=1e-12)


def test_textbook_control(x):
    """The comparison sees a GRU whose reset gate acts before the product, and swapped gates of an LSTM."""
    spec = make_spec(("gru", "tanh"))
    weights = random_weights(spec)
    spoilt = dict(weights)
    spoilt["rnn.bias_hh_l0"], spoilt["rnn.bias_ih_l0"] = weights["rnn.bias_ih_l0"], weights["rnn.bias_hh_l0"]
    assert np.abs(run(spec, spoilt, x).last[0] - reference(spec, weights, x[0])[1]).max() > 1e-3
    spec = make_spec(("lstm", "tanh"))
    weights = random_weights(spec)
    spoilt = {name: np.roll(value, 5, axis=0) if "rnn" in name else value for name, value in weights.items()}
    assert np.abs(run(spec, spoilt, x).last[0] - reference(spec, weights, x[0])[1]).max() > 1e-3


@pytest.mark.parametrize(("num_layers", "bidirectional"), SHAPES)
@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind[0] in IN_TORCH], ids="-".join)
def test_same_bits_as_torch(kind, num_layers, bidirectional, x):
    spec = make_spec(kind, num_layers, bidirectional)
    weights = random_weights(spec)
    module = torch_module(spec)
    tensors = {name: torch.tensor(value, requires_grad=True) for name, value in weights.items()}
    module.load_state_dict({name.removeprefix("rnn."): w for name, w in tensors.items() if name.startswith("rnn.")})
    output, states = module(torch.from_numpy(x))
    hidden = states[0] if isinstance(states, tuple) else states
    n_directions = 2 if bidirectional else 1
    last = torch.cat(list(hidden[-n_directions:]), dim=1)
    result = run_torch(spec, tensors, torch.from_numpy(x))
    assert torch.equal(result.states, output)
    assert torch.equal(result.last, last)
    if bidirectional:  # the newest step's output is the backward direction's first state, not its last
        assert torch.equal(result.last[:, :5], output[:, -1, :5])
        assert (result.last[:, 5:] - output[:, -1, 5:]).abs().max() > 0.05


@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize("cell", IN_TORCH)
def test_fitted_weights_load_into_torch(cell, bidirectional, x):
    """The last states of a fitted transformer are h_n of torch's module with `weights_`."""
    model = RNNSequenceTransformer(
        cell=cell, hidden_size=5, bidirectional=bidirectional, max_iter=2, scaling=None, random_state=0
    ).fit(x)
    spec = make_spec((cell, "tanh"), 1, bidirectional)
    module = torch_module(spec)
    weights = {n.removeprefix("rnn."): torch.tensor(w) for n, w in model.weights_.items() if n.startswith("rnn.")}
    module.load_state_dict(weights)
    with torch.no_grad():
        states = module.double()(torch.tensor(x, dtype=torch.float64))[1]
    hidden = states[0] if isinstance(states, tuple) else states
    np.testing.assert_allclose(model.transform(x), np.concatenate(hidden.numpy(), axis=1), rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize(
    "options",
    [
        {"cell": "rnn", "nonlinearity": "relu"},
        {"cell": "gru", "bidirectional": True, "num_layers": 2},
        {"cell": "lstm", "segment": 3, "segment_stride": 2},
        {"cell": "gru", "dropout": 0.5},
    ],
)
def test_network_module(options, x):
    """`network_` has the names of `weights_`, and its output is `predict` before the scaling is undone."""
    y = x[:, -1, 0] * 20 + 300
    model = RNNRegressor(hidden_size=5, max_iter=3, init=None, random_state=0, **options).fit(x, y)
    network = model.network_
    state = network.state_dict()
    assert set(state) == set(model.weights_)
    assert all(np.array_equal(state[name].numpy(), value) for name, value in model.weights_.items())
    assert not network.training
    scaled = (x - model._fitted.scalings.inputs.mean) / model._fitted.scalings.inputs.scale
    outputs = network(torch.tensor(scaled, dtype=torch.float32)).detach().numpy()[:, 0]
    mean, scale = model._fitted.scalings.targets.mean[0], model._fitted.scalings.targets.scale[0]
    np.testing.assert_allclose((model.predict(x) - mean) / scale, outputs, rtol=1e-5, atol=1e-6)
    assert y.std() / 2 < scale < y.std() * 2  # the scaling is not the identity


def test_network_module_on_ragged_classes(x):
    rows = [x[0], x[1][:4], x[2][:2], x[3]]
    model = RNNClassifier(hidden_size=5, bidirectional=True, max_iter=2, scaling=None, random_state=0)
    model.fit(rows, ["a", "b", "c", "a"])
    padded = x.copy()
    padded[1, 4:] = padded[2, 2:] = 0
    outputs = model.network_(torch.from_numpy(padded), [7, 4, 2, 7])
    np.testing.assert_allclose(model.predict_proba(rows), outputs.softmax(1).detach().numpy(), atol=1e-6)


def test_network_module_can_be_trained_on(x):
    """Dropout draws in training mode only, and every parameter receives a gradient."""
    model = RNNRegressor(hidden_size=5, dropout=0.5, max_iter=1, random_state=0).fit(x, x[:, -1, 0])
    network, inputs = model.network_, torch.from_numpy(x)
    assert torch.equal(network(inputs), network(inputs))
    network.train()
    assert not torch.equal(network(inputs), network(inputs))
    network(inputs).sum().backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in network.parameters())
    assert np.array_equal(network.eval().state_dict()["head.bias"].numpy(), model.weights_["head.bias"])


@pytest.mark.parametrize("kind", KINDS, ids="-".join)
def test_initial_weights(kind):
    """Shapes as announced; each gate's recurrence is orthogonal; forget bias 1, all other biases 0."""
    spec = make_spec(kind, 2, True, segment=2, readout="decoder")
    weights = initial_weights(spec, np.random.default_rng(0))
    assert {name: value.shape for name, value in weights.items()} == parameter_shapes(spec)
    assert {value.dtype for value in weights.values()} == {np.dtype(np.float32)}
    for name, value in weights.items():
        if "weight_hh" in name:
            for gate in value.reshape(-1, 5, 5):
                np.testing.assert_allclose(gate @ gate.T, np.eye(5), atol=1e-6)
        if "bias" in name:
            expected = np.zeros(value.shape)
            if kind[0] == "lstm" and "bias_ih" in name:
                expected[5:10] = 1
            assert np.array_equal(value, expected)
    again = initial_weights(spec, np.random.default_rng(0))
    other = initial_weights(spec, np.random.default_rng(1))
    assert all(np.array_equal(value, again[name]) for name, value in weights.items())
    assert not np.array_equal(weights["head.weight"], other["head.weight"])
    assert set(SequenceModule(spec, weights).state_dict()) == set(weights)

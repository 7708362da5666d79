"""The compiled engine computes what torch computes: outputs, every gradient, and the weights after twenty epochs."""

import itertools
import threading
import time
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from reference_networks import KINDS, random_weights
from sklearn.base import clone

from skrnn import RNNRegressor
from skrnn.networks import (
    CELLS,
    CompiledNetwork,
    NetworkSpec,
    ThreadedNetwork,
    cell_weights,
    forward,
    initial_weights,
    kernels,
)
from skrnn.networks.compiled import _token_layer
from skrnn.objectives import SquaredError
from skrnn.sequences import InputScaling, SequenceBatch
from skrnn.training import TrainingConfig, TrainingSet, train

WRITING = {"readout": "tokens", "attention": "luong", "target_embedding_dim": 4}
FORMS = [
    {},
    {"num_layers": 2},
    {"bidirectional": True},
    {"num_layers": 3, "bidirectional": True},
    {"dropout": 0.4},
    {"num_layers": 2, "bidirectional": True, "dropout": 0.3},
    {"segment": 3},
    {"pooling": ("attention",), "bidirectional": True},
    {"pooling": ("attention", "last"), "num_layers": 2, "segment": 2},
    {"segment": (2, 5), "pooling": ("last", "mean", "max"), "bidirectional": True},
    {"segment": (3, 1, 4), "segment_stride": 2, "num_layers": 2},
    {"segment": 4, "segment_stride": 2, "bidirectional": True},
    {"readout": "steps"},
    {"readout": "steps", "bidirectional": True, "num_layers": 2},
    {"readout": "decoder"},
    {"readout": "decoder", "bidirectional": True, "dropout": 0.2},
    {"pooling": ("mean", "last")},
    {"pooling": ("max",), "bidirectional": True},
    {"pooling": ("max", "last", "mean"), "num_layers": 2, "bidirectional": True, "dropout": 0.3},
    {"pooling": ("mean", "max"), "segment": 4, "segment_stride": 2},
    {**WRITING, "attention": None},
    WRITING,
    {**WRITING, "num_layers": 2, "bidirectional": True},
    {**WRITING, "num_layers": 2, "dropout": 0.3},
    {**WRITING, "segment": 3, "segment_stride": 2, "bidirectional": True, "dropout": 0.3},
]
TABLE = [  # by default a form is ragged and in blocks, or neither
    pytest.param(
        *(cell, form, ragged, block),
        id=f"{cell[0]}-{cell[1]}-{number}-{'ragged' if ragged else 'even'}-{block}",
        marks=[] if ragged == (block is not None) else [pytest.mark.matrix],
    )
    for (cell, (number, form), ragged, block) in itertools.product(KINDS, enumerate(FORMS), [False, True], [None, 3])
]


def make_spec(cell, form, hidden_size=5):
    return NetworkSpec(3, 2, cell[0], hidden_size, nonlinearity=cell[1], **form)


def make_inputs(ragged, n_rows=9, n_steps=11, seed=0):
    rng = np.random.default_rng(seed)
    lengths = rng.integers(1, n_steps + 1, size=n_rows) if ragged else np.full(n_rows, n_steps)
    lengths[0] = n_steps
    x = rng.normal(size=(n_rows, n_steps, 3)).astype(np.float32)
    x[np.arange(n_steps) >= lengths[:, None]] = 0
    return x, lengths.astype(np.intp)


def tokens_for(spec, n_rows, n_tokens=6):
    """What a decoder of tokens reads."""
    if spec.readout != "tokens":
        return None
    return np.random.default_rng(4).integers(0, spec.output_size, size=(n_rows, n_tokens))


def masks(dropout, seed=1):
    """Draws of one generator, for either engine."""
    rng = np.random.default_rng(seed)
    return lambda shape: ((rng.random(shape) >= dropout) / (1 - dropout)).astype(np.float32)


def by_torch(spec, weights, x, lengths, gradient_of, block):
    """In double precision: single precision is what is judged."""
    tensors = {name: torch.tensor(value, dtype=torch.float64, requires_grad=True) for name, value in weights.items()}
    draw, tokens = masks(spec.dropout), tokens_for(spec, len(x))
    result = forward(
        spec,
        spec.make_cell(),
        tensors,
        torch.tensor(x, dtype=torch.float64),
        lengths,
        tokens=None if tokens is None else torch.from_numpy(tokens),
        draw_mask=(lambda shape: torch.from_numpy(draw(shape)).double()) if spec.dropout else None,
        bptt_steps=block,
    )
    outputs = result.outputs.detach().numpy()
    result.outputs.backward(torch.from_numpy(gradient_of(outputs)).double())
    return outputs, {name: tensor.grad.numpy() for name, tensor in tensors.items()}


def by_kernels(spec, weights, x, lengths, gradient_of, block):
    network = CompiledNetwork(spec, weights, block)
    others = np.minimum(lengths[:3] + 1, x.shape[1])
    network.forward(x[:3] + 1, others, tokens=tokens_for(spec, 3, 2))  # buffers are used again
    outputs = network.forward(
        x, lengths, masks(spec.dropout) if spec.dropout else None, tokens=tokens_for(spec, len(x))
    )
    network.backward(gradient_of(outputs))
    return outputs, network.gradients


def scored(lengths, readout):
    """A gradient of the outputs, zero in the padding."""

    def gradient_of(outputs):
        gradient = np.random.default_rng(2).normal(size=outputs.shape).astype(np.float32)
        if readout in ("steps", "decoder"):
            gradient[np.arange(outputs.shape[1]) >= lengths[:, None]] = 0
        return gradient

    return gradient_of


def largest_difference(found, expected):
    """Over all arrays, relative to the largest value of each."""
    return max(np.abs(found[name] - value).max() / max(np.abs(value).max(), 1e-3) for name, value in expected.items())


@pytest.mark.parametrize(("cell", "form", "ragged", "block"), TABLE)
def test_outputs_and_gradients_are_those_of_torch(cell, form, ragged, block):
    spec = make_spec(cell, form)
    weights, (x, lengths) = random_weights(spec, 3), make_inputs(ragged)
    arguments = (spec, weights, x, lengths, scored(lengths, spec.readout), block)
    expected, gradients = by_torch(*arguments)
    outputs, found = by_kernels(*arguments)
    if spec.readout == "steps":
        real = np.arange(x.shape[1]) < lengths[:, None]
        expected, outputs = expected[real], outputs[real]
    np.testing.assert_allclose(outputs, expected, rtol=1e-5, atol=1e-5 * np.abs(expected).max())
    assert largest_difference(found, gradients) < 1e-5


@pytest.mark.parametrize("n_features", [100, 500])
@pytest.mark.parametrize("hidden_size", [32, 50])
@pytest.mark.parametrize("cell", KINDS, ids=lambda kind: kind[0] + kind[1])
def test_many_features(cell, hidden_size, n_features):
    spec = NetworkSpec(n_features, 2, cell[0], hidden_size, nonlinearity=cell[1])
    weights, lengths = random_weights(spec, 3), make_inputs(True, n_rows=43, n_steps=13)[1]
    weights = {name: value / np.sqrt(n_features) for name, value in weights.items()}
    x = np.random.default_rng(0).normal(size=(43, 13, n_features)).astype(np.float32)
    x[np.arange(13) >= lengths[:, None]] = 0
    arguments = (spec, weights, x, lengths, scored(lengths, spec.readout), None)
    expected, gradients = by_torch(*arguments)
    network = CompiledNetwork(spec, weights)
    outputs = network.forward(x, lengths)
    network.backward(arguments[4](outputs))
    np.testing.assert_allclose(outputs, expected, rtol=1e-5, atol=1e-5 * np.abs(expected).max())
    assert largest_difference(network.gradients, gradients) < 1e-5


@pytest.mark.parametrize("hidden_size", [64, 320, 512])
@pytest.mark.parametrize("cell", KINDS, ids=lambda kind: kind[0] + kind[1])
def test_products_in_tiles_are_those_of_torch(cell, hidden_size):
    """Sizes that fill tiles, and so many rows and steps that sums are those of several spans."""
    spec = make_spec(cell, {"bidirectional": True}, hidden_size)
    weights, (x, lengths) = random_weights(spec, 3), make_inputs(True, n_rows=43, n_steps=30)
    weights = {name: value / np.sqrt(hidden_size / 5) for name, value in weights.items()}
    arguments = (spec, weights, x, lengths, scored(lengths, spec.readout), None)
    expected, gradients = by_torch(*arguments)
    outputs, found = by_kernels(*arguments)
    np.testing.assert_allclose(outputs, expected, rtol=1e-5, atol=1e-5 * np.abs(expected).max())
    assert largest_difference(found, gradients) < 1e-5


@pytest.mark.parametrize("cell", CELLS)
def test_the_comparison_sees_a_broken_kernel(cell, monkeypatch):
    """The control: a derivative that forgets one step of the recurrence."""
    spec = make_spec((cell, "tanh"), {})
    kernels = spec.make_cell().kernels

    def forgetful(x, weights, saved, d_out, *rest):
        d_out = d_out.copy()
        d_out[-1] *= 1.001
        kernels.backward(x, weights, saved, d_out, *rest)

    monkeypatch.setattr(type(spec.make_cell()), "kernels", replace(kernels, backward=forgetful))
    weights, (x, lengths) = random_weights(spec, 3), make_inputs(False)
    arguments = (spec, weights, x, lengths, scored(lengths, "last"), None)
    assert largest_difference(by_kernels(*arguments)[1], by_torch(*arguments)[1]) > 1e-4


TOKENS = [
    {},
    {"num_layers": 2, "bidirectional": True},
    {"readout": "steps", "num_layers": 2},
    {"pooling": ("max", "mean"), "bidirectional": True},
]


@pytest.mark.parametrize("ragged", [False, True], ids=["even", "ragged"])
@pytest.mark.parametrize("hidden_size", [5, 32])
@pytest.mark.parametrize("form", TOKENS, ids=range(len(TOKENS)))
@pytest.mark.parametrize("cell", KINDS, ids=lambda kind: kind[0] + kind[1])
def test_tokens_of_which_there_are_fewer_than_steps(cell, form, hidden_size, ragged):
    spec = NetworkSpec(1, 2, cell[0], hidden_size, nonlinearity=cell[1], vocabulary=(7,), embedding_dim=32, **form)
    weights, lengths = random_weights(spec, 3), make_inputs(ragged)[1]
    weights = {name: value / np.sqrt(hidden_size / 5) for name, value in weights.items()}
    tokens = np.random.default_rng(5).integers(0, 7, (len(lengths), lengths.max(), 1)).astype(np.float32)
    tokens[np.arange(lengths.max()) >= lengths[:, None]] = 0
    network = CompiledNetwork(spec, weights)
    gradient_of, few = scored(lengths, spec.readout), spec.readout == "last" and not ragged
    for n_rows in (1, len(lengths)) if few else (len(lengths),):  # few rows read embeddings, and leave nothing behind
        expected, gradients = by_torch(
            spec, weights, tokens[:n_rows, :6], lengths[:n_rows].clip(max=6), gradient_of, None
        )
        outputs = network.forward(tokens[:n_rows, :6], lengths[:n_rows].clip(max=6))
        assert (network.running is network.layers) == (n_rows == 1)
        network.backward(gradient_of(outputs))
        np.testing.assert_allclose(outputs, expected, rtol=1e-5, atol=1e-5 * np.abs(expected).max())
        assert largest_difference(network.gradients, gradients) < 1e-5


def test_the_comparison_sees_gradients_of_tokens_that_are_lost(monkeypatch):
    """The control: the last gate of a token adds nothing."""

    def forgetful(tokens, d_gates, lengths, reverse, d_sums):
        kernels.take_sums(tokens, d_gates, lengths, reverse, d_sums)
        d_sums[-1, -1] *= 0.9

    monkeypatch.setattr(_token_layer, "kernels", SimpleNamespace(put_sums=kernels.put_sums, take_sums=forgetful))
    spec = NetworkSpec(1, 2, "gru", 5, vocabulary=(7,), embedding_dim=4)
    weights, lengths = random_weights(spec, 3), make_inputs(False)[1]
    tokens = np.random.default_rng(5).integers(0, 7, (len(lengths), lengths.max(), 1)).astype(np.float32)
    arguments = (spec, weights, tokens, lengths, scored(lengths, "last"), None)
    network = CompiledNetwork(spec, weights)
    network.backward(scored(lengths, "last")(network.forward(tokens, lengths)))
    assert largest_difference(network.gradients, by_torch(*arguments)[1]) > 1e-4


@pytest.mark.parametrize("n_outputs", [3, 33])
@pytest.mark.parametrize("hidden_size", [32, 50, 320])
def test_the_gradient_of_a_head_that_reads_every_step(hidden_size, n_outputs):
    rng = np.random.default_rng(0)
    read, gradient = (rng.normal(size=(1000, n)).astype(np.float32) for n in (hidden_size, n_outputs))
    weight = rng.normal(size=(n_outputs, hidden_size)).astype(np.float32)
    found = {"w": np.empty_like(weight), "b": np.empty(n_outputs, np.float32), "x": np.empty_like(read)}
    kernels.steps_head_backward(read, gradient, weight, *found.values())
    d, x = gradient.astype(float), read.astype(float)
    assert largest_difference(found, {"w": d.T @ x, "b": d.sum(axis=0), "x": d @ weight}) < 1e-5


@pytest.mark.parametrize("n_steps", [1, 4])
@pytest.mark.parametrize("cell", KINDS, ids="-".join)
def test_layers_begin_with_given_states(cell, n_steps):
    """Every state that a cell hands on, and the gradient of h."""
    spec = make_spec(cell, {})
    network = CompiledNetwork(spec, random_weights(spec, 3))
    layer, rng = network.layers[0][0], np.random.default_rng(5)
    first = rng.normal(size=(layer.kernels.n_states, 7, 5)).astype(np.float32)
    x, d_out = (rng.normal(size=(n_steps, 7, size)).astype(np.float32) for size in (3, 5))
    layer.prepare(n_steps, 7)[:, :, :-1] = x
    layer.begin(first)
    out, d_first = layer.forward(), np.empty_like(first[:1])
    layer.backward(d_out, 0, True, d_first)

    tensors = {
        name: torch.tensor(value, dtype=torch.float64, requires_grad=True) for name, value in layer.named.items()
    }
    begin = torch.tensor(first, dtype=torch.float64, requires_grad=True)
    state = (begin[:1], begin[1:]) if len(begin) > 1 else begin
    expected = spec.make_cell().run(tensors, torch.tensor(x, dtype=torch.float64).transpose(0, 1), state)[0]
    expected.backward(torch.tensor(d_out, dtype=torch.float64).transpose(0, 1))
    np.testing.assert_allclose(out, expected.detach().numpy().transpose(1, 0, 2), atol=1e-5)
    np.testing.assert_allclose(d_first, begin.grad.numpy()[:1], atol=1e-5)
    for name, value in cell_weights(spec.make_cell(), network.gradients, spec.layers()[0][0]).items():
        np.testing.assert_allclose(value, tensors[name].grad.numpy(), atol=2e-5, err_msg=name)


@pytest.mark.parametrize("cell", KINDS, ids="-".join)
@pytest.mark.parametrize("hidden_size", [16, 50, 130, 300])
def test_wide_layers_agree(cell, hidden_size):
    """Products are taken in blocks of rows that depend on the width."""
    spec = make_spec(cell, {}, hidden_size)
    weights, (x, lengths) = initial_weights(spec, np.random.default_rng(0)), make_inputs(False, n_rows=33, n_steps=4)
    arguments = (spec, weights, x, lengths, scored(lengths, "last"), None)
    (expected, gradients), (outputs, found) = by_torch(*arguments), by_kernels(*arguments)
    np.testing.assert_allclose(outputs, expected, rtol=1e-5, atol=1e-5)
    assert largest_difference(found, gradients) < 1e-5


def training_set(ragged):
    rng = np.random.default_rng(5)
    n, width = 40, 11
    lengths = rng.integers(3, width + 1, size=n) if ragged else np.full(n, width)
    starts = np.arange(n) * width
    steps = rng.normal(size=(n * width, 3)).astype(np.float32)
    batch = SequenceBatch(steps, starts, lengths, np.zeros_like(starts), lengths)
    scaling = InputScaling(None, np.zeros(3), np.ones(3), np.zeros(3, bool))
    targets = np.stack([steps[s : s + k].mean(axis=0)[:2] for s, k in zip(starts, lengths, strict=True)])
    return TrainingSet(batch, scaling, targets.astype(np.float32), None, rng.uniform(0.5, 1.5, size=n))


TRAINED = [
    pytest.param(cell, form, id=f"{form}-{'-'.join(cell)}", marks=[pytest.mark.matrix] if (i + k) % 2 else [])
    for i, form in enumerate(form for form in FORMS if "readout" not in form)
    for k, cell in enumerate(KINDS)
]


@pytest.mark.parametrize(("cell", "form"), TRAINED)
def test_weights_after_twenty_epochs(cell, form):
    spec, data = make_spec(cell, form), training_set(ragged=bool(len(form) % 2))
    results = [
        train(
            spec,
            SquaredError(),
            data,
            TrainingConfig(engine=engine, max_iter=20, n_iter_no_change=20, batch_size=8, learning_rate=3e-3),
            np.random.default_rng(0),
        )
        for engine in ("compiled", "torch")
    ]
    np.testing.assert_allclose(results[0].loss_curve, results[1].loss_curve, rtol=1e-4)
    for name, value in results[1].weights.items():
        np.testing.assert_allclose(results[0].weights[name], value, atol=1e-4)


@pytest.mark.parametrize("optimizer", ["adam", "adamw", "sgd", "rmsprop"])
def test_optimizers_are_those_of_torch(optimizer):
    """Bound, decay and state too: each engine goes on from the other's state."""
    spec, data, finals = make_spec(("gru", "tanh"), {}), training_set(False), []
    for engines in itertools.product(["compiled", "torch"], repeat=2):
        result = None
        for engine in engines:
            settings = {"optimizer": optimizer, "max_grad_norm": 0.05, "weight_decay": 0.1, "shuffle": False}
            config = TrainingConfig(engine=engine, max_iter=3, learning_rate=3e-3, **settings)
            result = train(spec, SquaredError(), data, config, np.random.default_rng(0), start=result)
        finals.append(result)
    for other in finals[1:]:
        assert set(other.optimizer_state) == set(finals[0].optimizer_state)
        for name, value in finals[0].weights.items():
            np.testing.assert_allclose(other.weights[name], value, atol=2e-5)


@pytest.mark.parametrize(
    "form",
    [
        {},
        {"bidirectional": True, "dropout": 0.3},
        {"segment": 3},
        {"pooling": ("attention",), "bidirectional": True},
        {"pooling": ("attention", "last"), "num_layers": 2, "segment": 2},
        {"segment": (2, 5), "pooling": ("last", "mean", "max"), "bidirectional": True},
        {"segment": (3, 1, 4), "segment_stride": 2, "num_layers": 2},
        {"readout": "steps"},
        {"pooling": ("max", "last", "mean"), "bidirectional": True},
        {**WRITING, "bidirectional": True, "dropout": 0.3},
    ],
    ids=str,
)
@pytest.mark.parametrize("ragged", [False, True])
def test_mini_batches_split_among_threads(form, ragged):
    """The same bits for any number of threads; and the values of torch."""
    spec = make_spec(("lstm", "tanh"), form, 100)
    weights, (x, lengths) = initial_weights(spec, np.random.default_rng(0)), make_inputs(ragged, n_rows=100, n_steps=11)
    arguments = (spec, weights, x, lengths, scored(lengths, spec.readout), None)
    expected, gradients = by_torch(*arguments)
    results = []
    for n_threads in (1, 2, 3):
        network = ThreadedNetwork(spec, weights, None, n_threads)
        outputs = network.forward(
            x, lengths, masks(spec.dropout) if spec.dropout else None, tokens=tokens_for(spec, len(x))
        )
        assert len(network.slices) > 1, "the case is large enough to be split"
        network.backward(arguments[4](outputs))
        network.close()
        results.append((outputs, network.gradient))
        real = np.arange(x.shape[1]) < lengths[:, None] if spec.readout == "steps" else slice(None)
        np.testing.assert_allclose(outputs[real], expected[real], rtol=1e-5, atol=1e-5)
        assert largest_difference(network.whole.gradients, gradients) < 1e-5
    for outputs, gradient in results[1:]:
        np.testing.assert_array_equal(outputs, results[0][0])
        np.testing.assert_array_equal(gradient, results[0][1])


@pytest.mark.parametrize("inside", [True, False])
def test_an_error_in_a_slice_ends_all_threads(monkeypatch, inside):
    """Of the thread that calls, and of another: no slice is begun afterwards, and the next mini-batch is as ever."""
    spec = make_spec(("lstm", "tanh"), {}, 100)
    weights, (x, lengths) = initial_weights(spec, np.random.default_rng(0)), make_inputs(False, n_rows=200, n_steps=30)
    network, plain = ThreadedNetwork(spec, weights, None, 2), CompiledNetwork.forward
    expected = network.forward(x, lengths)
    assert len(network.slices) > 3

    def forward(self, *arguments):
        if (threading.current_thread() is threading.main_thread()) == inside:
            raise KeyError("a slice")
        time.sleep(0.05)
        return plain(self, *arguments)

    with monkeypatch.context() as patch:
        patch.setattr(CompiledNetwork, "forward", forward)
        with pytest.raises(KeyError, match="a slice"):
            network.forward(x, lengths)
    np.testing.assert_array_equal(network.forward(x, lengths), expected)
    network.close()


def test_warnings_of_numpy_are_as_in_the_thread_that_calls():
    spec = make_spec(("lstm", "tanh"), {}, 100)
    weights, (x, lengths) = initial_weights(spec, np.random.default_rng(0)), make_inputs(False, n_rows=200, n_steps=30)
    network, found = ThreadedNetwork(spec, weights, None, 3), []

    def look(number):
        time.sleep(0.02)
        found.append((threading.get_ident(), np.geterr()["over"]))

    network.forward(x, lengths)
    with np.errstate(over="ignore"):
        network._of_slices(look)
    network.close()
    assert len(found) == len(network.slices)
    assert len({thread for thread, _ in found}) > 1
    assert {what for _, what in found} == {"ignore"}


def test_fits_have_the_same_bits_for_any_number_of_jobs():
    X = np.random.default_rng(0).normal(size=(200, 20, 3))
    model = RNNRegressor(cell="lstm", hidden_size=80, batch_size=64, max_iter=2, random_state=0)
    fits = [clone(model).set_params(n_jobs=n_jobs).fit(X, X[:, 0]) for n_jobs in (1, 2, 3)]
    for other in fits[1:]:
        for name, value in fits[0].weights_.items():
            np.testing.assert_array_equal(other.weights_[name], value)

"""Predictions of the compiled engine: lanes of rows, their bits and their precision."""

import numpy as np
import pytest
from network_alone import REGRESSOR
from reference_networks import KINDS, random_weights

from skrnn import RNNClassifier, RNNRegressor, RNNSequenceTransformer
from skrnn.networks import CELLS, NetworkSpec, NetworkStream, kernel, run_network
from skrnn.networks.kernels import lane_logistic, lane_panel, lane_product, lane_sums, lane_tanh, packed
from skrnn.sequences import chunk_size

RNG = np.random.default_rng(4)
N, T = 71, 6
SIZES = (1, 2, 3, 4, 5, 16, 17, 20, 21, 32, 33, 36, 65)  # around a block of lanes, and rows that are too few for one
VALUES = np.concatenate([np.linspace(-20, 20, 4001), [-np.inf, np.inf, 0.0, 1e-30, -1e-7]]).astype(np.float32)


@kernel()
def tanhs(x, out):
    for i in range(x.size):
        out[i] = lane_tanh(x[i])


@kernel()
def logistics(x, out):
    for i in range(x.size):
        out[i] = lane_logistic(x[i])


def run(spec, weights, x, lengths, want="outputs"):
    return run_network(spec, weights, x, lengths, want=want, engine="compiled")[0]


@pytest.mark.parametrize("hidden", [1, 7, 8, 33])
@pytest.mark.parametrize("kind", KINDS, ids="-".join)
def test_bits_do_not_depend_on_the_lane(kind, hidden):
    spec = NetworkSpec(3, 2, kind[0], hidden, 2, kind[1], bidirectional=True)
    weights, x = random_weights(spec), RNG.normal(size=(N, T, 3))
    lengths = RNG.integers(1, T + 1, N)
    x[np.arange(T) >= lengths[:, None]] = 0.0
    whole = run(spec, weights, x, lengths)
    assert len(np.unique(whole[:, 0])) > N // 4
    for size in SIZES:
        for begin in (0, N - size):
            rows = slice(begin, begin + size)
            np.testing.assert_array_equal(run(spec, weights, x[rows], lengths[rows]), whole[rows])
    order = RNG.permutation(N)
    np.testing.assert_array_equal(run(spec, weights, x[order], lengths[order]), whole[order])


@pytest.mark.parametrize(("cell", "hidden"), [("rnn", 512), ("gru", 300), ("lstm", 256)])
def test_bits_do_not_depend_on_how_many_rows_share_many_weights(cell, hidden):
    """Weights of a megabyte and more are read once for up to 128 rows, where these end together."""
    spec = NetworkSpec(1, 2, cell, hidden)
    weights, x, lengths = random_weights(spec), RNG.normal(size=(140, 3, 1)), np.full(140, 3)
    whole = run(spec, weights, x, lengths)
    for size in (1, 16, 40, 64, 100, 128):
        np.testing.assert_array_equal(run(spec, weights, x[-size:], lengths[-size:]), whole[-size:])
    lengths[::2] = 1
    x[::2, 1:] = 0.0
    mixed = run(spec, weights, x, lengths)
    np.testing.assert_array_equal(mixed[1::2], whole[1::2])
    np.testing.assert_array_equal(mixed[::2], run(spec, weights, x[::2, :1], lengths[::2]))


def test_rows_of_unlike_lengths_are_answered_in_their_order():
    """They share chunks with rows of like lengths, of which there are several here."""
    X = [RNG.normal(size=(n, 40)) for n in RNG.integers(1, 300, 400)]
    options = {"max_iter": 1, "random_state": 0, "objective": "regression"}
    for pooling in ("last", "mean", "max"):
        model = RNNSequenceTransformer(hidden_size=5, pooling=pooling, **options)
        found = model.fit(X[:20], np.arange(20.0)).transform(X)
        steps = model.set_params(pooling=None).transform(X)
        pools = {
            "last": lambda rows: rows[-1],
            "mean": lambda rows: rows.mean(axis=0),
            "max": lambda rows: rows.max(axis=0),
        }
        np.testing.assert_allclose(found, [pools[pooling](rows) for rows in steps], rtol=1e-12)
        model.set_params(pooling=pooling)
        np.testing.assert_array_equal(np.concatenate([model.transform([row]) for row in X[::40]]), found[::40])
        np.testing.assert_array_equal(model.set_params(n_jobs=2).transform(X), found)


@pytest.mark.parametrize(("values", "rows"), [(10, 104_857), (10_000, 128), (100_000, 64), (300_000, 16), (10**8, 1)])
def test_chunks_of_long_rows_fill_lanes(values, rows):
    assert chunk_size(values, 128) == rows
    assert chunk_size(values) == max(1, (1 << 20) // values)


@pytest.mark.parametrize("kind", KINDS, ids="-".join)
def test_streams_have_the_bits_of_predictions(kind):
    spec = NetworkSpec(2, 3, kind[0], 9, 2, kind[1])
    weights, x = random_weights(spec), RNG.normal(size=(N, T, 2))
    whole = run(spec, weights, x, np.full(N, T))
    for row in (0, 40, N - 1):
        stream = NetworkStream(spec, weights)
        for step in x[row]:
            found = stream.step(step[None, None])
        np.testing.assert_array_equal(found[0], whole[row])


@pytest.mark.parametrize(("n_inputs", "hidden"), [(1, 1), (7, 5), (2, 32), (40, 65)])
@pytest.mark.parametrize("kind", KINDS, ids="-".join)
def test_predictions_are_those_of_double_precision_to_seven_digits(kind, n_inputs, hidden):
    """Torch computes in double; differences are measured in units of the states, which lie in [-1, 1]."""
    spec = NetworkSpec(n_inputs, 2, kind[0], hidden, 1, kind[1])
    weights, x = random_weights(spec), RNG.normal(size=(N, 30, n_inputs)).astype(np.float32)
    lengths = np.full(N, 30)
    expected = run_network(spec, weights, x, lengths, want="states")[0]
    found = run(spec, weights, x, lengths, want="states")
    assert np.abs(found - expected).max() < 2e-6 * max(1.0, np.abs(expected).max())


def test_last_states_are_there_without_the_others():
    spec = NetworkSpec(2, 2, "lstm", 6, 2, bidirectional=True)
    weights, x, lengths = random_weights(spec), RNG.normal(size=(N, T, 2)), RNG.integers(1, T + 1, N)
    states, last = run(spec, weights, x, lengths, "states"), run(spec, weights, x, lengths, "last")
    assert states.shape == (N, T, 12)
    np.testing.assert_array_equal(last[:, :6], states[np.arange(N), lengths - 1, :6])
    np.testing.assert_array_equal(last[:, 6:], states[:, 0, 6:])
    assert not states[np.arange(T) >= lengths[:, None]].any()


@pytest.mark.parametrize("n_lanes", [1, 3, 12, 20, 40])
@pytest.mark.parametrize("shape", [(1, 1), (8, 3), (13, 40), (32, 5), (56, 9), (96, 34), (9, 700)])
def test_products(shape, n_lanes):
    """Of integers, so that they are exact; and no lane sees another."""
    weights = RNG.integers(-9, 10, shape).astype(np.float32)
    states = RNG.integers(-9, 10, (n_lanes, shape[1])).astype(np.float64)
    panel = lane_panel(states, np.arange(n_lanes), 0)
    matrix = packed(weights[:, :1], weights[:, 1:])
    work = np.empty(matrix.shape[0] * matrix.shape[2] * panel.shape[1], np.float32)
    sums = lane_sums(matrix, work, panel.shape[1])
    lane_product(matrix, panel[: shape[1]], sums)
    np.testing.assert_array_equal(sums[: shape[0], :n_lanes], weights @ states.T)
    assert not sums[shape[0] :].any()


def test_activations():
    found = np.empty_like(VALUES)
    tanhs(VALUES, found)
    exact = np.tanh(VALUES.astype(np.float64))
    np.testing.assert_allclose(found, exact, rtol=5e-7)
    assert np.abs(found).max() == 1.0
    logistics(VALUES, found)
    np.testing.assert_allclose(found, 1 / (1 + np.exp(-VALUES.astype(np.float64))), atol=2e-7)
    assert found.min() >= 0.0
    assert found.max() <= 1.0
    nothing = np.full(40, np.nan, np.float32)
    tanhs(nothing, nothing)
    assert np.isnan(nothing).all()


@pytest.mark.parametrize("cell", CELLS)
def test_threads_share_the_rows_and_change_no_bit(cell):
    X = RNG.normal(size=(700, 9, 2))
    model = RNNRegressor(cell=cell, max_iter=2, hidden_size=9, random_state=0, **REGRESSOR).fit(X[:60], X[:60, :, 0])
    expected = model.predict(X)
    for n_jobs in (2, 3, 5):
        np.testing.assert_array_equal(model.set_params(n_jobs=n_jobs).predict(X), expected)
    ragged = [row[: 1 + i % 9] for i, row in enumerate(X)]
    steps = RNNClassifier(cell=cell, max_iter=1, return_sequences=True, random_state=0, init=None)
    steps.fit(ragged[:60], [(row[:, 0] > 0).astype(int) for row in ragged[:60]])
    one = steps.predict_proba(ragged)
    for found, expected in zip(steps.set_params(n_jobs=2).predict_proba(ragged), one, strict=True):
        np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("n_rows", [1, 40])
def test_states_that_grow_stay_numbers(n_rows):
    """Of a rectifier nothing bounds them; what two that overflow add up to is not a number. They end at 1e18."""
    spec = NetworkSpec(1, 1, "rnn", 2, 2, "relu")
    weights = {name: np.zeros_like(value) for name, value in random_weights(spec).items()}
    for layer in (0, 1):
        weights[f"rnn.weight_ih_l{layer}"][:] = 1.0
        weights[f"rnn.weight_hh_l{layer}"][:] = np.diag([3.0, 3.0])
    weights["head.weight"][:] = [[1.0, -0.5]]
    x, lengths = np.ones((n_rows, 300, 1)), np.full(n_rows, 300)
    states = run(spec, weights, x, lengths, "states")
    assert states.max() == np.float32(1e18)
    np.testing.assert_allclose(run(spec, weights, x, lengths), 0.5e18)
    short = run_network(spec, weights, x[:, :20], np.full(n_rows, 20), want="states")[0]
    np.testing.assert_allclose(states[:, :20], short, rtol=1e-5)
    stream = NetworkStream(spec, weights)
    for step in x[0]:
        found = stream.step(step[None, None])
    np.testing.assert_allclose(found[0], 0.5e18)


@pytest.mark.parametrize("cell", ["rnn", "gru", "lstm", "mingru"])
def test_values_that_are_large_beyond_measure_stay_numbers(cell):
    """Two inputs that overflow single precision, in standard units, would make NaN of a sum."""
    X = RNG.normal(size=(40, 6, 2)) * 1e-3
    model = RNNRegressor(**REGRESSOR, cell=cell, hidden_size=6, max_iter=3, random_state=0).fit(X, X[:, -1, 0])
    odd = X[:5].copy()
    odd[:, 2] = 3e38
    odd[3, 2, 1] = -3e38
    expected = model.set_params(engine="torch").predict(odd)
    model.set_params(engine="compiled")
    if cell == "mingru":  # its candidate has no bound: 1e18 is not 3e41
        assert np.isfinite(model.predict(odd)).all()
    else:
        np.testing.assert_allclose(model.predict(odd), expected, atol=1e-6)
    np.testing.assert_array_equal(model.predict(odd)[:1], model.predict(odd[:1]))
    stream = model.stream()
    assert [stream.step(step) for step in odd[0]][-1] == model.predict(odd[:1])[0]

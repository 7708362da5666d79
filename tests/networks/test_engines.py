"""Where the compiled engine runs, what it needs, and the bits of its predictions."""

import pickle
import subprocess
import sys
import warnings
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest
import torch
from network_alone import REGRESSOR
from reference_networks import KINDS, random_weights
from sklearn.base import clone
from threadpoolctl import threadpool_info, threadpool_limits

from skrnn import RNNClassifier, RNNLanguageModel, RNNRegressor, RNNSequenceTransformer
from skrnn.networks import CELLS, NetworkSpec, NetworkStream, SequenceModule, resolve_engine, run_network, summarize
from skrnn.networks.torch import TorchStream
from skrnn.training._compiled_learner import CompiledLearner

RNG = np.random.default_rng(0)
X = RNG.normal(size=(37, 9, 2))
Y = X[:, -3:, 0].sum(axis=1)
RAGGED = [row[: 1 + i % 9] for i, row in enumerate(X)]
SINGLE = {"rtol": 1e-6, "atol": 1e-6}  # predictions of the compiled engine are in single precision, torch's in double
FORMS = [{}, {"num_layers": 2, "bidirectional": True}, {"segment": 3}, {"hidden_size": 7, "bidirectional": True}]


def fresh(code):
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done


@pytest.mark.parametrize("form", FORMS, ids=str)
@pytest.mark.parametrize("cell", CELLS)
def test_a_row_has_the_same_bits_whatever_is_beside_it(cell, form):
    for data in (X, RAGGED):
        rows = data if isinstance(data, np.ndarray) else data[2:]  # segments need three steps
        model = RNNRegressor(cell=cell, max_iter=2, random_state=0, **form).fit(rows, Y[-len(rows) :])
        whole = model.predict(rows)
        for i, row in enumerate(rows):
            assert model.predict(row[None] if isinstance(data, np.ndarray) else [row])[0] == whole[i]
        order = RNG.permutation(len(rows))
        np.testing.assert_array_equal(model.predict([rows[i] for i in order]), whole[order])
        for size in (2, 3, 4, 5, 6, 7):
            np.testing.assert_array_equal(model.predict(rows[:size]), whole[:size])


@pytest.mark.parametrize("form", FORMS, ids=str)
@pytest.mark.parametrize("cell", CELLS)
def test_predictions_of_the_two_engines_agree(cell, form):
    model = RNNRegressor(cell=cell, max_iter=2, random_state=0, **form).fit(X, Y)
    found = model.predict(X)
    np.testing.assert_allclose(found, model.set_params(engine="torch").predict(X), **SINGLE)
    features = RNNSequenceTransformer(cell=cell, pooling=None, max_iter=1, random_state=0, **form).fit(RAGGED[2:])
    rows = features.transform(RAGGED[2:])
    for row, other in zip(rows, features.set_params(engine="torch").transform(RAGGED[2:]), strict=True):
        np.testing.assert_allclose(row, other, **SINGLE)


@pytest.mark.parametrize("readout", ["last", "steps", "decoder"])
@pytest.mark.parametrize("kind", KINDS, ids="-".join)
def test_networks_run_alike_on_either_engine(kind, readout):
    """Outputs, last states and states; and each row has the bits that it has alone."""
    spec = NetworkSpec(2, 3, kind[0], 6, 2, kind[1], bidirectional=True, readout=readout)
    weights, lengths = random_weights(spec), np.arange(37) % 9 + 1
    x = np.where(np.arange(9)[:, None] < lengths[:, None, None], X, 0.0)
    for want in ("outputs", "last", "states"):
        found, counts = run_network(spec, weights, x, lengths, want=want, engine="compiled")
        expected, _ = run_network(spec, weights, x, lengths, want=want)
        real = slice(None) if found.ndim == 2 else np.arange(9) < counts[:, None]
        np.testing.assert_allclose(found[real], expected[real], **SINGLE)
        for i, length in enumerate(lengths[:10]):
            alone, _ = run_network(
                spec, weights, x[i : i + 1, :length], lengths[i : i + 1], want=want, engine="compiled"
            )
            steps = slice(length) if found.ndim == 3 else slice(None)
            np.testing.assert_array_equal(alone[0], found[i][steps])


@pytest.mark.usefixtures("two_threads")
def test_threads_of_blas_and_torch_do_not_matter():
    wide = RNNRegressor(hidden_size=200, cell="lstm", max_iter=1, random_state=0)
    fits = []
    for count in (1, 2):
        with threadpool_limits(count, user_api="blas"):
            torch.set_num_threads(count)
            fits.append(wide.fit(X, Y).weights_)
            found = {info["num_threads"] for info in threadpool_info() if info["user_api"] == "blas"}
            assert found == {count}, "the count is as before"
    for name, value in fits[0].items():
        np.testing.assert_array_equal(value, fits[1][name])


def test_blas_has_one_thread_in_fits_of_any_thread(monkeypatch):
    """The first thread that sets a count is not the only one that can."""
    counts, plain = set(), CompiledLearner.steps

    def steps(self, *arguments):
        counts.add(tuple(info["num_threads"] for info in threadpool_info() if info["user_api"] == "blas"))
        return plain(self, *arguments)

    monkeypatch.setattr(CompiledLearner, "steps", steps)
    monkeypatch.setattr(CompiledLearner, "at_hand", True)  # as in a process that has trained for long
    model = RNNRegressor(max_iter=2, batch_size=20, random_state=0)
    with threadpool_limits(2, user_api="blas"):
        model.fit(X, Y)
        with ThreadPoolExecutor(2) as pool:
            list(pool.map(lambda seed: clone(model).set_params(random_state=seed).fit(X, Y), range(4)))
        assert {count for group in counts for count in group} == {1}
        assert {info["num_threads"] for info in threadpool_info() if info["user_api"] == "blas"} == {2}


@pytest.mark.parametrize("engine", ["compiled", "torch"])
def test_blas_has_one_thread_where_weights_are_drawn(monkeypatch, engine):
    """A QR decomposition of 128 rows takes a second with two threads where the cores are busy, else a millisecond."""
    counts, plain = [], np.linalg.qr

    def qr(matrix):
        if len(matrix) == 64:  # not that of the network that tries the engine
            counts.append({info["num_threads"] for info in threadpool_info() if info["user_api"] == "blas"})
        return plain(matrix)

    monkeypatch.setattr(np.linalg, "qr", qr)
    with threadpool_limits(2, user_api="blas"):
        RNNRegressor(hidden_size=64, max_iter=1, engine=engine, random_state=0).fit(X, Y)
        assert {info["num_threads"] for info in threadpool_info() if info["user_api"] == "blas"} == {2}
    assert counts
    assert all(count == {1} for count in counts)


def test_networks_load_neither_torch_nor_numba_before_one_is_made():
    code = (
        "import sys, skrnn.networks as networks\n"
        "networks.NetworkSpec.from_plain(networks.NetworkSpec(1, 1, 'gru', 1).plain())\n"
        "print([name for name in ('torch', 'numba') if name in sys.modules])\n"
    )
    assert fresh(code).stdout.strip() == "[]"


def test_a_compiled_fit_does_not_load_torch():
    code = (
        "import sys, numpy as np, skrnn\n"
        "X = np.random.default_rng(0).normal(size=(30, 6))\n"
        "skrnn.RNNRegressor(max_iter=2).fit(X, X[:, 0]).predict(X)\n"
        "skrnn.RNNRegressor(cell='lstm', early_stopping=True, max_iter=2).fit(X, X[:, 0]).predict(X)\n"
        "skrnn.RNNClassifier(cell='rnn', max_iter=2).fit(X, X[:, 0] > 0).predict_proba(X)\n"
        "skrnn.RNNSequenceTransformer(max_iter=2).fit(X).transform(X)\n"
        "writer = skrnn.RNNSeq2Seq(max_iter=2, beam_width=2, scheduled_sampling=0.5).fit(X, ['ab', 'b'] * 15)\n"
        "writer.predict(X), writer.attention_weights(X)\n"
        "print('torch' in sys.modules)\n"
        "skrnn.RNNRegressor(max_iter=1, engine='torch').fit(X, X[:, 0])\n"
        "print('torch' in sys.modules)\n"
    )
    assert fresh(code).stdout.split() == ["False", "True"]


def test_without_numba_torch_trains_and_one_warning_says_so():
    code = (
        "import sys, warnings; sys.modules['numba'] = None\n"
        "import numpy as np, skrnn\n"
        "X = np.random.default_rng(0).normal(size=(30, 6))\n"
        "with warnings.catch_warnings(record=True) as caught:\n"
        "    warnings.simplefilter('always')\n"
        "    for seed in (0, 1):\n"
        "        model = skrnn.RNNRegressor(max_iter=2, random_state=seed).fit(X, X[:, 0])\n"
        "        assert np.isfinite(model.predict(X)).all()\n"
        "print(len(caught), caught[0].message)\n"
        "try:\n"
        "    skrnn.RNNRegressor(engine='compiled').fit(X, X[:, 0])\n"
        "except ValueError as error:\n"
        "    print(error)\n"
    )
    first, second = fresh(code).stdout.splitlines()
    assert first.startswith("1 The compiled engine is not available (ModuleNotFoundError: ")
    assert "Install numba, or set engine='torch'" in first
    assert second.startswith("engine='compiled' cannot compile its kernels here (ModuleNotFoundError: ")


@pytest.mark.parametrize("trouble", ["sys.modules['numba'] = None", "import os; os.environ['NUMBA_DISABLE_JIT'] = '1'"])
def test_streams_and_language_models_run_without_kernels(trouble):
    model = RNNRegressor(cell="lstm", num_layers=2, max_iter=1, random_state=0).fit(X, Y)
    language = RNNLanguageModel(cell="gru", max_iter=1, random_state=0, engine="torch").fit("abcabcabc")
    stream = model.stream()
    expected = [*(stream.step(row) for row in X[0]), language.score("abcab")]
    code = (
        f"import sys, warnings; {trouble}; warnings.simplefilter('ignore')\n"
        "import pickle, numpy as np\n"
        "model, language, stream, row = pickle.load(sys.stdin.buffer)\n"
        "fresh = model.stream()\n"
        "steps = [fresh.step(values) for values in row]\n"
        "again = pickle.loads(pickle.dumps(fresh))\n"
        "assert again.step(row[0]) == fresh.step(row[0])\n"
        "fresh.reset().step(row[0]); assert abs(fresh.step(row[1]) - steps[1]) < 1e-12\n"
        "assert stream.n_steps == 9 and np.isfinite(stream.step(row[0]))\n"
        "assert len(language.sample('ab', 5, random_state=0)) == 5\n"
        "print(*steps, language.score('abcab'))\n"
    )
    data = pickle.dumps((model, language, stream, X[0]))
    done = subprocess.run([sys.executable, "-c", code], input=data, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()
    np.testing.assert_allclose([float(value) for value in done.stdout.split()], expected, **SINGLE)


@pytest.mark.parametrize("readout", ["last", "steps", "decoder"])
@pytest.mark.parametrize("kind", KINDS, ids="-".join)
def test_streams_of_the_two_engines_agree(kind, readout):
    spec = NetworkSpec(2, 3, kind[0], 6, 2, kind[1], readout=readout)
    weights = random_weights(spec)
    compiled, torch_stream = NetworkStream(spec, weights), TorchStream(spec, weights)
    for row in X[0]:
        found, expected = torch_stream.step(row[None, None]), compiled.step(row[None, None])
        np.testing.assert_allclose(found, expected, **SINGLE)
        np.testing.assert_allclose(torch_stream.outputs(), compiled.outputs(), **SINGLE)
    np.testing.assert_allclose(torch_stream.read(X[1:2]), compiled.read(X[1:2]), **SINGLE)
    np.testing.assert_allclose(torch_stream.states, compiled.states, **SINGLE)


@pytest.mark.parametrize(
    "trouble",
    [
        "def njit(**options): raise RuntimeError('no locator available')",
        pytest.param("njit = None", marks=pytest.mark.matrix),
    ],
)
def test_kernels_that_numba_does_not_take_are_no_end(trouble):
    """Such as those of a folder that cannot be written to: the files of cells can be imported all the same."""
    code = (
        "import numba, warnings\n"
        f"{trouble}\n"
        "numba.njit = njit\n"
        "import numpy as np, skrnn\n"
        "X = np.random.default_rng(0).normal(size=(30, 6))\n"
        "with warnings.catch_warnings(record=True) as caught:\n"
        "    warnings.simplefilter('always')\n"
        "    skrnn.RNNRegressor(max_iter=2).fit(X, X[:, 0]).predict(X)\n"
        "print(len(caught), caught[0].message)\n"
    )
    assert fresh(code).stdout.startswith("1 The compiled engine is not available (")


def test_kernels_that_do_not_compile_are_no_end(monkeypatch):
    from skrnn.networks import _engine
    from skrnn.networks.cells._gru import GRUCell

    def broken(*arguments):
        raise RuntimeError("no such target")

    kernels = replace(GRUCell(1).kernels, forward=broken, backward=broken)
    monkeypatch.setattr(GRUCell, "kernels", kernels)
    for cache in (_engine._trouble, _engine._warn_once):
        cache.cache_clear()
    try:
        with pytest.warns(UserWarning, match=r"not available \(RuntimeError: no such target\)"):
            model = RNNRegressor(max_iter=1, random_state=0).fit(X, Y)
        assert np.isfinite(model.predict(X)).all()
    finally:
        for cache in (_engine._trouble, _engine._warn_once):
            cache.cache_clear()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"cell": torch.nn.GRU}, "runs the built-in cells on the CPU, not a cell of your own"),
        ({"device": "cuda", "cell": "gru"}, "device='cuda'"),
    ],
)
def test_what_the_kernels_do_not_serve_is_refused(options, message):
    if "device" in options and torch.cuda.is_available():
        message = "not device='cuda'"
    with pytest.raises(ValueError, match=message):
        RNNClassifier(engine="compiled", **options).fit(X, Y > 0)


def test_a_cell_without_kernels_runs_on_torch_and_nothing_is_said(monkeypatch):
    monkeypatch.setitem(CELLS, "plain", ("reference_networks", "PlainCell"))
    spec = NetworkSpec(2, 1, "plain", 4, 2, bidirectional=True)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert resolve_engine("auto", spec, "cpu") == "torch"
    with pytest.raises(ValueError, match=r"on the CPU, not cell='plain', which has no kernels. Set engine='auto'"):
        resolve_engine("compiled", spec, "cpu")
    weights = random_weights(spec)
    outputs, _ = run_network(spec, weights, X, np.full(37, 9))
    module = SequenceModule(spec, weights).double()
    np.testing.assert_allclose(module(torch.tensor(X)).detach(), outputs, rtol=1e-12)
    assert "rnn.weight_l1_reverse (4, 8)" in str(summarize(spec))


def test_auto_trains_cells_of_the_users_own_on_torch():
    class Echo(torch.nn.Module):
        def __init__(self, input_size, hidden_size):
            super().__init__()
            self.map = torch.nn.Linear(input_size, hidden_size)

        def forward(self, x, state=None):
            return self.map(x), state

    model = RNNRegressor(cell=Echo, max_iter=2, random_state=0).fit(X, Y)
    assert np.isfinite(model.predict(X)).all()


@pytest.mark.parametrize("cell", CELLS)
def test_an_interrupted_or_unpickled_fit_goes_on_in_either_engine(cell):
    options = {"cell": cell, "shuffle": False, "random_state": 0, **REGRESSOR}
    half = RNNRegressor(max_iter=3, warm_start=True, engine="torch", **options).fit(X, Y)
    whole = RNNRegressor(max_iter=6, **options).fit(X, Y)
    half.set_params(engine="compiled").fit(X, Y)
    np.testing.assert_allclose(half.loss_curve_, whole.loss_curve_, rtol=1e-3)

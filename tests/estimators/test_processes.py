"""Randomness, threads, processes and interrupts: the same bits everywhere, and nothing left behind."""

import multiprocessing
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch
from joblib import parallel_config
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV

from skrnn import DivergenceError, RNNClassifier, RNNRegressor

rng = np.random.default_rng(1)
X = rng.normal(size=(60, 6, 2))
y = X[:, :, 0].sum(axis=1)
MODEL = RNNRegressor(cell="lstm", hidden_size=16, num_layers=2, dropout=0.2, max_iter=3, random_state=0)
CODE = """
import numpy as np, sys
from skrnn import RNNRegressor
rng = np.random.default_rng(1)
X = rng.normal(size=(60, 6, 2))
y = X[:, :, 0].sum(axis=1)
model = RNNRegressor(cell="lstm", hidden_size=16, num_layers=2, dropout=0.2, max_iter=3, random_state=0).fit(X, y)
sys.stdout.write(b"".join(w.tobytes() for w in model.weights_.values()).hex())
"""


def bits(model):
    return b"".join(weight.tobytes() for weight in model.weights_.values())


@pytest.fixture(scope="module")
def expected():
    return bits(clone(MODEL).fit(X, y))


def in_a_child(queue):
    queue.put(bits(clone(MODEL).fit(X, y)))


def global_state():
    return {
        "numpy": np.random.get_state()[1].tobytes(),
        "torch": torch.get_rng_state().numpy().tobytes(),
        "threads": torch.get_num_threads(),
        "dtype": torch.get_default_dtype(),
        "gradients": torch.is_grad_enabled(),
        "folder": sorted(os.listdir(".")),
        "directory": os.getcwd(),
    }


@pytest.mark.parametrize("seed", [0, 7])
@pytest.mark.parametrize("threads", [1, 2])
def test_global_state_neither_matters_nor_changes(expected, seed, threads, tmp_path, monkeypatch, capfd):
    monkeypatch.chdir(tmp_path)
    np.random.seed(seed)
    torch.manual_seed(seed)
    before_threads = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        before = global_state()
        with torch.no_grad():
            model = clone(MODEL).fit(X, y)
        model.predict(X)
        assert bits(model) == expected
        assert global_state() == before
        assert capfd.readouterr() == ("", "")
    finally:
        torch.set_num_threads(before_threads)


@pytest.mark.parametrize("mode", ["inference_mode", "double"])
@pytest.mark.usefixtures("two_threads")
def test_modes_of_torch_do_not_matter(expected, mode):
    before = torch.get_default_dtype()
    try:
        if mode == "double":
            torch.set_default_dtype(torch.float64)
            model = clone(MODEL).fit(X, y)
        else:
            with torch.inference_mode():
                model = clone(MODEL).fit(X, y)
    finally:
        torch.set_default_dtype(before)
    assert bits(model) == expected


@pytest.mark.parametrize("hash_seed", ["123", pytest.param("0", marks=pytest.mark.matrix)])
def test_fresh_processes_give_the_same_bits(expected, hash_seed):
    environment = {**os.environ, "PYTHONHASHSEED": hash_seed}
    run = subprocess.run([sys.executable, "-c", CODE], capture_output=True, text=True, check=True, env=environment)
    assert bytes.fromhex(run.stdout) == expected


@pytest.mark.parametrize("method", ["fork", "spawn"])
@pytest.mark.usefixtures("two_threads")
def test_children_answer_with_the_same_bits(expected, method):
    torch.ones(512, 512) @ torch.ones(512, 512)  # torch's own threads exist before the fork
    context = multiprocessing.get_context(method)
    queue = context.Queue()
    child = context.Process(target=in_a_child, args=(queue,))
    child.start()
    assert queue.get(timeout=60) == expected
    child.join(timeout=60)
    assert child.exitcode == 0


@pytest.mark.usefixtures("two_threads")
def test_fork_after_threaded_fit_answers():
    model = clone(MODEL).set_params(n_jobs=2).fit(X, y)
    context = multiprocessing.get_context("fork")
    queue = context.Queue()
    child = context.Process(target=lambda: queue.put(bits(clone(model).fit(X, y))))
    child.start()
    assert len(queue.get(timeout=60)) == len(bits(model))
    child.join(timeout=60)


@pytest.mark.parametrize("backend", ["loky", "threading", "multiprocessing"])
def test_searches_give_the_same_bits_on_every_backend(backend):
    def search(n_jobs):
        grid = GridSearchCV(clone(MODEL), {"hidden_size": [3, 4], "learning_rate": [0.01, 0.02]}, cv=2, n_jobs=n_jobs)
        return grid.fit(X, y)

    one = search(1)
    with parallel_config(backend):
        two = search(2)
    np.testing.assert_array_equal(one.cv_results_["mean_test_score"], two.cv_results_["mean_test_score"])
    assert bits(one.best_estimator_) == bits(two.best_estimator_)


@pytest.mark.usefixtures("two_threads")
def test_concurrent_fits_and_predictions_do_not_disturb_each_other(expected):
    model = clone(MODEL).fit(X, y)
    single = model.predict(X)
    errors = []

    def work(number):
        if number % 4 == 0 and bits(clone(MODEL).fit(X, y)) != expected:
            errors.append("fit")
        if number % 4 and not np.array_equal(model.predict(X), single):
            errors.append("predict")

    before = torch.get_num_threads()
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(work, range(64)))
    assert not errors
    assert torch.get_num_threads() == before


@pytest.mark.usefixtures("two_threads")
def test_fits_with_different_thread_counts_side_by_side(expected):
    models = [clone(MODEL).set_params(n_jobs=n) for n in (None, 2, None, 2)]
    with ThreadPoolExecutor(4) as pool:
        fits = list(pool.map(lambda model: bits(model.fit(X, y)), models))
    assert fits[0] == fits[2] == expected
    assert fits[1] == fits[3]


@pytest.mark.parametrize("error", [KeyboardInterrupt, MemoryError])
def test_an_interrupt_leaves_the_estimator_as_it_was(error):
    class Interrupt:
        def setup(self, estimator, context): ...
        def teardown(self, estimator, context): ...
        def on_fit_task_begin(self, estimator, context): ...

        def on_fit_task_end(self, estimator, context):
            if context.task_name == "epoch" and context.task_id == 1:
                raise error

    model = clone(MODEL).fit(X, y)
    before = dict(vars(model))
    predictions = model.predict(X)
    model.set_callbacks(Interrupt())
    with pytest.raises(error):
        model.fit(X * 2, y)
    model.set_callbacks()
    assert vars(model).keys() == before.keys()
    assert all(vars(model)[name] is before[name] for name in before)
    np.testing.assert_array_equal(model.predict(X), predictions)


def test_divergence_is_an_error_that_a_search_survives():
    wild = RNNRegressor(
        cell="rnn", nonlinearity="relu", scaling=None, max_grad_norm=None, optimizer="sgd", hidden_size=8
    )
    with pytest.raises(DivergenceError, match=r"became (nan|inf) at epoch \d+, batch \d+ .*lower learning_rate"):
        wild.set_params(learning_rate=1e6).fit(X * 100, y)
    search = GridSearchCV(wild, {"learning_rate": [1e6, 1e-7]}, cv=2, error_score=np.nan)
    with pytest.warns(Warning, match="fits failed"):
        search.fit(X, y)
    assert np.isnan(search.cv_results_["mean_test_score"][0])
    assert search.best_params_ == {"learning_rate": 1e-7}


def test_a_generator_instance_moves_on_and_a_seed_does_not():
    state = np.random.RandomState(3)
    first, second = (RNNClassifier(hidden_size=3, max_iter=1, random_state=state).fit(X, y > 0) for _ in range(2))
    assert bits(first) != bits(second)
    one, two = (RNNClassifier(hidden_size=3, max_iter=1, random_state=0).fit(X, y > 0) for _ in range(2))
    assert bits(one) == bits(two)


def test_predictions_do_not_grow_memory():
    import resource

    model = clone(MODEL).set_params(hidden_size=4, num_layers=1, max_iter=1).fit(X, y)
    for _ in range(200):
        model.predict(X[:2])
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for _ in range(2000):
        model.predict(X[:2])
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 16 * 1024

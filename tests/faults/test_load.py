"""Long use: memory does not grow, and no bit goes wrong. A sample here, the whole behind ``soak``."""

import gc
import resource
import threading
import tracemalloc

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.linear_model import Ridge

from skrnn import RNNRegressor, WindowForecaster

RNG = np.random.default_rng(0)
X = RNG.normal(size=(40, 10, 2))
Y = X[:, -1, 0]
NET = RNNRegressor(hidden_size=8, max_iter=1, random_state=0)
MEGABYTE = 1 << 20


def in_use():
    """Memory of this process in bytes."""
    gc.collect()
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * resource.getpagesize()


def fit_and_delete(times, engine):
    models = [clone(NET).set_params(engine=engine) for _ in range(2)]
    expected = models[0].fit(X, Y).predict(X)
    for _ in range(20):
        models[1].fit(X, Y)
    before = in_use()
    for _ in range(times):
        model = clone(NET).set_params(engine=engine).fit(X, Y)
        np.testing.assert_array_equal(model.predict(X), expected)
        del model
    grown = in_use() - before
    print(f"{times} fits and deletions, {engine}: grown by {grown / MEGABYTE:.1f} MB")
    assert grown < 16 * MEGABYTE


def steps_of_a_stream(times):
    stream = clone(NET).fit(X, Y).stream()
    row, other = X[0, 0], X[0, 1]
    expected = [stream.step(value) for value in (row, other)]
    stream.step(row)
    before = in_use()
    for _ in range(times // 2):
        stream.step(row)
        stream.step(other)
    grown = in_use() - before
    print(f"{times} steps of a stream: grown by {grown / MEGABYTE:.1f} MB")
    assert grown < 4 * MEGABYTE
    stream.reset()
    assert [stream.step(value) for value in (row, other)] == expected


def predictions_of_threads(n_threads, times, engine):
    model = clone(NET).set_params(engine=engine).fit(X, Y)
    expected, wrong = model.predict(X), []

    def ask():
        for _ in range(times):
            if not (model.predict(X) == expected).all():
                wrong.append(1)

    model.predict(X)
    before = in_use()
    threads = [threading.Thread(target=ask) for _ in range(n_threads)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    grown = in_use() - before
    print(
        f"{n_threads} threads x {times} predictions, {engine}: {len(wrong)} wrong, grown by {grown / MEGABYTE:.1f} MB"
    )
    assert not wrong
    assert grown < 32 * MEGABYTE


def panel(n_series):
    index = pd.MultiIndex.from_product([range(n_series), pd.date_range("2020", periods=8)])
    data = pd.Series(RNG.normal(size=len(index)), index=index)
    tracemalloc.start()
    model = WindowForecaster(Ridge(), window=3).fit(data)
    found = model.forecast()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    print(f"a panel of {n_series} series: {peak / MEGABYTE:.0f} MB at most")
    assert len(found) == n_series
    assert peak < 64 * MEGABYTE + 60 * data.memory_usage(deep=True)
    alone = WindowForecaster(Ridge(), window=3).fit(data)
    np.testing.assert_array_equal(alone.forecast().to_numpy(), found.to_numpy())


def one_sequence(n_steps):
    long = RNG.normal(size=(1, n_steps, 1))
    model = RNNRegressor(hidden_size=4, max_iter=1, random_state=0).fit(X[:, :, :1], Y)
    tracemalloc.start()
    found = model.predict(long)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    print(f"a sequence of {n_steps} steps: {peak / MEGABYTE:.0f} MB at most, {long.nbytes / MEGABYTE:.0f} MB of input")
    stream = model.stream()
    for value in long[0, -2000:]:  # a state forgets: what lies far back says nothing any more
        last = stream.step(value)
    np.testing.assert_allclose(last, found[0], atol=1e-6)


def rows(n_rows):
    many = RNG.normal(size=(n_rows, 4)).astype(np.float32)
    model = clone(NET).fit(many[:50], many[:50, 0])
    model.predict(many[:10])
    tracemalloc.start()
    found = model.predict(many)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    print(f"{n_rows} rows predicted: {peak / MEGABYTE:.0f} MB beside {many.nbytes / MEGABYTE:.0f} MB of input")
    assert peak < many.nbytes + found.nbytes + 64 * MEGABYTE
    some = RNG.integers(n_rows, size=100)
    np.testing.assert_array_equal(model.predict(many[some]), found[some])


LOADS = {  # a sample, and the whole
    "fits of the compiled engine": (fit_and_delete, (50, "compiled"), (1000, "compiled")),
    "fits of torch": (fit_and_delete, (50, "torch"), (1000, "torch")),
    "steps": (steps_of_a_stream, (20_000,), (10_000_000,)),
    "threads of the compiled engine": (predictions_of_threads, (8, 50, "compiled"), (8, 10_000, "compiled")),
    "threads of torch": (predictions_of_threads, (8, 20, "torch"), (8, 1000, "torch")),
    "a panel": (panel, (500,), (20_000,)),
    "one sequence": (one_sequence, (20_000,), (1_000_000,)),
    "rows": (rows, (100_000,), (1_000_000,)),
}


@pytest.mark.matrix
@pytest.mark.parametrize("name", LOADS)
def test_a_sample_of_load(name):
    call, some, _ = LOADS[name]
    call(*some)


@pytest.mark.soak
@pytest.mark.parametrize("name", LOADS)
def test_load(name):
    call, _, whole = LOADS[name]
    call(*whole)

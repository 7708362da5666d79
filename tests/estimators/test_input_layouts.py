"""How X lies in memory changes no bit of the result, is not changed by it, and windows are not copied."""

import tracemalloc
import warnings

import numpy as np
import pytest
from input_cases import KINDS, assert_same_fit, assert_same_outputs, make, outputs, target
from numpy.lib.stride_tricks import sliding_window_view

from skrnn import RNNRegressor
from skrnn.sequences import InputScaling, canonical_rows, check_sequences


def series(n=40, f=2):
    return np.random.default_rng(0).normal(size=(n, f)).cumsum(axis=0)


def read_only(X):
    X = X.copy()
    X.flags.writeable = False
    return X


def memmap(X, tmp_path):
    np.save(tmp_path / "X.npy", X)
    return np.load(tmp_path / "X.npy", mmap_mode="r")


def inside_a_buffer(X):
    """Every second value of a larger buffer whose other values are NaN and infinite."""
    buffer = np.full(tuple(2 * n + 1 for n in X.shape), np.nan)
    buffer[::3] = np.inf
    view = buffer[tuple(slice(1, None, 2) for _ in X.shape)]
    view[...] = X
    return view


def reversed_axes(X, axes):
    cut = tuple(slice(None, None, -1) if axis in axes else slice(None) for axis in range(X.ndim))
    return X[cut].copy()[cut]


LAYOUTS = {
    "read-only": lambda X, _: read_only(X),
    "memmap": lambda X, path: memmap(X, path),
    "F-ordered": lambda X, _: np.asfortranarray(X),
    "strided": lambda X, _: inside_a_buffer(X),
    "rows backwards": lambda X, _: reversed_axes(X, {0}),
    "time backwards": lambda X, _: reversed_axes(X, {1}),
    "all backwards": lambda X, _: reversed_axes(X, {0, 1, 2}),
    "byte-swapped": lambda X, _: X.astype(X.dtype.newbyteorder()),
    "transposed": lambda X, _: X.T.copy().T,
    "list of views": lambda X, _: list(X) if X.ndim == 3 else X,
}
VIEWS = {
    "windows of one variable": lambda: sliding_window_view(series()[:, 0], 6)[:20],
    "windows of many": lambda: sliding_window_view(series(), 6, axis=0).transpose(0, 2, 1)[:20],
    "windows with a stride": lambda: sliding_window_view(series(), 6, axis=0)[::2].transpose(0, 2, 1),
    "windows apart": lambda: sliding_window_view(series(60), 4, axis=0)[::6].transpose(0, 2, 1),
    "windows of every second step": lambda: sliding_window_view(series(60)[::2], 6, axis=0).transpose(0, 2, 1),
    "windows backwards": lambda: sliding_window_view(series(), 6, axis=0)[::-1].transpose(0, 2, 1),
    "windows of time reversed": lambda: sliding_window_view(series()[::-1], 6, axis=0).transpose(0, 2, 1),
    "broadcast features": lambda: np.broadcast_to(series()[:, :1].reshape(8, 5, 1), (8, 5, 3)),
    "broadcast steps": lambda: np.broadcast_to(series()[:8, None], (8, 5, 2)),
    "windows with gaps": lambda: np.where(series(45) > 4, np.nan, series(45)),
}


def view(name):
    X = VIEWS[name]()
    return sliding_window_view(X, 6, axis=0).transpose(0, 2, 1) if name == "windows with gaps" else X


def check(kind, given, plain, **parameters):
    """Fit and outputs on `given` equal those on the C-contiguous copy; `given` is as before; nobody warns."""
    before = np.array(given, copy=True)
    y = target(kind, len(plain))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = make(kind, **parameters).fit(given, y)
        results = outputs(found, given)
    expected = make(kind, **parameters).fit(plain, y)
    assert_same_fit(found, expected)
    assert_same_outputs(results, outputs(expected, plain))
    assert np.array_equal(np.asarray(given), before, equal_nan=True)


@pytest.mark.parametrize("layout", list(LAYOUTS))
@pytest.mark.parametrize("ndim", [2, 3])
@pytest.mark.parametrize("kind", KINDS)
def test_layouts(kind, ndim, layout, tmp_path):
    X = np.random.default_rng(0).normal(size=(12, 5, 2)[:ndim])
    check(kind, LAYOUTS[layout](X, tmp_path), X)


@pytest.mark.parametrize("layout", ["read-only", "memmap", "byte-swapped", "F-ordered"])
def test_layouts_of_float32(layout, tmp_path):
    """The dtype that needs no cast: nothing may write into the caller's memory."""
    X = np.random.default_rng(0).normal(size=(12, 5, 2)).astype(np.float32)
    X[3, 0] = X[4, 2, 1] = np.nan
    check("regressor", LAYOUTS[layout](X, tmp_path), X)


@pytest.mark.parametrize("name", list(VIEWS))
@pytest.mark.parametrize("kind", KINDS)
def test_views(kind, name):
    X = view(name)
    check(kind, X, np.ascontiguousarray(X))


@pytest.mark.parametrize("scaling", ["last", "window", None])
@pytest.mark.parametrize("dtype", [np.float32, ">f8", np.longdouble, np.int16])
def test_windows_of_other_dtypes_and_scalings(dtype, scaling):
    X = sliding_window_view((10 * series()).astype(dtype), 6, axis=0).transpose(0, 2, 1)
    check("regressor", X, np.ascontiguousarray(X), scaling=scaling, target_feature=0)


@pytest.mark.parametrize("features_per_step", [1, 2, 3, "all"])
def test_flat_windows_fold_without_a_copy(features_per_step):
    X = sliding_window_view(series()[:, 0], 6)
    check("regressor", X, X.copy(), features_per_step=features_per_step)


def test_flat_rows_fold_step_by_step():
    X = np.random.default_rng(0).normal(size=(12, 5, 2))
    y = target("regressor")
    folded = make("regressor", features_per_step=2).fit(X.reshape(12, 10), y)
    assert_same_fit(folded, make("regressor").fit(X, y))
    whole = make("regressor", features_per_step="all").fit(X.reshape(12, 10), y)
    assert_same_fit(whole, make("regressor").fit(X.reshape(12, 1, 10), y))


def peak(work):
    tracemalloc.start()
    try:
        work()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("dtype", [np.float32, np.float64, ">f4", np.int32])
def test_windows_of_a_long_series_are_never_materialised(dtype):
    """200,000 windows of 500 steps are 400 MB of float32; the series is under 2 MB."""
    rng = np.random.default_rng(0)
    long = (1000 * rng.normal(size=200_499)).astype(dtype)
    X = sliding_window_view(long, 500)

    def work():
        batch = check_sequences(X, name="Est")
        canonical = canonical_rows(batch, rng.normal(size=(len(X), 1)), np.ones(len(X)))
        distinct = batch.take(canonical.rows)
        scaling = InputScaling.fit("standard", distinct, canonical.weights)
        for begin in range(0, 320, 32):
            inputs, _ = scaling.gather(distinct.take(np.arange(begin, begin + 32)))
            assert inputs.shape == (32, 500, 1)

    assert peak(work) < 60e6
    assert peak(lambda: np.ascontiguousarray(X[:40_000], np.float32)) > 60e6, "the control: a copy is seen"


@pytest.mark.parametrize("kind", ["regressor", "transformer", pytest.param("classifier", marks=pytest.mark.matrix)])
def test_fit_and_its_methods_on_windows_do_not_copy_them(kind):
    """20,000 windows of 400 steps would be 32 MB of float32."""
    X = sliding_window_view(np.random.default_rng(0).normal(size=20_399), 400)
    y = None if kind == "transformer" else np.arange(len(X)) % 2
    estimator = make(kind, hidden_size=1, batch_size=500, max_iter=1, segment=200)
    make(kind).fit(X[:20], target(kind, 20))  # imports are not counted
    assert peak(lambda: estimator.fit(X, y)) < 16e6
    method = "transform" if kind == "transformer" else "predict"
    assert peak(lambda: getattr(estimator, method)(X)) < 24e6


@pytest.mark.parametrize("form", ["array", "list of columns", pytest.param("list", marks=pytest.mark.matrix)])
def test_a_fit_holds_less_than_seven_numbers_a_row_besides_its_table(form):
    """Of 64 MB for a million rows, at any moment of a fit; of a list, the values in one table count as its input."""
    n, rng = 220_000, np.random.default_rng(0)
    table = rng.normal(size=(n, 20, 1)).astype(np.float32)
    X, y = table, table.sum(axis=(1, 2)).astype(np.float64)
    if form != "array":
        X = [np.array(row if form == "list" else row[:, 0]) for row in table]
    options = {"hidden_size": 2, "max_iter": 1, "batch_size": 500, "early_stopping": False, "random_state": 0}
    model = RNNRegressor(engine="compiled", init=None, **options).fit(X[:30_000], y[:30_000])  # what it compiles, too
    held = peak(lambda: model.fit(X, y))
    assert held - (0 if form == "array" else table.nbytes) < 7 * 8 * n

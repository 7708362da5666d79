"""The compiled passes over large tables do what NumPy does, to the last bit; and nothing changes where they are not."""

import os
import subprocess
import sys

import numpy as np
import pytest
from numpy.lib.stride_tricks import sliding_window_view

from skrnn import RNNRegressor
from skrnn.sequences import InputScaling, SequenceBatch, canonical_rows, check_sequences
from skrnn.sequences import _chunks as chunks
from skrnn.sequences._canonical import _order, _row_hashes
from skrnn.sequences._hashes import sequence_hashes
from skrnn.sequences._statistics import _moments, mean_and_scale, weighted_mean_and_scale

LARGEST = float(np.finfo(np.float32).max)
WIDTHS = (1, 2, 8, 9, 33, 130)
KINDS = ("plain", "spoilt", "holes", "empty column")


@pytest.fixture
def both(monkeypatch):
    """What a function returns with compiled passes, and what with NumPy alone."""

    def run(function):
        monkeypatch.setattr(chunks, "_LARGE", 1)
        compiled = function()
        monkeypatch.setattr(chunks, "_LARGE", sys.maxsize)
        return compiled, function()

    return run


def table(width, dtype, kind, n=1237):
    """Values of all sizes, with zeros of both signs, subnormal numbers and the largest there are."""
    rng = np.random.default_rng(width)
    values = rng.normal(size=(n, width)) * 10.0 ** rng.integers(-40, 37, size=width)
    values[::7] = -0.0
    values[1::11] = 1e-310
    values[2::11] = 1e-42
    values[3::13] = LARGEST
    values[4::13] = -LARGEST
    if kind != "plain":
        values.flat[::5] = np.nan
    if kind == "holes":
        values[600:] = np.nan_to_num(values[600:])
        values[:9] = np.nan
    if kind == "empty column":
        values[:, -1] = np.nan
    return values.astype(dtype)


def same(a, b):
    a, b = np.asarray(a), np.asarray(b)
    return a.dtype == b.dtype and a.shape == b.shape and a.tobytes() == b.tobytes()


def spans(n_steps):
    """Where sequences may lie: one after the other, with steps between them, and on top of each other."""
    rng = np.random.default_rng(0)
    lengths = rng.multinomial(n_steps - 50, np.full(50, 0.02)) + 1
    yield np.cumsum(lengths) - lengths, lengths
    yield np.cumsum(lengths) - lengths, lengths - (lengths > 1)
    starts = rng.integers(0, n_steps - 20, 5000)
    yield starts, np.broadcast_to(np.intp(20), 5000)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("width", WIDTHS)
def test_hashes_are_those_of_numpy(both, width, dtype, kind):
    values = table(width, dtype, kind, 9000 if width == 2 else 1237)
    changed = values.copy()
    changed[-1, -1] = 0.123
    for starts, lengths in spans(len(values)):
        found, expected = both(lambda: sequence_hashes(values, starts, lengths))  # noqa: B023 # called at once
        assert same(found, expected)
        others = both(lambda: sequence_hashes(changed, starts, lengths))  # noqa: B023 # called at once
        last = starts + lengths == len(values)
        assert same(*others)
        assert ((others[0] != expected) == last).all()  # they look at the values


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("width", WIDTHS)
def test_all_missing_values_hash_alike(both, width, dtype):
    """Whatever the bits of a NaN are, which differ by how it came about."""
    values = table(width, dtype, "spoilt", 1240)
    others, missing = values.copy(), np.isnan(values)
    words = others.view(np.uint32 if dtype is np.float32 else np.uint64)
    words[missing] += np.arange(missing.sum(), dtype=words.dtype) % 1000
    words[1::2][missing[1::2]] |= words.dtype.type(1) << words.dtype.type(8 * words.itemsize - 1)  # a sign
    starts, lengths = np.arange(0, 1240, 4), np.broadcast_to(np.intp(4), 310)
    assert np.array_equal(np.isnan(others), missing)
    assert others.tobytes() != values.tobytes()
    for found in both(lambda: [sequence_hashes(part, starts, lengths) for part in (values, others)]):
        assert same(*found)


def test_one_step_hashes_alike_wherever_it_lies(both):
    values = np.random.default_rng(0).normal(size=(9000, 2))
    values[8000:8010] = values[:10]
    for found in both(lambda: sequence_hashes(values, np.array([0, 8000, 1]), np.array([10, 10, 9]))):
        assert found[0] == found[1] != found[2]


@pytest.mark.parametrize("n_bits", [0, 4, 20, 64])
def test_the_order_of_keys_is_that_of_a_stable_sort(n_bits):
    rng = np.random.default_rng(n_bits)
    keys = rng.integers(0, 1 << 64, 3000, dtype=np.uint64)
    keys >>= np.uint64(64 - n_bits) if n_bits else np.uint64(63)  # the first bits alike
    keys[::3] = keys[1::3]
    weights = rng.integers(0, 3, 3000) * 1.0
    assert np.array_equal(_order(keys, None)[0], np.argsort(keys, kind="stable"))
    assert np.array_equal(_order(keys, weights)[0], np.lexsort((weights, keys)))
    assert not np.array_equal(_order(keys, weights)[0], np.argsort(keys, kind="stable"))
    assert not _order(keys, weights)[1]  # some are equal
    order, all_differ = _order(np.unique(keys)[::-1], None)
    assert np.array_equal(order, np.arange(len(order))[::-1])
    assert all_differ == (n_bits == 64)
    assert _order(keys[:1], None)[0].tolist() == [0]


@pytest.mark.parametrize("width", WIDTHS)
def test_weights_of_one_number_in_memory(both, width):
    values, ones = table(width, np.float32, "holes", 9000 if width == 33 else 1237), np.float64(1.0)
    for weight in (ones, 3 * ones):
        found, expected = both(lambda: _moments(values, np.broadcast_to(weight, len(values)), None))  # noqa: B023 # called at once
        for one, other in zip(found, _moments(values, np.full(len(values), weight), None), strict=True):
            assert same(one, other)
        assert all(map(same, found, expected))


def test_steps_that_are_used_once_cost_no_memory():
    rng = np.random.default_rng(0)
    lengths = rng.integers(1, 30, 500)
    whole = SequenceBatch.one_after_another(np.zeros((lengths.sum(), 1)), lengths)
    for batch in (whole, whole.take(rng.permutation(500))):
        assert batch.coverage().strides == (0,)
        assert (batch.coverage() == batch.coverage(np.ones(500))).all()
    twice = rng.permutation(500)
    twice[0] = twice[1]
    for rows in (np.arange(499), twice):  # some steps are used by none
        part = whole.take(rows)
        assert part.coverage().strides != (0,)
        assert (part.coverage() == part.coverage(np.ones(len(rows)))).all()
    starts, lengths = np.array([0, 1]), np.array([3, 3])
    assert SequenceBatch(np.zeros((6, 1)), starts, lengths, starts, lengths).coverage().tolist() == [1, 2, 2, 1, 0, 0]


def test_steps_are_covered_as_by_numpy(both):
    values, rng = table(2, np.float64, "plain", 70_000), np.random.default_rng(0)
    for starts, lengths in spans(len(values)):
        batch = SequenceBatch(values, starts, lengths, 0 * lengths, lengths)
        for weights in (None, rng.random(len(starts)), rng.integers(0, 3, len(starts))):
            found, expected = both(lambda: batch.coverage(weights))  # noqa: B023 # called at once
            assert same(found, expected)
            by_hand = np.zeros(len(values))
            for row, (start, length) in enumerate(zip(starts, lengths, strict=True)):
                by_hand[start : start + length] += 1.0 if weights is None else weights[row]
            np.testing.assert_allclose(found, by_hand, atol=1e-9)


@pytest.mark.parametrize("n_targets", [0, 1, 3])
def test_keys_of_rows_are_those_of_numpy(both, n_targets):
    batch, targets = (
        check_sequences(table(2, np.float64, "holes").reshape(-1, 1, 2), name="Est"),
        table(3, "f8", "holes"),
    )
    found, expected = both(lambda: _row_hashes([batch, batch], targets[:, :n_targets]))
    assert same(found, expected)
    assert len(np.unique(found)) > 100


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("width", WIDTHS)
def test_statistics_are_those_of_numpy(both, width, dtype, kind):
    values, rng = table(width, dtype, kind, 9000 if width == 33 else 1237), np.random.default_rng(0)
    values[rng.random(len(values)) < 0.5] /= 3
    tail = np.arange(len(values)) < 0.7 * len(values)
    for weights in (np.ones(len(values)), tail * 1.0, rng.integers(0, 3, len(values)) * 1.0, rng.random(len(values))):
        for function in (lambda: weighted_mean_and_scale(values, weights), lambda: _moments(values, weights, None)):  # noqa: B023 # called at once
            found, expected = both(function)
            assert all(map(same, found, expected))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("width", WIDTHS)
def test_sums_of_the_read_that_hashes_are_those_of_a_read_of_their_own(both, width, dtype, kind):
    X = table(width, dtype, kind, 9000).reshape(-1, 10, width)
    steps = X.reshape(-1, width)

    def found():
        batch = check_sequences(X, name="Est", hashed=True, summed=True)
        return (
            batch.moments,
            mean_and_scale(batch, np.ones(len(X))),
            sequence_hashes(steps, batch.starts, batch.lengths),
        )

    (moments, scaling, hashes), (never, expected, same_hashes) = both(found)
    assert (moments is not None) == (width >= 8 and kind == "plain")  # else a value is missing
    assert never is None
    assert all(map(same, [*scaling, hashes], [*expected, same_hashes]))
    if moments is not None:
        assert all(map(same, moments, _moments(steps, np.ones(len(steps)), None)))


def test_sums_of_all_steps_are_not_those_of_some(both):
    X = np.random.default_rng(0).normal(size=(300, 10, 9))
    weights = np.arange(300) % 3 + 1.0

    def found():
        batch = check_sequences(X, name="Est", hashed=True, summed=True)
        views = sliding_window_view(X[0], 4, axis=0).transpose(0, 2, 1)
        overlapping = check_sequences(views, name="Est", hashed=True, summed=True)
        return [
            *mean_and_scale(batch, np.ones(300)),
            *mean_and_scale(batch.take(np.arange(200)), np.ones(200)),
            *mean_and_scale(batch, weights),
            *mean_and_scale(overlapping, np.ones(len(views))),
        ]

    compiled, expected = both(found)
    assert all(map(same, compiled, expected))
    assert len({part.tobytes() for part in compiled}) == 8


def test_sums_go_from_row_to_row(both, monkeypatch):
    """Not in another order, whose last bits are different."""
    values, pivot = table(8, np.float64, "plain", 3000) * 1e-30, np.zeros(8)
    monkeypatch.setattr(chunks, "_VALUES", 8 * 3000)
    values[:, 3] = np.random.default_rng(0).normal(size=3000)
    found, expected = (moments[2] for moments in both(lambda: _moments(values, np.ones(3000), pivot)))
    assert same(found, expected)
    one_by_one = 0.0
    for value in values[:, 3]:
        one_by_one += value
    assert found[3] == one_by_one / 3000
    assert found[3] != values[::-1, 3].cumsum()[-1] / 3000


def put_in_time(scaling, batch, dtype):
    """Inputs in a room in the order of time, with one number behind those of each step; and that room."""
    room = np.full((batch.max_length, batch.n_samples, scaling.input_size + 1), 7.0, dtype)
    return scaling.gather(batch, dtype, room)[0], room


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("precision", [np.float32, np.float64])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("width", [1, 2, 33])
def test_standardised_inputs_are_those_of_numpy(both, width, dtype, precision, kind):
    values, rng = table(width, dtype, kind), np.random.default_rng(0)
    mean, scale = weighted_mean_and_scale(values, np.ones(len(values)))
    starts, lengths = rng.integers(0, 1200, 100), rng.integers(1, 30, 100)
    for spans in (lengths, np.broadcast_to(np.intp(7), 100)):
        batch = SequenceBatch(values, starts, spans, 0 * spans, spans, kind == "plain")
        for way in (None, "standard", "last", "window"):
            for indicators in (np.zeros(width, bool), np.arange(width) % 2 == 0):
                scaling = InputScaling(way, np.nan_to_num(mean), scale, indicators)
                found, expected = both(lambda: scaling.gather(batch, precision)[0])  # noqa: B023 # called at once
                assert same(found, expected)
                for in_time, room in both(lambda: put_in_time(scaling, batch, precision)):  # noqa: B023
                    assert same(np.ascontiguousarray(in_time), expected)
                    assert np.shares_memory(in_time, room)
                    assert (room[:, :, scaling.input_size] == 7.0).all()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_no_row_at_all(both, monkeypatch, dtype):
    values = np.empty((0, 9), dtype)
    monkeypatch.setattr(chunks, "_LARGE", 0)
    assert sequence_hashes(values, np.zeros(0, int), np.zeros(0, int)).tolist() == []
    for found in both(lambda: weighted_mean_and_scale(values, np.ones(0))):
        assert np.isnan(found[0]).all()


def forms(rng):
    """The same sequences in everything that holds them."""
    series = rng.normal(size=(3019, 3))
    X = sliding_window_view(series, 20, axis=0).transpose(0, 2, 1)
    copy = X.copy()
    readonly = copy.copy()
    readonly.flags.writeable = False
    objects = np.empty(len(X), object)
    objects[:] = list(copy)
    return {
        "view": X,
        "copy": copy,
        "readonly": readonly,
        "fortran": np.asfortranarray(copy),
        "reversed": copy[::-1].copy()[::-1],
        "strided": np.repeat(copy, 2, axis=2)[:, :, ::2],
        "swapped bytes": copy.astype(">f8"),
        "list": list(copy),
        "objects": objects,
    }


def test_every_form_of_X_gives_the_same_fit_with_and_without_them(both):
    X = forms(np.random.default_rng(0))
    y = X["view"].mean(axis=(1, 2))
    options = {"hidden_size": 4, "max_iter": 1, "batch_size": 500, "random_state": 0, "cell": "rnn"}

    def bits():
        fits = {name: RNNRegressor(**options).fit(form, y) for name, form in X.items()}
        return {name: model.predict(X["copy"][:50]).tobytes() for name, model in fits.items()}

    found, expected = both(bits)
    assert found == expected
    assert len(set(found.values())) == 1
    again = both(lambda: RNNRegressor(**options).fit(X["copy"] + 1e-9, y).predict(X["copy"][:50]).tobytes())
    assert again[0] == again[1] != found["copy"]


def test_windows_stay_views(both):
    series = np.random.default_rng(0).normal(size=(5000, 1))
    X = sliding_window_view(series, 240, axis=0).transpose(0, 2, 1)
    for batch in both(lambda: check_sequences(X, name="Est", hashed=True)):
        assert np.shares_memory(batch.steps, series)
        assert batch.complete
    found, expected = both(lambda: canonical_rows(check_sequences(X, name="Est", hashed=True), None, np.ones(len(X))))
    assert same(found.rows, expected.rows)


@pytest.mark.parametrize("bad", [np.inf, -np.inf, 3.5e38])
def test_what_is_too_large_is_refused_as_before(both, bad):
    X = np.ones((100, 5, 2))
    X[70, 3, 1] = bad

    def message():
        with pytest.raises(ValueError, match="sequence 70, time step 3, feature 1") as caught:
            check_sequences(X, name="Est", hashed=True)
        return str(caught.value)

    found, expected = both(message)
    assert found == expected


def test_missing_values_are_seen(both):
    X = np.ones((100, 5, 2))
    for value, complete in ((LARGEST, True), (-LARGEST, True), (np.nan, False)):
        X[70, 3, 1] = value
        assert [batch.complete for batch in both(lambda: check_sequences(X, name="Est", hashed=True))] == [complete] * 2


def test_known_hashes_are_those_of_the_steps(both):
    for batch in both(lambda: check_sequences(np.arange(60.0).reshape(10, 3, 2), name="Est", hashed=True)):
        assert same(batch.hashes, sequence_hashes(batch.steps, batch.starts, batch.lengths))
        assert "hashes" not in vars(batch.take(np.arange(3)))  # a set of rows lives longer than the hashes are needed


TROUBLES = {
    "missing": "sys.modules['numba'] = None",
    "switched off": "import os; os.environ['NUMBA_DISABLE_JIT'] = '1'",
    "of another version": "import numba.core.codegen; del numba.core.codegen.JITCodeLibrary",
    "cannot compile": "import numba; numba.core.compiler.DefaultPassBuilder.define_nopython_pipeline = None",
}


@pytest.mark.parametrize("trouble", TROUBLES.values(), ids=TROUBLES)
def test_without_a_compiler_large_tables_are_read_by_numpy(trouble, tmp_path):
    code = (
        f"import sys; {trouble}\n"
        "import numpy as np\n"
        "from skrnn.sequences import _chunks, check_sequences, canonical_rows\n"
        "_chunks._LARGE = 1\n"
        "X = np.random.default_rng(0).normal(size=(50, 4, 9))\n"
        "assert _chunks.compiled_passes(X) is None\n"
        "print(*canonical_rows(check_sequences(X, name='Est', hashed=True), None, np.ones(50)).rows)\n"
    )
    no_kernels = {**os.environ, "NUMBA_CACHE_DIR": str(tmp_path)}  # what is on disk needs no compiler
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, env=no_kernels)
    assert ran.returncode == 0, ran.stderr
    X = np.random.default_rng(0).normal(size=(50, 4, 9))
    rows = canonical_rows(check_sequences(X, name="Est"), None, np.ones(50)).rows
    assert ran.stdout.split() == [str(row) for row in rows]


def test_small_tables_load_no_compiler():
    code = (
        "import sys, numpy as np\n"
        "from skrnn.sequences import check_sequences, canonical_rows\n"
        "canonical_rows(check_sequences(np.ones((50, 4, 9)), name='Est', hashed=True), None, np.ones(50))\n"
        "print('numba' in sys.modules)\n"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "False"


def test_many_targets_are_hashed_alike_by_compiled_code_and_by_numpy(monkeypatch):
    rng = np.random.default_rng(0)
    batch = SequenceBatch.one_after_another(rng.normal(size=(120, 1)), np.full(40, 3))
    targets = rng.integers(0, 2, size=(40, 90)).astype(float)
    targets[5, 7], targets[6, 0] = np.nan, -0.0
    orders = []
    for columns in (64, 1000):
        monkeypatch.setattr(chunks, "_COLUMNS", columns)
        orders.append(canonical_rows(batch, targets, np.ones(40)).rows)
    assert chunks.passes_for_columns(90) is None
    np.testing.assert_array_equal(*orders)
    assert (canonical_rows(batch, targets[:, :1], np.ones(40)).rows != orders[0]).any(), "the control"

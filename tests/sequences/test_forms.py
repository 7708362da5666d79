"""What is read quickly is read as one value at a time would be: frames, objects, lists of arrays and of lists, gaps."""

from decimal import Decimal
from fractions import Fraction

import numpy as np
import pandas as pd
import pytest
from numpy.lib.stride_tricks import sliding_window_view

from skrnn import RNNClassifier, RNNRegressor
from skrnn.estimators import _answering
from skrnn.estimators._column_names import _sizes
from skrnn.sequences import SequenceBatch, as_numbers, canonical_rows, check_sequences, distinct, is_ragged
from skrnn.sequences import _chunks as chunks
from skrnn.sequences import _layout as layout
from skrnn.sequences import _numbers as numbers

NAN = float("nan")


def one_by_one(values):
    """Objects as numbers, as the loop reads them that says where a value is none."""
    return np.array([numbers._number(value, "Net", "X", (i,), []) for i, value in enumerate(values)])


@pytest.mark.parametrize(
    "values",
    [
        [1, 2.5, True, None, pd.NA, np.float32(0.1), np.uint64(2**63), np.float64(NAN)],
        [Decimal("1.5"), Fraction(1, 3), 10**300, np.float16(0.1), np.bool_(False)],
        [10**400, 1],
        [np.longdouble(1) / 3, -0.0],
        [],
    ],
)
def test_objects_are_read_as_one_by_one(values):
    array = np.empty(len(values), object)
    array[:] = values
    found, expected = as_numbers(array, "Net"), one_by_one(values)
    assert found.dtype == np.float64
    np.testing.assert_array_equal(found, expected)
    np.testing.assert_array_equal(np.signbit(found[found == 0]), np.signbit(expected[expected == 0]))


@pytest.mark.parametrize(
    "value", ["1.5", b"1", 1j, np.complex64(1), np.timedelta64(1, "s"), pd.Timestamp(0), [1.0], object(), np.ones(2)]
)
def test_what_is_no_number_is_named_among_objects(value):
    array = np.array([1.0, 2.0, None, None], object)
    array[3] = value
    with pytest.raises((TypeError, ValueError), match=r"index 3|at 3"):
        as_numbers(array, "Net")


DTYPES = ["float64", "float32", "int8", "bool", "Float64", "Float32", "Int64", "UInt8", "boolean"]
DTYPES += ["int64[pyarrow]", "double[pyarrow]", "bool[pyarrow]"]


@pytest.mark.parametrize("first", DTYPES)
@pytest.mark.parametrize("second", DTYPES)
def test_frames_are_read_as_their_objects(first, second):
    frame = pd.DataFrame({"a": pd.Series([1, 0, 1]).astype(first), "b": pd.Series([0, 1, 1]).astype(second)})
    if first[0].isupper():
        frame.loc[1, "a"] = pd.NA
    expected = one_by_one(np.asarray(frame.astype(object)).ravel()).reshape(3, 2)
    np.testing.assert_array_equal(as_numbers(frame, "Net"), expected)


def test_a_text_beside_nullable_columns_is_named():
    frame = pd.DataFrame({"a": pd.array([1.5, pd.NA], "Float64"), "b": ["x", "2"]})
    with pytest.raises(ValueError, match=r"X holds text \('x' at row 0, column 'b'\)"):
        as_numbers(frame, "Net")


def lists_of_sequences():
    r = np.random.default_rng(0)
    sizes = [3, 1, 4, 4]
    yield [r.normal(size=n) for n in sizes]
    yield [r.normal(size=(n, 2)).astype(np.float32) for n in sizes]
    yield [r.integers(0, 9, n).astype(kind) for n, kind in zip(sizes, ("i1", "u8", "?", "f2"), strict=True)]
    yield [r.normal(size=4)[::-1] for _ in sizes]
    yield [r.normal(size=n).tolist() for n in sizes]
    yield [r.integers(0, 9, n).tolist() for n in sizes]
    yield [(r.normal(size=(n, 2)) > 0).tolist() for n in sizes]
    yield [tuple(r.normal(size=(n, 2)).tolist()) for n in sizes]
    yield [[1, 2.5, True], [3], [4, 5], [2**62]]
    yield [[2**63], [1, 2]]
    yield [[10**30, None], [1, 2]]


@pytest.mark.parametrize("X", [*lists_of_sequences()], ids=range(11))
def test_lists_are_read_as_sequence_by_sequence(monkeypatch, X):
    found = check_sequences(X, name="Net", hashed=True)
    monkeypatch.setattr(layout, "_lengths_of_arrays", lambda *_: None)
    monkeypatch.setattr(layout, "_flat_lists", lambda *_: None)
    expected = check_sequences(X, name="Net", hashed=True)
    assert found.steps.dtype == expected.steps.dtype
    assert found.complete == expected.complete
    for part in ("steps", "starts", "lengths", "spans", "leading", "hashes"):
        np.testing.assert_array_equal(getattr(found, part), getattr(expected, part), err_msg=part)


@pytest.mark.parametrize(
    ("X", "message"),
    [
        ([np.ones(2), np.ones(0)], "Sequence 1 has length 0"),
        ([np.ones((2, 2)), np.ones((2, 3))], "Sequence 1 has 3 features, but sequence 0 has 2"),
        ([np.ones(2), np.ones(2, "M8[s]")], "Sequence 1 has dtype datetime64"),
        ([[1.0], []], "Sequence 1 has length 0"),
        ([[1.0], ["a", 1]], "Sequence 1 holds text"),
        ([[[1.0, 2.0]], [[1.0]]], "Sequence 1 has 1 features, but sequence 0 has 2"),
        ([[[1.0, 2.0], [1.0]], [[1.0, 2.0]]], "Sequence 0 has time steps with different numbers of features"),
        ([[["a"]], [["b"], ["c"]]], "Sequence 0 holds text"),
    ],
)
def test_a_bad_sequence_of_a_list_is_named(X, message):
    with pytest.raises((TypeError, ValueError), match=message):
        check_sequences(X, name="Net")


def test_lists_of_one_size_are_no_lists_of_sequences():
    assert not is_ragged([[1.0, 2], [3, 4]])
    assert not is_ragged([[[1.0], [2]], [[3], [4]]])
    assert is_ragged([[1.0, 2], [3]])
    assert is_ragged([[[1.0], [2]], [[3], [4, 5]]])
    assert is_ragged([[[1.0], 2], [[3], [4]]])
    assert is_ragged([[np.ones(2), 2], [3, 4]])


@pytest.mark.parametrize(
    "values",
    [
        np.random.default_rng(0).integers(-128, 128, 999).astype("i1"),
        np.random.default_rng(0).integers(2**63, 2**63 + 9, 99, dtype="u8"),
        np.random.default_rng(0).integers(-(2**63), 2**63 - 1, 99),
        np.arange(-(2**63), -(2**63) + 9).astype(">i8"),
        np.array(list("eine längere Zeile")),
        np.array(["b", "a", "bc", "a"]),
        np.array(["b", "a", "bc", "a"], object),
        np.array(["x", "y", "x"], ">U1"),
        np.array([1.5, 2, 1.5]),
        np.array([True, False, True]),
        np.array([3, 1, 3], object),
        np.arange(10)[::-2],
        np.zeros(0, np.int64),
    ],
    ids=str,
)
def test_distinct_values_are_those_of_numpy(values):
    found, expected = distinct(values), np.unique(values, return_inverse=True)
    for one, other in zip(found, expected, strict=True):
        assert one.dtype == other.dtype
        np.testing.assert_array_equal(one, other)


def gaps():
    r = np.random.default_rng(0)
    for width in (1, 3):
        values = r.normal(size=(40, 12, width))
        values[r.random((40, 12)) < 0.5] = np.nan
        values[3], values[5, :, 0] = np.nan, np.nan
        yield values
        series = r.normal(size=(300, width))
        series[40:90] = series[:7] = series[200:212] = np.nan
        yield np.moveaxis(sliding_window_view(series, 20, axis=0), -1, 1)
        yield np.moveaxis(sliding_window_view(series, 20, axis=0), -1, 1)[::-1]


@pytest.mark.parametrize("X", [*gaps()], ids=range(6))
def test_gaps_are_cut_off_as_with_numpy(monkeypatch, X):
    found = []
    for large in (1, 1 << 62):
        monkeypatch.setattr(chunks, "_LARGE", large)
        batch = check_sequences(X, name="Net", hashed=True)
        found.append([getattr(batch, part) for part in ("starts", "lengths", "leading", "spans", "hashes")])
        found[-1] += [batch.coverage(), batch.missing_features(), batch.blank_features()]
    for one, other in zip(*found, strict=True):
        np.testing.assert_array_equal(one, other)
    starts, lengths = found[0][:2]
    for i, row in enumerate(X):
        real = np.flatnonzero(~np.isnan(row).all(axis=1))
        first, last = (real[0], real[-1]) if len(real) else (len(row) - 1, len(row) - 1)
        np.testing.assert_array_equal(batch.steps[starts[i] : starts[i] + lengths[i]], row[first : last + 1])


def test_flags_of_used_steps_count_as_weights_do():
    starts, lengths = np.array([10, 0, 4]), np.array([5, 3, 6])
    batch = SequenceBatch(np.ones((20, 1)), starts, lengths, starts, lengths)
    used = batch.coverage()
    assert used.dtype == bool
    assert (used == batch.coverage(np.ones(3))).all()


def test_the_order_of_rows_is_the_same_in_the_memory_of_the_hashes():
    steps, lengths = np.random.default_rng(0).normal(size=(500, 1)), np.full(100, 5)
    batch = SequenceBatch.one_after_another(steps, lengths)
    y, weights = np.arange(100.0)[:, None], np.ones(100)
    expected, hashes = canonical_rows(batch, y, weights).rows, batch.hashes.copy()
    assert (canonical_rows(batch, y, weights, last=True).rows == expected).all()
    assert (batch.hashes == hashes).all()


def test_quartiles_of_sizes_are_those_of_numpy():
    table = np.random.default_rng(0).normal(size=(101, 7))
    table[::3, 1], table[::5, 2], table[:, 3], table[1:, 4] = np.nan, 0.0, np.nan, 0.0
    sizes = np.where(table == 0, np.nan, np.abs(table))
    for found, part in zip(_sizes(table), (0.25, 0.75), strict=True):
        expected = np.nanquantile(sizes[:, [0, 1, 2, 5, 6]], part, axis=0)
        np.testing.assert_allclose(found[[0, 1, 2, 5, 6]], expected, rtol=1e-14)
        assert np.isnan(found[[3, 4]]).all()


@pytest.mark.parametrize("options", [{}, {"scaling": "last"}, {"init": None, "n_networks": 2}])
def test_a_long_list_is_answered_in_parts(monkeypatch, options):
    r = np.random.default_rng(0)
    X = [r.normal(size=n) for n in r.integers(1, 9, 200)]
    y = r.normal(size=200)
    model = RNNRegressor(hidden_size=4, max_iter=1, random_state=0, **options).fit(X, y)
    classes = RNNClassifier(hidden_size=4, max_iter=1, random_state=0).fit(X, np.where(y > 0, "up", "down"))
    whole = model.predict(X), classes.predict(X), classes.predict_proba(X)
    monkeypatch.setattr(_answering, "_VALUES_AT_ONCE", 100)
    assert 5 < sum(1 for _ in model._parts(X)) < 12
    assert sum(map(len, model._parts(X))) == 200
    for one, other in zip(whole, (model.predict(X), classes.predict(X), classes.predict_proba(X)), strict=True):
        assert one.tobytes() == other.tobytes()
    for number in (170, 0):
        bad = [np.array([np.inf]) if i == number else x for i, x in enumerate(X)]
        with pytest.raises(ValueError, match=f"sequence {number}"):
            model.predict(bad)
        empty = [np.empty(0) if number <= i < number + 3 else x for i, x in enumerate(X)]
        with pytest.raises(ValueError, match=f"Sequence {number} has length 0"):
            model.predict(empty)

"""Which values X may hold: infinity, overflow, dtypes, text, dates, objects; in every method of every estimator."""

import datetime
import re
import warnings
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from input_cases import KINDS, assert_same_fit, assert_same_outputs, calls, flat, make, outputs, state, steps, target

BAD = {"inf": np.inf, "-inf": -np.inf, "1e300": 1e300, "-1e39": -1e39}
TOO_LARGE = r"^Input X contains infinity or a value too large for dtype\('float32'\)\. \(first at "


@pytest.fixture(autouse=True)
def no_warnings():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield


@pytest.mark.parametrize("value", list(BAD))
@pytest.mark.parametrize("kind", KINDS)
def test_infinity_and_overflow_are_refused_by_every_method_with_the_place(kind, value):
    X, y = steps(), target(kind)
    fitted = make(kind).fit(X, y)
    before = state(fitted)
    X[7, 3, 1] = BAD[value]
    X[9, 0, 0] = -BAD[value]
    for method, call in calls(fitted, X, y).items():
        with pytest.raises(ValueError, match=TOO_LARGE + "sequence 7, time step 3, feature 1\\)"):
            call()
        assert state(fitted) == before, method


def bad_flat(columns=None):
    X = flat(t=6)
    X[3, 4] = np.inf
    return X if columns is None else pd.DataFrame(X, columns=columns)


@pytest.mark.parametrize(
    ("X", "features_per_step", "place"),
    [
        (bad_flat(), 1, "sequence 3, time step 4, feature 0"),
        (bad_flat(), 3, "sequence 3, time step 1, feature 1"),
        (bad_flat(), "all", "sequence 3, time step 0, feature 4"),
        (bad_flat([f"t{i}" for i in range(6)]), 2, "sequence 3, time step 2, feature 't4'"),
        (list(bad_flat()[:, :, None]), 1, "sequence 3, time step 4, feature 0"),
        ([pd.DataFrame({"temp": row}) for row in bad_flat()], 1, "sequence 3, time step 4, feature 'temp'"),
        (np.lib.stride_tricks.sliding_window_view(bad_flat()[3], 3), 1, "sequence 2, time step 2, feature 0"),
    ],
)
def test_the_place_of_infinity_is_named_in_every_form(X, features_per_step, place):
    with pytest.raises(ValueError, match=TOO_LARGE + place):
        make("regressor", features_per_step=features_per_step).fit(X, np.arange(float(len(X))))


def test_infinity_behind_padding_keeps_its_time_step():
    X = steps()
    X[2, :2] = np.nan
    X[2, 3, 0] = np.inf
    with pytest.raises(ValueError, match="sequence 2, time step 3, feature 0"):
        make("transformer").fit(X)


def test_numbers_too_large_for_any_float_are_infinite():
    X = flat().astype(object)
    X[1, 2] = 10**400
    with pytest.raises(ValueError, match=TOO_LARGE + "sequence 1, time step 2"):
        make("regressor").fit(X, target("regressor"))


def integers():
    return np.random.default_rng(0).integers(0, 2, size=(12, 4))


CASTS = {
    "bool": lambda X: X.astype(bool),
    **{dtype: lambda X, dtype=dtype: X.astype(dtype) for dtype in ("u1", "i1", "i2", "u4", "i8", "u8", "f2", "f4")},
    "longdouble": lambda X: X.astype(np.longdouble),
    "big endian": lambda X: X.astype(">f8"),
    "objects": lambda X: X.astype(object),
    "objects of many kinds": lambda X: np.array(
        [[(Decimal, Fraction, np.float32, int)[j](int(v)) for j, v in enumerate(row)] for row in X], dtype=object
    ),
    "nested lists": lambda X: X.tolist(),
    "tuples": lambda X: tuple(map(tuple, X.tolist())),
    "frame": lambda X: pd.DataFrame(X),
    "categories": lambda X: pd.DataFrame(X).astype("category"),
    "object frame": lambda X: pd.DataFrame(X).astype(object),
    "mixed frame": lambda X: pd.DataFrame(X).astype({0: bool, 1: "float32", 2: "category", 3: "uint8"}),
    "nullable": lambda X: pd.DataFrame(X).astype({0: "Int64", 1: "Float32", 2: "boolean", 3: "UInt8"}),
    "pyarrow": lambda X: pd.DataFrame(X).astype({0: "int64[pyarrow]", 1: "double[pyarrow]", 2: "bool[pyarrow]"}),
    "pyarrow decimals": lambda X: pd.DataFrame(X).astype(pd.ArrowDtype(pa.decimal128(23, 2))),
}


@pytest.mark.parametrize("cast", list(CASTS))
@pytest.mark.parametrize("kind", KINDS)
def test_every_dtype_of_numbers_gives_the_same_bits(kind, cast):
    X, y = integers(), target(kind)
    expected = make(kind).fit(X.astype(float), y)
    found = make(kind).fit(CASTS[cast](X), y)
    assert_same_fit(found, expected)
    for name, values in outputs(found, CASTS[cast](X)).items():
        assert np.allclose(values, outputs(expected, X.astype(float))[name], rtol=1e-6, atol=0), name


@pytest.mark.parametrize(
    "frame",
    [
        lambda X: pd.DataFrame(X, dtype="Float64"),
        lambda X: pd.DataFrame(X, dtype="double[pyarrow]"),
        lambda X: pd.DataFrame(X, dtype="Float64").astype(object),
        lambda X: pl.DataFrame(X, nan_to_null=True, schema=["0", "1", "2", "3", "4"]),
        lambda X: np.where(np.isnan(X), None, X),
        lambda X: np.where(np.isnan(X), pd.NA, X),
        lambda X: [[None if v != v else v for v in row] for row in X.tolist()],
        lambda X: [pd.Series(row, dtype="Float64") for row in X],
    ],
)
def test_na_and_null_and_none_count_as_nan(frame):
    X, y = flat(), target("regressor")
    X[[1, 4, 5], [2, 0, 3]] = np.nan
    expected = make("regressor").fit(X, y)
    found = make("regressor").fit(frame(X), y)
    assert_same_fit(found, expected)
    assert np.array_equal(found.predict(frame(X)), expected.predict(X))


@pytest.mark.parametrize("library", ["pandas", "polars", "pyarrow"])
def test_frames_of_every_library_keep_their_names(library):
    X, y, names = flat(), target("regressor"), list("abcde")
    make_frame = {
        "pandas": lambda X, names: pd.DataFrame(X, columns=names),
        "polars": lambda X, names: pl.DataFrame(X, schema=names),
        "pyarrow": lambda X, names: pa.table({name: X[:, i] for i, name in enumerate(names)}),
    }[library]
    fitted = make("regressor").fit(make_frame(X, names), y)
    assert fitted.feature_names_in_.tolist() == names
    assert_same_fit(fitted, make("regressor").fit(X, y))
    with pytest.raises(ValueError, match="The feature names should match those that were passed during fit"):
        fitted.predict(make_frame(X, names[::-1]))


WRONG_VALUES = {
    "text": ("abc", ValueError, r"^X holds text \('abc' at index 1, 2\)\. Est needs numbers: encode it before"),
    "digits": ("1.5", ValueError, r"^X holds text \('1.5' at index 1, 2\)"),
    "bytes": (b"1", ValueError, r"^X holds text \(b'1' at index 1, 2\)"),
    "complex": (1j, ValueError, "^Complex data not supported: X holds 1j at index 1, 2"),
    "date": (datetime.date(2024, 1, 2), ValueError, r"^X holds an object of type date \(2024-01-02 at index 1, 2\)"),
    "timestamp": (pd.Timestamp("2024-01-02"), ValueError, "make it the index or encode it"),
    "timedelta": (pd.Timedelta(days=1), ValueError, "make it the index or encode it"),
    "not a time": (pd.NaT, ValueError, "make it the index or encode it"),
    "array": (np.zeros(3), ValueError, "object of type ndarray at index 1, 2, where one number is expected"),
    "list": ([1.0, 2.0], ValueError, "object of type list at index 1, 2, where one number is expected"),
    "dict": ({"a": 1}, TypeError, "^X holds an object of type dict at index 1, 2. Est needs numbers"),
    "interval": (pd.Interval(0, 1), TypeError, "object of type Interval at index 1, 2"),
}


@pytest.mark.parametrize("value", list(WRONG_VALUES))
@pytest.mark.parametrize("kind", KINDS)
def test_what_is_no_number_is_refused_with_its_place(kind, value):
    wrong, error, message = WRONG_VALUES[value]
    X, y = flat().astype(object), target(kind)
    fitted = make(kind).fit(X, y)
    X[1, 2] = wrong
    for call in calls(fitted, X, y).values():
        with pytest.raises(error, match=message.replace("Est", type(fitted).__name__)):
            call()


WRONG_ARRAYS = {
    "text": (flat().astype(str), r"^X holds text \('"),
    "nested lists with a text": ([[1.0, "a"], [2.0, 3.0]], r"^X holds text \('a' at index 0, 1\)"),
    "ragged lists with a text": ([[1.0, "a"], [2.0]], r"^Sequence 0 holds text \('"),
    "bytes": (flat().astype("S"), r"^X holds text \(b'"),
    "complex": (flat() + 1j, r"^Complex data not supported: X has dtype complex128"),
    "list of complex": (list(steps() + 1j), r"^Complex data not supported: Sequence 0 has dtype complex128"),
    "structured": (np.zeros((12, 3), dtype=[("a", "f8")]), r"^X has dtype \[\('a', '<f8'\)\], a structured array"),
    "dates": (
        np.zeros((12, 3), "M8[us]"),
        r"^X has dtype datetime64\[us\]\. RNNRegressor needs numbers: make it the index",
    ),
    "durations": (np.zeros((12, 3), "m8[s]"), r"^X has dtype timedelta64\[s\]"),
    "list of dates": ([np.zeros(3, "M8[us]")] * 12, r"^Sequence 0 has dtype datetime64\[us\]"),
}


@pytest.mark.parametrize("case", list(WRONG_ARRAYS))
def test_arrays_that_are_no_numbers_are_refused(case):
    X, message = WRONG_ARRAYS[case]
    with pytest.raises(ValueError, match=message) as caught:
        make("regressor").fit(X, np.arange(float(len(X))))
    assert "\n" not in str(caught.value), "the data is not printed"


DAYS = pd.date_range("2024", periods=12)
DATE_COLUMNS = {
    "datetime64[us]": DAYS.astype("M8[us]"),
    "datetime64[us, UTC]": DAYS.astype("M8[us]").tz_localize("UTC"),
    "timedelta64[ns]": DAYS.astype("M8[ns]") - DAYS[0],
    "period[D]": DAYS.to_period("D"),
    "timestamp[us][pyarrow]": DAYS.astype("timestamp[us][pyarrow]"),
    "date32[day][pyarrow]": pd.Series(DAYS).astype("date32[day][pyarrow]"),
    "duration[ns][pyarrow]": pd.Series(DAYS - DAYS[0]).astype("duration[ns][pyarrow]"),
}


@pytest.mark.parametrize("dtype", list(DATE_COLUMNS))
def test_a_column_of_dates_is_named(dtype):
    X = pd.DataFrame(flat(), columns=list("abcde")).assign(ds=DATE_COLUMNS[dtype])
    expected = f"Column 'ds' has dtype {dtype}. RNNRegressor needs numbers: make it the index or encode it."
    with pytest.raises(ValueError, match=f"^{re.escape(expected)}$"):
        make("regressor").fit(X, target("regressor"))
    frames = [pd.DataFrame({"v": 1.0, "ds": DATE_COLUMNS[dtype]})] * 3
    with pytest.raises(ValueError, match=r"^Column 'ds' of Sequence 0 has dtype"):
        make("regressor").fit(frames, np.arange(3.0))


@pytest.mark.parametrize("dtype", ["Date", "Datetime", "Duration", "Time"])
def test_a_column_of_dates_of_polars_is_named(dtype):
    column = pl.Series([0] * 12).cast(getattr(pl, dtype))
    X = pl.DataFrame(flat(), schema=list("abcde")).with_columns(ds=column)
    with pytest.raises(ValueError, match=f"^Column 'ds' has dtype {dtype}.*make it the index or encode it"):
        make("regressor").fit(X, target("regressor"))


def test_a_column_of_text_is_named():
    for text in (pd.Series(["a"] * 12), pd.Series(["1"] * 12), pd.Series(["a", "b"] * 6).astype("category")):
        X = pd.DataFrame(flat(), columns=list("abcde")).assign(word=text)
        with pytest.raises(ValueError, match=r"^X holds text \('.' at row 0, column 'word'\)"):
            make("regressor").fit(X, target("regressor"))


@pytest.mark.parametrize("kind", KINDS)
def test_float32_and_the_same_numbers_as_float64_give_the_same_outputs(kind):
    X = steps().astype(np.float32)
    fitted = make(kind).fit(X, target(kind))
    wide = {name: values.astype(np.float32) for name, values in outputs(fitted, X.astype(float)).items()}
    assert_same_outputs({name: values.astype(np.float32) for name, values in outputs(fitted, X).items()}, wide)

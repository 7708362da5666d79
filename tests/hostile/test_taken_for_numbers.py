"""Values that NumPy and pandas would cast to numbers without a word: refused by name, at every door alike."""

import datetime

import numpy as np
import pandas as pd
import polars as pl
import pytest
import torch
from sklearn.linear_model import Ridge

from skrnn import (
    LagsToSequence,
    RNNClassifier,
    RNNLanguageModel,
    RNNRegressor,
    SlidingWindow,
    StepwiseTransformer,
    WindowForecaster,
    backtest,
    make_windows,
)
from skrnn.text import SequenceVectorizer

N = 24
RNG = np.random.default_rng(0)
X = RNG.normal(size=(N, 2))
Y = X[:, 0]
CODES = RNG.integers(0, 3, size=(N, 2))
SMALL = {"hidden_size": 3, "max_iter": 1, "random_state": 0}
NET = RNNRegressor(**SMALL).fit(X, Y)
DAYS = np.array(["2020-01-01"] * N, "M8[D]")


def masked(values, place=3):
    found = np.ma.array(values, mask=False)
    found[place] = np.ma.masked
    return found


def column(values):
    return pd.DataFrame({"a": Y, "b": values})


BAD = {  # X, and what the message says
    "masked": (masked(X), r"has 2 masked values\..*does not read masks"),
    "dates": (np.stack([DAYS, DAYS], 1), r"has dtype datetime64\[D\]"),
    "durations": (np.stack([DAYS - DAYS] * 2, 1), "has dtype timedelta64"),
    "digits": (X.astype(str), "holds text"),
    "bytes": (X.astype("S8"), "holds text"),
    "digits as objects": (X.astype(str).astype(object), "holds text"),
    "structured": (np.zeros((N, 2), [("a", "f4")]), "structured array"),
    "complex": (X + 1j, "Complex data not supported"),
    "a date": (column([datetime.date(2020, 1, 1)] * N), "object of type date"),
    "column of digits": (column(["1"] * N), r"holds text \('1' at row 0, column 'b'\)"),
    "column of dates": (column(DAYS), "Column 'b'.* has dtype datetime64"),
    "polars dates": (pl.DataFrame({"a": Y, "b": [datetime.date(2020, 1, 1)] * N}), "Column 'b'.* has dtype Date"),
    "infinite": (np.where(np.arange(N)[:, None] == 5, np.inf, X), "contains infinity"),
    "huge": (np.where(np.arange(N)[:, None] == 5, 1e300, X), r"too large for dtype\('float32'\)"),
    "huge column": (column(np.where(np.arange(N) == 5, 1e300, Y)), "column 'b'|feature 'b'"),
}
DOORS = {
    "estimator": lambda data: RNNRegressor(**SMALL).fit(data, Y),
    "turned": lambda data: LagsToSequence(order="newest_first").fit(data),
    "windows": lambda data: SlidingWindow(3).fit(data),
    "lags": lambda data: SlidingWindow(3, flatten=True).fit_transform(data),
    "context": lambda data: SlidingWindow(3).fit(X).transform(X, context=data),
    "make_windows": lambda data: make_windows(data, 3),
    "steps": lambda data: StepwiseTransformer(features_per_step=2).fit(data),
}


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("bad", BAD)
@pytest.mark.parametrize("door", DOORS)
def test_it_is_no_number_for_any_door(door, bad):
    data, message = BAD[bad]
    if door == "context" and hasattr(data, "columns"):
        data = np.array(data.rows() if hasattr(data, "rows") else data.to_numpy(dtype=object), dtype=object)
        message = "holds|contains infinity"
    with pytest.raises((ValueError, TypeError), match=message):
        DOORS[door](data)


def test_good_rows_stay_what_they_were():
    expected = SlidingWindow(3).fit_transform(X)
    wide = pd.DataFrame(X, columns=["a", "b"])
    for rows in (
        np.ma.array(X, mask=False),
        wide,
        wide.astype("Float64"),
        pl.DataFrame(wide),
        X.tolist(),
        X.astype(object),
    ):
        np.testing.assert_array_equal(SlidingWindow(3).fit_transform(rows), expected)
        np.testing.assert_array_equal(make_windows(rows, 3)[0], make_windows(X, 3)[0])
    assert SlidingWindow(3).fit_transform(X.astype(np.float32)).dtype == np.float32
    assert SlidingWindow(3).fit_transform(CODES).dtype == np.float64


STEPS = {
    "masked": (np.ma.array([1.0, 2.0], mask=[True, False]), "1 masked values"),
    "dates": (DAYS[:2], "has dtype datetime64"),
    "digits": (["1", "2"], "holds text"),
    "structured": (np.zeros(2, [("a", "f4")]), "structured array"),
    "complex": ([1j, 2.0], "Complex data not supported"),
    "dict": ({"a": 1}, "type dict"),
    "objects": ([object(), object()], "type object"),
    "missing time": ([pd.NaT, 1.0], "type NaTType"),
    "long": ([10**400, 1.0], "contains infinity"),
}


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("bad", STEPS)
def test_steps_of_a_stream(bad):
    stream = RNNRegressor(features_per_step=2, **SMALL).fit(X, Y).stream()
    step, message = STEPS[bad]
    with pytest.raises((ValueError, TypeError), match=message):
        stream.step(step)
    assert stream.n_steps == 0
    expected = stream.step([1.0, np.nan])
    for good in (torch.tensor([1.0, np.nan], requires_grad=True), [1, None], pd.Series([1.0, np.nan]), (1, pd.NA)):
        assert stream.reset().step(good) == expected


def test_masks_over_categories_and_targets():
    hidden = masked(CODES)
    with pytest.raises(ValueError, match="masked values"):
        RNNRegressor(embedding_dim=2, **SMALL).fit(hidden, Y)
    with pytest.raises(ValueError, match="masked values"):
        RNNRegressor(embedding_dim=2, **SMALL).fit(list(hidden), Y)
    model = RNNRegressor(embedding_dim=2, **SMALL).fit(CODES, Y)
    for call in (model.predict, lambda data: model.predict(list(data)), lambda data: model.stream().step(data[3, :1])):
        with pytest.raises(ValueError, match="masked values"):
            call(hidden)
    with pytest.raises(ValueError, match="y has 1 masked values"):
        NET.score(X, masked(Y))
    labels = RNNClassifier(**SMALL).fit(X, Y > 0)
    with pytest.raises(ValueError, match="y has 1 masked labels"):
        labels.score(X, masked(Y > 0))
    with pytest.raises(ValueError, match="sample_weight has 1 masked values"):
        labels.score(X, Y > 0, masked(np.ones(N)))


@pytest.mark.parametrize(
    ("y", "message"),
    [
        (DAYS, "y has dtype datetime64"),
        (Y.astype(str), "y holds text"),
        (Y + 1j, "Complex data not supported"),
        (np.zeros(N, [("a", "f4")]), "structured array"),
        (np.full(N, np.nan), "Input y contains NaN"),
    ],
)
def test_targets_of_a_score_are_read_as_those_of_a_fit(y, message):
    for call in (NET.score, RNNRegressor(**SMALL).fit):
        with pytest.raises(ValueError, match=message):
            call(X, y)
    assert NET.score(X, Y, np.ones(N)) == NET.score(X, list(Y)) == NET.score(X, torch.tensor(Y))


SERIES = pd.DataFrame({"a": Y, "b": X[:, 1]}, index=pd.date_range("2020", periods=N))
AHEAD = pd.DataFrame({"b": [0.0, 1.0]}, index=pd.date_range(SERIES.index[-1], periods=3)[1:])


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize(
    ("values", "message"),
    [
        ([1j, 2j], "Complex data not supported: column 'b'"),
        (["1", "2"], "has dtype (str|object)"),
        ([b"1", b"2"], "has dtype object"),
        (DAYS[:2], "has dtype datetime64"),
        ([np.inf, 1.0], "contains infinity, first at 2020-01-25"),
        ([1.0, 1e300], r"too large for dtype\('float32'\), first at 2020-01-26"),
    ],
)
def test_series_and_their_future(values, message):
    model = WindowForecaster(Ridge(), window=3, future=["b"]).fit(SERIES)
    with pytest.raises(ValueError, match=message):
        model.forecast(2, future=AHEAD.assign(b=values))
    more = AHEAD.assign(a=0.0, b=values)[["a", "b"]]
    for call in (model.update, model.score, lambda data: backtest(model, pd.concat([SERIES, data]), initial=9)):
        with pytest.raises(ValueError, match=r"Complex data not supported|has dtype|contains"):
            call(more)
    np.testing.assert_array_equal(model.forecast(2, future=AHEAD), model.forecast(2, future=AHEAD.astype("Float64")))


def test_a_time_that_is_there_twice():
    model = WindowForecaster(Ridge(), window=3, future=["b"]).fit(SERIES)
    with pytest.raises(ValueError, match="future has 2 duplicated rows, first 2020-01-25"):
        model.forecast(2, future=pd.concat([AHEAD, AHEAD]))


TABLE = pd.DataFrame({"abc": ["hello", "world"], "abd": ["x y", "z z"]})
NO_TEXTS = {
    "frame": (TABLE, r"got a DataFrame\. Pass the column that holds them"),
    "polars": (pl.DataFrame(TABLE), "Pass the column"),
    "dict": ({"abc": 1}, r"got a dict\. Pass them in an order"),
    "set": ({"abc", "d"}, "got a set"),
    "number": (2.5, "got a float"),
    "no axis": (np.array("abc"), "got a ndarray"),
}


@pytest.mark.parametrize("given", NO_TEXTS)
def test_names_of_columns_are_no_texts(given):
    X, message = NO_TEXTS[given]
    model = RNNLanguageModel(**SMALL).fit(["hello world"])
    vectorizer = SequenceVectorizer(analyzer="char").fit(["hello world"])
    for call in (model.fit, model.score, model.score_samples, model.perplexity, vectorizer.fit, vectorizer.transform):
        with pytest.raises(TypeError, match=message):
            call(X)
    for texts in (TABLE["abc"], pl.Series(["hello", "world"]), np.array(["hello", "world"]), ("hello", "world")):
        assert len(model.score_samples(texts)) == len(vectorizer.transform(texts)) == 2


@pytest.mark.parametrize("other", [None, 2, 7])
def test_an_embedding_that_is_set_after_a_fit_changes_no_prediction(other):
    for data, width in ((CODES, 2), (X, None)):
        model = RNNRegressor(embedding_dim=width, **SMALL).fit(data, Y)
        expected, step = model.predict(data), model.stream().step(data[0, :1])
        model.set_params(embedding_dim=other)
        np.testing.assert_array_equal(model.predict(data), expected)
        assert model.stream().step(data[0, :1]) == step

"""A fit that fails leaves nothing, what is written can be read, and a long row costs its own length alone."""

import copy
import pickle
import tracemalloc

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import Ridge
from sklearn.utils.validation import check_is_fitted

from skrnn import RNNRegressor, SlidingWindow, StepwiseTransformer, WindowForecaster
from skrnn.text import SequenceVectorizer

RNG = np.random.default_rng(0)
X = RNG.normal(size=(20, 4))
Y = X[:, 0]
TWICE = pd.DataFrame({"a": [1.0, 2.0]}, index=pd.to_datetime(["2020", "2020"]))
SHORT = pd.Series([1.0, 2.0], index=pd.date_range("2020", periods=2))
SMALL = {"hidden_size": 3, "max_iter": 1, "random_state": 0}


class Refusing(StepwiseTransformer):
    """Fails once the columns of X are known."""

    def _template(self):
        raise KeyboardInterrupt


FITS = {
    "index": (SlidingWindow(3), TWICE, None),
    "window": (SlidingWindow(0), X, None),
    "lengths": (StepwiseTransformer(), [X[:2], X[:3]], [1, 2, 3]),
    "interrupt": (Refusing(), X, None),
    "short": (WindowForecaster(Ridge(), window=9), SHORT, None),
    "no token": (SequenceVectorizer(), ["", ""], None),
    "net": (RNNRegressor(**SMALL), X, Y[:-1]),
}


@pytest.mark.parametrize("case", FITS)
def test_a_failed_first_fit_leaves_the_estimator_unfitted(case):
    estimator, data, y = FITS[case]
    estimator = clone(estimator)
    before = dict(vars(estimator))
    with pytest.raises((ValueError, KeyboardInterrupt)):
        estimator.fit(data, y)
    assert vars(estimator) == before
    with pytest.raises(NotFittedError):
        check_is_fitted(estimator)


def test_a_failed_second_fit_leaves_the_first():
    steps = StepwiseTransformer().fit(X)
    expected = steps.transform(X)
    with pytest.raises(ValueError, match="inconsistent"):
        steps.fit([X[:2], X[:3]], [1, 2, 3])
    np.testing.assert_array_equal(steps.transform(X), expected)
    windows = SlidingWindow(3).fit(X)
    with pytest.raises(ValueError, match="duplicated"):
        windows.fit(TWICE)
    assert windows.transform(X).shape == (20, 3, 4)


def test_a_long_row_among_short_ones_costs_its_own_length():
    rows = [RNG.normal(size=(1, 2)) for _ in range(2000)] + [RNG.normal(size=(20_000, 2))]
    steps = StepwiseTransformer().fit(rows)
    tracemalloc.start()
    found = steps.transform(rows)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 20 * sum(row.nbytes for row in rows), "a table of rows x the longest takes 640 MB"
    table = steps.transformer_.transform(np.concatenate(rows))
    np.testing.assert_array_equal(np.concatenate(found), table)
    assert [len(row) for row in found] == [len(row) for row in rows]


def test_padding_stays_where_it_was():
    rows = [np.array([[np.nan], [1.0], [np.nan], [2.0]]), np.array([[3.0], [np.nan]]), np.array([[4.0]])]
    steps = StepwiseTransformer().fit(rows)
    for row, found in zip(rows, steps.transform(rows), strict=True):
        np.testing.assert_array_equal(np.isnan(row), np.isnan(found))
    table = np.array([[np.nan, 1.0, 2.0], [3.0, np.nan, np.nan], [4.0, 5.0, 6.0]])
    found = StepwiseTransformer().fit_transform(table)
    np.testing.assert_array_equal(np.isnan(found), np.isnan(table))


class Child(RNNRegressor):
    """A subclass that keeps something of its own."""

    def fit(self, X, y):
        super().fit(X, y)
        self.extra_ = 3
        return self


class Plain(RNNRegressor):
    """A subclass that keeps nothing."""


def test_what_cannot_be_read_is_not_written():
    for model, name in ((Child(**SMALL).fit(X, Y), "extra_"), (RNNRegressor(**SMALL).fit(X, Y), "note")):
        if name == "note":
            model.note = "mine"
        for write in (pickle.dumps, copy.deepcopy, copy.copy):
            with pytest.raises(TypeError, match=f"has the attribute '{name}', which is none of its parameters"):
                write(model)
        expected = model.predict(X)
        delattr(model, name)
        np.testing.assert_array_equal(pickle.loads(pickle.dumps(model)).predict(X), expected)
    model = Plain(**SMALL).fit(X, Y)
    np.testing.assert_array_equal(copy.deepcopy(model).predict(X), model.predict(X))


@pytest.mark.parametrize("optimizer", ["adam", "sgd", "rmsprop"])
def test_torch_in_double_precision_writes_what_can_be_read(optimizer):
    model = RNNRegressor(engine="torch", optimizer=optimizer, **SMALL)
    single = clone(model).fit(X, Y)
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    try:
        double = clone(model).fit(X, Y)
        again = pickle.loads(pickle.dumps(double)).set_params(warm_start=True).fit(X, Y)
    finally:
        torch.set_default_dtype(before)
    single.set_params(warm_start=True).fit(X, Y)
    for name, value in single.weights_.items():
        np.testing.assert_array_equal(again.weights_[name], value)

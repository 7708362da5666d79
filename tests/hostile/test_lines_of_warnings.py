"""A warning names the line of the user's, whatever of this package and scikit-learn stands between."""

import warnings

import numpy as np
import pandas as pd
import pytest
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import Ridge
from sklearn.pipeline import make_pipeline

from skrnn import RNNClassifier, RNNRegressor, SlidingWindow, WindowForecaster, backtest, make_windows
from skrnn.inspection import permutation_importance

SMALL = {"hidden_size": 2, "max_iter": 1, "random_state": 0}
DAYS = pd.date_range("2020", periods=40)
TABLE = pd.DataFrame({"a": np.random.default_rng(0).normal(size=40)}, index=DAYS)
GAPS = TABLE.drop(DAYS[[5, 11, 17, 23, 29]])
SHORT = pd.concat({"long": TABLE, "short": TABLE[-2:]})
X = np.random.default_rng(1).normal(size=(12, 4))
Y = X[:, :1]
FITTED = WindowForecaster(Ridge(), window=3, calibration=0.3).fit(TABLE)


class Deaf(Ridge):
    """A regressor that does not look at X."""

    def predict(self, X):
        return np.zeros(len(X))


CALLS = {
    "windows of a Pipeline": (
        lambda: make_pipeline(SlidingWindow(3), RNNRegressor(**SMALL)).fit(GAPS, GAPS["a"]),
        "windows are cut off at a gap",
    ),
    "shuffled rows": (lambda: SlidingWindow(3).fit(TABLE).transform(TABLE[::3]), "shuffled"),
    "make_windows": (lambda: make_windows(GAPS, 3), "windows cross a gap"),
    "a forecaster": (lambda: WindowForecaster(Ridge(), window=3, freq="D").fit(GAPS), "windows are lost"),
    "a forecast": (lambda: WindowForecaster(Ridge(), window=3).fit(SHORT).forecast(), "are left out"),
    "intervals": (lambda: FITTED.forecast_interval(coverage=0.99), "intervals are infinite"),
    "a backtest": (lambda: backtest(FITTED, TABLE, initial=30, refit=False), "has learnt from rows up to"),
    "a column of numbers": (lambda: RNNRegressor(**SMALL).fit(X, Y), "column-vector y was passed"),
    "a column of labels": (lambda: RNNClassifier(**SMALL).fit(X, Y > 0), "column-vector y was passed"),
    "measurements as labels": (
        lambda: RNNClassifier(**SMALL).fit(np.repeat(X, 2, axis=0), np.arange(24)),
        "greater than 50% of the number of samples",
    ),
    "an axis of one target": (
        lambda: RNNRegressor(return_sequences=True, **SMALL).fit(X, X[:, :, None]),
        "axis of length 1",
    ),
    "importances": (lambda: permutation_importance(Deaf().fit(X, Y[:, 0]), X, Y[:, 0]), "No shuffle changes"),
}


@pytest.mark.parametrize("name", CALLS)
def test_a_warning_names_this_file(name):
    call, words = CALLS[name]
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        call()
    ours = [one for one in caught if one.category is not ConvergenceWarning]
    assert any(words in str(one.message) for one in ours), [str(one.message) for one in caught]
    assert {one.filename for one in caught} == {__file__}


def test_of_many_classes_a_fit_says_it_alone():
    """As scikit-learn's own classifiers: not `score`, and not what `partial_fit` learns later."""
    rows, labels = np.repeat(X, 2, axis=0), np.arange(24)
    with pytest.warns(UserWarning, match="greater than 50%"):
        model = RNNClassifier(**SMALL).fit(rows, labels)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        model.score(rows, labels)
        RNNClassifier(**SMALL).partial_fit(rows, labels, classes=labels).partial_fit(rows, labels)
    assert not [one for one in caught if "greater than 50%" in str(one.message)]

"""Arguments and parameters of another kind: refused in words, wherever they are read."""

import copy
from datetime import date
from decimal import Decimal

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import Ridge
from sklearn.utils._param_validation import InvalidParameterError

from skrnn import (
    RNNClassifier,
    RNNLanguageModel,
    RNNRegressor,
    RNNSeq2Seq,
    RNNSequenceTransformer,
    WindowForecaster,
    backtest,
    make_windows,
)

RNG = np.random.default_rng(0)
X = RNG.normal(size=(24, 4))
Y = X[:, 0]
SMALL = {"hidden_size": 3, "max_iter": 1, "random_state": 0}
SERIES = pd.Series(Y, index=pd.RangeIndex(24))
ODD = [
    "x",
    b"x",
    1j,
    object(),
    {},
    {"a": 1},
    [[1], [1, 2]],
    [None],
    np.zeros((2, 2)),
    np.zeros(0),
    pd.Series([1.5, 2.5]),
]
ODD += [pd.NaT, Decimal(2), print, Ellipsis, {1}, range(0)]


@pytest.mark.parametrize("odd", ODD, ids=lambda value: type(value).__name__)
def test_arguments_of_another_kind(odd):
    with pytest.raises(IndexError, match="target must be the number of a column, from 0 to 3"):
        make_windows(X, 3, target=odd)
    model = WindowForecaster(Ridge(), window=3, calibration=0.3).fit(SERIES)
    with pytest.raises(ValueError, match="coverage must be in"):
        model.forecast_interval(coverage=odd)
    for options in ({"coverage": odd}, {"refit": odd}, {"initial": odd}):
        with pytest.raises(InvalidParameterError, match="parameter of backtest must be"):
            backtest(model, SERIES, **{"initial": 12, **options})
    with pytest.raises(TypeError, match="backtest takes a WindowForecaster, got a"):
        backtest(odd, SERIES, initial=12)
    regressor = RNNRegressor(**SMALL).fit(X, Y)
    with pytest.raises(ValueError, match="does not stream; choose from predict"):
        regressor.stream(odd)
    with pytest.raises(InvalidParameterError, match="'warm_start' parameter"):
        RNNRegressor(warm_start=odd, **SMALL).fit(X, Y)
    with pytest.raises(InvalidParameterError, match="'quantile' parameter of RNNRegressor must be"):
        RNNRegressor(loss="quantile", quantile=odd, **SMALL).fit(X, Y) if type(odd) is not Decimal else bad_quantile()


def bad_quantile():
    RNNRegressor(loss="quantile", quantile=[], **SMALL).fit(X, Y)


def test_bounds_of_what_would_never_end():
    with pytest.raises(InvalidParameterError, match=r"'beam_width' .* in the range \[1, 1024\]"):
        RNNSeq2Seq(beam_width=2**31, **SMALL).fit(X, ["ab"] * 24)
    with pytest.raises(InvalidParameterError, match=r"'max_length' .* in the range \[1, 1048576\]"):
        RNNSeq2Seq(max_length=2**62, **SMALL).fit(X, ["ab"] * 24)
    model = RNNClassifier(loss="ctc", **SMALL).fit(X, [["a"]] * 24)
    for bad in (0, "x", 2**31, None):
        with pytest.raises(InvalidParameterError, match="'beam_width' parameter of RNNClassifier"):
            model.set_params(beam_width=bad).predict(X)
    language = RNNLanguageModel(**SMALL).fit("abcabc")
    for bad in (-1, 2**63, "x", 1.5):
        with pytest.raises((InvalidParameterError, ValueError), match=r"random_state|[Ss]eed"):
            language.sample("a", random_state=bad)
    regressor = RNNRegressor(**SMALL).fit(X, Y)
    for bad in (None, 3.5, "nowhere"):
        with pytest.raises(ValueError, match="is not available"):
            regressor.set_params(device=bad).predict(X)


CLASSES = {
    "not sorted": np.array([True, False]),
    "twice": np.array([0, 0]),
    "objects": np.array([object(), object()]),
    "numbers as objects": np.array([0, 1], dtype=object),
    "masked": np.ma.array([0, 1], mask=[True, False]),
    "no time": np.array(["2020", "NaT"], "M8[Y]"),
    "dates as objects": np.array([date(2020, 1, 1), date(2020, 1, 2)], dtype=object),
    "complex": np.array([0j, 1j]),
}


@pytest.mark.parametrize("name", CLASSES)
def test_classes_of_a_stored_model(name):
    state = RNNClassifier(**SMALL).fit(X, Y > 0).__getstate__()
    changed = copy.deepcopy(state)
    changed["_fitted"]["task"]["classes"] = CLASSES[name]
    with pytest.raises(ValueError, match="State does not fit: classes_"):
        RNNClassifier().__setstate__(changed)
    for labels in (np.where(Y > 0, "b", "a").astype(object), Y > 0, (Y > 0) * 1.0, np.where(Y > 0, "b", "a")):
        again = copy.deepcopy(RNNClassifier(**SMALL).fit(X, labels))
        assert set(again.predict(X)) <= set(labels)


@pytest.mark.parametrize("bad", [None, True, b"", object(), len, {"transform": None}, {1: "pandas"}])
def test_what_scikit_learn_keeps_in_an_estimator(bad):
    state = RNNSequenceTransformer(**SMALL).fit(X).__getstate__()
    with pytest.raises(ValueError, match="State does not fit: _sklearn_output_config"):
        RNNSequenceTransformer().__setstate__({**state, "_sklearn_output_config": bad})
    with pytest.raises(ValueError, match="State does not fit: _skl_callbacks"):
        RNNSequenceTransformer().__setstate__({**state, "_skl_callbacks": bad})
    good = RNNSequenceTransformer(**SMALL).fit(X).set_output(transform="pandas")
    assert copy.deepcopy(good).transform(X).shape == (24, 3)

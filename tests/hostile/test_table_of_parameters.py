"""Every parameter of every class with values of every kind: in fit, and set after it."""

import numpy as np
import pandas as pd
import pytest
from hostile import run
from odd_values import ODD
from sklearn.base import clone
from sklearn.linear_model import Ridge

from skrnn import (
    LagsToSequence,
    RNNClassifier,
    RNNLanguageModel,
    RNNOutlierDetector,
    RNNRegressor,
    RNNSeq2Seq,
    RNNSequenceTransformer,
    SlidingWindow,
    StepwiseTransformer,
    WindowForecaster,
)
from skrnn.text import SequenceVectorizer

N = 12
X = np.random.default_rng(0).normal(size=(N, 4))
Y = X[:, 0]
SERIES = pd.DataFrame(X, columns=list("abcd"), index=pd.date_range("2020", periods=N))
SMALL = {"hidden_size": 2, "max_iter": 1, "random_state": 0}
MODELS = {
    "regressor": (RNNRegressor(**SMALL), (X, Y), (X,)),
    "quantiles": (RNNRegressor(loss="quantile", quantile=[0.2, 0.8], **SMALL), (X, Y), (X,)),
    "classifier": (RNNClassifier(**SMALL), (X, Y > 0), (X,)),
    "transformer": (RNNSequenceTransformer(objective="reconstruct", **SMALL), (X,), (X,)),
    "detector": (RNNOutlierDetector(**SMALL), (X,), (X,)),
    "seq2seq": (RNNSeq2Seq(**SMALL), (X, ["ab", "b"] * (N // 2)), (X,)),
    "language": (RNNLanguageModel(embedding_dim=2, **SMALL), ("abcab" * 9,), (["abc"],)),
    "windows": (SlidingWindow(3), (SERIES,), (SERIES,)),
    "lags": (LagsToSequence(), (X,), (X,)),
    "steps": (StepwiseTransformer(), (X,), (X,)),
    "texts": (SequenceVectorizer(), (["a cat sat", "the dog"],), (["the cat"],)),
    "forecaster": (WindowForecaster(Ridge(), window=3), (SERIES,), ()),
}
OF_THE_USER = {  # code whose errors are its own, and what is only long
    "cell": {"a type", "a function", "a lambda", "a class", "not implemented"},
    "strip_accents": {"a type", "a function", "a lambda", "a class", "not implemented"},
    "preprocessor": {"a type", "a function", "a lambda", "a class", "not implemented"},
    "tokenizer": {"a type", "a function", "a lambda", "a class", "not implemented"},
    "analyzer": {"a type", "a function", "a lambda", "a class", "not implemented"},
    **{role: {"an offset"} for role in ("target", "past", "future", "static")},  # for pandas one day is equal to "d"
    "max_iter": {"large", "very large", "huge"},
}


def used(estimator, data):
    for name in ("forecast", "transform", "predict", "score"):
        if hasattr(estimator, name):
            return getattr(estimator, name)(*data)
    raise AssertionError


def door(name, parameter, *, after):
    """A fit with this parameter, or a use after it was set."""

    def make():
        template, learnt, data = MODELS[name]
        estimator = clone(template)
        if after:
            estimator.fit(*learnt)

        def call(value):
            estimator.set_params(**{parameter: value})
            if not after:
                estimator.fit(*learnt)
            return used(estimator, data)

        return call, None

    return make


def table(every, names=MODELS):
    wrong = []
    for name in names:
        for parameter in MODELS[name][0].get_params(deep=False):
            kinds = {kind: lambda value=value: value for kind, value in ODD.items()}
            kinds = {kind: make for kind, make in kinds.items() if kind not in OF_THE_USER.get(parameter, ())}
            doors = {
                f"{name}({parameter})": door(name, parameter, after=False),
                f"{name}.set_params({parameter})": door(name, parameter, after=True),
            }
            wrong += run(f"{name}({parameter})", doors, {}, {}, None, every, either=kinds)
    return wrong


def test_a_sample_of_parameters():
    assert not table(37)


@pytest.mark.soak
@pytest.mark.parametrize("name", MODELS)
def test_every_parameter_with_every_value(name):
    assert not table(1, [name])

"""Streams of Pipelines say, step by step, what the Pipeline says of everything so far."""

import pickle

import numpy as np
import pandas as pd
import pytest
from sklearn.compose import ColumnTransformer
from sklearn.decomposition import PCA
from sklearn.ensemble import RandomForestRegressor
from sklearn.exceptions import NotFittedError
from sklearn.feature_selection import SelectKBest, f_regression
from sklearn.impute import SimpleImputer
from sklearn.linear_model import Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, PolynomialFeatures, RobustScaler, StandardScaler

import skrnn
from skrnn import RNNClassifier, RNNRegressor, RNNSequenceTransformer, SlidingWindow, StepwiseTransformer

rng = np.random.default_rng(0)
X = rng.normal(5.0, 2.0, size=(30, 9, 3))
y = X[:, -1, 0]
SERIES = rng.normal(size=(120, 3)).cumsum(axis=0)
NEXT = np.roll(SERIES[:, 0], -1)


def net(Estimator=RNNRegressor, **parameters):
    return Estimator(hidden_size=6, max_iter=3, random_state=0, **parameters)


def test_equal_to_batch_prediction_over_10_000_steps():
    model = make_pipeline(
        StepwiseTransformer(SimpleImputer()),
        StepwiseTransformer(RobustScaler()),
        StepwiseTransformer(PCA(2)),
        net(return_sequences=True),
    ).fit(X, X[:, :, 0])
    steps = rng.normal(5.0, 2.0, size=(10_000, 3))
    steps[1:][rng.uniform(size=(9_999, 3)) < 0.05] = np.nan
    stream = skrnn.stream(model)
    streamed = np.array([stream.step(row) for row in steps])
    np.testing.assert_allclose(streamed, model.predict(steps[None])[0], atol=1e-6)


@pytest.mark.parametrize(
    ("steps", "estimator", "target", "method"),
    [
        ([StepwiseTransformer()], net(), y, None),
        ([StepwiseTransformer(PolynomialFeatures(2))], net(cell="lstm", num_layers=2), y, "predict"),
        ([StepwiseTransformer()], net(RNNClassifier, segment=None, pooling="last"), y > 5, "predict_proba"),
        ([None, "passthrough"], net(), y, None),
        ([StepwiseTransformer()], net(n_networks=3, pooling=["last", "mean"]), y, None),
        ([StepwiseTransformer()], net(RNNClassifier, segment=None, n_networks=2), y > 5, "predict_proba"),
        ([StepwiseTransformer()], net(RNNSequenceTransformer), None, None),
    ],
)
def test_every_step_is_what_the_pipeline_says_of_the_steps_so_far(steps, estimator, target, method):
    model = make_pipeline(*steps, estimator).fit(X, target)
    stream = skrnn.stream(model, method)
    for t, row in enumerate(X[3]):
        answer = getattr(model, stream.method)(X[3:4, : t + 1])[0]
        np.testing.assert_allclose(stream.step(row), answer, atol=1e-6)


def test_an_estimator_by_itself():
    model = net().fit(X, y)
    stream, own = skrnn.stream(model), model.stream()
    assert [stream.step(row) for row in X[0]] == [own.step(row) for row in X[0]]


@pytest.mark.parametrize("flatten", [False, True])
@pytest.mark.parametrize("dilation", [1, 3])
def test_rows_in_front_of_a_window(flatten, dilation):
    model = make_pipeline(
        SimpleImputer(),
        StandardScaler(),
        SelectKBest(f_regression, k=2),
        SlidingWindow(window=4, dilation=dilation, flatten=flatten),
        net(features_per_step=2 if flatten else 1, bidirectional=True),
    ).fit(SERIES, NEXT)
    stream = skrnn.stream(model)
    streamed = [stream.step(row) for row in SERIES]
    np.testing.assert_allclose(streamed, model.predict(SERIES), atol=1e-6)


def test_any_estimator_behind_a_window():
    model = make_pipeline(
        SlidingWindow(window=3, flatten=True), SimpleImputer(), RandomForestRegressor(5, random_state=0)
    ).fit(SERIES, NEXT)
    stream = skrnn.stream(model)
    np.testing.assert_allclose([stream.step(row) for row in SERIES], model.predict(SERIES))


def test_a_pipeline_that_was_fitted_on_frames():
    frame = pd.DataFrame(SERIES, columns=list("abc"))
    model = make_pipeline(StandardScaler(), SlidingWindow(window=4), net()).fit(frame, NEXT)
    stream = skrnn.stream(model)
    np.testing.assert_allclose([stream.step(row) for row in SERIES[:20]], model.predict(frame)[:20], atol=1e-6)


@pytest.mark.parametrize("n_networks", [1, 3])
@pytest.mark.parametrize("windows", [False, True])
def test_several_series_at_once_are_those_one_by_one(windows, n_networks):
    last = net(n_networks=n_networks, early_stopping=False)
    if windows:
        model = make_pipeline(StandardScaler(), SlidingWindow(window=4), last).fit(SERIES, NEXT)
    else:
        model = make_pipeline(StepwiseTransformer(), last).fit(X, y)
    alone = {key: skrnn.stream(model) for key in "abc"}
    together = skrnn.stream(model)
    for t in range(9):
        keys = ["c", "a"] if t % 2 else ["a", "b", "c"]
        rows = np.array([X["abc".index(key), t] for key in keys])
        expected = [alone[key].step(row) for key, row in zip(keys, rows, strict=True)]
        assert together.step(rows, keys=keys) == expected
    assert sorted(together.keys) == ["a", "b", "c"]
    before = together.step(X[:1, 0], keys=["a"])
    together.forget(["a"])
    assert sorted(together.keys) == ["b", "c"]
    assert together.step(X[:1, 0], keys=["a"]) == skrnn.stream(model).step(X[0, 0]) != before
    assert together.forget().keys == []


@pytest.mark.parametrize("n_networks", [1, 3])
@pytest.mark.parametrize("windows", [False, True])
def test_it_is_pickled_with_its_state(windows, n_networks):
    last = net(n_networks=n_networks)
    if windows:
        model = make_pipeline(StandardScaler(), SlidingWindow(window=4), last).fit(SERIES, NEXT)
    else:
        model = make_pipeline(StepwiseTransformer(), last).fit(X, y)
    stream = skrnn.stream(model)
    for row in X[0, :5]:
        stream.step(row[None], keys=["a"])
    again = pickle.loads(pickle.dumps(stream))
    for row in X[0, 5:]:
        assert again.step(row[None], keys=["a"]) == stream.step(row[None], keys=["a"])


def test_missing_values_that_a_transformer_does_not_take_come_out_missing():
    model = make_pipeline(StepwiseTransformer(PCA(2)), net()).fit(X, y)
    data = X[:1].copy()
    data[0, 4, 1] = np.nan
    stream = skrnn.stream(model)
    streamed = [stream.step(row) for row in data[0]]
    assert streamed[-1] == pytest.approx(model.predict(data)[0], abs=1e-6)


@pytest.mark.parametrize("steps", [[], [StepwiseTransformer()]])
def test_a_row_that_is_refused_moves_no_series_on(steps):
    model = make_pipeline(*steps, net()).fit(X, y)
    stream = skrnn.stream(model)
    stream.step(X[:2, 0], keys=["a", "b"])
    expected = pickle.loads(pickle.dumps(stream)).step(X[:2, 1], keys=["a", "b"])
    for rows in ([X[0, 1], [np.inf, 0.0, 0.0]], [X[0, 1], [0.0, 0.0]], X[:1, 1]):
        with pytest.raises(ValueError, match=r"infinity|features|rows and 2 keys"):
            stream.step(rows, keys=["a", "b"])
    with pytest.raises(ValueError, match="more than once"):
        stream.step(X[:2, 1], keys=["a", "a"])
    assert stream.step(X[:2, 1], keys=["a", "b"]) == expected


REFUSED = {
    "a FunctionTransformer, cannot be streamed": [StepwiseTransformer(FunctionTransformer(np.cumsum)), net()],
    "a ColumnTransformer, cannot be streamed": [
        StepwiseTransformer(ColumnTransformer([("scale", StandardScaler(), [0])])),
        net(),
    ],
    "bidirectional=True reads every sequence backwards": [StepwiseTransformer(), net(bidirectional=True)],
}


@pytest.mark.parametrize("words", REFUSED)
def test_what_cannot_be_streamed_is_refused_in_words(words):
    model = make_pipeline(*REFUSED[words])
    if "Column" in words:
        model.fit(X, y)
    elif "Function" in words:
        model = make_pipeline(StepwiseTransformer(FunctionTransformer()), net()).fit(X, y)
    else:
        model.fit(X, y)
    with pytest.raises(ValueError, match=words):
        skrnn.stream(model)


def test_steps_of_whole_sequences_and_other_last_steps_are_refused():
    flat = X[:, :, 0]
    model = make_pipeline(StandardScaler(), net()).fit(flat, y)
    with pytest.raises(ValueError, match=r"'standardscaler', a StandardScaler, sees each sequence as a whole"):
        skrnn.stream(model)
    with pytest.raises(ValueError, match=r"a LagsToSequence, puts the lags of a row in order"):
        skrnn.stream(make_pipeline(skrnn.LagsToSequence(), net()).fit(flat, y))
    with pytest.raises(ValueError, match="The last step, a Ridge, cannot follow a series"):
        skrnn.stream(make_pipeline(Ridge()).fit(flat, y))
    with pytest.raises(NotFittedError):
        skrnn.stream(make_pipeline(StepwiseTransformer(), net()))
    windows = make_pipeline(SlidingWindow(window=3), net()).fit(SERIES, NEXT)
    with pytest.raises(ValueError, match="method='predict_proba' is none of the last step"):
        skrnn.stream(windows, "predict_proba")

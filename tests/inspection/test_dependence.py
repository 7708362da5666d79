"""The mean prediction against a value is the function that was planted, for numbers and for categories."""

import warnings

import numpy as np
import pandas as pd
import pytest
from planted_values import Planted
from sklearn.linear_model import Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer
from sklearn.svm import LinearSVC

from skrnn import RNNClassifier, RNNRegressor, RNNSeq2Seq, RNNSequenceTransformer, WindowForecaster
from skrnn.datasets import load_airline_passengers
from skrnn.inspection import partial_dependence
from skrnn.text import SequenceVectorizer

rng = np.random.default_rng(0)


def test_partial_dependence_is_the_function_that_was_planted():
    X = rng.normal(size=(30, 5, 2))
    found = partial_dependence(Planted(1, 2, np.square), X, feature=1, lag=2, grid=[-2.0, 0.5, 3.0])
    np.testing.assert_allclose(found.average, [4.0, 0.25, 9.0])
    other = partial_dependence(Planted(1, 2, np.square), X, feature=0, lag=2, grid_resolution=4)
    np.testing.assert_allclose(other.average, np.full(4, (X[:, 2, 1] ** 2).mean()))
    np.testing.assert_allclose(other.grid_values[[0, -1]], np.quantile(X[:, 2, 0], [0.05, 0.95]))
    before = X.copy()
    assert np.array_equal(X, before)
    with pytest.raises(ValueError, match=r"2 feature\(s\) per step and 5 step\(s\)"):
        partial_dependence(Planted(1, 2), X, feature=2)


def test_dependence_of_probabilities():
    X = rng.normal(size=(60, 4, 1))
    model = RNNClassifier(max_iter=5, random_state=0).fit(X, X[:, -1, 0] > 0)
    found = partial_dependence(model, X, grid=[-2.0, 2.0]).average
    assert found.shape == (2, 2)
    np.testing.assert_allclose(found.sum(axis=1), 1.0)
    assert found[1, 1] > found[0, 1]


def test_whole_numbers_do_not_cut_off_decimals():
    X = rng.integers(0, 10, (20, 4, 1))
    found = partial_dependence(Planted(0, 1), X, lag=1, grid=[0.25, 0.5, 0.75]).average
    np.testing.assert_allclose(found, [0.25, 0.5, 0.75])
    lists = [row.copy() for row in X]
    np.testing.assert_allclose(partial_dependence(Planted(0, 1), lists, lag=1, grid=[0.25, 0.5]).average, [0.25, 0.5])


def test_missing_values_are_no_part_of_the_grid():
    X = np.linspace(0, 1, 40).reshape(10, 4, 1)
    X[3, 3] = np.nan
    expected = np.quantile(np.delete(X[:, 3, 0], 3), [0.05, 0.95])
    np.testing.assert_allclose(partial_dependence(Planted(0, 0), X).grid_values[[0, -1]], expected)
    frame = pd.DataFrame(X[:, :, 0]).astype("Float64")
    frame.iloc[3, 3] = pd.NA
    model = RNNRegressor(max_iter=2, random_state=0).fit(frame, X[:, 0, 0])
    np.testing.assert_allclose(partial_dependence(model, frame).grid_values[[0, -1]], expected)
    X[:, 3] = np.nan
    with pytest.raises(ValueError, match="No value of feature 0 at lag 0 is known in X"):
        partial_dependence(Planted(0, 0), X)


WORDS = [["good", "bad", "fair"][i] for i in rng.choice(3, 90, p=[0.5, 0.3, 0.2])]
TOKENS = [["the", "film", "is", word] for word in WORDS]


@pytest.fixture(scope="module")
def reader():
    return RNNClassifier(embedding_dim=4, hidden_size=8, max_iter=15, random_state=0).fit(
        TOKENS, [word == "bad" for word in WORDS]
    )


def test_categories_are_tried_the_most_frequent_first(reader):
    found = partial_dependence(reader, TOKENS)
    assert found.grid_values.tolist() == ["good", "bad", "fair"]
    assert found.grid_values[found.average[:, 1].argmax()] == "bad"
    assert str(found).startswith("Mean prediction for feature 0 at lag 0, of 3 categories: from ")
    assert "(at 'bad')" in str(found)
    assert partial_dependence(reader, TOKENS, grid_resolution=2).grid_values.tolist() == ["good", "bad"]
    own = partial_dependence(reader, TOKENS, grid=["bad", "extraordinary"])
    np.testing.assert_allclose(own.average[0], found.average[1])
    unknown = [[*row[:3], "unheard"] for row in TOKENS]
    np.testing.assert_allclose(own.average[1], reader.predict_proba(unknown).mean(axis=0))
    with pytest.warns(UserWarning, match="The value of feature 0 at lag 1 is is in every sequence"):
        partial_dependence(reader, TOKENS, lag=1)


def test_token_numbers_are_categories_too(reader):
    texts, labels = [" ".join(row) for row in TOKENS], [word == "bad" for word in WORDS]
    model = make_pipeline(
        SequenceVectorizer(), RNNClassifier(embedding_dim=4, hidden_size=8, max_iter=15, random_state=0)
    ).fit(texts, labels)
    found = partial_dependence(model, texts)
    numbers = [model[0].vocabulary_[word] for word in ("good", "bad", "fair")]
    assert found.grid_values.tolist() == numbers
    assert found.grid_values[found.average[:, 1].argmax()] == numbers[1]


def test_a_value_that_never_varies_is_named():
    series = load_airline_passengers(as_frame=True).series
    model = WindowForecaster(horizon=3).fit(series)  # the default, which takes off the newest value
    message = r"'passengers' at lag 0 is 0\.0 in every sequence of X, .* with level='last' the newest value\. Look at"
    for grid in (None, [-1.0, 1.0]):
        with pytest.warns(UserWarning, match=message):
            partial_dependence(model, series, grid=grid)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert np.ptp(partial_dependence(model, series, lag=1).grid_values) > 0.1
    mean = WindowForecaster(Ridge(), window=12, horizon=3, level="mean").fit(series)
    assert np.ptp(partial_dependence(mean, series).average[:, 0]) > 0.01
    X = np.zeros((5, 3, 1))
    with pytest.warns(
        UserWarning, match=r"feature 0 at lag 2 is 0\.0 in every sequence of X, so that its dep[a-z ]*\. Look"
    ):
        partial_dependence(Planted(0, 2), X, lag=2)
    assert partial_dependence(Planted(0, 2), X, lag=2, grid=[1.0, 2.0]).average.tolist() == [1.0, 2.0]


def test_answers_of_steps():
    X = rng.normal(size=(20, 6, 1))
    model = RNNRegressor(return_sequences=True, max_iter=3, random_state=0).fit(X, X[:, :, 0])
    found = partial_dependence(model, X, lag=2, grid=[-2.0, 2.0]).average
    assert found.shape == (2, 6)
    assert (found[1] - found[0]).argmax() == 3  # at its own step
    np.testing.assert_array_equal(found[0, :3], found[1, :3])  # and not before it
    ragged = [row[:n] for row, n in zip(X, rng.integers(3, 7, 20), strict=True)]
    with pytest.raises(ValueError, match=r"answers of different lengths\. Pass those of one length"):
        partial_dependence(model, ragged, lag=2)


def test_what_has_no_mean():
    X = rng.normal(size=(30, 4))
    labels = np.where(X[:, 3] > 0, "up", "down")
    scores = partial_dependence(LinearSVC().fit(X, labels), X, grid=[-1.0, 1.0]).average
    assert scores[0] < scores[1]
    writer = RNNSeq2Seq(embedding_dim=2, hidden_size=4, max_iter=2, random_state=0).fit(["ab", "ba"], ["ba", "ab"])
    with pytest.raises(TypeError, match=r"RNNSeq2Seq writes tokens\. Use permutation_importance"):
        partial_dependence(writer, ["ab", "ba"])
    pipeline = make_pipeline(FunctionTransformer(), RNNSequenceTransformer(max_iter=2)).fit(X)
    with pytest.raises(TypeError, match="asks for predict_proba, decision_function, predict, and Pipeline has none"):
        partial_dependence(pipeline, X)

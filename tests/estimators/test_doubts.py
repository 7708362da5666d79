"""Data that can be read, but look like another form of data: a fit says so once, and says what to do."""

import warnings

import numpy as np
import pandas as pd
import pytest
from sklearn.exceptions import ConvergenceWarning
from sklearn.pipeline import make_pipeline

from skrnn import (
    LagsToSequence,
    RNNClassifier,
    RNNLanguageModel,
    RNNRegressor,
    RNNSeq2Seq,
    RNNSequenceTransformer,
    SlidingWindow,
    StepwiseTransformer,
    WindowForecaster,
)
from skrnn.datasets import load_sentence_polarity, load_surnames
from skrnn.text import SequenceVectorizer

RNG = np.random.default_rng(0)
N = 60
SMALL = {"hidden_size": 3, "max_iter": 1, "random_state": 0}
VALUES = RNG.normal(size=(N, 4))
Y = VALUES[:, 0]
LABELS = (Y > 0).astype(int)
WEATHER = pd.DataFrame(
    {"pressure": RNG.normal(1013, 8, N), "humidity": RNG.uniform(0, 1, N), "wind": RNG.gamma(2, 2, N)}
)
TEXTS = ["a cat sat", "the dog ran", "the cat ran"] * 20


def said(fit):
    """The warnings of a call but those of its training."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        fit()
    assert all(one.filename == __file__ for one in caught)
    return [str(one.message) for one in caught if one.category is not ConvergenceWarning]


def named(*names):
    return pd.DataFrame(VALUES[:, : len(names)], columns=list(names))


def once(found, *parts):
    assert len(found) == 1
    assert all(part in found[0] for part in parts), found[0]


LAGS = {
    "newest first": (named("lag1", "lag2", "lag3"), "newest first"),
    "of a series": (named("y_lag_1", "y_lag_2"), "newest first"),
    "times": (named("t-1", "t-2", "t-3"), "newest first"),
    "no order": (named("lag2", "lag3", "lag1"), "in no order of time steps"),
    "two series": (named("a_lag2", "b_lag2", "a_lag1", "b_lag1"), "in no order of time steps"),
    "a month": (named("lag1", "lag2", "month"), "('lag1', 'lag2') and others are not ('month')"),
    "a price": (named("price", "lag3", "lag2", "lag1"), "others are not ('price')"),
    "one lag": (named("lag1", "month"), "others are not ('month')"),
}


@pytest.mark.parametrize("columns", LAGS)
def test_lags_that_are_read_in_a_wrong_order(columns):
    table, part = LAGS[columns]
    for net in (RNNRegressor(**SMALL), RNNSequenceTransformer(objective="forecast", **SMALL)):
        once(said(lambda net=net: net.fit(table, Y)), part, "LagsToSequence()", type(net).__name__)
    once(said(lambda: RNNClassifier(**SMALL).fit(table, LABELS)), part)
    if columns not in ("two series",):
        assert not said(lambda: make_pipeline(LagsToSequence(), RNNRegressor(**SMALL)).fit(table, Y))
    assert not said(lambda: RNNRegressor(features_per_step="all", **SMALL).fit(table, Y))
    assert not said(lambda: RNNRegressor(**SMALL).fit(table.to_numpy(), Y))


def test_it_is_said_once():
    table = LAGS["newest first"][0]
    net = RNNRegressor(warm_start=True, **SMALL)
    assert len(said(lambda: net.fit(table, Y))) == 1
    assert not said(lambda: net.fit(table, Y))
    assert not said(lambda: net.predict(table))
    part = RNNRegressor(**SMALL)
    assert len(said(lambda: part.partial_fit(table, Y))) == 1
    assert not said(lambda: part.partial_fit(table, Y))
    assert len(said(lambda: RNNRegressor(n_networks=2, **SMALL).fit(table, Y))) == 1


FINE = {
    "oldest first": (named("lag3", "lag2", "lag1"), {}),
    "two series, step by step": (named("a_lag2", "b_lag2", "a_lag1", "b_lag1"), {"features_per_step": 2}),
    "numbered": (named("x0", "x1", "x2"), {}),
    "letters": (named("a", "b", "c"), {}),
    "months": (named("Jan", "Feb", "Mar"), {}),
    "days": (named("sales monday", "sales tuesday"), {}),
    "parts of a day": (named("morning", "noon", "evening"), {}),
    "two moments": (named("baseline", "followup"), {}),
    "sunrise": (pd.DataFrame(np.abs(VALUES) * [0.1, 900, 900, 900], columns=["h05", "h06", "h07", "h08"]), {}),
    "hours": (named("00:00", "01:00", "02:00"), {}),
    "one column": (named("pressure"), {}),
    "folded": (named("pressure", "humidity", "wind", "rain"), {"features_per_step": 2}),
    "numbers for names": (WEATHER.set_axis(range(3), axis=1), {}),
    "steps that grow": (pd.DataFrame(np.abs(VALUES) * 10.0 ** np.arange(4), columns=["x0", "x1", "x2", "x3"]), {}),
    "a first step of nothing": (named("x0", "x1", "x2").assign(x0=0.0), {}),
}


@pytest.mark.parametrize("columns", FINE)
def test_what_is_no_reason_to_doubt(columns):
    table, parameters = FINE[columns]
    assert not said(lambda: RNNRegressor(**SMALL, **parameters).fit(table, Y))


@pytest.mark.parametrize(
    ("table", "part"),
    [
        (WEATHER, "with the names 'pressure', 'humidity', 'wind'"),
        (named("temperature", "load"), "with the names 'temperature', 'load'"),
        (WEATHER.set_axis(["x1", "x2", "x3"], axis=1), "'x1' and 'x2' differ by far"),
        (WEATHER[["humidity", "pressure"]].set_axis(["x1", "x2"], axis=1), "'x1' and 'x2' differ by far"),
        (WEATHER.set_axis(["x1", "x2", "x3"], axis=1).where(RNG.uniform(size=(N, 3)) > 0.2), "'x1' and 'x2' differ"),
    ],
)
def test_features_that_are_read_as_time_steps(table, part):
    once(said(lambda: RNNRegressor(**SMALL).fit(table, Y)), part, "features_per_step='all'")
    assert not said(lambda: RNNRegressor(features_per_step="all", **SMALL).fit(table, Y))


def test_what_it_tells_is_worth_it():
    """Features in units of their own: as time steps of one variable, the small ones vanish beside the large ones."""
    draws = RNG.normal(size=(300, 3))
    table = pd.DataFrame(draws * [8, 0.1, 2] + [1000, 0.5, 5], columns=["pressure", "humidity", "wind"])
    y, scores = draws @ [0.3, 2, 1], {}
    for reading in (1, "all"):
        net = RNNRegressor(init=None, features_per_step=reading, max_iter=40, random_state=0)
        warned = said(lambda net=net: net.fit(table[:200], y[:200]))
        assert any("features_per_step='all'" in str(one) for one in warned) == (reading == 1)
        scores[reading] = net.score(table[200:], y[200:])
    assert scores["all"] > 0.95
    assert scores[1] < 0.5  # the control


def test_numbers_of_words_without_an_embedding():
    words = SequenceVectorizer().fit(TEXTS)
    X, y = words.transform(TEXTS), [0, 1, 1] * 20
    once(said(lambda: RNNClassifier(**SMALL).fit(X, y)), "numbers of tokens", "embedding_dim=16")
    once(said(lambda: make_pipeline(SequenceVectorizer(), RNNClassifier(**SMALL)).fit(TEXTS, y)), "numbers of tokens")
    assert not said(lambda: RNNClassifier(embedding_dim=2, **SMALL).fit(X, y))
    assert not said(lambda: RNNClassifier(**SMALL).fit([np.arange(5), np.arange(7)] * 30, [0, 1] * 30))  # counts
    assert list(X) == X


def test_words_are_worth_an_embedding():
    texts, labels = load_sentence_polarity(return_X_y=True)
    rows = RNG.permutation(len(texts))[:900]
    X = SequenceVectorizer(min_df=3).fit_transform([texts[row] for row in rows])
    y = np.asarray(labels)[rows]
    common = {"pooling": "mean", "max_iter": 8, "random_state": 0, "init": None}
    scores = {}
    for width in (None, 16):
        net = RNNClassifier(embedding_dim=width, **common)
        warned = said(lambda net=net: net.fit(X[:700], y[:700]))
        assert len(warned) == (width is None)
        scores[width] = net.score(X[700:], y[700:])
    assert scores[16] > scores[None] + 0.05


@pytest.mark.parametrize("steps", [False, True])
def test_one_hot_targets(steps):
    codes = RNG.integers(0, 3, size=(N, 4) if steps else N)
    y = np.eye(3)[codes]
    options = {**SMALL, "return_sequences": steps}
    once(said(lambda: RNNClassifier(**options).fit(VALUES, y.astype(int))), "one 1", "pass np.argmax(y, axis=-1)")
    once(said(lambda: RNNRegressor(**options).fit(VALUES, y)), "one 1", "RNNClassifier with np.argmax(y, axis=-1)")
    assert not said(lambda: RNNClassifier(**options).fit(VALUES, codes))
    several = y.astype(int)
    several[0, ..., :2] = 1  # one row with two labels
    assert not said(lambda: RNNClassifier(**options).fit(VALUES, several))
    assert not said(lambda: RNNRegressor(**options).fit(VALUES, y + 0.5))
    assert not said(lambda: RNNRegressor(loss="poisson", **options).fit(VALUES, y))  # events, one in each row


def test_words_of_one_text_given_to_a_language_model():
    words = ["the", "cat", "sat", "on", "the", "mat"] * 10
    once(said(lambda: RNNLanguageModel(**SMALL).fit(words)), "60 texts without a blank", "fit([X])")
    once(said(lambda: RNNLanguageModel(**SMALL).fit(pd.Series(words))), "60 texts")
    assert not said(lambda: RNNLanguageModel(**SMALL).fit([words]))
    assert not said(lambda: RNNLanguageModel(**SMALL).fit(TEXTS))
    assert not said(lambda: RNNLanguageModel(**SMALL).fit(words[:6]))
    assert not said(lambda: RNNLanguageModel(end_of_text=".", **SMALL).fit(words))  # they are texts that end
    for codes in (["A12", "B7", "A12", "C3x"], ["acg", "gat", "acg"], ["+-", "--", "++"]):
        assert not said(lambda codes=codes: RNNLanguageModel(**SMALL).fit(codes * 15))
    names = load_surnames(return_X_y=True)[0]
    for some in (names[:200], names[::7]):
        assert not said(lambda some=some: RNNLanguageModel(**SMALL).fit(some))
    with pytest.raises(ValueError, match="A single list of tokens goes into a list of its own"):
        RNNLanguageModel(**SMALL).fit(list("hello"))


def test_forecasts_and_windows_of_frames_are_not_doubted():
    series = WEATHER.set_axis(pd.date_range("2020", periods=N))
    assert not said(lambda: WindowForecaster(RNNRegressor(**SMALL), window=5).fit(series))
    assert not said(lambda: make_pipeline(SlidingWindow(3), RNNRegressor(**SMALL)).fit(series, Y))
    flat = SlidingWindow(3, flatten=True).set_output(transform="pandas")
    assert not said(lambda: make_pipeline(flat, RNNRegressor(features_per_step=3, **SMALL)).fit(series, Y))


CUBE = RNG.normal(size=(N, 5, 2))


def refusal(call):
    with pytest.raises((ValueError, TypeError)) as caught:
        call()
    return str(caught.value)


def test_one_sequence_is_told_how_to_be_one():
    net = RNNRegressor(**SMALL).fit(CUBE, Y)
    assert "one sequence of 5 steps, pass X[np.newaxis]." in refusal(lambda: net.predict(CUBE[0]))
    assert len(net.predict(CUBE[0][np.newaxis])) == 1
    flat = CUBE.reshape(N, -1)
    assert "pass X.reshape(len(X), -1, 2)" in refusal(lambda: net.predict(flat))
    np.testing.assert_array_equal(net.predict(flat.reshape(len(flat), -1, 2)), net.predict(CUBE))
    assert "with 2 features per step; X has 3 columns" in refusal(lambda: net.predict(CUBE.reshape(-1, 3)[:9]))
    single = RNNRegressor(**SMALL).fit(CUBE[:, :, :1], Y)
    assert "pass X[:, :, np.newaxis]" in refusal(lambda: single.predict(CUBE[:, :, 0]))
    both = refusal(lambda: single.predict(CUBE[0, :, :1]))
    assert "one sequence of 5 steps, pass X[np.newaxis]" in both
    assert "each row is a sequence of one step, pass X[:, :, np.newaxis]" in both
    table = RNNRegressor(features_per_step=2, **SMALL).fit(flat, Y)
    assert "X.reshape(len(X), -1)" in refusal(lambda: table.predict(CUBE))
    assert "np.stack(X).reshape(len(X), -1)" in refusal(lambda: table.predict(list(CUBE)))


@pytest.mark.parametrize("Net", [RNNClassifier, RNNRegressor, RNNSequenceTransformer, RNNSeq2Seq])
def test_texts_and_words_are_told_of_embeddings(Net):
    net = Net(**SMALL, **({"embedding_dim": None} if Net is RNNSeq2Seq else {}))
    words = [text.split() for text in TEXTS]
    for X in (
        TEXTS,
        pd.Series(TEXTS),
        words,
        np.array(words),
        [np.array(one) for one in words],
        [words[0][:2], *words[1:]],
    ):
        message = refusal(lambda X=X: net.fit(X, [0, 1, 1] * 20))
        assert "embedding_dim=16" in message
        assert "eshape" not in message
    assert "embedding_dim" not in refusal(lambda: StepwiseTransformer().fit(np.array(words)))  # it has none
    assert "SequenceVectorizer()" in refusal(lambda: net.fit(TEXTS, [0, 1, 1] * 20))

"""What was planted is found first, in every form of X; dependence is that of the function."""

import numpy as np
import pandas as pd
import pytest
from network_alone import REGRESSOR
from planted_values import Planted
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.inspection import permutation_importance as of_tables
from sklearn.linear_model import LinearRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVC

from skrnn import RNNClassifier, RNNRegressor, RNNSeq2Seq
from skrnn.inspection import integrated_gradients, permutation_importance
from skrnn.text import SequenceVectorizer

rng = np.random.default_rng(0)


def planted(seed, n_samples=300, n_steps=8, n_features=3):
    """Noise, and a target that depends on one feature at one lag."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n_samples, n_steps, n_features))
    feature, lag = int(rng.integers(n_features)), int(rng.integers(n_steps))
    return X, 2 * X[:, -1 - lag, feature] + 0.3 * rng.normal(size=n_samples), feature, lag


@pytest.mark.parametrize("seed", range(20))
def test_a_planted_feature_and_lag_is_found_first(seed):
    X, y, feature, lag = planted(seed)
    model = RNNRegressor(max_iter=15, hidden_size=8, random_state=seed).fit(X, y)
    both = permutation_importance(model, X, y, n_repeats=1, random_state=0).importances_mean
    assert np.unravel_index(both.argmax(), both.shape) == (feature, lag)
    mean = np.abs(integrated_gradients(model, X[:50], n_steps=16).values).mean(axis=0)[::-1].T
    assert np.unravel_index(mean.argmax(), mean.shape) == (feature, lag)


@pytest.mark.parametrize("seed", range(3))
def test_a_network_without_a_linear_start_finds_it_too(seed):
    X, y, feature, lag = planted(seed, n_samples=600, n_steps=5)
    model = RNNRegressor(**REGRESSOR, max_iter=30, random_state=seed).fit(X, y)
    for over, place in (("features", feature), ("lags", lag)):
        found = permutation_importance(model, X, y, over=over, n_repeats=2, random_state=0)
        assert found.importances_mean.argmax() == place
    labels = np.where(y > 0, "up", "down")
    classifier = RNNClassifier(max_iter=15, random_state=seed).fit(X, labels)
    found = permutation_importance(classifier, X, labels, random_state=0, scoring="neg_log_loss").importances_mean
    assert np.unravel_index(found.argmax(), found.shape) == (feature, lag)


def test_only_what_counts_has_an_importance():
    X = rng.normal(size=(50, 6, 2))
    model = Planted(1, 2)
    y = model.predict(X)
    found = permutation_importance(model, X, y, n_repeats=3, random_state=0)
    expected = np.zeros((2, 6), bool)
    expected[1, 2] = True
    np.testing.assert_array_equal(found.importances_mean > 0, expected)
    assert found.importances.shape == (2, 6, 3)
    np.testing.assert_allclose(found.importances_std, found.importances.std(axis=-1))
    assert found.score == 0.0


def test_ragged_sequences_are_shuffled_among_those_that_have_the_lag():
    lengths = rng.integers(2, 7, 60)
    X = [rng.normal(size=(n, 2)) for n in lengths]
    y = np.array([row[-4, 0] if len(row) > 3 else 0.0 for row in X])

    class Late(Planted):
        def predict(self, X):
            return np.array([row[-4, 0] if len(row) > 3 else 0.0 for row in X])

    found = permutation_importance(Late(0, 3), X, y, n_repeats=2, random_state=0)
    assert found.importances_mean.shape == (2, 6)
    assert list(zip(*np.nonzero(found.importances_mean), strict=True)) == [(0, 3)]
    # a shuffle among n values of variance s raises the squared error by about 2 s
    count = (lengths > 3).sum()
    assert found.importances_mean[0, 3] == pytest.approx(2 * count / 60 * y[lengths > 3].var(), rel=0.5)


@pytest.mark.parametrize("form", ["array", "frame"])
def test_a_flat_table_is_that_of_scikit_learn(form):
    table = rng.normal(size=(80, 6))
    y = table @ np.array([0.0, 1.0, 0.0, 3.0, 0.5, 0.0])
    X = table if form == "array" else pd.DataFrame(table, columns=list("abcdef"))
    model = LinearRegression().fit(X, y)
    own = permutation_importance(model, X, y, n_repeats=20, random_state=0).importances_mean
    other = of_tables(model, X, y, n_repeats=20, random_state=1).importances_mean
    assert own.shape == (1, 6)
    np.testing.assert_allclose(own[0, ::-1], other, atol=0.1)


def test_columns_fold_into_steps():
    table = rng.normal(size=(100, 12))
    y = table[:, 12 - 2 * 3 + 1]  # feature 1 at lag 1, of steps of three features
    model = RNNRegressor(features_per_step=3, max_iter=10, random_state=0).fit(table, y)
    found = permutation_importance(model, table, y, random_state=0).importances_mean
    assert found.shape == (3, 4)
    assert np.unravel_index(found.argmax(), found.shape) == (1, 1)
    pipeline = make_pipeline(StandardScaler(), LinearRegression()).fit(table, y)
    assert permutation_importance(pipeline, table, y, random_state=0).importances_mean.argmax() == 4


def test_the_data_stay_as_they_are():
    X, lists = rng.normal(size=(20, 4, 2)), [rng.normal(size=(3, 2)) for _ in range(20)]
    frame = pd.DataFrame(rng.normal(size=(20, 4)))
    for data in (X, lists, frame):
        before = [np.array(row) for row in (data.to_numpy() if hasattr(data, "columns") else data)]
        model = Planted(0, 0) if data is not frame else LinearRegression().fit(frame, np.zeros(20))
        permutation_importance(model, data, np.zeros(20), n_repeats=1)
        after = data.to_numpy() if hasattr(data, "columns") else data
        assert all(np.array_equal(one, other) for one, other in zip(before, after, strict=True))


def test_what_cannot_be_shuffled():
    with pytest.raises(ValueError, match="no whole number of steps of 5 features"):
        permutation_importance(RNNRegressor(features_per_step=5), np.zeros((3, 12)), np.zeros(3))
    with pytest.raises(ValueError, match="different numbers of features"):
        permutation_importance(Planted(0, 0), [np.zeros((3, 2)), np.zeros((3, 1))], np.zeros(2))
    with pytest.raises(ValueError, match="'over' parameter"):
        permutation_importance(Planted(0, 0), np.zeros((3, 2, 1)), np.zeros(3), over="steps")


def test_letters_are_not_cut_off():
    """A row of short words has to hold the long ones, too."""
    words = [["a", "to"], ["remember", "so"], ["of", "is"], ["b", "everything"]]
    seen = []

    class Reads:
        def fit(self, X, y):
            return self

        def score(self, X, y):
            seen.extend(str(word) for row in X for word in row)
            return float(len(X))

    with pytest.warns(UserWarning, match="No shuffle changes the score"):
        permutation_importance(Reads(), words, np.zeros(4), n_repeats=3, random_state=0)
    assert set(seen) == {word for row in words for word in row}


def test_a_text_has_steps_where_it_is_read_by_character():
    words = ["".join(word) for word in rng.choice(list("abcd"), (40, 5))]
    model = RNNSeq2Seq(embedding_dim=4, hidden_size=8, max_iter=3, random_state=0).fit(words, words)
    found = [
        permutation_importance(model, X, words, over="lags", n_repeats=1, random_state=0)
        for X in (words, np.array(words), pd.Series(words), [list(word) for word in words])
    ]
    assert found[0].importances.shape == (5, 1)
    for one in found[1:]:
        np.testing.assert_array_equal(one.importances, found[0].importances)


def test_tokens_have_lags_behind_a_vectorizer():
    places = rng.integers(0, 2, 80)
    texts = [f"{('bad', 'good')[place]} film it was" for place in places]
    model = make_pipeline(SequenceVectorizer(), RNNClassifier(embedding_dim=4, max_iter=15, random_state=0))
    model.fit(texts, places)
    found = permutation_importance(model, texts, places, scoring="neg_log_loss", random_state=0)
    assert found.importances_mean.shape == (1, 4)
    assert found.importances_mean.argmax() == 3
    with pytest.raises(TypeError, match=r"X holds texts, which have no steps\. .* SequenceVectorizer in front"):
        permutation_importance(make_pipeline(CountVectorizer(), LinearSVC()).fit(texts, places), texts, places)


class Shows:
    """A classifier that keeps the classes of the sequences that it is shown."""

    classes_ = ("often", "seldom", "once")

    def fit(self, X, y):
        return self

    def score(self, X, y):
        self.shown = list(y)
        return float(np.sum(X))


@pytest.mark.parametrize(("max_samples", "expected"), [(100, [90, 9, 1]), (0.02, [18, 2, 1]), (3, [1, 1, 1])])
def test_classes_keep_their_share_of_the_sequences(max_samples, expected):
    labels = rng.permutation(np.repeat(["often", "seldom", "once"], [900, 95, 5]))
    X, model = rng.normal(size=(1000, 2, 1)), Shows()
    for seed in range(5):
        permutation_importance(model, X, labels, n_repeats=1, max_samples=max_samples, random_state=seed)
        counts = [model.shown.count(label) for label in ("often", "seldom", "once")]
        assert sum(counts) == (max_samples if max_samples > 1 else 20)
        np.testing.assert_allclose(counts, expected, atol=1)
        assert min(counts) >= 1


def test_what_is_drawn_is_drawn_at_random():
    X, model, labels = rng.normal(size=(60, 2, 1)), Shows(), np.arange(60) % 3
    scores = {
        permutation_importance(model, X, labels, n_repeats=1, max_samples=12, random_state=seed).score
        for seed in range(5)
    }
    assert len(scores) == 5


@pytest.mark.parametrize(
    ("n_samples", "max_samples", "left"), [(60, 1, "1 of 60"), (60, 0.001, "0 of 60"), (1, 1.0, "1 of 1")]
)
def test_a_single_sequence_cannot_be_shuffled(n_samples, max_samples, left):
    X = rng.normal(size=(n_samples, 4, 1))
    message = f"shuffles values among sequences: max_samples={max_samples} leaves {left}, and at least 2 are needed"
    with pytest.raises(ValueError, match=message):
        permutation_importance(Planted(0, 0), X, X[:, 0, 0], max_samples=max_samples)
    with pytest.raises(ValueError, match=r"leaves 2 of 9, and at least 3 are needed, one of each class\."):
        permutation_importance(Shows(), X[:9] if n_samples > 8 else np.zeros((9, 2)), list("abcabcabc"), max_samples=2)

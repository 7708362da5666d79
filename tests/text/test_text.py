"""SequenceVectorizer: known answers, the analysers and prunings of CountVectorizer, and what it refuses."""

import pickle
import re

import numpy as np
import pandas as pd
import pytest
from sklearn import config_context
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.utils._param_validation import InvalidParameterError
from sklearn.utils.estimator_checks import check_estimator

from skrnn import RNNClassifier
from skrnn.text import SequenceVectorizer

TEXTS = [
    "The cat sat on the mat.",
    "A dog, a cat and the bird!",
    "Où est le chat? Là-bas.",
    "dogs chase cats; cats chase birds",
    "the the the end",
    "the bird is the word",
    "a word is a word is a word",
] * 2 + ["one more dog"]


def same(document):
    return document


def test_known_answers():
    vectorizer = SequenceVectorizer()
    X = vectorizer.fit_transform(["the cat sat", "the dog the"])
    assert vectorizer.vocabulary_ == {"cat": 1, "dog": 2, "sat": 3, "the": 4}
    assert [row.tolist() for row in X] == [[4, 1, 3], [4, 2, 4]]
    assert X[0].dtype == np.int64
    assert vectorizer.get_feature_names_out().tolist() == ["cat", "dog", "sat", "the"]
    assert not vectorizer.fixed_vocabulary_
    chars = SequenceVectorizer(analyzer="char").fit(["abca"])
    assert chars.transform(["cab!"])[0].tolist() == [3, 1, 2, 0]


def test_a_token_that_is_not_kept_keeps_its_place():
    vectorizer = SequenceVectorizer(min_df=2)
    X = vectorizer.fit_transform(["aa bb cc", "aa cc", "dd aa"])
    assert vectorizer.vocabulary_ == {"aa": 1, "cc": 2}
    assert [row.tolist() for row in X] == [[1, 0, 2], [1, 2], [0, 1]]
    assert vectorizer.transform(["never aa", "", "??"])[0].tolist() == [0, 1]
    assert [row.tolist() for row in vectorizer.transform(["", "??"])] == [[0], [0]]


@pytest.mark.parametrize(
    "parameters",
    [
        {},
        {"lowercase": False},
        {"analyzer": "char"},
        {"stop_words": "english"},
        {"stop_words": ["cat", "the"]},
        {"token_pattern": r"\S+"},
        {"strip_accents": "unicode"},
        {"tokenizer": str.split, "token_pattern": None},
        {"preprocessor": str.upper},
        {"min_df": 3},
        {"min_df": 0.2, "max_df": 0.5},
        {"max_df": 4},
        {"max_features": 3},
        {"max_features": 1, "stop_words": "english", "min_df": 2},
        {"analyzer": str.split},
    ],
    ids=str,
)
def test_the_tokens_are_those_of_the_count_vectorizer(parameters):
    ours, theirs = SequenceVectorizer(**parameters).fit(TEXTS), CountVectorizer(**parameters).fit(TEXTS)
    assert set(ours.vocabulary_) == set(theirs.vocabulary_)
    assert sorted(ours.vocabulary_.values()) == list(range(1, len(theirs.vocabulary_) + 1))
    counts = theirs.transform(TEXTS).toarray()
    for row, count in zip(ours.transform(TEXTS), counts, strict=True):
        found = np.bincount(row, minlength=len(ours.vocabulary_) + 1)
        assert all(found[ours.vocabulary_[token]] == count[i] for token, i in theirs.vocabulary_.items())


def test_there_and_back():
    vectorizer = SequenceVectorizer(token_pattern=r"\S+", lowercase=False).fit(TEXTS)
    X = vectorizer.transform([*TEXTS, "unheard of"])
    assert [" ".join(row) for row in vectorizer.inverse_transform(X)[:-1]] == TEXTS
    assert vectorizer.inverse_transform(X)[-1].tolist() == ["<unknown>", "<unknown>"]


def test_a_vocabulary_that_is_given():
    listed = SequenceVectorizer(vocabulary=["zebra", "ant"])
    assert listed.transform(["ant zebra cow"])[0].tolist() == [2, 1, 0]  # without fit
    assert listed.fixed_vocabulary_
    mapped = SequenceVectorizer(vocabulary={"ant": 7}).fit(["something else"])
    assert mapped.transform(["the ant"])[0].tolist() == [0, 7]
    for wrong in (["a", "a"], {}, {"a": 0}, {"a": 1, "b": 1}, {"a": 1.5}):
        with pytest.raises(ValueError, match="vocabulary"):
            SequenceVectorizer(vocabulary=wrong).fit(TEXTS)


def test_lists_of_tokens_and_other_containers():
    tokens = [[("a", 1), ("b", 2)], [("b", 2)]]
    assert SequenceVectorizer(analyzer=same).fit_transform(tokens)[0].tolist() == [1, 2]
    expected = SequenceVectorizer().fit_transform(TEXTS)
    for form in (pd.Series, np.array, tuple, iter, lambda x: np.array(x, dtype=object)):
        found = SequenceVectorizer().fit_transform(form(TEXTS))
        assert all(np.array_equal(a, b) for a, b in zip(found, expected, strict=True))


WRONG = [
    ("one text", ValueError, "Iterable over raw text documents expected, string object received."),
    (["a text", None], ValueError, "Document 1 is None: drop it"),
    (["a text", np.nan], ValueError, "Document 1 is nan: drop it"),
    (pd.Series(["a text", None], dtype="string[python]"), ValueError, "Document 1 is <NA>: drop it"),
    ([["a", "list"]], TypeError, "Document 0 is a list, where a text is expected"),
    (["", "?"], ValueError, "empty vocabulary; perhaps the documents only contain stop words"),
]


@pytest.mark.parametrize(("documents", "error", "message"), WRONG, ids=[message[:20] for *_, message in WRONG])
def test_what_is_wrong_with_documents(documents, error, message):
    with pytest.raises(error, match=re.escape(message)):
        SequenceVectorizer().fit(documents)


def test_what_is_wrong_with_parameters():
    with pytest.raises(ValueError, match="After pruning, no terms remain"):
        SequenceVectorizer(min_df=3).fit(["aa", "bb", "cc"])
    with pytest.raises(ValueError, match="max_df corresponds to < documents than min_df"):
        SequenceVectorizer(min_df=3, max_df=2).fit(TEXTS)
    for name, value in {"min_df": -1, "max_df": 1.5, "max_features": 0, "analyzer": "line", "lowercase": 3}.items():
        with pytest.raises(InvalidParameterError, match=f"The '{name}' parameter"):
            SequenceVectorizer(**{name: value}).fit(TEXTS)
    with pytest.raises(NotFittedError):
        SequenceVectorizer().transform(TEXTS)
    with pytest.raises(ValueError, match="Sequence 0 holds 9, which is not a number of the vocabulary"):
        SequenceVectorizer().fit(["some words"]).inverse_transform([[1, 9]])


def test_a_copy_is_as_good():
    vectorizer = SequenceVectorizer(analyzer="char", min_df=2).fit(TEXTS)
    for copy in (pickle.loads(pickle.dumps(vectorizer)), clone(vectorizer).fit(TEXTS)):
        assert copy.vocabulary_ == vectorizer.vocabulary_


def test_scikit_learns_checks():
    results = check_estimator(SequenceVectorizer(), on_skip=None, on_fail=None)
    assert len(results) == len(check_estimator(CountVectorizer(), on_skip=None, on_fail=None))
    assert {r["check_name"]: r["exception"] for r in results if r["status"] != "passed"} == {}


def test_sentiment_from_strings():
    texts = [f"{a} film {b}" for a in ("good", "fine", "bad", "poor") for b in ("today", "really", "indeed")] * 3
    y = ["plus" if text.startswith(("good", "fine")) else "minus" for text in texts]
    net = RNNClassifier(embedding_dim=8, hidden_size=8, max_iter=40, random_state=0)
    model = make_pipeline(SequenceVectorizer(), net).fit(texts, y)
    assert model.score(texts, y) == 1
    assert model.predict(["good film whatever"]).tolist() == ["plus"]
    search = GridSearchCV(model, {"sequencevectorizer__min_df": [1, 2], "rnnclassifier__hidden_size": [4, 8]}, cv=2)
    assert search.fit(texts, y).best_score_ > 0.9


def test_sequences_stay_a_list_where_frames_are_asked_for():
    texts, y = [*TEXTS, "one more", "and another"], np.arange(len(TEXTS) + 2) % 2
    expected = SequenceVectorizer().fit_transform(texts)
    pipeline = make_pipeline(SequenceVectorizer(), RNNClassifier(embedding_dim=2, hidden_size=2, max_iter=1))
    for container in ("pandas", "polars"):
        with config_context(transform_output=container):
            found = SequenceVectorizer().fit_transform(texts)
            pipeline.fit(texts, y)
        asked = pipeline.set_output(transform=container).fit(texts, y)[0].transform(texts)
        for sequences in (found, asked):
            assert type(sequences) is type(expected)
            assert all(map(np.array_equal, sequences, expected))

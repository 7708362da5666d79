"""Networks of tokens that start from counts of n-grams."""

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.model_selection import train_test_split
from sklearn.utils._param_validation import InvalidParameterError
from stored import copies

from skrnn import RNNClassifier, RNNRegressor
from skrnn.datasets import load_surnames
from skrnn.inspection import integrated_gradients
from skrnn.training import _sparse_ridge

RNG = np.random.default_rng(0)
SMALL = {"embedding_dim": 4, "hidden_size": 8, "max_iter": 5, "random_state": 0}
WORDS = [RNG.choice(list("abcdefgh"), RNG.integers(3, 12)).tolist() for _ in range(200)]
Y = np.array([("a" in word) + ("b" in word) for word in WORDS])


def start_of(model):
    return model._fitted.linear


def test_the_default_reads_few_names_better_than_a_network_by_itself():
    names, y = load_surnames(return_X_y=True)
    train, test, y_train, y_test = train_test_split(names, y, train_size=600, test_size=1000, random_state=0)
    train, test = [list(name) for name in train], [list(name) for name in test]
    model = RNNClassifier(embedding_dim=8, max_iter=20, random_state=0).fit(train, y_train)
    network = RNNClassifier(embedding_dim=8, max_iter=20, init=None, random_state=0).fit(train, y_train)
    assert model._fitted.init == "ngrams"
    assert model.score(test, y_test) > network.score(test, y_test) + 0.03


@pytest.mark.parametrize("engine", ["compiled", "torch"])
def test_a_prediction_is_the_sum(engine):
    model = RNNClassifier(**SMALL, early_stopping=False, engine=engine).fit(WORDS, Y)
    linear, fitted = start_of(model), model._fitted
    assert linear.init == "ngrams"
    logits = np.log(model.predict_proba(WORDS))
    quiet = RNNClassifier(**SMALL, early_stopping=False, engine=engine, init=None).fit(WORDS, Y)
    quiet._fitted = type(fitted)(**{**vars(fitted), "linear": None})
    from skrnn.sequences import read_X

    batch, _ = read_X(WORDS, name="test", embeds=True, seen=fitted.columns)
    network = np.log(quiet.predict_proba(WORDS))
    both = network + linear.outputs(batch, fitted.scalings.inputs)
    assert np.allclose(logits - logits[:, :1], both - both[:, :1], atol=1e-4)


def test_where_counts_know_nothing_the_network_learns_by_itself():
    bits = RNG.integers(0, 2, (300, 8))
    odd = bits[:, :5].sum(axis=1) % 2
    model = RNNClassifier(**SMALL).fit(bits, odd)
    apart = RNNClassifier(**SMALL, init=None).fit(bits, odd)
    assert model._fitted.init is None
    assert all(np.array_equal(model.weights_[name], value) for name, value in apart.weights_.items())
    asked = RNNClassifier(**SMALL, init="ngrams").fit(bits, odd)
    assert asked._fitted.init == "ngrams"


def test_many_classes_are_not_as_many_ridges():
    codes = RNG.permutation(np.repeat(np.arange(51), 4))
    words = [[f"w{code}", f"x{number}"] for number, code in enumerate(codes)]
    few = {"max_iter": 1, "early_stopping": False}
    assert RNNClassifier(**{**SMALL, **few}).fit(words, codes)._fitted.init is None
    assert RNNClassifier(**{**SMALL, **few}).fit(words, np.minimum(codes, 49))._fitted.init == "ngrams"


def test_numbers_counts_and_missing_targets():
    length = np.array([len(word) + 3.0 * word.count("a") for word in WORDS])
    assert RNNRegressor(**SMALL).fit(WORDS, length)._fitted.init is None
    assert RNNRegressor(**SMALL, init="ngrams").fit(WORDS, length).score(WORDS, length) > 0.8
    model = RNNRegressor(**SMALL, init="ngrams", loss="poisson").fit(WORDS, length)
    assert model.score(WORDS, length) > 0.7
    both = np.column_stack([length, np.where(np.arange(200) % 3 == 0, np.nan, -length)])
    found = RNNRegressor(**SMALL, init="ngrams").fit(WORDS, both).predict(WORDS)
    assert np.corrcoef(found[:, 0], length)[0, 1] > 0.8
    assert np.corrcoef(found[:, 1], -length)[0, 1] > 0.8


def test_labels_several_at_once():
    labels = np.column_stack([["a" in word for word in WORDS], ["b" in word for word in WORDS]]).astype(int)
    model = RNNClassifier(**SMALL).fit(WORDS, labels)
    assert model._fitted.init == "ngrams"
    assert model.score(WORDS, labels) > 0.7


def test_the_order_of_rows_and_their_weights_change_nothing():
    model = RNNClassifier(**SMALL, early_stopping=False)
    fitted, order = clone(model).fit(WORDS, Y), RNG.permutation(200)
    turned = clone(model).fit([WORDS[i] for i in order], Y[order])
    tenfold = clone(model).fit(WORDS, Y, np.full(200, 10.0))
    assert np.array_equal(start_of(fitted).coef, start_of(turned).coef)
    assert np.array_equal(fitted.predict_proba(WORDS), turned.predict_proba(WORDS))
    assert np.array_equal(fitted.predict_proba(WORDS), tenfold.predict_proba(WORDS))


def test_a_stream_counts_as_it_goes():
    model = RNNClassifier(**SMALL, early_stopping=False, n_networks=2).fit(WORDS, Y)
    word = [*WORDS[0], "new", *WORDS[1], *WORDS[0]]
    stream, found = model.stream("predict_proba"), []
    for number, token in enumerate(word):
        if number == 5:
            kept = stream.state
        found.append(stream.step(token))
    expected = [model.predict_proba([word[: i + 1]])[0] for i in range(len(word))]
    assert np.allclose(found, expected, atol=1e-9)
    assert kept["counts"].sum() == 5 + 4 + 3  # of one token, of two and of three
    other = model.stream("predict_proba")
    other.state = kept
    assert np.allclose(other.step(word[5]), expected[5], atol=1e-9)
    assert np.allclose(stream.reset().step(word[0]), expected[0], atol=1e-9)
    for wrong in (kept["counts"] - 9, kept["counts"][:-1], kept["counts"] + 0.5):
        with pytest.raises(ValueError, match="counts"):
            other.state = {**kept, "counts": wrong}


def test_the_final_start_has_read_all_rows_with_the_strength_of_the_first(monkeypatch):
    looked = []

    def best(*data):
        looked.append(len(data[1]))
        return choose(*data)

    choose = _sparse_ridge._best_strength
    monkeypatch.setattr(_sparse_ridge, "_best_strength", best)
    held_out = RNNClassifier(**SMALL, early_stopping=True).fit(WORDS, Y)
    assert looked == [182]  # of 198 different rows
    whole = RNNClassifier(**SMALL, early_stopping=False).fit(WORDS, Y)
    assert looked == [182, 198]
    assert np.allclose(start_of(held_out).reads.idf, start_of(whole).reads.idf, atol=1e-12)


def test_gradients_add_up():
    model = RNNClassifier(**SMALL, n_networks=2).fit(WORDS, Y)
    found = integrated_gradients(model, WORDS[:20])
    assert found.start == "ngrams"
    assert found.largest_gap < 1e-2
    quiet = RNNClassifier(**{**SMALL, "learning_rate": 1e-30}, early_stopping=False).fit(WORDS, Y)
    assert integrated_gradients(quiet, WORDS[:20]).largest_gap < 1e-9


def test_what_is_said_of_the_data_is_said_once():
    bits = RNG.integers(0, 2, (300, 8))
    twice, odd = np.concatenate([bits, bits]), bits[:, :5].sum(axis=1) % 2
    with pytest.warns(UserWarning, match="are copies") as caught:
        RNNClassifier(**SMALL, early_stopping=True, validation_fraction=0.5).fit(twice, np.concatenate([odd, odd]))
    assert len([one for one in caught if "are copies" in str(one.message)]) == 1


def test_it_is_stored_and_goes_on():
    model = RNNClassifier(**SMALL, warm_start=True).fit(WORDS, Y)
    before = model.predict_proba(WORDS)
    for copy in copies(model):
        assert np.array_equal(copy.predict_proba(WORDS), before)
    coef = start_of(model).coef
    assert model.fit(WORDS, Y)._fitted.linear.coef is coef
    assert RNNClassifier(**SMALL).partial_fit(WORDS, Y, classes=[0, 1, 2])._fitted.linear is None


def test_a_state_of_another_start_is_refused():
    state = RNNClassifier(**SMALL, early_stopping=False).fit(WORDS, Y).__getstate__()
    other = RNNClassifier(hidden_size=4, max_iter=1, early_stopping=False).fit(
        RNG.normal(size=(30, 5)), np.arange(30) % 3
    )
    number = other.__getstate__()
    state["_fitted"] = {**state["_fitted"], "linear": number["_fitted"]["linear"]}
    with pytest.raises(ValueError, match="linear"):
        RNNClassifier().__setstate__(state)


def test_what_it_is_not_for():
    X = RNG.normal(size=(30, 5))
    with pytest.raises(InvalidParameterError, match="init='ngrams' of RNNClassifier counts tokens, and X holds"):
        RNNClassifier(init="ngrams").fit(X, np.arange(30) % 2)
    with pytest.raises(InvalidParameterError, match="init='linear' of RNNRegressor is a model of numbers, which"):
        RNNRegressor(init="linear", embedding_dim=4).fit(WORDS, Y)
    with pytest.raises(InvalidParameterError, match="init='ngrams' of RNNClassifier is a model of whole sequences"):
        RNNClassifier(init="ngrams", embedding_dim=4, return_sequences=True).fit(WORDS, WORDS)

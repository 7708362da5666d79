"""Counts of n-grams, and the sparse ridge on top of them, beside scikit-learn's."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import Ridge

from skrnn.sequences import InputScaling, read_X
from skrnn.training import Linear, NGrams, _sparse_ridge, fit_linear

RNG = np.random.default_rng(0)
WEIGHTS = np.ones(60)


def texts_of(n, letters="abcdef", least=1, most=12):
    return ["".join(RNG.choice(list(letters), RNG.integers(least, most))) for _ in range(n)]


TEXTS = texts_of(60)
SCALING = InputScaling.of_categories(1)


def read(texts, seen=None):
    return read_X([list(text) for text in texts], name="test", embeds=True, seen=seen)


BATCH, COLUMNS = read(TEXTS)
GRAMS = NGrams.fit(BATCH, WEIGHTS, COLUMNS.vocabulary, 1)


def cut(most):
    """All n-grams of a text, the shortest first."""
    return lambda text: [text[i : i + n] for n in range(1, most + 1) for i in range(len(text) + 1 - n)]


def dense(reads, batch):
    return np.concatenate([part.toarray() for _, part in reads.chunks(batch, SCALING)])


def spelled(reads):
    letters = COLUMNS.categories[0]
    return ["".join(letters[row - 1]) for kind in reads.grams[0] for row in kind]


def test_they_are_those_of_scikit_learn():
    n_orders = len(GRAMS.keys[0])
    peer = TfidfVectorizer(analyzer=cut(n_orders), sublinear_tf=True).fit(TEXTS)
    assert n_orders == 3  # of four letters most are seen once
    assert sorted(spelled(GRAMS)) == sorted(peer.get_feature_names_out())
    order = [peer.vocabulary_[gram] for gram in spelled(GRAMS)]
    asked = [*TEXTS[:5], *texts_of(20), "", "xyz", "axb", "aaaaaaa"]
    batch, _ = read([text or "x" for text in asked], COLUMNS)
    assert np.allclose(dense(GRAMS, batch), peer.transform(asked).toarray()[:, order], atol=1e-12)


def test_orders_end_where_most_ngrams_are_seen_once():
    words = np.array([f"w{i}" for i in RNG.integers(0, 400, 1200)]).reshape(120, 10)
    batch, columns = read_X(words.tolist(), name="test", embeds=True)
    assert len(NGrams.fit(batch, np.ones(120), columns.vocabulary, 1).keys[0]) == 1
    batch, columns = read(["ab" * 10] * 10)
    assert len(NGrams.fit(batch, np.ones(10), columns.vocabulary, 1).keys[0]) == 5


def test_the_most_frequent_are_kept(monkeypatch):
    monkeypatch.setattr("skrnn.training._ngrams._MOST_GRAMS", 10)
    few = NGrams.fit(BATCH, WEIGHTS, COLUMNS.vocabulary, 1)
    in_texts = {gram: sum(gram in text for text in TEXTS) for text in TEXTS for gram in map("".join, pairwise(text))}
    best = sorted(in_texts.values())[-4:]
    assert [len(kind) for kind in few.keys[0]] == [6, 4]
    assert sorted(in_texts[gram] for gram in spelled(few)[6:]) == best
    monkeypatch.setattr("skrnn.training._ngrams._MOST_COEFFICIENTS", 14)
    assert NGrams.fit(BATCH, WEIGHTS, COLUMNS.vocabulary, 2).n_features == 7


def test_a_row_that_weighs_twice_stands_there_twice():
    weights = np.where(np.arange(60) < 20, 2.0, 1.0)
    weighted = NGrams.fit(BATCH, weights, COLUMNS.vocabulary, 1)
    peer = TfidfVectorizer(analyzer=cut(1), sublinear_tf=True).fit([*TEXTS, *TEXTS[:20]])
    shares = np.array([np.mean([letter in text for text in [*TEXTS, *TEXTS[:20]]]) for letter in "abcdef"])
    assert np.allclose(weighted.idf[:6], np.log(61 / (1 + 60 * shares)) + 1)
    assert np.allclose(weighted.idf[:6], peer.idf_, atol=0.01)  # which counts 80 rows
    assert np.allclose(NGrams.fit(BATCH, 7 * weights, COLUMNS.vocabulary, 1).idf, weighted.idf)


def test_several_features_are_counted_apart():
    pairs = [[(a, b) for a, b in zip(text, text[::-1], strict=True)] for text in TEXTS]
    batch, columns = read_X(pairs, name="test", embeds=True)
    both = NGrams.fit(batch, WEIGHTS, columns.vocabulary, 1)
    assert [len(kinds) for kinds in both.keys] == [3, 3]
    values = np.concatenate([part.toarray() for _, part in both.chunks(batch, InputScaling.of_categories(2))])
    half = values[:, : GRAMS.n_features]
    assert np.allclose(half / np.linalg.norm(half, axis=1, keepdims=True), dense(GRAMS, BATCH))


@pytest.mark.parametrize("many", [61, 20])  # rows from which one fold tells the strength
@pytest.mark.parametrize(("precision", "tolerance", "near"), [(np.float64, 1e-10, 1e-6), (np.float32, 1e-6, 1e-4)])
def test_the_ridge_is_that_of_scikit_learn(monkeypatch, many, precision, tolerance, near):
    monkeypatch.setattr(_sparse_ridge, "_TOLERANCE", tolerance)
    monkeypatch.setattr(_sparse_ridge, "_PRECISION", precision)
    monkeypatch.setattr(_sparse_ridge, "_STRENGTHS", (1.5,))
    monkeypatch.setattr(_sparse_ridge, "_MANY", many)
    y = np.column_stack([[text.count("a") for text in TEXTS], [len(text) for text in TEXTS]]).astype(float)
    weights = RNG.uniform(0.5, 2, 60)
    model, unseen = fit_linear(BATCH, SCALING, y, None, weights, GRAMS)
    features = dense(GRAMS, BATCH)
    peer = Ridge(1.5).fit(features, y, weights / weights.mean())
    assert np.allclose(model.coef, peer.coef_.T, atol=near)
    assert np.allclose(model.outputs(BATCH, SCALING), peer.predict(features), atol=near)

    for left_out in np.array_split(np.random.default_rng(0).permutation(60), 5):
        rest = np.setdiff1d(np.arange(60), left_out)
        seen = features[rest].any(axis=0)
        asked = features[left_out] * seen
        asked /= np.linalg.norm(asked, axis=1, keepdims=True)
        fold = Ridge(1.5).fit(features[rest], y[rest], weights[rest] / weights.mean())
        assert np.allclose(unseen[left_out], fold.predict(asked), atol=near)


def test_its_tolerance_is_a_hundredth():
    y = np.array([[float(text.count("ab"))] for text in TEXTS])
    model, _ = fit_linear(BATCH, SCALING, y, None, WEIGHTS, GRAMS)
    features = dense(GRAMS, BATCH)
    peer = Ridge(model.reads.strength).fit(features, y, WEIGHTS / WEIGHTS.mean())
    left = model.outputs(BATCH, SCALING)[:, 0] - peer.predict(features)
    assert np.sqrt((left**2).mean()) < 0.02 * y.std()


def test_targets_that_differ_by_rounding_are_the_same(monkeypatch):
    """As those that a fold has left of a rare class: no ridge explains them, and none is looked for."""
    batch, columns = read(texts_of(400))
    weights, steps, plain = np.random.default_rng(0).uniform(0.5, 2, 400), [], _sparse_ridge.cg

    def counted(*arguments, **options):
        return plain(*arguments, callback=steps.append, **options)

    monkeypatch.setattr(_sparse_ridge, "cg", counted)
    reads = NGrams.fit(batch, weights, columns.vocabulary, 1)
    model, unseen = fit_linear(batch, SCALING, np.full((400, 1), 0.1), None, weights, reads)
    assert not steps
    assert np.allclose(unseen, 0.1)
    assert np.allclose(model.outputs(batch, SCALING), 0.1)


def test_a_strength_that_is_known_is_not_looked_for_again():
    y = np.array([[float(text.count("ab"))] for text in TEXTS])
    model, unseen = fit_linear(BATCH, SCALING, y, None, WEIGHTS, GRAMS)
    assert 0.02 < model.reads.strength < 40
    again, said = fit_linear(BATCH, SCALING, y, None, WEIGHTS, model.reads)
    assert np.array_equal(again.coef, model.coef)
    assert np.allclose(said, again.outputs(BATCH, SCALING))  # nothing is left out for it
    assert not np.allclose(unseen, said)
    other = fit_linear(BATCH, SCALING, y, None, WEIGHTS, replace(GRAMS, strength=100.0))[0]
    assert np.abs(other.coef).max() < np.abs(model.coef).max()


def test_noise_wants_the_largest_strength_and_a_rule_a_small_one():
    rule = np.array([[float(text.count("ab"))] for text in TEXTS])
    coefs = [fit_linear(BATCH, SCALING, y, None, WEIGHTS, GRAMS)[0].coef for y in (rule, RNG.permutation(rule))]
    assert np.abs(coefs[0]).max() > 5 * np.abs(coefs[1]).max()


def test_a_row_by_itself_has_the_same_bits():
    model = fit_linear(BATCH, SCALING, np.ones((60, 1)) * np.arange(60)[:, None], None, WEIGHTS, GRAMS)[0]
    whole = model.outputs(BATCH, SCALING)
    alone = [model.outputs(BATCH.take(np.array([i])), SCALING)[0] for i in range(60)]
    assert np.array_equal(whole, alone)


@pytest.mark.parametrize("texts", [["a"], ["a", "b"], ["x" * 3] * 4])
def test_hardly_any_rows(texts):
    batch, columns = read(texts)
    reads = NGrams.fit(batch, np.ones(len(texts)), columns.vocabulary, 1)
    model, unseen = fit_linear(batch, SCALING, np.ones((len(texts), 1)), None, np.ones(len(texts)), reads)
    assert np.allclose(model.outputs(batch, SCALING), 1)
    assert np.allclose(unseen, 1)


def test_parts_of_tokens_add_up():
    model = fit_linear(BATCH, SCALING, np.arange(60.0)[:, None], None, WEIGHTS, GRAMS)[0]
    values, lengths = SCALING.gather(BATCH, np.float64)
    parts = model.attributed(values, lengths, np.zeros(60, np.intp))
    assert np.allclose(parts.sum(axis=(1, 2)), (model.outputs(BATCH, SCALING) - model.intercept)[:, 0])
    assert not parts[values == 0].any()
    one = NGrams(COLUMNS.vocabulary, (GRAMS.keys[0][:1],), GRAMS.idf[:6])
    alone = Linear(one, np.arange(1.0, 7.0)[:, None], np.zeros(1))
    batch, _ = read(["aab"], COLUMNS)
    found = alone.attributed(*SCALING.gather(batch, np.float64), np.zeros(1, np.intp))[0, :, 0]
    weighed = np.array([(1 + np.log(2)) * one.idf[0], one.idf[1]])
    weighed /= np.linalg.norm(weighed)
    assert np.allclose(found, [weighed[0] / 2, weighed[0] / 2, 2 * weighed[1]])


WRONG = [
    ("vocabulary", (5,), "other tokens"),
    ("keys", [], "no lists of keys"),
    ("keys", [GRAMS.keys[0]], "no lists of keys"),
    ("keys", [[GRAMS.keys[0][0][::-1], *GRAMS.keys[0][1:]]], "keys that cannot be"),
    ("keys", [[GRAMS.keys[0][0] + 9, *GRAMS.keys[0][1:]]], "keys that cannot be"),
    ("keys", [[GRAMS.keys[0][0] - 1, *GRAMS.keys[0][1:]]], "keys that cannot be"),
    ("keys", [[*GRAMS.keys[0][:1], GRAMS.keys[0][1] + 10_000]], "keys that cannot be"),
    ("keys", [list(GRAMS.keys[0][:2])], "no positive weight for each"),
    ("idf", -GRAMS.idf, "no positive weight"),
    ("strength", 0.0, "no positive number"),
    ("strength", 1, "no positive number"),
    ("idf", GRAMS.idf.astype(np.float32), "no positive weight"),
]


@pytest.mark.parametrize(("name", "value", "message"), WRONG)
def test_a_changed_state_is_refused(name, value, message):
    good = GRAMS.plain()
    assert np.array_equal(NGrams.from_plain(good, COLUMNS.vocabulary).idf, GRAMS.idf)
    with pytest.raises(ValueError, match=message):
        NGrams.from_plain({**good, name: value}, COLUMNS.vocabulary)

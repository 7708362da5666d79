"""Texts that end, prompts in a list, the next token's probabilities, and tokens that a language model does not know."""

import warnings

import numpy as np
import pytest
from input_cases import assert_same_fit
from sklearn.exceptions import NotFittedError
from sklearn.utils._param_validation import InvalidParameterError

from skrnn import RNNLanguageModel

TEXT = "abracadabra, " * 60
SMALL = {"hidden_size": 8, "embedding_dim": 4, "max_iter": 2, "random_state": 0}
RNG = np.random.default_rng(0)
NAMES = ["".join(RNG.choice(list("abcde"), n)) for n in RNG.integers(2, 12, size=50)]
WORDS = [["the", "cat", "sat"], ["the", "dog", "sat", "down"], ["a", "cat", "ran"]] * 8


def small(**parameters):
    return RNNLanguageModel(**{**SMALL, **parameters})


@pytest.fixture(scope="module")
def reader():
    return RNNLanguageModel(hidden_size=24, embedding_dim=8, max_iter=40, bptt_steps=26, random_state=0).fit(TEXT)


@pytest.fixture(scope="module")
def ending():
    """Texts of an a, then up to four b, then one c."""
    texts = ["a" + "b" * n + "c" for n in (1, 2, 3, 4)] * 15
    return RNNLanguageModel(hidden_size=16, embedding_dim=8, max_iter=60, end_of_text="\n", random_state=0).fit(texts)


def test_texts_end_and_samples_stop(ending, reader):
    drawn = [ending.sample("a", 50, temperature=0.7, random_state=seed) for seed in range(40)]
    assert all("\n" not in text for text in drawn)
    assert np.mean([text in ("bc", "bbc", "bbbc", "bbbbc") for text in drawn]) > 0.9
    assert len({len(text) for text in drawn}) > 2
    open_ended = RNNLanguageModel(hidden_size=8, max_iter=5, random_state=0).fit(["abc", "abbc"] * 15)
    assert len(open_ended.sample("a", 50, random_state=0)) == 50  # the control
    words = small(end_of_text="<end>", max_iter=40).fit(WORDS)
    assert "<end>" in words.categories_[0]
    assert all("<end>" not in text and len(text) < 30 for text in words.sample([["the"], ["a"]], 30, random_state=0))
    numbers = small(end_of_text=-1, max_iter=40).fit([[1, 2, 3]] * 20)
    assert numbers.sample([1], 30, temperature=0) == [2, 3]


def test_the_end_is_scored_as_a_token(ending):
    letters = ending.categories_[0].tolist()
    assert ending.predict_proba("abc")[letters.index("\n")] > 0.9
    closed = small().fit([text + "." for text in NAMES])
    model = small(end_of_text=".").fit(NAMES)
    assert_same_fit(model, closed)
    ended = [text + "." for text in NAMES]
    np.testing.assert_array_equal(model.score_samples(NAMES), closed.score_samples(ended))
    assert model.perplexity(NAMES) == closed.perplexity(ended)
    single = small(end_of_text=".").fit(["a", "b"] * 10)  # two tokens with the end
    assert np.isfinite(single.score(["a"]))
    held = small(end_of_text=".", early_stopping=True).fit(NAMES[:40], X_val=NAMES[40:])
    assert_same_fit(held, small(early_stopping=True).fit(ended[:40], X_val=ended[40:]))


@pytest.mark.parametrize(
    ("end", "texts", "message"),
    [
        ("a", ["abc"], "Text 0 holds 'a', which is end_of_text"),
        ("the", WORDS, "Text 0 holds 'the'"),
        ("<end>", ["abc"], "end_of_text='<end>' is not one character"),
        (3, ["abc"], "end_of_text=3 is not one character"),
        ("", ["abc"], "end_of_text='' is not one character"),
        ("\0", ["abc"], r"end_of_text='\\x00' ends with a NUL"),
    ],
)
def test_ends_that_are_none(end, texts, message):
    with pytest.raises(ValueError, match=message):
        small(end_of_text=end).fit(texts)


def test_ends_of_another_kind():
    with pytest.raises(TypeError, match="mixes categories of types int, str"):
        small(end_of_text=3).fit(WORDS)
    for odd in (2.5, True, ["."]):
        with pytest.raises(InvalidParameterError, match="'end_of_text' parameter of RNNLanguageModel"):
            small(end_of_text=odd).fit(["abc"])


def test_an_end_that_is_set_after_fit(reader):
    model = small(end_of_text=".").fit(NAMES).set_params(end_of_text="#")
    for call in (lambda: model.sample("ab", 3), lambda: model.score(NAMES)):
        with pytest.raises(ValueError, match="end_of_text='#' ended no text in fit"):
            call()
    with pytest.raises(InvalidParameterError, match="'end_of_text' parameter of RNNLanguageModel"):
        model.set_params(end_of_text=3.5).score(NAMES)


def test_rows_of_an_array_are_prompts():
    model = small().fit(np.array([[1, 2, 3], [2, 3, 1]] * 8))
    prompts = np.array([[1, 2], [2, 3]])
    assert model.predict_proba(prompts).shape == (2, 3)
    assert model.sample(prompts, 3, temperature=0) == [model.sample(row, 3, temperature=0) for row in prompts.tolist()]


def test_prompts_in_a_list(reader):
    together = reader.sample(["abra", "cad"], 6, random_state=3)
    state = np.random.RandomState(3)
    assert together == [reader.sample(text, 6, random_state=state) for text in ("abra", "cad")]
    assert reader.sample(["abra"], 4, temperature=0) == [reader.sample("abra", 4, temperature=0)]
    assert reader.sample([["a", "b"], ["c"]], 2, temperature=0) == [
        reader.sample(["a", "b"], 2, temperature=0),
        reader.sample(["c"], 2, temperature=0),
    ]
    assert len(reader.sample(np.array(["abra", "cad"]), 3, random_state=0)) == 2
    words = small(max_iter=5).fit(WORDS)
    assert len(words.sample([["the"], ["the", "cat"]], 2, random_state=0)) == 2
    alone = words.sample(["the", "cat"], 2, random_state=0)  # words are the tokens of one prompt
    assert len(alone) == 2
    assert all(isinstance(token, str) for token in alone)


def test_greedy_takes_the_most_probable_token(reader):
    text = "abra"
    for _ in range(8):
        text += reader.categories_[0][reader.predict_proba(text).argmax()]
    for seed, top_k in ((0, None), (1, 2)):
        assert reader.sample("abra", 8, temperature=0, top_k=top_k, random_state=seed) == text[4:]
    assert reader.sample("abra", 8, temperature=1e-300, random_state=0) == text[4:]
    warm = {reader.sample("abra", 8, temperature=3.0, random_state=seed) for seed in range(5)}
    assert len(warm) > 1  # the control


def test_probabilities_of_the_next_token(reader):
    chances = reader.predict_proba("abra")
    assert chances.shape == (len(reader.categories_[0]),)
    assert chances.sum() == pytest.approx(1)
    several = reader.predict_proba(["abra", "cad"])
    np.testing.assert_array_equal(several[0], chances)
    np.testing.assert_array_equal(several[1], reader.predict_proba("cad"))
    logs = reader.score_samples([f"abra{token}" for token in reader.categories_[0]]) - reader.score_samples(["abra"])[0]
    np.testing.assert_allclose(chances, np.exp(logs) / np.exp(logs).sum(), rtol=1e-9)
    with pytest.raises(NotFittedError):
        small().predict_proba("a")
    with pytest.raises(ValueError, match="Text 0 has no token"):
        reader.predict_proba("")


def test_unknown_tokens_are_said(reader):
    message = r"1 of 5 tokens were not in the texts of fit \('X'\): RNNLanguageModel reads them as unknown"
    for call in (reader.score_samples, reader.score, reader.perplexity):
        with pytest.warns(UserWarning, match=message) as caught:
            call(["abXra"])
        assert caught[0].filename == __file__
    for call in (reader.sample, reader.predict_proba):
        with pytest.warns(UserWarning, match=message):
            call("abXra")
    numbers = small().fit([[1, 2, 3]] * 10)
    with pytest.warns(UserWarning, match=r"2 of 4 tokens were not in the texts of fit \(7, 9\)"):
        numbers.score_samples([[1, 7], [2, 9]])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        reader.sample("abra", 2, random_state=0)
        reader.perplexity(TEXT)

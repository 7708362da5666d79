"""The text data sets: sizes, known rows, and what their parameters do."""

import inspect
import re
from collections import Counter
from functools import cache
from importlib.resources import files

import numpy as np
import pytest

from skrnn import datasets

LOADERS = [
    datasets.load_cmudict,
    datasets.load_sentence_polarity,
    datasets.load_surnames,
    datasets.load_ud_english,
]


@cache
def cmudict(**options):
    """Its words and their sounds; a hundred thousand take a second to read."""
    return datasets.load_cmudict(return_X_y=True, **options)


@pytest.mark.parametrize("load", LOADERS)
def test_a_bunch_and_a_pair(load):
    bunch, (data, target) = load(), load(return_X_y=True)
    assert bunch.data == data
    assert np.array_equal(bunch.target, target) if isinstance(target, np.ndarray) else bunch.target == target
    assert len(data) == len(target)
    assert bunch.frame is None
    assert inspect.getdoc(load) == bunch.DESCR
    assert files("skrnn.datasets").joinpath("data", bunch.filename).is_file()
    assert bunch.filename in files("skrnn.datasets").joinpath("data", "README.md").read_text()


def test_surnames():
    names, languages = datasets.load_surnames(return_X_y=True)
    assert len(names) == len(set(names)) == 16_981
    counts = Counter(languages.tolist())
    assert len(counts) == 18
    assert (min(counts.values()), max(counts.values())) == (1, 9_288)
    assert dict(zip(names, languages, strict=True))["Yamaguchi"] == "Japanese"
    every = datasets.load_surnames(unique=False)
    assert len(every.data) == 20_050
    of = {}
    for name, language in zip(every.data, every.target, strict=True):
        of.setdefault(name, set()).add(language)
    assert set(names) == {name for name, found in of.items() if len(found) == 1}


def test_sentence_polarity():
    sentences, y = datasets.load_sentence_polarity(return_X_y=True)
    assert len(sentences) == 10_662
    assert np.bincount(y).tolist() == [5_331, 5_331]
    assert sentences[0] == "simplistic , silly and tedious ."
    assert y.dtype == np.int64


def test_ud_english():
    sizes = {"train": (12_544, 204_577), "dev": (2_001, 25_147)}
    for subset, (n_sentences, n_words) in sizes.items():
        sentences, tags = datasets.load_ud_english(subset=subset, return_X_y=True)
        assert len(sentences) == n_sentences
        assert sum(map(len, sentences)) == n_words
        assert [len(row) for row in sentences] == [len(row) for row in tags]
        assert len({tag for row in tags for tag in row}) == 17
    both = datasets.load_ud_english(subset="all").data
    assert len(both) == 14_545
    assert both[-1] == sentences[-1]
    with pytest.raises(ValueError, match="subset must be 'train', 'dev' or 'all', got 'test'"):
        datasets.load_ud_english(subset="test")


def test_cmudict():
    words, phonemes = cmudict()
    assert len(words) == len(set(words)) == 115_533
    assert words == sorted(words)
    assert all(re.fullmatch("[a-z]+", word) for word in words)
    assert phonemes[words.index("recurrent")] == ["R", "IH", "K", "ER", "AH", "N", "T"]
    assert len({p for row in phonemes for p in row}) == 39
    stressed = cmudict(stress=True, variants=False, letters_only=True)[1]
    assert stressed[words.index("recurrent")] == ["R", "IH0", "K", "ER1", "AH0", "N", "T"]
    assert [[p.rstrip("012") for p in row] for row in stressed] == phonemes


@pytest.mark.parametrize(
    ("letters_only", "variants", "n_rows", "n_words"),
    [
        (True, False, 115_533, 115_533),
        (True, True, 124_996, 115_533),
        (False, False, 123_455, 123_455),
        (False, True, 133_737, 123_455),
    ],
)
def test_cmudict_words_and_variants(letters_only, variants, n_rows, n_words):
    words, phonemes = cmudict(stress=True, variants=variants, letters_only=letters_only)
    assert len(words) == len(phonemes) == n_rows
    assert len(set(words)) == n_words
    assert words == sorted(words)
    assert all(phonemes)
    start = words.index("tomato")
    found = [row for word, row in zip(words, phonemes, strict=True) if word == "tomato"]
    expected = [["T", "AH0", "M", "EY1", "T", "OW2"], ["T", "AH0", "M", "AA1", "T", "OW2"]]
    assert found == phonemes[start : start + len(found)] == (expected if variants else expected[:1])
    assert ("don't" in words) == (not letters_only)


def test_texts_beyond_ascii():
    sentences = datasets.load_sentence_polarity().data
    assert not all(text.isascii() for text in sentences)
    names = datasets.load_surnames().data
    assert not all(name.isascii() for name in names)
    assert not any("\ufffd" in text for text in sentences + names)

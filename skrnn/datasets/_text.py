"""Texts: names, sentences, words with their tags, words with their sounds."""

from __future__ import annotations

import re
from typing import Any, Literal

import numpy as np
from sklearn.utils import Bunch

from skrnn.datasets._files import checked, make_result, read_csv, read_text

_TAGGED = {"train": ("train",), "dev": ("dev",), "all": ("train", "dev")}


@checked
def load_surnames(*, unique: bool = True, return_X_y: bool = False) -> Bunch | tuple[Any, Any]:
    """Load surnames of 18 languages (classification of texts by their characters).

    ====================  ==========================================
    Names                 16,981 distinct ones (20,050 in the source)
    Classes               18 languages, 1 to 9,288 names each
    ====================  ==========================================

    Parameters
    ----------
    unique : bool, default=True
        Whether to return each name once and leave out those of more than one language: a name that stands in a
        training part and in a test part would be known by heart. False: all names as they are in the source.
    return_X_y : bool, default=False
        If True, return ``(data, target)`` instead of a Bunch.

    Returns
    -------
    result : :class:`~sklearn.utils.Bunch` or tuple ``(data, target)``
        The Bunch has these attributes:

        - data : list of n_names str, sorted if ``unique``.
        - target : ndarray of shape (n_names,) of str, the language in English.
        - frame : None.
        - feature_names : list of str. ``["name"]``.
        - DESCR : str. This description.
        - filename : str. Name of the file in ``skrnn/datasets/data``.

    Raises
    ------
    None

    Notes
    -----
    Source: the data of S. Robertson's tutorial "Classifying names with a character-level RNN", PyTorch. Licence: MIT.

    Examples
    --------
    >>> from skrnn.datasets import load_surnames
    >>> names, languages = load_surnames(return_X_y=True)
    >>> len(names), names[0], str(languages[0])
    (16981, 'Aalsburg', 'Dutch')
    """
    columns = read_csv("surnames.csv.gz")
    pairs = [(name.strip(), language) for name, language in zip(columns["text"], columns["label"], strict=True)]
    if unique:
        languages: dict[str, set[str]] = {}
        for name, language in pairs:
            languages.setdefault(name, set()).add(language)
        pairs = sorted((name, found.pop()) for name, found in languages.items() if len(found) == 1)
    return make_result(
        load_surnames,
        [name for name, _ in pairs],
        np.array([language for _, language in pairs]),
        feature_names=["name"],
        filename="surnames.csv.gz",
        return_X_y=return_X_y,
        as_frame=False,
    )


@checked
def load_sentence_polarity(*, return_X_y: bool = False) -> Bunch | tuple[Any, Any]:
    """Load sentences of film reviews (binary classification of texts).

    ====================  ==========================================
    Sentences             10,662: 5,331 of each class
    Classes               0: negative, 1: positive
    ====================  ==========================================

    Words and punctuation are in lower case and stand between spaces.

    Parameters
    ----------
    return_X_y : bool, default=False
        If True, return ``(data, target)`` instead of a Bunch.

    Returns
    -------
    result : :class:`~sklearn.utils.Bunch` or tuple ``(data, target)``
        The Bunch has these attributes:

        - data : list of 10,662 str, the negative sentences first.
        - target : ndarray of shape (10662,), dtype int64. 0 or 1.
        - frame : None.
        - feature_names : list of str. ``["text"]``.
        - DESCR : str. This description.
        - filename : str. Name of the file in ``skrnn/datasets/data``.

    Raises
    ------
    None

    Notes
    -----
    Source: B. Pang and L. Lee, "Seeing stars: exploiting class relationships for sentiment categorization with respect
    to rating scales", ACL 2005, the sentence polarity data set v1.0. Licence: CC BY 4.0.

    Examples
    --------
    >>> from skrnn.datasets import load_sentence_polarity
    >>> sentences, y = load_sentence_polarity(return_X_y=True)
    >>> sentences[0], int(y[0])
    ('simplistic , silly and tedious .', 0)
    """
    columns = read_csv("sentence_polarity.csv.gz")
    return make_result(
        load_sentence_polarity,
        list(columns["text"]),
        np.array(columns["label"]).astype(np.int64),
        feature_names=["text"],
        filename="sentence_polarity.csv.gz",
        return_X_y=return_X_y,
        as_frame=False,
    )


@checked
def load_ud_english(
    *, subset: Literal["train", "dev", "all"] = "train", return_X_y: bool = False
) -> Bunch | tuple[Any, Any]:
    """Load English sentences with the part of speech of each word (a label per time step).

    The English Web Treebank: blogs, news groups, e-mails, reviews and answers.

    =========================  ====================================
    Sentences, training part   12,544 with 204,577 words
    Sentences, dev part        2,001 with 25,147 words
    Labels                     17 universal parts of speech
    =========================  ====================================

    Parameters
    ----------
    subset : {"train", "dev", "all"}, default="train"
        The official training part, the official development part, or both, one after the other.
    return_X_y : bool, default=False
        If True, return ``(data, target)`` instead of a Bunch.

    Returns
    -------
    result : :class:`~sklearn.utils.Bunch` or tuple ``(data, target)``
        The Bunch has these attributes:

        - data : list of n_sentences lists of str, the words.
        - target : list of n_sentences lists of str, a tag for each word, such as "NOUN".
        - frame : None.
        - feature_names : list of str. ``["word"]``.
        - DESCR : str. This description.
        - filename : str. Name of (the first) file in ``skrnn/datasets/data``.

    Raises
    ------
    ValueError
        If `subset` is not one of the three choices.

    Notes
    -----
    Source: N. Silveira et al., "A gold standard dependency corpus for English", LREC 2014; Universal Dependencies,
    UD_English-EWT. Licence: CC BY-SA 4.0. Changed here: words and universal tags only.

    Examples
    --------
    >>> from skrnn.datasets import load_ud_english
    >>> sentences, tags = load_ud_english(subset="dev", return_X_y=True)
    >>> sentences[0][:4], tags[0][:4]
    (['From', 'the', 'AP', 'comes'], ['ADP', 'DET', 'PROPN', 'VERB'])
    """
    if subset not in _TAGGED:
        raise ValueError(f"subset must be 'train', 'dev' or 'all', got {subset!r}.")
    names = [f"ud_english_ewt_{part}.tsv.gz" for part in _TAGGED[subset]]
    sentences, tags = [], []
    for name in names:
        for block in read_text(name).strip("\n").split("\n\n"):
            pairs = [line.split("\t") for line in block.split("\n")]
            sentences.append([word for word, _ in pairs])
            tags.append([tag for _, tag in pairs])
    return make_result(
        load_ud_english,
        sentences,
        tags,
        feature_names=["word"],
        filename=names[0],
        return_X_y=return_X_y,
        as_frame=False,
    )


@checked
def load_cmudict(
    *, stress: bool = False, variants: bool = False, letters_only: bool = True, return_X_y: bool = False
) -> Bunch | tuple[Any, Any]:
    """Load English words with their sounds (spelling to pronunciation).

    The words of the Carnegie Mellon pronouncing dictionary; by default those that consist of the letters a to z alone,
    with their first pronunciation.

    ==========================  ==========================================
    Words, letters a to z       115,533 of 1 to 33 letters
    Words, all                  123,455
    Pronunciations              124,996 and 133,737
    Phonemes                    39, or 69 with stress (70 with variants)
    ==========================  ==========================================

    Parameters
    ----------
    stress : bool, default=False
        Whether vowels carry their stress: "AH0" (none), "AH1" (primary), "AH2" (secondary).
    variants : bool, default=False
        Whether to return every pronunciation of a word, one below the other. False: the first of each word, which then
        stands once. With variants, split by word: otherwise a word can stand in a training part and in a test part.
    letters_only : bool, default=True
        Whether to leave out words with other characters than the letters a to z, such as "don't" or "x-ray".
    return_X_y : bool, default=False
        If True, return ``(data, target)`` instead of a Bunch.

    Returns
    -------
    result : :class:`~sklearn.utils.Bunch` or tuple ``(data, target)``
        The Bunch has these attributes:

        - data : list of n_words str, in lower case and alphabetical order. With ``variants=True``, a word stands as
          often as it has pronunciations.
        - target : list of n_words lists of str, the phonemes in ARPAbet.
        - frame : None.
        - feature_names : list of str. ``["word"]``.
        - DESCR : str. This description.
        - filename : str. Name of the file in ``skrnn/datasets/data``.

    Raises
    ------
    None

    Notes
    -----
    Source: the CMU Pronouncing Dictionary, Carnegie Mellon University. Licence: BSD 2-clause in kind; the notice stands
    in ``skrnn/datasets/data/README.md``. Changed here: sorted, and the variants of a word
    numbered by their order alone.

    Examples
    --------
    >>> from skrnn.datasets import load_cmudict
    >>> words, phonemes = load_cmudict(return_X_y=True)
    >>> phonemes[words.index("sequence")]
    ['S', 'IY', 'K', 'W', 'AH', 'N', 'S']
    """
    columns = read_csv("cmudict.csv.gz")
    pairs = list(zip(columns["word"], columns["phones"], strict=True))
    if not variants:
        pairs = [pair for i, pair in enumerate(pairs) if i == 0 or pair[0] != pairs[i - 1][0]]
    if letters_only:
        pairs = [pair for pair in pairs if re.fullmatch("[a-z]+", pair[0])]
    return make_result(
        load_cmudict,
        [word for word, _ in pairs],
        [(phones if stress else re.sub(r"\d", "", phones)).split() for _, phones in pairs],
        feature_names=["word"],
        filename="cmudict.csv.gz",
        return_X_y=return_X_y,
        as_frame=False,
    )

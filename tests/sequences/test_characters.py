"""Texts that are read by characters: all at once, as one after the other."""

import numpy as np
import pytest

from skrnn.sequences import check_categories, distinct, open_categories, texts_of

LISTS = {
    "letters": ["banana", "fig", "a"],
    "of one length": ["abc", "cab", "bca"],
    "one": ["abracadabra"],
    "of other planes": ["aé\U0001f600", "\ud800b", "\uffff"],
    "few and far": ["\U0010ffff", "a"],
}


@pytest.mark.parametrize("name", LISTS)
@pytest.mark.parametrize("container", [list, tuple, np.array, lambda texts: np.array(texts, dtype=object)])
def test_texts_are_the_lists_of_their_characters(name, container):
    found, known = check_categories(open_categories(container(LISTS[name]), "Est", characters=True), None, name="Est")
    characters = [np.array(list(text), dtype=object) for text in LISTS[name]]
    expected, others = check_categories(characters, None, name="Est")
    assert known[0].tolist() == others[0].tolist()
    for part in ("steps", "starts", "lengths", "spans"):
        np.testing.assert_array_equal(getattr(found, part), getattr(expected, part))
    again, _ = check_categories(open_categories(["nab", "zb"], "Est", characters=True), known, name="Est")
    numbers = {character: number for number, character in enumerate(known[0].tolist(), start=1)}
    assert again.steps[:, 0].tolist() == [numbers.get(character, 0) for character in "nabzb"]


def test_a_text_without_a_character_is_named():
    opened = open_categories(["abc", "", "d"], "Est", characters=True)
    with pytest.raises(ValueError, match="Sequence 1 has length 0"):
        check_categories(opened, None, name="Est")


@pytest.mark.parametrize("texts", [["abc", "de"], ["aabbaacc" * 9], ["\U0010ffff", "é\ud800", "", "x\0"], ["", ""], []])
def test_characters_become_texts_again(texts):
    values = np.frombuffer("".join(texts).encode("utf-32-le", "surrogatepass"), "<U1")
    ends = np.cumsum([len(text) for text in texts], dtype=np.intp)
    assert texts_of(values, ends) == texts
    found, back = distinct(values)
    expected, places = np.unique(values.view(np.uint32), return_inverse=True)
    np.testing.assert_array_equal(found.view(np.uint32), expected)
    np.testing.assert_array_equal(back, places)

"""Many texts at once, each the sequence of its characters."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from skrnn._types import Array, Integers
from skrnn.sequences._layout import spans_of

__all__ = ["Characters", "characters_of", "texts_of"]

_CODING = "utf-32-le", "surrogatepass"  # of NumPy's texts, in which half a character is one, too


class Characters(list[str]):
    """Texts with a character and more, and all their characters one after the other.

    Attributes
    ----------
    steps : array of shape (n_characters, 1)
    starts, lengths : integer arrays of shape (n_texts,)
        Where each text begins, and its characters.
    """

    def __init__(self, texts: Sequence[str]):
        super().__init__(texts)
        self.steps = characters_of("".join(texts))[:, None]
        self.starts, self.lengths = spans_of(np.fromiter(map(len, texts), np.intp, len(texts)))


def characters_of(text: str) -> Array:
    """A text as an array of its characters."""
    return np.frombuffer(text.encode(*_CODING), "<U1")


def texts_of(characters: Array, ends: Integers) -> list[str]:
    """The texts of characters (N,) that end in front of these places, each where the one before has ended."""
    whole = characters.astype("<U1", copy=False).tobytes().decode(*_CODING)
    places = [0, *ends.tolist()]
    return [whole[begin:end] for begin, end in pairwise(places)]

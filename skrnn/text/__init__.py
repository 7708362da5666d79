"""A wing for texts, which become sequences that the estimators read."""

from skrnn.text._vectorizer import SequenceVectorizer

__all__ = ["SequenceVectorizer"]

"""A wing for texts: what turns them into sequences that the estimators read."""

from skrnn.text._vectorizer import SequenceVectorizer

__all__ = ["SequenceVectorizer"]

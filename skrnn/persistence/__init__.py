"""A wing beside the floors: files of fitted estimators, which hold no code. skops for what is scikit-learn's own."""

from skrnn.persistence._classes import TRUSTED_TYPES
from skrnn.persistence._files import load, save

__all__ = ["TRUSTED_TYPES", "load", "save"]

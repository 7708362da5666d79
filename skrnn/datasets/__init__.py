"""Small data sets for examples and tests; all of them load without a network connection."""

from skrnn.datasets._bikes import load_bike_sharing
from skrnn.datasets._text import load_cmudict, load_sentence_polarity, load_surnames, load_ud_english
from skrnn.datasets._univariate import load_airline_passengers, load_sine_wave, load_sunspots
from skrnn.datasets._vowels import load_japanese_vowels

__all__ = [
    "load_airline_passengers",
    "load_bike_sharing",
    "load_cmudict",
    "load_japanese_vowels",
    "load_sentence_polarity",
    "load_sine_wave",
    "load_sunspots",
    "load_surnames",
    "load_ud_english",
]

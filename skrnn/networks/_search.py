"""How a decoder's tokens are searched for, as plain data."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Search"]


@dataclass(frozen=True)
class Search:
    """How to search.

    ``beam_width`` hypotheses are kept, ranked by log-probability / length ** ``length_penalty``; none grows beyond
    ``max_length`` tokens.
    """

    beam_width: int
    length_penalty: float
    max_length: int

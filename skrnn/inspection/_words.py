"""Results that say in words what was found, wherever Python would show their arrays."""

from __future__ import annotations

from abc import ABC, abstractmethod

__all__ = ["InWords", "label_of", "listed"]

_SHOWN = 3  # of what is found, the largest


class InWords(ABC):
    """A result whose representation is a sentence or two."""

    @abstractmethod
    def __str__(self) -> str: ...

    def __repr__(self) -> str:
        return str(self)


def label_of(feature: int, names: list[str] | None) -> str:
    """A feature's name, or its number."""
    return f"feature {feature}" if names is None else repr(names[feature])


def listed(parts: list[str]) -> str:
    """The first few of them, and whether there are more."""
    return ", ".join(parts[:_SHOWN]) + (", …" if len(parts) > _SHOWN else "")

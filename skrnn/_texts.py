"""What holds several texts: a list, an array or a column of a table; what became of them, and how several are shown."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Set
from typing import Any

__all__ = ["TokenNumbers", "refuse_no_texts", "shown"]


class TokenNumbers(list[Any]):
    """Sequences of the numbers of tokens, which measure nothing: a list that says so, as its slices do."""

    def __getitem__(self, place: Any) -> Any:
        found = super().__getitem__(place)
        return type(self)(found) if isinstance(place, slice) else found


def refuse_no_texts(X: Any, name: str, form: str = "a list of texts") -> None:
    """Refuse whatever gives something else than its texts when it is iterated: names of columns, keys, any order.

    Parameters
    ----------
    form : str
        What is taken, for the message.

    Raises
    ------
    TypeError
        The message says what was given, and what to pass.
    """
    kind = type(X).__name__
    if hasattr(X, "columns") or hasattr(X, "column_names"):
        raise TypeError(f"{name} takes {form}, got a {kind}. Pass the column that holds them, such as X['text'].")
    if isinstance(X, (Mapping, Set)):
        what = "list(X.values())" if isinstance(X, Mapping) else "sorted(X)"
        raise TypeError(f"{name} takes {form}, got a {kind}. Pass them in an order, such as {what}.")
    if not hasattr(X, "__iter__") or getattr(X, "ndim", 1) == 0 or hasattr(X, "tocoo"):
        raise TypeError(f"{name} takes {form}, got a {kind}.")


def shown(names: Iterable[Any], most: int = 3) -> str:
    """A few names, for a message."""
    names = list(names)
    return ", ".join(map(repr, names[:most])) + (", …" if len(names) > most else "")

"""Parameters that had another name."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar

from skrnn._warnings import warn_caller

__all__ = ["renamed"]

Method = TypeVar("Method", bound=Callable[..., Any])


def renamed(**names: str) -> Callable[[Method], Method]:
    """A method whose keywords may also be called by old names (old=new), with a FutureWarning."""

    def around(method: Method) -> Method:
        @wraps(method)
        def called(self: Any, *args: Any, **given: Any) -> Any:
            for old, new in names.items():
                if old not in given:
                    continue
                if new in given:
                    raise TypeError(f"{old} is the old name of {new}; both are given.")
                warn_caller(f"The parameter {old} is now called {new}.", FutureWarning)
                given[new] = given.pop(old)
            return method(self, *args, **given)

        return called  # type: ignore[return-value]  # the same signature, and the old names

    return around

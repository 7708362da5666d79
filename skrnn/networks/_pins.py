"""A setting of the whole process that is pinned for the time of a call: set by the first, restored by the last."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from types import TracebackType
from typing import Any

__all__ = ["Hold", "Pin"]

_POLL = 0.002  # seconds


class _Token:
    """What a call wants, and the thread that it runs in."""

    def __init__(self, value: int):
        self.value, self.thread, self.is_left = value, threading.get_ident(), False


class Pin:
    """Calls that want the same value run side by side, a call that wants another one waits for them. The last to leave
    restores what was there before the first. A call inside a call of the same thread, such as a prediction in a
    callback of a fit, sets its own value for its own time.

    An interrupt may come between any two lines: a call may be left that has not entered, and be left twice. (Only a
    bare lock is sure to be released then; a `Condition` is not.)

    Parameters
    ----------
    read : callable
        The present setting.
    write : callable
        ``write(value, first)`` pins it for one more call; ``first``: no other call holds it.
    restore : callable
        Back to what ``read`` returned.
    """

    def __init__(self, read: Callable[[], Any], write: Callable[[int, bool], None], restore: Callable[[Any], None]):
        self.read, self.write, self.restore = read, write, restore
        self.forget()
        os.register_at_fork(after_in_child=self.forget)

    def forget(self) -> None:
        """Begin anew: in a forked child only the forking thread lives on, and whoever held the pin is gone."""
        self.lock = threading.Lock()
        self.active: set[_Token] = set()
        self.before: Any = None
        self.mine = threading.local()  # the calls around this one, in this thread

    def enter(self, token: _Token) -> None:
        """Wait until the setting can be what the call wants, and set it."""
        around = self._around()
        if around:
            around.append(token)
            self.write(token.value, False)
            return
        while not self._join(token):
            time.sleep(_POLL)
        around.append(token)

    def leave(self, token: _Token) -> None:
        """Give back what the call has, if it has anything."""
        token.is_left = True
        around = self._around()
        with self.lock:
            if token in self.active:
                if len(self.active) == 1:
                    self.restore(self.before)
                self.active.discard(token)
                return
        if around:
            self.write(around[-1].value, False)

    def _around(self) -> list[_Token]:
        """The calls of this thread that are not left yet."""
        around: list[_Token] = self.mine.__dict__.setdefault("around", [])
        while around and around[-1].is_left:
            around.pop()
        return around

    def _join(self, token: _Token) -> bool:
        """Hold the pin, if nobody holds it at another value."""
        with self.lock:
            if any(other.value != token.value for other in self.active):
                return False
            first = not self.active
            if first:
                self.before = self.read()
            self.active.add(token)
            self.write(token.value, first)
        return True


class Hold:
    """A call that holds a pin, as a context manager."""

    token: _Token | None = None

    def __init__(self, pin: Pin, value: int):
        self.pin, self.token = pin, _Token(value)

    def __enter__(self) -> None:
        assert self.token is not None
        try:
            self.pin.enter(self.token)
        except BaseException:
            self._leave()
            raise

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._leave()

    def __del__(self) -> None:
        if self.token is not None and not self.token.is_left:  # an interrupt came before the first line of `__exit__`
            self.pin.leave(self.token)

    def _leave(self) -> None:
        assert self.token is not None
        try:
            self.pin.leave(self.token)
        except BaseException:  # an interrupt on the way out
            self.pin.leave(self.token)
            raise

"""How many threads torch may use, for the time of one call."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import torch

__all__ = ["pinned_threads"]


class _ThreadPin:
    """torch has one thread count for the whole process: calls that want the same one run side by side, a call that
    wants another one waits for them. The last to leave restores what was there before the first. A call inside a call
    of the same thread, such as a prediction in a callback of a fit, sets its own count for its own time.
    """

    def __init__(self) -> None:
        self.changed = threading.Condition()
        self.active = 0
        self.wanted = 0
        self.before = 0
        self.mine = threading.local()  # counts that calls around this one, in this thread, want

    def enter(self, n_threads: int) -> None:
        around = self.mine.__dict__.setdefault("around", [])
        around.append(n_threads)
        if len(around) > 1:
            torch.set_num_threads(n_threads)
            return
        with self.changed:
            while self.active and self.wanted != n_threads:
                self.changed.wait()
            if not self.active:
                self.wanted, self.before = n_threads, torch.get_num_threads()
            self.active += 1
            torch.set_num_threads(n_threads)  # OpenMP keeps its own count in every thread

    def leave(self) -> None:
        around = self.mine.around
        around.pop()
        if around:
            torch.set_num_threads(around[-1])
            return
        with self.changed:
            self.active -= 1
            if not self.active:
                torch.set_num_threads(self.before)
                self.changed.notify_all()


_pin = _ThreadPin()
_process = os.getpid()


def _after_fork() -> None:
    """Only the forking thread lives on in a child: whoever held the pin is gone."""
    global _pin
    _pin = _ThreadPin()


os.register_at_fork(after_in_child=_after_fork)


@contextmanager
def pinned_threads(n_threads: int) -> Iterator[None]:
    """Run torch with ``n_threads`` threads, and with 1 in a forked child, where more of them would never answer.

    The bits of a result depend on the number of threads, so it is part of the call, not of the process.
    """
    pin = _pin
    pin.enter(n_threads if os.getpid() == _process else 1)
    try:
        yield
    finally:
        pin.leave()

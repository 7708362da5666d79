"""How many threads torch may use, for the time of one call."""

from __future__ import annotations

import os

import torch

from skrnn.networks._pins import Hold, Pin

__all__ = ["pinned_threads"]


def _write(n_threads: int, first: bool) -> None:
    """In every call: OpenMP keeps its own count in every thread."""
    torch.set_num_threads(n_threads)


_pin = Pin(torch.get_num_threads, _write, torch.set_num_threads)
_process = os.getpid()


def pinned_threads(n_threads: int) -> Hold:
    """Run torch with ``n_threads`` threads, and with 1 in a forked child, where more of them would never answer.

    The bits of a result depend on the number of threads, so it is part of the call, not of the process.
    """
    return Hold(_pin, n_threads if os.getpid() == _process else 1)

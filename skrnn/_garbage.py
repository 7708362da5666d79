"""Python's collector of cyclic garbage, where it would look through all objects again and again and find little."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["uncollected"]


@contextmanager
def uncollected(lasting: bool = False) -> Iterator[None]:
    """Without the collector: it takes a sixth of the time that Numba compiles, and a third of its import's.

    ``lasting``: what is made meanwhile stays, as modules do. It counts as old at once; otherwise the collector, back
    again, would look through all of it first.
    """
    enabled = gc.isenabled()
    try:
        gc.disable()
        yield
    finally:
        if enabled:
            if lasting and not gc.get_freeze_count():  # what a user has frozen stays so
                gc.freeze()
                gc.unfreeze()  # to the oldest generation
            gc.enable()

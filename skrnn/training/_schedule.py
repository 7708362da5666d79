"""Learning rates over the course of a training."""

from __future__ import annotations

from math import cos, pi

__all__ = ["rate_factor"]

_WARM_UP = 0.3  # part of a cycle in which the rate rises
_START, _END = 1 / 25, 1e-4 / 25  # of the peak


def rate_factor(schedule: str | None, progress: float) -> float:
    """Factor on the learning rate when the fraction ``progress``, in [0, 1), of all mini-batches is done.

    "cosine": from 1 to 0 (Loshchilov & Hutter, SGDR, ICLR 2017, eq. 5, without restarts). "one_cycle": up to 1 in the
    first 30 %, then down (Smith & Topin, "Super-convergence", 2018), each way along a cosine.
    """
    if schedule == "cosine":
        return _cosine(1.0, 0.0, progress)
    if schedule == "one_cycle":
        if progress < _WARM_UP:
            return _cosine(_START, 1.0, progress / _WARM_UP)
        return _cosine(1.0, _END, (progress - _WARM_UP) / (1 - _WARM_UP))
    return 1.0


def _cosine(start: float, end: float, progress: float) -> float:
    return end + (start - end) * (1 + cos(pi * progress)) / 2

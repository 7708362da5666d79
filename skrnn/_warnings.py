"""Warnings that name the line of the user's."""

from __future__ import annotations

import sys
import warnings

__all__ = ["warn_caller"]

_BETWEEN = ("skrnn.", "sklearn.", "joblib.", "numba.")


def warn_caller(message: str, category: type[Warning]) -> None:
    """Warn of the line that calls, whatever of this package, scikit-learn and Numba stands between."""
    frame, level = sys._getframe(1), 2
    while frame.f_back is not None and frame.f_globals.get("__name__", "").startswith(_BETWEEN):
        frame, level = frame.f_back, level + 1
    warnings.warn(message, category, stacklevel=level)

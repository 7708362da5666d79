"""How wide an interval must be: split-conformal prediction for each step of the horizon."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from skrnn.forecasting._features import Samples
from skrnn.forecasting._setup import Setup, flat

__all__ = ["calibration_errors", "conformal_width"]

Doubles = NDArray[np.float64]


def calibration_errors(model: Any, setup: Setup, parts: list[Samples], share: float) -> Doubles:
    """Sorted absolute errors (n, horizon, k) on the newest ``share`` of each series' windows, of a model of the rest.

    Windows whose horizon reaches into the calibration part are left out of the training part.
    """
    older, newer = [], []
    for part in parts:
        n = len(part.X)
        cut = n - int(np.ceil(share * n))
        older.append((part.X[: max(cut - setup.horizon + 1, 0)], part.Y[: max(cut - setup.horizon + 1, 0)]))
        newer.append((part.X[cut:], part.Y[cut:]))
    X, Y = (np.concatenate([pair[i] for pair in older]) for i in (0, 1))
    X_new, Y_new = (np.concatenate([pair[i] for pair in newer]) for i in (0, 1))
    if not len(X) or not len(X_new):
        raise ValueError(f"calibration={share} leaves no windows to train or to measure on. Give more data.")
    model.fit(setup.arrange(X), flat(Y))
    predicted = model.predict(setup.arrange(X_new)).reshape(Y_new.shape)
    return np.sort(np.abs(predicted - Y_new), axis=0)


def conformal_width(errors: Doubles, coverage: float) -> Doubles:
    """Half the width (horizon, k) of intervals that hold a share ``coverage`` of new values.

    The ceil((n + 1) * coverage)-th smallest error (Lei et al., JASA 113, 2018, algorithm 2); infinite if there are
    fewer.
    """
    if not 0 < coverage < 1:
        raise ValueError(f"coverage must be in (0, 1). Got {coverage!r} instead.")
    rank = int(np.ceil((len(errors) + 1) * coverage))
    return np.full(errors.shape[1:], np.inf) if rank > len(errors) else errors[rank - 1]

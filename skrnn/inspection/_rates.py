"""Which learning rates a training can take: the range test of Smith, "Cyclical learning rates for training neural
networks", WACV 2017, section 3.3.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import _safe_indexing, check_random_state

from skrnn._constraints import check_arguments, reals
from skrnn._types import Doubles
from skrnn.exceptions import DivergenceError
from skrnn.inspection._inside import unfitted_inside
from skrnn.inspection._words import InWords

__all__ = ["LearningRateRange", "learning_rate_range"]

_FEWEST, _MOST = 60, 300  # rates
_SPOILT = 4.0  # times the lowest loss, where a rate is too large
_FALLEN = 0.9  # of the loss at the smallest rates
_SMOOTH = 7  # losses that are averaged
_NOTHING = 1e-30  # a rate at which no weight moves


@dataclass(frozen=True, eq=False, repr=False)
class LearningRateRange(InWords):
    """What `learning_rate_range` finds.

    Attributes
    ----------
    rates : float64 array of shape (n_rates,)
        That were tried, from the smallest on, until the loss was spoilt.
    losses : float64 array of shape (n_rates,)
        Of a mini-batch each, before the update with that rate.
    """

    rates: Doubles
    losses: Doubles

    @property
    def smoothed(self) -> Doubles:
        """The losses, each the median of those around it."""
        width = _SMOOTH // 2
        windows = [self.losses[max(0, i - width) : i + width + 1] for i in range(len(self.losses))]
        return np.array([np.median(window) for window in windows])

    @property
    def suggestion(self) -> float:
        """The rate in the middle of the fall: where the loss has come half of the way from that of the smallest rates
        down to the lowest; NaN where it does not fall by a tenth.
        """
        smoothed = self.smoothed
        first, lowest = (np.median(smoothed[:_SMOOTH]), smoothed.min()) if len(smoothed) >= _SMOOTH else (0.0, 0.0)
        if lowest >= _FALLEN * first:
            return float("nan")
        return float(self.rates[np.argmax(smoothed <= (first + lowest) / 2)])

    def __str__(self) -> str:
        tried = f"{len(self.rates)} learning rates from {self.rates[0]:.1g} to {self.rates[-1]:.1g}"
        if np.isnan(self.suggestion):
            return f"{tried}: the loss does not fall at any of them, so that none is suggested."
        first, smoothed = np.median(self.smoothed[:_SMOOTH]), self.smoothed
        low = self.rates[smoothed.argmin()]
        return (
            f"{tried}: {self.suggestion:.2g} is suggested, in the middle of the fall of the loss from {first:.2g} to "
            f"{smoothed.min():.2g}, which is lowest at {low:.2g}."
        )


def learning_rate_range(
    estimator: Any,
    X: Any,
    y: Any = None,
    *,
    low: float = 1e-5,
    high: float = 1.0,
    random_state: Any = None,
) -> LearningRateRange:
    """Train an epoch with a learning rate that grows from mini-batch to mini-batch, and note the loss of each.

    Where the epoch has fewer than 60 mini-batches, it is followed by more. The estimator stays as it is: a copy of it
    is trained.

    Parameters
    ----------
    estimator : estimator of skrnn
        Fitted or not; its parameters count. ``learning_rate`` is varied; a schedule and early stopping are left out.
        Or a Pipeline, whose steps in front are fitted anew, a search, or a fitted `WindowForecaster`, around one.
    X : array-like, data frame or list of arrays
        Sequences, as in `fit`; for a forecaster a series, or None: its history.
    y : array-like or None, default=None
        Targets, as in `fit`.
    low, high : float, default=1e-5, 1.0
        The smallest and the largest rate; above 0.
    random_state : int, RandomState instance or None, default=None
        Of the order of the sequences; the initial weights are those of the estimator's own ``random_state``.

    Returns
    -------
    found : LearningRateRange
        Rates and losses; ``found.suggestion`` is the one in the middle of the fall of the loss.

    Raises
    ------
    ValueError, TypeError
        If an argument is not usable.

    Examples
    --------
    >>> from skrnn import RNNRegressor
    >>> from skrnn.datasets import load_sine_wave
    >>> from skrnn.inspection import learning_rate_range
    >>> X, y = load_sine_wave(return_X_y=True)
    >>> found = learning_rate_range(RNNRegressor(random_state=0), X, y, random_state=0)
    >>> bool(1e-5 < found.suggestion < 1.0)
    True
    """
    positive = {name: [reals(0, None, "neither")] for name in ("low", "high")}
    low, high = map(float, check_arguments("learning_rate_range", positive, low=low, high=high).values())
    check_arguments("learning_rate_range", {"random_state": ["random_state"]}, random_state=random_state)
    if not low < high:
        raise ValueError(f"low={low:g} of learning_rate_range has to lie below high={high:g}.")
    model, X, y, *_ = unfitted_inside(estimator, X, y)
    known = model.get_params()
    if not {"learning_rate", "max_iter", "batch_size", "warm_start", "engine"} <= known.keys():
        raise TypeError(
            f"learning_rate_range trains recurrent networks of skrnn, got {type(model).__name__}. Pass one, or a "
            "Pipeline, search or fitted WindowForecaster around one."
        )
    off = {"learning_rate_schedule": None, "early_stopping": False, "n_networks": 1, "init": None, "verbose": 0}
    model.set_params(**{name: value for name, value in off.items() if name in known})
    model.set_params(warm_start=True, max_iter=1, learning_rate=_NOTHING)
    rng, losses = check_random_state(random_state), []
    n_samples = len(X) if hasattr(X, "__len__") else X.shape[0]
    size = 32 if known["batch_size"] == "auto" else int(known["batch_size"])
    n_rates = int(np.clip(-(-n_samples // size), _FEWEST, _MOST))
    rates = np.geomspace(low, high, n_rates)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        model.fit(X, y)  # the scaling of all data, and the optimizer's averages; no weight moves
        for rate, rows in zip(rates, _mini_batches(n_samples, size, rng), strict=False):
            model.set_params(learning_rate=float(rate), batch_size=len(rows))
            try:
                model.fit(_safe_indexing(X, rows), None if y is None else _safe_indexing(y, rows))
            except DivergenceError:
                break
            losses.append(model.loss_curve_[-1])
            if losses[-1] > _SPOILT * np.median(losses[:_SMOOTH]):
                break
    return LearningRateRange(rates[: len(losses)], np.array(losses))


def _mini_batches(n_samples: int, size: int, rng: np.random.RandomState) -> Any:
    """Row numbers of mini-batches without end, epoch after epoch."""
    while True:
        order = rng.permutation(n_samples)
        for begin in range(0, max(n_samples - size, 0) + 1, size):
            yield order[begin : begin + size]

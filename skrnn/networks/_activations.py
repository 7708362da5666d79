"""Activations that the compiler can vectorise, and how kernels are compiled."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

__all__ = ["OPTIONS", "sigmoid", "tanh"]

# Kernels release the interpreter's lock and are kept on disk. Of fast mathematics they take what does not change which
# values are finite: fused multiply-add, and the sign of zero.
OPTIONS: dict[str, Any] = {"nogil": True, "cache": True, "error_model": "numpy", "fastmath": {"contract", "nsz"}}

# tanh(x) / x on [-9, 9] as a ratio of polynomials in x**2, of degrees 6 and 3: a relative minimax fit by Lawson's
# iteration (reweighted least squares), with a largest relative error of 6.7e-9. In float32, 3.5e-7.
_BOUND = np.float32(9.0)
_P = tuple(
    np.float32(c)
    for c in (
        0.9999999933846,
        0.130840101813,
        0.003103956328353,
        1.115431004541e-05,
        -2.022523610134e-08,
        5.277954845511e-11,
        -8.488729965883e-14,
    )
)
_P0, _P1, _P2, _P3, _P4, _P5, _P6 = _P
_Q1, _Q2, _Q3 = np.float32(0.4641733728213), np.float32(0.02449517878647), np.float32(0.0002546145421936)
_ONE, _HALF = np.float32(1.0), np.float32(0.5)


@njit(inline="always", **OPTIONS)
def tanh(x: Any) -> Any:
    """The hyperbolic tangent of a float32, within [-1, 1]; NaN stays NaN."""
    x = min(max(x, -_BOUND), _BOUND) if x == x else x
    u = x * x
    p = ((((((_P6 * u + _P5) * u + _P4) * u + _P3) * u + _P2) * u + _P1) * u + _P0) * x
    q = ((_Q3 * u + _Q2) * u + _Q1) * u + _ONE
    return min(max(p / q, -_ONE), _ONE) if x == x else x


@njit(inline="always", **OPTIONS)
def sigmoid(x: Any) -> Any:
    """1 / (1 + exp(-x)) of a float32."""
    return _HALF * tanh(_HALF * x) + _HALF

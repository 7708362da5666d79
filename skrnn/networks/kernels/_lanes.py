"""Compiled predictions: 32 rows go through a layer side by side, each in a lane of its own.

Arrays are float32 with the rows last: states (H, R), gates (G * H, R). R is 32, or 1 for rows that are too few for a
block. Every lane goes through the same operations in the same order, a sum takes its terms one after the other, and
nothing is fused but where it says so. So a row's result has the same bits whatever rows are beside it, in a block and
by itself.

What a step reads stands in one array (H + 1 + F, R), the panel: the states, a row of ones, the inputs.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from skrnn._types import Array, Singles
from skrnn.networks.kernels._primitives import RATIONAL_TANH, kernel, place
from skrnn.networks.kernels._vectors import (
    LANES,
    PANEL,
    ROW_PANELS,
    TILE_LANES,
    fused,
    lane_tile,
    row_panel,
    row_panels,
)

__all__ = [
    "FEW_ROWS",
    "MOST",
    "block_size",
    "lane_kernel",
    "lane_logistic",
    "lane_panel",
    "lane_product",
    "lane_relu",
    "lane_sums",
    "lane_tanh",
    "lane_weights",
    "lane_work",
    "longest",
    "packed",
    "put_states",
    "take_inputs",
]

MOST = np.float32(1e18)  # of an input or a state: gates are shut or open long before, and sums stay finite
FEW_ROWS = 3  # up to so many (or hypotheses) are done faster one after the other

lane_kernel = kernel(fastmath=False)
_inlined = kernel(fastmath=False, inline="always")

_P0, _P1, _P2, _P3, _P4, _P5, _P6 = RATIONAL_TANH[0]
_Q1, _Q2, _Q3 = RATIONAL_TANH[1]
_BOUND, _ONE, _HALF = np.float32(9.0), np.float32(1.0), np.float32(0.5)


def packed(*blocks: Singles) -> Singles:
    """The matrix (M, K) with these blocks side by side, as `lane_product` takes it: (M / 8, K, 8), zeros at the end."""
    n_rows, n_terms = len(blocks[0]), sum(block.shape[1] for block in blocks)
    n_panels = -(-n_rows // PANEL)
    whole, column = np.zeros((n_panels * PANEL, n_terms), np.float32), 0
    for block in blocks:
        whole[:n_rows, column : column + block.shape[1]] = block
        column += block.shape[1]
    return np.ascontiguousarray(whole.reshape(n_panels, PANEL, n_terms).transpose(0, 2, 1))


@_inlined
def lane_tanh(x: Any) -> Any:
    """The hyperbolic tangent of a float32, within [-1, 1]; NaN stays NaN."""
    c = min(max(x, -_BOUND), _BOUND)
    u = c * c
    p = fused(fused(fused(fused(fused(fused(_P6, u, _P5), u, _P4), u, _P3), u, _P2), u, _P1), u, _P0) * c
    y = p / fused(fused(fused(_Q3, u, _Q2), u, _Q1), u, _ONE)
    return min(max(y, -_ONE), _ONE) if x == x else x


@_inlined
def lane_logistic(x: Any) -> Any:
    """1 / (1 + exp(-x)) of a float32."""
    return fused(_HALF, lane_tanh(_HALF * x), _HALF)


@_inlined
def lane_relu(x: Any) -> Any:
    """The positive part of a float32, which counts as 1e18 beyond that: states that grow would overflow."""
    return min(max(x, np.float32(0.0)), MOST)


@lane_kernel
def block_size(n_rows: int) -> int:
    """How many of the rows that are left go through a layer side by side."""
    return min(n_rows, LANES) if n_rows > FEW_ROWS else 1


@lane_kernel
def longest(lengths: Array, rows: Array) -> int:
    """The largest length of some rows."""
    most = 0
    for r in range(rows.size):
        most = max(most, lengths[rows[r]])
    return most


@lane_kernel
def lane_panel(states: Array, rows: Array, n_inputs: int) -> Array:
    """A panel with the states (B, H) of some rows, and no inputs yet."""
    hidden = states.shape[1]
    panel = np.zeros((hidden + 1 + n_inputs, LANES if rows.size > 1 else 1), np.float32)
    panel[hidden] = _ONE
    for r in range(rows.size):
        for j in range(hidden):
            panel[j, r] = states[rows[r], j]
    return panel


@lane_kernel
def lane_work(hidden: int, lanes: int) -> Array:
    """Room for the sums of any cell."""
    return np.empty((4 * hidden + 3 * PANEL) * lanes, np.float32)


@lane_kernel
def lane_weights(flat: Array, n_sums: int, n_terms: int) -> Array:
    """Packed weights (M, K) at the beginning of a vector, as `lane_product` takes them."""
    n_panels = -(-n_sums // PANEL)
    return flat[: n_panels * n_terms * PANEL].reshape(n_panels, n_terms, PANEL)


@lane_kernel
def lane_sums(weights: Array, work: Array, lanes: int) -> Array:
    """Where the product of packed weights and a panel goes, at the beginning of a vector."""
    n_sums = weights.shape[0] * PANEL
    return work[: n_sums * lanes].reshape(n_sums, lanes)


@lane_kernel
def lane_product(weights: Array, panel: Array, sums: Array) -> None:
    """sums (M, R) = weights (M, K), packed, times the panel (K, R)."""
    (n_panels, n_terms), one = weights.shape[:2], panel.shape[1] == 1
    whole = n_panels - n_panels % ROW_PANELS if one else 0
    for p in range(0, whole, ROW_PANELS):
        row_panels(panel, weights, sums, p, n_terms)
    for p in range(whole, n_panels):
        if one:
            row_panel(panel, weights, sums, p, n_terms)
        else:
            out = sums[p * PANEL : (p + 1) * PANEL]
            for first in range(0, LANES, TILE_LANES):
                lane_tile(weights[p], panel, out, first, n_terms)


@lane_kernel
def take_inputs(x: Array, rows: Array, lengths: Array, t: int, reverse: bool, inputs: Array) -> None:
    """inputs (F, R) = the t-th step of some rows of x (B, T, F) in a direction, but for rows that have ended.

    A value beyond 1e18 counts as 1e18: two that overflow would make NaN of a sum.
    """
    for r in range(rows.size):
        b = rows[r]
        if t < lengths[b]:
            step = x[b, place(t, lengths[b], reverse)]
            for f in range(step.size):
                inputs[f, r] = min(max(step[f], -MOST), MOST)


@lane_kernel
def put_states(h: Array, rows: Array, lengths: Array, t: int, reverse: bool, last: Array, out: Array) -> None:
    """Take the states h (H, R) after the t-th step to where they belong, if the row has such a step.

    All of them go into out (B, T, H), unless it has no step; those of the last step into last (B, H). Lanes that have
    ended go on with something that nobody reads.
    """
    for r in range(rows.size):
        b = rows[r]
        if t == lengths[b] - 1:
            for j in range(h.shape[0]):
                last[b, j] = h[j, r]
        if t < lengths[b] and out.shape[1] > 0:
            own = out[b, place(t, lengths[b], reverse)]
            for j in range(h.shape[0]):
                own[j] = h[j, r]

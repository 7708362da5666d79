"""Compiled predictions: 32 rows go through a layer side by side, each in a lane of its own.

Arrays are float32 with the rows last: states (H, R), gates (G * H, R). R is 32, or up to 128 where weights are many, or
16, 4 or 1 where rows are too few. Every lane goes through the same operations in the same order, a sum takes its terms
one after the other, and nothing is fused but where it says so. So a row's result has the same bits whatever rows are
beside it, in a block and by itself.

What a step reads stands in one array (H + 1 + F, R), the panel: the states, a row of ones, the inputs.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from skrnn._types import Array, Singles
from skrnn.networks.kernels._primitives import RATIONAL_TANH, kernel, place
from skrnn.networks.kernels._vectors import (
    FEW_LANES,
    FEW_ROWS_PANELS,
    LANES,
    PANEL,
    ROW_PANELS,
    TILE_LANES,
    few_rows_panel,
    few_rows_panels,
    fused,
    half_tile,
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
    "n_lanes",
    "packed",
    "put_states",
    "take_inputs",
]

MOST = np.float32(1e18)  # of an input or a state: gates are shut or open long before, and sums stay finite
FEW_ROWS = 3  # up to so many hypotheses are done faster one after the other
_HALF_LANES = LANES // 2
_MOST_LANES = 4 * LANES
_WIDE = 1 << 18  # weights from which on more rows share each time that they are read: a megabyte
_KEPT = 1 << 13  # numbers of a panel that are multiplied at a time, about, so that they stay in the first cache
_LINE = 16  # numbers of a line of the cache

lane_kernel = kernel(fastmath=False)
_inlined = kernel(fastmath=False, inline="always")

_P0, _P1, _P2, _P3, _P4, _P5, _P6 = RATIONAL_TANH[0]
_Q1, _Q2, _Q3 = RATIONAL_TANH[1]
_BOUND, _ONE, _HALF = np.float32(9.0), np.float32(1.0), np.float32(0.5)


def packed(*blocks: Singles) -> Singles:
    """The matrix (M, K) with these blocks side by side, as `lane_product` takes it: (M / 8, K, 8), zeros at the end."""
    n_rows, n_terms, column = len(blocks[0]), sum(block.shape[1] for block in blocks), 0
    panels = np.zeros((-(-n_rows // PANEL), n_terms, PANEL), np.float32)
    for block in blocks:
        one_kind = np.ascontiguousarray(block, np.float32).view()
        one_kind.flags.writeable = False
        put_in_panels(one_kind, column, panels)
        column += block.shape[1]
    return panels


@lane_kernel
def put_in_panels(block: Array, first: int, panels: Array) -> None:
    """panels[p, first + k, i] = block[8 p + i, k] of a block (M, N); a part that stays in the first cache at a time."""
    for p in range(panels.shape[0]):
        n_sums = min(PANEL, block.shape[0] - p * PANEL)
        for begin in range(0, block.shape[1], _LINE):
            for i in range(n_sums):
                for k in range(begin, min(begin + _LINE, block.shape[1])):
                    panels[p, first + k, i] = block[p * PANEL + i, k]


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
def block_size(order: Array, begin: int, lengths: Array, n_weights: int) -> int:
    """How many of the rows in ``order``, from one on, go through a layer of so many weights side by side.

    Weights that do not stay in the second cache are read once for as many as 128 rows, where these end together.
    """
    n_rows = order.size - begin
    if n_rows > LANES:
        most = min(n_rows, _MOST_LANES)
        together = 8 * lengths[order[begin + most - 1]] <= 9 * lengths[order[begin]]
        return most - most % LANES if n_weights >= _WIDE and together else LANES
    if n_rows > _HALF_LANES + FEW_LANES or 2 < n_rows <= _HALF_LANES:
        return n_rows
    return _HALF_LANES if n_rows > _HALF_LANES else 1  # two are done as fast one after the other


@lane_kernel
def n_lanes(n_rows: int) -> int:
    """Lanes of a block of so many rows; some are idle."""
    if n_rows <= FEW_LANES:
        return FEW_LANES if n_rows > 1 else 1
    return _HALF_LANES if n_rows <= _HALF_LANES else -(-n_rows // LANES) * LANES


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
    panel = np.zeros((hidden + 1 + n_inputs, n_lanes(rows.size)), np.float32)
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
    (n_panels, n_terms), lanes = weights.shape[:2], panel.shape[1]
    if lanes <= FEW_LANES:
        product_of_few(weights, panel, sums)
        return
    n_pieces = max(1, (n_terms * lanes + _KEPT // 2) // _KEPT)
    size = max(1, -(-n_terms // n_pieces))
    for begin in range(0, n_terms, size):
        end = min(begin + size, n_terms)
        for p in range(n_panels):
            out = sums[p * PANEL : (p + 1) * PANEL]
            if lanes < TILE_LANES:
                half_tile(weights[p], panel, out, 0, begin, end)
            else:
                for first in range(0, lanes, TILE_LANES):
                    lane_tile(weights[p], panel, out, first, begin, end)


@lane_kernel
def product_of_few(weights: Array, panel: Array, sums: Array) -> None:
    """`lane_product` of a row alone, or of four."""
    (n_panels, n_terms), alone = weights.shape[:2], panel.shape[1] == 1
    step = ROW_PANELS if alone else FEW_ROWS_PANELS
    whole = n_panels - n_panels % step
    for p in range(0, whole, step):
        if alone:
            row_panels(panel, weights, sums, p, n_terms)
        else:
            few_rows_panels(panel, weights, sums, p, n_terms)
    for p in range(whole, n_panels):
        if alone:
            row_panel(panel, weights, sums, p, n_terms)
        else:
            few_rows_panel(panel, weights, sums, p, n_terms)


@lane_kernel
def take_inputs(x: Array, rows: Array, lengths: Array, t: int, reverse: bool, inputs: Array) -> None:
    """inputs (F, R) = the t-th step of some rows of x (B, T, F) in a direction, but for rows that have ended.

    A value beyond 1e18 counts as 1e18: two that overflow would make NaN of a sum.
    """
    for begin in range(0, inputs.shape[0], _LINE):
        end = min(begin + _LINE, inputs.shape[0])
        for r in range(rows.size):
            b = rows[r]
            if t < lengths[b]:
                s = place(t, lengths[b], reverse)
                for f in range(begin, end):
                    inputs[f, r] = min(max(x[b, s, f], -MOST), MOST)


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
    for begin in range(0, h.shape[0] if out.shape[1] > 0 else 0, _LINE):
        end = min(begin + _LINE, h.shape[0])
        for r in range(rows.size):
            b = rows[r]
            if t < lengths[b]:
                s = place(t, lengths[b], reverse)
                for j in range(begin, end):
                    out[b, s, j] = h[j, r]

"""Products of matrices in training, tile by tile: so many rows and columns of sums that they stay in the registers.

Small products take BLAS up to twice as long as its large ones, and those of two tall matrices three times. A sum takes
its terms one after the other, or is that of spans of them: the order of OpenBLAS, and its bits, on processors with
AVX-512.

Arrays are float32 in one piece.
"""

from __future__ import annotations

import numpy as np

from skrnn._types import Array
from skrnn.networks.kernels._primitives import add_or_set, kernel
from skrnn.networks.kernels._vectors import LANE_WIDTH, make_sums

__all__ = ["SPAN", "TILE_COLUMNS", "tiled_product"]

TILE_COLUMNS = 2 * LANE_WIDTH
_TILE_ROWS = LANE_WIDTH // 2
SPAN = 448  # terms that are added up one after the other, where there are many
_TERMS = 128  # that a tile takes at a time, so that they are in the cache for the next one

try:
    many_rows, one_row = make_sums(_TILE_ROWS, 2, LANE_WIDTH), make_sums(1, 2, LANE_WIDTH)
except Exception:  # no Numba, or a broken one: what is compiled of these fails when it is called
    many_rows = one_row = None


@kernel()
def span_of(left: int, most: int) -> int:
    """How many of the terms that are left make up the next span."""
    if left >= 2 * most:
        return most
    return left if left <= most else -(-(left // 2) // 16) * 16


@kernel()
def tile_rows(
    a: Array,
    a_start: int,
    a_row: int,
    a_term: int,
    w: Array,
    w_start: int,
    w_term: int,
    out: Array,
    column: int,
    n: int,
    going_on: bool,
) -> None:
    """All rows of the sums in one column of tiles, from n terms; out (M, N) is gone on from, or set."""
    n_rows, width = out.shape
    flat, row = out.reshape(out.size), 0
    while row + _TILE_ROWS <= n_rows:
        a_place, place = a_start + row * a_row, row * width + column
        many_rows(a, a_place, a_row, a_term, w, w_start, w_term, flat, place, width, n, going_on)
        row += _TILE_ROWS
    while row < n_rows:
        a_place, place = a_start + row * a_row, row * width + column
        one_row(a, a_place, a_row, a_term, w, w_start, w_term, flat, place, width, n, going_on)
        row += 1


@kernel()
def tiled_product(
    a: Array, a_row: int, a_term: int, w: Array, w_panel: int, w_term: int, n_terms: int, most: int, out: Array
) -> None:
    """out (M, N) = sum over k of a[i, k] w[k, j], N a multiple of `TILE_COLUMNS`.

    Where numbers stand in ``a`` and ``w``, as vectors: those of the next row of ``a``, and of its next term, are
    ``a_row`` and ``a_term`` further; those of the next term of ``w`` and of its next tile of columns ``w_term`` and
    ``w_panel``. ``most``: terms of a span.
    """
    part: Array = out
    begin = 0
    while begin < n_terms:
        span = span_of(n_terms - begin, most)
        if begin > 0 and part is out:
            part = np.empty(out.shape, np.float32)
        for first in range(begin, begin + span, _TERMS):
            n = min(_TERMS, begin + span - first)
            for panel in range(out.shape[1] // TILE_COLUMNS):
                w_start = panel * w_panel + first * w_term
                tile_rows(
                    a, first * a_term, a_row, a_term, w, w_start, w_term, part, panel * TILE_COLUMNS, n, first > begin
                )
        if begin > 0:
            add_or_set(part.reshape(part.size), out.reshape(out.size), True)
        begin += span

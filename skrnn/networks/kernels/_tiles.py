"""Products of matrices in training, tile by tile: so many rows and columns of sums that they stay in the registers.

Small products take BLAS up to twice as long as its large ones, and those of two tall matrices three times. A sum takes
its terms one after the other, or is that of spans of them: the order of OpenBLAS, and its bits, on processors with
AVX-512.

What a tile reads from far apart, as parts of long rows, displaces itself in the cache: it is brought into one piece
before, a span of terms of as many rows or columns at a time as the caches hold (Goto & van de Geijn, ACM TOMS 34(3),
2008).

Arrays are float32 in one piece.
"""

from __future__ import annotations

import numpy as np

from skrnn._types import Array
from skrnn.networks.kernels._primitives import add_or_set, at, kernel
from skrnn.networks.kernels._tile_operations import make_moves, make_sums
from skrnn.networks.kernels._vectors import LANE_WIDTH

__all__ = ["SPAN", "TILE_COLUMNS", "tiled_product"]

TILE_COLUMNS = 2 * LANE_WIDTH
_TILE_ROWS = LANE_WIDTH // 2
SPAN = 448  # terms that are added up one after the other, where there are many
_ROWS = 256  # of sums that are computed at a time: what they read stays in the second cache
_TERMS = 8  # of all rows that are moved at a time: strips side by side share a line of the cache
_NEAR = 2 * TILE_COLUMNS  # numbers of a row up to which tiles read it where it is

try:
    many_rows, one_row = make_sums(_TILE_ROWS, 2, LANE_WIDTH), make_sums(1, 2, LANE_WIDTH)
    move_rows, move_columns = make_moves(1, _TILE_ROWS), make_moves(2, LANE_WIDTH)
except Exception:  # no Numba, or a broken one: what is compiled of these fails when it is called
    many_rows = one_row = move_rows = move_columns = None


@kernel()
def span_of(left: int, most: int) -> int:
    """How many of the terms that are left make up the next span."""
    if left >= 2 * most:
        return most
    return left if left <= most else -(-(left // 2) // 16) * 16


@kernel()
def put_strips(a: Array, start: int, a_term: int, n_rows: int, n: int, strips: Array) -> None:
    """strips (S, n, `_TILE_ROWS`) = n terms of rows that stand side by side in ``a``, the last strip as far as there
    are rows.
    """
    for begin in range(0, n, _TERMS):
        terms = min(_TERMS, n - begin)
        for row in range(0, n_rows, _TILE_ROWS):
            place, to = start + row + begin * a_term, row * n + begin * _TILE_ROWS
            if row + _TILE_ROWS <= n_rows:
                move_rows(a, place, a_term, strips, to, terms)
            else:
                for k in range(terms):
                    for i in range(n_rows - row):
                        strips[to + k * _TILE_ROWS + i] = a[place + k * a_term + i]


@kernel()
def put_panel(w: Array, start: int, w_term: int, width: int, n: int, panel: Array) -> None:
    """panel (n, `TILE_COLUMNS`) = n terms of ``width`` columns of ``w``, and zeros."""
    if width == TILE_COLUMNS:
        move_columns(w, start, w_term, panel, 0, n)
    else:
        for k in range(n):
            line, into = w[start + k * w_term : start + k * w_term + width], at(panel, k, TILE_COLUMNS)
            for j in range(width):
                into[j] = line[j]
            for j in range(width, TILE_COLUMNS):
                into[j] = 0.0


@kernel()
def put_sums(part: Array, width: int, adding: bool, n_rows: int, out: Array, start: int, step: int) -> None:
    """Rows of ``part``, as far as there are columns, set in rows of ``out`` that are a step apart, or added to them."""
    for i in range(n_rows):
        begin = start + i * step
        add_or_set(part[i * TILE_COLUMNS : i * TILE_COLUMNS + width], out[begin : begin + width], adding)


@kernel()
def tile_rows(
    a: Array,
    place: int,
    a_strip: int,
    a_row: int,
    a_term: int,
    w: Array,
    w_start: int,
    w_term: int,
    out: Array,
    start: int,
    width: int,
    n_rows: int,
    n: int,
    adding: bool,
) -> None:
    """A column of tiles, from n terms; rows of ``out`` are ``width`` apart, strips of those of ``a`` ``a_strip``.

    Where both are in one piece, steps between numbers are constants, which leaves more registers.
    """
    row = 0
    while row + _TILE_ROWS <= n_rows:
        if a_row == 1 and a_term == _TILE_ROWS and w_term == TILE_COLUMNS:
            many_rows(a, place, 1, _TILE_ROWS, w, w_start, TILE_COLUMNS, out, start + row * width, width, n, adding)
        else:
            many_rows(a, place, a_row, a_term, w, w_start, w_term, out, start + row * width, width, n, adding)
        place += a_strip
        row += _TILE_ROWS
    while row < n_rows:
        one_row(a, place, a_row, a_term, w, w_start, w_term, out, start + row * width, width, n, adding)
        place += a_row
        row += 1


@kernel()
def tiled_product(
    a: Array, a_row: int, a_term: int, w: Array, w_panel: int, w_term: int, n_terms: int, most: int, out: Array
) -> None:
    """out (M, N) = sum over k of a[i, k] w[k, j].

    Where numbers stand in ``a`` and ``w``, as vectors: those of the next row of ``a``, and of its next term, are
    ``a_row`` and ``a_term`` further; those of the next term of ``w`` and of its next tile of columns ``w_term`` and
    ``w_panel``. ``most``: terms of a span.
    """
    (n_rows, n_columns), longest, block = out.shape, min(n_terms, most), min(out.shape[0], _ROWS)
    few, panels = n_columns % TILE_COLUMNS, w_term > _NEAR and n_rows > _TILE_ROWS
    turned = a_row == 1 and a_term > _NEAR and n_columns > TILE_COLUMNS
    flat = out.reshape(out.size)
    strips, panel, part = a, w, flat
    if turned:
        strips = np.empty((block + _TILE_ROWS) * longest, np.float32)
    if panels or few > 0:
        panel = np.empty(longest * TILE_COLUMNS, np.float32)
    if few > 0:
        part = np.empty(block * TILE_COLUMNS, np.float32)
    strip, row, term = (_TILE_ROWS * longest, 1, _TILE_ROWS) if turned else (_TILE_ROWS * a_row, a_row, a_term)
    begin = 0
    while begin < n_terms:
        n, adding = span_of(n_terms - begin, most), begin > 0
        if turned:
            strip = _TILE_ROWS * n
        for top in range(0, n_rows, block):
            rows = min(block, n_rows - top)
            place = begin * a_term + top * a_row
            if turned:
                put_strips(a, place, a_term, rows, n, strips)
                place = 0
            for column in range(0, n_columns, TILE_COLUMNS):
                width = min(TILE_COLUMNS, n_columns - column)
                w_start = column // TILE_COLUMNS * w_panel + begin * w_term
                w_step, weights = w_term, w
                if panels or width < TILE_COLUMNS:
                    put_panel(w, w_start, w_term, width, n, panel)
                    w_start, w_step, weights = 0, TILE_COLUMNS, panel
                start = top * n_columns + column
                if width < TILE_COLUMNS:
                    into, first, step, more = part, 0, TILE_COLUMNS, False
                else:
                    into, first, step, more = flat, start, n_columns, adding
                tile_rows(strips, place, strip, row, term, weights, w_start, w_step, into, first, step, rows, n, more)
                if width < TILE_COLUMNS:
                    put_sums(part, width, adding, rows, flat, start, n_columns)
        begin += n

"""Operations that the compiler is told in its own language, LLVM's, since it does not find them in a loop.

All are exactly defined, number by number: ``a * b + c`` rounded once (on processors that have it), and products of
matrices whose sums stay in registers, each with its terms in their order.
"""

from __future__ import annotations

from functools import partial
from typing import Any

__all__ = [
    "FEW_LANES",
    "FEW_ROWS_PANELS",
    "LANES",
    "LANE_WIDTH",
    "PANEL",
    "ROW_PANELS",
    "TILE_LANES",
    "beyond",
    "double_row",
    "double_tile",
    "few_rows_panel",
    "few_rows_panels",
    "fused",
    "half_tile",
    "lane_tile",
    "lane_width",
    "multiply_add",
    "row_panel",
    "row_panels",
    "spread",
]

LANES = 32  # rows that go through a layer side by side
PANEL = 8  # sums of a row that are computed side by side, in one register
ROW_PANELS = 4  # registers of them at a time: a sum waits for its last term, others go on meanwhile
FEW_LANES, FEW_ROWS_PANELS = 4, 2  # the same of few rows, which share what is loaded of the weights


def lane_width() -> int:
    """Lanes of a register. For predictions it decides speed, and no bit; in training, which sizes fill tiles
    (`_tiles.py`).
    """
    from llvmlite.binding import get_host_cpu_features

    return 16 if get_host_cpu_features().get("avx512f") else 8


def make_fused() -> Any:
    """``fused(a, b, c)``: a * b + c of float32 numbers; loops of it become loops over vectors."""
    from llvmlite import ir
    from numba import types
    from numba.extending import intrinsic

    @intrinsic
    def fused(context: Any, a: Any, b: Any, c: Any) -> Any:
        def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            return builder.call(multiply_add(builder, ir.FloatType(), "f32"), args)

        return types.float32(types.float32, types.float32, types.float32), generate

    return fused


def make_tile(n_sums: int, n_vectors: int, width: int) -> Any:
    """``tile(factors, vectors, out, first, begin, end)`` on float32 arrays in one piece, R numbers in a row of the last
    two.

    out[j * R + first + i] += factors[k * n_sums + j] * vectors[k * R + first + i] for begin <= k < end, one after the
    other, for all j < n_sums and i < n_vectors * width; where ``begin`` is 0, from 0 on.
    """
    from llvmlite import ir
    from numba import types
    from numba.core import cgutils
    from numba.extending import intrinsic

    vector = ir.VectorType(ir.FloatType(), width)

    @intrinsic
    def tile(context: Any, factors: Any, vectors: Any, out: Any, first: Any, begin: Any, end: Any) -> Any:
        def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            arrays = [context.make_array(signature.args[i])(context, builder, args[i]) for i in range(3)]
            (f, v, o), (first, begin, end) = (array.data for array in arrays), args[3:]
            stride = cgutils.unpack_tuple(builder, arrays[1].shape)[-1]
            number = partial(ir.Constant, first.type)

            def lanes(start: Any, row: Any) -> list[Any]:
                place = beyond(builder, start, builder.mul(row, stride), first)
                places = [beyond(builder, place, number(i * width)) for i in range(n_vectors)]
                return [builder.bitcast(each, vector.as_pointer()) for each in places]

            is_new, nothing = builder.icmp_signed("==", begin, number(0)), ir.Constant(vector, None)
            totals = []
            for j in range(n_sums):
                sums = [builder.select(is_new, nothing, builder.load(each, align=4)) for each in lanes(o, number(j))]
                totals.append([cgutils.alloca_once_value(builder, value) for value in sums])
            fma = multiply_add(builder, vector, f"v{width}f32")
            with cgutils.for_range_slice(builder, begin, end, number(1)) as (k, _):
                values = [builder.load(place, align=4) for place in lanes(v, k)]
                own = beyond(builder, f, builder.mul(k, number(n_sums)))
                for j, sums in enumerate(totals):
                    factor = spread(builder, builder.load(beyond(builder, own, number(j))), vector)
                    for value, total in zip(values, sums, strict=True):
                        builder.store(builder.call(fma, [factor, value, builder.load(total)]), total)
            for j, sums in enumerate(totals):
                for place, total in zip(lanes(o, number(j)), sums, strict=True):
                    builder.store(builder.load(total), place, align=4)
            return context.get_dummy_value()

        return types.void(factors, vectors, out, *[types.intp] * 3), generate

    return tile


def make_row(n_panels: int, n_rows: int = 1) -> Any:
    """``row(factors, panels, out, first, n)`` on float32 arrays in one piece: few rows R, whose sums are the lanes.

    out[(p * PANEL + i) * R + r] = sum over k < n of factors[k * R + r] * panels[p, k, i], one after the other, for all
    r < R, i < PANEL and the ``n_panels`` from first on: the operations of `make_tile` on each sum. R is 1 or 4.
    """
    from llvmlite import ir
    from numba import types
    from numba.core import cgutils
    from numba.extending import intrinsic

    vector = ir.VectorType(ir.FloatType(), PANEL)

    @intrinsic
    def row(context: Any, factors: Any, panels: Any, out: Any, first: Any, n: Any) -> Any:
        def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            arrays = zip(signature.args[:3], args[:3], strict=True)
            f, w, o = (context.make_array(kind)(context, builder, value).data for kind, value in arrays)
            number, (first, n) = partial(ir.Constant, args[3].type), args[3:]

            def own(place: Any, p: int, size: Any) -> Any:
                return beyond(builder, place, builder.mul(builder.add(first, number(p)), size))

            kind = vector.as_pointer()
            weights = [builder.bitcast(own(w, p, builder.mul(n, number(PANEL))), kind) for p in range(n_panels)]
            nothing = ir.Constant(vector, None)
            totals = [[cgutils.alloca_once_value(builder, nothing) for _ in range(n_rows)] for _ in weights]
            fma = multiply_add(builder, vector, f"v{PANEL}f32")
            with cgutils.for_range(builder, n) as loop:
                of_step = beyond(builder, f, builder.mul(loop.index, number(n_rows)))
                places = [beyond(builder, of_step, number(r)) for r in range(n_rows)]
                steps = [spread(builder, builder.load(place), vector) for place in places]
                for panel, sums in zip(weights, totals, strict=True):
                    value = builder.load(beyond(builder, panel, loop.index), align=4)
                    for factor, total in zip(steps, sums, strict=True):
                        builder.store(builder.call(fma, [factor, value, builder.load(total)]), total)
            for p, sums in enumerate(totals):
                found = in_turn(builder, [builder.load(total) for total in sums])
                place = own(o, p, number(PANEL * n_rows))
                builder.store(found, builder.bitcast(place, found.type.as_pointer()), align=4)
            return context.get_dummy_value()

        return types.void(factors, panels, out, types.intp, types.intp), generate

    return row


def make_double_tile(n_rows: int, width: int) -> Any:
    """``tile(a, w, out, row, column, to, n)`` on float64 arrays in one piece: a (M, K), w (K, N), out (L, N).

    out[to + i, j] += (t(k) + t(k + 1)) + (t(k + 2) + t(k + 3)) with t(k) = a[row + i, k] * w[k, j], for k = 0, 4, …
    below n, one after the other and each operation rounded, for i < n_rows and the ``width`` columns j from ``column``
    on.
    """
    from llvmlite import ir
    from numba import types
    from numba.core import cgutils
    from numba.extending import intrinsic

    vector = ir.VectorType(ir.DoubleType(), width)

    @intrinsic
    def tile(context: Any, a: Any, w: Any, out: Any, row: Any, column: Any, to: Any, n: Any) -> Any:
        def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            arrays = [context.make_array(signature.args[i])(context, builder, args[i]) for i in range(3)]
            (n_terms, n_columns), (row, column, to, n) = (cgutils.unpack_tuple(builder, arrays[1].shape), args[3:])
            number = partial(ir.Constant, row.type)

            def lanes(place: Any, *offsets: Any) -> Any:
                return builder.bitcast(beyond(builder, place, *offsets, column), vector.as_pointer())

            def line(place: Any, begin: Any, i: int, size: Any) -> Any:
                return beyond(builder, place, builder.mul(builder.add(begin, number(i)), size))

            factors = [line(arrays[0].data, row, i, n_terms) for i in range(n_rows)]
            places = [lanes(line(arrays[2].data, to, i, n_columns)) for i in range(n_rows)]
            totals = [cgutils.alloca_once_value(builder, builder.load(each, align=8)) for each in places]
            with cgutils.for_range_slice(builder, number(0), n, number(4)) as (first, _):
                terms = [builder.add(first, number(i)) for i in range(4)]
                values = [lanes(arrays[1].data, builder.mul(k, n_columns)) for k in terms]
                values = [builder.load(value, align=8) for value in values]
                for own, total in zip(factors, totals, strict=True):
                    four = [spread(builder, builder.load(beyond(builder, own, k)), vector) for k in terms]
                    parts = [builder.fmul(factor, value) for factor, value in zip(four, values, strict=True)]
                    both = builder.fadd(builder.fadd(parts[0], parts[1]), builder.fadd(parts[2], parts[3]))
                    builder.store(builder.fadd(builder.load(total), both), total)
            for place, total in zip(places, totals, strict=True):
                builder.store(builder.load(total), place, align=8)
            return context.get_dummy_value()

        return types.void(a, w, out, *[types.intp] * 4), generate

    return tile


def beyond(builder: Any, place: Any, *offsets: Any) -> Any:
    """The place so many numbers further."""
    for offset in offsets:
        place = builder.gep(place, [offset])
    return place


def multiply_add(builder: Any, kind: Any, name: str) -> Any:
    """LLVM's a * b + c."""
    from llvmlite import ir
    from numba.core import cgutils

    return cgutils.get_or_insert_function(builder.module, ir.FunctionType(kind, [kind] * 3), f"llvm.fmuladd.{name}")


def in_turn(builder: Any, vectors: list[Any]) -> Any:
    """One vector with the first numbers of all (1, 2 or 4), then the second ones, …"""
    from llvmlite import ir

    def joined(a: Any, b: Any, places: list[int]) -> Any:
        numbers = ir.VectorType(ir.IntType(32), len(places))
        return builder.shuffle_vector(a, b, ir.Constant(numbers, places))

    while len(vectors) > 1:  # with those half the list away, so that the order is that of the list in the end
        half, size = len(vectors) // 2, vectors[0].type.count
        order = [i + side * size for i in range(size) for side in (0, 1)]
        vectors = [joined(a, b, order) for a, b in zip(vectors[:half], vectors[half:], strict=True)]
    return vectors[0]


def spread(builder: Any, value: Any, vector: Any) -> Any:
    """A vector with one number everywhere."""
    from llvmlite import ir

    number, nothing = ir.IntType(32), ir.Constant(vector, ir.Undefined)
    first = builder.insert_element(nothing, value, ir.Constant(number, 0))
    return builder.shuffle_vector(first, nothing, ir.Constant(ir.VectorType(number, vector.count), None))


try:
    fused = make_fused()
    LANE_WIDTH = lane_width()
    TILE_LANES = 2 * LANE_WIDTH if LANE_WIDTH == 16 else LANE_WIDTH  # there are 32 registers of 16 numbers, 16 of 8
    lane_tile, half_tile = make_tile(PANEL, TILE_LANES // LANE_WIDTH, LANE_WIDTH), make_tile(PANEL, 1, LANE_WIDTH)
    row_panel, row_panels = make_row(1), make_row(ROW_PANELS)
    few_rows_panel = make_row(1, FEW_LANES)
    few_rows_panels = make_row(FEW_ROWS_PANELS, FEW_LANES)
    double_row, double_tile = make_double_tile(1, LANE_WIDTH // 2), make_double_tile(4, LANE_WIDTH // 2)
except Exception:  # no Numba, or a broken one: what is compiled of these fails when it is called
    fused = lane_tile = half_tile = row_panel = row_panels = few_rows_panel = few_rows_panels = None
    double_row = double_tile = None
    LANE_WIDTH = TILE_LANES = PANEL

"""The two operations that products in tiles are made of, in LLVM's language: sums that stay in registers, and moves of
what they read into one piece. Exactly defined, number by number.
"""

from __future__ import annotations

from functools import partial
from typing import Any

from skrnn.networks.kernels._vectors import beyond, multiply_add, spread

__all__ = ["make_moves", "make_sums"]

_AHEAD = 32  # terms between what is multiplied and what is asked of memory: 4 KB of a panel, a few hundred cycles


def make_sums(n_rows: int, n_vectors: int, width: int) -> Any:
    """``sums(a, a_start, a_row, a_term, w, w_start, w_term, out, start, row, n, adding)`` on float32 vectors.

    out[start + i * row + j] = sum over k < n of a[a_start + i * a_row + k * a_term] * w[w_start + k * w_term + j], one
    after the other, for all i < n_rows and j < n_vectors * width; or, ``adding``, that added to what ``out`` is.
    """
    from llvmlite import ir
    from numba import types
    from numba.core import cgutils
    from numba.extending import intrinsic

    vector, index = ir.VectorType(ir.FloatType(), width), types.intp

    @intrinsic
    def sums(
        context: Any,
        a: Any,
        a_start: Any,
        a_row: Any,
        a_term: Any,
        w: Any,
        w_start: Any,
        w_term: Any,
        out: Any,
        start: Any,
        row: Any,
        n: Any,
        adding: Any,
    ) -> Any:
        def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            _, begin, a_row, a_term, _, w_begin, w_term, _, start, row, n, adding = args
            data = [context.make_array(signature.args[i])(context, builder, args[i]).data for i in (0, 4, 7)]
            number, fma = partial(ir.Constant, start.type), multiply_add(builder, vector, f"v{width}f32")

            def vectors(place: Any) -> list[Any]:
                places = [builder.gep(place, [number(v * width)]) for v in range(n_vectors)]
                return [builder.bitcast(each, vector.as_pointer()) for each in places]

            rows = [beyond(builder, data[0], begin, builder.mul(a_row, number(i))) for i in range(n_rows)]
            places = [vectors(beyond(builder, data[2], start, builder.mul(row, number(i)))) for i in range(n_rows)]
            totals = [[cgutils.alloca_once_value(builder, ir.Constant(vector, None)) for _ in own] for own in places]
            pairs = [(p, t) for own, found in zip(places, totals, strict=True) for p, t in zip(own, found, strict=True)]
            with builder.if_then(adding):
                _ask_for(builder, [place for place, _ in pairs])
            with cgutils.for_range(builder, n) as loop:
                later = builder.add(loop.index, number(_AHEAD))
                _ask_for(builder, vectors(beyond(builder, data[1], w_begin, builder.mul(later, w_term))))
                values = vectors(beyond(builder, data[1], w_begin, builder.mul(loop.index, w_term)))
                values = [builder.load(value, align=4) for value in values]
                for own, found in zip(rows, totals, strict=True):
                    factor = builder.load(beyond(builder, own, builder.mul(loop.index, a_term)))
                    factor = spread(builder, factor, vector)
                    for value, total in zip(values, found, strict=True):
                        builder.store(builder.call(fma, [factor, value, builder.load(total)]), total)
            with builder.if_then(adding):
                for place, total in pairs:
                    builder.store(builder.fadd(builder.load(place, align=4), builder.load(total)), total)
            for place, total in pairs:
                builder.store(builder.load(total), place, align=4)
            return context.get_dummy_value()

        numbers = [index] * 3, [index] * 2, [index] * 3
        return types.void(a, *numbers[0], w, *numbers[1], out, *numbers[2], types.boolean), generate

    return sums


def make_moves(n_vectors: int, width: int) -> Any:
    """``moves(source, start, term, out, to, n)`` on float32 vectors.

    out[to + k * N + j] = source[start + k * term + j] for all k < n and j < N = n_vectors * width.
    """
    from llvmlite import ir
    from numba import types
    from numba.core import cgutils
    from numba.extending import intrinsic

    vector, index = ir.VectorType(ir.FloatType(), width), types.intp

    @intrinsic
    def moves(context: Any, source: Any, start: Any, term: Any, out: Any, to: Any, n: Any) -> Any:
        def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            _, start, term, _, to, n = args
            data = [context.make_array(signature.args[i])(context, builder, args[i]).data for i in (0, 3)]
            number = partial(ir.Constant, start.type)
            with cgutils.for_range(builder, n) as loop:
                begin = beyond(builder, data[0], start, builder.mul(loop.index, term))
                end = beyond(builder, data[1], to, builder.mul(loop.index, number(n_vectors * width)))
                for v in range(n_vectors):
                    there, here = (
                        builder.bitcast(builder.gep(place, [number(v * width)]), vector.as_pointer())
                        for place in (begin, end)
                    )
                    builder.store(builder.load(there, align=4), here, align=4)
            return context.get_dummy_value()

        return types.void(source, index, index, out, index, index), generate

    return moves


def _ask_for(builder: Any, places: list[Any]) -> None:
    """Have memory bring what lies at some places, which is soon wanted and may be beyond the end of an array."""
    from llvmlite import ir
    from numba.core import cgutils

    byte, number = ir.IntType(8).as_pointer(), ir.IntType(32)
    kind = ir.FunctionType(ir.VoidType(), [byte, number, number, number])
    ask = cgutils.get_or_insert_function(builder.module, kind, "llvm.prefetch.p0")
    reading, near, data = (ir.Constant(number, value) for value in (0, 3, 1))
    for place in places:
        builder.call(ask, [builder.bitcast(place, byte), reading, near, data])

"""Two operations that the compiler is told in its own language, LLVM's, since it does not find them in a loop.

Both are exactly defined, number by number: ``a * b + c`` rounded once (on processors that have it), and a product of
matrices whose sums stay in registers, each with its terms in their order.
"""

from __future__ import annotations

from typing import Any

__all__ = ["LANES", "PANEL", "fused", "lane_tile", "lane_width", "row_tile"]

LANES = 32  # rows that go through a layer side by side
PANEL = 8  # sums of a row that are computed side by side


def lane_width() -> int:
    """Lanes that a tile takes at a time: as many as keep its sums in the registers. It decides speed, and no bit."""
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
            return builder.call(_fma(builder, ir.FloatType(), "f32"), args)

        return types.float32(types.float32, types.float32, types.float32), generate

    return fused


def make_tile(n_sums: int, width: int, stride: int) -> Any:
    """``tile(factors, vectors, out, first, n)`` on float32 arrays in one piece.

    out[j * stride + first + i] = sum over k < n of factors[k * n_sums + j] * vectors[k * stride + first + i], one after
    the other, for all j < n_sums and i < width.
    """
    from llvmlite import ir
    from numba import types
    from numba.core import cgutils
    from numba.extending import intrinsic

    vector = ir.VectorType(ir.FloatType(), width)

    @intrinsic
    def tile(context: Any, factors: Any, vectors: Any, out: Any, first: Any, n: Any) -> Any:
        def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            arrays = zip(signature.args[:3], args[:3], strict=True)
            f, v, o = (context.make_array(kind)(context, builder, value).data for kind, value in arrays)

            def place(start: Any, index: Any, size: int, offset: Any) -> Any:
                return builder.gep(start, [builder.add(builder.mul(index, ir.Constant(index.type, size)), offset)])

            sums = [cgutils.alloca_once_value(builder, ir.Constant(vector, None)) for _ in range(n_sums)]
            fma = _fma(builder, vector, f"v{width}f32")
            with cgutils.for_range(builder, args[4]) as loop:
                values = builder.bitcast(place(v, loop.index, stride, args[3]), vector.as_pointer())
                values = builder.load(values, align=4)
                for j, total in enumerate(sums):
                    factor = builder.load(place(f, loop.index, n_sums, ir.Constant(loop.index.type, j)))
                    builder.store(
                        builder.call(fma, [_spread(builder, factor, vector), values, builder.load(total)]), total
                    )
            for j, total in enumerate(sums):
                where = place(o, ir.Constant(args[3].type, j), stride, args[3])
                builder.store(builder.load(total), builder.bitcast(where, vector.as_pointer()), align=4)
            return context.get_dummy_value()

        return types.void(factors, vectors, out, types.intp, types.intp), generate

    return tile


def _fma(builder: Any, kind: Any, name: str) -> Any:
    """LLVM's a * b + c."""
    from llvmlite import ir
    from numba.core import cgutils

    return cgutils.get_or_insert_function(builder.module, ir.FunctionType(kind, [kind] * 3), f"llvm.fmuladd.{name}")


def _spread(builder: Any, value: Any, vector: Any) -> Any:
    """A vector with one number everywhere."""
    from llvmlite import ir

    number, nothing = ir.IntType(32), ir.Constant(vector, ir.Undefined)
    first = builder.insert_element(nothing, value, ir.Constant(number, 0))
    return builder.shuffle_vector(first, nothing, ir.Constant(ir.VectorType(number, vector.count), None))


try:
    fused = make_fused()
    lane_tile = make_tile(PANEL, lane_width(), LANES)
    row_tile = make_tile(1, PANEL, PANEL)
    LANE_WIDTH = lane_width()
except Exception:  # no Numba, or a broken one: what is compiled of these fails when it is called
    fused = lane_tile = row_tile = None
    LANE_WIDTH = PANEL

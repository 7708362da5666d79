"""Numbers below 1.2e-38, which gradients through many steps come to, count as zero while a recurrence is trained.

Processors take a hundred cycles for an operation on such a number ("denormal", IEEE 754), and x86 ones can be told to
take it for zero. That is a setting of the thread: who changes it sets it back.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from skrnn.networks.kernels._primitives import kernel

__all__ = ["kept_float_control", "restore_denormals", "skip_denormals"]

_ZEROS = 0x8040  # results and operands: the bits 15 and 6 of the register MXCSR


def make_exchange() -> Any:
    """``exchange(word, add)``: the thread's control word; it becomes ``word``, together with what it was, if wanted."""
    import platform

    from llvmlite import ir
    from numba import types
    from numba.core import cgutils
    from numba.extending import intrinsic

    is_x86 = platform.machine().lower() in ("x86_64", "amd64", "i386", "i686")

    @intrinsic
    def exchange(context: Any, word: Any, add: Any) -> Any:
        def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            whole = ir.IntType(32)
            if not is_x86:
                return ir.Constant(whole, 0)
            form = ir.FunctionType(ir.VoidType(), [ir.IntType(8).as_pointer()])
            place = cgutils.alloca_once(builder, whole)
            raw = builder.bitcast(place, ir.IntType(8).as_pointer())
            builder.call(cgutils.get_or_insert_function(builder.module, form, "llvm.x86.sse.stmxcsr"), [raw])
            before = builder.load(place)
            kept = builder.select(args[1], before, ir.Constant(whole, 0))
            builder.store(builder.or_(args[0], kept), place)
            builder.call(cgutils.get_or_insert_function(builder.module, form, "llvm.x86.sse.ldmxcsr"), [raw])
            return before

        return types.uint32(types.uint32, types.boolean), generate

    return exchange


try:
    exchange = make_exchange()
except Exception:  # no Numba, or a broken one: what is compiled of it fails when it is called
    exchange = None


@kernel(nogil=False)
def skip_denormals() -> int:
    """Take denormal numbers for zero from here on, in this thread; what `restore_denormals` needs."""
    return exchange(_ZEROS, True)  # type: ignore[no-any-return]


@kernel(nogil=False)
def restore_denormals(before: int) -> None:
    """As it was before `skip_denormals`."""
    exchange(before, False)


@kernel(nogil=False)
def float_control() -> int:
    """The thread's setting."""
    before = exchange(_ZEROS, True)
    exchange(before, False)
    return before  # type: ignore[no-any-return]


@contextmanager
def kept_float_control() -> Iterator[None]:
    """Set back, at the end, what kernels leave changed that are cut short: those that find no memory."""
    before = float_control()
    try:
        yield
    finally:
        restore_denormals(before)

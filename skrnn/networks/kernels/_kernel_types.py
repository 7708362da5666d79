"""The type of kernels as values, for Numba: their address is an attribute.

For its own type of functions Numba asks Python for the address, and whether the signature is precise, argument by
argument, at every call: some 4 µs for each function, with the interpreter's lock held.
"""

from __future__ import annotations

from functools import cached_property
from typing import Any

from numba.core import cgutils
from numba.core.types import FunctionType
from numba.experimental.function_type import FunctionModel
from numba.extending import NativeValue, register_model, typeof_impl, unbox

__all__ = ["KernelValue"]


class KernelType(FunctionType):
    """A kernel of some signature."""


class KernelValue:
    """A kernel, which is compiled for a signature when its address is asked for."""

    def __init__(self, kernel: Any, signature: Any):
        self.kernel, self.type = kernel, KernelType(signature)  # whose machine code lasts as long as the kernel does

    @cached_property
    def address(self) -> int:
        """Where its machine code begins."""
        arguments = self.type.signature.args
        self.kernel.compile(arguments)
        compiled = self.kernel.overloads[arguments]
        return int(compiled.library.get_pointer_to_function(compiled.fndesc.llvm_cfunc_wrapper_name))


register_model(KernelType)(FunctionModel)


@typeof_impl.register(KernelValue)
def type_of(value: KernelValue, context: Any) -> KernelType:
    """What Numba takes it for."""
    return value.type


@unbox(KernelType)  # type: ignore[untyped-decorator]
def unbox_value(form: KernelType, value: Any, c: Any) -> Any:
    """What compiled code calls, from the object in Python."""
    address = c.pyapi.object_getattr_string(value, "address")
    with c.builder.if_then(cgutils.is_null(c.builder, address), likely=False):  # an error, such as one of the compiler
        c.builder.ret(c.pyapi.get_null_object())
    found = cgutils.create_struct_proxy(form)(c.context, c.builder)
    found.c_addr = c.pyapi.long_as_voidptr(address)
    found.py_addr = c.builder.ptrtoint(value, found.py_addr.type)
    c.pyapi.decref(address)
    return NativeValue(found._getvalue())

"""Kernels that call each other, compiled in a third of the time: what a kernel calls is a part of it, and no more.

Numba makes a complete function of whatever is called: it optimises it, writes its machine code and two ways to call it
from outside, and then optimises it once more within each function that calls it, the only place where it runs. Here a
part is types and instructions; the kernel that Python calls takes in its parts and theirs, and is optimised once.
"""

from __future__ import annotations

from functools import cache
from typing import Any, ClassVar

from llvmlite.binding import create_new_function_pass_manager, parse_assembly
from numba import njit
from numba.core.codegen import JITCodeLibrary
from numba.core.compiler import CompilerBase, DefaultPassBuilder
from numba.core.types import unliteral

from skrnn._garbage import uncollected

__all__ = ["made_of_parts"]

_WIDEST = '"prefer-vector-width"="512"'


class _Instructions(JITCodeLibrary):
    """Instructions as they were written, without the clumsiest of them."""

    def add_ir_module(self, ir_module: Any) -> None:
        """Loops become loops over the widest vectors there are; LLVM by itself takes half of them."""
        for each in ir_module.functions:
            if each.blocks:
                set.add(each.attributes, _WIDEST)  # its own `add` knows words alone, and no pairs
        super().add_ir_module(ir_module)

    def _optimize_functions(self, ll_module: Any) -> None:
        """Variables become values, and what follows from that; all else is done once everything is together."""
        ll_module.data_layout = self._codegen._data_layout
        _, builder = self._codegen._function_pass_manager()
        for each in ll_module.functions:
            passes = create_new_function_pass_manager()
            passes.add_sroa_pass()
            passes.add_simplify_cfg_pass()
            passes.add_instruction_combine_pass()
            passes.run(each, builder)


class _Part(_Instructions):
    """The instructions of a part, and where its own parts are."""

    @property
    def parts(self) -> list[Any]:
        """What it calls."""
        return list(dict.fromkeys(self._linking_libraries))

    def finalize(self) -> None:
        """Nothing is linked or optimised."""
        self._finalized = True

    def _get_module_for_linking(self) -> Any:
        if self._shared_module is None:
            for each in self._final_module.functions:
                if not each.is_declaration and each.linkage.name == "external":
                    each.linkage = "linkonce_odr"
            self._shared_module = self._final_module
        return self._shared_module

    def get_pointer_to_function(self, name: str) -> int:
        return 0  # there is no machine code

    @property
    def codegen(self) -> Any:
        return self

    def set_env(self, name: str, environment: Any) -> None:
        """Nothing: Python's objects are for machine code."""


# How many hold the memory of an array is counted by locked instructions in Numba, in functions that it links to all it
# compiles; in small networks they took a fifth of the time. Arrays of a call are its own, and one thread holds them:
# here plain instructions count. (Numba takes pairs of calls away where it can, and knows them by name: so calls they
# stay.)
_COUNTING = """
declare void @NRT_MemInfo_call_dtor(ptr)

define linkonce_odr void @NRT_incref(ptr %memory) noinline {
  %none = icmp eq ptr %memory, null
  br i1 %none, label %end, label %more
more:
  %before = load i64, ptr %memory
  %after = add i64 %before, 1
  store i64 %after, ptr %memory
  br label %end
end:
  ret void
}

define linkonce_odr void @NRT_decref(ptr %memory) noinline {
  %none = icmp eq ptr %memory, null
  br i1 %none, label %end, label %less
less:
  %before = load i64, ptr %memory
  %after = sub i64 %before, 1
  store i64 %after, ptr %memory
  %last = icmp eq i64 %after, 0
  br i1 %last, label %free, label %end
free:
  call void @NRT_MemInfo_call_dtor(ptr %memory)
  br label %end
end:
  ret void
}
"""


class _Whole(_Instructions):
    """Instructions that are optimised together with those of all parts."""

    def finalize(self) -> None:
        """Link and optimise; of two definitions of one function the first is kept."""
        self._final_module.link_in(parse_assembly(_COUNTING))
        super().finalize()

    def _optimize_final_module(self) -> None:
        super()._optimize_final_module()
        for each in self._final_module.functions:
            if each.name in ("NRT_incref", "NRT_decref") and not each.is_declaration:
                each.linkage = "internal"  # else the functions of the process are called

    def add_linking_library(self, library: Any) -> None:
        if library not in self._linking_libraries:
            super().add_linking_library(library)
            for part in library.parts if isinstance(library, _Part) else ():
                self.add_linking_library(part)

    def serialize_using_object_code(self) -> tuple[str, str, tuple[bytes, bytes]]:
        """Machine code, and the names of what is in it: no other kernel takes in the instructions of a whole one."""
        names = [each.name for each in self.get_defined_functions() if each.linkage.name == "external"]
        stubs = parse_assembly("".join(f'define void @"{name}"() {{ unreachable }}\n' for name in names))
        return self.name, "object", (self._get_compiled_object(), stubs.as_bitcode())


# Steps of Numba's that find nothing in kernels: blocks of `with`, functions as arguments, loops over tuples of several
# types, array expressions, words for `inspect_types`. Each looks through the whole of a function, a hundred times.
_NEEDLESS = {
    "AnnotateTypes",
    "FindLiterallyCalls",
    "InlineOverloads",
    "LiteralPropagationSubPipelinePass",
    "LiteralUnroll",
    "MakeFunctionToJitFunction",
    "NopythonRewrites",
    "WithLifting",
}


class _Compiler(CompilerBase):
    """Numba's compiler, with a place of its own for the instructions.

    What it says to itself here comes after the types of NumPy's functions were asked for: these are compiled anew for
    kernels that differ in any option.
    """

    library: type[JITCodeLibrary] = _Whole
    flags: ClassVar[dict[str, bool]] = {}

    def define_pipelines(self) -> list[Any]:
        self.state.library = self.library(self.state.targetctx.codegen(), self.state.func_id.func_qualname)
        self.state.library.enable_object_caching()
        for name, value in self.flags.items():
            setattr(self.state.flags, name, value)
        steps = DefaultPassBuilder.define_nopython_pipeline(self.state)
        steps.passes = [step for step in steps.passes if step[0].__name__ not in _NEEDLESS]
        steps.finalize()
        return [steps]


class _FreeCompiler(_Compiler):
    """Of kernels that release the interpreter's lock."""

    flags: ClassVar[dict[str, bool]] = {"release_gil": True}


class _PartCompiler(_Compiler):
    """Of parts, which nothing calls from outside."""

    library = _Part
    flags: ClassVar[dict[str, bool]] = {"no_cpython_wrapper": True, "no_cfunc_wrapper": True}


def made_of_parts(function: Any, nogil: bool = False, **options: Any) -> Any:
    """A kernel, which other kernels get as a part of their own.

    Numbers that stand in the code of the caller are not types of their own there: a part is compiled once for all.
    """
    whole = njit(**options, pipeline_class=_FreeCompiler if nogil else _Compiler)(function)
    if whole is function:  # the compiler is switched off
        return function

    @cache
    def part() -> Any:
        """What is not made in a process that compiles nothing."""
        made = njit(**options, pipeline_class=_PartCompiler)(function)
        made._compiling_counter = whole._compiling_counter  # by which Numba knows a call of a function within itself
        return made

    def get_call_template(args: Any, kws: Any) -> Any:
        plain: Any = unliteral
        return part().get_call_template([plain(each) for each in args], {name: plain(kws[name]) for name in kws})

    whole.get_call_template = get_call_template

    def compile_kernel(signature: Any) -> Any:
        with uncollected():
            return compile_whole(signature)

    compile_whole = whole.compile
    whole.compile = compile_kernel
    whole.get_overload = lambda signature: part().get_overload(signature)
    return whole

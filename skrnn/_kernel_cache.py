"""Kernels that Numba keeps on disk, and a disk that may fail: a kernel that cannot be read is compiled anew and
replaced, one that cannot be written is done without. No fit and no prediction fails because of either.

A file of machine code begins with the SHA-256 of the rest and names the signature that it is for: a damaged file, or
one that two processes wrote at the same time, is not run.
"""

from __future__ import annotations

import hashlib
import pickle
from collections.abc import Callable
from typing import Any

from numba import njit
from numba.core.caching import CompileResultCacheImpl, FunctionCache, IndexDataCacheFile, NullCache
from numba.core.runtime.nrt import rtsys

from skrnn._kernel_parts import made_of_parts
from skrnn._warnings import warn_caller

__all__ = ["kept_njit"]

_DIGEST = 32  # bytes
_said: list[str] = []  # the troubles that were warned of: the first says enough


def kept_njit(**options: Any) -> Callable[[Any], Any]:
    """``numba.njit(cache=True, ...)``, with a cache that raises nothing."""

    def compiled(function: Any) -> Any:
        dispatcher = njit(**options)(function) if "inline" in options else made_of_parts(function, **options)
        if hasattr(dispatcher, "_cache"):  # there is none where the compiler is switched off
            dispatcher._cache = _CacheOnDemand(function)
        return dispatcher

    return compiled


class _CacheOnDemand:
    """The cache of a function, made when it is first asked for anything.

    A cache begins with a file that is written to see whether its folder takes any; of all kernels there are, a process
    uses a few.
    """

    def __init__(self, function: Any):
        self._function = function

    def __getattr__(self, name: str) -> Any:
        if name == "_found":
            self._found = _cache_of(self._function)
            return self._found
        return getattr(self._found, name)


def _cache_of(function: Any) -> Any:
    """The cache of a function, or one that keeps nothing where no folder can be written to."""
    try:
        return _KernelCache(function)
    except Exception as error:  # Numba's own RuntimeError, or whatever a file system raises
        return _NoCache(error)


class _NoCache(NullCache):
    """Keeps nothing, and says so at the first kernel."""

    def __init__(self, error: Exception):
        self.trouble = _in_words(error)

    def has(self, sig: Any, target_context: Any) -> bool:
        return False

    def save_overload(self, sig: Any, data: Any) -> None:
        _warn_once(self.trouble)


class _KernelContents(CompileResultCacheImpl):
    """What a file keeps of a kernel: what it takes to run it, which is a third of what Numba keeps."""

    def reduce(self, cres: Any) -> Any:
        """Without the types of all its variables in words, and without what is kept of each part for Python's sake."""
        *needed, _ = cres._replace(type_annotation="")._reduce()
        return (*needed, ())

    def rebuild(self, target_context: Any, payload: Any) -> Any:
        """As Numba does, which has to refuse to link what a file has in the place of instructions."""
        cres = super().rebuild(target_context, payload)
        cres.library._shared_module = None
        return cres


class _KernelCache(FunctionCache):
    """Numba's cache of a function."""

    _impl_class = _KernelContents

    def __init__(self, function: Any):
        super().__init__(function)
        path, base = self._cache_path, self._impl.filename_base
        self._cache_file = _KernelFiles(path, base, self._impl.locator.get_source_stamp())

    def has(self, sig: Any, target_context: Any) -> bool:
        """Whether there is a file for a signature, by the index."""
        try:
            return self._index_key(sig, target_context.codegen()) in self._cache_file._load_index()
        except Exception:  # what reading a file may raise: there is none, then
            return False

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        try:
            rtsys.initialize(target_context)  # but not the list of all that Numba can compile, as its own method does
            return self._load_overload(sig, target_context)
        except Exception:  # whatever reading a damaged file raises: the kernel is compiled, and the file replaced
            return None

    def save_overload(self, sig: Any, data: Any) -> None:
        try:
            super().save_overload(sig, data)
        except Exception as error:
            _warn_once(_in_words(error))


class _KernelFiles(IndexDataCacheFile):
    """The index of a function's kernels, and a file for each of them."""

    def save(self, key: Any, data: Any) -> None:
        super().save(key, (key, data))

    def load(self, key: Any) -> Any:
        found = super().load(key)
        if found is None:
            return None
        kept_for, data = found
        return data if kept_for == key else None

    def _load_index(self) -> dict[Any, str]:
        try:
            overloads = super()._load_index()
        except Exception:  # damaged: as if there were none
            return {}
        return overloads if isinstance(overloads, dict) else {}

    def _save_data(self, name: str, data: Any) -> None:
        packed = self._dump(data)
        with self._open_for_write(self._data_path(name)) as file:
            file.write(hashlib.sha256(packed).digest() + packed)

    def _load_data(self, name: str) -> Any:
        with open(self._data_path(name), "rb") as file:
            found = file.read()
        packed = found[_DIGEST:]
        if hashlib.sha256(packed).digest() != found[:_DIGEST]:
            raise ValueError(f"{name} is damaged.")
        return pickle.loads(packed)


def _in_words(error: Exception) -> str:
    return f"{type(error).__name__}: {error}".splitlines()[0]


def _warn_once(trouble: str) -> None:
    if not _said:
        _said.append(trouble)
        warn_caller(
            f"The compiled kernels cannot be kept on disk ({trouble}); every new process compiles them again, in ten "
            "seconds and more. Make the folder of the package writable, or set NUMBA_CACHE_DIR to one that is.",
            UserWarning,
        )

"""All or nothing: a fit leaves no traces but its result, and a file is complete or not there."""

from __future__ import annotations

import errno
import os
import secrets
import stat
from collections.abc import Callable, Iterable
from contextlib import suppress
from functools import wraps
from pathlib import Path
from typing import Any, Concatenate, ParamSpec, TypeVar

__all__ = ["all_or_nothing", "write_whole"]

Estimator = TypeVar("Estimator", bound=Any)
Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")
Method = Callable[Concatenate[Estimator, Arguments], Result]


def all_or_nothing(method: Method[Estimator, Arguments, Result]) -> Method[Estimator, Arguments, Result]:
    """If the method raises anything, KeyboardInterrupt included, the estimator is as it was before the call."""

    @wraps(method)
    def wrapped(estimator: Estimator, *args: Arguments.args, **kwargs: Arguments.kwargs) -> Result:
        before = dict(vars(estimator))
        try:
            return method(estimator, *args, **kwargs)
        except BaseException:
            vars(estimator).clear()
            vars(estimator).update(before)
            raise

    return wrapped  # type: ignore[return-value]  # wraps() knows the name of the first argument


def write_whole(path: str | os.PathLike[str], parts: Iterable[Any]) -> None:
    """Write the bytes of a file: beside its place, then into it. Errors name the place that was asked for."""
    asked = os.fspath(path)
    if not asked or os.path.isdir(asked):
        raise IsADirectoryError(errno.EISDIR, "The path of a file is wanted, and this is none", asked)
    path = Path(os.path.realpath(path))  # of a link, the file that it points to
    beside = path.with_name(f".{path.name[:100]}.{secrets.token_hex(8)}.tmp")
    try:
        with open(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666), "wb") as file:
            for part in parts:
                file.write(part)
            file.flush()
            os.fsync(file.fileno())
        with suppress(FileNotFoundError):
            os.chmod(beside, stat.S_IMODE(path.stat().st_mode))
        os.replace(beside, path)
    except BaseException as error:
        with suppress(OSError):
            beside.unlink()
        if isinstance(error, OSError) and error.filename in (None, str(beside)):
            error.filename = asked
        raise
    with suppress(OSError):  # some file systems know no fsync of folders
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)

"""`save` and `load`."""

from __future__ import annotations

import os
import stat
from typing import Any

from sklearn.base import BaseEstimator

from skrnn._atomic import write_whole
from skrnn._constraints import check_arguments, integers
from skrnn.exceptions import ModelFileError
from skrnn.persistence._classes import name_of
from skrnn.persistence._layout import check_digest, chunks, read_header
from skrnn.persistence._tree import Reader, Writer
from skrnn.version import __version__

__all__ = ["load", "save"]

_FORMAT = 1


def save(obj: Any, path: str | os.PathLike[str]) -> None:
    """Keep an estimator, a forecaster or a stream in a file that holds no code.

    The file has the layout of safetensors, so that other programs can read its arrays. It is complete or not there: it
    is written beside ``path`` under another name and takes its place at the end.

    Parameters
    ----------
    obj : estimator, Stream or PipelineStream
        One of this package, fitted or not; or a Pipeline or another estimator of scikit-learn, made of these and of
        scikit-learn's own (needs `skops <https://skops.readthedocs.io>`_: ``pip install 'skrnn[files]'``).
    path : str or path-like
        An earlier file there is replaced.

    Raises
    ------
    TypeError, ValueError
        If ``path`` is none, or the estimator holds something of the user's own, such as a loss, a cell or a function;
        the message says where.
    OSError
        If the file cannot be written. An earlier one is then as it was.

    Examples
    --------
    >>> import tempfile, os
    >>> import skrnn
    >>> from skrnn.datasets import load_sine_wave
    >>> X, y = load_sine_wave(return_X_y=True)
    >>> model = skrnn.RNNRegressor(max_iter=2, random_state=0).fit(X, y)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     skrnn.save(model, os.path.join(folder, "sine.skrnn"))
    ...     again = skrnn.load(os.path.join(folder, "sine.skrnn"))
    >>> bool((again.predict(X) == model.predict(X)).all())
    True
    """
    if isinstance(obj, type) or not (isinstance(obj, BaseEstimator) or name_of(obj) is not None):
        raise TypeError(f"save takes an estimator or a stream, got {obj!r:.99}.")
    place, writer = _place("save", path), Writer()
    tree = writer.tree(obj, type(obj).__name__)
    write_whole(place, chunks({"format": _FORMAT, "version": __version__, "object": tree}, writer.tensors))


def load(path: str | os.PathLike[str], *, max_bytes: int = 2**31) -> Any:
    """An estimator from a file of `save`.

    The file is not trusted: nothing in it is run, and nothing imported that it names. Its size, its SHA-256, its
    format, the classes, their parameters, and the names, types and shapes of all arrays are checked before anything is
    built. The digest is no signature: it shows damage, not who wrote the file.

    Parameters
    ----------
    path : str or path-like
    max_bytes : int, default=2**31
        The largest file that is read; about as much memory is taken.

    Returns
    -------
    obj : estimator, Stream or PipelineStream
        As it was saved.

    Raises
    ------
    skrnn.ModelFileError
        If the file is damaged, too large, from a later version, or holds what it should not.
    TypeError, ValueError
        If ``path`` is none: a number is the descriptor of an open file.
    OSError
        If there is no such file, or it cannot be read.
    """
    max_bytes = check_arguments("load", {"max_bytes": [integers(1)]}, max_bytes=max_bytes)["max_bytes"]
    path = _place("load", path)
    data = _read(path, max_bytes)
    try:
        return _built(data, max_bytes)
    except (ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError) as error:
        raise ModelFileError(f"The file {os.fspath(path)!r} cannot be loaded: {str(error).rstrip('.')}.") from error


def _place(caller: str, path: Any) -> str:
    """The path as a text; a number would be taken for an open file, which is closed behind it."""
    if not isinstance(path, (str, os.PathLike)):
        raise TypeError(f"{caller} takes a path, got a {type(path).__name__}.")
    place = os.fsdecode(path)
    try:
        good = b"\0" not in os.fsencode(place)
    except UnicodeError:
        good = False
    if not good:
        raise ValueError(f"{caller} takes a path, and {place!a} is none.")
    return place


def _built(data: bytearray, max_bytes: int) -> Any:
    """What the bytes of a file say."""
    document, tensors = read_header(data, check_digest(data))
    form, version = document.get("format"), document.get("version", "unknown")
    if type(form) is not int or not 1 <= form <= _FORMAT:
        raise ValueError(
            f"skrnn {version} wrote it in format {form!r}, and skrnn {__version__} reads format {_FORMAT}. Install a "
            "newer skrnn"
        )
    reader = Reader(data, tensors, max_bytes)
    found = reader.value(document["object"])
    reader.finish()
    if not isinstance(found, BaseEstimator) and name_of(found) is None:
        raise ValueError(f"it holds a {type(found).__name__}, which is no estimator")
    return found


def _read(path: str | os.PathLike[str], max_bytes: int) -> bytearray:
    """The bytes of a file, if there are not too many."""
    with open(path, "rb", opener=_without_waiting) as file:
        status = os.fstat(file.fileno())
        if not stat.S_ISREG(status.st_mode) or status.st_size > max_bytes:
            what = f"has {status.st_size} bytes, more than max_bytes={max_bytes}" if status.st_size else "is no file"
            raise ModelFileError(f"The file {os.fspath(path)!r} cannot be loaded: it {what}.")
        data = bytearray(status.st_size)
        if file.readinto(data) != len(data) or file.read(1):
            raise ModelFileError(f"The file {os.fspath(path)!r} cannot be loaded: it changed while it was read.")
    return data


def _without_waiting(path: str, flags: int) -> int:
    """Open a file; of a pipe nothing is awaited."""
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))

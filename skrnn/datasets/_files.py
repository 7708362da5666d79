"""What all loaders share: reading a packaged file, optional pandas, and the returned Bunch."""

from __future__ import annotations

import csv
import functools
import gzip
import inspect
import io
from collections.abc import Callable
from importlib.resources import files
from types import ModuleType
from typing import Any, ParamSpec, TypeVar

import numpy as np
from sklearn.utils import Bunch

P = ParamSpec("P")
R = TypeVar("R")


def read_csv(filename: str) -> dict[str, tuple[str, ...]]:
    """Return the columns of a ``.csv`` or ``.csv.gz`` file as text, by the name in its header."""
    header, *rows = csv.reader(io.StringIO(read_text(filename), newline=""))
    return dict(zip(header, zip(*rows, strict=True), strict=True))


def read_text(filename: str) -> str:
    """Return the content of a text file, which may be compressed."""
    content = _read_bytes(filename)
    return (gzip.decompress(content) if filename.endswith(".gz") else content).decode("utf-8")


def read_npz(filename: str) -> dict[str, np.ndarray]:
    """Return the arrays of an ``.npz`` file by name."""
    with np.load(io.BytesIO(_read_bytes(filename)), allow_pickle=False) as archive:
        return dict(archive)


def _read_bytes(filename: str) -> bytes:
    """Return the content of a file in the ``data`` folder next to this module."""
    return files("skrnn.datasets").joinpath("data", filename).read_bytes()


def import_pandas() -> ModuleType:
    """Return pandas, which is needed for ``as_frame=True`` only."""
    try:
        import pandas
    except ImportError as error:
        raise ImportError(
            "as_frame=True needs pandas, which is not installed: run `pip install pandas` or use as_frame=False."
        ) from error
    module: ModuleType = pandas
    return module


def checked(loader: Callable[P, R]) -> Callable[P, R]:
    """The loader behind a check of its flags and names, which are of the type of their default."""
    defaults = {name: one.default for name, one in inspect.signature(loader).parameters.items()}

    @functools.wraps(loader)
    def load(*args: P.args, **kwargs: P.kwargs) -> R:
        for name, value in kwargs.items():
            kind = type(defaults.get(name))
            if kind in (bool, str) and not isinstance(value, (bool, np.bool_) if kind is bool else str):
                raise TypeError(f"{name} of {loader.__name__} must be a {kind.__name__}. Got {value!r:.80} instead.")
        return loader(*args, **kwargs)

    return load


def make_result(
    loader: Callable[..., Any],
    data: Any,
    target: Any,
    *,
    feature_names: list[str],
    filename: str | None,
    return_X_y: bool,
    as_frame: bool,
    **others: Any,
) -> Bunch | tuple[Any, Any]:
    """Return ``(data, target)`` or the Bunch of `loader`, whose docstring becomes ``DESCR``."""
    if return_X_y:
        return data, target
    return Bunch(
        data=data,
        target=target,
        frame=data.join(target) if as_frame else None,
        feature_names=feature_names,
        DESCR=inspect.getdoc(loader) or "",
        filename=filename,
        **others,
    )

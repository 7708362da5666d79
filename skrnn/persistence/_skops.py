"""What is scikit-learn's own, by way of skops: only types that it knows, and those of this package."""

from __future__ import annotations

import io
import zipfile
from typing import Any

from skrnn._types import Array
from skrnn.persistence._classes import TRUSTED_TYPES

__all__ = ["from_skops", "to_skops"]


def to_skops(value: Any, place: str) -> bytes:
    """The bytes of an estimator.

    Raises
    ------
    TypeError
        If it holds types that skops does not know.
    """
    io_of = _skops()
    try:
        data: bytes = io_of.dumps(value)
        unknown = sorted(set(io_of.get_untrusted_types(data=data)) - set(TRUSTED_TYPES))
    except (TypeError, ValueError, AttributeError, NotImplementedError) as error:
        raise TypeError(f"{place} is a {type(value).__name__} that skops cannot write: {error}") from error
    if unknown:
        raise TypeError(
            f"{place} is a {type(value).__name__} that holds {', '.join(unknown)}, which a file without code cannot "
            "hold. Use what scikit-learn and this package name."
        )
    return data


def from_skops(data: Array, max_bytes: int) -> Any:
    """The estimator of such bytes.

    Raises
    ------
    ValueError
        If they hold other types, or are none of skops.
    """
    io_of, raw = _skops(), data.tobytes()
    try:
        with zipfile.ZipFile(io.BytesIO(raw)) as archive:
            size = sum(entry.file_size for entry in archive.infolist())
        if size > max_bytes:
            raise ValueError(f"unpacked it has {size} bytes, more than max_bytes={max_bytes}")
        unknown = sorted(set(io_of.get_untrusted_types(data=raw)) - set(TRUSTED_TYPES))
        if unknown:
            raise ValueError(f"it holds {', '.join(unknown)}, which are no types that are trusted")
        return io_of.loads(raw, trusted=TRUSTED_TYPES)
    except Exception as error:  # of zip, JSON, NumPy, skops, or a state that does not fit
        raise ValueError(str(error) or type(error).__name__) from error


def _skops() -> Any:
    try:
        import skops.io
    except ImportError as error:
        raise ImportError(
            "What is made of scikit-learn's own estimators is kept by skops, which is not installed: "
            "pip install 'skrnn[files]'."
        ) from error
    return skops.io

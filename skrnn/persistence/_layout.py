"""The bytes of a file: those of safetensors (https://huggingface.co/docs/safetensors), with a digest of all of them.

Eight bytes say how long the header is; the header is JSON with a name, a dtype, a shape and a place for every tensor;
the tensors follow. One metadata key, "skrnn", holds JSON of its own, which begins with the SHA-256 of the whole file,
where the digest itself counts as 64 zeros. So no bit of a file can change unseen.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from math import prod
from typing import Any, NamedTuple

import numpy as np

from skrnn._types import Array

__all__ = ["DTYPES", "Tensor", "check_digest", "chunks", "read_header"]

DTYPES = {
    "F64": "<f8",
    "F32": "<f4",
    "F16": "<f2",
    "I64": "<i8",
    "I32": "<i4",
    "I16": "<i2",
    "I8": "|i1",
    "U64": "<u8",
    "U32": "<u4",
    "U16": "<u2",
    "U8": "|u1",
    "BOOL": "|b1",
}
_NAMES = {dtype: name for name, dtype in DTYPES.items()}
_ZEROS = b"0" * 64
_BEGIN = rb'\{"__metadata__":\{"skrnn":"\{\\"sha256\\":\\"'
_HEADER = re.compile(_BEGIN + rb'([0-9a-f]{64})\\"')
_PACKED = (",", ":")
_MOST_AXES = 32


class Tensor(NamedTuple):
    """Where a tensor lies in a file: its dtype and shape, and its first byte."""

    dtype: str
    shape: tuple[int, ...]
    begin: int


def chunks(document: Mapping[str, Any], tensors: Mapping[str, Array]) -> Iterator[Any]:
    """The bytes of a file, in parts."""
    ordered = sorted(tensors, key=lambda name: -tensors[name].dtype.itemsize)  # so that each is aligned
    meta = json.dumps({"sha256": _ZEROS.decode(), **document}, separators=_PACKED, allow_nan=False)
    header: dict[str, Any] = {"__metadata__": {"skrnn": meta}}
    end = 0
    for name in ordered:
        value = tensors[name]
        begin, end = end, end + value.nbytes
        header[name] = {"dtype": _NAMES[value.dtype.str], "shape": list(value.shape), "data_offsets": [begin, end]}
    text = json.dumps(header, separators=_PACKED).encode()
    text += b" " * (-len(text) % 8)
    parts = [np.ascontiguousarray(tensors[name]).reshape(-1).view(np.uint8).data for name in ordered]
    size = len(text).to_bytes(8, "little")
    digest = _digest([size, text, *parts])
    place = text.index(_ZEROS)
    yield size + text[:place] + digest + text[place + 64 :]
    yield from parts


def check_digest(data: bytearray) -> int:
    """The size of the header, after everything in the file was compared with its digest.

    Raises
    ------
    ValueError
        If it is no file of this kind, or not as it was written.
    """
    size = int.from_bytes(data[:8], "little")
    if len(data) < 16 or not 0 < size <= len(data) - 8:
        raise ValueError("it is no file of skrnn, or was cut off")
    found = _HEADER.match(data, 8, 8 + size)
    if found is None:
        raise ValueError("it is no file of skrnn: the header begins with no digest")
    first, last = found.span(1)
    view = memoryview(data)
    if _digest([view[:first], _ZEROS, view[last:]]) != found.group(1):
        raise ValueError("it is not as it was written: its bytes do not agree with their SHA-256")
    return size


def read_header(data: bytearray, size: int) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """The document, and where the tensors are, checked: they fill the file, one after the other."""
    header = _parsed(bytes(data[8 : 8 + size]).decode())
    document = _parsed(header.pop("__metadata__")["skrnn"])
    tensors, end = {}, 0
    for name, entry in header.items():
        if type(entry) is not dict or set(entry) != {"dtype", "shape", "data_offsets"}:
            raise ValueError(f"the tensor {name!r} is not described")
        dtype, shape, offsets = entry["dtype"], entry["shape"], entry["data_offsets"]
        if type(dtype) is not str or dtype not in DTYPES:
            raise ValueError(f"the tensor {name!r} has the unknown dtype {dtype!r}")
        if type(shape) is not list or len(shape) > _MOST_AXES or not all(type(n) is int and n >= 0 for n in shape):
            raise ValueError(f"the tensor {name!r} has no shape")
        begin, end = end, end + prod(shape) * np.dtype(DTYPES[dtype]).itemsize
        if offsets != [begin, end]:
            raise ValueError(f"the tensor {name!r} does not lie where its shape says")
        tensors[name] = Tensor(DTYPES[dtype], tuple(shape), 8 + size + begin)
    if 8 + size + end != len(data):
        raise ValueError("the tensors do not fill the file")
    return document, tensors


def _digest(parts: Any) -> bytes:
    found = hashlib.sha256()
    for part in parts:
        found.update(part)
    return found.hexdigest().encode()


def _parsed(text: Any) -> dict[str, Any]:
    """A JSON object in which no name comes twice."""
    found = json.loads(text, object_pairs_hook=_different, parse_constant=_no_number)
    if type(found) is not dict:
        raise ValueError(f"the header is a {type(found).__name__}")
    return found


def _different(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name comes twice in the header")
    return found


def _no_number(name: str) -> Any:
    raise ValueError(f"the header holds {name}")

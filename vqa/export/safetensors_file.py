"""Safetensors files, read and written with every number in their header checked.

A file is ``uint64 length``, a JSON header of that length, and the numbers of all tensors one after the other::

    {"__metadata__": {"key": "text"}, "name": {"dtype": "F32", "shape": [2, 3], "data_offsets": [0, 24]}, ...}

Source: repository huggingface/safetensors, README, "Format".
"""

from __future__ import annotations

import io
import json
import math
import os
import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from vqa.errors import DataError
from vqa.files import replacing
from vqa.tensors import ITEM_SIZES, MAX_DIMENSIONS, MAX_TENSORS, NUMPY_TYPES, Bytes, Tensor, TensorFile

METADATA = "__metadata__"
# The format's own limit.
MAX_HEADER = 100_000_000
ALIGNMENT = 8


def open_safetensors(path: str | Path) -> TensorFile:
    """Return where the tensors of a safetensors file lie; nothing but its header is read.

    Raises
    ------
    DataError
        The file is no safetensors file, is cut off or damaged.
    OSError
        The file cannot be read.
    """
    path = Path(path)
    with open(path, "rb") as file:
        return _checked(Bytes(file, os.fstat(file.fileno()).st_size), path)


def _checked(data: Bytes, path: Path) -> TensorFile:
    try:
        return _read(data, path)
    except (DataError, ValueError) as error:
        raise DataError(f"{path}: expected a whole safetensors file: {error}") from None
    except (TypeError, LookupError, AttributeError, RecursionError) as error:
        raise DataError(f"{path}: expected a whole safetensors file: its header is damaged ({error!r})") from None


def _read(data: Bytes, path: Path) -> TensorFile:
    length = data.number(8, "the length of its header")
    if length > MAX_HEADER:
        raise DataError(f"its first bytes announce a header of {length:,} bytes")
    header = json.loads(data.read(length, "its header"), object_pairs_hook=_without_repeats)
    metadata = header.pop(METADATA, {})
    if not all(isinstance(value, str) for value in metadata.values()):
        raise DataError(f"{METADATA} holds something other than texts")
    if len(header) > MAX_TENSORS:
        raise DataError(f"it holds {len(header):,} tensors; at most {MAX_TENSORS:,} are read")
    tensors, end = {}, 0
    for name, entry in sorted(header.items(), key=lambda item: item[1]["data_offsets"]):
        tensor = Tensor(entry["dtype"], tuple(entry["shape"]), 8 + length + end)
        if tensor.dtype not in ITEM_SIZES:
            raise DataError(f"tensor {name!r} holds numbers of the type {tensor.dtype!r}, which is not read here")
        sizes = tensor.shape
        if len(sizes) > MAX_DIMENSIONS or not all(type(size) is int and size >= 0 for size in sizes):
            raise DataError(f"tensor {name!r} claims to have the shape {list(sizes)}")
        if entry["data_offsets"] != [end, end + tensor.num_bytes]:
            raise DataError(
                f"tensor {name!r} should lie at bytes {end} to {end + tensor.num_bytes} of the numbers, "
                f"its header says {entry['data_offsets']}"
            )
        end += tensor.num_bytes
        data.skip(tensor.num_bytes, f"tensor {name!r}")
        tensors[name] = tensor
    if data.left:
        raise DataError(f"{data.left:,} bytes are left over after its last tensor")
    return TensorFile(path, tensors, metadata)


def _without_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    content = dict(pairs)
    if len(content) != len(pairs):
        raise DataError("a name occurs twice in its header")
    return content


def write_safetensors(source: TensorFile, path: str | Path) -> None:
    """Write tensors as a safetensors file, in the order of their source and with its metadata.

    Raises
    ------
    DataError
        A tensor has the name "__metadata__", which the format keeps for itself.
    OSError
        The file cannot be written; an older file of the name is as it was.
    """
    if METADATA in source.tensors:
        raise DataError(
            f"{source.path}: an array has the name {METADATA!r}, which safetensors files keep for themselves"
        )
    forms = {name: (tensor.dtype, tensor.shape) for name, tensor in source.tensors.items()}
    with replacing(Path(path), "wb") as file:
        file.write(_header(forms, source.metadata))
        for name in source.tensors:
            for chunk in source.chunks(name):
                file.write(chunk)


def pack(arrays: Mapping[str, npt.NDArray[Any]], metadata: Mapping[str, str]) -> bytes:
    """Return the bytes of a safetensors file that holds NumPy arrays."""
    names = {np.dtype(code): name for name, code in NUMPY_TYPES.items()}
    header = _header({name: (names[array.dtype], array.shape) for name, array in arrays.items()}, metadata)
    return header + b"".join(np.ascontiguousarray(array).tobytes() for array in arrays.values())


def unpack(data: bytes) -> dict[str, npt.NDArray[Any]]:
    """Return the arrays of a safetensors file that is in memory.

    Raises
    ------
    DataError
        The bytes are not those of a whole safetensors file.
    """
    table = _checked(Bytes(io.BytesIO(data), len(data)), Path("tensors"))
    return {
        name: np.frombuffer(data, NUMPY_TYPES[tensor.dtype], math.prod(tensor.shape), tensor.offset).reshape(
            tensor.shape
        )
        for name, tensor in table.tensors.items()
    }


def _header(forms: Mapping[str, tuple[str, tuple[int, ...]]], metadata: Mapping[str, str]) -> bytes:
    """Return the header of tensors with these types and shapes, one after the other."""
    header: dict[str, Any] = {METADATA: dict(metadata)} if metadata else {}
    end = 0
    for name, (dtype, shape) in forms.items():
        start, end = end, end + math.prod(shape) * ITEM_SIZES[dtype]
        header[name] = {"dtype": dtype, "shape": list(shape), "data_offsets": [start, end]}
    text = json.dumps(header, separators=(",", ":"), ensure_ascii=False).encode("utf-8")
    # So that the numbers begin where a processor reads them fastest.
    text += b" " * (-len(text) % ALIGNMENT)
    return struct.pack("<Q", len(text)) + text

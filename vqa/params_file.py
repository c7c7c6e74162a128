"""MXNet's parameter files (.params), read and written without MXNet.

A file is a list of arrays followed by a list of names, all numbers little-endian::

    uint64 0x112, uint64 0                       what kind of file this is
    uint64 count, then each array:
        uint32 0xF993FAC9                        the version; MXNet's NumPy arrays have 0xF993FACA
        int32 0                                  dense; 1 and 2 are sparse
        int32 dimensions, int64 each of them
        int32 device type, int32 device id       the device that the array was on
        int32 number type
        the numbers, row by row
    uint64 count, then each name: uint64 length, UTF-8 bytes

Before version 0xF993FAC9 an array had no word on sparseness (0xF993FAC8), and before that no version at all: it began
with its dimensions, uint32 each. Source: repository apache/mxnet, src/ndarray/ndarray.cc.
"""

from __future__ import annotations

import io
import json
import math
import os
import struct
from pathlib import Path
from typing import NamedTuple

from vqa.errors import DataError
from vqa.files import replacing
from vqa.tensors import ITEM_SIZES, MAX_DIMENSIONS, MAX_TENSORS, Bytes, Tensor, TensorFile

MAGIC = 0x112
OLDEST, NO_SPARSE, CURRENT, NUMPY_SHAPES = 0, 0xF993FAC8, 0xF993FAC9, 0xF993FACA
CPU = (1, 0)
DTYPES = {0: "F32", 1: "F64", 2: "F16", 3: "U8", 4: "I32", 5: "I8", 6: "I64", 7: "BOOL", 12: "BF16"}
TYPE_FLAGS = {name: flag for flag, name in DTYPES.items()}
SPARSE = {1: "row-sparse", 2: "sparse (CSR)"}
# Bytes at the end of a file among which the names of its arrays are searched.
MAX_NAMES = 1 << 20
UNNAMED = "mxnet.unnamed"
ORIGINS = "mxnet.arrays"


class Origin(NamedTuple):
    """What an array in a .params file has beside its numbers: the version of its layout, and the device it was on."""

    version: int = CURRENT
    device_type: int = CPU[0]
    device_id: int = CPU[1]


def open_params(path: str | Path) -> TensorFile:
    """Return where the arrays of a .params file lie; nothing but their names and shapes is read.

    The metadata of the result keeps what `write_params` needs to write the same file again, byte for byte.

    Raises
    ------
    DataError
        The file is no .params file, is cut off or damaged, holds a sparse array, or two arrays of one name.
    OSError
        The file cannot be read.
    """
    path = Path(path)
    with open(path, "rb") as file:
        try:
            return _read(Bytes(file, os.fstat(file.fileno()).st_size), path)
        except DataError as error:
            raise DataError(f"{path}: expected a whole .params file of MXNet: {error}") from None


def _read(data: Bytes, path: Path) -> TensorFile:
    if data.left < 16 or data.number(8, "its first number") != MAGIC or data.number(8, "its header") != 0:
        raise DataError("its first bytes are those of another kind of file")
    count = data.number(8, "the number of arrays")
    if count > MAX_TENSORS:
        raise DataError(f"it claims to hold {count:,} arrays; at most {MAX_TENSORS:,} are read")
    arrays = [_read_array(data, number, count) for number in range(1, count + 1)]
    names = _read_names(data, count)
    if data.left:
        raise DataError(f"{data.left:,} bytes are left over after its last name")
    metadata = {}
    if count and not names:
        names, metadata[UNNAMED] = [str(number) for number in range(count)], "true"
    tensors, origins = {}, {}
    for name, (tensor, origin) in zip(names, arrays):
        if tensor is None:
            raise DataError(f"array {name!r} has no numbers: it was saved before it was initialised")
        if name in tensors:
            raise DataError(f"two arrays have the name {name!r}")
        tensors[name] = tensor
        if origin != Origin():
            origins[name] = origin
    if origins:
        metadata[ORIGINS] = json.dumps(origins)
    return TensorFile(path, tensors, metadata)


def _read_array(data: Bytes, number: int, count: int) -> tuple[Tensor | None, Origin]:
    """Return an array, None where it has no numbers, and what stands before them."""
    what = f"array {number} of {count}"
    version = data.number(4, what)
    if version in (CURRENT, NUMPY_SHAPES):
        storage = data.number(4, what, signed=True)
        if storage in SPARSE:
            names = _last_names(data, count)
            name = repr(names[number - 1]) if names else f"{number} of {count}"
            raise DataError(f"array {name} is {SPARSE[storage]}; save it as a dense one, tostype('default') in MXNet")
        if storage:
            raise DataError(f"{what} is stored in an unknown way ({storage})")
    if version in (CURRENT, NUMPY_SHAPES, NO_SPARSE):
        dimensions = data.number(4, what, signed=True)
        if dimensions == (-1 if version == NUMPY_SHAPES else 0):
            return None, Origin(version)
        shape = _read_dimensions(data, what, dimensions, 8)
    else:
        version, shape = OLDEST, _read_dimensions(data, what, version, 4)
    origin = Origin(version, data.number(4, what, signed=True), data.number(4, what, signed=True))
    flag = data.number(4, what, signed=True)
    if flag not in DTYPES:
        raise DataError(f"{what} holds numbers of an unknown type ({flag})")
    dtype = DTYPES[flag]
    return Tensor(dtype, shape, data.skip(math.prod(shape) * ITEM_SIZES[dtype], what)), origin


def _read_dimensions(data: Bytes, what: str, number: int, size: int) -> tuple[int, ...]:
    if not 0 <= number <= MAX_DIMENSIONS:
        raise DataError(f"{what} claims to have {number} dimensions")
    dimensions = tuple(data.number(size, what, signed=True) for _ in range(number))
    if min(dimensions, default=0) < 0:
        raise DataError(f"{what} claims to have the shape {dimensions}")
    return dimensions


def _read_names(data: Bytes, count: int) -> list[str]:
    """Return the names, or none where a list of arrays without names was saved."""
    num_names = data.number(8, "the number of names")
    if num_names not in (0, count):
        raise DataError(f"it holds {count} arrays and {num_names:,} names")
    names = []
    for number in range(1, num_names + 1):
        what = f"name {number} of {num_names}"
        try:
            names.append(data.read(data.number(8, what), what).decode("utf-8"))
        except UnicodeDecodeError:
            raise DataError(f"{what} is not UTF-8") from None
    return names


def _last_names(data: Bytes, count: int) -> list[str]:
    """Return the names at the end of a file whose arrays cannot be passed over, or none where they are not found.

    Of a sparse array the file says less than how long it is: MXNet may write more numbers than it announces.
    """
    tail = data.tail(MAX_NAMES)
    start = len(tail)
    while (start := tail.rfind(struct.pack("<Q", count), 0, start)) >= 0:
        rest = Bytes(io.BytesIO(tail[start:]), len(tail) - start)
        try:
            names = _read_names(rest, count)
        except DataError:
            continue
        if not rest.left:
            return names
    return []


def write_params(source: TensorFile, path: str | Path) -> None:
    """Write tensors as a .params file that MXNet loads.

    Parameters
    ----------
    source : from `open_params`, or from another kind of file; what `open_params` kept in its metadata is written back

    Raises
    ------
    DataError
        A tensor holds numbers of a type that MXNet does not have, or the metadata is not what `open_params` keeps.
    OSError
        The file cannot be written; an older file of the name is as it was.
    """
    for name, tensor in source.tensors.items():
        if tensor.dtype not in TYPE_FLAGS:
            raise DataError(f"{source.path}: array {name!r} holds {tensor.dtype} numbers, which MXNet does not have")
    origins = _origins(source)
    with replacing(Path(path), "wb") as file:
        file.write(struct.pack("<QQQ", MAGIC, 0, len(source.tensors)))
        for name, tensor in source.tensors.items():
            file.write(_array_header(tensor, origins.get(name, _default_origin(tensor))))
            for chunk in source.chunks(name):
                file.write(chunk)
        names = [] if source.metadata.get(UNNAMED) else list(source.tensors)
        file.write(struct.pack("<Q", len(names)))
        for encoded in (name.encode("utf-8") for name in names):
            file.write(struct.pack("<Q", len(encoded)) + encoded)


def _default_origin(tensor: Tensor) -> Origin:
    """Return the layout that holds a tensor: without a dimension, or with one of 0, MXNet's NumPy arrays alone."""
    return Origin(NUMPY_SHAPES if not tensor.shape or 0 in tensor.shape else CURRENT)


def _origins(source: TensorFile) -> dict[str, Origin]:
    fault = DataError(f"{source.path}: its metadata {ORIGINS!r} is damaged; remove it, and the file can be converted")
    try:
        stored = json.loads(source.metadata.get(ORIGINS, "{}"))
        origins = {name: Origin(*values) for name, values in stored.items()}
        for name, origin in origins.items():
            known = origin.version in (OLDEST, NO_SPARSE, CURRENT, NUMPY_SHAPES)
            if not known or name not in source.tensors or not all(type(number) is int for number in origin):
                raise fault
            _array_header(source.tensors[name], origin)
    except (ValueError, TypeError, AttributeError, RecursionError, struct.error):
        raise fault from None
    return origins


def _array_header(tensor: Tensor, origin: Origin) -> bytes:
    """Return what stands before the numbers of an array."""
    dimensions = len(tensor.shape)
    if origin.version == OLDEST:
        shape = struct.pack(f"<I{dimensions}I", dimensions, *tensor.shape)
    else:
        sparseness = b"" if origin.version == NO_SPARSE else struct.pack("<i", 0)
        shape = (
            struct.pack("<I", origin.version) + sparseness + struct.pack(f"<i{dimensions}q", dimensions, *tensor.shape)
        )
    return shape + struct.pack("<iii", origin.device_type, origin.device_id, TYPE_FLAGS[tensor.dtype])

"""Tensors in files: where each one lies, so that a file can be checked and copied without being read into memory."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, NamedTuple

import numpy as np
import numpy.typing as npt

from vqa.errors import DataError

# Bytes that are copied at a time.
CHUNK = 1 << 22
# Far more than any network has: what is kept of each tensor takes more memory than the smallest one takes on disk.
MAX_TENSORS = 100_000
MAX_DIMENSIONS = 32

ITEM_SIZES = {
    "F64": 8, "F32": 4, "F16": 2, "BF16": 2, "I64": 8, "I32": 4, "I16": 2, "I8": 1,
    "U64": 8, "U32": 4, "U16": 2, "U8": 1, "BOOL": 1,
}  # fmt: skip
"""From the name of a number type in a safetensors file to the bytes of one number."""

NUMPY_TYPES = {
    "F64": "<f8", "F32": "<f4", "F16": "<f2", "I64": "<i8", "I32": "<i4", "I16": "<i2", "I8": "<i1",
    "U64": "<u8", "U32": "<u4", "U16": "<u2", "U8": "<u1", "BOOL": "|b1",
}  # fmt: skip


class Tensor(NamedTuple):
    """One tensor of a file.

    Attributes
    ----------
    dtype : a key of `ITEM_SIZES`
    shape : its dimensions, each at least 0
    offset : position of its first byte in the file; the numbers follow in row-major, little-endian order
    """

    dtype: str
    shape: tuple[int, ...]
    offset: int

    @property
    def num_bytes(self) -> int:
        """Bytes that the numbers take."""
        return math.prod(self.shape) * ITEM_SIZES[self.dtype]


@dataclass(frozen=True)
class TensorFile:
    """The tensors of a file by name, in the order of the file, and what else the file says of itself."""

    path: Path
    tensors: dict[str, Tensor]
    metadata: dict[str, str] = field(default_factory=dict)

    def array(self, name: str) -> npt.NDArray[Any]:
        """Return one tensor as a NumPy array of its own.

        Raises
        ------
        DataError
            NumPy has no such numbers (bfloat16), or the file has become shorter.
        """
        tensor = self.tensors[name]
        if tensor.dtype not in NUMPY_TYPES:
            raise DataError(f"{self.path}: array {name!r} holds {tensor.dtype} numbers, which NumPy does not have")
        with open(self.path, "rb") as file:
            file.seek(tensor.offset)
            data = file.read(tensor.num_bytes)
        if len(data) != tensor.num_bytes:
            raise DataError(f"{self.path}: the file has become shorter while it was read")
        return np.frombuffer(data, dtype=NUMPY_TYPES[tensor.dtype]).reshape(tensor.shape).copy()

    def arrays(self) -> dict[str, npt.NDArray[Any]]:
        """Return all tensors as NumPy arrays."""
        return {name: self.array(name) for name in self.tensors}

    def chunks(self, name: str) -> Iterator[bytes]:
        """Yield the bytes of one tensor, piece by piece."""
        tensor = self.tensors[name]
        left = tensor.num_bytes
        with open(self.path, "rb") as file:
            file.seek(tensor.offset)
            while left:
                data = file.read(min(left, CHUNK))
                if not data:
                    raise DataError(f"{self.path}: the file has become shorter while it was read")
                left -= len(data)
                yield data


class Bytes:
    """Reads a file from front to back, and never more than the file holds."""

    def __init__(self, file: IO[bytes], size: int) -> None:
        self._file = file
        self.left = size

    def read(self, count: int, what: str) -> bytes:
        """Return the next `count` bytes.

        Raises
        ------
        DataError
            The file ends before; `what` says what should stand there.
        """
        if count > self.left:
            raise DataError(f"the file ends inside {what}: {count:,} bytes expected, {self.left:,} left")
        self.left -= count
        return self._file.read(count)

    def skip(self, count: int, what: str) -> int:
        """Pass over the next `count` bytes and return the position of the first of them."""
        position = self._file.tell()
        if count > self.left:
            raise DataError(f"the file ends inside {what}: {count:,} bytes expected, {self.left:,} left")
        self.left -= count
        self._file.seek(count, 1)
        return position

    def number(self, size: int, what: str, *, signed: bool = False) -> int:
        """Return the next little-endian whole number of `size` bytes."""
        return int.from_bytes(self.read(size, what), "little", signed=signed)

    def tail(self, count: int) -> bytes:
        """Return the last bytes of the file, at most `count` of them, and read nothing further from it."""
        self._file.seek(self.left - min(self.left, count), 1)
        return self._file.read()

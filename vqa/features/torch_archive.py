"""Weights from a PyTorch archive, read without running any code of the archive.

An archive written by ``torch.save`` before PyTorch 1.6 is a sequence of five pickles followed by the numbers. A pickle
is a small program, and unpickling runs it, whatever it does. Here the instructions are interpreted by a reader that
knows numbers, strings, lists, dicts and four names, describes tensors with them, and refuses everything else.
"""

from __future__ import annotations

import math
import os
import pickletools
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Any, NamedTuple

import numpy as np
import numpy.typing as npt

from vqa.errors import DataError

MAGIC = 0x1950A86A20F9469CFC6C
PROTOCOL = 1001
# Tied weights share their numbers; a file in which a thousand tensors do is made to fill the memory.
MAX_SHARED = 8
STORAGE_TYPES = {"torch FloatStorage": "<f4", "torch LongStorage": "<i8"}
ORDERED_DICT, TENSOR = "collections OrderedDict", "torch._utils _rebuild_tensor_v2"
CONSTANTS: dict[str, Callable[[], Any]] = {
    "NONE": lambda: None,
    "NEWTRUE": lambda: True,
    "NEWFALSE": lambda: False,
    "EMPTY_TUPLE": tuple,
    "EMPTY_LIST": list,
    "EMPTY_DICT": dict,
}


class Name(NamedTuple):
    """The name of a class or function that the archive refers to; the class or function is never imported."""

    name: str


class Storage(NamedTuple):
    """A run of numbers in the archive: its key, NumPy type and length."""

    key: str
    dtype: str
    length: int


class Tensor(NamedTuple):
    """A tensor as the archive describes it: the position of its first number, its shape, and its strides in numbers."""

    storage: Storage
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]


def _tensor(storage: Storage, offset: int, shape: tuple[int, ...], strides: tuple[int, ...], *_: Any) -> Tensor:
    """Describe a tensor; all its numbers must lie inside its storage."""
    if not all(type(number) is int for number in (offset, *shape, *strides)):
        raise ValueError("a tensor whose shape or strides are no numbers")
    last = offset + sum((size - 1) * stride for size, stride in zip(shape, strides))
    inside = last < storage.length and math.prod(shape) <= storage.length
    if len(shape) != len(strides) or min((offset, *strides)) < 0 or min((1, *shape)) < 1 or not inside:
        raise ValueError(f"a tensor of shape {shape} and strides {strides} in {storage.length} numbers")
    return Tensor(storage, offset, shape, strides)


def _call(name: Name, arguments: tuple[Any, ...]) -> Any:
    """Return the value of a call in the archive."""
    if name.name == ORDERED_DICT and not arguments:
        return {}
    if name.name == TENSOR:
        return _tensor(*arguments)
    raise ValueError(f"a call of {name.name}")


def _storage(kind: str, storage_type: Name, key: str, _location: str, length: int, view: None) -> Storage:
    """Describe the storage that a persistent id of the archive names."""
    if kind != "storage" or view is not None or type(key) is not str or type(length) is not int:
        raise ValueError("a persistent id of another kind")
    return Storage(key, STORAGE_TYPES[storage_type.name], length)


def _set(mapping: dict[str, Any], key: Any, value: Any) -> None:
    # Of a pair of pairs of pairs, a few bytes in the file, the hash takes for ever.
    if type(key) is not str:
        raise ValueError("a dict whose keys are no texts")
    mapping[key] = value


class _Bounded:
    """A file of which never more is asked than it holds: Python reserves the memory for what is asked."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file, self._size = file, os.fstat(file.fileno()).st_size
        self.readline, self.tell = file.readline, file.tell

    def read(self, number: int) -> bytes:
        return self._file.read(min(number, self._size))


class _Reader:
    """Interprets the instructions of one pickle on a `stack` with `marks` and a `memory`."""

    def __init__(self) -> None:
        self.stack: list[Any] = []
        self.marks: list[int] = []
        self.memory: dict[int, Any] = {}

    def read(self, file: Any) -> Any:
        """Return the value of the pickle that starts at the file's position, and leave the position after it."""
        instructions: Iterator[tuple[pickletools.OpcodeInfo, Any, Any]] = pickletools.genops(file)
        for instruction, argument, _ in instructions:
            self._run(instruction.name, argument)
        (value,) = self.stack
        return value

    def _run(self, name: str, argument: Any) -> None:
        stack = self.stack
        if name in ("BININT", "BININT1", "BININT2", "LONG1", "BINUNICODE"):
            stack.append(argument)
        elif name in CONSTANTS:
            stack.append(CONSTANTS[name]())
        elif name in ("BINPUT", "LONG_BINPUT"):
            self.memory[argument] = stack[-1]
        elif name in ("BINGET", "LONG_BINGET"):
            stack.append(self.memory[argument])
        elif name == "MARK":
            self.marks.append(len(stack))
        elif name == "TUPLE":
            stack.append(tuple(self._since_mark()))
        elif name in ("TUPLE1", "TUPLE2", "TUPLE3"):
            length = int(name[-1])
            stack[-length:] = [tuple(stack[-length:])]
        elif name == "APPENDS":
            items = self._since_mark()
            stack[-1].extend(items)
        elif name == "SETITEMS":
            items = self._since_mark()
            for key, value in zip(items[::2], items[1::2]):
                _set(stack[-1], key, value)
        elif name == "SETITEM":
            key, value = stack.pop(-2), stack.pop()
            _set(stack[-1], key, value)
        elif name == "GLOBAL":
            if argument not in (ORDERED_DICT, TENSOR, *STORAGE_TYPES):
                raise ValueError(f"the name {argument.replace(' ', '.')}")
            stack.append(Name(argument))
        elif name == "REDUCE":
            arguments = stack.pop()
            stack.append(_call(stack.pop(), arguments))
        elif name == "BINPERSID":
            stack.append(_storage(*stack.pop()))
        elif name == "BUILD":
            stack.pop()  # attributes of the dict (versions of its modules), which weights do not need
        elif name not in ("PROTO", "STOP"):
            raise ValueError(f"the instruction {name}")

    def _since_mark(self) -> list[Any]:
        """Pop everything that was pushed on the stack since the last mark."""
        mark = self.marks.pop()
        items = self.stack[mark:]
        del self.stack[mark:]
        return items


def _numbers(file: _Bounded, storage: Storage) -> npt.NDArray[Any]:
    """Read the numbers of a storage, which are preceded by their count."""
    dtype = np.dtype(storage.dtype)
    count = int.from_bytes(file.read(8), "little")
    data = file.read(dtype.itemsize * storage.length)
    if count != storage.length or len(data) != dtype.itemsize * count:
        raise ValueError(f"{count} numbers where {storage.length} were announced, or the file ends early")
    return np.frombuffer(data, dtype=dtype)


def _array(tensor: Tensor, numbers: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Return a tensor as an array over the numbers of its storage; `_tensor` has checked the bounds."""
    strides = tuple(numbers.itemsize * stride for stride in tensor.strides)
    view = np.lib.stride_tricks.as_strided(numbers[tensor.offset :], tensor.shape, strides, writeable=False)
    return np.ascontiguousarray(view).reshape(tensor.shape)


def read_torch_archive(path: Path) -> dict[str, npt.NDArray[Any]]:
    """Return the named tensors of a state dict that ``torch.save`` wrote in its format before PyTorch 1.6.

    Returns
    -------
    name -> array of float32 or int64, in the order of the file

    Raises
    ------
    DataError
        The file is cut off, is in another format, or holds anything but named tensors.
    """
    with open(path, "rb") as opened:
        file = _Bounded(opened)
        try:
            if (_Reader().read(file), _Reader().read(file)) != (MAGIC, PROTOCOL):
                raise ValueError("another format")
            if not _Reader().read(file)["little_endian"]:
                raise ValueError("numbers in big-endian order")
            tensors: dict[str, Tensor] = _Reader().read(file)
            keys: list[str] = _Reader().read(file)
            if not all(type(key) is str for key in keys):
                raise ValueError("storages whose keys are no texts")
            storages = {tensor.storage.key: tensor.storage for tensor in tensors.values()}
            shared = sum(math.prod(tensor.shape) for tensor in tensors.values())
            if shared > MAX_SHARED * sum(storage.length for storage in storages.values()):
                raise ValueError(f"tensors that share their numbers more than {MAX_SHARED} times")
            numbers = {key: _numbers(file, storages[key]) for key in keys}
            return {name: _array(tensor, numbers[tensor.storage.key]) for name, tensor in tensors.items()}
        except (ValueError, TypeError, KeyError, IndexError, AttributeError, MemoryError) as error:
            raise DataError(
                f"{path}: expected weights saved by PyTorch before 1.6 (named tensors and nothing else), found "
                f"{error or type(error).__name__}"
            ) from error

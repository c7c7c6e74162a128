"""StoredRows: the rows of an array in a file, read by number; the file may be larger than memory."""

from __future__ import annotations

import os
import warnings
import weakref
from collections.abc import Sequence
from pathlib import Path
from tokenize import TokenError
from typing import Any

import numpy as np
import numpy.typing as npt

# Of a header, a tuple in a dictionary; over a hundred nested ones Python's parser ends with a MemoryError.
MOST_BRACKETS = 50


class StoredRows:
    """The rows of an ``.npy`` file: ``rows[[3, 1]]`` reads two of them.

    The rows are read, not mapped: pages of a mapped file would stay in memory until all of the file is there.

    Attributes
    ----------
    shape, dtype : of the whole array

    Raises
    ------
    OSError
        The file cannot be opened.
    ValueError
        The file is not an ``.npy`` file, is incomplete, holds Python objects or is in Fortran order.
    """

    def __init__(self, path: Path) -> None:
        _check_header(path)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # that Python 2 wrote the header, or of odd texts in a damaged one
                array = np.lib.format.open_memmap(path, mode="r")
        except (SyntaxError, TokenError, TypeError, OverflowError, MemoryError, RecursionError) as error:
            # What NumPy says of some damaged headers, which are Python's literals.
            raise ValueError(f"its header is damaged: {' '.join(str(error).split())}") from error
        if not array.flags.c_contiguous:
            raise ValueError("the array is in Fortran order")
        self.shape: tuple[int, ...] = array.shape
        self.dtype: np.dtype[Any] = array.dtype
        self._offset, self._row_bytes = array.offset, array[:1].nbytes
        # Held open, so that renaming another file over this one changes nothing here.
        self._descriptor = os.open(path, os.O_RDONLY)
        weakref.finalize(self, os.close, self._descriptor)

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, numbers: Sequence[int] | npt.NDArray[np.int64]) -> npt.NDArray[Any]:
        """Return the rows of the given numbers (M,), shape (M, *shape[1:]).

        Raises
        ------
        EOFError
            The file was truncated; the error's argument is the position in `numbers` of the first row that is gone.
        """
        result = np.empty((len(numbers), *self.shape[1:]), dtype=self.dtype)
        for place, number in enumerate(numbers):
            if os.preadv(self._descriptor, [result[place]], self._offset + self._row_bytes * number) < self._row_bytes:
                raise EOFError(place)
        return result


def _check_header(path: Path) -> None:
    """Raise ValueError for a header on which NumPy reserves too much memory, or Python's parser gives up."""
    with open(path, "rb") as file:
        start = file.read(12)
        # Versions 2 and 3 count the header's length with four bytes, version 1 with two.
        length = int.from_bytes(start[8:12] if start[6:7] > b"\x01" else start[8:10], "little")
        if length > os.stat(path).st_size:
            raise ValueError("its header is cut off")
        header = file.read(length)
    if sum(map(header.count, (b"(", b"[", b"{"))) > MOST_BRACKETS:
        raise ValueError("its header is damaged: it has too many brackets")

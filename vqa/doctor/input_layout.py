"""Input layouts: which inputs hold one row per question, which are shared, and which one points into others.

The networks of this project take images (M, ...) and image_index (N,): questions share an image, so that permuting
the questions must leave the images where they are. Only the network's behaviour tells. A layout is accepted when the
network behaves by it: mixed among other rows, each question is answered as before. A network with a leak behaves by
none, and is asked again with its rows merely permuted.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from vqa.doctor.state import Array, is_whole
from vqa.doctor.subject import Subject, first_line
from vqa.doctor.tolerance import INCOMPARABLE, Deviation, Tolerance

Rows = npt.NDArray[np.int64]


class Arrangement(NamedTuple):
    """Inputs of a batch, and the questions whose answers are known: output row ``places[k]`` answers ``rows[k]``."""

    arrays: list[Array]
    size: int
    places: Rows
    rows: Rows


@dataclass(frozen=True)
class Pointer:
    """An input (N,) whose values are places in tables, inputs (M, ...) that questions share."""

    index: int
    tables: tuple[int, ...]


@dataclass(frozen=True)
class InputLayout:
    """How the inputs of a network are related.

    Attributes
    ----------
    axes : for each input the axis that counts the questions, or None where it is shared by all of them
    pointers : the inputs that point into others, with those
    """

    axes: tuple[int | None, ...]
    pointers: tuple[Pointer, ...] = ()

    def take(self, arrays: Sequence[Array], rows: Rows, places: Sequence[Rows] = ()) -> list[Array]:
        """Return the inputs that ask the questions `rows`, in this order.

        The tables are whole, or hold only their entries `places`, in this order, one array per pointer; the indices
        follow them.
        """
        taken = [
            values if axis is None else np.take(values, rows, axis=axis) for values, axis in zip(arrays, self.axes)
        ]
        for pointer, entries in zip(self.pointers, places):
            moved = np.zeros(len(arrays[pointer.tables[0]]), dtype=np.int64)
            moved[entries] = np.arange(len(entries))
            index = taken[pointer.index]
            taken[pointer.index] = moved[index.astype(np.int64)].astype(index.dtype)
            for table in pointer.tables:
                taken[table] = arrays[table][entries]
        return taken

    def places(self, arrays: Sequence[Array], rows: Rows) -> list[Rows]:
        """Return the table entries that `rows` point to, each once, one array per pointer."""
        return [np.unique(arrays[pointer.index][rows].astype(np.int64)) for pointer in self.pointers]

    def turned(self, arrays: Sequence[Array]) -> list[Rows]:
        """Return the table entries in another order: those that are pointed to change places among themselves.

        So the index never holds a value that it did not hold before: MXNet reads outside its memory where an input
        that turns out not to be an index, such as a length, is 0 or too large.
        """
        orders = []
        for pointer, used in zip(self.pointers, self.places(arrays, np.arange(self._num_rows(arrays)))):
            order = np.arange(len(arrays[pointer.tables[0]]))
            order[used] = np.roll(used, 1)
            orders.append(order)
        return orders

    def _num_rows(self, arrays: Sequence[Array]) -> int:
        return next(values.shape[axis] for values, axis in zip(arrays, self.axes) if axis is not None)

    def alone(self, arrays: Sequence[Array], rows: Rows) -> Arrangement:
        """Return a batch that holds the questions `rows` and nothing that belongs to others."""
        taken = self.take(arrays, rows, self.places(arrays, rows))
        return Arrangement(taken, len(rows), np.arange(len(rows)), rows)

    def permuted(self, arrays: Sequence[Array], order: Rows) -> Arrangement:
        """Return the same questions in another order."""
        return Arrangement(self.take(arrays, order, self.turned(arrays)), len(order), np.arange(len(order)), order)

    def mixed(
        self, arrays: Sequence[Array], num_rows: int, random: np.random.RandomState, strange: bool
    ) -> Arrangement:
        """Return twice as many questions: each of them once, in another place, among as many others.

        The others are copies of half of the questions, with strange content where it is real-valued. Twice, because
        MXNet writes outside its memory where a reshape to a fixed batch size does not come out even.
        """
        half = random.permutation(num_rows)[: (num_rows + 1) // 2]
        entries = np.concatenate([np.arange(num_rows), np.resize(half, num_rows)])
        order = _moved(2 * num_rows, num_rows, random)
        taken = self.take(arrays, entries[order], self.turned(arrays))
        others = np.nonzero(order >= num_rows)[0]
        if strange:
            self.make_strange(taken, others)
        places = np.nonzero(order < num_rows)[0]
        return Arrangement(taken, 2 * num_rows, places, order[places])

    def make_strange(self, taken: list[Array], others: Rows) -> None:
        """Replace the content of the questions at `others`, where it is real-valued."""
        for position, axis in enumerate(self.axes):
            pointing = any(pointer.index == position for pointer in self.pointers)
            if axis is not None and not pointing and not is_whole(taken[position]):
                values = np.moveaxis(taken[position].copy(), axis, 0)
                values[others] = foreign(values[others])
                taken[position] = np.moveaxis(values, 0, axis)

    def copies(self, arrays: Sequence[Array], num_rows: int) -> npt.NDArray[np.int64]:
        """Return a group number for each row, shape (N,): rows of one group have equal inputs."""
        groups: dict[bytes, int] = {}
        numbers = np.zeros(num_rows, dtype=np.int64)
        for row in range(num_rows):
            alone = self.alone(arrays, np.array([row])).arrays
            tables = [table for pointer in self.pointers for table in pointer.tables]
            own = [alone[place] for place, axis in enumerate(self.axes) if axis is not None or place in tables]
            content = b"".join(values.tobytes() for values in own)
            numbers[row] = groups.setdefault(content, len(groups))
        return numbers


def _moved(size: int, num_rows: int, random: np.random.RandomState) -> Rows:
    """Return a random order of `size` entries in which none of the first `num_rows` stays in its place."""
    while True:
        order = random.permutation(size)
        if not np.any(order[:num_rows] == np.arange(num_rows)):
            return order


def foreign(values: Array) -> Array:
    """Return content that is unlike `values` and still allowed: real numbers are turned and enlarged, ids stay."""
    return values if is_whole(values) else (-3 * values).astype(values.dtype)


def compare(subject: Subject, arrangement: Arrangement, tolerance: Tolerance) -> tuple[Deviation, str]:
    """Return how far the answers are from the expected ones, and why they cannot be compared, if so."""
    base = subject.base
    try:
        answers = subject.answer(arrangement.arrays)
    except Exception as error:
        return INCOMPARABLE, f"one of {arrangement.size} does not ({first_line(error)})"
    if answers.shape != (arrangement.size, base.shape[1]):
        return INCOMPARABLE, f"one of {arrangement.size} gives outputs of shape {answers.shape}"
    return tolerance.worst(answers[arrangement.places], base[arrangement.rows], arrangement.rows), ""

"""Input layouts: which inputs hold one row per question, which are shared, and which one points into others.

The networks of this project take images (M, ...) and image_index (N,): questions share an image, so that permuting
the questions must leave the images where they are. Nothing says so but the network's behaviour. A layout is taken
when the network behaves by it; a sick network behaves by none.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from vqa.doctor.state import Array, is_whole
from vqa.doctor.subject import Logits, Subject, Tolerance, deviation
from vqa.errors import VqaError

Rows = npt.NDArray[np.int64]

MOST_LAYOUTS = 48
# Changing an image must move the rows that point to it this many times more than the others.
LOCALITY = 1.5


@dataclass(frozen=True)
class InputLayout:
    """How the inputs of a network hang together.

    Attributes
    ----------
    axes : for each input the axis that counts the questions, or None where it is shared by all of them
    index : the input (N,) whose values are places in the tables, or None
    tables : the shared inputs (M, ...) that `index` points into
    """

    axes: tuple[int | None, ...]
    index: int | None = None
    tables: tuple[int, ...] = ()

    def take(self, arrays: Sequence[Array], rows: Rows, places: Rows | None = None) -> list[Array]:
        """Return the inputs that ask the questions `rows`, in this order.

        The tables are whole, or hold only their entries `places`, in this order; the index follows them.
        """
        taken = [
            values if axis is None else np.take(values, rows, axis=axis) for values, axis in zip(arrays, self.axes)
        ]
        if places is not None and self.index is not None:
            moved = np.zeros(self.table_size(arrays), dtype=np.int64)
            moved[places] = np.arange(len(places))
            index = taken[self.index]
            taken[self.index] = moved[index.astype(np.int64)].astype(index.dtype)
            for table in self.tables:
                taken[table] = arrays[table][places]
        return taken

    def table_size(self, arrays: Sequence[Array]) -> int:
        """Return the number of entries of the tables, 0 where there is none."""
        return len(arrays[self.tables[0]]) if self.tables else 0

    def places(self, arrays: Sequence[Array], rows: Rows) -> Rows:
        """Return the table entries that `rows` point to, each once; empty where there is no table."""
        if self.index is None:
            return np.zeros(0, dtype=np.int64)
        return np.unique(arrays[self.index][rows].astype(np.int64))

    def turned(self, arrays: Sequence[Array]) -> Rows:
        """Return the table entries in another order: those that are pointed to change places among themselves.

        So the index never holds a value that it did not hold before: MXNet reads outside its memory where an input
        that was no index after all, a length say, is 0 or too large.
        """
        order = np.arange(self.table_size(arrays))
        if self.index is not None:
            used = np.unique(arrays[self.index].astype(np.int64))
            order[used] = np.roll(used, 1)
        return order

    def alone(self, arrays: Sequence[Array], rows: Rows) -> list[Array]:
        """Return the inputs of a batch that holds the questions `rows` and nothing that belongs to others."""
        return self.take(arrays, rows, self.places(arrays, rows))

    def copies(self, arrays: Sequence[Array], num_rows: int) -> npt.NDArray[np.int64]:
        """Return a group number for each row, shape (N,): rows of one group have equal inputs."""
        groups: dict[bytes, int] = {}
        numbers = np.zeros(num_rows, dtype=np.int64)
        for row in range(num_rows):
            alone = self.alone(arrays, np.array([row]))
            own = [alone[place] for place, axis in enumerate(self.axes) if axis is not None or place in self.tables]
            content = b"".join(values.tobytes() for values in own)
            numbers[row] = groups.setdefault(content, len(groups))
        return numbers


def foreign(values: Array) -> Array:
    """Return content that is unlike `values` and still allowed: real numbers are turned and enlarged, ids stay."""
    return values if is_whole(values) else (-3 * values).astype(values.dtype)


def find_input_layout(subject: Subject, base: Logits, tolerance: Tolerance) -> InputLayout:
    """Return the layout that the network behaves by; for a sick network the plainest one.

    Raises
    ------
    VqaError
        No input has as many rows as the output.
    """
    shifted = np.roll(np.arange(len(base)), 1)
    plainest: InputLayout | None = None
    for layout in itertools.islice(_candidates(subject, base, tolerance), MOST_LAYOUTS):
        plainest = plainest or layout
        arrays = layout.take(subject.arrays, shifted, layout.turned(subject.arrays))
        if _difference(subject, arrays, base[shifted]) <= tolerance.bound and _keeps_shape(subject, base, layout):
            return layout
    assert plainest is not None
    return plainest


def _difference(subject: Subject, arrays: Sequence[Array], expected: Logits) -> float:
    """Return how far the answers are from the expected ones, infinite where the network does not run."""
    try:
        return deviation(subject.answer(arrays), expected)
    except Exception:
        return float("inf")


def _keeps_shape(subject: Subject, base: Logits, layout: InputLayout) -> bool:
    """Tell whether twice the questions give twice the rows of answers, of the same number of classes.

    Twice, because MXNet writes outside its memory where a reshape to a fixed batch size does not come out even.
    """
    twice = np.tile(np.arange(len(base)), 2)
    try:
        return subject.answer(layout.take(subject.arrays, twice)).shape == (len(twice), base.shape[1])
    except Exception:
        return False


def _candidates(subject: Subject, base: Logits, tolerance: Tolerance) -> Iterator[InputLayout]:
    """Yield the layouts that the shapes allow, the plainest first: every input with N rows holds the questions."""
    arrays, num_rows = subject.arrays, len(base)
    first = [position for position, values in enumerate(arrays) if values.ndim and len(values) == num_rows]
    second = [position for position, values in enumerate(arrays) if values.ndim > 1 and values.shape[1] == num_rows]
    if not first and not second:
        raise VqaError(
            f"expected inputs with the questions along the first axis: the output has {num_rows} rows, "
            f"the inputs have the shapes {[values.shape for values in arrays]}"
        )
    plain = InputLayout(tuple(0 if position in first else None for position in range(len(arrays))))
    plain = _with_small_tables(subject, base, tolerance, plain)
    if first:
        yield plain
    pointers = [position for position in first if _points(arrays[position], num_rows)]
    if plain.index is None and num_rows > 1:
        for index in pointers:
            for tables in _subsets([position for position in first if position != index]):
                yield replace(_with_axis(plain, tables, None), index=index, tables=tables)
    for turned in _subsets([position for position in second if position not in plain.tables]):
        yield _with_axis(plain, turned, 1)
    if first and not _keeps_shape(subject, base, plain):
        # As many rows as questions by chance: a table of classes where N == C, of places where N == T.
        for shared in _subsets(first):
            if len(shared) < len(first):
                yield _with_axis(plain, shared, None)


def _subsets(positions: Sequence[int]) -> Iterator[tuple[int, ...]]:
    """Yield the subsets that are not empty, small ones first."""
    for size in range(1, len(positions) + 1):
        yield from itertools.combinations(positions, size)


def _with_axis(layout: InputLayout, positions: Sequence[int], axis: int | None) -> InputLayout:
    """Return the layout in which the inputs at `positions` count the questions along another axis."""
    return replace(layout, axes=tuple(axis if place in positions else other for place, other in enumerate(layout.axes)))


def _points(values: Array, size: int) -> bool:
    """Tell whether an input could hold places in a table of `size` entries."""
    return values.ndim == 1 and is_whole(values) and bool(values.min() >= 0) and bool(values.max() < size)


def _with_small_tables(subject: Subject, base: Logits, tolerance: Tolerance, plain: InputLayout) -> InputLayout:
    """Return `plain` with the inputs of another length than N that an input is found to point into, as tables."""
    arrays = subject.arrays
    shared = [place for place, axis in enumerate(plain.axes) if axis is None and arrays[place].ndim]
    for length in sorted({len(arrays[place]) for place in shared} - {1}):
        tables = tuple(place for place in shared if len(arrays[place]) == length)
        for index, axis in enumerate(plain.axes):
            layout = replace(plain, index=index, tables=tables)
            if axis == 0 and _points(arrays[index], length) and _is_pointer(subject, base, tolerance, layout):
                return layout
    return plain


def _is_pointer(subject: Subject, base: Logits, tolerance: Tolerance, layout: InputLayout) -> bool:
    """Tell whether the network uses the values of the index as places in the tables."""
    followed = layout.take(subject.arrays, np.arange(len(base)), layout.turned(subject.arrays))
    if _difference(subject, followed, base) > tolerance.bound:
        # An encoder that runs along the images, or an input that happens to hold small numbers (lengths).
        return _locality(subject, base, tolerance, layout) > LOCALITY
    followed[layout.index or 0] = subject.arrays[layout.index or 0]
    return _difference(subject, followed, base) > tolerance.bound


def _locality(subject: Subject, base: Logits, tolerance: Tolerance, layout: InputLayout) -> float:
    """Return how many times more the rows that point to a changed entry move than the others; 0 where unclear.

    It is unclear where no row moves, and where an entry is not pointed to: a batch has no image that nobody asks about.
    """
    arrays = subject.arrays
    index, length = arrays[layout.index or 0].astype(np.int64), layout.table_size(arrays)
    own, other = [0.0], [0.0]
    for place in range(min(8, length) if len(np.unique(index)) == length else 0):
        changed = list(arrays)
        for table in layout.tables:
            changed[table] = arrays[table].copy()
            changed[table][place] = arrays[table][(place + 1) % length]
        try:
            moved = np.abs(subject.answer(changed) - base).max(axis=1)
        except Exception:
            return 0.0
        own += moved[index == place].tolist()
        other += moved[index != place].tolist()
    moves = max(own) > tolerance.bound
    return float(np.mean(own)) / max(float(np.mean(other)), 1e-300) if moves else 0.0

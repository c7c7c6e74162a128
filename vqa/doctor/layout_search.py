"""find_layout: ask a network how its inputs are related."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np

from vqa.doctor.input_layout import InputLayout, Pointer, compare
from vqa.doctor.state import Array, is_whole
from vqa.doctor.structure import WRAPPER
from vqa.doctor.subject import Subject
from vqa.doctor.tolerance import Tolerance
from vqa.errors import VqaError

MOST_LAYOUTS = 48
# Changing an image must move the rows that point to it this many times more than the others.
LOCALITY = 1.5


def find_layout(subject: Subject, tolerance: Tolerance, random: np.random.RandomState) -> tuple[InputLayout, bool]:
    """Return how the inputs are related, and whether every question is answered as before among other questions.

    For a network with a leak the layout is the one by which rows can be permuted, or else the plainest.

    Raises
    ------
    VqaError
        No input has as many rows as the output.
    """
    seen = []
    for layout in itertools.islice(_candidates(subject, tolerance), MOST_LAYOUTS):
        if _mixes(subject, tolerance, layout, random):
            return layout, True
        seen.append(layout)
    _refuse_time_first(subject)
    shifted = np.roll(np.arange(len(subject.base)), 1)
    for layout in seen:
        deviation, _ = compare(subject, layout.permuted(subject.arrays, shifted), tolerance)
        if not deviation.exceeds and _keeps_shape(subject, layout):
            return layout, False
    return seen[0], False


def _mixes(subject: Subject, tolerance: Tolerance, layout: InputLayout, random: np.random.RandomState) -> bool:
    """Tell whether the questions are answered as before in other places, among as many strange questions."""
    for strange in (True, False):
        mixed = layout.mixed(subject.arrays, len(subject.base), random, strange)
        deviation, broken = compare(subject, mixed, tolerance)
        if not broken:
            return not deviation.exceeds
        # A network may refuse strange content; copies are content that it took before.
    return False


def _keeps_shape(subject: Subject, layout: InputLayout) -> bool:
    """Tell whether twice the questions give twice the rows of answers, of the same number of classes."""
    twice = np.tile(np.arange(len(subject.base)), 2)
    try:
        return subject.answer(layout.take(subject.arrays, twice)).shape == (len(twice), subject.base.shape[1])
    except Exception:
        return False


def _candidates(subject: Subject, tolerance: Tolerance) -> Iterator[InputLayout]:
    """Yield the layouts that the shapes allow, the plainest first: every input with N rows holds the questions."""
    arrays, num_rows = subject.arrays, len(subject.base)
    first = [position for position, values in enumerate(arrays) if values.ndim and len(values) == num_rows]
    second = [position for position, values in enumerate(arrays) if values.ndim > 1 and values.shape[1] == num_rows]
    if not first and not second:
        raise VqaError(_no_rows(subject))
    plain = InputLayout(tuple(0 if position in first else None for position in range(len(arrays))))
    for length in sorted({len(values) for values in arrays if values.ndim} - {1, num_rows}):
        plain = _with_pointers(subject, tolerance, plain, length)
    if first:
        yield plain
    if num_rows > 1:
        yield from _with_followed(subject, tolerance, plain, first)
    free = [position for position in first if position not in [pointer.index for pointer in plain.pointers]]
    for index in free:
        if _points(arrays[index], num_rows):
            for tables in _subsets([position for position in free if position != index]):
                yield _with_pointer(plain, Pointer(index, tables))
    shared_tables = {table for pointer in plain.pointers for table in pointer.tables}
    second = [position for position in second if position not in shared_tables]
    for turned in _subsets(second):
        yield _with_axis(plain, turned, 1)
    if first and not _keeps_shape(subject, plain):
        # As many rows as questions by chance: a table of classes where N == C, of places where N == T.
        for shared in _subsets(first):
            if len(shared) < len(first):
                yield _with_axis(plain, shared, None)


def _refuse_time_first(subject: Subject) -> None:
    """Raise VqaError where the output may be (T, N, C) for inputs (N, T, ...): its rows are not questions."""
    shape = subject.shape
    lengths = {len(values) for values in subject.arrays if values.ndim}
    if len(shape) > 2 and shape[0] not in lengths and shape[1] in lengths:
        raise VqaError(_no_rows(subject))


def _no_rows(subject: Subject) -> str:
    """Return what to do where no input has as many rows as the output."""
    shapes = [values.shape for values in subject.arrays]
    message = (
        f"expected inputs with the questions along the first axis: the output has {subject.shape[0]} rows, the inputs "
        f"have the shapes {shapes}"
    )
    lengths = {shape[axis] for shape in shapes for axis in (0, 1) if len(shape) > axis}
    if subject.base.size == 1:
        return f"{message}; {WRAPPER}the logits, without their loss or their mean"
    if len(subject.shape) > 2 and subject.shape[1] in lengths:
        return f"{message}; {WRAPPER}self.net(*inputs).swapaxes(0, 1)"
    return f"{message}; {WRAPPER}one row per question"


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


def _with_pointer(layout: InputLayout, pointer: Pointer) -> InputLayout:
    """Return the layout in which the pointer's tables are shared, and pointed into."""
    return replace(_with_axis(layout, pointer.tables, None), pointers=(*layout.pointers, pointer))


def _with_pointers(subject: Subject, tolerance: Tolerance, layout: InputLayout, length: int) -> InputLayout:
    """Return the layout with the pointers into inputs of one length that the network is found to follow."""
    arrays = subject.arrays
    known = {place for pointer in layout.pointers for place in (pointer.index, *pointer.tables)}
    same_length = {place for place, values in enumerate(arrays) if values.ndim and len(values) == length} - known
    for index, axis in enumerate(layout.axes):
        tables = sorted(same_length - {index})
        if axis != 0 or index in known or not tables or not _points(arrays[index], length):
            continue
        for some in (tuple(tables), *_subsets(tables)):
            other = _with_pointer(layout, Pointer(index, some))
            if _follows(subject, tolerance, other):
                layout, same_length = other, same_length - {index, *some}
                break
        else:
            # An encoder that runs along the images, or an input that happens to hold small numbers (lengths).
            other = _with_pointer(layout, Pointer(index, tuple(tables)))
            if length != len(subject.base) and _locality(subject, tolerance, other) > LOCALITY:
                layout, same_length = other, set()
    return layout


def _difference(subject: Subject, tolerance: Tolerance, arrays: Sequence[Array]) -> bool:
    """Tell whether the answers to other inputs differ from those to the given ones."""
    rows = np.arange(len(subject.base))
    try:
        return tolerance.worst(subject.answer(arrays), subject.base, rows).exceeds
    except Exception:
        return True


def _with_followed(
    subject: Subject, tolerance: Tolerance, layout: InputLayout, positions: Sequence[int]
) -> Iterator[InputLayout]:
    """Yield the layouts with one or more pointers among inputs of N rows that the network is found to follow."""
    known = {pointer.index for pointer in layout.pointers}
    free = [position for position in positions if position not in known]
    choices: list[list[Pointer | None]] = []
    for index in free:
        if _points(subject.arrays[index], len(subject.base)):
            pointers = [Pointer(index, some) for some in _subsets([place for place in free if place != index])]
            followed = [p for p in pointers if _follows(subject, tolerance, _with_pointer(layout, p))]
            choices.append([*followed, None])
    for some in sorted(itertools.product(*choices), key=lambda chosen: chosen.count(None)):
        chosen = [pointer for pointer in some if pointer]
        places = [place for pointer in chosen for place in (pointer.index, *pointer.tables)]
        if chosen and len(places) == len(set(places)):
            yield functools.reduce(_with_pointer, chosen, layout)


def _follows(subject: Subject, tolerance: Tolerance, layout: InputLayout) -> bool:
    """Tell whether the network uses the values of the last index as places in its tables.

    The answers stay where the entries change places and the index follows, and change where it does not follow.
    """
    pointer = layout.pointers[-1]
    alone = replace(layout, pointers=(pointer,))
    arrays = subject.arrays
    followed = alone.take(arrays, np.arange(len(subject.base)), alone.turned(arrays))
    if _difference(subject, tolerance, followed):
        return False
    followed[pointer.index] = arrays[pointer.index]
    return _difference(subject, tolerance, followed)


def _locality(subject: Subject, tolerance: Tolerance, layout: InputLayout) -> float:
    """Return how many times more the rows that point to a changed entry move than the others; 0 where unclear.

    The result is unclear where no row moves, and where some entry is not pointed to: every image of a batch is used.
    """
    pointer = layout.pointers[-1]
    arrays, base = subject.arrays, subject.base
    index, length = arrays[pointer.index].astype(np.int64), len(arrays[pointer.tables[0]])
    own, other, moves = [0.0], [0.0], False
    for place in range(min(8, length) if len(np.unique(index)) == length else 0):
        changed = list(arrays)
        for table in pointer.tables:
            changed[table] = arrays[table].copy()
            changed[table][place] = arrays[table][(place + 1) % length]
        try:
            answers = subject.answer(changed)
        except Exception:
            return 0.0
        moved = np.abs(answers - base).max(axis=1)
        own += moved[index == place].tolist()
        other += moved[index != place].tolist()
        moves = moves or tolerance.worst(answers, base, np.arange(len(base))).exceeds
    return float(np.mean(own)) / max(float(np.mean(other)), 1e-300) if moves else 0.0

"""Leaks: what a network's answer to one question takes from its place, its neighbours or the size of the batch."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from vqa.doctor.findings import Finding
from vqa.doctor.input_layout import Arrangement, InputLayout, Rows, compare, foreign
from vqa.doctor.state import Array
from vqa.doctor.structure import WRAPPER
from vqa.doctor.subject import Subject
from vqa.doctor.tolerance import NO_DEVIATION, Deviation, Tolerance, rounding_noise
from vqa.doctor.tolerance import tolerance as tolerance_of


class Comparison(NamedTuple):
    """The largest deviation over some arrangements, and why one of them could not be compared, if so."""

    deviation: Deviation
    broken: str = ""

    @property
    def exceeds(self) -> bool:
        """Tell whether rounding does not explain what was seen."""
        return self.deviation.exceeds


def compare_all(subject: Subject, arrangements: Iterator[Arrangement], tolerance: Tolerance) -> Comparison:
    """Return the largest deviation over the arrangements, up to the first that the network does not take."""
    worst = NO_DEVIATION
    for arrangement in arrangements:
        deviation, broken = compare(subject, arrangement, tolerance)
        if broken:
            return Comparison(deviation, broken)
        worst = max(worst, deviation)
    return Comparison(worst)


def smaller_batches(subject: Subject, layout: InputLayout, random: np.random.RandomState) -> Iterator[Arrangement]:
    """Yield half of the questions in another order, then single ones."""
    num_rows = len(subject.base)
    if num_rows > 1:
        yield layout.alone(subject.arrays, random.permutation(num_rows)[: num_rows // 2])
        for row in sorted({0, num_rows // 2, num_rows - 1}):
            yield layout.alone(subject.arrays, np.array([row]))


def diagnose(
    subject: Subject, layout: InputLayout, tolerance: Tolerance, smaller: Comparison, random: np.random.RandomState
) -> list[Finding]:
    """Return the findings position-leak, neighbour-leak and batch-size of a network whose rows are not independent."""
    moved = _displacement(subject, layout, tolerance)
    if moved:
        return [Finding("position-leak", "error", moved)]
    position = _position(subject, layout, tolerance, random)
    if not position.exceeds:
        position = _position_among_strange_rows(subject, layout, random) or position
    neighbours = _neighbours(subject, layout, tolerance)
    findings = [*_position_leak(subject, position), *_neighbour_leak(neighbours, position.exceeds)]
    findings += _batch_size(subject, layout, tolerance, smaller, not findings)
    return findings


def _displacement(subject: Subject, layout: InputLayout, tolerance: Tolerance) -> str:
    """Return what shows that the network gives a question's answer in another question's row; empty where it does not.

    One question is replaced at a time: which answer changes tells where it went.
    """
    num_rows = len(subject.base)
    displaced = []
    for row in sorted({0, num_rows // 3, num_rows // 2, num_rows - 1}):
        rows = np.arange(num_rows)
        rows[row] = (row + 1) % num_rows
        arrays = layout.take(subject.arrays, rows)
        layout.make_strange(arrays, np.array([row]))
        changed = _changed_rows(subject, arrays, tolerance)
        if len(changed) > 1:
            return ""
        displaced += [(row, place) for place in changed if place != row]
    if not displaced:
        return ""
    row, place = displaced[0]
    return (
        f"replacing the question in row {row} changes the answer in row {place} of {num_rows} and no other: the "
        "network puts answers into other rows; look for reverse, flip or SequenceReverse along axis 0, for halves that "
        "change places, and for a reshape where a transpose is meant"
    )


def _changed_rows(subject: Subject, arrays: list[Array], tolerance: Tolerance) -> list[int]:
    """Return the rows whose answers to other inputs differ; none where the network does not take them."""
    base = subject.base
    try:
        answers = subject.answer(arrays)
    except Exception:
        return []
    if answers.shape != base.shape:
        return []
    places = [np.array([row]) for row in range(len(base))]
    return [int(row[0]) for row in places if tolerance.worst(answers[row], base[row], row).exceeds]


@dataclass(frozen=True)
class _Position:
    """What permutations of the rows show, or else copies of one question."""

    permuted: Comparison
    copies: Deviation
    num_questions: int

    @property
    def exceeds(self) -> bool:
        return self.permuted.exceeds or self.copies.exceeds


def _position(subject: Subject, layout: InputLayout, tolerance: Tolerance, random: np.random.RandomState) -> _Position:
    num_rows = len(subject.base)
    rows = np.arange(num_rows)
    orders = [random.permutation(num_rows), random.permutation(num_rows), rows[::-1], np.roll(rows, num_rows // 2 or 1)]
    permuted = compare_all(subject, (layout.permuted(subject.arrays, order) for order in orders), tolerance)
    groups = layout.copies(subject.arrays, num_rows)
    first = np.unique(groups, return_index=True)[1]
    copies = tolerance.worst(subject.base[first][groups], subject.base, rows)
    return _Position(permuted, copies, len(first))


def _position_among_strange_rows(
    subject: Subject, layout: InputLayout, random: np.random.RandomState
) -> _Position | None:
    """Return the same for a batch in which every second question is strange; None where the network refuses it.

    Questions that are nearly answered alike hide that the first of them, say, serves all.
    """
    strange = copy.copy(subject)
    strange.arrays = layout.take(subject.arrays, np.arange(len(subject.base)))
    layout.make_strange(strange.arrays, np.arange(0, len(subject.base), 2))
    try:
        strange.base = strange.answer(strange.arrays)
        noise = rounding_noise(strange, strange.base, random, 2)
    except Exception:
        return None
    if strange.base.shape != subject.base.shape or not np.isfinite(strange.base).all():
        return None
    return _position(strange, layout, tolerance_of(strange.base, noise, subject.epsilon), random)


def _position_leak(subject: Subject, position: _Position) -> Iterator[Finding]:
    if not position.exceeds:
        return
    num_rows = len(subject.base)
    if position.permuted.exceeds:
        told = position.permuted.broken or str(position.permuted.deviation)
        seen = f"permuting the {num_rows} rows changes their answers {told}"
    else:
        seen = f"{num_rows} rows hold {position.num_questions} different questions, and copies of one differ "
        seen += str(position.copies)
    yield Finding(
        "position-leak",
        "error",
        f"{seen}; an answer depends on the place in the batch: an RNN layer takes (time, batch, channel) unless it is "
        "given layout='NTC', and runs along the batch when fed (batch, time, channel); a cumulative sum, a shift or a "
        f"reshape across rows does the same{_time_first(subject)}",
    )


def _time_first(subject: Subject) -> str:
    """Return what to do where the first axis may be time on purpose: inputs and output then agree in two axes."""
    shape = subject.shape
    if len(shape) < 3 or not any(values.shape[:2] == shape[:2] for values in subject.arrays):
        return ""
    return f"; if the network takes (time, batch, ...) on purpose, {WRAPPER}the output of swapped axes"


class _Neighbours(NamedTuple):
    """What other content in the later rows and in the earlier rows does to the rows that stay."""

    later: Deviation
    earlier: Deviation


def _neighbours(subject: Subject, layout: InputLayout, tolerance: Tolerance) -> _Neighbours:
    num_rows = len(subject.base)
    half = (num_rows + 1) // 2
    seen = []
    # One row alone in its place as well: half of the questions may ask about all of the images.
    for keeps in (
        (np.arange(half), np.arange(min(1, half))),
        (np.arange(num_rows - half, num_rows), np.arange(num_rows - 1, num_rows)),
    ):
        worst = NO_DEVIATION
        for keep in keeps:
            for strange in (True, False):
                deviation, broken = compare(subject, _other_neighbours(subject, layout, keep, strange), tolerance)
                # A network may refuse strange content; the copies are content that it took before.
                worst = worst if broken else max(worst, deviation)
        seen.append(worst)
    return _Neighbours(*seen)


def _other_neighbours(subject: Subject, layout: InputLayout, keep: Rows, strange: bool) -> Arrangement:
    """Return the batch with the rows `keep` in their places and others beside them: strange ones, or copies."""
    num_rows = len(subject.base)
    others = np.setdiff1d(np.arange(num_rows), keep)
    rows = np.arange(num_rows)
    rows[others] = np.roll(others, 1) if strange else np.resize(keep, len(others))
    arrays = layout.take(subject.arrays, rows)
    if strange:
        layout.make_strange(arrays, others)
    for pointer, kept_places in zip(layout.pointers, layout.places(subject.arrays, keep)):
        for table in pointer.tables:
            free = np.setdiff1d(np.arange(len(arrays[table])), kept_places)
            arrays[table] = arrays[table].copy()
            arrays[table][free] = foreign(arrays[table])[free[::-1]]
    return Arrangement(arrays, num_rows, keep, keep)


def _neighbour_leak(neighbours: _Neighbours, order_matters: bool) -> Iterator[Finding]:
    worst = max(neighbours)
    if not worst.exceeds:
        return
    if order_matters and not neighbours.later.exceeds:
        advice = (
            "only rows further down change: something runs along the batch, as an RNN layer with layout TNC fed "
            "(batch, time, channel) does, or a cumulative sum along axis 0"
        )
    elif order_matters:
        advice = (
            "the order of the rows matters too: look for a recurrence along the batch (a bidirectional RNN layer with "
            "layout TNC fed (batch, time, channel)), for one row that serves all, and for a reshape that mixes rows"
        )
    else:
        advice = (
            "the order of the rows does not matter: look for batch normalisation that uses the batch's statistics in "
            "predict mode, and for a mean, maximum, norm or softmax along axis 0"
        )
    yield Finding(
        "neighbour-leak", "error", f"replacing the other rows of the batch changes a row's answer {worst}; {advice}"
    )


def _batch_size(
    subject: Subject, layout: InputLayout, tolerance: Tolerance, smaller: Comparison, nothing_else: bool
) -> Iterator[Finding]:
    num_rows = len(subject.base)
    # Twice as many first: MXNet writes outside its memory where a reshape to a fixed size does not come out even.
    twice = layout.alone(subject.arrays, np.tile(np.arange(num_rows), 2))
    larger = compare_all(subject, iter([twice]), tolerance)
    broken = larger.broken or smaller.broken
    if broken:
        yield Finding(
            "batch-size",
            "error",
            f"a batch of {num_rows} runs, {broken}; the network has its batch size built in: use reshape with -1 or 0 "
            "for the batch axis",
        )
        return
    worst = max(larger.deviation, smaller.deviation)
    if worst.exceeds:
        advice = (
            "look for a sum along axis 0, a division by the batch size, or statistics over the batch"
            if nothing_else
            else "the dependence on other rows explains it"
        )
        yield Finding(
            "batch-size",
            "error",
            f"a row in a batch of another size than {num_rows}, alone for one, answers differently {worst}; {advice}",
        )

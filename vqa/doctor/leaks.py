"""Leaks: what a network's answer to one question takes from its place, its neighbours or the size of the batch."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from vqa.doctor.findings import Finding
from vqa.doctor.input_layout import InputLayout, Rows, foreign
from vqa.doctor.state import Array
from vqa.doctor.subject import Logits, Subject, Tolerance, deviation, plain_tolerance

# Passes over the same inputs, and passes where something looks like chance.
REPEATS, MORE_REPEATS = 4, 16


def find_randomness(subject: Subject, base: Logits, repeats: int) -> list[Finding]:
    """Return the finding that passes over the same inputs differ, if they do."""
    tolerance = plain_tolerance(subject, base)
    moved = max(deviation(subject.answer(subject.arrays), base) for _ in range(repeats))
    if moved <= tolerance.bound:
        return []
    message = (
        f"passes over the same inputs in predict mode differ by {moved:.1e} ({tolerance}); "
        "look for dropout with mode='always', or for random numbers drawn in forward: draw them once, "
        "in the constructor, and keep them as a Constant parameter"
    )
    return [Finding("nondeterministic", "error", message)]


def find_leaks(subject: Subject, base: Logits, layout: InputLayout, tolerance: Tolerance) -> list[Finding]:
    """Return the findings position-leak, neighbour-leak and batch-size."""
    findings = [
        *_position_leak(subject, base, layout, tolerance),
        *_neighbour_leak(subject, base, layout, tolerance),
        *_batch_size(subject, base, layout, tolerance),
    ]
    # Dropout of few units can repeat itself by chance: what looks like a leak may be a draw.
    return find_randomness(subject, base, MORE_REPEATS) or findings if findings else []


def _position_leak(subject: Subject, base: Logits, layout: InputLayout, tolerance: Tolerance) -> Iterator[Finding]:
    num_rows = len(base)
    moved = 0.0
    for order in (np.arange(num_rows)[::-1], np.roll(np.arange(num_rows), num_rows // 2 or 1)):
        arrays = layout.take(subject.arrays, order, layout.turned(subject.arrays))
        moved = max(moved, deviation(subject.answer(arrays), base[order]))
    if moved > tolerance.bound:
        seen = f"permuting the {num_rows} rows changes their answers by up to {moved:.1e}"
    else:
        groups = layout.copies(subject.arrays, num_rows)
        first = np.unique(groups, return_index=True)[1]
        moved = deviation(base[first][groups], base)
        seen = f"{num_rows} rows hold {len(first)} different questions, and copies of one differ by up to {moved:.1e}"
    if moved > tolerance.bound:
        yield Finding(
            "position-leak",
            "error",
            f"{seen} ({tolerance}); an answer depends on the place in the batch: an RNN layer takes (time, batch, "
            "channel) unless it is given layout='NTC', and runs along the batch when fed (batch, time, channel)",
        )


def _neighbour_leak(subject: Subject, base: Logits, layout: InputLayout, tolerance: Tolerance) -> Iterator[Finding]:
    num_rows = len(base)
    half = (num_rows + 1) // 2
    moved = 0.0
    # One row alone in its place as well: half of the questions may ask about all of the images.
    for keep in (np.arange(half), np.arange(num_rows - half, num_rows), np.arange(min(1, half))):
        for arrays in _with_other_neighbours(subject, layout, keep, num_rows):
            try:
                answers = subject.answer(arrays)
            except Exception:
                # A network may refuse strange content; the copies are content that it took before.
                continue
            moved = max(moved, deviation(answers[keep], base[keep]))
    if moved > tolerance.bound:
        yield Finding(
            "neighbour-leak",
            "error",
            f"replacing the other rows of the batch changes a row's answer by up to {moved:.1e} ({tolerance}); "
            "look for batch normalisation that uses the batch's statistics in predict mode, and for a mean, norm, "
            "softmax or recurrence along axis 0",
        )


def _with_other_neighbours(subject: Subject, layout: InputLayout, keep: Rows, num_rows: int) -> Iterator[list[Array]]:
    """Yield the batch with the rows `keep` in their places, and others beside them: strange ones, then copies."""
    others = np.setdiff1d(np.arange(num_rows), keep)
    kept_places = layout.places(subject.arrays, keep)
    for source, strange in ((np.roll(others, 1), True), (np.resize(keep, len(others)), False)):
        rows = np.arange(num_rows)
        rows[others] = source
        arrays = layout.take(subject.arrays, rows)
        for position, axis in enumerate(layout.axes):
            if strange and axis is not None and position != layout.index:
                values = np.moveaxis(arrays[position].copy(), axis, 0)
                values[others] = foreign(values)[others]
                arrays[position] = np.moveaxis(values, 0, axis)
        for table in layout.tables:
            free = np.setdiff1d(np.arange(len(arrays[table])), kept_places)
            arrays[table] = arrays[table].copy()
            arrays[table][free] = foreign(arrays[table])[free[::-1]]
        yield arrays


def _batch_size(subject: Subject, base: Logits, layout: InputLayout, tolerance: Tolerance) -> Iterator[Finding]:
    num_rows = len(base)
    everything = np.arange(num_rows)
    # Twice as many first: MXNet writes outside its memory where a reshape to a fixed size does not come out even.
    batches = [np.tile(everything, 2), everything[num_rows // 2 :]]
    batches += [np.array([row]) for row in sorted({0, num_rows // 2, num_rows - 1})]
    moved, broken = 0.0, ""
    for rows in batches:
        if broken:
            break
        try:
            answers = subject.answer(layout.alone(subject.arrays, rows))
        except Exception as error:
            broken = f"one of {len(rows)} does not ({_first_line(error)})"
            continue
        if answers.shape != (len(rows), base.shape[1]):
            broken = f"one of {len(rows)} gives outputs of shape {answers.shape}"
        else:
            moved = max(moved, deviation(answers, base[rows]))
    if broken:
        seen = (
            f"a batch of {num_rows} runs, {broken}; the network has its batch size built in: "
            "use reshape with -1 or 0 for the batch axis"
        )
    else:
        seen = (
            f"a row in a batch of another size than {num_rows}, alone for one, answers differently by up to "
            f"{moved:.1e} ({tolerance}); look for statistics over the batch, a sum along axis 0, a division by the "
            "batch size, or a recurrence along the batch"
        )
    if broken or moved > tolerance.bound:
        yield Finding("batch-size", "error", seen)


def _first_line(error: Exception) -> str:
    """Return what an error says in one line; MXNet puts its own stack before the reason."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    told = [line for line in lines if "Error" in line or "Check failed" in line]
    return (told or lines or [type(error).__name__])[-1][:160]

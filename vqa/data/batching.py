"""Which questions share a batch: batch plans, and the order of the batches in an epoch."""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from vqa.data.vocab import EncodedQuestions

Integers = npt.NDArray[np.int64]

PLAN_VERSION = 3
"""Rises whenever the same questions and seed give other batches: an epoch begun with other batches has no rest."""

# Questions of similar length, up to a multiple of this, are batched together.
LENGTH_STEP = 4
# Among this many batches of an epoch, those of equal shape follow one another.
WINDOW = 64


def padded_length(length: int) -> int:
    """Return a length rounded up by less than an eighth, so that a hybridized network sees few distinct shapes.

    On easy-VQA, whose longest question has 9 words, multiples of 4 would add a third to the recurrent layer's work.

    >>> [padded_length(length) for length in (9, 16, 17, 33)]
    [9, 16, 18, 36]
    """
    step = 1 << max(0, (length - 1).bit_length() - 4)
    return -(-length // step) * step


def padded_counts(counts: Integers) -> Integers:
    """Return counts rounded up to the largest of them or to 4/5, 16/25, ... of it, int64, same shape.

    >>> padded_counts(np.array([94, 99, 100, 80, 30]))
    array([100, 100, 100,  80,  33])
    """
    largest = counts.max()
    # The small number keeps a count that is such a part of the largest at its own size.
    power = np.floor(np.log(counts / largest) / np.log(0.8) + 1e-9)
    return np.maximum(np.ceil(largest * 0.8**power - 1e-9).astype(np.int64), counts)


def equal_shapes_together(shapes: Integers) -> Integers:
    """Return an order of B batches, int64 (B,), in which equal rows of `shapes` (B, S) follow one another.

    Batches move within windows of 64, so that an epoch stays in random order. A training step of a hybridized network
    takes 3 ms of 25 longer (easy-VQA, `cnn-gru`) after a step of another shape.
    """
    window = np.arange(len(shapes)) // WINDOW
    # Every second window in falling order: it begins with the shape that the window before it ends with.
    keys = shapes * np.where(window % 2, -1, 1)[:, np.newaxis]
    return np.lexsort([*keys.T[::-1], window])


def cut_between_images(rows: Integers, images: Integers, num_parts: int) -> list[Integers]:
    """Cut a batch into parts, which may be empty: its first image goes to the first part, the second to the second, ...

    The images of a batch are in falling order of their numbers of questions, so that the parts have nearly equal
    numbers of images and of questions.

    Parameters
    ----------
    rows : int64 (N,)
    images : int64 (N,), number of the image that each row is about

    >>> rows, images = np.array([7, 8, 9, 4, 5]), np.array([3, 3, 3, 0, 6])
    >>> [part.tolist() for part in cut_between_images(rows, images, 2)]
    [[7, 8, 9, 5], [4]]
    """
    _, first, image_of_row = np.unique(images, return_index=True, return_inverse=True)
    place = np.argsort(np.argsort(first))  # of each image in the batch
    part_of_row = place[image_of_row] % num_parts
    return [rows[part_of_row == part] for part in range(num_parts)]


class BatchPlan(NamedTuple):
    """A division of questions into batches for all epochs, so that the number of batches and their sizes never change.

    Questions are grouped in units that stay together: all questions about one image, or single questions. In every
    epoch, units of the same class (equal size, or equal padded length) trade places, and the batches change their
    order: each question meets other questions, while the number of batches and their sizes stay the same.

    Attributes
    ----------
    rows : int64 (N,), rows of the table, unit by unit
    unit_starts : int64 (U + 1,), unit u is ``rows[unit_starts[u]:unit_starts[u + 1]]``
    unit_class : int64 (U,)
    batch_starts : int64 (B + 1,), batch b is the units from ``batch_starts[b]`` up to ``batch_starts[b + 1]``
    """

    rows: Integers
    unit_starts: Integers
    unit_class: Integers
    batch_starts: Integers

    @property
    def num_batches(self) -> int:
        """Number of batches (B)."""
        return len(self.batch_starts) - 1

    def in_order(self) -> Iterator[Integers]:
        """Yield the rows of each batch as planned."""
        bounds = self.unit_starts[self.batch_starts]
        for start, stop in zip(bounds, bounds[1:]):
            yield self.rows[start:stop]

    def shuffled(self, random: np.random.Generator) -> Iterator[Integers]:
        """Yield the rows of each batch in a new order."""
        units = random.permutation(len(self.unit_class))
        units = units[np.argsort(self.unit_class[units], kind="stable")]
        # The places of a class, in their order, receive the shuffled units of that class.
        taken = np.empty_like(units)
        taken[np.argsort(self.unit_class, kind="stable")] = units
        sizes = np.diff(self.unit_starts)[taken]
        starts = np.concatenate([[0], np.cumsum(sizes)])
        rows = self.rows[np.repeat(self.unit_starts[taken] - starts[:-1], sizes) + np.arange(len(self.rows))]
        bounds = starts[self.batch_starts]
        for batch in random.permutation(self.num_batches):
            yield rows[bounds[batch] : bounds[batch + 1]]

    def split_into(self, num_batches: int) -> BatchPlan:
        """Return the plan with at least `num_batches` batches: the largest are halved, units cut where needed."""
        plan = self
        while plan.num_batches < num_batches:
            sizes = np.diff(plan.unit_starts[plan.batch_starts])
            batch = int(np.argmax(sizes))
            if sizes[batch] < 2:
                break
            plan = plan._halved(batch)
        return plan

    def _halved(self, batch: int) -> BatchPlan:
        first, last = self.batch_starts[batch : batch + 2]
        if last - first > 1:
            return BatchPlan(
                self.rows,
                self.unit_starts,
                self.unit_class,
                np.insert(self.batch_starts, batch + 1, (first + last) // 2),
            )
        start, stop = self.unit_starts[first : first + 2]
        middle = (start + stop) // 2
        unit_class = np.insert(self.unit_class, first, middle - start)
        unit_class[first + 1] = stop - middle
        batch_starts = np.insert(self.batch_starts, batch + 1, first)
        batch_starts[batch + 1 :] += 1
        return BatchPlan(self.rows, np.insert(self.unit_starts, first + 1, middle), unit_class, batch_starts)


def plan_in_order(rows: Integers, batch_size: int) -> BatchPlan:
    """Plan batches of `batch_size` questions in the given order; the last may be smaller."""
    count = len(rows)
    batch_starts = np.append(np.arange(0, count, batch_size), count)
    return BatchPlan(rows, np.arange(count + 1), np.ones(count, dtype=np.int64), batch_starts)


def plan_by_length(rows: Integers, batch_size: int, encoded: EncodedQuestions) -> BatchPlan:
    """Plan batches of `batch_size` questions of similar padded length; the last may be smaller.

    gluonnlp's FixedBucketSampler would leave a small batch at the end of every length, and it shuffles with NumPy's
    global generator, which would make the order depend on all other draws from that generator.
    """
    classes = -(-encoded.lengths[encoded.question_number[rows]] // LENGTH_STEP)
    order = np.argsort(classes, kind="stable")
    return plan_in_order(rows[order], batch_size)._replace(unit_class=classes[order])


def plan_by_image(rows: Integers, batch_size: int, encoded: EncodedQuestions, random: np.random.Generator) -> BatchPlan:
    """Plan batches of whole images with their questions; a group that is larger than a batch is cut.

    The images are dealt out so that the batches have nearly equal numbers of questions and of images: few distinct
    shapes, and no small batch at the end.
    """
    numbers = encoded.image_number[rows]
    rows = rows[np.argsort(numbers, kind="stable")]
    groups = np.unique(numbers, return_counts=True)[1].tolist()
    sizes = np.array([size for group in groups for size in _cut(group, batch_size)])
    starts = np.concatenate([[0], np.cumsum(sizes)])
    # Large groups first, equally large ones in random order: their order in the file plays no part.
    order = random.permutation(len(sizes))
    order = order[np.argsort(-sizes[order], kind="stable")]
    batch_of = _dealt(sizes[order].tolist(), batch_size)
    order = order[np.argsort(batch_of, kind="stable")]
    pieces = [rows[start:stop] for start, stop in zip(starts[order], starts[1:][order])]
    return BatchPlan(
        np.concatenate(pieces),
        np.concatenate([[0], np.cumsum(sizes[order])]),
        sizes[order],
        np.concatenate([[0], np.cumsum(np.bincount(batch_of))]),
    )


def _dealt(sizes: list[int], batch_size: int) -> Integers:
    """Return the batch of each group of questions, given their sizes in falling order, for as few batches as will do.

    >>> _dealt([3, 3, 2, 2, 1, 1], batch_size=6).tolist()
    [0, 1, 0, 1, 0, 1]
    """
    num_batches = -(-sum(sizes) // batch_size)
    while (batch_of := _dealt_to(num_batches, sizes, batch_size)) is None:
        num_batches += 1
    return batch_of


def _dealt_to(num_batches: int, sizes: list[int], batch_size: int) -> Integers | None:
    """Give each group to the batch with the fewest groups, the fewest questions among those; None if one fits none."""
    batches = [(0, 0, batch) for batch in range(num_batches)]  # groups, questions, number
    batch_of = np.empty(len(sizes), dtype=np.int64)
    for unit, size in enumerate(sizes):
        full = []
        while batches and batches[0][1] + size > batch_size:
            full.append(heapq.heappop(batches))
        if not batches:
            return None
        groups, questions, batch = heapq.heappop(batches)
        batch_of[unit] = batch
        for entry in (*full, (groups + 1, questions + size, batch)):
            heapq.heappush(batches, entry)
    return batch_of


def _cut(group: int, batch_size: int) -> list[int]:
    """Return the sizes of the pieces into which `group` questions about one image are cut.

    >>> _cut(7, 3), _cut(3, 3)
    ([3, 3, 1], [3])
    """
    whole, rest = divmod(group, batch_size)
    return [batch_size] * whole + ([rest] if rest else [])

"""Which questions share a batch: batch plans, and the order of the batches in an epoch."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from vqa.data.vocab import EncodedQuestions

Integers = npt.NDArray[np.int64]

# Questions are padded to a multiple of this, so that a hybridized network sees few distinct shapes.
WIDTH_STEP = 4


def padded_width(lengths: Integers) -> Integers:
    """Return lengths rounded up to a multiple of 4, int64, same shape.

    >>> padded_width(np.array([1, 4, 5]))
    array([4, 4, 8])
    """
    return -(-lengths // WIDTH_STEP) * WIDTH_STEP


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
    widths = padded_width(encoded.lengths[encoded.question_number[rows]])
    order = np.argsort(widths, kind="stable")
    return plan_in_order(rows[order], batch_size)._replace(unit_class=widths[order])


def plan_by_image(rows: Integers, batch_size: int, encoded: EncodedQuestions, random: np.random.Generator) -> BatchPlan:
    """Plan batches of whole images with their questions; an image with more questions than fit in a batch is cut."""
    numbers = encoded.image_number[rows]
    rows = rows[np.argsort(numbers, kind="stable")]
    groups = np.unique(numbers, return_counts=True)[1].tolist()
    sizes = np.array([size for group in groups for size in _cut(group, batch_size)])
    starts = np.concatenate([[0], np.cumsum(sizes)])
    # In a random order, so that the sizes of neighbours in the file do not decide how full the batches are.
    order = random.permutation(len(sizes))
    pieces = [rows[start:stop] for start, stop in zip(starts[order], starts[1:][order])]
    unit_starts = np.concatenate([[0], np.cumsum(sizes[order])])
    batch_starts = [0]
    filled = 0
    for unit, size in enumerate(sizes[order].tolist()):
        if filled + size > batch_size:
            batch_starts.append(unit)
            filled = 0
        filled += size
    return BatchPlan(np.concatenate(pieces), unit_starts, sizes[order], np.array([*batch_starts, len(sizes)]))


def _cut(group: int, batch_size: int) -> list[int]:
    """Return the sizes of the pieces into which `group` questions about one image are cut.

    >>> _cut(7, 3), _cut(3, 3)
    ([3, 3, 1], [3])
    """
    whole, rest = divmod(group, batch_size)
    return [batch_size] * whole + ([rest] if rest else [])

"""GroupedLoader: batches of whole questions, each with all its answers; each distinct image and text once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt

from vqa.data.batching import (
    BatchPlan,
    cut_between_images,
    equal_shapes_together,
    padded_counts,
    padded_length,
    plan_by_image,
    plan_by_length,
    plan_in_order,
)
from vqa.data.dataset import Dataset
from vqa.data.image_files import UnusableImagesError
from vqa.data.prefetch import prefetched
from vqa.errors import ConfigError, DataError

if TYPE_CHECKING:
    from vqa._mxnet import mx

NDArray = Any  # MXNet has no type information
ALL = slice(None)


class Batch(NamedTuple):
    """N questions, each with all its answers; M distinct images, Q distinct texts of at most T words, A answer slots.

    Attributes
    ----------
    images : float32 (M, ...), each distinct image once
    image_index : int32 (N,), row of `images` that each question is about
    tokens : int32 (Q, T), word ids of each distinct text once, padded at the end; a batch of a shuffled epoch may end
        in texts of padding alone, which no question has, so that batches have few distinct shapes
    lengths : int32 (Q,), number of real words, at least 1 (1 for a text of padding)
    question_index : int32 (N,), row of `tokens` that each question is worded as
    answers : int32 (N, A), answer ids, repeats kept; -1 for an unknown answer or an empty slot
    rows : NumPy int64 (N,), row of the QuestionTable
    """

    images: NDArray
    image_index: NDArray
    tokens: NDArray
    lengths: NDArray
    question_index: NDArray
    answers: NDArray
    rows: npt.NDArray[np.int64]

    @property
    def inputs(self) -> tuple[NDArray, NDArray, NDArray, NDArray, NDArray]:
        """The arguments of a network: (images, image_index, tokens, lengths, question_index)."""
        return self.images, self.image_index, self.tokens, self.lengths, self.question_index

    def as_in_context(self, ctx: mx.Context) -> Batch:
        """Return the batch on another device."""
        moved = {name: getattr(self, name).as_in_context(ctx) for name in self._fields if name != "rows"}
        return self._replace(**moved)


class GroupedLoader:
    """Cuts a split into batches; every epoch yields every question exactly once, including the last ones.

    Without `shuffle`, the questions come in the table's order. With it, the order is a function of `seed` and the
    epoch's number. Questions about one image stay together, so that each distinct image is encoded once per epoch
    (a group that is larger than a batch is cut); questions without images are batched with others of similar length.

    Parameters
    ----------
    dataset : of `load_dataset`
    split : name of the split
    batch_size : the largest number of questions in a batch
    shuffle : whether to change the order in every epoch
    seed : an integer of at least 0
    shard : (rank, workers): load only the rank-th of `workers` parts of the questions, which differ by at most one
        question and have the same number of batches (with a batch_size of 1, one may have one more)
    rows : load only these rows of the table, without repeats; None: all
    ctx : device of the arrays; None: the CPU
    numpy : yield NumPy arrays instead of MXNet's; then MXNet is not needed

    Raises
    ------
    ConfigError
        A value is out of its range.
    DataError
        There is no question.
    ImageError
        Images that the questions need are missing or cannot be decoded.
    """

    def __init__(
        self,
        dataset: Dataset,
        split: str,
        *,
        batch_size: int = 256,
        shuffle: bool = False,
        seed: int = 0,
        shard: tuple[int, int] = (0, 1),
        rows: Sequence[int] | npt.NDArray[np.int64] | None = None,
        ctx: mx.Context | None = None,
        numpy: bool = False,
    ) -> None:
        table = dataset.table(split)
        chosen = _checked_rows(rows, len(table), split)
        _check_numbers(batch_size, seed, shard)
        self._encoded = dataset.encoded(split)
        self._lengths = self._encoded.lengths
        self._padding_id = dataset.vocabulary.padding_id
        self._images = dataset.images
        self._with_images = self._images.kind != "none"
        self._shuffle = shuffle
        self._seed = seed
        self._ctx = ctx
        self._numpy = numpy
        self._next_epoch = 0
        if self._with_images:
            ids = [self._encoded.image_ids[number] for number in np.unique(self._encoded.image_number[chosen])]
            missing = self._images.missing(ids)
            if missing:
                faults = {image_id: f"image {image_id!r} is missing" for image_id in missing}
                raise UnusableImagesError(faults, len(ids), table)
        self._plan = self._make_plan(chosen, batch_size, shard)

    def __len__(self) -> int:
        """Return the number of batches, the same in every epoch."""
        return self._plan.num_batches

    @property
    def num_questions(self) -> int:
        """Number of questions in an epoch."""
        return len(self._plan.rows)

    def epoch(self, number: int, which: slice = ALL) -> Iterator[Batch]:
        """Yield the batches of one epoch; their order is a function of the seed and of `number` (from 0).

        Parameters
        ----------
        which : of the batches in their order; the others are not read
        """
        if not self._shuffle:
            return prefetched(map(self._batch, list(self._plan.in_order())[which]))
        return (batch for [batch] in self.epoch_in_parts(number, 1, range(1), which) if batch is not None)

    def epoch_in_parts(
        self, number: int, num_parts: int, wanted: Sequence[int], which: slice = ALL
    ) -> Iterator[list[Batch | None]]:
        """Yield the wanted parts of each batch of a shuffled epoch; None for a part that holds no question.

        The batches and their order are those of `epoch`; each is cut between images into `num_parts` parts.
        """
        encoded = self._encoded
        batches = list(self._plan.shuffled(np.random.default_rng([self._seed, number + 1])))
        num_texts = padded_counts(self._num_distinct(encoded.question_number, batches))
        num_images = self._num_distinct(encoded.image_number, batches)
        shapes = np.stack([np.array([len(rows) for rows in batches]), num_images, num_texts], axis=1)
        order = equal_shapes_together(shapes)
        parts = batches
        if num_parts > 1:
            parts = [part for rows in batches for part in self._cut(rows, num_parts)]
            num_texts = padded_counts(np.maximum(self._num_distinct(encoded.question_number, parts), 1))
        mine = ([place * num_parts + part for part in wanted] for place in order[which])
        return prefetched([self._part(parts[place], int(num_texts[place])) for place in places] for places in mine)

    def _part(self, rows: npt.NDArray[np.int64], num_texts: int) -> Batch | None:
        return self._batch(rows, num_texts) if len(rows) else None

    def _cut(self, rows: npt.NDArray[np.int64], num_parts: int) -> list[npt.NDArray[np.int64]]:
        # A question without an image is by itself.
        images = self._encoded.image_number[rows] if self._with_images else np.arange(len(rows))
        return cut_between_images(rows, images, num_parts)

    def __iter__(self) -> Iterator[Batch]:
        number = self._next_epoch
        self._next_epoch += 1
        return self.epoch(number)

    def _make_plan(self, rows: npt.NDArray[np.int64], batch_size: int, shard: tuple[int, int]) -> BatchPlan:
        """Plan this worker's batches, as many as the worker with the most batches has."""
        rank, workers = shard
        if self._shuffle and self._with_images:
            # Sorted by image, so that the bounds of the parts cut as few images as possible.
            rows = rows[np.argsort(self._encoded.image_number[rows], kind="stable")]
        bounds = [len(rows) * part // workers for part in range(workers + 1)]
        if bounds[1] == 0:
            raise DataError(f"expected at least one question for each of {workers} workers, got {len(rows)} questions")
        plans = [self._plan_part(rows[start:stop], batch_size) for start, stop in zip(bounds, bounds[1:])]
        return plans[rank].split_into(max(plan.num_batches for plan in plans))

    def _plan_part(self, rows: npt.NDArray[np.int64], batch_size: int) -> BatchPlan:
        if not self._shuffle:
            return plan_in_order(rows, batch_size)
        if self._with_images:
            return plan_by_image(rows, batch_size, self._encoded, np.random.default_rng([self._seed, 0]))
        return plan_by_length(rows, batch_size, self._encoded)

    @staticmethod
    def _num_distinct(
        numbers: npt.NDArray[np.int64], batches: Sequence[npt.NDArray[np.int64]]
    ) -> npt.NDArray[np.int64]:
        """Return how many distinct values the rows of each batch have in `numbers`, int64 (B,)."""
        return np.array([len(np.unique(numbers[rows])) for rows in batches])

    def _batch(self, rows: npt.NDArray[np.int64], num_texts: int = 0) -> Batch:
        """Gather the arrays of some rows, with at least `num_texts` texts."""
        encoded = self._encoded
        numbers, question_index = np.unique(encoded.question_number[rows], return_inverse=True)
        lengths = np.ones(max(num_texts, len(numbers)), dtype=np.int64)
        lengths[: len(numbers)] = self._lengths[numbers]
        tokens = np.full((len(lengths), padded_length(int(lengths.max()))), self._padding_id)
        tokens[: len(numbers)] = encoded.padded_tokens(numbers, tokens.shape[1], self._padding_id)
        images, image_index = self._gather_images(rows)
        return Batch(
            self._array(images, np.float32),
            self._array(image_index, np.int32),
            self._array(tokens, np.int32),
            self._array(lengths, np.int32),
            self._array(question_index, np.int32),
            self._array(encoded.answers[rows], np.int32),
            rows,
        )

    def _array(self, values: npt.NDArray[Any], dtype: type[np.number[Any]]) -> NDArray:
        array = np.ascontiguousarray(values, dtype=dtype)
        if self._numpy:
            return array
        from vqa._mxnet import mx

        # mx.nd.array copies in the operators' thread pool, which takes milliseconds on busy cores; sharing the memory
        # takes no time. Nothing else holds these values: they were gathered for this batch. mx.nd.from_numpy shares it
        # as well, in several times as much Python, which holds up the network's operators on the same cores.
        shared = mx.nd.from_dlpack(array.__dlpack__())
        return shared if self._ctx is None else shared.as_in_context(self._ctx)

    def _gather_images(self, rows: npt.NDArray[np.int64]) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.int64]]:
        """Return the distinct images of some rows, and each row's position among them."""
        if not self._with_images:
            return self._images.read([""]), np.zeros(len(rows), dtype=np.int64)
        numbers, image_index = np.unique(self._encoded.image_number[rows], return_inverse=True)
        return self._images.read([self._encoded.image_ids[number] for number in numbers]), image_index


def _checked_rows(rows: Sequence[int] | npt.NDArray[np.int64] | None, length: int, split: str) -> npt.NDArray[np.int64]:
    if rows is None:
        return np.arange(length)
    chosen = np.asarray(rows, dtype=np.int64)
    if not len(chosen):
        raise DataError(f"expected at least one row of split {split!r}, got none")
    if chosen.min() < 0 or chosen.max() >= length or len(np.unique(chosen)) < len(chosen):
        raise ConfigError(f"expected distinct rows from 0 to {length - 1} of split {split!r}")
    return chosen


def _check_numbers(batch_size: int, seed: int, shard: tuple[int, int]) -> None:
    if batch_size < 1:
        raise ConfigError(f"expected a batch size of at least 1, got {batch_size}")
    if seed < 0:
        raise ConfigError(f"expected a seed of at least 0, got {seed}")
    rank, workers = shard
    if not 0 <= rank < workers:
        raise ConfigError(f"expected a shard (rank, workers) with 0 <= rank < workers, got {shard}")

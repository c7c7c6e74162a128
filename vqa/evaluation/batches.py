"""The batches of an evaluation: every question once, in the order and in the numbers that take the least time."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from vqa.data.dataset import Dataset
from vqa.data.loader import GroupedLoader

if TYPE_CHECKING:
    from vqa._mxnet import mx

MOST_QUESTIONS = 2048
# Of the images of a batch, and of its logits: the memory of a forward pass is a small multiple of it.
MOST_BYTES = 16 * 2**20
FLOAT_BYTES = 4


def evaluation_batches(
    dataset: Dataset, split: str, batch_size: int | None = None, *, ctx: mx.Context | None = None, numpy: bool = False
) -> GroupedLoader:
    """Return a loader of every question of a split, those about one image together, however far apart in the file.

    Without images, equal questions come together, and short ones before long ones. `Batch.rows` tells where in the
    table a question is.

    Parameters
    ----------
    batch_size : questions per batch; None: as many as fit into the memory that an evaluation may take
    ctx, numpy : as in `GroupedLoader`
    """
    encoded = dataset.encoded(split)
    if dataset.images.kind == "none":
        lengths = encoded.lengths[encoded.question_number]
        rows = np.lexsort((encoded.question_number, lengths))
    else:
        rows = np.argsort(encoded.image_number, kind="stable")
    size = batch_size or _questions_per_batch(dataset, encoded.image_number)
    return GroupedLoader(dataset, split, batch_size=size, rows=rows, ctx=ctx, numpy=numpy)


def _questions_per_batch(dataset: Dataset, image_number: npt.NDArray[np.int64]) -> int:
    """Return how many questions have images and logits of `MOST_BYTES` at most, each image being there once."""
    images = MOST_BYTES / (FLOAT_BYTES * math.prod(dataset.images.shape))
    questions = min(
        images * len(image_number) / len(np.unique(image_number)),
        MOST_BYTES / (FLOAT_BYTES * dataset.vocabulary.num_answers),
        MOST_QUESTIONS,
    )
    return max(1, int(questions))

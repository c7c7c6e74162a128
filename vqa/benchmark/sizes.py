"""The networks, batches and data sets that are measured; sizes as plain numbers, from which both libraries build."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from vqa.data.dataset import load_dataset
from vqa.data.included_cards import cards_folder
from vqa.data.loader import GroupedLoader

PADDING_ID = 1
CARDS = cards_folder()


@dataclass(frozen=True)
class Sizes:
    """A preset, its options, and a batch for it.

    Attributes
    ----------
    preset, options, image_kind, image_shape, num_words, num_answers : as in `vqa.nn.spec.NetworkSpec`
    num_questions, num_images, num_tokens, num_slots : N, M, T and A of the batch
    """

    preset: str
    image_kind: str
    image_shape: tuple[int, ...]
    options: Mapping[str, Any] = field(default_factory=dict)
    num_words: int = 10_000
    num_answers: int = 3129
    num_questions: int = 128
    num_images: int = 128
    num_tokens: int = 14
    num_slots: int = 10

    def to_arguments(self) -> dict[str, Any]:
        """Return the sizes as plain values, from which `sizes_of` makes them again."""
        return asdict(self)


def sizes_of(arguments: Mapping[str, Any]) -> Sizes:
    """Return the sizes that `Sizes.to_arguments` wrote down, as they come back from JSON."""
    return Sizes(**{**arguments, "image_shape": tuple(arguments["image_shape"])})


class Arrays(NamedTuple):
    """A batch as NumPy arrays, named as in `vqa.data.loader.Batch`."""

    images: npt.NDArray[np.float32]
    image_index: npt.NDArray[np.int32]
    tokens: npt.NDArray[np.int32]
    lengths: npt.NDArray[np.int32]
    question_index: npt.NDArray[np.int32]
    answers: npt.NDArray[np.int32]


def random_arrays(sizes: Sizes, seed: int = 1) -> Arrays:
    """Return a random batch: questions of T / 2 to T words, answers all known."""
    random = np.random.default_rng(seed)
    count, width = sizes.num_questions, sizes.num_tokens
    lengths = random.integers(width // 2, width + 1, count)
    lengths[0] = width
    tokens = random.integers(2, sizes.num_words, (count, width))
    tokens[np.arange(width) >= lengths[:, np.newaxis]] = PADDING_ID
    return Arrays(
        random.standard_normal((sizes.num_images, *sizes.image_shape), dtype=np.float32),
        (np.arange(count) % sizes.num_images).astype(np.int32),
        tokens.astype(np.int32),
        lengths.astype(np.int32),
        np.arange(count, dtype=np.int32),
        random.integers(0, sizes.num_answers, (count, sizes.num_slots)).astype(np.int32),
    )


def data_arrays(card: str, batch_size: int, num_batches: int) -> list[Arrays]:
    """Return the first batches of a shuffled epoch of a data set's training split."""
    loader = GroupedLoader(load_dataset(card), "train", batch_size=batch_size, shuffle=True, seed=1, numpy=True)
    return [Arrays(*batch[:-1]) for batch in itertools.islice(loader.epoch(0), num_batches)]


def unshared(batch: Arrays) -> Arrays:
    """Return the batch with a copy of its image and its words for each row."""
    index = np.arange(len(batch.answers), dtype=np.int32)
    return Arrays(
        images=batch.images[batch.image_index],
        image_index=index,
        tokens=batch.tokens[batch.question_index],
        lengths=batch.lengths[batch.question_index],
        question_index=index,
        answers=batch.answers,
    )

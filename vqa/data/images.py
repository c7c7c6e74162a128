"""Image stores: one interface to pixels, features, regions, frames, and to data sets without images."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

import numpy as np
import numpy.typing as npt

from vqa.data.cards import DatasetCard
from vqa.data.image_files import Pixels, UnusableImagesError, image_folder, to_network_values
from vqa.data.pixel_cache import cached_pixels
from vqa.data.table import QuestionTable
from vqa.data.video import open_frames
from vqa.errors import ImageError
from vqa.features.files import FeatureStore
from vqa.features.stored_rows import StoredRows

Floats = npt.NDArray[np.float32]


class ImageStore(Protocol):
    """What a loader reads images from."""

    @property
    def kind(self) -> str:
        """One of "pixels", "features", "regions", "frames" and "none"."""
        ...

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of ONE image: (3, H, W), (D,), (R, D) or (F, D); (1,) without images."""
        ...

    def read(self, image_ids: Sequence[str]) -> Floats:
        """Return the images, float32 (M, *shape); ImageError if one is missing."""
        ...

    def missing(self, image_ids: Sequence[str]) -> list[str]:
        """Return the ids that the store does not hold."""
        ...


class NoImages:
    """The store of a question-only data set: one zero per image."""

    kind = "none"
    shape: tuple[int, ...] = (1,)

    def read(self, image_ids: Sequence[str]) -> Floats:
        """Return zeros, float32 (M, 1)."""
        return np.zeros((len(image_ids), 1), dtype=np.float32)

    def missing(self, image_ids: Sequence[str]) -> list[str]:
        """Return an empty list."""
        return []


class PixelStore:
    """Images as pixels: uint8 in files or in memory, float32 in [-1, 1] when read.

    Attributes
    ----------
    kind : "pixels"
    shape : (3, height, width) of one image
    """

    kind = "pixels"

    def __init__(self, image_ids: Sequence[Sequence[str]], blocks: Sequence[Pixels | StoredRows]) -> None:
        """Take blocks of images, each uint8 (n, 3, height, width), and the n ids of each block."""
        self.shape: tuple[int, ...] = blocks[0].shape[1:]
        self._blocks = list(blocks)
        self._starts = np.cumsum([0, *map(len, blocks)])
        self._row: dict[str, int] = {}
        for start, ids in zip(self._starts, image_ids):
            for row, image_id in enumerate(ids, start=int(start)):
                self._row.setdefault(image_id, row)

    def missing(self, image_ids: Sequence[str]) -> list[str]:
        """Return the ids that the store does not hold."""
        return [image_id for image_id in image_ids if image_id not in self._row]

    def read(self, image_ids: Sequence[str]) -> Floats:
        """Return images, float32 (M, 3, height, width) in [-1, 1].

        Raises
        ------
        ImageError
            The store does not hold one of them, or the file of decoded images was truncated.
        """
        try:
            rows = np.fromiter(map(self._row.__getitem__, image_ids), dtype=np.int64, count=len(image_ids))
        except KeyError as error:
            raise ImageError(f"image {error.args[0]!r} is not an image of the data set") from None
        pixels = np.empty((len(rows), *self.shape), dtype=np.uint8)
        block_of = np.searchsorted(self._starts, rows, side="right") - 1
        for number in np.unique(block_of):
            here = np.flatnonzero(block_of == number)
            try:
                pixels[here] = self._blocks[number][rows[here] - self._starts[number]]
            except EOFError:
                raise ImageError("the cache of decoded images was truncated while in use; start again") from None
        return to_network_values(pixels)


def open_pixels(card: DatasetCard, tables: Mapping[str, QuestionTable]) -> PixelStore:
    """Open the images that the tables' questions are about, and decode those that are not in the cache yet.

    Raises
    ------
    ImageError
        Images are missing, cannot be decoded or differ in size; the message names the first, the question that
        needs it, and how many there are.
    """
    assert card.images is not None  # checked by open_images
    folder = image_folder(card)
    all_ids: list[list[str]] = []
    blocks: list[Pixels | StoredRows] = []
    for table in tables.values():
        all_ids.append(list(dict.fromkeys(table.image_id)))
        blocks.append(cached_pixels(all_ids[-1], folder, card.images.size, table))
        height, width = blocks[0].shape[2:]
        if blocks[-1].shape[2:] != (height, width):
            raise ImageError(
                f"the images of {table.source} are {blocks[-1].shape[2]} x {blocks[-1].shape[3]} pixels (height x "
                f"width), others {height} x {width}; scale them with size = [{height}, {width}] in [images] of "
                f"{card.path}"
            )
    return PixelStore(all_ids, blocks)


def open_features(card: DatasetCard, tables: Mapping[str, QuestionTable]) -> FeatureStore:
    """Open the features file of a card.

    Parameters
    ----------
    card : its [images] have the kind "features", "regions" or "frames", and a features file as path
    tables : the questions, all of whose images must have features

    Raises
    ------
    ImageError
        The file or its ids are missing or damaged, or an image has no features; the message names the first, the
        question that needs it, and how many there are.
    """
    assert card.images is not None
    assert card.images.path is not None  # checked by load_card
    store = FeatureStore(card.images.path, card.images.kind)
    for table in tables.values():
        image_ids = list(dict.fromkeys(table.image_id))
        faults = {image_id: store.absent(image_id) for image_id in store.missing(image_ids)}
        if faults:
            raise UnusableImagesError(faults, len(image_ids), table)
    return store


def open_images(card: DatasetCard, tables: Mapping[str, QuestionTable]) -> ImageStore:
    """Open the images of a data set.

    Parameters
    ----------
    card : of `load_card`
    tables : the questions to answer, by split; at least one table
    """
    if card.images is None:
        return NoImages()
    if card.images.kind == "pixels":
        return open_pixels(card, tables)
    if card.images.kind == "frames" and card.images.path is not None and card.images.path.is_dir():
        return open_frames(card, tables)
    return open_features(card, tables)

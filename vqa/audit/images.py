"""The images of a data set: which cannot be used, which are of one colour, which are the same under two names."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import NamedTuple, Union

import numpy as np
from tqdm import tqdm

from vqa.audit.schema import ImageFiles, Listed
from vqa.data.cards import DatasetCard
from vqa.data.image_files import ImageFolder, UnusableImagesError, decode_image, image_folder
from vqa.data.images import open_images
from vqa.data.table import QuestionTable
from vqa.errors import ImageError

EXAMPLES = 5
# Values that differ by no more than this are one colour to the eye, and to a network nothing to see.
ONE_COLOUR = 3
CHUNK = 256


class Decoded(NamedTuple):
    """What is kept of a decoded image: height and width, a hash of its pixels, and whether it is of one colour."""

    height: int
    width: int
    digest: bytes
    one_colour: bool


Result = Union[Decoded, str]


def audit_images(card: DatasetCard, tables: Mapping[str, QuestionTable]) -> dict[str, ImageFiles]:
    """Look at every image that the questions are about; the result is by split, and empty without images.

    Pixels are decoded. Of features and videos it is checked whether they can be opened.

    Parameters
    ----------
    card : the dataset card
    tables : the questions by split
    """
    if card.images is None:
        return {}
    if card.images.kind != "pixels":
        return {split: _opened(card, split, table) for split, table in tables.items()}
    image_ids = list(dict.fromkeys(image_id for table in tables.values() for image_id in table.image_id))
    found = dict(zip(image_ids, _decode_all(image_ids, image_folder(card))))
    first_of: dict[bytes, str] = {}
    return {split: _summary(dict.fromkeys(table.image_id), found, first_of) for split, table in tables.items()}


def _opened(card: DatasetCard, split: str, table: QuestionTable) -> ImageFiles:
    try:
        open_images(card, {split: table})
        faults: list[str] = []
    except UnusableImagesError as error:
        faults = list(error.faults.values())
    except ImageError as error:
        faults = [str(error)]
    return ImageFiles(_listed(faults), _listed([]), _listed([]), None, None)


def _summary(image_ids: Iterable[str], found: Mapping[str, Result], first_of: dict[bytes, str]) -> ImageFiles:
    """Return what the images of one split are like; `first_of` has the first image with each hash of pixels."""
    faults: list[str] = []
    one_colour: list[str] = []
    repeated: list[str] = []
    sizes: list[tuple[int, int]] = []
    for image_id in image_ids:
        image = found[image_id]
        if isinstance(image, str):
            faults.append(image)
            continue
        sizes.append((image.height, image.width))
        if image.one_colour:
            one_colour.append(image_id)
        first = first_of.setdefault(image.digest, image_id)
        if first != image_id:
            repeated.append(f"{image_id} has the pixels of {first}")
    by_area = sorted(sizes, key=lambda size: size[0] * size[1])
    smallest, largest = (list(by_area[0]), list(by_area[-1])) if by_area else (None, None)
    return ImageFiles(_listed(faults), _listed(one_colour), _listed(repeated), smallest, largest)


def _listed(examples: list[str]) -> Listed:
    return Listed(len(examples), examples[:EXAMPLES])


def _decode_all(image_ids: list[str], folder: ImageFolder) -> Iterator[Result]:
    """Yield what each image is like, or why it cannot be used; Pillow decodes outside Python's global lock."""
    progress = tqdm(total=len(image_ids), desc="looking at images", unit="image", delay=2, leave=False, disable=None)
    with ThreadPoolExecutor() as pool, progress:
        for start in range(0, len(image_ids), CHUNK):
            for result in pool.map(partial(_decode, folder=folder), image_ids[start : start + CHUNK]):
                progress.update()
                yield result


def _decode(image_id: str, folder: ImageFolder) -> Result:
    try:
        pixels = decode_image(folder.find(image_id))
    except ImageError as error:
        return str(error)
    _, height, width = pixels.shape
    digest = hashlib.sha256(ascii(pixels.shape).encode("ascii") + pixels.tobytes()).digest()
    spread = int(np.max(pixels.max(axis=(1, 2)).astype(int) - pixels.min(axis=(1, 2))))
    return Decoded(height, width, digest, spread <= ONE_COLOUR)

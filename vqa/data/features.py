"""Image stores over a features file: one vector an image, or several regions or frames an image.

A features file is an ``.npy`` array of float32 or float16, its first axis the images; beside it ``<name>.ids.txt``
holds the id of each row, one a line. ``vqa extract`` writes both; region features from elsewhere need only be brought
into this form, images with fewer regions than the most filled up with rows of zeros.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

from vqa.data.cards import DatasetCard
from vqa.data.image_files import unusable_images
from vqa.data.stored_rows import StoredRows
from vqa.data.table import QuestionTable
from vqa.data.video import VIDEO_SUFFIXES
from vqa.errors import ImageError

# Axes of the whole file, and how its shape is written in messages.
AXES = {"features": (2, "(N, D)"), "regions": (3, "(N, R, D)"), "frames": (3, "(N, F, D)")}


def ids_file(path: Path) -> Path:
    """Return the file with the ids of a features file's rows.

    >>> ids_file(Path("grid/features.npy")).as_posix()
    'grid/features.ids.txt'
    """
    return path.with_suffix(".ids.txt")


def settings_file(path: Path) -> Path:
    """Return the JSON file that tells how a features file was made."""
    return path.with_suffix(".json")


class FeatureStore:
    """Features of images, read from the disk by index; the file may be larger than the memory.

    Attributes
    ----------
    kind : "features", "regions" or "frames"
    shape : of one image: (D,), (R, D) or (F, D)
    image_ids : the id of each row; a file name stands for the name without extension as well

    Raises
    ------
    ImageError
        The file or its ids are missing, damaged or do not fit together.
    """

    def __init__(self, path: Path, kind: str) -> None:
        axes, form = AXES[kind]
        try:
            self._rows = StoredRows(path)
        except (ValueError, EOFError) as error:
            raise ImageError(f"{path}: expected a whole .npy file of {form} numbers in C order: {error}") from error
        shape, dtype = self._rows.shape, self._rows.dtype
        if len(shape) != axes or dtype not in (np.float32, np.float16):
            raise ImageError(
                f"{path}: expected float32 or float16 numbers {form} for images of kind {kind!r}, got {dtype} {shape}"
            )
        self.path = path
        self.kind = kind
        self.shape = shape[1:]
        self.image_ids = _read_ids(path, len(self._rows))
        self._row_of = _rows_by_name(self.image_ids)

    def missing(self, image_ids: Iterable[str]) -> list[str]:
        """Return those of the ids for which there are no features, in their order."""
        return [image_id for image_id in image_ids if image_id not in self._row_of]

    def read(self, image_ids: Sequence[str]) -> npt.NDArray[np.float32]:
        """Return the features of the given images, float32 (M, *shape).

        Raises
        ------
        ImageError
            There are no features of an image, or the file has become shorter.
        """
        try:
            numbers = [self._row_of[image_id] for image_id in image_ids]
        except KeyError as error:
            raise ImageError(self._absent(error.args[0])) from None
        try:
            return self._rows[numbers].astype(np.float32, copy=False)
        except EOFError as error:
            image_id = image_ids[error.args[0]]
            raise ImageError(f"{self.path}: the file ends inside the features of image {image_id!r}") from None

    def require(self, table: QuestionTable) -> None:
        """Raise an ImageError that names an image without features and a question that needs it, if there is one."""
        image_ids = list(dict.fromkeys(table.image_id))
        faults = [(image_id, self._absent(image_id)) for image_id in self.missing(image_ids)]
        if faults:
            raise unusable_images(faults, len(image_ids), table)

    def _absent(self, image_id: str) -> str:
        return f"image {image_id!r} has no features in {self.path}, or its id is not in {ids_file(self.path)}"


def _rows_by_name(image_ids: Sequence[str]) -> dict[str, int]:
    """Return the row of each id, and of each file name less its extension where that is one file's only."""
    known = {*Image.registered_extensions(), *VIDEO_SUFFIXES}
    rows_of_stem: dict[str, list[int]] = {}
    for row, image_id in enumerate(image_ids):
        stem, extension = os.path.splitext(image_id)
        if extension.lower() in known:
            rows_of_stem.setdefault(stem, []).append(row)
    by_stem = {stem: rows[0] for stem, rows in rows_of_stem.items() if len(rows) == 1}
    return {**by_stem, **{image_id: row for row, image_id in enumerate(image_ids)}}


def open_features(card: DatasetCard, tables: Mapping[str, QuestionTable]) -> FeatureStore:
    """Open the features file of a card.

    Parameters
    ----------
    card : its [images] have the kind "features", "regions" or "frames", and a features file as path
    tables : the questions, all of whose images must have features

    Raises
    ------
    ImageError
        The file or its ids are missing or damaged, or an image has no features; named are the first, the question
        that needs it, and how many there are.
    """
    assert card.images is not None
    assert card.images.path is not None  # load_card has seen to both
    store = FeatureStore(card.images.path, card.images.kind)
    for table in tables.values():
        store.require(table)
    return store


def _read_ids(path: Path, num_rows: int) -> list[str]:
    """Return the ids beside a features file, checked to be as many as its rows and all different."""
    file = ids_file(path)
    try:
        text = file.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise ImageError(
            f"{path}: expected the ids of its {num_rows} rows in {file}, one a line; no such file"
        ) from None
    except UnicodeDecodeError as error:
        raise ImageError(f"{file}: not UTF-8: {error}") from error
    image_ids = text.removesuffix("\n").split("\n")
    if len(image_ids) != num_rows:
        raise ImageError(f"{file}: expected {num_rows} ids, one a line, as {path} has rows; got {len(image_ids)}")
    if len(set(image_ids)) != num_rows:
        double = next(image_id for image_id in image_ids if image_ids.count(image_id) > 1)
        raise ImageError(f"{file}: the id {double!r} occurs more than once")
    return image_ids

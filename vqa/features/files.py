"""Features files, read by row.

A features file is an ``.npy`` array of float32 or float16, its first axis the images; beside it ``<name>.ids.txt``
holds the id of each row, one per line. ``vqa extract`` writes both. Region features from another program can be brought
into this form: images with fewer regions than the largest are padded with rows of zeros.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

from vqa.errors import ImageError
from vqa.features.stored_rows import StoredRows

VIDEO_SUFFIXES = (".mp4", ".avi", ".mkv", ".mov", ".webm", ".m4v", ".mpg", ".mpeg")
# Axes of the whole file, and how its shape is written in messages.
AXES = {"features": (2, "(N, D)"), "regions": (3, "(N, R, D)"), "frames": (3, "(N, F, D)")}


def ids_file(path: Path) -> Path:
    """Return the file with the ids of a features file's rows.

    >>> ids_file(Path("grid/features.npy")).as_posix()
    'grid/features.ids.txt'
    """
    return path.with_suffix(".ids.txt")


def settings_file(path: Path) -> Path:
    """Return the JSON file with the settings that a features file was made with."""
    return path.with_suffix(".json")


class FeatureStore:
    """Features of images, read from disk by row; the file may be larger than memory.

    Attributes
    ----------
    kind : "features", "regions" or "frames"
    shape : of one image: (D,), (R, D) or (F, D)
    image_ids : the id of each row; a file name can be looked up without its extension as well

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
        """Return the ids without features, in their order."""
        return [image_id for image_id in image_ids if image_id not in self._row_of]

    def read(self, image_ids: Sequence[str]) -> npt.NDArray[np.float32]:
        """Return the features of the given images, float32 (M, *shape).

        Raises
        ------
        ImageError
            An image has no features, or the file was truncated.
        """
        try:
            numbers = [self._row_of[image_id] for image_id in image_ids]
        except KeyError as error:
            raise ImageError(self.absent(error.args[0])) from None
        try:
            return self._rows[numbers].astype(np.float32, copy=False)
        except EOFError as error:
            image_id = image_ids[error.args[0]]
            raise ImageError(f"{self.path}: the file ends inside the features of image {image_id!r}") from None

    def absent(self, image_id: str) -> str:
        """Return the message that an image has no features."""
        return f"image {image_id!r} has no features in {self.path}, or its id is not in {ids_file(self.path)}"


def _rows_by_name(image_ids: Sequence[str]) -> dict[str, int]:
    """Return the row of each id, and of each file name without its extension if no other file shares that name."""
    known = {*Image.registered_extensions(), *VIDEO_SUFFIXES}
    rows_of_stem: dict[str, list[int]] = {}
    for row, image_id in enumerate(image_ids):
        stem, extension = os.path.splitext(image_id)
        if extension.lower() in known:
            rows_of_stem.setdefault(stem, []).append(row)
    by_stem = {stem: rows[0] for stem, rows in rows_of_stem.items() if len(rows) == 1}
    return {**by_stem, **{image_id: row for row, image_id in enumerate(image_ids)}}


def _read_ids(path: Path, num_rows: int) -> list[str]:
    """Return the ids beside a features file; there must be one per row, all different."""
    file = ids_file(path)
    try:
        text = file.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise ImageError(
            f"{path}: expected the ids of its {num_rows} rows in {file}, one per line; no such file"
        ) from None
    except UnicodeDecodeError as error:
        raise ImageError(f"{file}: not UTF-8: {error}") from error
    image_ids = text.removesuffix("\n").split("\n")
    if len(image_ids) != num_rows:
        raise ImageError(f"{file}: expected {num_rows} ids, one per line and per row of {path}; got {len(image_ids)}")
    if len(set(image_ids)) != num_rows:
        raise ImageError(f"{file}: the id {Counter(image_ids).most_common(1)[0][0]!r} occurs more than once")
    return image_ids

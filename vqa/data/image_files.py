"""Image files: from an image's name to its file, and from the file to pixels."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageOps

from vqa.data.cards import DatasetCard
from vqa.data.readers.easy_vqa import image_name, package_folder
from vqa.data.table import QuestionTable
from vqa.errors import ImageError

# Pillow's own limit, against files that unpack to more than the memory holds.
MAX_PIXELS = 89_478_485
Pixels = npt.NDArray[np.uint8]


class ImageFolder:
    """Finds files in one folder by name, with or without extension, and never outside the folder.

    Parameters
    ----------
    folder : the folder that names are relative to; a name may contain subfolders, separated by "/"
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._extensions = set(Image.registered_extensions())
        self._listings: dict[PurePosixPath, dict[str, list[str]]] = {}

    def find(self, name: str) -> Path:
        """Return the file of an image.

        Raises
        ------
        ImageError
            There is no such file, there are several, or the name leads out of the folder.
        """
        path = PurePosixPath(name)
        if path.is_absolute() or ".." in path.parts or "\\" in name or "\0" in name:
            raise ImageError(f"image name {name!r} leads out of the folder {self.folder}")
        files = self._listing(path.parent).get(path.name, [])
        if not files:
            raise ImageError(f"image {name!r} is not in {self.folder}")
        if len(files) > 1:
            raise ImageError(f"image name {name!r} fits {' and '.join(files)} in {self.folder}; add the extension")
        return self.folder / path.parent / files[0]

    def _listing(self, parent: PurePosixPath) -> dict[str, list[str]]:
        """Return the files of a subfolder by full name, and image files by their name without extension as well."""
        if parent not in self._listings:
            try:
                names = sorted(os.listdir(self.folder / parent))
            except (FileNotFoundError, NotADirectoryError):
                names = []
            listing: dict[str, list[str]] = {}
            for name in names:
                stem, extension = os.path.splitext(name)
                if extension.lower() in self._extensions:
                    listing.setdefault(stem, []).append(name)
            listing.update({name: [name] for name in names})
            self._listings[parent] = listing
        return self._listings[parent]


class PackagedImages(ImageFolder):
    """Finds the images of the package `easy-vqa` by ids like ``"train/12"``."""

    def __init__(self) -> None:
        super().__init__(package_folder())

    def find(self, name: str) -> Path:
        """Return the file of an image; ImageError if there is none."""
        return super().find(image_name(name))


def image_folder(card: DatasetCard) -> ImageFolder:
    """Return where the image or video files of a card are; the card must have images."""
    assert card.images is not None
    return PackagedImages() if card.images.path is None else ImageFolder(card.images.path)


def decode_image(path: Path, size: tuple[int, int] | None = None) -> Pixels:
    """Return the pixels of an image file, uint8 (3, height, width), RGB, turned upright according to its EXIF tag.

    Parameters
    ----------
    path : a file in any format that Pillow reads; of an animation the first frame is taken
    size : height and width to scale to; None: as in the file

    Raises
    ------
    ImageError
        The file is not an image, is damaged, truncated or too large, or has other values than 8 bits a channel.
    """
    try:
        with Image.open(path) as file:
            _check_header(file, path)
            return image_pixels(ImageOps.exif_transpose(file), size)
    except ImageError:
        raise
    except FileNotFoundError:
        raise ImageError(f"expected an image file, found nothing at {path}") from None
    except Exception as error:  # Pillow's decoders raise errors of many kinds over damaged files
        raise ImageError(f"{path} cannot be decoded: {error}") from error


def image_pixels(image: Image.Image, size: tuple[int, int] | None = None) -> Pixels:
    """Return the pixels of a decoded image, uint8 (3, height, width), RGB, scaled to `size` (height, width)."""
    image = image.convert("RGB")
    if size is not None and image.size != (size[1], size[0]):
        image = image.resize((size[1], size[0]), Image.Resampling.BILINEAR)
    return np.ascontiguousarray(np.asarray(image).transpose(2, 0, 1))


def _check_header(file: Image.Image, path: Path) -> None:
    if file.width * file.height > MAX_PIXELS:
        raise ImageError(f"{path} has {file.width} x {file.height} pixels, more than the {MAX_PIXELS} allowed")
    if file.mode.startswith(("I", "F")):
        raise ImageError(f"{path} has pixels of mode {file.mode!r}; convert it to 8 bits a channel")


def to_network_values(pixels: Pixels) -> npt.NDArray[np.float32]:
    """Return pixel values 0 to 255 as float32 in [-1, 1]: ``x / 127.5 - 1``, same shape.

    >>> to_network_values(np.array([0, 255], dtype=np.uint8))
    array([-1.,  1.], dtype=float32)
    """
    values = pixels.astype(np.float32)
    values /= 127.5
    values -= 1
    return values


def unusable_images(faults: Sequence[tuple[str, str]], total: int, table: QuestionTable) -> ImageError:
    """Return the error that names the first unusable image and the first question that needs it.

    Parameters
    ----------
    faults : (image id, what is wrong with it)
    total : number of distinct images that the questions need
    table : the questions
    """
    image_id, reason = faults[0]
    question_id = table.question_id[int(np.argmax(table.image_id == image_id))]
    return ImageError(
        f"{len(faults)} of {total} images cannot be used; the first, needed by question {question_id!r} of "
        f"{table.source}: {reason}"
    )

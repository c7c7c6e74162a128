"""Image files: from an image's name to its file, and from the file to pixels."""

from __future__ import annotations

import logging
import os
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from functools import cached_property
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
# Pillow logs some of the errors that it raises; without a handler of anybody Python would print them.
logging.getLogger("PIL").addHandler(logging.NullHandler())
Pixels = npt.NDArray[np.uint8]


class ImageFolder:
    """Finds files in one folder by name, with or without extension, and never outside the folder.

    Parameters
    ----------
    folder : the folder that names are relative to; a name may contain subfolders, separated by "/"
    follow_symlinks : whether a symbolic link may lead out of the folder
    extensions : those that a name may leave out, in lower case; None: those of images
    """

    def __init__(self, folder: Path, follow_symlinks: bool = False, extensions: Collection[str] | None = None) -> None:
        self.folder = folder
        self.follow_symlinks = follow_symlinks
        self._extensions = Image.registered_extensions() if extensions is None else extensions
        self._listings: dict[PurePosixPath, dict[str, list[str]]] = {}

    def find(self, name: str) -> Path:
        """Return the file of an image.

        Raises
        ------
        ImageError
            There is no such file, there are several, or the name or a symbolic link leads out of the folder.
        """
        path = PurePosixPath(name)
        if path.is_absolute() or ".." in path.parts or "\\" in name or "\0" in name:
            raise ImageError(f"image name {name!r} leads out of the folder {self.folder}")
        files = self._listing(path.parent).get(path.name, [])
        if not files:
            raise ImageError(f"image {name!r} is not in {self.folder}")
        if len(files) > 1:
            raise ImageError(f"image name {name!r} fits {' and '.join(files)} in {self.folder}; add the extension")
        file = self.folder / path.parent / files[0]
        if not self.follow_symlinks:
            self._require_inside(file, name)
        return file

    def _require_inside(self, file: Path, name: str) -> None:
        """Raise an ImageError if a symbolic link in the path of `file` leads out of the folder."""
        real = os.path.realpath(file)
        if os.path.commonpath([real, self._real_folder]) != self._real_folder:
            raise ImageError(
                f"image name {name!r} is a link to {real}, out of the folder {self.folder}; allow links with "
                "follow_symlinks = true in [images] of the card (vqa extract FOLDER: --follow-symlinks)"
            )

    @cached_property
    def _real_folder(self) -> str:
        return os.path.realpath(self.folder)

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
    images = card.images
    return PackagedImages() if images.path is None else ImageFolder(images.path, images.follow_symlinks)


def decode_image(path: Path, size: tuple[int, int] | None = None) -> Pixels:
    """Return the pixels of an image file, uint8 (3, height, width), RGB, turned upright according to its EXIF tag.

    Parameters
    ----------
    path : a file in any format that Pillow reads; of an animation the first frame is taken
    size : height and width to scale to; None: as in the file

    Raises
    ------
    ImageError
        The file is not an image, is damaged, truncated or too large, or has more than 16 bits per channel.
    """
    with opened_image(path) as file:
        return image_pixels(ImageOps.exif_transpose(file), size)


@contextmanager
def opened_image(path: Path) -> Iterator[Image.Image]:
    """Open an image file of a bounded size; what Pillow raises in the block becomes an ImageError about the file.

    Raises
    ------
    ImageError
        As in `decode_image`.
    """
    try:
        with Image.open(path) as file:
            _check_header(file, path)
            yield file
    except ImageError:
        raise
    except FileNotFoundError:
        raise ImageError(f"expected an image file, found nothing at {path}") from None
    except Exception as error:  # Pillow's decoders raise errors of many kinds over damaged files
        raise ImageError(f"{path} cannot be decoded: {str(error) or type(error).__name__}") from error


def image_pixels(image: Image.Image, size: tuple[int, int] | None = None) -> Pixels:
    """Return the pixels of a decoded image, uint8 (3, height, width), RGB, scaled to `size` (height, width)."""
    image = rgb_image(image)
    if size is not None and image.size != (size[1], size[0]):
        image = image.resize((size[1], size[0]), Image.Resampling.BILINEAR)
    return np.ascontiguousarray(np.asarray(image).transpose(2, 0, 1))


def rgb_image(image: Image.Image) -> Image.Image:
    """Return an image as RGB of 8 bits per channel: the upper 8 of 16, as Pillow reads colour images of 16 bits."""
    if image.mode.startswith("I"):
        # Pillow clips 16 bits to 255 instead: everything but the darkest 0.4 % of the range would be white.
        image = Image.fromarray((np.asarray(image).astype(np.uint16) >> 8).astype(np.uint8))
    return image.convert("RGB")


def _check_header(file: Image.Image, path: Path) -> None:
    if file.width * file.height > MAX_PIXELS:
        raise ImageError(f"{path} has {file.width} x {file.height} pixels, more than the {MAX_PIXELS} allowed")
    # Before Pillow 11, grey PNG files of 16 bits have the mode "I", which is otherwise 32 bits.
    if file.mode == "F" or (file.mode == "I" and file.format != "PNG"):
        raise ImageError(f"{path} has pixels of mode {file.mode!r}; convert it to 8 or 16 bits per channel")


def to_network_values(pixels: Pixels) -> npt.NDArray[np.float32]:
    """Return pixel values 0 to 255 as float32 in [-1, 1]: ``x / 127.5 - 1``, same shape.

    >>> to_network_values(np.array([0, 255], dtype=np.uint8))
    array([-1.,  1.], dtype=float32)
    """
    values: npt.NDArray[np.float32] = np.divide(pixels, np.float32(127.5), dtype=np.float32)
    values -= 1
    return values


class UnusableImagesError(ImageError):
    """Images that the questions need are missing or cannot be decoded.

    Attributes
    ----------
    faults : what is wrong with each of them, by image id
    total : number of distinct images that the questions need
    """

    def __init__(self, faults: Mapping[str, str], total: int, table: QuestionTable) -> None:
        """Name the first unusable image and the first question that needs it."""
        self.faults, self.total = dict(faults), total
        image_id, reason = next(iter(faults.items()))
        question_id = table.question_id[int(np.argmax(table.image_id == image_id))]
        super().__init__(
            f"{len(faults)} of {total} images cannot be used; the first, needed by question {question_id!r} of "
            f"{table.source}: {reason}"
        )

"""Originals: the photographs and videos behind a data set's images, for people to look at."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from vqa.data.cards import DatasetCard
from vqa.data.image_files import ImageFolder, PackagedImages, Pixels, opened_image, rgb_image
from vqa.data.video import read_frames
from vqa.features.files import VIDEO_SUFFIXES


class Originals:
    """Finds and shows the original of an image by its id."""

    def __init__(self, folder: ImageFolder) -> None:
        """Take the folder that finds the file of an id."""
        self._folder = folder

    def find(self, image_id: str) -> Path:
        """Return the file of an original.

        Raises
        ------
        ImageError
            There is no such file, there are several, or the name or a link leads out of the folder.
        """
        return self._folder.find(image_id)

    def read(self, image_id: str, side: int) -> Pixels:
        """Return an original, uint8 (3, height, width), RGB, scaled down so that its longest side is at most `side`.

        Of a video it is the frame in the middle.

        Raises
        ------
        ImageError
            The file is missing or cannot be decoded.
        InstallationError
            The original is a video, and the optional package av is not installed.
        """
        path = self.find(image_id)
        if path.suffix.lower() in VIDEO_SUFFIXES:
            return _scaled_down(Image.fromarray(read_frames(path, 1)[0].transpose(1, 2, 0)), side)
        with opened_image(path) as file:
            file.draft("RGB", (side, side))  # a JPEG is decoded at half, a quarter or an eighth of its size
            return _scaled_down(rgb_image(ImageOps.exif_transpose(file)), side)


def _scaled_down(image: Image.Image, side: int) -> Pixels:
    image.thumbnail((side, side), Image.Resampling.LANCZOS)
    return np.ascontiguousarray(np.asarray(image).transpose(2, 0, 1))


def open_originals(card: DatasetCard) -> Originals | None:
    """Return the originals of a card's images, or None if the card has no images or does not name their originals."""
    images = card.images
    if images is None:
        return None
    folder = images.originals or (images.path if images.path is not None and images.path.is_dir() else None)
    if folder is not None:
        extensions = {*Image.registered_extensions(), *VIDEO_SUFFIXES}
        return Originals(ImageFolder(folder, images.follow_symlinks, extensions))
    if card.format == "easy-vqa":
        return Originals(PackagedImages())
    return None

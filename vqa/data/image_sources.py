"""Image sources: the image or video files of a folder or a card, from which features are extracted."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image

from vqa.data.cards import load_card
from vqa.data.image_files import ImageFolder, Pixels, decode_image, image_folder
from vqa.data.included_cards import CARD_SUFFIX, included_card
from vqa.data.readers import read_split
from vqa.data.video import DEFAULT_FRAMES, VideoFolder, read_frames
from vqa.errors import ConfigError, ImageError
from vqa.features.files import VIDEO_SUFFIXES
from vqa.files import files_below


class Sources(NamedTuple):
    """The files to extract features from.

    Attributes
    ----------
    image_ids : distinct; one row of the features file each
    folder : finds the file of an id
    num_frames : number of frames taken from each video; None for images
    """

    image_ids: list[str]
    folder: ImageFolder
    num_frames: int | None

    @property
    def path(self) -> Path:
        """The folder that the files are in."""
        return self.folder.folder

    def decode(self, image_id: str, size: int) -> Pixels:
        """Return an image uint8 (1, 3, size, size), or the frames of a video uint8 (F, 3, size, size).

        Raises
        ------
        ImageError
            The file is missing, cannot be decoded, or has a name that cannot be a line in a list of ids.
        """
        path = self.folder.find(image_id)
        if set(image_id) & set("\r\n"):
            raise ImageError(f"{path}: a name with a line break cannot be a line of the list of ids")
        return decode_file(path, size, self.num_frames)


def decode_file(path: Path, size: int, num_frames: int | None = None) -> Pixels:
    """Return an image uint8 (1, 3, size, size), or with `num_frames` the frames of a video uint8 (F, 3, size, size).

    Raises
    ------
    ImageError
        The file is missing or cannot be decoded.
    """
    if num_frames:
        return read_frames(path, num_frames, (size, size))
    return decode_image(path, (size, size))[np.newaxis]


def find_sources(path: str | Path, num_frames: int | None = None, follow_symlinks: bool = False) -> Sources:
    """Return the images of a card, or of a folder and its subfolders.

    Parameters
    ----------
    path : a card (a .toml file or an included card's name), whose image ids become the ids of the rows, or a folder,
        whose file names do
    num_frames : number of frames to take from each video; None: the files are images, unless a card says otherwise
    follow_symlinks : whether symbolic links may lead out of a folder; a card has its own key for it

    Raises
    ------
    ConfigError
        The card or the folder has no image or video files.
    """
    path = Path(path)
    if not path.exists():
        path = included_card(str(path)) or path
    if path.suffix == CARD_SUFFIX:
        return _card_sources(path, num_frames)
    if not path.is_dir():
        raise ConfigError(f"expected a folder of images or videos, or a card (.toml), got {path}")
    images, videos = (_list_files(path, known) for known in (Image.registered_extensions(), VIDEO_SUFFIXES))
    if num_frames is not None and videos:
        return Sources(videos, VideoFolder(path, follow_symlinks), num_frames)
    if num_frames is None and images:
        return Sources(images, ImageFolder(path, follow_symlinks), None)
    others = len(images) + len(videos)
    hint = f"; it has {len(images)} images and {len(videos)} videos, and --frames is for videos" if others else ""
    raise ConfigError(f"{path}: no {'videos' if num_frames else 'images'} in this folder{hint}")


def _card_sources(path: Path, num_frames: int | None) -> Sources:
    card = load_card(path)
    images = card.images
    has_files = images is not None and (images.path is None or images.path.is_dir())
    if images is None or not has_files or images.kind not in ("pixels", "frames"):
        raise ConfigError(f"{path}: features are extracted from image or video files, and this card has none")
    tables = [read_split(card, split) for split in card.splits]
    image_ids = list(dict.fromkeys(image_id for table in tables for image_id in table.image_id))
    if images.kind == "frames" and images.path is not None:
        return Sources(
            image_ids, VideoFolder(images.path, images.follow_symlinks), num_frames or images.frames or DEFAULT_FRAMES
        )
    if num_frames is not None:
        raise ConfigError(f"{path}: --frames is for videos, and this card's images are of kind {images.kind!r}")
    return Sources(image_ids, image_folder(card), None)


def _list_files(folder: Path, extensions: Iterable[str]) -> list[str]:
    """Return the names, relative to `folder` and sorted, of the files with one of the extensions."""
    known = set(extensions)
    files = (path for path in files_below(folder) if path.suffix.lower() in known and not path.name.startswith("."))
    return sorted(path.relative_to(folder).as_posix() for path in files if path.is_file())

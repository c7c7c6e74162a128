"""FrameStore: a folder of videos as evenly spaced frames, small enough for a network to take them as they are."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
from tqdm import tqdm

from vqa.data.cards import DatasetCard
from vqa.data.image_files import ImageFolder, Pixels, to_network_values, unusable_images
from vqa.data.pixel_cache import cache_folder
from vqa.data.table import QuestionTable
from vqa.data.video import read_frames
from vqa.errors import ImageError
from vqa.features.files import VIDEO_SUFFIXES
from vqa.files import replacing

DEFAULT_FRAMES = 8
DEFAULT_SIZE = (16, 16)
MAX_BYTES_IN_MEMORY = 2**31

log = logging.getLogger(__name__)


class VideoFolder(ImageFolder):
    """Finds videos under one folder by name, with or without extension, and never outside the folder."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self._extensions = set(VIDEO_SUFFIXES)


class FrameStore:
    """Frames of videos, each frame shrunk and flattened: uint8 in memory, float32 in [-1, 1] when read.

    Attributes
    ----------
    kind : "frames"
    shape : (F, D) of one video, D = 3 * height * width of the shrunken frame
    """

    kind = "frames"

    def __init__(self, frames: Mapping[str, Pixels]) -> None:
        """Take the frames of each video, uint8 (F, 3, height, width), by its id; at least one video."""
        self._frames = {image_id: video.reshape(len(video), -1) for image_id, video in frames.items()}
        self.shape: tuple[int, ...] = next(iter(self._frames.values())).shape

    def missing(self, image_ids: Sequence[str]) -> list[str]:
        """Return those ids that the store does not hold, in their order."""
        return [image_id for image_id in image_ids if image_id not in self._frames]

    def read(self, image_ids: Sequence[str]) -> npt.NDArray[np.float32]:
        """Return the frames of the given videos, float32 (M, F, D) in [-1, 1].

        Raises
        ------
        ImageError
            The store does not hold one of them.
        """
        for image_id in self.missing(image_ids):
            raise ImageError(f"video {image_id!r} is not among those of the data set")
        if not len(image_ids):
            return np.zeros((0, *self.shape), dtype=np.float32)
        return to_network_values(np.stack([self._frames[image_id] for image_id in image_ids]))


def open_frames(card: DatasetCard, tables: Mapping[str, QuestionTable]) -> FrameStore:
    """Open the folder of video files of a card.

    `frames` evenly spaced frames of each video are shrunk to `size`, flattened and kept in memory;
    what was decoded is cached on the disk.

    Raises
    ------
    InstallationError
        The optional package av is not installed.
    ImageError
        Videos are missing or cannot be decoded; named are the first, the question that needs it, and how many there
        are. Or the frames do not fit into memory.
    """
    assert card.images is not None
    assert card.images.path is not None  # load_card has seen to both
    num_frames, size = card.images.frames or DEFAULT_FRAMES, card.images.size or DEFAULT_SIZE
    folder = VideoFolder(card.images.path)
    num_videos = len({image_id for table in tables.values() for image_id in table.image_id})
    _require_memory(num_videos * num_frames * 3 * size[0] * size[1])
    frames: dict[str, Pixels] = {}
    for table in tables.values():
        image_ids = [image_id for image_id in dict.fromkeys(table.image_id) if image_id not in frames]
        frames.update(_read_all(image_ids, folder, num_frames, size, table))
    return FrameStore(frames)


def _require_memory(num_bytes: int) -> None:
    if num_bytes > MAX_BYTES_IN_MEMORY:
        raise ImageError(
            f"the frames take {num_bytes / 2**30:.1f} GB of memory; use fewer or smaller ones, or make features of "
            "them with vqa extract and let path name the file"
        )


def _read_all(
    image_ids: Sequence[str], folder: VideoFolder, num_frames: int, size: tuple[int, int], table: QuestionTable
) -> dict[str, Pixels]:
    """Return the frames of all videos; the error over those that cannot be had counts them."""
    frames: dict[str, Pixels] = {}
    faults: list[tuple[str, str]] = []
    for image_id in tqdm(image_ids, desc="decoding videos", unit="video", delay=2, leave=False, disable=None):
        try:
            frames[image_id] = cached_frames(folder.find(image_id), num_frames, size)
        except ImageError as error:
            faults.append((image_id, str(error)))
    if faults:
        raise unusable_images(faults, len(image_ids), table)
    return frames


def cached_frames(path: Path, num_frames: int, size: tuple[int, int]) -> Pixels:
    """Return evenly spaced frames of a video, uint8 (F, 3, height, width), decoded at the first call only.

    The cache knows a file by its content. Where it cannot be written, the video is decoded each time.
    """
    with open(path, "rb") as file:
        digest = hashlib.sha256(ascii((num_frames, size)).encode("ascii"))
        while block := file.read(2**20):
            digest.update(block)
    cached = cache_folder().with_name("frames") / f"{digest.hexdigest()}.npy"
    try:
        frames = np.load(cached, allow_pickle=False)
        if frames.shape == (num_frames, 3, *size) and frames.dtype == np.uint8:
            return frames
    except (OSError, ValueError, EOFError):
        pass  # not there, or not whole: decoded anew
    frames = read_frames(path, num_frames, size)
    try:
        with replacing(cached, "wb") as file:
            np.save(file, frames)
    except OSError as error:
        log.warning("%s cannot be written (%s); VQA_CACHE names another folder for the cache", cached, error)
    return frames

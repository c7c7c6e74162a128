"""Videos as evenly spaced frames: decoded with PyAV, cached on the disk, and read by a loader."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
from tqdm import tqdm

from vqa.data.cards import DatasetCard
from vqa.data.image_files import ImageFolder, Pixels, UnusableImagesError, to_network_values
from vqa.data.pixel_cache import cache_folder
from vqa.data.table import QuestionTable
from vqa.errors import ImageError, InstallationError
from vqa.features.files import VIDEO_SUFFIXES
from vqa.files import is_own, replacing

if TYPE_CHECKING:
    import av

DEFAULT_FRAMES = 8
DEFAULT_SIZE = (16, 16)
MAX_BYTES_IN_MEMORY = 2**31

log = logging.getLogger(__name__)


def frame_positions(num_frames: int, length: int) -> list[int]:
    """Return the positions of `num_frames` evenly spaced frames of a video of `length` frames.

    Frame i is the middle one of the i-th of `num_frames` equal parts, floor((i + 1/2) length / num_frames); a video
    with fewer frames repeats some of them.

    >>> frame_positions(4, 100)
    [12, 37, 62, 87]
    >>> frame_positions(4, 2)
    [0, 0, 1, 1]
    """
    return [(2 * index + 1) * length // (2 * num_frames) for index in range(num_frames)]


def read_frames(path: Path, num_frames: int, size: tuple[int, int] | None = None) -> Pixels:
    """Return evenly spaced frames of a video.

    Parameters
    ----------
    num_frames : F, at least 1
    size : height and width in pixels; the whole frame is scaled to it, whatever its aspect ratio; None: not scaled

    Returns
    -------
    uint8 (F, 3, height, width), RGB

    Raises
    ------
    InstallationError
        The optional package av is not installed.
    ImageError
        The file is not a video, has no frames, or cannot be decoded to its end.
    """
    try:
        import av
    except ImportError as error:
        raise InstallationError("videos need the package av: pip install 'vqa[video]' (or pip install av)") from error
    try:
        with av.open(str(path), metadata_errors="replace") as container:
            length = _count_frames(container, path)
        with av.open(str(path), metadata_errors="replace") as container:
            return _decode(container, frame_positions(num_frames, length), size, path)
    except av.error.FFmpegError as error:
        if isinstance(error, OSError):
            raise ImageError(f"{path}: {error.strerror}") from error
        raise ImageError(f"{path}: not a video that can be decoded: {error.strerror}") from error


def _count_frames(container: av.container.InputContainer, path: Path) -> int:
    """Return the number of frames in the file, counted without decoding them."""
    if not container.streams.video:
        raise ImageError(f"{path}: expected a video, the file has no video stream")
    stream = container.streams.video[0]
    # An empty packet only tells the decoder to flush its buffered frames.
    length = sum(1 for packet in container.demux(stream) if packet.size)
    if length < max(stream.frames, 1):
        raise ImageError(f"{path}: the video is truncated: it has {length} of {stream.frames or 'its'} frames")
    return length


def _decode(
    container: av.container.InputContainer, positions: list[int], size: tuple[int, int] | None, path: Path
) -> Pixels:
    """Return the frames at the given ascending positions, uint8 (F, 3, height, width)."""
    height, width = size or (None, None)
    stream = container.streams.video[0]
    stream.thread_type = "AUTO"
    frames: list[Pixels] = []
    for position, frame in enumerate(container.decode(stream)):
        if position != positions[len(frames)]:
            continue
        small = frame.reformat(width=width, height=height, format="rgb24", interpolation="AREA")
        image = np.asarray(small.to_ndarray(), dtype=np.uint8)
        frames += [image] * positions.count(position)
        if len(frames) == len(positions):
            return np.ascontiguousarray(np.stack(frames).transpose(0, 3, 1, 2))
    raise ImageError(f"{path}: the video is damaged: only {len(frames)} of {len(positions)} frames could be decoded")


class VideoFolder(ImageFolder):
    """Finds videos in one folder by name, with or without extension, and never outside the folder."""

    def __init__(self, folder: Path, follow_symlinks: bool = False) -> None:
        super().__init__(folder, follow_symlinks, VIDEO_SUFFIXES)


class FrameStore:
    """Frames of videos, scaled down and flattened: uint8 in memory, float32 in [-1, 1] when read.

    Attributes
    ----------
    kind : "frames"
    shape : (F, D) of one video, D = 3 * height * width of the scaled frame
    """

    kind = "frames"

    def __init__(self, frames: Mapping[str, Pixels]) -> None:
        """Take the frames of each video, uint8 (F, 3, height, width), by its id; at least one video."""
        self._frames = {image_id: video.reshape(len(video), -1) for image_id, video in frames.items()}
        self.shape: tuple[int, ...] = next(iter(self._frames.values())).shape

    def missing(self, image_ids: Sequence[str]) -> list[str]:
        """Return the ids that the store does not hold, in their order."""
        return [image_id for image_id in image_ids if image_id not in self._frames]

    def read(self, image_ids: Sequence[str]) -> npt.NDArray[np.float32]:
        """Return the frames of the given videos, float32 (M, F, D) in [-1, 1].

        Raises
        ------
        ImageError
            The store does not hold one of them.
        """
        for image_id in self.missing(image_ids):
            raise ImageError(f"video {image_id!r} is not a video of the data set")
        if not len(image_ids):
            return np.zeros((0, *self.shape), dtype=np.float32)
        return to_network_values(np.stack([self._frames[image_id] for image_id in image_ids]))


def open_frames(card: DatasetCard, tables: Mapping[str, QuestionTable]) -> FrameStore:
    """Open the folder of video files of a card.

    `frames` evenly spaced frames of each video are scaled to `size`, flattened and kept in memory; decoded frames
    are cached on the disk.

    Raises
    ------
    InstallationError
        The optional package av is not installed.
    ImageError
        Videos are missing or cannot be decoded: the message names the first, the question that needs it, and how
        many there are. Or the frames do not fit into memory.
    """
    assert card.images is not None
    assert card.images.path is not None  # checked by load_card
    num_frames, size = card.images.frames or DEFAULT_FRAMES, card.images.size or DEFAULT_SIZE
    folder = VideoFolder(card.images.path, card.images.follow_symlinks)
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
            f"the frames take {num_bytes / 2**30:.1f} GB of memory; use fewer or smaller frames, or extract features "
            "with vqa extract and set path to the features file"
        )


def _read_all(
    image_ids: Sequence[str], folder: VideoFolder, num_frames: int, size: tuple[int, int], table: QuestionTable
) -> dict[str, Pixels]:
    """Return the frames of all videos; if some cannot be read, the error counts them."""
    frames: dict[str, Pixels] = {}
    faults: dict[str, str] = {}
    for image_id in tqdm(image_ids, desc="decoding videos", unit="video", delay=2, leave=False, disable=None):
        try:
            frames[image_id] = cached_frames(folder.find(image_id), num_frames, size)
        except ImageError as error:
            faults[image_id] = str(error)
    if faults:
        raise UnusableImagesError(faults, len(image_ids), table)
    return frames


def cached_frames(path: Path, num_frames: int, size: tuple[int, int]) -> Pixels:
    """Return evenly spaced frames of a video, uint8 (F, 3, height, width), decoded on the first call only.

    The cache identifies a file by its content. If the cache cannot be written, the video is decoded each time.
    """
    with open(path, "rb") as file:
        digest = hashlib.sha256(ascii((num_frames, size)).encode("ascii"))
        while block := file.read(2**20):
            digest.update(block)
    cached = cache_folder().with_name("frames") / f"{digest.hexdigest()}.npy"
    try:
        if is_own(cached):
            frames: Pixels = np.load(cached, allow_pickle=False)
            if frames.shape == (num_frames, 3, *size) and frames.dtype == np.uint8:
                return frames
    except (OSError, ValueError, EOFError):
        pass  # incomplete: decoded again, like one that is missing or another user's
    frames = read_frames(path, num_frames, size)
    try:
        with replacing(cached, "wb") as file:
            np.save(file, frames)
    except OSError as error:
        log.warning("%s cannot be written (%s); set VQA_CACHE to another folder for the cache", cached, error)
    return frames

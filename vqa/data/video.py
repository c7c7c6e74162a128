"""Videos: a file -> evenly spaced frames, decoded with PyAV, which ships its own FFmpeg."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from vqa.data.image_files import Pixels
from vqa.errors import ImageError, InstallationError

if TYPE_CHECKING:
    import av


def frame_positions(num_frames: int, length: int) -> list[int]:
    """Return the positions of `num_frames` evenly spaced frames of a video of `length` frames.

    Frame i is the middle one of the i-th of `num_frames` equal parts, floor((i + 1/2) length / num_frames); a video
    with fewer frames gives some of them more than once.

    >>> frame_positions(4, 100)
    [12, 37, 62, 87]
    >>> frame_positions(4, 2)
    [0, 0, 1, 1]
    """
    return [(2 * index + 1) * length // (2 * num_frames) for index in range(num_frames)]


def read_frames(path: Path, num_frames: int, size: tuple[int, int]) -> Pixels:
    """Return evenly spaced frames of a video, each scaled to `size`.

    Parameters
    ----------
    num_frames : F, at least 1
    size : height and width in pixels; the whole frame is scaled to it, whatever its form

    Returns
    -------
    uint8 (F, 3, height, width), RGB

    Raises
    ------
    InstallationError
        The optional package av is not installed.
    ImageError
        The file is no video, has no frames, or cannot be decoded to its end.
    """
    try:
        import av
    except ImportError as error:
        raise InstallationError("videos need the package av: pip install 'vqa[video]' (or pip install av)") from error
    try:
        with av.open(str(path)) as container:
            length = _count_frames(container, path)
        with av.open(str(path)) as container:
            return _decode(container, frame_positions(num_frames, length), size, path)
    except av.error.FFmpegError as error:
        if isinstance(error, OSError):
            raise ImageError(f"{path}: {error.strerror}") from error
        raise ImageError(f"{path}: not a video that can be decoded: {error.strerror}") from error


def _count_frames(container: av.container.InputContainer, path: Path) -> int:
    """Return the number of frames that the file holds, counted without decoding them."""
    if not container.streams.video:
        raise ImageError(f"{path}: expected a video, the file has no video stream")
    stream = container.streams.video[0]
    # A packet without bytes only tells the decoder to give out what it still holds.
    length = sum(1 for packet in container.demux(stream) if packet.size)
    if length < max(stream.frames, 1):
        raise ImageError(f"{path}: the video is cut off: {length} of {stream.frames or 'its'} frames are there")
    return length


def _decode(container: av.container.InputContainer, positions: list[int], size: tuple[int, int], path: Path) -> Pixels:
    """Return the frames at the given ascending positions, uint8 (F, 3, height, width)."""
    height, width = size
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

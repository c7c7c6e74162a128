"""The cache of decoded images: uint8 arrays in files that are named by the content of the images."""

from __future__ import annotations

import hashlib
import json
import logging
import os
import warnings
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from itertools import chain
from pathlib import Path

import msgspec
import numpy as np
import PIL
import platformdirs
from PIL import Image
from tqdm import tqdm

from vqa.data.image_files import ImageFolder, Pixels, UnusableImagesError, decode_image
from vqa.data.table import QuestionTable
from vqa.errors import ImageError
from vqa.features.stored_rows import StoredRows
from vqa.files import is_own, lock_file, make_folder, replacing

FORMAT_VERSION = 1
# Above this total, files are identified by size and modification time instead of by content.
MAX_HASHED_BYTES = 2**28
MAX_BYTES_IN_MEMORY = 2**31
CHUNK = 256

log = logging.getLogger(__name__)


def cache_folder() -> Path:
    """Return the folder of decoded images: $VQA_CACHE, or the user's cache folder for vqa."""
    return Path(os.environ.get("VQA_CACHE") or platformdirs.user_cache_dir("vqa")) / "pixels"


def cached_pixels(
    image_ids: Sequence[str], folder: ImageFolder, size: tuple[int, int] | None, table: QuestionTable
) -> Pixels | StoredRows:
    """Return images as rows of a file, uint8 (n, 3, height, width), decoded on the first call only.

    Of two processes that need the same images at the same time, one decodes and the other waits. If the cache cannot
    be written, the images are kept in memory.

    Parameters
    ----------
    image_ids : n distinct ids
    folder : finds their files
    size : height and width to scale to; None: all images must have the same size
    table : the questions about the images, for messages

    Raises
    ------
    ImageError
        Images are missing, cannot be decoded or differ in size; or the cache cannot be written and the images do
        not fit into memory.
    """
    files = _find_all(image_ids, folder, table)
    path = cache_folder() / f"{_content_key(image_ids, files, size)}.npy"
    pixels = _open_cached(path, len(image_ids))
    if pixels is not None:
        return pixels
    faults = _cached_faults(path)
    if faults:
        raise UnusableImagesError(faults, len(image_ids), table)
    decoded = partial(_decode_all, image_ids, files, size, table)
    try:
        make_folder(path.parent)
        with lock_file(path.with_name(f"{path.name}.lock")):
            pixels = _open_cached(path, len(image_ids))  # another process may have written it meanwhile
            if pixels is None:
                _write(path, decoded(), len(image_ids))
                pixels = _open_cached(path, len(image_ids))
        if pixels is None:
            raise OSError("the file just written cannot be read")
        return pixels
    except OSError as error:
        log.warning(
            "images are kept in memory, because %s cannot be written (%s); set VQA_CACHE to another folder",
            path.parent,
            error,
        )
        return _in_memory(decoded(), len(image_ids), path.parent)
    except UnusableImagesError as error:
        _write_faults(path, error.faults)
        raise


def _faults_file(path: Path) -> Path:
    # What cannot be decoded depends on the decoder.
    return path.with_suffix(f".pillow-{PIL.__version__}.json")


def _cached_faults(path: Path) -> dict[str, str]:
    """Return what was wrong with these images the last time, by id, so that they are not decoded to find it again."""
    if not is_own(_faults_file(path)):
        return {}
    try:
        return msgspec.json.decode(_faults_file(path).read_bytes(), type=dict[str, str])
    except (OSError, ValueError, RecursionError):
        return {}


def _write_faults(path: Path, faults: dict[str, str]) -> None:
    with suppress(OSError), replacing(_faults_file(path)) as file:
        json.dump(faults, file)


def _find_all(image_ids: Sequence[str], folder: ImageFolder, table: QuestionTable) -> list[Path]:
    files: list[Path] = []
    faults: dict[str, str] = {}
    for image_id in image_ids:
        try:
            files.append(folder.find(image_id))
        except ImageError as error:
            faults[image_id] = str(error)
    if faults:
        raise UnusableImagesError(faults, len(image_ids), table)
    return files


def _content_key(image_ids: Sequence[str], files: Sequence[Path], size: tuple[int, int] | None) -> str:
    """Return a name for these images at this size, as 64 hexadecimal digits."""
    status = [file.stat() for file in files]
    by_content = sum(entry.st_size for entry in status) <= MAX_HASHED_BYTES
    digest = hashlib.sha256(ascii((FORMAT_VERSION, size, by_content)).encode("ascii"))
    for image_id, file, entry in zip(image_ids, files, status):
        digest.update(ascii((image_id, entry.st_size)).encode("ascii"))
        digest.update(file.read_bytes() if by_content else str(entry.st_mtime_ns).encode("ascii"))
    return digest.hexdigest()


def _open_cached(path: Path, count: int) -> StoredRows | None:
    """Return the images of a cache file, or None if it is missing, incomplete or another user's."""
    if not is_own(path):
        return None
    try:
        pixels = StoredRows(path)
    except (OSError, ValueError, EOFError):
        return None
    whole = pixels.dtype == np.uint8 and len(pixels.shape) == 4 and len(pixels) == count
    return pixels if whole else None


def _write(path: Path, decoded: Iterator[Pixels], count: int) -> None:
    """Write images one after another to a .npy file."""
    for leftover in path.parent.glob(f".{path.name}.*.tmp"):
        leftover.unlink()  # left by a process that was killed: this one holds the lock
    first = next(decoded)
    header = {"descr": "|u1", "fortran_order": False, "shape": (count, *first.shape)}
    # Plain writes: with a memory map, a full disk would kill the process instead of raising an error.
    with replacing(path, "wb") as file:
        np.lib.format.write_array_header_1_0(file, header)
        for pixels in chain([first], decoded):
            file.write(pixels.tobytes())


def _in_memory(decoded: Iterator[Pixels], count: int, folder: Path) -> Pixels:
    first = next(decoded)
    if count * first.nbytes > MAX_BYTES_IN_MEMORY:
        raise ImageError(
            f"{count} decoded images take {count * first.nbytes / 2**30:.1f} GB and {folder} cannot be written; "
            "set VQA_CACHE to a folder with that much free space"
        )
    return np.stack([first, *decoded])


def _decode_all(
    image_ids: Sequence[str], files: Sequence[Path], size: tuple[int, int] | None, table: QuestionTable
) -> Iterator[Pixels]:
    """Yield the pixels of each image; after the first fault, only count the remaining faults, then raise."""
    faults: dict[str, str] = {}
    shape: tuple[int, ...] | None = None
    for image_id, pixels in zip(image_ids, _decode_in_threads(files, size)):
        if isinstance(pixels, ImageError):
            faults[image_id] = str(pixels)
            continue
        shape = shape or pixels.shape
        if pixels.shape != shape:
            faults[image_id] = _odd_size(image_id, pixels.shape, image_ids[0], shape)
        if not faults:
            yield pixels
    if faults:
        raise UnusableImagesError(faults, len(image_ids), table)


def _odd_size(image_id: str, shape: tuple[int, ...], other_id: str, expected: tuple[int, ...]) -> str:
    return (
        f"image {image_id!r} is {shape[1]} x {shape[2]} pixels (height x width), but {other_id!r} is "
        f"{expected[1]} x {expected[2]}; scale them with size = [{expected[1]}, {expected[2]}] in [images] of the card"
    )


def _decode_in_threads(files: Sequence[Path], size: tuple[int, int] | None) -> Iterator[Pixels | ImageError]:
    """Yield the pixels, or the error, of each file in order; Pillow decodes outside Python's global lock."""
    with warnings.catch_warnings(), ThreadPoolExecutor() as pool, _progress(len(files)) as progress:
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)  # decode_image raises instead
        for start in range(0, len(files), CHUNK):
            for result in pool.map(partial(_try_to_decode, size=size), files[start : start + CHUNK]):
                progress.update()
                yield result


def _progress(total: int) -> tqdm:
    return tqdm(total=total, desc="decoding images", unit="image", delay=2, leave=False, disable=None)


def _try_to_decode(file: Path, size: tuple[int, int] | None) -> Pixels | ImageError:
    try:
        return decode_image(file, size)
    except ImageError as error:
        return error

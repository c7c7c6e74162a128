"""Extraction: a folder of images or videos, or a data set's card -> a features file."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from PIL import Image
from tqdm import tqdm

from vqa.data.cards import load_card
from vqa.data.feature_writer import FeatureWriter
from vqa.data.features import settings_file
from vqa.data.frames import DEFAULT_FRAMES, VideoFolder
from vqa.data.image_files import ImageFolder, Pixels, decode_image, image_folder
from vqa.data.readers import read_split
from vqa.data.video import VIDEO_SUFFIXES, read_frames
from vqa.errors import ConfigError, ImageError
from vqa.nn.pretrained import ImageEncoder


class Sources(NamedTuple):
    """What to make features of.

    Attributes
    ----------
    image_ids : distinct; each becomes a row
    folder : finds the file of an id
    num_frames : frames taken of each video; None where the files are images
    """

    image_ids: list[str]
    folder: ImageFolder
    num_frames: int | None


class Extraction(NamedTuple):
    """What an extraction gave: the shape and type of the features file, and why files are not in it, by id."""

    shape: tuple[int, ...]
    dtype: str
    failures: dict[str, str]


def find_sources(path: str | Path, num_frames: int | None = None) -> Sources:
    """Return the images of a card, or of a folder and its subfolders.

    Parameters
    ----------
    path : a card (.toml), whose image ids become the ids of the rows, or a folder, where the names of files do
    num_frames : take so many frames of each video; None: the files are images, if a card does not say otherwise

    Raises
    ------
    ConfigError
        The card has no image or video files, or the folder has none.
    """
    path = Path(path)
    if path.suffix == ".toml":
        return _card_sources(path, num_frames)
    if not path.is_dir():
        raise ConfigError(f"expected a folder of images or videos, or a card (.toml), got {path}")
    images, videos = (_list_files(path, known) for known in (Image.registered_extensions(), VIDEO_SUFFIXES))
    if num_frames is not None and videos:
        return Sources(videos, VideoFolder(path), num_frames)
    if num_frames is None and images:
        return Sources(images, ImageFolder(path), None)
    others = len(images) + len(videos)
    hint = f"; it has {len(images)} images and {len(videos)} videos, and --frames is for videos" if others else ""
    raise ConfigError(f"{path}: no {'videos' if num_frames else 'images'} in this folder{hint}")


def _card_sources(path: Path, num_frames: int | None) -> Sources:
    card = load_card(path)
    images = card.images
    has_files = images is not None and (images.path is None or images.path.is_dir())
    if images is None or not has_files or images.kind not in ("pixels", "frames"):
        raise ConfigError(f"{path}: features are made of image or video files, and this card has none")
    tables = [read_split(card, split) for split in card.splits]
    image_ids = list(dict.fromkeys(image_id for table in tables for image_id in table.image_id))
    if images.kind == "frames" and images.path is not None:
        return Sources(image_ids, VideoFolder(images.path), num_frames or images.frames or DEFAULT_FRAMES)
    if num_frames is not None:
        raise ConfigError(f"{path}: --frames is for videos, and this card's images are of kind {images.kind!r}")
    return Sources(image_ids, image_folder(card), None)


def _list_files(folder: Path, extensions: Iterable[str]) -> list[str]:
    """Return the names, relative to `folder` and sorted, of the files with one of the extensions."""
    known = set(extensions)
    files = (path for path in folder.rglob("*") if path.suffix.lower() in known and not path.name.startswith("."))
    return sorted(path.relative_to(folder).as_posix() for path in files if path.is_file())


def extract(
    sources: Sources,
    output: Path,
    encoder: ImageEncoder,
    *,
    batch_size: int = 16,
    float16: bool = False,
    overwrite: bool = False,
) -> Extraction:
    """Write the features of all sources that can be decoded; begun again after a kill, go on where it stopped.

    Parameters
    ----------
    output : the .npy file; the ids are written beside it
    batch_size : images, or frames of videos, that pass through the network together

    Raises
    ------
    ConfigError
        The file is there already, a grid is asked of videos, or an earlier attempt had other settings.
    ImageError
        None of the files can be decoded.
    """
    if sources.num_frames and encoder.grid:
        raise ConfigError("a grid is made of images, and these are videos: leave out --grid or --frames")
    per_image = sources.num_frames or 1
    shape = (per_image, *encoder.shape) if sources.num_frames else encoder.shape
    settings = {
        "encoder": encoder.settings,
        "frames": sources.num_frames,
        "source": str(sources.folder.folder.resolve()),
    }
    failures: dict[str, str] = {}
    with FeatureWriter(output, shape, "float16" if float16 else "float32", settings, overwrite=overwrite) as writer:
        done = set(writer.image_ids)
        left = [image_id for image_id in sources.image_ids if image_id not in done]
        with _progress(len(sources.image_ids), len(done)) as progress:
            for batch in _decode_batches(left, sources, encoder.size, max(batch_size // per_image, 1)):
                good = {image_id: pixels for image_id, pixels in batch.items() if not isinstance(pixels, ImageError)}
                failures.update((image_id, str(batch[image_id])) for image_id in batch if image_id not in good)
                if good:
                    features = encoder.encode(np.concatenate(list(good.values())))
                    writer.append(list(good), features.reshape(len(good), *shape))
                progress.update(len(batch))
        if not writer.image_ids:
            raise ImageError(
                f"none of the {len(failures)} files can be used; the first: {next(iter(failures.values()))}"
            )
        writer.finish()
        return Extraction((len(writer.image_ids), *shape), writer.dtype.name, failures)


def _progress(total: int, initial: int) -> tqdm:
    """Return a bar on stderr; where that is a file, one with few lines."""
    seconds = 0.2 if sys.stderr.isatty() else 10
    return tqdm(total=total, initial=initial, desc="extracting features", unit="file", mininterval=seconds)


def _decode_batches(
    image_ids: Sequence[str], sources: Sources, size: int, batch_size: int
) -> Iterator[dict[str, Pixels | ImageError]]:
    """Yield the pixels uint8 (1 or F, 3, size, size), or what is wrong, of `batch_size` files after the other."""

    def decode(image_id: str) -> Pixels | ImageError:
        try:
            path = sources.folder.find(image_id)
            if set(image_id) & set("\r\n"):
                raise ImageError(f"{path}: a name with a line break cannot stand in the list of ids")
            return _read_pixels(path, size, sources.num_frames)
        except ImageError as error:
            return error

    # Pillow and FFmpeg decode outside Python's global lock.
    with ThreadPoolExecutor() as pool:
        for start in range(0, len(image_ids), batch_size):
            names = image_ids[start : start + batch_size]
            yield dict(zip(names, pool.map(decode, names)))


def _read_pixels(path: Path, size: int, num_frames: int | None) -> Pixels:
    """Return an image uint8 (1, 3, size, size), or the frames of a video uint8 (F, 3, size, size)."""
    if num_frames:
        return read_frames(path, num_frames, (size, size))
    return decode_image(path, (size, size))[np.newaxis]


def encode_like(features: Path, image: Path, device: str = "cpu") -> npt.NDArray[np.float32]:
    """Return the features of one more image or video, made as those of a features file were, float32 (*shape).

    Raises
    ------
    ConfigError
        It is not known how the features file was made.
    ImageError
        The image or video cannot be decoded.
    """
    try:
        settings = json.loads(settings_file(features).read_text(encoding="utf-8"))
        encoder, num_frames = ImageEncoder(**settings["encoder"], device=device), settings["frames"]
        shape, dtype = settings["shape"], settings["dtype"]
    except (FileNotFoundError, ValueError, LookupError, TypeError) as error:
        raise ConfigError(
            f"{settings_file(features)}: expected the settings that vqa extract writes beside {features.name}; without "
            "them it is not known how to make features of a further image"
        ) from error
    encoded = encoder.encode(_read_pixels(image, encoder.size, num_frames))
    return encoded.reshape(shape).astype(dtype).astype(np.float32)

"""Extraction: images or videos -> a features file."""

from __future__ import annotations

import functools
import json
import sys
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple, Protocol

import numpy as np
import numpy.typing as npt
from tqdm import tqdm

from vqa.cluster import Cluster
from vqa.errors import ConfigError, ImageError
from vqa.features.encoders import ImageEncoder
from vqa.features.files import settings_file
from vqa.features.writing import FeatureWriter
from vqa.files import parse_json

Pixels = npt.NDArray[np.uint8]


class Sources(Protocol):
    """The files to extract features from; `vqa.data.image_sources.Sources` finds them in a folder or by a card."""

    @property
    def image_ids(self) -> list[str]:
        """Distinct ids; one row each."""
        ...

    @property
    def path(self) -> Path:
        """The folder that the files are in."""
        ...

    @property
    def num_frames(self) -> int | None:
        """Number of frames taken from each video; None for images."""
        ...

    def decode(self, image_id: str, size: int) -> Pixels:
        """Return pixels uint8 (1 or num_frames, 3, size, size); ImageError if the file cannot be used."""
        ...


class Extraction(NamedTuple):
    """The result of an extraction: shape and type of the features file, and by id why a file is not in it."""

    shape: tuple[int, ...]
    dtype: str
    failures: dict[str, str]


class Piece(NamedTuple):
    """The features (M, *shape) of the files of a batch that could be used, and by id why the others could not."""

    image_ids: list[str]
    features: npt.NDArray[np.float32] | None
    failures: dict[str, str]


def extract(
    sources: Sources,
    output: Path,
    encoder: ImageEncoder,
    *,
    batch_size: int = 16,
    float16: bool = False,
    overwrite: bool = False,
    cluster: Cluster | None = None,
) -> Extraction:
    """Write the features of all sources that can be decoded; after an interruption, continue where it stopped.

    Parameters
    ----------
    output : the .npy file; the ids are written beside it
    batch_size : images, or frames of videos, in one forward pass
    cluster : whose workers compute the batches, each with an encoder of the same settings; they must see the files

    Raises
    ------
    ConfigError
        The file exists, a grid was asked for videos, or an earlier attempt had other settings.
    ImageError
        None of the files can be decoded.
    """
    if sources.num_frames and encoder.grid:
        raise ConfigError("a grid needs images, and these are videos: leave out --grid or --frames")
    per_image = sources.num_frames or 1
    shape = (per_image, *encoder.shape) if sources.num_frames else encoder.shape
    settings = {
        "encoder": encoder.settings,
        "frames": sources.num_frames,
        "source": str(sources.path.resolve()),
    }
    failures: dict[str, str] = {}
    num_files = max(batch_size // per_image, 1)
    with FeatureWriter(output, shape, "float16" if float16 else "float32", settings, overwrite=overwrite) as writer:
        done = set(writer.image_ids)
        left = [image_id for image_id in sources.image_ids if image_id not in done]
        with _progress(len(sources.image_ids), len(done)) as progress:
            for piece in _encoded(left, num_files, sources, encoder, cluster):
                failures.update(piece.failures)
                if piece.features is not None:
                    writer.append(piece.image_ids, piece.features.reshape(len(piece.image_ids), *shape))
                progress.update(len(piece.image_ids) + len(piece.failures))
        if not writer.image_ids:
            raise ImageError(
                f"none of the {len(failures)} files can be used; the first: {next(iter(failures.values()))}"
            )
        writer.finish()
        return Extraction((len(writer.image_ids), *shape), writer.dtype.name, failures)


def _progress(total: int, initial: int) -> tqdm:
    """Return a progress bar on stderr, with few updates if stderr is a file."""
    seconds = 0.2 if sys.stderr.isatty() else 10
    return tqdm(total=total, initial=initial, desc="extracting features", unit="file", mininterval=seconds)


def _encoded(
    image_ids: Sequence[str], num_files: int, sources: Sources, encoder: ImageEncoder, cluster: Cluster | None
) -> Iterator[Piece]:
    """Yield the features of `num_files` files at a time, in the order of the files."""
    batches = (image_ids[start : start + num_files] for start in range(0, len(image_ids), num_files))
    if cluster is None:
        with ThreadPoolExecutor() as pool:
            yield from (_encode(names, sources, encoder, pool) for names in batches)
        return
    settings = json.dumps([encoder.settings, encoder.device])
    yield from cluster.in_order(_encode_on_worker, ((names, sources, settings) for names in batches))


def _encode(names: Sequence[str], sources: Sources, encoder: ImageEncoder, pool: ThreadPoolExecutor) -> Piece:
    """Decode the files of a batch and compute their features."""

    def decode(image_id: str) -> Pixels | ImageError:
        try:
            return sources.decode(image_id, encoder.size)
        except ImageError as error:
            return error

    # Pillow and FFmpeg decode outside Python's global lock.
    batch = dict(zip(names, pool.map(decode, names)))
    good = {image_id: pixels for image_id, pixels in batch.items() if not isinstance(pixels, ImageError)}
    failures = {image_id: str(batch[image_id]) for image_id in names if image_id not in good}
    return Piece(list(good), encoder.encode(np.concatenate(list(good.values()))) if good else None, failures)


def _encode_on_worker(names: Sequence[str], sources: Sources, settings: str) -> Piece:
    encoder, pool = _worker_encoder(settings)
    return _encode(names, sources, encoder, pool)


@functools.lru_cache(maxsize=1)
def _worker_encoder(settings: str) -> tuple[ImageEncoder, ThreadPoolExecutor]:
    """Return what a worker loads for its first batch and keeps for the others."""
    arguments, device = parse_json(settings)
    return ImageEncoder(**arguments, device=device), ThreadPoolExecutor()


def encode_like(
    features: Path, decode: Callable[[int, int | None], Pixels], device: str = "cpu"
) -> npt.NDArray[np.float32]:
    """Return the features of another image or video, made like those of a features file, float32 (*shape).

    Parameters
    ----------
    features : the features file
    decode : maps the encoder's image size and number of frames (None for an image) to pixels uint8
        (1 or F, 3, size, size)

    Raises
    ------
    ConfigError
        The settings of the features file are missing.
    ImageError
        The image or video cannot be decoded.
    """
    try:
        settings = parse_json(settings_file(features).read_text(encoding="utf-8"))
        encoder, num_frames = ImageEncoder(**settings["encoder"], device=device), settings["frames"]
        shape, dtype = settings["shape"], settings["dtype"]
    except (FileNotFoundError, ValueError, LookupError, TypeError) as error:
        raise ConfigError(
            f"{settings_file(features)}: expected the settings that vqa extract writes beside {features.name}; without "
            "them the features of another image cannot be made"
        ) from error
    encoded = encoder.encode(decode(encoder.size, num_frames))
    return encoded.reshape(shape).astype(dtype).astype(np.float32)

"""Thumbnails of the original images and photographs that the questions are about, embedded in the page."""

from __future__ import annotations

import base64
import io
import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

import numpy as np
from PIL import Image
from tqdm import tqdm

from vqa.data.originals import Originals
from vqa.errors import VqaError

# (longest side in pixels, WebP quality), from the best to the smallest that is still useful.
SIZES = ((320, 72), (240, 70), (160, 70), (128, 60), (96, 55), (64, 50), (48, 40))
# Total bytes of the thumbnails in base64; leaves room for the questions in a page of 20 MB.
BUDGET = 13_000_000
_AT_ONCE = 256


class Thumbnails(NamedTuple):
    """The images of a page.

    Attributes
    ----------
    page : ``{"type", "sharp", "data"}`` for the page's script, with a base64 text per image in `data`, None for a
        missing image; `sharp` is true for drawings, whose pixels should not be blurred when enlarged. None if there
        is no image to show
    faults : (image id, what is wrong with it) of each image that cannot be shown
    """

    page: dict[str, Any] | None
    faults: list[tuple[str, str]]


def thumbnails(originals: Originals | None, image_ids: Sequence[str]) -> Thumbnails:
    """Return the thumbnails of the images, as large as the budget allows.

    Parameters
    ----------
    originals : of the data set
    image_ids : ids in the order in which the page numbers them; "" means no image
    """
    names = [image_id for image_id in image_ids if image_id]
    if originals is None or not names:
        return Thumbnails(None, [])
    for side, quality in SIZES:
        encoded = _encode_all(originals, names, side, quality)
        if encoded is not None:
            break
    else:
        return Thumbnails(None, [(names[0], f"{len(names):,} images are too many for one page")])
    faults = [(name, str(result)) for name, result in encoded.items() if isinstance(result, VqaError)]
    images = {name: result for name, result in encoded.items() if isinstance(result, _Encoded)}
    if not images:
        return Thumbnails(None, faults)
    data = [images[name].text if name in images else None for name in image_ids]
    sharp = next(iter(images.values())).few_colours
    return Thumbnails({"type": "image/webp", "sharp": sharp, "data": data}, faults)


class _Encoded(NamedTuple):
    text: str
    few_colours: bool


def _encode_all(
    originals: Originals, names: Sequence[str], side: int, quality: int
) -> dict[str, _Encoded | VqaError] | None:
    """Return base64 texts by image id, or None once they are going to exceed the budget."""
    results: dict[str, _Encoded | VqaError] = {}
    size = 0
    for name, result in zip(names, _in_parallel(originals, names, side, quality)):
        results[name] = result
        size += len(result.text) if isinstance(result, _Encoded) else 0
        checked = len(results) % _AT_ONCE == 0 or len(results) == len(names)
        if checked and size / len(results) * len(names) > BUDGET:
            return None
    return results


def _in_parallel(originals: Originals, names: Sequence[str], side: int, quality: int) -> Iterator[_Encoded | VqaError]:
    """Yield the encoded images in the order of their names; Pillow decodes and encodes outside Python's lock."""
    with ThreadPoolExecutor(len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 2) as pool:
        progress = tqdm(total=len(names), desc="thumbnails", unit="image", delay=2, leave=False, disable=None)
        with progress:
            for start in range(0, len(names), _AT_ONCE):
                chunk = names[start : start + _AT_ONCE]
                yield from pool.map(lambda name: _encode(originals, name, side, quality), chunk)
                progress.update(len(chunk))


def _encode(originals: Originals, name: str, side: int, quality: int) -> _Encoded | VqaError:
    """Return one image as WebP in base64, or what is wrong with it."""
    try:
        image = Image.fromarray(np.ascontiguousarray(originals.read(name, side).transpose(1, 2, 0)))
    except VqaError as error:
        return error
    few_colours = image.getcolors(64) is not None
    data = io.BytesIO()
    # With few colours, lossless is smaller and sharp.
    image.save(data, "WEBP", lossless=few_colours, quality=quality)
    return _Encoded(base64.b64encode(data.getvalue()).decode("ascii"), few_colours)

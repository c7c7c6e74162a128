"""Thumbnails of the images that the questions are about, embedded in the page."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from vqa.data.images import ImageStore

# (longest side in pixels, WebP quality), from the best to the smallest that is still useful.
SIZES = ((160, 70), (128, 60), (96, 55), (64, 50), (48, 40))
# Total bytes of the thumbnails in base64; leaves room for the questions in a page of 20 MB.
BUDGET = 13_000_000
_AT_ONCE = 256


def thumbnails(store: ImageStore | None, image_ids: Sequence[str]) -> dict[str, Any] | None:
    """Return the thumbnails in the form that the page's script reads, or None if there are no pixels to show.

    Parameters
    ----------
    store : image store of a data set
    image_ids : ids in the order in which the page numbers them

    Returns
    -------
    ``{"type", "width", "height", "sharp", "data"}`` with a base64 text per image in `data`, None for a missing
    image; `sharp` is true for drawings, whose pixels should not be blurred when enlarged
    """
    if store is None or store.kind != "pixels" or not any(image_ids):
        return None
    missing = set(store.missing(list(image_ids)))
    present = [image_id for image_id in image_ids if image_id and image_id not in missing]
    if not present:
        return None
    sharp = _has_few_colours(_as_image(store.read(present[:1])[0]))
    for side, quality in SIZES:
        encoded = _encode_all(store, present, side, quality)
        if encoded is not None:
            break
    else:
        return None
    height, width = _scaled(store.shape[1:], side)
    data = [encoded.get(name) for name in image_ids]
    return {"type": "image/webp", "width": width, "height": height, "sharp": sharp, "data": data}


def _encode_all(store: ImageStore, image_ids: Sequence[str], side: int, quality: int) -> dict[str, str] | None:
    """Return base64 texts by image id, or None once they are going to exceed the budget."""
    encoded: dict[str, str] = {}
    size = 0
    for start in range(0, len(image_ids), _AT_ONCE):
        names = image_ids[start : start + _AT_ONCE]
        for name, pixels in zip(names, store.read(list(names))):
            encoded[name] = _encode(pixels, side, quality)
            size += len(encoded[name])
        if size / len(encoded) * len(image_ids) > BUDGET:
            return None
    return encoded


def _encode(pixels: npt.NDArray[np.float32], side: int, quality: int) -> str:
    """Return one image, float32 (3, H, W) in [-1, 1], as WebP in base64."""
    image = _as_image(pixels)
    height, width = _scaled((image.height, image.width), side)
    if (width, height) != image.size:
        image = image.resize((width, height), Image.Resampling.LANCZOS)
    data = io.BytesIO()
    # With few colours, lossless is smaller and sharp.
    image.save(data, "WEBP", lossless=_has_few_colours(image), quality=quality)
    return base64.b64encode(data.getvalue()).decode("ascii")


def _as_image(pixels: npt.NDArray[np.float32]) -> Image.Image:
    values = np.clip(np.rint((pixels.transpose(1, 2, 0) + 1.0) * 127.5), 0, 255).astype(np.uint8)
    return Image.fromarray(values)


def _has_few_colours(image: Image.Image) -> bool:
    return image.getcolors(64) is not None


def _scaled(shape: Sequence[int], side: int) -> tuple[int, int]:
    """Return (height, width) with the longest side at most `side`."""
    height, width = shape
    factor = min(1.0, side / max(height, width))
    return max(1, round(height * factor)), max(1, round(width * factor))

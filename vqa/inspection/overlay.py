"""The attention of a network, painted over the image."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

from vqa.errors import ConfigError
from vqa.files import replacing

HEAT = (255, 90, 0)
# Opacity of the heat colour at the largest weight.
STRENGTH = 0.7
# Smaller images are enlarged so that details are visible.
SHORTEST_SIDE = 320
# Pixels between the overlays of two hops.
GAP = 8
SUFFIXES = (".png", ".jpg", ".jpeg", ".webp")


def check_image_suffix(path: Path) -> None:
    """Raise ConfigError if the suffix does not name an image format that can be written."""
    if path.suffix.lower() not in SUFFIXES:
        raise ConfigError(f"{path}: expected an image file ending in {', '.join(SUFFIXES)}")


def attention_overlay(pixels: npt.NDArray[np.uint8], weights: npt.NDArray[np.floating]) -> Image.Image:
    """Return the image in grey, painted warmer where the weight is larger.

    Parameters
    ----------
    pixels : uint8 (3, H, W), RGB
    weights : float (R,), one per cell of a square grid over the image, row by row from the top left

    Raises
    ------
    ConfigError
        The number of regions is not a square, so that their places in the image are not known.
    """
    side = math.isqrt(len(weights))
    if not has_places(len(weights)):
        raise ConfigError(
            f"the network attends to {len(weights)} regions, not a square grid, so their places are unknown"
        )
    image = Image.fromarray(np.ascontiguousarray(pixels.transpose(1, 2, 0)))
    factor = max(1.0, SHORTEST_SIDE / min(image.size))
    image = image.resize((round(image.width * factor), round(image.height * factor)), Image.Resampling.BICUBIC)
    grid = np.asarray(weights, dtype=np.float32).reshape(side, side)
    heat = Image.fromarray(grid / max(float(grid.max()), 1e-12)).resize(image.size, Image.Resampling.BICUBIC)
    alpha = STRENGTH * np.clip(np.asarray(heat), 0, 1)[..., None]
    grey = np.asarray(image.convert("L"), dtype=np.float32)[..., None]
    painted = grey * (1 - alpha) + np.array(HEAT, dtype=np.float32) * alpha
    return Image.fromarray(np.rint(painted).astype(np.uint8))


def hops_overlay(pixels: npt.NDArray[np.uint8], hops: npt.NDArray[np.floating]) -> Image.Image:
    """Return the overlay of each hop of attention, float (hops, R), side by side from the first."""
    overlays = [attention_overlay(pixels, weights) for weights in hops]
    width, height = overlays[0].size
    joined = Image.new("RGB", ((width + GAP) * len(overlays) - GAP, height), "white")
    for number, overlay in enumerate(overlays):
        joined.paste(overlay, ((width + GAP) * number, 0))
    return joined


def has_places(num_regions: int) -> bool:
    """Return whether regions are the cells of a square grid, whose places in the image are known."""
    return math.isqrt(num_regions) ** 2 == num_regions


def save_image(image: Image.Image, path: Path) -> None:
    """Write an image in the format that the suffix names, all or nothing.

    Raises
    ------
    ConfigError
        The suffix does not name an image format.
    OSError
        The file cannot be written.
    """
    check_image_suffix(path)
    with replacing(path, "wb") as file:
        image.save(file, Image.registered_extensions()[path.suffix.lower()])

"""Uploaded images, bounded in bytes and pixels before anything is decoded."""

from __future__ import annotations

import io
import warnings

from PIL import Image, ImageOps

from vqa.data.image_files import rgb_image
from vqa.errors import ImageError

MAX_BYTES = 20_000_000
# Large enough for photographs of a phone; under 200 MB when decoded.
MAX_PIXELS = 64_000_000
FORMATS = ("PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF")
# No network of this package uses more pixels.
LONGEST_SIDE = 1024


def decode_upload(data: bytes) -> Image.Image:
    """Return an uploaded image as RGB, upright, with its longest side at most `LONGEST_SIDE` pixels.

    Raises
    ------
    ImageError
        The data is empty or too large, not an image of an accepted format, damaged, or has too many pixels.
    """
    if not data:
        raise ImageError("expected an image, got none; choose one of the examples or upload a file")
    if len(data) > MAX_BYTES:
        raise ImageError(f"the file has {len(data) / 1e6:.0f} MB, at most {MAX_BYTES / 1e6:.0f} MB are accepted")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)  # our own limit is lower
            with Image.open(io.BytesIO(data), formats=FORMATS) as image:
                _check_header(image)
                image.draft("RGB", (LONGEST_SIDE, LONGEST_SIDE))
                upright = rgb_image(ImageOps.exif_transpose(image))
    except ImageError:
        raise
    except Image.DecompressionBombError as error:
        raise ImageError(
            f"the image has too many pixels, at most {MAX_PIXELS // 10**6} megapixels are accepted"
        ) from error
    except Exception as error:  # Pillow's decoders raise many kinds of errors for damaged files
        raise ImageError(f"the file is not an image that can be read; accepted: {', '.join(FORMATS)}") from error
    upright.thumbnail((LONGEST_SIDE, LONGEST_SIDE))
    return upright


def _check_header(image: Image.Image) -> None:
    if image.mode == "F":
        raise ImageError("the image has floating-point pixels; save it with 8 bits per channel")
    if image.width * image.height > MAX_PIXELS:
        raise ImageError(
            f"the image has {image.width} x {image.height} pixels ({image.width * image.height / 1e6:.0f} megapixels), "
            f"at most {MAX_PIXELS // 10**6} megapixels are accepted"
        )

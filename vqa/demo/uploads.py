"""Images that a visitor sends: bounded in bytes and pixels before anything is decoded."""

from __future__ import annotations

import io
import warnings

from PIL import Image, ImageOps

from vqa.errors import ImageError

MAX_BYTES = 20_000_000
# What a phone's camera takes fits; decoded this is under 200 MB.
MAX_PIXELS = 64_000_000
FORMATS = ("PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF")
# No network of this package looks at more; smaller copies are quick to hand on.
LONGEST_SIDE = 1024


def decode_upload(data: bytes) -> Image.Image:
    """Return an uploaded image as RGB, turned upright, its longest side at most `LONGEST_SIDE` pixels.

    Raises
    ------
    ImageError
        There are no bytes or too many, they are not an image of a known format, are damaged, or unpack to too many
        pixels.
    """
    if not data:
        raise ImageError("there is no image; choose one of the examples or upload a file")
    if len(data) > MAX_BYTES:
        raise ImageError(f"the file has {len(data) / 1e6:.0f} MB, at most {MAX_BYTES / 1e6:.0f} MB are taken")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)  # our own limit is lower
            with Image.open(io.BytesIO(data), formats=FORMATS) as image:
                _check_header(image)
                image.draft("RGB", (LONGEST_SIDE, LONGEST_SIDE))
                upright = ImageOps.exif_transpose(image).convert("RGB")
    except ImageError:
        raise
    except Image.DecompressionBombError as error:
        raise ImageError(
            f"the image has too many pixels, at most {MAX_PIXELS // 10**6} megapixels are taken"
        ) from error
    except Exception as error:  # Pillow's decoders raise errors of many kinds over damaged files
        raise ImageError(f"the file is not an image that can be read; taken are {', '.join(FORMATS)}") from error
    upright.thumbnail((LONGEST_SIDE, LONGEST_SIDE))
    return upright


def _check_header(image: Image.Image) -> None:
    if image.width * image.height > MAX_PIXELS:
        raise ImageError(
            f"the image has {image.width} x {image.height} pixels ({image.width * image.height / 1e6:.0f} megapixels), "
            f"at most {MAX_PIXELS // 10**6} megapixels are taken"
        )
    if image.mode.startswith(("I", "F")):
        raise ImageError("the image has more than 8 bits a channel; save it with 8")

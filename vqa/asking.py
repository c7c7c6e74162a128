"""One question about one image of one's own."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Union

import numpy as np
import numpy.typing as npt
from PIL import Image

from vqa.data.image_files import decode_image, image_pixels, to_network_values
from vqa.errors import DataError

# More words than any question of the known data sets by far; a longer text is a mistake.
MAX_WORDS = 200

ImageLike = Union[str, Path, Image.Image, npt.NDArray[np.uint8], None]


@dataclass(frozen=True)
class Answer:
    """The answer to one question.

    Attributes
    ----------
    question : as asked
    top : (answer, probability in [0, 1]) pairs, best first
    unknown_words : words of the question that the network has never seen, in their order
    activation : "softmax" (probabilities of all answers sum to 1) or "sigmoid" (each answer stands by itself)
    """

    question: str
    top: tuple[tuple[str, float], ...]
    unknown_words: tuple[str, ...]
    activation: str

    @property
    def answer(self) -> str:
        """The most probable answer."""
        return self.top[0][0]

    @property
    def probability(self) -> float:
        """Probability of the most probable answer."""
        return self.top[0][1]

    def to_json(self) -> dict[str, Any]:
        """Return question, answer, probability, top, unknown_words and activation as plain values."""
        return {
            "question": self.question,
            "answer": self.answer,
            "probability": self.probability,
            "top": [list(pair) for pair in self.top],
            "unknown_words": list(self.unknown_words),
            "activation": self.activation,
        }


def check_question(question: str) -> None:
    """Check that a text can be asked.

    Raises
    ------
    DataError
        It is empty, or far longer than a question.
    """
    num_words = len(question.split())
    if not num_words:
        raise DataError("expected a question, got an empty text; ask something like 'what color is it?'")
    if num_words > MAX_WORDS:
        raise DataError(f"expected a question of at most {MAX_WORDS} words, got {num_words}; ask it in fewer words")


def read_pixels(image: ImageLike, shape: tuple[int, ...]) -> npt.NDArray[np.float32]:
    """Return one image as a network trained on pixels takes it, float32 (1, 3, H, W) in [-1, 1].

    Parameters
    ----------
    image : path of an image file, a Pillow image, or pixels uint8 (H, W, 3)
    shape : (3, H, W) of the images that the network was trained on; the image is scaled to it
    """
    size = (shape[1], shape[2])
    if isinstance(image, np.ndarray):
        image = Image.fromarray(image)
    pixels = image_pixels(image, size) if isinstance(image, Image.Image) else decode_image(Path(str(image)), size)
    return to_network_values(pixels)[None]

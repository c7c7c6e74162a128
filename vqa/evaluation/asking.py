"""What can be asked: one question about one image of the user's, and the answer."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Union

import numpy as np
import numpy.typing as npt
from PIL import Image

from vqa.data.cards import ImageCard
from vqa.data.image_files import Pixels, decode_image, image_pixels, to_network_values
from vqa.data.image_sources import decode_file
from vqa.data.video import DEFAULT_FRAMES, DEFAULT_SIZE, read_frames
from vqa.data.vocab import Vocabulary
from vqa.errors import ConfigError, DataError, ImageError
from vqa.evaluation.probabilities import top_answers
from vqa.nn.spec import NetworkSpec

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


def one_question(words: list[int]) -> tuple[npt.NDArray[np.int32], ...]:
    """Return image_index, tokens, lengths and question_index of one question, given as word ids, about one image."""
    zero = np.zeros(1, dtype=np.int32)
    return zero, np.array([words], dtype=np.int32), np.array([len(words)], dtype=np.int32), zero


def answer_of(
    logits: npt.NDArray[np.float32], question: str, vocabulary: Vocabulary, activation: str, top: int
) -> Answer:
    """Return the answer that logits (1, C) stand for, with the `top` best ones."""
    (best,), (probability,) = top_answers(logits, activation, top)
    answers = tuple((vocabulary.answers[index], float(value)) for index, value in zip(best, probability))
    return Answer(question, answers, tuple(vocabulary.unknown_words(question)), activation)


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


def image_values(
    image: ImageLike, spec: NetworkSpec, images: ImageCard | None, device: str = "cpu"
) -> npt.NDArray[np.float32]:
    """Return one image as a network takes it, float32 (1, ...): pixels, or features made as its data set's were.

    Parameters
    ----------
    image : path of an image (or video) file, a Pillow image, or pixels uint8 (H, W, 3); None for a blind network
    spec : of the network
    images : the images of the data set that the network was trained on

    Raises
    ------
    ImageError
        The image is missing or cannot be decoded.
    ConfigError
        It is not known how the features of the data set were made.
    """
    if spec.image_kind == "none":
        return np.zeros((1, *spec.image_shape), dtype=np.float32)
    if spec.image_kind == "pixels":
        return to_network_values(_pixels(image, (spec.image_shape[1], spec.image_shape[2])))[None]
    with as_file(image) as path:
        if images is None or images.path is None:
            raise ConfigError(f"the data set's card names no {spec.image_kind}: how to make them is not known")
        if images.path.is_dir():
            frames = read_frames(path, images.frames or DEFAULT_FRAMES, images.size or DEFAULT_SIZE)
            return to_network_values(frames.reshape(1, *spec.image_shape))
        from vqa.features.extraction import encode_like  # which needs MXNet

        return encode_like(images.path, partial(decode_file, path), device)[None]


def _pixels(image: ImageLike, size: tuple[int, int]) -> Pixels:
    if isinstance(image, np.ndarray):
        image = Image.fromarray(image)
    return image_pixels(image, size) if isinstance(image, Image.Image) else decode_image(_path(image), size)


def _path(image: str | Path | None) -> Path:
    if image is None:
        raise ImageError("expected an image, got none; this network looks at images")
    return Path(image)


@contextmanager
def as_file(image: ImageLike) -> Iterator[Path]:
    """Yield the path of an image, of a temporary file where it is in memory."""
    if not isinstance(image, (np.ndarray, Image.Image)):
        yield _path(image)
        return
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "image.png"
        (Image.fromarray(image) if isinstance(image, np.ndarray) else image).convert("RGB").save(path)
        yield path

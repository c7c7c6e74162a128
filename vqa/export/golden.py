"""Golden inputs and outputs: a few questions about a few images, drawn once, and what the network said of them."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from vqa.errors import DataError
from vqa.evaluation.probabilities import probabilities
from vqa.export.onnx_network import INPUTS
from vqa.export.safetensors_file import pack, unpack
from vqa.nn.spec import NetworkSpec

# Largest difference of two computations of the same logits, relative to the largest logit.
TOLERANCE = 1e-5

Arrays = dict[str, npt.NDArray[Any]]


def golden_inputs(spec: NetworkSpec) -> Arrays:
    """Return questions of several lengths about two images, one with padding among its regions; always the same.

    The images hold numbers that fit into 16 bits, in which they are kept.
    """
    random = np.random.default_rng(20)
    values = random.normal(size=(2, *spec.image_shape))
    images = {"none": np.zeros_like(values), "pixels": np.tanh(values)}.get(spec.image_kind, np.abs(values))
    if spec.image_kind in ("regions", "frames"):
        images[1, spec.image_shape[0] // 2 + 1 :] = 0
    lengths = np.array([1, 3, 7, 12])
    tokens = random.integers(0, spec.num_words, (4, 12))
    tokens[np.arange(12) >= lengths[:, np.newaxis]] = spec.padding_id
    return {
        "images": images.astype(np.float16).astype(np.float32),
        "image_index": np.array([0, 1, 1, 0, 1, 0], dtype=np.int32),
        "tokens": tokens.astype(np.int32),
        "lengths": lengths.astype(np.int32),
        "question_index": np.array([0, 1, 2, 3, 3, 2], dtype=np.int32),
    }


def encode_golden(inputs: Arrays, logits: npt.NDArray[np.float32]) -> str:
    """Return golden inputs and outputs as text: the bytes of a safetensors file in base 64."""
    arrays = {**inputs, "images": inputs["images"].astype(np.float16), "logits": logits}
    return base64.b64encode(pack(arrays, {})).decode("ascii")


def decode_golden(text: str) -> tuple[Arrays, npt.NDArray[np.float32]]:
    """Return the golden inputs and the golden logits.

    Raises
    ------
    DataError
        The text is damaged.
    """
    try:
        arrays = unpack(base64.b64decode(text, validate=True))
    except (binascii.Error, ValueError) as error:
        raise DataError(f"its golden inputs are damaged: {error}") from None
    kinds = {"images": "f", "logits": "f", **dict.fromkeys(INPUTS[1:], "i")}
    if set(arrays) != set(kinds) or any(arrays[name].dtype.kind != kind for name, kind in kinds.items()):
        raise DataError("its golden inputs are damaged: an array is missing, left over or of another type")
    inputs = {name: arrays[name].astype(np.float32 if kinds[name] == "f" else np.int32) for name in INPUTS}
    _check_indices(inputs)
    return inputs, arrays["logits"].astype(np.float32)


def _check_indices(inputs: Arrays) -> None:
    images, image_index, tokens, lengths, question_index = (inputs[name] for name in INPUTS)
    fits = image_index.ndim == lengths.ndim == question_index.ndim == 1 and tokens.ndim == 2
    if not (fits and len(images) and tokens.size and len(image_index) == len(question_index) and len(image_index)):
        raise DataError("its golden inputs are damaged: arrays of other shapes")
    for values, limit in ((image_index, len(images)), (question_index, len(tokens)), (lengths, tokens.shape[1] + 1)):
        if values.min() < 0 or values.max() >= limit:
            raise DataError("its golden inputs are damaged: an index beyond its array")


class Difference(NamedTuple):
    """How two computations of the same questions differ.

    Attributes
    ----------
    questions : number of questions
    same : for how many of them the best answer is the same
    logits : largest difference of two logits
    scale : largest logit, as an absolute value
    probabilities : largest difference of two probabilities
    """

    questions: int
    same: int
    logits: float
    scale: float
    probabilities: float

    @property
    def is_none(self) -> bool:
        """Whether every answer is the same and no logit differs by more than `TOLERANCE` times the largest."""
        return self.same == self.questions and self.logits <= TOLERANCE * self.scale

    def joined(self, other: Difference) -> Difference:
        """Return the difference over the questions of both."""
        return Difference(self.questions + other.questions, self.same + other.same, *map(max, self[2:], other[2:]))

    def to_json(self) -> dict[str, Any]:
        """Return the numbers by name, as plain values."""
        return {**self._asdict(), "relative": self.logits / (self.scale or 1)}

    def to_text(self) -> str:
        """Return one line."""
        relative = self.logits / (self.scale or 1)
        return (
            f"the same answer to {self.same:,} of {self.questions:,} questions; largest difference of logits "
            f"{self.logits:.1e} ({relative:.1e} of the largest logit, {self.scale:.3g}), of probabilities "
            f"{self.probabilities:.1e}"
        )


def difference(ours: npt.NDArray[np.float32], expected: npt.NDArray[np.float32], activation: str) -> Difference:
    """Return how logits (N, C) differ from those expected.

    Raises
    ------
    DataError
        They are not of the same shape, or not finite.
    """
    if ours.shape != expected.shape or ours.ndim != 2 or not ours.size:
        raise DataError(f"expected logits of shape {expected.shape}, got {ours.shape}")
    if not (np.isfinite(ours).all() and np.isfinite(expected).all()):
        raise DataError("logits are not finite (NaN or infinity)")
    return Difference(
        questions=len(ours),
        same=int((ours.argmax(axis=1) == expected.argmax(axis=1)).sum()),
        logits=float(np.abs(ours - expected).max()),
        scale=float(np.abs(expected).max()),
        probabilities=float(np.abs(probabilities(ours, activation) - probabilities(expected, activation)).max()),
    )


def check_golden(network: Callable[..., npt.NDArray[np.float32]], text: str, activation: str) -> Difference:
    """Return how far a network is from the golden outputs that a file holds.

    Raises
    ------
    DataError
        The golden inputs are damaged, or do not fit the network.
    """
    inputs, expected = decode_golden(text)
    return difference(network(*inputs.values()), expected, activation)

"""What an exported file says of itself: the network, how its inputs are made, where it came from, under what licence.

It stands among the file's metadata as JSON under the key ``vqa``; ``vqa.vocabulary`` holds the words and answers as
vocab.json has them, ``vqa.golden`` inputs with the outputs that they must give.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import msgspec

from vqa.data.options import DataOptions
from vqa.data.vocab import Vocabulary
from vqa.errors import ConfigError, DataError
from vqa.nn.spec import MAX_IMAGE_SIZE, NetworkSpec

FORMAT_VERSION = 1
KEY, VOCABULARY_KEY, GOLDEN_KEY = "vqa", "vqa.vocabulary", "vqa.golden"
IMAGE_KINDS = ("none", "pixels", "features", "regions", "frames")
WORDS = (
    "lower case; words are runs of letters and digits with apostrophes inside, everything else separates them; "
    "an unknown word has the id 0; a question without words is one unknown word; padding, id 1, comes at the end"
)


class Preprocessing(msgspec.Struct, frozen=True, kw_only=True):
    """How inputs are made.

    Attributes
    ----------
    words : how a question becomes word ids
    images : what one image is, in words
    size : height and width in pixels that a picture or video is scaled to (bilinear, RGB); empty where none is read
    frames : frames taken of a video, evenly spread; 0 where the images are no videos
    encoder : settings of the encoder that made the features; empty where there are none, or it is not known
    photographs : whether the file's own graph encodes photographs, through its input ``pixels``
    """

    words: str = WORDS
    images: str
    size: tuple[int, ...] = ()
    frames: int = 0
    encoder: dict[str, Any] = {}
    photographs: bool = False


class Provenance(msgspec.Struct, frozen=True, kw_only=True):
    """Where a network came from.

    Attributes
    ----------
    card : the dataset card that the network was trained on
    data : how that data set was read
    data_hash : hash of its questions, by split
    best_epoch, metric, validation : the epoch that was kept, what chose it, and its scores on validation questions
    seed : of the training
    trained_with, exported_with : versions
    parameters_sha256 : of the file of parameters
    golden_from : the program that computed the golden outputs
    """

    card: str = ""
    data: dict[str, Any] = {}
    data_hash: dict[str, str] = {}
    best_epoch: int
    metric: str = ""
    validation: dict[str, Any] = {}
    seed: int
    trained_with: dict[str, str] = {}
    exported_with: dict[str, str] = {}
    parameters_sha256: str = ""
    golden_from: str = ""


class Description(msgspec.Struct, frozen=True, kw_only=True):
    """All that a file says of itself beside its vocabulary; `activation` is "softmax" or "sigmoid"."""

    format_version: int = FORMAT_VERSION
    network: NetworkSpec
    loss: str
    activation: str
    preprocessing: Preprocessing
    provenance: Provenance
    license: str

    def data_options(self) -> DataOptions:
        """Return how the data set was read.

        Raises
        ------
        DataError
            The file holds a choice that is unknown here, or of another type.
        """
        defaults = asdict(DataOptions())
        for name, value in self.provenance.data.items():
            if name not in defaults or type(value) not in (type(defaults[name]), int):
                raise DataError(f"the file says {name} = {value!r} of how its data set was read, which is unknown here")
        try:
            return DataOptions(**self.provenance.data)
        except ConfigError as error:
            raise DataError(f"the file says of how its data set was read: {error}") from error

    def to_metadata(self, vocabulary: str) -> dict[str, str]:
        """Return the metadata of the file; `vocabulary` is the text of vocab.json."""
        return {KEY: msgspec.json.encode(self).decode(), VOCABULARY_KEY: vocabulary}


def read_description(metadata: Mapping[str, str], path: Path) -> tuple[Description, Vocabulary]:
    """Return what the metadata of a file say, every number checked that anything is made of later.

    Raises
    ------
    DataError
        The file was not written by `vqa export`, by another version of its format, or is damaged.
    """
    if KEY not in metadata or VOCABULARY_KEY not in metadata:
        raise DataError(f"{path}: an ONNX file, but not one that `vqa export` wrote: it names no words and answers")
    try:
        description = msgspec.json.decode(metadata[KEY], type=Description)
        vocabulary = Vocabulary.from_json(metadata[VOCABULARY_KEY])
        fault = _fault(description, vocabulary)
    except (msgspec.MsgspecError, DataError, RecursionError, UnicodeError) as error:
        fault = str(error)
    if fault:
        raise DataError(f"{path}: its metadata are damaged: {fault}")
    return description, vocabulary


def _fault(description: Description, vocabulary: Vocabulary) -> str:
    """Return what cannot be right, or nothing."""
    network, preprocessing = description.network, description.preprocessing
    if description.format_version != FORMAT_VERSION:
        return (
            f"format version {description.format_version}, this program reads version {FORMAT_VERSION}; "
            "use the version of vqa that wrote the file"
        )
    if (network.num_words, network.num_answers) != (vocabulary.num_words, vocabulary.num_answers):
        return (
            f"{vocabulary.num_words} words and {vocabulary.num_answers} answers for a network of "
            f"{network.num_words} and {network.num_answers}"
        )
    if description.activation not in ("softmax", "sigmoid"):
        return f"expected the activation 'softmax' or 'sigmoid', got {description.activation!r}"
    if network.image_kind not in IMAGE_KINDS:
        return f"unknown kind of images {network.image_kind!r}"
    axes = {"pixels": 3, "regions": 2}.get(network.image_kind, len(network.image_shape))
    sizes = (*network.image_shape, *preprocessing.size)
    if len(network.image_shape) != axes or not sizes or min(sizes) < 1:
        return f"images of shape {list(network.image_shape)}, scaled to {list(preprocessing.size)}"
    pixels = 3 * math.prod(preprocessing.size) * max(preprocessing.frames, 1)
    if len(preprocessing.size) not in (0, 2) or max(math.prod(network.image_shape), pixels) > MAX_IMAGE_SIZE:
        return f"images of shape {list(network.image_shape)}, scaled to {list(preprocessing.size)}"
    if not 0 <= preprocessing.frames <= MAX_IMAGE_SIZE:
        return f"{preprocessing.frames} frames of a video"
    return ""

"""An exported model: predict, report and ask without MXNet."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from vqa.data.dataset import Dataset
from vqa.data.image_files import to_network_values
from vqa.data.image_sources import decode_file
from vqa.data.loader import ALL
from vqa.data.options import DataOptions
from vqa.data.video import read_frames
from vqa.data.vocab import Vocabulary
from vqa.errors import ConfigError, DataError
from vqa.evaluation.asking import ImageLike, as_file, image_values, one_question
from vqa.evaluation.batches import evaluation_batches
from vqa.evaluation.trained_model import TrainedModel
from vqa.export.description import GOLDEN_KEY, Description, read_description
from vqa.export.golden import Difference, check_golden
from vqa.export.losses import losses
from vqa.export.onnx_network import OnnxNetwork, runtime_version
from vqa.training.forward import Forward
from vqa.training.run_records import versions


def load_model(path: str | Path, *, card: str | Path | None = None, threads: int | None = None) -> Model:
    """Open a file that `vqa export` wrote; MXNet is not needed.

    Parameters
    ----------
    path : the .onnx file
    card : data set to evaluate on instead of the one that the network was trained on
    threads : threads of one computation; None for the cores that this process may use

    Raises
    ------
    DataError
        The file was not written by `vqa export`, or is damaged.
    InstallationError
        onnxruntime is not installed.
    OSError
        The file cannot be read.
    """
    path = Path(path)
    return model_of(path.read_bytes(), path, card=card, threads=threads)


def model_of(
    data: bytes,
    path: Path,
    *,
    card: str | Path | None = None,
    threads: int | None = None,
    dataset: Dataset | None = None,
) -> Model:
    """Return the model in the bytes of a file, as `load_model`; `path` is where they came from."""
    network = OnnxNetwork(data, path, threads=threads)
    description, vocabulary = read_description(network.metadata, path)
    network.check(description.network)
    return Model(path, description, vocabulary, network, card=card)


class Model(TrainedModel):
    """A trained network that onnxruntime computes.

    Attributes
    ----------
    path : the file
    description : all that the file says of itself
    vocabulary : words and answers of the training split
    network : the network, called with NumPy arrays
    """

    def __init__(
        self,
        path: Path,
        description: Description,
        vocabulary: Vocabulary,
        network: OnnxNetwork,
        *,
        card: str | Path | None = None,
    ) -> None:
        provenance = description.provenance
        record = {
            "loss": description.loss,
            "card": provenance.card,
            "data_hash": provenance.data_hash,
            "best_epoch": provenance.best_epoch,
            "seed": provenance.seed,
        }
        super().__init__(path, record, vocabulary, description.network, description.activation, card=card)
        self.description, self.network = description, network

    def data_options(self) -> DataOptions:
        """Return how the data set was read when the network was trained."""
        return self.description.data_options()

    def versions(self) -> dict[str, str]:
        """Return the versions of what computes the numbers of a report."""
        return {
            **{name: version for name, version in versions().items() if name != "mxnet"},
            "onnxruntime": runtime_version(),
        }

    def forward_passes(
        self, dataset: Dataset, split: str, batch_size: int | None = None, which: slice = ALL
    ) -> Iterator[Forward]:
        """Yield logits and losses of every question of a split, batch by batch.

        Raises
        ------
        DataError
            Logits are NaN or infinite.
        """
        for batch in evaluation_batches(dataset, split, batch_size, numpy=True).epoch(0, which):
            logits = self.network(*batch.inputs)
            if not np.isfinite(logits).all():
                raise DataError(f"{self.path}: the network's logits are not finite (NaN or infinity)")
            known = (batch.answers >= 0).any(axis=1)
            yield Forward(batch.rows, logits, losses(self.description.loss, logits, batch.answers), known)

    def logits(self, images: npt.NDArray[np.float32], words: list[int]) -> npt.NDArray[np.float32]:
        """Return the logits (1, C) of one question, given as word ids, about one image (1, ...)."""
        return self.network(images, *one_question(words))

    def attention_of(self, *inputs: npt.NDArray[Any]) -> npt.NDArray[np.float32]:
        """Return the weight that each region has for each question in each hop, float32 (hops, N, R)."""
        if not self.network.has_attention:
            raise ConfigError(
                f"preset {self.spec.preset!r} has no attention: it does not look at one place of an image"
            )
        return self.network.attention(*inputs)

    def image_values(self, image: ImageLike) -> npt.NDArray[np.float32]:
        """Return an image as the network takes it, float32 (1, ...): pixels, or features that the file itself makes.

        Raises
        ------
        ImageError
            The image is missing or cannot be decoded.
        ConfigError
            The network takes features, and the file holds no encoder that makes them.
        """
        preprocessing = self.description.preprocessing
        if self.spec.image_kind in ("none", "pixels"):
            return image_values(image, self.spec, None)
        with as_file(image) as path:
            if preprocessing.photographs:
                return self.network.encode(decode_file(path, preprocessing.size[0], preprocessing.frames or None))
            if preprocessing.frames and not preprocessing.encoder:
                height, width = preprocessing.size
                frames = read_frames(path, preprocessing.frames, (height, width))
                return to_network_values(frames.reshape(1, *self.spec.image_shape))
        raise ConfigError(
            f"{self.path} holds no image encoder, and its network takes {self.spec.image_kind} that another program "
            f"made ({preprocessing.images}): it evaluates data sets that have them, and answers about no photograph"
        )

    def check_golden(self) -> Difference:
        """Return how far the network is from the golden outputs that the file holds.

        Raises
        ------
        DataError
            The file holds none, or they are damaged.
        """
        if GOLDEN_KEY not in self.network.metadata:
            raise DataError(f"{self.path}: expected golden inputs and outputs among its metadata, found none")
        try:
            return check_golden(self.network, self.network.metadata[GOLDEN_KEY], self.activation)
        except DataError as error:
            raise DataError(f"{self.path}: {error}") from None

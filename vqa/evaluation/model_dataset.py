"""The data set that a trained model is evaluated on, checked against what the model was trained on."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from vqa.data.dataset import Dataset, load_dataset
from vqa.data.options import DataOptions
from vqa.data.vocab import Vocabulary
from vqa.errors import RunError
from vqa.nn.spec import NetworkSpec


def open_dataset(
    card: Path, options: DataOptions, vocabulary: Vocabulary, spec: NetworkSpec, model: Path, *, data_hash: str | None
) -> Dataset:
    """Return the data set of a card, read as when a network was trained.

    Parameters
    ----------
    spec : of the network, which says what an image must look like
    model : where the model came from, for messages
    data_hash : of the training questions; None where other data were chosen on purpose

    Raises
    ------
    RunError
        The card's training split is not what the model was trained on, or its images are of another shape.
    """
    dataset = load_dataset(card, **dataclasses.asdict(options), vocabulary=vocabulary)
    if data_hash is not None and dataset.table("train").content_hash() != data_hash:
        raise RunError(
            f"{model} was trained on other questions than {card} holds now; restore the data, "
            f"or evaluate on the new data on purpose with --card {card}"
        )
    if (dataset.images.kind, tuple(dataset.images.shape)) != (spec.image_kind, spec.image_shape):
        raise RunError(
            f"{model} was trained on {spec.image_kind} images of shape {spec.image_shape}, but {card} has "
            f"{dataset.images.kind} images of shape {tuple(dataset.images.shape)}; evaluate on a card that fits"
        )
    return dataset

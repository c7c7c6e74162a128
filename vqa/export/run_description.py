"""What an exported file says of a run, and the run's Gluon network where MXNet is installed."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from dataclasses import asdict
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from vqa.data.cards import ImageCard, load_card
from vqa.data.included_cards import find_card, find_recorded_card
from vqa.data.video import DEFAULT_FRAMES, DEFAULT_SIZE
from vqa.errors import ConfigError, InstallationError
from vqa.evaluation.run_contents import RunContents
from vqa.export.description import Description, Preprocessing, Provenance
from vqa.export.golden import Arrays
from vqa.features.files import settings_file
from vqa.files import parse_json, sha256_of_file
from vqa.nn.spec import NetworkSpec
from vqa.training.run_config import read_run_config

PARAMETERS = "best.params"
ENCODER_LICENSE = (
    "The image encoder EfficientNet-Lite0 in this file has weights that were published under the Apache License 2.0."
)


def describe_run(
    folder: Path, contents: RunContents, card: str | Path | None, license: str, golden_from: str, photographs: bool
) -> Description:
    """Return what an exported file says of a run."""
    record = contents.record
    provenance = Provenance(
        card=record["card"],
        data=asdict(read_run_config(folder).data),
        data_hash=record["data_hash"],
        best_epoch=record["best_epoch"],
        metric=record.get("metric", ""),
        validation=record.get("best", {}),
        seed=record["seed"],
        trained_with=record["versions"],
        exported_with=_versions("vqa", "onnx", "numpy"),
        parameters_sha256=sha256_of_file(folder / PARAMETERS),
        golden_from=golden_from,
    )
    return Description(
        network=contents.spec,
        loss=record["loss"],
        activation=record["activation"],
        preprocessing=preprocessing_of(contents.spec, image_card(record, card), photographs=photographs),
        provenance=provenance,
        license=license_note(record, license, photographs),
    )


def license_note(record: Mapping[str, Any], stated: str, with_encoder: bool) -> str:
    """Return what the file says of its licence; `stated` is what the exporting person says of it."""
    own = stated or (
        "No licence was stated at export. The weights were learned from the data set of the card "
        f"{Path(record['card']).name}: ask its owners before you pass this file on."
    )
    return f"{own} {ENCODER_LICENSE}" if with_encoder else own


def image_card(record: Mapping[str, Any], card: str | Path | None) -> ImageCard | None:
    """Return the images of a run's data set; None where it has none, or its card is not there."""
    path = find_card(card) if card else find_recorded_card(record["card"])
    return load_card(path).images if card or path.is_file() else None


def read_settings(features: Path) -> dict[str, Any]:
    """Return how a features file was made, from the file beside it; nothing where there is none.

    Raises
    ------
    ConfigError
        The file beside it is damaged.
    """
    path = settings_file(features)
    if not path.is_file():
        return {}
    try:
        settings = parse_json(path.read_text(encoding="utf-8"))
        settings["encoder"]["name"], settings["encoder"]["size"], settings["dtype"], settings["frames"]
    except (ValueError, LookupError, TypeError) as error:
        raise ConfigError(f"{path}: expected the settings that `vqa extract` writes, found {error!r}") from None
    return dict(settings)


def preprocessing_of(spec: NetworkSpec, images: ImageCard | None, *, photographs: bool) -> Preprocessing:
    """Return how the images of a network are made."""
    if spec.image_kind == "none":
        return Preprocessing(images="none: the network answers from the question alone; give it zeros, float32 (M, 1)")
    if spec.image_kind == "pixels":
        _, height, width = spec.image_shape
        return Preprocessing(
            images="RGB, upright as its EXIF tag says, scaled bilinearly; float32 (3, H, W), value / 127.5 - 1",
            size=(height, width),
        )
    if images is None or images.path is None:
        return Preprocessing(images=f"{spec.image_kind} of which it was not known at export how they were made")
    if images.path.is_dir():
        return Preprocessing(
            images="frames of a video, evenly spread, scaled; each as one row of float32, value / 127.5 - 1",
            size=tuple(images.size or DEFAULT_SIZE),
            frames=images.frames or DEFAULT_FRAMES,
        )
    settings = read_settings(images.path)
    if not settings:
        return Preprocessing(images=f"{spec.image_kind} from {images.path.name}, made in a way that no settings tell")
    encoder = settings["encoder"]
    source = "frames of a video, evenly spread" if settings["frames"] else "a photograph"
    where = "the input pixels of this graph, uint8" if photographs else "another program, not in this file"
    return Preprocessing(
        images=f"{spec.image_kind} that {encoder['name']} makes of {source}, upright, RGB, scaled bilinearly: {where}",
        size=(encoder["size"],) * 2,
        frames=settings["frames"] or 0,
        encoder=encoder,
        photographs=photographs,
    )


def _versions(*names: str) -> dict[str, str]:
    """Return the versions of those packages that are installed."""
    found = {}
    for name in names:
        with contextlib.suppress(metadata.PackageNotFoundError):
            found[name] = metadata.version(name)
    return found


def golden_source(network: Any) -> str:
    """Return what computes the golden outputs of a Gluon network, nothing without one."""
    return "" if network is None else f"mxnet {metadata.version('mxnet')}"


def gluon_network(folder: Path) -> Any:
    """Return the run's Gluon network, or None without MXNet."""
    try:
        from vqa.evaluation.run import load_run
    except InstallationError:
        return None
    return load_run(folder).network


def gluon_logits(network: Any, inputs: Arrays) -> npt.NDArray[np.float32]:
    """Return what a Gluon network says to golden inputs, float32 (N, C)."""
    from vqa._mxnet import mx

    return np.asarray(network(*(mx.nd.array(array, dtype=array.dtype) for array in inputs.values())).asnumpy())

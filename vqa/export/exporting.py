"""A run folder as one ONNX file that answers anywhere, proved before it is written."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import asdict
from importlib import metadata
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import onnx

from vqa.data.cards import ImageCard, load_card
from vqa.data.video import DEFAULT_FRAMES, DEFAULT_SIZE
from vqa.errors import ConfigError, InstallationError, RunError, VqaError
from vqa.evaluation.run_contents import RunContents, read_run
from vqa.export.description import GOLDEN_KEY, Description, Preprocessing, Provenance
from vqa.export.gluon import describe
from vqa.export.golden import Arrays, Difference, encode_golden, golden_inputs
from vqa.export.model import Model, model_of
from vqa.export.network import onnx_model
from vqa.export.onnx_network import OnnxNetwork
from vqa.export.params_file import open_params
from vqa.export.photographs import Encoder, load_encoder, read_settings
from vqa.export.structure import Block, structure_of
from vqa.files import replacing, sha256_of_file
from vqa.nn.spec import NetworkSpec
from vqa.training.run_config import read_run_config

log = logging.getLogger(__name__)

PARAMETERS = "best.params"
ENCODER_LICENSE = (
    "The image encoder EfficientNet-Lite0 in this file has weights that were published under the Apache License 2.0."
)


class Exported(NamedTuple):
    """What an export gave: the bytes of the file, the model in them, and how far it is from the golden outputs."""

    data: bytes
    model: Model
    difference: Difference


def export_run(
    run: str | Path, path: str | Path, *, card: str | Path | None = None, license: str = "", with_encoder: bool = True
) -> Exported:
    """Write a run folder as one ONNX file, after checking that onnxruntime gives its golden outputs.

    With MXNet the blocks of the Gluon network are written, and the golden outputs are its outputs. Without MXNet the
    blocks are those of the preset, and the golden outputs are those of onnxruntime; the file says which.

    Parameters
    ----------
    run : the run folder
    path : the file
    card : where the data set of the run is now, for the settings beside its features file
    license : what the file says of the licence of its weights
    with_encoder : put the image encoder into the file where the network takes features

    Raises
    ------
    VqaError
        The run cannot be read, its network has a block without a converter, onnx or onnxruntime is not installed, or
        the exported network answers differently.
    OSError
        The file cannot be written; an older file of the name is as it was.
    """
    folder, path = Path(run), Path(path)
    contents = read_run(folder)
    network = _gluon_network(folder)
    encoder = _encoder(contents, card) if with_encoder else None
    golden_from = "onnxruntime" if network is None else f"mxnet {metadata.version('mxnet')}"
    description = describe_run(folder, contents, card, license, golden_from, encoder is not None)
    structure = structure_of(contents.spec) if network is None else describe(network)
    proto = _write(folder, contents, description, structure, encoder)
    inputs = golden_inputs(contents.spec)
    if network is None:
        logits = OnnxNetwork(proto.SerializeToString(), path)(*inputs.values())
    else:
        logits = gluon_logits(network, inputs)
    proto.metadata_props.add(key=GOLDEN_KEY, value=encode_golden(inputs, logits))
    data = proto.SerializeToString()
    model = model_of(data, path)
    found = model.check_golden()
    if not found.is_none:
        raise RunError(f"{folder} was not exported, since the exported network answers differently: {found.to_text()}")
    with replacing(path, "wb") as file:
        file.write(data)
    return Exported(data, model, found)


def open_run(run: str | Path, *, card: str | Path | None = None, threads: int | None = None) -> Model:
    """Return a run folder as a model that onnxruntime computes, without a file and without MXNet.

    Raises
    ------
    VqaError
        The run cannot be read, there is no converter for its preset, or onnx or onnxruntime is not installed.
    """
    folder = Path(run)
    contents = read_run(folder)
    description = describe_run(folder, contents, card, "", "", photographs=False)
    proto = _write(folder, contents, description, structure_of(contents.spec), None)
    return model_of(proto.SerializeToString(), folder, card=card, threads=threads)


def _write(
    folder: Path, contents: RunContents, description: Description, structure: Block, encoder: Encoder | None
) -> onnx.ModelProto:
    """Return the ONNX model of a run without golden outputs."""
    arrays = open_params(folder / PARAMETERS).arrays()
    entries = description.to_metadata(contents.vocabulary.to_json())
    try:
        return onnx_model(contents.spec, structure, arrays, encoder=encoder, metadata=entries)
    except ConfigError as error:
        raise ConfigError(f"{folder} cannot be exported: {error}") from error


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
        exported_with={name: metadata.version(name) for name in ("vqa", "onnx", "numpy")},
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
    path = Path(card or record["card"])
    return load_card(path).images if card or path.is_file() else None


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


def _encoder(contents: RunContents, card: str | Path | None) -> Encoder | None:
    """Return the image encoder of a run; None where it has none, or it cannot be had, which is said on the log."""
    images = image_card(contents.record, card)
    if contents.spec.image_kind in ("none", "pixels") or (images and images.path and images.path.is_dir()):
        return None
    try:
        if images is None or images.path is None:
            raise ConfigError(f"the card {contents.record['card']} is not there; name the data set with --card CARD")
        settings = read_settings(images.path)
        if not settings:
            raise ConfigError(f"no settings beside {images.path} say how it was made")
        return load_encoder(settings)
    except VqaError as error:
        log.warning("the file cannot answer about photographs, since it gets no image encoder: %s", error)
        return None


def _gluon_network(folder: Path) -> Any:
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

"""A run folder as one ONNX file that answers anywhere, proved before it is written."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import NamedTuple

import onnx

from vqa.errors import ConfigError, RunError, VqaError
from vqa.evaluation.run_contents import RunContents, read_run
from vqa.export.description import GOLDEN_KEY, Description
from vqa.export.gluon import describe
from vqa.export.golden import Difference, encode_golden, golden_inputs
from vqa.export.model import Model, model_of
from vqa.export.network import onnx_model
from vqa.export.onnx_network import OnnxNetwork
from vqa.export.photographs import Encoder, load_encoder
from vqa.export.run_description import (
    PARAMETERS,
    describe_run,
    gluon_logits,
    gluon_network,
    golden_source,
    image_card,
    read_settings,
)
from vqa.export.structure import Block, structure_of
from vqa.files import replacing
from vqa.params_file import open_params

# Difference of logits, relative to the largest, that no rounding explains. Weights far beyond what training gives make
# a network amplify rounding errors: then MXNet itself is as far from the exact result, and a file is still of use.
REFUSED = 1e-3

log = logging.getLogger(__name__)


class Exported(NamedTuple):
    """What an export gave: the bytes of the file, the model in them, and how far it is from the golden outputs."""

    data: bytes
    model: Model
    difference: Difference


def export_run(
    run: str | Path, path: str | Path, *, card: str | Path | None = None, license: str = "", with_encoder: bool = True
) -> Exported:
    """Write a run folder as one ONNX file, after checking that onnxruntime gives its golden outputs.

    A difference of the logits beyond 1e-5 of the largest is said on the log, one beyond 1e-3 or in an answer refused.

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
    network = gluon_network(folder)
    encoder = _encoder(contents, card) if with_encoder else None
    golden_from = golden_source(network) or "onnxruntime"
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
    if found.same < found.questions or found.logits > REFUSED * found.scale:
        raise RunError(f"{folder} was not exported, since the exported network answers differently: {found.to_text()}")
    if not found.is_none:
        log.warning("the network amplifies rounding errors, so that no two programs agree to 1e-5: %s", found.to_text())
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

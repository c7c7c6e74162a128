"""A whole network as an ONNX model: images and questions in, raw logits out."""

from __future__ import annotations

from collections.abc import Mapping

import onnx
from onnx import TensorProto, helper

from vqa.errors import ConfigError
from vqa.export import encoders, fusion, layers, photographs
from vqa.export.graph import CONVERTERS, IR_VERSION, OPSET, Arrays, Graph, Scope, convert
from vqa.export.onnx_network import PIXELS
from vqa.export.photographs import Encoder
from vqa.export.structure import Block
from vqa.nn.spec import NetworkSpec

CONVERTERS.update({**layers.CONVERTERS, **encoders.CONVERTERS, **fusion.CONVERTERS, **photographs.CONVERTERS})

# A protocol buffer, which an ONNX file is, holds at most 2 GB.
MAX_BYTES = 2_000_000_000


def image_axes(spec: NetworkSpec) -> list[str | int]:
    """Return the axes of the graph's input `images`; a name stands for any number."""
    rows: list[str | int] = ["R"] if spec.image_kind in ("regions", "frames") else []
    return ["M", *rows, *spec.image_shape[len(rows) :]]


def onnx_model(
    spec: NetworkSpec,
    structure: Block,
    arrays: Arrays,
    *,
    encoder: Encoder | None = None,
    metadata: Mapping[str, str] | None = None,
) -> onnx.ModelProto:
    """Return the ONNX model of a network.

    Its inputs are ``images`` float32 (M, ...), ``image_index`` int32 (N,), ``tokens`` int32 (Q, T), ``lengths`` int32
    (Q,) and ``question_index`` int32 (N,): each distinct image and each distinct question once, and which of them each
    row asks. M, N, Q and T are any numbers, and so is R, the number of regions or frames. Its output is ``logits``
    float32 (N, C); a network with attention has a second one, ``attention`` float32 (N, R); one that
    looks several times has ``attention_1`` and so on for the hops before the last.

    With an image encoder there is an input ``pixels`` uint8 (P, 3, S, S): the features of its photographs follow those
    of ``images``, and ``image_index`` counts on through them; either may be empty. The output ``features`` gives both.

    Parameters
    ----------
    spec : what the network was built from
    structure : of `vqa.export.structure.structure_of` or `vqa.export.gluon.describe`
    arrays : the network's parameters by attribute path
    encoder : what makes features of photographs
    metadata : texts to keep in the file

    Raises
    ------
    ConfigError
        A block has no converter, a parameter is missing, of another shape or of no use, or the model is too large.
    """
    arrays = {**arrays, **(encoder.arrays if encoder else {})}
    size = sum(array.nbytes for array in arrays.values())
    if size > MAX_BYTES:
        raise ConfigError(
            f"the parameters take {size / 1e9:.1f} GB, an ONNX file holds at most {MAX_BYTES / 1e9:.0f} GB"
        )
    graph = Graph(arrays)
    network = Scope(graph, structure)
    image_index, question_index = "image_index", "question_index"
    images = "images"
    if encoder:
        images = graph.extra_outputs["features"] = photographs.write_encoder(graph, encoder, images, PIXELS)
    encoded = convert(network.child("image_encoder"), images)
    rows = [
        graph.op("Gather", value, image_index, axis=0) for value in ([encoded] if isinstance(encoded, str) else encoded)
    ]
    questions = graph.op("Gather", network.call("question_encoder", "tokens", "lengths"), question_index, axis=0)
    logits = network.call("head", network.call("fusion", questions, *rows))
    idle = sorted(set(arrays) - graph.used)
    if idle:
        raise ConfigError(f"the network has no use for the parameters {idle}: they are those of another one")
    graph.nodes.append(helper.make_node("Identity", [logits], ["logits"], name="logits"))
    outputs = [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["N", spec.num_answers])]
    for name, value in graph.extra_outputs.items():
        graph.nodes.append(helper.make_node("Identity", [value], [name], name=name))
        axes = ["N", "R"] if name.startswith(fusion.ATTENTION) else ["M + P", *image_axes(spec)[1:]]
        outputs.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, axes))
    inputs = [helper.make_tensor_value_info("images", TensorProto.FLOAT, image_axes(spec))]
    for name, axes in (("image_index", ["N"]), ("tokens", ["Q", "T"]), ("lengths", ["Q"]), ("question_index", ["N"])):
        inputs.append(helper.make_tensor_value_info(name, TensorProto.INT32, axes))
    if encoder:
        inputs.append(helper.make_tensor_value_info(PIXELS, TensorProto.UINT8, encoder.axes))
    proto = helper.make_graph(graph.nodes, spec.preset, inputs, outputs, graph.constants)
    model = helper.make_model(
        proto, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR_VERSION, producer_name="vqa"
    )
    helper.set_model_props(model, dict(metadata or {}))
    try:
        onnx.checker.check_model(model, full_check=True)
    except (onnx.checker.ValidationError, onnx.shape_inference.InferenceError) as error:
        reason = str(error).strip().splitlines()[0]
        raise ConfigError(
            f"the parameters and the network of preset {spec.preset!r} do not fit together: {reason}"
        ) from error
    return model

"""Converters of the question encoders and the image encoders."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from onnx import TensorProto

from vqa.export.graph import Converter, Graph, Scope
from vqa.export.layers import project_rows
from vqa.nn.spec import PAIR_FACTOR

# The gates of a recurrent layer in the order of MXNet, and in that of ONNX.
GATES = {"GRU": ("rzn", "zrn"), "LSTM": ("ifgo", "iofg")}


def recurrent(scope: Scope, x: str, lengths: str) -> str:
    """Write a GRU or LSTM over x (T, N, D) and return its state at each row's last step, (N, H).

    ``states[lengths[n] - 1, n]``; the state at the first step where the length is 0.
    """
    kind = scope.block.kind
    graph = scope.graph

    def in_order_of_onnx(names: Sequence[str]) -> npt.NDArray[np.float32]:
        mxnet, onnx = GATES[kind]
        gates = [np.split(scope.array(name), len(mxnet)) for name in names]
        return np.concatenate([parts[mxnet.index(gate)] for parts in gates for gate in onnx])[np.newaxis]

    weights = [
        graph.constant(in_order_of_onnx(names), f"{scope.path}{label}")
        for label, names in (
            ("input_weights", ["_unfused.0.i2h_weight"]),
            ("state_weights", ["_unfused.0.h2h_weight"]),
            ("biases", ["_unfused.0.i2h_bias", "_unfused.0.h2h_bias"]),
        )
    ]
    steps = graph.op("Max", lengths, graph.number(1, np.int32))
    attributes = {"linear_before_reset": 1} if kind == "GRU" else {}
    hidden_size = scope.array("_unfused.0.h2h_weight").shape[1]
    _, state = graph.ops(kind, (x, *weights, steps), 2, hidden_size=hidden_size, **attributes)
    return graph.squeeze(state, 0)


def recurrent_question_encoder(scope: Scope, tokens: str, lengths: str) -> str:
    """Write the state of a recurrent layer at each question's last word: tokens (Q, T), lengths (Q,) -> (Q, H)."""
    graph = scope.graph
    by_time = graph.op("Transpose", tokens, perm=[1, 0])
    embedded = graph.op("Gather", scope.child("embedding").weight("weight"), by_time, axis=0)  # (T, Q, E)
    return recurrent(scope.child("recurrent"), embedded, lengths)


def bag_of_words(scope: Scope, tokens: str, lengths: str) -> str:
    """Write the sum of the embeddings of each question's words: tokens (Q, T), lengths (Q,) -> (Q, size)."""
    graph = scope.graph
    positions = graph.op("Cast", graph.count_to(graph.size(tokens, 1)), to=TensorProto.INT32)
    real = graph.op("Less", positions, graph.unsqueeze(lengths, 1))  # (Q, T)
    mask = graph.op("Cast", graph.unsqueeze(real, 1), to=TensorProto.FLOAT)
    embedded = graph.op("Gather", scope.child("embedding").weight("weight"), tokens, axis=0)  # (Q, T, size)
    total = graph.op("MatMul", mask, embedded)
    if "pairs" in scope.block.children:
        weight = scope.child("pairs").weight("weight")
        pairs = graph.op("Gather", weight, pair_numbers(graph, tokens, graph.size(weight, 0)), axis=0)
        total = graph.op("Add", total, graph.op("MatMul", mask, pairs))
    return graph.squeeze(total, 1)


def pair_numbers(graph: Graph, tokens: str, num_buckets: str) -> str:
    """Write the bucket of each word with the one before it, as `vqa.nn.question_encoders.pair_numbers`: (Q, T)."""
    words = graph.op("Cast", tokens, to=TensorProto.INT64)
    pads = graph.integers(0, 1, 0, -1)  # a 0 before the first word, and the last one away
    before = graph.op("Mod", graph.op("Pad", words, pads), num_buckets)
    hashed = graph.op("Add", graph.op("Mul", before, graph.integers(PAIR_FACTOR)), words)
    return graph.op("Mod", hashed, num_buckets)


def row_mask(graph: Graph, rows: str) -> str:
    """Write bool (M, R): whether a row of `rows` (M, R, D) has any non-zero entry."""
    return graph.op("Greater", graph.op("ReduceL1", rows, axes=[2], keepdims=0), graph.number(0))


def no_image_encoder(scope: Scope, images: str) -> str:
    """Write zeros (M, 1)."""
    graph = scope.graph
    return graph.op("ConstantOfShape", graph.op("Concat", graph.size(images, 0), graph.integers(1), axis=0))


def conv_image_encoder(scope: Scope, images: str) -> str:
    """Write the convolutional network: pixels (M, 3, H, W) -> (M, size)."""
    graph = scope.graph
    maps = scope.call("stages", images)
    return scope.call("project", graph.op("Flatten", graph.op("GlobalMaxPool", maps), axis=1))


def mean_row_encoder(scope: Scope, images: str) -> str:
    """Write the mean of an image's real rows: (M, R, D) -> (M, D)."""
    graph = scope.graph
    mask = graph.op("Cast", row_mask(graph, images), to=TensorProto.FLOAT)  # (M, R)
    count = graph.op("Max", graph.op("ReduceSum", mask, graph.integers(1), keepdims=1), graph.number(1))
    weights = graph.unsqueeze(graph.op("Div", mask, count), 1)
    return graph.squeeze(graph.op("MatMul", weights, images), 1)


def frame_encoder(scope: Scope, images: str) -> str:
    """Write the LSTM over frames and its state at the last real one: (M, F, D) -> (M, H)."""
    graph = scope.graph
    numbers = graph.op("Cast", graph.count_to(graph.size(images, 1), start=1), to=TensorProto.FLOAT)
    mask = graph.op("Cast", row_mask(graph, images), to=TensorProto.FLOAT)
    last = graph.op("ReduceMax", graph.op("Mul", mask, numbers), axes=[1], keepdims=0)
    lengths = graph.op("Cast", last, to=TensorProto.INT32)
    return recurrent(scope.child("recurrent"), graph.op("Transpose", images, perm=[1, 0, 2]), lengths)


def keyed_regions(scope: Scope, regions: str) -> tuple[str, str, str]:
    """Write the regions, their keys (M, R, H) and their mask, bool (M, R)."""
    projected = project_rows(scope.child("project"), regions)
    return regions, scope.graph.op("Relu", projected), row_mask(scope.graph, projected)


def projected_regions(scope: Scope, regions: str) -> tuple[str, ...]:
    """Write the values of the regions (M, R, H), their mask, bool (M, R), and the keys of each hop (M, R, A)."""
    graph = scope.graph
    project, keys = scope.child("project"), scope.child("keys")
    projected = graph.op("Add", project_rows(project, regions), project.weight("bias"))
    values = graph.op("Tanh", projected)
    by_hop = [project_rows(keys.child(hop), values) for hop in keys.block.children]
    return (values, row_mask(graph, regions), *by_hop)


CONVERTERS: dict[str, Converter] = {
    "BagOfWords": bag_of_words,
    "ConvImageEncoder": conv_image_encoder,
    "FrameEncoder": frame_encoder,
    "KeyedRegions": keyed_regions,
    "MeanRowEncoder": mean_row_encoder,
    "NoImageEncoder": no_image_encoder,
    "ProjectedRegions": projected_regions,
    "RecurrentQuestionEncoder": recurrent_question_encoder,
}

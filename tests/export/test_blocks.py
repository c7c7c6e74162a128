"""Every converter against its Gluon block, one by one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import onnxruntime
import pytest
from onnx import TensorProto, helper

from vqa._mxnet import mx
from vqa.errors import ConfigError
from vqa.export import network as writer
from vqa.export.fusion import fourier_matrix, inverse_fourier_matrix
from vqa.export.gluon import describe, parameters
from vqa.export.graph import CONVERTERS, IR_VERSION, OPSET, Graph, Scope, convert
from vqa.features import efficientnet
from vqa.nn import attention, fusion, heads, image_encoders, question_encoders, sketch

nn = mx.gluon.nn
RANDOM = np.random.default_rng(0)


def floats(*shape: int) -> np.ndarray:
    return RANDOM.normal(size=shape).astype(np.float32)


REGIONS = floats(3, 4, 6)
REGIONS[0, 2:] = 0
REGIONS[1] = 0
REGIONS[2, 1] = 0
MASK = np.array([[1, 1, 0, 0], [0, 0, 0, 0], [1, 0, 1, 1]], dtype=np.float32)
WORDS = [RANDOM.integers(0, 9, (5, 4)).astype(np.int32), np.array([1, 4, 2, 3, 4], dtype=np.int32)]

CASES: dict[str, tuple[Callable[[], Any], list[np.ndarray]]] = {
    "Activation": (lambda: nn.Activation("relu"), [floats(3, 4)]),
    "Activation softrelu": (lambda: nn.Activation("softrelu"), [floats(3, 4)]),
    "BagOfWords": (lambda: question_encoders.BagOfWords(9, 3), WORDS),
    "BagOfWords with pairs": (lambda: question_encoders.BagOfWords(9, 3, pair_buckets=7), WORDS),
    "BatchNorm": (lambda: nn.BatchNorm(in_channels=4), [floats(3, 4)]),
    "BatchNorm of maps": (lambda: nn.BatchNorm(in_channels=4, epsilon=0.1, scale=False), [floats(2, 4, 3, 3)]),
    "BilinearAttention": (lambda: attention.BilinearAttention(5, 6, 12, 7), [floats(3, 5), REGIONS]),
    "CompactBilinear": (lambda: fusion.CompactBilinear(5, 6, 12), [floats(3, 5), floats(3, 6)]),
    "Conv2D": (
        lambda: nn.Conv2D(6, 3, strides=2, padding=1, groups=2, in_channels=4, activation="relu"),
        [floats(2, 4, 7, 8)],
    ),
    "ConvImageEncoder": (lambda: image_encoders.ConvImageEncoder((2, 4, 8), 5), [floats(2, 3, 17, 30)]),
    "ConvolutionUnit": (
        lambda: efficientnet.ConvolutionUnit(4, 3, 3, 9, stride=2, activate=True),
        [9 * floats(2, 3, 9, 9)],
    ),
    "ConvolutionUnit with odd padding": (
        lambda: efficientnet.ConvolutionUnit(6, 3, 5, 8, stride=2, groups=3, activate=False),
        [floats(2, 3, 8, 8)],
    ),
    "Dense": (lambda: nn.Dense(3, in_units=4), [floats(2, 4)]),
    "Dense without bias, tanh": (lambda: nn.Dense(3, in_units=4, use_bias=False, activation="tanh"), [floats(2, 4)]),
    "Dropout": (lambda: nn.Dropout(0.5), [floats(2, 4)]),
    "Flatten": (lambda: nn.Flatten(), [floats(2, 3, 4)]),
    "FrameEncoder": (lambda: image_encoders.FrameEncoder(6, 5), [REGIONS]),
    "HybridSequential": (lambda: heads.hidden_layer(4, 5, 3, dropout=0.5), [floats(2, 4)]),
    "Identity": (lambda: mx.gluon.contrib.nn.Identity(), [floats(2, 4)]),
    "InvertedResidual": (lambda: efficientnet.InvertedResidual(3, 3, 3, 1, 2, 6), [floats(2, 3, 6, 6)]),
    "InvertedResidual without expansion": (
        lambda: efficientnet.InvertedResidual(4, 3, 5, 2, 1, 7),
        [floats(2, 3, 7, 7)],
    ),
    "KeyedRegions": (lambda: attention.KeyedRegions(6, 5), [REGIONS]),
    "MaxPool2D": (lambda: nn.MaxPool2D(3, strides=2, padding=1), [floats(2, 4, 7, 8)]),
    "MeanRowEncoder": (lambda: image_encoders.MeanRowEncoder(), [REGIONS]),
    "NoImageEncoder": (lambda: image_encoders.NoImageEncoder(), [floats(3, 2, 2)]),
    "NormalizedConcat": (lambda: fusion.NormalizedConcat(), [floats(3, 4), floats(3, 2)]),
    "ProjectedRegions": (lambda: attention.ProjectedRegions(6, 5, 4, hops=2), [REGIONS]),
    "Product": (lambda: fusion.Product(), [floats(3, 4), floats(3, 4)]),
    "RecurrentQuestionEncoder": (lambda: question_encoders.RecurrentQuestionEncoder(9, 3, 5), WORDS),
    "RecurrentQuestionEncoder lstm": (
        lambda: question_encoders.RecurrentQuestionEncoder(9, 3, 5, layer="lstm"),
        WORDS,
    ),
    "SketchSpectrum": (lambda: sketch.SketchSpectrum(6, 12), [floats(3, 6)]),
    "SketchedRegions": (lambda: attention.SketchedRegions(6, 12), [REGIONS]),
    "StackedAttention": (
        lambda: attention.StackedAttention(5, 7, hops=2),
        [floats(3, 5), floats(3, 4, 5), MASK, floats(3, 4, 7), floats(3, 4, 7)],
    ),
    "Sum": (lambda: fusion.Sum(), [floats(3, 4), floats(3, 1)]),
    "TopDownAttention": (
        lambda: attention.TopDownAttention(5, 6, 7),
        [floats(3, 5), REGIONS, np.maximum(floats(3, 4, 7), 0), MASK],
    ),
}


def run_graph(write: Callable[[Graph, list[str]], Any], arrays: dict[str, np.ndarray], inputs: list[np.ndarray]) -> Any:
    """Return the outputs of a graph that one function writes."""
    graph = Graph(arrays)
    names = [f"input_{number}" for number in range(len(inputs))]
    written = write(graph, names)
    outputs = [written] if isinstance(written, str) else list(written)
    made = helper.make_graph(
        graph.nodes,
        "block",
        [
            helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(array.dtype), [None] * array.ndim)
            for name, array in zip(names, inputs)
        ],
        [helper.make_tensor_value_info(name, TensorProto.UNDEFINED, None) for name in outputs],
        graph.constants,
    )
    for output in made.output:
        output.ClearField("type")
    model = helper.make_model(made, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR_VERSION)
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    return session.run(outputs, dict(zip(names, inputs)))


def test_every_converter_has_a_case() -> None:
    assert {name.split()[0] for name in CASES} >= set(writer.CONVERTERS)


@pytest.mark.parametrize("case", [name for name in CASES if not name.startswith(("Bilinear", "Sketch"))])
def test_a_block_gives_what_gluon_gives(case: str) -> None:
    make, inputs = CASES[case]
    mx.random.seed(3)
    block = make()
    block.initialize(mx.init.Normal(0.5))
    for name, parameter in block._collect_params_with_prefix().items():
        if name.endswith(("gamma", "beta", "running_mean", "running_var")):
            parameter.set_data(mx.nd.random.uniform(0.5, 2, shape=parameter.shape))
    expected = block(*(mx.nd.array(array, dtype=array.dtype) for array in inputs))
    expected = expected if isinstance(expected, (list, tuple)) else [expected]
    # A mask is numbers to MXNet and true or false to ONNX.
    given = [array > 0 if array is MASK else array for array in inputs]
    structure = describe(block)
    outputs = run_graph(lambda graph, names: _write(Scope(graph, structure), names), parameters(block), given)
    assert len(outputs) == len(expected)
    for output, value in zip(outputs, expected):
        np.testing.assert_allclose(output.astype(np.float32), value.asnumpy(), rtol=1e-5, atol=1e-6)


def _write(scope: Scope, names: list[str]) -> Any:
    written = convert(scope, *names)
    # A graph's output is not its input.
    return scope.graph.op("Identity", written) if written in names else _renamed(scope.graph, written, names)


def _renamed(graph: Graph, written: Any, names: list[str]) -> Any:
    if isinstance(written, str):
        return written
    return [graph.op("Identity", value) if value in names else value for value in written]


@pytest.mark.parametrize("sketch_size", [1, 2, 7, 12, 64])
def test_a_spectrum_is_numpys(sketch_size: int) -> None:
    block = sketch.SketchSpectrum(6, sketch_size)
    block.initialize()
    x = floats(5, 6)
    (ours,) = run_graph(lambda graph, names: convert(Scope(graph, describe(block)), *names), parameters(block), [x])
    sketched = np.zeros((5, sketch_size))
    for i, (bucket, sign) in enumerate(zip(block.sketch.buckets.data().asnumpy(), block.sketch.signs.data().asnumpy())):
        sketched[:, int(bucket)] += sign * x[:, i]
    expected = np.fft.rfft(sketched)
    np.testing.assert_allclose(ours, np.concatenate([expected.real, expected.imag], axis=1), atol=1e-5)


@pytest.mark.parametrize("size", [1, 2, 3, 12, 35])
def test_the_inverse_gives_the_signal_back(size: int) -> None:
    signal = RANDOM.normal(size=(4, size))
    np.testing.assert_allclose(signal @ fourier_matrix(size) @ inverse_fourier_matrix(size), signal, atol=1e-12)


def test_attention_with_sketches() -> None:
    mx.random.seed(3)
    encoder, attending = attention.SketchedRegions(6, 12), attention.BilinearAttention(5, 6, 12, 7)
    for block in (encoder, attending):
        block.initialize(mx.init.Normal(0.5))
    question = floats(3, 5)
    expected = attending(mx.nd.array(question), *encoder(mx.nd.array(REGIONS))).asnumpy()
    arrays = {f"encoder.{name}": array for name, array in parameters(encoder).items()}
    arrays.update({f"attending.{name}": array for name, array in parameters(attending).items()})

    def write(graph: Graph, names: list[str]) -> Any:
        encoded = convert(Scope(graph, describe(encoder), "encoder."), names[1])
        return convert(Scope(graph, describe(attending), "attending."), names[0], *encoded)

    (ours,) = run_graph(write, arrays, [question, REGIONS])
    # The square root makes 3e-4 of a rounding error of 1e-7 beside zero.
    np.testing.assert_allclose(ours * np.abs(ours), expected * np.abs(expected), atol=1e-6)
    np.testing.assert_allclose(ours, expected, atol=5e-4)


@pytest.mark.parametrize(
    ("block", "message"),
    [
        (nn.Activation("softsign"), "activation 'softsign'"),
        (nn.BatchNorm(axis=2, in_channels=2), "over axis 2"),
        (nn.LayerNorm(in_channels=2), "is a LayerNorm, which has no ONNX converter"),
    ],
)
def test_what_a_converter_cannot_do_it_refuses(block: Any, message: str) -> None:
    block.initialize()
    with pytest.raises(ConfigError, match=message):
        convert(Scope(Graph(parameters(block)), describe(block), "head."), "x")


def test_the_file_can_be_read_by_runtimes_of_2024() -> None:
    assert (OPSET, IR_VERSION) == (17, 8)
    assert writer.CONVERTERS is CONVERTERS

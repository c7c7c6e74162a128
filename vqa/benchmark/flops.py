"""Floating-point operations of a network, counted from its graph, and the matrix speed of the machine."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from vqa._mxnet import mx
from vqa.benchmark.worker import Job

Shape = tuple[int, ...]

INPUTS = ("images", "image_index", "tokens", "lengths", "question_index")
GATES = {"gru": 3, "lstm": 4}
MATRIX_SIZE = 2048
# A backward pass computes two products, by the weights and by the inputs, where the forward pass computes one.
TRAINING_PER_FORWARD = 3


def forward_flops(network: mx.gluon.HybridBlock, inputs: Sequence[mx.nd.NDArray]) -> int:
    """Return the floating-point operations of the matrix products in one forward pass, an addition and a product as 2.

    Dense, convolutional and recurrent layers and (batched) matrix products count; element-wise operators do not.

    Parameters
    ----------
    network : a `vqa.nn.network.VqaNetwork`
    inputs : images, image_index, tokens, lengths and question_index
    """
    variables = [mx.sym.var(name, dtype=str(values.dtype.__name__)) for name, values in zip(INPUTS, inputs)]
    graph = network(*variables).get_internals()
    known = {name: values.shape for name, values in zip(INPUTS, inputs)}
    known.update({name: parameter.shape for name, parameter in network.collect_params().items()})
    arguments = set(graph.list_arguments())
    _, shapes, _ = graph.infer_shape(**{name: shape for name, shape in known.items() if name in arguments})
    by_name = dict(zip(graph.list_outputs(), shapes))
    nodes = json.loads(graph.tojson())["nodes"]

    def shape_of(node: int, output: int) -> Shape:
        name = nodes[node]["name"]
        found = next(key for key in (name, f"{name}_output", f"{name}_output{output}") if key in by_name)
        return tuple(by_name[found])

    total = 0
    for number, node in enumerate(nodes):
        if node["op"] in _PRODUCTS:
            total += _PRODUCTS[node["op"]](
                node.get("attrs", {}), [shape_of(*entry[:2]) for entry in node["inputs"][:2]], shape_of(number, 0)
            )
    return total


def _layer(attributes: Mapping[str, str], inputs: Sequence[Shape], output: Shape) -> int:
    return 2 * math.prod(output) * math.prod(inputs[1][1:])


def _recurrent(attributes: Mapping[str, str], inputs: Sequence[Shape], output: Shape) -> int:
    steps, rows, size = inputs[0]
    hidden = int(attributes["state_size"])
    return 2 * steps * rows * GATES[attributes["mode"]] * hidden * (size + hidden)


def _product(attributes: Mapping[str, str], inputs: Sequence[Shape], output: Shape) -> int:
    transposed = attributes.get("transpose_a", "False") in ("True", "1")
    return 2 * math.prod(output) * inputs[0][-2 if transposed else -1]


_PRODUCTS: dict[str, Any] = {
    "FullyConnected": _layer,
    "Convolution": _layer,
    "RNN": _recurrent,
    "batch_dot": _product,
    "dot": _product,
}


def matrix_products() -> Job:
    """Return products of two square matrices in single precision."""
    a, b = (mx.nd.random.normal(shape=(MATRIX_SIZE, MATRIX_SIZE)) for _ in range(2))
    # A dense layer's product, which oneDNN computes: nd.dot goes to another library and reaches a third of it.
    product = partial(mx.nd.FullyConnected, a, b, no_bias=True, num_hidden=MATRIX_SIZE)
    return Job(product, mx.nd.waitall, {"flops": 2 * MATRIX_SIZE**3})

"""Converters of Gluon's own layers."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from vqa.errors import ConfigError
from vqa.export.graph import Converter, Scope

ACTIVATIONS = {"relu": "Relu", "sigmoid": "Sigmoid", "tanh": "Tanh", "softrelu": "Softplus"}


def dense(scope: Scope, x: str) -> str:
    """Write ``x W^T + b`` of x (N, D), with its activation."""
    inputs = [x, scope.weight("weight")] + ([scope.weight("bias")] if scope.has("bias") else [])
    y = scope.graph.op("Gemm", *inputs, transB=1)
    return scope.call("act", y) if "act" in scope.block.children else y


def project_rows(scope: Scope, x: str) -> str:
    """Write ``x W^T`` of x (M, R, D): a dense layer without bias on every row."""
    matrix = scope.graph.constant(scope.array("weight").T, f"{scope.path}weight.transposed")
    return scope.graph.op("MatMul", x, matrix)


def activation(scope: Scope, x: str) -> str:
    """Write an activation function."""
    name = scope.block.options["act_type"]
    if name not in ACTIVATIONS:
        raise ConfigError(f"block {scope.name!r}: the activation {name!r} has no ONNX converter")
    return scope.graph.op(ACTIVATIONS[name], x)


def batch_norm(scope: Scope, x: str) -> str:
    """Write batch normalisation over axis 1 with its running statistics, as in predict mode."""
    options = scope.block.options
    if options["axis"] != 1:
        raise ConfigError(f"block {scope.name!r}: batch normalisation over axis {options['axis']}, expected axis 1")
    scale = np.ones_like(scope.array("gamma")) if options["fix_gamma"] else scope.array("gamma")
    return scope.graph.op(
        "BatchNormalization",
        x,
        scope.graph.constant(scale, f"{scope.path}gamma"),
        *map(scope.weight, ("beta", "running_mean", "running_var")),
        epsilon=float(options["eps"]),
    )


def convolution(scope: Scope, x: str, pads: Sequence[int] = ()) -> str:
    """Write a convolution over (N, C, H, W); `pads` (top, left, bottom, right) in place of its own padding."""
    options = scope.block.options
    inputs = [x, scope.weight("weight")] + ([scope.weight("bias")] if scope.has("bias") else [])
    y = scope.graph.op(
        "Conv",
        *inputs,
        strides=list(options["stride"]),
        pads=list(pads or options["pad"] * 2),
        dilations=list(options["dilate"]),
        group=options["num_group"],
    )
    return scope.call("act", y) if "act" in scope.block.children else y


def max_pool(scope: Scope, x: str) -> str:
    """Write maximum pooling over windows of (N, C, H, W)."""
    options = scope.block.options
    return scope.graph.op(
        "MaxPool",
        x,
        kernel_shape=list(options["kernel"]),
        strides=list(options["stride"]),
        pads=list(options["pad"]) * 2,
    )


def flatten(scope: Scope, x: str) -> str:
    """Write (N, ...) -> (N, D)."""
    return scope.graph.op("Flatten", x, axis=1)


def nothing(scope: Scope, x: str) -> str:
    """Write a layer that changes nothing in predict mode."""
    return x


def sequence(scope: Scope, x: str) -> str:
    """Write blocks one after the other."""
    for name in scope.block.children:
        x = scope.call(name, x)
    return x


CONVERTERS: dict[str, Converter] = {
    "Activation": activation,
    "BatchNorm": batch_norm,
    "Conv2D": convolution,
    "Dense": dense,
    "Dropout": nothing,
    "Flatten": flatten,
    "HybridSequential": sequence,
    "Identity": nothing,
    "MaxPool2D": max_pool,
}

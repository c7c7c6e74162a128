"""The image encoder of a features preset inside the exported graph, so that one file answers about a photograph."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from onnx import TensorProto

from vqa.errors import ConfigError
from vqa.export.gluon import describe, parameters
from vqa.export.graph import Arrays, Converter, Graph, Scope
from vqa.export.layers import convolution
from vqa.export.structure import Block

ENCODER = "efficientnet-lite0"
PREFIX = "encoder."
# What EfficientNet-Lite0 takes off pixel values in [0, 255] and divides them by.
PIXEL_MEAN, PIXEL_DEVIATION = 127.0, 128.0


@dataclass(frozen=True)
class Encoder:
    """An image encoder and how features are made with it.

    Attributes
    ----------
    structure, arrays : of EfficientNet-Lite0
    size : height and width of the photographs in pixels
    grid : one feature vector per cell of the last map instead of their mean
    frames : frames of a video; 0 for photographs
    float16 : whether the features were rounded to 16 bits in their file
    """

    structure: Block
    arrays: Arrays
    size: int
    grid: bool
    frames: int
    float16: bool

    @property
    def axes(self) -> list[str | int]:
        """Axes of the graph's input `pixels`, uint8."""
        return ["P", *([self.frames] if self.frames else []), 3, self.size, self.size]


def load_encoder(settings: Mapping[str, Any]) -> Encoder:
    """Return the encoder that made a features file; needs MXNet.

    Raises
    ------
    ConfigError
        It is another network than EfficientNet-Lite0, or looks at images at several sizes.
    VqaError
        Its weights cannot be had, or MXNet is not installed.
    """
    name = settings["encoder"]["name"]
    if name != ENCODER:
        raise ConfigError(f"the features were made by {name}; of the image encoders, {ENCODER} alone has a converter")
    if settings["encoder"].get("more_sizes"):
        raise ConfigError("the features were made of each image at several sizes, which has no converter")
    from vqa.features.encoders import ImageEncoder

    encoder = ImageEncoder(**settings["encoder"])
    network = encoder._trunks[encoder.size].network
    # The classifier is of no use to features.
    arrays = {name: array for name, array in parameters(network).items() if not name.startswith("output.")}
    return Encoder(
        structure=describe(network),
        arrays={PREFIX + name: array for name, array in arrays.items()},
        size=encoder.size,
        grid=encoder.grid,
        frames=settings["frames"] or 0,
        float16=settings["dtype"] == "float16",
    )


def write_encoder(graph: Graph, encoder: Encoder, images: str, pixels: str) -> str:
    """Write the features of `images` (M, ...) followed by those of the photographs in `pixels`; either may be none."""

    def with_photographs() -> str:
        return graph.op("Concat", images, _features(graph, encoder, pixels), axis=0)

    some = graph.op("Greater", graph.squeeze(graph.size(pixels, 0), 0), graph.number(0, np.int64))
    return graph.op(
        "If",
        some,
        then_branch=graph.branch("photographs", with_photographs),
        else_branch=graph.branch("no_photographs", lambda: graph.op("Identity", images)),
    )


def _features(graph: Graph, encoder: Encoder, pixels: str) -> str:
    if encoder.frames:
        pixels = graph.op("Reshape", pixels, graph.integers(-1, 3, encoder.size, encoder.size))
    x = graph.op("Cast", pixels, to=TensorProto.FLOAT)
    x = graph.op("Div", graph.op("Sub", x, graph.number(PIXEL_MEAN)), graph.number(PIXEL_DEVIATION))
    maps = efficientnet_features(Scope(graph, encoder.structure, PREFIX), x)  # (P F, D, H, W)
    depth = encoder.arrays[f"{PREFIX}head.convolution.weight"].shape[0]
    if encoder.grid:
        features = graph.op("Transpose", graph.op("Reshape", maps, graph.integers(0, depth, -1)), perm=[0, 2, 1])
    else:
        features = graph.op("Flatten", graph.op("GlobalAveragePool", maps), axis=1)
    if encoder.frames:
        features = graph.op("Reshape", features, graph.integers(-1, encoder.frames, depth))
    if encoder.float16:
        features = graph.op("Cast", graph.op("Cast", features, to=TensorProto.FLOAT16), to=TensorProto.FLOAT)
    return features


def efficientnet_features(scope: Scope, x: str) -> str:
    """Write EfficientNet-Lite0 up to its last map."""
    return scope.call("head", scope.call("blocks", scope.call("stem", x)))


def convolution_unit(scope: Scope, x: str) -> str:
    """Write convolution, batch normalisation and, where it has one, ReLU6."""
    padding = scope.block.options["padding"]
    pads = (padding[4], padding[6], padding[5], padding[7]) if padding else ()
    x = scope.call("norm", convolution(scope.child("convolution"), x, pads))
    if not scope.block.options["activate"]:
        return x
    return scope.graph.op("Clip", x, scope.graph.number(0), scope.graph.number(6))


def inverted_residual(scope: Scope, x: str) -> str:
    """Write expansion, depthwise convolution and projection, added to the input where the shapes agree."""
    y = scope.call("expand", x) if "expand" in scope.block.children else x
    y = scope.call("project", scope.call("depthwise", y))
    return scope.graph.op("Add", x, y) if scope.block.options["residual"] else y


CONVERTERS: dict[str, Converter] = {"ConvolutionUnit": convolution_unit, "InvertedResidual": inverted_residual}

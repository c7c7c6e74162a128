"""Fusion: a question vector and an image vector, row by row, to one vector."""

from __future__ import annotations

import math
from typing import Any

from vqa._mxnet import mx
from vqa.nn.encoders import Tensor

nn = mx.gluon.nn


class Product(mx.gluon.HybridBlock):
    """Element-wise product of question and image, both (N, H) -> (N, H)."""

    def hybrid_forward(self, F: Any, question: Tensor, image: Tensor) -> Tensor:
        """Return (N, H)."""
        return question * image


class QuestionAlone(mx.gluon.HybridBlock):
    """The question vector (N, H); the image's zero (N, 1) is added, so that the input is used and changes nothing."""

    def hybrid_forward(self, F: Any, question: Tensor, image: Tensor) -> Tensor:
        """Return the question vector (N, H)."""
        return F.broadcast_add(question, image)


class AnswerHead(mx.gluon.HybridBlock):
    """Dropout, a hidden layer, dropout and a linear layer: (N, size) -> raw logits (N, C).

    The output bias starts at -ln(C). Softmax does not see a common offset, and sigmoids then start at 1 / (C + 1)
    each, so that a loss over thousands of binary classifiers need not first unlearn a half for every answer.
    """

    def __init__(self, size: int, hidden_size: int, num_answers: int, *, dropout: float = 0.0) -> None:
        super().__init__()
        self.dropout = nn.Dropout(dropout)
        self.hidden = nn.Dense(hidden_size, in_units=size, activation="relu", flatten=False)
        self.output = output_layer(size=hidden_size, num_answers=num_answers)

    def hybrid_forward(self, F: Any, fused: Tensor) -> Tensor:
        """Return raw logits (N, C)."""
        return self.output(self.dropout(self.hidden(self.dropout(fused))))


def output_layer(size: int, num_answers: int) -> mx.gluon.HybridBlock:
    """Return the linear layer (N, size) -> raw logits (N, C) with its bias at -ln(C)."""
    offset = -math.log(num_answers)
    return nn.Dense(num_answers, in_units=size, bias_initializer=mx.init.Constant(offset), flatten=False)

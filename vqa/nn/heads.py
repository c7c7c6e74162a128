"""Answer heads: the fused vector to raw logits, one per answer."""

from __future__ import annotations

import math

from vqa._mxnet import mx

nn = mx.gluon.nn


def linear(size: int, num_answers: int) -> mx.gluon.HybridBlock:
    """Return the linear layer (N, size) -> raw logits (N, C) with its bias at -ln(C).

    Softmax does not see a common offset, and sigmoids then start at 1 / (C + 1) each, so that a loss over thousands of
    binary classifiers need not first unlearn a half for every answer.
    """
    offset = -math.log(num_answers)
    return nn.Dense(num_answers, in_units=size, bias_initializer=mx.init.Constant(offset), flatten=False)


def hidden_layer(
    size: int, hidden_size: int, num_answers: int, *, dropout: float = 0.0, batch_norm: bool = False
) -> mx.gluon.HybridBlock:
    """Return a head with one hidden layer: (N, size) -> raw logits (N, C).

    Dropout, Dense with ReLU, dropout, linear; with `batch_norm`: Dense with ReLU, BatchNorm, dropout, linear.
    """
    head = nn.HybridSequential()
    if not batch_norm:
        head.add(nn.Dropout(dropout))
    head.add(nn.Dense(hidden_size, in_units=size, activation="relu", flatten=False))
    if batch_norm:
        head.add(nn.BatchNorm(in_channels=hidden_size))
    head.add(nn.Dropout(dropout), linear(hidden_size, num_answers))
    return head

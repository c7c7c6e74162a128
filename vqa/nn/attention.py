"""Attention: a question chooses among the regions of its image (or the frames of its video)."""

from __future__ import annotations

import math
from typing import Any

from vqa._mxnet import mx
from vqa.nn.fusion import CompactBilinear
from vqa.nn.image_encoders import row_mask
from vqa.nn.question_encoders import Tensor
from vqa.nn.sketch import SketchSpectrum, SpectrumProduct

nn = mx.gluon.nn

# Far below any score, and far from overflow: softmax gives it exactly 0 beside a real score.
MASKED = -1e9


def attend(F: Any, scores: Tensor, mask: Tensor, rows: Tensor) -> Tensor:
    """Return (N, D): the mean of `rows` (N, R, D), weighted by the softmax of `scores` (N, R) where `mask` (N, R) is 1.

    Where a row has nothing but padding, the weights are even and finite, and the mean is that of zeros.
    """
    weights = F.softmax(F.where(mask, scores, F.ones_like(scores) * MASKED), axis=1)
    # A batch_dot: multiplying and summing takes fifteen times as long on CPU.
    return F.squeeze(F.batch_dot(F.expand_dims(weights, axis=1), rows), axis=1)


class KeyedRegions(mx.gluon.HybridBlock):
    """Regions (M, R, D) -> the regions, their keys (M, R, H) and their mask (M, R).

    ``keys = relu(W regions)`` without a bias, so that padding has an all-zero projection; the mask is read from the
    projection, which is smaller than the regions.
    """

    def __init__(self, size: int, hidden_size: int) -> None:
        super().__init__()
        self.project = nn.Dense(hidden_size, in_units=size, use_bias=False, flatten=False)

    def hybrid_forward(self, F: Any, regions: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return regions, keys and mask."""
        projected = self.project(regions)
        # Not F.relu, which MXNet computes on one core.
        return regions, F.Activation(projected, act_type="relu"), row_mask(F, projected)


class TopDownAttention(mx.gluon.HybridBlock):
    """Question (N, Q), its image's regions (N, R, D), their keys (N, R, H) and mask (N, R) -> (N, H).

    ``scores = keys · (W_a question) / sqrt(H)``; ``pooled`` is the mean of the regions by the softmax of the scores;
    the result is ``relu(W_q question) * relu(W_v pooled)``.
    """

    def __init__(self, question_size: int, image_size: int, hidden_size: int) -> None:
        super().__init__()
        self._scale = 1 / math.sqrt(hidden_size)
        self.query = nn.Dense(hidden_size, in_units=question_size)
        self.question = nn.Dense(hidden_size, in_units=question_size, activation="relu")
        self.image = nn.Dense(hidden_size, in_units=image_size, activation="relu")

    def hybrid_forward(self, F: Any, question: Tensor, regions: Tensor, keys: Tensor, mask: Tensor) -> Tensor:
        """Return (N, H)."""
        query = F.expand_dims(self.query(question) * self._scale, axis=2)
        scores = F.squeeze(F.batch_dot(keys, query), axis=2)
        return self.question(question) * self.image(attend(F, scores, mask, regions))


class ProjectedRegions(mx.gluon.HybridBlock):
    """Regions (M, R, D) -> their values (M, R, H), their mask (M, R) and their keys for each hop (M, R, A).

    ``values = tanh(W regions + b)``; the keys of a hop are a linear map of the values, without a bias.
    """

    def __init__(self, size: int, hidden_size: int, attention_size: int, hops: int) -> None:
        super().__init__()
        self.project = nn.Dense(hidden_size, in_units=size, flatten=False)
        self.keys = nn.HybridSequential()
        for _ in range(hops):
            self.keys.add(nn.Dense(attention_size, in_units=hidden_size, use_bias=False, flatten=False))

    def hybrid_forward(self, F: Any, regions: Tensor) -> tuple[Tensor, ...]:
        """Return values, mask and the keys of each hop."""
        values = F.Activation(self.project(regions), act_type="tanh")
        return (values, row_mask(F, regions), *(keys(values) for keys in self.keys))


class StackedAttention(mx.gluon.HybridBlock):
    """Question (N, H), its image's values (N, R, H), mask (N, R) and the keys of each hop (N, R, A) -> (N, H).

    The query of the first hop is the question; each hop looks at the regions and adds what it saw to the query:
    ``scores = w · tanh(keys + W query + b)``, ``query = query + mean of the values by the softmax of the scores``.
    """

    def __init__(self, hidden_size: int, attention_size: int, hops: int) -> None:
        super().__init__()
        self.query, self.score = nn.HybridSequential(), nn.HybridSequential()
        for _ in range(hops):
            self.query.add(nn.Dense(attention_size, in_units=hidden_size))
            # A bias would be the same for every region, which softmax does not see.
            self.score.add(nn.Dense(1, in_units=attention_size, use_bias=False, flatten=False))

    def hybrid_forward(self, F: Any, question: Tensor, values: Tensor, mask: Tensor, *keys: Tensor) -> Tensor:
        """Return the query after the last hop."""
        query = question
        for ask, score, key in zip(self.query, self.score, keys):
            asked = F.broadcast_add(key, F.expand_dims(ask(query), axis=1))  # (N, R, A)
            scores = F.squeeze(score(F.Activation(asked, act_type="tanh")), axis=2)
            query = query + attend(F, scores, mask, values)
        return query


class SketchedRegions(mx.gluon.HybridBlock):
    """Regions (M, R, D) -> regions of unit length, the spectra of their sketches (two of (M, R, p, q)), mask (M, R)."""

    def __init__(self, size: int, sketch_size: int) -> None:
        super().__init__()
        self.spectrum = SketchSpectrum(size, sketch_size)

    def hybrid_forward(self, F: Any, regions: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Return regions, real and imaginary part of their spectra, and mask."""
        mask = row_mask(F, regions)
        rows = F.L2Normalization(F.reshape(regions, shape=(-3, 0)))  # (M R, D)
        real, imaginary = self.spectrum(rows)
        unfolded = {"lhs_begin": 0, "lhs_end": 1, "rhs_begin": 0, "rhs_end": 2}
        return (
            F.reshape_like(rows, regions, **unfolded),
            F.reshape_like(real, regions, **unfolded),
            F.reshape_like(imaginary, regions, **unfolded),
            mask,
        )


class BilinearAttention(mx.gluon.HybridBlock):
    """Attention over regions from their compact bilinear map with the question, then pooling with it: (N, d).

    ``scores = w · relu(W mcb(question, region))``, the regions' mean by their softmax, ``mcb(question, mean)``.
    """

    def __init__(self, question_size: int, image_size: int, sketch_size: int, hidden_size: int) -> None:
        super().__init__()
        self.spectrum = SketchSpectrum(question_size, sketch_size)
        self.product = SpectrumProduct(sketch_size)
        self.hidden = nn.Dense(hidden_size, in_units=sketch_size, activation="relu")
        self.score = nn.Dense(1, in_units=hidden_size)
        self.pool = CompactBilinear(question_size, image_size, sketch_size)

    def hybrid_forward(
        self, F: Any, question: Tensor, regions: Tensor, real: Tensor, imaginary: Tensor, mask: Tensor
    ) -> Tensor:
        """Return (N, sketch_size)."""
        spectra = [
            # (N, p, q) -> (N R, p, q): the question once for each region.
            F.reshape(F.broadcast_like(F.expand_dims(part, axis=1), real), shape=(-3, -2))
            for part in self.spectrum(F.L2Normalization(question))
        ]
        product = self.product(*spectra, F.reshape(real, shape=(-3, -2)), F.reshape(imaginary, shape=(-3, -2)))
        scores = F.reshape_like(self.score(self.hidden(product)), mask)
        return self.pool(question, attend(F, scores, mask, regions))

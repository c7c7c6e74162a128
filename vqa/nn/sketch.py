"""Compact bilinear pooling: count sketches multiplied in the frequency domain.

MXNet's own ``count_sketch``, ``fft`` and ``ifft`` run on GPUs only and cannot be exported. Here a sketch is one matrix
product, and a Fourier transform of size d = p q is two small ones (Cooley and Tukey's step), so that everything runs
on any device, for any batch size, and differentiates itself.
"""

from __future__ import annotations

import math
from typing import Any

from vqa._mxnet import mx
from vqa.nn.question_encoders import Tensor


class CountSketch(mx.gluon.HybridBlock):
    """Count sketch: x (..., size) -> y (..., sketch_size) with ``y[h[i]] += s[i] x[i]``.

    The hashes h (the bucket of an input) and s (its sign) are drawn once, when the block is made, from MXNet's global
    generator, and kept as constants among the parameters, so that they are saved and loaded with them.

    Source: Charikar, Chen and Farach-Colton, "Finding frequent items in data streams", 2002; Fukui et al., "Multimodal
    Compact Bilinear Pooling for Visual Question Answering and Visual Grounding", EMNLP 2016, algorithm 1.
    """

    def __init__(self, size: int, sketch_size: int) -> None:
        super().__init__()
        self._sketch_size = sketch_size
        buckets = mx.nd.random.randint(0, sketch_size, shape=(size,)).astype("float32")
        signs = 2 * mx.nd.random.randint(0, 2, shape=(size, 1)).astype("float32") - 1
        self.buckets = self.params.get_constant("buckets", buckets)
        self.signs = self.params.get_constant("signs", signs)

    def hybrid_forward(self, F: Any, x: Tensor, buckets: Tensor, signs: Tensor) -> Tensor:
        """Return the sketches."""
        return F.dot(x, F.broadcast_mul(F.one_hot(buckets, self._sketch_size), signs))


def factors(size: int) -> tuple[int, int]:
    """Return (p, q) with p q = size, as near to each other as can be.

    >>> factors(1024), factors(12), factors(7)
    ((32, 32), (3, 4), (1, 7))
    """
    p = next(p for p in range(math.isqrt(size), 0, -1) if size % p == 0)
    return p, size // p


def roots_of_unity(F: Any, rows: Tensor, columns: Tensor, order: int) -> tuple[Tensor, Tensor]:
    """Return cosine and sine of ``2 pi i j / order``, each (I, J), for the indices `rows` (I,) and `columns` (J,)."""
    products = F.broadcast_mul(F.reshape(rows, shape=(-1, 1)), F.reshape(columns, shape=(1, -1)))
    # The remainder first: whole numbers are exact, and the angle stays within one turn.
    angles = (products % order) * (2 * math.pi / order)
    return F.cos(angles), F.sin(angles)


class Fourier(mx.gluon.HybridBlock):
    """Discrete Fourier transform of real x (N, d) -> its real and imaginary part, each (N, p, q), d = p q.

    The frequency k1 + p k2 stands at [k1, k2]: an order in which two transforms can be multiplied and that
    `InverseFourier` expects.

    With n = q n1 + n2: ``X[k1, k2] = sum over n2 of w_q(n2 k2) w_d(n2 k1) sum over n1 of w_p(n1 k1) x[n1, n2]``, where
    ``w_m(j) = exp(-2 pi i j / m)``.
    """

    def __init__(self, size: int) -> None:
        super().__init__()
        self._p, self._q = factors(size)

    def hybrid_forward(self, F: Any, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return the real and the imaginary part."""
        p, q = self._p, self._q
        grid = F.swapaxes(F.reshape(x, shape=(-1, p, q)), 1, 2)  # (N, n2, n1)
        index_p, index_q = F.contrib.arange_like(grid, axis=2), F.contrib.arange_like(grid, axis=1)
        cos_p, sin_p = roots_of_unity(F, index_p, index_p, p)
        real, imaginary = F.dot(grid, cos_p), -F.dot(grid, sin_p)  # (N, n2, k1)
        real, imaginary = _turned(F, real, imaginary, *roots_of_unity(F, index_q, index_p, p * q), sign=-1)
        real, imaginary = F.swapaxes(real, 1, 2), F.swapaxes(imaginary, 1, 2)  # (N, k1, n2)
        cos_q, sin_q = roots_of_unity(F, index_q, index_q, q)
        return F.dot(real, cos_q) + F.dot(imaginary, sin_q), F.dot(imaginary, cos_q) - F.dot(real, sin_q)


class InverseFourier(mx.gluon.HybridBlock):
    """Inverse of `Fourier`: real and imaginary part, each (N, p, q) -> real part of the result, (N, d)."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self._p, self._q = factors(size)

    def hybrid_forward(self, F: Any, real: Tensor, imaginary: Tensor) -> Tensor:
        """Return the real signal."""
        p, q = self._p, self._q
        index_p, index_q = F.contrib.arange_like(real, axis=1), F.contrib.arange_like(real, axis=2)
        cos_q, sin_q = roots_of_unity(F, index_q, index_q, q)
        real, imaginary = (
            F.dot(real, cos_q) - F.dot(imaginary, sin_q),
            F.dot(imaginary, cos_q) + F.dot(real, sin_q),
        )  # (N, k1, n2)
        real, imaginary = _turned(F, real, imaginary, *roots_of_unity(F, index_p, index_q, p * q), sign=1)
        cos_p, sin_p = roots_of_unity(F, index_p, index_p, p)
        real, imaginary = F.swapaxes(real, 1, 2), F.swapaxes(imaginary, 1, 2)  # (N, n2, k1)
        signal = F.dot(real, cos_p) - F.dot(imaginary, sin_p)  # (N, n2, n1)
        return F.reshape(F.swapaxes(signal, 1, 2), shape=(-1, p * q)) / (p * q)


def _turned(F: Any, real: Tensor, imaginary: Tensor, cos: Tensor, sin: Tensor, *, sign: int) -> tuple[Tensor, Tensor]:
    """Return ``(real + i imaginary) (cos + sign i sin)`` of arrays (N, I, J) and angles (I, J)."""
    cos, sin = F.expand_dims(cos, axis=0), F.expand_dims(sign * sin, axis=0)
    return (
        F.broadcast_mul(real, cos) - F.broadcast_mul(imaginary, sin),
        F.broadcast_mul(real, sin) + F.broadcast_mul(imaginary, cos),
    )


class SketchSpectrum(mx.gluon.HybridBlock):
    """Count sketch and its Fourier transform: x (N, size) -> real and imaginary part, each (N, p, q)."""

    def __init__(self, size: int, sketch_size: int) -> None:
        super().__init__()
        self.sketch = CountSketch(size, sketch_size)
        self.fourier = Fourier(sketch_size)

    def hybrid_forward(self, F: Any, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return the real and the imaginary part."""
        return self.fourier(self.sketch(x))


class SpectrumProduct(mx.gluon.HybridBlock):
    """Two spectra to a compact bilinear vector: product, inverse transform, signed square root, unit length: (N, d).

    The product of the spectra of two count sketches is the spectrum of their circular convolution, which is the count
    sketch of the outer product of what was sketched. Source: Pham and Pagh, 2013; Fukui et al., EMNLP 2016.
    """

    def __init__(self, size: int) -> None:
        super().__init__()
        self.inverse = InverseFourier(size)

    def hybrid_forward(
        self, F: Any, real_a: Tensor, imaginary_a: Tensor, real_b: Tensor, imaginary_b: Tensor
    ) -> Tensor:
        """Return the compact bilinear vectors (N, d)."""
        pooled = self.inverse(real_a * real_b - imaginary_a * imaginary_b, real_a * imaginary_b + imaginary_a * real_b)
        # sign(x) sqrt(|x|), in a form whose gradient is finite at 0.
        return F.L2Normalization(pooled / F.sqrt(F.abs(pooled) + 1e-8))

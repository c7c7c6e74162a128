"""Count sketch and Fourier transform against NumPy: exact sketches, numpy.fft, circular convolution by its sum."""

import numpy as np
import pytest

from vqa._mxnet import mx, seed_everything
from vqa.nn.fusion import CompactBilinear
from vqa.nn.sketch import CountSketch, Fourier, InverseFourier, SketchSpectrum, SpectrumProduct, factors

SIZES = [1, 2, 7, 12, 64, 96, 125, 1000]


def started(block):
    block.initialize()
    block.hybridize()
    return block


def hashes(sketch):
    return sketch.buckets.data().asnumpy().astype(int), sketch.signs.data().asnumpy().ravel()


def exact_sketch(x, sketch, size):
    """The definition, input by input: ``y[h[i]] += s[i] x[i]``."""
    buckets, signs = hashes(sketch)
    y = np.zeros((len(x), size))
    for i, (bucket, sign) in enumerate(zip(buckets, signs)):
        y[:, bucket] += sign * x[:, i]
    return y


def circular_convolution(a, b):
    """The definition: ``c[k] = sum over j of a[j] b[(k - j) mod d]``."""
    size = a.shape[1]
    c = np.zeros_like(a)
    for k in range(size):
        for j in range(size):
            c[:, k] += a[:, j] * b[:, (k - j) % size]
    return c


def random_rows(rows, size, seed=0):
    return np.random.default_rng(seed).normal(size=(rows, size)).astype(np.float32)


@pytest.mark.parametrize("size", SIZES)
def test_factors_multiply_to_the_size(size):
    p, q = factors(size)
    assert p * q == size
    assert p <= q


@pytest.mark.parametrize("size", SIZES)
def test_fourier_equals_numpy_in_its_own_order(size):
    x = random_rows(3, size)
    real, imaginary = started(Fourier(size))(mx.nd.array(x))
    p, q = factors(size)
    expected = np.fft.fft(x.astype(np.float64)).reshape(3, q, p).swapaxes(1, 2)  # frequency k1 + p k2 at [k1, k2]
    scale = np.abs(expected).max()
    np.testing.assert_allclose(real.asnumpy(), expected.real, atol=2e-6 * scale)
    np.testing.assert_allclose(imaginary.asnumpy(), expected.imag, atol=2e-6 * scale)


@pytest.mark.parametrize("size", SIZES)
def test_inverse_gives_the_signal_back(size):
    x = random_rows(2, size)
    back = started(InverseFourier(size))(*started(Fourier(size))(mx.nd.array(x)))
    np.testing.assert_allclose(back.asnumpy(), x, atol=1e-5)


def test_count_sketch_equals_its_definition_and_keeps_its_hashes():
    seed_everything(3)
    sketch = started(CountSketch(20, 8))
    buckets, signs = hashes(sketch)
    assert buckets.min() >= 0
    assert buckets.max() < 8
    assert len(set(buckets)) > 3
    assert set(signs) == {-1, 1}
    x = random_rows(5, 20)
    for rows in (x, x[:1], x):
        np.testing.assert_allclose(sketch(mx.nd.array(rows)).asnumpy(), exact_sketch(rows, sketch, 8), atol=1e-5)


def test_hashes_are_a_function_of_the_seed():
    def drawn(seed):
        seed_everything(seed)
        return np.concatenate(hashes(started(CountSketch(50, 64))))

    np.testing.assert_array_equal(drawn(1), drawn(1))
    assert not np.array_equal(drawn(1), drawn(2))


@pytest.mark.parametrize("size", [12, 7, 64])
def test_product_of_spectra_is_the_circular_convolution_of_the_sketches(size):
    """And so the count sketch of the outer product, with the hashes (h(i) + g(j)) mod d and s(i) t(j)."""
    a, b = started(SketchSpectrum(9, size)), started(SketchSpectrum(5, size))
    x, y = random_rows(4, 9), random_rows(4, 5, seed=1)
    real_a, imaginary_a = a(mx.nd.array(x))
    real_b, imaginary_b = b(mx.nd.array(y))
    product = (real_a * real_b - imaginary_a * imaginary_b, real_a * imaginary_b + imaginary_a * real_b)
    result = started(InverseFourier(size))(*product).asnumpy()
    expected = circular_convolution(exact_sketch(x, a.sketch, size), exact_sketch(y, b.sketch, size))
    np.testing.assert_allclose(result, expected, atol=1e-5)
    (h, s), (g, t) = hashes(a.sketch), hashes(b.sketch)
    outer = np.zeros((4, size))
    for i in range(9):
        for j in range(5):
            outer[:, (h[i] + g[j]) % size] += s[i] * t[j] * x[:, i] * y[:, j]
    np.testing.assert_allclose(result, outer, atol=1e-5)


def test_compact_bilinear_vector_has_unit_length_and_signed_roots():
    seed_everything(1)
    block = started(CompactBilinear(9, 5, 24))
    x, y = random_rows(4, 9), random_rows(4, 5, seed=1)
    unit_x, unit_y = (rows / np.linalg.norm(rows, axis=1, keepdims=True) for rows in (x, y))
    pooled = circular_convolution(
        exact_sketch(unit_x, block.question.sketch, 24), exact_sketch(unit_y, block.image.sketch, 24)
    )
    roots = np.sign(pooled) * np.sqrt(np.abs(pooled))
    expected = roots / np.linalg.norm(roots, axis=1, keepdims=True)
    np.testing.assert_allclose(block(mx.nd.array(x), mx.nd.array(y)).asnumpy(), expected, atol=1e-3)


def test_the_product_estimates_inner_products_of_outer_products():
    """What count sketches are for: <mcb(x, y), mcb(x', y')> has the mean <x, x'> <y, y'> over the hashes."""
    x, y = random_rows(2, 6), random_rows(2, 4, seed=1)
    estimates = []
    for seed in range(80):
        seed_everything(seed)
        a, b = started(SketchSpectrum(6, 32)), started(SketchSpectrum(4, 32))
        real_a, imaginary_a = a(mx.nd.array(x))
        real_b, imaginary_b = b(mx.nd.array(y))
        pooled = InverseFourier(32)(
            real_a * real_b - imaginary_a * imaginary_b, real_a * imaginary_b + imaginary_a * real_b
        )
        estimates.append(float((pooled[0] * pooled[1]).sum().asscalar()))
    exact = float((x[0] @ x[1]) * (y[0] @ y[1]))
    error = np.std(estimates) / np.sqrt(len(estimates))
    assert abs(np.mean(estimates) - exact) < 4 * error


def test_gradients_are_finite_where_the_product_is_zero():
    block = started(SpectrumProduct(12))
    zeros = [mx.nd.zeros((2, *factors(12))) for _ in range(4)]
    for array in zeros:
        array.attach_grad()
    with mx.autograd.record():
        result = block(*zeros)
    result.backward()
    assert not result.asnumpy().any()
    assert all(np.isfinite(array.grad.asnumpy()).all() for array in zeros)

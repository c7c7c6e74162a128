"""Is the difference of two systems on the same questions more than chance? An exact test over whole images."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt

from vqa.scoring.answer_sets import Floats, Integers

# Up to this many outcomes sums are convolved directly, which is exact; beyond, by Fourier transform.
_DIRECT = 4096


def sign_flip_p(differences: npt.ArrayLike, clusters: Integers) -> float:
    """Return the two-sided p-value of a mean difference by flipping the signs of whole clusters.

    If the two systems are equally good, the difference D_g of cluster g (an image with all its questions) may as well
    have been -D_g, each cluster by itself: p = P(|sum of +-D_g| >= |sum of D_g|) over all 2^G signs, computed exactly.
    With one question per cluster this is McNemar's exact test.

    Parameters
    ----------
    differences : whole numbers (N,), second hit minus first hit
    clusters : int64 (N,), the cluster of each question, from 0

    >>> sign_flip_p([1, 1, 1, -1], np.arange(4))
    0.625
    >>> sign_flip_p([1, 1, 1, -1], np.array([0, 0, 0, 1]))
    1.0
    """
    sums = np.rint(np.bincount(clusters, weights=np.asarray(differences, dtype=np.float64))).astype(np.int64)
    sizes, numbers = np.unique(np.abs(sums[sums != 0]), return_counts=True)
    if not len(sizes):
        return 1.0
    total = int((sizes * numbers).sum())
    # A sum of signed differences is 2 W - total for W = sum of the sizes with a plus.
    chances = _distribution(zip(sizes.tolist(), numbers.tolist()), total + 1)
    outcomes = np.abs(2 * np.arange(total + 1) - total)
    p_value = float(chances[outcomes >= abs(int(sums.sum()))].sum())
    return min(1.0, max(p_value, 2.0 ** (1 - int(numbers.sum()))))


def _distribution(groups: Iterable[tuple[int, int]], length: int) -> Floats:
    """Return P(W = w), float64 (length,): W is the sum over groups (size, number) of size * Binomial(number, 1/2)."""
    spectrum: npt.NDArray[np.complex128] = np.ones(length // 2 + 1, dtype=np.complex128)
    chances: Floats = np.ones(1)
    for size, number in groups:
        part = np.zeros(size * number + 1)
        part[::size] = _binomial(number)
        if length <= _DIRECT:
            chances = np.convolve(chances, part)
        else:
            spectrum = spectrum * np.fft.rfft(part, n=length)
    return chances if length <= _DIRECT else np.fft.irfft(spectrum, n=length)


def _binomial(number: int) -> Floats:
    """Return the probabilities (number + 1,) of Binomial(number, 1/2), by logarithms: the coefficients overflow."""
    steps = np.arange(1, number + 1, dtype=np.float64)
    logarithms = np.concatenate(([0.0], np.cumsum(np.log((number - steps + 1) / steps))))
    return np.exp(logarithms - number * np.log(2))


def holm(p_values: Iterable[float]) -> list[float]:
    """Return p-values corrected for their number, after Holm: the chance of any false alarm among them keeps 5 %.

    The i-th smallest of m is multiplied by m - i + 1; none may be smaller than one before it.

    Source: Holm, "A simple sequentially rejective multiple test procedure", 1979.

    >>> [round(p, 4) for p in holm([0.01, 0.04, 0.03])]
    [0.03, 0.06, 0.06]
    """
    values = np.asarray(list(p_values), dtype=np.float64)
    order = np.argsort(values, kind="stable")
    factors = len(values) - np.arange(len(values))
    corrected = np.empty(len(values))
    corrected[order] = np.minimum(1.0, np.maximum.accumulate(values[order] * factors))
    return [float(value) for value in corrected]


def detectable_difference(differences: npt.ArrayLike, clusters: Integers) -> tuple[float | None, float | None]:
    """Return the smallest mean difference that is found with 80 % power at 5 %, and the design effect of clustering.

    smallest = (1.960 + 0.842) se, se^2 = G / (G - 1) sum over clusters of (D_g - n_g mean)^2 / N^2
    design effect = se^2 / (variance of the differences / N): how much the clusters widen the interval

    None where it cannot be told: one cluster, or no question that the two answer differently.
    """
    values = np.asarray(differences, dtype=np.float64)
    size, num_clusters = len(values), len(np.unique(clusters))
    if num_clusters < 2 or not values.any():
        return None, None
    gaps = np.bincount(clusters, weights=values - values.mean())
    variance = num_clusters / (num_clusters - 1) * float((gaps**2).sum()) / size**2
    independent = float(values.var(ddof=1)) / size
    return (1.959964 + 0.841621) * variance**0.5, variance / independent if independent else None

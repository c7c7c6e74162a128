"""Is the difference of two systems on the same questions more than chance? A test over images, its interval."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt

from vqa.scoring.answer_sets import Floats, Integers
from vqa.scoring.intervals import clustered_variance, design_effect

# Up to this many outcomes sums are convolved directly, which is exact; beyond, by Fourier transform.
_DIRECT = 4096
# Random signs of all clusters from which an interval is computed.
FLIPS = 4000
# Numbers drawn at once: bounds the memory, not the result.
_BLOCK = 1_000_000


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


def sign_flip_interval(
    differences: npt.ArrayLike, clusters: Integers, *, p_value: float | None = None, seed: int = 1
) -> tuple[float, float]:
    """Return the 95 % interval of a mean difference: all that flipping the signs of whole clusters does not reject.

    A difference d is rejected where P(|sum of +-(D_g - d n_g)| >= |sum of (D_g - d n_g)|) < 0.05, D_g being the sum
    and n_g the number of the questions of cluster g. Each of 4,000 random signs counts against every d outside an
    interval about the mean that has a closed form, so that no search is needed. Where no question differs, the interval
    is 0 alone. Where all differ alike, the bounds lie 1 - 0.025^(1/G) of the way to -1 and 1: that share of clusters
    may be of any kind and unseen.

    Parameters
    ----------
    differences : float (N,) in [-1, 1]
    clusters : int64 (N,), the cluster of each question, from 0
    p_value : of the difference 0, where `sign_flip_p` has computed it exactly; the interval holds 0 if it is >= 0.05
    seed : of the random signs
    """
    values = np.asarray(differences, dtype=np.float64)
    if not values.any():
        return 0.0, 0.0
    if np.ptp(values) == 0:
        unseen = 1 - 0.025 ** (1 / len(np.unique(clusters)))
        return float(values[0] - unseen * (values[0] + 1)), float(values[0] + unseen * (1 - values[0]))
    if values.sum() < 0:
        # The same signs whichever system comes first.
        low, high = sign_flip_interval(-values, clusters, p_value=p_value, seed=seed)
        return -high, -low
    sums: Floats = np.bincount(clusters, weights=values).astype(np.float64).round(12)
    counts = np.bincount(clusters)
    total, number = sums.sum(), counts.sum()
    flipped_total, flipped_number = _flipped(sums, counts, seed).T
    with np.errstate(invalid="ignore", divide="ignore"):
        ends = np.stack(
            ((total - flipped_total) / (number - flipped_number), (total + flipped_total) / (number + flipped_number))
        )
    # Where all clusters have one sign, no difference is counted against.
    everywhere = np.abs(flipped_number) == number
    low = _lower_bound(np.where(everywhere, -np.inf, ends.min(axis=0)), p_value)
    high = -_lower_bound(np.where(everywhere, -np.inf, -ends.max(axis=0)), None if total else p_value)
    return max(low, -1.0), min(high, 1.0)


def _flipped(sums: Floats, counts: Integers, seed: int) -> Floats:
    """Return float64 (FLIPS, 2): the totals of sums and counts, both (G,), under random signs of the clusters.

    Clusters with equal sums and counts are interchangeable: of each kind only the number of plus signs is drawn.
    """
    kinds, numbers = np.unique(np.column_stack((sums, counts))[counts > 0], axis=0, return_counts=True)
    generator = np.random.default_rng(seed)
    block = max(1, _BLOCK // len(kinds))
    return np.concatenate(
        [
            (2 * generator.binomial(numbers, 0.5, size=(min(block, FLIPS - start), len(kinds))) - numbers) @ kinds
            for start in range(0, FLIPS, block)
        ]
    )


def _lower_bound(ends: Floats, p_value: float | None) -> float:
    """Return the 0.05 quantile of `ends`, of which the share at or below 0 is known to be `p_value` where given."""
    level = 0.05
    if p_value is not None:
        below = p_value >= level
        level = level / p_value if below else (level - p_value) / (1 - p_value)
        ends = ends[ends <= 0] if below else ends[ends > 0]
        if not len(ends):
            return 0.0
    return float(np.sort(ends)[max(0, int(np.ceil(level * len(ends))) - 1)])


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
    if len(np.unique(clusters)) < 2 or not values.any():
        return None, None
    return (1.959964 + 0.841621) * clustered_variance(values, clusters) ** 0.5, design_effect(values, clusters)

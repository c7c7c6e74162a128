"""Measure by simulation how often intervals hold the truth, and how often equally good systems are told apart.

Prints the tables of docs/statistics.md. The questions of a cluster (an image) share a probability of being right, which
is drawn from a beta distribution with the given correlation between two questions of a cluster; 0 is independent.
"""

import argparse

import numpy as np
import numpy.typing as npt

from vqa.scoring.intervals import ClusterSums, rate_interval
from vqa.scoring.sign_flips import sign_flip_p

QUESTIONS = (20, 50, 300, 3000)
RATES = (0.5, 0.8, 0.95, 0.99)
# Questions per cluster, correlation.
CLUSTERS = ((1, 0.0), (2, 0.3), (5, 0.1), (5, 0.5), (10, 0.3), (20, 0.0), (20, 0.1), (20, 0.5), (20, 1.0))
# Images, questions per image, correlation, accuracy of both systems.
PAIRS = ((300, 1, 0.0, 0.7), (300, 5, 0.0, 0.7), (300, 5, 0.5, 0.7), (100, 10, 0.5, 0.9), (1000, 10, 0.3, 0.5))


def chances(
    generator: np.random.Generator, rate: float, correlation: float, shape: tuple[int, ...]
) -> npt.NDArray[np.float64]:
    """Return for each cluster the probability that a question is right."""
    if correlation in (0, 1):
        return np.where(generator.random(shape) < rate, 1.0, 0.0) if correlation else np.full(shape, rate)
    spread = 1 / correlation - 1
    return generator.beta(rate * spread, (1 - rate) * spread, size=shape)


def coverage(generator: np.random.Generator, questions: int, size: int, correlation: float, samples: int) -> list[str]:
    """Return for each rate the share of samples whose interval holds it, and the mean width of the interval."""
    sizes = np.full(-(-questions // size), size)
    sizes[-1] -= sizes.sum() - questions
    cells = []
    for rate in RATES:
        hits = generator.binomial(sizes, chances(generator, rate, correlation, (samples, len(sizes))))
        found = hits.sum(axis=1) / questions
        squares = (hits - found[:, None] * sizes) ** 2
        sums = (
            questions, len(sizes), found, questions * found * (1 - found), squares.sum(axis=1),
            (squares**2).sum(axis=1), (sizes**2).sum(),
        )  # fmt: skip
        low, high = rate_interval(ClusterSums(*(np.broadcast_to(np.float64(each), samples) for each in sums)))
        cells.append(f"{np.mean((low <= rate) & (rate <= high)):.3f} ({np.mean(high - low):.3f})")
    return cells


def false_positives(
    generator: np.random.Generator, images: int, size: int, correlation: float, rate: float, samples: int
) -> float:
    """Return how often two equally good systems on the same questions get a p-value below 0.05."""
    codes = np.repeat(np.arange(images), size)
    found = 0
    for _ in range(samples):
        likely = chances(generator, rate, correlation, (2, images))[:, codes]
        first, second = (generator.random(likely.shape) < likely).astype(np.int64)
        found += sign_flip_p(second - first, codes) < 0.05
    return found / samples


def main() -> None:
    """Print both tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--samples", type=int, default=10_000, help="per cell (default: %(default)s)")
    samples = parser.parse_args().samples
    generator = np.random.default_rng(1)
    print("| questions | per image | correlation | rate " + " | ".join(map(str, RATES)) + " |")
    print("| --- " * (3 + len(RATES)) + "|")
    for questions in QUESTIONS:
        for size, correlation in CLUSTERS:
            cells = coverage(generator, questions, size, correlation, min(samples, 20_000_000 // questions))
            print(f"| {questions:,} | {size} | {correlation} | {' | '.join(cells)} |", flush=True)
    print("\n| images | questions per image | correlation | accuracy | p below 0.05 |\n| --- | --- | --- | --- | --- |")
    for images, size, correlation, rate in PAIRS:
        share = false_positives(generator, images, size, correlation, rate, samples // 2)
        print(f"| {images:,} | {size} | {correlation} | {rate} | {100 * share:.1f} % |", flush=True)


if __name__ == "__main__":
    main()

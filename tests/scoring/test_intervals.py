from __future__ import annotations

from itertools import product

import numpy as np
import numpy.typing as npt
import pytest

from vqa.scoring.intervals import ClusterBootstrap, Rate, cluster_names, rows_by_name


def naive_interval(values: npt.NDArray[np.float64], clusters: list[str], resamples: int) -> tuple[float, float]:
    """Draw clusters one by one and put their questions together, as the textbook does."""
    generator = np.random.default_rng(99)
    members = [[row for row, name in enumerate(clusters) if name == cluster] for cluster in dict.fromkeys(clusters)]
    means = []
    for _ in range(resamples):
        drawn = generator.integers(len(members), size=len(members))
        means.append(np.mean([values[row] for cluster in drawn for row in members[cluster]]))
    low, high = np.quantile(means, [0.025, 0.975])
    return float(low), float(high)


def test_clusters_are_images_or_single_questions() -> None:
    assert cluster_names(["1", "2", "3"], ["a", "", "a"]) == ["image a", "question 2", "image a"]


def test_the_interval_is_that_of_the_textbook() -> None:
    generator = np.random.default_rng(5)
    clusters = [f"c{number}" for number in generator.integers(40, size=300)]
    # Questions of one image go together: the interval is wider than that of 300 independent ones.
    easy = {name: generator.random() for name in dict.fromkeys(clusters)}
    values = np.array([float(generator.random() < easy[name]) for name in clusters])
    rate = ClusterBootstrap(clusters, resamples=4000).rate(values)
    low, high = naive_interval(values, clusters, 4000)
    assert rate is not None
    assert rate.value == values.mean()
    assert rate.n == 300
    assert rate.low == pytest.approx(low, abs=0.01)
    assert rate.high == pytest.approx(high, abs=0.01)
    independent = ClusterBootstrap([str(row) for row in range(300)], resamples=4000).rate(values)
    assert independent is not None
    assert rate.high - rate.low > 1.2 * (independent.high - independent.low)


def test_four_clusters_by_enumeration() -> None:
    # 256 equally likely draws of four clusters with (hits, questions) = (0, 1), (1, 2), (3, 3), (1, 4).
    parts = [(0, 1), (1, 2), (3, 3), (1, 4)]
    means = [sum(hits for hits, _ in draw) / sum(n for _, n in draw) for draw in product(parts, repeat=4)]
    # Each draw many times, so that nothing is interpolated between neighbours.
    low, high = np.quantile(np.repeat(means, 1000), [0.025, 0.975])
    assert (low, high) == (0.2, 0.9)
    clusters = ["a", "b", "b", "c", "c", "c", "d", "d", "d", "d"]
    rate = ClusterBootstrap(clusters, resamples=20000).mean([0, 1, 0, 1, 1, 1, 0, 0, 0, 1])
    assert rate is not None
    assert (rate.low, rate.high) == (pytest.approx(low), pytest.approx(high))


def test_one_seed_one_interval() -> None:
    values = np.random.default_rng(0).random(100)
    clusters = [str(row // 4) for row in range(100)]
    first = ClusterBootstrap(clusters, seed=3).rate(values)
    assert ClusterBootstrap(clusters, seed=3).rate(values) == first
    assert ClusterBootstrap(clusters, seed=4).rate(values) != first
    # What was computed before makes no difference.
    bootstrap = ClusterBootstrap(clusters, seed=3)
    bootstrap.rate(np.ones(100))
    assert bootstrap.rate(values) == first


def test_the_order_of_the_questions_does_not_matter() -> None:
    generator = np.random.default_rng(0)
    values = generator.integers(0, 11, size=200) / 10
    clusters = np.array([f"c{number}" for number in generator.integers(30, size=200)], dtype=object)
    order = generator.permutation(200)
    one = ClusterBootstrap(clusters).rate(values)
    other = ClusterBootstrap(clusters[order]).rate(values[order])
    assert one is not None
    assert other is not None
    assert (one.low, one.high, one.value) == pytest.approx((other.low, other.high, other.value), abs=1e-12)


def test_an_interval_without_spread_gets_the_exact_binomial_bound() -> None:
    # Clopper and Pearson for 10 successes of 10: 0.025 ** (1 / 10) = 0.6915.
    bootstrap = ClusterBootstrap([str(row) for row in range(10)])
    assert bootstrap.rate(np.ones(10)) == Rate(1.0, 10, pytest.approx(0.6915, abs=1e-4), 1.0)
    assert bootstrap.rate(np.zeros(10)) == Rate(0.0, 10, 0.0, pytest.approx(0.3085, abs=1e-4))
    # Twenty questions about two images are two clusters.
    rate = ClusterBootstrap(["a", "b"] * 10).rate(np.ones(20))
    assert rate is not None
    assert rate.low == pytest.approx(0.025**0.5)
    # One cluster alone tells nothing.
    assert ClusterBootstrap(["a", "a"]).rate([0.2, 0.4]) == Rate(pytest.approx(0.3), 2, 0.0, 1.0)
    # A mean outside [0, 1] has no such bound.
    assert bootstrap.mean(np.zeros(10)) == Rate(0.0, 10, 0.0, 0.0)


def test_rows() -> None:
    bootstrap = ClusterBootstrap(["a", "a", "b", "c"])
    rate = bootstrap.rate([1, 0, 1, 0], rows=[1, 2])
    assert rate is not None
    assert (rate.value, rate.n) == (0.5, 2)
    assert bootstrap.rate([1, 0, 1, 0], rows=np.array([], dtype=int)) is None


def test_names_come_by_frequency_and_the_empty_one_not_at_all() -> None:
    names = ["y", "", "x", "x", "z", "y"]
    assert {name: rows.tolist() for name, rows in rows_by_name(names).items()} == {"x": [2, 3], "y": [0, 5], "z": [4]}
    rates = ClusterBootstrap([str(row) for row in range(6)]).rates_by_name([1, 1, 0, 1, 1, 0], names)
    assert {name: (rate.value, rate.n) for name, rate in rates.items()} == {"x": (0.5, 2), "y": (0.5, 2), "z": (1.0, 1)}
    assert list(rates) == ["x", "y", "z"]


def test_statistics_of_sums_agree_with_the_mean() -> None:
    generator = np.random.default_rng(1)
    values = (generator.random(400) < 0.3).astype(float)
    clusters = [str(row // 5) for row in range(400)]
    bootstrap = ClusterBootstrap(clusters, resamples=4000)
    low, high = bootstrap.statistics(np.column_stack((values, np.ones(400))), lambda sums: sums[:, :1] / sums[:, 1:])
    rate = bootstrap.rate(values)
    assert rate is not None
    assert (low[0], high[0]) == (pytest.approx(rate.low, abs=0.005), pytest.approx(rate.high, abs=0.005))

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vqa.scoring.beta import beta_quantile, incomplete_beta, student_t_quantile
from vqa.scoring.intervals import ClusterBootstrap, Clusters, Rate, cluster_names, rows_by_name


def test_clusters_are_images_or_single_questions() -> None:
    assert cluster_names(["1", "2", "3"], ["a", "", "a"]) == ["image a", "question 2", "image a"]


def binomial_tail(hits: int, n: int, chance: float) -> float:
    """Return P(X >= hits) for X of Binomial(n, chance)."""
    return sum(math.comb(n, k) * chance**k * (1 - chance) ** (n - k) for k in range(hits, n + 1))


def independent(n: int) -> Clusters:
    return Clusters([str(row) for row in range(n)])


def interval(rate: Rate | None) -> tuple[float, float]:
    assert rate is not None
    return rate.low, rate.high


@pytest.mark.parametrize(("hits", "n"), [(1, 5), (9, 10), (16, 20), (250, 300), (1, 400)])
def test_independent_questions_get_the_interval_of_clopper_and_pearson(hits: int, n: int) -> None:
    low, high = interval(independent(n).rate([1] * hits + [0] * (n - hits)))
    assert binomial_tail(hits, n, low) == pytest.approx(0.025, rel=1e-6)
    assert 1 - binomial_tail(hits + 1, n, high) == pytest.approx(0.025, rel=1e-6)


def test_equal_answers_to_the_questions_of_an_image_count_once() -> None:
    # Twenty images with five questions each that are right or wrong together: twenty answers, of which 14 are right.
    together = Clusters([str(row // 5) for row in range(100)]).rate(np.repeat([1] * 14 + [0] * 6, 5))
    # As twenty independent ones, but for the degree of freedom that the unknown design effect costs: 20/19 * 99/100.
    (low, high), (one, other) = interval(together), interval(independent(20).rate([1] * 14 + [0] * 6))
    assert one - 0.01 < low < one
    assert other < high < other + 0.01


def test_the_design_effect_by_hand() -> None:
    # Four images with 3, 3, 1 and 1 of 4 questions right: rate 0.5, z = 1, 1, -1, -1, sum of squares 4.
    # Design effect 4/3 * 4 / (16/15 * 16 * 0.25) = 1.25; freedom 4^2 / 4 = 4, at most 3.
    # (2.13145 / 3.18245)^2 = 0.44856, n* = 16 / 1.25 * 0.44856 = 5.7416, above 16^2 / 64 = 4.
    values = [1, 1, 1, 0, 1, 1, 1, 0, 1, 0, 0, 0, 1, 0, 0, 0]
    low, high = interval(Clusters([str(row // 4) for row in range(16)]).rate(values))
    half = 5.7416 / 2
    assert incomplete_beta([low], [half], [half + 1])[0] == pytest.approx(0.025, rel=1e-3)
    assert high == pytest.approx(1 - low)


def test_scores_between_right_and_wrong_by_hand() -> None:
    # Scores of 0.25 and 0.75: with one 0 and one 1 the squares are 0.5 + 0.25 + 0.25, n* = 8 * 0.25 * 8 = 16.
    low, high = interval(independent(8).rate([0.25, 0.75] * 4))
    assert incomplete_beta([low], [8.0], [9.0])[0] == pytest.approx(0.025, rel=1e-6)
    assert high == pytest.approx(1 - low)


@pytest.mark.parametrize(
    ("scores", "chances"),
    [
        ([0, 0.3, 0.6, 0.9, 1], [0.3, 0.08, 0.07, 0.1, 0.45]),
        ([0, 2 / 9, 4 / 9, 2 / 3], [0.2, 0.3, 0.3, 0.2]),
        ([0, 0.6, 0.9, 1], [0.02, 0.03, 0.15, 0.8]),
    ],
)
@pytest.mark.parametrize("n", [50, 300])
def test_intervals_of_scores_hold_the_truth(scores: list[float], chances: list[float], n: int) -> None:
    generator = np.random.default_rng(n)
    drawn = generator.choice(scores, p=chances, size=400 * n)
    sample = [str(number) for number in range(400) for _ in range(n)]
    rates = Clusters([str(row) for row in range(400 * n)]).rates_by_name(drawn, sample).values()
    truth = float(np.dot(scores, chances))
    assert np.mean([found.low <= truth <= found.high for found in rates]) >= 0.94 - 2 * (0.94 * 0.06 / 400) ** 0.5
    # No wider than 1.3 times the normal interval, but where rare low scores decide.
    normal = 2 * 1.96 * (np.dot(np.square(scores), chances) - truth**2) ** 0.5 / n**0.5
    assert np.mean([found.high - found.low for found in rates]) < (1.3 if truth < 0.9 else 1.9) * normal


def test_the_order_of_the_questions_does_not_matter() -> None:
    generator = np.random.default_rng(0)
    values = generator.integers(0, 11, size=200) / 10
    names = np.array([f"c{number}" for number in generator.integers(30, size=200)], dtype=object)
    order = generator.permutation(200)
    one, other = Clusters(names).rate(values), Clusters(names[order]).rate(values[order])
    assert interval(one) == pytest.approx(interval(other), abs=1e-9)


def test_an_interval_without_spread_gets_the_exact_binomial_bound() -> None:
    # Clopper and Pearson for 10 successes of 10: 0.025 ** (1 / 10) = 0.6915.
    assert independent(10).rate(np.ones(10)) == Rate(1.0, 10, pytest.approx(0.6915, abs=1e-4), 1.0)
    assert independent(10).rate(np.zeros(10)) == Rate(0.0, 10, 0.0, pytest.approx(0.3085, abs=1e-4))
    # Twenty questions about two images are two clusters.
    assert interval(Clusters(["a", "b"] * 10).rate(np.ones(20))) == (pytest.approx(0.025**0.5), 1.0)
    # Scores that are all 0.4: the unseen 30.85 % may be all 0 or all 1.
    assert interval(independent(10).rate([0.4] * 10)) == pytest.approx((0.4 * 0.6915, 0.4 + 0.3085 * 0.6), abs=1e-4)
    # One cluster alone tells nothing.
    assert Clusters(["a", "a"]).rate([0.2, 0.4]) == Rate(pytest.approx(0.3), 2, 0.0, 1.0)


@given(
    st.lists(st.tuples(st.floats(0, 1), st.integers(0, 9)), min_size=1, max_size=60),
    st.sampled_from([lambda value: value, round]),
)
def test_intervals_hold_the_rate_and_stay_in_bounds(
    pairs: list[tuple[float, int]], form: Callable[[float], float]
) -> None:
    values = [form(value) for value, _ in pairs]
    rate = Clusters([str(cluster) for _, cluster in pairs]).rate(values)
    assert rate is not None
    assert 0 <= rate.low <= rate.value + 1e-9
    assert rate.value - 1e-9 <= rate.high <= 1
    assert rate.low < rate.high


@pytest.mark.parametrize(("questions", "size"), [(50, 1), (50, 20), (300, 1), (300, 10), (3000, 20)])
@pytest.mark.parametrize("rate", [0.5, 0.8, 0.95, 0.99])
def test_intervals_hold_the_truth_in_94_percent_of_samples(questions: int, size: int, rate: float) -> None:
    """Images of which the questions go together (correlation 0.3): 400 samples in each cell."""
    generator = np.random.default_rng(questions + size)
    names = [str(row // size) for row in range(questions)]
    held = []
    for _ in range(400):
        chances = generator.beta(rate * 7 / 3, (1 - rate) * 7 / 3, size=questions // size + 1)
        hits = generator.random(questions) < np.repeat(chances, size)[:questions]
        held.append(hits)
    # One call for all samples: each is a name with clusters of its own.
    sample = [str(number) for number in range(400) for _ in range(questions)]
    clusters = Clusters([f"{number} {name}" for number in range(400) for name in names])
    rates = clusters.rates_by_name(np.concatenate(held), sample).values()
    # 0.94 less two standard errors.
    assert np.mean([found.low <= rate <= found.high for found in rates]) >= 0.94 - 2 * (0.94 * 0.06 / 400) ** 0.5


def test_rows() -> None:
    clusters = Clusters(["a", "a", "b", "c"])
    rate = clusters.rate([1, 0, 1, 0], rows=[1, 2])
    assert rate is not None
    assert (rate.value, rate.n) == (0.5, 2)
    assert clusters.rate([1, 0, 1, 0], rows=np.array([], dtype=int)) is None
    assert clusters.rate([np.nan] * 4) is None
    assert clusters.rate([np.nan, 1, 0, 1], rows=[0, 2, 3]) == clusters.rate([0, 0, 0, 1], rows=[2, 3])


def test_names_come_by_frequency_and_the_empty_one_not_at_all() -> None:
    names = ["y", "", "x", "x", "z", "y"]
    assert {name: rows.tolist() for name, rows in rows_by_name(names).items()} == {"x": [2, 3], "y": [0, 5], "z": [4]}
    rates = independent(6).rates_by_name([1, 1, 0, 1, 1, 0], names)
    assert {name: (rate.value, rate.n) for name, rate in rates.items()} == {"x": (0.5, 2), "y": (0.5, 2), "z": (1.0, 1)}
    assert list(rates) == ["x", "y", "z"]


def test_resampled_clusters_by_enumeration() -> None:
    # 256 equally likely draws of four clusters with (hits, questions) = (0, 1), (1, 2), (3, 3), (1, 4).
    parts = [(0, 1), (1, 2), (3, 3), (1, 4)]
    means = [sum(hits for hits, _ in draw) / sum(n for _, n in draw) for draw in product(parts, repeat=4)]
    # Each draw many times, so that nothing is interpolated between neighbours.
    expected = np.quantile(np.repeat(means, 1000), [0.025, 0.975])
    bootstrap = ClusterBootstrap(["a", "b", "b", "c", "c", "c", "d", "d", "d", "d"], resamples=20000)
    columns = np.column_stack(([0, 1, 0, 1, 1, 1, 0, 0, 0, 1], np.ones(10)))
    low, high = bootstrap.statistics(columns, lambda sums: sums[:, :1] / sums[:, 1:])
    assert (low[0], high[0]) == pytest.approx(tuple(expected))


def test_one_seed_one_resampling() -> None:
    columns = np.random.default_rng(0).random((100, 1))
    found = [
        ClusterBootstrap([str(row // 4) for row in range(100)], seed=seed).statistics(columns, np.abs)
        for seed in (3, 3, 4)
    ]
    assert found[0] == found[1]
    assert found[0] != found[2]


@given(st.floats(0.01, 5000), st.floats(0.01, 5000), st.sampled_from([0.025, 0.5, 0.95]))
def test_beta_quantiles_invert_the_distribution(a: float, b: float, probability: float) -> None:
    x = beta_quantile(probability, [a], [b])
    around = incomplete_beta([max(0.0, x[0] - 1e-9), min(1.0, x[0] + 1e-9)], [a, a], [b, b])
    assert around[0] - 1e-9 <= probability <= around[1] + 1e-9


def test_the_incomplete_beta_function_is_a_binomial_tail() -> None:
    for n, hits, chance in [(5, 2, 0.1), (40, 39, 0.9), (200, 130, 0.5), (900, 300, 0.3)]:
        found = incomplete_beta([chance], [hits], [n - hits + 1])[0]
        assert found == pytest.approx(binomial_tail(hits, n, chance), rel=1e-9)


def test_a_quantile_does_not_depend_on_what_is_computed_beside_it() -> None:
    a, b = np.array([0.02, 3, 50.5, 4000]), np.array([7, 0.4, 51.5, 12])
    together = beta_quantile(0.025, a, b)
    alone = [float(beta_quantile(0.025, [one], [two])[0]) for one, two in zip(a, b)]
    # But for the last digits: NumPy computes four logarithms at once in another way than one.
    assert together == pytest.approx(alone, rel=1e-11)


def test_quantiles_of_student_from_the_tables() -> None:
    found = student_t_quantile(0.95, [1, 2, 5, 30, 120, 1e7])
    assert found == pytest.approx([12.70620, 4.30265, 2.57058, 2.04227, 1.97993, 1.95996], rel=1e-5)

"""The exact test over images, against all signs one by one and against McNemar's test."""

from __future__ import annotations

from itertools import product

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vqa.scoring.compare import mcnemar
from vqa.scoring.sign_flips import detectable_difference, holm, sign_flip_interval, sign_flip_p


@given(st.lists(st.tuples(st.integers(-1, 1), st.integers(0, 6)), min_size=1, max_size=14))
def test_against_all_signs(pairs: list[tuple[int, int]]) -> None:
    differences, clusters = np.array([pair[0] for pair in pairs]), np.array([pair[1] for pair in pairs])
    sums = np.bincount(clusters, weights=differences)
    sums = sums[sums != 0]
    totals = [
        abs(sum(sign * value for sign, value in zip(signs, sums))) for signs in product((1, -1), repeat=len(sums))
    ]
    expected = float(np.mean([total >= abs(sums.sum()) for total in totals]))
    assert sign_flip_p(differences, clusters) == pytest.approx(expected)


@given(st.integers(0, 40), st.integers(0, 40))
def test_one_question_per_image_is_mcnemar(only_first: int, only_second: int) -> None:
    first = np.array([1] * only_first + [0] * only_second + [1])
    second = np.array([0] * only_first + [1] * only_second + [1])
    expected = mcnemar(first, second).p_value
    assert sign_flip_p(second - first, np.arange(len(first))) == pytest.approx(expected, rel=1e-9)


def test_many_questions() -> None:
    # As McNemar's test in test_comparison: z = (|6000 - 5700| - 1) / sqrt(11700) = 2.764.
    differences = np.array([-1] * 6000 + [1] * 5700)
    assert sign_flip_p(differences, np.arange(11_700)) == pytest.approx(0.0057, abs=1e-4)
    # Images of two questions that change together are half as many witnesses: z = 299 / sqrt(2 * 11700) = 1.95.
    assert sign_flip_p(differences, np.arange(11_700) // 2) == pytest.approx(0.051, abs=2e-3)


def test_false_alarms_under_the_null_with_clusters() -> None:
    """Two equally good systems that are right or wrong on whole images: 4 to 6 % of p-values are below 5 %."""
    generator = np.random.default_rng(1)
    clusters = np.repeat(np.arange(200), 5)
    alarms = []
    for _ in range(2000):
        # Whole images change sides, and single questions do.
        images = generator.choice([-1, 0, 1], size=200, p=[0.1, 0.8, 0.1])[clusters]
        questions = generator.choice([-1, 0, 1], size=1000, p=[0.05, 0.9, 0.05])
        alarms.append(sign_flip_p(np.clip(images + questions, -1, 1), clusters) < 0.05)
    assert np.mean(alarms) == pytest.approx(0.05, abs=0.015)


def test_holm() -> None:
    assert holm([]) == []
    assert holm([0.2]) == [0.2]
    assert holm([0.01, 0.02, 0.9, 0.02]) == pytest.approx([0.04, 0.06, 0.9, 0.06])
    assert holm([0.6, 0.7]) == [1.0, 1.0]


def test_what_the_questions_could_have_shown() -> None:
    # 100 questions, 20 differ: variance 20 / 99 - ..., se = sqrt(0.2 * 100 / 99 / 100) about 0.0449.
    differences = np.array([1] * 10 + [-1] * 10 + [0] * 80)
    detectable, effect = detectable_difference(differences, np.arange(100))
    assert detectable == pytest.approx(2.801585 * (20 / 99 / 100) ** 0.5)
    assert effect == pytest.approx(1.0)
    pairs = np.repeat(np.arange(50), 2)
    assert detectable_difference(np.repeat(differences[::2], 2), pairs)[1] == pytest.approx(2.0, abs=0.05)
    assert detectable_difference(np.zeros(10), np.arange(10)) == (None, None)
    assert detectable_difference(np.ones(10), np.zeros(10, dtype=np.int64)) == (None, None)


def inverted(differences: npt.NDArray[np.float64], clusters: npt.NDArray[np.int64]) -> tuple[float, float]:
    """Search the differences that flipping all signs one by one does not reject, on a grid."""
    sums, counts = np.bincount(clusters, weights=differences), np.bincount(clusters)
    signs = np.array(list(product((1, -1), repeat=len(sums))))
    kept = []
    for candidate in np.linspace(-1, 1, 4001):
        rest = sums - candidate * counts
        if np.mean(np.abs(signs @ rest) >= abs(rest.sum()) - 1e-9) >= 0.05:
            kept.append(candidate)
    return min(kept), max(kept)


@pytest.mark.parametrize("seed", range(5))
def test_the_interval_is_what_the_test_does_not_reject(seed: int) -> None:
    generator = np.random.default_rng(seed)
    clusters = np.sort(generator.integers(0, 11, size=40))
    differences = generator.choice([-1.0, 0.0, 1.0], size=40, p=[0.1, 0.5, 0.4])
    clusters = np.unique(clusters, return_inverse=True)[1]
    # 4,000 random signs of 2^11: the bounds are those of a level between 4 and 6 %.
    found = sign_flip_interval(differences, clusters)
    assert found == pytest.approx(inverted(differences, clusters), abs=0.03)


@given(st.lists(st.tuples(st.integers(-1, 1), st.integers(0, 30)), min_size=1, max_size=60), st.integers(0, 9))
def test_interval_and_p_value_never_contradict_each_other(pairs: list[tuple[int, int]], seed: int) -> None:
    differences = np.array([pair[0] for pair in pairs])
    clusters = np.unique([pair[1] for pair in pairs], return_inverse=True)[1]
    p_value = sign_flip_p(differences, clusters)
    low, high = sign_flip_interval(differences, clusters, p_value=p_value, seed=seed)
    assert (low > 0 or high < 0) == (p_value < 0.05)
    assert low - 1e-12 <= differences.mean() <= high + 1e-12
    if differences.sum():
        assert sign_flip_interval(-differences, clusters, p_value=p_value, seed=seed) == pytest.approx((-high, -low))


def test_near_the_level_the_exact_p_value_decides() -> None:
    """Single questions, 14 of 19 for the second: p = 0.0636; 15 of 20: p = 0.0414, whatever the random signs are."""
    for wins, losses, excludes in ((14, 5, False), (15, 5, True)):
        differences, clusters = np.array([1] * wins + [-1] * losses), np.arange(wins + losses)
        p_value = sign_flip_p(differences, clusters)
        lows = [sign_flip_interval(differences, clusters, p_value=p_value, seed=seed)[0] for seed in range(20)]
        assert [low > 0 for low in lows] == [excludes] * 20


def test_the_interval_of_a_difference_holds_the_truth() -> None:
    """60 images of five questions, of which some change together: the true difference is 0.05."""
    generator = np.random.default_rng(3)
    clusters = np.repeat(np.arange(60), 5)
    held = []
    for _ in range(300):
        images = generator.choice([1, -1, 0], size=60, p=[0.175, 0.125, 0.7])[clusters]
        questions = generator.choice([1, -1, 0], size=300, p=[0.175, 0.125, 0.7])
        low, high = sign_flip_interval(np.where(generator.random(60)[clusters] < 0.3, images, questions), clusters)
        held.append(low <= 0.05 <= high)
    assert np.mean(held) >= 0.95 - 2 * (0.95 * 0.05 / 300) ** 0.5


def test_no_difference_and_only_differences() -> None:
    assert sign_flip_interval(np.zeros(10), np.arange(10)) == (0.0, 0.0)
    # Ten questions of ten won: as with ten of ten right, 30.85 % of all may be of another kind.
    low, high = sign_flip_interval(np.ones(10), np.arange(10))
    assert (low, high) == (pytest.approx(1 - 2 * 0.3085, abs=1e-4), 1.0)
    # Five images can never give p < 0.05.
    assert sign_flip_interval([1, 1, 1, 1, 1, 0], np.array([0, 1, 2, 3, 4, 4]))[0] <= 0

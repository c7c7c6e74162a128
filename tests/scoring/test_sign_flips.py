"""The exact test over images, against all signs one by one and against McNemar's test."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vqa.scoring.compare import mcnemar
from vqa.scoring.sign_flips import detectable_difference, holm, sign_flip_p


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

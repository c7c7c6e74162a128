from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vqa.data.table import QuestionTable
from vqa.training.optimization import learning_rate
from vqa.training.split import hold_out


def table(images: list[str], questions: list[str] | None = None) -> QuestionTable:
    ids = [f"q{row}" for row in range(len(images))]
    return QuestionTable(ids, images, questions or ids, [("yes",)] * len(images))


def test_the_rate_rises_then_falls_to_nothing() -> None:
    rates = [learning_rate(step, 100, 0.5, 0.1) for step in range(100)]
    assert rates[:10] == pytest.approx([0.05 * step for step in range(1, 11)])
    assert max(rates) == 0.5
    assert rates[10:] == sorted(rates[10:], reverse=True)
    assert 0 < rates[-1] < 1e-3


def test_without_warmup_the_first_step_has_nearly_the_full_rate() -> None:
    assert learning_rate(0, 1000, 1.0, 0.0) == pytest.approx(1.0, abs=1e-5)


@given(st.lists(st.integers(0, 60).map(str), min_size=1, max_size=200), st.floats(0, 0.9), st.integers(0, 99))
def test_no_image_is_on_both_sides_and_no_row_is_lost(images: list[str], fraction: float, seed: int) -> None:
    training, validation = hold_out(table(images), fraction, seed)
    assert sorted([*training, *validation]) == list(range(len(images)))
    assert not {images[row] for row in training} & {images[row] for row in validation}
    num_images = len(set(images))
    expected = round(num_images * fraction) if num_images >= 20 else 0
    assert len({images[row] for row in validation}) == expected


def test_without_images_a_question_text_is_on_one_side() -> None:
    questions = [f"question {row % 40}" for row in range(200)]
    training, validation = hold_out(table([""] * 200, questions), 0.25, seed=3)
    assert len(validation) == 50
    assert not {questions[row] for row in training} & {questions[row] for row in validation}


def test_the_split_is_a_function_of_the_seed() -> None:
    images = table([str(row // 5) for row in range(500)])
    assert np.array_equal(hold_out(images, 0.1, 7)[1], hold_out(images, 0.1, 7)[1])
    assert not np.array_equal(hold_out(images, 0.1, 7)[1], hold_out(images, 0.1, 8)[1])
